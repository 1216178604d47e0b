//! Role-based access control: what a chassis may write in the southbound database (ovn-sb(5),
//! RBAC_Role and RBAC_Permission).
//!
//! The server applies the role to clients that connect with it, each by the name in its certificate,
//! the system identifier of its chassis. Rows of other roles belong to the operator.

use northflow_engine::Relation;

use crate::ovsdb::{Text, Uuid};
use crate::schema::nb::NbGlobal;
use crate::schema::sb::{RbacPermission, RbacRole};
use crate::schema::{Table, key_uuid};

/// The role of a chassis.
pub const ROLE: &str = "ovn-controller";

/// What a chassis may write in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The table.
    pub table: &'static str,
    /// The column that holds the name of the chassis whose row it is; empty if a row is any chassis's.
    pub owner: &'static str,
    /// Whether it may insert rows, and delete those it owns.
    pub insert_delete: bool,
    /// The columns that it may change in rows it owns.
    pub update: &'static [&'static str],
}

/// All that a chassis may write, by table.
pub const PERMISSIONS: &[Permission] = &[
    Permission { table: "BFD", owner: "chassis_name", insert_delete: false, update: &["status"] },
    Permission {
        table: "Chassis",
        owner: "name",
        insert_delete: true,
        update: &[
            "encaps",
            "external_ids",
            "nb_cfg",
            "other_config",
            "transport_zones",
            "vtep_logical_switches",
        ],
    },
    Permission {
        table: "Chassis_Private",
        owner: "name",
        insert_delete: true,
        update: &["chassis", "external_ids", "nb_cfg", "nb_cfg_timestamp"],
    },
    Permission {
        table: "Controller_Event",
        owner: "",
        insert_delete: true,
        update: &["chassis", "event_info", "event_type", "seq_num"],
    },
    Permission {
        table: "Encap",
        owner: "chassis_name",
        insert_delete: true,
        update: &["ip", "options", "type"],
    },
    Permission {
        table: "FDB",
        owner: "",
        insert_delete: true,
        update: &["dp_key", "mac", "port_key", "timestamp"],
    },
    Permission {
        table: "IGMP_Group",
        owner: "chassis_name",
        insert_delete: true,
        update: &["address", "chassis", "datapath", "ports", "protocol"],
    },
    Permission {
        table: "Learned_Route",
        owner: "",
        insert_delete: true,
        update: &["datapath", "external_ids", "ip_prefix", "logical_port", "nexthop"],
    },
    Permission {
        table: "MAC_Binding",
        owner: "",
        insert_delete: true,
        update: &["datapath", "ip", "logical_port", "mac", "timestamp"],
    },
    // A port may move from one chassis to another, so it has no owner.
    Permission {
        table: "Port_Binding",
        owner: "",
        insert_delete: false,
        update: &[
            "additional_chassis",
            "additional_encap",
            "chassis",
            "encap",
            "options",
            "up",
            "virtual_parent",
        ],
    },
    Permission { table: "Service_Monitor", owner: "chassis_name", insert_delete: false, update: &["status"] },
];

/// The role's row; its natural key is the role's name.
pub fn role() -> RbacRole {
    let permissions = PERMISSIONS.iter().map(|permission| (permission.table, permission_uuid(permission)));
    RbacRole {
        uuid: key_uuid(RbacRole::NAME, &[ROLE]),
        name: ROLE.into(),
        permissions: permissions.collect(),
    }
}

/// The rows that the role names, one a table; their natural key is the table's name.
pub fn permissions() -> Vec<RbacPermission> {
    let row = |permission: &Permission| RbacPermission {
        uuid: permission_uuid(permission),
        table: permission.table.into(),
        authorization: vec![permission.owner.into()],
        insert_delete: permission.insert_delete,
        update: permission.update.iter().map(|column| Text::from(*column)).collect(),
    };
    PERMISSIONS.iter().map(row).collect()
}

/// The role and its permissions, as soon as there is a network.
///
/// Cost: nothing once they are there.
pub fn rbac(nb: &Relation<NbGlobal>) -> (Relation<RbacRole>, Relation<RbacPermission>) {
    // Only whether there is a network counts: a change of its settings ends at the first operator.
    let network = nb.map(|_| ());
    (network.map(|()| role()), network.flat_map(|()| permissions()))
}

fn permission_uuid(permission: &Permission) -> Uuid {
    key_uuid(RbacPermission::NAME, &[permission.table])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::recording::recorded;
    use crate::global::testing::Scenario;
    use crate::schema::Map;

    #[test]
    fn permissions_are_those_of_the_reference() {
        let ours: Vec<String> = permissions()
            .iter()
            .map(|row| {
                format!(
                    "{} [{}] {} [{}]",
                    row.table,
                    row.authorization.join(","),
                    row.insert_delete,
                    row.update.join(",")
                )
            })
            .collect();
        assert_eq!(ours, recorded("RBAC_Permission"));
    }

    #[test]
    fn the_role_names_each_permission_by_its_table() {
        let role = role();
        assert_eq!(recorded("RBAC_Role"), [role.name.as_ref()]);
        let rows = permissions();
        assert_eq!(role.permissions.len(), rows.len());
        for row in rows {
            assert_eq!(role.permissions.get(&row.table), Some(&row.uuid));
            assert!(row.update.is_sorted(), "{}", row.table);
        }
    }

    #[test]
    fn the_role_comes_with_the_network() {
        let mut scenario = Scenario::start(|program| {
            let (role, permissions) = rbac(&program.input("nb"));
            program.output("role", &role);
            program.output("permissions", &permissions);
        });
        assert_eq!(scenario.step(), 0);
        let network = NbGlobal { uuid: Uuid(1), nb_cfg: 0, options: Map::new(), ipsec: false };
        scenario.insert("nb", network).step();
        assert_eq!(scenario.row::<RbacRole>("role"), role());
        assert_eq!(scenario.rows::<RbacPermission>("permissions").len(), PERMISSIONS.len());
    }
}
