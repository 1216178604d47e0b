//! What chassis learn and say: neighbours, routes, delegated prefixes, and where ports are besides.

use super::{Model, Random};

impl Model {
    /// One command of a chassis; `None` if what it needs is not there.
    pub(super) fn learning(&mut self, random: &mut Random) -> Option<String> {
        self.made += 1;
        let number = self.made;
        let (high, low) = (number / 250, number % 250);
        let chassis = random.pick(&self.chassis.iter().cloned().collect::<Vec<_>>())?.clone();
        Some(match random.below(10) {
            0..=2 => {
                let (port, router) = self.learner(random)?;
                // Far enough ahead that no setting makes it old.
                format!(
                    "sbctl --id=@d get Datapath_Binding {router} -- create MAC_Binding datapath=@d logical_port={port} \
                     ip=10.8.{high}.{low} 'mac=\"0a:00:00:00:08:{low:02x}\"' timestamp=99999999999999"
                )
            }
            3..=6 => {
                let (port, router) = self.learner(random)?;
                let (prefix, hop) = match random.below(4) {
                    0 => (format!("2001:db8:{number:x}::/48"), "fe80::7".to_owned()),
                    1 => ("192.0.2.0/24".to_owned(), format!("10.{high}.{low}.9")),
                    2 => (format!("10.{high}.{low}.0"), "odd".to_owned()),
                    _ => (format!("198.51.{low}.0/24"), self.next_hop(random)),
                };
                format!(
                    "sbctl --id=@d get Datapath_Binding {router} -- --id=@p get Port_Binding {port} \
                     -- create Learned_Route datapath=@d logical_port=@p 'ip_prefix=\"{prefix}\"' 'nexthop=\"{hop}\"'"
                )
            }
            7 => {
                let (port, _) = self.learner(random)?;
                let prefixes =
                    random.pick(&["1001:fd00:9::/64", "1001:fd00:9::/64,7:fd00:8::/56", "odd", ""])?;
                format!("sbctl set Port_Binding {port} 'options:ipv6_ra_pd_list=\"{prefixes}\"'")
            }
            8 => format!(
                "sbctl -- --id=@c get Chassis {chassis} -- set Port_Binding {} additional_chassis=@c \
                 options:additional-chassis-activated={chassis}",
                self.bound_port(random)?
            ),
            _ => {
                let parent = self.bound_port(random)?;
                let option = random.pick(&["vport-last-claim=7", "vport-backoff=500", "unheard-of=1"])?;
                format!(
                    "sbctl set Port_Binding {} virtual_parent={parent} options:{option}",
                    self.bound_port(random)?
                )
            }
        })
    }

    /// A router port that has a binding, and its router.
    fn learner(&self, random: &mut Random) -> Option<(String, String)> {
        let there = self
            .router_ports
            .iter()
            .filter(|(port, router)| self.bound_routed.contains(*port) && !self.closed.contains(*router));
        let there = there.map(|(port, router)| (port.clone(), router.clone()));
        random.pick(&there.collect::<Vec<_>>()).cloned()
    }
}
