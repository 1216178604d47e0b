//! Small expressions, all of them: that no stage changes what is true.

use std::collections::BTreeMap;
use std::sync::Arc;

use northflow_language::expression::{Connective, Expression, Match, Operand, Relation, Row, parse, rows};
use northflow_language::openflow::Field;
use northflow_language::symbol::{Level, Place, Symbol, SymbolTable, Writable};

/// What a packet has in the fields of the symbols.
type Packet = BTreeMap<Field, u128>;

/// Numbers of two bits, `c` of which is multiplied out and `d` means something if `a` is 1, a name and predicates.
fn symbols() -> SymbolTable {
    let mut symbols = SymbolTable::default();
    let symbol = |name, width, place| Symbol {
        name,
        width,
        place,
        prerequisite: "",
        level: Level::Ordinal,
        cross_product: false,
        writable: Writable::Never,
    };
    let field = |register| Place::Field(Field::register(register));
    symbols.add(symbol("a", 2, field(0)));
    symbols.add(symbol("b", 2, field(1)));
    symbols.add(Symbol { level: Level::Nominal, cross_product: true, ..symbol("c", 2, field(2)) });
    symbols.add(Symbol { prerequisite: "a == 1", ..symbol("d", 2, field(3)) });
    symbols.add(Symbol { level: Level::Nominal, ..symbol("s", 0, field(4)) });
    let whole = Arc::clone(symbols.find("b").expect("a symbol"));
    symbols.add(symbol("high", 1, Place::Part(whole, 1)));
    symbols.add(Symbol { level: Level::Boolean, ..symbol("p", 1, Place::Predicate("a == 2 || b > 1")) });
    symbols
}

fn port_key(name: &str) -> Option<u32> {
    ["x", "y", "z"].iter().position(|port| *port == name).map(|at| at as u32)
}

/// All packets that differ in what the symbols tell.
fn packets() -> Vec<Packet> {
    let mut packets = vec![Packet::new()];
    for (register, values) in [(0, 4), (1, 4), (2, 4), (3, 4), (4, 3)] {
        let with = |packet: &Packet, value| {
            let mut packet = packet.clone();
            packet.insert(Field::register(register), value);
            packet
        };
        packets =
            packets.iter().flat_map(|packet| (0..values).map(move |value| with(packet, value))).collect();
    }
    packets
}

fn holds(expression: &Expression, packet: &Packet) -> bool {
    match expression {
        Expression::Constant(value) => *value,
        Expression::Compare(comparison) => {
            let Place::Field(field) = comparison.symbol.place else { panic!("{expression} is no field") };
            let has = packet[&field];
            match &comparison.operand {
                Operand::Number { value, mask } => {
                    let (has, value) = (has & mask, *value);
                    match comparison.relation {
                        Relation::Equal => has == value,
                        Relation::NotEqual => has != value,
                        Relation::Less => has < value,
                        Relation::LessOrEqual => has <= value,
                        Relation::Greater => has > value,
                        Relation::GreaterOrEqual => has >= value,
                    }
                }
                Operand::Text(name) => {
                    let equal = port_key(name).is_some_and(|key| has == u128::from(key));
                    equal == (comparison.relation == Relation::Equal)
                }
                Operand::Element { .. } => panic!("{expression} has an element"),
            }
        }
        Expression::Group(Connective::And, members) => members.iter().all(|member| holds(member, packet)),
        Expression::Group(Connective::Or, members) => members.iter().any(|member| holds(member, packet)),
        other => panic!("{other} is not settled"),
    }
}

/// Whether a switch takes a packet for the flow of some rows.
fn matches(rows: &[Row], packet: &Packet, conjunction: u128) -> bool {
    let fits = |row: &&Row| {
        row.fields.iter().all(|(field, constraint)| {
            let has = if field == Match::CONJUNCTION { conjunction } else { packet[&field] };
            has & constraint.mask == constraint.value
        })
    };
    let mut parts: BTreeMap<u32, (u64, u8)> = BTreeMap::new();
    for row in rows.iter().filter(fits) {
        if row.conjunctions.is_empty() {
            return true;
        }
        for part in &row.conjunctions {
            let (clauses, of) = parts.entry(part.id).or_default();
            *clauses |= 1 << part.clause;
            *of = part.of;
        }
    }
    let whole = |(clauses, of): (u64, u8)| clauses.count_ones() == of.into();
    conjunction == 0 && parts.into_iter().any(|(id, parts)| whole(parts) && matches(rows, packet, id.into()))
}

