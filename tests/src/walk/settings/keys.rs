//! The keys of ovn-nb(5) and some that only the code knows. Left out are most of those that other programs read,
//! identities that the reference would draw at random if they were malformed, those that say how the daemon itself
//! behaves (`northd_probe_interval`, `northd-backoff-interval-ms`, `northd_trim_timeout`), those whose effect depends on
//! what the reference did before (`ignore_chassis_features`), one of which the southbound database has a say of its own
//! (`sbctl_probe_interval`), and what crashes it: relays to ports whose address it does not know, and switches
//! of EVPN networks that advertise the addresses of ports that have any.

use super::Row::{self, *};

/// A key of a column of settings.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) row: Row,
    pub(super) column: &'static str,
    pub(super) name: &'static str,
    pub(super) values: Values,
}

/// What a key may be set to.
#[derive(Debug)]
pub(super) enum Values {
    Flag,
    Number,
    Texts(&'static [&'static str]),
    /// The name of a switch port.
    Port,
    /// A tunnel key that nobody else asks for.
    TunnelKey,
}

use Values::*;

const fn key(row: Row, column: &'static str, name: &'static str, values: Values) -> Key {
    Key { row, column, name, values }
}

const fn option(row: Row, name: &'static str, values: Values) -> Key {
    key(row, "options", name, values)
}

const fn other(name: &'static str, values: Values) -> Key {
    key(Switch, "other_config", name, values)
}

const fn advertised(name: &'static str, values: Values) -> Key {
    key(RouterPort, "ipv6_ra_configs", name, values)
}

const CHASSIS: Values = Texts(&["ch1", "ch2", "host0", "host3", "nobody", "ch1,host2", ",ch0", ""]);
const IP4: Values =
    Texts(&["10.0.0.7", "169.254.0.9", "10.0.0", "10.0.0.300", "10.0.0.1/24", "::ffff:10.0.0.1", ""]);
const IP6: Values = Texts(&["fe80::1", "FD00::00:7", "fd00::1/64", "fd00:::1", "10.0.0.7", ""]);
const MAC: Values =
    Texts(&["0a:00:00:00:aa:01", "0A:00:00:00:AA:01", "0:0:0:0:0:0", "a:b:c:d:e:f", "0a:00:00:00:aa", ""]);

