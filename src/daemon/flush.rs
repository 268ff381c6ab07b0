//! Write-behind: telemetry in batches, events and boot instants that have moved at once.

use std::{pin::pin, sync::Arc, time::Duration};

use tracing::error;

use super::keep::Keeper;
use crate::{
    fleet::Fleet,
    model::Time,
    snmp::notifier::Targets,
    store::{Batch, Store, row},
};

/// How old telemetry in the store may be.
pub const FLUSH: Duration = Duration::from_secs(5);
/// How long an event waits until it is durable and told, and a boot instant until it is durable and shown.
const EVENTS: Duration = Duration::from_millis(100);
/// What a trap target was told in this time before a kill is told again.
const BOOKMARKS: Duration = Duration::from_secs(1);
/// Rows of one transaction: some ten thousand keep the log file small.
const ROWS: usize = 16_384;
/// Events of one transaction.
const MOST_EVENTS: usize = 4096;

/// Keeps how far the trap targets are, if that has changed.
pub async fn told(store: &Store, targets: &Targets) {
    if let Some(bookmarks) = targets.take_unsaved()
        && store.keep_bookmarks(bookmarks).await.is_err()
    {
        targets.mark_unsaved();
    }
}

pub struct Flusher {
    pub fleet: Arc<Fleet>,
    pub store: Arc<Store>,
    pub keeper: Keeper,
    pub targets: Arc<Targets>,
}

impl Flusher {
    /// Writes until told to stop, and then once more.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut events = tokio::time::interval(EVENTS);
        let mut telemetry = tokio::time::interval(FLUSH);
        let mut bookmarks = tokio::time::interval(BOOKMARKS);
        let mut clock_set_at = Time::NEVER;
        for timer in [&mut events, &mut telemetry, &mut bookmarks] {
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = events.tick() => {
                    self.events().await;
                    // After a kill the next start has what was written by the new clock only.
                    let set_at = self.fleet.clock_set_at();
                    if std::mem::replace(&mut clock_set_at, set_at) != set_at {
                        self.telemetry().await;
                    }
                }
                _ = telemetry.tick() => {
                    self.keeper.flush_changed().await;
                    self.telemetry().await;
                }
                _ = bookmarks.tick() => told(&self.store, &self.targets).await,
            }
        }
        // Events that were told and could not be written keep their numbers by the promise.
        if self.events().await {
            let _ = self.keeper.store.settle_events().await;
        }
        self.keeper.flush_changed().await;
        self.telemetry().await;
    }

    /// Makes events durable, each with the state of its device: one never contradicts the other; and boot instants, which
    /// no manager may see step back after a crash. True: all events that were told are.
    async fn events(&self) -> bool {
        let journal = self.fleet.journal();
        loop {
            let boots = self.fleet.moved_boots(ROWS);
            let mut batch = Batch::default();
            if let Err(overrun) = journal.read_undurable(MOST_EVENTS, &mut batch.events) {
                error!(missed = overrun.missed, "the store is too slow: events were told but not kept");
            }
            let last = batch.events.last().map(|event| event.number);
            if last.is_none() && boots.is_empty() {
                return true;
            }
            let of_events = batch.events.iter().filter_map(|event| event.kind.device());
            let mut devices: Vec<_> = of_events.chain(boots.iter().map(|(device, _)| *device)).collect();
            devices.sort_unstable();
            devices.dedup();
            for &device in &devices {
                self.fleet.row(device, |row| batch.push(device, |out| row::encode(&row, out)));
            }
            let full = batch.events.len() == MOST_EVENTS || boots.len() == ROWS;
            let written = self.keeper.flush(batch, &devices).await;
            // If they could not be written, they are worth more shown than kept back.
            self.fleet.show_boots(&boots);
            let Ok(flushed) = written else {
                // The store has logged and counted it; the events stay undurable and are tried again.
                if let Some(last) = last {
                    journal.tell_undurable(last.min(self.keeper.store.promised_events()));
                }
                self.fleet.mark_dirty(devices);
                return false;
            };
            self.keeper.begun_anew(flushed);
            if flushed.anew {
                self.targets.mark_unsaved();
            }
            if let Some(last) = last {
                journal.set_durable(last);
            }
            if !full {
                return true;
            }
        }
    }

    async fn telemetry(&self) {
        let mut block = 0;
        loop {
            let (mut batch, mut numbers) = (Batch::default(), Vec::new());
            self.fleet.take_dirty(&mut block, ROWS, |row| {
                numbers.push(row.number());
                batch.push(row.number(), |out| row::encode(&row, out));
            });
            if !batch.is_empty() {
                match self.store.flush(batch).await {
                    Ok(flushed) => {
                        self.keeper.begun_anew(flushed);
                        if flushed.anew {
                            self.targets.mark_unsaved();
                        }
                    }
                    Err(_) => {
                        self.fleet.mark_dirty(numbers);
                        return;
                    }
                }
            }
            if block == 0 {
                return;
            }
        }
    }
}
