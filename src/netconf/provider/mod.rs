//! What `<get>` and `<get-config>` answer, streamed in bounded pieces: one file a part of the data.
//!
//! ```text
//! Stream::next ─▶ each Provider in turn ─▶ pieces of XML: columns of the fleet, rows of the datastore
//! ```
//! Each piece is read under short locks and from one short transaction; between two pieces the world goes on.

mod device;
mod fleet;
mod monitoring;
mod small;

use std::sync::Arc;

use super::{
    filter::{Filter, Selection},
    message::WithDefaults,
    sessions::Sessions,
};
use crate::{
    datastore::{self, Datastore},
    fleet::Fleet,
    model::Time,
    stats::Stats,
};

/// Where the parts read from; shared by all sessions.
pub struct Sources {
    pub fleet: Arc<Fleet>,
    pub datastore: Arc<Datastore>,
    pub sessions: Arc<Sessions>,
    pub stats: Arc<Stats>,
    pub started: Time,
    /// The oldest event that is kept.
    pub replay_from: Time,
    /// As in `<hello>`.
    pub capabilities: Vec<String>,
}

/// Which data is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `<get>`: configuration of running, and state.
    All,
    /// `<get-config>`
    Config(datastore::Source),
}

/// One answer's point of view.
pub struct View<'a> {
    pub sources: &'a Sources,
    pub content: Content,
    pub defaults: WithDefaults,
    pub now: Time,
}

/// Where a provider goes on; what the parts mean is its own affair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub part: u8,
    pub after: u64,
    pub name: String,
    /// Containers that have begun, the outermost first.
    pub open: (bool, bool),
}

/// Data of one top-level node.
pub trait Provider: Sync {
    /// Namespace and name.
    fn top(&self) -> (&'static str, &'static str);

    /// True if all of it is state, which `<get-config>` leaves out.
    fn is_state(&self) -> bool;

    /// Appends a piece of what is selected and returns where to go on; `None` at the end. Without a selected node
    /// nothing is appended.
    ///
    /// # Errors
    /// The store's.
    fn read(
        &self,
        view: &View<'_>,
        selection: &Selection<'_>,
        at: Cursor,
        out: &mut Vec<u8>,
    ) -> Result<Option<Cursor>, datastore::Error>;
}

/// All there are, in the order of their answers.
static PROVIDERS: [&dyn Provider; 4] =
    [&fleet::FLEET, &monitoring::MONITORING, &small::LIBRARY, &small::STREAMS];

/// An answer under way.
pub struct Stream {
    filter: Option<Filter>,
    provider: usize,
    cursor: Cursor,
}

impl Stream {
    /// Without a filter: everything.
    pub fn new(filter: Option<Filter>) -> Self {
        Stream { filter, provider: 0, cursor: Cursor::default() }
    }

    /// Appends the next piece; false at the end.
    ///
    /// # Errors
    /// The store's.
    pub fn next(&mut self, view: &View<'_>, out: &mut Vec<u8>) -> Result<bool, datastore::Error> {
        while let Some(provider) = PROVIDERS.get(self.provider) {
            let (namespace, name) = provider.top();
            let root = self.filter.as_ref().map_or(Selection::All, Filter::root);
            let selection = root.child(namespace, name);
            let left_out = provider.is_state() && view.content != Content::All;
            if !selection.is_none() && !left_out {
                let cursor = std::mem::take(&mut self.cursor);
                if let Some(cursor) = provider.read(view, &selection, cursor, out)? {
                    self.cursor = cursor;
                    return Ok(true);
                }
            }
            self.provider += 1;
        }
        Ok(false)
    }
}
