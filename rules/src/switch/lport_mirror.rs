//! Mirrors that are ports of the network (D16; ovn-nb(5), Mirror of type `lport`, and Mirror_Rule): what
//! a port sends or receives is copied to another port. The copies reach that port through a port of the
//! mirrored switch, which stands for it there.

use northflow_engine::{Relation, key_hash};
use serde::{Deserialize, Serialize};

use super::flood_group::Group;
use super::placed::membership;
use super::port::Port;
use crate::flow::priority::HIGHEST;
use crate::flow::row::{Placed, place};
use crate::flow::stage::DatapathType;
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Map, Table, key_uuid, nb, sb};
use crate::topology::datapath_uuid;
use crate::topology::port_key::Claimant;
use crate::topology::switch_port::{PortConfig, SwitchPort};
use crate::topology::tunnel_key::Assigned;

/// The priority of what no rule is for; that of a rule is higher by the rule's own.
const OTHERS: u16 = 100;

/// A mirrored port and where the copies go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tap {
    /// The port.
    pub port: Port,
    /// Its switch.
    pub switch: Uuid,
    /// Mirror.filter.
    pub filter: Text,
    /// The name of the port that gets the copies (Mirror.sink).
    pub target: Text,
    /// The name of the port that stands for the target on the switch.
    pub serving: Text,
    /// Mirror.mirror_rules.
    pub rules: Vec<Uuid>,
}

/// A port that stands for another one as receiver of copies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Serving {
    switch: Uuid,
    name: Text,
    target: Text,
    /// The mirrored port; of several the one with the least identifier.
    source: Uuid,
}

impl Serving {
    /// What the port has in place of a row.
    fn owner(&self) -> Uuid {
        Uuid::from_hash(key_hash(&("mirror", &self.name)))
    }

    /// Its Port_Binding.
    fn binding(&self) -> Uuid {
        key_uuid(sb::PortBinding::NAME, &[&self.name])
    }
}

/// What mirrors come to.
#[derive(Clone, Debug)]
pub struct Mirrors {
    /// The mirrored ports.
    taps: Relation<Tap>,
    serving: Relation<Serving>,
    /// Who wants a key.
    pub claimants: Relation<Claimant>,
}

/// A port with one of its mirrors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Copied {
    port: Port,
    switch: Uuid,
    filter: Text,
    target: Text,
    rules: Vec<Uuid>,
}

/// Finds the mirrored ports. `claimants` are all other ports: one of them has to be the target.
///
/// ```text
/// tap(port, target)       :-  port, a mirror of its mirror_rules of type lport, a port named as its sink
/// serving(switch, target) :-  tap(port, target), port of the switch
/// ```
///
/// Cost: a port costs its mirrors, a mirror the ports that have it.
pub fn mirrors(nb: &Northbound, ports: &Relation<SwitchPort>, claimants: &Relation<Claimant>) -> Mirrors {
    let attached = nb.switch_port.flat_map(|row| {
        let port = row.uuid;
        row.mirror_rules.clone().into_iter().map(move |mirror| (port, mirror))
    });
    let receivers = nb
        .mirror
        .filter(|row| &*row.type_ == "lport")
        .map(|row| (row.uuid, row.filter.clone(), row.sink.clone(), row.mirror_rules.clone()));
    let copied = attached
        .index_by(|(_, mirror)| *mirror)
        .join(&receivers.index_by(|(row, ..)| *row), |(port, _), (_, filter, sink, rules)| {
            (*port, filter.clone(), sink.clone(), rules.clone())
        })
        .index_by(|(port, ..)| *port)
        .join(&ports.index_by(SwitchPort::row), |(_, filter, target, rules), port| Copied {
            port: port.port.clone(),
            switch: port.switch,
            filter: filter.clone(),
            target: target.clone(),
            rules: rules.clone(),
        });
    let names = claimants.map(|claimant| claimant.name.clone()).distinct();
    let found =
        copied.index_by(|copied| copied.target.clone()).semijoin(&names.index_by(|name: &Text| name.clone()));
    let switches = nb.switch.map(|row| (row.uuid, row.name.clone()));
    let taps = found.index_by(|copied| copied.switch).join(
        &switches.index_by(|(switch, _): &(Uuid, Text)| *switch),
        |copied, (_, switch)| Tap {
            port: copied.port.clone(),
            switch: copied.switch,
            filter: copied.filter.clone(),
            target: copied.target.clone(),
            serving: format!("mp-{switch}-{}", copied.target).into(),
            rules: copied.rules.clone(),
        },
    );
    let serving = taps
        .map(|tap| Serving {
            switch: tap.switch,
            name: tap.serving.clone(),
            target: tap.target.clone(),
            source: tap.port.row,
        })
        .index_by(|serving| serving.name.clone())
        .reduce(|group| group.rows().min().cloned());
    let claimants = serving.map(|serving| Claimant {
        owner: serving.owner(),
        name: serving.name.clone(),
        datapath: serving.switch,
        kind: DatapathType::Switch,
        requested: None,
    });
    Mirrors { taps, serving, claimants }
}

