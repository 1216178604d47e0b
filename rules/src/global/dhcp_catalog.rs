//! The DHCP options that chassis can send, by the names that flows call them.
//!
//! Codes are those that IANA lists for DHCPv4 (RFC 2132) and DHCPv6 (RFC 8415), except where a note
//! says otherwise. The type tells a chassis how to put the value on the wire.

use northflow_engine::Relation;

use crate::schema::nb::NbGlobal;
use crate::schema::sb::{DhcpOptions, Dhcpv6Options};
use crate::schema::{Table, key_uuid};

/// One option: its name, its code on the wire, and how its value is written (ovn-sb(5), `type` of
/// DHCP_Options and DHCPv6_Options).
pub type DhcpOption = (&'static str, u8, &'static str);

/// The DHCPv4 options, by code.
///
/// Three of them are no options on the wire: `offerip` and `next_server` fill fields of the DHCP
/// header, and `bootfile_name_alt` takes the place of `bootfile_name` for clients other than iPXE.
pub const IPV4: &[DhcpOption] = &[
    ("offerip", 0, "ipv4"),
    ("netmask", 1, "ipv4"),
    ("router", 3, "ipv4"),
    ("dns_server", 6, "ipv4"),
    ("log_server", 7, "ipv4"),
    ("lpr_server", 9, "ipv4"),
    ("hostname", 12, "str"),
    ("domain_name", 15, "str"),
    ("swap_server", 16, "ipv4"),
    ("ip_forward_enable", 19, "bool"),
    ("policy_filter", 21, "ipv4"),
    ("default_ttl", 23, "uint8"),
    ("mtu", 26, "uint16"),
    ("broadcast_address", 28, "ipv4"),
    ("router_discovery", 31, "bool"),
    ("router_solicitation", 32, "ipv4"),
    ("arp_cache_timeout", 35, "uint32"),
    ("ethernet_encap", 36, "bool"),
    ("tcp_ttl", 37, "uint8"),
    ("tcp_keepalive_interval", 38, "uint32"),
    ("nis_server", 41, "ipv4"),
    ("ntp_server", 42, "ipv4"),
    ("netbios_name_server", 44, "ipv4"),
    ("netbios_node_type", 46, "uint8"),
    ("lease_time", 51, "uint32"),
    ("server_id", 54, "ipv4"),
    ("T1", 58, "uint32"),
    ("T2", 59, "uint32"),
    ("tftp_server", 66, "host_id"),
    ("bootfile_name", 67, "str"),
    ("domain_search_list", 119, "domains"),
    ("classless_static_route", 121, "static_routes"),
    ("tftp_server_address", 150, "ipv4"),
    ("path_prefix", 210, "str"),
    ("ms_classless_static_route", 249, "static_routes"),
    ("wpad", 252, "str"),
    ("next_server", 253, "ipv4"),
    ("bootfile_name_alt", 254, "str"),
];

/// The DHCPv6 options, by code. `bootfile_name` goes to iPXE clients alone, `bootfile_name_alt` under
/// the same code to all others.
pub const IPV6: &[DhcpOption] = &[
    ("server_id", 2, "mac"),
    ("ia_addr", 5, "ipv6"),
    ("dns_server", 23, "ipv6"),
    ("domain_search", 24, "str"),
    ("fqdn", 39, "domain"),
    ("bootfile_name", 59, "str"),
    ("bootfile_name_alt", 254, "str"),
];

/// The DHCPv4 rows; their natural key is the name.
pub fn ipv4() -> Vec<DhcpOptions> {
    let row = |&(name, code, type_): &DhcpOption| DhcpOptions {
        uuid: key_uuid(DhcpOptions::NAME, &[name]),
        name: name.into(),
        code: code.into(),
        type_: type_.into(),
    };
    IPV4.iter().map(row).collect()
}

/// The DHCPv6 rows; their natural key is the name.
pub fn ipv6() -> Vec<Dhcpv6Options> {
    let row = |&(name, code, type_): &DhcpOption| Dhcpv6Options {
        uuid: key_uuid(Dhcpv6Options::NAME, &[name]),
        name: name.into(),
        code: code.into(),
        type_: type_.into(),
    };
    IPV6.iter().map(row).collect()
}

/// Both catalogues, as soon as there is a network.
///
/// Cost: nothing once they are there.
pub fn catalogues(nb: &Relation<NbGlobal>) -> (Relation<DhcpOptions>, Relation<Dhcpv6Options>) {
    // Only whether there is a network counts: a change of its settings ends at the first operator.
    let network = nb.map(|_| ());
    (network.flat_map(|()| ipv4()), network.flat_map(|()| ipv6()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::global::recording::recorded;
    use crate::global::testing::Scenario;
    use crate::ovsdb::Uuid;
    use crate::schema::Map;

    #[test]
    fn catalogues_are_those_of_the_reference() {
        let ipv4: Vec<String> =
            ipv4().iter().map(|row| format!("{} {} {}", row.name, row.code, row.type_)).collect();
        assert_eq!(ipv4, recorded("DHCP_Options"));
        let ipv6: Vec<String> =
            ipv6().iter().map(|row| format!("{} {} {}", row.name, row.code, row.type_)).collect();
        assert_eq!(ipv6, recorded("DHCPv6_Options"));
    }

    #[test]
    fn rows_of_the_two_catalogues_have_identifiers_of_their_own() {
        let ipv4 = ipv4().into_iter().map(|row| row.uuid);
        let all: HashSet<_> = ipv4.chain(ipv6().into_iter().map(|row| row.uuid)).collect();
        assert_eq!(all.len(), IPV4.len() + IPV6.len());
    }

    #[test]
    fn catalogues_come_with_the_network() {
        let mut scenario = Scenario::start(|program| {
            let (ipv4, ipv6) = catalogues(&program.input("nb"));
            program.output("ipv4", &ipv4);
            program.output("ipv6", &ipv6);
        });
        let network = |nb_cfg| NbGlobal { uuid: Uuid(1), nb_cfg, options: Map::new(), ipsec: false };
        assert_eq!(scenario.step(), 0);
        scenario.insert("nb", network(0));
        assert_eq!(scenario.step(), IPV4.len() + IPV6.len());
        scenario.replace("nb", network(0), network(1));
        assert_eq!(scenario.step(), 0);
        assert_eq!(scenario.rows::<Dhcpv6Options>("ipv6").len(), IPV6.len());
    }
}
