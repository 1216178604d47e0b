//! The changes that are made to such a network.

use serde_json::{Value, json};

use super::CHASSIS;
use super::network::{
    INSIDE, Network, OUTSIDE, behind_provider, inside, outside, port, route, router_port, router_port_name,
    switch_side,
};
use crate::layer2::chassis_column;
use crate::row::{ADDED, Kind, delete, insert, map, mutate, update, update_row, uuid};
use crate::workload::{self, Change, Operations, chassis_name, spread};

/// All kinds, in the order of a run: what is deleted was added before.
pub(super) fn changes(network: Network) -> Vec<Change> {
    let mut all = vec![Change::nb_cfg_only()];
    all.extend(of_routes());
    all.extend(of_policies(network));
    all.extend(of_ports(network));
    all.extend(of_gateways(network));
    all.extend(of_routers(network));
    all
}

/// Those that are about routes and policies.
pub(super) fn routing(network: Network) -> Vec<Change> {
    of_routes().into_iter().chain(of_policies(network)).collect()
}

/// Which tenant the n-th change is about: spread over the network.
fn place(network: Network, round: usize) -> usize {
    spread(round, network.routers)
}

/// On the first router, which has most routes.
fn of_routes() -> [Change; 6] {
    let first = || uuid(Kind::Router, 0);
    let number = |round: usize, offset: usize| ADDED + offset + round;
    let taken = move |number: usize, mutator: &str| {
        mutate("Logical_Router", first(), "static_routes", mutator, uuid(Kind::Route, number))
    };
    [
        Change::new("static route add", move |round| {
            let number = number(round, 0);
            let row = route(number, &format!("100.1.{round}.0/24"), json!({}));
            Operations::northbound([row, taken(number, "insert")])
        }),
        Change::new("static route next hop", move |round| {
            let row = json!({ "nexthop": "172.16.0.2" });
            Operations::northbound([update_row(
                "Logical_Router_Static_Route",
                uuid(Kind::Route, number(round, 0)),
                row,
            )])
        }),
        Change::new("static route delete", move |round| {
            Operations::northbound([taken(number(round, 0), "delete")])
        }),
        Change::new("equal-cost route add", move |round| {
            let rows = [(1000, "172.16.0.3"), (2000, "172.16.0.4")].map(|(offset, nexthop)| {
                let prefix = format!("100.2.{round}.0/24");
                (number(round, offset), route(number(round, offset), &prefix, json!({ "nexthop": nexthop })))
            });
            Operations::northbound(rows.into_iter().flat_map(|(number, row)| [row, taken(number, "insert")]))
        }),
        Change::new("watched route add", move |round| {
            let session = json!({ "logical_port": router_port_name(0, OUTSIDE), "dst_ip": format!("172.16.200.{round}") });
            let number = number(round, 3000);
            let row = json!({ "nexthop": format!("172.16.200.{round}"), "bfd": uuid(Kind::Bfd, round) });
            let row = route(number, &format!("100.3.{round}.0/24"), row);
            Operations::northbound([insert("BFD", Kind::Bfd, round, session), row, taken(number, "insert")])
        }),
        Change::new("watched next hop up", |round| {
            let condition = json!([["dst_ip", "==", format!("172.16.200.{round}")]]);
            Operations::southbound([update("BFD", condition, json!({ "status": "up" }))])
        }),
    ]
}

fn of_policies(network: Network) -> [Change; 3] {
    let router = move |round: usize| uuid(Kind::Router, place(network, round));
    let row =
        |round: usize| json!({ "priority": 1000 + round, "match": format!("ip4.src == 10.255.0.{round}") });
    let with = |mut row: Value, action: &str, more: Value| {
        row["action"] = json!(action);
        if let (Some(row), Some(more)) = (row.as_object_mut(), more.as_object()) {
            row.extend(more.clone());
        }
        row
    };
    let add = move |round: usize, number: usize, row: Value| {
        let taken = mutate("Logical_Router", router(round), "policies", "insert", uuid(Kind::Policy, number));
        Operations::northbound([insert("Logical_Router_Policy", Kind::Policy, number, row), taken])
    };
    [
        Change::new("policy add", move |round| add(round, round, with(row(round), "drop", json!({})))),
        Change::new("rerouting policy add", move |round| {
            let hops = json!({ "nexthops": ["set", ["172.16.0.5", "172.16.0.6"]] });
            add(round, ADDED + round, with(row(round + 1000), "reroute", hops))
        }),
        Change::new("policy delete", move |round| {
            let row = uuid(Kind::Policy, round);
            Operations::northbound([mutate("Logical_Router", router(round), "policies", "delete", row)])
        }),
    ]
}

