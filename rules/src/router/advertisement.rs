//! Router advertisements that hosts ask for, and answers of servers that delegate prefixes (I10;
//! ovn-nb(5), Logical_Router_Port `ipv6_ra_configs` and options:prefix_delegation).

use super::RouterSet;
use super::meters::Protocol;
use super::port::PortContext;
use crate::flow::priority::DEFAULT;
use crate::flow::register::ND_RA_OPTIONS;
use crate::flow::{Flow, Stage};
use crate::problem::Problem;
use crate::schema::Map;
use crate::topology::peer::Peer;
use crate::value::ip::{text6, text6_unmapped};

/// How hosts get their addresses (`ipv6_ra_configs:address_mode`).
const MODES: [&str; 3] = ["slaac", "dhcpv6_stateful", "dhcpv6_stateless"];
/// The least MTU of a link that carries IPv6 (RFC 8200 section 5).
const LEAST_MTU: i32 = 1280;

/// The flows that every router has: nothing is advertised.
pub fn fixed() -> Vec<(RouterSet, Flow)> {
    [Stage::LrInNdRaOptions, Stage::LrInNdRaResponse]
        .map(|stage| (RouterSet::All, Flow::new(stage, DEFAULT, "1", "next;")))
        .into()
}

/// The flows of one port: an advertisement is put together from the port's configuration and its
/// prefixes, and sent to who asked for it. Ports that lead to no switch, and those without a prefix
/// beside the link-local one, advertise nothing.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    let mut flows = delegated(port);
    let Some(Peer::Switch { .. }) = port.config.peer else { return flows };
    let configs = &port.config.options.ipv6_ra_configs;
    let Some(mode) = configs.get("address_mode").filter(|mode| MODES.contains(&&***mode)) else {
        return flows;
    };
    let prefixes: Vec<String> = port
        .config
        .addresses
        .ip6()
        .filter(|net| !is_link_local(net.network()))
        .map(|net| format!(", prefix = {}/{}", text6(net.network()), net.length))
        .collect();
    if prefixes.is_empty() {
        return flows;
    }
    let (inport, mac) = (port.is_inport(), port.mac());
    let options = format!(
        "{ND_RA_OPTIONS} = put_nd_ra_opts(addr_mode = \"{mode}\", slla = {mac}{}{}); next;",
        said(configs),
        prefixes.concat()
    );
    let asked = format!("{inport} && ip6.dst == ff02::2 && nd_rs");
    flows.push(
        port.flow(Stage::LrInNdRaOptions, 50, asked, options).meter(port.meters.of(Protocol::NdRaOpts)),
    );
    let made = format!("{inport} && ip6.dst == ff02::2 && nd_ra && {ND_RA_OPTIONS}");
    let send = format!(
        "eth.dst = eth.src; eth.src = {mac}; ip6.dst = ip6.src; ip6.src = {}; outport = inport; \
         flags.loopback = 1; output;",
        text6_unmapped(mac.link_local())
    );
    flows.push(port.flow(Stage::LrInNdRaResponse, 50, made, send));
    flows
}

/// What the configuration adds to an advertisement, as written.
fn said(configs: &Map) -> String {
    let mut said = String::new();
    if let Some(mtu) = configs.get("mtu").map(|text| leading_number(text)).filter(|mtu| *mtu >= LEAST_MTU) {
        said += &format!(", mtu = {mtu}");
    }
    if let Some(preference) = configs.get("router_preference").filter(|text| &***text != "MEDIUM") {
        said += &format!(", router_preference = \"{preference}\"");
    }
    if let Some(servers) = configs.get("rdnss") {
        said += &format!(", rdnss = {servers}");
    }
    for key in ["dnssl", "route_info"] {
        if let Some(value) = configs.get(key) {
            said += &format!(", {key} = \"{value}\"");
        }
    }
    said
}

/// What the reference says of a port whose mode is none of those known.
pub fn problem(port: &PortContext) -> Option<Problem> {
    let mode = port.config.options.ipv6_ra_configs.get("address_mode")?;
    let asked = matches!(port.config.peer, Some(Peer::Switch { .. }));
    (asked && !MODES.contains(&&**mode))
        .then(|| Problem::new(format!("Invalid address mode [{mode}] defined")))
}

/// A server that delegates prefixes answers to an address of the port (RFC 8415 section 18.2.10).
fn delegated(port: &PortContext) -> Vec<Flow> {
    if !port.config.options.prefix_delegation {
        return Vec::new();
    }
    let answers = port.ip6().into_iter().map(|address| {
        let matches = format!("ip6.dst == {address} && udp.src == 547 && udp.dst == 546");
        Flow::new(Stage::LrInIpInput, 100, matches, "reg0 = 0; handle_dhcpv6_reply;")
            .written_in("router/advertisement.rs")
    });
    answers.collect()
}

/// The decimal number at the front of `text`, as atoi(3) reads it; 0 if there is none.
fn leading_number(text: &str) -> i32 {
    let text = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    let number =
        digits.fold(0i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    // Only the low 32 bits are kept, as a C compiler does.
    (sign * number) as i32
}

fn is_link_local(network: std::net::Ipv6Addr) -> bool {
    network.segments()[0] & 0xffc0 == 0xfe80
}
