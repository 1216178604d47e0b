//! Actions that make the switch learn: next hops of connections and backends of clients.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::encode::Encoder;
use super::endpoint::{Address, parse_endpoint};
use super::parse::{Parser, Result};
use crate::openflow::{Action, Field, Learn, LearnSpec, Subfield};
use crate::register::{self, Flag};
use crate::table;

/// `commit_ecmp_nh(...);`: packets of a connection, and replies, will be known to have a next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitNextHop {
    /// Whether the connection is of IPv6.
    pub ipv6: bool,
    /// Its protocol.
    pub protocol: Protocol,
}

/// `commit_lb_aff(...);`: a client will stay with a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitAffinity {
    /// Address and port that the client talks to; 0 is any.
    pub vip: (IpAddr, u16),
    /// Address and port of the backend; 0 leaves that of the packet.
    pub backend: (IpAddr, u16),
    /// Protocol; `Some` just if the first port is not 0.
    pub protocol: Option<Protocol>,
    /// Seconds without packets after which it may change.
    pub timeout: u16,
}

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are their names")]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    const ALL: [Protocol; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    fn number(self) -> u128 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    /// Fields of its source and destination port.
    fn ports(self) -> (Field, Field) {
        match self {
            Self::Tcp => (Field::named("tcp_src"), Field::named("tcp_dst")),
            Self::Udp => (Field::named("udp_src"), Field::named("udp_dst")),
            Self::Sctp => (Field::named("sctp_src"), Field::named("sctp_dst")),
        }
    }

    /// `proto = PROTOCOL`.
    fn parse(parser: &mut Parser<'_>) -> Result<Protocol> {
        parser.keyword("proto")?;
        let known = Self::ALL.into_iter().find(|protocol| parser.take_id(protocol.name()));
        known.ok_or_else(|| parser.syntax_error("invalid protocol"))
    }
}

/// Ethernet type, and fields of source and destination address.
fn network(ipv6: bool) -> (u128, Field, Field) {
    match ipv6 {
        true => (0x86dd, Field::IPV6_SRC, Field::IPV6_DST),
        false => (0x0800, Field::IP_SRC, Field::IP_DST),
    }
}

fn learn(table: u8, specs: Vec<LearnSpec>) -> Learn {
    Learn { delete_learned: true, specs, ..Learn::new(table) }
}

impl CommitNextHop {
    const IDLE_SECONDS: u16 = 20;
    const HARD_SECONDS: u16 = 30;

    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<CommitNextHop> {
        parser.expect("(")?;
        parser.keyword("ipv6")?;
        let ipv6 = parser.expect_bool()?;
        parser.expect(",")?;
        let protocol = Protocol::parse(parser)?;
        parser.expect(")")?;
        Ok(CommitNextHop { ipv6, protocol })
    }

    pub(super) fn encode(self, encoder: &mut Encoder<'_>) {
        encoder.push(self.learn(true));
        encoder.push(self.learn(false));
    }

    /// The flow for packets of the same direction, with their Ethernet source, or for replies.
    fn learn(self, same: bool) -> Action {
        let (eth_type, source, destination) = network(self.ipv6);
        let (source_port, destination_port) = self.protocol.ports();
        let other = |one: Field, other: Field| LearnSpec::copy(if same { one } else { other }, one);
        let mut specs = vec![LearnSpec::same(Field::METADATA)];
        if same {
            specs.push(LearnSpec::same(Field::ETH_SRC));
        }
        specs.extend([
            LearnSpec::equals(Field::ETH_TYPE, eth_type),
            other(source, destination),
            other(destination, source),
            LearnSpec::equals(Field::IP_PROTO, self.protocol.number()),
            other(source_port, destination_port),
            other(destination_port, source_port),
            LearnSpec::load(1, Flag::ECMP_NH.bit()),
        ]);
        let table = if same { table::ECMP_NH_MAC } else { table::ECMP_NH };
        Action::Learn(Box::new(Learn {
            idle_timeout: Self::IDLE_SECONDS,
            hard_timeout: Self::HARD_SECONDS,
            ..learn(table, specs)
        }))
    }
}

