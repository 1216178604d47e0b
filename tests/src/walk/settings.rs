//! Settings of every kind: each key that ovn-nb(5) has, on a row of its table, with values that are in order,
//! at the edge, or malformed.

mod keys;

use keys::{KEYS, Key, Values};

use super::{Model, Random};

/// Numbers in order, at the edges of their types, and not quite numbers.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "7",
    "60",
    "1400",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "-1",
    " 9",
    "+5",
    "0x10",
    "5x",
    "odd",
    "",
];

const FLAGS: &[&str] = &["true", "false", "true", "false", "True", "FALSE", "1", "odd", ""];

/// A row of a table, as commands name it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row {
    Global,
    Switch,
    SwitchPort,
    Router,
    RouterPort,
    Balancer,
    Acl,
    Nat,
    Route,
    Policy,
}

/// Any key, with a value unless this is the name of a port.
pub(crate) fn any(random: &mut Random) -> (String, Option<String>) {
    let key = &KEYS[random.below(KEYS.len())];
    (key.name.to_owned(), text(&key.values, random))
}

/// A value; `None` if it is one that depends on what is there.
fn text(values: &Values, random: &mut Random) -> Option<String> {
    let texts = match values {
        Values::Flag => FLAGS,
        Values::Number => NUMBERS,
        Values::Texts(texts) => texts,
        Values::Port => return None,
        Values::TunnelKey => &["1", "7", "32768", "4294967295", "odd"],
    };
    random.pick(texts).map(|text| (*text).to_owned())
}

impl Model {
    /// One command that sets or removes a few keys; `None` if what these need is not there.
    pub(super) fn settings(&mut self, random: &mut Random) -> Option<String> {
        let settings: Vec<String> = (0..4).filter_map(|_| self.setting(random)).collect();
        // Where a gateway goes and comes back unseen, the reference keeps what its chassis said; a key that was asked
        // for unseen it has never given.
        let lasting = ["options:\"chassis\"", "requested-tnl-key"];
        let lasts = |setting: &String| lasting.iter().any(|key| setting.contains(key));
        let check = if settings.iter().any(lasts) { "\ncheck" } else { "" };
        (!settings.is_empty()).then(|| format!("nbctl {}{check}", settings.join(" -- ")))
    }

    fn setting(&mut self, random: &mut Random) -> Option<String> {
        self.acls.retain(|acl| acl.is_there(&self.switches, &self.groups));
        let key = random.pick(KEYS)?;
        // All ports with given addresses would want others at once.
        if key.name == "mac_prefix" && self.has_pools() {
            return None;
        }
        let (table, row) = self.row(key.row, random)?;
        let Key { column, name, .. } = key;
        // Without these the reference would draw some at random.
        let identity = name.starts_with("mac_prefix") || name.starts_with("svc_monitor_mac");
        // The source addresses of queriers it never takes back.
        let source = name.starts_with("mcast_eth") || name.starts_with("mcast_ip");
        if !identity && !source && random.below(6) == 0 {
            return Some(format!("remove {table} {row} {column} '\"{name}\"'"));
        }
        let value = match &key.values {
            Values::Port => self.port(random)?,
            Values::TunnelKey => {
                // One for each: who yields where two ask for one is the reference's order.
                self.made += 1;
                (1000 + self.made).to_string()
            }
            values => text(values, random)?,
        };
        Some(format!("set {table} {row} '{column}:\"{name}\"=\"{value}\"'"))
    }

    /// A row of the kind that is there: its table and name.
    fn row(&self, row: Row, random: &mut Random) -> Option<(&'static str, String)> {
        let nat_router = |random: &mut Random| self.nat_router(random).map(|number| format!("rn{number}"));
        Some(match row {
            Row::Global => ("NB_Global", ".".to_owned()),
            Row::Switch => ("Logical_Switch", self.switch(random)?),
            Row::SwitchPort => ("Logical_Switch_Port", self.port(random)?),
            Row::Router if random.below(3) == 0 => ("Logical_Router", nat_router(random)?),
            Row::Router => ("Logical_Router", self.router(random)?),
            Row::RouterPort if random.below(3) == 0 => {
                let side = random.pick(&["in", "out"])?;
                ("Logical_Router_Port", format!("{}-{side}", nat_router(random)?))
            }
            Row::RouterPort => ("Logical_Router_Port", self.router_port(random)?),
            Row::Balancer => ("Load_Balancer", self.balancer(random)?),
            Row::Acl => ("ACL", random.pick(&self.acls)?.name.clone()),
            Row::Nat => ("NAT", self.nat_row(random)?.1),
            Row::Route => ("Logical_Router_Static_Route", self.route(random)?.0),
            Row::Policy => ("Logical_Router_Policy", self.policy(random)?.0),
        })
    }
}
