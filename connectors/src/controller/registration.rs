//! The chassis' own rows in the southbound database: Chassis, its tunnel ends, Chassis_Private.

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::chassis::registration::{EndPoint, Registration, TUNNEL_TYPES, is_known};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{key_uuid, own};

use super::index::Index;
use super::writes::Writes;
use crate::process::vlog::modules::CHASSIS;
use crate::replica::Replica;

/// Writes what differs between what is registered and what is to be.
///
/// Cost: the chassis' own rows; where another chassis has an address of this one, all tunnel ends.
pub(super) fn register(wanted: &Registration, index: &Index, rows: &Replica, southbound: &mut Writes) {
    let known = index.chassis.get(&wanted.name).and_then(|uuid| rows.row::<own::Chassis>(*uuid));
    let known = known.or_else(|| renamed(wanted, index, rows));
    let uuid = known.map_or_else(|| key_uuid("Chassis", &[&wanted.name, &stamp()]), |row| row.uuid);
    let encaps = encaps(wanted, known, index, rows, southbound);
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
            if row.name != wanted.name {
                southbound.set::<own::Chassis>(uuid, "name", &wanted.name);
            }
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

/// A row that was this chassis' under another name: one with the same tunnel end.
fn renamed<'a>(wanted: &Registration, index: &Index, rows: &'a Replica) -> Option<&'a own::Chassis> {
    let is_own = |row: &&own::Encap| {
        wanted.encaps.iter().any(|encap| (&encap.type_, &encap.ip) == (&row.type_, &row.ip))
    };
    let name = rows.rows::<own::Encap>().find(is_own)?.chassis_name.clone();
    let row = rows.row::<own::Chassis>(*index.chassis.get(&name)?)?;
    CHASSIS
        .warn(format_args!("'{name}' has a tunnel end of this chassis; it is renamed to '{}'", wanted.name));
    Some(row)
}

/// The tunnel ends that the chassis is to have; inserts and changes what differs.
fn encaps(
    wanted: &Registration,
    known: Option<&own::Chassis>,
    index: &Index,
    rows: &Replica,
    southbound: &mut Writes,
) -> Vec<Uuid> {
    let of = known.map_or(&wanted.name, |row| &row.name);
    let held = index.encaps.get(of).into_iter().flatten();
    let mut held: BTreeMap<(&str, &str), &own::Encap> = held
        .filter_map(|uuid| rows.row::<own::Encap>(*uuid))
        .map(|row| ((&*row.type_, &*row.ip), row))
        .collect();
    let mut uuids = Vec::new();
    for EndPoint { type_, ip, options } in &wanted.encaps {
        match held.remove(&(&**type_, &**ip)) {
            Some(row) => {
                if row.options != *options {
                    southbound.set::<own::Encap>(row.uuid, "options", options);
                }
                if row.chassis_name != wanted.name {
                    southbound.set::<own::Encap>(row.uuid, "chassis_name", &wanted.name);
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

/// What keeps apart rows that are made one after the other.
fn stamp() -> String {
    super::now().to_string()
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
