//! What other commands make and never change, columns that no other command edits, addresses and tags that are given
//! out, and what chassis say of probes.

use std::collections::BTreeMap;

use super::{Model, Random};

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// Switches that give out addresses, with their number and those ports that have some.
    pools: BTreeMap<String, (usize, Vec<String>)>,
    /// Health checks of load balancers, which may have gone with these.
    checks: Vec<String>,
    /// Health checks of ports, likewise.
    port_checks: Vec<String>,
    /// Forwarding groups with their switch.
    forwarding: Vec<(String, String)>,
    /// Samples and collectors, which may have gone with their ACLs.
    samples: Vec<(String, String)>,
    /// Bands of meters, likewise.
    bands: Vec<String>,
    /// The last number of a configuration.
    config: usize,
}

const ADDRESSES: &[&str] = &[
    "10.1.0.7",
    "\"10.1.0.0/16\",\"fd00::/16\"",
    "\"fd00::7\"",
    "10.1.0.7,odd",
    "\"0a:00:00:00:00:07\"",
    "\"FD00::7\",\"fd00::7\"",
    "[]",
];

const ACL_MATCHES: &[&str] =
    &["ip4.src == $a1", "ip6.dst == {$a2, fd00::7} && tcp", "inport == @g1", "1", "", "odd ("];

const SWITCH_COLUMNS: &[&str] = &["acls", "qos_rules", "forwarding_groups", "load_balancer", "copp"];
const PORT_COLUMNS: &[&str] = &[
    "addresses",
    "health_checks",
    "ha_chassis_group",
    "mirror_rules",
    "external_ids",
    "enabled",
    "tag_request",
];

const ROUTES: &[&str] = &[
    "external_ids:ic-learned-route=x",
    "'ip_prefix=\"203.0.113.0/24\"'",
    "'ip_prefix=\"2001:db8:77::/48\"'",
    "'ip_prefix=\"0.0.0.0/0\"'",
    "'ip_prefix=\"192.0.2.0/33\"'",
    "'route_table=\"a b\"'",
];

const POLICIES: &[&str] = &[
    "external_ids:a=b",
    "'match=\"ip4.dst == 203.0.113.0/24\"'",
    "'match=\"\"'",
    "priority=0",
    "priority=32767",
    "'chain=\"\"'",
    "'jump_chain=\"\"'",
];

const NATS: &[&str] = &[
    "type=dnat",
    "external_port_range=7",
    "'external_port_range=\"\"'",
    "external_port_range=odd",
    "'logical_ip=\"172.10.1.77\"'",
    "'external_ip=\"172.16.1.77\"'",
    "'external_ip=\"fd16:1::77\"'",
    "priority=0",
    "external_ids:a=b",
    "logical_port=nowhere",
    "options={}",
    "external_mac=odd",
];

const PORT_CHECKS: &[&str] = &[
    "protocol=udp",
    "protocol=icmp",
    "port=8080",
    "'src_ip=\"10.0.0.253\"'",
    "'src_ip=\"fd00::fe\"'",
    "'src_ip=odd'",
    "'address=\"10.0.0.3\"'",
    "address=odd",
    "'address=\"\"'",
    "options:interval=7",
    "options={}",
];

const FORWARDING: &[&str] = &[
    "liveness=true",
    "liveness=false",
    "vip=10.8.8.8",
    "'vip=\"fd08::8\"'",
    "vip=odd",
    "'vmac=\"0A:00:00:08:00:AA\"'",
    "vmac=odd",
];

