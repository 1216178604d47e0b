//! Connections of load balancers, and what becomes of them when a backend goes, with the controller of a chassis.

use std::collections::BTreeSet;

use libtest_mimic::Failed;
use northflow_tests::reference::Reference;

use super::controller::Host;
use super::world::{self, Daemon, until};

/// A client and three backends on a switch, behind VIPs that forget connections and one that does not.
const NETWORK: &[&str] = &[
    "ls-add s",
    "lsp-add s c -- lsp-set-addresses c 00:00:00:00:00:01",
    "lsp-add s b2 -- lsp-set-addresses b2 00:00:00:00:00:02",
    "lsp-add s b3 -- lsp-set-addresses b3 00:00:00:00:00:03",
    "lb-add lb1 30.0.0.1:80 10.0.0.2:8080,10.0.0.3:8080 -- ls-lb-add s lb1",
    "set Load_Balancer lb1 options:ct_flush=true",
    "lb-add lb2 30.0.0.2:80 10.0.0.2:8080,10.0.0.3:8080 -- ls-lb-add s lb2",
    "lb-add lb3 30.0.0.3 10.0.0.2,10.0.0.3 -- ls-lb-add s lb3",
    "set Load_Balancer lb3 options:ct_flush=true",
];

/// Pairs of a VIP and a backend between which there are connections.
type Pairs = BTreeSet<(String, String)>;

fn pairs(host: &Host) -> Result<Pairs, String> {
    let text = host.switch.appctl(&["dpctl/dump-conntrack"])?;
    let pair = |line: &str| {
        let (original, reply) = line.split_once("reply=")?;
        let value = |text: &str, name: &str| {
            text.split([',', '(', ')']).find_map(|word| word.strip_prefix(name).map(str::to_owned))
        };
        let (vip, backend) = (value(original, "dst=")?, value(reply, "src=")?);
        (vip.starts_with("30.") && backend.starts_with("10.")).then_some((vip, backend))
    };
    Ok(text.lines().filter_map(pair).collect())
}

fn pairs_of(text: &str) -> Pairs {
    let pair = |word: &str| {
        let (vip, backend) = word.split_once('-')?;
        Some((format!("30.0.0.{vip}"), format!("10.0.0.{backend}")))
    };
    text.split(' ').filter_map(pair).collect()
}

/// When a backend, a VIP or a load balancer goes, so do its connections if the load balancer wants that: with our
/// controller, and with ovn-controller.
pub fn forgotten(reference: &'static Reference) -> Result<(), Failed> {
    play(reference, false)?;
    play(reference, true)
}

fn play(reference: &'static Reference, with_theirs: bool) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    for line in NETWORK {
        databases.nbctl(&line.split(' ').collect::<Vec<_>>())?;
    }
    let mut host = Host::start(reference, &databases, "c1", "127.0.0.1")?;
    for (interface, port) in [("v1", "c"), ("v2", "b2"), ("v3", "b3")] {
        host.plug(interface, port)?;
    }
    for port in ["c", "b2", "b3"] {
        databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", port, "up=true"])?;
    }
    if with_theirs {
        host.hand_over()?;
    }
    let sync = || databases.nbctl(&["--timeout=30", "--wait=hv", "sync"]);
    sync()?;
    // Clients enough for each backend.
    let connect = |vip: &str| -> Result<(), String> {
        for port in 1000..1016 {
            let packet = format!(
                "inport == \"c\" && eth.src == 00:00:00:00:00:01 && eth.dst == 00:00:00:00:00:02 && \
                 ip4.src == 10.0.0.1 && ip4.dst == {vip} && ip.ttl == 64 && tcp.src == {port} && tcp.dst == 80 && \
                 tcp.flags == 2"
            );
            host.appctl(&["inject-pkt", &packet])?;
        }
        Ok(())
    };
    for vip in ["30.0.0.1", "30.0.0.2", "30.0.0.3"] {
        connect(vip)?;
    }
    let all = pairs_of("1-2 1-3 2-2 2-3 3-2 3-3");
    until("connections", || Ok(pairs(&host)? == all))?;

    let set = |balancer: &str, vips: &str| {
        databases.nbctl(&["--timeout=30", "--wait=hv", "set", "Load_Balancer", balancer, vips])
    };
    set("lb1", "vips:\"30.0.0.1:80\"=\"10.0.0.2:8080\"")?;
    assert_eq!(pairs(&host)?, pairs_of("1-2 2-2 2-3 3-2 3-3"));
    set("lb2", "vips:\"30.0.0.2:80\"=\"10.0.0.2:8080\"")?;
    assert_eq!(pairs(&host)?, pairs_of("1-2 2-2 2-3 3-2 3-3"));
    set("lb3", "vips:30.0.0.3=10.0.0.3")?;
    assert_eq!(pairs(&host)?, pairs_of("1-2 2-2 2-3 3-3"));
    // With another one it is the same backend still.
    set("lb1", "vips:\"30.0.0.1:80\"=\"10.0.0.2:8080,10.0.0.3:8080\"")?;
    assert_eq!(pairs(&host)?, pairs_of("1-2 2-2 2-3 3-3"));
    databases.nbctl(&["lb-del", "lb1"])?;
    sync()?;
    assert_eq!(pairs(&host)?, pairs_of("2-2 2-3 3-3"));
    databases.nbctl(&["ls-lb-del", "s", "lb3", "--", "ls-lb-del", "s", "lb2"])?;
    sync()?;
    assert_eq!(pairs(&host)?, pairs_of("2-2 2-3"));
    Ok(())
}
