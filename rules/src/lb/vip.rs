//! VIPs and their backends as texts (H01, H14): `ADDRESS[:PORT]` and a list of the same, or, where the
//! load balancer is a template, variables in their place (ovn-nb(5), Load_Balancer `vips`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::ovsdb::Text;
use crate::value::ip;

/// The version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
}

impl Family {
    /// `ip4` or `ip6`, as matches name it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Ip4 => "ip4",
            Family::Ip6 => "ip6",
        }
    }

    fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::Ip4 } else { Family::Ip6 }
    }
}

/// An address with or without a port; of a template each may be a variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address, or a variable.
    pub ip: Text,
    /// The address; `None` if it is a variable.
    pub address: Option<IpAddr>,
    /// The port, or a variable.
    pub port: Option<Text>,
    /// The port's number; 0 if there is none or it is a variable.
    pub number: u16,
}

impl Endpoint {
    /// `ADDRESS:PORT` or `ADDRESS`, with brackets where an IPv6 address has a port.
    pub fn text(&self, family: Family) -> String {
        match (&self.port, family) {
            (None, _) => self.ip.to_string(),
            (Some(port), Family::Ip4) => format!("{}:{port}", self.ip),
            (Some(port), Family::Ip6) => format!("[{}]:{port}", self.ip),
        }
    }
}

/// Why a text of a load balancer says nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unread {
    /// What ovn-northd's library says of each address in it, where it says anything.
    pub addresses: Vec<Text>,
    /// What ovn-northd itself says.
    pub error: Text,
}

impl Unread {
    /// The messages, in the order of ovn-northd's log; `context` stands before its own.
    pub fn messages(&self, context: &str) -> impl Iterator<Item = Text> {
        self.addresses.clone().into_iter().chain([Text::from(format!("{context}{}", self.error))])
    }
}

impl From<String> for Unread {
    fn from(error: String) -> Unread {
        Unread { addresses: Vec::new(), error: error.into() }
    }
}

/// A VIP with its backends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vip {
    /// The VIP as the CMS wrote it.
    pub key: Text,
    /// Where clients send to.
    pub front: Endpoint,
    /// The version of IP on both sides.
    pub family: Family,
    /// Where their connections go.
    pub backends: Vec<Endpoint>,
    /// The backends as the CMS wrote them.
    pub text: Text,
}

impl Vip {
    /// Reads a VIP and its backends. `template` gives the version of IP of a template.
    ///
    /// Fails if the VIP or any backend is wrong, with what ovn-northd says of it.
    pub fn read(key: &str, value: &Text, template: Option<Family>) -> Result<Vip, Unread> {
        let (front, family) = match template {
            Some(family) => (template_front(key)?, family),
            None => {
                let front = endpoint(key).map_err(|address| Unread {
                    addresses: address.into_iter().collect(),
                    error: format!(
                        "{key}: should be an IP address (or an IP address and a port number with : as a separator)."
                    )
                    .into(),
                })?;
                let family = front.address.map_or(Family::Ip4, Family::of);
                (front, family)
            }
        };
        let (mut backends, mut errors, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        for token in value.split(',').filter(|token| !token.is_empty()) {
            let backend = match template {
                Some(_) if token.starts_with('^') => template_backend(token),
                _ => backend(token, &front, family),
            };
            match backend {
                Ok(backend) => backends.push(backend),
                Err(unread) => {
                    addresses.extend(unread.addresses);
                    errors.push(unread.error.to_string());
                }
            }
        }
        if errors.is_empty() {
            return Ok(Vip { key: key.into(), front, family, backends, text: value.clone() });
        }
        let errors = format!("{}.", errors.join(", "));
        let error = if template.is_some() { format!("invalid backend: template ({errors})") } else { errors };
        Err(Unread { addresses, error: error.into() })
    }
}

/// Reads `ADDRESS[:PORT]`, an IPv6 address with a port in brackets. Port 0 is no port.
///
/// Fails with what ovn-northd's library says of the text, if it says anything.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, Option<Text>> {
    let (host, port) = host_and_port(text);
    let number: u16 = match port {
        Some(port) if !port.is_empty() => {
            port_number(port).ok_or_else(|| Text::from(format!("{text}: bad port number \"{port}\"")))?
        }
        _ => 0,
    };
    let (address, scope) = match host.contains(':') {
        true => {
            let (host, scope) = host.split_once('%').unwrap_or((host, ""));
            (IpAddr::V6(host.parse().map_err(|_| None)?), scope_number(text, scope)?)
        }
        false => (IpAddr::V4(host.parse().map_err(|_| Text::from(bad_address(text, host)))?), 0),
    };
    let mut ip = ip::text(address);
    if scope != 0 {
        ip += &format!("%{scope}");
    }
    let port = (number != 0).then(|| number.to_string().into());
    Ok(Endpoint { ip: ip.into(), address: Some(address), port, number })
}

