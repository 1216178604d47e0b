//! Addresses that switch ports are given (B28, B29, B30; ovn-nb(5), Logical_Switch `other_config`
//! and Logical_Switch_Port `addresses`, `dynamic_addresses`).
//!
//! A port asks with a `dynamic` entry; the switch says what there is. The choice is kept in the
//! northbound database, so what a port has there stays as long as it can:
//!
//! | part | who goes first | stays | else |
//! |---|---|---|---|
//! | MAC | the one before `dynamic` | any with the network's prefix | the first free one, starting from the last three bytes of the IPv4 address asked for or given |
//! | IPv4 | the one after `dynamic`, if free | any that is still free | the lowest free one, ports by name and row |
//! | IPv6 | the one after `dynamic`, if of the prefix | with the MAC address it goes with, if `dynamic` stands alone | prefix and MAC address (RFC 4291 appendix A) |
//!
//! Free is what no other port of the switch (for MAC addresses: of the network) has by
//! configuration or was given, and what the switch does not exclude. A port for which there is no
//! IPv4 address gets the other parts, and that when there is one. A switch that loses its subnet or
//! prefix takes its addresses back.
//!
//! This is where ovn-northd comes to rest. It gives an address that is asked for even if it cannot
//! be had and takes it back when it reads it again, for ever if it is the broadcast address; here
//! it is not given in the first place.

mod ip4;
mod mac;
mod pool;
mod taken;

use std::net::{Ipv4Addr, Ipv6Addr};

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use self::mac::{from_number, number};
use self::pool::Pool;
use super::switch_port::SwitchPort;
use crate::flow::text::{self, Mac};
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Link, Table, nb};
use crate::switch::port::PortKind;
use crate::value::addresses::{Addresses, DynamicAddress, PortAddress};

/// What is assigned, and what follows from it.
#[derive(Clone, Debug)]
pub struct Ipam {
    /// By Logical_Switch_Port row, what the port's `dynamic` entry stands for: `MAC [IPv4] [IPv6]`.
    pub addresses: Relation<(Uuid, Text)>,
    /// Logical_Switch_Port `dynamic_addresses`, where it is to be written.
    pub writes: Relation<nb::PortDynamicAddresses>,
    /// Configuration that cannot be used or fulfilled.
    pub problems: Relation<Problem>,
}

/// The northbound relations that assignment reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Switches with their pools.
    pub switches: &'a Relation<nb::LogicalSwitch>,
    /// Ports of switches.
    pub switch_ports: &'a Relation<nb::LogicalSwitchPort>,
    /// What they were given.
    pub states: &'a Relation<nb::SwitchPortState>,
    /// Routers: the ports of one that is disabled claim nothing.
    pub routers: &'a Relation<nb::LogicalRouter>,
    /// Ports of routers.
    pub router_ports: &'a Relation<nb::LogicalRouterPort>,
    /// Which router has which port.
    pub listed_router_ports: &'a Relation<Link>,
    /// The first three bytes of every MAC address given: one row.
    pub mac_prefix: &'a Relation<[u8; 3]>,
}

/// A port with a `dynamic` entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Ask {
    row: Uuid,
    name: Text,
    entry: DynamicAddress,
    kept: Option<Kept>,
    /// Whether there are more such entries.
    several: bool,
}

/// What the database holds for a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Kept {
    mac: Mac,
    ip4: Option<Ipv4Addr>,
    ip6: Option<Ipv6Addr>,
}

/// A port on a switch that gives addresses, and which kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Served {
    row: Uuid,
    switch: Uuid,
    ip4: bool,
    prefix: Option<Ipv6Addr>,
}

/// A port with a `dynamic` entry on a switch that gives addresses, with its IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Customer {
    ask: Ask,
    served: Served,
    ip4: Option<u32>,
}

