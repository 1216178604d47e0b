//! Which backends new connections go to, where not to all (H06, H07, H16): those that probes find
//! alive, and, if the load balancer is distributed, only those that are known where they are.
//!
//! ```text
//! checked(vip)            :-  Load_Balancer.health_check of the VIP, not of SCTP and templates
//! placed(vip, backend)    :-  vip checked or distributed, ip_port_mappings of the backend
//! probe(backend)          :-  placed, checked, the port in use or in another zone
//! target(vip, backend)    :-  placed, and alive if checked
//! ```
//!
//! Cost: a backend that turns alive or dead costs the VIPs that it serves.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::attach::Attachment;
use super::mapping::Mapping;
use super::probe_source::{self, Point, Source, Wish};
use super::vip::{Endpoint, Family};
use super::{Protocol, Service, ServiceId, Targets};
use crate::flow::On;
use crate::flow::row::Placed;
use crate::global::single;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Map, MapEntry, nb};
use crate::service::monitor::{self, Health, PortState, Probe, Target};

/// The probe of a VIP's backends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Check {
    service: ServiceId,
    row: Uuid,
    options: Map,
}

/// A backend of a VIP of which it matters where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Backend {
    service: ServiceId,
    /// Its place in the list of the CMS.
    number: usize,
    endpoint: Endpoint,
    /// Whether the key of its mapping has brackets: unless the VIP is an IPv4 address, which that of a template never
    /// is for ovn-northd.
    bracketed: bool,
    family: Family,
    protocol: Protocol,
    distributed: bool,
    /// The options of its probe, if it is probed.
    check: Option<Map>,
}

/// A backend with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct PlacedBackend {
    backend: Backend,
    mapping: Mapping,
}

/// A probed backend with its port, if that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Sited {
    placed: PlacedBackend,
    port: Option<PortState>,
    /// The MAC address that probes come from, where no router port has their address.
    mac: Text,
}

/// What health checks come to.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The probes that are wanted.
    pub probes: Relation<Probe>,
    /// Answers for the addresses that probes come from, and what becomes of replies to router ports.
    pub answers: Relation<Placed>,
    /// What is wrong with mappings and checks.
    pub problems: Relation<Problem>,
    placed: Relation<PlacedBackend>,
    particular: Relation<ServiceId>,
}

/// What health checks read.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Load balancers.
    pub load_balancers: &'a Relation<nb::LoadBalancer>,
    /// Their checks.
    pub checks: &'a Relation<nb::HealthCheck>,
    /// Load_Balancer.ip_port_mappings.
    pub mappings: &'a Relation<MapEntry>,
    /// Switch ports.
    pub ports: &'a Relation<PortState>,
    /// The MAC address that probes come from unless a router port has their IP address; one row.
    pub mac: &'a Relation<Text>,
    /// Router ports that may have it.
    pub points: &'a Relation<Point>,
    /// Which routers have which load balancers.
    pub routers: &'a Attachment,
}

impl Protocol {
    /// Whether chassis can probe it.
    fn is_probed(self) -> bool {
        self != Protocol::Sctp
    }
}

