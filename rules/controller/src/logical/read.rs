//! Logical flows, read: the two texts of a row, parsed at most once.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use northflow_language::action::{self, Action, Catalog, Catalogs, OptionKind, Scene};
use northflow_language::expression::{self, Item, Matcher};
use northflow_language::lexer::{Lexer, Token};
use northflow_language::symbol::SymbolTable;
use northflow_language::table::Pipeline;
use northflow_language::template;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::seen;
use serde::{Deserialize, Serialize};

use super::place::{Place, Settings, Version};
use super::translate::{Effect, World};
use crate::template::Values;

/// What a logical flow says; a copy shares what was read.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Read {
    pub says: Arc<Says>,
    #[serde(skip)]
    parsed: Arc<OnceLock<Result<Parsed, String>>>,
}

/// The columns of a logical flow that count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Says {
    pub version: Version,
    pub ingress: bool,
    pub table: u8,
    pub priority: u16,
    pub match_: Text,
    pub actions: Text,
    pub meter: Option<Text>,
    /// The flow is for chassis to which this port matters.
    pub port: Option<Text>,
    /// Protocols and ports are those of the connection.
    pub of_connection: bool,
    /// Options of DHCP, if the actions give any.
    pub options: Option<Arc<Options>>,
}

/// Options of DHCP: name, code, type.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Options {
    pub dhcp: Vec<(Text, u16, Text)>,
    pub dhcpv6: Vec<(Text, u16, Text)>,
}

/// A logical flow, understood.
#[derive(Debug)]
pub(super) struct Parsed {
    pub match_: Condition,
    pub actions: Vec<Action>,
    /// What the actions are where they have been asked for.
    effects: Mutex<Vec<(Scenery, Option<Effect>)>>,
    /// Names that may be of ports and multicast groups.
    pub names: Vec<Text>,
    pub sets: Vec<Text>,
    pub groups: Vec<Text>,
    pub residents: Vec<Text>,
    /// Ports the tunnels to which have to be up.
    pub watched: Vec<Text>,
}

/// The match of a logical flow, understood.
#[derive(Debug)]
pub(super) enum Condition {
    /// Its rows, which are the same everywhere.
    Plain(Vec<expression::Row>),
    /// What the rows are made of.
    Asking(Matcher),
}

/// What the actions of a flow that asks nothing depend on: the same in many datapaths.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scenery {
    is_switch: bool,
    snat_zone_for_both: bool,
    settings: Arc<Settings>,
    /// The number of the datapath, if samples tell it.
    key: Option<u32>,
}

impl Parsed {
    /// What the actions do in a place, worked out once for all that are alike.
    pub fn effect(
        &self,
        says: &Says,
        place: &Place,
        make: impl FnOnce() -> Option<Effect>,
    ) -> Option<Effect> {
        let scenery = Scenery {
            is_switch: place.is_switch,
            snat_zone_for_both: place.snat_zone_for_both,
            settings: Arc::clone(&place.settings),
            key: says.actions.contains("sample").then_some(place.key),
        };
        let mut effects = self.effects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = effects.iter().find(|(known, _)| *known == scenery) {
            return known.clone();
        }
        let effect = make();
        // Nearly always it is the only one.
        effects.reserve_exact(1);
        effects.push((scenery, effect.clone()));
        effect
    }

    /// Whether it is the same on all chassis.
    fn is_shared(&self) -> bool {
        self.groups.is_empty() && self.residents.is_empty() && self.watched.is_empty()
    }

    /// Whether it is the same whatever else is in the database.
    fn is_plain(&self) -> bool {
        self.is_shared() && self.names.is_empty() && self.sets.is_empty()
    }
}

/// Symbols of matches and actions.
pub(super) static SYMBOLS: LazyLock<SymbolTable> = LazyLock::new(SymbolTable::logical);
/// Symbols of matches of flows with the tag `acl_ct_translation`.
static OF_CONNECTIONS: LazyLock<SymbolTable> = LazyLock::new(SymbolTable::of_connections);

