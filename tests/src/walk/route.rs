//! Routes, policies, the sessions that watch neighbours, known neighbours, and groups of chassis.

use super::{Model, Random};

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// Rows of routes, with their router.
    routes: Vec<(String, String)>,
    /// Rows of policies, with their router.
    policies: Vec<(String, String)>,
    /// Sessions: row, port, neighbour.
    sessions: Vec<(String, String, String)>,
    /// Those that had a row of the daemon's at the last check.
    checked: Vec<(String, String, String)>,
    /// Known neighbours.
    neighbors: Vec<String>,
    /// Where DHCP requests are relayed to: row, the port that does.
    relays: Vec<(String, String)>,
    /// Groups of chassis by name, with their rows.
    groups: Vec<(String, String)>,
    /// Members of groups of chassis: group, row.
    members: Vec<(String, String)>,
}

const PREFIXES: &[&str] = &[
    "0.0.0.0/0",
    "192.0.2.0/24",
    "192.0.2.0/24",
    "192.0.2.9/24",
    "198.51.100.7",
    "10.0.0.0/8",
    "::/0",
    "2001:db8::/32",
    "2001:db8::/32",
    "2001:db8:1::7",
    "fe80::/64",
    "odd",
];

const TABLES: &[&str] = &["", "", "", "blue", "green"];

const ROUTE_COLUMNS: &[&str] = &[
    "policy=src-ip",
    "policy=dst-ip",
    "policy=[]",
    "bfd=[]",
    "output_port=[]",
    "options:ecmp_symmetric_reply=true",
    "options:ecmp_symmetric_reply=false",
    "options:origin=connected",
    "options:origin=odd",
    "options={}",
    "selection_fields=ip_src,ip_dst",
    "selection_fields=ip_proto,ip_src,tp_dst,tp_src",
    "selection_fields=eth_src",
    "selection_fields=ipv6_src,tp_src",
    "selection_fields=[]",
    "route_table=blue",
    "'route_table=\"\"'",
    "nexthop=discard",
    "'nexthop=\"\"'",
    "external_ids:a=b",
];

const POLICY_COLUMNS: &[&str] = &[
    "priority=100",
    "priority=101",
    "action=allow",
    "action=drop",
    "action=reroute",
    "action=jump",
    "chain=inner",
    "chain=outer",
    "chain=[]",
    "jump_chain=inner",
    "jump_chain=outer",
    "jump_chain=[]",
    "nexthops=[]",
    "output_port=[]",
    "options:pkt_mark=7",
    "options:pkt_mark=odd",
    "options:pkt_mark=4294967295",
    "options={}",
    "bfd_sessions=[]",
    "nexthop=10.0.0.9",
    "nexthop=[]",
];

const MATCHES: &[&str] = &["ip4", "ip4.src == 10.0.0.0/8", "ip6", "ip6.dst == 2001:db8::/32", "tcp"];

const OPTIONS_OF_ROUTERS: &[&str] = &[
    "mac_binding_age_threshold=60",
    "'mac_binding_age_threshold=\"10.0.0.0/8:5;fd00::/16:0;9\"'",
    "mac_binding_age_threshold=odd",
    "mcast_relay=true",
    "mcast_relay=false",
    "always_learn_from_arp_request=false",
    "always_learn_from_arp_request=true",
    "dynamic_neigh_routers=true",
    "dynamic_neigh_routers=false",
    "dynamic-routing-vrf-id=7",
    "disable_garp_rarp=true",
];

const OPTIONS_OF_PORTS: &[&str] = &[
    "route_table=blue",
    "route_table=green",
    "'route_table=\"\"'",
    "gateway_mtu=1400",
    "gateway_mtu=1500",
    "gateway_mtu=0",
    "gateway_mtu_bypass=tcp",
    "reside-on-redirect-chassis=true",
    "reside-on-redirect-chassis=false",
    "redirect-type=bridged",
    "redirect-type=overlay",
    "redirect-type=odd",
    "mcast_flood=true",
    "mcast_flood=false",
    "dynamic-routing-maintain-vrf=true",
    "dynamic-routing-port-name=eth0",
    "requested-chassis=ch1",
    "routing-protocols=BGP,BFD",
    "routing-protocols=BGP",
    "requested-chassis=host2",
    "disable_garp_rarp=true",
];

