//! Two chassis below our daemon: ovn-controller and Open vSwitch with its dummy datapath.

use libtest_mimic::Failed;
use northflow_tests::reference::{Databases, Process, Reference};
use northflow_tests::switch::Switch;

use super::world::{self, Daemon};

/// A switch with a controller.
struct Chassis {
    /// Ended first: it would only mourn its switch.
    _controller: Process,
    switch: Switch,
}

impl Chassis {
    fn start(
        reference: &'static Reference,
        databases: &Databases,
        name: &str,
        ip: &str,
    ) -> Result<Chassis, String> {
        let switch = Switch::start(reference, &databases.folder().join(name))?;
        let remote = format!("external_ids:ovn-remote={}", databases.remote("sb"));
        let (id, encap) =
            (format!("external_ids:system-id={name}"), format!("external_ids:ovn-encap-ip={ip}"));
        let encap_type = "external_ids:ovn-encap-type=geneve";
        switch.vsctl(&["set", "Open_vSwitch", ".", &id, &remote, &encap, encap_type])?;
        switch.add_bridge("br-int")?;
        let controller = switch.spawn(
            "ovn-controller",
            &[
                "-vconsole:off",
                &format!("--unixctl={}", switch.path("controller.ctl")),
                &format!("--log-file={}", switch.path("controller.log")),
                &switch.database(),
            ],
        )?;
        Ok(Chassis { _controller: controller, switch })
    }

    /// How many flows the controller has put into its switch.
    fn flows(&self) -> Result<usize, String> {
        Ok(self.switch.flows("br-int")?.lines().count())
    }
}

/// Ports on two chassis come up, with ours in the reference's place.
pub fn chassis(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _ours = Daemon::ours(reference, &databases, "ours", &[])?;
    databases.nbctl(world::NETWORK)?;
    let mut hosts = Vec::new();
    for at in [1, 2] {
        let host = Chassis::start(reference, &databases, &format!("c{at}"), &format!("127.0.0.{at}"))?;
        let (port, id) = (format!("v{at}"), format!("external_ids:iface-id=p{at}"));
        host.switch.vsctl(&[
            "--timeout=20",
            "add-port",
            "br-int",
            &port,
            "--",
            "set",
            "Interface",
            &port,
            "type=dummy",
            &id,
        ])?;
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
        let flows = host.flows()?;
        assert!(flows > 50, "chassis {} has {flows} flows", at + 1);
        let peer = host.switch.vsctl(&["--columns=type", "--bare", "find", "Interface", "type=geneve"])?;
        assert!(peer.contains("geneve"), "no tunnel to the other chassis");
    }
    databases.nbctl(&["lsp-del", "p1"])?;
    databases.nbctl(&["--wait=hv", "sync"])?;
    let bound = databases.sbctl(&["--bare", "--columns=logical_port", "list", "Port_Binding"])?;
    assert_eq!(bound.trim(), "p2");
    Ok(())
}
