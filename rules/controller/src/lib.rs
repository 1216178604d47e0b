//! Southbound rows to the OpenFlow rows of every chassis, as one incremental dataflow (ovn-controller(8),
//! ovn-architecture(7)).
//!
//! What all chassis have in common is done once: a logical flow is read, and its match and actions are
//! made OpenFlow for a datapath, whatever the number of chassis that have it. A chassis has the rows of its
//! [local datapaths](locality); only flows that ask what is on the chassis are worked out for each.
//!
//! [`program`] declares every input of [`INPUTS`] and [`LOCAL_INPUTS`], and these outputs:
//!
//! - [`FLOWS`]: [`row::Flow`], all that `ovs-ofctl dump-flows` shows;
//! - [`LOCAL_DATAPATHS`] and [`RELATED_PORTS`]: what a chassis has to do with;
//! - [`ZONES`]: the conntrack zones that it needs numbers for;
//! - [`BALANCED`]: connections that are to be forgotten when a backend goes;
//! - [`NEXT_HOPS`]: next hops whose connections are to be forgotten when they go;
//! - [`ACL_IDS`]: numbers of ACLs whose connections are to be forgotten when they go;
//! - [`PROBLEMS`]: logical flows that cannot be read.
//!
//! Numbers that each chassis gives out by itself are bound late, outside of the dataflow: the actions of a
//! flow carry the definitions of their groups and meters ([`row::Actions::bind`]), and zones come back in as
//! rows ([`local::Zone`]), so that a number that changes touches only rows that show it.
//!
//! A run computes the chassis of [`local::Chassis`], be it one or all.
#![deny(missing_docs)]

pub mod balanced;
mod balancer;
pub mod inputs;
pub mod local;
pub mod locality;
pub mod logical;
pub mod lookup;
pub mod next_hop;
pub mod physical;
pub mod row;
pub mod shared;
mod tables;
mod template;
pub mod zone;

use northflow_engine::Builder;

use crate::inputs::{Local, Southbound};

pub use tables::{
    ACL_IDS, BALANCED, FLOWS, INPUTS, LOCAL_DATAPATHS, LOCAL_INPUTS, NEXT_HOPS, PROBLEMS, RELATED_PORTS,
    ZONES,
};

/// Builds the whole program.
pub fn program(program: &Builder) {
    let sb = Southbound::new(program);
    let local = Local::new(program);
    let locality = locality::locality(&sb, &local);
    let (flows, problems) = logical::flows(program, &sb, &local, &locality);
    let physical = physical::flows(program, &sb, &local, &locality);
    let balancers = balancer::balancers(program, &sb, &locality);
    let looked_up = lookup::flows(program, &sb, &local, &locality, &balancers);
    program.output(FLOWS, &program.union(&[flows, physical, looked_up]));
    program.output(LOCAL_DATAPATHS, &locality.reach);
    program.output(RELATED_PORTS, &locality.related);
    program.output(ZONES, &zone::wanted(&sb, &locality));
    program.output(BALANCED, &balanced::balanced(program, &sb, &balancers));
    program.output(NEXT_HOPS, &next_hop::next_hops(&sb, &local, &locality));
    // Of no chassis in particular: an epoch that takes one away brings the flows without it.
    program.output(ACL_IDS, &sb.acl_id);
    program.output(PROBLEMS, &problems);
}
