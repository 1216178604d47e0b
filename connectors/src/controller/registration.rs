//! The chassis' own rows in the southbound database: Chassis, its tunnel ends, Chassis_Private.

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::chassis::registration::{EndPoint, Registration, TUNNEL_TYPES, is_known};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{key_uuid, own};

use super::index::Index;
use super::writes::Writes;
use crate::process::vlog::RateLimit;
use crate::process::vlog::modules::{CHASSIS, PHYSICAL};
use crate::replica::Replica;

static TAKEN: RateLimit = RateLimit::new(1, 5);
static UNREADABLE: RateLimit = RateLimit::new(5, 60);

/// The key of `Chassis.other_config` with the addresses of a chassis on physical networks.
const ADDRESSES: &str = "ovn-chassis-mac-mappings";

/// Writes what differs between what is registered and what is to be. A chassis whose tunnel ends are all those of others
/// is not registered.
///
/// Cost: the chassis' own rows.
pub(super) fn register(wanted: &Registration, index: &Index, rows: &Replica, southbound: &mut Writes) {
    let known = index.chassis.get(&wanted.name).and_then(|uuid| rows.row::<own::Chassis>(*uuid));
    let uuid = known.map_or_else(|| key_uuid("Chassis", &[&wanted.name, &stamp()]), |row| row.uuid);
    let encaps = encaps(wanted, index, rows, southbound);
    if encaps.is_empty() {
        unregister(&wanted.name, index, southbound);
        return;
    }
    match known {
        None => {
            CHASSIS.info(format_args!("registering chassis '{}'", wanted.name));
            southbound.insert(&own::Chassis {
                uuid,
                name: wanted.name.clone(),
                hostname: wanted.hostname.clone(),
                encaps,
                other_config: wanted.other_config.clone(),
                transport_zones: wanted.transport_zones.clone(),
            });
        }
        Some(row) => {
            if row.hostname != wanted.hostname {
                southbound.set::<own::Chassis>(uuid, "hostname", &wanted.hostname);
            }
            if row.transport_zones != wanted.transport_zones {
                southbound.set::<own::Chassis>(uuid, "transport_zones", &wanted.transport_zones);
            }
            let put: Vec<(Text, Text)> = wanted
                .other_config
                .iter()
                .filter(|(key, value)| row.other_config.get(key) != Some(value))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let gone: Vec<Text> =
                row.other_config.iter().map(|(key, _)| key).filter(|key| !is_known(key)).cloned().collect();
            for key in &gone {
                CHASSIS.warn(format_args!("Removing unsupported key \"{key}\" from chassis record."));
            }
            southbound.change_keys::<own::Chassis>(uuid, "other_config", &put, &gone);
            let held: BTreeSet<Uuid> = row.encaps.iter().copied().collect();
            if held != encaps.iter().copied().collect() {
                southbound.set::<own::Chassis>(uuid, "encaps", &encaps);
            }
        }
    }
    match index.private.get(&wanted.name).and_then(|row| rows.row::<own::ChassisPrivate>(*row)) {
        None => southbound.insert(&own::ChassisPrivate {
            uuid: key_uuid("Chassis_Private", &[&wanted.name, &stamp()]),
            name: wanted.name.clone(),
            chassis: Some(uuid),
            nb_cfg: 0,
        }),
        Some(private) if private.chassis != Some(uuid) => {
            southbound.set::<own::ChassisPrivate>(private.uuid, "chassis", &Some(uuid));
        }
        Some(_) => {}
    }
}

/// The tunnel ends that the chassis is to have, without those that another chassis has; inserts and changes what
/// differs.
fn encaps(wanted: &Registration, index: &Index, rows: &Replica, southbound: &mut Writes) -> Vec<Uuid> {
    let mut uuids = Vec::new();
    for end in &wanted.encaps {
        let EndPoint { type_, ip, options } = end;
        match holder(end, index, rows) {
            Some(row) if row.chassis_name != wanted.name => CHASSIS.warn_limited(
                &TAKEN,
                format_args!(
                    "'{}' already has encap ip '{ip}' and type '{type_}', cannot duplicate on '{}'",
                    row.chassis_name, wanted.name
                ),
            ),
            Some(row) => {
                if row.options != *options {
                    southbound.set::<own::Encap>(row.uuid, "options", options);
                }
                uuids.push(row.uuid);
            }
            None => {
                let uuid = key_uuid("Encap", &[&wanted.name, type_, ip, &stamp()]);
                southbound.insert(&own::Encap {
                    uuid,
                    type_: type_.clone(),
                    ip: ip.clone(),
                    options: options.clone(),
                    chassis_name: wanted.name.clone(),
                });
                uuids.push(uuid);
            }
        }
    }
    uuids.sort_unstable();
    uuids
}

/// What is registered, without tunnel ends that another chassis has.
pub(super) fn with_own_ends(wanted: &Registration, index: &Index, rows: &Replica) -> Registration {
    let mut own = wanted.clone();
    own.encaps.retain(|end| holder(end, index, rows).is_none_or(|row| row.chassis_name == wanted.name));
    own
}

