//! Connections that the switch is to forget, because what has made them is no more.

use std::collections::BTreeMap;

use northflow_controller::balanced::{self, Balanced};
use northflow_controller::next_hop::NextHop;
use northflow_engine::{Rec, Record, Weight};
use northflow_rules::schema::sb::AclId;

use crate::openflow::Connections;

/// Where in a label the Ethernet address of a next hop is (`ct_label.ecmp_reply_eth`), and the number of an ACL
/// (`ct_label.acl_id`): the first bit, and how many.
const MAC: (u32, u32) = (32, 48);
const ACL: (u32, u32) = (80, 16);

/// Those that load balancers make no more; with `false`, those that some load balancer makes anew.
pub(super) fn of_balancers(changes: &[(Rec, Weight)]) -> impl Iterator<Item = (Connections, bool)> {
    let mut flush = BTreeMap::new();
    for (rec, weight) in changes {
        let Balanced { connections, .. } = rec.get();
        *flush.entry(connections).or_insert(true) &= *weight < 0;
    }
    let connections = |of: &balanced::Connections| Connections::Translated {
        protocol: of.protocol,
        destination: (of.vip, of.port).into(),
        answers_from: (of.backend, of.backend_port).into(),
    };
    flush.into_iter().map(move |(of, flush)| (connections(of), flush))
}

/// Those of next hops that are gone, even if another one has the same Ethernet address.
pub(super) fn of_next_hops(changes: &[(Rec, Weight)]) -> impl Iterator<Item = (Connections, bool)> {
    gone(changes).map(|NextHop { zone, mac, .. }| (labelled(Some(*zone), MAC, mac.bits().into()), true))
}

/// Those of ACLs that are gone, even if another one has the number now.
pub(super) fn of_acls(changes: &[(Rec, Weight)]) -> impl Iterator<Item = (Connections, bool)> {
    let numbers = gone(changes).filter_map(|AclId { id, .. }| u16::try_from(*id).ok());
    numbers.map(|number| (labelled(None, ACL, number.into()), true))
}

/// The rows that are no more.
fn gone<T: Record>(changes: &[(Rec, Weight)]) -> impl Iterator<Item = &T> {
    changes.iter().filter(|(_, weight)| *weight < 0).map(|(rec, _)| rec.get())
}

fn labelled(zone: Option<u16>, (first, bits): (u32, u32), value: u128) -> Connections {
    Connections::Labelled { zone, label: value << first, mask: ((1 << bits) - 1) << first }
}

#[cfg(test)]
mod tests {
    use northflow_rules::ovsdb::Uuid;
    use northflow_rules::value::mac::Mac;

    use super::*;

    #[test]
    fn a_next_hop_that_goes_takes_its_connections_along() {
        let hop = |address: &str, mac: u64| {
            let mac = Mac::from_bits(mac);
            Rec::new(NextHop { chassis: Uuid(1), zone: 3, address: address.into(), mac })
        };
        let changes = [(hop("10.0.0.1", 5), -1), (hop("10.0.0.2", 5), 1), (hop("10.0.0.3", 6), 1)];
        let mask = 0xffff_ffff_ffff << 32;
        let expected = Connections::Labelled { zone: Some(3), label: 5 << 32, mask };
        assert_eq!(of_next_hops(&changes).collect::<Vec<_>>(), [(expected, true)]);
    }

    #[test]
    fn an_acl_that_goes_takes_its_connections_along() {
        let acl = |uuid, id| Rec::new(AclId { uuid: Uuid(uuid), id });
        let changes = [(acl(1, 7), -1), (acl(2, 7), 1), (acl(3, 8), 1), (acl(4, 1 << 16), -1)];
        let expected = Connections::Labelled { zone: None, label: 7 << 80, mask: 0xffff << 80 };
        assert_eq!(of_acls(&changes).collect::<Vec<_>>(), [(expected, true)]);
    }
}
