//! Logical actions: what the `actions` of a Logical_Flow say (ovn-sb(5)).
//!
//! [`parse`] reads a text into typed actions and the prerequisites that they add to the match of the
//! flow; `Display` writes them in their canonical form; [`encode`] makes OpenFlow actions of them.
//! Each family of actions is a file that has all three.

mod check;
mod commit;
mod conntrack;
mod dhcp;
mod domain;
mod encode;
mod endpoint;
mod event;
mod fdb;
mod group;
mod load_balance;
mod log;
mod meter;
mod mov;
mod neighbor;
mod nested;
mod next;
mod opcode;
mod options;
mod parse;
mod plain;
mod port;
mod result;
mod router_advertisement;
mod sample;
mod select;

use std::fmt;

pub use check::CheckPacketLarger;
pub use commit::{CommitAffinity, CommitNextHop, Protocol};
pub use conntrack::{CommitZone, Conntrack, ConntrackNat, NatZone};
pub use dhcp::{DhcpRelay, PutDhcp, RelayCheck};
pub use encode::{Context, Environment, Features, encode};
pub use event::{Event, TriggerEvent};
pub use fdb::Fdb;
pub use group::{Group, GroupBucket, Meter, Selection};
pub use load_balance::{Backend, LoadBalance, LoadBalanceKind, SnatFlag};
pub use log::{Log, Severity, Verdict};
pub use meter::{SetMeter, SetQueue};
pub use mov::{FragmentMtu, Load, Move};
pub use neighbor::{Family, Neighbor, NeighborKind};
pub use nested::{Nested, NestedKind};
pub use next::Next;
pub use opcode::Opcode;
pub use options::{Catalog, OptionKind, OptionType, OptionValue};
pub use parse::{Catalogs, Parsed, Prerequisite, Scene, Scope, parse};
pub use plain::Plain;
pub use port::{BindVirtualPort, ForwardingGroup, HandleServiceCheck, Mirror};
pub use result::{ResultAction, ResultKind};
pub use router_advertisement::PutRouterAdvertisement;
pub use sample::{Point, Sample};
pub use select::{Bucket, Select};

pub use crate::reader::ParseError;
use crate::symbol::FieldRef;
use encode::Encoder;

/// A logical action.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is a family of actions, explained where it is declared")]
pub enum Action {
    Plain(Plain),
    Next(Next),
    Load(Load),
    FragmentMtu(FragmentMtu),
    Move(Move),
    /// `push(FIELD);`
    Push(FieldRef),
    /// `pop(FIELD);`
    Pop(FieldRef),
    Conntrack(Conntrack),
    LoadBalance(LoadBalance),
    Select(Select),
    ForwardingGroup(ForwardingGroup),
    Nested(Nested),
    Neighbor(Neighbor),
    Fdb(Fdb),
    Result(ResultAction),
    PutDhcp(PutDhcp),
    PutRouterAdvertisement(PutRouterAdvertisement),
    DhcpRelay(DhcpRelay),
    SetQueue(SetQueue),
    SetMeter(SetMeter),
    Log(Log),
    CheckPacketLarger(CheckPacketLarger),
    TriggerEvent(TriggerEvent),
    BindVirtualPort(BindVirtualPort),
    HandleServiceCheck(HandleServiceCheck),
    CommitNextHop(CommitNextHop),
    CommitAffinity(CommitAffinity),
    Sample(Sample),
    Mirror(Mirror),
}

impl Action {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Plain(action) => action.encode(encoder),
            Self::Next(action) => action.encode(encoder),
            Self::Load(action) => action.encode(encoder),
            Self::FragmentMtu(action) => action.encode(encoder),
            Self::Move(action) => action.encode(encoder),
            Self::Push(field) => encoder.push(crate::openflow::Action::Push(field.resolve())),
            Self::Pop(field) => encoder.push(crate::openflow::Action::Pop(field.resolve())),
            Self::Conntrack(action) => action.encode(encoder),
            Self::LoadBalance(action) => action.encode(encoder),
            Self::Select(action) => action.encode(encoder),
            Self::ForwardingGroup(action) => action.encode(encoder),
            Self::Nested(action) => action.encode(encoder),
            Self::Neighbor(action) => action.encode(encoder),
            Self::Fdb(action) => action.encode(encoder),
            Self::Result(action) => action.encode(encoder),
            Self::PutDhcp(action) => action.encode(encoder),
            Self::PutRouterAdvertisement(action) => action.encode(encoder),
            Self::DhcpRelay(action) => action.encode(encoder),
            Self::SetQueue(action) => action.encode(encoder),
            Self::SetMeter(action) => action.encode(encoder),
            Self::Log(action) => action.encode(encoder),
            Self::CheckPacketLarger(action) => action.encode(encoder),
            Self::TriggerEvent(action) => action.encode(encoder),
            Self::BindVirtualPort(action) => action.encode(encoder),
            Self::HandleServiceCheck(action) => action.encode(encoder),
            Self::CommitNextHop(action) => action.encode(encoder),
            Self::CommitAffinity(action) => action.encode(encoder),
            Self::Sample(action) => action.encode(encoder),
            Self::Mirror(action) => action.encode(encoder),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(action) => action.fmt(f),
            Self::Next(action) => action.fmt(f),
            Self::Load(action) => action.fmt(f),
            Self::FragmentMtu(action) => action.fmt(f),
            Self::Move(action) => action.fmt(f),
            Self::Push(field) => write!(f, "push({field});"),
            Self::Pop(field) => write!(f, "pop({field});"),
            Self::Conntrack(action) => action.fmt(f),
            Self::LoadBalance(action) => action.fmt(f),
            Self::Select(action) => action.fmt(f),
            Self::ForwardingGroup(action) => action.fmt(f),
            Self::Nested(action) => action.fmt(f),
            Self::Neighbor(action) => action.fmt(f),
            Self::Fdb(action) => action.fmt(f),
            Self::Result(action) => action.fmt(f),
            Self::PutDhcp(action) => action.fmt(f),
            Self::PutRouterAdvertisement(action) => action.fmt(f),
            Self::DhcpRelay(action) => action.fmt(f),
            Self::SetQueue(action) => action.fmt(f),
            Self::SetMeter(action) => action.fmt(f),
            Self::Log(action) => action.fmt(f),
            Self::CheckPacketLarger(action) => action.fmt(f),
            Self::TriggerEvent(action) => action.fmt(f),
            Self::BindVirtualPort(action) => action.fmt(f),
            Self::HandleServiceCheck(action) => action.fmt(f),
            Self::CommitNextHop(action) => action.fmt(f),
            Self::CommitAffinity(action) => action.fmt(f),
            Self::Sample(action) => action.fmt(f),
            Self::Mirror(action) => action.fmt(f),
        }
    }
}

/// Actions, written one after the other; none at all is `drop;`.
#[derive(Debug, Clone, Copy)]
pub struct List<'a>(pub &'a [Action]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else { return f.write_str("drop;") };
        write!(f, "{first}")?;
        rest.iter().try_for_each(|action| write!(f, " {action}"))
    }
}
