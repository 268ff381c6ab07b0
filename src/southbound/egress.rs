//! From the fleet to messages: takes orders, encodes them, has them written down, paces them, and tells the fleet what
//! became of each. One for each adapter; every transport goes through it.
//!
//! **What survives kill -9.** A message is handed to the transport only after its try is in the store ([`Keep`]). So after
//! a restart every message that may have been sent is known as one that may have been: the device is asked first, and
//! told again only if it shows another value or cannot be asked. What was never handed over is simply still to be sent.
//! Nothing is lost, and nothing is sent twice that a device could tell us of. (state.db is synchronous=NORMAL: after a
//! power cut the last seconds may be missing, and then a message may go out a second time.)

use std::{collections::BTreeMap, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tracing::warn;

use super::{Codec, Downlink, EncodeError};
use crate::{
    clock,
    fleet::{Adapter, Fleet, Order},
    model::{DeviceNumber, Standing},
    stats::Stats,
};

/// Settings of these devices that must be durable; answered with whether they are.
#[derive(Debug)]
pub struct Keep {
    pub devices: Vec<DeviceNumber>,
    pub reply: oneshot::Sender<bool>,
}

/// So many messages a second, a tenth of that at once.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    burst: Duration,
    next: Instant,
}

/// Orders of one adapter on their way out.
pub struct Egress {
    fleet: Arc<Fleet>,
    stats: Arc<Stats>,
    adapter: Arc<Adapter>,
    codec: Arc<dyn Codec>,
    keep: mpsc::Sender<Keep>,
    pace: Pace,
    keeping: Option<Keeping>,
    /// Handed to the transport, by token.
    sent: BTreeMap<u64, Order>,
    last_token: u64,
}

/// Messages that wait until they are written down.
struct Keeping {
    messages: Vec<(Order, Downlink)>,
    answer: oneshot::Receiver<bool>,
}

/// How long a store that failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);

impl Egress {
    pub(super) fn new(
        fleet: Arc<Fleet>,
        stats: Arc<Stats>,
        adapter: Arc<Adapter>,
        codec: Arc<dyn Codec>,
        keep: mpsc::Sender<Keep>,
        a_second: u32,
    ) -> Egress {
        let pace = Pace::new(a_second, Instant::now());
        Egress {
            fleet,
            stats,
            adapter,
            codec,
            keep,
            pace,
            keeping: None,
            sent: BTreeMap::new(),
            last_token: 0,
        }
    }

    /// Waits for messages that are to be sent now, at most `room`, each with the token under which its end is told:
    /// [`sent`](Egress::sent) or [`unsent`](Egress::unsent). Nothing is lost by dropping the future.
    pub async fn next(&mut self, room: usize) -> Vec<(u64, Downlink)> {
        loop {
            if let Some(messages) = self.kept().await {
                return messages;
            }
            if room == 0 {
                std::future::pending::<()>().await;
            }
            sleep_until(self.pace.next).await;
            let (fleet, adapter) = (&self.fleet, self.adapter.id);
            poll_fn(|context| match fleet.poll_orders(adapter, context.waker()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            self.take(room);
        }
    }

    /// The transport's word about a message: the broker has it, or why it has not.
    pub fn sent(&mut self, token: u64, outcome: Result<(), String>) {
        let Some(order) = self.sent.remove(&token) else { return };
        match outcome {
            Ok(()) => self.fleet.order_acked(&order, clock::now()),
            Err(error) => self.fleet.order_refused(&order, Standing::Failed, &error, clock::now()),
        }
    }

    /// The transport could not take it.
    pub fn unsent(&mut self, token: u64) {
        if let Some(order) = self.sent.remove(&token) {
            self.fleet.order_unsent(&order, clock::now());
        }
    }

    /// The connection is gone. The fleet knows, and what was on its way is in doubt.
    pub fn disconnected(&mut self) {
        self.keeping = None;
        self.sent.clear();
    }

    /// Takes orders, encodes them and asks for them to be written down. Without a point at which it could be dropped.
    fn take(&mut self, room: usize) {
        let now = clock::now();
        let mut orders = Vec::new();
        let most = room.min(self.pace.allowed(Instant::now()));
        self.fleet.take_orders(self.adapter.id, most, now, &mut orders);
        let mut messages = Vec::with_capacity(orders.len());
        for order in orders {
            match self.codec.encode(&order) {
                Ok(downlink) => messages.push((order, downlink)),
                Err(error) => {
                    let standing = match error {
                        EncodeError::NoWrite => Standing::Unsupported,
                        _ => Standing::Failed,
                    };
                    self.fleet.order_refused(&order, standing, &error.to_string(), now);
                }
            }
        }
        if messages.is_empty() {
            return;
        }
        self.pace.spend(messages.len());
        let (reply, answer) = oneshot::channel();
        let devices = messages.iter().map(|(order, _)| order.device).collect();
        // A full channel drops the reply, which reads as "not written".
        let _ = self.keep.try_send(Keep { devices, reply });
        self.keeping = Some(Keeping { messages, answer });
    }

    /// What has been written down meanwhile; `None`: nothing was to be written.
    async fn kept(&mut self) -> Option<Vec<(u64, Downlink)>> {
        let answer = (&mut self.keeping.as_mut()?.answer).await;
        let messages = self.keeping.take()?.messages;
        if answer != Ok(true) {
            warn!(
                adapter = self.adapter.name,
                messages = messages.len(),
                "not sent yet: the store does not write"
            );
            messages.iter().for_each(|(order, _)| self.fleet.order_unsent(order, clock::now()));
            self.pace.rest(Instant::now() + PAUSE);
            return None;
        }
        let mut out = Vec::with_capacity(messages.len());
        for (order, downlink) in messages {
            // The device may have gone in between: it is told when it is back.
            if self.fleet.order_stands(&order) {
                self.last_token += 1;
                self.sent.insert(self.last_token, order);
                self.stats.southbound.downlinks.inc();
                out.push((self.last_token, downlink));
            }
        }
        Some(out)
    }
}

impl Pace {
    pub fn new(a_second: u32, now: Instant) -> Pace {
        let interval = Duration::from_secs(1) / a_second.max(1);
        Pace { interval, burst: Duration::from_millis(100), next: now }
    }

    /// How many may go now.
    fn allowed(&mut self, now: Instant) -> usize {
        if let Some(earliest) = now.checked_sub(self.burst) {
            self.next = self.next.max(earliest);
        }
        let unused = now.saturating_duration_since(self.next);
        1 + (unused.as_nanos() / self.interval.as_nanos().max(1)) as usize
    }

    fn spend(&mut self, count: usize) {
        self.next += self.interval * count as u32;
    }

    fn rest(&mut self, until: Instant) {
        self.next = self.next.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_at_once_then_a_steady_rate() {
        let start = Instant::now() + Duration::from_secs(1000);
        let mut pace = Pace::new(100, start - Duration::from_secs(10));
        assert_eq!(pace.allowed(start), 11);
        pace.spend(11);
        assert!(pace.next > start && pace.next <= start + Duration::from_millis(10));
        let later = start + Duration::from_millis(30);
        assert_eq!(pace.allowed(later), 3);
        pace.rest(later + PAUSE);
        assert_eq!(pace.next, later + PAUSE);
    }
}
