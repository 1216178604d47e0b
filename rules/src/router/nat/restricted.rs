//! Translations without connections that are for some addresses outside alone, at the gateway (J06, J07).
//!
//! ovn-northd matches what the last flow of the router's translations matched, and does what that does:
//! it sends packets back in as [`super::loopback`] has it. These flows are the same.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::entry::{NatEntry, stateless};
use super::first::first;
use super::home::Home;
use super::{commit_all, loopback};
use crate::flow::register::DNAT_LOCAL;
use crate::flow::row::Placed;
use crate::flow::{Flow, On, Stage};
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::schema::Link;
use crate::topology::router::GatewayPort;
use crate::value::addresses::scan_ips;

const STAGE: Stage = Stage::LrInGwRedirect;
const FILE: &str = "router/nat/restricted.rs";

/// Such a translation of a router, whether it counts or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Restricted {
    router: Uuid,
    row: Uuid,
    family: char,
    external_ip: Text,
    set: Text,
    allowed: bool,
}

/// What the flows are made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The translations that count.
    pub entries: &'a Relation<NatEntry>,
    /// The routers.
    pub homes: &'a Relation<Home>,
    /// Routers that commit every connection.
    pub committing: &'a Relation<Uuid>,
    /// Gateway ports by router, but for those before hardware VTEPs.
    pub gateways: &'a Relation<(Uuid, GatewayPort)>,
}

/// The flows of all routers that have gateway ports.
///
/// Cost: such a translation costs its own flow; on a router that has one, the last translation costs the
/// flows of all of them.
pub fn flows(nb: &Northbound, inputs: Inputs<'_>) -> Relation<Placed> {
    let restricted = restricted(nb);
    let having = restricted.map(|nat| nat.router).distinct();
    let having = having.index_by(|router| *router).named("nat.restricted");
    let entries = inputs.entries.index_by(|entry| entry.router).semijoin(&having);
    let last = first(&entries, |entry| entry.router, |entry| !entry.nat.row.0);
    let gateways = inputs.gateways.index_by(|(router, _)| *router).semijoin(&having);
    let gateways = gateways
        .index_by(|(router, _)| *router)
        .reduce(|group| group.rows().max_by(|(_, a), (_, b)| a.port.name.cmp(&b.port.name)).cloned());
    let committed = gateways
        .index_by(|(router, _)| *router)
        .join_optional(&inputs.committing.index_by(|router| *router), |(router, gateway), committing| {
            Some((*router, committing.map(|_| commit_all::last_match(gateway))))
        });
    let before = last
        .index_by(|entry| entry.router)
        .join_flat(&inputs.homes.index_by(|home| home.router), |entry, home| {
            let flow = loopback::egress(entry, home)?;
            let (matches, actions) = (flow.key.matches, flow.key.actions);
            Some((home.router, home.settings, matches, actions))
        })
        .index_by(|(router, ..)| *router)
        .join(&committed.index_by(|(router, _)| *router), |(router, settings, matches, actions), (_, all)| {
            let (matches, actions) = match (settings.common_zone, all) {
                (true, _) => ("ip && ct_mark.natted == 1".into(), format!("{DNAT_LOCAL} = 1; next;").into()),
                (false, Some(all)) => (all.as_str().into(), actions.clone()),
                (false, None) => (matches.clone(), actions.clone()),
            };
            (*router, matches, actions, settings.drop)
        })
        .index_by(|(router, ..): &(Uuid, Text, Text, _)| *router)
        .named("nat.before_restricted");

    let each = restricted.index_by(|nat| nat.router).join(&before, |nat, (_, matches, actions, drop)| {
        let matches = format!("{matches} && ip{}.src == ${}", nat.family, nat.set);
        let actions = if nat.allowed { actions.clone() } else { drop.explicit() };
        let flow = Flow::new(STAGE, 75, matches, actions).hint(nat.row).written_in(FILE);
        Placed { on: On::Datapath(nat.router), flow }
    });
    let allowed = restricted.filter(|nat| nat.allowed);
    let others = first(&allowed, |nat| nat.router, |nat| nat.row.0).index_by(|nat| nat.router);
    let others = others.join(&before, |nat, (_, _, _, drop)| {
        let matches = format!("ip && ip{}.dst == {}", nat.family, nat.external_ip);
        let flow = Flow::new(STAGE, 70, matches, drop.explicit()).written_in(FILE);
        Placed { on: On::Datapath(nat.router), flow }
    });
    each.concat(&others)
}

fn restricted(nb: &Northbound) -> Relation<Restricted> {
    let limited = nb.nat.filter(stateless).flat_map(|row| {
        let (set, allowed) = match (row.allowed_ext_ips, row.exempted_ext_ips) {
            (Some(set), _) => (set, true),
            (None, Some(set)) => (set, false),
            (None, None) => return None,
        };
        let (_, ip6, _) = scan_ips(&row.external_ip);
        let family = if ip6.is_empty() { '4' } else { '6' };
        Some((row.uuid, set, allowed, family, row.external_ip.clone()))
    });
    let names = nb.address_set.map(|row| (row.uuid, row.name.clone()));
    let limited = limited.index_by(|(_, set, ..)| *set).join(
        &names.index_by(|(set, _)| *set),
        |(row, _, allowed, family, external_ip), (_, name)| Restricted {
            router: Uuid::default(),
            row: *row,
            family: *family,
            external_ip: external_ip.clone(),
            set: name.clone(),
            allowed: *allowed,
        },
    );
    nb.router_nat
        .index_by(Link::member)
        .join(&limited.index_by(|nat| nat.row), |link, nat| Restricted { router: link.owner, ..nat.clone() })
}
