//! Load balancers: the chassis that have to do with each, and the VIPs that they know.

use northflow_engine::{Builder, Index, Relation};
use northflow_language::template::variables;
use northflow_rules::ovsdb::Uuid;
use northflow_rules::schema::{MapEntry, seen};
use serde::{Deserialize, Serialize};

use crate::inputs::Southbound;
use crate::locality::Locality;
use crate::shared::Shared;
use crate::template::{Use, values};

/// The protocol of a load balancer's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    pub fn of(name: Option<&str>) -> Protocol {
        match name {
            Some("udp") => Protocol::Udp,
            Some("sctp") => Protocol::Sctp,
            _ => Protocol::Tcp,
        }
    }

    /// Its number in IP.
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }
}

/// A VIP and its backends; with template variables it is the version of one chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Service {
    pub entry: MapEntry,
    /// The chassis whose template variables are in it.
    pub only: Option<Uuid>,
}

/// A datapath that has a load balancer, or a group of them that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The datapath or the group.
    pub at: Uuid,
    /// Whether these are switches.
    pub is_switch: bool,
}

/// All that has a load balancer. There are few of these: services of a network are often in the same places.
pub(crate) type Place = Shared<Vec<Holder>>;

/// A switch of a place on a chassis that has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Keyed {
    pub place: Place,
    pub chassis: Uuid,
    /// The key of the switch.
    pub key: u32,
}

/// The load balancers that some chassis has.
pub(crate) struct Balancers {
    pub places: Places,
    /// The VIPs by load balancer.
    pub services: Index<Uuid, Service>,
}

/// The load balancers that some chassis has.
///
/// Cost: a datapath that joins a group costs the places with the group; a variable costs the VIPs with it on its chassis.
pub(crate) fn balancers(program: &Builder, sb: &Southbound, locality: &Locality) -> Balancers {
    let places = places(program, sb, locality);
    let services = services(sb, &places).index_by(|service| service.entry.row);
    Balancers { places, services }
}

/// Where load balancers are.
pub(crate) struct Places {
    /// The place of each: (load balancer, place).
    pub of_balancers: Index<Uuid, (Uuid, Place)>,
    /// The chassis that have any datapath of a place.
    pub chassis: Index<Place, (Place, Uuid)>,
    pub switches: Relation<Keyed>,
}

/// The places of load balancers.
///
/// Cost: a datapath that joins a group costs the places with the group.
fn places(program: &Builder, sb: &Southbound, locality: &Locality) -> Places {
    let of_group = |group: fn(&seen::LoadBalancer) -> Option<Uuid>, is_switch| {
        sb.load_balancer.flat_map(move |row| group(row).map(|at| (row.uuid, Holder { at, is_switch })))
    };
    let direct =
        sb.load_balancer_datapaths.map(|link| (link.owner, Holder { at: link.member, is_switch: true }));
    let holders = [
        direct,
        of_group(|row| row.datapath_group, true),
        of_group(|row| row.ls_datapath_group, true),
        of_group(|row| row.lr_datapath_group, false),
    ];
    let of_balancers = program.union(&holders).index_by(|(balancer, _)| *balancer).reduce(|group| {
        let mut holders: Vec<Holder> = group.rows().map(|(_, holder)| *holder).collect();
        holders.sort();
        Some((group.any().0, Shared::new(holders)))
    });

    // The datapaths of groups that chassis have, and these by themselves.
    let of_groups = sb
        .dp_group_datapaths
        .index_by(|link| link.member)
        .join(&locality.by_datapath, |link, reach| (link.owner, *reach));
    let reached = of_groups.concat(&locality.reach.map(|reach| (reach.datapath, *reach)));
    let on = of_balancers
        .map(|(_, place)| place.clone())
        .distinct()
        .flat_map(|place: &Place| {
            let place = place.clone();
            let holders = place.to_vec();
            holders.into_iter().map(move |holder| (place.clone(), holder))
        })
        .index_by(|(_, holder)| holder.at)
        .join(&reached.index_by(|(at, _)| *at), |(place, holder), (_, reach)| {
            (place.clone(), holder.is_switch, *reach)
        });
    let chassis = on.map(|(place, _, reach)| (place.clone(), reach.chassis)).distinct();
    let chassis = chassis.index_by(|(place, _)| place.clone());
    let keys = sb
        .datapath
        .flat_map(|datapath| Some((datapath.uuid, u32::try_from(datapath.tunnel_key).ok()?)))
        .index_by(|(uuid, _)| *uuid);
    let switches = on
        .flat_map(|(place, is_switch, reach)| is_switch.then(|| (place.clone(), *reach)))
        .distinct()
        .index_by(|(_, reach)| reach.datapath)
        .join(&keys, |(place, reach), (_, key)| Keyed {
            place: place.clone(),
            chassis: reach.chassis,
            key: *key,
        });
    let of_balancers = of_balancers.index_by(|(_, place)| place.clone()).semijoin(&chassis);
    Places { of_balancers: of_balancers.index_by(|(balancer, _)| *balancer), chassis, switches }
}

/// The VIPs of all chassis, and of each chassis those that have template variables.
///
/// Cost: a variable costs the VIPs with it on its chassis.
fn services(sb: &Southbound, places: &Places) -> Relation<Service> {
    let has_variables =
        |entry: &MapEntry| !(variables(&entry.key).is_empty() && variables(&entry.value).is_empty());
    let uses = sb
        .vips
        .filter(has_variables)
        .index_by(|entry| entry.row)
        .join(&places.of_balancers, |entry, (_, place)| (entry.clone(), place.clone()))
        .index_by(|(_, place)| place.clone())
        .join_flat(&places.chassis, |(entry, _), (_, chassis)| {
            let (by, chassis) = (entry.clone(), *chassis);
            let mut names = variables(&entry.key);
            names.extend(variables(&entry.value));
            names.into_iter().map(move |name| Use { by: by.clone(), chassis, variable: name.into() })
        });
    let own = values(sb, &uses).flat_map(|values| {
        let MapEntry { row, key, value } = &values.of;
        let entry = MapEntry { row: *row, key: values.expand(key)?, value: values.expand(value)? };
        Some(Service { entry, only: Some(values.chassis) })
    });
    let shared = sb.vips.filter(move |entry| !has_variables(entry));
    shared.map(|entry| Service { entry: entry.clone(), only: None }).concat(&own)
}
