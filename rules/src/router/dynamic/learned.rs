//! Routes that chassis have learned (L04): the rows are read like configured routes, and deleted where their
//! port learns no more.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::global::stale;
use crate::northd::{Northbound, Southbound};
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::router::route::static_route::{NextHop, Origin, Spec, prefix};
use crate::schema::sb;
use crate::topology::datapath;
use crate::topology::routed::{Learning, Routed};

/// What has been learned.
#[derive(Clone, Debug)]
pub struct Learned {
    /// Routes by router.
    pub routes: Relation<(Uuid, Spec)>,
    /// Rows to delete.
    pub stale: Relation<sb::LearnedRoute>,
    /// Rows that make no sense.
    pub problems: Relation<Problem>,
}

/// A row on a router, with the name of the port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Row {
    router: Uuid,
    port: Text,
    row: sb::LearnedRoute,
}

/// Reads a row; `port` is the name of its port.
fn read(row: &sb::LearnedRoute, port: &Text) -> Result<Spec, String> {
    let bad = |what, text: &Text| format!("bad {what} {text} in learned route {}", row.uuid);
    let next_hop = NextHop::read(&row.nexthop).map_err(|what| bad(what, &row.nexthop))?;
    let prefix = prefix(&row.ip_prefix).ok_or_else(|| bad("'ip_prefix'", &row.ip_prefix))?;
    Ok(Spec {
        row: row.uuid,
        table: Text::default(),
        prefix: (prefix, row.ip_prefix.clone()),
        by_source: false,
        origin: Origin::Learned,
        next_hop: (next_hop, row.nexthop.clone()),
        output_port: Some(port.clone()),
        bfd: None,
        symmetric: false,
        fields: Vec::new(),
    })
}

/// The routes that ports have learned.
///
/// Cost: a row costs itself; a port that begins to learn or ceases to, its rows.
pub fn learned(nb: &Northbound, sb: &Southbound, routed: &Routed) -> Learned {
    let owners = sb.datapath.flat_map(|row| Some((row.uuid, datapath::owner(row)?)));
    let live = nb.router.filter(|router| router.enabled != Some(false)).map(|router| router.uuid);
    let routers = owners
        .index_by(|(_, owner): &(Uuid, Uuid)| *owner)
        .semijoin(&live.index_by(|router| *router))
        .index_by(|(datapath, _)| *datapath);
    let learning = routed.learning(&sb.port, &owners);
    let rows = sb
        .learned_route
        .index_by(|row| row.datapath)
        .join(&routers, |row, (_, router)| (*router, row.clone()))
        .index_by(|(_, row): &(Uuid, sb::LearnedRoute)| row.logical_port)
        .join(&learning.index_by(|port: &Learning| port.row), |(router, row), port| Row {
            router: *router,
            port: port.name.clone(),
            row: row.clone(),
        });
    let routes = rows.flat_map(|row| Some((row.router, read(&row.row, &row.port).ok()?)));
    let problems = rows.flat_map(|row| read(&row.row, &row.port).err().map(Problem::new));
    let live = owners
        .index_by(|(_, owner): &(Uuid, Uuid)| *owner)
        .semijoin(&live.index_by(|router| *router))
        .map(|(row, _)| *row);
    let stale = stale::learned_routes(&sb.learned_route, &live, &learning.map(|port| port.row));
    Learned { routes, stale, problems }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_make_no_sense_are_named() {
        let wrong = |prefix: &str, hop: &str| {
            let row =
                sb::LearnedRoute { ip_prefix: prefix.into(), nexthop: hop.into(), ..Default::default() };
            read(&row, &"r".into()).err()
        };
        let zero = Uuid::ZERO;
        assert_eq!(wrong("10.0.0.0/8", ""), Some(format!("bad 'nexthop'  in learned route {zero}")));
        assert_eq!(
            wrong("10.0.0.0/8", "1.2.3.4/24"),
            Some(format!("bad next hop mask 1.2.3.4/24 in learned route {zero}"))
        );
        assert_eq!(wrong("x", "1.2.3.4"), Some(format!("bad 'ip_prefix' x in learned route {zero}")));
        assert_eq!(wrong("::/0", "1.2.3.4"), None);
    }
}
