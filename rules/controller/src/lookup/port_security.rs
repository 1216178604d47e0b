//! Port security: from and to which addresses a port may send and be sent to (ovn-nb(5), Logical_Switch_Port
//! `port_security`). Packets that it keeps out leave with a flag.

mod entry;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use northflow_engine::Relation;
use northflow_language::openflow::{Action, Field};
use northflow_language::register::{Flag, INPORT, OUTPORT};
use northflow_language::table::{IN_PORT_SEC, IN_PORT_SEC_ND, OUT_PORT_SEC};
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::value::mac::Mac;
use serde::{Deserialize, Serialize};

use self::entry::{Entry, MaskedMac};
use super::{ARP, ICMP6, IP4, IP6, packet};
use crate::inputs::{Local, Southbound};
use crate::physical::build::{Fields, row, set_flag};
use crate::row::{Flow, Row};

const UDP: u8 = 17;
/// ICMPv6: report of listeners, solicitation and advertisement of neighbours, report of version 2.
const LISTENER_REPORT: u8 = 131;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const LISTENER_REPORT_2: u8 = 143;

/// The rows of ports with port security, each on the chassis that has the port.
///
/// Cost: a port costs its rows on its chassis.
pub(super) fn flows(sb: &Southbound, local: &Local) -> Relation<Flow> {
    let here = local.chassis.map(|chassis| chassis.chassis).distinct().index_by(|chassis| *chassis);
    let bound = sb
        .port
        .filter(|port| matches!(&*port.type_, "" | "virtual"))
        .flat_map(|port| {
            let key = u32::try_from(port.tunnel_key).ok()?;
            Some(Bound { uuid: port.uuid, datapath: port.datapath, key, chassis: port.chassis? })
        })
        .index_by(|bound| bound.chassis)
        .semijoin(&here);
    let datapaths = sb.datapath.flat_map(|row| Some((row.uuid, u32::try_from(row.tunnel_key).ok()?)));
    let bound = bound
        .index_by(|bound| bound.datapath)
        .join(&datapaths.index_by(|(uuid, _)| *uuid), |bound, (_, key)| {
            (Port { uuid: bound.uuid, datapath: *key, key: bound.key }, bound.chassis)
        });
    // Of all ports of a network few are here: their rows come last.
    let secured = sb.port_security.filter(|row| !row.port_security.is_empty());
    bound.index_by(|(port, _)| port.uuid).join_flat(
        &secured.index_by(|row| row.uuid),
        |(port, chassis), secured| {
            let chassis = *chassis;
            port.rows(&secured.port_security).into_iter().map(move |row| Flow { chassis, row })
        },
    )
}

/// A port that a chassis has bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Bound {
    uuid: Uuid,
    datapath: Uuid,
    key: u32,
    chassis: Uuid,
}

/// A port with port security, and the numbers of its datapath and of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Port {
    uuid: Uuid,
    datapath: u32,
    key: u32,
}

/// What becomes of a packet.
#[derive(Clone, Copy)]
enum Verdict {
    Allow,
    Deny,
    /// Neighbour discovery is to be looked at first.
    Check,
}

impl Verdict {
    fn action(self) -> Action {
        match self {
            Verdict::Allow => Action::load(0, Flag::PORT_SEC.bit()),
            Verdict::Deny => set_flag(Flag::PORT_SEC),
            Verdict::Check => Action::resubmit(IN_PORT_SEC_ND),
        }
    }
}

/// Rows as they are collected.
struct Rows<'a> {
    port: &'a Port,
    rows: Vec<Row>,
}

impl Port {
    /// Its rows; none if no entry can be read. Of rows of several entries for the same packets the first counts.
    fn rows(&self, entries: &[Text]) -> Vec<Row> {
        let entries: Vec<Entry> = entries.iter().filter_map(|text| Entry::read(text)).collect();
        let mut rows = Rows { port: self, rows: Vec::new() };
        for entry in &entries {
            rows.entry(entry);
        }
        if !entries.is_empty() {
            rows.defaults();
        }
        let mut known = BTreeSet::new();
        rows.rows.retain(|row| known.insert((row.table, row.priority, row.fields.clone())));
        rows.rows
    }

    fn base(&self, port: Field) -> Fields {
        Fields::default().is(Field::METADATA, self.datapath).is(port, self.key)
    }

    /// Packets from it.
    fn sending(&self) -> Fields {
        self.base(INPORT)
    }

    /// Packets to it.
    fn receiving(&self) -> Fields {
        self.base(OUTPORT)
    }
}

fn prefix(length: u8, width: u32) -> u128 {
    let all = u128::MAX >> (128 - width);
    all & !(all.checked_shr(length.into()).unwrap_or(0))
}

