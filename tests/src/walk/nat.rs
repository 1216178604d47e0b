//! Translations of addresses, on routers that this area alone edits.

use std::collections::{BTreeMap, BTreeSet};

use super::{Model, Random};

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Nats {
    /// The number of each router, with the rows of its translations.
    routers: BTreeMap<usize, Vec<String>>,
    /// The address sets that a translation has ever named: the database keeps a set that one still names.
    sets: BTreeSet<String>,
    /// The switch ports that lead to these routers.
    facing: Vec<String>,
}

impl Nats {
    /// Whether a translation may name this address set.
    pub(super) fn names(&self, set: &str) -> bool {
        self.sets.contains(set)
    }
}

const COLUMNS: &[&str] = &[
    "type=snat",
    "type=dnat_and_snat",
    "options:add_route=true",
    "options:stateless=true",
    "'match=\"tcp\"' priority=7",
    "'match=\"\"'",
    "external_port_range=1000-2000",
    "external_ip=junk",
    "'external_ip=\"9.9.9.9\"'",
    "'logical_ip=\"10.0.0.0/8\"'",
    "'logical_ip=\"fd00::/16\"'",
    "'external_mac=\"0A:00:00:00:77:01\"'",
];

const OPTIONS: &[&str] = &[
    "ct-commit-all=true",
    "ct-commit-all=false",
    "'dnat_force_snat_ip=\"172.16.0.99\"'",
    "'dnat_force_snat_ip=\"172.16.0.98 fd16::98\"'",
    "dnat_force_snat_ip=junk",
    "dynamic_neigh_routers=true",
];

/// What a port that leads to a router announces.
const ANNOUNCED: &[&str] = &[
    "nat-addresses=router",
    "nat-addresses=router",
    "exclude-lb-vips-from-garp=true",
    "exclude-lb-vips-from-garp=false",
    "exclude-router-ips-from-garp=true",
];

impl Model {
    pub(super) fn nat_router(&self, random: &mut Random) -> Option<usize> {
        random.pick(&self.nats.routers.keys().copied().collect::<Vec<_>>()).copied()
    }

    /// A switch port that leads to one of these routers.
    pub(super) fn nat_facing(&self, random: &mut Random) -> Option<String> {
        let there = self.nats.facing.iter().filter(|port| self.ports.contains_key(*port)).cloned();
        random.pick(&there.collect::<Vec<_>>()).cloned()
    }

    pub(super) fn nat_row(&self, random: &mut Random) -> Option<(usize, String)> {
        let number = self.nat_router(random)?;
        Some((number, random.pick(self.nats.routers.get(&number)?)?.clone()))
    }

