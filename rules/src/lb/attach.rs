//! Which load balancers are on which datapaths (H18).
//!
//! A datapath has load balancers by its own reference to one, or by a reference to a group of them.
//! Either way the reference is a [`Holder`], and the datapaths of a holder are a set on which flows are
//! placed:
//!
//! ```text
//! member(holder, datapath)  :-  the datapath refers to the holder
//! holder(lb, lb)            :-  some datapath refers to lb
//! holder(lb, group)         :-  some datapath refers to the group, lb in the group
//! ```
//!
//! Cost: a datapath that refers to a group is one member more; a load balancer that joins a group has
//! one holder more. Neither costs the product of the two.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::row::{Placed, SetMember};
use crate::flow::{Flow, On};
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Link, MapEntry, nb};

/// The northbound row by which a datapath has a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holder {
    /// The load balancer itself.
    LoadBalancer(Uuid),
    /// A group that it is in.
    Group(Uuid),
}

/// Packets of load balancers that go to controllers, and that meters of the datapath limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Punt {
    /// Those that are rejected for want of a backend.
    Reject,
    /// Those that tell the CMS that a service without backends is wanted.
    Event,
}

/// Which of a holder's datapaths are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Limit {
    /// All.
    Any,
    /// Those that do not limit such packets.
    Unmetered(Punt),
    /// Those that limit such packets by the meter whose name has this hash.
    Metered(Punt, u128),
}

/// Datapaths that have load balancers by one holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BalancedSet {
    /// By what they have them.
    pub holder: Holder,
    /// Which of them.
    pub limit: Limit,
}

/// A meter by which a datapath limits what load balancers send to controllers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PuntMeter {
    /// The northbound row of the datapath.
    pub datapath: Uuid,
    /// The packets.
    pub punt: Punt,
    /// The name of the meter.
    pub meter: Text,
}

/// The references of the datapaths of one type, switches or routers.
#[derive(Clone, Debug)]
pub struct References {
    /// Load balancers of datapaths: the datapath is the owner.
    pub direct: Relation<Link>,
    /// Groups of datapaths: the datapath is the owner.
    pub grouped: Relation<Link>,
    /// Load balancers of groups: the group is the owner.
    pub group_members: Relation<Link>,
}

/// A load balancer and a holder of it that some datapath refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Held {
    /// The load balancer.
    pub lb: Uuid,
    /// The holder.
    pub holder: Holder,
}

/// A datapath and a holder that it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Referred {
    /// The northbound row of the datapath.
    pub datapath: Uuid,
    /// The holder.
    pub holder: Holder,
}

/// A set of a holder, and the name of the meter if it is one of [`Limit::Metered`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Variant {
    set: BalancedSet,
    punt: Punt,
    meter: Option<Text>,
}

/// Where load balancers are, on the datapaths of one type.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The holders of each load balancer.
    pub held: Relation<Held>,
    /// The datapaths of each holder.
    pub referred: Relation<Referred>,
    /// The datapaths of all sets.
    pub members: Relation<SetMember>,
    variants: Relation<Variant>,
    place: fn(BalancedSet) -> On,
}

/// A flow of a load balancer, before it is known where that is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BalancerFlow {
    /// The load balancer.
    pub lb: Uuid,
    /// What it sends to controllers, if it does.
    pub punt: Option<Punt>,
    /// The flow, without a meter.
    pub flow: Flow,
}

impl References {
    /// The datapaths that have a load balancer with a VIP, well-formed or not. `vips` holds the entries
    /// of Load_Balancer.vips.
    ///
    /// Cost: a VIP costs nothing unless it is the first or last of its load balancer; the first load
    /// balancer with a VIP in a group costs the datapaths of the group.
    pub fn with_vip(&self, vips: &Relation<MapEntry>) -> Relation<Uuid> {
        let lbs = vips.map(|entry| entry.row).distinct().index_by(|lb| *lb);
        let groups = self.group_members.index_by(|link| link.member).semijoin(&lbs);
        let groups = groups.map(|link| link.owner).distinct();
        let direct = self.direct.index_by(|link| link.member).semijoin(&lbs);
        let grouped = self.grouped.index_by(|link| link.member).semijoin(&groups.index_by(|group| *group));
        direct.concat(&grouped).map(|link| link.owner).distinct()
    }