impl Rows<'_> {
    fn push(&mut self, table: u8, priority: u16, fields: Fields, verdict: Verdict) {
        self.rows.extend(row(table, priority, fields, self.port.uuid, &[verdict.action()]));
    }

    /// What no entry lets pass is kept out.
    fn defaults(&mut self) {
        let (from, to) = (self.port.sending(), self.port.receiving());
        self.push(IN_PORT_SEC, 80, from.clone(), Verdict::Deny);
        let arp = from.clone().is(Field::ETH_TYPE, ARP);
        self.push(IN_PORT_SEC, 95, arp.clone(), Verdict::Check);
        self.push(IN_PORT_SEC_ND, 80, arp, Verdict::Deny);
        for kind in [ADVERTISEMENT, SOLICITATION] {
            let fields = icmp6(from.clone(), kind).is(packet::NW_TTL, 255u8);
            self.push(IN_PORT_SEC_ND, 80, fields, Verdict::Deny);
        }
        self.push(OUT_PORT_SEC, 80, to, Verdict::Deny);
    }

    fn entry(&mut self, entry: &Entry) {
        let has_addresses = !entry.ip4.is_empty() || !entry.ip6.is_empty();
        // Who sends: the machine, or the virtual routers that it may be, by version of IP.
        let own = [MaskedMac::exact(entry.mac)];
        let (own4, own6) = match entry.is_router() {
            true => (&entry.routers4[..], &entry.routers6[..]),
            false => (&own[..], &own[..]),
        };
        let any: BTreeSet<MaskedMac> = own4.iter().chain(own6).copied().collect();
        if !has_addresses {
            for mac in &any {
                self.push(IN_PORT_SEC, 90, mac.on(self.port.sending(), Field::ETH_SRC), Verdict::Check);
            }
        }
        if !entry.ip4.is_empty() {
            own4.iter().for_each(|mac| self.sends_ip4(entry, mac));
        }
        if !entry.ip4.is_empty() || entry.ip6.is_empty() {
            self.sends_arp(entry, own4);
        }
        if !entry.ip6.is_empty() {
            own6.iter().for_each(|mac| self.sends_ip6(entry, mac));
        }
        self.sends_discovery(entry, own6);
        for mac in &any {
            self.push(OUT_PORT_SEC, 85, mac.on(self.port.receiving(), Field::ETH_DST), Verdict::Allow);
        }
        if has_addresses {
            own4.iter().for_each(|mac| self.receives_ip4(entry, mac));
            own6.iter().for_each(|mac| self.receives_ip6(entry, mac));
        }
    }

    /// IPv4 from its addresses, and what asks for one.
    fn sends_ip4(&mut self, entry: &Entry, mac: &MaskedMac) {
        let base = mac.on(self.port.sending(), Field::ETH_SRC).is(Field::ETH_TYPE, IP4);
        for net in &entry.ip4 {
            let fields = base.clone().bits(Field::IP_SRC, net.value(), net.mask());
            self.push(IN_PORT_SEC, 90, fields, Verdict::Allow);
        }
        let dhcp = base
            .is(Field::IP_SRC, Ipv4Addr::UNSPECIFIED.to_bits())
            .is(Field::IP_DST, Ipv4Addr::BROADCAST.to_bits())
            .is(Field::IP_PROTO, UDP)
            .is(packet::UDP_SRC, 68u16)
            .is(packet::UDP_DST, 67u16);
        self.push(IN_PORT_SEC, 90, dhcp, Verdict::Allow);
    }

    /// ARP that says who it is, and of addresses that it has.
    fn sends_arp(&mut self, entry: &Entry, senders: &[MaskedMac]) {
        let base =
            MaskedMac::exact(entry.mac).on(self.port.sending(), Field::ETH_SRC).is(Field::ETH_TYPE, ARP);
        let with_address =
            entry.ip4.iter().map(|net| base.clone().bits(packet::ARP_SPA, net.value(), net.mask()));
        let bases = if entry.ip4.is_empty() { vec![base.clone()] } else { with_address.collect() };
        for base in bases {
            for mac in senders {
                self.push(IN_PORT_SEC_ND, 90, mac.on(base.clone(), packet::ARP_SHA), Verdict::Allow);
            }
        }
    }

    /// IPv6 from its addresses, and what a machine sends before it has one.
    fn sends_ip6(&mut self, entry: &Entry, mac: &MaskedMac) {
        let base = mac.on(self.port.sending(), Field::ETH_SRC).is(Field::ETH_TYPE, IP6);
        let (local, local_mask) = mac.link_local();
        for (value, mask) in
            entry.ip6.iter().map(|net| (net.value(), net.mask())).chain([(local, local_mask)])
        {
            self.push(IN_PORT_SEC, 90, base.clone().bits(Field::IPV6_SRC, value, mask), Verdict::Check);
        }
        let groups = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0).to_bits();
        let new = base.is(Field::IPV6_SRC, 0u8).bits(Field::IPV6_DST, groups, prefix(16, 128));
        for (kind, verdict) in [
            (LISTENER_REPORT, Verdict::Allow),
            (LISTENER_REPORT_2, Verdict::Allow),
            (SOLICITATION, Verdict::Check),
        ] {
            let fields = icmp6(new.clone(), kind).is(packet::ICMPV6_CODE, 0u8);
            self.push(IN_PORT_SEC, 90, fields, verdict);
        }
    }

    /// Neighbour discovery that says who it is, and of addresses that it has.
    fn sends_discovery(&mut self, entry: &Entry, senders: &[MaskedMac]) {
        let base = MaskedMac::exact(entry.mac).on(self.port.sending(), Field::ETH_SRC);
        let base = |kind| icmp6(base.clone(), kind).is(packet::ICMPV6_CODE, 0u8).is(packet::NW_TTL, 255u8);
        let none = MaskedMac::exact(Mac::ZERO);
        let names = || std::iter::once(&none).chain(senders);
        for mac in names() {
            self.push(IN_PORT_SEC_ND, 90, mac.on(base(SOLICITATION), packet::ND_SLL), Verdict::Allow);
        }
        let mut bases = vec![base(ADVERTISEMENT)];
        if !entry.ip6.is_empty() {
            let of = |value, mask| base(ADVERTISEMENT).bits(packet::ND_TARGET, value, mask);
            bases = vec![of(entry.mac.link_local().to_bits(), u128::MAX)];
            bases.extend(entry.ip6.iter().map(|net| of(net.value(), net.mask())));
        }
        for base in bases {
            for mac in names() {
                self.push(IN_PORT_SEC_ND, 90, mac.on(base.clone(), packet::ND_TLL), Verdict::Allow);
            }
        }
    }

    /// IPv4 to its addresses and to groups, if it has any.
    fn receives_ip4(&mut self, entry: &Entry, mac: &MaskedMac) {
        let base = mac.on(self.port.receiving(), Field::ETH_DST).is(Field::ETH_TYPE, IP4);
        self.push(OUT_PORT_SEC, 90, base.clone(), Verdict::Deny);
        if entry.ip4.is_empty() {
            return;
        }
        let mut allowed = Vec::new();
        for net in &entry.ip4 {
            allowed.push((net.value(), net.mask()));
            allowed.extend(net.broadcast().map(|address| (address, prefix(32, 32))));
        }
        allowed.push((Ipv4Addr::BROADCAST.to_bits().into(), prefix(32, 32)));
        allowed.push((Ipv4Addr::new(224, 0, 0, 0).to_bits().into(), prefix(4, 32)));
        for (value, mask) in allowed {
            self.push(OUT_PORT_SEC, 95, base.clone().bits(Field::IP_DST, value, mask), Verdict::Allow);
        }
    }

    /// IPv6 to its addresses and to groups, if it has any.
    fn receives_ip6(&mut self, entry: &Entry, mac: &MaskedMac) {
        let base = mac.on(self.port.receiving(), Field::ETH_DST).is(Field::ETH_TYPE, IP6);
        self.push(OUT_PORT_SEC, 90, base.clone(), Verdict::Deny);
        if entry.ip6.is_empty() {
            return;
        }
        let groups = (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0).to_bits(), prefix(8, 128));
        let own = entry.ip6.iter().map(|net| (net.value(), net.mask()));
        for (value, mask) in own.chain([mac.link_local(), groups]) {
            self.push(OUT_PORT_SEC, 95, base.clone().bits(Field::IPV6_DST, value, mask), Verdict::Allow);
        }
    }
}

