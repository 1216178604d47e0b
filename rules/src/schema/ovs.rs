//! Rows of a chassis' own database (ovs-vswitchd.conf.db(5)).
//!
//! Owned by who configures the switch, and by the switch itself where that is said. Of bridges, ports and
//! interfaces northflow makes and deletes the integration bridge, tunnels and patch ports.

use super::{Map, table};
use crate::ovsdb::{Text, Uuid};

table! {
    /// The switch; the table has one row.
    pub struct OpenVswitch in Switch "Open_vSwitch" {
        /// The settings of the chassis, see [`Settings`](crate::chassis::settings::Settings).
        external_ids: Map = "external_ids",
        /// Settings of the switch.
        other_config: Map = "other_config",
        /// The types of interfaces that it can make. Written by the switch.
        iface_types: Vec<Text> = "iface_types",
        /// Its bridges, rows of [`Bridge`].
        bridges: Vec<Uuid> = "bridges",
    }

    /// A bridge.
    pub struct Bridge in Switch "Bridge" {
        /// Its name, unique.
        name: Text = "name",
        /// What forwards packets: empty or `system` for the kernel, `netdev` for the switch.
        datapath_type: Text = "datapath_type",
        /// What it does without a controller: `secure` is nothing, `standalone` is learning addresses.
        fail_mode: Option<Text> = "fail_mode",
        /// Its ports, rows of [`Port`].
        ports: Vec<Uuid> = "ports",
        /// What others note about it.
        external_ids: Map = "external_ids",
        /// Settings.
        other_config: Map = "other_config",
    }

    /// A port of a bridge: one interface, or several that are bonded.
    pub struct Port in Switch "Port" {
        /// Its name, unique.
        name: Text = "name",
        /// Rows of [`Interface`].
        interfaces: Vec<Uuid> = "interfaces",
        /// What others note about it: which tunnel or patch port it is.
        external_ids: Map = "external_ids",
    }

    /// An interface.
    pub struct Interface in Switch "Interface" {
        /// Its name, unique.
        name: Text = "name",
        /// What it is: empty for a device of the system, `internal`, `patch`, a type of tunnel.
        type_: Text = "type",
        /// Settings of its type.
        options: Map = "options",
        /// What others note about it: `iface-id` is the logical port that it is for.
        external_ids: Map = "external_ids",
        /// Its number in OpenFlow, -1 if it cannot be made. Written by the switch.
        ofport: Option<i64> = "ofport",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::TableInfo;
    use crate::schema::tests::faults;

    #[test]
    fn columns_are_those_of_the_schema() {
        for info in [
            TableInfo::of::<OpenVswitch>(),
            TableInfo::of::<Bridge>(),
            TableInfo::of::<Port>(),
            TableInfo::of::<Interface>(),
        ] {
            assert_eq!(faults(info), Vec::<String>::new());
        }
    }
}
