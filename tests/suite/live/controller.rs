//! The controller of a chassis in ovn-controller's place, on switches with their dummy datapath.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;

use libtest_mimic::Failed;
use northflow_tests::bridge::flow::table_of;
use northflow_tests::bridge::hypervisor::look;
use northflow_tests::bridge::recording::Bridge;
use northflow_tests::normalize::difference;
use northflow_tests::reference::{Databases, Process, Reference};
use northflow_tests::switch::Switch;

use super::world::{self, Daemon, NETWORK, until};

/// A chassis with our controller.
pub(super) struct Host {
    reference: &'static Reference,
    /// Ended first: it would only mourn its switch.
    controller: Option<Process>,
    pub switch: Switch,
}

impl Host {
    /// A chassis of this name and address, without a bridge.
    pub fn start(
        reference: &'static Reference,
        databases: &Databases,
        name: &str,
        ip: &str,
    ) -> Result<Host, String> {
        let switch = Switch::start(reference, &databases.folder().join(name))?;
        let remote = format!("external_ids:ovn-remote={}", databases.remote("sb"));
        let id = format!("external_ids:system-id=\"{name}\"");
        let encap = format!("external_ids:ovn-encap-ip={ip}");
        let (geneve, dummy) =
            ("external_ids:ovn-encap-type=geneve", "external_ids:ovn-bridge-datapath-type=dummy");
        switch.vsctl(&["set", "Open_vSwitch", ".", &id, &remote, &encap, geneve, dummy])?;
        let mut host = Host { reference, controller: None, switch };
        host.resume()?;
        Ok(host)
    }

    /// Starts the controller, after it has ended too.
    pub fn resume(&mut self) -> Result<(), String> {
        let mut command = Command::new(world::binary()?);
        command.arg("controller").arg(self.switch.database());
        command.arg(format!("--unixctl={}", self.switch.path("controller.ctl")));
        command.arg(format!("--log-file={}", self.switch.path("controller.log"))).arg("-vconsole:off");
        self.controller = Some(self.switch.start_program(&mut command, "controller")?);
        until("the controller answers", || Ok(self.appctl(&["version"]).is_ok()))?;
        until("the integration bridge", || Ok(self.switch.management("br-int").exists()))
    }

    pub fn appctl(&self, args: &[&str]) -> Result<String, String> {
        let control = self.switch.path("controller.ctl");
        self.reference.output("ovn-appctl", &[&["-T", "10", "-t", &control], args].concat())
    }

    /// Has ovn-controller take the place of ours, which goes as one that comes back.
    pub fn hand_over(&mut self) -> Result<(), String> {
        self.appctl(&["exit", "--restart"])?;
        drop(self.controller.take());
        let control = format!("--unixctl={}", self.switch.path("controller.ctl"));
        let database = self.switch.database();
        self.controller = Some(self.switch.spawn("ovn-controller", &["-vconsole:off", &control, &database])?);
        until("ovn-controller answers", || {
            Ok(self.appctl(&["connection-status"]).is_ok_and(|status| status.trim() == "connected"))
        })
    }

    /// What the bridge holds, in comparable form.
    fn look(&self) -> Result<Bridge, String> {
        look(self.reference, &self.switch, |command| self.appctl(command)).map(|(_, bridge)| bridge)
    }

    /// Plugs an interface for a logical port.
    pub fn plug(&self, interface: &str, port: &str) -> Result<(), String> {
        let id = format!("external_ids:iface-id={port}");
        let set = ["--", "set", "Interface", interface, "type=dummy", &id];
        self.switch.vsctl(&[&["--timeout=20", "add-port", "br-int", interface], &set[..]].concat())?;
        Ok(())
    }

    /// The bridge's flows.
    fn flows(&self) -> Result<BTreeSet<String>, String> {
        Ok(self.switch.flows("br-int")?.lines().map(|line| line.trim().to_owned()).collect())
    }

    /// The packets that a flow has counted: those that were there all the time still have them.
    fn durations(&self) -> Result<String, String> {
        self.switch.ofctl(&["dump-flows"], "br-int", &[])
    }

