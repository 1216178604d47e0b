//! Logical flows to rows of the tables of the two logical pipelines.
//!
//! A flow goes one of three ways. *Plain* ones name nothing, and are translated for each of their
//! datapaths as they are. Those that name ports, multicast groups or address sets are translated from the
//! answers about these. Those that name port groups or ask what is on the chassis are translated for each
//! chassis that has the datapath, as only the ports of a group count that matter to it.

mod place;
mod read;
mod translate;

use std::sync::Arc;

use northflow_engine::{Builder, Relation};
use northflow_rules::ovsdb::{Atom, Text, Uuid};
use northflow_rules::schema::sb;
use serde::{Deserialize, Serialize};

use self::place::{Member, members, places};
use self::read::{Options, Parsed, Read, gives_options};
use self::translate::{Answer, Contender, Effect, answered, plain, winner};
use crate::inputs::{Local, Southbound};
use crate::locality::{Locality, Reach, Related};
use crate::row::{Actions, Flow, Row};

/// A logical flow that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// The flow.
    pub flow: Uuid,
    /// What is wrong, as ovn-controller says it.
    pub text: Text,
}

/// An answer for a flow in a datapath.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Answered {
    flow: Uuid,
    datapath: Uuid,
    answer: Answer,
}

/// An answer for a flow in a datapath on a chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct AnsweredOn {
    chassis: Uuid,
    about: Answered,
}

/// A contender on one chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct ContenderOn {
    chassis: Uuid,
    contender: Contender,
}

/// A flow names something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Names {
    flow: Uuid,
    name: Text,
}

/// The rows of the logical pipelines, and the flows that cannot be read.
///
/// Cost: a flow costs its rows on the chassis that have its datapaths; a chassis that gains a datapath gets
/// the rows of that, which are there already.
pub fn flows(
    program: &Builder,
    sb: &Southbound,
    local: &Local,
    locality: &Locality,
) -> (Relation<Flow>, Relation<Problem>) {
    let reads = reads(sb);
    let members = members(sb, &places(sb, local, locality));
    let by_flow = members.index_by(|member| member.flow);
    let problems = reads
        .flat_map(|read| read.parsed().err().map(|text| Problem { flow: read.says.uuid, text: text.into() }));

    let plains = reads
        .filter(|read| read.parsed().is_ok_and(Parsed::is_plain))
        .index_by(|read| read.says.uuid)
        .join_flat(&by_flow, |read, member| plain(read, &member.place));
    let asking = reads.filter(|read| read.parsed().is_ok_and(|parsed| !parsed.is_plain()));
    let (shared, on_chassis) = answers(program, sb, &asking, &members, locality);
    let shared = shared
        .index_by(|about| (about.flow, about.datapath))
        .reduce(|group| answered(group.rows().map(|about| &about.answer)));
    let on_chassis =
        on_chassis.index_by(|on| (on.chassis, on.about.flow, on.about.datapath)).reduce(|group| {
            let chassis = group.any().chassis;
            let contenders = answered(group.rows().map(|on| &on.about.answer));
            contenders.into_iter().map(move |contender| ContenderOn { chassis, contender })
        });
    (resolve(&plains.concat(&shared), &on_chassis, locality), problems)
}

/// The logical flows, read.
///
/// Cost: a change of the options of DHCP reads the flows that give some.
fn reads(sb: &Southbound) -> Relation<Read> {
    let option = |name: &Text, code: i64, kind: &Text| {
        u16::try_from(code).ok().map(|code| (name.clone(), code, kind.clone()))
    };
    let dhcp = sb.dhcp_options.flat_map(move |row| option(&row.name, row.code, &row.type_).map(|it| (4, it)));
    let dhcpv6 =
        sb.dhcpv6_options.flat_map(move |row| option(&row.name, row.code, &row.type_).map(|it| (6, it)));
    let catalog = dhcp.concat(&dhcpv6).index_by(|_| ()).reduce(|group| {
        let mut options = Options::default();
        for (version, option) in group.rows() {
            let options = if *version == 4 { &mut options.dhcp } else { &mut options.dhcpv6 };
            options.push(option.clone());
        }
        options.dhcp.sort();
        options.dhcpv6.sort();
        Some(Arc::new(options))
    });
    let giving = sb
        .logical_flow
        .filter(gives_options)
        .index_by(|_| ())
        .join_optional(&catalog.index_by(|_| ()), |flow, options| {
            Read::new(flow, Some(options.map(Arc::clone).unwrap_or_default()))
        });
    let others = sb.logical_flow.filter(|flow: &sb::LogicalFlow| !gives_options(flow));
    others.flat_map(|flow| Read::new(flow, None)).concat(&giving)
}

