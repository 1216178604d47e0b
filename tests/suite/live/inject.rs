//! `inject-pkt` of the controller of a chassis, and what arrives, against ovn-controller.

use std::fs;

use libtest_mimic::Failed;
use northflow_tests::reference::Reference;

use super::controller::Host;
use super::world::{self, Daemon, NETWORK, until};

/// From the first port to the second.
const BETWEEN: &str = "inport == \"p1\" && eth.src == 00:00:00:00:00:01 && eth.dst == 00:00:00:00:00:02";

/// Packets that a switch of two ports lets pass.
const PACKETS: &[&str] = &[
    "ip4.src == 10.0.0.1 && ip4.dst == 10.0.0.2 && ip.ttl == 64 && udp.src == 5 && udp.dst == 6",
    "ip4 && ip.ttl == 64 && 10.0.0.1 == ip4.src && ip4.dst == $as1 && tcp && tcp.flags == 2 && tcp.dst == 80",
    "ip4.dst == ^vip && ip.ttl == 1 && tcp.flags == 0x10 && tcp.src == 443",
    "ip4 && icmp4.type == 8 && icmp4.code == 0 && ip.ttl == 64",
    "icmp4.type == 3 && icmp4.code == 1",
    "ip6.src == fd00::1 && ip6.dst == fd00::2 && ip.ttl == 64 && icmp6.type == 128 && icmp6.code == 0",
    "ip6 && ip6.label == 0xabcde && ip.proto == 132 && sctp.dst == 9 && ip.ttl == 3",
    "ip6 && nd_na && nd.target == fd00::1 && nd.tll == 00:00:00:00:00:01",
    "ip6 && (tcp && tcp.dst == 0x50/0xfffe) && ip.ttl == 2",
    "arp.op == 2 && arp.sha == 00:00:00:00:00:01 && arp.spa == 10.0.0.1 && arp.tha == 00:00:00:00:00:02",
    "ip4 && udp && ip.frag == 1 && ip.ttl == 9",
    "ip4 && ip.proto == 47",
    "eth.type == 0x88cc",
    "is_chassis_resident(\"nowhere\") && eth.type == 0x8847",
];

/// What is refused.
const REFUSED: &[&str] = &[
    "",
    "ip4",
    "inport == \"elsewhere\" && ip4",
    "inport == \"p1\" && ip",
    "inport == \"p1\" && ip4 && ip6",
    "inport == \"p1\" && tcp.src == 80",
    "inport == \"p1\" && ip4 && tcp.src == {80, 81}",
    "inport == \"p1\" && ip4 && 80 <= tcp.src <= 81",
    "inport == \"p1\" && ip4.src == $as2",
    "inport == {\"p1\", \"p2\"}",
    "inport == \"p1\" && inport == \"p2\"",
    "inport == @pg1",
    "inport == \"p1\" && ip4.src == $nothing",
    "inport == \"p1\" && ip4.src == ^nothing",
    "inport == \"p1\" && eth.src != 0",
    "inport == \"p1\" && nd.target == fd00::1",
    "inport == \"p1\" && vlan.pcp > 2",
    "inport = \"p1\"",
    "inport == \"p1\" && ip4 || ip6",
    "inport == \"p1\" && tcp.flags",
    "inport == \"p1\" && eth.type == 0x10000",
    "inport == \"p1\" &&",
    "inport == \"p1\" xyzzy",
    "0",
];

/// The packets of a capture file.
fn packets(path: &str) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap_or_default();
    let mut rest = bytes.get(24..).unwrap_or_default();
    let mut packets = Vec::new();
    while let Some((header, behind)) = rest.split_first_chunk::<16>() {
        let length = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let Some((packet, behind)) = behind.split_at_checked(length) else { break };
        packets.push(packet.to_vec());
        rest = behind;
    }
    packets
}

/// What arrives at a port of packets that are injected at another, and what is said of those that are none, is the same
/// as with ovn-controller.
pub fn injected(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    databases.nbctl(NETWORK)?;
    databases.nbctl(&["create", "Address_Set", "name=as1", "addresses=10.0.0.2"])?;
    databases.nbctl(&["create", "Address_Set", "name=as2", "addresses=10.0.0.2,10.0.0.3"])?;
    databases.nbctl(&["pg-add", "pg1", "p1"])?;
    databases.nbctl(&["create", "Chassis_Template_Var", "chassis=c1", "variables={vip=10.0.0.2}"])?;
    let mut host = Host::start(reference, &databases, "c1", "127.0.0.1")?;
    host.plug("v1", "p1")?;
    host.plug("v2", "p2")?;
    let capture = host.switch.path("v2.pcap");
    host.switch.vsctl(&["set", "Interface", "v2", &format!("options:tx_pcap={capture}")])?;
    for port in ["p1", "p2"] {
        databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", port, "up=true"])?;
    }
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;

    let inject = |host: &Host| -> Result<(Vec<Vec<u8>>, Vec<String>), String> {
        let before = packets(&capture).len();
        for packet in PACKETS {
            host.appctl(&["inject-pkt", &format!("{BETWEEN} && {packet}")])?;
        }
        let arrived = || packets(&capture).split_off(before);
        until("packets that arrive", || Ok(arrived().len() >= PACKETS.len()))?;
        let said = REFUSED.iter().map(|text| host.appctl(&["inject-pkt", text]));
        Ok((arrived(), said.map(|said| said.err().unwrap_or_else(|| "taken".to_owned())).collect()))
    };
    let (ours, our_words) = inject(&host)?;
    host.hand_over()?;
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    let (theirs, their_words) = inject(&host)?;
    for ((text, ours), theirs) in PACKETS.iter().zip(ours).zip(theirs) {
        assert_eq!(ours, theirs, "{text}");
    }
    for ((text, ours), theirs) in REFUSED.iter().zip(our_words).zip(their_words) {
        assert_eq!(ours, theirs, "{text}");
    }
    Ok(())
}
