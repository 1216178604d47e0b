//! What may be negotiated, as the options have it: `--ssl-protocols`, `--ssl-ciphers`, `--ssl-ciphersuites`.

use std::fmt;
use std::str::FromStr;

use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion};

/// The versions, and their names in options.
static VERSIONS: [(&str, &SupportedProtocolVersion); 2] = [("TLSv1.2", &TLS12), ("TLSv1.3", &TLS13)];

/// The versions of TLS that may be used: from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols {
    /// Places in `VERSIONS`.
    first: usize,
    last: usize,
}

impl Default for Protocols {
    fn default() -> Protocols {
        Protocols { first: 0, last: VERSIONS.len() - 1 }
    }
}

/// What in a choice of protocols or ciphers is not understood, or not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrecognized(String);

impl fmt::Display for Unrecognized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "" => f.write_str("SSL/TLS settings are empty"),
            word => write!(f, "{word}: not recognized in SSL/TLS settings"),
        }
    }
}

impl std::error::Error for Unrecognized {}

/// A name and `+`, two names with a dash between, or a list, which means the range that it spans.
impl FromStr for Protocols {
    type Err = Unrecognized;

    fn from_str(text: &str) -> Result<Protocols, Unrecognized> {
        let place = |name: &str| {
            VERSIONS.iter().position(|(known, _)| *known == name).ok_or_else(|| Unrecognized(name.to_owned()))
        };
        if let Some(name) = text.strip_suffix('+') {
            return Ok(Protocols { first: place(name)?, ..Protocols::default() });
        }
        let names: Vec<&str> = match text.split_once('-') {
            Some((first, last)) => vec![first, last],
            None => text.split([' ', ',', '\t']).filter(|name| !name.is_empty()).collect(),
        };
        let places = names.into_iter().map(place).collect::<Result<Vec<usize>, _>>()?;
        match (places.iter().min(), places.iter().max()) {
            (Some(&first), Some(&last)) => Ok(Protocols { first, last }),
            _ => Err(Unrecognized(String::new())),
        }
    }
}

impl Protocols {
    /// The versions.
    pub(super) fn versions(self) -> Vec<&'static SupportedProtocolVersion> {
        VERSIONS[self.first..=self.last].iter().map(|(_, version)| *version).collect()
    }
}

/// The cipher suites of a TLS version by their names in OpenSSL, and as they are here.
const TLS12_SUITES: [(&str, CipherSuite); 6] = [
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];
const TLS13_SUITES: [(&str, CipherSuite); 3] = [
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
];

/// The cipher suites that may be used, best first; `None` is all that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ciphers {
    tls12: Option<Vec<CipherSuite>>,
    tls13: Option<Vec<CipherSuite>>,
}

impl Ciphers {
    /// Restricts TLSv1.2 to the suites named in a list in the format of OpenSSL. Groups of suites, such as `HIGH`,
    /// and what is taken away, such as `!MD5`, restrict nothing: there are only suites that are in every good group.
    ///
    /// # Errors
    /// Nothing in the list is known.
    pub fn restrict_tls12(&mut self, list: &str) -> Result<(), Unrecognized> {
        const GROUPS: [&str; 10] = [
            "DEFAULT",
            "HIGH",
            "ALL",
            "ECDHE",
            "EECDH",
            "kECDHE",
            "AESGCM",
            "AES",
            "TLSv1.2",
            "COMPLEMENTOFDEFAULT",
        ];
        let group = |word: &str| word.split('+').any(|part| GROUPS.contains(&part));
        if !words(list).any(group) {
            self.tls12 = Some(named(list, &TLS12_SUITES)?);
        }
        Ok(())
    }

    /// Restricts TLSv1.3 to the suites named in a list.
    ///
    /// # Errors
    /// Nothing in the list is known.
    pub fn restrict_tls13(&mut self, list: &str) -> Result<(), Unrecognized> {
        self.tls13 = Some(named(list, &TLS13_SUITES)?);
        Ok(())
    }

    /// The suites.
    pub(super) fn suites(&self) -> Vec<SupportedCipherSuite> {
        let all = ring::ALL_CIPHER_SUITES;
        let chosen = |version: &SupportedProtocolVersion, wanted: &Option<Vec<CipherSuite>>| match wanted {
            None => all.iter().filter(|suite| suite.version() == version).copied().collect::<Vec<_>>(),
            Some(wanted) => wanted
                .iter()
                .filter_map(|name| all.iter().find(|suite| suite.suite() == *name))
                .copied()
                .collect(),
        };
        [chosen(&TLS13, &self.tls13), chosen(&TLS12, &self.tls12)].concat()
    }
}

/// The words of a list, without commands, such as `@SECLEVEL=2`: all suites are of that level.
fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split([':', ',', ' ']).map(|word| word.split_once('@').map_or(word, |(word, _)| word))
}

/// The suites of a list that are in `known`, in the order of the list.
fn named(list: &str, known: &[(&str, CipherSuite)]) -> Result<Vec<CipherSuite>, Unrecognized> {
    let suite = |word: &str| known.iter().find(|(name, _)| *name == word).map(|(_, suite)| *suite);
    let found: Vec<CipherSuite> = words(list).filter_map(suite).collect();
    if found.is_empty() { Err(Unrecognized(list.to_owned())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> (usize, usize) {
        let protocols: Protocols = text.parse().unwrap();
        (protocols.first, protocols.last)
    }

    #[test]
    fn protocols_are_a_range_however_written() {
        assert_eq!(range("TLSv1.2"), (0, 0));
        assert_eq!(range("TLSv1.2+"), (0, 1));
        assert_eq!(range("TLSv1.3+"), (1, 1));
        assert_eq!(range("TLSv1.2-TLSv1.3"), (0, 1));
        assert_eq!(range("TLSv1.3, TLSv1.2"), (0, 1));
        assert_eq!("SSLv3".parse::<Protocols>(), Err(Unrecognized("SSLv3".into())));
        assert_eq!("".parse::<Protocols>(), Err(Unrecognized(String::new())));
    }

    #[test]
    fn named_ciphers_restrict_and_groups_do_not() {
        let mut ciphers = Ciphers::default();
        let all = ciphers.suites().len();
        assert_eq!(all, ring::ALL_CIPHER_SUITES.len());
        ciphers.restrict_tls12("DEFAULT:@SECLEVEL=2").unwrap();
        ciphers.restrict_tls12("DEFAULT@SECLEVEL=2").unwrap();
        ciphers.restrict_tls12("HIGH:!aNULL:!MD5").unwrap();
        assert_eq!(ciphers.suites().len(), all);
        ciphers.restrict_tls12("ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA").unwrap();
        assert_eq!(ciphers.suites().len(), all - 5);
        ciphers.restrict_tls13("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256").unwrap();
        let first = ciphers.suites()[0].suite();
        assert_eq!((ciphers.suites().len(), first), (3, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256));
        assert_eq!(ciphers.restrict_tls12("RC4-SHA"), Err(Unrecognized("RC4-SHA".into())));
    }
}
