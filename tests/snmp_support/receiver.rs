//! A receiver of informs by SNMPv3, and the bridge's session with it, by a simulated clock.

use std::sync::Arc;

use fleetbridge::{
    model::Time,
    secret::Secret,
    snmp::{
        ber::{self, Pdu, tag},
        engine::Engine,
        frame::{Frame, Head},
        mib::fleetbridge::TEST,
        notify::{Heard, Kinds, Notification, Sender, Session, Step, Target, Unable, Wire},
        syntax::Value,
        usm::{
            AuthProtocol, Level, Material, Message, PrivProtocol, Salted, Scoped, Secured, User, Users, Usm,
            Why,
        },
    },
};

pub const ID: i32 = 4711;

/// As RFC 3414 section 3.2 has an engine that is authoritative.
pub struct Receiver {
    pub id: Vec<u8>,
    pub boots: i32,
    /// At the first instant.
    pub time: i32,
    pub user: Arc<User>,
    pub level: Level,
}

pub struct Pair {
    pub engine: Engine,
    pub usm: Usm,
    pub session: Session,
    pub receiver: Receiver,
    pub now: Time,
    /// What was written last.
    pub out: Vec<u8>,
    /// Messages to the receiver so far.
    pub sent: usize,
}

/// What an answer says, and how; all of it right by default.
pub struct Answer<'a> {
    pub tag: u8,
    pub name: Why,
    pub id: i32,
    pub request_id: i32,
    pub level: Level,
    pub user: &'a str,
    pub context_engine: &'a [u8],
    pub time: i32,
}

pub fn user(auth: AuthProtocol, private: PrivProtocol, engine: &Engine, password: &str) -> Arc<User> {
    let word = |text: &str| Material::from_password(auth, &Secret::new(text.into()));
    let keys = (Some((auth, word(password))), Some((private, word("privpassword"))));
    Arc::new(User::new("anna".into(), keys.0, keys.1, &engine.of(None)))
}

pub fn target(level: Level, inform: bool) -> Target {
    Target {
        address: "192.0.2.1:162".parse().unwrap(),
        wire: Wire::V3 { user: "anna".into(), level },
        inform,
        timeout: 1000,
        retries: 3,
        rate: 50,
        kinds: Kinds::default(),
        sites: Vec::new(),
    }
}

impl Pair {
    pub fn new(auth: AuthProtocol, private: PrivProtocol, level: Level) -> Pair {
        let engine = Engine::unsaved(super::NOW).unwrap();
        let user = user(auth, private, &engine, "authpassword");
        let usm = Usm::new(Users::new([user.clone()]), 7);
        let session = Session::new(&target(level, true), &usm);
        let receiver =
            Receiver { id: b"\x80\0\x1f\x88\x04one".to_vec(), boots: 3, time: 50_000, user, level };
        Pair { engine, usm, session, receiver, now: super::NOW, out: Vec::new(), sent: 0 }
    }

    /// Tells the receiver of nothing.
    pub fn tell(&mut self) -> Result<Step, Unable> {
        let sender =
            Sender { engine: &self.engine, usm: &self.usm, address: [127, 0, 0, 1].into(), wall: self.now };
        let notification = Notification::new(7).named(&TEST.oid);
        self.session.write(&notification, ID, sender, self.now, &mut self.out)
    }

    pub fn hear(&mut self, message: &[u8]) -> Heard {
        self.session.handle(message, &self.engine, self.now, |id| id == ID, &mut self.out)
    }

    /// Brings what was written to the receiver, and its answer back, until nothing follows at once.
    pub fn exchange(&mut self) -> Heard {
        loop {
            self.sent += 1;
            let Some(answer) = self.receiver.answer(self.now, &self.out) else { return Heard::Nothing };
            match self.hear(&answer) {
                Heard::Question => {}
                heard => return heard,
            }
        }
    }

    /// Until the time of the receiver is known.
    pub fn synchronise(&mut self) {
        assert_eq!(self.tell(), Ok(Step::Ask));
        assert_eq!(self.exchange(), Heard::Synchronised);
    }

    pub fn good(&self) -> Answer<'_> {
        Answer {
            tag: tag::RESPONSE,
            name: Why::NotInTimeWindow,
            id: ID,
            request_id: ID,
            level: self.receiver.level,
            user: "anna",
            context_engine: self.engine.id(),
            time: self.receiver.time(self.now),
        }
    }
}

