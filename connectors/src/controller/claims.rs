//! Binding of ports (ovn-controller(8)): which ports are on this chassis, by what is plugged into its
//! bridge, by their settings, and by the groups of chassis that stand in for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use northflow_rules::chassis::claim::{Binder, Role, Wanted, claim, role};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::own;

use super::ha;
use super::index::{Index, parent};
use super::local::Plug;
use super::writes::Writes;
use crate::process::vlog::modules::BINDING;
use crate::replica::Replica;

/// How long a port that another chassis has taken is left to it, when this one has taken it just before.
const CONTEST: Duration = Duration::from_millis(500);

/// What decides about ports, beside their rows.
#[derive(Debug)]
pub(super) struct Here<'a> {
    pub binder: &'a Binder,
    pub plugs: &'a BTreeMap<Text, Plug>,
    /// Tunnel ends of this chassis by address, the better type only.
    pub encaps: BTreeMap<Text, Uuid>,
    /// Chassis at the other ends of tunnels that are alive.
    pub alive: &'a BTreeSet<Text>,
}

/// What is remembered of ports.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// When this run bound ports that were not bound here.
    taken: HashMap<Text, Instant>,
    /// Ports whose flows are there.
    pub ready: BTreeSet<Text>,
}

/// What comes of looking at a port.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is as it should be.
    Right,
    /// Something has been written.
    Written,
    /// It is bound here, and may be said to be up once its flows are there.
    Waits,
    /// Another chassis has it; to be looked at again later.
    Contested(Instant),
}

impl Here<'_> {
    /// In what way this chassis binds a port.
    pub fn role(&self, index: &Index, rows: &Replica, port: &own::Port) -> Option<Role> {
        let is_mine = |option: &str| port.options.get(option) == Some(&self.binder.name);
        let main = |mine: bool| mine.then_some(Role::Main);
        match &*port.type_ {
            "" | "virtual" | "mirror" => match parent(port) {
                Some(parent) => {
                    let parent: &own::Port = rows.row(*index.ports.get(parent)?)?;
                    if !parent.type_.is_empty()
                        || parent.parent_port.as_ref().is_some_and(|of| !of.is_empty())
                    {
                        return None;
                    }
                    let of_parent = self.plugged(parent)?;
                    role(self.binder, &wanted(port)).map(|_| of_parent)
                }
                None if port.type_.is_empty() => self.plugged(port),
                None => None,
            },
            "l2gateway" => main(is_mine("l2gateway-chassis")),
            "l3gateway" => main(is_mine("l3gateway-chassis")),
            "chassisredirect" | "external" => main(
                port.ha_chassis_group
                    .is_some_and(|group| ha::is_active(rows, group, self.binder.row, self.alive)),
            ),
            "patch" => main(port.requested_chassis == Some(self.binder.row)),
            _ => None,
        }
    }

    fn plugged(&self, port: &own::Port) -> Option<Role> {
        let plug = self.plugs.get(&port.logical_port)?;
        claim(self.binder, &wanted(port), &plug.plugged)
    }

    /// The interface through which a port is bound.
    fn plug(&self, port: &own::Port) -> Option<&Plug> {
        self.plugs.get(parent(port).unwrap_or(&port.logical_port))
    }

    fn encap(&self, port: &own::Port) -> Option<Uuid> {
        self.encaps.get(self.plug(port)?.encap_ip()?).copied()
    }
}

fn wanted(port: &own::Port) -> Wanted {
    Wanted {
        logical_port: port.logical_port.clone(),
        requested_chassis: port.requested_chassis,
        requested_additional_chassis: port.requested_additional_chassis.clone(),
        options: port.options.clone(),
    }
}

