//! `inject-pkt` of ovn-controller(8): a packet in the words of an expression, as if it came from a port of the chassis.

use std::collections::BTreeMap;
use std::sync::Arc;

use northflow_language::expression::{Item, Sets, microflow, parse, set_element};
use northflow_language::lexer::Number;
use northflow_language::openflow::{Action, encode};
use northflow_language::symbol::SymbolTable;
use northflow_language::{register, template};
use northflow_rules::ovsdb::Atom;
use northflow_rules::schema::{Database, own, seen};

use super::core::Core;
use super::local::Local;
use super::packet::compose;
use crate::openflow::PacketOut;

/// OpenFlow ports that may be an interface's.
const PORTS: std::ops::RangeInclusive<i64> = 1..=0xff00;

/// The address sets that a text names.
struct Named(BTreeMap<Arc<str>, Vec<Number>>);

impl Sets for Named {
    fn address_set(&self, name: &str) -> Option<&[Number]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// Groups of ports are known by the datapath, and a packet has none yet.
    fn port_group(&self, _: &str) -> Option<&[Arc<str>]> {
        None
    }
}

impl Core {
    /// Has the switch handle the packet that a microflow describes, from its port on.
    ///
    /// # Errors
    /// Why there is none, as ovn-controller says it.
    pub fn inject(&self, text: &str) -> Result<(), String> {
        let local = Local::new(self.switch.mirror.own(), self.name.as_deref());
        let bridge = local.as_ref().and_then(|local| Some((local, local.bridge?)));
        let (Some((local, bridge)), Some(_)) = (bridge, self.me) else {
            return Err("ovn-controller not ready.".to_owned());
        };
        if !self.connection.is_connected() {
            return Err("OpenFlow channel not ready.".to_owned());
        }
        let unreadable = || format!("Could not parse flow \"{text}\"");
        let text = template::expand(text, |name| self.variable(name)).ok_or_else(unreadable)?;
        let symbols = SymbolTable::logical();
        let said = parse(&text, &symbols).map_err(|error| error.to_string())?;
        let port = |name: &str| {
            let mut plugged = local.interfaces(bridge).map(|(_, interface)| interface);
            plugged.find_map(|interface| {
                let is_it = interface.external_ids.get("iface-id").is_some_and(|id| **id == *name);
                let port = interface.ofport.filter(|port| is_it && PORTS.contains(port))?;
                u32::try_from(port).ok()
            })
        };
        let sets = self.named_sets(&said.names());
        let fields = microflow(&text, &sets, &port, &symbols).map_err(|error| error.to_string())?;
        let ingress = fields.get(register::INPORT).map_or(0, |port| port.value as u16);
        if ingress == 0 {
            return Err("ingress port not found on hypervisor.".to_owned());
        }
        let actions = encode(&[Action::resubmit(0)]).map_err(|error| error.to_string())?;
        let packet = PacketOut::new(ingress, &actions, compose(&fields));
        self.connection.packet(packet.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// A template variable of the chassis.
    fn variable(&self, name: &str) -> Option<&str> {
        let own = &self.registration.as_ref()?.name;
        let rows = self.southbound.mirror.own().rows::<own::TemplateVariables>();
        rows.filter(|row| row.chassis == *own).find_map(|row| row.variables.get(name)).map(|value| &**value)
    }

    fn named_sets(&self, names: &[Item]) -> Named {
        let rows = self.southbound.mirror.program();
        let element = |atom: &Atom| match atom {
            Atom::String(text) => set_element(text),
            _ => None,
        };
        let elements = |name: &str| {
            let set = rows.rows::<seen::AddressSet>().find(|set| &*set.name == name)?;
            let elements = rows.elements(Database::Southbound, "Address_Set", "addresses", set.uuid);
            Some(elements.filter_map(|(atom, _)| element(atom)).collect())
        };
        let set = |item: &Item| match item {
            Item::AddressSet(name) => Some((Arc::clone(name), elements(name)?)),
            _ => None,
        };
        Named(names.iter().filter_map(set).collect())
    }
}