impl fmt::Display for CommitNextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "commit_ecmp_nh(ipv6 = {}, proto = {});", self.ipv6, self.protocol.name())
    }
}

impl CommitAffinity {
    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<CommitAffinity> {
        parser.expect("(")?;
        parser.keyword("vip")?;
        let vip = Self::parse_endpoint(parser)?;
        parser.skip();
        parser.expect(",")?;
        parser.keyword("backend")?;
        let backend = Self::parse_endpoint(parser)?;
        if vip.0.is_ipv4() != backend.0.is_ipv4() {
            return Err(parser.syntax_error("invalid protocol family"));
        }
        parser.skip();
        parser.expect(",")?;
        let mut protocol = None;
        if vip.1 != 0 {
            protocol = Some(Protocol::parse(parser)?);
            parser.expect(",")?;
        }
        parser.keyword("timeout")?;
        let timeout = parser.expect_u16("affinity timeout")?;
        parser.expect(")")?;
        // An address of IPv4 that is mapped to IPv6 is one of IPv4 from here on, and makes the other one too.
        let mut affinity = CommitAffinity { vip, backend, protocol, timeout };
        affinity.vip.0 = vip.0.to_canonical();
        if affinity.vip.0.is_ipv4() && backend.0.is_ipv6() {
            let address = Some(backend.0.to_canonical()).filter(IpAddr::is_ipv4);
            affinity.backend.0 = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        }
        Ok(affinity)
    }

    fn parse_endpoint(parser: &mut Parser<'_>) -> Result<(IpAddr, u16)> {
        let endpoint = parser.at_string().and_then(parse_endpoint);
        endpoint.ok_or_else(|| parser.syntax_error("invalid parameter"))
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let context = encoder.context;
        let (eth_type, source, destination) = network(self.vip.0.is_ipv6());
        let mut specs = vec![
            LearnSpec::same(Field::METADATA),
            LearnSpec::equals(Field::ETH_TYPE, eth_type),
            LearnSpec::same(source),
            LearnSpec::equals(destination, number(self.vip.0)),
        ];
        if let Some(protocol) = self.protocol {
            specs.push(LearnSpec::equals(Field::IP_PROTO, protocol.number()));
            specs.push(LearnSpec::equals(protocol.ports().1, self.vip.1.into()));
        }
        specs.push(LearnSpec::load(1, Flag::LB_AFFINITY.bit()));
        let old = !context.register_consolidation;
        let address = match self.vip.0 {
            IpAddr::V6(_) if old && context.is_switch => register::OLD_AFFINITY_IPV6,
            IpAddr::V6(_) => register::AFFINITY_IPV6,
            IpAddr::V4(_) => register::AFFINITY_IPV4,
        };
        specs.push(LearnSpec::load(number(self.backend.0), Subfield::whole(address)));
        if self.backend.1 != 0 {
            let port = if old { register::OLD_AFFINITY_PORT } else { register::AFFINITY_PORT };
            specs.push(LearnSpec::load(self.backend.1.into(), Subfield::new(port, 0, 16)));
        }
        encoder.push(Action::Learn(Box::new(Learn {
            idle_timeout: self.timeout,
            cookie: (context.flow >> 96) as u64,
            ..learn(table::LB_AFFINITY, specs)
        })));
    }
}

/// An address as the number that it is.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

impl fmt::Display for CommitAffinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "commit_lb_aff(vip = \"{}\", backend = \"{}\"",
            Endpoint(self.vip),
            Endpoint(self.backend)
        )?;
        if let Some(protocol) = self.protocol {
            write!(f, ", proto = {}", protocol.name())?;
        }
        write!(f, ", timeout = {});", self.timeout)
    }
}

struct Endpoint((IpAddr, u16));

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, port) = self.0;
        match address {
            IpAddr::V4(address) => write!(f, "{address}")?,
            IpAddr::V6(_) => write!(f, "[{}]", Address(address))?,
        }
        if port != 0 {
            write!(f, ":{port}")?;
        }
        Ok(())
    }
}