/// What is asked about, answered: of flows that are the same on all chassis, and of the others.
///
/// Cost: a port costs the flows that name it, an element of a set the flows that name the set.
fn answers(
    program: &Builder,
    sb: &Southbound,
    asking: &Relation<Read>,
    members: &Relation<Member>,
    locality: &Locality,
) -> (Relation<Answered>, Relation<AnsweredOn>) {
    let names = |of: fn(&Parsed) -> &[Text]| {
        asking.flat_map(move |read| {
            let flow = read.says.uuid;
            let names = read.parsed().map(of).unwrap_or_default().to_vec();
            names.into_iter().map(move |name| Names { flow, name })
        })
    };
    let by_uuid = asking.index_by(|read| read.says.uuid);
    let places = by_uuid.join(&members.index_by(|member| member.flow), |read, member| {
        let answer = Answer::Base(read.clone(), Arc::clone(&member.place));
        Answered { flow: member.flow, datapath: member.place.datapath, answer }
    });
    let placed = places.map(|about| (about.flow, about.datapath)).index_by(|(flow, _)| *flow);

    // Ports and multicast groups.
    let keys = sb
        .port
        .map(|port| (port.datapath, port.logical_port.clone(), port.tunnel_key))
        .concat(&sb.multicast.map(|group| (group.datapath, group.name.clone(), group.tunnel_key)))
        .index_by(|(datapath, name, _)| (*datapath, name.clone()));
    let keys = names(|parsed| &parsed.names)
        .index_by(|names| names.flow)
        .join(&placed, |names, (flow, datapath)| (*flow, *datapath, names.name.clone()))
        .index_by(|(_, datapath, name)| (*datapath, name.clone()))
        .join_flat(&keys, |(flow, datapath, _), (_, name, key)| {
            let answer = Answer::Key(name.clone(), u32::try_from(*key).ok()?);
            Some(Answered { flow: *flow, datapath: *datapath, answer })
        });

    // Address sets.
    let about_sets = sb.address_set.index_by(|set| set.uuid).join(
        &sb.addresses.index_by(|element| element.row),
        |set, element| match &element.element {
            Atom::String(address) => (set.name.clone(), Some(address.clone())),
            _ => (set.name.clone(), None),
        },
    );
    let about_sets = about_sets.concat(&sb.address_set.map(|set| (set.name.clone(), None))).distinct();
    let sets = names(|parsed| &parsed.sets)
        .index_by(|names| names.name.clone())
        .join(&about_sets.index_by(|(name, _)| name.clone()), |names, (set, element)| {
            let answer = match element {
                Some(element) => Answer::Element(set.clone(), element.clone()),
                None => Answer::Set(set.clone()),
            };
            (names.flow, answer)
        })
        .index_by(|(flow, _)| *flow)
        .join(&placed, |(flow, answer), (_, datapath)| Answered {
            flow: *flow,
            datapath: *datapath,
            answer: answer.clone(),
        });
    let all = program.union(&[places.clone(), keys, sets]).index_by(|about| about.flow);
    let shared =
        asking.filter(|read| read.parsed().is_ok_and(Parsed::is_shared)).index_by(|read| read.says.uuid);
    let of_shared = all.semijoin(&shared);
    let conditional = all.antijoin(&shared).index_by(|about| about.datapath);
    let conditional = conditional.join(&locality.by_datapath, |about, reach| AnsweredOn {
        chassis: reach.chassis,
        about: about.clone(),
    });

    // What is on the chassis.
    let in_groups = group_members(sb, locality);
    let placed_on = placed_on(&names(|parsed| &parsed.groups), &placed, locality);
    let in_groups = placed_on.index_by(|(names, on)| (on.chassis, on.datapath, names.name.clone())).join(
        &in_groups.index_by(|member| (member.0.chassis, member.0.datapath, member.1.clone())),
        |at, member| {
            let answer = Answer::Member(member.1.clone(), member.2.clone(), member.0.key);
            let about = Answered { flow: at.0.flow, datapath: at.1.datapath, answer };
            AnsweredOn { chassis: at.1.chassis, about }
        },
    );
    let residents = crate::logical::placed_on(&names(|parsed| &parsed.residents), &placed, locality)
        .index_by(|(names, on)| (on.chassis, names.name.clone()))
        .join(
            &locality.resident.index_by(|resident| (resident.chassis, resident.port.clone())),
            |(names, on), _| {
                let answer = Answer::Resident(names.name.clone());
                let about = Answered { flow: names.flow, datapath: on.datapath, answer };
                AnsweredOn { chassis: on.chassis, about }
            },
        );
    (of_shared, program.union(&[conditional, in_groups, residents]))
}