impl Model {
    /// One command; `None` if what it needs is not there.
    pub(super) fn late_command(&mut self, random: &mut Random) -> Option<String> {
        Some(match random.below(36) {
            0..=6 => return self.pool_command(random),
            7..=9 => return self.container(random),
            10 => format!(
                "nbctl set Logical_Router_Policy {} {}",
                self.policy(random)?.0,
                random.pick(POLICIES)?
            ),
            11 => format!(
                "nbctl set Logical_Router_Static_Route {} {}",
                self.route(random)?.0,
                random.pick(ROUTES)?
            ),
            12 => format!("nbctl set NAT {} {}", self.nat_row(random)?.1, random.pick(NATS)?),
            13..=14 => {
                let port = match self.nat_router(random).filter(|_| random.below(2) == 0) {
                    Some(number) => format!("rn{number}-out"),
                    None => self.router_port(random)?,
                };
                let column =
                    random.pick(&["priority=0", "priority=32767", "options:a=b", "external_ids:a=b"])?;
                format!("nbctl --if-exists set Gateway_Chassis {port}-ch{} {column}", random.below(4))
            }
            15 => {
                let chassis = random.pick(&self.chassis.iter().cloned().collect::<Vec<_>>())?.clone();
                let host = chassis.replace("ch", random.pick(&["host", "other"])?);
                let column = match random.below(4) {
                    0 => format!("hostname={host}"),
                    1 => "other_config:is-remote=true".to_owned(),
                    _ => "other_config:is-remote=false".to_owned(),
                };
                format!("sbctl set Chassis {chassis} {column}")
            }
            16..=17 => {
                let status = random.pick(&["online", "offline", "error", "[]"])?;
                format!(
                    "sbctl set Service_Monitor '{{Service_Monitor #{}}}' status={status}",
                    random.below(30)
                )
            }
            18 => format!(
                "sbctl --all destroy {}",
                random.pick(&["MAC_Binding", "Learned_Route", "FDB", "IGMP_Group"])?
            ),
            19..=20 => return self.balancer_parts(random),
            21..=22 => return self.port_check(random),
            23..=24 => return self.forwarding(random),
            25 => {
                let set = random.pick(&self.sets.iter().cloned().collect::<Vec<_>>())?.clone();
                format!("nbctl set Address_Set {set} 'addresses={}'", random.pick(ADDRESSES)?)
            }
            26 => {
                let matches = random.pick(ACL_MATCHES)?;
                return self.rematch(matches, random);
            }
            27..=28 => return self.sample(random),
            29 => return self.band(random),
            30 => {
                let (switch, column) = (self.switch(random)?, *random.pick(SWITCH_COLUMNS)?);
                match column {
                    "acls" => self.acls.retain(|acl| !acl.is_of(&switch)),
                    "qos_rules" => self.shapers.retain(|(_, on)| *on != switch),
                    _ => {}
                }
                format!("nbctl clear Logical_Switch {switch} {column}")
            }
            31 => {
                let (port, column) = (self.port(random)?, random.pick(PORT_COLUMNS)?);
                if *column == "tag_request" && self.functions.have(&port) {
                    return None;
                }
                format!("nbctl clear Logical_Switch_Port {port} {column}")
            }
            32 => {
                let (port, column) = (
                    self.router_port(random)?,
                    random.pick(&["peer", "external_ids", "enabled", "dhcp_relay"])?,
                );
                format!("nbctl clear Logical_Router_Port {port} {column}")
            }
            33 => {
                self.late.config += 1;
                format!("nbctl set NB_Global . nb_cfg={} 'name=\"n{}\"'", self.late.config, self.late.config)
            }
            34 => {
                let group = random.pick(&self.groups.iter().cloned().collect::<Vec<_>>())?.clone();
                let column = *random.pick(&["acls", "external_ids"])?;
                if column == "acls" {
                    self.acls.retain(|acl| !acl.is_of(&group));
                }
                format!("nbctl clear Port_Group {group} {column}")
            }
            _ => format!(
                "nbctl set Logical_Switch_Port {} 'external_ids:a={}'",
                self.port(random)?,
                random.pick(&["b", "\"\\\"\"", "\"\""])?
            ),
        })
    }

    /// Whether some switch gives out addresses.
    pub(super) fn has_pools(&self) -> bool {
        !self.late.pools.is_empty()
    }