/// Gives addresses to the ports that ask for them.
///
/// ```text
/// claim(switch, ip)  :-  port of the switch, ip in its addresses
/// claim(switch, ip)  :-  port of the switch with options:router-port, ip of that router port
/// ip4(port)          :-  `dynamic` port of the switch; range, claims and other ports of the switch
/// mac(port)          :-  `dynamic` port, ip4(port); MAC addresses of all ports
/// ip6(port)          :-  `dynamic` port, mac(port), prefix of the switch
/// write(port)        :-  dynamic_addresses differs from mac(port), ip4(port), ip6(port)
/// ```
///
/// Cost: a port or an address costs itself; a change of what a switch gives costs the ports of that
/// switch, one of the MAC prefix all ports.
pub fn ipam(ports: &Relation<SwitchPort>, inputs: Inputs<'_>) -> Ipam {
    let pools = inputs.switches.flat_map(|row| Pool::read(row.uuid, &row.other_config).0);
    let served = served(ports, &pools);
    let by_row = served.index_by(|served| served.row).named("ipam.served");
    let held = inputs.states.flat_map(|row| Some((row.uuid, row.dynamic_addresses.clone()?)));
    let asks = inputs
        .switch_ports
        .flat_map(Ask::read)
        .index_by(|ask| ask.row)
        .join_optional(&held.index_by(|(row, _): &(Uuid, Text)| *row), |ask, held| {
            Some(Ask { kept: held.and_then(|(_, text)| Kept::read(text)), ..ask.clone() })
        });
    let customers = asks.index_by(|ask| ask.row).join(&by_row, |ask, served| Customer {
        ask: ask.clone(),
        served: *served,
        ip4: None,
    });

    let wants = customers.filter(|customer| customer.served.ip4).map(|customer| ip4::Request {
        switch: customer.served.switch,
        part: ip4::Part::Want(customer.ip4_want()),
    });
    let ranges = pools.flat_map(|pool| {
        let part = ip4::Part::Range(pool.range.clone()?);
        Some(ip4::Request { switch: pool.switch, part })
    });
    let claims = ip4_claims(&inputs, &served)
        .map(|(switch, address)| ip4::Request { switch: *switch, part: ip4::Part::Claim(*address) })
        .distinct();
    let ip4 = ports
        .builder()
        .union(&[ranges, claims, wants])
        .allocate_by(|request| request.switch, ip4::Addresses::default)
        .named("ipam.ip4");
    let customers = customers.index_by(|customer| customer.ask.row).join_optional(
        &ip4.index_by(|assigned| assigned.owner),
        |customer, assigned| {
            Some(Customer { ip4: assigned.map(|assigned| assigned.address), ..customer.clone() })
        },
    );

    let prefix = inputs.mac_prefix.map(|[a, b, c]| u64::from_be_bytes([0, 0, *a, *b, *c, 0, 0, 0]));
    let wants = customers
        .index_by(|_| ())
        .join(&prefix.index_by(|_| ()), |customer, prefix| mac::Request::Want(customer.mac_want(*prefix)));
    let claims = mac_claims(&inputs, &prefix).map(|mac| mac::Request::Claim(*mac)).distinct();
    let macs = wants.concat(&claims).allocate_by(|_| (), mac::Macs::default).named("ipam.mac");
    let addresses = customers
        .index_by(|customer| customer.ask.row)
        .join(&macs.index_by(|assigned| assigned.owner), |customer, assigned| {
            (customer.ask.row, customer.text(from_number(assigned.mac)))
        });

    let writes = writes(&held, &addresses, ports);
    let problems = ports.builder().union(&[
        inputs.switches.flat_map(|row| Pool::read(row.uuid, &row.other_config).1),
        customers.filter(|customer| customer.ask.several).map(|customer| {
            let name = &customer.ask.name;
            Problem::new(format!("More than one dynamic address configured for logical switch port '{name}'"))
        }),
        customers
            .filter(|customer| customer.served.ip4 && customer.ip4.is_none())
            .map(|customer| customer.served.switch)
            .distinct()
            .map(|switch| Problem::new(format!("{switch}: Subnet address space has been exhausted."))),
    ]);
    Ipam { addresses, writes, problems }
}

