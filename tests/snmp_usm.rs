//! SNMPv3 (RFC 3412, RFC 3414) without a network: what is told to whom, and how much of it.

mod snmp_support;
mod support;

use fleetbridge::snmp::{
    agent::Outcome,
    ber::tag,
    usm::{AuthProtocol, Level, Message, PrivProtocol, Scoped},
};
use snmp_support::world::*;
use support::*;

const LONG: &str = "a name of a context that is too long to be one, and of nobody";

#[test]
fn every_level_and_protocol() {
    for auth in AuthProtocol::ALL {
        for private in PrivProtocol::ALL {
            let mut world = World::new(auth, private);
            for level in [Level::AuthNoPriv, Level::AuthPriv] {
                let answer = world.ask(&Ask { level, ..world.good() }).unwrap();
                assert_eq!((answer.level, answer.tag, answer.request_id), (level, tag::RESPONSE, 4711));
                assert_eq!((answer.status, answer.name.as_str()), (0, SYS_NAME), "{auth:?} {private:?}");
            }
            world.local = "127.9.0.2:161";
            let answer = world.ask(&Ask { device: Some(2), ..world.good() }).unwrap();
            assert_eq!((answer.tag, answer.name.as_str()), (tag::RESPONSE, SYS_NAME), "{auth:?} {private:?}");
        }
    }
}

#[test]
fn what_goes_wrong_is_told() {
    let mut world = World::new(AuthProtocol::Sha256, PrivProtocol::Aes128);
    let stats = world.agent.stats().snmp.unsupported_levels.value();
    assert_eq!(stats, 0);
    let good = world.good();
    let usm = "1.3.6.1.6.3.15.1.1";
    for (ask, object, level) in [
        (Ask { user: "nobody", ..good }, format!("{usm}.3.0"), Level::NoAuthNoPriv),
        (Ask { user: "", level: Level::NoAuthNoPriv, ..good }, format!("{usm}.3.0"), Level::NoAuthNoPriv),
        // The user has keys; whether there is such a device is none of a stranger's business.
        (Ask { level: Level::NoAuthNoPriv, ..good }, format!("{usm}.1.0"), Level::NoAuthNoPriv),
        (
            Ask { level: Level::NoAuthNoPriv, context: LONG, ..good },
            format!("{usm}.1.0"),
            Level::NoAuthNoPriv,
        ),
        // Of an engine that is not the one that is asked.
        (Ask { device: Some(2), ..good }, format!("{usm}.4.0"), Level::NoAuthNoPriv),
        (Ask { boots: good.boots + 1, ..good }, format!("{usm}.2.0"), Level::AuthNoPriv),
        (Ask { time: good.time + 151, ..good }, format!("{usm}.2.0"), Level::AuthNoPriv),
        (Ask { context: "dev-77", ..good }, "1.3.6.1.6.3.12.1.5.0".into(), Level::AuthPriv),
    ] {
        let id = world.engine.of(ask.device);
        let message = world.message(&ask, &id);
        assert_eq!(world.send(&message), Outcome::Reply);
        let answer = world.read(&world.engine.of(None));
        assert_eq!((answer.tag, &answer.name, answer.level), (tag::REPORT, &object, level));
        if level == Level::NoAuthNoPriv {
            assert!(answer.len <= 128, "{} octets for {object}", answer.len);
        }
        let silent = world.message(&Ask { reportable: false, ..ask }, &id);
        assert_eq!(world.send(&silent), Outcome::Drop, "nobody asked to be told");
    }
    assert!(world.ask(&Ask { time: good.time + 150, ..good }).is_some());
    let other = World::new(AuthProtocol::Sha256, PrivProtocol::Aes128);
    let foreign = other.message(&good, &world.engine.of(None));
    assert_eq!(world.send(&foreign), Outcome::Reply, "the same password is the same key");
    // One bit of it changed, wherever it is: the digest is wrong, or what is before it is malformed or of nobody.
    let message = world.message(&good, &world.engine.of(None));
    for bit in 0..message.len() * 8 {
        let mut changed = message.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        world.now = world.now.plus_millis(100);
        if world.send(&changed) == Outcome::Reply {
            let report = Message::decode(&world.reply).unwrap();
            assert!(report.level <= Some(Level::AuthNoPriv), "bit {bit}");
            let scoped = Scoped::decode(report.data).unwrap();
            assert_eq!(scoped.pdu_tag, tag::REPORT, "bit {bit}");
            assert!(world.reply.len() <= 128);
        }
    }
}

#[test]
fn strangers_are_told_little() {
    let mut world = World::new(AuthProtocol::Sha1, PrivProtocol::Des);
    let ask = Ask { user: "nobody", ..world.good() };
    let message = world.message(&ask, &world.engine.of(None));
    let told = (0..1000).filter(|_| world.send(&message) == Outcome::Reply).count();
    assert_eq!(told, 20);
    assert_eq!(world.agent.stats().snmp.reports_withheld.value(), 980);
    // Who has a key is answered all the same, and told more.
    assert!(world.ask(&world.good()).is_some());
    let told = (0..1000).filter(|_| world.send(&message) == Outcome::Reply).count();
    assert_eq!(told, 1000);
    world.peer = "192.0.2.2:4000";
    let told = (0..1000).filter(|_| world.send(&message) == Outcome::Reply).count();
    assert_eq!(told, 20);
    // Also who knows the name of a user.
    world.peer = "192.0.2.3:4000";
    let ask = Ask { level: Level::NoAuthNoPriv, ..world.good() };
    let message = world.message(&ask, &world.engine.of(None));
    let told = (0..1000).filter(|_| world.send(&message) == Outcome::Reply).count();
    assert_eq!(told, 20);
}

#[test]
fn devices_are_engines_and_contexts() {
    let mut world = World::new(AuthProtocol::Sha512, PrivProtocol::Aes256C);
    assert!(world.ask(&Ask { context: "dev-2", ..world.good() }).is_some());
    world.local = "127.9.0.2:161";
    for context in ["", "dev-2", "+2"] {
        let answer = world.ask(&Ask { device: Some(2), context, ..world.good() }).unwrap();
        assert_eq!(answer.tag, tag::RESPONSE);
    }
    let answer = world.ask(&Ask { device: Some(2), context: "dev-3", ..world.good() }).unwrap();
    assert_eq!(answer.tag, tag::REPORT);
    // Nobody answers for a device that is lost, not even to discovery.
    world.agent.fleet().sweep(after(100_000));
    world.now = after(100_001);
    let time = world.engine.time(world.now);
    assert_eq!(world.ask(&Ask { device: Some(2), time, ..world.good() }), None);
}
