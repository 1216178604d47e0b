//! Where backends are (Load_Balancer.ip_port_mappings, ovn-nb(5)): `PORT[:SOURCE_IP[:ZONE]]`.

use serde::{Deserialize, Serialize};

use super::vip::{Unread, bad_address};
use crate::ovsdb::Text;
use crate::value::ip;

/// The place of a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mapping {
    /// The name of the switch port that has the backend.
    pub port: Text,
    /// The address that probes come from; only distributed load balancers may do without.
    pub source: Option<Text>,
    /// The availability zone of the backend, if it is another one.
    pub zone: Option<Text>,
}

impl Mapping {
    /// Reads an entry of the backend `key`. `sourceless` allows an entry without a source address.
    ///
    /// Fails with what ovn-northd says of it.
    pub fn read(key: &str, text: &str, sourceless: bool) -> Result<Mapping, Unread> {
        let Some((port, rest)) = text.split_once(':') else {
            return match (sourceless, text.is_empty()) {
                (true, false) => Ok(Mapping { port: text.into(), source: None, zone: None }),
                (true, true) => Err(format!("Empty port name in distributed mode for IP {key}").into()),
                (false, _) => Err(format!("Expected ':' separator for: {text}").into()),
            };
        };
        let (source, zone) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (source, after) = bracketed
                    .split_once(']')
                    .ok_or_else(|| format!("Malformed IPv6 address in backend {text}"))?;
                (source, after.strip_prefix(':'))
            }
            None => match rest.split_once(':') {
                Some((source, zone)) => (source, Some(zone)),
                None => (rest, None),
            },
        };
        if zone == Some("") {
            return Err(format!("Empty AZ name specified for backend {port}").into());
        }
        let address = source.parse().map_err(|_| Unread {
            addresses: (!source.contains(':'))
                .then(|| bad_address(source, source).into())
                .into_iter()
                .collect(),
            error: format!("Invalid svc mon src IP {source}").into(),
        })?;
        Ok(Mapping { port: port.into(), source: Some(ip::text(address).into()), zone: zone.map(Text::from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_a_port_a_source_and_a_zone() {
        let read = |text| Mapping::read("10.0.0.2", text, false).map_err(|unread| unread.error.to_string());
        let mapping = |port: &str, source: &str, zone: Option<&str>| {
            Ok(Mapping { port: port.into(), source: Some(source.into()), zone: zone.map(Text::from) })
        };
        assert_eq!(read("p1:10.0.0.9"), mapping("p1", "10.0.0.9", None));
        assert_eq!(read("p1:10.0.0.9:az2"), mapping("p1", "10.0.0.9", Some("az2")));
        assert_eq!(read("p1:[fd00::0:9]"), mapping("p1", "fd00::9", None));
        assert_eq!(read("p1:[fd00::9]:az2"), mapping("p1", "fd00::9", Some("az2")));
        assert_eq!(read("p1:10.0.0.9:"), Err("Empty AZ name specified for backend p1".into()));
        assert_eq!(read("p1:[fd00::9"), Err("Malformed IPv6 address in backend p1:[fd00::9".into()));
        assert_eq!(read("p1:x"), Err("Invalid svc mon src IP x".into()));
        let said = |text| Mapping::read("10.0.0.2", text, false).unwrap_err().addresses;
        assert_eq!(said("p1:x"), ["x: bad IP address \"x\"".into()]);
        assert!(said("p1:[fd00:::9]").is_empty());
        assert_eq!(read("p1"), Err("Expected ':' separator for: p1".into()));
        let distributed = Mapping { port: "p1".into(), source: None, zone: None };
        assert_eq!(Mapping::read("10.0.0.2", "p1", true), Ok(distributed));
    }
}
