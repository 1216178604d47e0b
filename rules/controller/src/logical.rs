//! Logical flows to rows of the tables of the two logical pipelines.
//!
//! A flow goes one of three ways. *Plain* ones name nothing, and are translated for each of their
//! datapaths as they are. Those that name ports, multicast groups or address sets are translated from the
//! answers about these. Those that name port groups or ask what is on the chassis are translated for each
//! chassis that has the datapath, as only the ports of a group count that matter to it. So are those with
//! template variables, each chassis having its own version of the text.
//!
//! A flow that names a large address set is translated with a hole for an element; each element then has rows of
//! its own (`set.rs`). Where elements cannot be told apart in the rows, all are translated together.

mod place;
mod read;
mod set;
mod translate;

use std::sync::Arc;

use northflow_engine::{Builder, Index, Record, Relation};
use northflow_rules::ovsdb::{Atom, Text, Uuid};
use northflow_rules::schema::seen;
use serde::{Deserialize, Serialize};

use self::place::{Member, Version, members, places};
use self::read::{Options, Parsed, Read, gives_options};
use self::set::{AddressSets, address_sets};
use self::translate::{Answer, Contender, Effect, Outcome, answered, outcomes, plain, winner};
use crate::inputs::{Local, Southbound};
use crate::locality::{Locality, Related};
use crate::row::{Actions, Flow, Row};
use crate::shared::Shared;
use crate::template::{Use, values};

pub use self::translate::first_conjunction;

/// A logical flow that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// The flow.
    pub flow: Uuid,
    /// What is wrong, as ovn-controller says it.
    pub text: Text,
}

/// Where a flow is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Site {
    version: Version,
    datapath: Uuid,
    /// The chassis for which, if it is not the same for all.
    chassis: Option<Uuid>,
}

/// An answer for a flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Answered {
    site: Site,
    answer: Answer,
}

/// What a flow comes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Translated {
    site: Site,
    outcome: Outcome,
}

/// A contender on one chassis, or on all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct ContenderOn {
    chassis: Option<Uuid>,
    contender: Contender,
}

/// A flow names something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Names {
    version: Version,
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
    let members = members(sb, &places(sb, local, locality));
    let by_version = members.index_by(|member| member.version);
    let reads = reads(sb, &by_version);
    let templates = reads.filter(|read| !read.variables().is_empty());
    let (expanded, expanded_members) = expanded(sb, &templates, &by_version, locality);
    let reads = reads.filter(|read| read.variables().is_empty()).concat(&expanded);
    let members = [by_version, expanded_members.index_by(|member| member.version)];
    let problem = |read: &Read| {
        let flow = read.says.version.flow;
        read.parsed().err().map(|text| Problem { flow, text: text.into() })
    };
    let problems = reads.flat_map(problem).distinct();

    let plain_reads = reads.filter(Read::is_plain).index_by(|read| read.says.version);
    let [plains, own_plains] =
        members.each_ref().map(|at| plain_reads.join_flat(at, |read, member| plain(read, &member.place)));
    let asking = reads.filter(|read| read.parsed().is_ok() && !read.is_plain());
    let sets = address_sets(sb);
    let answers = answers(program, sb, local, &asking, &members, &sets, locality);
    let asked = translated(&asking, &answers, &sets);
    let shared = asked.flat_map(|on| on.chassis.is_none().then(|| on.contender.clone()));
    (
        resolve(
            &program.union(&[plains, own_plains, shared]),
            &asked.filter(|on| on.chassis.is_some()),
            locality,
        ),
        problems,
    )
}

