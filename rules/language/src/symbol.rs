//! Symbols: the names of fields, bits and predicates in both languages (ovn-sb(5), Logical_Flow).

mod table;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::lexer::{Number, Quoted};
use crate::openflow::{Field, Subfield};

/// What a name stands for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol {
    /// The name.
    pub name: &'static str,
    /// Bits; 0 is a string.
    pub width: u16,
    /// Where its bits are.
    pub place: Place,
    /// What else has to hold for it to have a meaning; empty: nothing.
    pub prerequisite: &'static str,
    /// How it may be compared.
    pub level: Level,
    /// Whether sets of its values are always multiplied out with the rest of a match.
    pub cross_product: bool,
    /// Where actions may write it.
    pub writable: Writable,
}

/// Where the bits of a symbol are.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In a field of the packet.
    Field(Field),
    /// In another symbol, from this bit on.
    Part(Arc<Symbol>, u16),
    /// It stands for an expression.
    Predicate(&'static str),
    /// In no field: for the controller alone.
    Note,
}

/// How a symbol may be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It is true or not.
    Boolean,
    /// Equal or not.
    Nominal,
    /// Any way, also in part.
    Ordinal,
}

/// Where actions may write a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Writable {
    /// Nowhere.
    Never,
    /// Outside `ct_commit`.
    Outside,
    /// In `ct_commit`.
    InCommit,
    /// Anywhere.
    Always,
}

/// Symbols by name.
#[derive(Debug, Clone, Default)]
pub struct SymbolTable(HashMap<&'static str, Arc<Symbol>>);

impl SymbolTable {
    /// The symbol of a name.
    pub fn find(&self, name: &str) -> Option<&Arc<Symbol>> {
        self.0.get(name)
    }

    /// Adds a symbol, in place of one of the same name.
    pub fn add(&mut self, symbol: Symbol) {
        self.0.insert(symbol.name, Arc::new(symbol));
    }
}

/// A symbol or some of its bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldRef {
    /// The symbol.
    pub symbol: Arc<Symbol>,
    /// The first bit.
    pub offset: u16,
    /// How many bits; 0 for a string.
    pub bits: u16,
}

impl FieldRef {
    /// Name of the symbol.
    pub fn name(&self) -> &'static str {
        self.symbol.name
    }

    /// Whether it holds the name of a port.
    pub fn is_string(&self) -> bool {
        self.symbol.width == 0
    }

    /// Its bits in the packet. What is in no field is taken for the packet's mark.
    pub fn resolve(&self) -> Subfield {
        let (mut symbol, mut offset) = (&self.symbol, self.offset);
        loop {
            match &symbol.place {
                Place::Part(parent, start) => {
                    offset += start;
                    symbol = parent;
                }
                Place::Field(field) if self.is_string() => return Subfield::whole(*field),
                Place::Field(field) => return Subfield::new(*field, offset, self.bits),
                Place::Predicate(_) | Place::Note => {
                    return Subfield::new(Field::named("pkt_mark"), offset, self.bits);
                }
            }
        }
    }
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol.name)?;
        match (self.offset, self.bits) {
            (0, bits) if bits == self.symbol.width => Ok(()),
            (first, 1) => write!(f, "[{first}]"),
            (first, bits) => write!(f, "[{first}..{}]", first + bits.saturating_sub(1)),
        }
    }
}

/// A constant in an action or a match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constant {
    /// A number.
    Integer(Number),
    /// A name.
    String(String),
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::String(text) => Quoted(text).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let table = SymbolTable::logical();
        let place = |name: &str| {
            let symbol = Arc::clone(table.find(name).expect("a symbol"));
            let bits = symbol.width;
            FieldRef { symbol, offset: 0, bits }.resolve().to_string()
        };
        assert_eq!(place("reg0"), "NXM_NX_XXREG0[96..127]");
        assert_eq!(place("reg7"), "NXM_NX_XXREG1[0..31]");
        assert_eq!(place("reg8"), "OXM_OF_PKT_REG4[32..63]");
        assert_eq!(place("xreg2"), "NXM_NX_XXREG1[64..127]");
        assert_eq!(place("inport"), "NXM_NX_REG14[]");
        assert_eq!(place("vlan.vid"), "NXM_OF_VLAN_TCI[0..11]");
        assert_eq!(place("ct_label.ecmp_reply_eth"), "NXM_NX_CT_LABEL[32..79]");
        assert_eq!(place("flags.network_id"), "NXM_NX_REG10[28..31]");
    }

    #[test]
    fn protocols_of_connections() {
        let table = SymbolTable::of_connections();
        let read = |text| crate::expression::parse(text, &table).and_then(|read| read.annotate(&table));
        let text = read("tcp.dst == 80").map(|expression| expression.to_string());
        let expected =
            "tcp.dst == 0x50 && ct_state[5] && !ct_state[4] && ct_state[5] && ct_proto == 0x6 && ct_state[5]";
        assert_eq!(text.as_deref(), Ok(expected));
        assert!(read("!udp").is_err());
    }

    #[test]
    fn parts_lie_in_their_wholes() {
        let table = SymbolTable::logical();
        for symbol in table.0.values() {
            if let Place::Part(whole, offset) = &symbol.place {
                assert!(offset + symbol.width <= whole.width, "{}", symbol.name);
                assert_eq!(whole.level, Level::Ordinal, "{}", symbol.name);
            }
        }
    }
}
