//! The responder: a message in, a message out. Who asks, by a community (RFC 1157, RFC 3584 section 4) or as a user (RFC
//! 3412, RFC 3414), and whom; [`task`](super::task) then answers.

use std::{cell::RefCell, sync::Arc};

use parking_lot::RwLock;

use super::{
    ber::{self, Envelope, Malformed, Pdu, tag},
    community::{Communities, Verdict},
    engine::Engine,
    frame::{Frame, Head, Version},
    mib::{Context, Found, Sink, Subtree, System, entity::Catalogue},
    oid::{Place, Prefix},
    strangers::{Refusal, Strangers},
    syntax::Value,
    task::{Scratch, Task, read_names},
    usm::{Admitted, Clock, Level, Message, Refused, Scoped, Secured, Users, Usm, Why},
    vacm::{self, Cover, Model, Policy, Rights, Tree, Views, predecessor},
    view::{Hosts, NoView, Path, View},
};
use crate::{
    fleet::Fleet,
    model::{DeviceNumber, Time},
    stats::Stats,
};

/// The greatest UDP payload over IPv4.
pub const MAX_MESSAGE: usize = 65_507;

/// Octets of an answer to who has shown nothing: no more than was asked with, or little more.
const MAX_UNAUTHENTICATED: usize = 128;

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
    usm: Usm,
    policy: RwLock<Arc<Policy>>,
    hosts: Hosts,
    catalogue: Catalogue,
    strangers: Strangers,
    subtrees: Vec<Box<dyn Subtree>>,
    /// Prefixes and places in `subtrees`, of each view.
    views: [Vec<(&'static Prefix, u16)>; 3],
}

/// Who may ask, and whom.
pub struct Access {
    pub communities: Communities,
    pub usm: Usm,
    pub hosts: Hosts,
    /// Who is in which group, and what groups may.
    pub rows: vacm::Rows,
}

impl Agent {
    /// Serves `subtrees`, which are in order ([`super::mib::all`]).
    pub fn new(
        fleet: Arc<Fleet>,
        stats: Arc<Stats>,
        engine: Engine,
        system: System,
        access: Access,
        subtrees: Vec<Box<dyn Subtree>>,
    ) -> Self {
        let views = [View::Bridge, View::Fleet, View::Device(0)].map(|view| {
            let placed = subtrees.iter().zip(0..);
            let of_view = placed.filter(|(subtree, _)| subtree.views().has(view));
            of_view.map(|(subtree, at)| (subtree.prefix(), at)).collect()
        });
        let catalogue = Catalogue::new(fleet.profiles());
        let strangers = Strangers::default();
        let Access { communities, usm, hosts, rows } = access;
        let prefixes: Vec<_> = subtrees.iter().map(|subtree| subtree.prefix()).collect();
        let policy = RwLock::new(Arc::new(Policy::new(rows, &prefixes)));
        Agent {
            fleet,
            stats,
            engine,
            system,
            communities,
            usm,
            policy,
            hosts,
            catalogue,
            strangers,
            subtrees,
            views,
        }
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
        }
        outcome
    }

    /// Who was refused.
    pub fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    /// Who may what, as of now.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.read().clone()
    }

    /// From now on these may what they may.
    pub fn rule(&self, rows: vacm::Rows) {
        let prefixes: Vec<_> = self.subtrees.iter().map(|subtree| subtree.prefix()).collect();
        *self.policy.write() = Arc::new(Policy::new(rows, &prefixes));
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

    fn answer(
        &self,
        now: Time,
        path: Path,
        request: &[u8],
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Result<Outcome, Malformed> {
        let stats = &self.stats.snmp;
        let Ok(at) = self.hosts.at(path.local) else {
            stats.unknown_addresses.inc();
            return Ok(Outcome::Drop);
        };
        let envelope = Envelope::decode(request)?;
        match envelope.version {
            0 | 1 => self.answer_community(now, path, at, &envelope, scratch, reply),
            3 => {
                // Both are borrowed from for as long as the answer takes.
                let (users, mut plain) = (self.usm.users(), std::mem::take(&mut scratch.plain));
                let answered = self.answer_user(now, path, at, request, &users, &mut plain, scratch, reply);
                scratch.plain = plain;
                answered
            }
            _ => {
                stats.in_bad_versions.inc();
                Ok(Outcome::Drop)
            }
        }
    }

    /// The order of checks is RFC 1157 section 4.1's: version, community, PDU.
    fn answer_community(
        &self,
        now: Time,
        Path { peer, local }: Path,
        at: Option<DeviceNumber>,
        envelope: &Envelope<'_>,
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Result<Outcome, Malformed> {
        let stats = &self.stats.snmp;
        let community = envelope.community;
        let (security, name) = match self.communities.judge(community, peer.ip()) {
            Verdict::Granted { security, device } => (security, device),
            Verdict::Refused => {
                stats.source_refused.inc();
                self.strangers.note(now, peer, Refusal::Source);
                return Ok(Outcome::Drop);
            }
            Verdict::Unknown => {
                stats.in_bad_community_names.inc();
                self.strangers.note(now, peer, Refusal::Community(community));
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
        let (model, frame) = match envelope.version {
            0 => (Model::V1, Frame::V1 { community }),
            _ => (Model::V2c, Frame::V2c { community }),
        };
        let pdu = (envelope.pdu_tag, envelope.pdu);
        let policy = self.policy();
        let rights = policy.rights(model, security, Level::NoAuthNoPriv);
        self.operate(now, view, rights, frame, pdu, self.system.max_message, scratch, reply)
    }

    /// The order of checks is RFC 3412 section 7.2's. A device that is silent is so to everybody, so nobody is told
    /// anything in its place.
    #[expect(clippy::too_many_arguments, reason = "the parts of one message, borrowed apart")]
    fn answer_user<'a>(
        &self,
        now: Time,
        Path { peer, local }: Path,
        at: Option<DeviceNumber>,
        request: &'a [u8],
        users: &'a Users,
        plain: &'a mut Vec<u8>,
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Result<Outcome, Malformed> {
        let stats = &self.stats.snmp;
        if !self.engine.is_saved() {
            stats.v3_off.inc();
            return Ok(Outcome::Drop);
        }
        match self.hosts.view(&self.fleet, at, None) {
            Ok(_) => {}
            Err(NoView::Silent) => {
                stats.silent_devices.inc();
                return Ok(Outcome::Drop);
            }
            Err(NoView::Unknown) => {
                stats.unknown_contexts.inc();
                self.strangers.note(now, peer, Refusal::Device { at: local.ip(), name: None });
                return Ok(Outcome::Drop);
            }
        }
        let message = Message::decode(request)?;
        let clock =
            Clock { engine: self.engine.of(at), boots: self.engine.boots(), time: self.engine.time(now) };
        let own = Secured {
            id: message.id,
            max_size: i32::try_from(self.system.max_request).unwrap_or(i32::MAX),
            reportable: false,
            engine: clock.engine.octets(),
            boots: clock.boots,
            time: clock.time,
            user: &[],
            auth: None,
            private: None,
            context_engine: clock.engine.octets(),
            context: &[],
        };
        let limit = self.system.max_message.min(usize::try_from(message.max_size).unwrap_or(usize::MAX));
        let admitted = match self.usm.admit(users, &clock, &message, stats, plain) {
            Ok(admitted) => admitted,
            Err(Refused::Malformed) => return Err(Malformed),
            Err(Refused::Dropped) => return Ok(Outcome::Drop),
            Err(Refused::Told { why, name, shown }) => {
                if let Some(refusal) = Refusal::of_user(why, name) {
                    self.strangers.note(now, peer, refusal);
                }
                let request_id = || {
                    let scoped = Scoped::decode(message.data).ok()?;
                    Pdu::decode(scoped.pdu).ok().map(|pdu| pdu.request_id)
                };
                let auth = shown.and_then(|user| user.auth_key(&clock.engine));
                let frame = match &auth {
                    Some(auth) => Secured { user: name, auth: Some(auth), ..own },
                    None => own,
                };
                let request_id = if message.is_plain() { request_id() } else { None };
                return Ok(self.report(&message, frame, why, request_id, reply));
            }
        };
        let Admitted { user, level, auth, private, scoped } = &admitted;
        let frame = Secured {
            user: user.name.as_bytes(),
            auth: auth.as_deref(),
            private: private.as_deref().map(|key| (key, self.usm.salt(key, clock.boots))),
            context: scoped.name,
            ..own
        };
        let request_id = || Pdu::decode(scoped.pdu).ok().map(|pdu| pdu.request_id);
        if scoped.engine != clock.engine.octets() {
            return Ok(self.report(&message, frame, Why::UnknownHandler, request_id(), reply));
        }
        let name = Some(scoped.name).filter(|name| !name.is_empty());
        let view = match self.hosts.view(&self.fleet, at, name) {
            Ok(view) => view,
            Err(NoView::Silent) => {
                stats.silent_devices.inc();
                return Ok(Outcome::Drop);
            }
            Err(NoView::Unknown) => {
                self.strangers.note(now, peer, Refusal::Device { at: local.ip(), name });
                return Ok(self.report(&message, frame, Why::UnknownContext, request_id(), reply));
            }
        };
        let policy = self.policy();
        let rights = policy.rights(Model::Usm, &user.name, *level);
        let pdu = (scoped.pdu_tag, scoped.pdu);
        self.operate(now, view, rights, Frame::V3(frame), pdu, limit, scratch, reply)
    }

    /// Tells what was counted, if the sender wants to know (RFC 3412 section 7.1).
    fn report(
        &self,
        message: &Message<'_>,
        frame: Secured<'_>,
        why: Why,
        request_id: Option<i32>,
        reply: &mut Vec<u8>,
    ) -> Outcome {
        let counter = why.counter(&self.stats.snmp);
        counter.inc();
        if !message.reportable {
            return Outcome::Drop;
        }
        let mut head = Head {
            frame: Frame::V3(frame),
            tag: tag::REPORT,
            request_id: request_id.unwrap_or(0),
            status: 0,
            index: 0,
        };
        let write = |head: &Head<'_>, reply: &mut Vec<u8>| {
            reply.clear();
            reply.resize(head.room(), 0);
            ber::push_binding(why.oid().octets(), |_| {}, &Value::Counter32(counter.value32()), reply);
            head.finish(reply);
        };
        write(&head, reply);
        if frame.auth.is_none() && reply.len() > MAX_UNAUTHENTICATED {
            head.request_id = 0;
            write(&head, reply);
        }
        self.stats.snmp.out_reports.inc();
        Outcome::Reply
    }

    /// Answers whom it has let in.
    #[expect(clippy::too_many_arguments, reason = "the parts of one message, borrowed apart")]
    fn operate(
        &self,
        now: Time,
        view: View,
        rights: &Rights,
        frame: Frame<'_>,
        (pdu_tag, pdu): (u8, &[u8]),
        limit: usize,
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Result<Outcome, Malformed> {
        let known = match pdu_tag {
            tag::GET | tag::GET_NEXT | tag::SET => true,
            tag::GET_BULK => frame.version() != Version::V1,
            _ => false,
        };
        if !known {
            self.stats.snmp.unknown_pdus.inc();
            return Ok(Outcome::Drop);
        }
        let pdu = Pdu::decode(pdu)?;
        read_names(&pdu, scratch)?;
        let head = Head { frame, tag: tag::RESPONSE, request_id: pdu.request_id, status: 0, index: 0 };
        let outcome = match rights.views(|| self.hosts.context_name(&self.fleet, view)) {
            Some(views) => Task::new(self, view, views, head, pdu, limit).run(pdu_tag, now, scratch, reply),
            None => Task::new(self, view, &Views::default(), head, pdu, limit).refuse(reply),
        };
        if outcome == Outcome::Reply {
            self.stats.snmp.out_get_responses.inc();
        }
        Ok(outcome)
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
    pub(super) fn subtree<'n>(
        &self,
        view: View,
        tree: &Tree,
        name: &'n [u32],
    ) -> Result<(&dyn Subtree, &'n [u32]), Found> {
        let places = self.of_view(view);
        let end = places.partition_point(|(prefix, _)| *prefix.arcs() <= *name);
        let found = places[..end].iter().rev().find_map(|(prefix, place)| match prefix.place(name) {
            Place::Inside(rest) => Some((prefix, *place, rest)),
            _ => None,
        });
        let (prefix, place, rest) = found.ok_or(Found::NoObject)?;
        match tree.cover_at(place) {
            Cover::All => {}
            Cover::Nothing => return Err(Found::NoObject),
            Cover::Part if tree.shows(name) => {}
            Cover::Part => {
                let object = &name[..name.len().min(prefix.arcs().len() + 1)];
                let none = tree.cover(object) == Cover::Nothing;
                return Err(if none { Found::NoObject } else { Found::NoInstance });
            }
        }
        Ok((self.at(place), rest))
    }

    /// Appends the instances that follow `name`, until the sink is full or there are no more.
    pub(super) fn run<'a>(&self, context: &Context<'_>, tree: &'a Tree, name: &[u32], sink: &mut Sink<'a>) {
        let places = self.of_view(context.view);
        let next = places.partition_point(|(prefix, _)| *prefix.arcs() <= *name);
        for (prefix, place) in &places[next.saturating_sub(1)..] {
            let subtree = self.at(*place);
            let after = match prefix.place(name) {
                Place::Before => None,
                Place::Inside(rest) => Some(rest),
                Place::After => continue,
            };
            match tree.cover_at(*place) {
                Cover::All => subtree.run(context, after, sink),
                Cover::Nothing => continue,
                Cover::Part => {
                    sink.guard(Some(tree));
                    run_shown(subtree, prefix, context, tree, after, sink);
                    sink.guard(None);
                }
            }
            if sink.is_full() {
                return;
            }
        }
    }
}

/// Appends what a view shows of a subtree that it shows in part.
fn run_shown(
    subtree: &dyn Subtree,
    prefix: &Prefix,
    context: &Context<'_>,
    tree: &Tree,
    after: Option<&[u32]>,
    sink: &mut Sink<'_>,
) {
    subtree.run(context, after, sink);
    while let Some(next) = sink.take_hidden().and_then(|hidden| tree.next(hidden)) {
        if !next.starts_with(prefix.arcs()) {
            return;
        }
        subtree.run(context, Some(&predecessor(&next)[prefix.arcs().len()..]), sink);
    }
}
