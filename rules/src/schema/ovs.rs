//! Rows of a chassis' own database (ovs-vswitchd.conf.db(5)).
//!
//! Owned by who configures the switch, and by the switch itself where that is said. Of bridges, ports and
//! interfaces northflow makes and deletes the integration bridge, tunnels and patch ports.

use super::{Map, NumberedRows, UuidMap, table};
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
        /// Zones of connection tracking that are special, rows of [`CtZone`] by number.
        ct_zones: NumberedRows = "ct_zones",
    }

    /// A zone of connection tracking.
    pub struct CtZone in Switch "CT_Zone" {
        /// How many connections it may have.
        limit: Option<i64> = "limit",
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
        /// Its mirrors, rows of [`Mirror`].
        mirrors: Vec<Uuid> = "mirrors",
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
        /// How its packets are queued, a row of [`Qos`].
        qos: Option<Uuid> = "qos",
    }

    /// How the packets of a port are queued.
    pub struct Qos in Switch "QoS" {
        /// The kind of queues.
        type_: Text = "type",
        /// The queues, rows of [`Queue`] by number.
        queues: NumberedRows = "queues",
        /// Settings of the kind.
        other_config: Map = "other_config",
        /// What others note about it.
        external_ids: Map = "external_ids",
    }

    /// A queue.
    pub struct Queue in Switch "Queue" {
        /// Settings of its kind.
        other_config: Map = "other_config",
        /// What others note about it.
        external_ids: Map = "external_ids",
    }

    /// A mirror: what certain ports of a bridge send or receive is copied to another one.
    pub struct Mirror in Switch "Mirror" {
        /// Its name, unique.
        name: Text = "name",
        /// Where copies go, a row of [`Port`].
        output_port: Option<Uuid> = "output_port",
        /// Packets from these ports are copied.
        select_src_port: Vec<Uuid> = "select_src_port",
        /// Packets to these ports are copied.
        select_dst_port: Vec<Uuid> = "select_dst_port",
        /// What others note about it.
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
        /// Its speed, in bits per second. Written by the switch.
        link_speed: Option<i64> = "link_speed",
        /// What else there is to say of it. Written by the switch.
        status: Map = "status",
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
            TableInfo::of::<CtZone>(),
            TableInfo::of::<Qos>(),
            TableInfo::of::<Queue>(),
            TableInfo::of::<Mirror>(),
        ] {
            assert_eq!(faults(info), Vec::<String>::new());
        }
    }
}
