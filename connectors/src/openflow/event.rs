//! What the connection tells its user.

use std::fmt;

use super::connection::Connections;
use super::error::SwitchError;
use super::flow::FlowKey;
use crate::net::{Lost, Remote};

/// News, in the order in which it happened.
///
/// A session begins with [`Event::Connected`] and ends with [`Event::Disconnected`]. In each
/// [`Event::Reconciled`] comes once all that is wanted has been compared with what the switch holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// There is a session.
    Connected {
        /// Where.
        remote: Remote,
        /// What the switch can do.
        features: Features,
    },
    /// The session, or an attempt to make one, has ended; the connection goes on by itself.
    Disconnected {
        /// Where.
        remote: Remote,
        /// Why.
        reason: SessionError,
    },
    /// What the switch holds has been read back, and the difference is on its way.
    Reconciled {
        /// How many flows, groups and meters were as wanted.
        right: usize,
        /// How many are being added, changed or deleted.
        wrong: usize,
    },
    /// The switch will have none of this. It is tried again in the next session, or when something
    /// else is wanted there.
    Refused {
        /// What.
        subject: Subject,
        /// Why.
        reason: Refusal,
    },
    /// The switch holds all that was wanted up to this epoch, refusals aside. Epochs ascend; of
    /// several at once the last is told.
    Acknowledged {
        /// The epoch, as given with the delta.
        epoch: u64,
    },
}

/// What a switch can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// The datapath's number.
    pub datapath: u64,
    /// How many tables there are.
    pub tables: u8,
    /// The highest number of a meter, zero if there are none.
    pub meters: u32,
    /// How many groups that select there may be.
    pub select_groups: u32,
    /// The number N of the field `tun_metadataN` that holds the option of
    /// [`Config::tunnel_option`](super::Config::tunnel_option), if it was to be had.
    pub tunnel_field: Option<u16>,
    /// Whether it can forget connections by their label.
    pub flushes_by_label: bool,
}

/// What was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A flow.
    Flow(FlowKey),
    /// A group, by its number.
    Group(u32),
    /// A meter, by its number.
    Meter(u32),
    /// To flush a zone of connections.
    Zone(u16),
    /// To forget connections.
    Connections(Connections),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Flow(key) => write!(f, "flow {key}"),
            Subject::Group(id) => write!(f, "group {id}"),
            Subject::Meter(id) => write!(f, "meter {id}"),
            Subject::Zone(zone) => write!(f, "connection zone {zone}"),
            Subject::Connections(connections) => write!(f, "connections {connections}"),
        }
    }
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The switch says so.
    Switch(SwitchError),
    /// It does not fit into a message.
    TooLong {
        /// The length of the message, in bytes.
        bytes: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Switch(error) => error.fmt(f),
            Refusal::TooLong { bytes } => {
                write!(f, "an OpenFlow message of {bytes} bytes is too long, use groups or fewer actions")
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// The connection was lost, or could not be made.
    Lost(Lost),
    /// The switch sent what the protocol does not allow; the text says what.
    Protocol(String),
    /// The switch does not speak OpenFlow 1.5; the bridge's column `protocols` may forbid it.
    Version,
    /// The switch refused a question that has to be answered.
    Refused(SwitchError),
}

impl From<Lost> for SessionError {
    fn from(lost: Lost) -> SessionError {
        SessionError::Lost(lost)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Lost(lost) => lost.fmt(f),
            SessionError::Protocol(what) => write!(f, "protocol error: {what}"),
            SessionError::Version => {
                write!(f, "switch does not speak OpenFlow 1.5; allow OpenFlow15 in its bridge's protocols")
            }
            SessionError::Refused(error) => write!(f, "switch refused to describe itself: {error}"),
        }
    }
}

impl std::error::Error for SessionError {}