/// What flows name, for each chassis that has them.
fn placed_on(
    names: &Relation<Names>,
    placed: &northflow_engine::Index<Uuid, (Uuid, Uuid)>,
    locality: &Locality,
) -> Relation<(Names, Reach)> {
    names
        .index_by(|names| names.flow)
        .join(placed, |names, (_, datapath)| (names.clone(), *datapath))
        .index_by(|(_, datapath)| *datapath)
        .join(&locality.by_datapath, |(names, _), reach| (names.clone(), *reach))
}

/// The ports of groups that matter to chassis: where, the group's name, and the port's.
///
/// Cost: a port that joins a group costs the chassis to which it matters.
fn group_members(sb: &Southbound, locality: &Locality) -> Relation<(Related, Text, Text)> {
    // The name of the northbound group stands after the key of the switch.
    let groups = sb
        .port_group
        .flat_map(|group| group.name.split_once('_').map(|(_, name)| (group.uuid, Text::from(name))));
    let members = groups.index_by(|(uuid, _)| *uuid).join_flat(
        &sb.port_group_ports.index_by(|element| element.row),
        |(_, group), element| match &element.element {
            Atom::String(port) => Some((group.clone(), port.clone())),
            _ => None,
        },
    );
    let ports = sb.port.map(|port| (port.logical_port.clone(), port.datapath, port.tunnel_key));
    let members = members.index_by(|(_, port)| port.clone()).join_flat(
        &ports.index_by(|(name, ..)| name.clone()),
        |(group, name), (_, datapath, key)| {
            Some((group.clone(), name.clone(), *datapath, u32::try_from(*key).ok()?))
        },
    );
    members.index_by(|(_, _, datapath, key)| (*datapath, *key)).join(
        &locality.related.index_by(|related| (related.datapath, related.key)),
        |(group, name, ..), related| (*related, group.clone(), name.clone()),
    )
}

/// Of contenders for one row, the winner: for all chassis at once where none depends on the chassis, else for
/// each. A chassis gets the winners of its datapaths, as far as their ports matter to it.
///
/// Cost: a contender costs those of its row, and the chassis that have its datapath.
fn resolve(
    shared: &Relation<Contender>,
    on_chassis: &Relation<ContenderOn>,
    locality: &Locality,
) -> Relation<Flow> {
    let disputed = on_chassis.map(|on| on.contender.key()).distinct().index_by(Clone::clone);
    let shared = shared.index_by(Contender::key);
    let settled = shared.antijoin(&disputed).index_by(Contender::key).reduce(|group| winner(group.rows()));
    let rivals = shared.semijoin(&disputed).index_by(|contender| contender.datapath);
    let rivals = rivals.join(&locality.by_datapath, |contender, reach| ContenderOn {
        chassis: reach.chassis,
        contender: contender.clone(),
    });
    let settled_on =
        on_chassis.concat(&rivals).index_by(|on| (on.chassis, on.contender.key())).reduce(|group| {
            let chassis = group.any().chassis;
            let winner = winner(group.rows().map(|on| &on.contender));
            winner.map(|contender| ContenderOn { chassis, contender })
        });

    let everywhere = settled.filter(|contender| contender.port.is_none());
    let everywhere = everywhere
        .map(|contender| (contender.datapath, row(contender)))
        .index_by(|(datapath, _)| *datapath)
        .join(&locality.by_datapath, |(_, row), reach| Flow { chassis: reach.chassis, row: row.clone() });
    let at_ports = settled
        .flat_map(|contender| contender.port.map(|port| (contender.datapath, port, row(contender))))
        .index_by(|(datapath, port, _)| (*datapath, *port))
        .join(
            &locality.related.index_by(|related| (related.datapath, related.key)),
            |(_, _, row), related| Flow { chassis: related.chassis, row: row.clone() },
        );
    let free = settled_on
        .filter(|on| on.contender.port.is_none())
        .map(|on| Flow { chassis: on.chassis, row: row(&on.contender) });
    let kept = settled_on
        .filter(|on| on.contender.port.is_some())
        .index_by(|on| (on.chassis, on.contender.datapath, on.contender.port))
        .semijoin(&locality.related.index_by(|at| (at.chassis, at.datapath, Some(at.key))))
        .map(|on| Flow { chassis: on.chassis, row: row(&on.contender) });
    everywhere.concat(&at_ports).concat(&free).concat(&kept)
}

fn row(contender: &Contender) -> Row {
    let (cookie, actions) = match &contender.effect {
        Effect::Act(actions) => ((contender.flow.0 >> 96) as u32, Arc::clone(actions)),
        Effect::Drop => ((contender.flow.0 >> 96) as u32, Arc::default()),
        Effect::Parts(parts) => (0, Arc::new(Actions::parts(parts))),
    };
    let (table, priority) = (contender.table, contender.priority);
    Row { table, priority, fields: Arc::clone(&contender.fields), cookie, actions }
}
