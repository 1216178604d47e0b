//! Network functions: what ACLs have packets pass on their way, such as a firewall (N01, N02; ovn-nb(5),
//! Network_Function and Network_Function_Group).
//!
//! An ACL names a group, of which one function at a time is in use. Packets go in by one of its ports and come
//! out by the other; the connection remembers the function, so that answers take the same way backwards.
//!
//! | file | what |
//! |---|---|
//! | `active` | which function of a group is in use |
//! | `probe` | how is found out whether a function is alive |
//! | `redirect` | the flows on the switches whose ACLs name a group |

pub mod active;
pub mod probe;
pub mod redirect;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Table, nb};

/// A network function, with its ports by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Function {
    /// The northbound row.
    pub row: Uuid,
    /// Its name.
    pub name: Text,
    /// What connections through it are marked with.
    pub number: u8,
    /// By which packets of connections go in that come from a port with such an ACL.
    pub inport: Text,
    /// By which they come out.
    pub outport: Text,
    /// The row of its health check, if it is probed.
    pub check: Option<Uuid>,
}

/// What is in use of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// The northbound row.
    pub row: Uuid,
    /// Its name.
    pub name: Text,
    /// What ACLs call it.
    pub number: u8,
    /// Whether packets go on without, while no function is alive.
    pub fail_open: bool,
    /// The function in use.
    pub active: Option<Function>,
}

/// All functions.
///
/// Cost: a function and each of its ports costs itself.
pub fn functions(nb: &Northbound) -> Relation<Function> {
    let sides = nb.network_function.flat_map(|row| [(row.inport, row.uuid), (row.outport, row.uuid)]);
    let sides = sides.distinct().index_by(|(port, _)| *port);
    let named = sides
        .join(&nb.switch_port.index_by(Table::uuid), |(port, function), row| {
            (*function, *port, row.name.clone())
        })
        .index_by(|(function, port, _)| (*function, *port));
    let with_in = nb.network_function.index_by(|row| (row.uuid, row.inport)).join(
        &named,
        |row: &nb::NetworkFunction, (.., name)| {
            let function = Function {
                row: row.uuid,
                name: row.name.clone(),
                number: row.id as u8,
                inport: name.clone(),
                outport: Text::default(),
                check: row.health_check,
            };
            (function, row.outport)
        },
    );
    with_in
        .index_by(|(function, port): &(Function, Uuid)| (function.row, *port))
        .join(&named, |(function, _), (.., name)| Function { outport: name.clone(), ..function.clone() })
}
