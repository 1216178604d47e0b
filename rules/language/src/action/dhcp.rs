//! DHCP: options of an answer, and checks by a relay.

use std::fmt;
use std::net::Ipv4Addr;

use super::domain;
use super::encode::{Encoder, result_place};
use super::opcode::Opcode;
use super::options::{OptionKind, OptionValue, Options};
use super::parse::{Parser, Result};
use crate::symbol::{Constant, FieldRef};

/// `RESULT = put_dhcp_opts(...);` and `put_dhcpv6_opts`: makes an answer of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutDhcp {
    /// Whether it is DHCPv6.
    pub ipv6: bool,
    /// Where to say whether there is an answer; one bit.
    pub result: FieldRef,
    /// What it says; for DHCPv4 it has the offered address.
    pub options: Vec<OptionValue>,
}

/// `RESULT = dhcp_relay_req_chk(RELAY, SERVER);` and `dhcp_relay_resp_chk`: checks what is relayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpRelay {
    /// Whether requests or responses are checked.
    pub check: RelayCheck,
    /// Where to say whether it may be relayed; one bit.
    pub result: FieldRef,
    /// Address of the relay.
    pub relay: Ipv4Addr,
    /// Address of the server.
    pub server: Ipv4Addr,
}

/// What a relay checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayCheck {
    /// From a client.
    Request,
    /// From the server.
    Response,
}

/// Options of DHCPv4 that are treated apart.
mod code {
    pub const OFFERED_ADDRESS: u16 = 0;
    pub const BOOTFILE: u16 = 67;
    /// Stands for [`BOOTFILE`] towards clients of iPXE.
    pub const BOOTFILE_ALTERNATIVE: u16 = 254;
    /// Stands for a field of the header.
    pub const NEXT_SERVER: u16 = 253;
}

impl PutDhcp {
    /// After `FIELD =`, if one of them is next.
    pub(super) fn parse(parser: &mut Parser<'_>, result: &FieldRef) -> Result<Option<PutDhcp>> {
        let ipv6 = parser.at_call("put_dhcpv6_opts");
        if !ipv6 && !parser.at_call("put_dhcp_opts") {
            return Ok(None);
        }
        parser.skip();
        parser.skip();
        parser.check(result, 1, true)?;
        let (catalog, of) = match ipv6 {
            true => (parser.catalogs().dhcpv6, "DHCPv6"),
            false => (parser.catalogs().dhcp, "DHCPv4"),
        };
        let options = OptionValue::parse_all(parser, catalog, of)?;
        let dhcp = PutDhcp { ipv6, result: result.clone(), options };
        if !ipv6 && dhcp.option(code::OFFERED_ADDRESS).is_none() {
            return Err(parser.error("put_dhcp_opts requires offerip to be specified."));
        }
        Ok(Some(dhcp))
    }

    /// The first option of a code.
    fn option(&self, code: u16) -> Option<&OptionValue> {
        self.options.iter().find(|option| option.option.code == code)
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let mut payload = result_place(self.result.resolve());
        if self.ipv6 {
            self.options.iter().for_each(|option| put_v6(&mut payload, option));
            encoder.controller(Opcode::PutDhcpv6Options, &payload);
        } else {
            self.put_v4(&mut payload);
            encoder.controller(Opcode::PutDhcpOptions, &payload);
        }
    }

    /// The offered address goes first, then what the answer has in its header, then the other options.
    fn put_v4(&self, payload: &mut Vec<u8>) {
        let first = [code::OFFERED_ADDRESS, code::BOOTFILE, code::BOOTFILE_ALTERNATIVE, code::NEXT_SERVER];
        let apart = first.map(|code| self.option(code));
        if let [Some(offered), ..] = apart {
            payload.extend((offered.number() as u32).to_be_bytes());
        }
        for option in apart.into_iter().skip(1).flatten() {
            let value = match option.option.code {
                code::NEXT_SERVER => (option.number() as u32).to_be_bytes().to_vec(),
                _ => option.text().unwrap_or_default().as_bytes().to_vec(),
            };
            put_short(payload, option.option.code, &value);
        }
        let is_apart =
            |option: &OptionValue| apart.into_iter().flatten().any(|one| std::ptr::eq(one, option));
        for option in self.options.iter().filter(|option| !is_apart(option)) {
            put_v4(payload, option);
        }
    }
}

/// Code and length in one byte each, and a text that is cut to that length.
fn put_short(payload: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = value.len() as u8;
    payload.extend([code as u8, length]);
    payload.extend(&value[..length.into()]);
}

