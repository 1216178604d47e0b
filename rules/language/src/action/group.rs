//! Groups and meters that actions need: what the switch is to have beside flows.

use crate::openflow::{Action, Field, Port};

/// A group of which one bucket is selected by hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its definition as ovn-controller writes it (ovs-ofctl(8), "Group Syntax"). Equal definitions are one
    /// group.
    pub definition: String,
    /// What is hashed.
    pub selection: Selection,
    /// The buckets.
    pub buckets: Vec<GroupBucket>,
}

/// How a bucket is selected (`selection_method` in ovs-ofctl(8)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// By the datapath's hash.
    Datapath {
        /// Whether it has to be alike in both directions.
        symmetric: bool,
    },
    /// By the values of fields, named as in a match and separated by commas.
    Fields(String),
}

/// One of a group's ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupBucket {
    /// Its number.
    pub id: u32,
    /// How often it is selected, relative to the others.
    pub weight: u16,
    /// The port that has to be up.
    pub watch_port: Option<Port>,
    /// What it does.
    pub actions: Vec<Action>,
}

/// A meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meter<'a> {
    /// One of the database (Meter).
    Named(&'a str),
    /// One of an action's own.
    Limit {
        /// Its definition as ovn-controller writes it; each flow has its own.
        definition: &'a str,
        /// Kilobits per second.
        rate: u64,
        /// Kilobits that may exceed it at once; 0 leaves it to the switch.
        burst: u64,
    },
}

impl Selection {
    /// Parameter of the datapath's hash that makes it symmetric.
    pub const SYMMETRIC: u64 = 1 << 32;

    /// By fields if some are given.
    pub(super) fn of(hash_fields: Option<&str>) -> Selection {
        match hash_fields {
            Some(fields) => Self::Fields(fields.to_owned()),
            None => Self::Datapath { symmetric: false },
        }
    }

    /// The fields, if all are known: with one that is not, the switch takes no such group.
    pub fn fields(&self) -> Option<Vec<Field>> {
        let Self::Fields(names) = self else { return Some(Vec::new()) };
        names.split([',', ' ']).filter(|name| !name.is_empty()).map(Field::find_any).collect()
    }

    fn definition(&self) -> String {
        match self {
            Self::Fields(fields) => format!("type=select,selection_method=hash,fields({fields})"),
            Self::Datapath { symmetric: false } => "type=select,selection_method=dp_hash".to_owned(),
            Self::Datapath { symmetric: true } => {
                format!("type=select,selection_method=dp_hash,selection_method_param={:#x}", Self::SYMMETRIC)
            }
        }
    }
}

impl Group {
    /// A group without buckets yet.
    pub(super) fn new(selection: Selection) -> Group {
        Group { definition: selection.definition(), selection, buckets: Vec::new() }
    }

    /// Adds a bucket with a weight, as its actions are written.
    pub(super) fn add(&mut self, id: u32, weight: u16, actions: Vec<Action>, written: &str) {
        self.definition += &format!(",bucket=bucket_id={id},weight:{weight},actions={written}");
        self.buckets.push(GroupBucket { id, weight, watch_port: None, actions });
    }
}
