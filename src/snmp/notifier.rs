//! Tells the targets: drives an [`Originator`] for each with the journal, the clock and two sockets.
//!
//! ```text
//! fleet.journal() --poll 50 ms--> Originator ──▶ notify::content ─▶ Session ──UDP──▶ target
//! history (the store's events) ──▶    ▲ └──────── acknowledgements ─┘   ▲◀──UDP────────┘
//!                                     └── Targets: status, what the flusher saves
//! ```
//! Targets that administrators make by SET come, change and go while it runs.
//!
//! What is told of a device leaves from its own address of the target's family, if it has one: managers know who it is by
//! that.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{
    io::Interest,
    net::UdpSocket,
    sync::{mpsc, oneshot},
};

use super::{
    agent::Agent,
    guards::InForce,
    notify::{
        Counts, Heard, Kind, Originator, Sender, Sent, Session, Step, Target, Unable, What, World, content,
        in_words,
    },
    transport::socket::{new_sender, send_from},
    view::View,
};
use crate::{
    clock,
    journal::{Bookmark, Event},
    model::Time,
};

const POLL: Duration = Duration::from_millis(50);
const LOG_EVERY: Duration = Duration::from_secs(60);
/// Octets of an acknowledgement: it holds what was told.
const LONGEST: usize = 65_507;
/// Events in memory that a target may have missed and still be told one by one; those before its time are in the store.
const TOO_FAR: u64 = 65_536;
/// Reads of the journal in one turn of a target.
const READS: usize = 64;
/// Tests that wait for their end at once, and how long each does: who asked for it waits too.
const TESTS: usize = 16;
const TEST_ENDS: Duration = Duration::from_secs(30);

/// Reads at most so many events after a number from the store.
pub type History = dyn Fn(u64, usize) -> Vec<Event> + Send + Sync;

/// Who is told, and how far they are.
#[derive(Default)]
pub struct Targets {
    list: Mutex<Vec<Line>>,
    /// Of targets made by SET of which some row is missing, but not the address: they go on from here once all are back.
    kept: Mutex<Vec<Bookmark>>,
    /// One has gone whose [`Bookmark`] is kept still.
    forgotten: AtomicBool,
    tests: Mutex<Option<mpsc::Sender<Test>>>,
}

/// To one target.
struct Line {
    /// By SET; else it stands in the boot file.
    made: bool,
    originator: Originator,
    session: Session,
}

/// How a target stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub address: SocketAddr,
    pub version: &'static str,
    pub inform: bool,
    pub counts: Counts,
    /// Events that it has not been told yet.
    pub behind: u64,
    /// It did not acknowledge its last notification.
    pub silent: bool,
    /// What it said last of what it is told, if it does not take it.
    pub trouble: Option<&'static str>,
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    pub address: SocketAddr,
    pub inform: bool,
    /// Sent, and acknowledged if that was asked for.
    pub told: bool,
    /// As [`Standing::trouble`].
    pub trouble: Option<&'static str>,
}

struct Test {
    /// `None`: all.
    target: Option<SocketAddr>,
    reply: oneshot::Sender<Vec<Tested>>,
}

impl Targets {
    /// Tells `targets` of the boot file, and those that were made by SET. `last`: the newest event when the fleet was
    /// restored; `saved`: what earlier runs have told.
    pub fn new(targets: Vec<Target>, saved: &[Bookmark], last: u64, agent: &Agent) -> Self {
        let in_force = agent.in_force();
        let made = in_force.targets.iter().map(|target| (true, target.clone()));
        let all = targets.into_iter().map(|target| (false, target)).chain(made);
        let wall = clock::now();
        let line = |(made, target): (bool, Target)| {
            let saved = saved.iter().find(|saved| saved.reader == target.key());
            Line::new(made, target, saved, last, wall, agent)
        };
        let list: Vec<_> = all.map(line).collect();
        let kept = saved.iter().filter(|saved| is_kept(saved, &in_force.addresses, &list)).cloned().collect();
        Targets { list: Mutex::new(list), kept: Mutex::new(kept), ..Targets::default() }
    }

