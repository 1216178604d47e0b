//! The DHCPv4 server (G07): chassis answer the clients behind a port out of its DHCP_Options row.

use std::net::Ipv4Addr;

use super::dhcp::{Client, Served};
use crate::flow::priority::ACL_BUILT_IN;
use crate::flow::register::{ACL_VERDICT_ALLOW, DHCP_RESULT};
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::schema::{Map, nb};
use crate::value::addresses::Addresses;
use crate::value::ip;

/// The flows of one client, and what is wrong with its options. Of the IPv4 addresses of a MAC
/// address the first in the row's network is offered.
///
/// Cost: a change of the row costs the ports that refer to it.
pub fn client(client: &Client, row: &nb::DhcpOptions) -> Served {
    let mut served = Served::default();
    let Ok((network, mask)) = ip::parse4_masked(&row.cidr) else { return served };
    let inside = |offer: &Ipv4Addr| (offer.to_bits() ^ network.to_bits()) & mask.to_bits() == 0;
    for address in &client.addresses {
        let Some(offer) = address.ips4().find(inside) else { continue };
        let Some(server) = Server::read(&row.options) else {
            served.complain(format!(
                "Required DHCPv4 options not defined for lport - {}",
                client.port.quoted()
            ));
            continue;
        };
        let offer = Offer { address, ip: offer, mask };
        let flows = offer.flows(client, &server, row);
        served.flows.extend(flows.map(|flow| flow.hint(row.uuid).written_in("service/dhcpv4.rs")));
        if client.is_local() {
            let allow = server.allow(client);
            served.flows.push(allow.hint(row.uuid).written_in("service/dhcpv4.rs"));
        }
    }
    served
}

/// Who answers: options that have to be there, as they are given.
struct Server<'a> {
    ip: &'a str,
    mac: &'a str,
}

impl Server<'_> {
    fn read(options: &Map) -> Option<Server<'_>> {
        let ip = options.get("server_id")?;
        let mac = options.get("server_mac")?;
        options.get("lease_time")?;
        Some(Server { ip, mac })
    }

    /// Lets answers reach the port whatever its ACLs say.
    fn allow(&self, client: &Client) -> Flow {
        let matches = format!(
            "{} && eth.src == {} && ip4.src == {} && udp && udp.src == 67 && udp.dst == 68",
            client.port.is_outport(),
            self.mac,
            self.ip
        );
        let actions = format!("{ACL_VERDICT_ALLOW} = 1; next;");
        Flow::new(Stage::LsOutAclEval, ACL_BUILT_IN, matches, actions).io_port(client.port.name.clone())
    }
}

/// What a client is offered.
struct Offer<'a> {
    address: &'a Addresses,
    ip: Ipv4Addr,
    mask: Ipv4Addr,
}

impl Offer<'_> {
    /// The question, whether it discovers the server or renews a lease, and the answer.
    fn flows(&self, client: &Client, server: &Server<'_>, row: &nb::DhcpOptions) -> [Flow; 2] {
        let Offer { address, ip, .. } = self;
        let from = format!("{} && eth.src == {}", client.entry.is_inport(), address.mac);
        let here = client.residence();
        let question = format!(
            "{from} && (ip4.src == {{{ip}, 0.0.0.0}} && ip4.dst == {{{}, 255.255.255.255}}) \
             && udp.src == 68 && udp.dst == 67{here}",
            server.ip
        );
        let put = format!(
            "{DHCP_RESULT} = put_dhcp_opts(offerip = {ip}, {}); next;",
            self.options(client, &row.options)
        );
        let answered = format!("{from} && ip4 && udp.src == 68 && udp.dst == 67 && {DHCP_RESULT}{here}");
        let answer = format!(
            "eth.dst = eth.src; eth.src = {}; ip4.src = {}; udp.src = 67; udp.dst = 68; \
             outport = inport; flags.loopback = 1; output;",
            server.mac, server.ip
        );
        let entry = &client.entry.name;
        [
            Flow::new(Stage::LsInDhcpOptions, 100, question, put)
                .io_port(entry.clone())
                .punts(Punt::Dhcpv4Options),
            Flow::new(Stage::LsInDhcpResponse, 100, answered, answer).io_port(entry.clone()),
        ]
    }

    /// The options by name, values as they are given: those of the row but for the server's MAC
    /// address, the mask of the network, and the port's host name before that of the row.
    fn options(&self, client: &Client, row: &Map) -> String {
        let given = row.iter().filter(|(name, _)| &***name != "server_mac");
        let mut options: Vec<(&str, String)> = vec![("netmask", self.mask.to_string())];
        options.extend(given.map(|(name, value)| (&**name, value.to_string())));
        if let Some(hostname) = &client.hostname {
            options.retain(|(name, _)| *name != "hostname");
            options.push(("hostname", hostname.to_string()));
            // A mask that the row names stands beside ours. Which is first depends on whether the
            // reference's hash table grew when the host name came.
            let count = options.len();
            if !row.contains("hostname") && count.is_power_of_two() && count >= 8 {
                options.reverse();
            }
        }
        options.sort_by_key(|(name, _)| *name);
        super::dhcp::listed(options)
    }
}

