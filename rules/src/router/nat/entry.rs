//! One translation, read once (J01; ovn-nb(5), NAT).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::flow::text::quote;
use crate::flow::{Flow, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::schema::nb;
use crate::switch::port::Port;
use crate::value::addresses::scan_ips;
use crate::value::ip::{self, parse4_masked, parse6_masked};
use crate::value::mac::Mac;

/// What a translation does (NAT.type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Connections from inside get the outside address.
    Snat,
    /// Connections to the outside address go to the one inside.
    Dnat,
    /// Both.
    DnatAndSnat,
}

impl Kind {
    /// The kind that the column's text names.
    pub fn read(text: &str) -> Kind {
        match text {
            "snat" => Kind::Snat,
            "dnat_and_snat" => Kind::DnatAndSnat,
            _ => Kind::Dnat,
        }
    }

    /// Whether sources are translated.
    pub fn snat(self) -> bool {
        self != Kind::Dnat
    }

    /// Whether destinations are translated.
    pub fn dnat(self) -> bool {
        self != Kind::Snat
    }
}

/// For which addresses outside a translation is, as a set of addresses by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Filter {
    /// Only for these (NAT.allowed_ext_ips).
    Allowed(Text),
    /// For all but these (NAT.exempted_ext_ips).
    Exempted(Text),
}

/// A row of NAT, read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Translation {
    /// The row.
    pub row: Uuid,
    /// What it does.
    pub kind: Kind,
    /// The address outside as the CMS spells it, which is how flows have it.
    pub external_ip: Text,
    /// The same as a value.
    pub external: IpAddr,
    /// The address or network inside as the CMS spells it.
    pub logical_ip: Text,
    /// The length of its prefix.
    pub logical_length: u8,
    /// The MAC address outside.
    pub external_mac: Option<ExternalMac>,
    /// The switch port that has the inside address.
    pub logical_port: Option<Text>,
    /// `PORT` or `FROM-TO`; empty for all.
    pub port_range: Text,
    /// Which packets it is for; empty for all.
    pub matches: Text,
    /// Among translations with a match, the highest wins.
    pub priority: u16,
    /// For which addresses outside it is, if not for all.
    pub filter: Option<Filter>,
    /// options:stateless of a translation in both directions: addresses are exchanged without a look at
    /// the connection.
    pub stateless: bool,
    /// options:add_route of a translation of destinations: other routers get a route to the outside
    /// address.
    pub add_route: bool,
    /// The gateway port that the CMS wants it at.
    pub gateway_port: Option<Uuid>,
}

/// A MAC address that the CMS gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExternalMac {
    /// As it is spelled.
    pub text: Text,
    /// As a value.
    pub mac: Mac,
}

/// Why a row of NAT counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// The outside address does not begin with an address.
    NoExternalIp(Text),
    /// It is more than one.
    SeveralExternalIps(Text),
    /// The MAC address is none.
    ExternalMac(Text),
    /// The address or network inside is none, or not of the family of the outside address.
    LogicalNetwork(Text),
    /// The address inside is no lone address, or not of the family of the outside address.
    LogicalIp(Text),
    /// It names allowed and exempted addresses.
    BothFilters(Uuid),
    /// The gateway port that is named is none of the router.
    GatewayPort(Text),
    /// The router has several gateway ports, and none has the outside address in its networks.
    Undetermined(Text),
}

impl Fault {
    /// What ovn-northd says of it.
    pub fn complaint(&self, router: Uuid, name: &str) -> String {
        match self {
            Fault::NoExternalIp(ip) => {
                format!("Failed to extract ip address {ip} in nat configuration for router {name}")
            }
            Fault::SeveralExternalIps(ip) => {
                format!("Invalid ip address {ip} in nat configuration for router {name}")
            }
            Fault::ExternalMac(mac) => format!("bad mac {mac} for dnat in router {router}"),
            Fault::LogicalNetwork(ip) => {
                format!("bad ip network or ip {ip} for snat in router {router}")
            }
            Fault::LogicalIp(ip) => format!("bad ip {ip} for dnat in router {router}"),
            Fault::BothFilters(row) => {
                format!("NAT rule: {row} not applied, since both allowed and exempt external ips set")
            }
            Fault::GatewayPort(port) => format!(
                "gateway_port: {port} of NAT configured on logical router: {name} is not a valid \
                 distributed gateway port on that router"
            ),
            Fault::Undetermined(ip) => format!(
                "Unable to determine gateway_port for NAT with external_ip: {ip} configured on \
                 logical router: {name} with multiple distributed gateway ports"
            ),
        }
    }
}

