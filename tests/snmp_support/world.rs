//! A user of SNMPv3 before an agent in memory.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;

use fleetbridge::{
    login::Role,
    model::Time,
    secret::Secret,
    snmp::{
        addresses::Addresses,
        agent::{Access, Agent, Outcome},
        ber::{self, Cursor, Pdu, tag},
        community::Communities,
        engine::{Engine, EngineId},
        mib, oid,
        task::Scratch,
        usm::{
            AuthProtocol, Level, Material, Message, PrivKey, PrivProtocol, Salted, Scoped, Secured, User,
            Users, Usm,
        },
        vacm::{Model, Rows},
        view::{Hosts, Path},
    },
    stats::Stats,
};

use super::super::support::*;
use super::{NOW, arcs, dotted, system};

pub const SYS_NAME: &str = "1.3.6.1.2.1.1.5.0";

/// An agent, and a user who asks it.
pub struct World {
    pub agent: Agent,
    pub engine: Engine,
    pub user: Arc<User>,
    pub now: Time,
    pub peer: &'static str,
    pub local: &'static str,
    pub scratch: Scratch,
    pub reply: Vec<u8>,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub level: Level,
    pub tag: u8,
    pub request_id: i32,
    pub status: i32,
    /// Of the first binding.
    pub name: String,
    pub len: usize,
}

/// A request, all of it good.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub user: &'a str,
    pub level: Level,
    pub device: Option<u32>,
    pub context: &'a str,
    pub boots: i32,
    pub time: i32,
    pub reportable: bool,
    pub tag: u8,
}

impl World {
    pub fn new(auth: AuthProtocol, private: PrivProtocol) -> World {
        World::of(auth, private, Role::Read)
    }

    pub fn of(auth: AuthProtocol, private: PrivProtocol, role: Role) -> World {
        let engine = engine();
        let word = |text: &str| Material::from_password(auth, &Secret::new(text.into()));
        let keys = (Some((auth, word("authpassword"))), Some((private, word("privpassword"))));
        let user = Arc::new(User::new("anna".into(), keys.0, keys.1, &engine.of(None)));
        let fleet = Arc::new(fleet());
        for n in 1..=3 {
            let device = learn(&fleet, SENSOR, &format!("dev-{n}"));
            report(&fleet, device, false, &[value(0, 1)], after(1));
        }
        let mut rows = Rows::of_roles();
        rows.enter(Model::Usm, "anna", role, None);
        let addresses = Addresses::new(&["127.9.0.0/24".parse().unwrap()], None);
        let access = Access {
            communities: Communities::default(),
            usm: Usm::new(Users::new([user.clone()]), 7),
            hosts: Hosts { listen: vec!["127.0.0.1:0".parse().unwrap()], addresses, ..Hosts::default() },
            rows,
            made: Default::default(),
        };
        let system = system(65_507);
        let agent = Agent::new(fleet, Arc::new(Stats::default()), engine.clone(), system, access, mib::all());
        let (scratch, reply) = (Scratch::default(), Vec::new());
        World {
            agent,
            engine,
            user,
            now: NOW,
            peer: "192.0.2.1:4000",
            local: "127.0.0.1:161",
            scratch,
            reply,
        }
    }

    pub fn good<'a>(&self) -> Ask<'a> {
        Ask {
            user: "anna",
            level: Level::AuthPriv,
            device: None,
            context: "",
            boots: self.engine.boots(),
            time: self.engine.time(self.now),
            reportable: true,
            tag: tag::GET,
        }
    }

    pub fn message(&self, ask: &Ask<'_>, id: &EngineId) -> Vec<u8> {
        let mut pdu = vec![ask.tag, 0, 2, 2, 0x12, 0x67, 2, 1, 0, 2, 1, 0, tag::SEQUENCE, 0];
        let list = pdu.len();
        let mut name = Vec::new();
        oid::encode(&arcs(SYS_NAME), &mut name);
        ber::push_empty_binding(&name, tag::NULL, &mut pdu);
        pdu[list - 1] = (pdu.len() - list) as u8;
        pdu[1] = (pdu.len() - 2) as u8;
        self.wrap(ask, id, &pdu)
    }

    /// A message around whatever octets.
    pub fn wrap(&self, ask: &Ask<'_>, id: &EngineId, pdu: &[u8]) -> Vec<u8> {
        wrap(&self.user, ask, id, pdu)
    }

