//! Template variables: what chassis put in the place of `^NAME` in flows and load balancers (ovn-sb(5),
//! Chassis_Template_Var).

use std::sync::Arc;

use northflow_engine::{Record, Relation};
use northflow_language::template::expand;
use northflow_rules::ovsdb::{Text, Uuid};
use serde::{Deserialize, Serialize};

use crate::inputs::Southbound;

/// Something has a variable in it and is on a chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Use<T> {
    pub by: T,
    pub chassis: Uuid,
    pub variable: Text,
}

/// The values that a chassis has for the variables of something; there may be some without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Values<T> {
    pub of: T,
    pub chassis: Uuid,
    values: Arc<Vec<(Text, Text)>>,
}

impl<T> Values<T> {
    /// The text on the chassis; `None` if a variable has no value there.
    pub fn expand(&self, text: &str) -> Option<Text> {
        let value = |name: &str| {
            let place = self.values.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
            Some(&*self.values[place].1)
        };
        expand(text, value).map(Text::from)
    }
}

/// The values for uses.
///
/// Cost: a variable costs what uses it on its chassis.
pub(crate) fn values<T: Record + Clone>(sb: &Southbound, uses: &Relation<Use<T>>) -> Relation<Values<T>> {
    let chassis = sb.chassis.map(|chassis| (chassis.uuid, chassis.name.clone()));
    let owners = sb
        .template_var
        .index_by(|row| row.chassis.clone())
        .join(&chassis.index_by(|(_, name)| name.clone()), |row, (chassis, _)| (row.uuid, *chassis));
    let known = owners
        .index_by(|(row, _)| *row)
        .join(&sb.template_var_variables.index_by(|entry| entry.row), |(_, chassis), entry| {
            (*chassis, entry.key.clone(), entry.value.clone())
        });
    let answered = uses
        .index_by(|at| (at.chassis, at.variable.clone()))
        .join(&known.index_by(|(chassis, name, _)| (*chassis, name.clone())), |at, (_, _, value)| {
            (at.clone(), value.clone())
        });
    answered.index_by(|(at, _)| (at.chassis, at.by.clone())).reduce(|group| {
        let mut values: Vec<(Text, Text)> =
            group.rows().map(|(at, value)| (at.variable.clone(), value.clone())).collect();
        values.sort();
        values.dedup_by(|later, first| later.0 == first.0);
        let (first, _) = group.any();
        Some(Values { of: first.by.clone(), chassis: first.chassis, values: Arc::new(values) })
    })
}