impl Claims {
    /// Looks at a port and writes what is to be changed of its row and of its interface.
    ///
    /// Cost: one port.
    pub fn look(
        &mut self,
        name: &Text,
        here: &Here<'_>,
        index: &Index,
        rows: &Replica,
        southbound: &mut Writes,
    ) -> Seen {
        let Some(port) = index.ports.get(name).and_then(|uuid| rows.row::<own::Port>(*uuid)) else {
            self.ready.remove(name);
            self.taken.remove(name);
            return Seen::Right;
        };
        let me = here.binder.row;
        let is_additional = port.additional_chassis.contains(&me);
        let own_encaps: Vec<Uuid> = port
            .additional_encap
            .iter()
            .copied()
            .filter(|encap| here.encaps.values().any(|own| own == encap))
            .collect();
        match here.role(index, rows, port) {
            Some(Role::Main) => {
                if port.chassis != Some(me) {
                    let now = Instant::now();
                    let since = self.taken.get(name).filter(|_| port.chassis.is_some());
                    if let Some(since) = since.filter(|since| now < **since + CONTEST) {
                        return Seen::Contested(*since + CONTEST);
                    }
                    self.taken.insert(name.clone(), now);
                    self.ready.remove(name);
                    match port.chassis.and_then(|other| rows.row::<own::Chassis>(other)) {
                        Some(other) => BINDING.info(format_args!(
                            "Changing chassis for lport {name} from {} to {}.",
                            other.name, here.binder.name
                        )),
                        None => BINDING.info(format_args!("Claiming lport {name} for this chassis.")),
                    }
                    if is_additional {
                        southbound.take::<own::Port>(port.uuid, "additional_chassis", [me]);
                    }
                    southbound.set::<own::Port>(port.uuid, "chassis", &Some(me));
                    southbound.set::<own::Port>(port.uuid, "encap", &here.encap(port));
                    return Seen::Written;
                }
                let mut seen = Seen::Right;
                if port.encap != here.encap(port) {
                    southbound.set::<own::Port>(port.uuid, "encap", &here.encap(port));
                    seen = Seen::Written;
                }
                let is_up = port.up != Some(false);
                let is_installed = here.plugs.get(name).is_none_or(Plug::is_installed);
                // What an earlier run has said holds for a port that has been bound here ever since.
                if is_up && is_installed && !self.taken.contains_key(name) {
                    self.ready.insert(name.clone());
                }
                if !self.ready.contains(name) {
                    return Seen::Waits;
                }
                if !is_up {
                    BINDING.info(format_args!("Setting lport {name} up in Southbound"));
                    southbound.set::<own::Port>(port.uuid, "up", &Some(true));
                    seen = Seen::Written;
                }
                seen
            }
            Some(Role::Additional) => {
                if !is_additional {
                    BINDING.info(format_args!("Claiming lport {name} for this additional chassis."));
                    southbound.add::<own::Port>(port.uuid, "additional_chassis", [me]);
                    if let Some(encap) = here.encap(port) {
                        southbound.add::<own::Port>(port.uuid, "additional_encap", [encap]);
                    }
                    if port.chassis == Some(me) {
                        southbound.set::<own::Port>(port.uuid, "chassis", &None::<Uuid>);
                    }
                    return Seen::Written;
                }
                if here.plugs.get(name).is_none_or(Plug::is_installed) {
                    self.ready.insert(name.clone());
                }
                if self.ready.contains(name) { Seen::Right } else { Seen::Waits }
            }
            None => {
                self.ready.remove(name);
                let mut seen = Seen::Right;
                if port.chassis == Some(me) {
                    BINDING.info(format_args!("Releasing lport {name} from this chassis"));
                    southbound.set::<own::Port>(port.uuid, "chassis", &None::<Uuid>);
                    southbound.set::<own::Port>(port.uuid, "encap", &None::<Uuid>);
                    if port.virtual_parent.is_some() {
                        southbound.set::<own::Port>(port.uuid, "virtual_parent", &None::<Text>);
                    }
                    if port.up == Some(true) {
                        BINDING.info(format_args!("Setting lport {name} down in Southbound"));
                        southbound.set::<own::Port>(port.uuid, "up", &Some(false));
                    }
                    seen = Seen::Written;
                }
                if is_additional {
                    BINDING.info(format_args!("Releasing lport {name} from this additional chassis."));
                    southbound.take::<own::Port>(port.uuid, "additional_chassis", [me]);
                    if !own_encaps.is_empty() {
                        southbound.take::<own::Port>(port.uuid, "additional_encap", own_encaps);
                    }
                    seen = Seen::Written;
                }
                seen
            }
        }
    }

