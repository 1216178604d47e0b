//! What a router does with IP packets before it routes them: sanity, and answers in its own name
//! (I04, I06, I07, I08).

use super::RouterSet;
use super::meters::Protocol;
use super::port::{PortContext, any_of, braces};
use crate::flow::drop::DropConfig;
use crate::flow::priority::DEFAULT;
use crate::flow::register::EGRESS_LOOPBACK;
use crate::flow::{Flow, Stage};
use crate::value::ip::text6;

const STAGE: Stage = Stage::LrInIpInput;
/// Sources and destinations that no packet on a wire has.
const MARTIANS: &str = "ip4.src_mcast ||ip4.src == 255.255.255.255 || ip4.src == 127.0.0.0/8 || \
                        ip4.dst == 127.0.0.0/8 || ip4.src == 0.0.0.0/8 || ip4.dst == 0.0.0.0/8";
/// A packet that would have to be sent on with no time left to live.
const EXPIRED: &str = "ip.ttl == {0, 1} && !ip.later_frag";

/// The flows of every router, by what it does with multicast.
///
/// ARP and neighbour discovery that no flow answers ends here; router discovery goes on. Multicast
/// goes on where it is relayed. Nobody is told of multicast that has no time left to live, for it is
/// meant to stay on its link.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(RouterSet, Flow)> {
    let flow = |priority, matches: &str| Flow::new(STAGE, priority, matches, drop.explicit());
    let next = |priority, matches: &str| Flow::new(STAGE, priority, matches, "next;");
    let expired_multicast = format!("{EXPIRED} && (ip4.mcast || ip6.mcast)");
    let all = [
        flow(100, MARTIANS),
        flow(85, "arp || nd"),
        next(84, "nd_rs || nd_ra"),
        flow(83, "ip6.mcast_rsvd"),
        flow(50, "eth.bcast"),
        flow(32, &expired_multicast),
        flow(29, "ip.ttl == {0, 1}"),
        next(DEFAULT, "1"),
    ];
    let mut flows: Vec<(RouterSet, Flow)> = all.map(|flow| (RouterSet::All, flow)).into();
    let multicast = "ip4.mcast || ip6.mcast";
    flows.push((RouterSet::Relaying(false), flow(82, multicast)));
    flows.push((RouterSet::Relaying(true), next(82, multicast)));
    flows.push((RouterSet::Flooding, next(120, "igmp && ip.ttl == 1")));
    flows.push((RouterSet::Flooding, next(120, "(mldv1 || mldv2) && ip.ttl == 1")));
    flows
}

/// The flows of one port for what it receives: forged senders, echo requests, expired packets, and
/// services that the router does not have.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    let mut flows = Vec::new();
    let (ip4, ip6) = (port.ip4(), port.ip6());
    if !ip4.is_empty() {
        flows.push(port.flow(STAGE, 100, forged(port), port.config.drop.explicit()));
        let echo = format!("ip4.dst == {} && icmp4.type == 8 && icmp4.code == 0", any_of(&ip4));
        let reply = "ip4.dst <-> ip4.src; ip.ttl = 255; icmp4.type = 0; flags.loopback = 1; next; ";
        flows.push(port.flow(STAGE, 90, echo, reply));
    }
    let echo = format!("ip6.dst == {} && icmp6.type == 128 && icmp6.code == 0", any_of(&ip6));
    let reply = "ip6.dst <-> ip6.src; ip.ttl = 255; icmp6.type = 129; flags.loopback = 1; next; ";
    flows.push(port.flow(STAGE, 90, echo, reply));
    flows.extend(expired4(port));
    flows.extend(expired6(port));
    if port.answers_unreachable() {
        flows.extend(ip4.iter().flat_map(|ip| unreachable(port, &IP4, ip)));
        flows.extend(ip6.iter().flat_map(|ip| unreachable(port, &IP6, ip)));
    }
    flows
}

/// Senders that claim an address of the port, or a broadcast address of its networks.
fn forged(port: &PortContext) -> String {
    let nets = port.config.addresses.given.ip4.iter();
    let sources: Vec<String> =
        nets.flat_map(|net| [net.address, net.broadcast()]).map(|address| address.to_string()).collect();
    format!("ip4.src == {} && {EGRESS_LOOPBACK} == 0", braces(&sources))
}

