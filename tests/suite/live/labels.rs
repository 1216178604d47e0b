//! Connections that are forgotten by their label, with our controller and with ovn-controller: what both tell the
//! switch, byte for byte, and what is left.

use std::collections::BTreeSet;

use libtest_mimic::Failed;
use northflow_tests::reference::{Databases, Reference};

use super::controller::Host;
use super::world::{self, Daemon, until};
use crate::net::Proxy;

/// A gateway router between a switch outside and one inside, with neighbours outside through which replies go back.
const ROUTED: &[&str] = &[
    "ls-add out -- lsp-add out o -- lsp-set-addresses o unknown",
    "ls-add in -- lsp-add in i",
    "lr-add r -- set Logical_Router r options:chassis=c1",
    "lrp-add r r-out 00:00:00:00:01:01 172.16.0.1/24 -- lsp-add-router-port out out-r r-out",
    "lrp-add r r-in 00:00:00:00:01:02 10.0.0.254/24 -- lsp-add-router-port in in-r r-in",
    "set NB_Global . options:ecmp_nexthop_monitor_enable=true",
    "--ecmp-symmetric-reply lr-route-add r 0.0.0.0/0 172.16.0.2 r-out",
    "--ecmp-symmetric-reply lr-route-add r 0.0.0.0/0 172.16.0.3 r-out",
    "--ecmp-symmetric-reply lr-route-add r 0.0.0.0/0 172.16.0.4 r-out",
    "--ecmp-symmetric-reply lr-route-add r 0.0.0.0/0 172.16.0.5 r-out",
];

/// Two ports, with ACLs whose connections stay when the ACLs are changed.
const FILTERED: &[&str] = &[
    "ls-add s -- lsp-add s a -- lsp-set-addresses a 00:00:00:00:00:01",
    "lsp-add s b -- lsp-set-addresses b 00:00:00:00:00:02",
    "--id=@a create ACL direction=from-lport priority=1000 match=\"tcp.dst==80\" action=allow-related \
     options:persist-established=true name=web -- add Logical_Switch s acls @a",
    "--id=@a create ACL direction=from-lport priority=1000 match=\"tcp.dst==443\" action=allow-related \
     options:persist-established=true name=secure -- add Logical_Switch s acls @a",
];

/// What each step has had the switch forget.
type Steps = Vec<Vec<String>>;

/// A chassis whose messages to the switch pass by here.
struct Stage {
    databases: Databases,
    host: Host,
    proxy: Proxy,
    steps: Steps,
    _northd: Daemon,
}

impl Stage {
    fn new(
        reference: &'static Reference,
        network: &[&str],
        ports: &[&str],
        with_theirs: bool,
    ) -> Result<Stage, String> {
        let databases = world::databases(reference)?;
        let northd = Daemon::ours(reference, &databases, "northd", &[])?;
        for line in network {
            databases.nbctl(&line.split(' ').collect::<Vec<_>>())?;
        }
        let mut host = Host::start(reference, &databases, "c1", "127.0.0.1")?;
        let proxy = Proxy::new(host.switch.path("proxy").into(), host.switch.management("br-int"));
        let remote = format!("external_ids:ovn-bridge-remote=unix:{}", proxy.path().display());
        host.switch.vsctl(&["set", "Open_vSwitch", ".", &remote])?;
        for (number, port) in ports.iter().enumerate() {
            host.plug(&format!("v{number}"), port)?;
            databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", port, "up=true"])?;
        }
        if with_theirs {
            proxy.sent();
            host.hand_over()?;
        }
        let mut stage = Stage { databases, host, proxy, steps: Vec::new(), _northd: northd };
        stage.step(&[])?;
        Ok(stage)
    }

    /// Changes the network, and waits until that is done.
    fn step(&mut self, command: &[&str]) -> Result<(), String> {
        if !command.is_empty() {
            self.databases.nbctl(command)?;
        }
        // What one change brings may be a change to northd.
        for _ in 0..2 {
            self.databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
        }
        let mut flushes: Vec<String> = self.proxy.sent().iter().flat_map(|sent| flushes(sent)).collect();
        flushes.sort();
        self.steps.push(flushes);
        Ok(())
    }