    /// Those that are made by SET are these from now on. New ones begin with the present, the others go on.
    fn follow(&self, InForce { targets: wanted, addresses, .. }: &InForce, now: Time, agent: &Agent) {
        let (mut list, mut kept) = (self.list.lock(), self.kept.lock());
        let is_wanted = |line: &Line| wanted.iter().any(|target| target.key() == line.key());
        for line in list.extract_if(.., |line| line.made && !is_wanted(line)) {
            tracing::warn!(target = %line.address(), "is told no more, as was changed by SET");
            kept.push(line.originator.bookmark());
        }
        for target in wanted {
            match list.iter_mut().find(|line| line.key() == target.key()) {
                Some(line)
                    if *line.originator.target() == *target && line.session.is_current(agent.usm()) => {}
                Some(line) => {
                    line.session = Session::new(target, agent.usm());
                    line.originator.set_target(target.clone());
                }
                None => {
                    let saved = kept.iter().find(|kept| kept.reader == target.key());
                    let last = agent.fleet().journal().told();
                    list.push(Line::new(true, target.clone(), saved, last, now, agent));
                }
            }
        }
        let tells = |line: &Line| line.originator.target().kinds.has(Kind::ConfigChange);
        agent.fleet().follow_changes(list.iter().any(tells));
        let before = kept.len();
        kept.retain(|kept| is_kept(kept, addresses, &list));
        if kept.len() < before {
            self.forgotten.store(true, Ordering::Relaxed);
        }
    }

    pub fn standings(&self, told: u64) -> Vec<Standing> {
        let standing = |Line { originator, session, .. }: &Line| Standing {
            address: originator.target().address,
            version: originator.target().wire.version(),
            inform: originator.target().inform,
            counts: originator.counts(),
            behind: told.saturating_sub(originator.cursor()),
            silent: originator.is_silent(),
            trouble: session.trouble(),
        };
        self.list.lock().iter().map(standing).collect()
    }

    /// All of them, if anything has changed since the last call.
    pub fn take_unsaved(&self) -> Option<Vec<Bookmark>> {
        let forgotten = self.forgotten.swap(false, Ordering::Relaxed);
        let mut list = self.list.lock();
        let changed = list.iter_mut().any(|line| line.originator.take_unsaved().is_some());
        if !changed && !forgotten {
            return None;
        }
        for line in list.iter_mut() {
            line.originator.take_unsaved();
        }
        let kept = self.kept.lock();
        Some(list.iter().map(|line| line.originator.bookmark()).chain(kept.iter().cloned()).collect())
    }

    /// What was taken could not be saved, or is lost.
    pub fn mark_unsaved(&self) {
        self.forgotten.store(true, Ordering::Relaxed);
        self.list.lock().iter_mut().for_each(|line| line.originator.mark_unsaved());
    }

    /// Tells a target, or all, of nothing, and waits for what comes of it. `None`: the notifier has ended, or has too many
    /// tests to do.
    pub async fn test(&self, target: Option<SocketAddr>) -> Option<Vec<Tested>> {
        let tests = self.tests.lock().clone()?;
        let (reply, outcome) = oneshot::channel();
        tests.try_send(Test { target, reply }).ok()?;
        outcome.await.ok()
    }
}

/// Whether it is of one that may be told again: there is a row of its address, and nobody else is told there.
fn is_kept(bookmark: &Bookmark, addresses: &BTreeSet<SocketAddr>, list: &[Line]) -> bool {
    let address = Target::address_of(&bookmark.reader);
    address.is_some_and(|address| addresses.contains(&address))
        && !list.iter().any(|line| Some(line.address()) == address)
}

impl Line {
    fn new(
        made: bool,
        target: Target,
        saved: Option<&Bookmark>,
        last: u64,
        now: Time,
        agent: &Agent,
    ) -> Line {
        let world = World { fleet: agent.fleet(), wall: clock::now() };
        let session = Session::new(&target, agent.usm());
        Line { made, originator: Originator::new(target, saved, last, now, world), session }
    }

    fn address(&self) -> SocketAddr {
        self.originator.target().address
    }

    fn key(&self) -> String {
        self.originator.target().key()
    }
}

