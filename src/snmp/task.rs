//! The operations of a request that has been let in (RFC 3416 section 4.2, RFC 3584 section 4): names in, bindings out.

use std::cell::RefCell;

use super::{
    admit::Asks,
    agent::{Agent, Outcome},
    ber::{self, Malformed, Pdu, tag},
    bulk,
    frame::{Head, Version},
    mib::{Context, Found, Sink},
    oid,
    set::{Edits, Given, SetError},
    vacm::Views,
    view::View,
};
use crate::{datastore::Owner, fleet::Scope, model::Time, stats::Snmp};

/// Working memory of one thread; once warm, requests are answered without an allocation.
#[derive(Default)]
pub struct Scratch {
    pub(super) text: RefCell<String>,
    /// What was decrypted.
    pub(super) plain: Vec<u8>,
    /// The names of a request, arc by arc.
    pub(super) arcs: Vec<u32>,
    pub(super) names: Vec<Name>,
    pub(super) bulk: bulk::Scratch,
}

/// A requested name: its arcs in [`Scratch::arcs`], its octets in the request.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) arcs: (usize, usize),
    octets: (usize, usize),
}

impl Name {
    pub(super) fn arcs(self, all: &[u32]) -> &[u32] {
        &all[self.arcs.0..self.arcs.1]
    }

    /// A name without octets, which stands for 0.0, is given back in its proper form.
    pub(super) fn octets(self, varbinds: &[u8]) -> &[u8] {
        match &varbinds[self.octets.0..self.octets.1] {
            [] => &[0],
            octets => octets,
        }
    }
}

/// RFC 3416 section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    TooBig = 1,
    NoSuchName = 2,
    AuthorizationError = 16,
}

/// Why a response is no plain one.
enum Failure {
    TooBig,
    /// A v1 error, with the position of the binding from 1.
    NoSuchName(usize),
}

/// One accepted request.
pub(super) struct Task<'a> {
    pub(super) agent: &'a Agent,
    pub(super) view: View,
    /// What of it.
    pub(super) views: &'a Views,
    scope: Option<&'a Scope>,
    stats: &'a Snmp,
    version: Version,
    head: Head<'a>,
    pub(super) pdu: Pdu<'a>,
    limit: usize,
}

