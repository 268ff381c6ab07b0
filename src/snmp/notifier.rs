//! Sends what happens to the trap targets: one cursor over the journal.
//!
//! ```text
//! fleet.journal() --poll 50 ms--> notify::trap --UDP--> every target
//! ```

use std::{
    cell::RefCell,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::net::UdpSocket;

use super::{agent::Agent, notify, view::View};
use crate::secret::Secret;

const POLL: Duration = Duration::from_millis(50);

/// Events taken from the journal at once.
const BATCH: usize = 256;

const LOG_EVERY: Duration = Duration::from_secs(60);

/// Where v2c traps go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
    pub community: Secret,
}

/// Tells the targets of all durable events after number `cursor` until `stop` is done, and then of what is left.
pub async fn run(agent: Arc<Agent>, targets: Vec<Target>, cursor: u64, stop: impl Future<Output = ()>) {
    let mut notifier = Notifier {
        agent,
        targets,
        cursor,
        request_id: 0,
        sockets: (None, None),
        errors: 0,
        logged: None,
        events: Vec::new(),
    };
    let mut stop = pin!(stop);
    loop {
        let stopped = tokio::select! {
            () = &mut stop => true,
            () = tokio::time::sleep(POLL) => false,
        };
        notifier.tell().await;
        if stopped {
            return;
        }
    }
}

struct Notifier {
    agent: Arc<Agent>,
    targets: Vec<Target>,
    cursor: u64,
    request_id: i32,
    /// For IPv4 and IPv6 targets, opened when first needed.
    sockets: (Option<UdpSocket>, Option<UdpSocket>),
    /// Since the last log line.
    errors: u64,
    logged: Option<Instant>,
    events: Vec<crate::journal::Event>,
}

impl Notifier {
    async fn tell(&mut self) {
        loop {
            self.events.clear();
            let journal = self.agent.fleet().journal();
            if let Err(overrun) = journal.read(&mut self.cursor, BATCH, &mut self.events) {
                tracing::warn!(missed = overrun.missed, "traps were too slow: events are gone untold");
            }
            let events = std::mem::take(&mut self.events);
            for event in &events {
                for at in 0..self.targets.len() {
                    self.send(event, at).await;
                }
            }
            let last = events.len() < BATCH;
            self.events = events;
            if last {
                return;
            }
        }
    }

    async fn send(&mut self, event: &crate::journal::Event, target: usize) {
        let target = &self.targets[target];
        self.request_id = self.request_id.wrapping_add(1) & i32::MAX;
        let message = {
            let text = RefCell::default();
            let context = self.agent.context(event.time, View::Bridge, &text);
            notify::trap(&context, event, target.community.expose().as_bytes(), self.request_id)
        };
        let result = match message {
            None => return,
            Some(Ok(message)) => send_to(&mut self.sockets, target.address, &message).await,
            Some(Err(error)) => Err(io::Error::other(error)),
        };
        let stats = &self.agent.stats().snmp;
        match result {
            Ok(()) => {
                stats.out_traps.inc();
                stats.out_pkts.inc();
            }
            Err(error) => {
                stats.trap_errors.inc();
                self.errors += 1;
                if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
                    tracing::warn!(target = %target.address, errors = self.errors, %error, "a trap was not sent");
                    self.logged = Some(Instant::now());
                    self.errors = 0;
                }
            }
        }
    }
}

async fn send_to(
    sockets: &mut (Option<UdpSocket>, Option<UdpSocket>),
    target: SocketAddr,
    message: &[u8],
) -> io::Result<()> {
    let (socket, own): (_, SocketAddr) = match target {
        SocketAddr::V4(_) => (&mut sockets.0, (Ipv4Addr::UNSPECIFIED, 0).into()),
        SocketAddr::V6(_) => (&mut sockets.1, (Ipv6Addr::UNSPECIFIED, 0).into()),
    };
    let socket = match socket {
        Some(socket) => socket,
        None => socket.insert(UdpSocket::bind(own).await?),
    };
    socket.send_to(message, target).await.map(drop)
}