    /// The numbers of conjunctive matches, in order.
    fn conjunctions(&self) -> Result<Vec<String>, String> {
        let text = self.appctl(&["debug/dump-lflow-conj-ids"])?;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        Ok(lines)
    }

    fn zones(&self) -> Result<String, String> {
        self.switch.vsctl(&["get", "Bridge", "br-int", "external_ids"])
    }
}

/// Numbers of the network's progress: asked for, and reached by all chassis.
fn progress(databases: &Databases) -> Result<(i64, i64), String> {
    let text = databases.nbctl(&["--bare", "--columns=nb_cfg,hv_cfg", "list", "NB_Global"])?;
    let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap_or(-1));
    Ok((numbers.next().unwrap_or(-1), numbers.next().unwrap_or(-1)))
}

/// Ports on two chassis come up and the network hears of it, with no program of OVN running but ours.
pub fn alone(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    databases.nbctl(NETWORK)?;
    let first = Host::start(reference, &databases, "c1", "127.0.0.1")?;
    let second = Host::start(reference, &databases, "c2", "127.0.0.2")?;
    first.plug("v1", "p1")?;
    second.plug("v2", "p2")?;
    for port in ["p1", "p2"] {
        databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", port, "up=true"])?;
    }
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    let (asked, reached) = progress(&databases)?;
    assert!(asked > 0 && asked == reached, "asked for {asked}, reached {reached}");
    for host in [&first, &second] {
        let flows = host.flows()?;
        assert!(flows.len() > 50, "{} flows", flows.len());
        let tunnels = host.switch.vsctl(&["--bare", "--columns=type", "find", "Interface", "type=geneve"])?;
        assert!(tunnels.contains("geneve"), "no tunnel to the other chassis");
        assert_eq!(host.appctl(&["connection-status"])?.trim(), "connected");
        assert!(host.zones()?.contains("ct-zone-s_dnat"));
    }
    // Both databases know since when.
    let since =
        || databases.sbctl(&["--bare", "--columns=nb_cfg_timestamp", "list", "Chassis_Private", "c1"]);
    let kept = || first.switch.vsctl(&["get", "Bridge", "br-int", "external_ids:ovn-nb-cfg-ts"]);
    until("one time", || Ok(kept()?.trim().trim_matches('"') == since()?.trim()))?;
    let installed = first.switch.vsctl(&["get", "Interface", "v1", "external_ids:ovn-installed"])?;
    assert_eq!(installed.trim(), "\"true\"");
    assert!(first.appctl(&["ct-zone-list"])?.contains("p1 "));
    assert!(first.appctl(&["debug/dump-local-bindings"])?.contains("primary lport : [p1]"));
    assert!(first.appctl(&["debug/dump-local-datapaths"])?.contains("Datapath: s, type: switch"));
    assert!(first.appctl(&["debug/dump-related-ports"])?.contains("p1"));

    // A port that is unplugged is bound no more, and down.
    first.switch.vsctl(&["--timeout=20", "del-port", "br-int", "v1"])?;
    databases.sbctl(&["--timeout=30", "wait-until", "Port_Binding", "p1", "chassis=[]", "up=false"])?;
    databases.nbctl(&["--timeout=30", "--wait=hv", "lsp-del", "p1"])?;
    Ok(())
}

