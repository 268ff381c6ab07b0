//! The engine of a receiver of informs, which is authoritative for them: who it is, what time it has, and whether a
//! message is its own (RFC 3414 sections 3.2 and 4).
//!
//! ```text
//! unknown ──who are you?──▶ Report with its engine ──▶ known ──what time is it?──▶ signed Report ──▶ synchronised
//!    ▲ each question stands for an inform that has to wait         ▲                                   │
//!    └ none: it never forgets                                      └── a Report with another engine ───┘
//! ```

use std::sync::Arc;

use crate::{
    model::Time,
    snmp::{
        ber::{Pdu, tag},
        frame::{Frame, Head},
        usm::{
            AuthKey, Level, MODEL, Message, Parameters, PrivKey, Salted, Scoped, Secured, User, WINDOW, Why,
        },
    },
};

/// What this engine can take.
pub(super) const MAX_SIZE: i32 = 65_507;

/// The request id of a question, whose answer acknowledges nothing.
const NO_REQUEST: i32 = -1;

/// Octets of an engine's identifier (RFC 3411, SnmpEngineID).
const ENGINE_OCTETS: std::ops::RangeInclusive<usize> = 5..=32;

pub(super) struct Receiver {
    user: Arc<User>,
    level: Level,
    /// Milliseconds from one question to the next, unless it is answered.
    pace: u64,
    engine: Option<Engine>,
    /// The id of the question that was asked last, until it is answered; and when that was.
    asked: Option<(i32, Time)>,
}

/// With the user's keys for it.
struct Engine {
    id: Box<[u8]>,
    auth: AuthKey,
    private: Option<PrivKey>,
    /// `None`: it has not told its time yet.
    clock: Option<Clock>,
}

/// As the last fresh message had it.
#[derive(Clone, Copy)]
struct Clock {
    boots: i32,
    /// latestReceivedEngineTime; never steps back within the same boots.
    time: i32,
    at: Time,
}

/// What a message of the receiver means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The inform of that request id has arrived.
    Acknowledged(i32),
    /// It is another engine than was thought, and the next question is written.
    Question,
    /// Its time is known now, so what was sent before has to be sent again.
    Synchronised,
    /// It does not take what it is told.
    Refused(Why),
}

impl Receiver {
    pub fn new(user: Arc<User>, level: Level, pace: u64) -> Receiver {
        Receiver { user, level, pace, engine: None, asked: None }
    }

