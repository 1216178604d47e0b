//! What is wrong with ports of switches, whatever is done about it (B06, B08, B26).

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::switch_port::SwitchPort;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{nb, sb};
use crate::switch::port::PortKind;
use crate::value::addresses::PortAddress;

/// A chassis that a port asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wish {
    row: Uuid,
    port: Text,
    chassis: Text,
}

/// Unknown types, addresses that cannot be read to the end, and requests for chassis that are not
/// there, of ports that are on a switch.
///
/// Cost: a port costs itself; a chassis, the ports that ask for it.
pub fn problems(
    ports: &Relation<SwitchPort>,
    rows: &Relation<nb::LogicalSwitchPort>,
    chassis: &Relation<sb::Chassis>,
) -> Relation<Problem> {
    let complaints = rows.flat_map(|row| {
        let row_uuid = row.uuid;
        complaints(row).into_iter().map(move |message| (row_uuid, Problem::new(message))).collect::<Vec<_>>()
    });
    let wishes = rows.flat_map(wishes);
    let names = chassis.flat_map(|row| [row.name.clone(), row.hostname.clone()]);
    let unmet = wishes.index_by(|wish| wish.chassis.clone()).antijoin(&names.index_by(|name| name.clone()));
    let unmet = unmet.map(|wish| {
        let Wish { row, port, chassis } = wish;
        let message =
            format!("Unknown chassis '{chassis}' set in options:requested-chassis on LSP '{port}'.");
        (*row, Problem::new(message))
    });
    complaints
        .concat(&unmet)
        .index_by(|(row, _): &(Uuid, Problem)| *row)
        .semijoin(&ports.index_by(SwitchPort::row))
        .map(|(_, problem)| problem.clone())
        .distinct()
}

fn complaints(row: &nb::LogicalSwitchPort) -> Vec<String> {
    let mut found = Vec::new();
    if PortKind::read(&row.type_) == PortKind::Other {
        found.push(format!("Unknown port type '{}' set on logical switch '{}'.", row.type_, row.name));
    }
    found.extend(row.addresses.iter().filter_map(|text| PortAddress::read(text).complaint(text)));
    found
}

/// The peer of a router port is never asked where it wants to be.
fn wishes(row: &nb::LogicalSwitchPort) -> Vec<Wish> {
    let asks = PortKind::read(&row.type_) != PortKind::Router;
    let wanted = row.options.text("requested-chassis").split(',').filter(|name| asks && !name.is_empty());
    let wish = |name: &str| Wish { row: row.uuid, port: row.name.clone(), chassis: name.into() };
    wanted.map(wish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_addresses_are_looked_at() {
        let row = nb::LogicalSwitchPort {
            name: "p1".into(),
            type_: "odd".into(),
            addresses: ["0a:00:00:00:00:01 10.0.0.1 x", "junk", "unknown", "router", "dynamic"]
                .map(Text::from)
                .into(),
            ..Default::default()
        };
        assert_eq!(
            complaints(&row),
            [
                "Unknown port type 'odd' set on logical switch 'p1'.",
                "invalid syntax '0a:00:00:00:00:01 10.0.0.1 x' in address",
                "invalid syntax 'junk' in logical switch port addresses. No MAC address found",
            ]
        );
    }
}