fn check(text: &str, symbols: &SymbolTable, packets: &[Packet]) {
    let parsed = parse(text, symbols).unwrap_or_else(|error| panic!("{text}: {error}"));
    let annotated = parsed.annotate(symbols).expect("sound symbols");
    let simplified = annotated.clone().simplify();
    let normal = simplified.clone().normalize().expect("a small expression");
    let (rows, conjunctions) = rows(&normal, &port_key);
    for packet in packets {
        let expected = holds(&annotated, packet);
        assert_eq!(holds(&simplified, packet), expected, "{text}: {simplified} of {packet:?}");
        assert_eq!(holds(&normal, packet), expected, "{text}: {normal} of {packet:?}");
        assert_eq!(matches(&rows, packet, 0), expected, "{text}: {rows:#?} of {packet:?}");
    }
    let ids = rows.iter().flat_map(|row| row.conjunctions.iter().map(|part| part.id));
    assert!(ids.max().unwrap_or(0) <= conjunctions, "{text}");
}

/// All trees of some terms, as texts; those that `connective` connects not again in that.
fn trees(terms: &[&str], size: usize, outer: Option<&str>) -> Vec<String> {
    if size == 1 {
        return terms.iter().map(|term| (*term).to_owned()).collect();
    }
    let mut all = Vec::new();
    for connective in ["&&", "||"].into_iter().filter(|connective| Some(*connective) != outer) {
        for texts in lists(terms, size, connective) {
            all.push(format!("({texts})"));
        }
    }
    all
}

/// All lists of at least two trees.
fn lists(terms: &[&str], size: usize, connective: &str) -> Vec<String> {
    let mut all = Vec::new();
    for first in 1..size {
        let rest = size - first;
        let mut rests = trees(terms, rest, Some(connective));
        if rest > 1 {
            rests.extend(lists(terms, rest, connective));
        }
        for left in trees(terms, first, Some(connective)) {
            all.extend(rests.iter().map(|right| format!("{left} {connective} {right}")));
        }
    }
    all
}

#[test]
fn two_terms_of_any_kind() {
    let (symbols, packets) = (symbols(), packets());
    let mut terms = Vec::new();
    for field in ["a", "a[0]", "a[1]", "d", "b[0..1]"] {
        for relation in ["==", "!=", "<", "<=", ">", ">="] {
            terms.extend((0..4).map(|value| format!("{field} {relation} {value}")));
        }
    }
    terms.extend(["a == 0/1", "a != 2/2", "a == 0/0x0", "high", "!high", "p", "!p", "!d"].map(str::to_owned));
    terms.extend(["c == 1", "c == {0, 3}", "s == \"x\"", "s == {\"x\", \"gone\", \"z\"}"].map(str::to_owned));
    terms.extend(["1 < a <= 3", "b != {1, 2}", "0", "1", "!(a == 1 && b == 2)"].map(str::to_owned));
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    // Of the packets, those suffice that differ in what two terms can be about.
    let some: Vec<Packet> = packets.into_iter().step_by(5).collect();
    for size in 1..=2 {
        trees(&terms, size, None).iter().for_each(|text| check(text, &symbols, &some));
    }
}

#[test]
fn three_and_four_terms() {
    let (symbols, packets) = (symbols(), packets());
    let some: Vec<Packet> = packets.into_iter().step_by(11).collect();
    let terms = [
        "a == {0, 3}",
        "a >= 1",
        "b != 2",
        "c == {1, 2}",
        "d == 1",
        "s == {\"x\", \"y\"}",
        "p",
        "!high",
        "b == {0, 1}",
    ];
    trees(&terms, 3, None).iter().for_each(|text| check(text, &symbols, &some));
    let terms = ["a == {0, 3}", "b != 2", "c == {1, 2}", "s == {\"x\", \"y\"}", "a[0]"];
    trees(&terms, 4, None).iter().for_each(|text| check(text, &symbols, &some));
}
