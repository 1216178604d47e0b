//! ACLs of switches and port groups, and what samples them.

use std::collections::BTreeSet;

use super::{Model, Random};

/// An ACL that is there.
#[derive(Clone, Debug)]
pub(super) struct Acl {
    pub(super) name: String,
    /// The switch or port group that has it.
    owner: String,
    direction: String,
    priority: usize,
    matches: String,
}

impl Acl {
    /// Whether its owner still is.
    pub(super) fn is_there(&self, switches: &BTreeSet<String>, groups: &BTreeSet<String>) -> bool {
        switches.contains(&self.owner) || groups.contains(&self.owner)
    }

    /// Whether it is of this switch or group.
    pub(super) fn is_of(&self, owner: &str) -> bool {
        self.owner == owner
    }

    /// The switch or group `old` is called `new` from now on.
    pub(super) fn renamed(&mut self, old: &str, new: &str) {
        if self.owner == old {
            new.clone_into(&mut self.owner);
        }
    }
}

/// Few enough that ACLs are equal now and then.
const MATCHES: &[&str] =
    &["ip4", "ip4 && tcp.dst == 80", "inport == @g1 || outport == @g1", "arp", "ip6 && udp"];
const ACTIONS: &[&str] =
    &["allow", "allow-related", "allow-related", "allow-stateless", "drop", "reject", "pass"];
const DIRECTIONS: &[&str] = &["from-lport", "to-lport"];

const SETTINGS: &[&str] = &[
    "tier=0",
    "tier=1",
    "tier=3",
    "label=0",
    "label=7",
    "log=true",
    "log=false",
    "severity=alert",
    "meter=m1",
    "priority=5",
    "options:apply-after-lb=true",
    "options:apply-after-lb=false",
    "options:log-related=true",
    "options:persist-established=true",
    "options:persist-established=false",
];

const GLOBAL: &[&str] = &[
    "default_acl_drop=true",
    "default_acl_drop=false",
    "use_ct_inv_match=false",
    "use_ct_inv_match=true",
    "acl_ct_translation=true",
    "acl_ct_translation=false",
];

impl Model {
    /// One command about ACLs; `None` if what it needs is not there.
    pub(super) fn acl_command(&mut self, random: &mut Random) -> Option<String> {
        self.acls.retain(|acl| acl.is_there(&self.switches, &self.groups));
        Some(match random.below(20) {
            0..=6 => self.add_acl(random)?,
            7..=9 => {
                let action = random.pick(ACTIONS)?;
                format!("nbctl set ACL {} action={action}", random.pick(&self.acls)?.name)
            }
            10..=13 => {
                let settings = random.pick(SETTINGS)?;
                let at = random.below(self.acls.len());
                let acl = self.acls.get_mut(at)?;
                if *settings == "priority=5" {
                    acl.priority = 5;
                }
                format!("nbctl set ACL {} {settings}", acl.name)
            }
            14..=15 => {
                let at = random.below(self.acls.len());
                let acl = self.acls.get(at)?.clone();
                // Equal ones go along.
                self.acls.retain(|other| {
                    (&other.owner, &other.direction, other.priority, &other.matches)
                        != (&acl.owner, &acl.direction, acl.priority, &acl.matches)
                });
                format!("nbctl acl-del {} {} {} '{}'", acl.owner, acl.direction, acl.priority, acl.matches)
            }
            16 => {
                let owner = random.pick(&self.acls)?.owner.clone();
                self.acls.retain(|acl| acl.owner != owner);
                format!("nbctl acl-del {owner}")
            }
            17 => {
                let (one, other) =
                    (random.pick(&self.acls)?.name.clone(), random.pick(&self.acls)?.name.clone());
                let column = random.pick(&["sample_new", "sample_est"])?;
                let mut line = "nbctl ".to_owned();
                let collectors = random.pick(&["", "collectors=@c", "collectors=@c", "collectors=@c,@d"])?;
                for id in ["@c", "@d"].into_iter().filter(|id| collectors.contains(id)) {
                    self.collectors += 1;
                    let number = self.collectors;
                    line += &format!(
                        "--id={id} create Sample_Collector id={number} name=c probability={} set_id={number} -- ",
                        random.below(65536)
                    );
                }
                self.made += 2;
                let (point, next) = (self.made - 1, self.made);
                line += &format!("--id=@s create Sample {collectors} metadata={point} -- ");
                line += &format!("--id=@t create Sample {collectors} metadata={next} -- ");
                line + &format!("set ACL {one} {column}=@s -- set ACL {other} sample_est=@t")
            }
            18 => match random.below(3) {
                0 => format!("nbctl clear ACL {} sample_new", random.pick(&self.acls)?.name),
                _ => format!(
                    "nbctl --all destroy Sampling_App -- create Sampling_App type={} id={}",
                    random.pick(&["acl-new", "acl-est", "drop"])?,
                    random.below(255) + 1
                ),
            },
            _ => format!("nbctl set NB_Global . options:{}", random.pick(GLOBAL)?),
        })
    }

    /// Some ACL has another match and direction.
    pub(super) fn rematch(&mut self, matches: &str, random: &mut Random) -> Option<String> {
        self.acls.retain(|acl| acl.is_there(&self.switches, &self.groups));
        let (at, direction) = (random.below(self.acls.len()), random.pick(DIRECTIONS)?);
        let acl = self.acls.get_mut(at)?;
        matches.clone_into(&mut acl.matches);
        (*direction).clone_into(&mut acl.direction);
        Some(format!("nbctl set ACL {} direction={direction} 'match=\"{matches}\"'", acl.name))
    }

    fn add_acl(&mut self, random: &mut Random) -> Option<String> {
        let group = random.below(2) == 0;
        let owners: Vec<String> = if group { &self.groups } else { &self.switches }.iter().cloned().collect();
        let owner = random.pick(&owners)?.clone();
        let name = self.fresh("acl");
        let acl = Acl {
            name,
            owner,
            direction: (*random.pick(DIRECTIONS)?).to_owned(),
            priority: random.below(4),
            matches: (*random.pick(MATCHES)?).to_owned(),
        };
        let table = if group { "Port_Group" } else { "Logical_Switch" };
        let line = format!(
            "nbctl --id=@a create ACL name={} direction={} priority={} action={} 'match=\"{}\"' -- add {table} {} acls @a",
            acl.name,
            acl.direction,
            acl.priority,
            random.pick(ACTIONS)?,
            acl.matches,
            acl.owner
        );
        self.acls.push(acl);
        Some(line)
    }
}
