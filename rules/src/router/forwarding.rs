//! What routes and policies have in common: both send packets to next hops by ports of routers, and heed the sessions
//! that watch these.

use northflow_engine::{Index, Relation};

use super::bfd::Session;
use super::route::held::Held;
use super::route::hop::Exit;
use crate::flow::drop::DropConfig;
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::topology::router::Router;

/// What routes and policies are made of, beside the northbound rows.
#[derive(Clone, Copy, Debug)]
pub struct Forwarding<'a> {
    /// Routers.
    pub routers: &'a Relation<Router>,
    /// The same with their names: [`names`].
    pub names: &'a Index<Uuid, (Uuid, Text)>,
    /// Ports by which packets may leave.
    pub exits: &'a Relation<Exit>,
    /// The names of these: [`exit_names`].
    pub exit_names: &'a Index<Text, Text>,
    /// Sessions that watch neighbours.
    pub sessions: &'a Relation<Session>,
    /// Whether dropped packets are sampled.
    pub drop: &'a Relation<DropConfig>,
    /// Numbers that flows hold.
    pub held: &'a Relation<Held>,
}

/// The routers that there are, with their names, by row.
pub fn names(nb: &Northbound, routers: &Relation<Router>) -> Index<Uuid, (Uuid, Text)> {
    nb.router
        .map(|row| (row.uuid, row.name.clone()))
        .index_by(|(router, _): &(Uuid, Text)| *router)
        .semijoin(&routers.map(|router| router.row).index_by(|router| *router))
        .index_by(|(router, _)| *router)
}

/// The names of ports by which packets may leave.
pub fn exit_names(exits: &Relation<Exit>) -> Index<Text, Text> {
    exits.map(|exit| exit.port.name.clone()).index_by(Text::clone)
}