const ADVERTISEMENTS: &[&str] = &[
    "address_mode=slaac",
    "address_mode=dhcpv6_stateless",
    "address_mode=dhcpv6_stateful",
    "send_periodic=true",
    "send_periodic=false",
    "'rdnss=\"2001:db8::53\"'",
    "dnssl=example.org",
    "'route_info=\"HIGH-2001:db8:9::/48\"'",
    "router_preference=LOW",
    "mtu=900",
    "mtu=1500",
    "min_interval=3",
    "max_interval=20",
];

const RELAY_SERVERS: &[&str] = &["172.16.1.1", "172.16.1.2", "junk", "fd00::1"];

const SETTINGS: &[&str] = &[
    "mac_binding_removal_limit=10",
    "ecmp_nexthop_monitor_enable=true",
    "ecmp_nexthop_monitor_enable=false",
    "always_tunnel=true",
];

impl Model {
    /// Routers that commands of this area and of others edit.
    fn routed_port(&self, random: &mut Random) -> Option<(String, String)> {
        let ports = self.router_ports.iter().map(|(port, router)| (port.clone(), router.clone()));
        random.pick(&ports.collect::<Vec<_>>()).cloned()
    }

    /// A next hop, most often in a network of a port of some router.
    pub(super) fn next_hop(&self, random: &mut Random) -> String {
        let number: usize = self
            .router_port(random)
            .and_then(|port| port.trim_start_matches("rp").parse().ok())
            .unwrap_or(self.made);
        // The number of a port's network is one more than the port's.
        let number = match random.below(6) {
            0 => random.below(self.made + 1),
            _ => number + 1,
        };
        let (high, low, host) = (number / 250, number % 250, random.below(4) + 7);
        match random.below(12) {
            0 => "discard".into(),
            1 => "10.77.77.77".into(),
            2..=4 => format!("fd00:{high}:{low}::{host}"),
            5 => format!("10.200.{low}.{}", random.below(3) + 1),
            6 => format!("fd99:{number}::{}", random.below(3) + 1),
            _ => format!("10.{high}.{low}.{host}"),
        }
    }

