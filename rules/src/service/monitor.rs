//! Service monitors (H06, N03; ovn-sb(5), Service_Monitor): what chassis probe, and what came of it.
//!
//! Features ask for probes ([`Probe`]); equal ones share a row. Chassis write the status; northflow
//! names the chassis that is to probe, and takes a status back when the port behind it goes down.
//!
//! Other availability zones ask for probes too, by rows of their own (`ic_learned`), which stay as they are
//! until somebody here asks for the same.
//!
//! ```text
//! row(key)          :-  some probe asks for key
//! chassis(key)      :-  the chassis that has bound the port
//! offline(key)      :-  row(key) is online, the port is not up and not in another zone
//! alive(key, yes)   :-  row(key) has no status, or is online with its port up
//! ```

use std::cmp::Reverse;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::row::Placed;
use crate::flow::{Flow, On, Stage};
use crate::global::single;
use crate::ovsdb::{Text, Uuid};
use crate::schema::sb::PortBindingState;
use crate::schema::{Map, Table, key_uuid, nb, sb};
use crate::topology::switch_port::SwitchPort;

/// What is probed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The address.
    pub ip: Text,
    /// The name of the logical port that has it.
    pub logical_port: Text,
    /// The port of the transport layer; 0 if there is none.
    pub port: i64,
    /// `tcp`, `udp` or `icmp`.
    pub protocol: Text,
}

/// What a probe is for. Of several for one target the first names it, and the last has its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A backend of a load balancer.
    LoadBalancer,
    /// A network function.
    NetworkFunction,
    /// What is behind a switch port.
    SwitchPort,
}

impl Kind {
    /// How Service_Monitor says it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::LoadBalancer => "load-balancer",
            Kind::NetworkFunction => "network-function",
            Kind::SwitchPort => "logical-switch-port",
        }
    }
}

/// A wish for a probe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Probe {
    /// What is probed.
    pub target: Target,
    /// What for.
    pub kind: Kind,
    /// The logical port by which probes are sent, if they are to come out by that of the target.
    pub input_port: Option<Text>,
    /// The MAC address that probes go to; empty if it is found out.
    pub mac: Text,
    /// The MAC address that probes come from.
    pub src_mac: Text,
    /// The IP address that probes come from.
    pub src_ip: Text,
    /// Interval, timeout, counts.
    pub options: Map,
    /// Whether the port is in another availability zone.
    pub remote: bool,
}

/// A switch port as far as monitors are concerned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortState {
    /// Its name.
    pub name: Text,
    /// The northbound row of its switch.
    pub switch: Uuid,
    /// Whether it is in use.
    pub enabled: bool,
    /// Whether its chassis says that it is up.
    pub up: bool,
    /// The name of the chassis that has bound it.
    pub chassis: Option<Text>,
}

impl PortState {
    /// Keys indexes by the name.
    pub fn name(&self) -> Text {
        self.name.clone()
    }
}

/// Whether a probed target may be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Health {
    /// The target.
    pub target: Target,
    /// Its status, empty while there is none.
    pub status: Text,
}

impl Health {
    /// Whether it may be used: nothing has been heard against it.
    pub fn alive(&self) -> bool {
        matches!(&*self.status, "" | "online")
    }
}

/// What comes of all probes.
#[derive(Clone, Debug)]
pub struct Monitors {
    /// The rows.
    pub rows: Relation<sb::ServiceMonitor>,
    /// The chassis of rows that name another one.
    pub chassis: Relation<sb::ServiceMonitorChassis>,
    /// Rows whose status is taken back.
    pub offline: Relation<sb::ServiceMonitorStatus>,
    /// The health of every probed target.
    pub health: Relation<Health>,
}

impl Target {
    fn of(state: &sb::ServiceMonitorState) -> Target {
        Target {
            ip: state.ip.clone(),
            logical_port: state.logical_port.clone(),
            port: state.port,
            protocol: state.protocol.clone().unwrap_or_default(),
        }
    }

