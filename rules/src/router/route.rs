//! Routes: where packets go next.
//!
//! ```text
//! listed(router, spec)   :-  router lists the row, the row can be read
//! hop(query, out)        :-  the port that is asked for, or in whose network the next hop is
//! route(router, spec)    :-  listed, hop, and the session that watches the next hop says it is alive
//! group(destination)     :-  two routes or more, or one whose replies have to come back the same way
//! ```

pub mod connected;
pub mod ecmp;
pub mod held;
pub mod hop;
pub mod next_hop_monitor;
pub mod number;
pub mod static_route;
pub mod symmetric_reply;
pub mod table;

use northflow_engine::{Relation, key_hash};

use self::ecmp::Group;
use self::hop::{Hop, Query};
use self::static_route::{Route, Spec};
use self::table::Table;
use super::bfd::Session;
use super::forwarding::Forwarding;
use crate::flow::drop::DropConfig;
use crate::flow::row::{Placed, place};
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::Link;
use crate::topology::router_port::RouterPortConfig;
use crate::topology::tunnel_key::Assigned;

/// What routes are made of, beside the northbound rows.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What policies are made of too.
    pub forwarding: Forwarding<'a>,
    /// Ports of routers.
    pub ports: &'a Relation<RouterPortConfig>,
    /// The keys of these.
    pub keys: &'a Relation<Assigned>,
    /// Routes that routers have learned.
    pub learned: &'a Relation<(Uuid, Spec)>,
}

/// What routes contribute.
#[derive(Clone, Debug)]
pub struct Routes {
    /// Flows.
    pub placed: Relation<Placed>,
    /// What is wrong.
    pub problems: Relation<Problem>,
    /// The sessions that routes depend on.
    pub watched: Relation<Session>,
    /// Neighbours that replies go back to: the row of the port that they are behind, their address.
    pub symmetric: Relation<(Uuid, Text)>,
    /// Those that lead somewhere and whose next hop answers.
    pub alive: Relation<Route>,
}

/// A route on a router, before its next hop is looked up.
type Listed = (Uuid, Spec);

/// The flows of all routes.
///
/// Cost: a route costs its own flows, and those of the group that it is in; a port, the routes by it; the
/// first session that watches a neighbour of a port, the port's routes.
pub fn routes(nb: &Northbound, inputs: Inputs<'_>) -> Routes {
    let Inputs { forwarding, ports, keys, learned } = inputs;
    let Forwarding { names, exits, exit_names, sessions, held, .. } = forwarding;
    let read = nb.static_route.map(|row| {
        let (spec, wrong) = match Spec::read(row) {
            Ok(spec) => (Some(spec), None),
            Err(wrong) => (None, Some(Text::from(wrong))),
        };
        (row.uuid, spec, wrong)
    });
    let links = nb.router_static_routes.index_by(Link::owner).semijoin(names).index_by(Link::member);
    let joined = links.join(
        &read.index_by(|(row, ..): &(Uuid, Option<Spec>, Option<Text>)| *row),
        |link, (_, spec, wrong)| (link.owner, spec.clone(), wrong.clone()),
    );
    let unreadable = joined.flat_map(|(_, _, wrong)| wrong.clone().map(Problem::new));
    let listed: Relation<Listed> = joined.flat_map(|(router, spec, _)| Some((*router, spec.clone()?)));
    let listed = listed.concat(learned);

    let hops = hop::hops(&listed.flat_map(|(router, spec)| spec.query(*router)), exits);
    let sought = listed.flat_map(|(router, spec)| Some((*router, spec.clone(), spec.query(*router)?)));
    let by_query = sought.index_by(|(.., query): &(Uuid, Spec, Query)| query.clone()).named("route.query");
    let hops = hops.index_by(|hop: &Hop| hop.query.clone()).named("route.hop");
    let reached = by_query.join(&hops, |(router, spec, _), hop| (*router, spec.clone(), hop.out.clone()));
    let unreached = by_query
        .antijoin(&hops)
        .index_by(|(_, spec, _): &(Uuid, Spec, Query)| spec.output_port.clone().unwrap_or_default())
        .join_optional(exit_names, |(router, spec, _), known| Some((*router, spec.clone(), known.is_some())))
        .index_by(|(router, ..): &(Uuid, Spec, bool)| *router)
        .join(names, |(_, spec, known), (_, name)| Problem::new(spec.complaint(name, *known)));

    let by_session = reached.index_by(|(_, spec, _)| spec.bfd.unwrap_or(Uuid::ZERO)).join_optional(
        &sessions.index_by(|session| session.row),
        |(router, spec, out), session| {
            let session = session.filter(|session| session.dst_ip == spec.next_hop.1).cloned();
            Some((spec.route(*router, Some(out.clone())), session))
        },
    );
    let watched = by_session.flat_map(|(_, session)| session.clone()).distinct();
    let alive = by_session.flat_map(|(route, session): &(Route, Option<Session>)| {
        session.as_ref().is_none_or(|session| session.alive).then(|| route.clone())
    });
    let discarded =
        listed.flat_map(|(router, spec)| spec.query(*router).is_none().then(|| spec.route(*router, None)));

    let asked = table::of_ports(ports);
    let named = listed.flat_map(|(router, spec)| {
        let to = || spec.route(*router, None).to;
        (!spec.table.is_empty()).then(|| (spec.table.clone(), to().sign_of_table()))
    });
    let tables = table::tables(&asked, &named, held);
    let grouped = ecmp::group(&alive.concat(&discarded), &tables, held);
    let mixed = grouped.groups.filter(Group::drops).map(|group| {
        Problem::new(format!(
            "The ECMP route \"{}\" contains \"discard\" route, the whole group will drop traffic.",
            group.to.text()
        ))
    });
    let parts = [
        connected_flows(sessions, ports),
        symmetric_reply::remember(ports, keys),
        table::flows(&asked, &tables),
        alone_flows(&grouped.alone, &tables, forwarding),
        group_flows(&grouped.groups, &tables, forwarding),
    ];
    let builder = nb.static_route.builder();
    Routes {
        placed: builder.union(&parts),
        problems: builder.union(&[unreadable, unreached, mixed]),
        watched,
        symmetric: alive.flat_map(next_hop_monitor::neighbor),
        alive,
    }
}