    /// The datapaths of every holder. `place` makes a place of a set of this type of datapath; `meters`
    /// are those of this type of datapath.
    pub fn attach(&self, meters: &Relation<PuntMeter>, place: fn(BalancedSet) -> On) -> Attachment {
        let direct = self
            .direct
            .map(|link| Referred { datapath: link.owner, holder: Holder::LoadBalancer(link.member) });
        let grouped =
            self.grouped.map(|link| Referred { datapath: link.owner, holder: Holder::Group(link.member) });
        let held_directly =
            self.direct.map(|link| Held { lb: link.member, holder: Holder::LoadBalancer(link.member) });
        let groups = self.grouped.map(|link| link.member).distinct();
        let held_by_group = self
            .group_members
            .index_by(|link| link.owner)
            .semijoin(&groups.index_by(|group| *group))
            .map(|link| Held { lb: link.member, holder: Holder::Group(link.owner) });
        let held = held_directly.distinct().concat(&held_by_group);

        let referred = direct.concat(&grouped);
        let variants = variants(&referred, meters);
        let any = referred.map(move |referred| SetMember {
            set: place(BalancedSet { holder: referred.holder, limit: Limit::Any }),
            datapath: referred.datapath,
        });
        let limited = variants
            .map(move |(variant, datapath)| SetMember { set: place(variant.set), datapath: *datapath });
        let variants = variants.map(|(variant, _)| variant.clone()).distinct();
        Attachment { held, referred, members: any.concat(&limited), variants, place }
    }
}

/// Each datapath of each holder, for each kind of packet with the meter that limits it.
fn variants(referred: &Relation<Referred>, meters: &Relation<PuntMeter>) -> Relation<(Variant, Uuid)> {
    let each = referred.flat_map(|referred| [Punt::Reject, Punt::Event].map(|punt| (*referred, punt)));
    each.index_by(|(referred, punt)| (referred.datapath, *punt)).join_optional(
        &meters.index_by(|meter| (meter.datapath, meter.punt)),
        |(referred, punt), meter| {
            let meter = meter.map(|meter| meter.meter.clone());
            let limit = match &meter {
                Some(name) => Limit::Metered(*punt, northflow_engine::key_hash(name)),
                None => Limit::Unmetered(*punt),
            };
            let set = BalancedSet { holder: referred.holder, limit };
            Some((Variant { set, punt: *punt, meter }, referred.datapath))
        },
    )
}

impl Attachment {
    /// The datapaths that have a load balancer which works on every chassis (Load_Balancer
    /// options:distributed), well-formed or not.
    ///
    /// Cost: such a load balancer costs the datapaths that have it.
    pub fn distributed(&self, lbs: &Relation<nb::LoadBalancer>) -> Relation<Uuid> {
        let lbs = lbs.filter(|lb| lb.options.get_bool("distributed", false)).map(|lb| lb.uuid);
        let holders = self.held.index_by(|held| held.lb).semijoin(&lbs.index_by(|lb| *lb));
        let holders = holders.map(|held| held.holder).distinct();
        let referred =
            self.referred.index_by(|referred| referred.holder).semijoin(&holders.index_by(|holder| *holder));
        referred.map(|referred| referred.datapath).distinct()
    }

    /// Puts flows of load balancers where these are.
    ///
    /// Cost: a flow costs itself once for each holder, and one that goes to controllers once for each
    /// meter besides; a holder that gets its first datapath costs the flows of its load balancers.
    pub fn place(&self, flows: &Relation<BalancerFlow>) -> Relation<Placed> {
        let held = self.held.index_by(|held| held.lb);
        let place = self.place;
        let quiet = flows.filter(|flow| flow.punt.is_none()).index_by(|flow| flow.lb).join(
            &held,
            move |flow, held| {
                let set = BalancedSet { holder: held.holder, limit: Limit::Any };
                Placed { on: place(set), flow: flow.flow.clone() }
            },
        );
        let punted = flows
            .filter(|flow| flow.punt.is_some())
            .index_by(|flow| flow.lb)
            .join(&held, |flow, held| (held.holder, flow.clone()));
        let punted = punted.index_by(|(holder, flow)| (*holder, flow.punt)).join(
            &self.variants.index_by(|variant| (variant.set.holder, Some(variant.punt))),
            move |(_, flow), variant| Placed {
                on: place(variant.set),
                flow: flow.flow.clone().meter(variant.meter.clone()),
            },
        );
        quiet.concat(&punted)
    }
}
