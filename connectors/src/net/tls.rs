//! TLS to a server: who we are, whom we trust, and the encrypted stream.
//!
//! What `ssl:` means to Open vSwitch (ovsdb(7), "Active Database Connections"; ovn-northd(8), "PKI and SSL/TLS
//! options"): both ends show a certificate, and one that the given authority has signed will do, whatever the name in
//! it. The files are read at every attempt to connect, so that new ones need no restart.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use mio::net::TcpStream;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

mod bootstrap;
mod choice;

pub use self::choice::{Ciphers, Protocols, Unrecognized};

/// Whose certificates are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authority {
    /// Nobody has said; no connection is made.
    #[default]
    Unknown,
    /// Anyone: `--ca-cert=none`.
    Anyone,
    /// Who was certified by one of the authorities in this file.
    File(PathBuf),
    /// The same; if there is no such file, the first peer is believed and its authority put there.
    Bootstrap(PathBuf),
}

/// How to connect: files in PEM, and what may be negotiated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Our private key.
    pub private_key: Option<PathBuf>,
    /// Our certificate, and those between it and the authority.
    pub certificate: Option<PathBuf>,
    /// Whose certificates are accepted.
    pub authority: Authority,
    /// More certificates to show: `--peer-ca-cert`.
    pub peer_authority: Option<PathBuf>,
    /// The versions of TLS.
    pub protocols: Protocols,
    /// The cipher suites.
    pub ciphers: Ciphers,
    /// The name to ask the server for, in place of its host name.
    pub server_name: Option<String>,
}

/// Files, and when each was last changed; `None` if there is none.
pub type Files = Vec<(PathBuf, Option<SystemTime>)>;

impl Settings {
    /// The files that say who we are and whom we trust, as they are now.
    pub fn files(&self) -> Files {
        let authority = match &self.authority {
            Authority::File(path) | Authority::Bootstrap(path) => Some(path),
            Authority::Unknown | Authority::Anyone => None,
        };
        let files = [self.private_key.as_ref(), self.certificate.as_ref(), authority];
        let changed = |path: &PathBuf| path.metadata().and_then(|known| known.modified()).ok();
        files.into_iter().flatten().map(|path| (path.clone(), changed(path))).collect()
    }
}

/// Settings that connections share and that may change; they count from the next attempt to connect.
#[derive(Clone, Debug, Default)]
pub struct Tls(Arc<Mutex<Settings>>);

impl Tls {
    /// Starts from some settings.
    pub fn new(settings: Settings) -> Tls {
        Tls(Arc::new(Mutex::new(settings)))
    }

    /// Changes the settings.
    pub fn set(&self, settings: Settings) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why TLS cannot be used as set up.
#[derive(Debug)]
pub enum TlsError {
    /// There is no private key: `--private-key`.
    NoPrivateKey,
    /// There is no certificate: `--certificate`.
    NoCertificate,
    /// There is no authority: `--ca-cert`.
    NoAuthority,
    /// A file cannot be read, or has nothing of the kind wanted in it.
    File(PathBuf, pem::Error),
    /// The key or a certificate is of no use.
    Refused(PathBuf, rustls::Error),
    /// What may be negotiated contradicts itself.
    Settings(rustls::Error),
    /// Neither an address nor a host name, and so nothing to ask a server for.
    ServerName(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::NoPrivateKey => write!(f, "Private key must be configured to use SSL/TLS"),
            TlsError::NoCertificate => write!(f, "Certificate must be configured to use SSL/TLS"),
            TlsError::NoAuthority => write!(f, "CA certificate must be configured to use SSL/TLS"),
            TlsError::File(path, error) => write!(f, "{}: {error}", path.display()),
            TlsError::Refused(path, error) => write!(f, "{}: {error}", path.display()),
            TlsError::Settings(error) => write!(f, "SSL/TLS settings: {error}"),
            TlsError::ServerName(name) => write!(f, "\"{name}\" is not a server name"),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

/// The certificates of a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| TlsError::File(path.to_owned(), error);
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if found.is_empty() { Err(failed(pem::Error::NoItemsFound)) } else { Ok(found) }
}

/// The authorities of a file.
fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|error| TlsError::Refused(path.to_owned(), error))?;
    }
    Ok(store)
}

