//! Edits of IP multicast: switches that snoop, and groups that chassis hear of.

use super::{Model, Random};

const SWITCH_OPTIONS: &[&str] = &[
    "mcast_snoop=true",
    "mcast_snoop=true",
    "mcast_snoop=false",
    "mcast_flood_unregistered=true",
    "mcast_flood_unregistered=false",
    "mcast_query_interval=7",
];

impl Model {
    /// One edit; `None` if what it needs is not there.
    pub(super) fn multicast(&mut self, random: &mut Random) -> Option<String> {
        match random.below(10) {
            0..=3 => {
                let option = random.pick(SWITCH_OPTIONS)?;
                Some(format!("nbctl set Logical_Switch {} other_config:{option}", self.switch(random)?))
            }
            4 => Some("sbctl --all destroy IGMP_Group".to_owned()),
            _ => self.hear(random),
        }
    }

    /// One or two ports of a switch ask for a group, each on a chassis.
    fn hear(&mut self, random: &mut Random) -> Option<String> {
        let port = self.bound_port(random)?;
        let switch = self.ports.get(&port)?.clone();
        let chassis: Vec<String> = self.chassis.iter().cloned().collect();
        let first = random.pick(&chassis)?.clone();
        self.made += 1;
        let number = self.made;
        // One name for all of them, so that they meet; the server takes it once for each chassis.
        let address = match random.below(5) {
            0 => format!("ff0e::{number:x}"),
            1 => format!("ff02::{number:x}"),
            2 => format!("224.0.0.{}", number % 256),
            _ => format!("239.0.{}.{}", number / 256, number % 256),
        };
        let mut parts = vec![format!("--id=@s get Datapath_Binding {switch}")];
        let mut heard = vec![(first.clone(), port)];
        let other = self.bound_port(random).filter(|other| self.ports.get(other) == Some(&switch));
        if let (Some(other), Some(second)) = (other, random.pick(&chassis))
            && *second != first
        {
            heard.push((second.clone(), other));
        }
        for (number, (chassis, port)) in heard.iter().enumerate() {
            parts.push(format!("--id=@c{number} get Chassis {chassis}"));
            parts.push(format!("--id=@p{number} get Port_Binding {port}"));
            parts.push(format!(
                "create IGMP_Group 'address=\"{address}\"' datapath=@s chassis=@c{number} ports=@p{number}"
            ));
        }
        Some(format!("sbctl {}", parts.join(" -- ")))
    }
}