/// Two ports of one switch on one chassis reach each other, and a port of another switch behind the router.
pub fn trace(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    databases.nbctl(NETWORK)?;
    let words = "ls-add t -- lsp-add t q -- lr-add r -- lrp-add r r-s 00:00:00:00:01:01 10.0.0.254/24 \
        -- lrp-add r r-t 00:00:00:00:01:02 10.0.1.254/24 -- lsp-add-router-port s s-r r-s \
        -- lsp-add-router-port t t-r r-t -- pg-add g p2";
    databases.nbctl(&words.split_whitespace().collect::<Vec<_>>())?;
    databases.nbctl(&["lsp-set-addresses", "q", "00:00:00:00:00:03 10.0.1.3"])?;
    databases.nbctl(&["acl-add", "g", "to-lport", "100", "outport == @g && tcp.dst == 23", "drop"])?;
    let host = Host::start(reference, &databases, "c1", "127.0.0.1")?;
    for (interface, port) in [("v1", "p1"), ("v2", "p2"), ("v3", "q")] {
        host.plug(interface, port)?;
    }
    for port in ["p1", "p2", "q"] {
        databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", port, "up=true"])?;
    }
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    let number = |interface: &str| -> Result<String, String> {
        Ok(host.switch.vsctl(&["get", "Interface", interface, "ofport"])?.trim().to_owned())
    };
    let (first, second, third) = (number("v1")?, number("v2")?, number("v3")?);
    let sent = |packet: &str| -> Result<Vec<String>, String> {
        let flow = format!("in_port={first},dl_src=00:00:00:00:00:01,{packet}");
        let text = host.switch.appctl(&["ofproto/trace", "br-int", &flow])?;
        // Where it went at last, after recirculation too.
        let outputs = text.lines().filter_map(|line| line.trim().strip_prefix("output:"));
        Ok(outputs.map(str::to_owned).collect())
    };
    let near = "dl_dst=00:00:00:00:00:02,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64";
    assert_eq!(sent(&format!("{near},tp_dst=80"))?, [second]);
    assert_eq!(sent(&format!("{near},tp_dst=23"))?, Vec::<String>::new());
    let far = "dl_dst=00:00:00:00:01:01,udp,nw_src=10.0.0.1,nw_dst=10.0.1.3,nw_ttl=64";
    assert_eq!(sent(far)?, [third]);
    Ok(())
}

/// A flow of ovn-controller that moves the same twice, as one that does it once: both leave the same.
fn once(line: &str) -> String {
    let doubled = table_of(line).is_some_and(|table| [81, 82, 83, 86].contains(&table));
    let halves = line.rsplit_once(' ').and_then(|(head, actions)| {
        let (first, second) = actions.split_at_checked(actions.len() / 2)?;
        (second.strip_prefix(',') == Some(first)).then(|| format!("{head} {first}"))
    });
    halves.filter(|_| doubled).unwrap_or_else(|| line.to_owned())
}

/// A network with a router, a gateway, translations, a load balancer, ACLs and a physical network, a line each.
const ROUTED: &[&str] = &[
    "ls-add s1 -- lsp-add s1 p1 -- lsp-add s1 p3 -- ls-add s2 -- lsp-add s2 p2 -- ls-add public",
    "lsp-add public ln -- lsp-set-type ln localnet -- lsp-set-addresses ln unknown",
    "lsp-set-options ln network_name=physnet",
    "lr-add r -- lrp-add r r-s1 00:00:00:01:00:01 10.0.1.254/24",
    "lrp-add r r-s2 00:00:00:01:00:02 10.0.2.254/24",
    "lrp-add r r-public 00:00:00:01:00:03 172.16.0.1/24",
    "lsp-add-router-port s1 s1-r r-s1 -- lsp-add-router-port s2 s2-r r-s2",
    "lsp-add-router-port public public-r r-public -- lrp-set-gateway-chassis r-public c2 10",
    "lr-nat-add r snat 172.16.0.1 10.0.0.0/16",
    "lr-nat-add r dnat_and_snat 172.16.0.10 10.0.1.1 p1 00:00:00:01:00:04",
    "lr-route-add r 0.0.0.0/0 172.16.0.254",
    "lb-add lb 10.9.0.1:80 10.0.1.1:8080,10.0.2.1:8080 -- ls-lb-add s1 lb -- lr-lb-add r lb",
    "pg-add g p1 p2 p3 -- meter-add m drop 10 pktps 5",
    "qos-add s1 to-lport 100 ip4 rate=1000 burst=100",
];

