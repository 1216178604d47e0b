//! Network functions, their groups, and the ACLs that name these.

use std::collections::BTreeSet;

use super::{Model, Random};

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// How many there were; their identifiers and numbers count up.
    functions: usize,
    /// The members of each group. A member that joins has a higher identifier than those before, so that the
    /// function in use is the same whether the group was filled at once or not.
    groups: Vec<Vec<usize>>,
    /// Ports of functions.
    ports: BTreeSet<String>,
}

impl Functions {
    /// Whether some function has the port. A container port on the same switch would stand in for it, or not,
    /// as it happens.
    pub(super) fn have(&self, port: &str) -> bool {
        self.ports.contains(port)
    }
}

fn function(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-00000000000f")
}

fn group(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-0000000000ff")
}

impl Model {
    /// One command about network functions; `None` if what it needs is not there.
    pub(super) fn function_command(&mut self, random: &mut Random) -> Option<String> {
        self.acls.retain(|acl| acl.is_there(&self.switches, &self.groups));
        let groups = self.functions.groups.len();
        Some(match random.below(12) {
            0..=2 if self.functions.functions < 200 => {
                let (inport, outport) = (self.port(random)?, self.port(random)?);
                self.functions.functions += 1;
                let number = self.functions.functions;
                let line = format!(
                    "nbctl --id=@i get Logical_Switch_Port {inport} -- --id=@o get Logical_Switch_Port {outport} -- \
                     --id={} create Network_Function name=f{number} id={number} inport=@i outport=@o",
                    function(number)
                );
                self.functions.ports.extend([inport, outport]);
                line
            }
            3 if groups < 200 => {
                self.functions.groups.push(Vec::new());
                let fallback = random.pick(&["", "fallback=fail-open", "fallback=fail-close"])?;
                let number = groups + 1;
                format!(
                    "nbctl --id={} create Network_Function_Group name=g{number} id={number} mode=inline {fallback}",
                    group(number)
                )
            }
            4..=5 => {
                let at = random.below(groups);
                let members = self.functions.groups.get_mut(at)?;
                let next = members.last().copied().unwrap_or(0) + 1 + random.below(2);
                if next > self.functions.functions {
                    return None;
                }
                members.push(next);
                format!(
                    "nbctl add Network_Function_Group {} network_function {}",
                    group(at + 1),
                    function(next)
                )
            }
            6 => {
                let at = random.below(groups);
                let members = self.functions.groups.get_mut(at)?;
                // The last stays, so that none joins behind that has a lower identifier.
                let gone = random.below(members.len().saturating_sub(1));
                let gone = if members.len() > 1 { members.remove(gone) } else { return None };
                format!(
                    "nbctl remove Network_Function_Group {} network_function {}",
                    group(at + 1),
                    function(gone)
                )
            }
            7..=9 => {
                let acl = random.pick(&self.acls)?.name.clone();
                if groups == 0 {
                    return None;
                }
                format!("nbctl set ACL {acl} network_function_group={}", group(random.below(groups) + 1))
            }
            10 => format!("nbctl clear ACL {} network_function_group", random.pick(&self.acls)?.name),
            _ => {
                if groups == 0 {
                    return None;
                }
                let fallback = random.pick(&["fail-open", "fail-close"])?;
                format!(
                    "nbctl set Network_Function_Group {} fallback={fallback}",
                    group(random.below(groups) + 1)
                )
            }
        })
    }
}
