//! The queues of ports, which are given out like tunnel keys.

use std::collections::BTreeMap;

use northflow_rules::ovsdb::{Atom, Datum};

use super::{map_value, text_of};
use crate::dump::{Dump, Row};

const OPTION: &str = "qdisc_queue_id";
const ACTION: &str = "set_queue(";

/// Whose each queue is.
#[derive(Debug, Default)]
pub(super) struct Queues(BTreeMap<i64, String>);

impl Queues {
    pub(super) fn new(dump: &Dump) -> Queues {
        let rows = dump.get("Port_Binding").into_iter().flatten();
        Queues(rows.filter_map(|(_, row)| Some((of(row)?, text_of(row, "logical_port")))).collect())
    }

    /// A value of options, without the number.
    pub(super) fn shown(&self, pair: &(Atom, Atom)) -> Option<String> {
        match pair {
            (Atom::String(key), Atom::String(number)) if &**key == OPTION => {
                let owner = self.0.get(&number.parse().ok()?)?;
                Some(format!("{OPTION}=the queue of {owner}"))
            }
            _ => None,
        }
    }

    /// Actions with the port in place of its queue.
    pub(super) fn named(&self, actions: String) -> String {
        let Some((before, rest)) = actions.split_once(ACTION) else { return actions };
        let end = rest.find(')').unwrap_or(rest.len());
        match rest[..end].parse().ok().and_then(|number: i64| self.0.get(&number)) {
            Some(owner) => format!("{before}{ACTION}{owner}{}", &rest[end..]),
            None => actions,
        }
    }
}

/// The queue of a port.
pub(super) fn of(binding: &Row) -> Option<i64> {
    binding.get("options").filter(|datum| matches!(datum, Datum::Map(_)))?;
    map_value(binding, "options", OPTION)?.parse().ok()
}
