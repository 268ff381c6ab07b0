//! Commits: of candidate, confirmed ones and what undoes them (RFC 6241 8.3, 8.4), and the one way into the store.

use std::sync::atomic::Ordering;

use super::{
    Datastore,
    error::{Error, Failed, Tag},
    observe::News,
    overlay::Overlay,
    plan::{Delta, Plan},
    rows::{Commit, Committed, Owner, Pending},
    stage::Stage,
    state::{State, Target, Undo},
};
use crate::model::{Confirming, Time};

/// A roll-back that the store could not write is tried again so soon.
const RETRY_MILLIS: u64 = 1000;

/// What a commit is asked for (RFC 6241 8.3.4.1, 8.4.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitRequest {
    pub confirmed: Option<Confirmed>,
    pub persist_id: Option<String>,
    pub label: Option<String>,
}

/// A commit that is undone unless a second one follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Seconds; RFC 6241's default is 600.
    pub timeout: u32,
    pub persist: Option<String>,
}

impl Datastore {
    /// commit of candidate (RFC 6241 8.3.4.1, 8.4.5.1).
    ///
    /// # Errors
    /// in-use, invalid-value of persist-id, and all that is wrong with what is staged; nothing is changed then.
    pub fn commit(
        &self,
        owner: &Owner,
        request: CommitRequest,
        now: Time,
    ) -> Result<Option<Delta>, Vec<Error>> {
        let mut state = self.state.lock();
        state.check_lock(owner, Target::Running)?;
        state.check_lock(owner, Target::Candidate)?;
        state.check_persist(owner, request.persist_id.as_deref())?;
        let step = match (&state.pending, &request.confirmed) {
            (None, None) => None,
            (None, Some(confirmed)) => Some(Confirming::Start { timeout: confirmed.timeout }),
            (Some(_), Some(confirmed)) => Some(Confirming::Extend { timeout: confirmed.timeout }),
            (Some(_), None) => Some(Confirming::Complete),
        };
        // A follow-up keeps what the first one would restore.
        let base = state.pending.as_ref().map_or(self.last_commit(), |pending| pending.base);
        let pending = request.confirmed.map(|confirmed| Pending {
            base,
            session: owner.session,
            persist: confirmed.persist,
            deadline: now.plus_millis(u64::from(confirmed.timeout) * 1000),
        });
        let delta = self.write_candidate(&mut state, owner, request.label, pending, now)?;
        if let Some(step) = step {
            self.tell(News::Confirming(step, owner));
        }
        Ok(delta)
    }

    /// cancel-commit (RFC 6241 8.4.4.1).
    ///
    /// # Errors
    /// operation-failed: none waits; invalid-value, in-use as for commit.
    pub fn cancel_commit(
        &self,
        owner: &Owner,
        persist_id: Option<&str>,
        now: Time,
    ) -> Result<Option<Delta>, Error> {
        let mut state = self.state.lock();
        if state.pending.is_none() && persist_id.is_none() {
            return Err(Error::new(Tag::OperationFailed, "no confirmed commit waits"));
        }
        state.check_persist(owner, persist_id)?;
        let undo = Undo { cause: "it was cancelled", step: Confirming::Cancel, owner: owner.clone() };
        self.roll_back(&mut state, undo, now)
    }

    /// When [`handle_timeout`](Datastore::handle_timeout) has something to do. Never waits.
    pub fn poll_timeout(&self) -> Option<Time> {
        let deadline = self.deadline.load(Ordering::Acquire);
        (deadline != u64::MAX).then_some(Time(deadline))
    }

    /// Undoes a confirmed commit whose time is over, or that waited when the process ended.
    ///
    /// # Errors
    /// The store's; it is tried again by the next call.
    pub fn handle_timeout(&self, now: Time) -> Result<Option<Delta>, Error> {
        let mut state = self.state.lock();
        match &state.pending {
            Some(pending) if pending.deadline <= now => {
                let timeout =
                    || Undo { cause: "time-out", step: Confirming::Timeout, owner: Owner::system() };
                let undo = state.undo.take().unwrap_or_else(timeout);
                self.roll_back(&mut state, undo, now)
            }
            _ => Ok(None),
        }
    }

    /// A session is gone: its locks end, and with that of candidate the edits; its confirmed commit is undone unless it
    /// persists.
    ///
    /// # Errors
    /// The store's; the roll-back is tried again by [`handle_timeout`](Datastore::handle_timeout).
    pub fn end_session(&self, owner: &Owner, now: Time) -> Result<Option<Delta>, Error> {
        let mut state = self.state.lock();
        if state.forget(owner.session) {
            state.discard();
        }
        match &state.pending {
            Some(pending) if pending.session == owner.session && pending.persist.is_none() => {
                let undo =
                    Undo { cause: "its session ended", step: Confirming::Cancel, owner: owner.clone() };
                self.roll_back(&mut state, undo, now)
            }
            _ => Ok(None),
        }
    }

