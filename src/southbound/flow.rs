//! Keeps publishers from outrunning the bridge at the embedded broker, which would keep what waits in memory and drop
//! what a full queue has no place for: the broker takes room for each message on its way to the bridge, the bridge's
//! client gives it back, and with no room left the publisher waits.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio::sync::Semaphore;

/// Octets of payloads on their way to the bridge at most.
const ROOM: usize = 32 << 20;

/// What a message takes at least: topic, properties and queues need memory too.
const LEAST: usize = 4096;

/// Messages on their way to the bridge at most. The broker's own queue for a client is longer.
pub const MESSAGES: usize = ROOM / LEAST;

/// How long a publisher waits for room; its own keep-alive may cut it off if that takes much longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// When the bridge has waited so long for a message, none is on its way: on loopback they take milliseconds.
pub const IDLE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Flow {
    room: Semaphore,
    taken: AtomicUsize,
    /// Octets of a payload that count: of a longer one the client may show the bridge no more.
    longest: usize,
    patience: Duration,
}

impl Flow {
    /// For payloads of so many octets at most.
    pub fn new(payload_limit: usize) -> Self {
        Flow {
            room: Semaphore::new(ROOM),
            taken: AtomicUsize::new(0),
            longest: payload_limit.saturating_add(1).clamp(LEAST, ROOM),
            patience: PATIENCE,
        }
    }

    /// Takes room for each copy of a message with a payload of so many octets. False: there was none for so long that
    /// the message is one too many.
    pub async fn take(&self, octets: usize, copies: usize) -> bool {
        let wanted = self.size(octets).saturating_mul(copies).min(ROOM);
        let acquired = self.room.acquire_many(u32::try_from(wanted).unwrap_or(u32::MAX));
        match tokio::time::timeout(self.patience, acquired).await {
            Ok(Ok(permit)) => {
                permit.forget();
                self.taken.fetch_add(wanted, Relaxed);
                true
            }
            _ => false,
        }
    }

    /// The bridge has received a message. Not all of them have taken room (those of a session that went on have not),
    /// so more than is taken is never given back.
    pub fn give_back(&self, octets: usize) {
        self.free(self.size(octets));
    }

    /// Nothing is on its way any more, because the connection is new or the bridge waits. What took room and never came
    /// (it expired, or its publisher never released it) stalls nobody for longer than [`IDLE`].
    pub fn reset(&self) {
        self.free(ROOM);
    }

    fn size(&self, octets: usize) -> usize {
        octets.clamp(LEAST, self.longest)
    }

    fn free(&self, octets: usize) {
        let mut freed = 0;
        let _ = self.taken.fetch_update(Relaxed, Relaxed, |taken| {
            freed = octets.min(taken);
            Some(taken - freed)
        });
        self.room.add_permits(freed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const PAYLOAD: usize = 256 * 1024;

    fn impatient() -> Flow {
        Flow { patience: Duration::from_millis(50), ..Flow::new(PAYLOAD) }
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_for_it() {
        let flow = Arc::new(Flow::new(PAYLOAD));
        flow.give_back(9);
        for _ in 0..MESSAGES {
            assert!(flow.take(100, 1).await);
        }
        let waiting = tokio::spawn({
            let flow = flow.clone();
            async move { flow.take(1, 2).await }
        });
        tokio::task::yield_now().await;
        flow.give_back(100);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        flow.give_back(100);
        assert!(waiting.await.unwrap());
        flow.reset();
        assert!(flow.take(1, MESSAGES).await);
    }

    #[tokio::test]
    async fn octets_count_and_all_come_back() {
        let flow = impatient();
        let most = ROOM / (PAYLOAD + 1);
        // One that is too long is cut before it is given back.
        for _ in 0..most {
            assert!(flow.take(PAYLOAD + 50_000, 1).await);
        }
        assert!(!flow.take(PAYLOAD, 1).await, "no room is left");
        for _ in 0..most {
            flow.give_back(PAYLOAD + 1);
        }
        assert_eq!((flow.taken.load(Relaxed), flow.room.available_permits()), (0, ROOM));

        // One message, or its copies, may be more than there is room for.
        let huge = Flow { patience: Duration::from_millis(50), ..Flow::new(2 * ROOM) };
        assert!(huge.take(2 * ROOM, 3).await);
        assert!(!huge.take(1, 1).await);
        huge.give_back(2 * ROOM);
        assert!(huge.take(1, 1).await);
    }
}
