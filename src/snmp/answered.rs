//! SETs that were answered: one that comes again within half a minute is not done again.

use std::{collections::VecDeque, net::SocketAddr};

use super::{admit::Asks, ber::Pdu, vacm::Model};
use crate::model::{Time, fnv1a};

const KEPT_FOR: u64 = 30_000;
const KEPT: usize = 1024;

/// Error status and index.
type Answer = (i32, usize);

/// By which a request is known again: a retry has its source, user, request-id and bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    peer: SocketAddr,
    model: Model,
    name: String,
    request_id: i32,
    bindings: u64,
}

#[derive(Default)]
pub(super) struct Answered(VecDeque<(Time, Asked, Answer)>);

impl Asked {
    pub fn new(asks: &Asks<'_>, pdu: &Pdu<'_>) -> Asked {
        let name = asks.name.to_owned();
        let bindings = fnv1a(pdu.varbinds);
        Asked { peer: asks.peer, model: asks.model, name, request_id: pdu.request_id, bindings }
    }
}

impl Answered {
    pub fn find(&self, asked: &Asked, now: Time) -> Option<Answer> {
        let known = self.0.iter().rev().find(|(_, known, _)| known == asked);
        known.filter(|(time, ..)| now.since(*time) < KEPT_FOR).map(|(_, _, answer)| *answer)
    }

    pub fn keep(&mut self, asked: Asked, now: Time, answer: Answer) {
        while self.0.front().is_some_and(|(time, ..)| now.since(*time) >= KEPT_FOR) || self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back((now, asked, answer));
    }
}