/// Tells the targets until `stop` is done, and then once more of what is left.
pub async fn run(
    agent: Arc<Agent>,
    targets: Arc<Targets>,
    history: Arc<History>,
    stop: impl Future<Output = ()>,
) {
    let (tests, mut wishes) = mpsc::channel(TESTS);
    *targets.tests.lock() = Some(tests);
    let mut notifier = Notifier::new(agent, targets.clone(), history);
    let mut stop = pin!(stop);
    let (mut v4, mut v6) = (vec![0; LONGEST], vec![0; LONGEST]);
    let mut timer = tokio::time::interval(POLL);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let mut stopped = false;
        tokio::select! {
            () = &mut stop => stopped = true,
            _ = timer.tick() => {}
            (len, from) = receive(notifier.sockets.0.as_ref(), &mut v4) => notifier.received(&v4[..len], from).await,
            (len, from) = receive(notifier.sockets.1.as_ref(), &mut v6) => notifier.received(&v6[..len], from).await,
            Some(test) = wishes.recv() => {
                notifier.follow();
                notifier.test(test);
            }
        }
        notifier.follow();
        notifier.handle_failures();
        let count = targets.list.lock().len();
        for at in 0..count {
            notifier.tell(at).await;
        }
        notifier.end_tests();
        if stopped {
            *targets.tests.lock() = None;
            return;
        }
    }
}

struct Notifier {
    agent: Arc<Agent>,
    targets: Arc<Targets>,
    /// Whose targets are told.
    followed: Option<Arc<InForce>>,
    history: Arc<History>,
    /// As [`Sender::address`].
    bridge: Ipv4Addr,
    /// For IPv4 and IPv6 targets, opened when first needed.
    sockets: (Option<UdpSocket>, Option<UdpSocket>),
    /// Durations are measured from here, whatever becomes of the clock.
    began: (Instant, Time),
    tests: Vec<Running>,
    /// Since the last log line.
    errors: u64,
    logged: Option<Instant>,
    events: Vec<Event>,
    message: Vec<u8>,
}

/// A test under way: keys of targets and request ids without an outcome yet, and the outcomes.
struct Running {
    waits: Vec<(String, i32)>,
    outcomes: Vec<Tested>,
    reply: oneshot::Sender<Vec<Tested>>,
    began: Instant,
}

/// What is to be done for a target.
enum Next {
    /// What it was to be told of is not there any more.
    Nothing,
    /// A question to it is under way.
    Wait,
    /// The question that was made.
    Ask,
    /// The message that was made, from a source of its own.
    Send(Option<IpAddr>),
    Unable(Unable),
}

impl Notifier {
    fn new(agent: Arc<Agent>, targets: Arc<Targets>, history: Arc<History>) -> Self {
        let own = |address: IpAddr| match address {
            IpAddr::V4(address) if !address.is_unspecified() => Some(address),
            _ => None,
        };
        let bridge =
            agent.hosts().listen.iter().map(SocketAddr::ip).find_map(own).unwrap_or(Ipv4Addr::UNSPECIFIED);
        Notifier {
            agent,
            targets,
            followed: None,
            history,
            bridge,
            sockets: (None, None),
            began: (Instant::now(), clock::now()),
            tests: Vec::new(),
            errors: 0,
            logged: None,
            events: Vec::new(),
            message: Vec::new(),
        }
    }

    fn now(&self) -> Time {
        self.began.1.plus_millis(self.began.0.elapsed().as_millis() as u64)
    }

    /// Takes over what was changed by SET.
    fn follow(&mut self) {
        let in_force = self.agent.in_force();
        if self.followed.as_ref().is_some_and(|followed| Arc::ptr_eq(followed, &in_force)) {
            return;
        }
        self.targets.follow(&in_force, self.now(), &self.agent);
        let list = self.targets.list.lock();
        for test in &mut self.tests {
            test.waits.retain(|(key, _)| list.iter().any(|line| line.key() == *key));
        }
        drop(list);
        self.followed = Some(in_force);
    }

    /// Tells one target all that it may be told now.
    async fn tell(&mut self, at: usize) {
        for _ in 0..READS {
            let read = self.read(at).await;
            while let Some((id, target, next)) = self.next(at) {
                let sent = match next {
                    Next::Nothing => Sent::Nothing,
                    Next::Wait => Sent::Out,
                    Next::Ask => self.send(target, None).await,
                    Next::Send(source) => self.tell_from(source, target).await,
                    Next::Unable(why) => self.not_sent(target, &why),
                };
                let now = self.now();
                self.targets.list.lock()[at].originator.handle_sent(id, sent, now);
            }
            if !read {
                return;
            }
        }
    }