impl Receiver {
    pub fn time(&self, now: Time) -> i32 {
        self.time + (now.since(super::NOW) / 1000) as i32
    }

    pub fn write(&self, answer: &Answer<'_>) -> Vec<u8> {
        let mut binding = Vec::new();
        ber::push_binding(answer.name.oid().octets(), |_| {}, &Value::Counter32(1), &mut binding);
        self.frame(answer, |secured, out| {
            let (frame, request_id) = (Frame::V3(*secured), answer.request_id);
            let head = Head { frame, tag: answer.tag, request_id, status: 0, index: 0 };
            out.resize(head.room(), 0);
            out.extend_from_slice(&binding);
            head.finish(out);
        })
    }

    /// A signed message around whatever octets.
    pub fn wrap(&self, answer: &Answer<'_>, pdu: &[u8]) -> Vec<u8> {
        self.frame(answer, |secured, out| {
            out.resize(secured.before(pdu.len()), 0);
            out.extend_from_slice(pdu);
            let places = secured.write(pdu.len(), &mut ber::Cursor { out, at: 0 });
            secured.protect(places, out);
            secured.sign(places.mac, out);
        })
    }

    fn frame(&self, answer: &Answer<'_>, write: impl FnOnce(&Secured<'_>, &mut Vec<u8>)) -> Vec<u8> {
        let (auth, private) = self.user.keys_of_other(&self.id).unwrap();
        let private = private.unwrap();
        let secured = Secured {
            id: answer.id,
            max_size: 65_507,
            reportable: false,
            engine: &self.id,
            boots: self.boots,
            time: answer.time,
            user: answer.user.as_bytes(),
            auth: (answer.level > Level::NoAuthNoPriv).then_some(&auth),
            private: (answer.level == Level::AuthPriv).then(|| (&private, private.salt(self.boots, 99))),
            context_engine: answer.context_engine,
            context: &[],
        };
        let mut out = Vec::new();
        write(&secured, &mut out);
        out
    }

    /// `None`: it says nothing.
    pub fn answer(&self, now: Time, message: &[u8]) -> Option<Vec<u8>> {
        let message = Message::decode(message).unwrap();
        assert!(message.reportable);
        let parameters = message.parameters().unwrap();
        let report = |name, level| {
            let (id, time) = (message.id, self.time(now));
            let answer = Answer {
                tag: tag::REPORT,
                name,
                id,
                request_id: 0,
                level,
                user: "anna",
                context_engine: &self.id,
                time,
            };
            Some(self.write(&answer))
        };
        let plain = Level::NoAuthNoPriv;
        if parameters.engine != self.id {
            return report(Why::UnknownEngine, plain);
        }
        if parameters.user != self.user.name.as_bytes() {
            return report(Why::UnknownUser, plain);
        }
        let level = message.level.unwrap();
        if level > self.level {
            return report(Why::UnsupportedLevel, plain);
        }
        let (auth, private) = self.user.keys_of_other(&self.id).unwrap();
        if !auth.verifies(message.whole, parameters.mac_at) {
            return report(Why::WrongDigest, plain);
        }
        let late = parameters.time.abs_diff(self.time(now)) > 150;
        if self.boots == i32::MAX || parameters.boots != self.boots || late {
            return report(Why::NotInTimeWindow, Level::AuthNoPriv);
        }
        let mut text = message.data.to_vec();
        let scoped = if level == Level::AuthPriv {
            let salt = parameters.salt.try_into().unwrap();
            let salted = Salted { boots: parameters.boots, time: parameters.time, salt };
            assert!(private.unwrap().decrypt(&salted, &mut text));
            Scoped::decode_padded(&text).unwrap()
        } else {
            Scoped::decode(&text).unwrap()
        };
        let pdu = Pdu::decode(scoped.pdu).unwrap();
        let answer = Answer {
            tag: tag::RESPONSE,
            name: Why::UnknownUser,
            id: message.id,
            request_id: pdu.request_id,
            level,
            user: "anna",
            context_engine: scoped.engine,
            time: self.time(now),
        };
        Some(self.write(&answer))
    }
}
