//! What a controller writes in its chassis' own database beside ports, ours and then ovn-controller in its place.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Failed;
use northflow_rules::ovsdb::{Datum, Uuid};
use northflow_rules::schema::{Map, Table, ovs};
use northflow_tests::dump;
use northflow_tests::normalize::difference;
use northflow_tests::reference::Reference;
use northflow_tests::switch::Switch;
use northflow_tests::trial::no_faults;

use super::controller::Host;
use super::world::{self, Daemon, until};

/// Queues, mirrors and limits of zones: made and changed as ovn-controller has them, and taken away.
pub fn rows_of_the_switch(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _northd = Daemon::ours(reference, &databases, "northd", &[])?;
    let nbctl = |line: &str| databases.nbctl(&line.split(' ').collect::<Vec<_>>()).map(drop);
    nbctl("ls-add s -- lsp-add s p1 -- lsp-add s p2 -- lsp-add-localnet-port s ln physical")?;
    nbctl("set Logical_Switch_Port p1 options:qos_max_rate=800000 options:qos_burst=9000")?;
    nbctl("set Logical_Switch_Port p2 options:qos_min_rate=100000")?;
    nbctl("mirror-add m1 gre 1 both 10.0.0.9 -- mirror-add m2 local from-lport tap")?;
    nbctl("mirror-add m3 erspan 3 to-lport fd00::9 -- mirror-add m4 local both nowhere")?;
    nbctl("lsp-attach-mirror p1 m1 -- lsp-attach-mirror p2 m1 -- lsp-attach-mirror p1 m2")?;
    nbctl("lsp-attach-mirror p2 m3 -- lsp-attach-mirror p2 m4")?;
    nbctl(
        "set Logical_Switch s other_config:ct-zone-limit=100 -- set Logical_Switch_Port p1 options:ct-zone-limit=5",
    )?;

    let mut host = Host::start(reference, &databases, "hv1", "127.0.0.1")?;
    let vsctl = |host: &Host, line: &str| host.switch.vsctl(&line.split(' ').collect::<Vec<_>>()).map(drop);
    host.switch.add_bridge("br-phys")?;
    vsctl(&host, "add-port br-phys eth -- set Interface eth type=dummy external_ids:ovn-egress-iface=true")?;
    vsctl(&host, "set Open_vSwitch . external_ids:ovn-bridge-mappings=physical:br-phys")?;
    vsctl(&host, "add-port br-int tap -- set Interface tap type=dummy external_ids:mirror-id=tap")?;
    host.plug("v1", "p1")?;
    host.plug("v2", "p2")?;
    let lines = |host: &Host| lines(reference, &host.switch);
    let has = |host: &Host, kind: &str, count: usize| {
        Ok(lines(host)?.iter().filter(|line| line.starts_with(kind)).count() == count)
    };
    for (kind, count) in [("queue ", 2), ("mirror ", 3), ("limit ", 4)] {
        until(&format!("{count} times {kind}"), || has(&host, kind, count))?;
    }
    nbctl("set Logical_Switch_Port p1 options:qos_max_rate=900000 -- lsp-detach-mirror p2 m1")?;
    nbctl("mirror-del m3 -- mirror-add m3 erspan 3 to-lport 10.0.0.10 -- lsp-attach-mirror p2 m3")?;
    nbctl("mirror-del m2 -- mirror-add m2 local both tap -- lsp-attach-mirror p1 m2")?;
    nbctl(
        "set Logical_Switch s other_config:ct-zone-limit=200 -- remove Logical_Switch_Port p1 options ct-zone-limit",
    )?;
    nbctl("--wait=hv sync")?;
    until("the new rate, sink and limits", || {
        let all = lines(&host)?.concat();
        Ok(["900000", "10.0.0.10", "mirror m2"].iter().all(|word| all.contains(word))
            && all.matches("=200").count() == 4
            && !all.contains("select_dst_port=[v1,v2]"))
    })?;
    let ours = lines(&host)?;
    assert!(!ours.iter().any(|line| line.starts_with("limit ln=")), "{ours:?}");
    let numbers = |host: &Host| -> Result<BTreeSet<String>, String> {
        Ok(host.appctl(&["ct-zone-list"])?.lines().map(str::to_owned).collect())
    };
    let before = numbers(&host)?;
    host.hand_over()?;
    nbctl("--wait=hv sync")?;
    // When ovn-controller starts it may swap the numbers of two zones, and their limits may stay where they were; in some
    // runs it limits the localnet port's zone too. Of these zones ours alone are looked at, above.
    let after = numbers(&host)?;
    let moved: Vec<String> = before
        .difference(&after)
        .filter_map(|zone| Some(format!("limit {}=", zone.split_once(' ')?.0)))
        .chain(["limit ln=".to_owned()])
        .collect();
    let kept = |lines: Vec<String>| -> Vec<String> {
        let is_moved = |line: &String| moved.iter().any(|zone| line.starts_with(zone));
        lines.into_iter().filter(|line| !is_moved(line)).collect()
    };
    let ours = kept(ours);
    let settled = until("the same rows", || Ok(kept(lines(&host)?) == ours));
    no_faults(difference(&kept(lines(&host)?), &ours))?;
    settled?;

    host.appctl(&["exit", "--restart"])?;
    host.resume()?;
    nbctl(
        "mirror-del -- lsp-del p2 -- remove Logical_Switch_Port p1 options qos_max_rate -- remove Logical_Switch s other_config ct-zone-limit",
    )?;
    nbctl("remove Logical_Switch_Port p1 options qos_burst")?;
    until("nothing is left", || Ok(lines(&host)?.is_empty()))?;
    Ok(())
}

