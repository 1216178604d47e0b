//! What a switch holds, read once: for tests, and for comparing what two programs made of one network.

use std::io::{self, Read, Write};

use super::message::{self, Framer, Message, VERSION, part};
use super::{Flow, FlowKey, Group, Meter, flow, group, meter};

/// All that a switch holds. `None` stands for what has something that none from here has, such as a
/// timeout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its flows.
    pub flows: Vec<(FlowKey, Option<Flow>)>,
    /// Its groups, by number.
    pub groups: Vec<(u32, Option<Group>)>,
    /// Its meters, by number.
    pub meters: Vec<(u32, Option<Meter>)>,
}

/// The questions, in the order in which they are asked: their numbers are their places here.
const QUESTIONS: [u16; 3] = [part::FLOWS, part::GROUPS, part::METERS];

impl Contents {
    /// Asks a switch, over a stream that blocks. Set a timeout on it if the switch may hang.
    ///
    /// # Errors
    /// The stream's, or [`io::ErrorKind::InvalidData`] if the switch says what it may not or refuses.
    pub fn read(stream: &mut (impl Read + Write)) -> io::Result<Contents> {
        let mut out = Vec::new();
        message::put_hello(0, &mut out);
        for (xid, (part, body)) in (0..).zip(QUESTIONS.iter().zip([flow::all(), group::all(), meter::all()]))
        {
            message::put_multipart(*part, xid, &body, &mut out);
        }
        stream.write_all(&out)?;
        let mut contents = Contents::default();
        let mut framer = Framer::default();
        let mut buffer = vec![0; 1 << 16];
        let mut answered = 0;
        while answered < QUESTIONS.len() {
            match framer.next().map_err(invalid)? {
                Some(message) => answered += usize::from(contents.take(framer.bytes(message), stream)?),
                None => match stream.read(&mut buffer)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    read => framer.push(&buffer[..read]),
                },
            }
        }
        Ok(contents)
    }

    /// Takes a message, and tells whether it ends an answer.
    fn take(&mut self, bytes: &[u8], stream: &mut impl Write) -> io::Result<bool> {
        match message::read(bytes).map_err(invalid)? {
            (_, Message::Hello { versions }) if versions & 1 << VERSION == 0 => {
                Err(invalid(super::SessionError::Version))
            }
            (xid, Message::EchoRequest(body)) => {
                let mut out = Vec::new();
                message::put_echo_reply(xid, body, &mut out);
                stream.write_all(&out).map(|()| false)
            }
            (_, Message::Multipart { part, more, body }) => {
                match part {
                    part::FLOWS => flow::read_flows(body, |held| self.flows.push(held)),
                    part::GROUPS => group::read_groups(body, |held| self.groups.push(held)),
                    _ => meter::read_meters(body, |held| self.meters.push(held)),
                }
                .map_err(invalid)?;
                Ok(!more)
            }
            (_, Message::Error(error)) => Err(invalid(error)),
            _ => Ok(false),
        }
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