    /// Stages into candidate what brings running back to the state right after a commit.
    ///
    /// # Errors
    /// in-use; data-missing: that commit is not kept.
    pub fn rollback(&self, owner: &Owner, commit: u64) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.check_lock(owner, Target::Candidate)?;
        if commit > self.last_commit() {
            return Err(Error::new(Tag::InvalidValue, "no such commit"));
        }
        let Some(inverse) = self.rows.inverse(commit)? else {
            return Err(Error::new(Tag::DataMissing, "what that commit left is not kept any more"));
        };
        let mut stage = Stage::new(&self.part, &*self.rows, &mut state.candidate);
        for former in inverse {
            let staged = self.stage_former(&mut stage, &former.name, former.config.as_deref());
            if let Err(error) = staged {
                stage.undo();
                return Err(error);
            }
        }
        state.note_editor(owner);
        Ok(())
    }

    fn stage_former(&self, stage: &mut Stage<'_>, name: &str, config: Option<&str>) -> Result<(), Error> {
        let mut draft = stage.draft(name)?;
        draft.delete();
        if let Some(config) = config {
            draft.make();
            let former = self.part.document(name, config)?;
            if let Some((_, unknown)) = former.unknown(&self.part.schema).next() {
                let message = format!(
                    "{name} had {unknown} then, which no profile has now: put that profile back first"
                );
                return Err(Error::new(Tag::OperationFailed, message));
            }
            for (path, item) in former.items {
                draft.set(&path, item);
            }
        }
        stage.put(name.to_owned(), draft.entry)
    }

    /// The newest commits, newest first: `/fleet/commit`.
    ///
    /// # Errors
    /// The store's.
    pub fn commits(&self, limit: usize) -> Result<Vec<Committed>, Failed> {
        self.rows.commits(limit)
    }

    /// Candidate becomes running, and is empty then. `pending`: the confirmed commit that waits afterwards.
    pub(super) fn write_candidate(
        &self,
        state: &mut State,
        owner: &Owner,
        label: Option<String>,
        pending: Option<Pending>,
        now: Time,
    ) -> Result<Option<Delta>, Vec<Error>> {
        let plan = self.plan(&state.candidate)?;
        let editors = state.editors.clone();
        let commit = Commit { label, editors, pending, ..blank(owner, now) };
        let delta = self.write_commit(state, plan, commit)?;
        state.discard();
        Ok(delta)
    }

    pub(super) fn write(
        &self,
        state: &mut State,
        overlay: &Overlay,
        owner: &Owner,
        label: Option<String>,
        now: Time,
    ) -> Result<Option<Delta>, Vec<Error>> {
        let plan = self.plan(overlay)?;
        // What is written while one's own confirmed commit waits is undone with it.
        let pending = state.pending.clone();
        let commit = Commit { label, pending, ..blank(owner, now) };
        Ok(self.write_commit(state, plan, commit)?)
    }

    fn write_commit(
        &self,
        state: &mut State,
        mut plan: Plan,
        commit: Commit,
    ) -> Result<Option<Delta>, Error> {
        if plan.changes.is_empty() && commit.pending == state.pending {
            return Ok(None);
        }
        let undoable = commit.pending.is_some() || commit.rolled_back.is_some();
        if plan.changes.len() > self.most_devices && !undoable {
            let message = format!(
                "it changes {} devices; more than {} need a confirmed commit",
                plan.changes.len(),
                self.most_devices
            );
            return Err(Error::new(Tag::ResourceDenied, message));
        }
        let mut delta = Delta {
            commit: 0,
            user: commit.owner.user.clone(),
            face: commit.owner.face,
            session: commit.owner.session,
            confirming: commit.pending.is_some(),
            rolled_back: commit.rolled_back.is_some(),
            devices: plan.devices(),
        };
        let pending = commit.pending.clone();
        let written = self.rows.write(Commit { audit: plan.audit, changes: plan.changes, ..commit })?;
        self.last.store(written.id, Ordering::Release);
        state.pending = pending;
        state.undo = None;
        self.deadline.store(state.deadline(), Ordering::Release);
        delta.number(&written);
        if delta.devices.is_empty() {
            return Ok(None);
        }
        let more = delta.devices.iter().filter(|device| device.is && !device.was).count() as u32;
        let fewer = delta.devices.iter().filter(|device| device.was && !device.is).count() as u32;
        self.managed.fetch_add(more.wrapping_sub(fewer), Ordering::Relaxed);
        self.tell(News::Commit(&delta));
        Ok(Some(delta))
    }

    fn roll_back(&self, state: &mut State, undo: Undo, now: Time) -> Result<Option<Delta>, Error> {
        let done = self.try_roll_back(state, undo.cause, now);
        match (&done, &mut state.pending) {
            (Err(_), Some(pending)) => {
                pending.deadline = now.plus_millis(RETRY_MILLIS);
                state.undo = Some(undo);
            }
            _ => self.tell(News::Confirming(undo.step, &undo.owner)),
        }
        self.deadline.store(state.deadline(), Ordering::Release);
        done
    }

    fn try_roll_back(&self, state: &mut State, cause: &str, now: Time) -> Result<Option<Delta>, Error> {
        let Some(pending) = state.pending.clone() else { return Ok(None) };
        let Some(inverse) = self.rows.inverse(pending.base)? else {
            return Err(Error::new(Tag::OperationFailed, "what was before the confirmed commit is not kept"));
        };
        let mut plan = Plan::default();
        for former in inverse {
            let before = self.part.running(&*self.rows, &former.name)?;
            let after = former.config.map(|config| self.part.document(&former.name, &config)).transpose()?;
            self.part.add(&mut plan, &former.name, before, after, &self.audit_key);
        }
        let commit = Commit {
            label: Some(format!("confirmed commit undone: {cause}")),
            rolled_back: Some(pending.base),
            ..blank(&Owner::system(), now)
        };
        self.write_commit(state, plan, commit)
    }

    pub(super) fn plan(&self, overlay: &Overlay) -> Result<Plan, Vec<Error>> {
        self.part.plan(&*self.rows, overlay, &self.audit_key)
    }
}

fn blank(owner: &Owner, now: Time) -> Commit {
    Commit {
        time: now,
        owner: owner.clone(),
        editors: Vec::new(),
        label: None,
        changes: Vec::new(),
        audit: Vec::new(),
        pending: None,
        rolled_back: None,
    }
}
