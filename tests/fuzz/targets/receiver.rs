//! What a receiver of informs by SNMPv3 answers: a stranger in its place, and one whose keys are right and whose PDU is
//! anything.

use std::cell::RefCell;

use fleetbridge::snmp::{
    notify::{Heard, Step},
    usm::{AuthProtocol, Level, PrivProtocol},
};

use super::snmp_support::receiver::{Answer, ID, Pair};

thread_local! {
    static PAIR: RefCell<Pair> = RefCell::new(Pair::new(AuthProtocol::Sha256, PrivProtocol::Aes128, Level::AuthPriv));
}

/// The first octet says who sends the rest.
pub fn receiver(data: &[u8]) {
    let Some((who, rest)) = data.split_first() else { return };
    PAIR.with_borrow_mut(|pair| {
        let answer = |level| Answer { level, ..pair.good() };
        let message = match who & 3 {
            0 => rest.to_vec(),
            1 => pair.receiver.wrap(&answer(Level::NoAuthNoPriv), rest),
            2 => pair.receiver.wrap(&answer(Level::AuthNoPriv), rest),
            _ => pair.receiver.wrap(&answer(Level::AuthPriv), rest),
        };
        match pair.hear(&message) {
            Heard::Acknowledged(id) => {
                assert_eq!((who & 3, id), (3, ID), "by the right key, at the right level")
            }
            Heard::Question => assert!(pair.out.len() <= 256, "a question of {} octets", pair.out.len()),
            Heard::Synchronised => assert!(who & 3 >= 2),
            Heard::Refused(_) | Heard::Nothing => {}
        }
        // Whatever was heard, the true receiver can still be told.
        for _ in 0..3 {
            pair.now = pair.now.plus_millis(1000);
            if pair.tell() == Ok(Step::Send) {
                break;
            }
            pair.exchange();
        }
        assert_eq!(pair.tell(), Ok(Step::Send));
        assert_eq!(pair.exchange(), Heard::Acknowledged(ID));
    });
}
