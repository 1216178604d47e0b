//! The lock (RFC 7047 section 4.1.8): wanted for as long as the user says, asked for anew in
//! every session.

use serde::Deserialize;

use northflow_rules::ovsdb::Text;

use super::{Pending, Session, protocol};
use crate::ovsdb::client::event::{Event, SessionError};
use crate::ovsdb::codec::write_string;

/// The lock that the user wants, if any.
#[derive(Debug, Default)]
pub(super) struct Lock {
    name: Option<Text>,
    pub(super) held: bool,
    /// The request whose reply counts.
    request: Option<u64>,
}

#[derive(Deserialize)]
struct Reply {
    locked: bool,
}

impl Session {
    /// Wants a lock in place of any other; takes it by force this once if `steal`.
    pub(in super::super) fn want_lock(&mut self, name: Text, steal: bool) {
        if self.lock.name.as_ref() == Some(&name) && (self.lock.held || !steal) {
            return;
        }
        // Who waits for a lock cannot ask for it again before giving up the wait.
        self.unwant_lock();
        self.lock.name = Some(name);
        self.send_lock(if steal { "steal" } else { "lock" });
    }

    /// Gives the lock back, or no longer waits for it.
    pub(in super::super) fn unwant_lock(&mut self) {
        if let Some(name) = self.lock.name.take() {
            self.request(Pending::Whatever, "unlock", |out| write_string(out, &name));
            self.lose_lock();
        }
    }

    /// A session has begun.
    pub(super) fn request_lock(&mut self) {
        self.send_lock("lock");
    }

    fn send_lock(&mut self, method: &str) {
        if let Some(name) = self.lock.name.clone() {
            let id = self.request(Pending::Lock, method, |out| write_string(out, &name));
            self.lock.request = Some(id);
        }
    }

    pub(super) fn lose_lock(&mut self) {
        self.lock.request = None;
        if std::mem::take(&mut self.lock.held) {
            self.outbox.push(Event::LockLost);
        }
    }

    fn gain_lock(&mut self) {
        if !std::mem::replace(&mut self.lock.held, true) {
            self.outbox.push(Event::LockAcquired);
        }
    }

    pub(super) fn lock_reply(&mut self, id: u64, result: Result<&str, &str>) -> Result<(), SessionError> {
        if self.lock.request != Some(id) {
            return Ok(());
        }
        self.lock.request = None;
        let reply = match result {
            Ok(reply) => serde_json::from_str::<Reply>(reply).map_err(protocol("lock reply"))?,
            Err(error) => return Err(SessionError::Protocol(format!("lock refused: {error}"))),
        };
        match reply.locked {
            true => self.gain_lock(),
            false => self.outbox.push(Event::LockContended),
        }
        Ok(())
    }

    pub(super) fn lock_notification(&mut self, params: &str, gained: bool) -> Result<(), SessionError> {
        let [name]: [Text; 1] = serde_json::from_str(params).map_err(protocol("lock notification"))?;
        // Replies and notifications come in order: before the reply to the latest request, a
        // notification is about an earlier one.
        if self.lock.name.as_ref() == Some(&name) && self.lock.request.is_none() {
            match gained {
                true => self.gain_lock(),
                false => self.lose_lock(),
            }
        }
        Ok(())
    }
}
