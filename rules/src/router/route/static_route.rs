//! Routes that are configured (I11, I13): what a row says, and the flows of a route that is alone with
//! its prefix.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::connected::{BFD, CONNECTED, PER_BIT};
use super::held::{self, Kind, Sign};
use super::hop::{Out, Query};
use crate::flow::register::{
    ECMP_GROUP, NEXT_HOP_IP4, NEXT_HOP_IP6, NEXT_HOP_IS_IP4, ROUTE_TABLE, SOURCE_IP4, SOURCE_IP6,
};
use crate::flow::text::ip6;
use crate::flow::{Flow, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::schema::nb;
use crate::value::ip::{self, IpNet};

const STAGE: Stage = Stage::LrInIpRouting;
const SOURCE: &str = "router/route/static_route.rs";
/// What a configured route weighs more than others of its prefix.
const STATIC: u16 = 4;
/// What a learned route does.
const LEARNED: u16 = 2;

/// Where a route comes from; of one prefix those of one origin are a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// options:origin is `connected`: such routes are never grouped.
    Connected,
    /// The CMS.
    Static,
    /// Routers outside, by way of a chassis.
    Learned,
}

/// What packets are looked up by: routes with the same are one group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Destination {
    /// The router.
    pub router: Uuid,
    /// The route table by name; empty for the main one.
    pub table: Text,
    /// The prefix.
    pub prefix: IpNet,
    /// The prefix is of the source address.
    pub by_source: bool,
    /// Where it comes from.
    pub origin: Origin,
}

impl Destination {
    /// Whether the prefix is of IPv4.
    pub fn ip4(&self) -> bool {
        matches!(self.prefix, IpNet::V4(_))
    }

    /// Priority and match. `from`: only for packets from this port; `table`: the number of the table;
    /// `narrower`: there is more in the match.
    pub fn key(&self, from: Option<&Out>, table: u32, narrower: bool) -> (u16, String) {
        let weight = match (self.by_source, self.origin) {
            (true, _) => 0,
            (false, Origin::Connected) => CONNECTED,
            (false, Origin::Static) => STATIC,
            (false, Origin::Learned) => LEARNED,
        };
        let (family, length) = match self.prefix {
            IpNet::V4(net) => (4, net.length),
            IpNet::V6(net) => (6, net.length),
        };
        let from = from.map(|out| format!("{} && ", out.port.is_inport())).unwrap_or_default();
        let known = table != 0 || self.origin != Origin::Connected;
        let table = if known { format!("{ROUTE_TABLE} == {table} && ") } else { String::new() };
        let end = if self.by_source { "src" } else { "dst" };
        let matches = format!("{from}{table}ip{family}.{end} == {}/{length}", self.network());
        (u16::from(length) * PER_BIT + weight + u16::from(narrower), matches)
    }

    /// What flows say of its table.
    pub fn sign_of_table(&self) -> Sign {
        let (priority, matches) = self.key(None, 1, false);
        (self.router, Kind::TableOfRoute, held::in_table(i64::from(priority), &matches, 1).into())
    }

    fn network(&self) -> String {
        match self.prefix {
            IpNet::V4(net) => net.network().to_string(),
            IpNet::V6(net) => ip6(net.network()),
        }
    }

    /// The prefix as text, without a length where it is one address.
    pub fn text(&self) -> String {
        match self.prefix {
            IpNet::V4(net) if net.length == 32 => self.network(),
            IpNet::V6(net) if net.length == 128 => self.network(),
            IpNet::V4(net) => format!("{}/{}", self.network(), net.length),
            IpNet::V6(net) => format!("{}/{}", self.network(), net.length),
        }
    }

    fn link_local(&self) -> bool {
        matches!(self.prefix, IpNet::V6(net) if net.network().is_unicast_link_local())
    }
}

/// Where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NextHop {
    /// Nowhere.
    Discard,
    /// To their destination, which is a neighbour.
    Direct,
    /// To a router.
    Via(IpAddr),
}

/// A row on a router.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// The row.
    pub row: Uuid,
    /// What it matches.
    pub to: Destination,
    /// Where it leads.
    pub next_hop: NextHop,
    /// How the next hop is reached; nothing where packets are dropped.
    pub out: Option<Out>,
    /// options:ecmp_symmetric_reply.
    pub symmetric: bool,
    /// The header fields by which traffic is spread, in order.
    pub fields: Vec<Text>,
}