/// The rows of flows that ask, from the answers.
///
/// Cost: an element of a large address set costs its rows; any other answer costs those of its flow that have not to do
/// with such sets.
fn translated(
    asking: &Relation<Read>,
    answers: &Relation<Answered>,
    sets: &AddressSets,
) -> Relation<ContenderOn> {
    let by_site = answers.index_by(|about| about.site);
    let translated = by_site.reduce(|group| {
        let site = group.any().site;
        let outcomes = outcomes(group.rows().map(|about| &about.answer));
        outcomes.into_iter().map(move |outcome| Translated { site, outcome })
    });
    let rows = translated.flat_map(|translated| match &translated.outcome {
        Outcome::Row(contender) => {
            Some(ContenderOn { chassis: translated.site.chassis, contender: contender.clone() })
        }
        _ => None,
    });
    let of_elements = translated
        .flat_map(|translated| match &translated.outcome {
            Outcome::Stencil(stencil) => Some((translated.site.chassis, stencil.clone())),
            _ => None,
        })
        .index_by(|(_, stencil)| stencil.set.clone())
        .join(&sets.elements.index_by(|element| element.set.clone()), |(chassis, stencil), element| {
            ContenderOn { chassis: *chassis, contender: stencil.fill(element) }
        });

    let entangled = translated
        .flat_map(|translated| (translated.outcome == Outcome::Entangled).then_some(translated.site));
    let elements = entangled
        .index_by(|site| site.version)
        .join(&names(asking, |parsed| &parsed.sets).index_by(|names| names.version), |site, names| {
            (*site, names.name.clone())
        })
        .index_by(|(_, set)| set.clone())
        .join(&sets.texts.index_by(|(set, _)| set.clone()), |(site, _), (set, text)| Answered {
            site: *site,
            answer: Answer::Element(set.clone(), text.clone()),
        });
    let together = by_site
        .semijoin(&entangled.index_by(|site| *site))
        .concat(&elements)
        .index_by(|about| about.site)
        .reduce(|group| {
            let chassis = group.any().site.chassis;
            let contenders = answered(group.rows().map(|about| &about.answer));
            contenders.into_iter().map(move |contender| ContenderOn { chassis, contender })
        });
    rows.concat(&of_elements).concat(&together)
}

/// What flows name of a kind.
fn names(asking: &Relation<Read>, of: fn(&Parsed) -> &[Text]) -> Relation<Names> {
    asking.flat_map(move |read| {
        let version = read.says.version;
        let names = read.parsed().map(of).unwrap_or_default().to_vec();
        names.into_iter().map(move |name| Names { version, name })
    })
}

/// The logical flows that some chassis has, read.
///
/// Cost: a change of the options of DHCP reads the flows that give some.
fn reads(sb: &Southbound, members: &Index<Version, Member>) -> Relation<Read> {
    let flows = sb.logical_flow.index_by(|flow| Version::shared(flow.uuid)).semijoin(members);
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
    let giving = flows
        .filter(gives_options)
        .index_by(|_| ())
        .join_optional(&catalog.index_by(|_| ()), |flow, options| {
            Read::new(flow, Some(options.map(Arc::clone).unwrap_or_default()))
        });
    let others = flows.filter(|flow: &seen::LogicalFlow| !gives_options(flow));
    others.flat_map(|flow| Read::new(flow, None)).concat(&giving)
}

/// The flows with template variables as each chassis has them, and where.
///
/// Cost: a variable costs the flows with it that are on its chassis.
fn expanded(
    sb: &Southbound,
    templates: &Relation<Read>,
    members: &Index<Version, Member>,
    locality: &Locality,
) -> (Relation<Read>, Relation<Member>) {
    let by_version = templates.index_by(|read| read.says.version);
    let here = members.semijoin(&by_version).index_by(|member| member.place.datapath).join(
        &locality.by_datapath,
        |member, reach| Member {
            version: Version::of(member.version.flow, reach.chassis),
            place: Arc::clone(&member.place),
        },
    );
    let places = here.flat_map(|member| Some((member.version.flow, member.version.chassis?))).distinct();
    let uses = templates.index_by(|read| read.says.version.flow).join_flat(
        &places.index_by(|(flow, _)| *flow),
        |read, (flow, chassis)| {
            let (by, chassis) = (*flow, *chassis);
            read.variables().into_iter().map(move |name| Use { by, chassis, variable: name.into() })
        },
    );
    let reads = values(sb, &uses)
        .index_by(|values| Version::shared(values.of))
        .join_flat(&by_version, |values, read| read.expand(values));
    (reads, here)
}

