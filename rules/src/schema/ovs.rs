//! Rows of a chassis' own database (ovs-vswitchd.conf.db(5)).
//!
//! Owned by who configures the switch, and by the switch itself where that is said. Of bridges, ports and
//! interfaces northflow makes and deletes the integration bridge, tunnels and patch ports.

use super::{Map, UuidMap, table};
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
        /// What forwards packets, rows of [`Datapath`] by type. Written by the switch.
        datapaths: UuidMap = "datapaths",
        /// The release of the switch. Written by itself.
        ovs_version: Option<Text> = "ovs_version",
    }

    /// What forwards packets of the bridges of one type.
    pub struct Datapath in Switch "Datapath" {
        /// What it can do. Written by the switch.
        capabilities: Map = "capabilities",
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
        /// Settings of its OpenFlow tables, rows of [`FlowTable`] by number.
        flow_tables: Vec<(i64, Uuid)> = "flow_tables",
    }

    /// Settings of OpenFlow tables.
    pub struct FlowTable in Switch "Flow_Table" {
        /// Fields whose prefixes are looked up in a trie, so that fewer of their bits tell cached flows apart.
        prefixes: Vec<Text> = "prefixes",
    }

    /// How to connect to databases with TLS; the table has at most one row.
    pub struct Ssl in Switch "SSL" {
        /// File with the private key.
        private_key: Text = "private_key",
        /// File with the certificate of that key.
        certificate: Text = "certificate",
        /// File with the certificate of the authority that signs those of peers.
        ca_cert: Text = "ca_cert",
        /// Whether to believe the first peer and put its authority into that file.
        bootstrap_ca_cert: bool = "bootstrap_ca_cert",
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
        /// How long its packets may be, without the Ethernet header. Written by the switch.
        mtu: Option<i64> = "mtu",
        /// How it is watched whether the other end of a tunnel is alive.
        bfd: Map = "bfd",
        /// Whether it is. Written by the switch.
        bfd_status: Map = "bfd_status",
    }

    /// Where samples of packets go.
    pub struct CollectorSet in Switch "Flow_Sample_Collector_Set" {
        /// Its number.
        id: i64 = "id",
        /// The bridge whose packets it is for, a row of [`Bridge`].
        bridge: Uuid = "bridge",
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
            TableInfo::of::<FlowTable>(),
            TableInfo::of::<Port>(),
            TableInfo::of::<Interface>(),
            TableInfo::of::<Datapath>(),
            TableInfo::of::<Ssl>(),
            TableInfo::of::<CollectorSet>(),
        ] {
            assert_eq!(faults(info), Vec::<String>::new());
        }
    }
}
