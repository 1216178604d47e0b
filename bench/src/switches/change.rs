//! The changes that are made to such a network, by feature.

use serde_json::{Value, json};

use super::CHASSIS;
use super::network::{EVERYONE, Network, TENANT, acl, addresses, dhcp_options};
use crate::layer2::{port_name, port_number};
use crate::row::{ADDED, Kind, delete, insert, map, mutate, set, update_row, uuid};
use crate::workload::{Change, Operations, bound, spread};

/// All kinds, in the order of a run: what is deleted was added before.
pub(super) fn changes(network: Network) -> Vec<Change> {
    let mut all = vec![Change::nb_cfg_only()];
    all.extend(of_ports(network));
    all.extend(of_acls(network));
    all.extend(of_groups(network));
    all.extend(of_services(network));
    all.extend(of_functions(network));
    all.extend(of_packets(network));
    all
}

/// Where the n-th change goes: spread over the network.
fn place(network: Network, round: usize) -> usize {
    spread(round, network.switches)
}

fn of_ports(network: Network) -> [Change; 9] {
    let port = move |round| uuid(Kind::Port, port_number(place(network, round), 0));
    let added = move |round| (place(network, round), network.ports + round);
    let taken = |switch: usize, number: usize, mutator: &str| {
        mutate("Logical_Switch", uuid(Kind::Switch, switch), "ports", mutator, uuid(Kind::Port, number))
    };
    let typed = move |round: usize, offset: usize, row: Value| {
        let switch = place(network, round);
        let number = port_number(switch, network.ports + offset + round);
        let port = insert("Logical_Switch_Port", Kind::Port, number, row);
        Operations::northbound([port, taken(switch, number, "insert")])
    };
    [
        Change::new("secured port add", move |round| {
            let (switch, port) = added(round);
            let number = port_number(switch, port);
            Operations::northbound([network.port(switch, port), taken(switch, number, "insert")])
        }),
        Change::new("port bound", move |round| {
            let (switch, port) = added(round);
            Operations::southbound([bound(&port_name(switch, port), round % CHASSIS)])
        }),
        Change::new("port delete", move |round| {
            let (switch, port) = added(round);
            Operations::northbound([taken(switch, port_number(switch, port), "delete")])
        }),
        Change::new("address change", move |round| {
            let addresses = addresses(place(network, round), 200);
            let row = json!({ "addresses": addresses, "port_security": addresses });
            Operations::northbound([update_row("Logical_Switch_Port", port(round), row)])
        }),
        Change::new("localnet port add", move |round| {
            let options = map(&[("network_name", "physnet")]);
            let row = json!({ "name": format!("localnet-{round}"), "type": "localnet", "addresses": "unknown", "options": options });
            typed(round, 1000, row)
        }),
        Change::new("virtual port add", move |round| {
            let switch = place(network, round);
            let options = map(&[("virtual-ip", "10.9.9.9"), ("virtual-parents", &port_name(switch, 1))]);
            let row = json!({ "name": format!("virtual-{round}"), "type": "virtual", "options": options });
            typed(round, 2000, row)
        }),
        Change::new("external port add", move |round| {
            let addresses = addresses(place(network, round), 201);
            let row =
                json!({ "name": format!("external-{round}"), "type": "external", "addresses": addresses });
            typed(round, 3000, row)
        }),
        Change::new("port mirrored", move |round| {
            let row = json!({ "mirror_rules": uuid(Kind::Mirror, 0) });
            Operations::northbound([update_row("Logical_Switch_Port", port(round), row)])
        }),
        Change::new("port queued", move |round| {
            let options = map(&[("qos_max_rate", &format!("{}", 1_000_000 + round))]);
            Operations::northbound([mutate("Logical_Switch_Port", port(round), "options", "insert", options)])
        }),
    ]
}

