//! What the program has been told of the chassis itself.

use std::collections::{BTreeMap, BTreeSet};

use northflow_controller::local;
use northflow_engine::Transaction;
use northflow_rules::ovsdb::{Text, Uuid};

/// A row of an input that no database has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    Switch(local::Switch),
    Chassis(local::Chassis),
    Interface(local::Interface),
    Mtu(local::Mtu),
    Tunnel(local::Tunnel),
    SharedTunnel(local::SharedTunnel),
    TunnelOption(local::TunnelOption),
    Alive(local::Alive),
    Patch(local::Patch),
}

impl Row {
    fn change(self, transaction: &mut Transaction, comes: bool) {
        macro_rules! tell {
            ($($kind:ident: $input:literal),+) => {
                match self {
                    $(Row::$kind(row) if comes => transaction.insert($input, row),
                    Row::$kind(row) => transaction.remove($input, row),)+
                }
            };
        }
        tell!(
            Switch: "local.Switch",
            Chassis: "local.Chassis",
            Interface: "local.Interface",
            Mtu: "local.Mtu",
            Tunnel: "local.Tunnel",
            SharedTunnel: "local.SharedTunnel",
            TunnelOption: "local.TunnelOption",
            Alive: "local.Alive",
            Patch: "local.Patch"
        );
    }
}

/// The rows that the program has.
#[derive(Debug, Default)]
pub(super) struct Told {
    rows: BTreeSet<Row>,
    zones: BTreeMap<Text, local::Zone>,
}

impl Told {
    /// Tells what is other than before.
    ///
    /// Cost: all rows.
    pub fn tell(&mut self, now: BTreeSet<Row>, transaction: &mut Transaction) {
        for row in self.rows.difference(&now) {
            row.clone().change(transaction, false);
        }
        for row in now.difference(&self.rows) {
            row.clone().change(transaction, true);
        }
        self.rows = now;
    }

    /// A zone has another number, or none any more.
    pub fn tell_zone(
        &mut self,
        chassis: Uuid,
        name: &Text,
        number: Option<u16>,
        transaction: &mut Transaction,
    ) {
        let before = match number {
            Some(number) => {
                let zone = local::Zone { chassis, name: name.clone(), number };
                if self.zones.get(name) == Some(&zone) {
                    return;
                }
                transaction.insert("local.Zone", zone.clone());
                self.zones.insert(name.clone(), zone)
            }
            None => self.zones.remove(name),
        };
        if let Some(before) = before {
            transaction.remove("local.Zone", before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let (mut told, mut transaction) = (Told::default(), Transaction::new());
        let patch = |ofport| Row::Patch(local::Patch { chassis: Uuid(1), port: "p".into(), ofport });
        told.tell([patch(1), patch(2)].into(), &mut transaction);
        told.tell([patch(2), patch(3)].into(), &mut transaction);
        assert_eq!(transaction.len(), 4);
        let mut transaction = Transaction::new();
        for number in [Some(1), Some(1), Some(2), None, None] {
            told.tell_zone(Uuid(1), &"z".into(), number, &mut transaction);
        }
        assert_eq!(transaction.len(), 4);
    }
}