/// What a row says, before its next hop is looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Spec {
    /// The row.
    pub row: Uuid,
    /// Route table.
    pub table: Text,
    /// The prefix, and as written.
    pub prefix: (IpNet, Text),
    /// The prefix is of the source.
    pub by_source: bool,
    /// Where it comes from.
    pub origin: Origin,
    /// Where it leads, and as written.
    pub next_hop: (NextHop, Text),
    /// The port asked for.
    pub output_port: Option<Text>,
    /// The session that watches the next hop.
    pub bfd: Option<Uuid>,
    /// options:ecmp_symmetric_reply.
    pub symmetric: bool,
    /// Header fields, in order.
    pub fields: Vec<Text>,
}

impl NextHop {
    /// Reads an address with a mask of all ones, if with any, or says what is wrong with it.
    pub fn read(text: &str) -> Result<NextHop, &'static str> {
        match IpNet::parse(text).map_err(|_| "'nexthop'")?.unmapped() {
            Some(IpNet::V4(net)) if net.length == 32 => Ok(NextHop::Via(IpAddr::V4(net.address))),
            Some(IpNet::V6(net)) if net.length == 128 => Ok(NextHop::Via(IpAddr::V6(net.address))),
            _ => Err("next hop mask"),
        }
    }
}

/// Reads the prefix of a route.
pub fn prefix(text: &str) -> Option<IpNet> {
    IpNet::parse(text).ok()?.unmapped()
}

impl Spec {
    /// Reads a row, or says what is wrong with it.
    pub fn read(row: &nb::StaticRoute) -> Result<Spec, String> {
        let written = &*row.nexthop;
        let next_hop = match written {
            "discard" => NextHop::Discard,
            "" => NextHop::Direct,
            _ => NextHop::read(written)
                .map_err(|what| format!("bad {what} {written} in static route {}", row.uuid))?,
        };
        let prefix = prefix(&row.ip_prefix)
            .ok_or_else(|| format!("bad 'ip_prefix' {} in static route {}", row.ip_prefix, row.uuid))?;
        let mut fields = row.selection_fields.clone();
        if fields.iter().any(|field| matches!(&**field, "tp_src" | "tp_dst")) {
            fields.push("ip_proto".into());
        }
        fields.sort();
        fields.dedup();
        Ok(Spec {
            row: row.uuid,
            table: row.route_table.clone(),
            prefix: (prefix, row.ip_prefix.clone()),
            by_source: row.policy.as_deref() == Some("src-ip"),
            origin: match row.options.text("origin") {
                "connected" => Origin::Connected,
                _ => Origin::Static,
            },
            next_hop: (next_hop, row.nexthop.clone()),
            output_port: row.output_port.clone(),
            bfd: row.bfd,
            symmetric: row.options.get_bool("ecmp_symmetric_reply", false),
            fields,
        })
    }

    /// The next hop to look up; nothing where packets are dropped.
    pub fn query(&self, router: Uuid) -> Option<Query> {
        let ip4 = match self.next_hop.0 {
            NextHop::Discard => return None,
            NextHop::Direct => matches!(self.prefix.0, IpNet::V4(_)),
            NextHop::Via(address) => address.is_ipv4(),
        };
        let next_hop = self.next_hop.1.clone();
        let forced = self.origin == Origin::Learned;
        Some(Query { router, port: self.output_port.clone(), next_hop, ip4, forced })
    }

    /// The route on `router`.
    pub fn route(&self, router: Uuid, out: Option<Out>) -> Route {
        let to = Destination {
            router,
            table: self.table.clone(),
            prefix: self.prefix.0,
            by_source: self.by_source,
            origin: self.origin,
        };
        let (symmetric, fields) = (self.symmetric, self.fields.clone());
        Route { row: self.row, to, next_hop: self.next_hop.0, out, symmetric, fields }
    }

    /// What is wrong where the next hop is not reached. `known`: the port asked for is there.
    pub fn complaint(&self, router: &str, known: bool) -> String {
        match &self.output_port {
            Some(port) if !known => format!("Bad out port {port} for static route {}", self.prefix.1),
            _ => {
                let (prefix, next_hop) = (&self.prefix.1, &self.next_hop.1);
                format!("No path for static route {prefix} on router {router}; next hop {next_hop}")
            }
        }
    }
}

impl Route {
    /// Whether the next hop is of IPv4.
    pub fn via_ip4(&self) -> bool {
        match self.next_hop {
            NextHop::Via(address) => address.is_ipv4(),
            _ => self.to.ip4(),
        }
    }

    /// Registers for the next hop and the port's own address, and the next hop.
    pub fn registers(&self) -> (&'static str, &'static str, String) {
        let (next_hop, source) =
            if self.via_ip4() { (NEXT_HOP_IP4, SOURCE_IP4) } else { (NEXT_HOP_IP6, SOURCE_IP6) };
        let text = match self.next_hop {
            NextHop::Via(address) => ip::text(address),
            _ => format!("ip{}.dst", if self.to.ip4() { 4 } else { 6 }),
        };
        (next_hop, source, text)
    }

