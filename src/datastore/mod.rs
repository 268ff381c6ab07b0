//! What managers may change: running, candidate, and the one way into them. Pure: it knows no runtime, socket, clock or
//! SQL; who keeps it implements [`Rows`].
//!
//! ```text
//! edit-config ─▶ xml ─▶ edit ─▶ stage ─▶ overlay ──┐  (candidate: stays; running: at once)
//! SNMP SET, CLI ──────▶ Transaction ───▶ overlay ──┤
//!                                                  ▼
//!                      plan: differences, validation of the devices touched, audit
//!                                                  ▼
//!                      Rows::write: one transaction ─▶ Delta ─▶ fleet, way down, notifications
//! ```
//!
//! * **Running** is one row for each device of `/fleetbridge:fleet/device`; nothing of it is held in memory.
//! * **Candidate** is running as it is at any moment under an [`overlay`] of edited leaves: what is not edited follows
//!   running, what is edited wins at commit, and the audit names the leaves of others that it won over.
//! * **Every writer** passes [`Datastore::begin`] or one of the operations built on the same checks. It refuses and never
//!   waits while somebody else has locked running or a confirmed commit waits; only a commit that is being written is
//!   waited for.
//! * **The cost of a commit follows the change**: rows touched are read, merged, validated by libyang one by one, and
//!   written; only removing everything reads everything. That this finds what a validation of the whole tree would is
//!   tested on random fleets; it rests on the model's rules that no device refers to another and that `alias`, the one
//!   unique leaf, is looked up.
//! * **A second list** is a second [`Part`]: a path in the schema and its rows.

pub mod document;
mod edit;
mod error;
mod json;
mod overlay;
pub mod path;
mod plan;
mod read;
pub mod rows;
mod show;
mod stage;
mod state;
mod transaction;
mod xml;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::{Mutex, MutexGuard};
use ring::hmac;

pub use document::{Item, Raw, Visit, walk, write_leaf, write_xml};
pub use edit::{DefaultOperation, ErrorOption, TestOption};
pub use error::{Error, Failed, Info, Tag};
pub use json::Damaged;
pub use plan::{Delta, DeviceDelta, NodeDelta};
pub use read::{Cursor, Source};
pub use rows::{Committed, Face, Owner, Row, Rows};
pub use show::{Shown, Staged};
pub use stage::Edit;
pub use state::Target;
pub use transaction::Transaction;

use self::{
    overlay::Overlay,
    plan::Plan,
    rows::{Commit, Pending},
    stage::Stage,
    state::State,
};
use crate::{
    model::Time,
    yang::{NodeId, Schema},
};

/// A roll-back that the store could not write is tried again so soon.
const RETRY_MILLIS: u64 = 1000;
/// Where the devices are configured.
const DEVICES: &str = "/fleetbridge:fleet/device";

/// Running and candidate.
pub struct Datastore {
    part: Part,
    rows: Arc<dyn Rows>,
    audit_key: hmac::Key,
    /// Id of the newest commit; read while a commit is written.
    last: AtomicU64,
    state: Mutex<State>,
}

/// A list whose entries are rows.
pub(crate) struct Part {
    schema: Arc<Schema>,
    list: NodeId,
    /// The container around it.
    top: Option<NodeId>,
    alias: Option<NodeId>,
    profile: Option<NodeId>,
    /// What stands before and behind an entry in a tree of one.
    wrap: (String, String),
}

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

/// What an edit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Of an edit of running, if it changed anything.
    pub delta: Option<Delta>,
    /// Of the entries that `continue-on-error` left as they were.
    pub errors: Vec<Error>,
}

impl Datastore {
    /// Takes over what `rows` keeps. A confirmed commit that no restart may outlive is undone by the first
    /// [`handle_timeout`](Datastore::handle_timeout).
    ///
    /// # Errors
    /// The store's; a schema without the list of devices, or with configuration in it that rows cannot hold.
    pub fn open(schema: Arc<Schema>, rows: Arc<dyn Rows>) -> Result<Datastore, Error> {
        let part = Part::new(schema)?;
        let kept = rows.load()?;
        let audit_key = hmac::Key::new(hmac::HMAC_SHA256, &kept.audit_key);
        let last = AtomicU64::new(kept.last);
        Ok(Datastore { part, rows, audit_key, last, state: Mutex::new(State::new(kept)) })
    }

    pub fn schema(&self) -> &Arc<Schema> {
        &self.part.schema
    }