    /// Gives a target what has happened, as far as it takes it. False: there is no more.
    async fn read(&mut self, at: usize) -> bool {
        let journal = self.agent.fleet().journal();
        let (read, room, may_skip) = {
            let list = self.targets.list.lock();
            let originator = &list[at].originator;
            (originator.read(), originator.room(), originator.may_skip())
        };
        let oldest = journal.oldest();
        if room == 0 || read >= journal.told() {
            return false;
        }
        self.events.clear();
        let mut cursor = read;
        if read + 1 >= oldest {
            if journal.read(&mut cursor, room, &mut self.events).is_err() {
                // It has fallen out of memory just now: the next turn takes it from the store.
                return true;
            }
        } else if may_skip && journal.told() - read > TOO_FAR {
            tracing::warn!(target = %self.targets.list.lock()[at].originator.target().address, missed = oldest - 1 - read, "a target is too far behind: it is told a summary, and how things are now");
            let now = self.now();
            self.targets.list.lock()[at].originator.handle_overrun(oldest - 1, now);
            return true;
        } else {
            let history = self.history.clone();
            self.events = tokio::task::spawn_blocking(move || history(read, room)).await.unwrap_or_default();
            self.events.retain(|event| event.number < oldest);
            // Numbers behind the last one were never given.
            cursor = self.events.last().map_or(oldest - 1, |event| event.number);
        }
        self.targets.list.lock()[at].originator.handle_events(self.events.drain(..), cursor);
        true
    }

    /// The next message to a target, made.
    fn next(&mut self, at: usize) -> Option<(i32, SocketAddr, Next)> {
        let now = self.now();
        let wall = clock::now();
        let mut list = self.targets.list.lock();
        let Line { originator, session, .. } = &mut list[at];
        let id = originator.poll(now, World { fleet: self.agent.fleet(), wall })?;
        let target = originator.target();
        let what = originator.what(id)?;
        let text = RefCell::default();
        let context = self.agent.context(what.time(wall), View::Bridge, None, &text);
        let Some(notification) = content::notification(&context, what) else {
            return Some((id, target.address, Next::Nothing));
        };
        let sender =
            Sender { engine: self.agent.engine(), usm: self.agent.usm(), address: self.bridge, wall };
        let next = match session.write(&notification, id, sender, now, &mut self.message) {
            Ok(Step::Send) => Next::Send(source(&self.agent, what, target)),
            Ok(Step::Ask) => Next::Ask,
            Ok(Step::Wait) => Next::Wait,
            Err(why) => Next::Unable(why),
        };
        Some((id, target.address, next))
    }

    async fn tell_from(&mut self, source: Option<IpAddr>, target: SocketAddr) -> Sent {
        let sent = self.send(target, source).await;
        if sent == Sent::Out {
            self.agent.stats().snmp.out_traps.inc();
        }
        sent
    }

    async fn send(&mut self, target: SocketAddr, source: Option<IpAddr>) -> Sent {
        let result = send_to(&mut self.sockets, source, target, &self.message).await;
        match result {
            Ok(()) => {
                self.agent.stats().snmp.out_pkts.inc();
                Sent::Out
            }
            Err(error) => self.not_sent(target, &error),
        }
    }