/// The number of an interface behind an IPv6 address (RFC 4007 section 11); 0 is none.
///
/// Fails for a name, with what ovn-northd's library says where its host has no interface of that name: here none is
/// looked for, because what follows from a database must not depend on where the daemon runs.
fn scope_number(text: &str, scope: &str) -> Result<u32, Text> {
    let scope = scope.split('%').next().unwrap_or_default();
    match scope.bytes().all(|byte| byte.is_ascii_digit()) {
        true if scope.is_empty() => Ok(0),
        true => Ok(scope.parse().unwrap_or(u32::MAX)),
        false => Err(format!("{text}: bad IPv6 scope \"{scope}\" (No such device)").into()),
    }
}

/// What ovn-northd's library says where the `host` in a text is no IPv4 address.
pub(super) fn bad_address(text: &str, host: &str) -> String {
    format!("{text}: bad IP address \"{host}\"")
}

/// Takes `HOST[:PORT]` apart; several colons outside of brackets are those of a host.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    let mut bracketed = false;
    let mut colons = Vec::new();
    for (at, character) in text.char_indices() {
        match character {
            '[' => bracketed = true,
            ']' => bracketed = false,
            ':' if !bracketed => colons.push(at),
            _ => {}
        }
    }
    match colons[..] {
        [] => (unbracketed(text), None),
        [at] => (unbracketed(&text[..at]), Some(unbracketed(&text[at + 1..]))),
        _ => (text, None),
    }
}

fn unbracketed(text: &str) -> &str {
    match text.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').unwrap_or(inner),
        None => text,
    }
}