/// What our controller put into the bridges of two chassis is what ovn-controller makes of them.
pub fn handed_over(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    for line in ROUTED {
        databases.nbctl(&line.split(' ').collect::<Vec<_>>())?;
    }
    for (port, addresses) in [
        ("p1", "00:00:00:00:01:01 10.0.1.1"),
        ("p2", "00:00:00:00:02:01 10.0.2.1"),
        ("p3", "00:00:00:00:01:03 10.0.1.3"),
    ] {
        databases.nbctl(&["lsp-set-addresses", port, addresses])?;
    }
    let matches = "outport == @g && ip4.src == {10.0.1.1, 10.0.1.3} && tcp.dst == {80, 443}";
    databases.nbctl(&["--log", "--meter=m", "acl-add", "g", "to-lport", "1000", matches, "allow-related"])?;
    let mut hosts = Vec::new();
    for (name, ip) in [("c1", "127.0.0.1"), ("c2", "127.0.0.2")] {
        let host = Host::start(reference, &databases, name, ip)?;
        host.switch.add_bridge("br-phys")?;
        let mapping = "external_ids:ovn-bridge-mappings=physnet:br-phys";
        host.switch.vsctl(&["set", "Open_vSwitch", ".", mapping])?;
        hosts.push(host);
    }
    for (host, interface, port) in [(0, "v1", "p1"), (0, "v3", "p3"), (1, "v2", "p2")] {
        hosts[host].plug(interface, port)?;
    }
    for port in ["p1", "p2", "p3"] {
        databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", port, "up=true"])?;
    }
    for host in &hosts {
        let patch = ["get", "Interface", "patch-br-int-to-ln", "ofport"];
        until("the physical network", || {
            Ok(host.switch.vsctl(&patch).is_ok_and(|text| text.trim() != "[]"))
        })?;
    }
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    let ours = hosts.iter().map(Host::look).collect::<Result<Vec<_>, _>>()?;
    let numbers = hosts.iter().map(Host::conjunctions).collect::<Result<Vec<_>, _>>()?;
    for host in &mut hosts {
        host.hand_over()?;
    }
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    for host in &hosts {
        host.appctl(&["recompute"])?;
    }
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    let compared = |lines: &[String]| -> Vec<String> { lines.iter().map(|line| once(line)).collect() };
    let mut faults = Vec::new();
    for (host, ours) in hosts.iter().zip(&ours) {
        let theirs = host.look()?;
        assert!(ours.flows.len() > 800 && !ours.groups.is_empty() && !ours.meters.is_empty(), "{ours:?}");
        faults.extend(difference(&compared(&theirs.flows), &compared(&ours.flows)));
        faults.extend(difference(&theirs.groups, &ours.groups));
        faults.extend(difference(&theirs.meters, &ours.meters));
    }
    for (host, ours) in hosts.iter().zip(&numbers) {
        assert!(ours.iter().any(|line| line.starts_with("lflow: ")), "{ours:?}");
        faults.extend(difference(&host.conjunctions()?, ours));
    }
    northflow_tests::trial::no_faults(faults)
}

/// A controller that is killed and comes back finds all as it should be and disturbs nothing.
pub fn restart(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    databases.nbctl(NETWORK)?;
    let mut host = Host::start(reference, &databases, "c1", "127.0.0.1")?;
    host.plug("v1", "p1")?;
    host.plug("v2", "p2")?;
    for port in ["p1", "p2"] {
        databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", port, "up=true"])?;
    }
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    let (flows, zones) = (host.flows()?, host.zones()?);
    // Flows that are not touched grow old.
    std::thread::sleep(std::time::Duration::from_secs(3));
    drop(host.controller.take());
    host.resume()?;
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    assert_eq!(host.flows()?, flows);
    let without_numbers = |text: &str| -> BTreeSet<String> {
        let keys = ["ovn-nb-cfg", "ovn-startup-ts"];
        let words = text.trim_matches(['{', '}', '\n']).split(", ").map(str::to_owned);
        words.filter(|word| !keys.iter().any(|key| word.contains(key))).collect()
    };
    assert_eq!(without_numbers(&host.zones()?), without_numbers(&zones));
    let young: Vec<String> = host
        .durations()?
        .lines()
        .filter(|line| line.contains("duration="))
        .filter(|line| age(line).is_none_or(|age| age < 3.0))
        .map(str::to_owned)
        .collect();
    assert_eq!(young, Vec::<String>::new(), "flows that are new");
    // The ports have been up all the time: nothing was said of them.
    let chassis = databases.sbctl(&["--bare", "--columns=up", "list", "Port_Binding"])?;
    assert!(!chassis.contains("false"), "{chassis}");
    let log = std::fs::read_to_string(host.switch.path("controller.log")).unwrap_or_default();
    assert_eq!(log.matches("Claiming lport").count(), 2, "{log}");
    Ok(())
}

