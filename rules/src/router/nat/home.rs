//! What of its router, and of the network as a whole, the flows of a translation depend on.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::drop::DropConfig;
use crate::global::chassis::ChassisFeatures;
use crate::global::single;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::nb;
use crate::topology::router::{Router, RouterOptions};
use crate::value::addresses::scan_ips;
use crate::value::ip::text6;

/// What the network as a whole is set to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// Sources and destinations are translated in one zone of conntrack on routers with gateway ports
    /// (NB_Global options:use_common_zone).
    pub common_zone: bool,
    /// All chassis can commit a connection to a zone and look it up there.
    pub zones: bool,
    /// Whether dropped packets are sampled.
    pub drop: DropConfig,
}

/// A router that may translate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Home {
    /// The router.
    pub router: Uuid,
    /// It is on one chassis alone.
    pub gateway_router: bool,
    /// It has distributed gateway ports.
    pub gateways: bool,
    /// options:ct-commit-all.
    pub commit_all: bool,
    /// A port has options:redirect-type `bridged`.
    pub bridged: bool,
    /// Sources of connections whose destination was translated are translated to these
    /// (options:dnat_force_snat_ip).
    pub force_dnat: Forced,
    /// The same for load balancers (options:lb_force_snat_ip).
    pub force_lb: Forced,
    /// Every address of a port is one of those (options:lb_force_snat_ip is `router_ip` on a gateway
    /// router).
    pub force_lb_router_ip: bool,
    /// The network's.
    pub settings: Settings,
}

impl Home {
    /// Whether translations do anything.
    pub fn translates(&self) -> bool {
        self.gateway_router || self.gateways
    }

    /// Whether sources and destinations are translated in one zone.
    pub fn common_zone(&self) -> bool {
        self.settings.common_zone && !self.gateway_router
    }

    /// Whether the options alone make the router look at connections.
    pub fn forces(&self) -> bool {
        self.force_dnat.any() || self.force_lb.any() || self.force_lb_router_ip
    }
}

/// The addresses that sources are translated to whatever they are: one of each family at most, as they
/// are printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Forced {
    /// The IPv4 address.
    pub ip4: Option<Text>,
    /// The IPv6 address.
    pub ip6: Option<Text>,
}

impl Forced {
    /// Reads the option: `IP4`, `IP6` or both; `None` if it is anything else.
    pub fn read(option: &str) -> Option<Forced> {
        let (ip4, ip6, _) = scan_ips(option);
        let hosts = ip4.iter().all(|net| net.length == 32) && ip6.iter().all(|net| net.length == 128);
        (hosts && ip4.len() <= 1 && ip6.len() <= 1 && ip4.len() + ip6.len() > 0).then(|| Forced {
            ip4: ip4.first().map(|net| net.address.to_string().into()),
            ip6: ip6.first().map(|net| text6(net.address).into()),
        })
    }

    /// Whether there are any.
    pub fn any(&self) -> bool {
        self.ip4.is_some() || self.ip6.is_some()
    }

    /// The addresses, each with the digit of its family.
    pub fn addresses(&self) -> impl Iterator<Item = (char, &Text)> {
        self.ip4.iter().map(|ip4| ('4', ip4)).chain(self.ip6.iter().map(|ip6| ('6', ip6)))
    }
}

/// The settings, one row.
pub fn settings(
    options: &Relation<nb::NbGlobalOptions>,
    features: &Relation<ChassisFeatures>,
    drop: &Relation<DropConfig>,
) -> Relation<Settings> {
    let common = options.map(|row| row.options.get_bool("use_common_zone", false));
    let zones = features.map(|features| features.ct_commit_to_zone && features.ct_next_zone);
    let both = single(&common).join(&single(&zones), |common_zone, zones| (*common_zone, *zones));
    single(&both).join(&single(drop), |(common_zone, zones), drop| Settings {
        common_zone: *common_zone,
        zones: *zones,
        drop: *drop,
    })
}

/// The homes of all routers.
///
/// Cost: a router costs itself; a setting of the network, all routers.
pub fn homes(routers: &Relation<Router>, settings: &Relation<Settings>) -> Relation<Home> {
    routers
        .map(home)
        .index_by(|_| ())
        .join(&single(settings), |home, settings| Home { settings: *settings, ..home.clone() })
}

fn home(router: &Router) -> Home {
    let options = &router.options;
    let force_lb_router_ip = forces_router_ip(options);
    let forced = |option: &Option<Text>| option.as_deref().and_then(Forced::read).unwrap_or_default();
    Home {
        router: router.row,
        gateway_router: options.is_gateway_router(),
        gateways: router.gateways.any(),
        commit_all: options.ct_commit_all,
        bridged: router.bridged,
        force_dnat: forced(&options.dnat_force_snat_ip),
        force_lb: if force_lb_router_ip { Forced::default() } else { forced(&options.lb_force_snat_ip) },
        force_lb_router_ip,
        settings: Settings::default(),
    }
}

/// Whether every address of the router's ports is one that load balancers translate to
/// (ovn-nb(5), Logical_Router options:lb_force_snat_ip).
pub fn forces_router_ip(options: &RouterOptions) -> bool {
    options.is_gateway_router() && options.lb_force_snat_ip.as_deref() == Some("router_ip")
}

/// Options that cannot be read.
///
/// Cost: a router costs itself.
pub fn problems(routers: &Relation<Router>) -> Relation<Problem> {
    routers.flat_map(|router| {
        let options = &router.options;
        let lb = options.lb_force_snat_ip.as_ref().filter(|_| !forces_router_ip(options));
        let given: Vec<Text> = options.dnat_force_snat_ip.iter().chain(lb).cloned().collect();
        let row = router.row;
        given
            .into_iter()
            .filter(|text| Forced::read(text).is_none())
            .map(move |text| Problem::new(format!("bad ip {text} in options of router {row}")))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn home() -> Home {
        Home {
            router: Uuid(1),
            gateway_router: false,
            gateways: false,
            commit_all: false,
            bridged: false,
            force_dnat: Forced::default(),
            force_lb: Forced::default(),
            force_lb_router_ip: false,
            settings: Settings { zones: true, ..Settings::default() },
        }
    }

    /// A gateway router without options.
    pub(in super::super) fn gateway_router() -> Home {
        Home { gateway_router: true, ..home() }
    }

    /// A router with a gateway port and without options.
    pub(in super::super) fn with_gateway() -> Home {
        Home { gateways: true, ..home() }
    }

    #[test]
    fn one_address_of_a_family_may_be_forced() {
        let read = |text| Forced::read(text).map(|forced| (forced.ip4, forced.ip6));
        assert_eq!(read("10.0.0.1"), Some((Some("10.0.0.1".into()), None)));
        assert_eq!(read("fd00:0::1"), Some((None, Some("fd00::1".into()))));
        assert_eq!(read("10.0.0.1 fd00::1"), Some((Some("10.0.0.1".into()), Some("fd00::1".into()))));
        for bad in ["10.0.0.1 10.0.0.2", "10.0.0.1/24", "router_ip", ""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