    /// Has the switch handle the first packet of a connection, from an address to a port of another one.
    fn connect(&self, addresses: &str, port: u16) -> Result<(), String> {
        let rest = "ip.ttl == 64 && tcp.src == 1000 && tcp.flags == 2";
        self.host.appctl(&["inject-pkt", &format!("{addresses} && tcp.dst == {port} && {rest}")]).map(drop)
    }

    /// The labels of connections.
    fn labels(&self) -> Result<BTreeSet<String>, String> {
        let text = self.host.switch.appctl(&["dpctl/dump-conntrack"])?;
        let label =
            |line: &str| line.split(',').find_map(|word| word.strip_prefix("labels=").map(str::to_owned));
        Ok(text.lines().filter_map(label).collect())
    }

    /// The number of a zone, as flushes name it.
    fn zone(&self, name: &str) -> Result<String, String> {
        let list = self.host.appctl(&["ct-zone-list"])?;
        let number = list.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u16>().ok());
        number
            .map(|number| format!("00020008{number:04x}0000"))
            .ok_or_else(|| format!("no zone {name} in {list}"))
    }
}

/// What a client has asked to be forgotten, in hexadecimal digits.
fn flushes(mut sent: &[u8]) -> Vec<String> {
    const EXPERIMENTER: u8 = 4;
    const FLUSH: &[u8] = &[0, 0, 0x23, 0x20, 0, 0, 0, 32];
    let mut flushes = Vec::new();
    while let [_, kind, high, low, ..] = *sent {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((message, rest)) = sent.split_at_checked(length) else { break };
        sent = rest;
        if kind == EXPERIMENTER
            && let Some(flush) = message[8..].strip_prefix(FLUSH)
        {
            flushes.push(flush.iter().map(|byte| format!("{byte:02x}")).collect());
        }
    }
    flushes
}

/// When a next hop goes, or its router does, or it has another Ethernet address, so do its connections.
pub fn next_hops(reference: &'static Reference) -> Result<(), Failed> {
    let (ours, theirs) = (play_next_hops(reference, false)?, play_next_hops(reference, true)?);
    assert_eq!(ours, theirs);
    assert_eq!(ours.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 1, 1, 1, 2]);
    Ok(())
}

fn play_next_hops(reference: &'static Reference, with_theirs: bool) -> Result<Steps, Failed> {
    let mut stage = Stage::new(reference, ROUTED, &["o", "i"], with_theirs)?;
    let find = ["--bare", "--columns=_uuid", "find"];
    let router = [&find[..], &["Datapath_Binding", "external_ids:name=r"]].concat();
    let router = format!("datapath={}", stage.databases.sbctl(&router)?.trim());
    for (hop, mac) in [(2, 2), (3, 3), (4, 4), (5, 4)] {
        let (ip, mac) = (format!("ip=172.16.0.{hop}"), format!("mac=\"00:00:00:00:00:{mac:02}\""));
        stage.databases.sbctl(&["create", "MAC_Binding", "logical_port=r-out", &ip, &mac, &router])?;
    }
    until("neighbours", || {
        let known = stage.databases.sbctl(&["--bare", "--columns=mac", "list", "ECMP_Nexthop"])?;
        Ok(known.split_whitespace().count() == 4)
    })?;
    stage.step(&[])?;
    let zone = stage.zone("r_dnat")?;
    for mac in 2..=5 {
        let addresses = format!(
            "inport == \"o\" && eth.src == 00:00:00:00:00:{mac:02} && eth.dst == 00:00:00:00:01:01 && \
             ip4.src == 8.8.8.{mac} && ip4.dst == 10.0.0.2"
        );
        stage.connect(&addresses, 80)?;
    }
    let labels = |macs: &[u64]| macs.iter().map(|mac| format!("{:#x}", mac << 32)).collect::<BTreeSet<_>>();
    until("connections", || Ok(stage.labels()? == labels(&[2, 3, 4, 5])))?;

    // One that is no more.
    stage.step(&["lr-route-del", "r", "0.0.0.0/0", "172.16.0.2"])?;
    assert_eq!(stage.labels()?, labels(&[3, 4, 5]));
    // One whose address another one has too.
    stage.step(&["lr-route-del", "r", "0.0.0.0/0", "172.16.0.4"])?;
    assert_eq!(stage.labels()?, labels(&[3, 5]));
    // One that has another address.
    let known = stage.databases.sbctl(&[&find[..], &["MAC_Binding", "ip=172.16.0.3"]].concat())?;
    stage.databases.sbctl(&["set", "MAC_Binding", known.trim(), "mac=\"00:00:00:00:00:05\""])?;
    stage.step(&[])?;
    assert_eq!(stage.labels()?, labels(&[5]));
    // All of a router that goes elsewhere; ovn-controller has it until it looks at everything.
    stage.databases.nbctl(&["--wait=hv", "set", "Logical_Router", "r", "options:chassis=c2"])?;
    if with_theirs {
        stage.host.appctl(&["recompute"])?;
    }
    stage.step(&[])?;
    assert_eq!(stage.labels()?, labels(&[]));
    let normal = |step: &Vec<String>| step.iter().map(|flush| flush.replace(&zone, "zone")).collect();
    Ok(stage.steps.iter().map(normal).collect())
}