    /// A switch that gives out addresses, and its ports: one at a time, as several that want some go in the
    /// reference's order.
    fn pool_command(&mut self, random: &mut Random) -> Option<String> {
        let pools: Vec<(String, usize)> =
            self.late.pools.iter().map(|(name, (number, _))| (name.clone(), *number)).collect();
        if pools.is_empty() || (pools.len() < 3 && random.below(4) == 0) {
            let (name, number) = (self.fresh("y"), self.made % 200);
            self.late.pools.insert(name.clone(), (number, Vec::new()));
            let mut line = format!("nbctl ls-add {name}");
            for (key, value) in [
                ("subnet", format!("10.{number}.0.0/28")),
                ("ipv6_prefix", format!("fd50:{number}::")),
                ("mac_only", "true".to_owned()),
                ("exclude_ips", format!("10.{number}.0.2..10.{number}.0.3")),
            ] {
                if random.below(2) == 0 {
                    line += &format!(" -- set Logical_Switch {name} 'other_config:{key}=\"{value}\"'");
                }
            }
            return Some(line + "\ncheck");
        }
        let (name, number) = random.pick(&pools)?.clone();
        let ports = self.late.pools.get(&name)?.1.clone();
        // None at the end of a subnet: there the reference's answer changes with each run.
        let host = *random.pick(&[0, 1, 2, 5, 6, 9, 10, 11, 12])?;
        // A port that asks for what another has is given something anew in each run, beside those that come.
        let choice = if ports.is_empty() { random.below(9) } else { 3 + random.below(6) };
        let addresses = match choice {
            0 => format!("\"dynamic 10.{number}.0.{host}\""),
            1 => format!("\"dynamic 10.{number}.0.{host} fd50:{number}::{host}\""),
            2 => format!("\"dynamic fd50:{number}::{host}\""),
            3 => format!("\"0a:00:00:00:50:{host:02x} dynamic\""),
            4 => format!("\"0a:00:00:00:51:{host:02x} 10.{number}.0.{host}\""),
            5 => format!("\"0a:00:00:00:52:{host:02x}\",dynamic"),
            6 => "dynamic,unknown".to_owned(),
            7 => "\"dynamic odd\"".to_owned(),
            _ => "dynamic".to_owned(),
        };
        let line = match random.below(12) {
            0..=5 if ports.len() < 10 => {
                let port = self.fresh("yp");
                self.late.pools.get_mut(&name)?.1.push(port.clone());
                format!(
                    "nbctl lsp-add {name} {port} -- set Logical_Switch_Port {port} 'addresses={addresses}'"
                )
            }
            6..=7 => {
                format!("nbctl set Logical_Switch_Port {} 'addresses={addresses}'", random.pick(&ports)?)
            }
            8 => {
                let port = random.pick(&ports)?.clone();
                self.late.pools.get_mut(&name)?.1.retain(|other| *other != port);
                format!("nbctl lsp-del {port}")
            }
            9 => {
                let port = random.pick(&ports)?;
                format!("nbctl clear Logical_Switch_Port {port} addresses")
            }
            // A router takes addresses of the switch.
            10 if ports.len() < 2 => {
                let (router, port) = (self.router(random)?, self.fresh("rp"));
                self.router_ports.insert(port.clone(), router.clone());
                let mac = self.made;
                format!(
                    "nbctl lrp-add {router} {port} 0a:00:00:50:{:02x}:{:02x} 10.{number}.0.{host}/28 \
                     -- lsp-add-router-port {name} {port}-s {port}",
                    mac / 256,
                    mac % 256
                )
            }
            _ if ports.len() < 2 => {
                let column = random.pick(&[
                    "exclude_ips=10.0.0.1",
                    "subnet=10.0.0.0/29",
                    "subnet=10.0.0.0/30",
                    "ipv6_prefix=\"fd51::\"",
                    "mac_only=true",
                    "mac_only=false",
                    "ipv6_prefix=odd",
                    "subnet=odd",
                    "exclude_ips=odd",
                ])?;
                let column = column.replace("10.0.", &format!("10.{number}."));
                format!("nbctl set Logical_Switch {name} 'other_config:{column}'")
            }
            _ => return None,
        };
        Some(line + "\ncheck")
    }

    /// Ports within ports, whose tags are given out: one at a time, likewise.
    fn container(&mut self, random: &mut Random) -> Option<String> {
        let parent = self.port(random)?;
        if self.functions.have(&parent) {
            return None;
        }
        let switch = self.ports.get(&parent)?.clone();
        let port = self.fresh("p");
        self.ports.insert(port.clone(), switch.clone());
        let tag = random.pick(&["0", "0", "0", "1", "2", "4095"])?;
        Some(format!(
            "nbctl lsp-add {switch} {port} -- set Logical_Switch_Port {port} parent_name={parent} tag_request={tag}\ncheck"
        ))
    }

    /// Parts of load balancers that go or change.
    fn balancer_parts(&mut self, random: &mut Random) -> Option<String> {
        let row = self.balancer(random)?;
        Some(match random.below(8) {
            0..=2 => format!("nbctl remove Load_Balancer {row} vips '{}'", self.balancer_vip(&row, random)?),
            3 => format!(
                "nbctl clear Load_Balancer {row} {}",
                random.pick(&["health_check", "ip_port_mappings", "external_ids"])?
            ),
            4..=5 => {
                let (vip, check) = (self.balancer_vip(&row, random)?, self.identifier(random));
                self.late.checks.push(check.clone());
                format!(
                    "nbctl --id={check} create Load_Balancer_Health_Check 'vip={vip}' options:interval=5 \
                     -- add Load_Balancer {row} health_check {check}"
                )
            }
            _ => {
                let check = random.pick(&self.late.checks)?.clone();
                let vip = self.balancer_vip(&row, random)?;
                let column = match random.below(4) {
                    0 => format!("'vip={vip}'"),
                    1 => "vip=odd".to_owned(),
                    2 => "options:interval=odd".to_owned(),
                    _ => "options={}".to_owned(),
                };
                format!("nbctl --if-exists set Load_Balancer_Health_Check {check} {column}")
            }
        })
    }

