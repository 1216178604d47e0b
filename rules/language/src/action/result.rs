//! `FIELD = function();`: questions about the packet, without arguments.

use std::fmt;

use super::encode::{Encoder, result_place};
use super::opcode::Opcode;
use super::parse::{Parser, Result};
use crate::openflow::{Action, Subfield};
use crate::register::{self, Flag};
use crate::symbol::FieldRef;
use crate::table;

/// Writes the answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultAction {
    /// The question.
    pub kind: ResultKind,
    /// Where to; as many bits as the answer has.
    pub result: FieldRef,
}

/// A question about the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultKind {
    /// Whether the controller could answer a DNS query.
    DnsLookup,
    /// Whether the connection is balanced back to its origin.
    LbHairpin,
    /// Whether it is a reply on such a connection.
    LbHairpinReply,
    /// Whether port security forbids the packet from its port.
    InPortSecurity,
    /// Whether port security forbids the packet to its port.
    OutPortSecurity,
    /// Whether the next hop of the connection is known, and its Ethernet address is the source.
    NextHopMac,
    /// Whether the next hop of the connection is known.
    NextHop,
    /// Whether the client stays with a backend.
    Affinity,
    /// Original IPv4 destination of the connection.
    OriginalIpv4,
    /// Original IPv6 destination of the connection.
    OriginalIpv6,
    /// Original destination port of the connection.
    OriginalPort,
    /// Protocol of the connection.
    OriginalProtocol,
    /// State of connection tracking.
    ConntrackState,
}

/// What is known of a question.
struct Known {
    kind: ResultKind,
    name: &'static str,
    bits: u16,
    answer: Answer,
}

/// Who has the answer.
#[derive(Clone, Copy)]
enum Answer {
    /// The controller.
    Controller(Opcode),
    /// A table, which sets a flag.
    Flag(u8, Flag),
    /// A table, which writes to the low bits of [`register::RESULT`], whose content is kept.
    Register(u8),
    /// A table, which writes to the low bits of [`register::CT_STATE`].
    State(u8),
}

const KNOWN: [Known; 13] = [
    known(ResultKind::DnsLookup, "dns_lookup", 1, Answer::Controller(Opcode::DnsLookup)),
    known(ResultKind::LbHairpin, "chk_lb_hairpin", 1, Answer::Flag(table::LB_HAIRPIN, Flag::LB_HAIRPIN)),
    known(
        ResultKind::LbHairpinReply,
        "chk_lb_hairpin_reply",
        1,
        Answer::Flag(table::LB_HAIRPIN_REPLY, Flag::LB_HAIRPIN),
    ),
    known(
        ResultKind::InPortSecurity,
        "check_in_port_sec",
        1,
        Answer::Flag(table::IN_PORT_SEC, Flag::PORT_SEC),
    ),
    known(
        ResultKind::OutPortSecurity,
        "check_out_port_sec",
        1,
        Answer::Flag(table::OUT_PORT_SEC, Flag::PORT_SEC),
    ),
    known(ResultKind::NextHopMac, "chk_ecmp_nh_mac", 1, Answer::Flag(table::ECMP_NH_MAC, Flag::ECMP_NH)),
    known(ResultKind::NextHop, "chk_ecmp_nh", 1, Answer::Flag(table::ECMP_NH, Flag::ECMP_NH)),
    known(ResultKind::Affinity, "chk_lb_aff", 1, Answer::Flag(table::LB_AFFINITY, Flag::LB_AFFINITY)),
    known(ResultKind::OriginalIpv4, "ct_nw_dst", 32, Answer::Register(table::CT_ORIG_NW_DST)),
    known(ResultKind::OriginalIpv6, "ct_ip6_dst", 128, Answer::Register(table::CT_ORIG_IP6_DST)),
    known(ResultKind::OriginalPort, "ct_tp_dst", 16, Answer::Register(table::CT_ORIG_TP_DST)),
    known(ResultKind::OriginalProtocol, "ct_proto", 8, Answer::Register(table::CT_ORIG_PROTO)),
    known(ResultKind::ConntrackState, "ct_state_save", 8, Answer::State(table::CT_STATE_SAVE)),
];

const fn known(kind: ResultKind, name: &'static str, bits: u16, answer: Answer) -> Known {
    Known { kind, name, bits, answer }
}

impl ResultKind {
    fn known(self) -> &'static Known {
        KNOWN.iter().find(|known| known.kind == self).unwrap_or(&KNOWN[0])
    }
}

impl ResultAction {
    /// After `FIELD =`, if one of the questions is next.
    pub(super) fn parse(parser: &mut Parser<'_>, result: &FieldRef) -> Result<Option<ResultAction>> {
        let Some(known) = KNOWN.iter().find(|known| parser.at_call(known.name)) else { return Ok(None) };
        parser.skip();
        parser.skip();
        if !parser.take(")") {
            return Err(parser.error(format!("{} doesn't take any parameters", known.name)));
        }
        parser.check(result, known.bits, true)?;
        if known.kind == ResultKind::DnsLookup {
            parser.require("udp");
        }
        Ok(Some(ResultAction { kind: known.kind, result: result.clone() }))
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let known = self.kind.known();
        let result = self.result.resolve();
        let low_bits = |field| Subfield::new(field, 0, known.bits);
        match known.answer {
            Answer::Controller(opcode) => encoder.controller(opcode, &result_place(result)),
            Answer::Flag(table, flag) => ask(encoder, table, flag.bit(), result),
            Answer::State(table) => ask(encoder, table, low_bits(register::CT_STATE), result),
            Answer::Register(table) => {
                let scratch = low_bits(register::RESULT);
                // Bits of the register that the answer goes to itself cannot be kept.
                let kept = result.field != scratch.field || result.offset >= scratch.bits;
                if kept {
                    encoder.push(Action::Push(scratch));
                }
                ask(encoder, table, scratch, result);
                if kept {
                    encoder.push(Action::Pop(scratch));
                }
            }
        }
    }
}

/// Clears the bits in which a table answers, asks it, and copies the answer.
fn ask(encoder: &mut Encoder<'_>, table: u8, answer: Subfield, result: Subfield) {
    for offset in (0..answer.bits).step_by(64) {
        let bits = (answer.bits - offset).min(64);
        encoder.load(0, Subfield::new(answer.field, answer.offset + offset, bits));
    }
    encoder.resubmit(table);
    encoder.copy(answer, result);
}

impl fmt::Display for ResultAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}();", self.result, self.kind.known().name)
    }
}
