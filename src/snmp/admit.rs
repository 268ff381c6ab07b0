//! Who asks, and what is open to him: by a community (RFC 1157, RFC 3584 section 5) or as a user (RFC 3412 section 7.2).

use std::net::SocketAddr;

use super::{
    agent::{Agent, Outcome},
    answered::Asked,
    ber::{self, Envelope, Malformed, Pdu, tag},
    community::Verdict,
    frame::{Frame, Head, Version},
    set::{Edits, SetError},
    strangers::Refusal,
    syntax::Value,
    task::{Scratch, Task, read_names},
    usm::{Admitted, Clock, Level, Message, Refused, Scoped, Secured, Users, Why},
    vacm::{Model, Policy, Views},
    view::{NoView, Path, View},
};
use crate::{
    datastore::{Face, Owner},
    model::{DeviceNumber, Time},
};

/// Octets of an answer to who has shown nothing: no more than was asked with, or little more.
const MAX_UNAUTHENTICATED: usize = 128;

/// What may be done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allow {
    Reads,
    Writes,
}

/// Who asks.
#[derive(Clone, Copy)]
pub(super) struct Asks<'a> {
    pub model: Model,
    /// The security name.
    pub name: &'a str,
    pub level: Level,
    pub peer: SocketAddr,
    pub allow: Allow,
    /// Else he sets nothing, whatever access control says.
    pub writes: bool,
}

impl Agent {
    /// The order of checks is RFC 1157 section 4.1's: version, community, PDU.
    #[expect(clippy::too_many_arguments, reason = "the parts of one message, borrowed apart")]
    pub(super) fn answer_community(
        &self,
        now: Time,
        Path { peer, local }: Path,
        at: Option<DeviceNumber>,
        envelope: &Envelope<'_>,
        allow: Allow,
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Result<Outcome, Malformed> {
        let stats = &self.stats.snmp;
        let community = envelope.community;
        let in_force = self.guards.in_force();
        let verdict = match self.guards.communities.judge(community, peer.ip()) {
            Verdict::Unknown => in_force.communities.judge(community, peer.ip()),
            verdict => verdict,
        };
        let (security, name, writes) = match verdict {
            Verdict::Granted { security, device, writes } => (security, device, writes),
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
        let asks = Asks { model, name: security, level: Level::NoAuthNoPriv, peer, allow, writes };
        self.operate(now, view, &in_force.policy, asks, frame, pdu, self.system.max_message, scratch, reply)
    }

    /// The order of checks is RFC 3412 section 7.2's. A device that is silent is so to everybody, so nobody is told
    /// anything in its place.
    #[expect(clippy::too_many_arguments, reason = "the parts of one message, borrowed apart")]
    pub(super) fn answer_user<'a>(
        &self,
        now: Time,
        Path { peer, local }: Path,
        at: Option<DeviceNumber>,
        request: &'a [u8],
        users: &'a Users,
        plain: &'a mut Vec<u8>,
        allow: Allow,
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
        let admitted = match self.guards.usm.admit(users, &clock, &message, stats, plain) {
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
                return Ok(self.report(now, peer, &message, frame, why, request_id, reply));
            }
        };
        let Admitted { user, level, auth, private, scoped } = &admitted;
        if auth.is_some() {
            self.limiter.befriend(peer.ip(), now);
        }
        let frame = Secured {
            user: user.name.as_bytes(),
            auth: auth.as_deref(),
            private: private.as_deref().map(|key| (key, self.guards.usm.salt(key, clock.boots))),
            context: scoped.name,
            ..own
        };
        let request_id = || Pdu::decode(scoped.pdu).ok().map(|pdu| pdu.request_id);
        if scoped.engine != clock.engine.octets() {
            return Ok(self.report(now, peer, &message, frame, Why::UnknownHandler, request_id(), reply));
        }
        let in_force = self.guards.in_force();
        let policy = &in_force.policy;
        // Who has shown nothing, and to whom nothing is open so, is told no more than a stranger.
        if auth.is_none() && policy.rights(Model::Usm, &user.name, *level).0.is_empty() {
            return Ok(self.report(now, peer, &message, own, Why::UnsupportedLevel, request_id(), reply));
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
                return Ok(self.report(now, peer, &message, frame, Why::UnknownContext, request_id(), reply));
            }
        };
        let asks = Asks { model: Model::Usm, name: &user.name, level: *level, peer, allow, writes: true };
        let pdu = (scoped.pdu_tag, scoped.pdu);
        self.operate(now, view, policy, asks, Frame::V3(frame), pdu, limit, scratch, reply)
    }

    /// Tells what was counted, if the sender wants to know (RFC 3412 section 7.1).
    #[expect(clippy::too_many_arguments, reason = "the parts of one message, borrowed apart")]
    fn report(
        &self,
        now: Time,
        peer: SocketAddr,
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
        if !self.limiter.allows(peer.ip(), now) {
            self.stats.snmp.reports_withheld.inc();
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
        policy: &Policy,
        asks: Asks<'_>,
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
        let (rights, scope) = policy.rights(asks.model, asks.name, asks.level);
        let scope = scope.map(|scope| &**scope);
        let head = Head { frame, tag: tag::RESPONSE, request_id: pdu.request_id, status: 0, index: 0 };
        let is_seen = match (view, scope) {
            (View::Device(device), Some(scope)) => {
                self.fleet.row(device, |row| scope.takes(&row)).unwrap_or(false)
            }
            _ => true,
        };
        let context = || self.hosts.context_name(&self.fleet, view);
        let outcome = match rights.views(context).filter(|_| is_seen) {
            Some(views) => {
                let task = Task::new(self, view, views, scope, head, pdu, limit);
                match pdu_tag {
                    // Who may write nothing takes no place from those who may.
                    tag::SET if views.write.is_empty() || !asks.writes => task.refuse_set(reply),
                    tag::SET if asks.allow == Allow::Reads => return Ok(Outcome::Set),
                    tag::SET => self.set_once(&task, now, asks, scratch, reply),
                    _ => task.run(pdu_tag, now, scratch, reply),
                }
            }
            None => Task::new(self, view, &Views::default(), None, head, pdu, limit).refuse(reply),
        };
        if outcome == Outcome::Reply {
            self.stats.snmp.out_get_responses.inc();
        }
        Ok(outcome)
    }

    /// A SET that comes again gets the answer that it got, for it was heard and its answer was lost.
    fn set_once(
        &self,
        task: &Task<'_>,
        now: Time,
        asks: Asks<'_>,
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Outcome {
        let who = Asked::new(&asks, task.view, &task.pdu);
        if let Some((status, index)) = self.answered.lock().find(&who, now) {
            return task.echo_status(status, index, reply);
        }
        let owner = Owner {
            session: 0,
            face: Face::Snmp,
            user: asks.name.to_owned(),
            address: asks.peer.ip().to_canonical().to_string(),
        };
        let (status, index) = task.set(now, &asks, owner, scratch);
        self.answered.lock().keep(who, now, (status, index));
        task.echo_status(status, index, reply)
    }

    /// Writes what a SET wants.
    pub(super) fn write(
        &self,
        edits: &Edits,
        by: (Model, &str),
        owner: Owner,
        now: Time,
    ) -> Result<(), (usize, SetError)> {
        let address = owner.address.clone();
        let devices = || {
            let datastore = self.datastore.as_ref().ok_or((0, SetError::NotWritable))?;
            edits.commit(datastore, &self.fleet, owner, now)
        };
        edits.write(&self.locks, devices, |rows| self.guards.change(rows, by, &address))
    }
}
