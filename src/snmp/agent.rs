//! The responder: a message in, a message out. [`admit`](super::admit) finds who asks whom and what is open to him,
//! [`task`](super::task) then answers from the subtrees that are here.

use std::{cell::RefCell, sync::Arc};

use parking_lot::Mutex;

use super::{
    admit::Allow,
    answered::Answered,
    ber::{Envelope, Malformed},
    community::Communities,
    engine::Engine,
    guards::{Guards, InForce},
    limiter::Limiter,
    made,
    mib::{Context, Found, Sink, Subtree, System, entity::Catalogue},
    notify::Target,
    oid::{Place, Prefix},
    set::Locks,
    strangers::{Refusal, Strangers},
    task::Scratch,
    usm::Usm,
    vacm::{self, Cover, Tree, predecessor},
    view::{Hosts, Path, View},
};
use crate::{
    datastore::Datastore,
    fleet::{Fleet, Scope},
    model::Time,
    stats::Stats,
};

/// The greatest UDP payload over IPv4.
pub const MAX_MESSAGE: usize = 65_507;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The reply is to be sent back from where the request went to.
    Reply,
    Drop,
    /// A SET from somebody who was let in: [`Agent::set`] answers it, which takes as long as the disk does.
    Set,
}

pub struct Agent {
    pub(super) fleet: Arc<Fleet>,
    pub(super) stats: Arc<Stats>,
    pub(super) engine: Engine,
    pub(super) system: System,
    pub(super) guards: Guards,
    /// What can be set; without it nothing can.
    pub(super) datastore: Option<Arc<Datastore>>,
    pub(super) locks: Locks,
    pub(super) answered: Mutex<Answered>,
    pub(super) hosts: Hosts,
    catalogue: Catalogue,
    pub(super) strangers: Strangers,
    pub(super) limiter: Limiter,
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
    /// What administrators have made beside it.
    pub made: made::Store,
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
        let strangers = Strangers::new(system.authen_traps);
        let Access { communities, usm, hosts, rows, made } = access;
        let prefixes = subtrees.iter().map(|subtree| subtree.prefix()).collect();
        let locks = Locks::new(usm.seed());
        let pools = hosts.addresses.pools().collect();
        let guards = Guards::new(communities, usm, (rows, pools), made, engine.of(None), prefixes);
        Agent {
            fleet,
            stats,
            engine,
            system,
            guards,
            datastore: None,
            locks,
            answered: Mutex::default(),
            hosts,
            catalogue,
            strangers,
            limiter: Limiter::default(),
            subtrees,
            views,
        }
    }

    /// SETs are written there.
    pub fn with_datastore(self, datastore: Arc<Datastore>) -> Self {
        Agent { datastore: Some(datastore), ..self }
    }

    /// These are told.
    pub fn with_targets(self, targets: Vec<Target>) -> Self {
        self.guards.tell(targets);
        self
    }

    /// What counts as of now; another one whenever something has changed.
    pub(super) fn in_force(&self) -> Arc<InForce> {
        self.guards.in_force().clone()
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

    /// Users of SNMPv3.
    pub fn usm(&self) -> &Usm {
        &self.guards.usm
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
        self.count(self.answer(now, path, request, Allow::Reads, scratch, reply))
    }

    /// Answers a SET that [`handle`](Agent::handle) has put off; returns when it is durable. One at a time.
    pub fn set(
        &self,
        now: Time,
        path: Path,
        request: &[u8],
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Outcome {
        self.count(self.answer(now, path, request, Allow::Writes, scratch, reply))
    }

    fn count(&self, answered: Result<Outcome, Malformed>) -> Outcome {
        let stats = &self.stats.snmp;
        let outcome = answered.unwrap_or_else(|Malformed| {
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

    /// From now on these may what they may, and who was made beside them.
    pub fn rule(&self, rows: vacm::Rows) {
        self.guards.rule(rows);
    }

    /// Forgets what was kept for readers who do not come any more.
    pub fn tidy(&self, now: Time) {
        self.subtrees.iter().for_each(|subtree| subtree.tidy(now));
    }

    /// Octets that a request may have.
    pub fn max_request(&self) -> usize {
        self.system.max_request
    }

    /// Who answers where.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// What is served, as of `now`; of the devices, those in the scope.
    pub fn context<'a>(
        &'a self,
        now: Time,
        view: View,
        scope: Option<&'a Scope>,
        text: &'a RefCell<String>,
    ) -> Context<'a> {
        Context {
            now,
            view,
            scope,
            addresses: &self.hosts.addresses,
            catalogue: &self.catalogue,
            fleet: &self.fleet,
            stats: &self.stats,
            engine: &self.engine,
            system: &self.system,
            guards: &self.guards,
            locks: &self.locks,
            last_commit: self.datastore.as_ref().map_or(0, |datastore| datastore.last_commit()),
            text,
        }
    }

    fn answer(
        &self,
        now: Time,
        path: Path,
        request: &[u8],
        allow: Allow,
        scratch: &mut Scratch,
        reply: &mut Vec<u8>,
    ) -> Result<Outcome, Malformed> {
        let stats = &self.stats.snmp;
        let Ok(at) = self.hosts.at(path.local) else {
            stats.unknown_addresses.inc();
            return Ok(Outcome::Drop);
        };
        // Before anything is decoded, and without a byte in answer.
        if !self.hosts.lets_in(path.peer.ip()) {
            stats.source_refused.inc();
            self.strangers.note(now, path.peer, Refusal::Source);
            return Ok(Outcome::Drop);
        }
        let envelope = Envelope::decode(request)?;
        match envelope.version {
            0 | 1 => self.answer_community(now, path, at, &envelope, allow, scratch, reply),
            3 => {
                // Both are borrowed from for as long as the answer takes.
                let (users, mut plain) = (self.guards.usm.users(), std::mem::take(&mut scratch.plain));
                let answered =
                    self.answer_user(now, path, at, request, &users, &mut plain, allow, scratch, reply);
                scratch.plain = plain;
                answered
            }
            _ => {
                stats.in_bad_versions.inc();
                Ok(Outcome::Drop)
            }
        }
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