fn of_acls(network: Network) -> [Change; 6] {
    let tenant = move |round: usize| spread(round, network.tenants());
    let of_switch = |round: usize, more: Value| {
        let mut row = json!({ "direction": "from-lport", "priority": 500, "action": "drop",
            "match": format!("ip4.dst == 10.253.0.{round}") });
        if let (Some(row), Some(more)) = (row.as_object_mut(), more.as_object()) {
            row.extend(more.clone());
        }
        row
    };
    let add = move |round: usize, number: usize, row: Value| {
        let switch = uuid(Kind::Switch, place(network, round));
        let taken = mutate("Logical_Switch", switch, "acls", "insert", uuid(Kind::Acl, number));
        Operations::northbound([insert("ACL", Kind::Acl, number, row), taken])
    };
    [
        Change::new("group ACL add", move |round| {
            let (n, number) = (tenant(round), ADDED + round);
            let row = acl(number, n, 900, &format!("ip4.src == 10.253.1.{round}"));
            let taken =
                mutate("Port_Group", uuid(Kind::PortGroup, n), "acls", "insert", uuid(Kind::Acl, number));
            Operations::northbound([row, taken])
        }),
        Change::new("group ACL change", move |round| {
            let matches = format!("outport == @tenant{} && udp.dst == {}", tenant(round), 1000 + round);
            let row = uuid(Kind::Acl, ADDED + round);
            Operations::northbound([update_row("ACL", row, json!({ "match": matches }))])
        }),
        Change::new("group ACL delete", move |round| {
            let group = uuid(Kind::PortGroup, tenant(round));
            let row = uuid(Kind::Acl, ADDED + round);
            Operations::northbound([mutate("Port_Group", group, "acls", "delete", row)])
        }),
        Change::new("switch ACL add", move |round| {
            add(round, ADDED + 1000 + round, of_switch(round, json!({})))
        }),
        Change::new("tiered logging ACL add", move |round| {
            let more = json!({ "tier": 2, "log": true, "name": format!("acl{round}"), "meter": "slow",
                "severity": "info", "action": "reject" });
            add(round, ADDED + 2000 + round, of_switch(round, more))
        }),
        Change::new("switch ACL delete", move |round| {
            let switch = uuid(Kind::Switch, place(network, round));
            let row = uuid(Kind::Acl, ADDED + 1000 + round);
            Operations::northbound([mutate("Logical_Switch", switch, "acls", "delete", row)])
        }),
    ]
}

fn of_groups(network: Network) -> [Change; 6] {
    let element = |round: usize| json!(format!("10.252.{}.{round}", round >> 8));
    let everyone = || uuid(Kind::AddressSet, EVERYONE);
    // A port without a place in the group of all: its switch is there with others.
    let member = move |round: usize| uuid(Kind::Port, port_number(place(network, round), 0));
    let group = |n: usize| uuid(Kind::PortGroup, n);
    [
        Change::new("address-set member add", move |round| {
            let row = element(round);
            Operations::northbound([mutate("Address_Set", everyone(), "addresses", "insert", row)])
        }),
        Change::new("address-set member delete", move |round| {
            let row = element(round);
            Operations::northbound([mutate("Address_Set", everyone(), "addresses", "delete", row)])
        }),
        Change::new("large group member delete", move |round| {
            Operations::northbound([mutate("Port_Group", group(EVERYONE), "ports", "delete", member(round))])
        }),
        Change::new("large group member add", move |round| {
            Operations::northbound([mutate("Port_Group", group(EVERYONE), "ports", "insert", member(round))])
        }),
        Change::new("group reaches a switch", move |round| {
            let other = (place(network, round) / TENANT + 1) % network.tenants();
            Operations::northbound([mutate("Port_Group", group(other), "ports", "insert", member(round))])
        }),
        Change::new("group leaves a switch", move |round| {
            let other = (place(network, round) / TENANT + 1) % network.tenants();
            Operations::northbound([mutate("Port_Group", group(other), "ports", "delete", member(round))])
        }),
    ]
}

fn of_services(network: Network) -> [Change; 6] {
    let switch = move |round: usize| uuid(Kind::Switch, place(network, round));
    let port = move |round: usize| uuid(Kind::Port, port_number(place(network, round), 1));
    [
        Change::new("DHCP options of a port", move |round| {
            let number = ADDED + round;
            let row = json!({ "dhcpv4_options": uuid(Kind::DhcpOptions, number) });
            let set = update_row("Logical_Switch_Port", port(round), row);
            Operations::northbound([dhcp_options(number, place(network, round)), set])
        }),
        Change::new("DHCP option change", |round| {
            let more = map(&[("mtu", &format!("{}", 1300 + round))]);
            let row = uuid(Kind::DhcpOptions, ADDED + round);
            Operations::northbound([mutate("DHCP_Options", row, "options", "insert", more)])
        }),
        Change::new("DNS record add", |round| {
            let more = map(&[(&format!("new{round}.test"), "10.251.0.1")]);
            Operations::northbound([mutate("DNS", uuid(Kind::Dns, 0), "records", "insert", more)])
        }),
        Change::new("forwarding group add", move |round| {
            let place = place(network, round);
            let ports = set([0, 1].map(|port| json!(port_name(place, port))));
            let row = json!({ "name": format!("fwd{round}"), "vip": format!("10.250.0.{round}"),
                "vmac": format!("0a:fd:00:00:00:{round:02x}"), "child_port": ports });
            let number = uuid(Kind::ForwardingGroup, round);
            let taken = mutate("Logical_Switch", switch(round), "forwarding_groups", "insert", number);
            Operations::northbound([insert("Forwarding_Group", Kind::ForwardingGroup, round, row), taken])
        }),
        Change::new("proxy ARP set", move |round| {
            let options = map(&[("arp_proxy", "10.249.0.0/16")]);
            Operations::northbound([mutate("Logical_Switch_Port", port(round), "options", "insert", options)])
        }),
        Change::new("meter add", |round| {
            let band = json!({ "action": "drop", "rate": 100 + round });
            let row = json!({ "name": format!("meter{round}"), "unit": "kbps", "bands": uuid(Kind::MeterBand, ADDED + round) });
            Operations::northbound([
                insert("Meter_Band", Kind::MeterBand, ADDED + round, band),
                insert("Meter", Kind::Meter, ADDED + round, row),
            ])
        }),
    ]
}