    /// One command about routes and what is beside them; `None` if what it needs is not there.
    pub(super) fn route_command(&mut self, random: &mut Random) -> Option<String> {
        Some(match random.below(60) {
            0..=9 => {
                let router = self.router(random)?;
                let (row, prefix) = (self.identifier(random), random.pick(PREFIXES)?);
                let mut columns = format!("'ip_prefix=\"{prefix}\"' 'nexthop=\"{}\"'", self.next_hop(random));
                let table = random.pick(TABLES)?;
                if !table.is_empty() {
                    columns += &format!(" route_table={table}");
                }
                if random.below(3) == 0 {
                    columns += &format!(" {}", random.pick(&ROUTE_COLUMNS[5..])?);
                }
                if random.below(4) == 0 {
                    columns += &format!(" output_port={}", self.router_port(random)?);
                    // Which of several ports has a link-local next hop is left to the reference's order.
                    if random.below(4) == 0 {
                        columns += " 'nexthop=\"fe80::9\"'";
                    }
                }
                self.routes.routes.push((row.clone(), router.clone()));
                format!(
                    "nbctl --id={row} create Logical_Router_Static_Route {columns} \
                     -- add Logical_Router {router} static_routes {row}"
                )
            }
            10..=12 => {
                let (row, router) = self.route(random)?;
                self.routes.routes.retain(|(other, _)| *other != row);
                format!("nbctl remove Logical_Router {router} static_routes {row}")
            }
            13..=16 => {
                let (row, _) = self.route(random)?;
                let column = match *random.pick(ROUTE_COLUMNS)? {
                    "output_port=[]" => format!("output_port=[] 'nexthop=\"{}\"'", self.next_hop(random)),
                    column => column.into(),
                };
                format!("nbctl set Logical_Router_Static_Route {row} {column}")
            }
            17..=18 => {
                let (row, _) = self.route(random)?;
                format!("nbctl set Logical_Router_Static_Route {row} 'nexthop=\"{}\"'", self.next_hop(random))
            }
            19 => {
                let (row, _) = self.route(random)?;
                format!(
                    "nbctl set Logical_Router_Static_Route {row} output_port={}",
                    self.router_port(random)?
                )
            }
            20..=22 => {
                let (port, _) = self.routed_port(random)?;
                let neighbor = self.next_hop(random);
                let there = |(_, p, n): &(String, String, String)| *p == port && *n == neighbor;
                let router = self.router_ports.get(&port)?;
                if neighbor == "discard"
                    || self.closed.contains(router)
                    || self.routes.sessions.iter().any(there)
                {
                    return None;
                }
                let row = self.identifier(random);
                self.routes.sessions.push((row.clone(), port.clone(), neighbor.clone()));
                let more = random.pick(&["", "", " min_tx=250", " min_rx=0 detect_mult=3"])?;
                // A route or a policy that it serves, if there is one.
                let user = match (random.below(3), self.route(random), self.policy(random)) {
                    (0, Some((route, _)), _) => format!(
                        " -- set Logical_Router_Static_Route {route} bfd={row} 'nexthop=\"{neighbor}\"' output_port={port}"
                    ),
                    (1, _, Some((policy, _))) => format!(
                        " -- add Logical_Router_Policy {policy} bfd_sessions {row} \
                         -- set Logical_Router_Policy {policy} action=reroute \
                         -- add Logical_Router_Policy {policy} nexthops '\"{neighbor}\"'"
                    ),
                    _ => String::new(),
                };
                format!("nbctl --id={row} create BFD logical_port={port} 'dst_ip=\"{neighbor}\"'{more}{user}")
            }
            23 => {
                let (row, ..) = random.pick(&self.routes.sessions)?.clone();
                self.routes.sessions.retain(|(other, ..)| *other != row);
                format!("nbctl destroy BFD {row}")
            }
            24 => {
                let (row, ..) = random.pick(&self.routes.sessions)?.clone();
                let column = random.pick(&["min_tx=100", "min_rx=200", "detect_mult=[]", "min_tx=[]"])?;
                format!("nbctl set BFD {row} {column}")
            }
            25..=27 => {
                let session = random.pick(&self.routes.sessions)?.clone();
                let status = random.pick(&["up", "up", "down", "init"])?;
                if !self.routes.checked.contains(&session) {
                    return None;
                }
                let (_, port, neighbor) = session;
                format!("sbctl set BFD '{{BFD logical_port={port} dst_ip={neighbor}}}' status={status}")
            }
            28..=34 => {
                let router = self.router(random)?;
                let (row, priority) = (self.identifier(random), random.below(5) + 98);
                let action = random.pick(&["allow", "drop", "reroute", "reroute", "reroute", "jump"])?;
                // A flow that was on several routers keeps the hint, or none, that it had then.
                let matches =
                    format!("{} && ip.ttl != {}", random.pick(MATCHES)?, router.trim_start_matches('r'));
                let mut columns = format!("priority={priority} 'match=\"{matches}\"' action={action}");
                let hops = random.below(4);
                if hops > 0 && *action == "reroute" {
                    let hops: Vec<String> =
                        (0..hops).map(|_| format!("\"{}\"", self.next_hop(random))).collect();
                    let hops: std::collections::BTreeSet<String> =
                        hops.into_iter().filter(|hop| hop != "\"discard\"").collect();
                    columns += &format!(
                        " 'nexthops={}'",
                        if hops.is_empty() {
                            "[]".into()
                        } else {
                            hops.into_iter().collect::<Vec<_>>().join(",")
                        }
                    );
                }
                if random.below(3) == 0 || *action == "jump" {
                    columns += &format!(" {}", random.pick(&POLICY_COLUMNS[6..12])?);
                }
                self.routes.policies.push((row.clone(), router.clone()));
                format!(
                    "nbctl --id={row} create Logical_Router_Policy {columns} -- add Logical_Router {router} policies {row}"
                )
            }
            35..=36 => {
                let (row, router) = self.policy(random)?;
                self.routes.policies.retain(|(other, _)| *other != row);
                format!("nbctl remove Logical_Router {router} policies {row}")
            }
            37..=39 => {
                let (row, _) = self.policy(random)?;
                format!("nbctl set Logical_Router_Policy {row} {}", random.pick(POLICY_COLUMNS)?)
            }
            40 => {
                let (row, _) = self.policy(random)?;
                let port = self.router_port(random)?;
                format!(
                    "nbctl -- --id=@p get Logical_Router_Port {port} -- set Logical_Router_Policy {row} output_port=@p"
                )
            }
            41 => {
                let (row, _) = self.policy(random)?;
                let hop = self.next_hop(random);
                format!("nbctl set Logical_Router_Policy {row} 'nexthops=\"{hop}\"'")
            }
            42..=43 => {
                let port = self.router_port(random)?;
                self.made += 1;
                let (row, number) = (self.identifier(random), self.made);
                self.routes.neighbors.push(row.clone());
                format!(
                    "nbctl --id={row} create Static_MAC_Binding logical_port={port} ip=10.9.{}.{} \
                     'mac=\"0a:00:00:00:09:{:02x}\"' override_dynamic_mac={}",
                    number / 250,
                    number % 250,
                    number % 250,
                    random.below(2) == 1
                )
            }
            44 => {
                let row = random.pick(&self.routes.neighbors)?.clone();
                if random.below(2) == 0 {
                    format!(
                        "nbctl set Static_MAC_Binding {row} override_dynamic_mac={}",
                        random.below(2) == 1
                    )
                } else {
                    self.routes.neighbors.retain(|other| *other != row);
                    format!("nbctl destroy Static_MAC_Binding {row}")
                }
            }
            45 => {
                // A switch of its own: clients without a MAC address make the reference read what is not there.
                let router = self.router(random)?;
                let (port, row) = (self.fresh("rp"), self.identifier(random));
                let number = self.made;
                self.router_ports.insert(port.clone(), router.clone());
                self.routes.relays.push((row.clone(), port.clone()));
                let server = random.pick(RELAY_SERVERS)?;
                format!(
                    "nbctl ls-add d{number} -- set Logical_Switch d{number} other_config:dhcp_relay_port=d{number}-r \
                     -- lsp-add d{number} d{number}-v -- lsp-set-addresses d{number}-v '0a:00:00:00:0d:01 10.99.9.9' \
                     -- lrp-add {router} {port} 0a:00:00:0d:{:02x}:{:02x} 10.99.{}.1/24 \
                     -- lsp-add-router-port d{number} d{number}-r {port} \
                     -- --id={row} create DHCP_Relay name={row} 'servers=\"{server}\"' \
                     -- set Logical_Router_Port {port} dhcp_relay={row}",
                    number / 256,
                    number % 256,
                    number % 250,
                )
            }
            46 => {
                let (row, _) = random.pick(&self.routes.relays)?.clone();
                format!("nbctl set DHCP_Relay {row} 'servers=\"{}\"'", random.pick(RELAY_SERVERS)?)
            }
            47 => {
                let (row, port) = random.pick(&self.routes.relays)?.clone();
                self.router_ports.get(&port)?;
                match random.below(2) {
                    0 => format!("nbctl clear Logical_Router_Port {port} dhcp_relay"),
                    _ => format!("nbctl set Logical_Router_Port {port} dhcp_relay={row}"),
                }
            }
            48 => {
                let (name, row) = (self.fresh("hg"), self.identifier(random));
                let port = self.router_port(random)?;
                self.routes.groups.push((name.clone(), row.clone()));
                format!(
                    "nbctl --id={row} create HA_Chassis_Group name={name} \
                     -- set Logical_Router_Port {port} ha_chassis_group={row}"
                )
            }
            49..=50 => {
                let (_, row) = random.pick(&self.routes.groups)?.clone();
                let member = self.identifier(random);
                self.routes.members.push((row.clone(), member.clone()));
                let (chassis, priority) = (random.below(4), random.below(30));
                format!(
                    "nbctl --id={member} create HA_Chassis chassis_name=ch{chassis} priority={priority} \
                     -- add HA_Chassis_Group {row} ha_chassis {member}"
                )
            }
            51 => {
                let (group, member) = random.pick(&self.routes.members)?.clone();
                match random.below(3) {
                    0 => {
                        self.routes.members.retain(|(_, other)| *other != member);
                        format!("nbctl remove HA_Chassis_Group {group} ha_chassis {member}")
                    }
                    1 => format!("nbctl set HA_Chassis {member} chassis_name=ch{}", random.below(4)),
                    _ => format!("nbctl set HA_Chassis {member} priority={}", random.below(30)),
                }
            }
            52 => {
                let (_, row) = random.pick(&self.routes.groups)?.clone();
                format!("nbctl set Logical_Router_Port {} ha_chassis_group={row}", self.router_port(random)?)
            }
            53..=54 => format!(
                "nbctl set Logical_Router {} options:{}",
                self.router(random)?,
                random.pick(OPTIONS_OF_ROUTERS)?
            ),
            55..=57 => format!(
                "nbctl set Logical_Router_Port {} options:{}",
                self.router_port(random)?,
                random.pick(OPTIONS_OF_PORTS)?
            ),
            58 => format!(
                "nbctl set Logical_Router_Port {} ipv6_ra_configs:{}",
                self.router_port(random)?,
                random.pick(ADVERTISEMENTS)?
            ),
            _ => format!("nbctl set NB_Global . options:{}", random.pick(SETTINGS)?),
        })
    }