    /// What stands around an inform; `salt` is asked for a new one. `None`: a question has to be answered first.
    pub fn secured<'a>(
        &'a self,
        id: i32,
        own: &'a [u8],
        now: Time,
        salt: impl FnOnce(&PrivKey, i32) -> [u8; 8],
    ) -> Option<Secured<'a>> {
        let engine = self.engine.as_ref()?;
        let clock = engine.clock?;
        let private = engine.private.as_ref().filter(|_| self.level == Level::AuthPriv);
        Some(Secured {
            private: private.map(|key| (key, salt(key, clock.boots))),
            boots: clock.boots,
            time: clock.now(now),
            context_engine: own,
            ..self.signed(id, engine)
        })
    }

    /// Writes the next question, in the place of the inform of that id. False: the last one may still be answered.
    pub fn ask(&mut self, id: i32, now: Time, out: &mut Vec<u8>) -> bool {
        let may = self.asked.is_none_or(|(_, at)| now.since(at) >= self.pace);
        if may {
            self.write_question(id, now, out);
        }
        may
    }

    /// `under_way`: whether an inform of that id is. `own`: the bridge's engine. `out` takes a question.
    pub fn handle(
        &mut self,
        message: &[u8],
        own: &[u8],
        now: Time,
        under_way: impl FnOnce(i32) -> bool,
        out: &mut Vec<u8>,
    ) -> Option<Heard> {
        let message = Message::decode(message).ok()?;
        let parameters = message.parameters().ok()?;
        let level = message.level.filter(|_| message.model == MODEL)?;
        let asked = self.asked.is_some_and(|(id, _)| id == message.id);
        if !asked && !under_way(message.id) {
            return None;
        }
        let mut plain = Vec::new();
        let (scoped, synchronised) = match level {
            Level::NoAuthNoPriv => (Scoped::decode(message.data).ok()?, false),
            _ => self.open(&message, &parameters, level, now, &mut plain)?,
        };
        let pdu = Pdu::decode(scoped.pdu).ok()?;
        let told = match scoped.pdu_tag {
            tag::RESPONSE => {
                let right = level == self.level && scoped.engine == own && scoped.name.is_empty();
                (right && pdu.request_id == message.id).then_some(Heard::Acknowledged(message.id))
            }
            tag::REPORT => match said(&pdu)? {
                Why::UnknownEngine => return self.meet(parameters.engine, message.id, asked, now, out),
                // Nobody else can have said it, and it is of an earlier time than that which is known.
                Why::NotInTimeWindow => None,
                why => Some(Heard::Refused(why)),
            },
            _ => None,
        };
        told.or(synchronised.then_some(Heard::Synchronised))
    }

    /// A message that is signed: as RFC 3414 section 3.2 has it for an engine that is not authoritative. Also whether the
    /// receiver's time has become known by it.
    fn open<'m>(
        &mut self,
        message: &Message<'m>,
        parameters: &Parameters<'m>,
        level: Level,
        now: Time,
        plain: &'m mut Vec<u8>,
    ) -> Option<(Scoped<'m>, bool)> {
        let engine = self.engine.as_mut()?;
        if parameters.engine != &*engine.id
            || parameters.user != self.user.name.as_bytes()
            || parameters.mac.len() != engine.auth.mac_len()
            || !engine.auth.verifies(message.whole, parameters.mac_at)
        {
            return None;
        }
        let synchronised = Clock::follow(&mut engine.clock, parameters.boots, parameters.time, now)?;
        if synchronised {
            self.asked = None;
        }
        if level < Level::AuthPriv {
            return Some((Scoped::decode(message.data).ok()?, synchronised));
        }
        let salt = parameters.salt.try_into().ok()?;
        plain.extend_from_slice(message.data);
        let salted = Salted { boots: parameters.boots, time: parameters.time, salt };
        let whole = engine.private.as_ref()?.decrypt(&salted, plain);
        let scoped = whole.then(|| Scoped::decode_padded(plain).ok())??;
        Some((scoped, synchronised))
    }

    /// Anybody can say so: what is known is given up, and the true receiver corrects it.
    fn meet(&mut self, id: &[u8], message: i32, asked: bool, now: Time, out: &mut Vec<u8>) -> Option<Heard> {
        let known = self.engine.as_ref().map(|engine| &*engine.id);
        if !ENGINE_OCTETS.contains(&id.len()) || known == Some(id) {
            return None;
        }
        // Who answers the question for his time by another name again and again is asked no faster than he is told.
        let is_at_once = known.is_none() || !asked;
        let (auth, private) = self.user.keys_of_other(id)?;
        self.engine = Some(Engine { id: id.into(), auth, private, clock: None });
        if !is_at_once {
            return None;
        }
        self.write_question(message, now, out);
        Some(Heard::Question)
    }

    /// Who it is, and when that is known, what time it has: signed, so that it signs its answer.
    fn write_question(&mut self, id: i32, now: Time, out: &mut Vec<u8>) {
        self.asked = Some((id, now));
        let secured = match &self.engine {
            Some(engine) => self.signed(id, engine),
            None => Secured {
                id,
                max_size: MAX_SIZE,
                reportable: true,
                engine: &[],
                boots: 0,
                time: 0,
                user: &[],
                auth: None,
                private: None,
                context_engine: &[],
                context: &[],
            },
        };
        let frame = Frame::V3(secured);
        let head = Head { frame, tag: tag::GET, request_id: NO_REQUEST, status: 0, index: 0 };
        out.clear();
        out.resize(head.room(), 0);
        head.finish(out);
    }

    fn signed<'a>(&'a self, id: i32, engine: &'a Engine) -> Secured<'a> {
        Secured {
            id,
            max_size: MAX_SIZE,
            reportable: true,
            engine: &engine.id,
            boots: 0,
            time: 0,
            user: self.user.name.as_bytes(),
            auth: Some(&engine.auth),
            private: None,
            context_engine: &engine.id,
            context: &[],
        }
    }
}

impl Clock {
    fn now(&self, now: Time) -> i32 {
        let passed = i32::try_from(now.since(self.at) / 1000).unwrap_or(i32::MAX);
        self.time.saturating_add(passed)
    }

    /// Step 7b: takes over what a signed message says, and whether that is news. `None`: the message is too old, or its
    /// engine has come to the end of its boots.
    fn follow(known: &mut Option<Clock>, boots: i32, time: i32, now: Time) -> Option<bool> {
        if boots == i32::MAX {
            return None;
        }
        let is_news =
            known.is_none_or(|clock| clock.boots != boots || clock.now(now).abs_diff(time) > WINDOW);
        if known.is_none_or(|clock| (boots, time) > (clock.boots, clock.time)) {
            *known = Some(Clock { boots, time, at: now });
        }
        let clock = known.as_ref()?;
        let is_old = time < clock.now(now) && clock.now(now).abs_diff(time) > WINDOW;
        (boots == clock.boots && !is_old).then_some(is_news)
    }
}

/// What a Report names.
fn said(pdu: &Pdu<'_>) -> Option<Why> {
    let first = pdu.bindings().next()?.ok()?;
    Why::ALL.into_iter().find(|why| why.oid().octets() == first.name)
}
