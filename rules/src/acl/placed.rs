//! Where the flows of ACLs are.
//!
//! ```text
//! variant(holder, view)     :-  held(holder, acl of the view's stage), a switch of the holder has the view
//! member(group, view, switch)  :-  as above, of port groups
//! placed(flow)              :-  held(holder, acl), variant(holder, view), flow of acl by view
//! ```
//!
//! Cost: an ACL costs its own flows once for each view of its switch or port group, of which there are
//! few; a switch that a port group reaches is one member more of one set for each stage in which the
//! group has ACLs. A switch that sees its ACLs otherwise than before costs its own ACLs, and moves
//! from set to set for those of groups.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::filtering::{self, Filtering, Held, Holder, SwitchTraits, Trait};
use super::rule::{Extra, Rule};
use super::sample::{Collecting, Collector, Sampling};
use super::{AclStage, GroupSet, Settings, View, entry, eval, fixed_flows, log, persist, sample};
use crate::flow::On;
use crate::flow::row::{Placed, SetMember, place_on};
use crate::global::chassis::ChassisFeatures;
use crate::global::single;
use crate::northd::{Northbound, Southbound};
use crate::ovsdb::Uuid;
use crate::problem::Problem;
use crate::schema::{Link, nb, sb};
use crate::switch::SwitchSet;
use crate::topology::port_group::Reach;

/// What ACLs depend on beside their own tables.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The switches that port groups reach.
    pub reach: Relation<Reach>,
    /// Switches that have a load balancer with a VIP.
    pub balanced: Relation<Uuid>,
    /// The global settings, one row.
    pub settings: Relation<Settings>,
    /// What all chassis can do, one row.
    pub features: Relation<ChassisFeatures>,
}

/// What follows from ACLs.
#[derive(Clone, Debug)]
pub struct Acls {
    /// What each switch does with packets, one row a switch.
    pub filtering: Relation<Filtering>,
    /// The flows.
    pub placed: Relation<Placed>,
    /// The sets that they are on.
    pub members: Relation<SetMember>,
    /// The rows of ACL_ID.
    pub numbers: Relation<sb::AclId>,
    /// What is wrong with ACLs.
    pub problems: Relation<Problem>,
}

/// The switches of a holder that see its ACLs of a stage alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Variant {
    holder: Holder,
    view: View,
    /// Whether fragments match layer 4 fields, everywhere.
    translate: bool,
}

impl Variant {
    fn place(&self) -> On {
        match self.holder {
            Holder::Switch(switch) => On::Datapath(switch),
            Holder::Group(group) => On::PortGroup(GroupSet { group, view: self.view }),
        }
    }
}

/// An ACL and who names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct HeldRule {
    holder: Holder,
    rule: Rule,
}

