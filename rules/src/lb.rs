//! Load balancing (ovn-nb(5), Load_Balancer and Load_Balancer_Group): what the CMS asks for, and the
//! flows and rows that follow.
//!
//! A load balancer's flows are written once for each row by which datapaths have it
//! ([`attach::Holder`]): a group of load balancers on 500 switches is one set of 500 switches, whatever
//! the number of services in it.

pub mod affinity;
pub mod attach;
pub mod empty;
pub mod hairpin;
pub mod health;
pub mod mapping;
pub mod probe_source;
pub mod router;
pub mod row;
pub mod stateless;
pub mod switch;
pub mod vip;

use std::net::Ipv4Addr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::drop::DropConfig;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{MapEntry, nb};
use vip::{Family, Vip};

/// What a load balancer balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP; also where no protocol is given.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    fn read(text: Option<&str>) -> Protocol {
        match text {
            Some("udp") => Protocol::Udp,
            Some("sctp") => Protocol::Sctp,
            _ => Protocol::Tcp,
        }
    }

    /// Its name in matches.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }

    /// Its number in IP headers (IANA, protocol numbers).
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }
}

/// Which VIPs a router answers ARP and neighbour solicitations for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Neighbors {
    /// Those in a network of one of its ports.
    Reachable,
    /// All.
    All,
    /// None.
    None,
}

/// A load balancer without its VIPs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// The northbound row.
    pub row: Uuid,
    /// What it balances.
    pub protocol: Protocol,
    /// The header fields by which connections are spread, as the action takes them.
    pub selection: Option<Text>,
    /// The version of IP, of a template: options:template and options:address-family.
    pub template: Option<Family>,
    /// Whether a VIP without backends rejects connections: options:reject.
    pub reject: bool,
    /// Whether such a VIP tells the CMS that it is wanted: options:event, or for all load balancers
    /// NB_Global options:controller_event.
    pub event: bool,
    /// Whether routers leave the source address alone: options:skip_snat.
    pub skip_snat: bool,
    /// For how many seconds a client keeps its backend; 0 is not at all: options:affinity_timeout.
    pub affinity: u16,
    /// Whether backends are served where they are: options:distributed.
    pub distributed: bool,
    /// Whether several gateway ports translate without conntrack: options:use_stateless_nat.
    pub stateless_nat: bool,
    /// The source address of connections that come back to their client: options:hairpin_snat_ip.
    pub hairpin_snat_ip: Option<Text>,
    /// Whether neighbouring routers get routes to the VIPs: options:add_route.
    pub routable: bool,
    /// What routers answer for: options:neighbor_responder.
    pub neighbors: Neighbors,
}

/// A VIP of a load balancer, as the flows need it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Service {
    /// The load balancer.
    pub lb: LoadBalancer,
    /// The VIP.
    pub vip: Vip,
    /// Where new connections go.
    pub targets: Targets,
    /// Whether dropped packets are sampled.
    pub drop: DropConfig,
}

/// Where new connections to a VIP go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Targets {
    /// To all backends, in the CMS's own words.
    AsWritten,
    /// To these, as the action takes them: the ones that are alive, or known where they are.
    Chosen(Vec<Text>),
}

impl Service {
    /// Whether there is nowhere to go.
    pub fn is_empty(&self) -> bool {
        match &self.targets {
            Targets::AsWritten => self.vip.backends.is_empty(),
            Targets::Chosen(targets) => targets.is_empty(),
        }
    }

    /// Where to go, as the action takes it.
    pub fn target_text(&self) -> String {
        match &self.targets {
            Targets::AsWritten => self.vip.text.to_string(),
            Targets::Chosen(targets) => targets.join(","),
        }
    }
}

/// What is known of load balancers.
#[derive(Clone, Debug)]
pub struct Balancers {
    /// Every well-formed VIP.
    pub services: Relation<Service>,
    /// What is wrong with others.
    pub problems: Relation<Problem>,
}

impl Service {
    /// What the service is called among all.
    pub fn id(&self) -> ServiceId {
        ServiceId { lb: self.lb.row, vip: self.vip.key.clone() }
    }
}

/// The name of a [`Service`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceId {
    /// The load balancer.
    pub lb: Uuid,
    /// The VIP as the CMS wrote it.
    pub vip: Text,
}

/// Network-wide settings of load balancing; one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// NB_Global options:controller_event, deprecated in favour of Load_Balancer options:event.
    pub controller_event: bool,
    /// Whether dropped packets are sampled.
    pub drop: DropConfig,
}

