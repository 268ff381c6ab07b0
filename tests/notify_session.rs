//! What the bridge and a receiver of informs by SNMPv3 say to each other (RFC 3414 sections 3.2 and 4), and what nobody
//! else can make of it.

mod snmp_support;
mod support;

use fleetbridge::{
    model::Time,
    snmp::{
        ber::tag,
        engine::Engine,
        mib::fleetbridge::TEST,
        notify::{Heard, Notification, Sender, Session, Step, Unable},
        usm::{AuthProtocol, Level, Message, PrivProtocol, Users, Usm, Why},
    },
};
use snmp_support::receiver::*;

fn pair() -> Pair {
    Pair::new(AuthProtocol::Sha256, PrivProtocol::Aes128, Level::AuthPriv)
}

fn synchronised() -> Pair {
    let mut pair = pair();
    pair.synchronise();
    pair
}

fn later(pair: &mut Pair, seconds: u64) {
    pair.now = pair.now.plus_millis(seconds * 1000);
}

#[test]
fn every_protocol_and_level() {
    for auth in AuthProtocol::ALL {
        for private in PrivProtocol::ALL {
            for level in [Level::AuthNoPriv, Level::AuthPriv] {
                let mut pair = Pair::new(auth, private, level);
                assert_eq!(pair.tell(), Ok(Step::Ask));
                assert_eq!(pair.exchange(), Heard::Synchronised, "who it is, and what time it has");
                assert_eq!(pair.sent, 2);
                assert_eq!(pair.tell(), Ok(Step::Send));
                assert_eq!(Message::decode(&pair.out).unwrap().level, Some(level));
                assert_eq!(pair.exchange(), Heard::Acknowledged(ID), "{auth:?} {private:?} {level:?}");
            }
        }
    }
}

#[test]
fn its_time_goes_on_and_its_boots_are_followed() {
    let mut pair = synchronised();
    later(&mut pair, 10_000);
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Acknowledged(ID), "within its window, without a word between");
    (pair.receiver.boots, pair.receiver.time) = (4, -10_000);
    assert_eq!(pair.tell(), Ok(Step::Send));
    let stale = pair.out.clone();
    assert_eq!(pair.exchange(), Heard::Synchronised);
    let again = pair.receiver.answer(pair.now, &stale).unwrap();
    assert_eq!(pair.hear(&again), Heard::Nothing, "what is said of an earlier message is no news");
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Acknowledged(ID));
    // A machine that slept goes on where it was: later than the last that was heard of it.
    later(&mut pair, 1000);
    pair.receiver.time -= 900;
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Synchronised);
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Acknowledged(ID));
}

#[test]
fn another_engine_is_met_at_once() {
    let mut pair = synchronised();
    (pair.receiver.id, pair.receiver.boots) = (b"another".to_vec(), 1);
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Synchronised);
    assert_eq!(pair.sent, 4, "the inform and one question more");
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Acknowledged(ID));
}

/// One question a second whatever it answers, and one more for each inform.
#[test]
fn who_has_another_name_each_time_is_asked_no_faster() {
    let mut pair = pair();
    let mut questions = 0;
    for n in 0..100u32 {
        pair.now = pair.now.plus_millis(100);
        let mut step = pair.tell().unwrap() == Step::Ask;
        while step {
            questions += 1;
            pair.receiver.id = [&b"engine"[..], &(questions as u32 + n).to_be_bytes()].concat();
            let answer = pair.receiver.answer(pair.now, &pair.out).unwrap();
            step = pair.hear(&answer) == Heard::Question;
        }
    }
    assert!((10..=12).contains(&questions), "{questions} in ten seconds");
    let long = vec![7; 33];
    for id in [&b"four"[..], &long] {
        let mut pair = self::pair();
        pair.receiver.id = id.to_vec();
        assert_eq!(pair.tell(), Ok(Step::Ask));
        assert_eq!(pair.exchange(), Heard::Nothing, "{id:?} is no engine");
    }
}

#[test]
fn what_it_does_not_take_is_told_once_a_minute() {
    let mut pair = pair();
    pair.receiver.user = user(AuthProtocol::Sha256, PrivProtocol::Aes128, &pair.engine, "otherpassword");
    assert_eq!(pair.tell(), Ok(Step::Ask));
    assert_eq!(pair.exchange(), Heard::Refused(Why::WrongDigest));
    assert!(pair.session.trouble().unwrap().contains("password"));
    for _ in 0..59 {
        later(&mut pair, 1);
        assert_eq!(pair.tell(), Ok(Step::Ask));
        assert_eq!(pair.exchange(), Heard::Nothing);
    }
    later(&mut pair, 1);
    assert_eq!(pair.tell(), Ok(Step::Ask));
    assert_eq!(pair.exchange(), Heard::Refused(Why::WrongDigest));
    let mut pair = self::pair();
    pair.receiver.level = Level::AuthNoPriv;
    pair.synchronise();
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Refused(Why::UnsupportedLevel));
    pair.receiver.level = Level::AuthPriv;
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!((pair.exchange(), pair.session.trouble()), (Heard::Acknowledged(ID), None));
}

#[test]
fn questions_wait_for_their_answers() {
    let mut pair = pair();
    assert_eq!(pair.tell(), Ok(Step::Ask));
    assert_eq!(pair.tell(), Ok(Step::Wait), "others need not ask the same");
    pair.now = pair.now.plus_millis(999);
    assert_eq!(pair.tell(), Ok(Step::Wait));
    pair.now = pair.now.plus_millis(1);
    assert_eq!(pair.tell(), Ok(Step::Ask), "it is taken for lost");
}

