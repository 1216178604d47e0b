//! Logical switches: which flows there are, and what each depends on.
//!
//! Every function here is pure. Fixed flows come with the class of switches that has them, from
//! [`fixed_flows`]; the others from one function a family, fed one port at a time.
//!
//! | family | stages and priorities | on | depends on |
//! |---|---|---|---|
//! | `admission::fixed` | check_port_sec 100, 105 | class All, VlanBlocked | drop sampling |
//! | `admission::port` | check_port_sec 70, 100; l2_unknown 50 | the port's switch | port: kind, enabled, queue id; drop sampling |
//! | `port_security::fixed` | check_port_sec 50; apply_port_sec 0, 50; out 0, 50, 100 | All | drop sampling |
//! | `port_security::queue` | out apply_port_sec 100, 110 | the port's switch | port: kind, enabled, queue id; the switch's first localnet port |
//! | `path_mtu::port` | check_port_sec 110 | the port's switch | port: kind, addresses |
//! | `path_mtu::router_port` | check_port_sec 120 | the port's switch | router port: MAC, gateway router or not |
//! | `fdb::fixed` | lookup_fdb, put_fdb 0, both pipelines | All | - |
//! | `fdb::port` | lookup_fdb, put_fdb 100 | the port's switch | port: kind, `unknown`, port security, two options |
//! | `l2_lookup::fixed` | l2_lkup 0, 70-72, 100, 110; l2_unknown 0, 25, 50 | All, LocalFdb, ArpToLayer2Only, UnknownFlooded, UnknownDropped, Multicast; of EVPN networks RemoteFdb, RemoteUnknownFlooded, RemoteUnknownDropped, LocalFdbFirst, RemoteFdbFirst | drop sampling |
//! | `l2_lookup::port` | l2_lkup 50 | the port's switch | port: kind, enabled, addresses, two options; `unknown` on the switch if it clones; drop sampling |
//! | `l2_lookup::router_port` | l2_lkup 50 | the port's switch | port: enabled, proxy MAC; router port: MAC, where it resides; drop sampling |
//! | `localnet::*` | check_port_sec 75; apply_port_sec 70, 75, 85 | the port's switch | a localnet or l2gateway port, and a gateway behind a router port |
//! | `conntrack_bypass::port` | pre_lb, pre_acl 110, both pipelines | the port's switch | port: kind (router: with peer); stateful ACL, VIP on the switch |
//! | `multicast::snoop::fixed` | l2_lkup 80, 85, 100 | Snooping, SnoopingUnmetered, Unregistered | drop sampling |
//! | `multicast::snoop::remote` | out pre_lb 120 | the port's switch | a remote port; the switch snoops and spans zones |
//! | `multicast::learned::flows` | l2_lkup 90 | one switch | a learned group; where all multicast goes on the switch |
//! | `forwarding_group::flows` | arp_rsp 50; l2_lkup 50 | the group's switches | the group |
//! | `external_port::drops` | external_port 100 | the port's switch | an external, a localnet and a router port: addresses |
//! | `vtep::fixed` | hairpin 1000; arp_rsp 65535 | WithVtep | - |
//! | `vtep::gateway` | hairpin 2000 | one switch | a vtep port and a distributed gateway port on it |
//! | `defaults::fixed` | every other stage: pass; conntrack entry; network functions | All | drop sampling |
//! | `service::arp_nd::port` | arp_rsp 50, 100 | the port's switch | port: kind, `unknown`, up, addresses, one option; switch: VLANs, proxy; ignore_lsp_down |
//! | `service::arp_nd::localnet` | arp_rsp 100 | the port's switch | a localnet port; the switch has no proxy |
//! | `service::virtual_port::port` | arp_rsp 100 | the port's switch | virtual port: IP; parent on the same switch |
//!
//! Addresses are those of the port's own column, then those given for `dynamic` or `router` in it.
//! A port of type router whose peer is a router port takes `path_mtu::router_port` and
//! `l2_lookup::router_port` in place of the two `port` functions of these files; without such a
//! peer it has no `conntrack_bypass`. The chassis-redirect port that a switch port may have
//! (`cr-` and its name) takes `admission::port` as a router port with the row of its parent, and
//! takes the parent's place in multicast groups; it has no other flow of its own.

pub mod admission;
pub mod class;
pub mod conntrack_bypass;
pub mod defaults;
pub mod evpn;
pub mod external_port;
pub mod facing;
pub mod fdb;
pub mod flood_group;
pub mod forwarding_group;
pub mod l2_lookup;
pub mod localnet;
pub mod lport_mirror;
pub mod mirror;
pub mod path_mtu;
pub mod placed;
pub mod port;
pub mod port_security;
pub mod protocol_redirect;
pub mod router_arp;
pub mod switch_link;
pub mod translated;
pub mod vtep;

use crate::flow::Flow;
use crate::flow::drop::DropConfig;
pub use class::SwitchSet;

/// Every flow that names no port and no other value of its switch, with the class that has it.
pub fn fixed_flows(drop: DropConfig) -> Vec<(SwitchSet, Flow)> {
    let parts = [
        admission::fixed(drop),
        port_security::fixed(drop),
        fdb::fixed(),
        l2_lookup::fixed(drop),
        vtep::fixed(),
        defaults::fixed(drop),
        crate::lb::switch::fixed(),
        crate::lb::stateless::fixed(),
        crate::service::dns::fixed(),
    ];
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