    /// The list of devices in the schema.
    pub fn list(&self) -> NodeId {
        self.part.list
    }

    /// Id of the last change of running: `/fleet/last-commit`.
    pub fn last_commit(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// The gate for every writer of running that is not an operation of NETCONF.
    ///
    /// # Errors
    /// in-use: somebody else has locked running, or a confirmed commit waits.
    pub fn begin(&self, owner: Owner) -> Result<Transaction<'_>, Error> {
        let state = self.gate(&owner)?;
        Ok(Transaction::new(self, state, owner))
    }

    fn gate(&self, owner: &Owner) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.state.lock();
        state.check_lock(owner, Target::Running)?;
        state.check_pending(owner)?;
        Ok(state)
    }

    /// # Errors
    /// lock-denied (RFC 6241 7.5).
    pub fn lock(&self, owner: &Owner, target: Target) -> Result<(), Error> {
        self.state.lock().lock(owner, target)
    }

    /// # Errors
    /// operation-failed (RFC 6241 7.6).
    pub fn unlock(&self, owner: &Owner, target: Target) -> Result<(), Error> {
        self.state.lock().unlock(owner, target)
    }

    /// The session that has locked a datastore.
    pub fn lock_holder(&self, target: Target) -> Option<u32> {
        self.state.lock().holder(target)
    }

    /// A session is gone: its locks end, and with that of candidate the edits; its confirmed commit is undone unless it
    /// persists.
    ///
    /// # Errors
    /// The store's; the roll-back is tried again by [`handle_timeout`](Datastore::handle_timeout).
    pub fn end_session(&self, session: u32, now: Time) -> Result<Option<Delta>, Error> {
        let mut state = self.state.lock();
        if state.forget(session) {
            state.discard();
        }
        match &state.pending {
            Some(pending) if pending.session == session && pending.persist.is_none() => {
                self.roll_back(&mut state, "its session ended", now)
            }
            _ => Ok(None),
        }
    }

    /// edit-config on candidate or, with `:writable-running`, on running.
    ///
    /// # Errors
    /// All that is known to be wrong; nothing is done then.
    pub fn edit(
        &self,
        owner: &Owner,
        target: Target,
        edit: &Edit<'_>,
        now: Time,
    ) -> Result<Outcome, Vec<Error>> {
        if target == Target::Candidate {
            let mut state = self.state.lock();
            state.check_lock(owner, Target::Candidate)?;
            let errors = self.stage(&mut state.candidate, edit)?;
            if !state.candidate.is_empty() {
                state.note_editor(owner);
            }
            return Ok(Outcome { delta: None, errors });
        }
        let mut state = self.gate(owner)?;
        // All of an edit of running is validated when it is written.
        let mut overlay = Overlay::default();
        let errors = Stage::new(&self.part, &*self.rows, &mut overlay).edit(edit)?;
        if edit.test_option == TestOption::TestOnly {
            self.plan(&overlay)?;
            return Ok(Outcome { delta: None, errors });
        }
        let delta = self.write(&mut state, &overlay, owner, None, now)?;
        Ok(Outcome { delta, errors })
    }

    /// Brings an edit into candidate, whole or not at all.
    fn stage(&self, candidate: &mut Overlay, edit: &Edit<'_>) -> Result<Vec<Error>, Vec<Error>> {
        let mut stage = Stage::new(&self.part, &*self.rows, candidate);
        let mut done = stage.edit(edit);
        if edit.test_option != TestOption::Set {
            done = done.and_then(|errors| stage.test(&self.audit_key).map(|()| errors));
        }
        if done.is_err() || edit.test_option == TestOption::TestOnly {
            stage.undo();
        }
        done
    }

    fn plan(&self, overlay: &Overlay) -> Result<Plan, Vec<Error>> {
        self.part.plan(&*self.rows, overlay, &self.audit_key)
    }

    /// copy-config of an inline `<config>`: it becomes all of the target.
    ///
    /// # Errors
    /// As [`edit`](Datastore::edit).
    pub fn copy_config(
        &self,
        owner: &Owner,
        target: Target,
        config: &[u8],
        now: Time,
    ) -> Result<Outcome, Vec<Error>> {
        let edit = Edit { default_operation: DefaultOperation::Replace, ..Edit::new(config) };
        self.edit(owner, target, &edit, now)
    }

    /// discard-changes (RFC 6241 8.3.4.2), and copy-config from running to candidate.
    ///
    /// # Errors
    /// in-use: somebody else has locked candidate.
    pub fn discard(&self, owner: &Owner) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.check_lock(owner, Target::Candidate)?;
        state.discard();
        Ok(())
    }

    /// Whether a commit of candidate would be accepted. Running was, row by row.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn validate(&self, source: Source) -> Result<(), Vec<Error>> {
        match source {
            Source::Candidate => self.plan(&self.state.lock().candidate).map(drop),
            Source::Running => self.validate_running(),
        }
    }

    /// Whether an inline `<config>` would be accepted as the whole of running.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn validate_config(&self, config: &[u8]) -> Result<(), Vec<Error>> {
        let edit = Edit { default_operation: DefaultOperation::Replace, ..Edit::new(config) };
        let mut overlay = Overlay::default();
        Stage::new(&self.part, &*self.rows, &mut overlay).edit(&edit)?;
        self.plan(&overlay).map(drop)
    }

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
        // A follow-up keeps what the first one would restore.
        let base = state.pending.as_ref().map_or(self.last_commit(), |pending| pending.base);
        let pending = request.confirmed.map(|confirmed| Pending {
            base,
            session: owner.session,
            persist: confirmed.persist,
            deadline: now.plus_millis(u64::from(confirmed.timeout) * 1000),
        });
        let plan = self.plan(&state.candidate)?;
        let editors = state.editors.clone();
        let commit = Commit { label: request.label, editors, pending, ..blank(owner, now) };
        let delta = self.write_commit(&mut state, plan, commit)?;
        state.discard();
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
        self.roll_back(&mut state, "it was cancelled", now)
    }

    /// When [`handle_timeout`](Datastore::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.state.lock().pending.as_ref().map(|pending| pending.deadline)
    }

    /// Undoes a confirmed commit whose time is over, or that waited when the process ended.
    ///
    /// # Errors
    /// The store's; it is tried again by the next call.
    pub fn handle_timeout(&self, now: Time) -> Result<Option<Delta>, Error> {
        let mut state = self.state.lock();
        match &state.pending {
            Some(pending) if pending.deadline <= now => {
                let cause =
                    if pending.deadline == Time::NEVER { "restart or end of session" } else { "time-out" };
                self.roll_back(&mut state, cause, now)
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
            for (path, item) in self.part.document(name, config)?.0 {
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

    fn write(
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
        let mut delta = Delta {
            commit: 0,
            user: commit.owner.user.clone(),
            face: commit.owner.face,
            session: commit.owner.session,
            rolled_back: commit.rolled_back.is_some(),
            devices: plan.devices(),
        };
        let pending = commit.pending.clone();
        let written = self.rows.write(Commit { audit: plan.audit, changes: plan.changes, ..commit })?;
        self.last.store(written.id, Ordering::Release);
        state.pending = pending;
        delta.number(&written);
        Ok((!delta.devices.is_empty()).then_some(delta))
    }

    fn roll_back(&self, state: &mut State, cause: &str, now: Time) -> Result<Option<Delta>, Error> {
        let done = self.try_roll_back(state, cause, now);
        if let (Err(_), Some(pending)) = (&done, &mut state.pending) {
            pending.deadline = now.plus_millis(RETRY_MILLIS);
        }
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

impl Part {
    fn new(schema: Arc<Schema>) -> Result<Part, Error> {
        let failed = |message: String| Error::new(Tag::OperationFailed, message);
        let list = schema.find(DEVICES).ok_or_else(|| failed(format!("no module serves {DEVICES}")))?;
        if let Some(odd) = unfit(&schema, list) {
            return Err(failed(format!("rows cannot hold {}", schema.path(odd))));
        }
        let child = |name: &str| schema.member(Some(list), name);
        let (alias, profile) = (child("alias"), child("profile"));
        let top = schema[list].parent;
        let mut wrap = (String::new(), String::new());
        for step in DEVICES.split('/').skip(1) {
            wrap.0.push_str(&format!("{{\"{step}\":"));
            wrap.1.push('}');
        }
        wrap.0.push('[');
        wrap.1.insert(0, ']');
        Ok(Part { list, top, alias, profile, wrap, schema })
    }
}

/// Configuration that documents have no place for: what the user orders, and content without a schema.
fn unfit(schema: &Schema, node: NodeId) -> Option<NodeId> {
    schema[node].children.iter().copied().filter(|child| schema[*child].config).find_map(|child| {
        let odd = schema[child].user_ordered || schema[child].kind == crate::yang::Kind::Any;
        if odd { Some(child) } else { unfit(schema, child) }
    })
}
