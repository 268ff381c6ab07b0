//! What one target is told next, given events, acknowledgements and the time.
//!
//! Events are told one by one while the rate allows. The first one above it begins a storm: all that follow are only
//! counted, until none came for a second or five seconds have gone; then one [`Summary`] tells the counts, and a
//! [pass](super::pass) over the fleet tells each device and adapter whose true state is not as the target knows it.
//! An inform that nobody acknowledges leaves its device in doubt, and so for such a pass.

use std::collections::VecDeque;

use super::{
    Kind, Summary, Target, What,
    pass::Pass,
    told::{State, Told},
};
use crate::{
    fleet::{AdapterState, Fleet, Which},
    journal::{Bookmark, Event, EventKind},
    model::{AdapterId, Attribute, DeviceNumber, Presence, Time},
};

/// Informs that wait for their acknowledgement at once.
const MOST_UNDER_WAY: usize = 16;
/// Events that wait for their turn; the others wait in the journal.
const QUEUE: usize = 256;
/// Milliseconds without an event that end a storm, and those after which it is told of at the latest.
const QUIET: u64 = 1000;
const LONGEST: u64 = 5000;
/// How often an inform is sent again beyond its tries, because the target could not read it and now can.
const AGAIN: u8 = 2;
/// entConfigChange at most once in so many milliseconds (RFC 6933).
const CHANGES: u64 = 5000;

pub struct Originator {
    target: Target,
    /// Taken from the journal, and not looked at yet.
    queue: VecDeque<Event>,
    /// The newest event that was taken, and the newest that was looked at.
    read: u64,
    seen: u64,
    /// Events up to this one may have been told by an earlier run that was killed before it could save that.
    told_before: u64,
    pace: Pace,
    pub(super) under_way: Vec<UnderWay>,
    storm: Option<Storm>,
    pub(super) told: Told,
    pub(super) pass: Pass,
    change: Option<Change>,
    changes_from: Time,
    /// Its last notification was not acknowledged in spite of all tries.
    pub(super) silent: bool,
    counts: Counts,
    request_id: i32,
    /// Tests that have come to their end.
    tested: Vec<(i32, bool)>,
    /// Something of its [`Bookmark`] has changed.
    unsaved: bool,
}

/// What the state machine looks at.
#[derive(Clone, Copy)]
pub struct World<'a> {
    pub fleet: &'a Fleet,
    /// By the clock that the fleet's instants are of. The `now` of the methods only measures durations.
    pub wall: Time,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Out,
    Failed,
    /// What it was to tell of is not there any more.
    Nothing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Traps sent, informs acknowledged.
    pub told: u64,
    /// Counted in a summary instead.
    pub withheld: u64,
    /// Given up after all tries.
    pub failed: u64,
}

/// A notification that is not done with.
pub(super) struct UnderWay {
    id: i32,
    what: What,
    /// The first event that is not told until this is.
    holds: u64,
    tries: u32,
    again: u8,
    /// When it is sent again; `None`: it is being sent.
    due: Option<Time>,
}

struct Storm {
    summary: Summary,
    began: Time,
    last: Time,
}

/// An entConfigChange of the bridge that waits for its time.
struct Change {
    first: u64,
    event: Event,
}

/// So many a second, in thousandths; one second's worth at once.
struct Pace {
    rate: u64,
    tokens: u64,
    at: Time,
}

/// Of two notifications about the same one the second waits for the first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Device(DeviceNumber),
    Adapter(AdapterId),
}

