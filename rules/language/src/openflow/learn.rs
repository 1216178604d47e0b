//! Flows that the switch adds by itself (`learn` of ovs-actions(7)).

use std::fmt;

use super::field::{Field, Subfield, write_hexadecimal};

/// A flow to add or change when a packet passes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Learn {
    /// Table of the new flow.
    pub table: u8,
    /// Seconds without traffic after which it goes; 0 never.
    pub idle_timeout: u16,
    /// Seconds after which it goes; 0 never.
    pub hard_timeout: u16,
    /// Seconds that `idle_timeout` becomes once a connection is being closed; 0 leaves it.
    pub fin_idle_timeout: u16,
    /// Seconds that `hard_timeout` becomes once a connection is being closed; 0 leaves it.
    pub fin_hard_timeout: u16,
    /// Priority of the new flow.
    pub priority: u16,
    /// Cookie of the new flow.
    pub cookie: u64,
    /// Whether its removal is told to the controller.
    pub send_removed: bool,
    /// Whether it goes with the flow that has this action.
    pub delete_learned: bool,
    /// What the new flow matches and does.
    pub specs: Vec<LearnSpec>,
}

impl Learn {
    pub(super) const DEFAULT_PRIORITY: u16 = 0x8000;

    /// A flow in a table with default priority, that matches everything and does nothing yet.
    pub fn new(table: u8) -> Learn {
        Learn {
            table,
            idle_timeout: 0,
            hard_timeout: 0,
            fin_idle_timeout: 0,
            fin_hard_timeout: 0,
            priority: Self::DEFAULT_PRIORITY,
            cookie: 0,
            send_removed: false,
            delete_learned: false,
            specs: Vec::new(),
        }
    }
}

/// A part of the match or the actions of the new flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LearnSpec {
    /// How many bits.
    pub bits: u16,
    /// Where they are from.
    pub source: LearnSource,
    /// Where they go.
    pub destination: LearnDestination,
}

/// The bits for a part of a learned flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LearnSource {
    /// From a field of the packet, from this bit on.
    Field(Field, u16),
    /// This number.
    Immediate(u128),
}

/// What a learned flow does with bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LearnDestination {
    /// It matches a field that has them from this bit on.
    Match(Field, u16),
    /// It loads them into a field from this bit on.
    Load(Field, u16),
    /// It outputs to the port that they are.
    Output,
}

impl LearnSpec {
    /// Matches packets that have the same value in a field.
    pub fn same(field: Field) -> LearnSpec {
        Self::copy(field, field)
    }

    /// Matches packets that have in one field what this packet has in another.
    pub fn copy(from: Field, to: Field) -> LearnSpec {
        LearnSpec {
            bits: to.bits(),
            source: LearnSource::Field(from, 0),
            destination: LearnDestination::Match(to, 0),
        }
    }

    /// Matches packets that have this value in a field.
    pub fn equals(field: Field, value: u128) -> LearnSpec {
        LearnSpec {
            bits: field.bits(),
            source: LearnSource::Immediate(value),
            destination: LearnDestination::Match(field, 0),
        }
    }

    /// Loads a number into a subfield.
    pub fn load(value: u128, into: Subfield) -> LearnSpec {
        LearnSpec {
            bits: into.bits,
            source: LearnSource::Immediate(value),
            destination: LearnDestination::Load(into.field, into.offset),
        }
    }
}

impl fmt::Display for Learn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "learn(table={}", self.table)?;
        let timeouts = [
            ("idle_timeout", self.idle_timeout),
            ("hard_timeout", self.hard_timeout),
            ("fin_idle_timeout", self.fin_idle_timeout),
            ("fin_hard_timeout", self.fin_hard_timeout),
        ];
        for (name, seconds) in timeouts.into_iter().filter(|(_, seconds)| *seconds != 0) {
            write!(f, ",{name}={seconds}")?;
        }
        if self.priority != Self::DEFAULT_PRIORITY {
            write!(f, ",priority={}", self.priority)?;
        }
        if self.send_removed {
            f.write_str(",send_flow_rem")?;
        }
        if self.delete_learned {
            f.write_str(",delete_learned")?;
        }
        if self.cookie != 0 {
            write!(f, ",cookie={:#x}", self.cookie)?;
        }
        for spec in &self.specs {
            write!(f, ",{spec}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for LearnSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subfield = |field, offset| Subfield::new(field, offset, self.bits);
        match (self.source, self.destination) {
            (LearnSource::Immediate(value), LearnDestination::Match(field, 0))
                if self.bits == field.bits() =>
            {
                write!(f, "{field}=")?;
                field.write_value(f, value, field.full_mask())
            }
            (LearnSource::Immediate(value), LearnDestination::Match(field, offset)) => {
                write!(f, "{}=", subfield(field, offset))?;
                write_hexadecimal(f, value)
            }
            (LearnSource::Field(from, start), LearnDestination::Match(field, offset)) => {
                write!(f, "{}", subfield(field, offset))?;
                if (from, start) != (field, offset) {
                    write!(f, "={}", subfield(from, start))?;
                }
                Ok(())
            }
            (LearnSource::Immediate(value), LearnDestination::Load(field, offset)) => {
                f.write_str("load:")?;
                write_hexadecimal(f, value)?;
                write!(f, "->{}", subfield(field, offset))
            }
            (LearnSource::Field(from, start), LearnDestination::Load(field, offset)) => {
                write!(f, "load:{}->{}", subfield(from, start), subfield(field, offset))
            }
            (LearnSource::Field(from, start), LearnDestination::Output) => {
                write!(f, "output:{}", subfield(from, start))
            }
            (LearnSource::Immediate(value), LearnDestination::Output) => write!(f, "output:{value}"),
        }
    }
}
