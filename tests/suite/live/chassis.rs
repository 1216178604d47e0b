//! Two chassis below our daemon: ovn-controller and Open vSwitch with its dummy datapath.

use libtest_mimic::Failed;
use northflow_tests::bridge::hypervisor::{BRIDGE, Hypervisor};
use northflow_tests::reference::Reference;

use super::world::{self, Daemon};

/// Ports on two chassis come up, with ours in the reference's place.
pub fn chassis(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _ours = Daemon::ours(reference, &databases, "ours", &[])?;
    databases.nbctl(world::NETWORK)?;
    let mut hosts = Vec::new();
    for at in [1, 2] {
        let southbound = databases.remote("sb");
        let host = Hypervisor::start(reference, databases.folder(), &southbound, &format!("hv{at}"), &[])?;
        let (port, id) = (format!("v{at}"), format!("external_ids:iface-id=p{at}"));
        host.vsctl(&["add-port", BRIDGE, &port, "--", "set", "Interface", &port, "type=dummy", &id])?;
        hosts.push(host);
    }
    for port in ["p1", "p2"] {
        databases.nbctl(&["wait-until", "Logical_Switch_Port", port, "up=true"])?;
    }
    databases.nbctl(&["--wait=hv", "sync"])?;
    let cfg = databases.nbctl(&["--bare", "--columns=nb_cfg,hv_cfg", "list", "NB_Global"])?;
    let numbers: Vec<&str> = cfg.split_whitespace().collect();
    assert!(numbers.len() == 2 && numbers[0] == numbers[1], "nb_cfg and hv_cfg: {cfg}");
    for (at, host) in hosts.iter().enumerate() {
        let flows = host.flows()?.lines().count();
        assert!(flows > 50, "chassis {} has {flows} flows", at + 1);
        let peer = host.vsctl(&["--columns=type", "--bare", "find", "Interface", "type=geneve"])?;
        assert!(peer.contains("geneve"), "no tunnel to the other chassis");
    }
    databases.nbctl(&["lsp-del", "p1"])?;
    databases.nbctl(&["--wait=hv", "sync"])?;
    let bound = databases.sbctl(&["--bare", "--columns=logical_port", "list", "Port_Binding"])?;
    assert_eq!(bound.trim(), "p2");
    Ok(())
}