/// When an ACL whose connections stay is no more, or they are not to stay any more, they go.
pub fn acls(reference: &'static Reference) -> Result<(), Failed> {
    let (ours, theirs) = (play_acls(reference, false)?, play_acls(reference, true)?);
    assert_eq!(ours, theirs);
    assert_eq!(ours.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    Ok(())
}

fn play_acls(reference: &'static Reference, with_theirs: bool) -> Result<Steps, Failed> {
    let mut stage = Stage::new(reference, FILTERED, &["a", "b"], with_theirs)?;
    let numbers = |stage: &Stage| -> Result<Vec<u64>, String> {
        let text = stage.databases.sbctl(&["--bare", "--columns=id", "list", "ACL_ID"])?;
        let mut numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    };
    // They are given once the chassis says that it can do so.
    until("numbers of ACLs", || Ok(numbers(&stage)? == [1, 2]))?;
    stage.step(&[])?;
    stage.steps.clear();
    for port in [80, 443] {
        let addresses = "inport == \"a\" && eth.src == 00:00:00:00:00:01 && eth.dst == 00:00:00:00:00:02 && \
                         ip4.src == 10.0.0.1 && ip4.dst == 10.0.0.2";
        stage.connect(addresses, port)?;
    }
    let number = |name: &str| -> Result<String, String> {
        let name = format!("name={name}");
        let acl = stage.databases.nbctl(&["--bare", "--columns=_uuid", "find", "ACL", &name])?;
        let id = stage.databases.sbctl(&["get", "ACL_ID", acl.trim(), "id"])?;
        Ok(format!("{:#x}", id.trim().parse::<u128>().map_err(|error| error.to_string())? << 80))
    };
    let (web, secure) = (number("web")?, number("secure")?);
    until("connections", || Ok(stage.labels()? == [web.clone(), secure.clone()].into()))?;

    // Another one may get its number at once.
    let acl = ["direction=from-lport", "priority=1000", "match=\"tcp.dst==22\"", "action=allow-related"];
    let create = [&["--", "--id=@a", "create", "ACL", "options:persist-established=true"], &acl[..]].concat();
    let add = ["--", "add", "Logical_Switch", "s", "acls", "@a"];
    stage.step(&[&["acl-del", "s", "from-lport", "1000", "tcp.dst==80"], &create[..], &add].concat())?;
    assert_eq!(stage.labels()?, [secure.clone()].into());
    let acl = stage.databases.nbctl(&["--bare", "--columns=_uuid", "find", "ACL", "name=secure"])?;
    stage.step(&["set", "ACL", acl.trim(), "options:persist-established=false"])?;
    assert_eq!(stage.labels()?, BTreeSet::new());
    // Which of them came first is northd's choice.
    let normal = |(step, gone): (&Vec<String>, &String)| {
        let digits = format!("{:032x}", u128::from_str_radix(&gone[2..], 16).unwrap_or(0));
        step.iter().map(|flush| flush.replace(&digits, "number")).collect()
    };
    Ok(stage.steps.iter().zip([&web, &secure]).map(normal).collect())
}