/// Finds out which backends are probed, and by whom.
pub fn checked(services: &Relation<Service>, inputs: Inputs<'_>) -> Checked {
    let checks = checks(services, inputs);
    let considered = services.index_by(Service::id).join_optional(
        &checks.index_by(|check| check.service.clone()),
        |service, check| {
            (check.is_some() || service.lb.distributed)
                .then(|| (service.clone(), check.map(|check| check.options.clone())))
        },
    );
    let particular = considered.map(|(service, _)| service.id());
    let backends = considered.flat_map(|(service, check)| {
        let backend = |(number, endpoint): (usize, &Endpoint)| Backend {
            service: service.id(),
            number,
            endpoint: endpoint.clone(),
            bracketed: !service.vip.front.address.is_some_and(|address| address.is_ipv4()),
            family: service.vip.family,
            protocol: service.lb.protocol,
            distributed: service.lb.distributed,
            check: check.clone(),
        };
        service.vip.backends.iter().enumerate().map(backend).collect::<Vec<_>>()
    });
    let read = backends.index_by(|backend| (backend.service.lb, backend.key())).join(
        &inputs.mappings.index_by(|entry| (entry.row, entry.key.clone())),
        |backend, entry| {
            let sourceless = backend.distributed && backend.check.is_none();
            let mapping = Mapping::read(&entry.key, &entry.value, sourceless);
            (backend.clone(), mapping)
        },
    );
    let placed = read.flat_map(|(backend, mapping)| {
        Some(PlacedBackend { backend: backend.clone(), mapping: mapping.as_ref().ok()?.clone() })
    });
    let unread = read.flat_map(|(_, mapping)| {
        let messages = mapping.as_ref().err().map(|unread| unread.messages(""));
        messages.into_iter().flatten().map(Problem::new).collect::<Vec<_>>()
    });
    let problems = unread.distinct().concat(&unsupported(inputs.load_balancers));
    // Whether any datapath has the load balancer makes no difference.
    let used = placed.filter(|placed| placed.backend.check.is_some());
    let sited = single(&used).join(&single(inputs.mac), |placed, mac| (placed.clone(), mac.clone()));
    let sited = sited
        .index_by(|(placed, _): &(PlacedBackend, Text)| placed.mapping.port.clone())
        .join_optional(&inputs.ports.index_by(PortState::name), |(placed, mac), port| {
            Some(Sited { placed: placed.clone(), port: port.cloned(), mac: mac.clone() })
        });
    let wishes = sited.flat_map(Sited::wish);
    let sources = probe_source::sources(&wishes, inputs.points, inputs.routers);
    let sourced = sited.index_by(Sited::wish).join_optional(
        &sources.index_by(|Source { lb, point }| Some((*lb, point.switch, point.ip.clone()))),
        |sited, source| Some((sited.clone(), source.map(|source| source.point.clone()))),
    );
    let probes = sourced.flat_map(|(sited, point)| {
        sited.wanted().then(|| sited.placed.probe(point.as_ref().map_or(&sited.mac, |point| &point.mac)))
    });
    let answers = sourced.flat_map(|(sited, point)| sited.answer(point.as_ref()));
    Checked { probes, answers, problems, placed, particular }
}

/// The check of each VIP that has one: of several the first row.
fn checks(services: &Relation<Service>, inputs: Inputs<'_>) -> Relation<Check> {
    let referred = inputs.load_balancers.flat_map(|row| {
        let lb = row.uuid;
        row.health_check.clone().into_iter().map(move |check| (lb, check))
    });
    let asked = referred
        .index_by(|(_, check)| *check)
        .join(&inputs.checks.index_by(|check| check.uuid), |(lb, _), check| Check {
            service: ServiceId { lb: *lb, vip: check.vip.clone() },
            row: check.uuid,
            options: check.options.clone(),
        })
        .index_by(|check| check.service.clone())
        .reduce(|group| group.rows().min_by_key(|check| check.row).cloned());
    let probed = services.filter(|service| service.lb.protocol.is_probed() && service.lb.template.is_none());
    asked.index_by(|check| check.service.clone()).semijoin(&probed.index_by(Service::id))
}

/// Load balancers whose checks come to nothing.
fn unsupported(load_balancers: &Relation<nb::LoadBalancer>) -> Relation<Problem> {
    load_balancers.flat_map(|row| {
        let kind = if row.health_check.is_empty() {
            return None;
        } else if row.protocol.as_deref() == Some("sctp") {
            "SCTP"
        } else if row.options.get_bool("template", false) {
            "Template"
        } else {
            return None;
        };
        Some(Problem::new(format!(
            "{kind} load balancers do not currently support health checks. \
             Not creating health checks for load balancer {}",
            row.uuid
        )))
    })
}

impl Sited {
    /// Whether it is probed: its port is in use or in another zone.
    fn wanted(&self) -> bool {
        self.placed.mapping.zone.is_some() || self.port.as_ref().is_some_and(|port| port.enabled)
    }

