//! Names that change, and columns that no other area has.

use super::{Model, Random};

impl Model {
    /// One command; `None` if what it needs is not there.
    pub(super) fn renaming(&mut self, random: &mut Random) -> Option<String> {
        Some(match random.below(12) {
            0 => {
                let (old, new) = (self.switch(random)?, self.fresh("s"));
                self.switches.remove(&old);
                self.switches.insert(new.clone());
                self.ports
                    .values_mut()
                    .filter(|switch| **switch == old)
                    .for_each(|switch| switch.clone_from(&new));
                self.shapers
                    .iter_mut()
                    .filter(|(_, switch)| *switch == old)
                    .for_each(|(_, switch)| switch.clone_from(&new));
                self.acls.iter_mut().for_each(|acl| acl.renamed(&old, &new));
                format!("nbctl set Logical_Switch {old} name={new}")
            }
            1..=2 => {
                let (old, new) = (self.port(random)?, self.fresh("p"));
                if self.functions.have(&old) {
                    return None;
                }
                let switch = self.ports.remove(&old)?;
                self.ports.insert(new.clone(), switch);
                format!("nbctl set Logical_Switch_Port {old} name={new}")
            }
            3 => {
                let groups: Vec<String> = self.groups.iter().cloned().collect();
                let (old, new) = (random.pick(&groups)?.clone(), self.fresh("g"));
                self.groups.remove(&old);
                self.groups.insert(new.clone());
                self.acls.iter_mut().for_each(|acl| acl.renamed(&old, &new));
                format!("nbctl set Port_Group {old} name={new}")
            }
            4..=5 => {
                self.made += 1;
                let mac = format!("0a:00:00:0f:{:02x}:{:02x}", self.made / 256, self.made % 256);
                format!("nbctl set Logical_Router_Port {} 'mac=\"{mac}\"'", self.router_port(random)?)
            }
            6 => {
                let tag = random.pick(&["tag=7", "tag=4095", "tag=[]", "tag_request=9", "tag_request=[]"])?;
                format!("nbctl set Logical_Switch_Port {} {tag}", self.port(random)?)
            }
            7 => format!("nbctl clear Logical_Switch_Port {} parent_name", self.port(random)?),
            8 => {
                let column =
                    random.pick(&["dhcpv4_options", "dhcpv6_options", "port_security", "options", "peer"])?;
                format!("nbctl clear Logical_Switch_Port {} {column}", self.port(random)?)
            }
            9 => format!("nbctl clear Logical_Router_Port {} ipv6_ra_configs", self.router_port(random)?),
            10 => format!("nbctl clear Logical_Switch {} external_ids", self.switch(random)?),
            _ => {
                let flag = random.pick(&["true", "false"])?;
                format!("nbctl set NB_Global . ipsec={flag}")
            }
        })
    }
}
