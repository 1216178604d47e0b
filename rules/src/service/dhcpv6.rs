//! The DHCPv6 server (G08): chassis answer the clients behind a port out of its DHCP_Options row.

use std::net::Ipv6Addr;

use super::dhcp::{Client, Served};
use crate::flow::priority::ACL_BUILT_IN;
use crate::flow::register::{ACL_VERDICT_ALLOW, DHCP_RESULT};
use crate::flow::text::Mac;
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::schema::nb;
use crate::value::ip;

/// The flows of one client, and what is wrong with its options. Of the IPv6 addresses of a MAC
/// address the first in the row's network is offered.
///
/// Cost: a change of the row costs the ports that refer to it.
pub fn client(client: &Client, row: &nb::DhcpOptions) -> Served {
    let mut served = Served::default();
    let Ok((network, mask)) = ip::parse6_masked(&row.cidr) else { return served };
    let inside = |offer: &Ipv6Addr| (offer.to_bits() ^ network.to_bits()) & mask.to_bits() == 0;
    for address in &client.addresses {
        let Some(offer) = address.ips6().find(inside) else { continue };
        // The server is known by its MAC address; its IP address follows from that.
        let server = row.options.get("server_id").and_then(|id| Some((id, Mac::parse(id)?.link_local())));
        let Some((server_mac, server_ip)) = server else {
            served.complain(format!(
                "server_id not present in the DHCPv6 options for lport {}",
                client.port.quoted()
            ));
            continue;
        };
        let server_ip = ip::text6_unmapped(server_ip);
        let question = format!(
            "{} && eth.src == {} && ip6.mcast && ip6.dst == ff02::1:2 && udp.src == 546 && udp.dst == 547{}",
            client.entry.is_inport(),
            address.mac,
            client.residence()
        );
        let put = format!("{DHCP_RESULT} = put_dhcpv6_opts({}); next;", options(row, offer));
        let answered = format!("{question} && {DHCP_RESULT}");
        let answer = format!(
            "eth.dst = eth.src; eth.src = {server_mac}; ip6.dst = ip6.src; ip6.src = {server_ip}; \
             udp.src = 547; udp.dst = 546; outport = inport; flags.loopback = 1; output;"
        );
        let entry = &client.entry.name;
        let mut flows = vec![
            Flow::new(Stage::LsInDhcpOptions, 100, question, put)
                .io_port(entry.clone())
                .punts(Punt::Dhcpv6Options),
            Flow::new(Stage::LsInDhcpResponse, 100, answered, answer).io_port(entry.clone()),
        ];
        if client.is_local() {
            let matches = format!(
                "{} && eth.src == {server_mac} && ip6.src == {server_ip} && udp && udp.src == 547 \
                 && udp.dst == 546",
                client.port.is_outport()
            );
            let actions = format!("{ACL_VERDICT_ALLOW} = 1; next;");
            let allow = Flow::new(Stage::LsOutAclEval, ACL_BUILT_IN, matches, actions);
            flows.push(allow.io_port(client.port.name.clone()));
        }
        let ours = flows.into_iter().map(|flow| flow.hint(row.uuid).written_in("service/dhcpv6.rs"));
        served.flows.extend(ours);
    }
    served
}

/// The address, unless the server is stateless, and the options by name, values as they are given.
fn options(row: &nb::DhcpOptions, offer: Ipv6Addr) -> String {
    let stateless = row.options.get_bool("dhcpv6_stateless", false);
    let address = (!stateless).then(|| ("ia_addr", ip::text6_unmapped(offer)));
    let rest = row.options.iter().filter(|(name, _)| &***name != "dhcpv6_stateless");
    super::dhcp::listed(address.into_iter().chain(rest.map(|(name, value)| (&**name, value.to_string()))))
}

#[cfg(test)]
mod tests {
    use super::super::dhcp::tests::{client as of, row, said};
    use super::*;

    const ADDRESS: &str = "0a:00:00:00:00:01 10.0.0.4 fd00::4";

    #[test]
    fn the_address_is_offered_unless_the_server_is_stateless() {
        let options =
            [("server_id", "00:00:00:10:00:01"), ("dns_server", "fd00::1"), ("dhcpv6_stateless", "no")];
        let (lines, problem) = said(&client(&of(ADDRESS, None, None), &row("fd00::/64", &options)));
        assert_eq!(
            lines,
            [
                "ls_in_dhcp_options 100 | inport == \"p1\" && eth.src == 0a:00:00:00:00:01 && ip6.mcast && ip6.dst == ff02::1:2 && udp.src == 546 && udp.dst == 547 | reg0[3] = put_dhcpv6_opts(ia_addr = fd00::4, dns_server = fd00::1, server_id = 00:00:00:10:00:01); next; [port p1] [hint]",
                "ls_in_dhcp_response 100 | inport == \"p1\" && eth.src == 0a:00:00:00:00:01 && ip6.mcast && ip6.dst == ff02::1:2 && udp.src == 546 && udp.dst == 547 && reg0[3] | eth.dst = eth.src; eth.src = 00:00:00:10:00:01; ip6.dst = ip6.src; ip6.src = fe80::200:ff:fe10:1; udp.src = 547; udp.dst = 546; outport = inport; flags.loopback = 1; output; [port p1] [hint]",
                "ls_out_acl_eval 34000 | outport == \"p1\" && eth.src == 00:00:00:10:00:01 && ip6.src == fe80::200:ff:fe10:1 && udp && udp.src == 547 && udp.dst == 546 | reg8[16] = 1; next; [port p1] [hint]",
            ]
        );
        assert_eq!(problem, None);
        let options = [("server_id", "00:00:00:10:00:01"), ("dhcpv6_stateless", "TRUE")];
        let (lines, _) = said(&client(&of(ADDRESS, Some("ln"), None), &row("fd00::/64", &options)));
        assert!(lines[0].contains("put_dhcpv6_opts(server_id = 00:00:00:10:00:01); next;"));
        assert!(lines[1].contains(" && is_chassis_resident(\"p1\") && reg0[3] |"));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_server_without_a_mac_address_serves_nobody() {
        let problem = "server_id not present in the DHCPv6 options for lport \"p1\"".to_owned();
        for id in ["", "junk", "00:00:00:10:00:01 "] {
            let served = client(&of(ADDRESS, None, None), &row("fd00::/ffff::", &[("server_id", id)]));
            assert_eq!(said(&served), (Vec::new(), Some(problem.clone())));
        }
        assert_eq!(said(&client(&of(ADDRESS, None, None), &row("fd01::/64", &[]))), (Vec::new(), None));
    }
}
