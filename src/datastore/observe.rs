//! What others learn of running: who listens to commits, what one of them was, how many devices there are.

use std::sync::atomic::Ordering;

use super::{
    Datastore,
    error::Failed,
    plan::Delta,
    rows::{Audit, Owner, Touched},
};
use crate::model::{Confirming, Time};

/// What a listener is told.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// A commit that changes devices.
    Commit(&'a Delta),
    /// A step of a confirmed commit, behind the commit that it makes; the owner took it, unless time did.
    Confirming(Confirming, &'a Owner),
}

/// Who is told of commits.
pub type Listener = Box<dyn Fn(News<'_>) + Send + Sync>;

/// A commit as the audit has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub owner: Owner,
    pub time: Time,
    /// Who staged it; empty: the owner.
    pub editors: Vec<String>,
    /// In their order.
    pub edits: Vec<Audit>,
}

impl Datastore {
    /// Has `listener` told of all [`News`], in their order and before the next commit: it must not come back here. Only
    /// the first listener counts.
    pub fn listen(&self, listener: Listener) {
        let _ = self.listener.set(listener);
    }

    pub(super) fn tell(&self, news: News<'_>) {
        if let Some(listener) = self.listener.get() {
            listener(news);
        }
    }

    /// A commit and at most `limit` of its edits; `None` if it is not kept any more.
    ///
    /// # Errors
    /// The store's.
    pub fn record(&self, commit: u64, limit: usize) -> Result<Option<Record>, Failed> {
        self.rows.record(commit, limit)
    }

    /// The newest commit of each device, as far as commits can be rolled back.
    ///
    /// # Errors
    /// The store's.
    pub fn touched(&self) -> Result<Vec<Touched>, Failed> {
        self.rows.touched()
    }

    /// Devices in running.
    pub fn managed(&self) -> u32 {
        self.managed.load(Ordering::Relaxed)
    }
}