/// A number up to 65535, with blanks and a plus before it as C reads one.
fn port_number(text: &str) -> Option<u16> {
    let text = crate::value::scan::blanks(text);
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

/// Reads a backend that is an address, with a port where the VIP has one.
fn backend(token: &str, front: &Endpoint, family: Family) -> Result<Endpoint, Unread> {
    let with_port = format!("{token}: should be an IP address and a port number with : as a separator");
    let without = format!("{token}: should be an IP address");
    let expected = if front.port.is_some() { with_port } else { without };
    let backend = endpoint(token).map_err(|address| Unread {
        addresses: address.into_iter().collect(),
        error: expected.as_str().into(),
    })?;
    if backend.address.map(Family::of) != Some(family) {
        return Err(format!("{token}: IP address family is different from VIP {}", front.ip).into());
    }
    match backend.port.is_some() == front.port.is_some() {
        true => Ok(backend),
        false => Err(expected.into()),
    }
}

/// Takes `A[:B]` apart; empty parts do not count.
fn pair(text: &str) -> Option<(&str, Option<&str>)> {
    let mut parts = text.split(':').filter(|part| !part.is_empty());
    let first = parts.next()?;
    let second = parts.next();
    parts.next().is_none().then_some((first, second))
}

fn variable(ip: &str, port: Option<&str>) -> Endpoint {
    Endpoint { ip: ip.into(), address: None, port: port.map(Text::from), number: 0 }
}

fn template_front(key: &str) -> Result<Endpoint, Unread> {
    let (ip, port) = pair(key).ok_or_else(|| {
        format!("{key}: should be a template of the form: '^vip_variable[:^port_variable|:port]'.")
    })?;
    Ok(variable(ip, port))
}

fn template_backend(token: &str) -> Result<Endpoint, Unread> {
    let (ip, port) = pair(token).ok_or_else(|| {
        // The reference shows what its scanner has left of the text: its first part.
        let first = token.split(':').find(|part| !part.is_empty()).unwrap_or_default();
        format!("{first}: should be a template of the form: '^backendip_variable1[:^port_variable1|:port]'")
    })?;
    Ok(variable(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, value: &str) -> Result<String, String> {
        shown(Vip::read(key, &value.into(), None))
    }

    fn template(key: &str, value: &str) -> Result<String, String> {
        shown(Vip::read(key, &value.into(), Some(Family::Ip4)))
    }

    fn shown(vip: Result<Vip, Unread>) -> Result<String, String> {
        vip.map_err(|unread| unread.error.to_string()).map(|vip| {
            let backends: Vec<String> = vip.backends.iter().map(|backend| backend.text(vip.family)).collect();
            format!("{} {}", vip.front.text(vip.family), backends.join(" "))
        })
    }

    #[test]
    fn vips_are_addresses_with_and_without_ports() {
        assert_eq!(
            read("10.0.0.10:80", "10.0.0.2:8080,10.0.0.3:8080").unwrap(),
            "10.0.0.10:80 10.0.0.2:8080 10.0.0.3:8080"
        );
        assert_eq!(read("10.0.0.10", "10.0.0.2,,10.0.0.3").unwrap(), "10.0.0.10 10.0.0.2 10.0.0.3");
        assert_eq!(
            read("[fd00:0::a]:80", "[fd00::2]:80,[fd00::3]:81").unwrap(),
            "[fd00::a]:80 [fd00::2]:80 [fd00::3]:81"
        );
        assert_eq!(read("fd00::a", "fd00::2").unwrap(), "fd00::a fd00::2");
        assert_eq!(read("10.0.0.10:0", "").unwrap(), "10.0.0.10 ");
        assert_eq!(read("[fd00::a]:80", "[fe80::1%77]:80").unwrap(), "[fd00::a]:80 [fe80::1%77]:80");
        assert_eq!(read("fd00::a", "fe80::1%0,fe80::2%").unwrap(), "fd00::a fe80::1 fe80::2");
    }

    #[test]
    fn one_wrong_backend_is_the_end_of_the_vip() {
        assert_eq!(
            read("10.0.0.10:80", "10.0.0.2:80,10.0.0.3,[fd00::3]:80,x").unwrap_err(),
            "10.0.0.3: should be an IP address and a port number with : as a separator, \
             [fd00::3]:80: IP address family is different from VIP 10.0.0.10, \
             x: should be an IP address and a port number with : as a separator."
        );
        assert_eq!(read("10.0.0.10", "10.0.0.2:80").unwrap_err(), "10.0.0.2:80: should be an IP address.");
        assert_eq!(
            read("10.0.0.10:99999", "").unwrap_err(),
            "10.0.0.10:99999: should be an IP address (or an IP address and a port number with : as a separator)."
        );
    }

    #[test]
    fn the_library_says_what_is_wrong_with_an_address() {
        let said = |key: &str, value: &str| -> Vec<String> {
            let unread = Vip::read(key, &value.into(), None).unwrap_err();
            unread.addresses.iter().map(|text| text.to_string()).collect()
        };
        assert_eq!(said("a:80", ""), ["a:80: bad IP address \"a\""]);
        assert_eq!(said("10.0.0.1:x", ""), ["10.0.0.1:x: bad port number \"x\""]);
        assert_eq!(said("10.0.0.1:80", "b:80,c"), ["b:80: bad IP address \"b\"", "c: bad IP address \"c\""]);
        assert!(said("[fd00:::1]:80", "").is_empty());
        assert_eq!(
            said("[fd00::1]:80", "[fe80::1%none]:80"),
            ["[fe80::1%none]:80: bad IPv6 scope \"none\" (No such device)"]
        );
    }

    #[test]
    fn templates_have_variables() {
        assert_eq!(
            template("^vip:^port", "^backends1,^backends2").unwrap(),
            "^vip:^port ^backends1 ^backends2"
        );
        assert_eq!(template("^vip:80", "10.0.0.2:80,^b:^p").unwrap(), "^vip:80 10.0.0.2:80 ^b:^p");
        assert_eq!(
            template("^a:^b:^c", "").unwrap_err(),
            "^a:^b:^c: should be a template of the form: '^vip_variable[:^port_variable|:port]'."
        );
        assert_eq!(
            template("^vip", "^a:^b:^c").unwrap_err(),
            "invalid backend: template (^a: should be a template of the form: '^backendip_variable1[:^port_variable1|:port]'.)"
        );
    }
}
