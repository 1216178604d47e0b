//! Texts that columns are given: in order, nearly so, and not at all.

use crate::random::Random;
use crate::walk::setting;

const HOSTILE: &[&str] = &[
    "",
    " ",
    "\"",
    "\\",
    "a\"b\\c\nd\te",
    "\"); drop; next; (\"",
    "1) || (1",
    "漢é😀",
    "$set",
    "@group",
    "{a, b}",
    "%s%n",
    "^v",
    "_MC_flood",
    "cr-p1",
    "svc_monitor_mac",
    "odd",
    "0",
    "true",
];

const IPS: &[&str] = &[
    "10.0.0.1",
    "10.0.0.2",
    "10.0.1.7",
    "172.16.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "fd00::1",
    "fd00::2",
    "fe80::1",
    "ff02::1",
    "::",
    "::ffff:10.0.0.1",
    "10.0.0.300",
    "discard",
    "^v",
];

const NETS: &[&str] = &[
    "10.0.0.1/24",
    "10.0.0.2/24",
    "10.0.1.1/24",
    "172.16.0.1/16",
    "10.0.0.0/0",
    "10.0.0.1/32",
    "10.0.0.1/33",
    "10.0.0.0/255.0.255.0",
    "fd00::1/64",
    "fd00::2/128",
    "::/0",
    "fe80::1/64",
    "224.0.0.0/4",
];

const MACS: &[&str] = &[
    "0a:00:00:00:00:01",
    "0a:00:00:00:00:02",
    "0A:00:00:00:00:03",
    "00:00:00:00:00:00",
    "ff:ff:ff:ff:ff:ff",
    "01:00:5e:00:00:01",
    "a:b:c:d:e:f",
];

const ADDRESSES: &[&str] = &[
    "unknown",
    "router",
    "dynamic",
    "dynamic 10.0.0.9",
    "dynamic fd00::9",
    "0a:00:00:00:00:01 10.0.0.1 fd00::1",
    "0a:00:00:00:00:02 10.0.0.2/24",
    "0a:00:00:00:00:03 dynamic",
    "0a:00:00:00:00:04",
    "VRRPv3 0a:00:00:00:00:05",
    "0a:00:00:00:00:06 10.0.0.0/8 junk",
];

const VIPS: &[&str] =
    &["10.0.0.10:80", "10.0.0.10", "[fd00::10]:80", "fd00::10", "172.16.0.1:53", "^v:^p", "^v", ""];
const BACKENDS: &[&str] =
    &["10.0.0.2:80,10.0.0.3:80", "10.0.0.2", "[fd00::2]:80", "fd00::2", "^b", "", "odd"];
const TYPES: &[&str] = &[
    "",
    "",
    "router",
    "router",
    "switch",
    "localnet",
    "localport",
    "l2gateway",
    "vtep",
    "external",
    "virtual",
    "remote",
    "odd",
];

/// A text for a column. Ports have been given as many names as `ports`.
pub(super) fn text(random: &mut Random, column: &str, ports: usize) -> String {
    if random.below(8) == 0 {
        return pick(random, HOSTILE);
    }
    let pool = match column {
        "networks" | "ip_prefix" | "cidr" | "prefix" | "logical_ip" => {
            if column == "logical_ip" && random.below(2) == 0 { IPS } else { NETS }
        }
        "nexthop" | "nexthops" | "external_ip" | "dst_ip" | "vip" | "ip" | "servers" | "src_ip"
        | "address" => IPS,
        "mac" | "external_mac" | "vmac" => MACS,
        "addresses" | "port_security" | "dynamic_addresses" => ADDRESSES,
        "type" => TYPES,
        "chassis" | "chassis_name" => &["ch0", "ch1", "ch2", "ch3"],
        "match" => &["ip4", "ip4 && tcp.dst == 80", "inport == @g", "1", "ip6.src == $a"],
        "peer" | "parent_name" | "logical_port" | "sink" | "child_port" | "output_port"
        | "logical_input_port" => {
            return port(random, ports);
        }
        "route_table" | "chain" | "jump_chain" => &["", "blue", "green"],
        "name" => &["n", "x y", "漢", "\"", "m"],
        _ => HOSTILE,
    };
    pick(random, pool)
}

/// A key and its value, for a column that maps texts to texts.
pub(super) fn pair(random: &mut Random, column: &str, ports: usize) -> (String, String) {
    match column {
        "vips" => (pick(random, VIPS), pick(random, BACKENDS)),
        "ip_port_mappings" => {
            let source = pick(random, IPS);
            (pick(random, IPS), format!("{}:{source}", port(random, ports)))
        }
        "is-remote" => (String::new(), pick(random, &["true", "false", "false"])),
        "options" | "other_config" | "ipv6_ra_configs" => match random.below(4) {
            0 => ("router-port".into(), format!("q{}", random.below(ports + 1))),
            1 => (
                pick(random, &["server_id", "server_mac", "lease_time", "interval", "timeout"]),
                pick(random, IPS),
            ),
            _ => {
                let (key, value) = setting(random);
                (key, value.unwrap_or_else(|| port(random, ports)))
            }
        },
        _ => (pick(random, HOSTILE), text(random, "addresses", ports)),
    }
}

/// The name of a port, of a router or a switch, which may be there.
fn port(random: &mut Random, ports: usize) -> String {
    format!("{}{}", if random.below(3) == 0 { "q" } else { "p" }, random.below(ports + 1))
}

fn pick(random: &mut Random, pool: &[&str]) -> String {
    (*random.pick(pool).unwrap_or(&"")).to_owned()
}
