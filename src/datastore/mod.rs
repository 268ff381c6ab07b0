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
//! * **Calls block**: for SQLite, and for a commit that somebody else is writing; async code makes them on threads for
//!   that. `last_commit` and `poll_timeout` never wait, reads of running for no writer.
//! * **The cost of a commit follows the change**: rows touched are read, merged, validated by libyang one by one, and
//!   written; only removing everything reads everything. That this finds what a validation of the whole tree would is
//!   tested on random fleets; it rests on the model's rules that no device refers to another and that `alias`, the one
//!   unique leaf, is looked up.
//! * **A second list** is a second [`Part`]: a path in the schema and its rows.

mod commit;
pub mod document;
mod edit;
mod error;
mod json;
mod observe;
mod operations;
mod overlay;
pub mod path;
mod plan;
mod read;
pub mod rows;
mod show;
mod stage;
mod state;
mod transaction;
mod walk;
mod xml;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use parking_lot::{Mutex, MutexGuard};
use ring::hmac;

pub use commit::{CommitRequest, Confirmed};
pub use document::Item;
pub use edit::{DefaultOperation, ErrorOption, TestOption};
pub use error::{Error, Failed, Info, Tag};
pub use json::Damaged;
pub use observe::{Listener, News, Record};
pub use operations::Outcome;
pub use plan::{Delta, DeviceDelta, NodeDelta};
pub use read::{Cursor, Source};
pub use rows::{Committed, Face, Owner, Row, Rows};
pub use show::{Shown, Staged};
pub use stage::Edit;
pub use state::Target;
pub use transaction::Transaction;
pub use walk::{Raw, Visit, escape, escaped, walk, write_leaf, write_xml};

use self::state::State;
use crate::yang::{NodeId, Schema};

/// Where the devices are configured.
const DEVICES: &str = "/fleetbridge:fleet/device";

/// Running and candidate.
pub struct Datastore {
    part: Part,
    rows: Arc<dyn Rows>,
    audit_key: hmac::Key,
    /// How many devices one commit may change unless it is a confirmed one.
    most_devices: usize,
    /// Id of the newest commit; read while a commit is written.
    last: AtomicU64,
    /// When the confirmed commit is undone; `u64::MAX` if none waits. Read as above.
    deadline: AtomicU64,
    /// Devices in running.
    managed: AtomicU32,
    state: Mutex<State>,
    listener: OnceLock<Listener>,
}

/// A list whose entries are rows.
pub(crate) struct Part {
    schema: Arc<Schema>,
    list: NodeId,
    /// The container around it.
    top: Option<NodeId>,
    alias: Option<NodeId>,
    profile: Option<NodeId>,
    settings: Option<NodeId>,
    parent: Option<NodeId>,
    /// What stands before and behind an entry in a tree of one.
    wrap: (String, String),
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
        let (last, managed) = (AtomicU64::new(kept.last), AtomicU32::new(kept.managed));
        let state = State::new(kept);
        let deadline = AtomicU64::new(state.deadline());
        Ok(Datastore {
            part,
            rows,
            audit_key,
            most_devices: usize::MAX,
            last,
            deadline,
            managed,
            state: Mutex::new(state),
            listener: OnceLock::new(),
        })
    }

    /// Refuses commits that change more devices, unless they are confirmed ones.
    pub fn with_most_devices(mut self, devices: usize) -> Datastore {
        self.most_devices = devices;
        self
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
        let (settings, parent) = (child("settings"), child("parent"));
        let top = schema[list].parent;
        let mut wrap = (String::new(), String::new());
        for step in DEVICES.split('/').skip(1) {
            wrap.0.push_str(&format!("{{\"{step}\":"));
            wrap.1.push('}');
        }
        wrap.0.push('[');
        wrap.1.insert(0, ']');
        Ok(Part { list, top, alias, profile, settings, parent, wrap, schema })
    }
}

/// Configuration that documents have no place for: what the user orders, and content without a schema.
fn unfit(schema: &Schema, node: NodeId) -> Option<NodeId> {
    schema[node].children.iter().copied().filter(|child| schema[*child].config).find_map(|child| {
        let odd = schema[child].user_ordered || schema[child].kind == crate::yang::Kind::Any;
        if odd { Some(child) } else { unfit(schema, child) }
    })
}