#[test]
fn only_the_receiver_acknowledges() {
    let mut pair = synchronised();
    let other_key = user(AuthProtocol::Sha256, PrivProtocol::Aes128, &pair.engine, "otherpassword");
    assert_eq!(pair.tell(), Ok(Step::Send));
    let answers = [
        Answer { id: ID + 1, ..pair.good() },
        Answer { request_id: ID + 1, ..pair.good() },
        Answer { request_id: -1, ..pair.good() },
        Answer { level: Level::AuthNoPriv, ..pair.good() },
        Answer { level: Level::NoAuthNoPriv, ..pair.good() },
        Answer { user: "otto", ..pair.good() },
        Answer { context_engine: b"another", ..pair.good() },
        Answer { tag: tag::GET, ..pair.good() },
        Answer { tag: tag::INFORM, ..pair.good() },
        Answer { time: pair.good().time - 151, ..pair.good() },
    ];
    for answer in answers.map(|answer| pair.receiver.write(&answer)) {
        assert_eq!(pair.hear(&answer), Heard::Nothing);
    }
    let true_user = std::mem::replace(&mut pair.receiver.user, other_key);
    let forged = pair.receiver.write(&pair.good());
    assert_eq!(pair.hear(&forged), Heard::Nothing);
    pair.receiver.user = true_user;
    let good = pair.receiver.write(&pair.good());
    for at in 0..good.len() {
        let mut bent = good.clone();
        bent[at] ^= 1;
        assert_eq!(pair.hear(&bent), Heard::Nothing, "octet {at}");
        assert_eq!(pair.hear(&good[..at]), Heard::Nothing);
    }
    assert_eq!(pair.hear(&good), Heard::Acknowledged(ID));
    pair.receiver.boots += 1;
    let new = pair.receiver.write(&Answer { time: 5, ..pair.good() });
    assert_eq!(pair.hear(&new), Heard::Acknowledged(ID), "it has been started again since");
    assert_eq!(pair.hear(&good), Heard::Nothing, "what was said before that is too old");
}

#[test]
fn nobody_else_sets_its_time() {
    let mut pair = synchronised();
    for name in Why::ALL.into_iter().filter(|why| *why != Why::UnknownEngine) {
        let report =
            Answer { tag: tag::REPORT, name, request_id: 0, level: Level::NoAuthNoPriv, ..pair.good() };
        let report = pair.receiver.write(&Answer { time: 1, ..report });
        assert!(matches!(pair.hear(&report), Heard::Nothing | Heard::Refused(_)));
    }
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Acknowledged(ID));
    // That it is another engine anybody can say; then the true one corrects it.
    let true_id = std::mem::replace(&mut pair.receiver.id, b"an impostor".to_vec());
    let name = Why::UnknownEngine;
    let report = Answer { tag: tag::REPORT, name, request_id: 0, level: Level::NoAuthNoPriv, ..pair.good() };
    let report = pair.receiver.write(&report);
    assert_eq!(pair.hear(&report), Heard::Question);
    pair.receiver.id = true_id;
    assert_eq!(pair.exchange(), Heard::Nothing);
    later(&mut pair, 1);
    pair.synchronise();
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Acknowledged(ID));
}

#[test]
fn an_engine_at_the_end_of_its_boots_is_never_synchronised() {
    let mut pair = pair();
    pair.receiver.boots = i32::MAX;
    for _ in 0..3 {
        assert_eq!(pair.tell(), Ok(Step::Ask));
        assert_eq!(pair.exchange(), Heard::Nothing);
        later(&mut pair, 1);
    }
    let mut pair = synchronised();
    pair.receiver.time = i32::MAX;
    assert_eq!(pair.tell(), Ok(Step::Send));
    assert_eq!(pair.exchange(), Heard::Synchronised);
    later(&mut pair, 100);
    assert_eq!(pair.tell(), Ok(Step::Send), "its time does not overflow");
}

#[test]
fn traps_are_of_the_bridge_and_need_its_boots() {
    let folder = tempfile::tempdir().unwrap();
    let saved = Engine::load(&folder.path().join("snmp-engine"), Time::from_secs(1)).unwrap();
    let user = user(AuthProtocol::Sha512, PrivProtocol::Aes256, &saved, "authpassword");
    let usm = Usm::new(Users::new([user.clone()]), 7);
    let notification = Notification::new(7).named(&TEST.oid);
    let wall = Time::from_secs(100);
    let sender = |engine| Sender { engine, usm: &usm, address: [127, 0, 0, 1].into(), wall };
    let mut out = Vec::new();
    let mut session = Session::new(&target(Level::AuthPriv, false), &usm);
    assert_eq!(session.write(&notification, ID, sender(&saved), wall, &mut out), Ok(Step::Send));
    let message = Message::decode(&out).unwrap();
    let parameters = message.parameters().unwrap();
    assert_eq!((message.id, message.level, message.reportable), (ID, Some(Level::AuthPriv), false));
    assert_eq!((parameters.engine, parameters.boots, parameters.time), (saved.id(), 1, 99));
    assert!(user.auth_key(&saved.of(None)).unwrap().verifies(message.whole, parameters.mac_at));
    let unsaved = Engine::unsaved(wall).unwrap();
    assert_eq!(session.write(&notification, ID, sender(&unsaved), wall, &mut out), Err(Unable::Unsaved));
    let mut session = Session::new(&target(Level::AuthPriv, true), &Usm::new(Users::default(), 7));
    assert_eq!(session.write(&notification, ID, sender(&saved), wall, &mut out), Err(Unable::NoUser));
}
