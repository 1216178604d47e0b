//! Random walks: scenarios made from a seed.
//!
//! A walk edits switches, ports, groups, chassis and settings at random, keeping a little model of
//! what is there so that its commands succeed, and checks every few steps. The same seed gives the
//! same walk. Edits whose outcome depends on the order in which the reference happens to look at
//! several new rows (numbers taken from one pool) have a check of their own.

mod acl;
mod balance;
mod dns;
mod late;
mod learned;
mod meter;
mod mirror;
mod multicast;
mod nat;
mod network_function;
mod qos;
mod renaming;
mod route;
mod router;
mod service;
mod settings;
mod template;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use settings::any as setting;

use crate::random::Random;

/// What is there.
#[derive(Debug, Default)]
struct Model {
    switches: BTreeSet<String>,
    /// Ports with their switch.
    ports: BTreeMap<String, String>,
    groups: BTreeSet<String>,
    sets: BTreeSet<String>,
    chassis: BTreeSet<String>,
    mirrors: BTreeSet<String>,
    acls: Vec<acl::Acl>,
    /// How many sample collectors there are.
    collectors: usize,
    routers: BTreeSet<String>,
    /// Routers that are disabled.
    closed: BTreeSet<String>,
    /// Ports of routers with their router.
    router_ports: BTreeMap<String, String>,
    /// Ports that have a binding, as of the last check.
    bound: BTreeSet<String>,
    made: usize,
    services: service::Services,
    nats: nat::Nats,
    balancers: balance::Balancers,
    routes: route::Routes,
    /// Ports of routers that had a binding at the last check.
    bound_routed: BTreeSet<String>,
    /// Rules of traffic shaping, with their switch.
    shapers: Vec<(String, String)>,
    /// Rows of names.
    names: Vec<String>,
    meters: BTreeSet<String>,
    copiers: Vec<mirror::Copier>,
    /// Rows of control plane protection.
    protections: Vec<String>,
    /// Rows of template variables, with their chassis.
    variables: Vec<(String, String)>,
    functions: network_function::Functions,
    late: late::Late,
}

const TYPES: &[&str] = &[
    "",
    "",
    "",
    "localnet",
    "localport",
    "l2gateway",
    "vtep",
    "external",
    "virtual",
    "remote",
    "router",
    "odd",
];

const SWITCH_OPTIONS: &[&str] = &[
    "vlan-passthru=true",
    "vlan-passthru=false",
    "broadcast-arps-to-all-routers=false",
    "broadcast-arps-to-all-routers=true",
    "ct-zone-limit=7",
    "fdb_age_threshold=30",
    "interconn-ts=ts1",
    "mcast_table_size=100",
    "mcast_idle_timeout=60",
];

const PORT_OPTIONS: &[&str] = &[
    "force_fdb_lookup=true",
    "pkt_clone_type=mc_unknown",
    "localnet_learn_fdb=true",
    "lsp_learn_fdb=false",
    "disable_arp_nd_rsp=true",
    "receive_multicast=false",
    "mcast_flood=true",
    "mcast_flood_reports=true",
    "network_name=phys",
    "requested-chassis=ch1",
    "requested-chassis=host2,ch1,nobody",
    "virtual-ip=10.9.9.9",
    "router-port=nowhere",
];

const GLOBAL_OPTIONS: &[&str] = &[
    "ignore_lsp_down=false",
    "ignore_lsp_down=true",
    "debug_drop_collector_set=12",
    "debug_drop_domain_id=7",
    // A domain that is too large leaves the reference with what it had before.
    "debug_drop_domain_id=12",
    "vxlan_mode=false",
    "unheard_of=1",
];

/// Walks from this seed on also go where those before do not: to every setting that there is, and to what
/// has little to do with all else.
const FAR: u64 = 1000;

/// Walks from this seed on also change what others only make, and give out addresses and tags.
const LATE: u64 = 3000;

/// The scenario of `seed`, `steps` commands long.
pub fn scenario(seed: u64, steps: usize) -> String {
    let mut random = Random::new(seed);
    let mut model = Model::default();
    let mut text = format!("# A random walk of {steps} steps from seed {seed}.\n");
    // The reference does not take back what an old chassis made it do.
    text += "nbctl set NB_Global . options:ignore_chassis_features=true\n";
    // Two of three walks are about routers or load balancers more than about all else.
    let (routed, balanced) = (seed % 3 == 2, seed % 3 == 1);
    // Of the others some are about network functions.
    let functions = seed % 6 == 3;
    for step in 1..=steps {
        // Try until something fits what is there.
        let line = loop {
            let line = if seed >= LATE && random.below(3) == 0 {
                model.late_command(&mut random)
            } else if seed >= FAR && random.below(2) == 0 {
                model.far_command(&mut random)
            } else {
                match random.below(if routed || balanced { 40 } else { 18 }) {
                    0 | 1 => service::command(&mut model, &mut random),
                    2 => model.multicast(&mut random),
                    3 | 11 | 12 if functions => model.function_command(&mut random),
                    3 | 4 => model.acl_command(&mut random),
                    5 | 6 => model.router_command(&mut random),
                    7 | 8 => model.nat_command(&mut random),
                    10 => model.balance_command(&mut random),
                    18..=31 if balanced => model.balance_command(&mut random),
                    32..=36 if balanced => model.nat_command(&mut random),
                    9 | 18..=29 => model.route_command(&mut random),
                    30.. => model.router_command(&mut random),
                    _ => {
                        let choice = random.below(100);
                        model.command(choice, &mut random)
                    }
                }
            };
            if let Some(line) = line {
                break line;
            }
        };
        text += &line;
        text.push('\n');
        if step % 10 == 0 || step == steps {
            text += "check\n";
            model.bound = model.ports.keys().cloned().collect();
            model.bound_routed = model.router_ports.keys().cloned().collect();
            model.routes_checked();
        }
    }
    text
}