/// The rows in comparable form: with names in place of identifiers.
fn lines(reference: &Reference, switch: &Switch) -> Result<Vec<String>, String> {
    let local = dump::of_remote(reference, &switch.database(), "Open_vSwitch")?;
    fn rows<T: Table>(local: &dump::Dump) -> Result<BTreeMap<Uuid, T>, String> {
        let decode = |(uuid, row): (&Uuid, &dump::Row)| {
            let columns: Vec<Option<Datum>> = T::COLUMNS.iter().map(|name| row.get(*name).cloned()).collect();
            Ok((*uuid, T::decode(*uuid, &columns).map_err(|error| error.to_string())?))
        };
        local.get(T::NAME).into_iter().flatten().map(decode).collect()
    }
    let text = |map: &Map| {
        let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(",")
    };
    let (ports, interfaces) = (rows::<ovs::Port>(&local)?, rows::<ovs::Interface>(&local)?);
    let (queues, zones) = (rows::<ovs::Queue>(&local)?, rows::<ovs::CtZone>(&local)?);
    let port = |uuid: &Uuid| ports.get(uuid).map_or("none", |port| &*port.name);
    let names = |uuids: &[Uuid]| {
        let mut names: Vec<&str> = uuids.iter().map(port).collect();
        names.sort_unstable();
        names.join(",")
    };
    let mut lines = Vec::new();
    for (uuid, qos) in rows::<ovs::Qos>(&local)? {
        let on = ports.values().find(|port| port.qos == Some(uuid)).map_or("none", |port| &*port.name);
        lines.push(format!("qos {on} {} {} {}", qos.type_, text(&qos.other_config), text(&qos.external_ids)));
        for (number, queue) in &qos.queues {
            let Some(queue) = queues.get(queue) else { return Err(format!("no queue {number}")) };
            let (config, ids) = (text(&queue.other_config), text(&queue.external_ids));
            lines.push(format!("queue {on} {number} {config} {ids}"));
        }
    }
    if lines.is_empty() && !queues.is_empty() {
        lines.push("queues of nobody".to_owned());
    }
    for mirror in rows::<ovs::Mirror>(&local)?.values() {
        lines.push(format!(
            "mirror {} to {} select_src_port=[{}] select_dst_port=[{}] {}",
            mirror.name,
            mirror.output_port.as_ref().map_or("none", port),
            names(&mirror.select_src_port),
            names(&mirror.select_dst_port),
            text(&mirror.external_ids)
        ));
    }
    for port in ports.values().filter(|port| port.external_ids.contains("ovn-owned")) {
        for interface in port.interfaces.iter().filter_map(|uuid| interfaces.get(uuid)) {
            lines.push(format!("tunnel {} {} {}", port.name, interface.type_, text(&interface.options)));
        }
    }
    // Who starts gives some zones other numbers.
    let bridges = rows::<ovs::Bridge>(&local)?;
    let zone_ids = bridges.values().flat_map(|bridge| bridge.external_ids.iter());
    let zone_names: BTreeMap<&str, &str> =
        zone_ids.filter_map(|(key, number)| Some((&**number, key.strip_prefix("ct-zone-")?))).collect();
    for datapath in rows::<ovs::Datapath>(&local)?.values() {
        for (number, zone) in &datapath.ct_zones {
            let limit = zones.get(zone).and_then(|zone| zone.limit);
            let name = zone_names.get(number.to_string().as_str()).copied().unwrap_or("nobody");
            lines.extend(limit.map(|limit| format!("limit {name}={limit}")));
        }
    }
    lines.sort();
    Ok(lines)
}
