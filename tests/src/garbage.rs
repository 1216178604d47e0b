//! Rows that make no sense: every northbound column that rules read, with whatever its type allows.
//!
//! A server lets all of it in, so northflow has to come to rest with it: step by step as at once, and with
//! southbound rows that a server would take. Where inputs break the reference this is the only judge; the others it
//! judges too.

pub mod compared;
mod schema;
mod texts;

use std::collections::{BTreeMap, BTreeSet};

use northflow_connectors::change::{Columns, Edit, RowChange};
use northflow_connectors::offline::Offline;
use northflow_engine::Config;
use northflow_rules::northd;
use northflow_rules::ovsdb::{Atom, Datum, Text, Uuid};
use northflow_rules::schema::{Database, Kind, TableInfo};

use crate::dump::{Dump, Row};
use crate::judge::{apply, at_once, compare, state};
use crate::normalize::{compare_keys, text_of};
use crate::random::Random;

/// Tables that have rows in any network, more often than others.
const COMMON: &[&str] = &[
    "Logical_Switch",
    "Logical_Switch_Port",
    "Logical_Switch_Port",
    "Logical_Switch_Port",
    "Logical_Router",
    "Logical_Router_Port",
    "Logical_Router_Port",
    "Load_Balancer",
    "NAT",
    "ACL",
    "Port_Group",
    "Logical_Router_Static_Route",
];

/// A northbound database in the making.
struct Garbage {
    random: Random,
    /// The columns that rules read.
    tables: BTreeMap<&'static str, BTreeMap<&'static str, Kind>>,
    rows: BTreeMap<&'static str, BTreeMap<Uuid, Row>>,
    made: usize,
    /// How many names ports have been given.
    ports: usize,
}

/// Plays `steps` transactions of garbage from `seed`, and says what is wrong with what follows.
pub fn play(seed: u64, steps: usize) -> Result<Vec<String>, String> {
    let mut garbage = Garbage::new(seed);
    let mut stepwise = Offline::new(Config::default()).map_err(|error| error.to_string())?;
    let mut faults = Vec::new();
    for step in 1..=steps {
        let changes = garbage.step();
        apply(&mut stepwise, &changes).map_err(|error| format!("step {step}: {error}"))?;
        let chassis = garbage.chassis(stepwise.southbound().tables());
        apply(&mut stepwise, &chassis).map_err(|error| format!("step {step}: {error}"))?;
        let wrong = refused(stepwise.southbound().tables());
        faults.extend(wrong.into_iter().map(|fault| format!("step {step}: {fault}")));
        if step % 10 == 0 || step == steps {
            let once = at_once(&stepwise, Config::default())?;
            let (ours, fresh) = (state(&stepwise), state(&once));
            let mut found = compare(&fresh, &ours);
            found.extend(compare_keys(&fresh.southbound.keys, &ours.southbound.keys, None));
            faults.extend(found.into_iter().map(|fault| format!("step {step}, unlike at once: {fault}")));
        }
        if !faults.is_empty() {
            break;
        }
    }
    Ok(faults)
}

impl Garbage {
    fn new(seed: u64) -> Garbage {
        let mut tables: BTreeMap<&str, BTreeMap<&str, Kind>> = BTreeMap::new();
        for info in northd::INPUTS.iter().map(|input| input.info).filter(is_northbound) {
            let columns = info.columns.iter().copied().zip(info.kinds.iter().copied());
            tables.entry(info.name).or_default().extend(columns);
        }
        Garbage { random: Random::new(seed), tables, rows: BTreeMap::new(), made: 0, ports: 0 }
    }

    /// A few edits, made at once.
    fn step(&mut self) -> Vec<RowChange> {
        let mut changes = Vec::new();
        if self.made == 0 {
            let global = self.fresh();
            changes.extend(self.insert("NB_Global", global));
        }
        for _ in 0..=self.random.below(12) {
            match self.random.below(16) {
                0 => changes.extend(self.delete()),
                1..=4 => changes.extend(self.update()),
                _ => {
                    let names: Vec<&str> = self.tables.keys().copied().collect();
                    let common = self.random.below(2) == 0;
                    let table = *self.random.pick(if common { COMMON } else { &names }).unwrap_or(&"ACL");
                    if table != "NB_Global" {
                        let uuid = self.fresh();
                        if let Some(insert) = self.insert(table, uuid) {
                            changes.push(insert);
                            changes.extend(self.adopt(table, uuid));
                        }
                    }
                }
            }
        }
        changes
    }

