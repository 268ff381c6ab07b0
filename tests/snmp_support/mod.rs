//! A manager for tests of the agent; writes and reads messages with rasn.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod receiver;
pub mod world;

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use fleetbridge::{
    fleet::Fleet,
    login::Role,
    model::Time,
    secret::Secret,
    snmp::{
        agent::{Access, Agent, Outcome},
        ber::{self, tag},
        community::{Communities, Community, Pattern},
        engine::Engine,
        mib::{Subtree, System},
        task::Scratch,
        usm::{AuthProtocol, Level, Material, PrivProtocol, User, Users, Usm},
        vacm::{ALL, Model, Rows},
        view::{Hosts, Path},
    },
    stats::Stats,
};
use rasn::types::{ObjectIdentifier, OctetString};
use rasn_smi::v2::{ApplicationSyntax, ObjectSyntax, SimpleSyntax};
use rasn_snmp::{
    v2::{
        BulkPdu, GetBulkRequest, GetNextRequest, GetRequest, Pdu, Response, SetRequest, Trap, VarBind,
        VarBindValue,
    },
    v2c::Message,
};

pub const V1: u32 = 0;
pub const V2C: u32 = 1;
/// With privacy, as an administrator: what follows `public` and a character in [`Manager::community`] is the context.
pub const V3: u32 = 3;

/// Two minutes after the start of the fleets in `support`.
pub const NOW: Time = super::support::START.plus_millis(120_000);

pub enum Kind {
    Get,
    GetNext,
    Bulk(i32, i32),
    Set,
    Response,
    Trap,
}

pub struct Manager {
    pub agent: Arc<Agent>,
    pub reply: Vec<u8>,
    pub fleet: Arc<Fleet>,
    /// When the next request arrives.
    pub now: Time,
    /// By which it asks.
    pub community: String,
    /// What it asks.
    pub local: SocketAddr,
    make: fn() -> Vec<Box<dyn Subtree>>,
    scratch: Scratch,
    id: i32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub id: i32,
    pub status: u32,
    pub index: u32,
    pub bindings: Vec<(String, VarBindValue)>,
}

impl Reply {
    pub fn names(&self) -> Vec<&str> {
        self.bindings.iter().map(|binding| binding.0.as_str()).collect()
    }

    pub fn texts(&self) -> Vec<String> {
        self.bindings.iter().map(|binding| text(&binding.1)).collect()
    }

    pub fn numbers(&self) -> Vec<u64> {
        self.bindings.iter().map(|binding| number(&binding.1)).collect()
    }
}

impl Manager {
    pub fn new(fleet: Fleet, subtrees: Vec<Box<dyn Subtree>>) -> Self {
        let fleet = Arc::new(fleet);
        Manager {
            agent: agent(fleet.clone(), 65_507, subtrees),
            reply: Vec::new(),
            fleet,
            now: NOW,
            community: "public".into(),
            local: "127.0.0.1:161".parse().unwrap(),
            make: fleetbridge::snmp::mib::all,
            scratch: Scratch::default(),
            id: 0,
        }
    }

    /// Serves all MIBs; devices answer where `hosts` says.
    pub fn with_hosts(fleet: Fleet, hosts: Hosts) -> Self {
        let mut manager = Manager::new(fleet, Vec::new());
        manager.agent =
            agent_with(manager.fleet.clone(), 65_507, fleetbridge::snmp::mib::all(), hosts, world::engine());
        manager
    }

    /// Serves all MIBs of the same fleet with another greatest message.
    pub fn rebuild(&mut self, max_message: usize) {
        self.agent = agent(self.fleet.clone(), max_message, (self.make)());
    }

    /// Serves all MIBs of the same fleet by an engine whose boots are on no disk.
    pub fn unsaved(&mut self) {
        let engine = Engine::unsaved(super::support::START).unwrap();
        self.agent = agent_with(self.fleet.clone(), 65_507, (self.make)(), Hosts::default(), engine);
    }

    /// From now on the community `public` may read all there is.
    pub fn open(&mut self) {
        let mut rows = Rows::of_roles();
        rows.access.iter_mut().for_each(|access| access.read = ALL.to_owned());
        for model in [Model::V1, Model::V2c] {
            rows.enter(model, "community-1", Role::Read, None);
        }
        rows.enter(Model::Usm, "anna", Role::Administer, None);
        self.agent.rule(rows);
    }

    pub fn send(&mut self, message: &[u8]) -> Outcome {
        match self.handle(message) {
            Outcome::Set => {
                let path = self.path();
                self.agent.set(self.now, path, message, &mut self.scratch, &mut self.reply)
            }
            outcome => outcome,
        }
    }