    /// Leaves all ports: the chassis goes.
    pub fn leave(rows: &Replica, me: Uuid, southbound: &mut Writes) {
        for port in rows.rows::<own::Port>() {
            if port.chassis == Some(me) {
                southbound.set::<own::Port>(port.uuid, "chassis", &None::<Uuid>);
                if port.encap.is_some() {
                    southbound.set::<own::Port>(port.uuid, "encap", &None::<Uuid>);
                }
            }
            if port.additional_chassis.contains(&me) {
                southbound.take::<own::Port>(port.uuid, "additional_chassis", [me]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use northflow_engine::Transaction;
    use northflow_rules::chassis::claim::Plugged;
    use northflow_rules::ovsdb::Datum;
    use northflow_rules::schema::{Column, Database, Map};

    use super::super::tables;
    use super::*;
    use crate::change::{Edit, RowChange};

    /// Southbound rows and a chassis, row 1, at whose bridge `p` is plugged.
    struct World {
        rows: Replica,
        index: Index,
        claims: Claims,
        plugs: BTreeMap<Text, Plug>,
    }

    impl World {
        fn new() -> World {
            let ids: Map = [("iface-id", Text::from("p"))].into_iter().collect();
            let plugged = Plugged { external_ids: ids, ofport: Some(3) };
            let plug = Plug { row: Uuid(7), name: "v".into(), plugged, mtu: None };
            World {
                rows: Replica::new(tables::SOUTHBOUND),
                index: Index::default(),
                claims: Claims::default(),
                plugs: [(Text::from("p"), plug)].into_iter().collect(),
            }
        }

        /// A port as it is now.
        fn port(&mut self, uuid: u128, name: &str, columns: &[(&str, Datum)]) {
            let mut told = Transaction::new();
            let change = |edit| RowChange {
                database: Database::Southbound,
                table: "Port_Binding".into(),
                uuid: Uuid(uuid),
                edit,
            };
            if self.index.ports.contains_key(name) {
                self.rows.apply(&change(Edit::Delete), &mut told).unwrap();
            }
            let mut all = vec![(Text::from("logical_port"), Text::from(name).to_datum())];
            all.extend(columns.iter().map(|(name, datum)| (Text::from(*name), datum.clone())));
            self.rows.apply(&change(Edit::Insert(all)), &mut told).unwrap();
            self.index.follow(&told.into_changes().collect::<Vec<_>>());
        }

        /// What comes of looking at a port, and what is written.
        fn look(&mut self, name: &str) -> (Seen, String) {
            let binder = Binder { row: Uuid(1), name: "c1".into(), hostname: "h1".into() };
            let alive = BTreeSet::new();
            let here = Here { binder: &binder, plugs: &self.plugs, encaps: BTreeMap::new(), alive: &alive };
            let mut writes = Writes::default();
            let seen = self.claims.look(&name.into(), &here, &self.index, &self.rows, &mut writes);
            let text = String::from_utf8_lossy(writes.finish("").members()).into_owned();
            (seen, text)
        }
    }

    fn chassis(row: u128) -> (&'static str, Datum) {
        ("chassis", Some(Uuid(row)).to_datum())
    }

    #[test]
    fn a_plugged_port_is_bound_and_then_up() {
        let mut world = World::new();
        world.port(10, "p", &[]);
        let (seen, text) = world.look("p");
        assert_eq!(seen, Seen::Written);
        assert!(text.contains("\"chassis\":[\"uuid\",\"00000000-0000-0000-0000-000000000001\"]"), "{text}");
        let down = ("up", Some(false).to_datum());
        world.port(10, "p", &[chassis(1), down.clone()]);
        assert_eq!(world.look("p").0, Seen::Waits);
        world.claims.ready.insert("p".into());
        assert!(world.look("p").1.contains("\"up\":true"));
        // Unplugged.
        world.plugs.clear();
        world.port(10, "p", &[chassis(1), ("up", Some(true).to_datum())]);
        let (seen, text) = world.look("p");
        assert!(seen == Seen::Written && text.contains("\"chassis\":[\"set\",[]]"), "{text}");
        assert!(text.contains("\"up\":false") && world.claims.ready.is_empty());
    }

    #[test]
    fn what_an_earlier_run_said_holds_for_ports_that_stayed() {
        let mut world = World::new();
        let up = ("up", Some(true).to_datum());
        let mut ids = world.plugs["p"].plugged.external_ids.clone();
        ids.insert("ovn-installed", "true".into());
        world.plugs.get_mut("p").unwrap().plugged.external_ids = ids;
        world.port(10, "p", &[chassis(1), up.clone()]);
        assert!(world.look("p").0 == Seen::Right && world.claims.ready.contains("p"));
        // Somebody else has unbound it meanwhile: its flows have to come first.
        world.port(10, "p", std::slice::from_ref(&up));
        assert_eq!(world.look("p").0, Seen::Written);
        world.port(10, "p", &[chassis(1), up]);
        assert!(world.look("p").0 == Seen::Waits && world.claims.ready.is_empty());
    }

    #[test]
    fn ports_of_others_are_left_alone() {
        let mut world = World::new();
        world.port(10, "p", &[("requested_chassis", Some(Uuid(2)).to_datum()), chassis(2)]);
        world.port(11, "q", &[chassis(2)]);
        world.port(12, "r", &[("type", Text::from("remote").to_datum()), chassis(2)]);
        for name in ["p", "q", "r", "absent"] {
            // With options that name another one, not even a plugged port is taken.
            if name == "p" {
                let options: Map = [("requested-chassis", Text::from("c2"))].into_iter().collect();
                world.port(10, "p", &[("options", options.to_datum()), chassis(2)]);
            }
            assert_eq!(world.look(name).0, Seen::Right, "{name}");
        }
    }

    #[test]
    fn who_has_just_taken_a_port_does_not_take_it_again_at_once() {
        let mut world = World::new();
        world.port(10, "p", &[chassis(2)]);
        assert_eq!(world.look("p").0, Seen::Written);
        assert!(matches!(world.look("p").0, Seen::Contested(_)));
    }

    #[test]
    fn containers_and_gateways_go_where_they_belong() {
        let mut world = World::new();
        world.port(10, "p", &[]);
        let of_parent = ("parent_port", Some(Text::from("p")).to_datum());
        world.port(11, "inner", &[of_parent, ("tag", Some(5_i64).to_datum())]);
        let gateway: Map = [("l3gateway-chassis", Text::from("c1"))].into_iter().collect();
        let kind = ("type", Text::from("l3gateway").to_datum());
        world.port(12, "gw", &[kind, ("options", gateway.to_datum())]);
        assert_eq!((world.look("inner").0, world.look("gw").0), (Seen::Written, Seen::Written));
        assert!(world.index.dirty.ports.contains("inner"));
        world.plugs.clear();
        assert_eq!(world.look("inner").0, Seen::Right);
    }
}