    fn row(&self) -> Uuid {
        let port = self.port.to_string();
        key_uuid(sb::ServiceMonitor::NAME, &[&self.ip, &self.logical_port, &port, &self.protocol])
    }
}

/// A row that is in the database, what is asked of it, and the port behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Monitored {
    target: Target,
    remote: bool,
    input_port: Option<Text>,
    row: Option<(Uuid, Text, Text)>,
}

/// The state of the port behind a row, or of both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Judged {
    monitored: Monitored,
    up: bool,
    chassis: Option<Text>,
}

impl Judged {
    fn gone(&self) -> bool {
        !self.monitored.remote && !self.up
    }

    fn status(&self) -> Text {
        let status = self.monitored.row.as_ref().map(|(_, status, _)| status.clone()).unwrap_or_default();
        if self.gone() && &*status == "online" { "offline".into() } else { status }
    }

    fn taken_back(&self) -> Option<sb::ServiceMonitorStatus> {
        let (uuid, status, _) = self.monitored.row.as_ref()?;
        (self.gone() && &**status == "online")
            .then(|| sb::ServiceMonitorStatus { uuid: *uuid, status: Some("offline".into()) })
    }

    fn moved(&self) -> Option<sb::ServiceMonitorChassis> {
        let (uuid, _, named) = self.monitored.row.as_ref()?;
        let chassis = self.chassis.as_ref().filter(|chassis| !self.monitored.remote && *chassis != named)?;
        Some(sb::ServiceMonitorChassis { uuid: *uuid, chassis_name: chassis.clone() })
    }
}

/// Makes rows of probes. `states` are the rows that are there; `ports` the switch ports by name.
///
/// Cost: a probe costs its row; a status or a port costs the targets on that port.
pub fn monitors(
    probes: &Relation<Probe>,
    states: &Relation<sb::ServiceMonitorState>,
    ports: &Relation<PortState>,
) -> Monitors {
    let granted = probes.index_by(|probe| probe.target.clone()).reduce(|group| {
        let kind = group.rows().map(|probe| probe.kind).min()?;
        Some(Probe { kind, ..group.rows().max_by_key(|probe| (probe.kind, Reverse(*probe)))?.clone() })
    });
    let rows = granted.map(|probe| {
        let Probe { target, kind, input_port, mac, src_mac, src_ip, options, remote } = probe;
        sb::ServiceMonitor {
            uuid: target.row(),
            type_: Some(kind.name().into()),
            ip: target.ip.clone(),
            logical_port: target.logical_port.clone(),
            port: target.port,
            protocol: Some(target.protocol.clone()),
            logical_input_port: input_port.clone().unwrap_or_default(),
            mac: mac.clone(),
            src_mac: src_mac.clone(),
            src_ip: src_ip.clone(),
            options: options.clone(),
            remote: *remote,
            ic_learned: false,
        }
    });
    let held = granted.map(|probe| (probe.target.clone(), probe.remote, probe.input_port.clone()));
    let monitored = held.index_by(|(target, ..)| target.clone()).join_optional(
        &states.index_by(Target::of),
        |(target, remote, input_port), state| {
            let row = state.map(|state| {
                (state.uuid, state.status.clone().unwrap_or_default(), state.chassis_name.clone())
            });
            let (target, input_port) = (target.clone(), input_port.clone());
            Some(Monitored { target, remote: *remote, input_port, row })
        },
    );
    let by_name = ports.index_by(PortState::name);
    let judged = monitored.index_by(|monitored| monitored.target.logical_port.clone()).join_optional(
        &by_name,
        |monitored, port| {
            Some(Judged {
                monitored: monitored.clone(),
                up: port.is_some_and(|port| port.up),
                chassis: port.and_then(|port| port.chassis.clone()),
            })
        },
    );
    let through = judged
        .filter(|judged| judged.monitored.input_port.is_some())
        .index_by(|judged| judged.monitored.input_port.clone().unwrap_or_default())
        .join_optional(&by_name, |judged, port| {
            Some(Judged {
                up: judged.up && port.is_some_and(|port| port.up),
                chassis: judged.chassis.clone().or_else(|| port?.chassis.clone()),
                ..judged.clone()
            })
        });
    let judged = judged.filter(|judged| judged.monitored.input_port.is_none()).concat(&through);
    let health =
        judged.map(|judged| Health { target: judged.monitored.target.clone(), status: judged.status() });
    let offline = judged.flat_map(Judged::taken_back);
    let chassis = judged.flat_map(Judged::moved);
    Monitors { rows, chassis, offline, health }
}

