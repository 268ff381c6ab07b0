//! SNMPv3 beside snmpd's, and what strangers cost who send it.

use std::{
    io::{self, Error},
    net::UdpSocket,
    time::{Duration, Instant},
};

use fleetbridge::snmp::{
    ber::{self, Cursor, tag},
    oid,
    usm::{AuthKey, AuthProtocol, Key, Message, PrivKey, PrivProtocol, Scoped, Secured},
};
use socket2::SockRef;

use super::{
    FB_DEVICE_ENTRY, IF_OPER_STATUS_1, IF_TABLE, NAME, PRESENCE, anywhere_names, cell, mmsg::Batch,
    wire::Request,
};
use crate::{
    measure::{Goal, cpu_of, figure, median, nanos, time},
    servers::{SYS_UP_TIME, Server, Site, USER, USER_PASSWORD},
};

const AUTH: AuthProtocol = AuthProtocol::Sha256;
const PRIV: PrivProtocol = PrivProtocol::Aes128;
const IN_FLIGHT: usize = 64;
const ROUNDS: usize = 3;
const REPETITIONS: u8 = 25;

/// msgFlags of an answer that is signed and encrypted; a Report of a clock that is off is signed only.
const HIDDEN: u8 = 3;

/// What a manager knows of an engine.
struct Engine {
    id: Vec<u8>,
    boots: i32,
    time: i32,
    auth: AuthKey,
    private: PrivKey,
}

pub fn measure(site: &Site) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let (bridge, snmpd) = (Server::bridge(site)?, Server::snmpd(&folder)?);
    bridge.settle()?;
    let gets = anywhere_names(|device| cell(FB_DEVICE_ENTRY, PRESENCE, &[device]));
    let bulks = anywhere_names(|device| cell(FB_DEVICE_ENTRY, NAME, &[device]));
    for (what, at_least, names, theirs, repetitions) in
        [("GET", 5.0, gets, IF_OPER_STATUS_1, None), ("GETBULK x25", 8.0, bulks, IF_TABLE, Some(REPETITIONS))]
    {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            own.push(load(&bridge, &names, repetitions)?);
            other.push(load(&snmpd, &[theirs.to_vec()], repetitions)?);
        }
        let (own, other) = (median(own), median(other));
        let what = format!("SNMPv3 {what}, SHA-256 and AES-128, {IN_FLIGHT} in flight");
        figure(&what, own, "us", Goal::None);
        figure(&format!("snmpd: {what}"), other, "us", Goal::None);
        figure(&format!("{what}, less than snmpd"), other / own, "times", Goal::AtLeast(at_least));
    }
    strangers(&bridge)
}

/// Microseconds of the server's CPU for a request.
fn load(server: &Server, names: &[Vec<u32>], repetitions: Option<u8>) -> io::Result<f64> {
    let socket = UdpSocket::bind((server.address.ip(), 0))?;
    socket.connect(server.address)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
    let engine = Engine::discover(&socket)?;
    let pdus: Vec<_> = names.iter().map(|name| pdu(name, repetitions)).collect();
    let count = pdus.len().max(IN_FLIGHT * 4);
    let messages: Vec<_> =
        (0..count).map(|at| engine.message(at as i32 + 1, &pdus[at % pdus.len()], USER)).collect();
    let (mut sending, mut receiving) = (Batch::new(IN_FLIGHT), Batch::new(IN_FLIGHT));
    let mut next = 0;
    let mut send = |places: usize| {
        let from = next;
        next += places;
        sending.send_all(&socket, (from..next).map(|at| (&messages[at % count][..], None)))
    };
    send(IN_FLIGHT)?;
    let mut answered = |time: Duration| -> io::Result<u64> {
        let (end, mut answered) = (Instant::now() + time, 0);
        while Instant::now() < end {
            let received = receiving.receive(&socket)?;
            for at in 0..received {
                let reply = Message::decode(receiving.datagram(at)).map_err(Error::other)?;
                if reply.level.map(|level| level as u8) != Some(HIDDEN) {
                    return Err(Error::other("a Report in place of an answer"));
                }
            }
            answered += received as u64;
            send(received)?;
        }
        Ok(answered)
    };
    answered(Duration::from_millis(100))?;
    let before = cpu_of(server.pid());
    let count = answered(time())?;
    Ok(nanos(cpu_of(server.pid()) - before, count) / 1e3)
}

