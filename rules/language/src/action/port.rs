//! Actions that name logical ports: virtual ports, service checks, mirrors, forwarding groups.

use std::fmt;

use super::encode::Encoder;
use super::group::{Group, GroupBucket, Selection};
use super::opcode::Opcode;
use super::parse::{Parser, Result};
use crate::openflow::{Action, Field, Port, Subfield};
use crate::register;
use crate::symbol::FieldRef;
use crate::table;

/// `bind_vport("PORT", PARENT);`: a virtual port is where its parent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindVirtualPort {
    /// The virtual port.
    pub port: String,
    /// Its parent.
    pub parent: FieldRef,
}

/// `handle_svc_check(PORT);`: the answer of a backend to a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandleServiceCheck {
    /// Where it came from.
    pub port: FieldRef,
}

/// `mirror("PORT");`: sends a copy to a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The port.
    pub port: String,
}

/// `fwd_group(...);`: sends to one of several ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardingGroup {
    /// Whether only ports count whose tunnel is up.
    pub liveness: bool,
    /// The ports.
    pub ports: Vec<String>,
}

impl BindVirtualPort {
    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<BindVirtualPort> {
        parser.expect("(")?;
        let port = parser.take_string().ok_or_else(|| parser.syntax_error("expecting port name string"))?;
        parser.expect(",")?;
        let parent = parser.argument(0)?;
        parser.expect(")")?;
        Ok(BindVirtualPort { port, parent })
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let Some(key) = encoder.environment.port_key(&self.port) else { return };
        encoder.with_arguments(&[(self.parent.resolve(), register::INPORT)], |encoder| {
            encoder.controller(Opcode::BindVirtualPort, &key.to_be_bytes());
        });
    }
}

impl fmt::Display for BindVirtualPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bind_vport(\"{}\", {});", self.port, self.parent)
    }
}

impl HandleServiceCheck {
    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<HandleServiceCheck> {
        parser.expect("(")?;
        let port = parser.argument(0)?;
        parser.expect(")")?;
        Ok(HandleServiceCheck { port })
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.with_arguments(&[(self.port.resolve(), register::INPORT)], |encoder| {
            encoder.controller(Opcode::HandleServiceCheck, &[]);
        });
    }
}

impl fmt::Display for HandleServiceCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handle_svc_check({});", self.port)
    }
}

impl Mirror {
    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Mirror> {
        parser.expect("(")?;
        let port = parser.take_string().ok_or_else(|| parser.syntax_error("expecting port name string"))?;
        parser.expect(")")?;
        Ok(Mirror { port })
    }

    /// The copy comes from no port, so that it is not kept from going where the packet itself came from.
    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        let Some(key) = encoder.environment.port_key(&self.port) else { return };
        encoder.push(Action::Clone(vec![
            Action::set(Field::IN_PORT, Port::ANY.0.into()),
            Action::load(key.into(), Subfield::whole(register::OUTPORT)),
            Action::resubmit(table::REMOTE_OUTPUT),
        ]));
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mirror(\"{}\");", self.port)
    }
}

impl ForwardingGroup {
    /// After the name.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<ForwardingGroup> {
        let mut group = ForwardingGroup { liveness: false, ports: Vec::new() };
        if !parser.take("(") {
            return Ok(group);
        }
        if parser.take_id("liveness") {
            parser.expect("=")?;
            group.liveness = parser.expect_bool()?;
            parser.expect(",")?;
        }
        if parser.take_id("childports") {
            parser.expect("=")?;
            while !parser.take(")") {
                let expecting = "expecting logical switch port";
                group.ports.push(parser.take_string().ok_or_else(|| parser.syntax_error(expecting))?);
                parser.take(",");
            }
        }
        Ok(group)
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        if let Some(group) = self.group(encoder) {
            encoder.group(&group);
        }
    }

    /// The group, if there are ports and all are known.
    fn group(&self, encoder: &Encoder<'_>) -> Option<Group> {
        let table = encoder.context.output_table;
        let outport = Subfield::new(register::OUTPORT, 0, 16);
        let mut group = Group::new(Selection::of(None));
        for (number, port) in self.ports.iter().enumerate() {
            let key = encoder.environment.port_key(port)?.to_string();
            let watch_port = match self.liveness {
                true => Some(encoder.environment.tunnel_port(port)?),
                false => None,
            };
            let watched = watch_port.map_or(String::new(), |port| format!("watch_port:{},", port.0));
            group.definition += &format!(",bucket={watched}load=0x{key}->{outport},resubmit(,{table})");
            // The reference writes decimal digits there and the switch reads them as hexadecimal ones.
            let read = u128::from_str_radix(&key, 16).unwrap_or(0);
            let actions = vec![Action::load(read, outport), Action::resubmit(table)];
            group.buckets.push(GroupBucket { id: number as u32, weight: 1, watch_port, actions });
        }
        (!self.ports.is_empty()).then_some(group)
    }
}

impl fmt::Display for ForwardingGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fwd_group(")?;
        if self.liveness {
            f.write_str("liveness=\"true\", ")?;
        }
        if !self.ports.is_empty() {
            let ports: Vec<String> = self.ports.iter().map(|port| format!("\"{port}\"")).collect();
            write!(f, "childports={}", ports.join(", "))?;
        }
        f.write_str(");")
    }
}