/// The age of a flow in seconds.
fn age(line: &str) -> Option<f64> {
    line.split_once("duration=")?.1.split('s').next()?.parse().ok()
}

/// A controller that ends takes its chassis away, unless it comes back.
pub fn exit(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    databases.nbctl(NETWORK)?;
    let mut host = Host::start(reference, &databases, "c1", "127.0.0.1")?;
    databases.sbctl(&["chassis-add", "c2", "geneve", "127.0.0.2"])?;
    host.plug("v1", "p1")?;
    databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", "p1", "up=true"])?;
    let chassis = || databases.sbctl(&["--bare", "--columns=name", "list", "Chassis"]);
    let tunnels =
        |host: &Host| host.switch.vsctl(&["--bare", "--columns=name", "find", "Interface", "type=geneve"]);
    until("a tunnel", || Ok(!tunnels(&host)?.trim().is_empty()))?;
    host.appctl(&["exit", "--restart"])?;
    drop(host.controller.take());
    assert!(chassis()?.contains("c1"));
    host.resume()?;
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    host.appctl(&["exit"])?;
    until("the chassis is gone", || Ok(!chassis()?.contains("c1")))?;
    until("the tunnel is gone", || Ok(tunnels(&host)?.trim().is_empty()))?;
    let bound = databases.sbctl(&["--bare", "--columns=chassis", "list", "Port_Binding", "p1"])?;
    assert_eq!(bound.trim(), "");
    Ok(())
}

/// Settings of the chassis that change while it runs: its name, the numbers of zones, where the bridge listens.
pub fn settings(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    databases.nbctl(NETWORK)?;
    // Without a name it is no chassis, and makes the bridge all the same.
    let host = Host::start(reference, &databases, "", "127.0.0.1")?;
    let set = |key: &str, value: &str| {
        host.switch.vsctl(&["set", "Open_vSwitch", ".", &format!("external_ids:{key}=\"{value}\"")])
    };
    assert_eq!(databases.sbctl(&["--bare", "list", "Chassis"])?.trim(), "");
    set("system-id", "c1")?;
    host.plug("v1", "p1")?;
    databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", "p1", "up=true"])?;
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;

    set("ct-zone-range", "100-200")?;
    let numbers = || -> Result<Vec<u16>, String> {
        let list = host.appctl(&["ct-zone-list"])?;
        Ok(list.lines().filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect())
    };
    until("zones within the range", || Ok(numbers()?.iter().all(|number| (100..=200).contains(number))))?;
    assert!(numbers()?.len() >= 3, "{:?}", numbers()?);
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    let kept = host.zones()?;
    assert!(numbers()?.iter().all(|number| kept.contains(&format!("\"{number}\""))), "{kept}");

    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?.port();
    host.switch.vsctl(&["set-controller", "br-int", &format!("ptcp:{free}:127.0.0.1")])?;
    let elsewhere = format!("tcp:127.0.0.1:{free}");
    set("ovn-bridge-remote", &elsewhere)?;
    let log = || std::fs::read_to_string(host.switch.path("controller.log")).unwrap_or_default();
    until("a connection there", || Ok(log().contains(&format!("{elsewhere}: connected"))))?;
    let before = host.flows()?.len();
    databases.nbctl(&["--timeout=30", "--wait=hv", "lsp-add", "s", "another"])?;
    host.plug("v9", "another")?;
    databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", "another", "up=true"])?;
    databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
    assert!(host.flows()?.len() > before, "{before} flows as before");
    Ok(())
}

