//! What a chassis says of itself: its rows of `Chassis`, `Encap` and `Chassis_Private` (ovn-sb(5)).

use super::settings::Settings;
use crate::ovsdb::Text;
use crate::schema::Map;

/// What the machine is, apart from its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its host name, for when the settings name none.
    pub hostname: Text,
    /// The types of interfaces that its switch has, `Open_vSwitch.iface_types`.
    pub interface_types: Vec<Text>,
    /// The datapath type of the integration bridge; empty if there is none yet.
    pub datapath_type: Text,
    /// Whether its switch can sample with numbers out of registers.
    pub samples_with_registers: bool,
    /// Whether its switch can forget connections by their label; until it has said so, what was registered before
    /// stays.
    pub flushes_by_label: Option<bool>,
}

/// A row of `Chassis` with those that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The chassis.
    pub name: Text,
    /// The machine.
    pub hostname: Text,
    /// What it can do and how it is set up; other keys of the row that [`is_known`] stay.
    pub other_config: Map,
    /// The zones within which it has tunnels; none is a zone of its own.
    pub transport_zones: Vec<Text>,
    /// Its tunnel end points: rows of `Encap` with this chassis' name.
    pub encaps: Vec<EndPoint>,
}

/// A tunnel end point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndPoint {
    /// `geneve` or `vxlan`.
    pub type_: Text,
    /// Its address.
    pub ip: Text,
    /// `csum`, and whether it `is_default`.
    pub options: Map,
}

/// Why a chassis is not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unregistered {
    /// It has no type of tunnel or no address for it.
    NoEncap,
}

/// Types of tunnels, better ones first.
pub const TUNNEL_TYPES: [&str; 2] = ["geneve", "vxlan"];

/// Settings that are passed on, under which key they are, and what an absent one is.
const PASSED_ON: &[(&str, &str)] = &[
    ("ovn-bridge-mappings", ""),
    ("ovn-cms-options", ""),
    ("ovn-monitor-all", "false"),
    ("ovn-enable-lflow-cache", "true"),
    ("ovn-limit-lflow-cache", ""),
    ("ovn-memlimit-lflow-cache-kb", ""),
    ("ovn-trim-limit-lflow-cache", ""),
    ("ovn-trim-wmark-perc-lflow-cache", ""),
    ("ovn-trim-timeout-ms", ""),
    ("ovn-chassis-mac-mappings", ""),
    ("ovn-evpn-vxlan-ports", ""),
    ("ovn-evpn-local-ip", ""),
];

/// What a controller of this series can do.
const ABILITIES: &[&str] = &[
    "port-up-notif",
    "ct-no-masked-label",
    "mac-binding-timestamp",
    "ovn-ct-lb-related",
    "fdb-timestamp",
    "ls-dpg-column",
    "ct-commit-nat-v2",
    "ct-commit-to-zone",
    "ct-next-zone",
    "ct-state-save",
];

/// Keys of `Chassis.other_config` that depend on the machine.
const MACHINE: &[&str] =
    &["datapath-type", "iface-types", "is-interconn", "ovn-sample-with-registers", "ct-label-flush"];

/// Whether a key of `Chassis.other_config` means anything; others are removed.
pub fn is_known(key: &str) -> bool {
    PASSED_ON.iter().any(|(known, _)| *known == key)
        || ABILITIES.contains(&key)
        || MACHINE.contains(&key)
        || ["is-vtep", "is-remote"].contains(&key)
}

/// The registration of a chassis, and what is wrong with its settings, in words.
///
/// # Errors
/// It cannot be reached.
pub fn registration(
    settings: &Settings<'_>,
    machine: &Machine,
) -> Result<(Registration, Vec<String>), Unregistered> {
    let (types, addresses) = (settings.list("ovn-encap-type"), settings.list("ovn-encap-ip"));
    let mut problems = Vec::new();
    let mut default = settings.get("ovn-encap-ip-default").map(|ip| &**ip);
    if let Some(ip) = default.filter(|ip| !addresses.contains(ip)) {
        problems.push(format!("ovn-encap-ip-default ({ip}) must be one of the IPs in ovn-encap-ip."));
        default = None;
    }
    let checksum = settings.text("ovn-encap-csum", "true");
    let mut encaps = Vec::new();
    for type_ in types {
        if !TUNNEL_TYPES.contains(&type_) {
            problems.push(format!("Unknown tunnel type: {type_}"));
            continue;
        }
        for ip in &addresses {
            let mut options = Map::new();
            options.insert("csum", Text::from(checksum));
            if default == Some(*ip) {
                options.insert("is_default", Text::from("true"));
            }
            encaps.push(EndPoint { type_: type_.into(), ip: Text::from(*ip), options });
        }
    }
    if encaps.is_empty() {
        return Err(Unregistered::NoEncap);
    }
    let registration = Registration {
        name: settings.chassis().into(),
        hostname: settings.get("hostname").unwrap_or(&machine.hostname).clone(),
        other_config: other_config(settings, machine),
        transport_zones: settings.list("ovn-transport-zones").into_iter().map(Text::from).collect(),
        encaps,
    };
    Ok((registration, problems))
}