#[cfg(test)]
mod tests {
    use super::super::dhcp::tests::{client as of, row, said};
    use super::*;

    const ADDRESS: &str = "0a:00:00:00:00:01 10.9.0.4 10.0.0.4 10.0.0.5";
    const OPTIONS: [(&str, &str); 5] = [
        ("server_id", "10.0.0.1"),
        ("server_mac", "0A:00:00:00:ff:01"),
        ("router", "10.0.0.1"),
        ("lease_time", "3600"),
        ("hostname", "\"a\\b\""),
    ];

    #[test]
    fn the_first_address_in_the_network_is_offered() {
        let (lines, problem) = said(&client(&of(ADDRESS, None, None), &row("10.0.0.0/24", &OPTIONS)));
        assert_eq!(
            lines,
            [
                "ls_in_dhcp_options 100 | inport == \"p1\" && eth.src == 0a:00:00:00:00:01 && (ip4.src == {10.0.0.4, 0.0.0.0} && ip4.dst == {10.0.0.1, 255.255.255.255}) && udp.src == 68 && udp.dst == 67 | reg0[3] = put_dhcp_opts(offerip = 10.0.0.4, hostname = \"a\\b\", lease_time = 3600, netmask = 255.255.255.0, router = 10.0.0.1, server_id = 10.0.0.1); next; [port p1] [hint]",
                "ls_in_dhcp_response 100 | inport == \"p1\" && eth.src == 0a:00:00:00:00:01 && ip4 && udp.src == 68 && udp.dst == 67 && reg0[3] | eth.dst = eth.src; eth.src = 0A:00:00:00:ff:01; ip4.src = 10.0.0.1; udp.src = 67; udp.dst = 68; outport = inport; flags.loopback = 1; output; [port p1] [hint]",
                "ls_out_acl_eval 34000 | outport == \"p1\" && eth.src == 0A:00:00:00:ff:01 && ip4.src == 10.0.0.1 && udp && udp.src == 67 && udp.dst == 68 | reg8[16] = 1; next; [port p1] [hint]",
            ]
        );
        assert_eq!(problem, None);
    }

    #[test]
    fn an_external_port_asks_through_a_localnet_port() {
        let served = client(&of(ADDRESS, Some("ln"), Some("h")), &row("10.0.0.0/24", &OPTIONS));
        let (lines, _) = said(&served);
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].contains("| inport == \"ln\" &&")
                && lines[0].contains(" && is_chassis_resident(\"p1\") | ")
        );
        assert!(lines[0].contains("hostname = h,"));
        assert!(lines[1].contains(" && reg0[3] && is_chassis_resident(\"p1\") | "));
    }

    #[test]
    fn addresses_elsewhere_and_rows_without_server_get_nothing() {
        let none = (Vec::new(), None);
        for cidr in ["10.1.0.0/24", "", "10.0.0.0/33", "10.0.0.0/24 ", "fd00::/64"] {
            assert_eq!(said(&client(&of(ADDRESS, None, None), &row(cidr, &OPTIONS))), none, "{cidr}");
        }
        let problem = "Required DHCPv4 options not defined for lport - \"p1\"".to_owned();
        let poor = client(&of(ADDRESS, None, None), &row("10.0.0.4", &OPTIONS[..3]));
        assert_eq!(said(&poor), (Vec::new(), Some(problem)));
        let holes = client(&of(ADDRESS, None, None), &row("10.9.0.0/255.0.255.0", &OPTIONS));
        assert!(
            said(&holes).0[0].contains(
                "offerip = 10.9.0.4, hostname = \"a\\b\", lease_time = 3600, netmask = 255.0.255.0,"
            )
        );
    }
}