    /// The daemon has followed.
    pub(super) fn routes_checked(&mut self) {
        self.routes.checked = self.routes.sessions.clone();
    }

    /// What has to go with a port: the reference crashes on sessions of ports that are not there.
    pub(super) fn sessions_of(&mut self, ports: &[String]) -> String {
        let gone = |session: &(String, String, String)| ports.contains(&session.1);
        let rows: Vec<String> =
            self.routes.sessions.iter().filter(|s| gone(s)).map(|(row, ..)| row.clone()).collect();
        self.routes.sessions.retain(|session| !gone(session));
        rows.iter().map(|row| format!(" -- destroy BFD {row}")).collect()
    }

    /// Whether some port of the router has a session.
    pub(super) fn is_watched(&self, router: &str) -> bool {
        let ports = &self.router_ports;
        self.routes.sessions.iter().any(|(_, port, _)| ports.get(port).is_some_and(|r| r == router))
    }

    /// The routes and policies of a router are gone with it.
    pub(super) fn routes_gone(&mut self, router: &str) {
        self.routes.routes.retain(|(_, other)| other != router);
        self.routes.policies.retain(|(_, other)| other != router);
    }

    /// A route with its router, which is there.
    pub(super) fn route(&self, random: &mut Random) -> Option<(String, String)> {
        random.pick(&self.routes.routes).cloned()
    }

    pub(super) fn policy(&self, random: &mut Random) -> Option<(String, String)> {
        random.pick(&self.routes.policies).cloned()
    }
}
