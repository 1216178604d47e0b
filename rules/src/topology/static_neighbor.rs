//! Neighbours that need not be asked for (I33; ovn-sb(5), Static_MAC_Binding).

use northflow_engine::Relation;

use super::datapath_uuid;
use super::router_port::RouterPort;
use super::tunnel_key::Assigned;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{nb, sb};

/// The rows of neighbours whose port is there; they keep the identifier of the northbound row.
///
/// Cost: a neighbour costs itself; a port, the neighbours on it.
pub fn bindings(
    rows: &Relation<nb::StaticMacBinding>,
    ports: &Relation<RouterPort>,
    keys: &Relation<Assigned>,
) -> Relation<sb::StaticMacBinding> {
    let names = ports.flat_map(|port| {
        let own = (port.port.row, port.port.name.clone(), port.router);
        let redirect = port.redirect.as_ref();
        let redirect = redirect.map(|redirect| (redirect.owner, redirect.name.clone(), port.router));
        [Some(own), redirect].into_iter().flatten()
    });
    let names = names.index_by(|(owner, ..)| *owner).semijoin(&keys.index_by(Assigned::owner));
    rows.index_by(|row| row.logical_port.clone()).join(
        &names.index_by(|(_, name, _): &(Uuid, Text, Uuid)| name.clone()),
        |row, (_, _, router)| sb::StaticMacBinding {
            uuid: row.uuid,
            logical_port: row.logical_port.clone(),
            ip: row.ip.clone(),
            mac: row.mac.clone(),
            override_dynamic_mac: row.override_dynamic_mac,
            datapath: datapath_uuid(*router),
        },
    )
}