/// Whether actions give options of DHCP.
pub(super) fn gives_options(flow: &seen::LogicalFlow) -> bool {
    flow.actions.contains("put_dhcp")
}

impl Read {
    /// A row; `None` if its place is in no pipeline.
    pub fn new(flow: &seen::LogicalFlow, options: Option<Arc<Options>>) -> Option<Read> {
        let ingress = match &*flow.pipeline {
            "ingress" => true,
            "egress" => false,
            _ => return None,
        };
        let pipeline = if ingress { Pipeline::Ingress } else { Pipeline::Egress };
        let table = u8::try_from(flow.table_id).ok().filter(|table| *table < pipeline.length())?;
        let says = Says {
            version: Version::shared(flow.uuid),
            ingress,
            table,
            priority: u16::try_from(flow.priority).ok()?,
            match_: flow.match_.clone(),
            actions: flow.actions.clone(),
            meter: flow.controller_meter.clone(),
            port: flow.tags.get("in_out_port").cloned(),
            of_connection: flow.tags.get_bool("acl_ct_translation", false),
            options,
        };
        Some(Read { says: Arc::new(says), parsed: Arc::default() })
    }

    /// The template variables in it.
    pub fn variables(&self) -> BTreeSet<String> {
        let mut variables = template::variables(&self.says.match_);
        variables.extend(template::variables(&self.says.actions));
        variables
    }

    /// What it says on a chassis; `None` if a variable has no value there.
    pub fn expand(&self, values: &Values<Uuid>) -> Option<Read> {
        let says = Says {
            version: Version::of(values.of, values.chassis),
            match_: values.expand(&self.says.match_)?,
            actions: values.expand(&self.says.actions)?,
            ..Says::clone(&self.says)
        };
        Some(Read { says: Arc::new(says), parsed: Arc::default() })
    }

    /// Whether it is right, and the same on all chassis.
    pub fn is_shared(&self) -> bool {
        self.says.version.chassis.is_none() && self.parsed().is_ok_and(Parsed::is_shared)
    }

    /// Whether it is right, and the same whatever else is in the database.
    pub fn is_plain(&self) -> bool {
        self.says.version.chassis.is_none() && self.parsed().is_ok_and(Parsed::is_plain)
    }

    /// What it says, or why it says nothing.
    pub fn parsed(&self) -> Result<&Parsed, &str> {
        self.parsed.get_or_init(|| self.says.parse()).as_ref().map_err(|error| &**error)
    }
}

impl Says {
    pub fn pipeline(&self) -> Pipeline {
        if self.ingress { Pipeline::Ingress } else { Pipeline::Egress }
    }

