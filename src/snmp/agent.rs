//! The responder for v1 and v2c (RFC 1157, RFC 3416 section 4.2, RFC 3584 section 4): a message in, a message out.

use std::{cell::RefCell, sync::Arc};

use super::{
    ber::{self, Envelope, Head, Malformed, Pdu, Version, tag},
    bulk,
    community::{Communities, Verdict},
    engine::Engine,
    mib::{Context, Found, Sink, Subtree, System, entity::Catalogue},
    oid::{self, Place, Prefix},
    strangers::{Refusal, Strangers},
    view::{Hosts, NoView, Path, View},
};
use crate::{
    fleet::Fleet,
    model::Time,
    stats::{Snmp, Stats},
};

/// The greatest UDP payload over IPv4.
pub const MAX_MESSAGE: usize = 65_507;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The reply is to be sent back from where the request went to.
    Reply,
    Drop,
}

pub struct Agent {
    fleet: Arc<Fleet>,
    stats: Arc<Stats>,
    engine: Engine,
    system: System,
    communities: Communities,
    hosts: Hosts,
    catalogue: Catalogue,
    strangers: Strangers,
    subtrees: Vec<Box<dyn Subtree>>,
    /// Prefixes and places in `subtrees`, of each view.
    views: [Vec<(&'static Prefix, u16)>; 3],
}

/// Working memory of one thread; once warm, requests are answered without an allocation.
#[derive(Default)]
pub struct Scratch {
    pub(super) text: RefCell<String>,
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
    NoError = 0,
    TooBig = 1,
    NoSuchName = 2,
    NotWritable = 17,
}

/// Why a response is no plain one.
enum Failure {
    TooBig,
    /// A v1 error, with the position of the binding from 1.
    NoSuchName(usize),
}

impl Agent {
    /// Serves `subtrees`, which are in order ([`super::mib::all`]).
    pub fn new(
        fleet: Arc<Fleet>,
        stats: Arc<Stats>,
        engine: Engine,
        system: System,
        communities: Communities,
        hosts: Hosts,
        subtrees: Vec<Box<dyn Subtree>>,
    ) -> Self {
        let views = [View::Bridge, View::Fleet, View::Device(0)].map(|view| {
            let placed = subtrees.iter().zip(0..);
            let of_view = placed.filter(|(subtree, _)| subtree.views().has(view));
            of_view.map(|(subtree, at)| (subtree.prefix(), at)).collect()
        });
        let catalogue = Catalogue::new(fleet.profiles());
        let strangers = Strangers::default();
        Agent { fleet, stats, engine, system, communities, hosts, catalogue, strangers, subtrees, views }
    }

    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Answers a message in `reply`, which is overwritten.
    pub fn handle(
        &self,
        now: Time,
        path: Path,
        request: &[u8],
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Outcome {
        let stats = &self.stats.snmp;
        stats.in_pkts.inc();
        if request.len() > self.system.max_request {
            stats.oversized.inc();
            return Outcome::Drop;
        }
        let outcome = self.answer(now, path, request, scratch, reply).unwrap_or_else(|Malformed| {
            stats.in_asn_parse_errs.inc();
            Outcome::Drop
        });
        if outcome == Outcome::Reply {
            stats.out_pkts.inc();
            stats.out_get_responses.inc();
        }
        outcome
    }

    /// Who was refused.
    pub fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    /// Octets that a request may have.
    pub fn max_request(&self) -> usize {
        self.system.max_request
    }

    /// Who answers where.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// What is served, as of `now`.
    pub fn context<'a>(&'a self, now: Time, view: View, text: &'a RefCell<String>) -> Context<'a> {
        Context {
            now,
            view,
            addresses: &self.hosts.addresses,
            catalogue: &self.catalogue,
            fleet: &self.fleet,
            stats: &self.stats,
            engine: &self.engine,
            system: &self.system,
            text,
        }
    }

    /// The order of checks is RFC 1157 section 4.1's: version, community, PDU.
    fn answer(
        &self,
        now: Time,
        Path { peer, local }: Path,
        request: &[u8],
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Result<Outcome, Malformed> {
        let stats = &self.stats.snmp;
        let Ok(at) = self.hosts.at(local) else {
            stats.unknown_addresses.inc();
            return Ok(Outcome::Drop);
        };
        let envelope = Envelope::decode(request)?;
        let version = match envelope.version {
            0 => Version::V1,
            1 => Version::V2c,
            _ => {
                stats.in_bad_versions.inc();
                return Ok(Outcome::Drop);
            }
        };
        let verdict = self.communities.judge(envelope.community, peer.ip());
        let name = match verdict {
            Verdict::Granted(name) => name,
            Verdict::Refused => {
                stats.source_refused.inc();
                self.strangers.note(now, peer, Refusal::Source);
                return Ok(Outcome::Drop);
            }
            Verdict::Unknown => {
                stats.in_bad_community_names.inc();
                self.strangers.note(now, peer, Refusal::Community(envelope.community));
                return Ok(Outcome::Drop);
            }
        };
        let view = match self.hosts.view(&self.fleet, at, name) {
            Ok(view) => view,
            Err(NoView::Silent) => {
                stats.silent_devices.inc();
                return Ok(Outcome::Drop);
            }
            Err(NoView::Unknown) => {
                stats.unknown_contexts.inc();
                self.strangers.note(now, peer, Refusal::Device { at: local.ip(), name });
                return Ok(Outcome::Drop);
            }
        };
        let known = match envelope.pdu_tag {
            tag::GET | tag::GET_NEXT | tag::SET => true,
            tag::GET_BULK => version == Version::V2c,
            _ => false,
        };
        if !known {
            stats.unknown_pdus.inc();
            return Ok(Outcome::Drop);
        }
        let pdu = Pdu::decode(envelope.pdu)?;
        read_names(&pdu, scratch)?;
        let task = Task {
            agent: self,
            view,
            stats,
            head: Head {
                version,
                community: envelope.community,
                request_id: pdu.request_id,
                status: Status::NoError as i32,
                index: 0,
            },
            pdu,
            limit: self.system.max_message,
        };
        Ok(match envelope.pdu_tag {
            tag::GET => task.get(now, scratch, reply),
            tag::GET_NEXT => task.get_next(now, scratch, reply),
            tag::GET_BULK => task.get_bulk(now, scratch, reply),
            _ => task.set(reply),
        })
    }

    fn of_view(&self, view: View) -> &[(&'static Prefix, u16)] {
        match view {
            View::Bridge => &self.views[0],
            View::Fleet => &self.views[1],
            View::Device(_) => &self.views[2],
        }
    }

    fn at(&self, place: u16) -> &dyn Subtree {
        self.subtrees[usize::from(place)].as_ref()
    }

    /// The subtree whose object `name` may be. Prefixes may nest, so the last that fits.
    fn subtree<'n>(&self, view: View, name: &'n [u32]) -> Option<(&dyn Subtree, &'n [u32])> {
        let places = self.of_view(view);
        let end = places.partition_point(|(prefix, _)| *prefix.arcs() <= *name);
        places[..end].iter().rev().find_map(|(prefix, place)| match prefix.place(name) {
            Place::Inside(rest) => Some((self.at(*place), rest)),
            _ => None,
        })
    }

    /// Appends the instances that follow `name`, until the sink is full or there are no more.
    pub(super) fn run(&self, context: &Context<'_>, name: &[u32], sink: &mut Sink<'_>) {
        let places = self.of_view(context.view);
        let next = places.partition_point(|(prefix, _)| *prefix.arcs() <= *name);
        for (prefix, place) in &places[next.saturating_sub(1)..] {
            let subtree = self.at(*place);
            match prefix.place(name) {
                Place::Before => subtree.run(context, None, sink),
                Place::Inside(rest) => subtree.run(context, Some(rest), sink),
                Place::After => continue,
            }
            if sink.is_full() {
                return;
            }
        }
    }
}

/// One accepted request.
pub(super) struct Task<'a> {
    pub(super) agent: &'a Agent,
    pub(super) view: View,
    stats: &'a Snmp,
    head: Head<'a>,
    pub(super) pdu: Pdu<'a>,
    limit: usize,
}

impl Task<'_> {
    fn get(&self, now: Time, scratch: &mut Scratch, reply: &mut Vec<u8>) -> Outcome {
        self.stats.in_get_requests.inc();
        let Scratch { text, arcs, names, .. } = scratch;
        let context = self.agent.context(now, self.view, text);
        let mut found = 0;
        let Some(limit) = self.begin(reply) else { return self.fail(Failure::TooBig, reply) };
        for (at, name) in names.iter().enumerate() {
            let start = ber::begin(tag::SEQUENCE, reply);
            ber::push_octets(tag::OID, name.octets(self.pdu.varbinds), reply);
            let value = reply.len();
            let result = match self.agent.subtree(self.view, name.arcs(arcs)) {
                Some((subtree, rest)) => subtree.get(&context, rest, reply),
                None => Found::NoObject,
            };
            match result {
                Found::Value if self.head.version == Version::V1 && reply[value] == tag::COUNTER64 => {
                    return self.fail(Failure::NoSuchName(at + 1), reply);
                }
                Found::Value => found += 1,
                _ if self.head.version == Version::V1 => {
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

    /// Nothing can be written; v1 says so as a reading of an object that is not there (RFC 3584 section 4.4).
    fn set(&self, reply: &mut Vec<u8>) -> Outcome {
        self.stats.in_set_requests.inc();
        if self.pdu.varbinds.is_empty() {
            return match self.begin(reply) {
                Some(_) => self.finish(0, reply),
                None => self.fail(Failure::TooBig, reply),
            };
        }
        self.stats.in_bad_community_uses.inc();
        match self.head.version {
            Version::V1 => self.fail(Failure::NoSuchName(1), reply),
            Version::V2c => self.echo(Status::NotWritable, 1, reply),
        }
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
        let context = self.agent.context(now, self.view, text);
        let mut found = 0;
        for (at, name) in names[..count].iter().enumerate() {
            bulk.ends.clear();
            let mut sink = Sink {
                out: reply,
                ends: &mut bulk.ends,
                wanted: 1,
                limit,
                counter64: self.head.version != Version::V1,
                overflow: false,
            };
            self.agent.run(&context, name.arcs(arcs), &mut sink);
            if sink.overflow {
                return Err(Failure::TooBig);
            }
            if sink.wanted == 0 {
                found += 1;
                continue;
            }
            if self.head.version == Version::V1 {
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
        match (failure, self.head.version) {
            (Failure::NoSuchName(at), _) => {
                self.stats.out_no_such_names.inc();
                self.echo(Status::NoSuchName, at, reply)
            }
            (Failure::TooBig, Version::V1) => {
                self.stats.out_too_bigs.inc();
                self.echo(Status::TooBig, 0, reply)
            }
            (Failure::TooBig, Version::V2c) => {
                self.stats.out_too_bigs.inc();
                self.error(Status::TooBig, 0, &[], reply)
            }
        }
    }

    /// An error response has the bindings of the request as they came.
    fn echo(&self, status: Status, index: usize, reply: &mut Vec<u8>) -> Outcome {
        self.error(status, index, self.pdu.varbinds, reply)
    }

    fn error(&self, status: Status, index: usize, varbinds: &[u8], reply: &mut Vec<u8>) -> Outcome {
        let head = Head { status: status as i32, index: index as i32, ..self.head };
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
fn read_names(pdu: &Pdu<'_>, scratch: &mut Scratch) -> Result<(), Malformed> {
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
