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
use crate::global::single;
use crate::ovsdb::Uuid;
use crate::schema::{Link, MapEntry, nb};
use crate::topology::peer;

/// The northbound row by which a datapath has a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holder {
    /// The load balancer itself.
    LoadBalancer(Uuid),
    /// A group that it is in.
    Group(Uuid),
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

/// Where load balancers are, on the datapaths of one type.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The holders of each load balancer.
    pub held: Relation<Held>,
    /// The datapaths of each holder.
    pub referred: Relation<Referred>,
    /// The datapaths of all sets.
    pub members: Relation<SetMember>,
    place: fn(Holder) -> On,
}

/// A flow of a load balancer, before it is known where that is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BalancerFlow {
    /// The load balancer.
    pub lb: Uuid,
    /// The flow.
    pub flow: Flow,
}

impl References {
    /// The datapaths that name a load balancer which works on every chassis (Load_Balancer
    /// options:distributed), well-formed or not. One of a group does not count, as with ovn-northd.
    ///
    /// Cost: such a load balancer costs the datapaths that name it.
    pub fn distributed(&self, lbs: &Relation<nb::LoadBalancer>) -> Relation<Uuid> {
        let lbs = lbs.filter(|lb| lb.options.get_bool("distributed", false)).map(|lb| lb.uuid);
        let direct = self.direct.index_by(Link::member).semijoin(&lbs.index_by(|lb| *lb));
        direct.map(|link| link.owner).distinct()
    }

    /// The datapaths that have a load balancer with a VIP, well-formed or not. `vips` holds the entries
    /// of Load_Balancer.vips.
    ///
    /// Cost: a VIP costs nothing unless it is the first or last of its load balancer; the first load
    /// balancer with a VIP in a group costs the datapaths of the group.
    pub fn with_vip(&self, vips: &Relation<MapEntry>) -> Relation<Uuid> {
        let lbs = vips.map(|entry| entry.row).distinct().index_by(|lb| *lb);
        let groups = self.group_members.index_by(Link::member).semijoin(&lbs);
        let groups = groups.map(|link| link.owner).distinct();
        let direct = self.direct.index_by(Link::member).semijoin(&lbs);
        let grouped = self.grouped.index_by(Link::member).semijoin(&groups.index_by(|group| *group));
        direct.concat(&grouped).map(|link| link.owner).distinct()
    }

    /// These of switches, and where `inherits` says so (NB_Global options:install_ls_lb_from_router, one
    /// row) those of the routers that lead there.
    ///
    /// Cost: a reference of a router costs the switches that it leads to.
    pub fn inheriting(
        &self,
        routers: &References,
        attachments: &Relation<peer::Attachment>,
        inherits: &Relation<bool>,
    ) -> References {
        let leading = attachments.map(|attachment| (attachment.router, attachment.switch)).distinct();
        let leading = single(&leading).semijoin(&single(&inherits.filter(|inherits| *inherits)));
        let leading = leading.index_by(|(router, _): &(Uuid, Uuid)| *router);
        let with = |own: &Relation<Link>, links: &Relation<Link>| {
            let inherited = links
                .index_by(Link::owner)
                .join(&leading, |link, (_, switch)| Link { owner: *switch, member: link.member });
            own.concat(&inherited).distinct()
        };
        References {
            direct: with(&self.direct, &routers.direct),
            grouped: with(&self.grouped, &routers.grouped),
            group_members: self.group_members.clone(),
        }
    }

    /// The datapaths of every holder. `place` makes a place of a holder on this type of datapath.
    pub fn attach(&self, place: fn(Holder) -> On) -> Attachment {
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
            .index_by(Link::owner)
            .semijoin(&groups.index_by(|group| *group))
            .map(|link| Held { lb: link.member, holder: Holder::Group(link.owner) });
        let held = held_directly.distinct().concat(&held_by_group);

        let referred = direct.concat(&grouped);
        let members = referred
            .map(move |referred| SetMember { set: place(referred.holder), datapath: referred.datapath });
        Attachment { held, referred, members, place }
    }
}

impl Attachment {
    /// Puts flows of load balancers where these are.
    ///
    /// Cost: a flow costs itself once for each holder; a holder that gets its first datapath costs the
    /// flows of its load balancers.
    pub fn place(&self, flows: &Relation<BalancerFlow>) -> Relation<Placed> {
        let place = self.place;
        flows.index_by(|flow| flow.lb).join(&self.held.index_by(|held| held.lb), move |flow, held| Placed {
            on: place(held.holder),
            flow: flow.flow.clone(),
        })
    }
}
