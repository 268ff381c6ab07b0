//! Keeps publishers from outrunning the bridge at the embedded broker, which would drop what a full queue has no place
//! for: the broker takes a place for each message on its way to the bridge, the bridge's client gives it back, and
//! with no place left the publisher waits.

use std::time::Duration;

use tokio::sync::Semaphore;

/// Messages on their way to the bridge at most. The broker's own queue for a client is longer.
pub const PLACES: usize = 8000;

/// How long a publisher waits for a place; its own keep-alive may cut it off if that takes much longer.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Flow {
    places: Semaphore,
    patience: Duration,
}

impl Flow {
    pub fn new() -> Self {
        Flow { places: Semaphore::new(PLACES), patience: PATIENCE }
    }

    /// Takes a place for each copy of a message. False: there was none for so long that it may be lost.
    pub async fn take(&self, copies: u32) -> bool {
        match tokio::time::timeout(self.patience, self.places.acquire_many(copies)).await {
            Ok(Ok(permit)) => {
                permit.forget();
                true
            }
            _ => false,
        }
    }

    /// The bridge has received so many. Only its client calls this, so more than were taken are never given back.
    pub fn give_back(&self, copies: usize) {
        let taken = PLACES.saturating_sub(self.places.available_permits());
        self.places.add_permits(copies.min(taken));
    }

    /// A new connection: what was on its way to the former one is not any more.
    pub fn reset(&self) {
        self.give_back(PLACES);
    }
}

impl Default for Flow {
    fn default() -> Self {
        Flow::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_place_waits_for_one() {
        let patience = Duration::from_millis(50);
        let mut flow = std::sync::Arc::new(Flow { patience, ..Flow::new() });
        flow.give_back(9);
        assert!(flow.take(PLACES as u32).await);
        assert!(!flow.take(1).await, "nobody takes");
        std::sync::Arc::get_mut(&mut flow).unwrap().patience = PATIENCE;
        let waiting = tokio::spawn({
            let flow = flow.clone();
            async move { flow.take(2).await }
        });
        tokio::task::yield_now().await;
        flow.give_back(1);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        flow.give_back(1);
        assert!(waiting.await.unwrap());
        flow.reset();
        assert!(flow.take(PLACES as u32).await);
    }
}