    /// The flows of a route that is alone with its prefix. `watched`: some session watches a neighbour
    /// of the port; its packets keep their TTL, which has to arrive as 255.
    pub fn flows(&self, table: u32, watched: bool, drop: &Text) -> Vec<Flow> {
        let flow = |priority, matches: String, actions: String| {
            Flow::new(STAGE, priority, matches, actions).hint(self.row).written_in(SOURCE)
        };
        let scope = self.out.as_ref().filter(|_| self.to.link_local());
        let (priority, matches) = self.to.key(scope, table, false);
        let Some(out) = &self.out else {
            return vec![flow(priority, matches, drop.to_string())];
        };
        let (next_hop, source, text) = self.registers();
        let actions = format!(
            "{ECMP_GROUP} = 0; {next_hop} = {text}; {source} = {}; eth.src = {}; outport = {}; \
             flags.loopback = 1; {NEXT_HOP_IS_IP4} = {}; next;",
            out.source,
            out.mac,
            out.port.quoted(),
            u8::from(self.via_ip4())
        );
        let probe = format!("{matches} && udp.dst == {BFD}");
        let probe = watched.then(|| flow(priority + 1, probe, actions.clone()));
        [Some(flow(priority, matches, format!("ip.ttl--; {actions}"))), probe].into_iter().flatten().collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::switch::port::Port;
    use crate::switch::port::tests::lines;
    use crate::value::mac::Mac;

    pub fn out() -> Out {
        Out {
            port: Port { row: Uuid::ZERO, name: "r".into() },
            router: Uuid::ZERO,
            mac: Mac([10, 0, 0, 0, 1, 1]),
            source: "10.0.1.1".into(),
            key: 3,
        }
    }

    pub fn row(prefix: &str, next_hop: &str) -> nb::StaticRoute {
        nb::StaticRoute { ip_prefix: prefix.into(), nexthop: next_hop.into(), ..Default::default() }
    }

    #[test]
    fn a_route_leads_to_its_next_hop() {
        let route =
            Spec::read(&row("192.0.2.9/24", "10.0.1.7")).map(|spec| spec.route(Uuid::ZERO, Some(out())));
        let flows = route.map(|route| lines(&route.flows(0, true, &"drop;".into()))).unwrap_or_default();
        let rest = "reg8[0..15] = 0; reg0 = 10.0.1.7; reg5 = 10.0.1.1; eth.src = 0a:00:00:00:01:01; \
                    outport = \"r\"; flags.loopback = 1; reg9[9] = 1; next; [hint]";
        assert_eq!(
            flows,
            [
                format!("lr_in_ip_routing 196 | reg7 == 0 && ip4.dst == 192.0.2.0/24 | ip.ttl--; {rest}"),
                format!(
                    "lr_in_ip_routing 197 | reg7 == 0 && ip4.dst == 192.0.2.0/24 && udp.dst == 3784 | {rest}"
                ),
            ]
        );
    }

    #[test]
    fn ip4_in_the_form_of_ip6_is_ip4_of_its_own_length() {
        let to = |address: &str| NextHop::Via(address.parse().unwrap());
        assert_eq!(NextHop::read("::ffff:10.0.0.7/32"), Ok(to("10.0.0.7")));
        assert_eq!(NextHop::read("::ffff:10.0.0.7"), Err("next hop mask"));
        assert_eq!(NextHop::read("::10.0.0.7"), Ok(to("::a00:7")));
        assert_eq!(prefix("::ffff:10.0.0.0/8"), prefix("10.0.0.0/8"));
        assert_eq!(prefix("::ffff:10.0.0.0/104"), None);
    }

    #[test]
    fn rows_that_make_no_sense_are_named() {
        let zero = Uuid::ZERO;
        let wrong = |prefix, next_hop| Spec::read(&row(prefix, next_hop)).err();
        assert_eq!(wrong("10.0.0.0/8", "x"), Some(format!("bad 'nexthop' x in static route {zero}")));
        assert_eq!(
            wrong("10.0.0.0/8", "1.2.3.0/24"),
            Some(format!("bad next hop mask 1.2.3.0/24 in static route {zero}"))
        );
        assert_eq!(
            wrong("10.0.0/8", "1.2.3.4"),
            Some(format!("bad 'ip_prefix' 10.0.0/8 in static route {zero}"))
        );
        assert_eq!(wrong("::/0", "discard"), None);
    }
}