fn put_v4(payload: &mut Vec<u8>, option: &OptionValue) {
    let number = option.number();
    let code = option.option.code;
    match (option.option.kind, option.text()) {
        (OptionKind::Bool | OptionKind::Uint8, _) => put_short(payload, code, &[number as u8]),
        (OptionKind::Uint16, _) => put_short(payload, code, &(number as u16).to_be_bytes()),
        (OptionKind::Uint32, _) => put_short(payload, code, &(number as u32).to_be_bytes()),
        (OptionKind::Str | OptionKind::HostId, Some(text)) => put_short(payload, code, text.as_bytes()),
        (OptionKind::HostId, None) => put_short(payload, code, &(number as u32).to_be_bytes()),
        (OptionKind::Ipv4, _) => {
            let addresses: Vec<u8> =
                option.numbers().flat_map(|address| (address as u32).to_be_bytes()).collect();
            put_long(payload, code, &addresses);
        }
        (OptionKind::StaticRoutes, _) => put_long(payload, code, &static_routes(&option.values)),
        (OptionKind::Domains, Some(names)) => put_long(payload, code, &domain::compressed(names)),
        _ => payload.extend([code as u8, 0]),
    }
}

/// Code and length in one byte each, and all of the value even if the length is cut.
fn put_long(payload: &mut Vec<u8>, code: u16, value: &[u8]) {
    payload.extend([code as u8, value.len() as u8]);
    payload.extend(value);
}

/// Pairs of a prefix and a next hop, each as length of the prefix, its bytes that matter, and the next hop
/// (RFC 3442).
fn static_routes(values: &[Constant]) -> Vec<u8> {
    let mut out = Vec::new();
    for pair in values.chunks_exact(2) {
        let [Constant::Integer(prefix), Constant::Integer(next_hop)] = pair else { continue };
        let length = prefix.mask.map_or(32, |mask| (mask as u32).count_ones());
        out.push(length as u8);
        out.extend(&(prefix.value as u32).to_be_bytes()[..length.div_ceil(8) as usize]);
        out.extend((next_hop.value as u32).to_be_bytes());
    }
    out
}

fn put_v6(payload: &mut Vec<u8>, option: &OptionValue) {
    let value = match (option.option.kind, option.text()) {
        (OptionKind::Ipv6, _) => option.numbers().flat_map(u128::to_be_bytes).collect(),
        (OptionKind::Mac, _) => (option.number() as u64).to_be_bytes()[2..].to_vec(),
        (OptionKind::Str, Some(text)) => text.as_bytes().to_vec(),
        (OptionKind::Domain, Some(name)) => domain::labels(name),
        _ => Vec::new(),
    };
    payload.extend(option.option.code.to_be_bytes());
    payload.extend((value.len() as u16).to_be_bytes());
    payload.extend(value);
}

impl fmt::Display for PutDhcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.ipv6 { "put_dhcpv6_opts" } else { "put_dhcp_opts" };
        write!(f, "{} = {name}({});", self.result, Options(&self.options))
    }
}

impl DhcpRelay {
    /// After `FIELD =`, if one of them is next.
    pub(super) fn parse(parser: &mut Parser<'_>, result: &FieldRef) -> Result<Option<DhcpRelay>> {
        let check = match () {
            () if parser.take_id("dhcp_relay_req_chk") => RelayCheck::Request,
            () if parser.take_id("dhcp_relay_resp_chk") => RelayCheck::Response,
            () => return Ok(None),
        };
        parser.expect("(")?;
        parser.check(result, 1, true)?;
        let both = "expecting IPv4 dhcp relay and server ips";
        let relay = parser.take_ipv4().ok_or_else(|| parser.syntax_error(both))?;
        parser.take(",");
        let one = "expecting IPv4 dhcp server ip";
        let server = parser.take_ipv4().ok_or_else(|| parser.syntax_error(one))?;
        parser.expect(")")?;
        Ok(Some(DhcpRelay { check, result: result.clone(), relay, server }))
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let mut payload = result_place(self.result.resolve());
        payload.extend(self.relay.octets());
        payload.extend(self.server.octets());
        let opcode = match self.check {
            RelayCheck::Request => Opcode::DhcpRelayRequest,
            RelayCheck::Response => Opcode::DhcpRelayResponse,
        };
        encoder.controller(opcode, &payload);
    }
}

impl fmt::Display for DhcpRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.check {
            RelayCheck::Request => "dhcp_relay_req_chk",
            RelayCheck::Response => "dhcp_relay_resp_chk",
        };
        write!(f, "{} = {name}({}, {});", self.result, self.relay, self.server)
    }
}