impl<'a> Task<'a> {
    pub fn new(
        agent: &'a Agent,
        view: View,
        views: &'a Views,
        scope: Option<&'a Scope>,
        head: Head<'a>,
        pdu: Pdu<'a>,
        limit: usize,
    ) -> Task<'a> {
        Task {
            agent,
            view,
            views,
            scope,
            stats: &agent.stats().snmp,
            version: head.frame.version(),
            head,
            pdu,
            limit,
        }
    }

    pub(super) fn context<'c>(&'c self, now: Time, text: &'c RefCell<String>) -> Context<'c> {
        self.agent.context(now, self.view, self.scope, text)
    }

    /// Refuses one to whom nothing is open here.
    pub fn refuse(&self, reply: &mut Vec<u8>) -> Outcome {
        match self.version {
            Version::V1 => self.fail(Failure::NoSuchName(0), reply),
            Version::V2c | Version::V3 => self.echo(Status::AuthorizationError, 0, reply),
        }
    }

    /// `pdu_tag`: of a request.
    pub fn run(&self, pdu_tag: u8, now: Time, scratch: &mut Scratch, reply: &mut Vec<u8>) -> Outcome {
        match pdu_tag {
            tag::GET => self.get(now, scratch, reply),
            tag::GET_NEXT => self.get_next(now, scratch, reply),
            _ => self.get_bulk(now, scratch, reply),
        }
    }

    fn get(&self, now: Time, scratch: &mut Scratch, reply: &mut Vec<u8>) -> Outcome {
        self.stats.in_get_requests.inc();
        let Scratch { text, arcs, names, .. } = scratch;
        let context = self.context(now, text);
        let mut found = 0;
        let Some(limit) = self.begin(reply) else { return self.fail(Failure::TooBig, reply) };
        for (at, name) in names.iter().enumerate() {
            let start = ber::begin(tag::SEQUENCE, reply);
            ber::push_octets(tag::OID, name.octets(self.pdu.varbinds), reply);
            let value = reply.len();
            let result = match self.agent.subtree(self.view, &self.views.read, name.arcs(arcs)) {
                Ok((subtree, rest)) => subtree.get(&context, rest, reply),
                Err(found) => found,
            };
            match result {
                Found::Value if self.version == Version::V1 && reply[value] == tag::COUNTER64 => {
                    return self.fail(Failure::NoSuchName(at + 1), reply);
                }
                Found::Value => found += 1,
                _ if self.version == Version::V1 => {
                    return self.fail(Failure::NoSuchName(at + 1), reply);
                }
                Found::NoObject => reply.extend_from_slice(&[tag::NO_SUCH_OBJECT, 0]),
                Found::NoInstance => reply.extend_from_slice(&[tag::NO_SUCH_INSTANCE, 0]),
            }
            ber::end(start, reply);
            if reply.len() > limit {
                return self.fail(Failure::TooBig, reply);
            }
        }
        self.finish(found, reply)
    }

    fn get_next(&self, now: Time, scratch: &mut Scratch, reply: &mut Vec<u8>) -> Outcome {
        self.stats.in_get_nexts.inc();
        let Some(limit) = self.begin(reply) else { return self.fail(Failure::TooBig, reply) };
        let count = scratch.names.len();
        match self.next_of_each(now, scratch, count, limit, reply) {
            Ok(found) => self.finish(found, reply),
            Err(failure) => self.fail(failure, reply),
        }
    }

    /// RFC 3416 section 4.2.3: what does not fit is cut off at the end.
    fn get_bulk(&self, now: Time, scratch: &mut Scratch, reply: &mut Vec<u8>) -> Outcome {
        self.stats.in_get_bulks.inc();
        let Some(limit) = self.begin(reply) else { return self.fail(Failure::TooBig, reply) };
        // Negative numbers count as zero.
        let singles = usize::try_from(self.pdu.status).unwrap_or(0).min(scratch.names.len());
        let repetitions = usize::try_from(self.pdu.index).unwrap_or(0);
        if self.next_of_each(now, scratch, singles, limit, reply).is_ok() {
            bulk::repeat(self, now, scratch, singles, repetitions, limit, reply);
        }
        // snmpInTotalReqVars counts what GET and GETNEXT retrieve.
        self.finish(0, reply)
    }

    /// Answers a SET of one who may write nothing.
    pub fn refuse_set(&self, reply: &mut Vec<u8>) -> Outcome {
        self.stats.in_set_requests.inc();
        match self.pdu.varbinds.is_empty() {
            true => self.echo_status(0, 0, reply),
            false => {
                let (status, index) = self.status_of(0, self.no_access());
                self.echo_status(status, index, reply)
            }
        }
    }

    /// Counts and says that a binding may not be written.
    fn no_access(&self) -> SetError {
        if self.version != Version::V3 {
            self.stats.in_bad_community_uses.inc();
        }
        SetError::NoAccess
    }

    /// Error status and index for the binding at a place from 0.
    fn status_of(&self, at: usize, error: SetError) -> (i32, usize) {
        let status = match self.version {
            Version::V1 => error.of_v1(),
            Version::V2c | Version::V3 => error as i32,
        };
        self.stats.count_error(status);
        (status, at + 1)
    }

    /// Checks all bindings, then writes them all or none. Returns error status and index.
    pub fn set(&self, now: Time, asks: &Asks<'_>, owner: Owner, scratch: &Scratch) -> (i32, usize) {
        self.stats.in_set_requests.inc();
        match self.write(now, asks, owner, scratch) {
            Ok(()) => {
                self.stats.in_total_set_vars.add(scratch.names.len() as u64);
                (0, 0)
            }
            Err((at, error)) => self.status_of(at, error),
        }
    }

    fn write(
        &self,
        now: Time,
        asks: &Asks<'_>,
        owner: Owner,
        scratch: &Scratch,
    ) -> Result<(), (usize, SetError)> {
        let Scratch { text, arcs, names, .. } = scratch;
        let context = self.context(now, text);
        let mut edits = Edits::new(asks.level);
        for (at, (name, binding)) in names.iter().zip(self.pdu.bindings().flatten()).enumerate() {
            edits.turn(at);
            let name = name.arcs(arcs);
            let set = match self.agent.subtree(self.view, &self.views.write, name) {
                Ok((subtree, rest)) => subtree.set(&context, rest, &Given::new(&binding), &mut edits),
                Err(_) if self.views.write.shows(name) => Err(SetError::NotWritable),
                Err(_) => Err(self.no_access()),
            };
            set.map_err(|error| (at, error))?;
        }
        // Who sees a part of the fleet would give himself all of it.
        if let Some(at) = edits.first_row().filter(|_| self.scope.is_some()) {
            return Err((at, self.no_access()));
        }
        if let Some(at) = edits.first_open_row() {
            return Err((at, self.no_access()));
        }
        self.agent.write(&edits, (asks.model, asks.name), owner, now)
    }

    /// Appends the instance that follows each of the first `count` names; returns how many there are. What was
    /// appended before a binding that does not fit stays.
    fn next_of_each(
        &self,
        now: Time,
        scratch: &mut Scratch,
        count: usize,
        limit: usize,
        reply: &mut Vec<u8>,
    ) -> Result<usize, Failure> {
        let Scratch { text, arcs, names, bulk, .. } = scratch;
        let context = self.context(now, text);
        let mut found = 0;
        for (at, name) in names[..count].iter().enumerate() {
            bulk.ends.clear();
            let mut sink = Sink::new(reply, &mut bulk.ends, 1, limit, self.version != Version::V1);
            self.agent.run(&context, &self.views.read, name.arcs(arcs), &mut sink);
            if sink.overflow {
                return Err(Failure::TooBig);
            }
            if sink.wanted == 0 {
                found += 1;
                continue;
            }
            if self.version == Version::V1 {
                return Err(Failure::NoSuchName(at + 1));
            }
            let start = reply.len();
            ber::push_empty_binding(name.octets(self.pdu.varbinds), tag::END_OF_MIB_VIEW, reply);
            if reply.len() > limit {
                reply.truncate(start);
                return Err(Failure::TooBig);
            }
        }
        Ok(found)
    }

    /// Leaves room for the head; returns the length that the reply may grow to before its head is in place.
    fn begin(&self, reply: &mut Vec<u8>) -> Option<usize> {
        let room = self.head.room();
        reply.clear();
        reply.resize(room, 0);
        Some(room + self.head.most_bindings(self.limit)?)
    }

    fn finish(&self, found: usize, reply: &mut Vec<u8>) -> Outcome {
        self.stats.in_total_req_vars.add(found as u64);
        self.head.finish(reply);
        Outcome::Reply
    }

    fn fail(&self, failure: Failure, reply: &mut Vec<u8>) -> Outcome {
        match (failure, self.version) {
            (Failure::NoSuchName(at), _) => {
                self.stats.out_no_such_names.inc();
                self.echo(Status::NoSuchName, at, reply)
            }
            (Failure::TooBig, Version::V1) => {
                self.stats.out_too_bigs.inc();
                self.echo(Status::TooBig, 0, reply)
            }
            (Failure::TooBig, Version::V2c | Version::V3) => {
                self.stats.out_too_bigs.inc();
                self.respond(Status::TooBig as i32, 0, &[], reply)
            }
        }
    }

    fn echo(&self, status: Status, index: usize, reply: &mut Vec<u8>) -> Outcome {
        self.echo_status(status as i32, index, reply)
    }

    /// A response has the bindings of the request as they came.
    pub fn echo_status(&self, status: i32, index: usize, reply: &mut Vec<u8>) -> Outcome {
        self.respond(status, index, self.pdu.varbinds, reply)
    }

    fn respond(&self, status: i32, index: usize, varbinds: &[u8], reply: &mut Vec<u8>) -> Outcome {
        let head = Head { status, index: index as i32, ..self.head };
        if head.message_len(varbinds.len()) > self.limit {
            self.stats.silent_drops.inc();
            return Outcome::Drop;
        }
        reply.clear();
        reply.resize(head.room(), 0);
        reply.extend_from_slice(varbinds);
        head.finish(reply);
        Outcome::Reply
    }
}

/// Reads all names of a request before anything is answered.
pub fn read_names(pdu: &Pdu<'_>, scratch: &mut Scratch) -> Result<(), Malformed> {
    scratch.arcs.clear();
    scratch.names.clear();
    for binding in pdu.bindings() {
        let name = binding?.name;
        let from = scratch.arcs.len();
        oid::decode(name, &mut scratch.arcs).map_err(|_| Malformed)?;
        let offset = name.as_ptr().addr() - pdu.varbinds.as_ptr().addr();
        scratch.names.push(Name { arcs: (from, scratch.arcs.len()), octets: (offset, offset + name.len()) });
    }
    Ok(())
}
