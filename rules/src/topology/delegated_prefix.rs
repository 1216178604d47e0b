//! IPv6 prefixes that were delegated to router ports (B24; ovn-nb(5), Logical_Router_Port
//! `ipv6_prefix` and options:prefix): what the chassis report, written back.

use northflow_engine::Relation;

use super::router_binding::DELEGATED;
use super::router_port::RouterPort;
use crate::ovsdb::Text;
use crate::schema::{nb, sb};
use crate::value::scan;

/// Logical_Router_Port `ipv6_prefix`, where it is to be written. A prefix stays when the report goes.
///
/// Cost: a port or its binding costs itself.
pub fn prefixes(
    ports: &Relation<RouterPort>,
    rows: &Relation<nb::LogicalRouterPort>,
    bindings: &Relation<sb::PortBindingState>,
) -> Relation<nb::RouterPortPrefix> {
    let asking = rows
        .filter(|row| row.options.get_bool("prefix", false))
        .map(|row| (row.uuid, row.name.clone(), row.ipv6_prefix.clone()));
    let asking = asking.index_by(|(row, ..)| *row).semijoin(&ports.index_by(|port| port.port.row));
    let reported =
        bindings.flat_map(|row| Some((row.logical_port.clone(), prefix(row.options.get(DELEGATED)?)?)));
    asking.index_by(|(_, name, _)| name.clone()).join_flat(
        &reported.index_by(|(name, _)| name.clone()),
        |(row, _, held), (_, prefix)| {
            let wanted = vec![prefix.clone()];
            (*held != wanted).then_some(nb::RouterPortPrefix { uuid: *row, ipv6_prefix: wanted })
        },
    )
}

/// The prefix of a report `NUMBER:PREFIX`.
fn prefix(report: &str) -> Option<Text> {
    let (_, rest) = scan::number(report, 10)?;
    let prefix = scan::blanks(rest.strip_prefix(':')?);
    let end = prefix.find(|c: char| c.is_ascii_whitespace()).unwrap_or(prefix.len());
    (end > 0).then(|| prefix[..end].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_number_and_a_prefix() {
        assert_eq!(prefix("15:aef0::/64").as_deref(), Some("aef0::/64"));
        assert_eq!(prefix("15:aef0::/64 16:aef1::/64").as_deref(), Some("aef0::/64"));
        assert_eq!(prefix("aef0::/64"), None);
        assert_eq!(prefix("15:"), None);
    }
}
