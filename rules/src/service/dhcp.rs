//! Who is served by DHCP, and where questions enter: what [`super::dhcpv4`] and
//! [`super::dhcpv6`] share.
//!
//! ```text
//! client(port, entry)  :-  port with DHCP options, enabled, no router port, no relay on its switch;
//!                          entry = the port itself,
//!                          or of an external port with an HA group each localnet port of the switch
//! flow(switch)         :-  client(port, entry), DHCP_Options row of the port
//! ```

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::{dhcpv4, dhcpv6};
use crate::flow::Flow;
use crate::flow::row::{Placed, place};
use crate::flow::text::quote;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::nb;
use crate::switch::port::{Port, PortKind};
use crate::topology::switch_port::PortConfig;
use crate::value::addresses::Addresses;

/// A port whose addresses are given out, and where its questions enter the switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Client {
    /// The port.
    pub port: Port,
    /// Its switch.
    pub switch: Uuid,
    /// The port through which the client speaks: itself, or a localnet port if it is external.
    pub entry: Port,
    /// Its addresses.
    pub addresses: Vec<Addresses>,
    /// options:hostname.
    pub hostname: Option<Text>,
    v4: Option<Uuid>,
    v6: Option<Uuid>,
}

impl Client {
    /// Whether the client speaks through its own port.
    pub fn is_local(&self) -> bool {
        self.port == self.entry
    }

    /// What a match asks for besides: only one chassis answers for an external port.
    pub fn residence(&self) -> String {
        match self.is_local() {
            true => String::new(),
            false => format!(" && is_chassis_resident({})", quote(&self.port.name)),
        }
    }
}

/// What follows for one client.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Served {
    /// Its flows.
    pub flows: Vec<Flow>,
    /// What is wrong, once.
    pub problem: Option<Problem>,
}

impl Served {
    /// Says what is wrong.
    pub fn complain(&mut self, message: String) {
        self.problem = Some(Problem::new(message));
    }
}

/// The options of an action: `name = value, ...`.
pub fn listed<'a>(options: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let options: Vec<String> = options.into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
    options.join(", ")
}

/// What is said by DHCP to all clients, and what is wrong with it.
///
/// Cost: a port costs itself; a DHCP_Options row, the ports that refer to it; a localnet port, the
/// external ports of its switch.
pub fn dhcp(
    switches: &Relation<nb::LogicalSwitch>,
    ports: &Relation<PortConfig>,
    rows: &Relation<nb::DhcpOptions>,
) -> (Relation<Placed>, Relation<Problem>) {
    let clients = clients(switches, ports);
    let rows = rows.index_by(|row| Some(row.uuid));
    let v4 = clients.filter(|client| client.v4.is_some()).index_by(|client| client.v4);
    let v6 = clients.filter(|client| client.v6.is_some()).index_by(|client| client.v6);
    let served = v4
        .join(&rows, |client, row| (client.switch, dhcpv4::client(client, row)))
        .concat(&v6.join(&rows, |client, row| (client.switch, dhcpv6::client(client, row))));
    let placed = served.flat_map(|(switch, served)| place(*switch, served.flows.clone()).collect::<Vec<_>>());
    let problems = served.flat_map(|(_, served)| served.problem.clone()).distinct();
    (placed, problems)
}

/// The clients of all switches that do not relay their questions to a router
/// (other_config:dhcp_relay_port).
fn clients(switches: &Relation<nb::LogicalSwitch>, ports: &Relation<PortConfig>) -> Relation<Client> {
    let relayed = switches.filter(|row| row.other_config.contains("dhcp_relay_port")).map(|row| row.uuid);
    let own = ports.flat_map(|port| {
        let dhcp = port.dhcp.as_ref()?;
        let client = Client {
            port: port.port.clone(),
            switch: port.switch,
            entry: port.port.clone(),
            addresses: port.addresses.clone(),
            hostname: dhcp.hostname.clone(),
            v4: dhcp.v4,
            v6: dhcp.v6,
        };
        Some((port.kind == PortKind::External, client))
    });
    let served = own.index_by(|(_, client)| client.switch).antijoin(&relayed.index_by(|switch| *switch));
    let local = served.filter(|(external, _)| !external).map(|(_, client)| client.clone());
    let entries =
        ports.filter(|port| port.kind == PortKind::Localnet).map(|port| (port.switch, port.port.clone()));
    let external = served.filter(|(external, _)| *external).index_by(|(_, client)| client.switch).join(
        &entries.index_by(|(switch, _)| *switch),
        |(_, client), (_, entry)| Client { entry: entry.clone(), ..client.clone() },
    );
    local.concat(&external)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port};

    /// A client of one address; `entry` is the localnet port before it, if it is external.
    pub(crate) fn client(address: &str, entry: Option<&str>, hostname: Option<&str>) -> Client {
        Client {
            port: port("p1"),
            switch: Uuid(1),
            entry: port(entry.unwrap_or("p1")),
            addresses: Addresses::read(address).into_iter().collect(),
            hostname: hostname.map(Text::from),
            v4: None,
            v6: None,
        }
    }

    /// A row of options.
    pub(crate) fn row(cidr: &str, options: &[(&str, &str)]) -> nb::DhcpOptions {
        let options = options.iter().map(|(name, value)| (Text::from(*name), Text::from(*value))).collect();
        nb::DhcpOptions { uuid: Uuid(9), cidr: cidr.into(), options }
    }

    /// The flows as lines, and the problem.
    pub(crate) fn said(served: &Served) -> (Vec<String>, Option<String>) {
        (lines(&served.flows), served.problem.as_ref().map(|problem| problem.message.to_string()))
    }
}