/// All of it.
pub fn acls(nb: &Northbound, sb: &Southbound, inputs: &Inputs) -> Acls {
    let builder = nb.acl.builder();
    let held = filtering::held(&nb.switch_acls, &nb.port_group_acls);
    let traits = filtering::traits(&nb.acl);
    let switches = nb.switch.map(SwitchTraits::read);
    let filtering = filtering::filtering(&switches, &held, &traits, &inputs.reach, &inputs.balanced);

    let numbers = persist::numbers(&nb.acl, &sb.acl_id);
    let extras = builder.union(&[
        numbers.map(|assigned| (assigned.owner, Extra::Id(assigned.key))),
        unflushed(&nb.acl, &inputs.features),
        fair_meters(&nb.acl, &nb.meter),
        samplings(nb, &inputs.features),
        network_functions(nb),
    ]);
    let extras = extras.index_by(|(acl, _)| *acl).reduce(|group| {
        let extras: Vec<Extra> = group.rows().map(|(_, extra)| extra.clone()).collect();
        Some((group.any().0, extras))
    });
    let rules =
        nb.acl.index_by(|row| row.uuid).join_optional(&extras.index_by(|(acl, _)| *acl), |row, extras| {
            Rule::read(row, extras.map_or(&[], |(_, extras)| extras))
        });
    let rules = rules.index_by(|rule| rule.acl).join(&held.index_by(|held| held.acl), |rule, held| {
        HeldRule { holder: held.holder, rule: rule.clone() }
    });

    let (variants, members) = variants(&held, &traits, &inputs.reach, &filtering);
    let translate = inputs.settings.map(|settings| settings.translate);
    let variants = single(&variants).join(&single(&translate), |(holder, view), translate| Variant {
        holder: *holder,
        view: *view,
        translate: *translate,
    });
    let variants = variants.index_by(|variant| (variant.holder, variant.view.stage)).named("acl.variant");
    let own = rules
        .index_by(|held| (held.holder, held.rule.stage))
        .named("acl.rule")
        .join_flat(&variants, |held, variant| flows(&held.rule, variant));
    let problems = rules
        .filter(|held| !held.rule.problems(true).is_empty() || !held.rule.problems(false).is_empty())
        .index_by(|held| (held.holder, held.rule.stage))
        .join_flat(&variants, |held, variant| held.rule.problems(variant.view.tracking.tracks()))
        .distinct();

    let sampled = rules
        .filter(|held| held.rule.sample_new.is_some() || held.rule.sample_established.is_some())
        .index_by(|held| (held.holder, held.rule.stage))
        .join_flat(&variants, |held, variant| {
            let place = variant.place();
            sample::shared(&held.rule, variant.view).into_iter().map(move |shared| (place, shared))
        })
        .distinct();
    let collecting = sampled.map(|(_, shared)| *shared).distinct();
    let shared = collecting.flat_map(|shared| place_on(On::Sampling(*shared), shared.flows()));
    let fixed = inputs.settings.flat_map(|settings| {
        fixed_flows(*settings).into_iter().map(|(set, flow)| Placed { on: On::Switches(set), flow })
    });
    let classes = classes(nb, &switches, &filtering);
    let samplers = samplers(&sampled, &members);
    Acls {
        filtering,
        placed: builder.union(&[own, shared, fixed]),
        members: builder.union(&[members, classes, samplers]),
        numbers: persist::rows(&numbers),
        problems,
    }
}

/// The flows of an ACL on the switches of a variant.
fn flows(rule: &Rule, variant: &Variant) -> Vec<Placed> {
    let view = variant.view;
    let mut flows = eval::rule(rule, view, variant.translate);
    flows.extend(entry::stateless(rule, view));
    flows.extend(log::related(rule, view));
    flows.extend(sample::rule(rule, view));
    place_on(variant.place(), flows).collect()
}

/// The variants of all holders, and the switches of those of groups.
fn variants(
    held: &Relation<Held>,
    traits: &Relation<Trait>,
    reach: &Relation<Reach>,
    filtering: &Relation<Filtering>,
) -> (Relation<(Holder, View)>, Relation<SetMember>) {
    let stages = held
        .index_by(|held| held.acl)
        .join(&traits.index_by(|acl| acl.acl), |held, acl| (held.holder, acl.stage))
        .distinct();
    let own = stages.flat_map(|(holder, stage)| match holder {
        Holder::Switch(switch) => Some((*switch, *stage)),
        Holder::Group(_) => None,
    });
    let grouped = stages.flat_map(|(holder, stage)| match holder {
        Holder::Group(group) => Some((*group, *stage)),
        Holder::Switch(_) => None,
    });
    let views = filtering.flat_map(|filtering| {
        let switch = filtering.switch;
        AclStage::ALL.map(|stage| filtering.view(stage)).into_iter().map(move |view| (switch, view))
    });
    let views = views.index_by(|(switch, view)| (*switch, view.stage)).named("acl.view");
    let own = own
        .index_by(|(switch, stage)| (*switch, *stage))
        .join(&views, |(switch, _), (_, view)| (Holder::Switch(*switch), *view));
    let reached = reach
        .index_by(|reach| reach.group)
        .join(&grouped.index_by(|(group, _)| *group), |reach, (_, stage)| (*reach, *stage));
    let members = reached.index_by(|(reach, stage)| (reach.switch, *stage)).join(
        &views,
        |(reach, _), (switch, view)| SetMember {
            set: On::PortGroup(GroupSet { group: reach.group, view: *view }),
            datapath: *switch,
        },
    );
    let sets = members.map(|member| member.set).distinct();
    let grouped = sets.flat_map(|set| match set {
        On::PortGroup(GroupSet { group, view }) => Some((Holder::Group(*group), *view)),
        _ => None,
    });
    (own.concat(&grouped), members)
}