/// Network functions, each with a group of its own, that one switch has its packets pass.
fn of_functions(network: Network) -> [Change; 3] {
    let port = move |round: usize, at: usize| uuid(Kind::Port, port_number(place(network, round), at));
    // Their numbers have eight bits.
    let number = |round: usize| round + 1;
    [
        Change::new("network function add", move |round| {
            let id = number(round);
            let function = json!({ "name": format!("function{round}"), "id": id, "inport": port(round, 0), "outport": port(round, 1) });
            let group = json!({ "name": format!("functions{round}"), "id": id, "mode": "inline",
                "network_function": uuid(Kind::NetworkFunction, round) });
            Operations::northbound([
                insert("Network_Function", Kind::NetworkFunction, round, function),
                insert("Network_Function_Group", Kind::NetworkFunctionGroup, round, group),
            ])
        }),
        Change::new("network function ACL add", move |round| {
            let number = ADDED + 3000 + round;
            let row = json!({ "direction": "from-lport", "priority": 400, "action": "allow-related",
                "match": format!("ip4.dst == 10.247.0.{round}"),
                "network_function_group": uuid(Kind::NetworkFunctionGroup, round) });
            let switch = uuid(Kind::Switch, place(network, round));
            let taken = mutate("Logical_Switch", switch, "acls", "insert", uuid(Kind::Acl, number));
            Operations::northbound([insert("ACL", Kind::Acl, number, row), taken])
        }),
        Change::new("network function gone", |round| {
            let row = uuid(Kind::NetworkFunctionGroup, round);
            Operations::northbound([update_row(
                "Network_Function_Group",
                row,
                json!({ "network_function": ["set", []] }),
            )])
        }),
    ]
}

fn of_packets(network: Network) -> [Change; 7] {
    let switch = move |round: usize| uuid(Kind::Switch, place(network, round));
    [
        Change::new("QoS add", move |round| {
            let row = json!({ "direction": "from-lport", "priority": 100, "action": ["map", [["dscp", 10]]],
                "bandwidth": ["map", [["rate", 1000]]], "match": format!("ip4.src == 10.248.0.{round}") });
            let number = uuid(Kind::Qos, round);
            let taken = mutate("Logical_Switch", switch(round), "qos_rules", "insert", number);
            Operations::northbound([insert("QoS", Kind::Qos, round, row), taken])
        }),
        Change::new("QoS rate change", |round| {
            let row = json!({ "bandwidth": ["map", [["rate", 2000 + round]]] });
            Operations::northbound([update_row("QoS", uuid(Kind::Qos, round), row)])
        }),
        Change::new("CoPP taken off a switch", move |round| {
            Operations::northbound([update_row(
                "Logical_Switch",
                switch(round),
                json!({ "copp": ["set", []] }),
            )])
        }),
        Change::new("snooping turned on", move |round| {
            // A switch that does not snoop yet, whatever the round.
            let at = place(network, round) / 10 * 10 + 1;
            let row = uuid(Kind::Switch, at.min(network.switches - 1));
            let option = map(&[("mcast_snoop", "true"), ("mcast_idle_timeout", &format!("{}", 100 + round))]);
            Operations::northbound([mutate("Logical_Switch", row, "other_config", "insert", option)])
        }),
        Change::new("switch put into an EVPN", move |round| {
            let config = map(&[
                ("dynamic-routing-vni", &format!("{}", 1000 + round)),
                ("dynamic-routing-redistribute", "fdb,ip"),
            ]);
            Operations::northbound([mutate(
                "Logical_Switch",
                switch(round),
                "other_config",
                "insert",
                config,
            )])
        }),
        Change::new("switch ACL stages gone", move |round| {
            // What stood there since the ACLs were added: the switch is plain again where no group reaches it.
            let row = uuid(Kind::Acl, ADDED + 2000 + round);
            Operations::northbound([mutate("Logical_Switch", switch(round), "acls", "delete", row)])
        }),
        Change::new("switch delete", move |round| {
            Operations::northbound([delete("Logical_Switch", uuid(Kind::Switch, place(network, round)))])
        }),
    ]
}
