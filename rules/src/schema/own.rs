//! Southbound rows that a chassis' own process writes, or goes by when it does (ovn-sb(5)).

// Of these a chassis' own process reads what northd writes, or what the rules for its flows read.
pub use super::sb::{ChassisTemplateVar as TemplateVariables, Meter, MeterBand, Mirror};
pub use super::seen::{Datapath, Encap};
use super::{Map, table};
use crate::ovsdb::{Text, Uuid};

table! {
    /// The settings of the whole network.
    pub struct Global in Southbound "SB_Global" {
        /// What the network has been asked to reach.
        nb_cfg: i64 = "nb_cfg",
        /// Settings by name.
        options: Map = "options",
        /// Whether tunnels between chassis are encrypted.
        ipsec: bool = "ipsec",
    }

    /// A chassis.
    pub struct Chassis in Southbound "Chassis" {
        /// Its name, unique.
        name: Text = "name",
        /// Its machine's name.
        hostname: Text = "hostname",
        /// Its tunnel ends, rows of [`Encap`].
        encaps: Vec<Uuid> = "encaps",
        /// What it can do and how it is set up.
        other_config: Map = "other_config",
        /// The zones within which it has tunnels.
        transport_zones: Vec<Text> = "transport_zones",
    }

    /// What only the chassis itself writes often.
    pub struct ChassisPrivate in Southbound "Chassis_Private" {
        /// The name of the chassis, unique.
        name: Text = "name",
        /// The chassis, a row of [`Chassis`].
        chassis: Option<Uuid> = "chassis",
        /// What of [`Global::nb_cfg`] its switch has reached.
        nb_cfg: i64 = "nb_cfg",
    }

    /// A port, as far as it is decided by it who binds it.
    pub struct Port in Southbound "Port_Binding" {
        /// Its name, unique.
        logical_port: Text = "logical_port",
        /// What is behind the port.
        type_: Text = "type",
        /// The datapath it is a port of.
        datapath: Uuid = "datapath",
        /// The number that packets of the port carry, unique in the datapath.
        tunnel_key: i64 = "tunnel_key",
        /// Settings by name.
        options: Map = "options",
        /// The port of the virtual machine whose VLAN this container port is.
        parent_port: Option<Text> = "parent_port",
        /// The port that a port of type `mirror` gets copies of.
        mirror_port: Option<Text> = "mirror_port",
        /// The port that has the address of a port of type `virtual` now.
        virtual_parent: Option<Text> = "virtual_parent",
        /// The mirrors of its packets, rows of [`Mirror`].
        mirror_rules: Vec<Uuid> = "mirror_rules",
        /// The chassis that stand in for it.
        ha_chassis_group: Option<Uuid> = "ha_chassis_group",
        /// The chassis that is asked for.
        requested_chassis: Option<Uuid> = "requested_chassis",
        /// Further chassis that are asked for.
        requested_additional_chassis: Vec<Uuid> = "requested_additional_chassis",
        /// The chassis that has bound it.
        chassis: Option<Uuid> = "chassis",
        /// Further chassis that have.
        additional_chassis: Vec<Uuid> = "additional_chassis",
        /// The tunnel end of its chassis that it uses, if it is a certain one.
        encap: Option<Uuid> = "encap",
        /// The same of further chassis.
        additional_encap: Vec<Uuid> = "additional_encap",
        /// Whether its packets are forwarded.
        up: Option<bool> = "up",
    }

    /// Chassis that stand in for one another.
    pub struct HaChassisGroup in Southbound "HA_Chassis_Group" {
        /// Its members, rows of [`HaChassis`].
        ha_chassis: Vec<Uuid> = "ha_chassis",
        /// Chassis that send packets to them.
        ref_chassis: Vec<Uuid> = "ref_chassis",
    }

    /// A member of a group of chassis.
    pub struct HaChassis in Southbound "HA_Chassis" {
        /// The chassis, a row of [`Chassis`].
        chassis: Option<Uuid> = "chassis",
        /// The one with the highest that is alive is the one.
        priority: i64 = "priority",
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
            TableInfo::of::<Global>(),
            TableInfo::of::<Chassis>(),
            TableInfo::of::<ChassisPrivate>(),
            TableInfo::of::<Port>(),
            TableInfo::of::<HaChassisGroup>(),
            TableInfo::of::<HaChassis>(),
        ] {
            assert_eq!(faults(info), Vec::<String>::new());
        }
    }
}