impl Originator {
    /// Goes on where `saved` says. A target that was not there before begins with the present, event `last`, and is taken
    /// to know who is missing.
    pub fn new(target: Target, saved: Option<&Bookmark>, last: u64, now: Time, world: World<'_>) -> Self {
        let known = saved.and_then(|saved| Some((saved.cursor.min(last), Told::decode(&saved.state)?)));
        let told_before = if known.is_some() { last } else { 0 };
        let (cursor, mut told) = match known {
            Some((cursor, told)) => (cursor, doubted(told, world.fleet)),
            None => (last, present(world.fleet)),
        };
        told.keep_adapters(&world.fleet.adapters().all().iter().map(|adapter| adapter.id).collect());
        let rate = u64::from(target.rate);
        Originator {
            target,
            queue: VecDeque::new(),
            read: cursor,
            seen: cursor,
            told_before,
            pace: Pace { rate, tokens: Pace::most(rate), at: now },
            under_way: Vec::new(),
            storm: None,
            told,
            pass: Pass::at_once(now),
            change: None,
            changes_from: now,
            silent: false,
            counts: Counts::default(),
            // Others than those of the run before.
            request_id: (world.wall.0 as i32) & i32::MAX,
            tested: Vec::new(),
            unsaved: true,
        }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// It is told in another way, or of something else.
    pub fn set_target(&mut self, target: Target) {
        self.pace.rate = u64::from(target.rate);
        self.target = target;
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// How many events it takes, those after number [`read`](Originator::read).
    pub fn room(&self) -> usize {
        QUEUE.saturating_sub(self.queue.len())
    }

    pub fn read(&self) -> u64 {
        self.read
    }

    /// Whether events may be passed over unread: not those that an earlier run may have told and not saved.
    pub fn may_skip(&self) -> bool {
        self.read >= self.told_before
    }

    /// All events up to this one are told.
    pub fn cursor(&self) -> u64 {
        let storm = self.storm.as_ref().map(|storm| storm.summary.first);
        let change = self.change.as_ref().map(|change| change.first);
        let held = self.under_way.iter().map(|one| one.holds).chain(storm).chain(change);
        held.fold(self.seen, |cursor, holds| cursor.min(holds.saturating_sub(1)))
    }

    /// Takes events; there are no others up to number `read`.
    pub fn handle_events(&mut self, events: impl IntoIterator<Item = Event>, read: u64) {
        self.queue.extend(events);
        self.read = self.read.max(read);
    }

    /// Events up to number `last` are so many, or so old, that they are not read one by one.
    pub fn handle_overrun(&mut self, last: u64, now: Time) {
        let first = self.seen + 1;
        for event in std::mem::take(&mut self.queue) {
            self.doubt(&event);
        }
        self.counts.withheld += (last + 1).saturating_sub(first);
        self.storm(now).summary.note_unread(first, last);
        (self.read, self.seen, self.unsaved) = (last, last, true);
    }

    /// The next message to be sent: its request id. To be called until there is none, and each to be followed by
    /// [`handle_sent`](Originator::handle_sent).
    pub fn poll(&mut self, now: Time, world: World<'_>) -> Option<i32> {
        self.pace.refill(now);
        if let Some(id) = self.retry(now) {
            return Some(id);
        }
        let next = self.next_event(now, world).or_else(|| self.config_change(now));
        if let Some((what, holds)) = next.or_else(|| self.summary(now)) {
            return Some(self.begin(what, holds));
        }
        if self.storm.is_some() || !self.queue.is_empty() || !self.pace.has_reserve() {
            return None;
        }
        let event = self.reconcile(now, world)?;
        self.pace.take();
        Some(self.begin(What::Event(event), u64::MAX))
    }

    /// What a message tells.
    pub fn what(&self, id: i32) -> Option<&What> {
        self.under_way.iter().find(|one| one.id == id).map(|one| &one.what)
    }

    pub fn handle_sent(&mut self, id: i32, sent: Sent, now: Time) {
        let Some(at) = self.place(id) else { return };
        match sent {
            Sent::Nothing => {
                let one = self.under_way.swap_remove(at);
                self.unsaved = true;
                if let Some(Subject::Device(device)) = subject(&one.what) {
                    self.told.set_device(device, State::Here);
                }
            }
            Sent::Out if !self.target.inform => self.finish(at, true, now),
            Sent::Out | Sent::Failed => {
                let one = &mut self.under_way[at];
                one.due = Some(now.plus_millis(self.target.timeout << one.tries.min(16)));
                one.tries += 1;
            }
        }
    }

    /// The target has acknowledged an inform.
    pub fn handle_acknowledged(&mut self, id: i32, now: Time) {
        if let Some(at) = self.place(id).filter(|_| self.target.inform) {
            self.finish(at, true, now);
        }
    }

    /// The target could not read what is under way, and now can: that does not count as a try, but not for ever.
    pub fn handle_synchronised(&mut self, now: Time) {
        for one in self.under_way.iter_mut().filter(|one| one.due.is_some() && one.again < AGAIN) {
            one.again += 1;
            one.tries = one.tries.saturating_sub(1);
            one.due = Some(now);
        }
    }

    /// Somebody was refused. What cannot be told of that at once is not told.
    pub fn handle_failure(&mut self, now: Time) {
        self.pace.refill(now);
        if self.target.kinds.has(Kind::AuthenticationFailure)
            && !self.is_busy(self.silent)
            && self.pace.take()
        {
            self.begin_at(What::AuthenticationFailure, now);
        }
    }

    /// Has a harmless notification be sent at once, whatever the filter; its request id.
    pub fn test(&mut self, now: Time) -> i32 {
        self.begin_at(What::Test, now)
    }

    /// Tests that have come to their end since the last call, and whether they were told.
    pub fn take_tested(&mut self) -> Vec<(i32, bool)> {
        std::mem::take(&mut self.tested)
    }

    /// What has changed since the last call.
    pub fn take_unsaved(&mut self) -> Option<Bookmark> {
        std::mem::take(&mut self.unsaved).then(|| self.bookmark())
    }

    pub fn bookmark(&self) -> Bookmark {
        Bookmark { reader: self.target.key(), cursor: self.cursor(), state: self.told.encode() }
    }

    /// The store has lost it.
    pub fn mark_unsaved(&mut self) {
        self.unsaved = true;
    }

    /// Whether something about it is under way.
    pub(super) fn is_under_way(&self, subject: Subject) -> bool {
        self.under_way.iter().any(|one| self::subject(&one.what) == Some(subject))
    }

    /// Whether no more may be under way; a target that does not answer gets one at a time to see whether it is back.
    pub(super) fn is_busy(&self, silent: bool) -> bool {
        self.under_way.len() >= if silent { 1 } else { MOST_UNDER_WAY }
    }

    fn retry(&mut self, now: Time) -> Option<i32> {
        while let Some(at) = self.under_way.iter().position(|one| one.due.is_some_and(|due| due <= now)) {
            let one = &mut self.under_way[at];
            if one.tries <= self.target.retries {
                one.due = None;
                return Some(one.id);
            }
            self.finish(at, false, now);
        }
        None
    }

    fn next_event(&mut self, now: Time, world: World<'_>) -> Option<(What, u64)> {
        while let Some(event) = self.queue.front() {
            let number = event.number;
            let kind = Kind::of(&event.kind).filter(|kind| self.is_wanted(*kind, &event.kind, world));
            let Some(kind) = kind else {
                self.pass_over();
                continue;
            };
            if kind == Kind::ConfigChange && Kind::device(&event.kind).is_none() {
                if let Some(event) = self.take() {
                    let first = self.change.take().map_or(number, |change| change.first);
                    self.change = Some(Change { first, event });
                }
                continue;
            }
            let withheld = self.storm.is_some() && kind != Kind::Start;
            if !withheld {
                let subject = subject_of(&event.kind);
                if self.is_busy(false) || subject.is_some_and(|subject| self.is_under_way(subject)) {
                    if self.queue.len() < QUEUE || kind == Kind::Start {
                        return None;
                    }
                } else if self.pace.take() {
                    return self.take().map(|event| (What::Event(event), number));
                } else if kind == Kind::Start {
                    return None;
                }
            }
            self.withhold(kind, now, world);
        }
        None
    }

    fn is_wanted(&self, kind: Kind, event: &EventKind, world: World<'_>) -> bool {
        if !self.target.kinds.has(kind) {
            return false;
        }
        if self.target.sites.is_empty() {
            return true;
        }
        let Some(device) = Kind::device(event) else { return true };
        let has = |row: crate::fleet::Row<'_>| self.target.has_site(row.attribute(Attribute::Site));
        world.fleet.row_or_retired(device, has) == Some(true)
    }

    fn take(&mut self) -> Option<Event> {
        let event = self.queue.pop_front()?;
        (self.seen, self.unsaved) = (event.number, true);
        Some(event)
    }

    /// An event that is not for this target; but what it knows of a device that is back is not left to stand.
    fn pass_over(&mut self) {
        if let Some(Event { kind: EventKind::DeviceReturned { device, .. }, .. }) = self.take() {
            self.told.set_device(device, State::Here);
        }
    }

    fn withhold(&mut self, kind: Kind, now: Time, world: World<'_>) {
        let Some(event) = self.take() else { return };
        self.counts.withheld += 1;
        self.doubt(&event);
        let storm = self.storm(now);
        let mut note = |site: Option<&str>| storm.summary.note(event.number, kind, site);
        let Some(device) = event.kind.device() else { return note(None) };
        world.fleet.row_or_retired(device, |row| note(Some(row.attribute(Attribute::Site))));
    }

    /// An event that is not told one by one may have been told by the run before.
    fn doubt(&mut self, event: &Event) {
        if event.number > self.told_before {
            return;
        }
        match subject_of(&event.kind) {
            Some(Subject::Device(device)) => self.told.set_device(device, State::Doubtful),
            Some(Subject::Adapter(adapter)) => self.told.set_adapter(adapter, State::Doubtful),
            None => {}
        }
    }

    fn storm(&mut self, now: Time) -> &mut Storm {
        let storm =
            self.storm.get_or_insert_with(|| Storm { summary: Summary::default(), began: now, last: now });
        storm.last = now;
        storm
    }

    fn config_change(&mut self, now: Time) -> Option<(What, u64)> {
        if self.change.is_none() || now < self.changes_from || self.is_busy(false) || !self.pace.take() {
            return None;
        }
        self.changes_from = now.plus_millis(CHANGES);
        self.change.take().map(|change| (What::Event(change.event), change.first))
    }

    fn summary(&mut self, now: Time) -> Option<(What, u64)> {
        let storm = self.storm.as_ref()?;
        let over = now.since(storm.last) >= QUIET || now.since(storm.began) >= LONGEST;
        if !over || self.is_busy(false) || !self.pace.take() {
            return None;
        }
        let storm = self.storm.take()?;
        self.pass.again(now);
        let first = storm.summary.first;
        Some((What::Summary(Box::new(storm.summary)), first))
    }

    fn begin(&mut self, what: What, holds: u64) -> i32 {
        self.request_id = self.request_id.wrapping_add(1) & i32::MAX;
        let id = self.request_id;
        self.under_way.push(UnderWay { id, what, holds, tries: 0, again: 0, due: None });
        id
    }

    fn begin_at(&mut self, what: What, now: Time) -> i32 {
        let id = self.begin(what, u64::MAX);
        if let Some(one) = self.under_way.last_mut() {
            one.due = Some(now);
        }
        id
    }

    fn place(&self, id: i32) -> Option<usize> {
        self.under_way.iter().position(|one| one.id == id)
    }

    fn finish(&mut self, at: usize, told: bool, now: Time) {
        let one = self.under_way.swap_remove(at);
        self.unsaved = true;
        if told {
            self.counts.told += 1;
            if std::mem::take(&mut self.silent) {
                self.pass.again(now);
            }
        } else {
            self.counts.failed += 1;
            self.silent = true;
        }
        let event = match one.what {
            What::Test => return self.tested.push((one.id, told)),
            What::Summary(_) | What::AuthenticationFailure => return,
            What::Event(event) => event.kind,
        };
        let knows = |state| if told { state } else { State::Doubtful };
        match event {
            EventKind::DeviceLost { device, .. } => self.told.set_device(device, knows(State::Gone)),
            EventKind::DeviceReturned { device, .. } => self.told.set_device(device, knows(State::Here)),
            EventKind::AdapterDown { adapter, .. } => self.told.set_adapter(adapter, knows(State::Gone)),
            EventKind::AdapterUp { adapter } => self.told.set_adapter(adapter, knows(State::Here)),
            _ => {}
        }
    }
}

impl Pace {
    /// Even a slow one allows a few at once.
    fn most(rate: u64) -> u64 {
        rate.max(10) * 1000
    }

    fn refill(&mut self, now: Time) {
        let gained = now.since(self.at).saturating_mul(self.rate);
        self.tokens = self.tokens.saturating_add(gained).min(Pace::most(self.rate));
        self.at = now;
    }

    fn take(&mut self) -> bool {
        let enough = self.tokens >= 1000;
        if enough {
            self.tokens -= 1000;
        }
        enough
    }

    /// News do not wait behind what is told again: half of what is allowed at once is theirs.
    fn has_reserve(&self) -> bool {
        self.tokens >= Pace::most(self.rate) / 2 + 1000
    }
}

fn subject(what: &What) -> Option<Subject> {
    match what {
        What::Event(event) => subject_of(&event.kind),
        What::Summary(_) | What::AuthenticationFailure | What::Test => None,
    }
}

fn subject_of(event: &EventKind) -> Option<Subject> {
    match event {
        EventKind::AdapterDown { adapter, .. } | EventKind::AdapterUp { adapter } => {
            Some(Subject::Adapter(*adapter))
        }
        event if Kind::of(event) == Some(Kind::ConfigChange) => None,
        event => event.device().map(Subject::Device),
    }
}

/// What was saved, and in doubt what differs from the present: a run that was killed may have told it already.
fn doubted(mut told: Told, fleet: &Fleet) -> Told {
    let mut device = 1;
    while let Some(found) = told.next_device(device) {
        if fleet.row(found, |row| row.presence()) != Some(Presence::Lost) {
            told.set_device(found, State::Doubtful);
        }
        device = found + 1;
    }
    fleet.rows(1, Which::Missing, |row| {
        if row.presence() == Presence::Lost && told.of_device(row.number()) == State::Here {
            told.set_device(row.number(), State::Doubtful);
        }
        std::ops::ControlFlow::Continue(())
    });
    told
}

/// As if all that is so now had been told.
fn present(fleet: &Fleet) -> Told {
    let mut told = Told::default();
    fleet.rows(1, Which::Missing, |row| {
        if row.presence() == Presence::Lost {
            told.set_device(row.number(), State::Gone);
        }
        std::ops::ControlFlow::Continue(())
    });
    for adapter in fleet.adapters().all() {
        if adapter.state() == AdapterState::Down {
            told.set_adapter(adapter.id, State::Gone);
        }
    }
    told
}
