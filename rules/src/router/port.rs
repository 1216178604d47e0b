//! What the rules of this folder know of a router port: its configuration and what lies around it.

use serde::{Deserialize, Serialize};

use super::meters::Meters;
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};
use crate::ovsdb::Text;
use crate::topology::peer::Peer;
use crate::topology::router_port::RouterPortConfig;
use crate::value::ip::text6;
use crate::value::mac::Mac;

/// A router port, its router, and what lies beyond it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortContext {
    /// The port.
    pub config: RouterPortConfig,
    /// Logical_Router_Port.mac as written.
    pub mac_text: Text,
    /// The switch that it leads to.
    pub switch: Option<PeerSwitch>,
    /// A load balancer of the router works on every chassis (Load_Balancer options:distributed), so
    /// that nothing of the router waits for its gateway.
    pub distributed: bool,
    /// The meters of the router.
    pub meters: Meters,
}

/// The switch behind a router port, and the switch port between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerSwitch {
    /// The address that the switch port answers with for others (options:arp_proxy), if not zero.
    pub proxy: Option<Mac>,
    /// Some port of the switch is of type vtep.
    pub vtep: bool,
    /// Some port of the switch is of type localnet.
    pub localnet: bool,
    /// Packets leave one of those with a VLAN tag.
    pub tagged: bool,
}

impl PortContext {
    /// `inport == "name"`.
    pub fn is_inport(&self) -> String {
        self.config.port.is_inport()
    }

    /// `outport == "name"`.
    pub fn is_outport(&self) -> String {
        self.config.port.is_outport()
    }

    /// The Ethernet address of the port.
    pub fn mac(&self) -> Mac {
        self.config.addresses.given.mac
    }

    /// IPv4 addresses of the port.
    pub fn ip4(&self) -> Vec<String> {
        self.config.addresses.given.ip4.iter().map(|net| net.address.to_string()).collect()
    }

    /// IPv6 addresses of the port, the link-local one last.
    pub fn ip6(&self) -> Vec<String> {
        self.config.addresses.ip6().map(|net| text6(net.address)).collect()
    }

    /// The chassis-redirect port between quotes, if the port is a distributed gateway port.
    pub fn redirect(&self) -> Option<String> {
        self.config.redirect_name().map(quote)
    }

    /// Whether the switch behind the port has hardware VTEPs.
    pub fn leads_to_vtep(&self) -> bool {
        self.switch.as_ref().is_some_and(|switch| switch.vtep)
    }

    /// Whether the router may answer by itself what reaches no service of it: those that translate
    /// addresses may not, for the packet may belong to a connection.
    pub fn answers_unreachable(&self) -> bool {
        !self.config.router.options.is_gateway_router() && !self.config.router.gateways.any()
    }

    /// Whether the port is a gateway whose traffic goes there over the physical network
    /// (options:redirect-type is `bridged`, in any case).
    pub fn bridges(&self) -> bool {
        let kind = self.config.options.redirect_type.as_deref().unwrap_or_default();
        self.config.redirect.is_some() && kind.eq_ignore_ascii_case("bridged")
    }

    /// Whether the port leads to another router.
    pub fn leads_to_router(&self) -> bool {
        matches!(self.config.peer, Some(Peer::Router { .. }))
    }

    /// A flow that the port's row explains.
    pub(crate) fn flow(
        &self,
        stage: Stage,
        priority: u16,
        matches: impl Into<Text>,
        actions: impl Into<Text>,
    ) -> Flow {
        self.config.port.flow(stage, priority, matches, actions)
    }
}

/// `address` if it is the only one, else all of them between braces.
pub fn any_of(addresses: &[String]) -> String {
    match addresses {
        [address] => address.clone(),
        _ => braces(addresses),
    }
}

/// All addresses between braces.
pub fn braces(addresses: &[String]) -> String {
    format!("{{{}}}", addresses.join(", "))
}