    /// As a thread that receives does.
    pub fn handle(&mut self, message: &[u8]) -> Outcome {
        let path = self.path();
        self.agent.handle(self.now, path, message, &mut self.scratch, &mut self.reply)
    }

    fn path(&self) -> Path {
        Path { peer: "192.0.2.1:40000".parse().unwrap(), local: self.local }
    }

    pub fn get(&mut self, version: u32, names: &[&str]) -> Reply {
        self.ask(version, Kind::Get, names).expect("a reply")
    }

    pub fn get_next(&mut self, version: u32, names: &[&str]) -> Reply {
        self.ask(version, Kind::GetNext, names).expect("a reply")
    }

    pub fn set(&mut self, version: u32, names: &[&str]) -> Reply {
        self.ask(version, Kind::Set, names).expect("a reply")
    }

    pub fn bulk(&mut self, version: u32, singles: i32, repetitions: i32, names: &[&str]) -> Option<Reply> {
        self.ask(version, Kind::Bulk(singles, repetitions), names)
    }

    pub fn ask(&mut self, version: u32, kind: Kind, names: &[&str]) -> Option<Reply> {
        if version == V3 {
            return self.ask_secured(kind, names);
        }
        let community = self.community.clone();
        let message = self.request(version, &community, kind, names);
        if self.send(&message) == Outcome::Drop {
            return None;
        }
        let message: Message<Response> = rasn::ber::decode(&self.reply).expect("a response");
        assert_eq!(message.version, version.into());
        assert_eq!(message.community, community.as_bytes());
        Some(self.told(message.data.0))
    }

    fn ask_secured(&mut self, kind: Kind, names: &[&str]) -> Option<Reply> {
        // Its PDU is that of v2c: behind a version of three octets and an empty community of two.
        let message = self.request(V2C, "", kind, names);
        let length = usize::from(message[1]);
        let before = if length < 0x80 { 2 } else { 2 + (length & 0x7f) };
        let engine = self.agent.engine().clone();
        let user = anna(&engine);
        let ask = world::Ask {
            user: "anna",
            level: Level::AuthPriv,
            device: None,
            context: self.community.get("public.".len()..).unwrap_or_default(),
            boots: engine.boots(),
            time: engine.time(self.now),
            reportable: true,
            tag: 0,
        };
        let id = engine.of(None);
        let message = world::wrap(&user, &ask, &id, &message[before + 5..]);
        if self.send(&message) == Outcome::Drop {
            return None;
        }
        let (level, tag, content) = world::unwrap(&user, &id, &self.reply);
        assert_eq!((level, tag), (Level::AuthPriv, tag::RESPONSE));
        let mut pdu = Vec::new();
        ber::push_octets(tag, &content, &mut pdu);
        let Response(pdu) = rasn::ber::decode(&pdu).expect("a response");
        Some(self.told(pdu))
    }

    fn told(&self, pdu: Pdu) -> Reply {
        assert_eq!(pdu.request_id, self.id);
        let binding = |binding: VarBind| (dotted(&binding.name), binding.value);
        Reply {
            id: pdu.request_id,
            status: pdu.error_status,
            index: pdu.error_index,
            bindings: pdu.variable_bindings.into_iter().map(binding).collect(),
        }
    }

    pub fn request(&mut self, version: u32, community: &str, kind: Kind, names: &[&str]) -> Vec<u8> {
        self.id += 1;
        let value = match kind {
            Kind::Set => VarBindValue::Value(OctetString::from_static(b"new").into()),
            _ => VarBindValue::Unspecified,
        };
        let bindings = names.iter().map(|name| VarBind { name: oid(name), value: value.clone() }).collect();
        let pdu = Pdu { request_id: self.id, error_status: 0, error_index: 0, variable_bindings: bindings };
        let community = OctetString::from(community.as_bytes().to_vec());
        let version = version.into();
        match kind {
            Kind::Get => rasn::ber::encode(&Message { version, community, data: GetRequest(pdu) }),
            Kind::GetNext => rasn::ber::encode(&Message { version, community, data: GetNextRequest(pdu) }),
            Kind::Set => rasn::ber::encode(&Message { version, community, data: SetRequest(pdu) }),
            Kind::Response => rasn::ber::encode(&Message { version, community, data: Response(pdu) }),
            Kind::Trap => rasn::ber::encode(&Message { version, community, data: Trap(pdu) }),
            // rasn has them unsigned; a negative one is the same type on the wire.
            Kind::Bulk(singles, repetitions) if singles < 0 || repetitions < 0 => {
                let pdu = Pdu { error_status: 0, ..pdu };
                let mut message =
                    rasn::ber::encode(&Message { version, community, data: GetBulkRequest(bulk(pdu, 0, 0)) })
                        .unwrap();
                // The integers lie behind the request id: version 3, community 2 + 6, headers.
                let at = message.windows(6).rposition(|window| window == [2, 1, 0, 2, 1, 0]).unwrap();
                message[at + 2] = singles as i8 as u8;
                message[at + 5] = repetitions as i8 as u8;
                return message;
            }
            Kind::Bulk(singles, repetitions) => rasn::ber::encode(&Message {
                version,
                community,
                data: GetBulkRequest(bulk(pdu, singles as u32, repetitions as u32)),
            }),
        }
        .unwrap()
    }
}

