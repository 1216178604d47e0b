//! Which southbound rows the chassis follows: without `ovn-monitor-all` those of its local datapaths, and what decides
//! which these are (ovn-controller(8)).
//!
//! Ports that lead from one datapath to another are followed wherever they are, so that all local datapaths are known
//! as soon as one is; their flows then come together. Groups of datapaths are few, and all flows of groups are
//! followed: a flow that goes from one group to another must not be away meanwhile.

use std::collections::{BTreeMap, HashSet};

use northflow_rules::chassis::settings::Settings;
use northflow_rules::ovsdb::{Atom, Text, Uuid};
use northflow_rules::schema::own;

use super::index::Index;
use super::local::Plug;
use crate::ovsdb::client::Conditions;
use crate::replica::Replica;

/// Types of ports that lead to other datapaths or are bound without an interface.
const EVERYWHERE: [&str; 4] = ["patch", "chassisredirect", "external", "mirror"];

/// What a chassis is, and has to do with.
pub(super) struct Interest<'a> {
    pub settings: Settings<'a>,
    /// Its row.
    pub me: Option<Uuid>,
    pub plugs: &'a BTreeMap<Text, Plug>,
    pub local_datapaths: &'a HashSet<Uuid>,
    pub index: &'a Index,
    pub rows: &'a Replica,
}

/// Whether all rows are followed (`external_ids:ovn-monitor-all` of Open_vSwitch).
fn is_all(settings: &Settings<'_>) -> bool {
    settings.get_bool("ovn-monitor-all", false)
}

impl Interest<'_> {
    /// The conditions on southbound rows.
    ///
    /// Cost: the chassis' interfaces and local datapaths.
    pub fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        if is_all(&self.settings) {
            return conditions;
        }
        let name = self.settings.chassis();
        let mut ports = conditions.restrict("Port_Binding");
        EVERYWHERE.into_iter().for_each(|kind| ports.equal("type", &Atom::text(kind)));
        ports.any("parent_port");
        ports.maps("options", "l2gateway-chassis", name);
        ports.maps("options", "l3gateway-chassis", name);
        if let Some(me) = self.me {
            ports.equal("chassis", &Atom::Uuid(me));
            ports.has("additional_chassis", me);
        }
        for name in self.plugs.keys().filter(|name| !self.is_local(name)) {
            ports.equal("logical_port", &Atom::String(name.clone()));
        }
        for datapath in self.local_datapaths {
            ports.equal("datapath", &Atom::Uuid(*datapath));
        }
        let mut flows = conditions.restrict("Logical_Flow");
        flows.any("logical_dp_group");
        for datapath in self.local_datapaths {
            flows.equal("logical_datapath", &Atom::Uuid(*datapath));
        }
        for table in ["Multicast_Group", "MAC_Binding", "ECMP_Nexthop"] {
            let mut rows = conditions.restrict(table);
            for datapath in self.local_datapaths {
                rows.equal("datapath", &Atom::Uuid(*datapath));
            }
        }
        let mut addresses = conditions.restrict("FDB");
        let datapaths = self.local_datapaths.iter().filter_map(|uuid| self.rows.row::<own::Datapath>(*uuid));
        for datapath in datapaths {
            addresses.equal("dp_key", &Atom::Integer(datapath.tunnel_key));
        }
        conditions.restrict("Chassis_Private").equal("name", &Atom::text(name));
        conditions.restrict("Chassis_Template_Var").equal("chassis", &Atom::text(name));
        conditions
    }

    /// Whether a port is followed because its datapath is local.
    fn is_local(&self, port: &Text) -> bool {
        let row = self.index.ports.get(port).and_then(|uuid| self.rows.row::<own::Port>(*uuid));
        row.is_some_and(|row| self.local_datapaths.contains(&row.datapath))
    }
}
