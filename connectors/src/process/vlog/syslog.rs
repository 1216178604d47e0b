//! Ways to the system log.

use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::SystemTime;

use super::pattern;

/// Why a way to the system log cannot be used. Whoever wrote the option or `OVS_SYSLOG_METHOD` is to correct it.
#[derive(Debug)]
pub enum MethodError {
    /// Not one of `libc`, `null`, `unix:FILE`, `udp:IP:PORT`.
    Unsupported(String),
    /// Not an address of the form `IP:PORT`.
    Address(String),
    /// No socket for the address could be had.
    Socket(String, std::io::Error),
}

impl fmt::Display for MethodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MethodError::Unsupported(method) => write!(f, "unsupported syslog method '{method}'"),
            MethodError::Address(target) => write!(f, "{target}: syslog target must be given as IP:PORT"),
            MethodError::Socket(target, error) => write!(f, "{target}: no socket for syslog ({error})"),
        }
    }
}

impl std::error::Error for MethodError {}

/// One way to the system log. Messages that it does not take are lost: logging must not stop the program.
#[derive(Debug)]
pub(super) enum Syslog {
    /// As the C library does: a datagram to `/dev/log` with time and program in front.
    Libc(Datagrams),
    /// A datagram to a Unix domain socket, with nothing but the priority in front.
    Unix(Datagrams),
    Udp(UdpSocket),
    Null,
}

impl Syslog {
    /// The way called `method` (see `--syslog-method`).
    pub fn open(method: &str) -> Result<Syslog, MethodError> {
        match method.split_once(':') {
            None if method == "libc" => Ok(Syslog::libc()),
            None if method == "null" => Ok(Syslog::Null),
            Some(("unix", path)) => Ok(Syslog::Unix(Datagrams::to(path))),
            Some(("udp", target)) => udp(target).map(Syslog::Udp),
            _ => Err(MethodError::Unsupported(method.to_owned())),
        }
    }

    /// The default way.
    pub fn libc() -> Syslog {
        Syslog::Libc(Datagrams::to("/dev/log"))
    }

    /// What is put in front of a message, for `vlog/list-pattern`.
    pub fn prefix(&self) -> &'static str {
        match self {
            Syslog::Libc(_) => "<%B> %D{%h %e %T} %E %A:",
            Syslog::Unix(_) | Syslog::Udp(_) => "<%B>",
            Syslog::Null => "",
        }
    }

    /// Sends `text`, one message a line. `priority` is facility plus severity.
    pub fn send(&mut self, priority: u8, program: &str, now: SystemTime, text: &str) {
        for line in text.lines().filter(|line| !line.is_empty()) {
            match self {
                Syslog::Libc(socket) => {
                    let mut date = String::new();
                    pattern::date("%h %e %T", now, &mut date);
                    socket.send(format!("<{priority}>{date} {program}: {line}").as_bytes());
                }
                Syslog::Unix(socket) => socket.send(format!("<{priority}>{line}").as_bytes()),
                // A full buffer or an absent receiver loses the message, as the type says.
                Syslog::Udp(socket) => drop(socket.send(format!("<{priority}>{line}").as_bytes())),
                Syslog::Null => {}
            }
        }
    }
}

/// A socket connected over UDP to `target`, `IP:PORT` or `IP` (port 514).
pub(super) fn udp(target: &str) -> Result<UdpSocket, MethodError> {
    let bare = target.trim_start_matches('[').trim_end_matches(']');
    let address = target
        .parse::<SocketAddr>()
        .or_else(|_| bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 514)))
        .map_err(|_| MethodError::Address(target.to_owned()))?;
    let local: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    UdpSocket::bind(local)
        .and_then(|socket| {
            socket.connect(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .map_err(|error| MethodError::Socket(target.to_owned(), error))
}

/// A datagram socket that is connected when first used, and anew when the receiver was restarted.
#[derive(Debug)]
pub(super) struct Datagrams {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Datagrams {
    fn to(path: &str) -> Datagrams {
        Datagrams { path: PathBuf::from(path), socket: None }
    }

    fn send(&mut self, message: &[u8]) {
        for _ in 0..2 {
            if self.socket.is_none() {
                self.socket = self.connect().ok();
            }
            match &self.socket {
                None => return,
                Some(socket) => match socket.send(message) {
                    Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => self.socket = None,
                    _ => return,
                },
            }
        }
    }

    fn connect(&self) -> std::io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.path)?;
        // A stuck syslog daemon must not stop this one.
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        assert!(matches!(Syslog::open("libc"), Ok(Syslog::Libc(_))));
        assert!(matches!(Syslog::open("null"), Ok(Syslog::Null)));
        assert!(matches!(Syslog::open("udp:127.0.0.1:514"), Ok(Syslog::Udp(_))));
        assert_eq!(Syslog::open("foo").unwrap_err().to_string(), "unsupported syslog method 'foo'");
        assert!(matches!(Syslog::open("udp:host:1"), Err(MethodError::Address(_))));
    }

    #[test]
    fn a_unix_receiver_gets_one_datagram_a_line() {
        let dir = std::env::temp_dir().join(format!("northflow-syslog-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("log");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::open(&format!("unix:{}", path.display())).unwrap();
        syslog.send(29, "ovn-northd", SystemTime::now(), "one\n\ntwo");
        let mut buffer = [0; 64];
        for expected in ["<29>one", "<29>two"] {
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], expected.as_bytes());
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