    pub fn agent_key(&self, id: &EngineId) -> PrivKey {
        priv_key(&self.user, id)
    }

    pub fn send(&mut self, message: &[u8]) -> Outcome {
        let path = Path { peer: self.peer.parse().unwrap(), local: self.local.parse().unwrap() };
        self.agent.handle(self.now, path, message, &mut self.scratch, &mut self.reply)
    }

    /// What [`send`](World::send) has put off.
    pub fn set(&mut self, message: &[u8]) -> Outcome {
        let path = Path { peer: self.peer.parse().unwrap(), local: self.local.parse().unwrap() };
        self.agent.set(self.now, path, message, &mut self.scratch, &mut self.reply)
    }

    pub fn ask(&mut self, ask: &Ask<'_>) -> Option<Answer> {
        let id = self.engine.of(ask.device);
        let message = self.message(ask, &id);
        (self.send(&message) == Outcome::Reply).then(|| self.read(&id))
    }

    /// Reads the reply as a manager does, with all that it has to be.
    pub fn read(&self, id: &EngineId) -> Answer {
        let (level, tag, pdu) = unwrap(&self.user, id, &self.reply);
        let pdu = Pdu::decode(&pdu).unwrap();
        let mut name = Vec::new();
        if let Some(binding) = pdu.bindings().next() {
            oid::decode(binding.unwrap().name, &mut name).unwrap();
        }
        let (request_id, status) = (pdu.request_id, pdu.status);
        Answer { level, tag, request_id, status, name: dotted(&name), len: self.reply.len() }
    }
}

/// Always the same one, and saved, so that SNMPv3 is spoken.
pub fn engine() -> Engine {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snmp-engine");
    let id = "0102030405060708090a0b0c";
    std::fs::write(&path, format!("engine-id = 80007ed905{id}\nboots = 1\n")).unwrap();
    Engine::load(&path, START).unwrap()
}

fn priv_key(user: &User, id: &EngineId) -> PrivKey {
    Usm::new(Users::default(), 0).priv_key(user, id).unwrap().into_owned()
}

/// A message around whatever octets.
pub fn wrap(user: &User, ask: &Ask<'_>, id: &EngineId, pdu: &[u8]) -> Vec<u8> {
    let auth = user.auth_key(id).unwrap();
    let private = priv_key(user, id);
    let salt = private.salt(ask.boots, 99);
    let secured = Secured {
        id: 77,
        max_size: 65_507,
        reportable: ask.reportable,
        engine: id.octets(),
        boots: ask.boots,
        time: ask.time,
        user: ask.user.as_bytes(),
        auth: (ask.level > Level::NoAuthNoPriv).then_some(&*auth),
        private: (ask.level == Level::AuthPriv).then_some((&private, salt)),
        context_engine: id.octets(),
        context: ask.context.as_bytes(),
    };
    let mut out = vec![0; secured.before(pdu.len())];
    out.extend_from_slice(pdu);
    let places = secured.write(pdu.len(), &mut Cursor { out: &mut out, at: 0 });
    secured.protect(places, &mut out);
    secured.sign(places.mac, &mut out);
    out
}

/// The level of a reply, and the tag and the contents of its PDU.
pub fn unwrap(user: &User, id: &EngineId, reply: &[u8]) -> (Level, u8, Vec<u8>) {
    let message = Message::decode(reply).unwrap();
    let parameters = message.parameters().unwrap();
    assert_eq!((message.id, parameters.engine), (77, id.octets()));
    assert!(!message.reportable);
    let level = message.level.unwrap();
    if level > Level::NoAuthNoPriv {
        let auth = user.auth_key(id).unwrap();
        assert!(auth.verifies(message.whole, parameters.mac_at));
    }
    let mut text = message.data.to_vec();
    let scoped = if level == Level::AuthPriv {
        let salt = parameters.salt.try_into().unwrap();
        let salted = Salted { boots: parameters.boots, time: parameters.time, salt };
        assert!(priv_key(user, id).decrypt(&salted, &mut text));
        Scoped::decode_padded(&text).unwrap()
    } else {
        Scoped::decode(&text).unwrap()
    };
    assert_eq!(scoped.engine, id.octets());
    (level, scoped.pdu_tag, scoped.pdu.to_vec())
}
