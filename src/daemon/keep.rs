//! Writes settings down: the one door to their rows, so that an older row never overwrites a newer one.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{
    fleet::Fleet,
    model::DeviceNumber,
    southbound::egress::Keep,
    store::{Batch, Flushed, Pending, Store},
};

/// Devices of one transaction.
const ROWS: usize = 4096;

#[derive(Clone)]
pub struct Keeper {
    fleet: Arc<Fleet>,
    pub(super) store: Arc<Store>,
    /// Held from reading a row until it is in the store's queue.
    turn: Arc<Mutex<()>>,
}

impl Keeper {
    pub fn new(fleet: Arc<Fleet>, store: Arc<Store>) -> Keeper {
        Keeper { fleet, store, turn: Arc::default() }
    }

    /// Answers adapters until all are gone.
    pub async fn run(self, mut wishes: mpsc::Receiver<Keep>) {
        while let Some(Keep { devices, reply }) = wishes.recv().await {
            let outcome = self.flush(Batch::default(), &devices).await;
            if let Ok(flushed) = &outcome {
                self.begun_anew(*flushed);
            }
            // An adapter that went away meanwhile needs no answer.
            let _ = reply.send(outcome.is_ok());
        }
    }

    /// Writes a batch together with the settings of these devices, as they are now. (That a device has none any more
    /// can wait for [`flush_changed`](Keeper::flush_changed).)
    pub fn flush(&self, mut batch: Batch, devices: &[DeviceNumber]) -> Pending<Flushed> {
        let _turn = self.turn.lock();
        for device in devices {
            self.fleet.row_or_retired(*device, |row| {
                if row.settings().next().is_some() {
                    batch.push_settings(&row);
                }
            });
        }
        self.store.flush(batch)
    }

    /// Writes all settings that changed since they were last written.
    pub async fn flush_changed(&self) {
        let mut block = 0;
        loop {
            let (mut batch, mut devices) = (Batch::default(), Vec::new());
            let pending = {
                let _turn = self.turn.lock();
                self.fleet.take_dirty_settings(&mut block, ROWS, |row| {
                    devices.push(row.number());
                    batch.push_settings(&row);
                });
                (!batch.is_empty()).then(|| self.store.flush(batch))
            };
            if let Some(pending) = pending {
                match pending.await {
                    Ok(flushed) => self.begun_anew(flushed),
                    Err(_) => {
                        devices.iter().for_each(|device| self.fleet.mark_settings_dirty(Some(*device)));
                        return;
                    }
                }
            }
            if block == 0 {
                return;
            }
        }
    }

    /// A damaged state.db was begun anew: everything is written again.
    pub fn begun_anew(&self, flushed: Flushed) {
        if flushed.anew {
            tracing::warn!("state.db was damaged and has been begun anew: all devices are written again");
            self.fleet.mark_dirty(1..=self.fleet.counts().numbers_used);
            self.fleet.mark_settings_dirty(None);
        }
    }
}