/// Senders of IPv4 packets with no time left to live are told so: by the address in the sender's
/// network or else by the first one. A gateway port does not know where the sender's network is,
/// and answers in the name of the destination.
fn expired4(port: &PortContext) -> Vec<Flow> {
    let nets = &port.config.addresses.given.ip4;
    let Some(first) = nets.first() else { return Vec::new() };
    let (inport, name) = (port.is_inport(), port.config.port.quoted());
    let meter = port.meters.of(Protocol::Icmp4Error);
    let told = |priority, source: String, sender: String| {
        let actions = format!(
            "icmp4 {{eth.dst <-> eth.src; icmp4.type = 11; /* Time exceeded */ \
             icmp4.code = 0; /* TTL exceeded in transit */ {source}; ip.ttl = 254; \
             outport = {name}; flags.loopback = 1; output; }};"
        );
        let matches = format!("{inport} && ip4 && {sender}{EXPIRED}");
        port.flow(STAGE, priority, matches, actions).meter(meter.clone())
    };
    let by = |address| format!("ip4.dst = ip4.src; ip4.src = {address}");
    let mut flows: Vec<Flow> = nets
        .iter()
        .map(|net| {
            let source = match port.config.redirect {
                Some(_) => "ip4.dst <-> ip4.src ".into(),
                None => by(net.address) + " ",
            };
            told(31, source, format!("ip4.src == {}/{} && ", net.network(), net.length))
        })
        .collect();
    flows.push(told(30, by(first.address), String::new()));
    flows
}

/// The same for IPv6; there is no flow for the link-local network.
fn expired6(port: &PortContext) -> Vec<Flow> {
    let addresses = &port.config.addresses;
    let (inport, name) = (port.is_inport(), port.config.port.quoted());
    let meter = port.meters.of(Protocol::Icmp6Error);
    let told = |priority, answer: String, sender: String| {
        let actions = format!(
            "icmp6 {{eth.dst <-> eth.src; {answer} \
             icmp6.type = 3; /* Time exceeded */ icmp6.code = 0; /* TTL exceeded in transit */ \
             outport = {name}; flags.loopback = 1; output; }};"
        );
        let matches = format!("{inport} && ip6 && {sender}{EXPIRED}");
        port.flow(STAGE, priority, matches, actions).meter(meter.clone())
    };
    let mut flows: Vec<Flow> = addresses
        .given
        .ip6
        .iter()
        .map(|net| {
            let source = match port.config.redirect {
                Some(_) => "ip6.dst <-> ip6.src".into(),
                None => format!("ip6.dst = ip6.src; ip6.src = {}", text6(net.address)),
            };
            let sender = format!("ip6.src == {}/{} && ", text6(net.network()), net.length);
            told(31, format!("{source} ; ip.ttl = 254;"), sender)
        })
        .collect();
    let first = addresses.ip6().next().map(|net| text6(net.address)).unwrap_or_default();
    flows.push(told(30, format!("ip6.dst = ip6.src; ip6.src = {first}; ip.ttl = 254;"), String::new()));
    flows
}

/// How a family of addresses says that something cannot be reached.
struct Family {
    ip: &'static str,
    icmp: &'static str,
    meter: Protocol,
    icmp_type: u8,
    no_port: u8,
    no_protocol: u8,
}

const IP4: Family = Family {
    ip: "ip4",
    icmp: "icmp4",
    meter: Protocol::Icmp4Error,
    icmp_type: 3,
    no_port: 3,
    no_protocol: 2,
};
const IP6: Family = Family {
    ip: "ip6",
    icmp: "icmp6",
    meter: Protocol::Icmp6Error,
    icmp_type: 1,
    no_port: 4,
    no_protocol: 3,
};

/// Who talks to a service of the router itself is told that there is none.
fn unreachable(port: &PortContext, family: &Family, address: &str) -> Vec<Flow> {
    let Family { ip, icmp, icmp_type, .. } = family;
    let turn = format!("eth.dst <-> eth.src; {ip}.dst <-> {ip}.src; ");
    let error = |code: u8| {
        format!("{icmp} {{{turn}ip.ttl = 255; {icmp}.type = {icmp_type}; {icmp}.code = {code}; next; }};")
    };
    let flow = |priority, protocol: &str, actions: String, meter| {
        let matches = format!("{ip} && {ip}.dst == {address} && !ip.later_frag{protocol}");
        port.flow(STAGE, priority, matches, actions).meter(port.meters.of(meter))
    };
    vec![
        flow(80, " && udp", error(family.no_port), family.meter),
        flow(80, " && tcp", format!("tcp_reset {{{turn}next; }};"), Protocol::TcpReset),
        flow(80, " && sctp", format!("sctp_abort {{{turn}next; }};"), Protocol::TcpReset),
        flow(70, "", error(family.no_protocol), family.meter),
    ]
}