/// What the settings come to: how to connect, and where the peer's authority is to be put if it is to be learned.
fn client(settings: &Settings) -> Result<(ClientConfig, Option<PathBuf>), TlsError> {
    let key = settings.private_key.as_deref().ok_or(TlsError::NoPrivateKey)?;
    let certificate = settings.certificate.as_deref().ok_or(TlsError::NoCertificate)?;
    let (trusted, learn) = match &settings.authority {
        Authority::Unknown => return Err(TlsError::NoAuthority),
        Authority::Anyone => (None, None),
        Authority::Bootstrap(path) if !path.exists() => (None, Some(path.clone())),
        Authority::File(path) | Authority::Bootstrap(path) => (Some(authorities(path)?), None),
    };
    let mut chain = certificates(certificate)?;
    if let Some(path) = &settings.peer_authority {
        chain.extend(certificates(path)?);
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::File(key.to_owned(), error))?;
    let provider = CryptoProvider { cipher_suites: settings.ciphers.suites(), ..ring::default_provider() };
    let algorithms = provider.signature_verification_algorithms;
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&settings.protocols.versions())
        .map_err(TlsError::Settings)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { trusted, algorithms }))
        .with_client_auth_cert(chain, private)
        .map_err(|error| TlsError::Refused(certificate.to_owned(), error))?;
    Ok((config, learn))
}

/// Accepts a peer whose certificate leads to an authority, whatever its name; any peer if there are no authorities.
#[derive(Debug)]
struct Verifier {
    trusted: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(trusted) = &self.trusted {
            let peer = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&peer, trusted, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A non-blocking encrypted connection.
#[derive(Debug)]
pub(super) struct TlsStream {
    pub(super) socket: TcpStream,
    session: ClientConnection,
    /// Where to put the peer's authority.
    learn: Option<PathBuf>,
}

impl TlsStream {
    /// Begins a session with `host` over a socket that need not be connected yet.
    pub(super) fn new(
        tls: &Tls,
        host: &str,
        socket: impl FnOnce() -> io::Result<TcpStream>,
    ) -> io::Result<TlsStream> {
        let settings = tls.settings();
        let (config, learn) = client(&settings)?;
        let name = settings.server_name.unwrap_or_else(|| host.to_owned());
        let server = ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName(name))?;
        let session = ClientConnection::new(Arc::new(config), server).map_err(io::Error::other)?;
        Ok(TlsStream { socket: socket()?, session, learn })
    }

    /// Goes on with the handshake, once the socket is connected, and tells whether it is done.
    pub(super) fn established(&mut self) -> io::Result<bool> {
        while self.session.is_handshaking() {
            match self.flush().and_then(|()| self.receive()) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        match &self.learn {
            Some(path) => Err(bootstrap::learn(path, self.session.peer_certificates().unwrap_or_default())),
            None => Ok(true),
        }
    }

    /// Takes in what has arrived: how many bytes, 0 at the end.
    fn receive(&mut self) -> io::Result<usize> {
        let read = self.session.read_tls(&mut self.socket)?;
        if let Err(error) = self.session.process_new_packets() {
            // The peer is told why, if there is room; we give up in any case.
            let _ = self.session.write_tls(&mut self.socket);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(read)
    }

    /// Tells the peer that this is the end, if there is room.
    pub(super) fn farewell(&mut self) {
        self.session.send_close_notify();
        let _ = self.flush();
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if self.receive()? == 0 {
                return Ok(0);
            }
        }
    }
}

impl Write for TlsStream {
    /// Takes what it can hold; [`Write::flush`] must follow until it succeeds.
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self.session.writer().write(buffer)? {
            0 => {
                self.flush()?;
                self.session.writer().write(buffer)
            }
            written => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_come_and_go_are_seen() {
        let path = std::env::temp_dir().join(format!("northflow-tls-files-{}", std::process::id()));
        let settings = Settings { certificate: Some(path.clone()), ..Settings::default() };
        assert_eq!(settings.files(), [(path.clone(), None)]);
        std::fs::write(&path, "a certificate").unwrap();
        assert!(settings.files()[0].1.is_some());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(settings.files(), [(path, None)]);
        assert_eq!(Settings::default().files(), []);
    }
}
