//! Replies that leave the way their request came (I17): what a connection notes down of its first
//! packet (ovn-nb(5), Logical_Router_Static_Route options:ecmp_symmetric_reply).

use northflow_engine::Relation;

use crate::flow::register::ECMP_COMMIT;
use crate::flow::row::Placed;
use crate::flow::text::quote;
use crate::flow::{Flow, On, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::topology::router_port::RouterPortConfig;
use crate::topology::tunnel_key::Assigned;

/// The flows of all ports, chassis-redirect ports among them: a marked packet's connection gets the
/// neighbour's address and the port's key, once the neighbour is known.
///
/// Cost: a port costs its own flows.
pub fn commits(ports: &Relation<RouterPortConfig>, keys: &Relation<Assigned>) -> Relation<Placed> {
    let owners = ports.flat_map(|port| {
        let own = (port.port.row, port.router.row, port.port.name.clone());
        let redirect = port.redirect.as_ref();
        let redirect = redirect.map(|redirect| (redirect.owner, port.router.row, redirect.name.clone()));
        [Some(own), redirect].into_iter().flatten()
    });
    owners.index_by(|(owner, _, _): &(Uuid, Uuid, Text)| *owner).join(
        &keys.index_by(|assigned| assigned.owner),
        |(_, router, name), assigned| Placed { on: On::Datapath(*router), flow: commit(name, assigned.key) },
    )
}

fn commit(port: &str, key: u32) -> Flow {
    let matches = format!("{ECMP_COMMIT} == 1 && ip && outport == {}", quote(port));
    let actions = format!(
        "ct_commit {{ ct_label.ecmp_reply_eth = eth.dst; ct_mark.ecmp_reply_port = {key};}}; output;"
    );
    Flow::new(Stage::LrInEcmpStatefulEgr, 100, matches, actions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::lines;

    #[test]
    fn a_connection_notes_down_where_it_came_from() {
        assert_eq!(
            lines(&[commit("p", 3)]),
            [
                "lr_in_ecmp_stateful_egr 100 | reg9[10] == 1 && ip && outport == \"p\" | ct_commit { ct_label.ecmp_reply_eth = eth.dst; ct_mark.ecmp_reply_port = 3;}; output;"
            ]
        );
    }
}