    /// The symbols of its match.
    pub fn symbols(&self) -> &'static SymbolTable {
        if self.of_connection { &OF_CONNECTIONS } else { &SYMBOLS }
    }

    fn parse(&self) -> Result<Parsed, String> {
        let (none, some) = (Options::default(), self.options.as_deref());
        let options = some.unwrap_or(&none);
        let catalogs = Catalogs {
            dhcp: &catalog(&options.dhcp),
            dhcpv6: &catalog(&options.dhcpv6),
            router_advertisement: &Catalog::router_advertisement(),
            empty_lb_backends: &Catalog::empty_lb_backends(),
        };
        let pipeline = self.pipeline();
        let scene =
            Scene { symbols: &SYMBOLS, catalogs, pipeline, table: self.table, tables: pipeline.length() };
        let parsed = action::parse(&self.actions, &scene)
            .map_err(|error| format!("error parsing actions \"{}\": {error}", self.actions))?;
        let matcher = Matcher::new(&self.match_, &parsed.prerequisites, self.symbols())
            .map_err(|error| format!("error parsing match \"{}\": {error}", self.match_))?;
        let (mut sets, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for item in matcher.names() {
            match item {
                Item::AddressSet(name) => sets.insert(name),
                Item::PortGroup(name) => groups.insert(name),
                _ => false,
            };
        }
        let mut residents: BTreeSet<Text> = matcher.residents().into_iter().collect();
        let mut watched = BTreeSet::new();
        for action in &parsed.actions {
            match action {
                Action::LoadBalance(balance) => residents.extend(balance.local_ports().map(Text::from)),
                Action::ForwardingGroup(group) if group.liveness => {
                    watched.extend(group.ports.iter().map(|port| Text::from(&**port)));
                }
                _ => {}
            }
        }
        let mut names = strings(&[&self.match_, &self.actions]);
        names.extend(self.port.clone().filter(|port| !names.contains(port)));
        let mut actions = parsed.actions;
        actions.shrink_to_fit();
        let mut parsed = Parsed {
            match_: Condition::Plain(Vec::new()),
            actions,
            effects: Mutex::default(),
            names,
            sets: sets.into_iter().collect(),
            groups: groups.into_iter().collect(),
            residents: residents.into_iter().collect(),
            watched: watched.into_iter().collect(),
        };
        parsed.match_ = match parsed.is_plain() {
            true => Condition::Plain(matcher.rows(&World::default(), self.symbols()).unwrap_or_default().0),
            false => Condition::Asking(matcher),
        };
        Ok(parsed)
    }
}

fn catalog(options: &[(Text, u16, Text)]) -> Catalog {
    let known = options.iter().filter_map(|(name, code, kind)| Some((name, *code, OptionKind::find(kind)?)));
    known.map(|(name, code, kind)| (name.to_string(), code, kind)).collect()
}

/// The strings in quotes of some texts. All names of ports are among them.
fn strings(texts: &[&str]) -> Vec<Text> {
    let mut all = BTreeSet::new();
    for text in texts {
        let mut lexer = Lexer::new(text);
        loop {
            match lexer.token() {
                Token::String(string) => drop(all.insert(Text::from(&**string))),
                Token::End | Token::Error(_) => break,
                _ => {}
            }
            lexer.advance();
        }
    }
    all.into_iter().collect()
}

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.says.fmt(f)
    }
}

impl PartialEq for Read {
    fn eq(&self, other: &Self) -> bool {
        self.says == other.says
    }
}

impl Eq for Read {}

impl PartialOrd for Read {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Read {
    fn cmp(&self, other: &Self) -> Ordering {
        self.says.cmp(&other.says)
    }
}

impl Hash for Read {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.says.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(match_: &str, actions: &str) -> Read {
        let flow = seen::LogicalFlow {
            pipeline: "ingress".into(),
            match_: match_.into(),
            actions: actions.into(),
            ..seen::LogicalFlow::default()
        };
        Read::new(&flow, None).expect("a flow of the pipeline")
    }

    #[test]
    fn what_a_flow_names() {
        let read = read("inport == \"p1\" && ip4.src == $set", "outport = \"_MC_flood\"; output;");
        let parsed = read.parsed().expect("it is right");
        assert_eq!(parsed.names, [Text::from("_MC_flood"), Text::from("p1")]);
        assert_eq!(parsed.sets, [Text::from("set")]);
        assert!(parsed.is_shared() && !parsed.is_plain());
        assert!(read.is_shared() && !read.is_plain());
    }

    #[test]
    fn what_depends_on_the_chassis() {
        let group = read("outport == @pg", "next;");
        assert!(!group.parsed().expect("it is right").is_shared());
        let resident = read("is_chassis_resident(\"cr-p\")", "next;");
        assert_eq!(resident.parsed().expect("it is right").residents, [Text::from("cr-p")]);
    }

    #[test]
    fn mistakes_are_told() {
        let wrong = read("xyzzy", "next;");
        assert!(wrong.parsed().is_err_and(|error| error.starts_with("error parsing match \"xyzzy\": ")));
    }
}