impl Model {
    fn fresh(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{}", self.made)
    }

    /// An identifier for a new row.
    fn identifier(&mut self, random: &mut Random) -> String {
        self.made += 1;
        format!("{:08x}-0000-4000-8000-{:012x}", random.word() as u32, self.made)
    }

    fn switch(&self, random: &mut Random) -> Option<String> {
        random.pick(&self.switches.iter().cloned().collect::<Vec<_>>()).cloned()
    }

    fn port(&self, random: &mut Random) -> Option<String> {
        random.pick(&self.ports.keys().cloned().collect::<Vec<_>>()).cloned()
    }

    fn bound_port(&self, random: &mut Random) -> Option<String> {
        let there = self.bound.iter().filter(|port| self.ports.contains_key(*port)).cloned();
        random.pick(&there.collect::<Vec<_>>()).cloned()
    }

    /// One command of a walk that goes far; `None` if what it needs is not there.
    fn far_command(&mut self, random: &mut Random) -> Option<String> {
        match random.below(20) {
            0 => self.shaping(random),
            1 => self.names(random),
            2 => self.metering(random),
            3 => self.mirroring(random),
            4 => self.templates(random),
            5 => self.learning(random),
            6 => self.renaming(random),
            _ => self.settings(random),
        }
    }

    /// One command; `None` if what it needs is not there.
    fn command(&mut self, choice: usize, random: &mut Random) -> Option<String> {
        Some(match choice {
            0..=9 => {
                let name = self.fresh("s");
                self.switches.insert(name.clone());
                format!("nbctl ls-add {name}")
            }
            10..=12 => {
                let name = self.switch(random)?;
                self.switches.remove(&name);
                let outlives = self.ports.iter().any(|(port, on)| *on == name && self.functions.have(port));
                self.ports.retain(|_, switch| *switch != name);
                format!("{}nbctl ls-del {name}", seen(outlives))
            }
            13..=34 => {
                let switch = self.switch(random)?;
                let port = self.fresh("p");
                self.ports.insert(port.clone(), switch.clone());
                let kind = random.pick(TYPES)?;
                let addresses = addresses(random);
                format!(
                    "nbctl lsp-add {switch} {port} -- set Logical_Switch_Port {port} 'type=\"{kind}\"' {addresses}"
                )
            }
            35..=41 => {
                let port = self.port(random)?;
                self.ports.remove(&port);
                format!("{}nbctl lsp-del {port}", seen(self.functions.have(&port)))
            }
            42..=50 => format!("nbctl set Logical_Switch_Port {} {}", self.port(random)?, addresses(random)),
            51..=53 => {
                // It may get a new binding, which is not there before the next check.
                let port = self.port(random)?;
                self.bound.remove(&port);
                // The reference keeps the old type where it does not know the new one.
                let known = &TYPES[..TYPES.len() - 1];
                format!("nbctl set Logical_Switch_Port {port} 'type=\"{}\"'", random.pick(known)?)
            }
            54..=60 => {
                format!(
                    "nbctl set Logical_Switch_Port {} options:{}",
                    self.port(random)?,
                    random.pick(PORT_OPTIONS)?
                )
            }
            61..=62 => format!("nbctl clear Logical_Switch_Port {} options", self.port(random)?),
            63..=65 => {
                let state = random.pick(&["enabled", "disabled"])?;
                format!("nbctl lsp-set-enabled {} {state}", self.port(random)?)
            }
            66..=67 => {
                let security = random.pick(&[
                    "",
                    "\"0a:00:00:00:00:01 10.0.0.1\"",
                    "\"VRRPv3 0a:00:00:00:00:01\"",
                    "junk",
                ])?;
                format!("nbctl lsp-set-port-security {} {security}", self.port(random)?)
            }
            68..=72 => {
                format!(
                    "nbctl set Logical_Switch {} other_config:{}",
                    self.switch(random)?,
                    random.pick(SWITCH_OPTIONS)?
                )
            }
            73..=75 => {
                let group = self.fresh("g");
                self.groups.insert(group.clone());
                format!("nbctl pg-add {group} {}", self.some_ports(random))
            }
            76..=78 => {
                let group = random.pick(&self.groups.iter().cloned().collect::<Vec<_>>())?.clone();
                let ports = self.some_ports(random);
                if ports.is_empty() {
                    format!("nbctl clear Port_Group {group} ports")
                } else {
                    format!("nbctl pg-set-ports {group} {ports}")
                }
            }
            79 => {
                let group = random.pick(&self.groups.iter().cloned().collect::<Vec<_>>())?.clone();
                self.groups.remove(&group);
                format!("nbctl pg-del {group}")
            }
            80..=81 => {
                let set = self.fresh("a");
                self.sets.insert(set.clone());
                format!(
                    "nbctl create Address_Set name={set} addresses=10.0.0.{},10.1.0.0/16",
                    random.below(200)
                )
            }
            82..=83 => {
                let set = random.pick(&self.sets.iter().cloned().collect::<Vec<_>>())?.clone();
                format!("nbctl add Address_Set {set} addresses 10.7.0.{}", random.below(200))
            }
            84 => {
                let set = random.pick(&self.sets.iter().cloned().collect::<Vec<_>>())?.clone();
                if self.nats.names(&set) {
                    return None;
                }
                self.sets.remove(&set);
                format!("nbctl destroy Address_Set {set}")
            }
            85..=86 => {
                let number = random.below(4);
                let name = format!("ch{number}");
                if !self.chassis.insert(name.clone()) {
                    return None;
                }
                let kind = random.pick(&["geneve", "geneve", "geneve", "vxlan"])?;
                let host = name.replace("ch", "host");
                let remote = random.pick(&["true", "false"])?;
                format!(
                    "sbctl chassis-add {name} {kind} 127.0.0.{} -- set Chassis {name} hostname={host} other_config:is-remote={remote}",
                    number + 1
                )
            }
            87 => {
                let name = random.pick(&self.chassis.iter().cloned().collect::<Vec<_>>())?.clone();
                self.chassis.remove(&name);
                format!("sbctl chassis-del {name}")
            }
            88..=91 => {
                let port = self.bound_port(random)?;
                let name = random.pick(&self.chassis.iter().cloned().collect::<Vec<_>>())?.clone();
                format!(
                    "sbctl -- --id=@c get Chassis {name} -- set Port_Binding {port} chassis=@c up={}",
                    random.below(2) == 1
                )
            }
            92..=93 => format!("sbctl --if-exists lsp-unbind {}", self.bound_port(random)?),
            94..=96 => format!("nbctl set NB_Global . options:{}", random.pick(GLOBAL_OPTIONS)?),
            97 => {
                let name = self.fresh("m");
                self.mirrors.insert(name.clone());
                format!("nbctl mirror-add {name} gre {} both 127.0.0.{}", self.made, random.below(200) + 1)
            }
            98 => {
                let name = random.pick(&self.mirrors.iter().cloned().collect::<Vec<_>>())?.clone();
                format!("nbctl --may-exist lsp-attach-mirror {} {name}", self.port(random)?)
            }
            _ => {
                let (port, parent) = (self.port(random)?, self.port(random)?);
                if self.functions.have(&parent) {
                    return None;
                }
                self.bound.remove(&port);
                format!(
                    "nbctl set Logical_Switch_Port {port} parent_name={parent} tag_request={}",
                    random.below(9) + 1
                )
            }
        })
    }

