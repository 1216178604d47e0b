//! Rows between the logical network and ports of the switch: where packets come in, how they reach other
//! chassis, and where they go out (ovn-architecture(7), "Architectural Physical Life Cycle of a Packet").
//!
//! All that is behind a row is shared by chassis as far as it can be: a port is read once, what tunnels lead
//! to a chassis is worked out once for each two chassis. The rows themselves show numbers that each chassis
//! gives by itself, of ports, tunnels and zones.

pub(crate) mod build;
mod constant;
mod gateway;
mod interconnect;
mod migration;
mod multicast;
mod network;
mod network_function;
mod peer;
mod port;
mod remote;
mod seat;
mod setting;
mod site;
mod tunnel;
mod zone_lookup;

use northflow_engine::{Builder, Relation};

use crate::inputs::{Local, Southbound};
use crate::locality::Locality;
use crate::row::Flow;

/// The rows.
///
/// Cost: a port costs its rows on the chassis that have its datapath, a few on its own and one or two on the
/// others; a chassis that gains a datapath gets the rows of that; a tunnel costs the rows that use it.
pub fn flows(program: &Builder, sb: &Southbound, local: &Local, locality: &Locality) -> Relation<Flow> {
    let settings = setting::settings(sb, local);
    let zones = site::zones(local);
    let ports = port::ports(sb);
    let all_ways = tunnel::ways(sb, local);
    let ways = all_ways.index_by(|ways| (ways.chassis, ways.remote));
    let sites = site::sites(sb, local, locality, &ports, &settings, &zones);
    let seats = seat::seats(local, &ports, &sites, &zones);
    let bundles = gateway::bundles(sb);
    let stands = gateway::stands(sb, local, &ports, &bundles);
    let pairs = peer::pairs(&ports);
    let remote = remote::Inputs {
        ports: &ports,
        seats: &seats,
        sites: &sites,
        ways: &ways,
        bundles: &bundles,
        stands: &stands,
    };
    program.union(&[
        constant::flows(local, &settings),
        tunnel::flows(local, &ports),
        seat::flows(&ports, &seats),
        remote::flows(remote),
        gateway::flows(&ports, &sites, &zones, &stands),
        peer::flows(&pairs, &sites, &zones),
        multicast::flows(sb, &ports, &seats, &sites, &ways, &zones, &stands),
        zone_lookup::flows(&ports, &sites, &zones),
        network::flows(sb, local, locality, &ports, &seats, &pairs),
        interconnect::flows(sb, &all_ways),
        migration::flows(sb, local, &ports, &seats, &sites, &ways),
        network_function::flows(&ports, &seats, &all_ways, &zones),
    ])
}
