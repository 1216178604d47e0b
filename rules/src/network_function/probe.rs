//! Probes of network functions (N02; ovn-nb(5), Network_Function `health_check`): a chassis sends them in by
//! one port and expects them at the other.

use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::Function;
use super::active::target;
use crate::global::{identity, single};
use crate::northd::Northbound;
use crate::ovsdb::Text;
use crate::problem::Problem;
use crate::schema::Map;
use crate::schema::nb::NbGlobalOptions;
use crate::service::monitor::{Kind, PortState, Probe};

/// Where probes come from and go to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Addresses {
    source: Option<Text>,
    /// The destination, if it is an address.
    pub destination: Option<Text>,
    source_mac: Text,
    destination_mac: Text,
}

/// A function that is to be probed, and its ports as far as they are there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Checked {
    function: Function,
    options: Map,
    addresses: Addresses,
    outport: Option<Side>,
    inport: Option<Side>,
}

/// A port that is there: the chassis that has bound it, if one has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Side {
    name: Text,
    chassis: Option<Text>,
}

/// What is asked of monitors.
#[derive(Clone, Debug)]
pub struct Probes {
    /// The probes.
    pub probes: Relation<Probe>,
    /// Functions that cannot be probed.
    pub problems: Relation<Problem>,
}

/// NB_Global options:svc_monitor_ip and svc_monitor_ip_dst, and the MAC addresses; one row.
///
/// Cost: one row in, one row out.
pub fn addresses(options: &Relation<NbGlobalOptions>) -> Relation<Addresses> {
    let ips = options.map(|row| {
        let address = |option| row.options.get(option).filter(|text| text.parse::<IpAddr>().is_ok()).cloned();
        (address("svc_monitor_ip"), address("svc_monitor_ip_dst"))
    });
    single(&ips).join(&single(&identity::monitor_macs(options)), |(source, destination), macs| Addresses {
        source: source.clone(),
        destination: destination.clone(),
        source_mac: macs.source.clone(),
        destination_mac: macs.destination.clone(),
    })
}

/// The probes of functions with a health check.
///
/// Cost: a function costs itself; a port, the functions that have it.
pub fn probes(
    nb: &Northbound,
    functions: &Relation<Function>,
    addresses: &Relation<Addresses>,
    ports: &Relation<PortState>,
) -> Probes {
    let asked = functions.filter(|function| function.check.is_some()).index_by(|function| function.check);
    let asked = asked
        .join(&nb.network_function_health_check.index_by(|row| Some(row.uuid)), |function, row| {
            (function.clone(), row.options.clone())
        });
    let asked = single(&asked).join(&single(addresses), |(function, options), addresses| Checked {
        function: function.clone(),
        options: options.clone(),
        addresses: addresses.clone(),
        outport: None,
        inport: None,
    });
    let ports = ports.index_by(PortState::name);
    let side = |port: Option<&PortState>| {
        port.map(|port| Side { name: port.name.clone(), chassis: port.chassis.clone() })
    };
    let checked = asked
        .index_by(|checked| checked.function.outport.clone())
        .join_optional(&ports, move |checked, port| Some(Checked { outport: side(port), ..checked.clone() }))
        .index_by(|checked| checked.function.inport.clone())
        .join_optional(&ports, move |checked, port| Some(Checked { inport: side(port), ..checked.clone() }));
    Probes {
        probes: checked.flat_map(probe),
        problems: checked.flat_map(|checked| problem(checked).map(Problem::new)),
    }
}

fn probe(checked: &Checked) -> Option<Probe> {
    let Checked { function, options, addresses, .. } = checked;
    checked.outport.as_ref().and(checked.inport.as_ref())?;
    Some(Probe {
        target: target(function, addresses.destination.as_ref()?),
        kind: Kind::NetworkFunction,
        input_port: Some(function.inport.clone()),
        mac: addresses.destination_mac.clone(),
        src_mac: addresses.source_mac.clone(),
        src_ip: addresses.source.clone()?,
        options: options.clone(),
        remote: false,
    })
}

fn problem(checked: &Checked) -> Option<String> {
    let Checked { function, addresses, .. } = checked;
    if addresses.source.is_none() || addresses.destination.is_none() {
        return Some(format!("NetworkFunction {}: invalid service monitor", function.name));
    }
    let absent = |port| format!("NetworkFunction: skip health check, port:{port} not found");
    let Some(outport) = &checked.outport else { return Some(absent(&function.outport)) };
    let Some(inport) = &checked.inport else { return Some(absent(&function.inport)) };
    let other = inport
        .chassis
        .as_ref()
        .filter(|chassis| outport.chassis.as_ref().is_some_and(|at| at != *chassis))?;
    Some(format!("NetworkFunction: chassis mismatch chassis:{other} port:{}\n", inport.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovsdb::Uuid;

    fn checked() -> Checked {
        let side = |name: &str| Some(Side { name: name.into(), chassis: Some("hv1".into()) });
        Checked {
            function: Function {
                row: Uuid(1),
                name: "nf".into(),
                number: 1,
                inport: "in".into(),
                outport: "out".into(),
                check: Some(Uuid(2)),
            },
            options: Map::new(),
            addresses: Addresses {
                source: Some("169.254.1.1".into()),
                destination: Some("169.254.1.2".into()),
                source_mac: "0a:00:00:00:00:01".into(),
                destination_mac: "0a:00:00:00:00:02".into(),
            },
            outport: side("out"),
            inport: side("in"),
        }
    }

    #[test]
    fn a_probe_goes_in_by_one_port_and_out_by_the_other() {
        let probe = probe(&checked()).expect("all is there");
        assert_eq!((&*probe.target.logical_port, probe.input_port.as_deref()), ("out", Some("in")));
        assert_eq!((&*probe.target.ip, &*probe.src_ip), ("169.254.1.2", "169.254.1.1"));
        assert_eq!(problem(&checked()), None);
    }

    #[test]
    fn what_is_missing_is_told() {
        let mut broken = checked();
        broken.inport.as_mut().expect("it is there").chassis = Some("hv2".into());
        let text = "NetworkFunction: chassis mismatch chassis:hv2 port:in\n";
        assert_eq!(problem(&broken).as_deref(), Some(text));
        broken.inport = None;
        let text = "NetworkFunction: skip health check, port:in not found";
        assert_eq!((probe(&broken), problem(&broken).as_deref()), (None, Some(text)));
        broken.addresses.source = None;
        assert_eq!(problem(&broken).as_deref(), Some("NetworkFunction nf: invalid service monitor"));
    }
}