fn icmp6(fields: Fields, kind: u8) -> Fields {
    fields.is(Field::ETH_TYPE, IP6).is(Field::IP_PROTO, ICMP6).is(packet::ICMPV6_TYPE, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(entries: &[&str]) -> Vec<String> {
        let port = Port { uuid: Uuid(1), datapath: 1, key: 2 };
        let entries: Vec<Text> = entries.iter().map(|entry| Text::from(*entry)).collect();
        port.rows(&entries).iter().map(|row| format!("{row:?}")).collect()
    }

    #[test]
    fn nothing_readable_is_no_port_security() {
        assert_eq!(rows(&["no address", "00:00:00:00:00:01 10.0.0"]), Vec::<String>::new());
    }

    #[test]
    fn rows_for_the_same_packets_are_one() {
        assert_eq!(rows(&["00:00:00:00:00:01", "00:00:00:00:00:01"]), rows(&["00:00:00:00:00:01"]));
        assert_eq!(rows(&["00:00:00:00:00:01"]).len(), 13);
    }

    #[test]
    fn an_address_of_a_network_allows_its_broadcast() {
        let has = |text: &str| rows(&["00:00:00:00:00:01 10.0.0.4/24"]).iter().any(|row| row.contains(text));
        assert!(has("ip_dst=10.0.0.255") && has("ip_src=10.0.0.4 "));
        let has = |text: &str| rows(&["00:00:00:00:00:01 10.0.0.0/24"]).iter().any(|row| row.contains(text));
        assert!(!has("ip_dst=10.0.0.255") && has("ip_src=10.0.0.0/24"));
    }
}