/// What is asked about, answered, but for the elements of large address sets.
///
/// Cost: a port costs the flows that name it, a set that becomes large or small the flows that name it.
fn answers(
    program: &Builder,
    sb: &Southbound,
    local: &Local,
    asking: &Relation<Read>,
    members: &[Index<Version, Member>; 2],
    sets: &AddressSets,
    locality: &Locality,
) -> Relation<Answered> {
    let names = |of: fn(&Parsed) -> &[Text]| names(asking, of);
    let by_version = asking.index_by(|read| read.says.version);
    let [places, own_places] = members.each_ref().map(|members| {
        by_version.join(members, |read, member| {
            let answer = Answer::Base(read.clone(), Arc::clone(&member.place));
            let site = Site { version: member.version, datapath: member.place.datapath, chassis: None };
            Answered { site, answer }
        })
    });
    let places = places.concat(&own_places);
    let placed = places.map(|about| about.site).index_by(|site| site.version);

    // Ports and multicast groups.
    let keys = sb
        .port
        .map(|port| (port.datapath, port.logical_port.clone(), port.tunnel_key))
        .concat(&sb.multicast.map(|group| (group.datapath, group.name.clone(), group.tunnel_key)))
        .index_by(|(datapath, name, _)| (*datapath, name.clone()));
    let keys = names(|parsed| &parsed.names)
        .index_by(|names| names.version)
        .join(&placed, |names, site| (*site, names.name.clone()))
        .index_by(|(site, name)| (site.datapath, name.clone()))
        .join_flat(&keys, |(site, _), (_, name, key)| {
            Some(Answered { site: *site, answer: Answer::Key(name.clone(), u32::try_from(*key).ok()?) })
        });

    // Address sets.
    let sets = names(|parsed| &parsed.sets)
        .index_by(|names| names.name.clone())
        .join(&sets.sizes.index_by(|(set, _)| set.clone()), |names, (set, size)| {
            (names.version, Answer::Set(set.clone(), size.clone()))
        })
        .index_by(|(version, _)| *version)
        .join(&placed, |(_, answer), site| Answered { site: *site, answer: answer.clone() });
    let all = program.union(&[places.clone(), keys, sets]).index_by(|about| about.site.version);
    let shared = asking.filter(Read::is_shared).index_by(|read| read.says.version);
    let of_shared = all.semijoin(&shared);
    let conditional = on_chassis(
        &all.antijoin(&shared),
        locality,
        |about| about.site,
        |about, site| Answered { site, answer: about.answer.clone() },
    );

    // What is on the chassis.
    let named_on = |of: fn(&Parsed) -> &[Text]| {
        let named = names(of)
            .index_by(|names| names.version)
            .join(&placed, |names, site| (names.name.clone(), *site));
        on_chassis(&named, locality, |(_, site)| *site, |(name, _), site| (name.clone(), site))
    };
    let answer = |(_, site): &(Text, Site), answer: Answer| Answered { site: *site, answer };
    let in_groups = named_on(|parsed| &parsed.groups)
        .index_by(|(name, site)| (site.chassis, site.datapath, name.clone()))
        .join(
            &group_members(sb, locality)
                .index_by(|member| (Some(member.0.chassis), member.0.datapath, member.1.clone())),
            move |at, (related, group, port)| {
                answer(at, Answer::Member(group.clone(), port.clone(), related.key))
            },
        );
    let residents =
        named_on(|parsed| &parsed.residents).index_by(|(name, site)| (site.chassis, name.clone())).join(
            &locality.resident.index_by(|resident| (Some(resident.chassis), resident.port.clone())),
            move |at, resident| answer(at, Answer::Resident(resident.port.clone())),
        );
    let hosts = sb.port.flat_map(|port| Some((port.datapath, port.logical_port.clone(), port.chassis?)));
    let watched = named_on(|parsed| &parsed.watched)
        .index_by(|(name, site)| (site.datapath, name.clone()))
        .join(&hosts.index_by(|(datapath, name, _)| (*datapath, name.clone())), |at, (_, _, host)| {
            (at.clone(), *host)
        })
        .index_by(|((_, site), host)| (site.chassis, *host))
        .join(
            &local.tunnel.index_by(|tunnel| (Some(tunnel.chassis), tunnel.remote)),
            move |(at, _), tunnel| answer(at, Answer::Tunnel(at.0.clone(), tunnel.ofport)),
        );
    program.union(&[of_shared, conditional, in_groups, residents, watched])
}