fn bulk(pdu: Pdu, non_repeaters: u32, max_repetitions: u32) -> BulkPdu {
    BulkPdu {
        request_id: pdu.request_id,
        non_repeaters,
        max_repetitions,
        variable_bindings: pdu.variable_bindings,
    }
}

pub fn agent(fleet: Arc<Fleet>, max_message: usize, subtrees: Vec<Box<dyn Subtree>>) -> Arc<Agent> {
    agent_with(fleet, max_message, subtrees, Hosts::default(), world::engine())
}

pub fn system(max_message: usize) -> System {
    System {
        version: "1",
        description: "fleetbridge test".into(),
        contact: "noc@example.org".into(),
        name: "bridge".into(),
        location: String::new(),
        max_message,
        max_request: 4096,
        authen_traps: false,
        access: Vec::new(),
    }
}

/// An administrator of every agent; in no group until [`Manager::open`].
fn anna(engine: &Engine) -> Arc<User> {
    // A password takes its time.
    static KEYS: LazyLock<Material> =
        LazyLock::new(|| Material::from_password(AuthProtocol::Sha256, &Secret::new("password".into())));
    let auth = Some((AuthProtocol::Sha256, KEYS.clone()));
    let private = Some((PrivProtocol::Aes128, KEYS.clone()));
    Arc::new(User::new("anna".into(), auth, private, &engine.of(None)))
}

fn agent_with(
    fleet: Arc<Fleet>,
    max_message: usize,
    subtrees: Vec<Box<dyn Subtree>>,
    hosts: Hosts,
    engine: Engine,
) -> Arc<Agent> {
    let system = system(max_message);
    let communities = vec![
        Community::new("public", &[]).unwrap(),
        Community::new("inner", &["10.0.0.0/8".into()]).unwrap(),
    ];
    let communities = Communities::new(communities, &Pattern::defaults());
    let mut rows = Rows::of_roles();
    communities.enter(&mut rows, &[]);
    let usm = Usm::new(Users::new([anna(&engine)]), 1);
    let access = Access { communities, usm, rows, hosts, made: Default::default() };
    Arc::new(Agent::new(fleet, Arc::new(Stats::default()), engine, system, access, subtrees))
}

/// The response as rasn writes it.
pub fn encoded_response(community: &str, request_id: i32, bindings: &[(String, VarBindValue)]) -> Vec<u8> {
    let bindings = bindings.iter().map(|(name, value)| VarBind { name: oid(name), value: value.clone() });
    let pdu = Pdu { request_id, error_status: 0, error_index: 0, variable_bindings: bindings.collect() };
    let community = OctetString::from(community.as_bytes().to_vec());
    rasn::ber::encode(&Message { version: V2C.into(), community, data: Response(pdu) }).unwrap()
}

pub fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unchecked(arcs(dotted).into())
}

pub fn arcs(dotted: &str) -> Vec<u32> {
    dotted.split('.').map(|arc| arc.parse().unwrap()).collect()
}

pub fn dotted(arcs: &[u32]) -> String {
    fleetbridge::snmp::oid::Dotted(arcs).to_string()
}

pub fn text(value: &VarBindValue) -> String {
    match value {
        VarBindValue::Value(ObjectSyntax::Simple(SimpleSyntax::String(octets))) => {
            String::from_utf8(octets.to_vec()).unwrap()
        }
        other => panic!("{other:?} is no text"),
    }
}

pub fn number(value: &VarBindValue) -> u64 {
    match value {
        VarBindValue::Value(ObjectSyntax::Simple(SimpleSyntax::Integer(value))) => {
            i64::try_from(value.clone()).unwrap() as u64
        }
        VarBindValue::Value(ObjectSyntax::ApplicationWide(value)) => match value {
            ApplicationSyntax::Counter(value) => value.0.into(),
            ApplicationSyntax::Ticks(value) => value.0.into(),
            ApplicationSyntax::BigCounter(value) => value.0,
            ApplicationSyntax::Unsigned(value) => value.0.into(),
            other => panic!("{other:?} is no number"),
        },
        other => panic!("{other:?} is no number"),
    }
}