fn other_config(settings: &Settings<'_>, machine: &Machine) -> Map {
    let flag = |value: bool| Text::from(if value { "true" } else { "false" });
    let passed_on = PASSED_ON.iter().map(|(key, default)| (*key, Text::from(settings.text(key, default))));
    let abilities = ABILITIES.iter().map(|key| (*key, flag(true)));
    let flushes_by_label = machine.flushes_by_label;
    let machine = [
        ("datapath-type", machine.datapath_type.clone()),
        ("iface-types", machine.interface_types.join(",").into()),
        ("is-interconn", flag(settings.get_bool("ovn-is-interconn", false))),
        ("ovn-sample-with-registers", flag(machine.samples_with_registers)),
    ];
    let label_flush = flushes_by_label.map(|flushes| ("ct-label-flush", flag(flushes)));
    passed_on.chain(abilities).chain(machine).chain(label_flush).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
    }

    fn of(pairs: &[(&str, &str)]) -> Result<(Registration, Vec<String>), Unregistered> {
        registration(&Settings::new(&ids(pairs), "c1"), &Machine::default())
    }

    #[test]
    fn every_address_has_every_type() {
        let (registration, problems) = of(&[
            ("ovn-encap-type", "vxlan,geneve,stt"),
            ("ovn-encap-ip", "10.0.0.1,10.0.0.2"),
            ("ovn-encap-ip-default", "10.0.0.2"),
            ("ovn-encap-csum-c1", "false"),
        ])
        .unwrap();
        let encaps: Vec<String> = registration
            .encaps
            .iter()
            .map(|encap| {
                let options: Vec<String> =
                    encap.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("{} {} {}", encap.type_, encap.ip, options.join(" "))
            })
            .collect();
        assert_eq!(
            encaps,
            [
                "geneve 10.0.0.1 csum=false",
                "geneve 10.0.0.2 csum=false is_default=true",
                "vxlan 10.0.0.1 csum=false",
                "vxlan 10.0.0.2 csum=false is_default=true",
            ]
        );
        assert_eq!(problems, ["Unknown tunnel type: stt"]);
    }

    #[test]
    fn without_an_address_there_is_no_chassis() {
        assert_eq!(of(&[("ovn-encap-type", "geneve")]), Err(Unregistered::NoEncap));
        assert_eq!(of(&[("ovn-encap-ip", "10.0.0.1")]), Err(Unregistered::NoEncap));
        assert_eq!(of(&[("ovn-encap-type", "stt"), ("ovn-encap-ip", "1.1.1.1")]), Err(Unregistered::NoEncap));
    }

    #[test]
    fn a_default_address_has_to_be_one_of_them() {
        let encap = [("ovn-encap-type", "geneve"), ("ovn-encap-ip", "10.0.0.1")];
        let (_, problems) = of(&[encap[0], encap[1], ("ovn-encap-ip-default", "10.0.0.3")]).unwrap();
        assert_eq!(problems, ["ovn-encap-ip-default (10.0.0.3) must be one of the IPs in ovn-encap-ip."]);
    }

    #[test]
    fn what_the_switch_has_not_said_is_left_open() {
        let (registration, _) = of(&[("ovn-encap-type", "geneve"), ("ovn-encap-ip", "10.0.0.1")]).unwrap();
        assert!(!registration.other_config.contains("ct-label-flush") && is_known("ct-label-flush"));
    }

    #[test]
    fn the_machine_says_what_the_settings_do_not() {
        let ids = ids(&[
            ("ovn-encap-type", "geneve"),
            ("ovn-encap-ip", "10.0.0.1"),
            ("ovn-transport-zones", "b,a"),
            ("ovn-cms-options", "enable-chassis-as-gw"),
        ]);
        let machine = Machine {
            hostname: "host".into(),
            interface_types: vec!["dummy".into(), "geneve".into()],
            datapath_type: "netdev".into(),
            samples_with_registers: true,
            flushes_by_label: Some(true),
        };
        let (registration, _) = registration(&Settings::new(&ids, "c1"), &machine).unwrap();
        assert_eq!((&*registration.name, &*registration.hostname), ("c1", "host"));
        assert_eq!(registration.transport_zones, ["a".into(), "b".into()]);
        let config = &registration.other_config;
        for (key, value) in [
            ("iface-types", "dummy,geneve"),
            ("datapath-type", "netdev"),
            ("ovn-cms-options", "enable-chassis-as-gw"),
            ("ovn-bridge-mappings", ""),
            ("ovn-enable-lflow-cache", "true"),
            ("ovn-sample-with-registers", "true"),
            ("ct-label-flush", "true"),
            ("is-interconn", "false"),
        ] {
            assert_eq!(config.text(key), value, "{key}");
        }
        assert!(config.iter().all(|(key, _)| is_known(key)) && !is_known("ovn-something"));
    }
}
