//! Southbound rows of load balancers (H15, H21; ovn-sb(5), Load_Balancer): one for each that some
//! datapath has, with the datapaths that have it.
//!
//! ```text
//! combination(lb)              :-  all holders of lb
//! member(combination, datapath) :-  datapath refers to a holder of the combination
//! group(combination)           :-  combinations with equal members share a group
//! row(lb)                      :-  lb, its VIPs, the groups of its combinations of switches and routers
//! ```
//!
//! Cost: a load balancer costs its row; a datapath that refers to a group of load balancers is one
//! element of one column, however many load balancers there are.

use northflow_engine::{Relation, Tally, key_hash};
use serde::{Deserialize, Serialize};

use super::attach::{Attachment, Held, Holder, Referred};
use super::vip::{Family, Vip};
use crate::flow::stage::DatapathType;
use crate::ovsdb::{Atom, Text, Uuid};
use crate::schema::{Map, MapEntry, SetElement, nb, sb};
use crate::topology::datapath_uuid;

/// The southbound rows of load balancers.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The load balancers.
    pub load_balancers: Relation<sb::LoadBalancer>,
    /// Their groups of datapaths; the datapaths are apart.
    pub groups: Relation<sb::LogicalDpGroup>,
    /// The datapaths of the groups.
    pub group_datapaths: Relation<SetElement>,
}

/// All holders of a load balancer, as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Combination {
    lb: Uuid,
    holders: Vec<Holder>,
}

impl Combination {
    fn id(&self) -> u128 {
        key_hash(&self.holders)
    }
}

/// The group of datapaths of a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Grouped {
    lb: Uuid,
    group: Uuid,
}

/// The groups of all load balancers on one type of datapath.
struct Groups {
    grouped: Relation<Grouped>,
    groups: Relation<sb::LogicalDpGroup>,
    datapaths: Relation<SetElement>,
}

/// A load balancer may be on datapaths of both types by the same holders, and has two groups then.
fn groups(attachment: &Attachment, live: &Relation<Uuid>, of: DatapathType) -> Groups {
    let combinations = attachment.held.index_by(|held| held.lb).reduce(|group| {
        let mut holders: Vec<Holder> = group.rows().map(|held: &Held| held.holder).collect();
        holders.sort_unstable();
        Some(Combination { lb: group.any().lb, holders })
    });
    let parts = combinations.flat_map(|combination| {
        let id = combination.id();
        combination.holders.clone().into_iter().map(move |holder| (id, holder))
    });
    let referred = attachment.referred.index_by(|referred| referred.datapath);
    let referred = referred.semijoin(&live.index_by(|datapath| *datapath));
    let members = parts
        .distinct()
        .index_by(|(_, holder)| *holder)
        .join(&referred.index_by(|referred: &Referred| referred.holder), |(id, _), referred| {
            (*id, referred.datapath)
        })
        .distinct();
    let extents = members.tally_by(|(id, _)| *id, |(_, datapath)| key_hash(datapath));
    let members_of = |extent: &Tally<u128>| (extent.count, extent.sum);
    let owner = extents.least_by(members_of, |extent| extent.key);
    let shared = extents
        .index_by(members_of)
        .join(&owner.index_by(members_of), |extent, owner| (extent.key, owner.key));
    let owners = owner.map(|owner| owner.key);
    let groups =
        owners.map(move |id| sb::LogicalDpGroup { uuid: group_uuid(of, *id), datapaths: Vec::new() });
    let datapaths =
        owners.index_by(|id| *id).join(&members.index_by(|(id, _)| *id), move |id, (_, datapath)| {
            SetElement { row: group_uuid(of, *id), element: Atom::Uuid(datapath_uuid(*datapath)) }
        });
    let grouped =
        combinations.map(|combination| (combination.lb, combination.id())).index_by(|(_, id)| *id).join(
            &shared.index_by(|(id, _)| *id),
            move |(lb, _), (_, least)| Grouped { lb: *lb, group: group_uuid(of, *least) },
        );
    Groups { grouped, groups, datapaths }
}

fn group_uuid(of: DatapathType, combination: u128) -> Uuid {
    Uuid::from_hash(key_hash(&("Load_Balancer.datapath_group", of, combination)))
}

/// The rows of all load balancers. `live` names the datapaths that have a Datapath_Binding;
/// `own_column` says, in one row, whether all chassis know `ls_datapath_group`.
pub fn rows(
    load_balancers: &Relation<nb::LoadBalancer>,
    vips: &Relation<MapEntry>,
    switches: &Attachment,
    routers: &Attachment,
    live: &Relation<Uuid>,
    own_column: &Relation<bool>,
) -> Rows {
    let on_switches = groups(switches, live, DatapathType::Switch);
    let on_routers = groups(routers, live, DatapathType::Router);
    let vips = vips.index_by(|entry| entry.row).reduce(|group| {
        let vips: Map = group.rows().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
        Some((group.any().row, vips))
    });
    let load_balancers = load_balancers.index_by(|row| row.uuid).join_groups(
        (
            &vips.index_by(|(lb, _)| *lb),
            &on_switches.grouped.index_by(|grouped| grouped.lb),
            &on_routers.grouped.index_by(|grouped| grouped.lb),
            &own_column.everywhere(),
        ),
        |row, (vips, on_switches, on_routers, own_column)| {
            let ls_datapath_group = on_switches.first().map(|grouped| grouped.group);
            let lr_datapath_group = on_routers.first().map(|grouped| grouped.group);
            ls_datapath_group.or(lr_datapath_group)?;
            let row = row_of(row, vips.first().map(|(_, vips)| vips));
            Some(match own_column.first()? {
                true => sb::LoadBalancer { ls_datapath_group, lr_datapath_group, ..row },
                false => sb::LoadBalancer { datapath_group: ls_datapath_group, lr_datapath_group, ..row },
            })
        },
    );
    Rows {
        load_balancers,
        groups: on_switches.groups.concat(&on_routers.groups),
        group_datapaths: on_switches.datapaths.concat(&on_routers.datapaths),
    }
}

fn row_of(row: &nb::LoadBalancer, vips: Option<&Map>) -> sb::LoadBalancer {
    let vips = vips.cloned().unwrap_or_else(Map::new);
    sb::LoadBalancer {
        uuid: row.uuid,
        name: row.name.clone(),
        vips: template_vips(row, &vips).unwrap_or(vips),
        protocol: row.protocol.clone(),
        options: row.options.clone(),
        ..Default::default()
    }
}

/// The VIPs of a template for IPv6, in which variables stand in brackets as chassis want them; `None`
/// where the CMS's own words will do.
fn template_vips(row: &nb::LoadBalancer, vips: &Map) -> Option<Map> {
    let lb = super::balancer(row, &Default::default());
    let family = lb.template.filter(|family| *family == Family::Ip6)?;
    let well_formed = vips.iter().filter_map(|(key, value)| {
        let front = Vip::read(key, value, Some(family)).ok()?.front;
        let variable = front.ip.starts_with('^');
        let ip = if variable { format!("[{}]", front.ip) } else { front.ip.to_string() };
        let key: Text = match &front.port {
            Some(port) => format!("{ip}:{port}").into(),
            None => ip.into(),
        };
        Some((key, value.clone()))
    });
    let vips: Map = well_formed.collect();
    (!vips.is_empty()).then_some(vips)
}
