//! Where logical flows are: a flow and one datapath of it, with what is to be known of the datapath.

use std::sync::Arc;

use northflow_engine::Relation;
use northflow_language::action::Features;
use northflow_rules::ovsdb::Uuid;
use northflow_rules::schema::{sb, seen};
use serde::{Deserialize, Serialize};

use crate::inputs::{Local, Southbound};
use crate::local;
use crate::locality::{Locality, is_switch};

/// A datapath, as the flows in it need it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Place {
    pub datapath: Uuid,
    pub key: u32,
    pub is_switch: bool,
    /// Both kinds of translation use the zone of source translation.
    pub snat_zone_for_both: bool,
    pub settings: Arc<Settings>,
}

/// What all flows depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Settings {
    pub explicit_output: bool,
    pub register_consolidation: bool,
    pub zero_snat: bool,
    pub meters: bool,
    pub symmetric_hash: bool,
    pub collector_sets: Vec<u32>,
}

impl Settings {
    fn new(global: &sb::SbGlobal, switch: &local::Switch) -> Settings {
        Settings {
            explicit_output: global.options.get_bool("arp_ns_explicit_output", false),
            register_consolidation: global.options.get_bool("register_consolidation", false),
            zero_snat: switch.zero_snat,
            meters: switch.meters,
            symmetric_hash: switch.symmetric_hash,
            collector_sets: switch.collector_sets.clone(),
        }
    }

    pub fn features(&self) -> Features {
        Features { zero_snat: self.zero_snat, meters: self.meters, symmetric_hash: self.symmetric_hash }
    }
}

/// A flow as chassis have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Version {
    pub flow: Uuid,
    /// The chassis whose own it is, because there are template variables in the flow.
    pub chassis: Option<Uuid>,
}

impl Version {
    /// That of all chassis.
    pub fn shared(flow: Uuid) -> Version {
        Version { flow, chassis: None }
    }

    /// That of one chassis.
    pub fn of(flow: Uuid, chassis: Uuid) -> Version {
        Version { flow, chassis: Some(chassis) }
    }
}

/// A flow and a datapath that it is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Member {
    pub version: Version,
    pub place: Arc<Place>,
}

/// The datapaths that some chassis has.
///
/// Cost: a change of the settings touches all of them.
pub(super) fn places(sb: &Southbound, local: &Local, locality: &Locality) -> Relation<Arc<Place>> {
    let settings = sb
        .global
        .index_by(|_| ())
        .join(&local.switch.index_by(|_| ()), |global, switch| Arc::new(Settings::new(global, switch)))
        .distinct();
    let reached = locality.reach.map(|reach| reach.datapath).distinct().index_by(|datapath| *datapath);
    let datapaths = sb.datapath.index_by(|datapath| datapath.uuid).semijoin(&reached);
    datapaths
        .index_by(|_| ())
        .join(&settings.index_by(|_| ()), |datapath, settings| Arc::new(place(datapath, settings)))
}

fn place(datapath: &seen::Datapath, settings: &Arc<Settings>) -> Place {
    Place {
        datapath: datapath.uuid,
        key: u32::try_from(datapath.tunnel_key).unwrap_or(0),
        is_switch: is_switch(datapath),
        snat_zone_for_both: datapath.external_ids.get_number::<u16>("snat-ct-zone").is_some(),
        settings: Arc::clone(settings),
    }
}

/// The datapaths of each flow, of those that some chassis has.
///
/// Cost: a datapath that joins a group costs the flows of the group, if a chassis has it.
pub(super) fn members(sb: &Southbound, places: &Relation<Arc<Place>>) -> Relation<Member> {
    let places = places.index_by(|place| place.datapath);
    let member =
        |flow: Uuid, place: &Arc<Place>| Member { version: Version::shared(flow), place: Arc::clone(place) };
    let alone = sb
        .logical_flow
        .flat_map(|flow| flow.logical_datapath.map(|datapath| (flow.uuid, datapath)))
        .index_by(|(_, datapath)| *datapath)
        .join(&places, move |(flow, _), place| member(*flow, place));
    // First the groups' datapaths, then their flows: a chassis has few of all the datapaths of a group.
    let here = sb
        .dp_group_datapaths
        .index_by(|link| link.member)
        .join(&places, |link, place| (link.owner, Arc::clone(place)));
    let shared = sb
        .logical_flow
        .flat_map(|flow| flow.logical_dp_group.map(|group| (flow.uuid, group)))
        .index_by(|(_, group)| *group)
        .join(&here.index_by(|(group, _)| *group), move |(flow, _), (_, place)| member(*flow, place));
    alone.concat(&shared)
}
