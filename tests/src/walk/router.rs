//! Routers, their ports, what these lead to, and the chassis of gateways.

use super::{Model, Random};

const ROUTER_OPTIONS: &[&str] = &[
    "chassis=ch1",
    "chassis=ch2",
    "always_learn_from_arp_request=false",
    "always_learn_from_arp_request=true",
    "dynamic_neigh_routers=true",
    "dynamic_neigh_routers=false",
    "mac_binding_age_threshold=7",
    "dynamic-routing-vrf-name=blue",
];

const PORT_OPTIONS: &[&str] = &[
    "redirect-type=bridged",
    "redirect-type=overlay",
    "reside-on-redirect-chassis=true",
    "reside-on-redirect-chassis=false",
    "gateway_mtu=1400",
    "gateway_mtu=0",
    "prefix_delegation=true",
    "prefix=true",
];

const ADVERTISEMENTS: &[&str] = &[
    "address_mode=slaac",
    "address_mode=dhcpv6_stateful",
    "address_mode=odd",
    "send_periodic=true",
    "send_periodic=false",
    "mtu=1400",
    "max_interval=8",
    "router_preference=HIGH",
];

/// Options of switch ports that lead to routers.
const FACING_OPTIONS: &[&str] = &[
    "exclude-router-ips-from-garp=true",
    "exclude-router-ips-from-garp=false",
    "enable_router_port_acl=true",
    "nat-addresses=router",
];

impl Model {
    pub(super) fn router(&self, random: &mut Random) -> Option<String> {
        random.pick(&self.routers.iter().cloned().collect::<Vec<_>>()).cloned()
    }

    pub(super) fn router_port(&self, random: &mut Random) -> Option<String> {
        random.pick(&self.router_ports.keys().cloned().collect::<Vec<_>>()).cloned()
    }

