//! How a target is spoken to: a notification in, a message out; its answers in, what they mean out.

use std::{net::Ipv4Addr, sync::Arc};

use super::{
    Notification, Target, Wire,
    receiver::{self, MAX_SIZE, Receiver},
};
use crate::{
    model::Time,
    snmp::{
        ber::tag,
        engine::Engine,
        frame::Frame,
        usm::{Level, Secured, User, Usm, Why},
    },
};

/// A receiver's complaint is handed on once in so many milliseconds.
const TELL_EVERY: u64 = 60_000;

pub struct Session {
    target: Target,
    /// Of SNMPv3; `None` also if there is no such user.
    user: Option<Arc<User>>,
    receiver: Option<Receiver>,
    /// What it said last, until it acknowledges something or is started again.
    trouble: Option<Why>,
    told: Option<Time>,
}

/// The bridge as a sender.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    pub engine: &'a Engine,
    pub usm: &'a Usm,
    /// What v1 calls an agent that has no address of its own.
    pub address: Ipv4Addr,
    /// By the clock that the engine's time is of.
    pub wall: Time,
}

/// What there is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Send,
    /// In the message's place a question that has to be answered before.
    Ask,
    /// Nothing: such a question is under way.
    Wait,
}

/// Why a target cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unable {
    #[error("the engine's boots cannot be kept, so SNMPv3 is off")]
    Unsaved,
    #[error("there is no such user, or none of SNMPv3")]
    NoUser,
}

/// What a message of a target means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    /// The inform of that request id has arrived.
    Acknowledged(i32),
    /// What was written is to be sent at once.
    Question,
    /// What was sent before could not be read and can be now.
    Synchronised,
    /// It does not take what it is told; to be told to the operator.
    Refused(Why),
}

impl Session {
    pub fn new(target: &Target, usm: &Usm) -> Session {
        let user = user(target, usm);
        let mut receiver = None;
        if let Wire::V3 { level, .. } = &target.wire {
            let of = |user: &Arc<User>| Receiver::new(user.clone(), *level, target.timeout);
            receiver = user.as_ref().filter(|_| target.inform).map(of);
        }
        Session { target: target.clone(), user, receiver, trouble: None, told: None }
    }

    /// Whether the user is still the one with whom it began.
    pub fn is_current(&self, usm: &Usm) -> bool {
        self.user.as_ref().map(Arc::as_ptr) == user(&self.target, usm).as_ref().map(Arc::as_ptr)
    }

    /// Writes the message of a request id to `out`, which is overwritten. `now` measures durations.
    ///
    /// # Errors
    /// It cannot be told.
    pub fn write(
        &mut self,
        notification: &Notification,
        id: i32,
        sender: Sender<'_>,
        now: Time,
        out: &mut Vec<u8>,
    ) -> Result<Step, Unable> {
        let tag = if self.target.inform { tag::INFORM } else { tag::TRAP };
        match &self.target.wire {
            Wire::V1 { community } => {
                notification.write_v1(community.expose().as_bytes(), sender.address, out);
            }
            Wire::V2c { community } => {
                let frame = Frame::V2c { community: community.expose().as_bytes() };
                notification.write(frame, tag, id, out);
            }
            Wire::V3 { level, .. } => {
                let user = self.user.as_ref().ok_or(Unable::NoUser)?;
                let Some(receiver) = &mut self.receiver else {
                    return trap(notification, id, user, *level, sender, out);
                };
                let salt = |key: &_, boots| sender.usm.salt(key, boots);
                let Some(secured) = receiver.secured(id, sender.engine.id(), now, salt) else {
                    return Ok(if receiver.ask(id, now, out) { Step::Ask } else { Step::Wait });
                };
                notification.write(Frame::V3(secured), tag, id, out);
            }
        }
        Ok(Step::Send)
    }

    /// `engine`: the bridge's. `under_way`: whether an inform of that id is. `out` takes a question.
    pub fn handle(
        &mut self,
        message: &[u8],
        engine: &Engine,
        now: Time,
        under_way: impl FnOnce(i32) -> bool,
        out: &mut Vec<u8>,
    ) -> Heard {
        let Some(receiver) = &mut self.receiver else {
            return self.target.wire.acknowledged(message).map_or(Heard::Nothing, Heard::Acknowledged);
        };
        match receiver.handle(message, engine.id(), now, under_way, out) {
            None => Heard::Nothing,
            Some(receiver::Heard::Question) => Heard::Question,
            Some(receiver::Heard::Synchronised) => {
                // What it said before it was started again may have been mended.
                self.trouble = None;
                Heard::Synchronised
            }
            Some(receiver::Heard::Acknowledged(id)) => {
                self.trouble = None;
                Heard::Acknowledged(id)
            }
            Some(receiver::Heard::Refused(why)) => {
                self.trouble = Some(why);
                if self.told.is_some_and(|told| now.since(told) < TELL_EVERY) {
                    return Heard::Nothing;
                }
                self.told = Some(now);
                Heard::Refused(why)
            }
        }
    }

    /// What the target said last of what it is told, in words; `None` if it takes it.
    pub fn trouble(&self) -> Option<&'static str> {
        self.trouble.map(in_words)
    }
}

fn user(target: &Target, usm: &Usm) -> Option<Arc<User>> {
    let Wire::V3 { user, level } = &target.wire else { return None };
    usm.users().get(user).filter(|user| user.level() >= *level).cloned()
}

/// The bridge is authoritative for its traps (RFC 3411 section 3.1.1.3).
fn trap(
    notification: &Notification,
    id: i32,
    user: &User,
    level: Level,
    sender: Sender<'_>,
    out: &mut Vec<u8>,
) -> Result<Step, Unable> {
    let Sender { engine, usm, wall, .. } = sender;
    if !engine.is_saved() {
        return Err(Unable::Unsaved);
    }
    let own = engine.of(None);
    let auth = user.auth_key(&own).ok_or(Unable::NoUser)?;
    let private = match level {
        Level::AuthPriv => Some(usm.priv_key(user, &own).ok_or(Unable::NoUser)?),
        _ => None,
    };
    let secured = Secured {
        id,
        max_size: MAX_SIZE,
        reportable: false,
        engine: own.octets(),
        boots: engine.boots(),
        time: engine.time(wall),
        user: user.name.as_bytes(),
        auth: Some(&*auth),
        private: private.as_deref().map(|key| (key, usm.salt(key, engine.boots()))),
        context_engine: own.octets(),
        context: &[],
    };
    notification.write(Frame::V3(secured), tag::TRAP, id, out);
    Ok(Step::Send)
}

/// What a Report means for who set up the user there.
pub fn in_words(why: Why) -> &'static str {
    match why {
        Why::UnknownUser => "it has no such user",
        Why::WrongDigest => "the user's password or authentication protocol is another there",
        Why::UnsupportedLevel => "the user has no privacy there",
        Why::Decryption => "the user's privacy password or protocol is another there",
        Why::UnknownEngine => "it is another engine",
        Why::NotInTimeWindow => "its time is another",
        Why::UnknownHandler | Why::UnknownContext => "it does not take the bridge's engine as a context",
    }
}