/// The switches that sample alike: those of the places at which an ACL does so.
///
/// Cost: the first ACL of a port group with a collector costs the switches of the group.
fn samplers(sampled: &Relation<(On, Collecting)>, members: &Relation<SetMember>) -> Relation<SetMember> {
    let lone = sampled.flat_map(|(place, shared)| match place {
        On::Datapath(switch) => Some(SetMember { set: On::Sampling(*shared), datapath: *switch }),
        _ => None,
    });
    let grouped = sampled.index_by(|(place, _)| *place).join(
        &members.index_by(|member| member.set),
        |(_, shared), member| SetMember { set: On::Sampling(*shared), datapath: member.datapath },
    );
    lone.concat(&grouped).distinct()
}

/// The classes of all switches.
///
/// Cost: a switch costs its own classes.
fn classes(
    nb: &Northbound,
    switches: &Relation<SwitchTraits>,
    filtering: &Relation<Filtering>,
) -> Relation<SetMember> {
    let by_filter = filtering.index_by(|filtering| filtering.switch).named("acl.filtering").join_flat(
        &switches.index_by(|traits| traits.switch),
        |filtering, traits| {
            let datapath = filtering.switch;
            let member = move |set| SetMember { set: On::Switches(set), datapath };
            filtering.sets(*traits).into_iter().map(member)
        },
    );
    let names = nb.dns.filter(|row| !row.records.is_empty()).map(|row| row.uuid);
    let served = nb
        .switch_dns_records
        .index_by(Link::member)
        .semijoin(&names.index_by(|row| *row))
        .map(|link| link.owner)
        .distinct();
    let tracking = filtering.map(|filtering| (filtering.switch, filtering.tracking().tracks()));
    let by_names = tracking.index_by(|(switch, _)| *switch).semijoin(&served.index_by(|switch| *switch)).map(
        |(switch, tracked)| SetMember {
            set: On::Switches(SwitchSet::NamesServed { tracked: *tracked }),
            datapath: *switch,
        },
    );
    by_filter.concat(&by_names)
}

/// ACLs whose connections some chassis cannot flush.
///
/// Cost: a chassis that is the first or last without the feature costs the ACLs that ask for it.
fn unflushed(acls: &Relation<nb::Acl>, features: &Relation<ChassisFeatures>) -> Relation<(Uuid, Extra)> {
    let persisting =
        acls.filter(|row| row.options.get_bool("persist-established", false)).map(|row| row.uuid);
    let lacking = features.filter(|features| !features.ct_label_flush).map(|_| ());
    single(&persisting).join(&single(&lacking), |acl, ()| (*acl, Extra::NoFlush))
}

/// ACLs that log by a fair meter.
///
/// Cost: an ACL costs itself; a meter, the ACLs that name it.
fn fair_meters(acls: &Relation<nb::Acl>, meters: &Relation<nb::Meter>) -> Relation<(Uuid, Extra)> {
    let logging = acls.flat_map(|row| Some((row.uuid, row.meter.clone().filter(|_| row.log)?)));
    let fair = meters.filter(|row| row.fair == Some(true)).map(|row| row.name.clone());
    logging
        .index_by(|(_, meter)| meter.clone())
        .join(&fair.index_by(|name| name.clone()), |(acl, _), _| (*acl, Extra::FairMeter))
}

