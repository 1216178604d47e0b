//! Which function of a group is in use (N02): the one that was, as long as it is alive, else the first that
//! is, in the order of their identifiers.
//!
//! ```text
//! alive(function)  :-  no health check, or its probe says online
//! active(group)    :-  Network_Function_Group.network_function_active if alive, else the least alive member
//! ```

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::{Function, Group};
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::nb;
use crate::service::monitor::{Health, Target};

/// What is in use.
#[derive(Clone, Debug)]
pub struct Active {
    /// Every group.
    pub groups: Relation<Group>,
    /// The rows where the function in use is another one than the row says.
    pub changed: Relation<nb::NetworkFunctionActive>,
    /// Groups without a function to use.
    pub problems: Relation<Problem>,
}

/// How a member of a group does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Standing {
    group: Uuid,
    function: Function,
    probed: bool,
    alive: bool,
}

/// The members of a group, in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Members {
    group: Uuid,
    standings: Vec<Standing>,
}

/// The functions in use. `address` is the one that probes go to, one row if there is one.
///
/// Cost: a function that comes to life or dies costs its groups.
pub fn active(
    nb: &Northbound,
    functions: &Relation<Function>,
    health: &Relation<Health>,
    address: &Relation<Text>,
) -> Active {
    let listed = nb.network_function_group.flat_map(|row| {
        let group = row.uuid;
        row.network_function.clone().into_iter().map(move |function| (group, function))
    });
    let targets = functions
        .index_by(|_| ())
        .join(&address.index_by(|_| ()), |function, address| (function.row, target(function, address)));
    let online = targets
        .index_by(|(_, target)| target.clone())
        .join(&health.index_by(|health| health.target.clone()), |(function, _), health| {
            (*function, &*health.status == "online")
        });
    let judged = functions.index_by(|function| function.row).join_optional(
        &online.index_by(|(function, _)| *function),
        |function, online| {
            let alive = function.check.is_none() || online.is_some_and(|(_, online)| *online);
            let probed = function.check.is_none() || online.is_some();
            Some(Standing { group: Uuid::ZERO, function: function.clone(), probed, alive })
        },
    );
    let standings = listed.index_by(|(_, function)| *function).join(
        &judged.index_by(|standing| standing.function.row),
        |(group, _), standing| Standing { group: *group, ..standing.clone() },
    );
    let members = standings.index_by(|standing| standing.group).reduce(|group| {
        let mut standings: Vec<Standing> = group.rows().cloned().collect();
        standings.sort_by_key(|standing| standing.function.row);
        Some(Members { group: group.any().group, standings })
    });
    let chosen = nb.network_function_group.index_by(|row| row.uuid).join_optional(
        &members.index_by(|members| members.group),
        |row, members| {
            let standings = members.map(|members| members.standings.as_slice()).unwrap_or_default();
            let active = choose(row.network_function_active, standings).cloned();
            Some((row.clone(), active, problems(row, standings)))
        },
    );
    Active {
        groups: chosen.map(|(row, active, _)| Group {
            row: row.uuid,
            name: row.name.clone(),
            number: row.id as u8,
            fail_open: fallback(row).eq_ignore_ascii_case("fail-open"),
            active: active.clone(),
        }),
        changed: chosen.flat_map(|(row, active, _)| {
            let active = active.as_ref().map(|function| function.row);
            (active != row.network_function_active)
                .then_some(nb::NetworkFunctionActive { uuid: row.uuid, network_function_active: active })
        }),
        problems: chosen.flat_map(|(.., problems)| problems.clone().into_iter().map(Problem::new)),
    }
}

/// What is probed of a function.
pub(super) fn target(function: &Function, address: &Text) -> Target {
    Target { ip: address.clone(), logical_port: function.outport.clone(), port: 0, protocol: "icmp".into() }
}

fn choose(previous: Option<Uuid>, standings: &[Standing]) -> Option<&Function> {
    let mut alive = standings.iter().filter(|standing| standing.alive).map(|standing| &standing.function);
    alive.clone().find(|function| Some(function.row) == previous).or_else(|| alive.next())
}

fn fallback(row: &nb::NetworkFunctionGroup) -> &str {
    row.fallback.as_deref().unwrap_or("fail-close")
}

fn problems(row: &nb::NetworkFunctionGroup, standings: &[Standing]) -> Vec<String> {
    let name = &row.name;
    if standings.is_empty() {
        return vec![format!("NetworkFunction: No network_function found in network_function_group {name}")];
    }
    let unprobed = standings.iter().filter(|standing| !standing.probed).map(|standing| {
        let function = &standing.function.name;
        format!("NetworkFunction: Service_monitor is not found for network_function:{function}")
    });
    let mut problems: Vec<String> = unprobed.collect();
    if choose(None, standings).is_none() {
        problems.push(format!(
            "NetworkFunction: No healthy network_function found in network_function_group {name}, fallback to {}",
            fallback(row)
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(row: u128, probed: bool, alive: bool) -> Standing {
        let function = Function {
            row: Uuid(row),
            name: format!("nf{row}").into(),
            number: 1,
            inport: "in".into(),
            outport: "out".into(),
            check: None,
        };
        Standing { group: Uuid(9), function, probed, alive }
    }

    #[test]
    fn the_one_in_use_stays_while_it_lives() {
        let standings = [standing(1, true, true), standing(2, true, true), standing(3, true, false)];
        let chosen = |previous| choose(previous, &standings).map(|function| function.row);
        assert_eq!(chosen(None), Some(Uuid(1)));
        assert_eq!(chosen(Some(Uuid(2))), Some(Uuid(2)));
        assert_eq!(chosen(Some(Uuid(3))), Some(Uuid(1)));
        assert_eq!(choose(Some(Uuid(3)), &standings[2..]), None);
    }

    #[test]
    fn what_is_wrong_with_a_group() {
        let row = nb::NetworkFunctionGroup { name: "g".into(), ..Default::default() };
        assert_eq!(
            problems(&row, &[]),
            ["NetworkFunction: No network_function found in network_function_group g"]
        );
        assert_eq!(
            problems(&row, &[standing(1, false, false)]),
            [
                "NetworkFunction: Service_monitor is not found for network_function:nf1",
                "NetworkFunction: No healthy network_function found in network_function_group g, \
                 fallback to fail-close"
            ]
        );
        assert!(problems(&row, &[standing(1, true, true)]).is_empty());
    }
}
