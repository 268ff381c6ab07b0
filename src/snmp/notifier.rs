//! Sends what happens to the trap targets: one cursor over the journal.
//!
//! ```text
//! fleet.journal() --poll 50 ms--> notify::trap --UDP--> every target
//! ```
//! What is told of a device leaves from its own address of the target's family, if it has one: managers know who it is by
//! that.

use std::{
    cell::RefCell,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{io::Interest, net::UdpSocket};

use super::{
    agent::Agent,
    notify,
    transport::socket::{new_sender, send_from},
    view::View,
};
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
            let context = self.agent.context(event.time, View::Bridge, None, &text);
            notify::trap(&context, event, target.community.expose().as_bytes(), self.request_id)
        };
        let result = match message {
            None => return,
            Some(Ok(message)) => {
                let addresses = &self.agent.hosts().addresses;
                let source = event.kind.device().and_then(|device| match target.address {
                    SocketAddr::V4(_) => addresses.v4(device).map(IpAddr::V4),
                    SocketAddr::V6(_) => addresses.v6(device).map(IpAddr::V6),
                });
                send_to(&mut self.sockets, source, target.address, &message).await
            }
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
