//! Which ports a chassis binds because an interface for them is plugged into its integration bridge.

use crate::ovsdb::{Text, Uuid};
use crate::schema::Map;

/// In what way a chassis binds a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// As `Port_Binding.chassis`.
    Main,
    /// As one of `Port_Binding.additional_chassis`, which a port has while it moves.
    Additional,
}

/// A chassis that may bind ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binder {
    /// Its row of `Chassis`.
    pub row: Uuid,
    /// Its name.
    pub name: Text,
    /// Its machine's name.
    pub hostname: Text,
}

/// What is asked for of a port, from its row of `Port_Binding`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The name of the port.
    pub logical_port: Text,
    /// The chassis that is asked for.
    pub requested_chassis: Option<Uuid>,
    /// Further chassis that are asked for.
    pub requested_additional_chassis: Vec<Uuid>,
    /// The port's options.
    pub options: Map,
}

/// An interface of the integration bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plugged {
    /// Its `external_ids`.
    pub external_ids: Map,
    /// Its number in OpenFlow: positive once it is there.
    pub ofport: Option<i64>,
}

/// In what way `chassis` may bind a port: `None` if another is asked for. Rows that are asked for count
/// first; the names in the option `requested-chassis`, the first for the main one, are for chassis that
/// had no row when the port was last looked at.
pub fn role(chassis: &Binder, port: &Wanted) -> Option<Role> {
    if port.requested_chassis == Some(chassis.row) {
        return Some(Role::Main);
    }
    if port.requested_additional_chassis.contains(&chassis.row) {
        return Some(Role::Additional);
    }
    let option = port.options.text("requested-chassis");
    if option.is_empty() {
        return Some(Role::Main);
    }
    let mut names = option.split(',').filter(|name| !name.is_empty());
    let place = names.position(|name| *name == *chassis.name || *name == *chassis.hostname)?;
    Some(if place == 0 { Role::Main } else { Role::Additional })
}

/// The port that an interface is for, if it is there.
pub fn logical_port(interface: &Plugged) -> Option<&Text> {
    interface.external_ids.get("iface-id").filter(|_| interface.ofport.is_some_and(|number| number > 0))
}

/// Whether an interface is for a port and of the version that the port asks for, if it asks for one.
pub fn is_for(interface: &Plugged, port: &Wanted) -> bool {
    let version = port.options.get("iface-id-ver");
    logical_port(interface) == Some(&port.logical_port)
        && version.is_none_or(|version| interface.external_ids.get("iface-id-ver") == Some(version))
}

/// In what way a chassis binds a port through an interface.
pub fn claim(chassis: &Binder, port: &Wanted, interface: &Plugged) -> Option<Role> {
    if is_for(interface, port) { role(chassis, port) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chassis() -> Binder {
        Binder { row: Uuid(1), name: "c1".into(), hostname: "host1".into() }
    }

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
    }

    #[test]
    fn rows_count_before_names() {
        let mut port = Wanted { options: map(&[("requested-chassis", "c2,host1")]), ..Wanted::default() };
        assert_eq!(role(&chassis(), &port), Some(Role::Additional));
        port.requested_chassis = Some(Uuid(1));
        assert_eq!(role(&chassis(), &port), Some(Role::Main));
        port.requested_chassis = Some(Uuid(2));
        port.options = map(&[("requested-chassis", "c2,c3")]);
        assert_eq!(role(&chassis(), &port), None);
        port.requested_additional_chassis = vec![Uuid(3), Uuid(1)];
        assert_eq!(role(&chassis(), &port), Some(Role::Additional));
        assert_eq!(role(&chassis(), &Wanted::default()), Some(Role::Main));
        let named = |names| Wanted { options: map(&[("requested-chassis", names)]), ..Wanted::default() };
        assert_eq!(role(&chassis(), &named(",c1")), Some(Role::Main));
    }

    #[test]
    fn an_interface_has_to_be_there_and_of_the_right_version() {
        let port = |options: &[(&str, &str)]| Wanted {
            logical_port: "p".into(),
            options: map(options),
            ..Wanted::default()
        };
        let interface = |ids: &[(&str, &str)], ofport| Plugged { external_ids: map(ids), ofport };
        let claims = |port: &Wanted, interface: &Plugged| claim(&chassis(), port, interface).is_some();
        let here = interface(&[("iface-id", "p")], Some(5));
        assert!(claims(&port(&[]), &here));
        assert!(!claims(&port(&[("iface-id-ver", "2")]), &here));
        let second = interface(&[("iface-id", "p"), ("iface-id-ver", "2")], Some(5));
        assert!(claims(&port(&[("iface-id-ver", "2")]), &second) && claims(&port(&[]), &second));
        for absent in [None, Some(-1), Some(0)] {
            assert!(!claims(&port(&[]), &interface(&[("iface-id", "p")], absent)));
        }
        assert!(!claims(&port(&[]), &interface(&[("iface-id", "q")], Some(5))));
    }
}