    fn not_sent(&mut self, target: SocketAddr, error: &dyn std::error::Error) -> Sent {
        self.agent.stats().snmp.trap_errors.inc();
        self.errors += 1;
        if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
            tracing::warn!(%target, errors = self.errors, %error, "a notification was not sent");
            self.logged = Some(Instant::now());
            self.errors = 0;
        }
        Sent::Failed
    }

    /// An answer counts only from where its inform was sent.
    async fn received(&mut self, message: &[u8], from: SocketAddr) {
        if self.handle(message, from) == Heard::Question {
            self.send(from, None).await;
        }
    }

    fn handle(&mut self, message: &[u8], from: SocketAddr) -> Heard {
        let now = self.now();
        let mut list = self.targets.list.lock();
        let is_from = |line: &&mut Line| {
            let address = line.address();
            (address.ip(), address.port()) == (from.ip(), from.port())
        };
        let Some(Line { originator, session, .. }) = list.iter_mut().find(is_from) else {
            return Heard::Nothing;
        };
        let under_way = |id| originator.what(id).is_some();
        let heard = session.handle(message, self.agent.engine(), now, under_way, &mut self.message);
        match heard {
            Heard::Acknowledged(id) => originator.handle_acknowledged(id, now),
            Heard::Synchronised => originator.handle_synchronised(now),
            Heard::Refused(why) => {
                tracing::warn!(target = %from, "a trap target does not take what it is told: {}", in_words(why));
            }
            Heard::Question | Heard::Nothing => {}
        }
        heard
    }

    /// Of authentication.
    fn handle_failures(&mut self) {
        let now = self.now();
        for _ in 0..self.agent.strangers().take_failures() {
            let mut list = self.targets.list.lock();
            list.iter_mut().for_each(|line| line.originator.handle_failure(now));
        }
    }

    fn test(&mut self, test: Test) {
        let now = self.now();
        let mut running =
            Running { waits: Vec::new(), outcomes: Vec::new(), reply: test.reply, began: Instant::now() };
        for Line { originator, .. } in self.targets.list.lock().iter_mut() {
            if test.target.is_none_or(|target| target == originator.target().address) {
                running.waits.push((originator.target().key(), originator.test(now)));
            }
        }
        if self.tests.len() < TESTS {
            self.tests.push(running);
        }
    }

    fn end_tests(&mut self) {
        if self.tests.is_empty() {
            return;
        }
        for line in self.targets.list.lock().iter_mut() {
            let trouble = line.session.trouble();
            let Target { address, inform, .. } = *line.originator.target();
            let tested = line.originator.take_tested();
            let key = line.key();
            for (id, told) in tested {
                let wait = (key.clone(), id);
                for test in &mut self.tests {
                    if test.waits.contains(&wait) {
                        test.waits.retain(|other| *other != wait);
                        test.outcomes.push(Tested { address, inform, told, trouble });
                    }
                }
            }
            for test in self.tests.iter_mut().filter(|test| test.began.elapsed() >= TEST_ENDS) {
                for _ in test.waits.extract_if(.., |(of, _)| *of == key) {
                    test.outcomes.push(Tested { address, inform, told: false, trouble });
                }
            }
        }
        let ended = self.tests.extract_if(.., |test| test.waits.is_empty());
        for test in ended {
            // Who asked may have gone.
            let _ = test.reply.send(test.outcomes);
        }
    }
}

/// The address of the device that is told of, in the target's family.
fn source(agent: &Agent, what: &What, target: &Target) -> Option<IpAddr> {
    let addresses = &agent.hosts().addresses;
    let device = what.device()?;
    match target.address {
        SocketAddr::V4(_) => addresses.v4(device).map(IpAddr::V4),
        SocketAddr::V6(_) => addresses.v6(device).map(IpAddr::V6),
    }
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> (usize, SocketAddr) {
    let Some(socket) = socket else { return std::future::pending().await };
    loop {
        match socket.recv_from(buffer).await {
            Ok(received) => return received,
            // What an earlier message met on its way says nothing of the next.
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

async fn send_to(
    sockets: &mut (Option<UdpSocket>, Option<UdpSocket>),
    source: Option<IpAddr>,
    target: SocketAddr,
    message: &[u8],
) -> io::Result<()> {
    let socket = if target.is_ipv4() { &mut sockets.0 } else { &mut sockets.1 };
    let socket = match socket {
        Some(socket) => socket,
        None => socket.insert(UdpSocket::from_std(new_sender(target.is_ipv6())?)?),
    };
    match source {
        Some(source) => {
            let sent =
                socket.async_io(Interest::WRITABLE, || send_from(socket, source, target, message)).await;
            match sent {
                // It is not routed to this host: better told from elsewhere than not at all.
                Err(error) if is_foreign(&error) => socket.send_to(message, target).await.map(drop),
                sent => sent,
            }
        }
        None => socket.send_to(message, target).await.map(drop),
    }
}

/// What kernels say of a source that is not an address of this host.
fn is_foreign(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, HostUnreachable, InvalidInput, NetworkUnreachable};
    matches!(error.kind(), InvalidInput | AddrNotAvailable | NetworkUnreachable | HostUnreachable)
}
