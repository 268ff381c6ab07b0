//! SETs that were answered: one that comes again within half a minute is not done again.

use std::{collections::VecDeque, net::SocketAddr};

use super::{admit::Asks, ber::Pdu, usm::Level, vacm::Model, view::View};
use crate::model::Time;

const KEPT_FOR: u64 = 30_000;
const KEPT: usize = 1024;

/// Error status and index.
type Answer = (i32, usize);

/// By which a request is known again: a retry has its source, user, request-id and bindings, and asks the same agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    peer: SocketAddr,
    model: Model,
    name: String,
    level: Level,
    view: View,
    request_id: i32,
    bindings: Box<[u8]>,
}

#[derive(Default)]
pub(super) struct Answered(VecDeque<(Time, Asked, Answer)>);

impl Asked {
    pub fn new(asks: &Asks<'_>, view: View, pdu: &Pdu<'_>) -> Asked {
        let Asks { model, name, level, peer, .. } = *asks;
        let (name, bindings) = (name.to_owned(), pdu.varbinds.into());
        Asked { peer, model, name, level, view, request_id: pdu.request_id, bindings }
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