    fn fresh(&mut self) -> Uuid {
        self.made += 1;
        Uuid((u128::from(self.random.word()) << 64) | self.made as u128)
    }

    /// A new row, unless a server would not have it.
    fn insert(&mut self, table: &'static str, uuid: Uuid) -> Option<RowChange> {
        let columns: Vec<(&str, Kind)> =
            self.tables[table].iter().map(|(name, kind)| (*name, *kind)).collect();
        let mut row = Row::new();
        for (name, kind) in columns {
            row.insert(name.into(), self.datum(table, name, kind)?);
        }
        if self.is_taken(table, uuid, &row) {
            return None;
        }
        self.rows.entry(table).or_default().insert(uuid, row.clone());
        Some(change(table, uuid, Edit::Insert(row.into_iter().collect())))
    }

    /// Whether another row has what tells rows of the table apart.
    fn is_taken(&self, table: &str, uuid: Uuid, row: &Row) -> bool {
        let others = self.rows.get(table).into_iter().flatten().filter(|(other, _)| **other != uuid);
        let alike =
            |other: &Row, columns: &[&str]| columns.iter().all(|name| other.get(*name) == row.get(*name));
        let indexes: Vec<_> = schema::NORTHBOUND_INDEXES.iter().filter(|(of, _)| *of == table).collect();
        others.into_iter().any(|(_, other)| indexes.iter().any(|(_, columns)| alike(other, columns)))
    }

    /// Some row refers to the new one, if there is one that can.
    fn adopt(&mut self, table: &str, uuid: Uuid) -> Option<RowChange> {
        let can = |(owner, column, target): &&(&'static str, &'static str, &str)| {
            *target == table && self.tables.get(owner).is_some_and(|columns| columns.contains_key(column))
        };
        let owners: Vec<_> = schema::REFERENCES.iter().filter(can).collect();
        let (owner, column, _) = **self.random.pick(&owners)?;
        let kind = self.tables[owner][column];
        let there: Vec<Uuid> = self.rows.get(owner)?.keys().copied().collect();
        let row = *self.random.pick(&there)?;
        let datum = self.rows.get_mut(owner)?.get_mut(&row)?.get_mut(column)?;
        let Datum::Set(atoms) = datum else { return None };
        let kept = atoms.drain(..).filter(|_| kind.many);
        *datum = Datum::set(kept.chain([Atom::Uuid(uuid)]).collect::<Vec<_>>());
        let changed = vec![(Text::from(column), datum.clone())];
        Some(change(owner, row, Edit::Update(changed)))
    }

    /// A change of a row, but for columns that northflow writes.
    fn update(&mut self) -> Option<RowChange> {
        let (table, uuid) = self.any_row()?;
        let written = |column: &str| {
            let of = |info: &TableInfo| info.name == table && info.columns.contains(&column);
            table != "NB_Global"
                && northd::OUTPUTS.iter().any(|output| is_northbound(&output.info) && of(&output.info))
        };
        let columns: Vec<(&str, Kind)> = self.tables[table]
            .iter()
            .filter(|(name, _)| !written(name))
            .map(|(name, kind)| (*name, *kind))
            .collect();
        let mut changed = Columns::new();
        for _ in 0..=self.random.below(3) {
            let (name, kind) = *self.random.pick(&columns)?;
            changed.push((name.into(), self.datum(table, name, kind)?));
        }
        let mut row = self.rows.get(table)?.get(&uuid)?.clone();
        row.extend(changed.iter().cloned());
        if self.is_taken(table, uuid, &row) {
            return None;
        }
        self.rows.get_mut(table)?.insert(uuid, row);
        Some(change(table, uuid, Edit::Update(changed)))
    }

    /// A row goes, and rows that refer to it forget it, as a server has it.
    fn delete(&mut self) -> Vec<RowChange> {
        let Some((table, uuid)) = self.any_row().filter(|(table, _)| *table != "NB_Global") else {
            return Vec::new();
        };
        let gone = Atom::Uuid(uuid);
        let refers = |datum: &Datum| matches!(datum, Datum::Set(atoms) if atoms.contains(&gone));
        let last = |datum: &Datum| matches!(datum, Datum::Set(atoms) if atoms.len() == 1);
        let needed = self.rows.iter().any(|(table, rows)| {
            let mandatory = |name: &str, datum: &Datum| {
                let one_at_least = schema::NOT_EMPTY.contains(&(*table, name)) && last(datum);
                !self.tables[table][name].optional || one_at_least
            };
            rows.values().any(|row| row.iter().any(|(name, datum)| refers(datum) && mandatory(name, datum)))
        });
        if needed {
            return Vec::new();
        }
        let mut changes = Vec::new();
        for (table, rows) in &mut self.rows {
            for (row, columns) in rows.iter_mut() {
                let mut changed = Columns::new();
                for (name, datum) in columns.iter_mut().filter(|(_, datum)| refers(datum)) {
                    if let Datum::Set(atoms) = datum {
                        atoms.retain(|atom| *atom != gone);
                    }
                    changed.push((name.clone(), datum.clone()));
                }
                if !changed.is_empty() {
                    changes.push(change(table, *row, Edit::Update(changed)));
                }
            }
        }
        self.rows.entry(table).or_default().remove(&uuid);
        changes.push(change(table, uuid, Edit::Delete));
        changes
    }