/// The row of a tunnel end, whosever it is.
fn holder<'a>(end: &EndPoint, index: &Index, rows: &'a Replica) -> Option<&'a own::Encap> {
    rows.row(*index.ends.get(&(end.type_.clone(), end.ip.clone()))?)
}

/// What keeps apart rows that are made one after the other.
fn stamp() -> String {
    super::now().to_string()
}

/// Warns of addresses that other chassis have on physical networks and that cannot be read.
pub(super) fn check_addresses(name: &str, index: &Index, rows: &Replica) {
    let Some(chassis) = index.chassis.get(name).and_then(|uuid| rows.row::<own::Chassis>(*uuid)) else {
        return;
    };
    let own = chassis.other_config.get(&format!("{ADDRESSES}-{name}"));
    let text = own.or_else(|| chassis.other_config.get(ADDRESSES)).map_or("", |text| &**text);
    for part in unreadable(text) {
        PHYSICAL.warn_limited(
            &UNREADABLE,
            format_args!(
                "Parsing of ovn-chassis-mac-mappings failed for: \"{part}\", the correct format is \"br-name1:MAC1\"."
            ),
        );
    }
}

/// Parts of `NETWORK:MAC,...` in which there is no address.
fn unreadable(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts.filter_map(|part| match part.split_once(':') {
        Some((_, address)) if !address.is_empty() => None,
        Some((network, _)) => Some(network),
        None => Some(part),
    })
}

/// The tunnel ends of a chassis by address, of the best type that each has.
pub(super) fn by_address(chassis: &own::Chassis, rows: &Replica) -> BTreeMap<Text, Uuid> {
    let mut best = BTreeMap::new();
    for kind in TUNNEL_TYPES {
        for encap in chassis.encaps.iter().filter_map(|uuid| rows.row::<own::Encap>(*uuid)) {
            if &*encap.type_ == kind {
                best.entry(encap.ip.clone()).or_insert(encap.uuid);
            }
        }
    }
    best
}

/// Deletes what is registered.
pub(super) fn unregister(name: &str, index: &Index, southbound: &mut Writes) {
    if let Some(row) = index.chassis.get(name) {
        CHASSIS.info(format_args!("unregistering chassis '{name}'"));
        southbound.delete::<own::Chassis>(*row);
    }
    if let Some(row) = index.private.get(name) {
        southbound.delete::<own::ChassisPrivate>(*row);
    }
}

#[cfg(test)]
mod tests {
    use northflow_engine::Transaction;
    use northflow_rules::schema::{Column, Database};

    use super::super::tables;
    use super::*;
    use crate::change::{Edit, RowChange};

    /// What is written to register `c1` with two tunnel ends, where `other` has the first of them.
    fn written(other: &str) -> (String, usize) {
        let mut rows = Replica::new(tables::SOUTHBOUND);
        let mut index = Index::default();
        let text = |text: &str| Text::from(text).to_datum();
        let columns = [("type", text("geneve")), ("ip", text("10.0.0.1")), ("chassis_name", text(other))];
        let change = RowChange {
            database: Database::Southbound,
            table: "Encap".into(),
            uuid: Uuid(5),
            edit: Edit::Insert(columns.into_iter().map(|(name, datum)| (name.into(), datum)).collect()),
        };
        let mut told = Transaction::new();
        rows.apply(&change, &mut told).unwrap();
        index.follow(&told.into_changes().collect::<Vec<_>>());
        let end = |ip: &str| EndPoint { type_: "geneve".into(), ip: ip.into(), options: Default::default() };
        let wanted = Registration {
            name: "c1".into(),
            encaps: vec![end("10.0.0.1"), end("10.0.0.2")],
            hostname: Text::default(),
            other_config: Default::default(),
            transport_zones: Vec::new(),
        };
        let mut writes = Writes::default();
        register(&wanted, &index, &rows, &mut writes);
        let text = String::from_utf8_lossy(writes.finish("").members()).into_owned();
        (text, with_own_ends(&wanted, &index, &rows).encaps.len())
    }

    #[test]
    fn addresses_on_networks_follow_a_colon() {
        let of = |text| unreadable(text).collect::<Vec<_>>();
        assert_eq!(of("a,b:,c:00:00:00:00:00:01,,d"), ["a", "b", "d"]);
        assert_eq!(of(""), Vec::<&str>::new());
    }

    #[test]
    fn tunnel_ends_of_others_are_left_to_them() {
        let (text, tunnels) = written("c2");
        assert!(text.contains("10.0.0.2") && !text.contains(&Uuid(5).to_string()), "{text}");
        assert_eq!(tunnels, 1);
        let (text, tunnels) = written("c1");
        assert!(text.contains("10.0.0.2") && text.contains(&Uuid(5).to_string()), "{text}");
        assert_eq!(tunnels, 2);
    }
}
