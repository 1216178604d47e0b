//! DHCP relay (G09, I26; ovn-nb(5), Logical_Router_Port `dhcp_relay` and Logical_Switch
//! other_config:dhcp_relay_port): requests of clients on a switch go to a server elsewhere, by the
//! router port behind the switch, whose address is the relay's.
//!
//! On the switch, a client's broadcast goes to the router alone. There a request is checked and sent
//! to the server; what the server answers is checked and goes back out of the port.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::register::{DHCP_RELAY_DESTINATION, DHCP_RELAY_REQUEST, DHCP_RELAY_RESPONSE};
use crate::flow::row::{Placed, place};
use crate::flow::{Flow, On, Stage};
use crate::lb::vip;
use crate::meter::copp::Punt;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::router::port::PortContext;
use crate::schema::nb;
use crate::switch::port::{Port, PortKind};
use crate::topology::peer::Peer;
use crate::topology::switch_port::PortConfig;
use crate::value::mac::Mac;

const SOURCE: &str = "service/dhcp_relay.rs";

/// A router port that relays, and the switch port before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Relay {
    router_port: PortContext,
    through: Port,
    switch: Uuid,
    server: Text,
}

/// A switch whose clients are relayed (other_config:dhcp_relay_port).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Relayed {
    switch: Uuid,
    /// The name of the switch port that leads to the relay.
    port: Text,
}

/// Where the clients of a switch send to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Target {
    switch: Uuid,
    through: Text,
    mac: Mac,
}

/// The flows of both sides. `routed` names the switches that have a router.
///
/// ```text
/// relay(r, s, server) :-  router port r with a relay, its peer is switch port s
/// flow(router of r)   :-  relay(r, s, server), r has an IPv4 address, the switch of s is relayed
/// flow(client)        :-  client on a relayed switch with a router, its dhcp_relay_port is s,
///                         relay(r, s, server)
/// ```
///
/// Cost: a client costs its own flow; a relay the clients of its switches.
pub fn flows(
    router_ports: &Relation<PortContext>,
    relays: &Relation<nb::DhcpRelay>,
    switches: &Relation<nb::LogicalSwitch>,
    switch_ports: &Relation<PortConfig>,
    routed: &Relation<Uuid>,
) -> Relation<Placed> {
    let servers = relays.flat_map(|row| {
        let server = vip::endpoint(row.servers.as_deref()?).ok()?;
        Some((row.uuid, server.ip))
    });
    let relays = router_ports
        .filter(|port| port.config.options.dhcp_relay.is_some())
        .index_by(|port| port.config.options.dhcp_relay)
        .join_flat(&servers.index_by(|(row, _)| Some(*row)), |port, (_, server)| {
            let Some(Peer::Switch { port: through, switch }) = &port.config.peer else { return None };
            let (router_port, through) = (port.clone(), through.clone());
            Some(Relay { router_port, through, switch: *switch, server: server.clone() })
        });
    let relayed = switches.flat_map(|row| {
        Some(Relayed { switch: row.uuid, port: row.other_config.get("dhcp_relay_port")?.clone() })
    });
    let on_routers = relays
        .index_by(|relay: &Relay| relay.switch)
        .semijoin(&relayed.index_by(|relayed| relayed.switch))
        .flat_map(|relay| {
            place(relay.router_port.config.router.row, router_side(&relay.router_port, &relay.server))
        });
    let targets = relayed
        .index_by(|relayed| relayed.switch)
        .semijoin(&routed.index_by(|switch| *switch))
        .index_by(|relayed: &Relayed| relayed.port.clone())
        .join(&relays.index_by(|relay| relay.through.name.clone()), |relayed, relay| Target {
            switch: relayed.switch,
            through: relay.through.name.clone(),
            mac: relay.router_port.mac(),
        });
    // What ovn-northd does for a port without addresses depends on what memory holds.
    let on_switches = switch_ports.index_by(PortConfig::switch).join_flat(
        &targets.index_by(|target| target.switch),
        |port, target| {
            let mac = port.addresses.first().filter(|_| port.kind == PortKind::Vif)?.mac;
            Some(Placed { on: On::Datapath(port.switch), flow: client(&port.port, mac, target) })
        },
    );
    on_routers.concat(&on_switches)
}

/// Servers that are no addresses.
///
/// Cost: a row costs itself.
pub fn problems(relays: &Relation<nb::DhcpRelay>) -> Relation<Problem> {
    relays.flat_map(|row| Some(Problem::new(vip::endpoint(row.servers.as_deref()?).err()??)))
}

/// A client's broadcast goes to the router.
fn client(port: &Port, mac: Mac, target: &Target) -> Flow {
    let matches = format!(
        "{} && eth.src == {mac} && ip4.src == 0.0.0.0 && ip4.dst == 255.255.255.255 && udp.src == 68 && \
         udp.dst == 67",
        port.is_inport()
    );
    let through = crate::flow::text::quote(&target.through);
    let actions = format!("eth.dst = {}; outport = {through}; next; /* DHCP_RELAY_REQ */", target.mac);
    port.own_flow(Stage::LsInL2Lkup, 100, matches, actions).written_in(SOURCE)
}