/// Ports with a neighbour that some session watches.
fn watched_ports(sessions: &Relation<Session>) -> Relation<Text> {
    sessions.map(|session| session.logical_port.clone()).distinct()
}

fn connected_flows(sessions: &Relation<Session>, ports: &Relation<RouterPortConfig>) -> Relation<Placed> {
    let watched = watched_ports(sessions);
    ports.index_by(|port| port.port.name.clone()).named("route.connected").join_optional(
        &watched.index_by(Text::clone),
        |port, watched| {
            place(port.router.row, connected::flows(&port.port, &port.addresses, watched.is_some()))
        },
    )
}

/// What `rows` have to be written with: the number of their table, and how to drop.
fn complete<T: northflow_engine::Record + Clone>(
    rows: &Relation<T>,
    table: impl Fn(&T) -> Text + 'static,
    tables: &Relation<Table>,
    drop: &Relation<DropConfig>,
) -> Relation<(T, u32, Text)> {
    let drop = drop.map(|drop| drop.explicit());
    let named = rows.map(move |row| (row.clone(), table(row)));
    named
        .index_by(|(_, table): &(T, Text)| key_hash(table))
        .join_optional(&tables.index_by(|(name, _)| *name), |(row, table), number| {
            let number = number.map(|(_, number)| *number).or_else(|| table.is_empty().then_some(0))?;
            Some((row.clone(), number))
        })
        .index_by(|_| ())
        .join(&drop.index_by(|_| ()), |(row, number), drop| (row.clone(), *number, drop.clone()))
}

fn alone_flows(
    routes: &Relation<Route>,
    tables: &Relation<Table>,
    forwarding: Forwarding<'_>,
) -> Relation<Placed> {
    let leaves_by = |route: &Route| route.out.as_ref().map(|out| out.port.name.clone()).unwrap_or_default();
    complete(routes, |route| route.to.table.clone(), tables, forwarding.drop)
        .index_by(move |(route, ..): &(Route, u32, Text)| leaves_by(route))
        .join_optional(
            &watched_ports(forwarding.sessions).index_by(Text::clone),
            |(route, table, drop), watched| {
                // A port that is asked for may be another router's.
                let router = route.out.as_ref().map_or(route.to.router, |out| out.router);
                place(router, route.flows(*table, watched.is_some(), drop))
            },
        )
}

fn group_flows(
    groups: &Relation<Group>,
    tables: &Relation<Table>,
    forwarding: Forwarding<'_>,
) -> Relation<Placed> {
    let routers = forwarding.routers.map(|router| (router.row, router.options.chassis.is_some()));
    complete(groups, |group| group.to.table.clone(), tables, forwarding.drop)
        .index_by(|(group, ..): &(Group, u32, Text)| group.to.router)
        .join_flat(&routers.index_by(|(router, _)| *router), |(group, table, drop), (router, on_chassis)| {
            place(*router, group.flows(*table, *on_chassis, drop))
        })
}