impl Mirrors {
    /// The bindings of the ports that stand for others.
    ///
    /// Cost: a port costs itself.
    pub fn bindings(&self, keys: &Relation<Assigned>) -> Relation<sb::PortBinding> {
        self.serving.index_by(Serving::owner).join(&keys.index_by(Assigned::owner), |serving, key| {
            sb::PortBinding {
                uuid: serving.binding(),
                logical_port: serving.name.clone(),
                type_: "mirror".into(),
                options: Map::new(),
                datapath: datapath_uuid(serving.switch),
                tunnel_key: i64::from(key.key),
                mirror_port: Some(serving.target.clone()),
                up: Some(false),
                ..Default::default()
            }
        })
    }

    /// Switch, group and binding of the ports that stand for others: they are in the multicast groups of
    /// the mirrored port, as in ovn-northd, but for the one of ports that may hide any address.
    ///
    /// Cost: a port costs its groups.
    pub fn multicast(
        &self,
        ports: &Relation<PortConfig>,
        keys: &Relation<Assigned>,
    ) -> Relation<(Uuid, Group, Uuid)> {
        let bound = self.serving.index_by(Serving::owner).semijoin(&keys.index_by(Assigned::owner));
        bound.index_by(|serving| serving.source).join_flat(
            &ports.index_by(PortConfig::row),
            |serving, port| {
                let (switch, binding) = (serving.switch, serving.binding());
                membership(port, false).into_iter().map(move |group| (switch, group, binding))
            },
        )
    }

    /// The flows of mirrored ports.
    ///
    /// Cost: a mirrored port costs its flows; a rule, one or two for each port that it is for.
    pub fn flows(&self, rules: &Relation<nb::MirrorRule>) -> Relation<Placed> {
        let own = self.taps.flat_map(|tap| place(tap.switch, whole(tap)));
        let wanted = self.taps.flat_map(|tap| {
            let rules = tap.rules.clone();
            let tap = Tap { rules: Vec::new(), ..tap.clone() };
            rules.into_iter().map(move |rule| (rule, tap.clone())).collect::<Vec<_>>()
        });
        let ruled = wanted
            .index_by(|(rule, _)| *rule)
            .join_flat(&rules.index_by(|rule| rule.uuid), |(_, tap), rule| {
                place(tap.switch, selected(tap, rule))
            });
        own.concat(&ruled)
    }
}

/// The stages in which a port is mirrored, and the field that names it there.
fn sides(tap: &Tap) -> Vec<(Stage, String)> {
    let sent = (Stage::LsInMirror, tap.port.is_inport());
    let received = (Stage::LsOutMirror, tap.port.is_outport());
    match &*tap.filter {
        "from-lport" => vec![sent],
        "to-lport" => vec![received],
        _ => vec![sent, received],
    }
}

fn copy(tap: &Tap) -> String {
    format!("mirror({}); ", quote(&tap.serving))
}

/// Everything is copied for which there is no rule, and copies are left alone on their way out.
pub fn whole(tap: &Tap) -> Vec<Flow> {
    let mut flows: Vec<Flow> = sides(tap)
        .into_iter()
        .map(|(stage, port)| Flow::new(stage, OTHERS, port, copy(tap) + "next;"))
        .collect();
    let out = format!("next(pipeline=egress, table={});", Stage::LsOutApplyPortSec.table());
    let copies = format!("outport == {}", quote(&tap.serving));
    let leave = Flow::new(Stage::LsOutPreAcl, HIGHEST, copies, out);
    flows.push(leave.written_in("switch/lport_mirror.rs"));
    flows
}

/// What matches a rule is copied, or is not.
pub fn selected(tap: &Tap, rule: &nb::MirrorRule) -> Vec<Flow> {
    let actions = if &*rule.action == "mirror" { copy(tap) } else { String::new() } + "next;";
    // The database has no greater priorities than 32767.
    let priority = OTHERS.saturating_add(u16::try_from(rule.priority).unwrap_or_default());
    let flow = |(stage, port): (Stage, String)| {
        Flow::new(stage, priority, format!("{port} && ({})", rule.match_), actions.as_str())
    };
    sides(tap).into_iter().map(flow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port};

    #[test]
    fn a_rule_selects_and_the_rest_is_copied() {
        let tap = |filter: &str| Tap {
            port: port("p\"1"),
            switch: Uuid(1),
            filter: filter.into(),
            target: "p2".into(),
            serving: "mp-s1-p2".into(),
            rules: Vec::new(),
        };
        assert_eq!(
            lines(&whole(&tap("from-lport"))),
            [
                r#"ls_in_mirror 100 | inport == "p\"1" | mirror("mp-s1-p2"); next;"#,
                r#"ls_out_pre_acl 65535 | outport == "mp-s1-p2" | next(pipeline=egress, table=15);"#,
            ]
        );
        let rule = |action: &str| nb::MirrorRule {
            uuid: Uuid(2),
            match_: "ip4".into(),
            action: action.into(),
            priority: 32767,
        };
        assert_eq!(
            lines(&selected(&tap("to-lport"), &rule("skip"))),
            [r#"ls_out_mirror 32867 | outport == "p\"1" && (ip4) | next;"#]
        );
        assert_eq!(selected(&tap("both"), &rule("mirror")).len(), 2);
    }
}