    /// One command about routers; `None` if what it needs is not there.
    pub(super) fn router_command(&mut self, random: &mut Random) -> Option<String> {
        Some(match random.below(40) {
            0..=3 => {
                let name = self.fresh("r");
                self.routers.insert(name.clone());
                format!("nbctl lr-add {name}")
            }
            4 => {
                let name = self.router(random)?;
                let of_it = self.router_ports.iter().filter(|(_, router)| **router == name);
                let ports: Vec<String> = of_it.map(|(port, _)| port.clone()).collect();
                let sessions = self.sessions_of(&ports);
                self.routes_gone(&name);
                self.routers.remove(&name);
                self.router_ports.retain(|_, router| *router != name);
                format!("nbctl lr-del {name}{sessions}")
            }
            5..=12 => {
                let (router, switch) = (self.router(random)?, self.switch(random)?);
                let (port, back) = (self.fresh("rp"), self.fresh("p"));
                let number = self.made;
                self.router_ports.insert(port.clone(), router.clone());
                self.ports.insert(back.clone(), switch.clone());
                let networks = networks(random, number);
                format!(
                    "nbctl lrp-add {router} {port} 0a:00:00:01:{:02x}:{:02x} {networks} \
                     -- lsp-add {switch} {back} -- lsp-set-type {back} router \
                     -- lsp-set-addresses {back} router -- lsp-set-options {back} router-port={port}",
                    number / 256,
                    number % 256
                )
            }
            13..=14 => {
                // Two ports of one router in one network are told apart by the reference's order.
                let (one, other) = (self.router(random)?, self.router(random)?);
                if one == other {
                    return None;
                }
                let (port, back) = (self.fresh("rp"), self.fresh("rp"));
                let number = self.made;
                self.router_ports.insert(port.clone(), one.clone());
                self.router_ports.insert(back.clone(), other.clone());
                format!(
                    "nbctl lrp-add {one} {port} 0a:00:00:02:00:{:02x} 10.200.{}.1/30 fd99:{number}::1/64 peer={back} \
                     -- lrp-add {other} {back} 0a:00:00:03:00:{:02x} 10.200.{}.2/30 fd99:{number}::2/64 peer={port}",
                    number % 256,
                    number % 256,
                    number % 256,
                    number % 256
                )
            }
            15..=16 => {
                let port = self.router_port(random)?;
                self.router_ports.remove(&port);
                let sessions = self.sessions_of(std::slice::from_ref(&port));
                format!("nbctl lrp-del {port}{sessions}")
            }
            17..=19 => {
                self.made += 1;
                let number = self.made;
                let networks = networks(random, number).replace(' ', "\",\"");
                format!(
                    "nbctl set Logical_Router_Port {} 'networks=\"{networks}\"'",
                    self.router_port(random)?
                )
            }
            20..=21 => {
                let state = random.pick(&["enabled", "disabled"])?;
                format!("nbctl lrp-set-enabled {} {state}", self.router_port(random)?)
            }
            22..=25 => format!(
                "nbctl lrp-set-gateway-chassis {} ch{} {}",
                self.router_port(random)?,
                random.below(4),
                random.below(30)
            ),
            // Where a gateway goes and comes back unseen, the reference keeps what its chassis said.
            26 => format!(
                "nbctl clear Logical_Router_Port {} gateway_chassis\ncheck",
                self.router_port(random)?
            ),
            27 => {
                let group = self.fresh("ha");
                let port = self.router_port(random)?;
                let one = random.below(4);
                let other = (one + 1) % 4;
                format!(
                    "nbctl -- --id=@c create HA_Chassis chassis_name=ch{one} priority=5 \
                     -- --id=@d create HA_Chassis chassis_name=ch{other} priority=7 \
                     -- --id=@g create HA_Chassis_Group name={group} ha_chassis=@c,@d \
                     -- set Logical_Router_Port {port} ha_chassis_group=@g"
                )
            }
            28 => {
                format!(
                    "nbctl clear Logical_Router_Port {} ha_chassis_group\ncheck",
                    self.router_port(random)?
                )
            }
            29..=31 => {
                let (router, option) = (self.router(random)?, random.pick(ROUTER_OPTIONS)?);
                let check = if option.starts_with("chassis") { "\ncheck" } else { "" };
                format!("nbctl set Logical_Router {router} options:{option}{check}")
            }
            32 => format!("nbctl clear Logical_Router {} options\ncheck", self.router(random)?),
            33..=34 => format!(
                "nbctl set Logical_Router_Port {} options:{}",
                self.router_port(random)?,
                random.pick(PORT_OPTIONS)?
            ),
            35 => format!(
                "nbctl set Logical_Router_Port {} ipv6_ra_configs:{}",
                self.router_port(random)?,
                random.pick(ADVERTISEMENTS)?
            ),
            36 => {
                let router = self.router(random)?;
                let enabled = random.pick(&["true", "false", "true"])?;
                if self.is_watched(&router) {
                    return None;
                }
                match *enabled {
                    "true" => self.closed.remove(&router),
                    _ => self.closed.insert(router.clone()),
                };
                format!("nbctl set Logical_Router {router} enabled={enabled}")
            }
            37..=38 => {
                let chassis = random.pick(&self.chassis.iter().cloned().collect::<Vec<_>>())?.clone();
                format!(
                    "sbctl -- --id=@c get Chassis {chassis} -- --if-exists set Port_Binding cr-{} chassis=@c",
                    self.router_port(random)?
                )
            }
            _ => format!(
                "nbctl set Logical_Switch_Port {} options:{}",
                self.port(random)?,
                random.pick(FACING_OPTIONS)?
            ),
        })
    }
}

/// Networks of a router port, of either family or both.
fn networks(random: &mut Random, number: usize) -> String {
    let (high, low) = (number / 250, number % 250);
    match random.below(4) {
        0 => format!("10.{high}.{low}.1/24"),
        1 => format!("fd00:{high}:{low}::1/64"),
        2 => format!("10.{high}.{low}.1/24 10.{}.{low}.1/25", high + 100),
        _ => format!("10.{high}.{low}.1/24 fd00:{high}:{low}::1/64"),
    }
}