fn of_ports(network: Network) -> [Change; 6] {
    let added = move |round: usize| (place(network, round), round);
    [
        Change::new("router port add", move |round| {
            let (tenant, at) = added(round);
            let number = port(tenant, at);
            let taken = mutate(
                "Logical_Router",
                uuid(Kind::Router, tenant),
                "ports",
                "insert",
                uuid(Kind::RouterPort, number),
            );
            Operations::northbound([router_port(tenant, at, &format!("11.{round}.0.1/24"), json!({})), taken])
        }),
        Change::new("router port network add", move |round| {
            let (tenant, at) = added(round);
            let row = uuid(Kind::RouterPort, port(tenant, at));
            let more = json!(format!("11.{round}.1.1/24"));
            Operations::northbound([mutate("Logical_Router_Port", row, "networks", "insert", more)])
        }),
        Change::new("router port delete", move |round| {
            let (tenant, at) = added(round);
            let row = uuid(Kind::RouterPort, port(tenant, at));
            Operations::northbound([mutate(
                "Logical_Router",
                uuid(Kind::Router, tenant),
                "ports",
                "delete",
                row,
            )])
        }),
        Change::new("known neighbour add", move |round| {
            let tenant = place(network, round);
            let row = json!({ "logical_port": router_port_name(tenant, INSIDE), "ip": inside(tenant, 100 + round % 100),
                "mac": "0a:33:00:00:00:01" });
            Operations::northbound([insert("Static_MAC_Binding", Kind::StaticMacBinding, round, row)])
        }),
        Change::new("router advertisements on", move |round| {
            let row = uuid(Kind::RouterPort, port(place(network, round), INSIDE));
            let configs = map(&[("address_mode", "slaac"), ("mtu", &format!("{}", 1300 + round))]);
            Operations::northbound([mutate("Logical_Router_Port", row, "ipv6_ra_configs", "insert", configs)])
        }),
        Change::new("networks advertised", move |round| {
            let row = uuid(Kind::RouterPort, port(place(network, round), OUTSIDE));
            let router = uuid(Kind::Router, place(network, round));
            let dynamic = map(&[("dynamic-routing", "true")]);
            let networks = map(&[("dynamic-routing-redistribute", "connected")]);
            Operations::northbound([
                mutate("Logical_Router", router, "options", "insert", dynamic),
                mutate("Logical_Router_Port", row, "options", "insert", networks),
            ])
        }),
    ]
}

fn of_gateways(network: Network) -> [Change; 4] {
    [
        Change::new("gateway chassis change", move |round| {
            let row = uuid(Kind::GatewayChassis, place(network, round));
            let row = update_row("Gateway_Chassis", row, json!({ "priority": 10 + round }));
            Operations::northbound([row])
        }),
        Change::new("gateway chassis moved", move |round| {
            let tenant = place(network, round);
            let row = json!({ "chassis_name": chassis_name((tenant + 1 + round) % CHASSIS) });
            Operations::northbound([update_row("Gateway_Chassis", uuid(Kind::GatewayChassis, tenant), row)])
        }),
        Change::new("chassis add", |round| Operations::southbound(workload::chassis(CHASSIS + round))),
        Change::new("chassis column change", |round| chassis_column(round % CHASSIS, round)),
    ]
}

fn of_routers(network: Network) -> [Change; 5] {
    let added = move |round: usize| network.routers + round;
    [
        Change::new("lone router add", |round| {
            let row = json!({ "name": format!("lone{round}") });
            Operations::northbound([insert("Logical_Router", Kind::Router, ADDED + round, row)])
        }),
        Change::new("router option change", move |round| {
            let option = map(&[("always_learn_from_arp_request", "false")]);
            let row = uuid(Kind::Router, place(network, round));
            Operations::northbound([mutate("Logical_Router", row, "options", "insert", option)])
        }),
        Change::new("tenant add", move |round| {
            let tenant = added(round);
            let rows = network.tenant(tenant, 1);
            Operations::northbound(rows.into_iter().chain([behind_provider(tenant, "insert")]))
        }),
        Change::new("switch put behind a router", move |round| {
            // The network of an added port, which the router has no more.
            let (tenant, at) = (added(round), 100);
            let router = mutate(
                "Logical_Router",
                uuid(Kind::Router, tenant),
                "ports",
                "insert",
                uuid(Kind::RouterPort, port(tenant, at)),
            );
            let switch = mutate(
                "Logical_Switch",
                uuid(Kind::Switch, tenant),
                "ports",
                "insert",
                uuid(Kind::Port, port(tenant, at)),
            );
            let network = format!("{}/12", outside(tenant).replacen("172.", "12.", 1));
            Operations::northbound([
                switch_side(tenant, at),
                router_port(tenant, at, &network, json!({})),
                router,
                switch,
            ])
        }),
        Change::new("tenant delete", move |round| {
            let tenant = added(round);
            let rows = [("Logical_Router", Kind::Router), ("Logical_Switch", Kind::Switch)];
            let rows = rows.map(|(table, kind)| delete(table, uuid(kind, tenant)));
            Operations::northbound(rows.into_iter().chain([behind_provider(tenant, "delete")]))
        }),
    ]
}