    fn port_check(&mut self, random: &mut Random) -> Option<String> {
        if random.below(3) > 0 {
            let (check, column) = (random.pick(&self.late.port_checks)?, random.pick(PORT_CHECKS)?);
            return Some(format!("nbctl --if-exists set Logical_Switch_Port_Health_Check {check} {column}"));
        }
        let (port, check) = (self.port(random)?, self.identifier(random));
        self.late.port_checks.push(check.clone());
        let number = random.below(12);
        Some(format!(
            "nbctl --id={check} create Logical_Switch_Port_Health_Check protocol=tcp port=80 'src_ip=\"10.0.0.254\"' \
             'address=\"10.0.0.{number}\"' -- add Logical_Switch_Port {port} health_checks {check}"
        ))
    }

    fn forwarding(&mut self, random: &mut Random) -> Option<String> {
        self.late.forwarding.retain(|(_, switch)| self.switches.contains(switch));
        Some(match random.below(5) {
            0..=1 => {
                let (switch, port, row) = (self.switch(random)?, self.port(random)?, self.identifier(random));
                self.late.forwarding.push((row.clone(), switch.clone()));
                let number = self.made % 250;
                format!(
                    "nbctl --id={row} create Forwarding_Group name=f{} vip=10.7.7.{number} 'vmac=\"0a:00:00:07:00:{number:02x}\"' \
                     child_port={port} -- add Logical_Switch {switch} forwarding_groups {row}",
                    self.made
                )
            }
            2..=3 => {
                let column = match random.below(3) {
                    0 => format!("child_port={}", self.port(random)?),
                    _ => (*random.pick(FORWARDING)?).to_owned(),
                };
                let (row, _) = random.pick(&self.late.forwarding)?;
                format!("nbctl --if-exists set Forwarding_Group {row} {column}")
            }
            _ => {
                let (row, switch) = random.pick(&self.late.forwarding)?.clone();
                self.late.forwarding.retain(|(other, _)| *other != row);
                format!("nbctl remove Logical_Switch {switch} forwarding_groups {row}")
            }
        })
    }

    fn sample(&mut self, random: &mut Random) -> Option<String> {
        self.acls.retain(|acl| acl.is_there(&self.switches, &self.groups));
        if random.below(3) > 0 {
            let (sample, collector) = random.pick(&self.late.samples)?;
            let number = random.below(65536);
            return Some(match random.below(4) {
                0 => format!("nbctl --if-exists set Sample_Collector {collector} probability={number}"),
                1 => format!("nbctl --if-exists set Sample_Collector {collector} set_id={number}"),
                2 => format!("nbctl --if-exists set Sample {sample} metadata={}", 100_000 + number),
                _ => format!("nbctl --if-exists clear Sample {sample} collectors"),
            });
        }
        let acl = random.pick(&self.acls)?.name.clone();
        let (sample, collector) = (self.identifier(random), self.identifier(random));
        self.late.samples.push((sample.clone(), collector.clone()));
        self.collectors += 1;
        let (id, metadata) = (self.collectors, self.made);
        let column = random.pick(&["sample_new", "sample_est"])?;
        Some(format!(
            "nbctl --id={collector} create Sample_Collector id={id} name=c probability=7 set_id={id} \
             -- --id={sample} create Sample collectors={collector} metadata={metadata} -- set ACL {acl} {column}={sample}"
        ))
    }

    fn band(&mut self, random: &mut Random) -> Option<String> {
        if random.below(2) == 0 {
            let band = random.pick(&self.late.bands)?;
            let column = random.pick(&[
                "rate=1",
                "rate=4294967295",
                "burst_size=0",
                "burst_size=77",
                "external_ids:a=b",
            ])?;
            return Some(format!("nbctl --if-exists set Meter_Band {band} {column}"));
        }
        let meter = random.pick(&self.meters.iter().cloned().collect::<Vec<_>>())?.clone();
        let band = self.identifier(random);
        self.late.bands.push(band.clone());
        Some(format!(
            "nbctl --id={band} create Meter_Band action=drop rate={} -- set Meter {meter} bands={band}",
            random.below(9) + 1
        ))
    }
}
