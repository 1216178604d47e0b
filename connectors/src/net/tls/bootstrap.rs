//! Believing the first peer: `--bootstrap-ca-cert` and the column `bootstrap_ca_cert` (ovn-controller(8)).

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;

/// Puts the authority at the end of the peer's `chain` into a new file, and gives why the connection ends in any case:
/// only the next one is checked against it.
pub(super) fn learn(path: &Path, chain: &[CertificateDer<'_>]) -> io::Error {
    let failed = |what: String| io::Error::other(format!("could not bootstrap CA cert: {what}"));
    let authority = match certifies_itself(chain) {
        Ok(authority) => authority,
        Err(why) => return failed(why),
    };
    match write(path, authority) {
        Ok(()) => io::Error::other(format!("successfully bootstrapped CA cert to {}", path.display())),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            io::Error::other(format!("CA cert {} was created by another process", path.display()))
        }
        Err(error) => failed(format!("{}: {error}", path.display())),
    }
}

/// The last certificate of the chain, if the rest of it leads there.
fn certifies_itself<'a>(chain: &'a [CertificateDer<'a>]) -> Result<&'a CertificateDer<'a>, String> {
    let [peer, between @ .., authority] = chain else {
        return Err(
            "only one certificate was received, so probably the peer is not configured to send its CA \
                    certificate"
                .into(),
        );
    };
    let check = || {
        let mut store = RootCertStore::empty();
        store.add(authority.clone().into_owned())?;
        let peer = ParsedCertificate::try_from(peer)?;
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&peer, &store, between, UnixTime::now(), algorithms)
    };
    check().map(|()| authority).map_err(|error: rustls::Error| error.to_string())
}

fn write(path: &Path, certificate: &CertificateDer<'_>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(path)?;
    let text = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|&byte| char::from(byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    file.write_all(pem.as_bytes())
}