/// All of them.
pub(super) const KEYS: &[Key] = &[
    option(Global, "mac_prefix", Texts(&["0a:4e:46", "0a:4e:47"])),
    option(Global, "svc_monitor_mac", Texts(&["0a:4e:46:00:00:01", "0A:4E:46:00:00:0A"])),
    option(Global, "svc_monitor_mac_dst", Texts(&["0a:4e:46:00:00:02", "0A:4E:46:00:00:0B"])),
    option(Global, "svc_monitor_ip", IP4),
    option(Global, "svc_monitor_ip_dst", IP4),
    option(Global, "controller_event", Flag),
    option(Global, "ignore_lsp_down", Flag),
    option(Global, "use_ct_inv_match", Flag),
    option(Global, "acl_ct_translation", Flag),
    option(Global, "default_acl_drop", Flag),
    option(
        Global,
        "debug_drop_collector_set",
        Texts(&["0", "1", "123", "4294967295", "4294967296", "-1", "odd", ""]),
    ),
    option(Global, "debug_drop_domain_id", Texts(&["0", "1", "254", "-1", "odd", ""])),
    option(Global, "use_common_zone", Flag),
    option(Global, "vxlan_mode", Flag),
    option(Global, "always_tunnel", Flag),
    option(Global, "ecmp_nexthop_monitor_enable", Flag),
    option(Global, "enable_chassis_nb_cfg_update", Flag),
    option(Global, "mac_binding_removal_limit", Number),
    option(Global, "fdb_removal_limit", Number),
    option(Global, "use_logical_dp_groups", Flag),
    option(Global, "bfd-min-rx", Number),
    option(Global, "install_ls_lb_from_router", Flag),
    option(Global, "use_parallel_build", Flag),
    option(Global, "ic-route-adv", Flag),
    option(Global, "arp_ns_explicit_output", Flag),
    option(Global, "register_consolidation", Flag),
    option(Global, "max_tunid", Number),
    option(Global, "northd_internal_version", Texts(&["odd", ""])),
    key(Global, "external_ids", "a", Texts(&["b", ""])),
    other("requested-tnl-key", TunnelKey),
    other(
        "subnet",
        Texts(&[
            "10.0.0.0/24",
            "10.0.0.0/29",
            "10.9.0.0/30",
            "10.0.0.0/31",
            "10.0.0.0/33",
            "10.0.0.0",
            "fd00::/64",
            "odd",
            "",
        ]),
    ),
    other(
        "exclude_ips",
        Texts(&[
            "10.0.0.2",
            "10.0.0.2..10.0.0.9",
            "10.0.0.9..10.0.0.2",
            "10.0.0.2 10.0.0.4..10.0.0.5",
            "10.0.0.2,10.0.0.3",
            "odd",
            "",
        ]),
    ),
    other("ipv6_prefix", Texts(&["fd00::", "fd00::/64", "fd00::/48", "2001:DB8::7", "10.0.0.0", "odd", ""])),
    other("mac_only", Flag),
    other("fdb_age_threshold", Number),
    other("ct-zone-limit", Number),
    other("enable-stateless-acl-with-lb", Flag),
    other("dynamic-routing-vni", Texts(&["0", "1", "16777215", "16777216", "-1", "odd", ""])),
    other("dynamic-routing-bridge-ifname", Texts(&["br-1", "a-name-of-15-byt", "br 1", ""])),
    other("dynamic-routing-vxlan-ifname", Texts(&["vx-1", "vx-1,vx-2", ",", "a-name-of-16-bytes", ""])),
    other("dynamic-routing-advertise-ifname", Texts(&["lo-1", "a-name-of-16-bytes", ""])),
    other("dynamic-routing-fdb-prefer-local", Flag),
    other("dynamic-routing-arp-prefer-local", Flag),
    other("dynamic-routing-redistribute", Texts(&["fdb", "fdb,odd", "odd", ""])),
    other("mcast_snoop", Flag),
    other("mcast_querier", Flag),
    other("mcast_flood_unregistered", Flag),
    other("mcast_table_size", Texts(&["0", "100", "2048", "-1", "odd", "4294967296", ""])),
    other("mcast_idle_timeout", Number),
    other("mcast_query_interval", Number),
    other("mcast_query_max_response", Number),
    other("mcast_eth_src", MAC),
    other("mcast_ip4_src", IP4),
    other("mcast_ip6_src", IP6),
    other("interconn-ts", Texts(&["ts1", ""])),
    other("ic-vxlan_mode", Flag),
    other("dhcp_relay_port", Port),
    other("vlan-passthru", Flag),
    other("broadcast-arps-to-all-routers", Flag),
    key(Switch, "external_ids", "neutron:network_name", Texts(&["net", "net \\\"a\\\"", ""])),
    option(SwitchPort, "requested-tnl-key", TunnelKey),
    option(
        SwitchPort,
        "nat-addresses",
        Texts(&["router", "0a:00:00:00:aa:01 10.0.0.7", "0a:00:00:00:aa:01 10.0.0.7 10.0.0.8", "odd", ""]),
    ),
    option(SwitchPort, "exclude-router-ips-from-garp", Flag),
    option(SwitchPort, "exclude-lb-vips-from-garp", Flag),
    option(
        SwitchPort,
        "arp_proxy",
        Texts(&[
            "10.0.0.0/24",
            "0a:00:00:00:bb:01 10.0.0.0/8 fd00::/64",
            "169.254.239.254 169.254.238.0/28",
            "fd7b::2/112",
            "0a:00:00:00:bb:01",
            "odd",
            "",
        ]),
    ),
    option(SwitchPort, "enable_router_port_acl", Flag),
    option(SwitchPort, "ct-zone-limit", Number),
    option(SwitchPort, "network_name", Texts(&["phys", "other", ""])),
    option(SwitchPort, "ethtype", Texts(&["802.11q", "802.11ad", "odd"])),
    option(SwitchPort, "localnet_learn_fdb", Flag),
    option(SwitchPort, "lsp_learn_fdb", Flag),
    option(SwitchPort, "l2gateway-chassis", CHASSIS),
    option(SwitchPort, "vtep-physical-switch", Texts(&["v", ""])),
    option(SwitchPort, "vtep-logical-switch", Texts(&["w", ""])),
    option(SwitchPort, "requested-chassis", CHASSIS),
    option(SwitchPort, "activation-strategy", Texts(&["rarp", "odd"])),
    option(SwitchPort, "iface-id-ver", Texts(&["9", ""])),
    option(SwitchPort, "qos_min_rate", Number),
    option(SwitchPort, "qos_max_rate", Number),
    option(SwitchPort, "qos_burst", Number),
    option(SwitchPort, "hostname", Texts(&["vm", "vm \\\"1\\\"", "a\\\\\\\\b", ""])),
    option(SwitchPort, "force_fdb_lookup", Flag),
    option(SwitchPort, "disable_garp_rarp", Flag),
    option(SwitchPort, "pkt_clone_type", Texts(&["mc_unknown", "odd", ""])),
    option(SwitchPort, "disable_arp_nd_rsp", Flag),
    option(SwitchPort, "receive_multicast", Flag),
    option(SwitchPort, "is-nf", Flag),
    option(SwitchPort, "nf-linked-port", Port),
    option(SwitchPort, "vif-plug-type", Texts(&["representor", ""])),
    option(SwitchPort, "virtual-ip", IP4),
    option(SwitchPort, "virtual-parents", Port),
    option(SwitchPort, "mcast_flood", Flag),
    option(SwitchPort, "mcast_flood_reports", Flag),
    key(SwitchPort, "external_ids", "neutron:port_name", Texts(&["port", "port \\\"a\\\"", ""])),
    key(SwitchPort, "external_ids", "name", Texts(&["x", ""])),
    option(Balancer, "reject", Flag),
    option(Balancer, "event", Flag),
    option(Balancer, "skip_snat", Flag),
    option(Balancer, "add_route", Flag),
    option(Balancer, "hairpin_snat_ip", Texts(&["10.0.0.7", "10.0.0.7 fd00::7", "fd00::7", "odd", ""])),
    option(Balancer, "neighbor_responder", Texts(&["all", "none", "reachable", "odd", ""])),
    option(Balancer, "template", Flag),
    option(Balancer, "address-family", Texts(&["ipv4", "ipv6", "odd", ""])),
    option(Balancer, "affinity_timeout", Number),
    option(Balancer, "ct_flush", Flag),
    option(Balancer, "use_stateless_nat", Flag),
    option(Balancer, "distributed", Flag),
    option(Acl, "apply-after-lb", Flag),
    option(Acl, "persist-established", Flag),
    option(Acl, "log-related", Flag),
    key(Router, "external_ids", "neutron:router_name", Texts(&["router", ""])),
    option(Router, "chassis", Texts(&["ch1", "ch2", "nobody", ""])),
    option(Router, "dnat_force_snat_ip", Texts(&["10.0.0.7", "10.0.0.7 fd00::7", "router_ip", "odd", ""])),
    option(
        Router,
        "lb_force_snat_ip",
        Texts(&["10.0.0.7", "fd00::7", "router_ip", "router_ip router_ip", "odd", ""]),
    ),
    option(Router, "mcast_relay", Flag),
    option(Router, "dynamic_neigh_routers", Flag),
    option(Router, "always_learn_from_arp_request", Flag),
    option(Router, "requested-tnl-key", TunnelKey),
    option(Router, "snat-ct-zone", Number),
    option(
        Router,
        "mac_binding_age_threshold",
        Texts(&["0", "60", "10.0.0.0/8:7;9", ";", "10.0.0.0/8:odd", "-1", ""]),
    ),
    option(Router, "ct-zone-limit", Number),
    option(Router, "dynamic-routing", Flag),
    option(
        Router,
        "dynamic-routing-redistribute",
        Texts(&["connected", "static,nat", "connected-as-host", "lb", "lb,odd", "connected, static", ""]),
    ),
    option(Router, "dynamic-routing-redistribute-local-only", Flag),
    option(Router, "dynamic-routing-vrf-name", Texts(&["blue", "a-name-of-16-bytes", ""])),
    option(Router, "dynamic-routing-vrf-id", Number),
    option(Router, "dynamic-routing-no-learning", Flag),
    option(Router, "dynamic-routing-v4-prefix-nexthop", Texts(&["10.0.0.7", "fd00::7", "odd", ""])),
    option(Router, "dynamic-routing-v6-prefix-nexthop", Texts(&["10.0.0.7", "fd00::7", "odd", ""])),
    option(Router, "ct-commit-all", Flag),
    option(Router, "disable_garp_rarp", Flag),
    option(Router, "ic-route-filter-adv", IP4),
    option(RouterPort, "reside-on-redirect-chassis", Flag),
    option(RouterPort, "redirect-type", Texts(&["overlay", "bridged", "odd", ""])),
    option(RouterPort, "mcast_flood", Flag),
    option(RouterPort, "requested-tnl-key", TunnelKey),
    option(RouterPort, "prefix_delegation", Flag),
    option(RouterPort, "prefix", Flag),
    option(RouterPort, "route_table", Texts(&["blue", "green", ""])),
    option(RouterPort, "gateway_mtu", Texts(&["0", "4294967295", "576", "1500", "65535", "-1", "odd", ""])),
    option(RouterPort, "gateway_mtu_bypass", Texts(&["tcp", "ip.proto == 6 || udp", ""])),
    option(RouterPort, "routing-protocol-redirect", Port),
    option(RouterPort, "routing-protocols", Texts(&["BGP", "BFD", "BGP,BFD", "BFD,odd", "bgp", ""])),
    option(RouterPort, "requested-chassis", CHASSIS),
    option(RouterPort, "dynamic-routing-redistribute", Texts(&["connected", "static", "nat,lb", "odd", ""])),
    option(RouterPort, "dynamic-routing-redistribute-local-only", Flag),
    option(RouterPort, "dynamic-routing-maintain-vrf", Flag),
    option(RouterPort, "dynamic-routing-port-name", Texts(&["eth0", ""])),
    option(RouterPort, "dynamic-routing-no-learning", Flag),
    option(RouterPort, "disable_garp_rarp", Flag),
    key(RouterPort, "external_ids", "a", Texts(&["b", ""])),
    advertised("address_mode", Texts(&["slaac", "dhcpv6_stateful", "dhcpv6_stateless", "odd", ""])),
    advertised("router_preference", Texts(&["LOW", "MEDIUM", "HIGH", "high", "odd", ""])),
    advertised("route_info", Texts(&["HIGH-fd05::/64", "LOW-fd05::/64,MEDIUM-fd06::/48", "odd", ""])),
    advertised("mtu", Texts(&["1280", "1279", "1500", "0", "-1", "odd", ""])),
    advertised("send_periodic", Flag),
    advertised("max_interval", Texts(&["3", "4", "9", "10", "1800", "1801", "-1", "odd", ""])),
    advertised("min_interval", Texts(&["2", "3", "9", "1350", "-1", "odd", ""])),
    advertised("rdnss", Texts(&["fd00::53", "odd", ""])),
    advertised("dnssl", Texts(&["example.org", "a\\\"b", ""])),
    option(Route, "ecmp_symmetric_reply", Flag),
    option(Route, "origin", Texts(&["connected", "odd", ""])),
    option(Policy, "pkt_mark", Number),
    option(Nat, "stateless", Flag),
    option(Nat, "add_route", Flag),
];