impl Translation {
    /// Reads a row, but for the names of its sets of addresses.
    pub fn read(row: &nb::Nat) -> Result<Translation, Fault> {
        let kind = Kind::read(&row.type_);
        let external_ip = row.external_ip.clone();
        let (ip4, ip6, _) = scan_ips(&external_ip);
        if ip4.is_empty() && ip6.is_empty() {
            return Err(Fault::NoExternalIp(external_ip));
        }
        let external_mac = match &row.external_mac {
            Some(text) => match Mac::parse(text) {
                Some(mac) => Some(ExternalMac { text: text.clone(), mac }),
                None => return Err(Fault::ExternalMac(text.clone())),
            },
            None => None,
        };
        let external = match (&ip4[..], &ip6[..]) {
            ([net], []) => IpAddr::V4(net.address),
            ([], [net]) => IpAddr::V6(net.address),
            _ => return Err(Fault::SeveralExternalIps(external_ip)),
        };
        if row.allowed_ext_ips.is_some() && row.exempted_ext_ips.is_some() {
            return Err(Fault::BothFilters(row.uuid));
        }
        let mask = mask_length(external, &row.logical_ip);
        let logical_length = match (kind, mask) {
            (_, Some(Mask { length, .. })) if kind == Kind::Snat => length,
            (_, Some(Mask { length, host: true })) => length,
            (Kind::Snat, _) => return Err(Fault::LogicalNetwork(row.logical_ip.clone())),
            _ => return Err(Fault::LogicalIp(row.logical_ip.clone())),
        };
        Ok(Translation {
            row: row.uuid,
            kind,
            external_ip,
            external,
            logical_ip: row.logical_ip.clone(),
            logical_length,
            external_mac,
            logical_port: row.logical_port.clone(),
            port_range: row.external_port_range.clone(),
            matches: row.match_.clone(),
            priority: row.priority as u16,
            filter: None,
            stateless: stateless(row),
            add_route: kind.dnat() && row.options.get_bool("add_route", false),
            gateway_port: row.gateway_port,
        })
    }

    /// The outside address as northflow spells it.
    pub fn external_text(&self) -> Text {
        ip::text(self.external).into()
    }

    /// The digit of the family of its addresses.
    pub fn family(&self) -> char {
        if self.external.is_ipv6() { '6' } else { '4' }
    }

    /// Whether the CMS wants it to happen on the chassis of the inside address.
    pub fn wants_distribution(&self) -> bool {
        self.kind == Kind::DnatAndSnat && self.logical_port.is_some() && self.external_mac.is_some()
    }
}

/// Whether a row asks for a translation without connections.
pub fn stateless(row: &nb::Nat) -> bool {
    Kind::read(&row.type_) == Kind::DnatAndSnat && row.options.get_bool("stateless", false)
}

/// The mask of an inside address.
struct Mask {
    /// How long the prefix is; of a mask with holes, what ovn-northd counts.
    length: u8,
    /// Whether it has every bit.
    host: bool,
}

/// The mask of the `logical` address, if it is one of the family of `external`.
fn mask_length(external: IpAddr, logical: &str) -> Option<Mask> {
    match external {
        IpAddr::V4(_) => {
            let (_, mask) = parse4_masked(logical).ok()?;
            let bits = mask.to_bits();
            let length = 32 - bits.trailing_zeros().min(32) as u8;
            Some(Mask { length, host: bits == u32::MAX })
        }
        IpAddr::V6(_) => {
            let (_, mask) = parse6_masked(logical).ok()?;
            let bits = mask.to_bits();
            let full = mask.octets().into_iter().take_while(|byte| *byte == 0xff).count();
            let last = mask.octets().get(full).map_or(0, |byte| 8 - byte.trailing_zeros().min(8) as u8);
            Some(Mask { length: 8 * full as u8 + last, host: bits == u128::MAX })
        }
    }
}

/// The gateway port at which a translation happens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Gate {
    /// The router port.
    pub port: Port,
    /// The name of its chassis-redirect port: resident on the chassis that is the gateway now.
    pub redirect: Text,
    /// Its MAC address.
    pub mac: Mac,
    /// The switch port that it leads to has a chassis-redirect port of its own: all that is for the
    /// networks of the gateway port goes to the gateway.
    pub inner: bool,
}

/// A translation of a router. Those that [`Fault`] tells of are not among them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NatEntry {
    /// The translation.
    pub nat: Translation,
    /// The router.
    pub router: Uuid,
    /// The gateway port; none if the router has none, which includes every gateway router.
    pub gate: Option<Gate>,
    /// It happens on the chassis of its logical port, and not on that of the gateway.
    pub distributed: bool,
}

impl NatEntry {
    /// Who says that a chassis may do the translation: the port that has to be there, between quotes.
    /// `None` where the router has no gateway port.
    pub fn resident(&self) -> Option<String> {
        match &self.nat.logical_port {
            Some(port) if self.distributed => Some(format!("\"{port}\"")),
            _ => self.gate.as_ref().map(|gate| quote(&gate.redirect)),
        }
    }