    /// The router port that its probes are to come from, if one may have their address.
    fn wish(&self) -> Option<Wish> {
        let Mapping { source, zone: None, .. } = &self.placed.mapping else { return None };
        let port = self.port.as_ref().filter(|port| port.enabled)?;
        Some((self.placed.backend.service.lb, port.switch, source.clone()?))
    }

    /// The answer for the address that probes come from, where that is nobody's own; else what becomes of
    /// the reply to the router port.
    fn answer(&self, point: Option<&Point>) -> Option<Placed> {
        let PlacedBackend { backend, mapping } = &self.placed;
        if let Some(point) = point {
            let flow = probe_source::reply(
                &mapping.port,
                &backend.endpoint,
                backend.family,
                backend.protocol,
                point,
            );
            return Some(Placed { on: On::Datapath(point.back), flow });
        }
        let (port, source) = (self.port.as_ref()?, mapping.source.as_ref()?);
        let flow = monitor::answer(source, &self.mac, backend.family == Family::Ip4);
        Some(Placed { on: On::Datapath(port.switch), flow: flow.hint(backend.service.lb) })
    }
}

impl Checked {
    /// The services with the backends that new connections go to.
    pub fn services(&self, services: &Relation<Service>, health: &Relation<Health>) -> Relation<Service> {
        let unchecked = self.placed.filter(|placed| placed.backend.check.is_none());
        let alive = health.filter(Health::alive);
        let alive = self
            .placed
            .filter(|placed| placed.backend.check.is_some())
            .index_by(PlacedBackend::target)
            .semijoin(&alive.index_by(|health| health.target.clone()));
        let chosen =
            unchecked.concat(&alive).index_by(|placed| placed.backend.service.clone()).reduce(|group| {
                let mut backends: Vec<&PlacedBackend> = group.rows().collect();
                backends.sort_unstable_by_key(|placed| placed.backend.number);
                let texts: Vec<Text> = backends.iter().map(|placed| placed.text().into()).collect();
                Some((group.any().backend.service.clone(), texts))
            });
        let chosen = self.particular.index_by(ServiceId::clone).join_optional(
            &chosen.index_by(|(service, _)| service.clone()),
            |service, chosen| {
                let texts = chosen.map(|(_, texts)| texts.clone()).unwrap_or_default();
                Some((service.clone(), texts))
            },
        );
        services.index_by(Service::id).join_optional(
            &chosen.index_by(|(service, _)| service.clone()),
            |service, chosen| {
                let targets = match chosen {
                    Some((_, texts)) => Targets::Chosen(texts.clone()),
                    None => Targets::AsWritten,
                };
                Some(Service { targets, ..service.clone() })
            },
        )
    }
}

impl Backend {
    /// The key of its mapping.
    fn key(&self) -> Text {
        if self.bracketed { format!("[{}]", self.endpoint.ip).into() } else { self.endpoint.ip.clone() }
    }
}

impl PlacedBackend {
    fn target(&self) -> Target {
        Target {
            ip: self.backend.endpoint.ip.clone(),
            logical_port: self.mapping.port.clone(),
            port: i64::from(self.backend.endpoint.number),
            protocol: self.backend.protocol.name().into(),
        }
    }

    fn probe(&self, mac: &Text) -> Probe {
        let mut options = self.backend.check.clone().unwrap_or_default();
        if let Some(zone) = &self.mapping.zone {
            options.insert_beside("az-name", zone.clone());
        }
        Probe {
            target: self.target(),
            kind: monitor::Kind::LoadBalancer,
            input_port: None,
            mac: Text::default(),
            src_mac: mac.clone(),
            src_ip: self.mapping.source.clone().unwrap_or_default(),
            options,
            remote: self.mapping.zone.is_some(),
        }
    }

    /// The backend as the action takes it.
    fn text(&self) -> String {
        let Endpoint { ip, address, number, .. } = &self.backend.endpoint;
        let place =
            if self.backend.distributed { format!("\"{}\":", self.mapping.port) } else { String::new() };
        match address {
            Some(address) if address.is_ipv4() => format!("{place}{ip}:{number}"),
            _ => format!("{place}[{ip}]:{number}"),
        }
    }
}