    fn any_row(&mut self) -> Option<(&'static str, Uuid)> {
        let there: Vec<(&str, Uuid)> =
            self.rows.iter().flat_map(|(table, rows)| rows.keys().map(|uuid| (*table, *uuid))).collect();
        self.random.pick(&there).copied()
    }

    /// A value for a column; `None` if it has to refer to a row and there is none.
    fn datum(&mut self, table: &'static str, column: &'static str, kind: Kind) -> Option<Datum> {
        if let Some(value) = kind.value {
            let pairs = (0..self.random.below(4)).filter_map(|_| {
                if kind.key == "string" && value == "string" {
                    let (key, value) = texts::pair(&mut self.random, column, self.ports);
                    return Some((Atom::text(key), Atom::text(value)));
                }
                Some((self.atom(table, column, kind.key)?, self.atom(table, column, value)?))
            });
            let pairs: BTreeMap<Atom, Atom> = pairs.collect();
            return Some(Datum::map(pairs));
        }
        let needed = !kind.optional || schema::NOT_EMPTY.contains(&(table, column));
        let count = match (kind.many, kind.optional) {
            (true, _) if needed => 1 + self.random.below(3),
            (true, _) => self.random.below(4),
            (false, true) => self.random.below(2),
            (false, false) => 1,
        };
        let atoms: BTreeSet<Atom> = (0..count).filter_map(|_| self.atom(table, column, kind.key)).collect();
        (!needed || !atoms.is_empty()).then(|| Datum::set(atoms))
    }

    fn atom(&mut self, table: &'static str, column: &'static str, kind: &str) -> Option<Atom> {
        let listed = schema::LISTED.iter().find(|(of, name, _)| (*of, *name) == (table, column));
        let range = schema::RANGES.iter().find(|(of, name, ..)| (*of, *name) == (table, column));
        Some(match kind {
            "boolean" => Atom::Boolean(self.random.below(2) == 0),
            "integer" => {
                let (least, most) = range.map_or((0, i64::MAX), |(_, _, least, most)| (*least, *most));
                let number = *self.random.pick(&[0, 1, 2, 3, 4, 5, 7, 100, 32767, 65535, i64::MAX])?;
                Atom::Integer(number.clamp(least, most))
            }
            "uuid" => {
                let (_, _, target) =
                    schema::REFERENCES.iter().find(|(of, name, _)| (*of, *name) == (table, column))?;
                let there: Vec<Uuid> = self.rows.get(target)?.keys().copied().collect();
                Atom::Uuid(*self.random.pick(&there)?)
            }
            _ => match listed {
                Some((_, _, values)) => Atom::text(*self.random.pick(values)?),
                None => Atom::text(self.text(table, column)),
            },
        })
    }

    fn text(&mut self, table: &str, column: &str) -> String {
        // Names are indexes of most tables.
        match (table, column) {
            ("Logical_Switch_Port", "name") => {
                self.ports += 1;
                format!("p{}", self.ports)
            }
            ("Logical_Router_Port", "name") => {
                self.ports += 1;
                format!("q{}", self.ports)
            }
            ("Chassis_Template_Var" | "Static_MAC_Binding" | "BFD", "chassis" | "ip" | "dst_ip")
            | (_, "name") => {
                self.made += 1;
                let text = texts::text(&mut self.random, column, self.ports);
                format!("{text}{}", self.made)
            }
            _ => texts::text(&mut self.random, column, self.ports),
        }
    }

