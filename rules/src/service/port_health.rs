//! Probes of what is behind switch ports (N03; ovn-nb(5), Logical_Switch_Port_Health_Check): rows of
//! Service_Monitor, answers for the addresses that they come from, and what came of them.
//!
//! ```text
//! check(port, row)   :-  Logical_Switch_Port.health_checks, address is one of the port's
//! probe(check)       :-  check of a port in use
//! status(row)        =   Service_Monitor.status of the probe with the same addresses and protocol
//! ```

use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::monitor::{self, Kind, Probe, Target};
use crate::flow::On;
use crate::flow::row::Placed;
use crate::global::single;
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{nb, sb};
use crate::switch::port::Port;
use crate::topology::switch_port::PortConfig;
use crate::value::addresses::{Addresses, PortAddress};

/// A probe that a port asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Check {
    port: Port,
    switch: Uuid,
    /// Whether a row asks chassis for it.
    probed: bool,
    asked: nb::SwitchPortHealthCheck,
}

impl Check {
    fn probe(&self, mac: &Text) -> Option<Probe> {
        let asked = &self.asked;
        let target = Target {
            ip: asked.address.clone(),
            logical_port: self.port.name.clone(),
            port: asked.port,
            protocol: asked.protocol.clone(),
        };
        self.probed.then(|| Probe {
            target,
            kind: Kind::SwitchPort,
            input_port: None,
            mac: Text::default(),
            src_mac: mac.clone(),
            src_ip: asked.src_ip.clone(),
            options: asked.options.clone(),
            remote: false,
        })
    }

    /// Whether a status is that of this probe. ICMP has no ports.
    fn is_meant(&self, state: &sb::ServiceMonitorState) -> bool {
        let asked = &self.asked;
        let protocol = state.protocol.as_ref() == Some(&asked.protocol);
        protocol
            && (&*asked.protocol == "icmp" || state.port == asked.port)
            && (&state.ip, &state.src_ip) == (&asked.address, &asked.src_ip)
    }
}

/// Whether `text` is one of the addresses.
fn has(given: &[Addresses], text: &str) -> bool {
    match text.parse() {
        Ok(IpAddr::V4(address)) => given.iter().flat_map(Addresses::ips4).any(|ip| ip == address),
        Ok(IpAddr::V6(address)) => given.iter().flat_map(Addresses::ips6).any(|ip| ip == address),
        Err(_) => false,
    }
}

/// A probe that a row asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wish {
    port: Uuid,
    check: Uuid,
    /// The addresses that are not given dynamically, where others are.
    fixed: Option<Vec<Addresses>>,
}

impl Wish {
    fn of(row: &nb::LogicalSwitchPort) -> Vec<Wish> {
        if row.health_checks.is_empty() {
            return Vec::new();
        }
        let addresses: Vec<PortAddress> = row.addresses.iter().map(|text| PortAddress::read(text)).collect();
        let dynamic = addresses.iter().any(|address| matches!(address, PortAddress::Dynamic(_)));
        let fixed = dynamic.then(|| addresses.into_iter().filter_map(PortAddress::fixed).collect::<Vec<_>>());
        let wish = |check: &Uuid| Wish { port: row.uuid, check: *check, fixed: fixed.clone() };
        row.health_checks.iter().map(wish).collect()
    }
}

/// The probes that ports ask for. As with ovn-northd an address that was given dynamically is answered from
/// and not probed.
///
/// Cost: a probe costs itself; a port, those that it asks for.
pub fn checks(nb: &Northbound, ports: &Relation<PortConfig>) -> Relation<Check> {
    nb.switch_port
        .flat_map(Wish::of)
        .index_by(|wish| wish.check)
        .join(&nb.switch_port_health_check.index_by(|row| row.uuid), |wish, row| (wish.clone(), row.clone()))
        .index_by(|(wish, _): &(Wish, nb::SwitchPortHealthCheck)| wish.port)
        .join_flat(&ports.index_by(PortConfig::row), |(wish, asked), port| {
            let fixed = wish.fixed.as_ref().is_none_or(|fixed| has(fixed, &asked.address));
            has(&port.addresses, &asked.address).then(|| Check {
                port: port.port.clone(),
                switch: port.switch,
                probed: port.enabled && fixed,
                asked: asked.clone(),
            })
        })
}

/// What monitors are asked for; `mac` is the MAC address that probes come from, one row.
pub fn probes(checks: &Relation<Check>, mac: &Relation<Text>) -> Relation<Probe> {
    single(checks).join_flat(&single(mac), Check::probe)
}

/// Answers for the addresses that probes come from.
pub fn answers(checks: &Relation<Check>, mac: &Relation<Text>) -> Relation<Placed> {
    single(checks).join(&single(mac), |check, mac| {
        let source = &check.asked.src_ip;
        let flow = monitor::answer(source, mac, source.contains('.'));
        Placed { on: On::Datapath(check.switch), flow: flow.hint(check.port.row) }
    })
}

/// What came of probes, where it is not `written` yet. A status that is taken back stays.
///
/// Cost: a status costs the probes of its port.
pub fn statuses(
    checks: &Relation<Check>,
    states: &Relation<sb::ServiceMonitorState>,
    written: &Relation<nb::SwitchPortHealthStatus>,
) -> Relation<nb::SwitchPortHealthStatus> {
    let heard = states
        .filter(|state| state.type_.as_deref() == Some(Kind::SwitchPort.name()) && state.status.is_some());
    let heard = checks
        .index_by(|check| check.port.name.clone())
        .join_flat(&heard.index_by(|state| state.logical_port.clone()), |check, state| {
            check.is_meant(state).then(|| (check.asked.uuid, state.status.clone()))
        })
        .index_by(|(row, _): &(Uuid, Option<Text>)| *row)
        .reduce(|group| group.rows().min().cloned());
    heard.index_by(|(row, _): &(Uuid, Option<Text>)| *row).join_flat(
        &written.index_by(|row| row.uuid),
        |(row, status), written| {
            (written.status != *status)
                .then(|| nb::SwitchPortHealthStatus { uuid: *row, status: status.clone() })
        },
    )
}