/// The ports of switches that give addresses.
fn served(ports: &Relation<SwitchPort>, pools: &Relation<Pool>) -> Relation<Served> {
    let kinds = pools.map(|pool| (pool.switch, pool.range.is_some(), pool.prefix));
    ports.index_by(SwitchPort::switch).join(
        &kinds.index_by(|(switch, _, _)| *switch),
        |port, (_, ip4, prefix)| Served {
            row: port.port.row,
            switch: port.switch,
            ip4: *ip4,
            prefix: *prefix,
        },
    )
}

/// The addresses that a port has by configuration.
fn configured(row: &nb::LogicalSwitchPort) -> impl Iterator<Item = Addresses> + '_ {
    row.addresses.iter().filter_map(|entry| PortAddress::read(entry).fixed())
}

/// The router ports that are in use.
fn live_router_ports(inputs: &Inputs<'_>) -> Relation<nb::LogicalRouterPort> {
    let routers = inputs.routers.filter(|row| row.enabled != Some(false)).map(|row| row.uuid);
    let members = inputs
        .listed_router_ports
        .index_by(Link::owner)
        .semijoin(&routers.index_by(|router| *router))
        .map(|link| link.member);
    inputs
        .router_ports
        .filter(|row| row.enabled != Some(false) && Mac::parse(&row.mac).is_some())
        .index_by(|row| row.uuid)
        .semijoin(&members.index_by(|port| *port))
}

/// IPv4 addresses that are in use on switches that give some, by switch.
fn ip4_claims(inputs: &Inputs<'_>, served: &Relation<Served>) -> Relation<(Uuid, u32)> {
    let served = served.filter(|served| served.ip4).index_by(|served| served.row);
    let bits =
        |addresses: Vec<Ipv4Addr>| -> Vec<u32> { addresses.into_iter().map(Ipv4Addr::to_bits).collect() };
    let rows = inputs.switch_ports.index_by(Table::uuid);
    let configured = rows.join_flat(&served, move |row, served| {
        let addresses = configured(row).flat_map(|address| address.ip4).map(|net| net.address);
        let switch = served.switch;
        bits(addresses.collect()).into_iter().map(move |address| (switch, address))
    });
    let peers = rows.join_flat(&served, |row, served| {
        let peer =
            row.options.get("router-port").filter(|_| PortKind::read(&row.type_) == PortKind::Router)?;
        Some((served.switch, peer.clone()))
    });
    let networks = live_router_ports(inputs).flat_map(move |row| {
        let addresses = row.networks.iter().filter_map(|network| network.split('/').next()?.parse().ok());
        let addresses = bits(addresses.collect());
        (!addresses.is_empty()).then_some((row.name.clone(), addresses))
    });
    let routed = peers.index_by(|(_, peer): &(Uuid, Text)| peer.clone()).join_flat(
        &networks.index_by(|(name, _): &(Text, Vec<u32>)| name.clone()),
        |(switch, _), (_, addresses)| {
            let switch = *switch;
            addresses.clone().into_iter().map(move |address| (switch, address))
        },
    );
    configured.concat(&routed)
}

/// MAC addresses with the prefix that ports have by configuration.
fn mac_claims(inputs: &Inputs<'_>, prefix: &Relation<u64>) -> Relation<u64> {
    let prefix = prefix.everywhere();
    let has = |mac: Mac, prefix: Option<&u64>| {
        let mac = number(mac);
        prefix.is_some_and(|prefix| mac >> 24 == prefix >> 24).then_some(mac)
    };
    let of_switches =
        inputs.switch_ports.index_by(Table::uuid).join_groups((&prefix,), move |row, (prefix,)| {
            let macs = configured(row).filter_map(|address| has(address.mac, prefix.first()));
            macs.collect::<Vec<_>>()
        });
    let of_routers = live_router_ports(inputs)
        .index_by(Table::uuid)
        .join_groups((&prefix,), move |row, (prefix,)| has(Mac::parse(&row.mac)?, prefix.first()));
    of_switches.concat(&of_routers)
}