    fn some_ports(&self, random: &mut Random) -> String {
        let wanted: Vec<&str> =
            self.ports.keys().filter(|_| random.below(4) == 0).map(String::as_str).collect();
        wanted.join(" ")
    }
}

/// A check before a port goes that its network function keeps in the database, with what was last written there: the
/// reference has to have written it too.
fn seen(outlives: bool) -> &'static str {
    if outlives { "check\n" } else { "" }
}

/// The column `addresses` of a port: few enough that ports share them now and then.
fn addresses(random: &mut Random) -> String {
    let number = random.below(12);
    let mac = format!("0a:00:00:00:00:{number:02x}");
    let addresses = match random.below(9) {
        0 => "unknown".to_owned(),
        1 => format!("\"{mac}\""),
        2 => format!("\"{mac} 10.0.0.{number}\",unknown"),
        3 => format!("\"{mac} 10.0.0.{number} fd00::{number:x}\""),
        4 => format!("\"{mac} fd00::{number:x}\",\"0a:00:00:00:01:{number:02x} 10.0.1.{number}\""),
        5 => "garbage".to_owned(),
        6 => "[]".to_owned(),
        _ => format!("\"{mac} 10.0.0.{number}\""),
    };
    format!("'addresses={addresses}'")
}

#[cfg(test)]
mod tests {
    use super::scenario;

    #[test]
    fn a_seed_gives_one_walk() {
        assert_eq!(scenario(7, 50), scenario(7, 50));
        assert_ne!(scenario(7, 50), scenario(8, 50));
        // One for ten steps, and those that commands ask for.
        assert!(scenario(7, 50).lines().filter(|line| *line == "check").count() >= 5);
    }
}
