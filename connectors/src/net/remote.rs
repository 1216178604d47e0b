//! Where a server or a switch listens, as OVS writes it (ovsdb(7), "Active Database Connections"),
//! and the byte stream to it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use super::tls::{Tls, TlsStream};

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remote {
    /// `unix:PATH`.
    Unix(PathBuf),
    /// `tcp:HOST:PORT`; a host name is looked up at every attempt, which may block the connection's
    /// thread for as long as the resolver takes.
    Tcp {
        /// An address or a name, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// `ssl:HOST:PORT`: the same, encrypted.
    Ssl {
        /// An address or a name, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// What is wrong with a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteError {
    /// Nothing was given.
    Empty,
    /// The method before the first colon is none of `unix`, `tcp` and `ssl`.
    UnknownMethod(String),
    /// Not `HOST:PORT` with a port of 1 to 65535, nor `[IPV6]:PORT`, behind `tcp:` or `ssl:`.
    BadAddress(String),
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteError::Empty => write!(f, "no remote given; use unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT"),
            RemoteError::UnknownMethod(remote) => {
                write!(
                    f,
                    "remote \"{remote}\": unknown method; use unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT"
                )
            }
            RemoteError::BadAddress(remote) => {
                write!(f, "remote \"{remote}\": expected HOST:PORT, an IPv6 address in brackets")
            }
        }
    }
}

impl std::error::Error for RemoteError {}

impl FromStr for Remote {
    type Err = RemoteError;

    fn from_str(text: &str) -> Result<Remote, RemoteError> {
        let bad = || RemoteError::BadAddress(text.to_owned());
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Remote::Unix(path.into())),
            Some((method @ ("tcp" | "ssl"), address)) => {
                let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
                let host = match host.strip_prefix('[') {
                    Some(inner) => inner
                        .strip_suffix(']')
                        .filter(|inner| matches!(inner.parse(), Ok(IpAddr::V6(_))))
                        .ok_or_else(bad)?,
                    None => host,
                };
                let port: u16 = port.parse().map_err(|_| bad())?;
                let bare_ipv6 = host.contains(':') && !address.starts_with('[');
                if host.is_empty() || port == 0 || bare_ipv6 {
                    return Err(bad());
                }
                let host = host.to_owned();
                Ok(if method == "ssl" { Remote::Ssl { host, port } } else { Remote::Tcp { host, port } })
            }
            _ if text.is_empty() => Err(RemoteError::Empty),
            _ => Err(RemoteError::UnknownMethod(text.to_owned())),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::Unix(path) => write!(f, "unix:{}", path.display()),
            Remote::Tcp { host, port } => address(f, "tcp", host, *port),
            Remote::Ssl { host, port } => address(f, "ssl", host, *port),
        }
    }
}

fn address(f: &mut fmt::Formatter<'_>, method: &str, host: &str, port: u16) -> fmt::Result {
    match host.contains(':') {
        true => write!(f, "{method}:[{host}]:{port}"),
        false => write!(f, "{method}:{host}:{port}"),
    }
}

impl Remote {
    /// Reads a comma-separated list; at least one remote is needed.
    pub fn parse_list(text: &str) -> Result<Vec<Remote>, RemoteError> {
        let remotes: Result<Vec<Remote>, RemoteError> =
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Remote::from_str).collect();
        match remotes {
            Ok(remotes) if remotes.is_empty() => Err(RemoteError::Empty),
            other => other,
        }
    }

    /// Whether a silent connection must be probed: a local socket tells by itself when its peer
    /// is gone.
    pub fn needs_probes(&self) -> bool {
        !matches!(self, Remote::Unix(_))
    }

    /// Begins to connect; the stream becomes writable once it has succeeded or failed, and
    /// its `established` then tells which.
    pub(super) fn connect(&self, tls: &Tls) -> io::Result<Stream> {
        match self {
            Remote::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
            Remote::Tcp { host, port } => tcp(host, *port).map(Stream::Tcp),
            Remote::Ssl { host, port } => {
                TlsStream::new(tls, host, || tcp(host, *port)).map(|stream| Stream::Tls(Box::new(stream)))
            }
        }
    }
}

/// Begins to connect to one of the addresses of a host.
fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = None;
    for address in addresses(host, port)? {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "name has no address")))
}

fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        Err(_) => Ok((host, port).to_socket_addrs()?.collect()),
    }
}

/// A non-blocking connection to a [`Remote`].
#[derive(Debug)]
pub(super) enum Stream {
    /// To a local socket.
    Unix(UnixStream),
    /// To a TCP port.
    Tcp(TcpStream),
    /// To a TCP port, encrypted.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Whether the connection stands: `Ok(false)` while it is still being made, an error once it
    /// has failed.
    pub(super) fn established(&mut self) -> io::Result<bool> {
        let (error, peer) = match self {
            Stream::Unix(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            Stream::Tcp(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            Stream::Tls(stream) => (stream.socket.take_error()?, stream.socket.peer_addr().map(drop)),
        };
        match (error, peer) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => match self {
                Stream::Unix(_) | Stream::Tcp(_) => Ok(true),
                Stream::Tls(stream) => stream.established(),
            },
            (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            (None, Err(error)) => Err(error),
        }
    }

    /// Says good-bye, to who expects it.
    pub(super) fn farewell(&mut self) {
        if let Stream::Tls(stream) = self {
            stream.farewell();
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.read(buffer),
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.write(buffer),
            Stream::Tcp(stream) => stream.write(buffer),
            Stream::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Unix(_) | Stream::Tcp(_) => Ok(()),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.register(registry, token, interests),
            Stream::Tcp(stream) => stream.register(registry, token, interests),
            Stream::Tls(stream) => stream.socket.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.reregister(registry, token, interests),
            Stream::Tcp(stream) => stream.reregister(registry, token, interests),
            Stream::Tls(stream) => stream.socket.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.deregister(registry),
            Stream::Tcp(stream) => stream.deregister(registry),
            Stream::Tls(stream) => stream.socket.deregister(registry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_round_trip() {
        for text in [
            "unix:/run/ovn/ovnnb_db.sock",
            "tcp:127.0.0.1:6641",
            "tcp:[::1]:6642",
            "ssl:[::1]:1",
            "ssl:db.example:6641",
        ] {
            assert_eq!(text.parse::<Remote>().unwrap().to_string(), text);
        }
        let list = Remote::parse_list("tcp:10.0.0.1:6641, tcp:[fe80::1]:6641,unix:/x").unwrap();
        assert_eq!(list.len(), 3);
        assert_eq!(list[1], Remote::Tcp { host: "fe80::1".into(), port: 6641 });
    }

    #[test]
    fn bad_remotes_say_what_is_wrong() {
        for bad in
            ["tcp:::1:6641", "tcp:host", "tcp::6641", "tcp:host:0", "tcp:host:65536", "tcp:[1.2.3.4]:1"]
        {
            assert_eq!(bad.parse::<Remote>(), Err(RemoteError::BadAddress(bad.into())), "{bad}");
        }
        assert_eq!("udp:h:1".parse::<Remote>(), Err(RemoteError::UnknownMethod("udp:h:1".into())));
        assert_eq!("unix:".parse::<Remote>(), Err(RemoteError::UnknownMethod("unix:".into())));
        assert_eq!(Remote::parse_list(" , "), Err(RemoteError::Empty));
    }
}