    /// What chassis say now and then.
    fn chassis(&mut self, southbound: &Dump) -> Vec<RowChange> {
        let uuids = |table: &str| -> Vec<Uuid> {
            southbound.get(table).into_iter().flat_map(|rows| rows.keys().copied()).collect()
        };
        // Sessions of router ports keep the name of the chassis that these were on when they began.
        let bound = |row: &Row| {
            !matches!(text_of(row, "logical_port").trim_start_matches("cr-").as_bytes(), [b'q', ..])
        };
        let ports = southbound.get("Port_Binding").into_iter().flatten().filter(|(_, row)| bound(row));
        let (chassis, ports) = (uuids("Chassis"), ports.map(|(uuid, _)| *uuid).collect::<Vec<_>>());
        let set = |atoms: Vec<Atom>| Datum::set(atoms);
        let sb = |table: &str, uuid, edit| RowChange {
            database: Database::Southbound,
            table: table.into(),
            uuid,
            edit,
        };
        match self.random.below(4) {
            0 if chassis.len() < 4 => {
                let name = format!("ch{}", chassis.len());
                let kind = *self.random.pick(&["geneve", "geneve", "vxlan"]).unwrap_or(&"geneve");
                let (encap, row) = (self.fresh(), self.fresh());
                let remote = texts::pair(&mut self.random, "is-remote", 0).1;
                let encap_columns: Columns = vec![
                    ("type".into(), Datum::scalar(Atom::text(kind))),
                    ("ip".into(), Datum::scalar(Atom::text(format!("192.0.2.{}", chassis.len())))),
                    ("chassis_name".into(), Datum::scalar(Atom::text(name.as_str()))),
                ];
                let columns: Columns = vec![
                    ("name".into(), Datum::scalar(Atom::text(name.as_str()))),
                    ("hostname".into(), Datum::scalar(Atom::text(name.replace("ch", "host")))),
                    ("encaps".into(), set(vec![Atom::Uuid(encap)])),
                    ("other_config".into(), Datum::map([(Atom::text("is-remote"), Atom::text(remote))])),
                ];
                vec![
                    sb("Encap", encap, Edit::Insert(encap_columns)),
                    sb("Chassis", row, Edit::Insert(columns)),
                ]
            }
            1 => {
                let Some(port) = self.random.pick(&ports).copied() else { return Vec::new() };
                let here = self.random.pick(&chassis).map(|uuid| Atom::Uuid(*uuid));
                let up = self.random.below(2) == 0;
                let columns: Columns = vec![
                    ("chassis".into(), set(here.into_iter().collect())),
                    ("up".into(), set(vec![Atom::Boolean(up)])),
                ];
                vec![sb("Port_Binding", port, Edit::Update(columns))]
            }
            _ => Vec::new(),
        }
    }
}

fn is_northbound(info: &TableInfo) -> bool {
    info.database == Database::Northbound
}

fn change(table: &str, uuid: Uuid, edit: Edit) -> RowChange {
    RowChange { database: Database::Northbound, table: Text::from(table), uuid, edit }
}

/// What a server would refuse of a southbound database.
fn refused(southbound: &Dump) -> Vec<String> {
    let mut faults = Vec::new();
    for (table, rows) in southbound {
        let references: Vec<_> = schema::REFERENCES.iter().filter(|(of, ..)| *of == &**table).collect();
        let ranges: Vec<_> = schema::RANGES.iter().filter(|(of, ..)| *of == &**table).collect();
        for (uuid, row) in rows {
            for (_, column, target) in &references {
                for referent in row.get(*column).map(crate::chassis::identifiers).unwrap_or_default() {
                    if !southbound.get(*target).is_some_and(|rows| rows.contains_key(&referent)) {
                        faults.push(format!("{table} {uuid} {column}: no row {referent} in {target}"));
                    }
                }
            }
            for (_, column, least, most) in &ranges {
                let atoms = match row.get(*column) {
                    Some(Datum::Set(atoms)) => atoms.as_slice(),
                    _ => &[],
                };
                let outside = |atom: &Atom| matches!(atom, Atom::Integer(n) if n < least || n > most);
                if let Some(atom) = atoms.iter().find(|atom| outside(atom)) {
                    faults.push(format!("{table} {uuid} {column}: {atom:?}"));
                }
            }
        }
        for (_, columns) in schema::SOUTHBOUND_INDEXES.iter().filter(|(of, _)| *of == &**table) {
            let mut seen = BTreeSet::new();
            for row in rows.values() {
                let key: Vec<Option<String>> =
                    columns.iter().map(|name| row.get(*name).map(|datum| format!("{datum:?}"))).collect();
                if !seen.insert(key.clone()) {
                    faults.push(format!("{table}: two rows with {columns:?} {key:?}"));
                }
            }
        }
    }
    faults
}