/// Floods of what is not let in. After each batch a question is answered, so that none is lost in a queue.
fn strangers(server: &Server) -> io::Result<()> {
    let socket = UdpSocket::bind((server.address.ip(), 0))?;
    socket.connect(server.address)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let engine = Engine::discover(&socket)?;
    let pdu = pdu(SYS_UP_TIME, None);
    let mut unknown_engine = engine.message(1, &pdu, USER);
    let at = unknown_engine.windows(engine.id.len()).position(|part| part == engine.id).unwrap_or(0);
    unknown_engine[at + 6] ^= 1;
    let mut wrong_digest = engine.message(1, &pdu, USER);
    let last = wrong_digest.len() - 1;
    wrong_digest[last] ^= 1;
    let mut question = Request::get(SYS_UP_TIME);
    question.set_id(0x0100_0001);
    for (what, message) in [
        ("an unknown engine", unknown_engine),
        ("an unknown user", engine.message(1, &pdu, "nobody")),
        ("a wrong digest", wrong_digest),
    ] {
        let mut sending = Batch::new(IN_FLIGHT);
        let (mut sent, mut reply) = (0, [0; 2048]);
        let (end, before) = (Instant::now() + time(), cpu_of(server.pid()));
        while Instant::now() < end {
            let batch = (1..IN_FLIGHT).map(|_| &message[..]).chain([&question.bytes[..]]);
            sending.send_all(&socket, batch.map(|message| (message, None)))?;
            sent += IN_FLIGHT as u64;
            // Reports come before the answer.
            loop {
                let len = socket.recv(&mut reply)?;
                if Message::decode(&reply[..len]).is_err() {
                    break;
                }
            }
        }
        let micros = nanos(cpu_of(server.pid()) - before, sent) / 1e3;
        figure(&format!("a flood of SNMPv3 messages of {what}"), micros, "us", Goal::AtMost(5.0));
    }
    Ok(())
}

impl Engine {
    fn discover(socket: &UdpSocket) -> io::Result<Engine> {
        let kul = |id: &[u8]| Key::from_password(AUTH, USER_PASSWORD.as_bytes()).localized(AUTH, id);
        let nobody = Secured {
            id: 1,
            max_size: 65_507,
            reportable: true,
            engine: &[],
            boots: 0,
            time: 0,
            user: &[],
            auth: None,
            private: None,
            context_engine: &[],
            context: &[],
        };
        socket.send(&wrap(&nobody, &pdu(SYS_UP_TIME, None)))?;
        let mut reply = [0; 2048];
        let len = socket.recv(&mut reply)?;
        let message = Message::decode(&reply[..len]).map_err(Error::other)?;
        let parameters = message.parameters().map_err(Error::other)?;
        Scoped::decode(message.data).map_err(Error::other)?;
        let keys = || Error::other("no keys");
        Ok(Engine {
            auth: AuthKey::new(AUTH, &kul(parameters.engine)).ok_or_else(keys)?,
            private: PrivKey::new(PRIV, &kul(parameters.engine).extended(AUTH, PRIV, parameters.engine))
                .ok_or_else(keys)?,
            id: parameters.engine.to_vec(),
            boots: parameters.boots,
            time: parameters.time,
        })
    }

    fn message(&self, id: i32, pdu: &[u8], user: &str) -> Vec<u8> {
        let secured = Secured {
            id,
            max_size: 65_507,
            reportable: true,
            engine: &self.id,
            boots: self.boots,
            time: self.time,
            user: user.as_bytes(),
            auth: Some(&self.auth),
            private: Some((&self.private, (id as u64).to_be_bytes())),
            context_engine: &self.id,
            context: &[],
        };
        wrap(&secured, pdu)
    }
}

fn wrap(secured: &Secured<'_>, pdu: &[u8]) -> Vec<u8> {
    let mut out = vec![0; secured.before(pdu.len())];
    out.extend_from_slice(pdu);
    let places = secured.write(pdu.len(), &mut Cursor { out: &mut out, at: 0 });
    secured.protect(places, &mut out);
    secured.sign(places.mac, &mut out);
    out
}

fn pdu(name: &[u32], repetitions: Option<u8>) -> Vec<u8> {
    let (mut octets, mut out) = (Vec::new(), Vec::new());
    oid::encode(name, &mut octets);
    let start = ber::begin(if repetitions.is_some() { tag::GET_BULK } else { tag::GET }, &mut out);
    out.extend([2, 1, 7, 2, 1, 0, 2, 1, repetitions.unwrap_or(0)]);
    let list = ber::begin(tag::SEQUENCE, &mut out);
    ber::push_empty_binding(&octets, tag::NULL, &mut out);
    ber::end(list, &mut out);
    ber::end(start, &mut out);
    out
}
