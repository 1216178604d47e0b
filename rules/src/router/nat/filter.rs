//! Translations that are for some addresses outside alone (J06, J07; ovn-nb(5), NAT allowed_ext_ips and
//! exempted_ext_ips).

use super::entry::{Filter, NatEntry};
use super::home::Home;
use super::{dnat, snat};
use crate::flow::{Flow, Stage};

/// Which address of a packet is the one outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The source, of packets that come.
    Source,
    /// The destination, of packets that go.
    Destination,
}

impl Side {
    fn field(self) -> &'static str {
        match self {
            Side::Source => "src",
            Side::Destination => "dst",
        }
    }
}

fn is_in(entry: &NatEntry, side: Side, set: &str) -> String {
    format!(" && ip{}.{} == ${set}", entry.nat.family(), side.field())
}

/// What is added to the match of a translation that is for some addresses alone.
pub fn allowed(entry: &NatEntry, side: Side) -> String {
    match &entry.nat.filter {
        Some(Filter::Allowed(set)) => is_in(entry, side, set),
        _ => String::new(),
    }
}

/// The flow that lets packets of exempted addresses pass a little above the translation that `matches`
/// begins the match of. Even what is tracked on its way in passes the stage of destinations.
pub fn exempted(entry: &NatEntry, home: &Home, side: Side, matches: &str) -> Option<Flow> {
    let Some(Filter::Exempted(set)) = &entry.nat.filter else { return None };
    let (stage, priority) = match side {
        Side::Source => (Stage::LrInDnat, dnat::priority(entry)),
        Side::Destination => (Stage::LrOutSnat, snat::priority(entry, home)),
    };
    let matches = matches.to_owned() + &is_in(entry, side, set);
    Some(entry.flow(stage, priority.saturating_add(2), matches, "next;"))
}