/// Switches with a port each, and a router that has the first one.
const APART: &[&str] = &[
    "ls-add s1 -- lsp-add s1 p1 -- ls-add s2 -- lsp-add s2 p2 -- ls-add s3 -- lsp-add s3 p3",
    "lr-add r -- lrp-add r r1 00:00:00:00:01:01 10.0.1.254/24 -- lsp-add-router-port s1 s1r r1",
];

/// The router has the second one too.
const TOGETHER: &[&str] = &["lrp-add r r2 00:00:00:00:01:02 10.0.2.254/24 -- lsp-add-router-port s2 s2r r2"];

/// A port goes to another switch, and that switch from the router.
const MOVED: &[&str] = &["lrp-del r2 -- lsp-del s2r -- lsp-del p1 -- lsp-add s2 p1"];

/// Of the southbound database a chassis follows what concerns it, as that comes and goes; with `ovn-monitor-all` it
/// follows all. Its flows are the same.
pub fn monitor(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    let network = |lines: &[&str]| -> Result<(), String> {
        let words: Vec<&str> = lines.iter().flat_map(|line| line.split(' ').chain(["--"])).collect();
        databases.nbctl(&words[..words.len() - 1]).map(drop)
    };
    network(APART)?;
    let mut host = Host::start(reference, &databases, "c1", "127.0.0.1")?;
    // How many ports the controller knows, and the flows, when all is done.
    let look = |host: &Host| -> Result<(usize, BTreeSet<String>), String> {
        databases.nbctl(&["--timeout=30", "--wait=hv", "sync"])?;
        let usage = host.appctl(&["memory/show"])?;
        let ports = usage.split_whitespace().find_map(|word| word.strip_prefix("ports:")?.parse().ok());
        Ok((ports.unwrap_or(0), host.flows()?))
    };
    let knows = |host: &Host, ports: usize| until("other ports", || Ok(look(host)?.0 == ports));
    let await_up = |port: &str, up: &str| {
        databases.nbctl(&["--timeout=30", "wait-until", "Logical_Switch_Port", port, up]).map(drop)
    };
    let with_all = |host: &Host, all: usize| -> Result<(), Failed> {
        let set = |value: &str| host.switch.vsctl(&["set", "Open_vSwitch", ".", value]);
        let before = look(host)?;
        set("external_ids:ovn-monitor-all=true")?;
        knows(host, all)?;
        assert_eq!(look(host)?.1, before.1);
        set("external_ids:ovn-monitor-all=false")?;
        knows(host, before.0)?;
        assert_eq!(look(host)?.1, before.1);
        Ok(())
    };

    // Without a port only those are known that lead from one datapath to another.
    let (ports, nothing) = look(&host)?;
    assert_eq!(ports, 2);
    host.plug("v1", "p1")?;
    await_up("p1", "up=true")?;
    let first = look(&host)?;
    assert_eq!(first.0, 3);
    assert!(first.1.len() > nothing.len() + 50, "{} flows", first.1.len());
    with_all(&host, 5)?;

    // A port of a datapath that was none of its.
    host.plug("v2", "p2")?;
    await_up("p2", "up=true")?;
    let both = look(&host)?;
    assert_eq!(both.0, 4);
    assert!(both.1.len() > first.1.len() + 50, "{} flows", both.1.len());
    with_all(&host, 5)?;
    host.switch.vsctl(&["--timeout=20", "del-port", "br-int", "v2"])?;
    await_up("p2", "up=false")?;
    knows(&host, 3)?;
    assert_eq!(look(&host)?.1, first.1);

    // A datapath that is behind one of its.
    network(TOGETHER)?;
    let together = look(&host)?;
    assert_eq!(together.0, 6);
    assert!(together.1.len() > first.1.len() + 50, "{} flows", together.1.len());
    with_all(&host, 7)?;
    host.appctl(&["exit", "--restart"])?;
    drop(host.controller.take());
    host.resume()?;
    assert_eq!(look(&host)?.1, together.1);

    network(MOVED)?;
    await_up("p1", "up=true")?;
    assert_eq!(look(&host)?.0, 4);
    with_all(&host, 5)
}
