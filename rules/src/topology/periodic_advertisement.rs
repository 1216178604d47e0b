//! Router advertisements that chassis send without being asked (B24; ovn-nb(5), Logical_Router_Port
//! `ipv6_ra_configs`): what the binding of the port tells them (RFC 4861 section 6.2).

use crate::ovsdb::Text;
use crate::schema::Map;
use crate::value::addresses::RouterAddresses;
use crate::value::ip::text6;

/// Bounds of the time between two advertisements, in seconds.
const LONGEST: (i64, i64) = (4, 1800);
const LONGEST_DEFAULT: i64 = 600;
const SHORTEST_LEAST: i64 = 3;
/// The least MTU of IPv6 (RFC 8200 section 5).
const LEAST_MTU: i64 = 1280;

/// What is wrong with the settings.
pub fn complaint(configs: &Map) -> Option<String> {
    let mode = configs.get("address_mode")?;
    (!is_mode(mode)).then(|| format!("Invalid address mode [{mode}] defined"))
}

fn is_mode(mode: &str) -> bool {
    ["slaac", "dhcpv6_stateful", "dhcpv6_stateless"].contains(&mode)
}

/// Adds the options of a binding, if the port advertises periodically. `prefixes` are those that
/// were delegated to it.
pub fn options(addresses: &RouterAddresses, prefixes: &[Text], configs: &Map, options: &mut Map) {
    let Some(mode) = configs.get("address_mode").filter(|mode| is_mode(mode)) else { return };
    if !configs.get_bool("send_periodic", false) {
        return;
    }
    let mut set = |key: &str, value: Text| drop(options.insert(format!("ipv6_ra_{key}"), value));
    set("send_periodic", "true".into());
    set("address_mode", mode.clone());
    let number = |key, default| configs.get_number::<i32>(key).map_or(default, i64::from);
    let longest = number("max_interval", LONGEST_DEFAULT).clamp(LONGEST.0, LONGEST.1);
    set("max_interval", longest.to_string().into());
    let default = if longest >= 9 { longest / 3 } else { longest * 3 / 4 };
    let shortest = number("min_interval", default).min(longest * 3 / 4).max(SHORTEST_LEAST);
    set("min_interval", shortest.to_string().into());
    let mtu = number("mtu", 0);
    if mtu >= LEAST_MTU {
        set("mtu", mtu.to_string().into());
    }
    let (mut announced, mut source) = (Vec::new(), None);
    for net in addresses.ip6() {
        if net.address.is_unicast_link_local() {
            source = source.or(Some(net.address));
        } else {
            announced.push(format!("{}/{}", text6(net.network()), net.length));
        }
    }
    if let Some(source) = source {
        set("src_addr", text6(source).into());
    }
    announced.extend(prefixes.iter().map(|prefix| prefix.to_string()));
    set("prefixes", announced.join(" ").into());
    for key in ["rdnss", "dnssl", "route_info"] {
        if let Some(value) = configs.get(key) {
            set(key, value.clone());
        }
    }
    set("src_eth", addresses.given.mac.to_string().into());
    let preference = configs.text("router_preference");
    set("prf", if ["HIGH", "LOW"].contains(&preference) { preference } else { "MEDIUM" }.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(configs: &[(&str, &str)]) -> Vec<String> {
        let configs: Map = configs.iter().map(|(key, value)| (*key, Text::from(*value))).collect();
        let addresses = RouterAddresses::read("0a:00:00:00:00:01", ["10.0.0.1/24", "fd00::1/64"]).0.unwrap();
        let mut found = Map::new();
        options(&addresses, &["aef0::/64".into()], &configs, &mut found);
        found.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    #[test]
    fn nothing_is_sent_unless_asked_for() {
        assert!(shown(&[("address_mode", "slaac")]).is_empty());
        assert!(shown(&[("send_periodic", "true")]).is_empty());
        assert!(shown(&[("send_periodic", "true"), ("address_mode", "odd")]).is_empty());
    }

    #[test]
    fn intervals_stay_within_bounds() {
        let intervals = |max, min| {
            let base = [("send_periodic", "true"), ("address_mode", "slaac")];
            let shown = shown(&[base.as_slice(), &[("max_interval", max), ("min_interval", min)]].concat());
            let of =
                |key: &str| shown.iter().find_map(|line| Some(line.strip_prefix(key)?.to_owned())).unwrap();
            (of("ipv6_ra_max_interval="), of("ipv6_ra_min_interval="))
        };
        assert_eq!(intervals("", ""), ("600".into(), "200".into()));
        assert_eq!(intervals("9000", "9000"), ("1800".into(), "1350".into()));
        assert_eq!(intervals("1", "1"), ("4".into(), "3".into()));
    }

    #[test]
    fn prefixes_are_the_networks_and_what_was_delegated() {
        assert_eq!(
            shown(&[
                ("send_periodic", "true"),
                ("address_mode", "slaac"),
                ("mtu", "1279"),
                ("rdnss", "fd00::f")
            ]),
            [
                "ipv6_ra_address_mode=slaac",
                "ipv6_ra_max_interval=600",
                "ipv6_ra_min_interval=200",
                "ipv6_ra_prefixes=fd00::/64 aef0::/64",
                "ipv6_ra_prf=MEDIUM",
                "ipv6_ra_rdnss=fd00::f",
                "ipv6_ra_send_periodic=true",
                "ipv6_ra_src_addr=fe80::800:ff:fe00:1",
                "ipv6_ra_src_eth=0a:00:00:00:00:01",
            ]
        );
    }
}