/// What `dynamic_addresses` lacks, and what stands in it without reason in a port that is `listed` by a switch.
fn writes(
    held: &Relation<(Uuid, Text)>,
    addresses: &Relation<(Uuid, Text)>,
    listed: &Relation<SwitchPort>,
) -> Relation<nb::PortDynamicAddresses> {
    let held = held.index_by(|(row, _): &(Uuid, Text)| *row);
    let wanted = addresses.index_by(|(row, _)| *row);
    let given = wanted.join_optional(&held, |(row, text), held| {
        let same = held.is_some_and(|(_, held)| held == text);
        (!same).then(|| nb::PortDynamicAddresses { uuid: *row, dynamic_addresses: Some(text.clone()) })
    });
    let cleared = held
        .antijoin(&wanted)
        .index_by(|(row, _)| *row)
        .semijoin(&listed.index_by(SwitchPort::row))
        .map(|(row, _)| nb::PortDynamicAddresses { uuid: *row, dynamic_addresses: None });
    given.concat(&cleared)
}

impl Ask {
    fn read(row: &nb::LogicalSwitchPort) -> Option<Ask> {
        let mut entries = row.addresses.iter().filter_map(|entry| DynamicAddress::read(entry));
        let entry = entries.next()?;
        let several = entries.next().is_some();
        Some(Ask { row: row.uuid, name: row.name.clone(), entry, kept: None, several })
    }
}

impl Kept {
    fn read(text: &str) -> Option<Kept> {
        let kept = Addresses::read(text)?;
        Some(Kept { mac: kept.mac, ip4: kept.ips4().next(), ip6: kept.ips6().next() })
    }
}

impl Customer {
    fn ip4_want(&self) -> ip4::Want {
        ip4::Want {
            name: self.ask.name.clone(),
            owner: self.ask.row,
            requested: self.ask.entry.ip4.map(Ipv4Addr::to_bits),
            kept: self.ask.kept.and_then(|kept| kept.ip4).map(Ipv4Addr::to_bits),
        }
    }

    fn mac_want(&self, prefix: u64) -> mac::Want {
        mac::Want {
            name: self.ask.name.clone(),
            owner: self.ask.row,
            fixed: self.ask.entry.mac.map(number),
            kept: self.ask.kept.map(|kept| number(kept.mac)),
            prefix,
            // The address asked for counts even if it cannot be had.
            base: self.ask.entry.ip4.map(Ipv4Addr::to_bits).or(self.ip4).unwrap_or(0),
        }
    }

    /// The addresses as `dynamic_addresses` spells them.
    fn text(&self, mac: Mac) -> Text {
        let mut words = mac.to_string();
        if let Some(ip4) = self.ip4 {
            words.push_str(&format!(" {}", Ipv4Addr::from_bits(ip4)));
        }
        if let Some(prefix) = self.served.prefix {
            words.push_str(&format!(" {}", text::ip6(self.ip6(prefix, mac))));
        }
        words.into()
    }

    fn ip6(&self, prefix: Ipv6Addr, mac: Mac) -> Ipv6Addr {
        let derived = interface_address(prefix, mac);
        if let Some(requested) = self.ask.entry.ip6.address() {
            // The reference asks for the bits of the prefix, not for its length.
            let of_prefix = requested.to_bits() & prefix.to_bits() == prefix.to_bits();
            return if of_prefix { requested } else { derived };
        }
        // Of an entry with a MAC or IPv4 address the reference makes it anew: such text is no IPv6 address.
        let plain = self.ask.entry.mac.is_none() && self.ask.entry.ip4.is_none();
        let kept = self.ask.kept.filter(|kept| plain && kept.mac == mac);
        kept.and_then(|kept| kept.ip6).unwrap_or(derived)
    }
}

/// The address that `mac` makes for itself in the network `prefix` (RFC 4291 appendix A).
fn interface_address(prefix: Ipv6Addr, mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    let interface = u64::from_be_bytes([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f]);
    Ipv6Addr::from_bits(prefix.to_bits() | u128::from(interface))
}

#[cfg(test)]
mod tests;