/// Reads load balancers and their VIPs, which come entry by entry.
///
/// Cost: a VIP costs itself; a changed option of a load balancer costs its VIPs.
pub fn balancers(
    rows: &Relation<nb::LoadBalancer>,
    vips: &Relation<MapEntry>,
    settings: &Relation<Settings>,
) -> Balancers {
    let configured = rows
        .index_by(|_| ())
        .join(&settings.index_by(|_| ()), |row, settings| (balancer(row, settings), settings.drop));
    let entries = vips.index_by(|entry| entry.row);
    let read = configured.index_by(|(lb, _)| lb.row).join(&entries, |(lb, drop), entry| {
        let vip = Vip::read(&entry.key, &entry.value, lb.template);
        (lb.clone(), *drop, vip)
    });
    let services = read.flat_map(|(lb, drop, vip)| {
        let vip = vip.as_ref().ok()?.clone();
        Some(Service { lb: lb.clone(), vip, targets: Targets::AsWritten, drop: *drop })
    });
    let unread = read.flat_map(|(_, _, vip)| {
        let messages = vip.as_ref().err().map(|unread| unread.messages("Failed to initialize LB VIP: "));
        messages.into_iter().flatten().map(Problem::new).collect::<Vec<_>>()
    });
    let problems = unread.concat(&rows.flat_map(complaints));
    Balancers { services, problems }
}

fn balancer(row: &nb::LoadBalancer, settings: &Settings) -> LoadBalancer {
    let options = &row.options;
    let flag = |key| options.get_bool(key, false);
    let family = match options.get("address-family").map(|text| &**text) {
        None | Some("ipv4") => Family::Ip4,
        Some(_) => Family::Ip6,
    };
    let template = flag("template").then_some(family);
    let hairpin_snat_ip = options.get("hairpin_snat_ip").filter(|text| text.parse::<Ipv4Addr>().is_ok());
    LoadBalancer {
        row: row.uuid,
        protocol: Protocol::read(row.protocol.as_deref()),
        selection: selection(row),
        template,
        reject: flag("reject"),
        event: flag("event") || settings.controller_event,
        skip_snat: flag("skip_snat"),
        affinity: affinity(row).min(u32::from(u16::MAX)) as u16,
        distributed: flag("distributed"),
        stateless_nat: flag("use_stateless_nat"),
        hairpin_snat_ip: hairpin_snat_ip.cloned(),
        routable: flag("add_route") && template.is_none(),
        neighbors: neighbors(row).unwrap_or(default_neighbors(template.is_some())),
    }
}

fn affinity(row: &nb::LoadBalancer) -> u32 {
    row.options.get_number("affinity_timeout").unwrap_or(0)
}

/// The fields by which connections are spread; those of the transport layer named by the protocol.
fn selection(row: &nb::LoadBalancer) -> Option<Text> {
    let protocol = row.protocol.as_deref().filter(|protocol| !protocol.is_empty());
    let field = |field: &Text| match (&**field, protocol) {
        ("tp_src", Some(protocol)) => format!("{protocol}_src"),
        ("tp_dst", Some(protocol)) => format!("{protocol}_dst"),
        (field, _) => field.to_owned(),
    };
    let fields: Vec<String> = row.selection_fields.iter().map(field).collect();
    (!fields.is_empty()).then(|| fields.join(",").into())
}

fn default_neighbors(template: bool) -> Neighbors {
    if template { Neighbors::None } else { Neighbors::Reachable }
}

/// What options:neighbor_responder asks for, `None` if it asks for nothing that can be had.
fn neighbors(row: &nb::LoadBalancer) -> Option<Neighbors> {
    let template = row.options.get_bool("template", false);
    match row.options.get("neighbor_responder").map(|text| &**text) {
        None => Some(default_neighbors(template)),
        Some("reachable") if !template => Some(Neighbors::Reachable),
        Some("all") => Some(Neighbors::All),
        Some("none") => Some(Neighbors::None),
        Some(_) => None,
    }
}

/// Options that cannot be granted.
fn complaints(row: &nb::LoadBalancer) -> Vec<Problem> {
    let template = row.options.get_bool("template", false);
    let mut complaints = Vec::new();
    if template && row.options.get_bool("add_route", false) {
        complaints.push(format!(
            "Template load balancer {} does not suport option 'add_route'.  Forcing it to disabled.",
            row.uuid
        ));
    }
    if neighbors(row).is_none() {
        let forced = if template { "none" } else { "reachable" };
        complaints.push(format!(
            "Invalid neighbor responder mode {} for load balancer {}, forcing it to {forced}",
            row.options.text("neighbor_responder"),
            row.uuid
        ));
    }
    if affinity(row) > u32::from(u16::MAX) {
        complaints.push(format!("max affinity_timeout timeout value is {}", u16::MAX));
    }
    complaints.into_iter().map(Problem::new).collect()
}
