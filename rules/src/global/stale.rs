//! What chassis learned about ports that are gone, or that learn no more: rows to delete.
//!
//! When a row was last seen is of no interest here, and does not come back from these rules.
//!
//! The keys to compare with are those of the same epoch, so a port that comes together with what was
//! learned about it loses nothing. Both databases have to be whole when the first epoch starts.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::ovsdb::{Text, Uuid};
use crate::schema::sb::{Fdb, LearnedRoute, MacBinding};

/// A switch port and the numbers that it and its switch have in tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortKey {
    /// The northbound row of the port.
    pub port: Uuid,
    /// The southbound row of the switch.
    pub datapath: Uuid,
    /// The tunnel key of the switch.
    pub dp_key: u32,
    /// The tunnel key of the port.
    pub port_key: u32,
}

/// The learned MAC addresses whose pair of tunnel keys is no switch port's.
///
/// Cost: a port, one probe and the addresses learned on it; a learned address, one probe.
pub fn fdb(fdb: &Relation<Fdb>, switch_ports: &Relation<PortKey>) -> Relation<Fdb> {
    let fdb = fdb.map(|row| Fdb { timestamp: 0, ..row.clone() });
    let used = switch_ports.map(|port| (i64::from(port.dp_key), i64::from(port.port_key)));
    fdb.index_by(|row| (row.dp_key, row.port_key)).antijoin(&used.index_by(|pair| *pair))
}

/// The learned neighbours whose router, named by its southbound row, is not among `routers`, or whose
/// port is not among `router_ports`, the names of all router ports (redirection ports with them).
/// The port need not be the router's own.
///
/// Cost: a router or a port, one probe and the neighbours learned on it; a neighbour, two probes.
pub fn mac_bindings(
    bindings: &Relation<MacBinding>,
    routers: &Relation<Uuid>,
    router_ports: &Relation<Text>,
) -> Relation<MacBinding> {
    let bindings =
        bindings.map(|row| MacBinding { ip: "".into(), mac: "".into(), timestamp: 0, ..row.clone() });
    let by_router = bindings.index_by(|row| row.datapath);
    let routers = routers.index_by(|router| *router);
    let ports = router_ports.index_by(|name| name.clone());
    let portless = by_router.semijoin(&routers).index_by(|row| row.logical_port.clone()).antijoin(&ports);
    by_router.antijoin(&routers).concat(&portless)
}

/// The learned routes whose router, named by its southbound row, is not among `routers`, or whose port is
/// not among those that learn. They go with their port, which could not be deleted before them.
///
/// Cost: a router or a port, one probe and the routes learned on it; a learned route, two probes.
pub fn learned_routes(
    routes: &Relation<LearnedRoute>,
    routers: &Relation<Uuid>,
    learning: &Relation<Uuid>,
) -> Relation<LearnedRoute> {
    let routes = routes.map(|row| LearnedRoute { ip_prefix: "".into(), nexthop: "".into(), ..row.clone() });
    let by_router = routes.index_by(|row| row.datapath);
    let routers = routers.index_by(|router| *router);
    let learning = learning.index_by(|port| *port);
    let unlearned = by_router.semijoin(&routers).index_by(|row| row.logical_port).antijoin(&learning);
    by_router.antijoin(&routers).concat(&unlearned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::testing::Scenario;

    #[test]
    fn learned_addresses_go_with_their_port() {
        let mut scenario = Scenario::start(|program| {
            program.output("stale", &fdb(&program.input("fdb"), &program.input("ports")));
        });
        let port =
            |port, dp_key, port_key| PortKey { port: Uuid(port), datapath: Uuid(90), dp_key, port_key };
        let learned = |uuid, dp_key, port_key| Fdb { uuid: Uuid(uuid), dp_key, port_key, timestamp: 0 };
        scenario
            .insert("ports", port(1, 1, 1))
            .insert("fdb", learned(11, 1, 1))
            .insert("fdb", learned(12, 1, 2));
        scenario.step();
        assert_eq!(scenario.rows::<Fdb>("stale"), [learned(12, 1, 2)]);
        // The row has been deleted; the port comes back together with another one.
        scenario
            .remove("fdb", learned(12, 1, 2))
            .insert("fdb", learned(13, 1, 2))
            .insert("ports", port(2, 1, 2));
        scenario.step();
        assert_eq!(scenario.rows::<Fdb>("stale"), []);
        // Another port takes over the pair in the same epoch.
        scenario.replace("ports", port(2, 1, 2), port(3, 1, 2));
        assert_eq!(scenario.step(), 0);
        scenario.replace("ports", port(1, 1, 1), port(1, 2, 1)).step();
        assert_eq!(scenario.rows::<Fdb>("stale"), [learned(11, 1, 1)]);
    }

    #[test]
    fn learned_neighbours_go_with_their_router_or_port() {
        let mut scenario = Scenario::start(|program| {
            let (routers, ports) = (program.input("routers"), program.input("ports"));
            program.output("stale", &mac_bindings(&program.input("bindings"), &routers, &ports));
        });
        let learned = |uuid, datapath, port: &str| MacBinding {
            uuid: Uuid(uuid),
            logical_port: port.into(),
            datapath: Uuid(datapath),
            ip: "".into(),
            mac: "".into(),
            timestamp: 0,
        };
        for binding in
            [learned(1, 90, "lrp"), learned(2, 91, "lrp"), learned(3, 90, "gone"), learned(4, 91, "gone")]
        {
            scenario.insert("bindings", binding);
        }
        scenario.insert("routers", Uuid(90)).insert("ports", Text::from("lrp")).step();
        let stale = [learned(2, 91, "lrp"), learned(3, 90, "gone"), learned(4, 91, "gone")];
        assert_eq!(scenario.rows::<MacBinding>("stale"), stale);
        scenario.insert("routers", Uuid(91)).step();
        assert_eq!(scenario.rows::<MacBinding>("stale"), [learned(3, 90, "gone"), learned(4, 91, "gone")]);
        scenario.remove("ports", Text::from("lrp")).insert("ports", Text::from("gone")).step();
        assert_eq!(scenario.rows::<MacBinding>("stale"), [learned(1, 90, "lrp"), learned(2, 91, "lrp")]);
    }
}