/// Switch ports as monitors see them.
///
/// Cost: a port costs itself; a chassis that gets another name costs the ports that it hosts.
pub fn port_states(
    ports: &Relation<SwitchPort>,
    rows: &Relation<nb::LogicalSwitchPort>,
    bindings: &Relation<PortBindingState>,
    chassis: &Relation<sb::Chassis>,
) -> Relation<PortState> {
    let names = chassis.map(|row| (row.uuid, row.name.clone()));
    let hosted = bindings
        .index_by(PortBindingState::chassis)
        .join(&names.index_by(|(uuid, _)| Some(*uuid)), |binding, (_, name)| {
            (binding.logical_port.clone(), name.clone())
        });
    let disabled = rows.filter(|row| row.enabled == Some(false)).map(|row| row.uuid);
    let disabled = ports.index_by(SwitchPort::row).semijoin(&disabled.index_by(|row| *row));
    ports.index_by(SwitchPort::name).join_groups(
        (
            &bindings.index_by(PortBindingState::logical_port),
            &hosted.index_by(|(port, _): &(Text, Text)| port.clone()),
            &disabled.index_by(SwitchPort::name),
        ),
        |port, (binding, chassis, disabled)| {
            Some(PortState {
                name: port.port.name.clone(),
                switch: port.switch,
                enabled: disabled.first().is_none(),
                up: binding.first().is_some_and(|binding| binding.up == Some(true)),
                chassis: chassis.first().map(|(_, name)| name.clone()),
            })
        },
    )
}

/// The flow that answers for the address that probes come from, where that is nobody's own
/// (ovn-northd(8), ingress table ARP/ND responder).
pub fn answer(source: &str, mac: &str, ip4: bool) -> Flow {
    let (matches, actions) = if ip4 {
        (
            format!("arp.tpa == {source} && arp.op == 1"),
            format!(
                "eth.dst = eth.src; eth.src = {mac}; arp.op = 2; /* ARP reply */ arp.tha = arp.sha; \
                 arp.sha = {mac}; arp.tpa = arp.spa; arp.spa = {source}; outport = inport; \
                 flags.loopback = 1; output;"
            ),
        )
    } else {
        (
            format!("nd_ns && nd.target == {source}"),
            format!(
                "nd_na {{ eth.dst = eth.src; eth.src = {mac}; ip6.src = {source}; nd.target = {source}; \
                 nd.tll = {mac}; outport = inport; flags.loopback = 1; output; }};"
            ),
        )
    };
    Flow::new(Stage::LsInArpRsp, ANSWER, matches, actions).written_in("service/monitor.rs")
}

/// Answers for the addresses that the probes of other availability zones come from; `mac` is one row.
///
/// Cost: such a row costs its flow.
pub fn interconnected(
    states: &Relation<sb::ServiceMonitorState>,
    ports: &Relation<PortState>,
    mac: &Relation<Text>,
) -> Relation<Placed> {
    let learned = single(&states.filter(|state| state.ic_learned))
        .join(&single(mac), |state, mac| (state.clone(), mac.clone()));
    learned.index_by(|(state, _): &(sb::ServiceMonitorState, Text)| state.logical_port.clone()).join(
        &ports.index_by(PortState::name),
        |(state, mac), port| Placed {
            on: On::Datapath(port.switch),
            flow: answer(&state.src_ip, mac, state.ip.contains('.')),
        },
    )
}

const ANSWER: u16 = 110;