    /// One command about translations; `None` if what it needs is not there.
    pub(super) fn nat_command(&mut self, random: &mut Random) -> Option<String> {
        Some(match random.below(25) {
            24 => {
                let port = self.nat_facing(random)?;
                match random.below(4) {
                    0 => format!("nbctl remove Logical_Switch_Port {port} options nat-addresses"),
                    _ => format!("nbctl set Logical_Switch_Port {port} options:{}", random.pick(ANNOUNCED)?),
                }
            }
            0..=1 => {
                self.made += 1;
                let number = self.made % 250;
                if self.nats.routers.insert(number, Vec::new()).is_some() {
                    return None;
                }
                let mut line = format!("nbctl lr-add rn{number}");
                for (side, low) in [("in", 10), ("out", 16)] {
                    let port = format!("rn{number}-{side}");
                    line += &format!(
                        " -- lrp-add rn{number} {port} 0a:00:00:{low}:00:{number:02x} 172.{low}.{number}.1/24 fd{low}:{number}::1/64"
                    );
                    if let Some(switch) = self.switch(random).filter(|_| random.below(3) > 0) {
                        let back = self.fresh("p");
                        self.ports.insert(back.clone(), switch.clone());
                        self.nats.facing.push(back.clone());
                        line += &format!(
                            " -- lsp-add {switch} {back} -- lsp-set-type {back} router \
                             -- lsp-set-addresses {back} router -- lsp-set-options {back} router-port={port}"
                        );
                    }
                }
                line
            }
            2 => {
                let number = self.nat_router(random).filter(|_| random.below(3) == 0)?;
                self.nats.routers.remove(&number);
                format!("nbctl lr-del rn{number}")
            }
            3..=4 => {
                let number = self.nat_router(random)?;
                match random.below(3) {
                    0 => format!("nbctl set Logical_Router rn{number} options:chassis=ch1"),
                    1 => format!("nbctl remove Logical_Router rn{number} options chassis"),
                    _ => format!("nbctl set Logical_Router rn{number} options:{}", random.pick(OPTIONS)?),
                }
            }
            5..=6 => {
                let number = self.nat_router(random)?;
                let side = if random.below(4) == 0 { "in" } else { "out" };
                match random.below(3) {
                    0 => format!("nbctl clear Logical_Router_Port rn{number}-{side} gateway_chassis"),
                    _ => format!("nbctl lrp-set-gateway-chassis rn{number}-{side} ch{}", random.below(4)),
                }
            }
            7 => {
                let mtu = random.pick(&["1400", "0", "1500"])?;
                let number = self.nat_router(random)?;
                format!("nbctl set Logical_Router_Port rn{number}-out options:gateway_mtu={mtu}")
            }
            8 => {
                let common = random.pick(&["true", "false", "false"])?;
                format!("nbctl set NB_Global . options:use_common_zone={common}")
            }
            9..=15 => {
                let number = self.nat_router(random)?;
                // The least identifier decides where several have an address, so their order is to vary.
                let row = self.identifier(random);
                let columns = self.translation(number, random)?;
                self.nats.routers.entry(number).or_default().push(row.clone());
                format!("nbctl --id={row} create NAT {columns} -- add Logical_Router rn{number} nat {row}")
            }
            16..=18 => {
                let (number, row) = self.nat_row(random)?;
                self.nats.routers.entry(number).or_default().retain(|other| *other != row);
                format!("nbctl remove Logical_Router rn{number} nat {row}")
            }
            19 => {
                let (_, row) = self.nat_row(random)?;
                let set = random.pick(&self.sets.iter().cloned().collect::<Vec<_>>())?.clone();
                let column = random.pick(&["allowed_ext_ips", "exempted_ext_ips"])?;
                self.nats.sets.insert(set.clone());
                // Without connections, what the reference makes of it depends on what it did before.
                format!(
                    "nbctl remove NAT {row} options stateless -- clear NAT {row} allowed_ext_ips \
                     -- clear NAT {row} exempted_ext_ips -- --id=@a get Address_Set {set} -- set NAT {row} {column}=@a"
                )
            }
            20 => {
                let (number, row) = self.nat_row(random)?;
                let side = random.pick(&["in", "out"])?;
                format!(
                    "nbctl -- --id=@p get Logical_Router_Port rn{number}-{side} -- set NAT {row} gateway_port=@p"
                )
            }
            21 => {
                let (_, row) = self.nat_row(random)?;
                let column = random.pick(&["gateway_port", "logical_port", "external_mac"])?;
                format!("nbctl clear NAT {row} {column}")
            }
            _ => {
                let (_, row) = self.nat_row(random)?;
                let column = random.pick(COLUMNS)?;
                match column.contains("stateless") {
                    true => format!(
                        "nbctl clear NAT {row} allowed_ext_ips -- clear NAT {row} exempted_ext_ips -- set NAT {row} {column}"
                    ),
                    false => format!("nbctl set NAT {row} {column}"),
                }
            }
        })
    }

    /// The columns of a new translation: few enough addresses that some are shared.
    fn translation(&self, number: usize, random: &mut Random) -> Option<String> {
        let kind = random.pick(&["snat", "dnat", "dnat_and_snat", "dnat_and_snat"])?;
        let (outside, inside) = match random.below(3) {
            0 => (format!("fd16:{number}::"), format!("fd10:{number}::")),
            _ => (format!("172.16.{number}."), format!("172.10.{number}.")),
        };
        let outside = format!("{outside}{}", random.pick(&["1", "10", "11", "12"])?);
        let host = random.below(9) + 20;
        let inside = match (*kind, random.below(2)) {
            ("snat", 0) => format!("{inside}{}", if inside.contains('.') { "0/24" } else { "/64" }),
            _ => format!("{inside}{host}"),
        };
        let mut columns = format!("type={kind} 'external_ip=\"{outside}\"' 'logical_ip=\"{inside}\"'");
        if random.below(3) == 0 {
            let port = self.port(random)?;
            columns += &format!(" logical_port={port} 'external_mac=\"0a:00:00:00:77:{host}\"'");
        }
        Some(columns)
    }
}