/// The relay itself. It has the first IPv4 address of the port.
fn router_side(port: &PortContext, server: &str) -> Vec<Flow> {
    let Some(relay) = port.config.addresses.given.ip4.first().map(|net| net.address) else {
        return Vec::new();
    };
    let (inport, name) = (port.is_inport(), port.config.port.quoted());
    let flow =
        |stage, priority, matches, actions| port.flow(stage, priority, matches, actions).written_in(SOURCE);

    let broadcast = format!("{inport} && ip4.src == 0.0.0.0 && ip4.dst == 255.255.255.255 && ");
    let request = "udp.src == 68 && udp.dst == 67";
    let check =
        format!("{DHCP_RELAY_REQUEST} = dhcp_relay_req_chk({relay}, {server});next; /* DHCP_RELAY_REQ */");
    let forward = format!("ip4.src = {relay}; ip4.dst = {server}; udp.src = 67; next; /* DHCP_RELAY_REQ */");

    let answer = format!("ip4.src == {server} && ip4.dst == {relay} && ");
    let checked = format!("ip4.src == {server} && {DHCP_RELAY_DESTINATION} == {relay} && ");
    let response = "udp.src == 67 && udp.dst == 67";
    let check_answer = format!(
        "{DHCP_RELAY_DESTINATION} = ip4.dst; {DHCP_RELAY_RESPONSE} = dhcp_relay_resp_chk({relay}, {server}); \
         next; /* DHCP_RELAY_RESP */"
    );
    let deliver = format!("ip4.src = {relay}; udp.dst = 68; outport = {name}; output; /* DHCP_RELAY_RESP */");
    let (good, bad) = (DHCP_RELAY_REQUEST, format!("{DHCP_RELAY_REQUEST} == 0"));
    let (valid, invalid) = (DHCP_RELAY_RESPONSE, format!("{DHCP_RELAY_RESPONSE} == 0"));
    use Stage::{LrInDhcpRelayReq, LrInDhcpRelayResp, LrInDhcpRelayRespChk, LrInIpInput};
    vec![
        flow(LrInIpInput, 110, format!("{broadcast}ip.frag == 0 && {request}"), check)
            .punts(Punt::Dhcpv4Relay),
        flow(LrInDhcpRelayReq, 100, format!("{broadcast}{request} && {good}"), forward),
        flow(
            LrInDhcpRelayReq,
            1,
            format!("{broadcast}{request} && {bad}"),
            "drop; /* DHCP_RELAY_REQ */".into(),
        ),
        flow(
            LrInIpInput,
            110,
            format!("{answer}ip.frag == 0 && {response}"),
            "next; /* DHCP_RELAY_RESP */".into(),
        ),
        flow(LrInDhcpRelayRespChk, 100, format!("{answer}{response}"), check_answer).punts(Punt::Dhcpv4Relay),
        flow(LrInDhcpRelayResp, 100, format!("{checked}{response} && {valid}"), deliver),
        flow(
            LrInDhcpRelayResp,
            1,
            format!("{checked}{response} && {invalid}"),
            "drop; /* DHCP_RELAY_RESP */".into(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::port::tests::port as plain;
    use crate::switch::port::tests::{lines, port as named};

    #[test]
    fn a_client_sends_to_the_router() {
        let target =
            Target { switch: Uuid(1), through: "s-r".into(), mac: Mac::parse("0a:00:00:00:01:01").unwrap() };
        let flow = client(&named("c"), Mac::parse("0a:00:00:00:00:01").unwrap(), &target);
        assert_eq!(
            lines(&[flow]),
            [
                "ls_in_l2_lkup 100 | inport == \"c\" && eth.src == 0a:00:00:00:00:01 && ip4.src == 0.0.0.0 && ip4.dst == 255.255.255.255 && udp.src == 68 && udp.dst == 67 | eth.dst = 0a:00:00:00:01:01; outport = \"s-r\"; next; /* DHCP_RELAY_REQ */ [port c] [hint]"
            ]
        );
    }

    #[test]
    fn a_relay_has_the_first_address_of_its_port() {
        assert!(router_side(&plain(&["fd00::1/64"]), "172.16.0.9").is_empty());
        let flows = lines(&router_side(&plain(&["10.0.0.1/24", "10.0.1.1/24"]), "172.16.0.9"));
        assert_eq!(flows.len(), 7);
        assert_eq!(
            flows[0],
            "lr_in_ip_input 110 | inport == \"p\" && ip4.src == 0.0.0.0 && ip4.dst == 255.255.255.255 && ip.frag == 0 && udp.src == 68 && udp.dst == 67 | reg9[7] = dhcp_relay_req_chk(10.0.0.1, 172.16.0.9);next; /* DHCP_RELAY_REQ */ [hint]"
        );
        assert_eq!(
            flows[5],
            "lr_in_dhcp_relay_resp 100 | ip4.src == 172.16.0.9 && reg2 == 10.0.0.1 && udp.src == 67 && udp.dst == 67 && reg9[8] | ip4.src = 10.0.0.1; udp.dst = 68; outport = \"p\"; output; /* DHCP_RELAY_RESP */ [hint]"
        );
    }
}