/// The numbers of the groups of network functions that ACLs name.
///
/// Cost: a group costs the ACLs that name it.
fn network_functions(nb: &Northbound) -> Relation<(Uuid, Extra)> {
    let named = nb.acl.flat_map(|row| Some((row.uuid, row.network_function_group?)));
    let numbers = nb.network_function_group.map(|row| (row.uuid, row.id as u8));
    named
        .index_by(|(_, group)| *group)
        .join(&numbers.index_by(|(group, _)| *group), |(acl, _), (_, number)| {
            (*acl, Extra::NetworkFunctions(*number))
        })
}

/// What the applications and chassis say of sampling; one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Application {
    new: u8,
    established: u8,
    registers: bool,
}

/// How ACLs sample.
///
/// Cost: an ACL costs itself; a sample or one of its collectors, the ACLs that use it; an application,
/// all ACLs that sample.
fn samplings(nb: &Northbound, features: &Relation<ChassisFeatures>) -> Relation<(Uuid, Extra)> {
    let app = |name: &'static str| {
        single(&nb.sampling_app.filter(move |row| &*row.type_ == name).map(|row| row.id as u8))
    };
    let registers = features.map(|features| Application {
        new: 0,
        established: 0,
        registers: features.sample_with_registers,
    });
    let with_new = single(&registers).join_optional(&app("acl-new"), |application, id| {
        Some(Application { new: id.copied().unwrap_or(0), ..*application })
    });
    let application = single(&with_new).join_optional(&app("acl-est"), |application, id| {
        Some(Application { established: id.copied().unwrap_or(0), ..*application })
    });

    // Collectors go by identifier, as in the column.
    let listed = nb.sample.flat_map(|row| {
        let sample = row.uuid;
        row.collectors.clone().into_iter().map(move |collector| (collector, sample))
    });
    let collectors = nb.sample_collector.map(|row| {
        let (id, probability, set) = (row.id as u8, row.probability as u16, row.set_id as u32);
        (row.uuid, Collector { id, probability, set })
    });
    let collectors = listed
        .index_by(|(collector, _)| *collector)
        .join(&collectors.index_by(|(collector, _)| *collector), |(_, sample), (row, collector)| {
            (*sample, *row, *collector)
        })
        .index_by(|(sample, _, _)| *sample)
        .reduce(|group| {
            let mut rows: Vec<(Uuid, Collector)> =
                group.rows().map(|(_, row, collector)| (*row, *collector)).collect();
            rows.sort_unstable();
            let collectors: Vec<Collector> = rows.into_iter().map(|(_, collector)| collector).collect();
            Some((group.any().0, collectors))
        });
    let points = nb.sample.map(|row| (row.uuid, row.metadata as u32));
    let samples = points.index_by(|(sample, _)| *sample).join_optional(
        &collectors.index_by(|(sample, _)| *sample),
        |(sample, point), collectors| {
            let collectors = collectors.map(|(_, collectors)| collectors.clone()).unwrap_or_default();
            Some((*sample, Sampling { point: *point, domain: 0, collectors, registers: false }))
        },
    );
    let uses = nb.acl.flat_map(|row| {
        let acl = row.uuid;
        let new = row.sample_new.map(|sample| (sample, acl, false));
        let established = row.sample_est.map(|sample| (sample, acl, true));
        new.into_iter().chain(established)
    });
    let used = uses
        .index_by(|(sample, _, _)| *sample)
        .join(&samples.index_by(|(sample, _)| *sample), |(_, acl, established), (_, sampling)| {
            (*acl, *established, sampling.clone())
        });
    single(&used).join(&single(&application), |(acl, established, sampling), application| {
        let domain = if *established { application.established } else { application.new };
        let sampling = Sampling { domain, registers: application.registers, ..sampling.clone() };
        (*acl, if *established { Extra::Established(sampling) } else { Extra::New(sampling) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::row::FlowRow;
    use crate::global::testing::Scenario;
    use crate::schema::Link;

    const SWITCHES: u128 = 30;
    const GROUP: Uuid = Uuid(9000);

    fn switch(number: u128) -> nb::LogicalSwitch {
        nb::LogicalSwitch { uuid: Uuid(number), name: format!("s{number}").into(), ..Default::default() }
    }

    /// Port `number` of the switch whose number is the remainder.
    fn port(scenario: &mut Scenario, number: u128) {
        let uuid = Uuid(number + 1000);
        let name = format!("p{number}").into();
        scenario.insert("nb.Logical_Switch_Port", nb::LogicalSwitchPort { uuid, name, ..Default::default() });
        scenario.insert("nb.Logical_Switch.ports", Link { owner: Uuid(number % 100), member: uuid });
    }

    fn join(scenario: &mut Scenario, number: u128) {
        scenario.insert("nb.Port_Group.ports", Link { owner: GROUP, member: Uuid(number + 1000) });
    }

    fn acl(scenario: &mut Scenario, number: u128, owner: Option<Uuid>, action: &str, matches: &str) {
        let uuid = Uuid(number);
        let (direction, action, match_) = ("to-lport".into(), action.into(), matches.into());
        scenario.insert("nb.ACL", nb::Acl { uuid, direction, action, match_, ..Default::default() });
        match owner {
            Some(owner) => scenario.insert("nb.Logical_Switch.acls", Link { owner, member: uuid }),
            None => scenario.insert("nb.Port_Group.acls", Link { owner: GROUP, member: uuid }),
        };
    }

    fn matching(scenario: &Scenario, text: &str) -> usize {
        let flows = scenario.rows::<FlowRow>("sb.Logical_Flow");
        flows.iter().filter(|flow| flow.spell_out().match_.contains(text)).count()
    }

    #[test]
    fn a_group_costs_what_changes_of_it() {
        let mut scenario = Scenario::start(crate::northd::program);
        scenario.insert("nb.NB_Global", nb::NbGlobal { uuid: Uuid(99999), ..Default::default() });
        scenario.insert("nb.Port_Group", nb::PortGroup { uuid: GROUP, name: "g".into() });
        for number in 1..=SWITCHES {
            scenario.insert("nb.Logical_Switch", switch(number));
            port(&mut scenario, number);
            port(&mut scenario, number + 100);
            join(&mut scenario, number);
        }
        acl(&mut scenario, 8000, None, "drop", "ip4");
        scenario.step();
        assert_eq!(matching(&scenario, "(ip4)"), 1, "one flow for all switches");

        acl(&mut scenario, 8001, None, "drop", "ip6");
        assert_eq!(scenario.step(), 1, "one more is one flow more");
        join(&mut scenario, 101);
        assert_eq!(scenario.step(), 1, "a port is an element of its switch's part of the group");

        // A switch that tracks connections sees the ACLs otherwise than the rest.
        acl(&mut scenario, 8002, Some(Uuid(1)), "allow-related", "arp");
        scenario.step();
        assert_eq!(matching(&scenario, "(ip4)"), 3);
        acl(&mut scenario, 8003, None, "drop", "udp");
        assert_eq!(scenario.step(), 3);
        // Tracking on one more switch moves it from set to set, and writes no flow of the group.
        acl(&mut scenario, 8004, Some(Uuid(2)), "allow-related", "1");
        scenario.step();
        assert_eq!(matching(&scenario, "(ip4)"), 3);
        acl(&mut scenario, 8005, None, "allow-related", "tcp");
        scenario.step();
        assert_eq!(matching(&scenario, "(ip4)"), 2, "now all track");
    }
}