/// What is said of flows in datapaths, for each chassis that has these; versions of one chassis are for it alone.
fn on_chassis<T: Record, U: Record>(
    rows: &Relation<T>,
    locality: &Locality,
    site: fn(&T) -> Site,
    on: fn(&T, Site) -> U,
) -> Relation<U> {
    let at = move |row: &T, chassis| on(row, Site { chassis: Some(chassis), ..site(row) });
    let own = rows.flat_map(move |row| site(row).version.chassis.map(|chassis| at(row, chassis)));
    let everywhere = rows
        .filter(move |row| site(row).version.chassis.is_none())
        .index_by(move |row| site(row).datapath)
        .join(&locality.by_datapath, move |row, reach| at(row, reach.chassis));
    own.concat(&everywhere)
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
    // Rows for which there are contenders on chassis are marked, and settled there.
    let marks = on_chassis.map(|on| on.contender.mark()).distinct();
    let contenders = shared.concat(&marks).index_by(Contender::key);
    let settled = contenders.reduce(|group| {
        let winner = winner(group.rows())?;
        (winner.effect != Effect::Disputed).then(|| Settled::of(&winner))
    });
    let rivals = contenders
        .semijoin(&marks.index_by(Contender::key))
        .filter(|contender| contender.effect != Effect::Disputed);
    let rivals =
        rivals.index_by(|contender| contender.datapath).join(&locality.by_datapath, |contender, reach| {
            ContenderOn { chassis: Some(reach.chassis), contender: contender.clone() }
        });
    let settled_on =
        on_chassis.concat(&rivals).index_by(|on| (on.chassis, on.contender.key())).reduce(|group| {
            let chassis = group.any().chassis;
            let winner = winner(group.rows().map(|on| &on.contender));
            winner.map(|contender| ContenderOn { chassis, contender: contender.into_owned() })
        });

    let everywhere =
        settled.filter(|settled| settled.port.is_none()).index_by(|settled| settled.datapath).join(
            &locality.by_datapath,
            |settled, reach| Flow { chassis: reach.chassis, row: settled.row.clone() },
        );
    let at_ports = settled
        .filter(|settled| settled.port.is_some())
        .index_by(|settled| (settled.datapath, settled.port))
        .join(
            &locality.related.index_by(|related| (related.datapath, Some(related.key))),
            |settled, related| Flow { chassis: related.chassis, row: settled.row.clone() },
        );
    let flow = |on: &ContenderOn| on.chassis.map(|chassis| Flow { chassis, row: row(&on.contender) });
    let free = settled_on.filter(|on| on.contender.port.is_none()).flat_map(flow);
    let kept = settled_on
        .filter(|on| on.contender.port.is_some())
        .index_by(|on| (on.chassis, on.contender.datapath, on.contender.port))
        .semijoin(&locality.related.index_by(|at| (Some(at.chassis), at.datapath, Some(at.key))))
        .flat_map(flow);
    everywhere.concat(&at_ports).concat(&free).concat(&kept)
}

/// A row that is the same on all chassis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Settled {
    datapath: Uuid,
    /// Only chassis to which this port matters have it.
    port: Option<u32>,
    row: Row,
}

impl Settled {
    fn of(contender: &Contender) -> Settled {
        Settled { datapath: contender.datapath, port: contender.port, row: row(contender) }
    }
}

fn row(contender: &Contender) -> Row {
    let (cookie, actions) = match &contender.effect {
        Effect::Act(actions) => ((contender.flow.0 >> 96) as u32, actions.clone()),
        Effect::Drop | Effect::Disputed => ((contender.flow.0 >> 96) as u32, Shared::default()),
        Effect::Parts(parts) => (0, Shared::new(Actions::parts(parts))),
    };
    let (table, priority) = (contender.table, contender.priority);
    Row { table, priority, fields: contender.fields.clone(), cookie, actions }
}
