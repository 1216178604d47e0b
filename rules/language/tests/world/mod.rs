//! A chassis with some ports, sets and groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use northflow_language::expression::{Chassis, Matcher, Row, Sets, Template, set_element};
use northflow_language::lexer::Number;
use northflow_language::openflow::Field;
use northflow_language::symbol::{Level, Place, Symbol, SymbolTable, Writable};

pub struct World {
    pub symbols: SymbolTable,
    sets: BTreeMap<&'static str, Vec<Number>>,
    groups: BTreeMap<&'static str, Vec<Arc<str>>>,
}

impl World {
    pub fn new() -> World {
        let mut symbols = SymbolTable::logical();
        let field = |name, width, prerequisite, level| Symbol {
            name,
            width,
            place: Place::Field(Field::find("xreg0").expect("a field")),
            prerequisite,
            level,
            cross_product: false,
            writable: Writable::Outside,
        };
        for (name, prerequisite) in [
            ("bad_prereq", "xyzzy"),
            ("self_recurse", "self_recurse != 0"),
            ("mutual_recurse_1", "mutual_recurse_2 != 0"),
            ("mutual_recurse_2", "mutual_recurse_1 != 0"),
        ] {
            symbols.add(field(name, 64, prerequisite, Level::Ordinal));
        }
        symbols.add(field("big_string", 0, "", Level::Nominal));
        let set = |texts: &[&str]| texts.iter().filter_map(|text| set_element(text)).collect();
        let group = |ports: &[&str]| ports.iter().map(|port| Arc::from(*port)).collect();
        World {
            symbols,
            sets: BTreeMap::from([
                ("set1", set(&["10.0.0.1", "10.0.0.2", "10.0.0.3"])),
                ("set2", set(&["::1", "::2", "::3"])),
                ("set3", set(&["00:00:00:00:00:01", "00:00:00:00:00:02", "00:00:00:00:00:03"])),
                ("set4", set(&[])),
                ("one", set(&["10.0.0.9"])),
                ("nets", set(&["10.0.0.0/8", "192.168.0.0/255.255.0.255", "no address"])),
            ]),
            groups: BTreeMap::from([
                ("pg1", group(&["lsp1", "lsp2", "lsp3"])),
                ("pg_empty", group(&[])),
                ("pg_other", group(&["elsewhere", "lsp1"])),
            ]),
        }
    }

    /// Whether the rows that a template gives for the sets of the world are those of the expression.
    pub fn check_template(&self, matcher: &Matcher, template: &Template) {
        let fits = |(name, set): (&&str, &Vec<Number>)| {
            !template.widths.contains_key(*name)
                || set.len() > 1 && set.iter().all(|element| template.admits(name, element))
        };
        if !self.sets.iter().all(fits) {
            return;
        }
        let mut got: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut add = |row: Row| match (got.get_mut(&row.fields), row.conjunctions) {
            (Some(parts), added) if added.is_empty() || parts.is_empty() => parts.clear(),
            (Some(parts), added) => parts.extend(added),
            (None, added) => drop(got.insert(row.fields, added)),
        };
        template.rows.iter().cloned().for_each(&mut add);
        for (name, set) in &self.sets {
            set.iter().flat_map(|element| template.rows_of(name, element)).for_each(&mut add);
        }
        let (rows, conjunctions) = matcher.rows(self, &self.symbols).expect("it has rows");
        let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.fields, row.conjunctions)).collect();
        let sorted = |rows: BTreeMap<_, Vec<_>>| {
            rows.into_iter().map(|(fields, mut parts)| {
                parts.sort();
                parts.dedup();
                (fields, parts)
            })
        };
        assert!(sorted(rows.clone()).eq(sorted(got.clone())), "{rows:#?}\n{got:#?}");
        assert_eq!(conjunctions, template.conjunctions);
    }

    pub fn is_resident(&self, port: &str) -> bool {
        self.port_key(port).is_some()
    }

    pub fn port_key(&self, name: &str) -> Option<u32> {
        let ports =
            [("eth0", 5), ("eth1", 6), ("LOCAL", 0xfffe), ("lsp1", 0x11), ("lsp2", 0x12), ("lsp3", 0x13)];
        ports.into_iter().find(|(port, _)| *port == name).map(|(_, key)| key)
    }
}

impl Sets for World {
    fn address_set(&self, name: &str) -> Option<&[Number]> {
        self.sets.get(name).map(Vec::as_slice)
    }

    fn port_group(&self, name: &str) -> Option<&[Arc<str>]> {
        self.groups.get(name).map(Vec::as_slice)
    }
}

impl Chassis for World {
    fn port_key(&self, name: &str) -> Option<u32> {
        World::port_key(self, name)
    }

    fn is_resident(&self, port: &str) -> bool {
        World::is_resident(self, port)
    }
}