    /// ` && is_chassis_resident(NAME)` with the chassis-redirect port, of translations at the gateway.
    pub fn centrally(&self) -> String {
        match &self.gate {
            Some(gate) if !self.distributed => {
                format!(" && is_chassis_resident({})", quote(&gate.redirect))
            }
            _ => String::new(),
        }
    }

    /// `eth.src = MAC; ` of distributed translations: packets leave with the MAC address outside.
    pub fn own_source(&self) -> String {
        match &self.nat.external_mac {
            Some(given) if self.distributed => format!("eth.src = {}; ", given.mac),
            _ => String::new(),
        }
    }

    /// A flow that the NAT row explains, written in `file` of this folder.
    pub(super) fn flow(
        &self,
        stage: Stage,
        priority: u16,
        matches: impl Into<Text>,
        actions: impl Into<Text>,
    ) -> Flow {
        Flow::new(stage, priority, matches, actions).hint(self.nat.row)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The row that `type external logical` describes.
    pub(in super::super) fn row(kind: &str, external: &str, logical: &str) -> nb::Nat {
        nb::Nat {
            uuid: Uuid(7),
            type_: kind.into(),
            external_ip: external.into(),
            logical_ip: logical.into(),
            ..nb::Nat::default()
        }
    }

    /// The same on a gateway router.
    pub(in super::super) fn entry(row: &nb::Nat) -> NatEntry {
        NatEntry { nat: Translation::read(row).unwrap(), router: Uuid(1), gate: None, distributed: false }
    }

    /// The same at the gateway port `g` of a router.
    pub(in super::super) fn gated(row: &nb::Nat) -> NatEntry {
        let gate = Gate {
            port: Port { row: Uuid(2), name: "g".into() },
            redirect: "cr-g".into(),
            mac: Mac([0, 0, 0, 0, 1, 1]),
            inner: false,
        };
        let nat = Translation::read(row).unwrap();
        let distributed = nat.wants_distribution();
        NatEntry { nat, router: Uuid(1), gate: Some(gate), distributed }
    }

    #[test]
    fn inside_networks_are_for_sources_alone() {
        let length = |kind, external, logical| {
            Translation::read(&row(kind, external, logical)).map(|nat| nat.logical_length)
        };
        assert_eq!(length("snat", "172.16.0.1", "10.0.0.0/24"), Ok(24));
        assert_eq!(length("snat", "172.16.0.1", "10.0.0.0/255.255.0.0"), Ok(16));
        assert_eq!(length("snat", "172.16.0.1", "0.0.0.0/0"), Ok(0));
        assert_eq!(length("snat", "fd00::1", "fd01::/60"), Ok(60));
        assert_eq!(length("snat", "fd00::1", "fd01::/ffff:a000::"), Ok(19));
        assert_eq!(length("dnat", "172.16.0.1", "10.0.0.1"), Ok(32));
        assert_eq!(length("dnat", "fd00::1", "fd01::1/128"), Ok(128));
        assert_eq!(length("dnat", "172.16.0.1", "10.0.0.0/24"), Err(Fault::LogicalIp("10.0.0.0/24".into())));
        assert_eq!(length("snat", "172.16.0.1", "fd01::1"), Err(Fault::LogicalNetwork("fd01::1".into())));
        assert_eq!(length("dnat_and_snat", "fd00::1", "10.0.0.1"), Err(Fault::LogicalIp("10.0.0.1".into())));
    }

    #[test]
    fn outside_there_is_one_address() {
        let external =
            |text| Translation::read(&row("snat", text, "10.0.0.1")).map(|nat| nat.external_text());
        assert_eq!(external("172.16.0.1/24"), Ok("172.16.0.1".into()));
        assert_eq!(external("172.16.0.1 and more"), Ok("172.16.0.1".into()));
        assert_eq!(external("nowhere"), Err(Fault::NoExternalIp("nowhere".into())));
        let two = "172.16.0.1 172.16.0.2";
        assert_eq!(external(two), Err(Fault::SeveralExternalIps(two.into())));
        let mut odd = row("dnat_and_snat", "172.16.0.1", "10.0.0.1");
        odd.external_mac = Some("odd".into());
        assert_eq!(Translation::read(&odd).err(), Some(Fault::ExternalMac("odd".into())));
        let mut both = row("snat", "172.16.0.1", "10.0.0.1");
        (both.allowed_ext_ips, both.exempted_ext_ips) = (Some(Uuid(3)), Some(Uuid(4)));
        assert_eq!(Translation::read(&both).err(), Some(Fault::BothFilters(Uuid(7))));
    }
}
