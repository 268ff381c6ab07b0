//! What people see of changes to running: what is staged, what was committed, and by whom.

use crate::{
    control::view,
    datastore::{self, Datastore, Face, Owner},
    fleet::Fleet,
};

/// So many staged edits are shown.
const STAGED: usize = 1000;

pub fn candidate(datastore: &Datastore) -> view::Candidate {
    let shown = datastore.show_candidate(STAGED);
    view::Candidate {
        editors: shown.editors,
        cleared: shown.cleared,
        more: shown.more,
        staged: shown
            .staged
            .into_iter()
            .map(|staged| view::Staged {
                device: staged.device,
                operation: staged.operation.to_owned(),
                path: staged.path,
                value: staged.value,
            })
            .collect(),
    }
}

/// # Errors
/// Somebody has locked it.
pub fn discard(datastore: &Datastore) -> Result<(), String> {
    let owner = Owner { session: 0, face: Face::Control, user: "local".to_owned(), address: String::new() };
    datastore.discard(&owner).map_err(|error| error.message)
}

/// So many commits are listed: those that can be rolled back.
const COMMITS: usize = 100;

/// Newest first.
///
/// # Errors
/// The store's.
pub fn commits(datastore: &Datastore, fleet: &Fleet) -> Result<Vec<view::Committed>, String> {
    let commits = datastore.commits(COMMITS).map_err(|error| error.to_string())?;
    let shown = |commit: datastore::Committed| {
        let progress = fleet.commit_progress(commit.id);
        view::Committed {
            id: commit.id,
            time: commit.time.to_string(),
            user: commit.user,
            via: commit.face.as_str().to_owned(),
            state: commit.state.as_str().to_owned(),
            devices: commit.devices,
            outstanding: progress.outstanding,
            failed: progress.failed,
        }
    };
    Ok(commits.into_iter().map(shown).collect())
}

/// So many edits of a commit are shown.
const EDITS: usize = 1000;

/// `None`: there is no such commit, or it is so old that it is not kept.
///
/// # Errors
/// The store's.
pub fn commit(datastore: &Datastore, id: u64) -> Result<Option<view::Record>, String> {
    let record = datastore.record(id, EDITS + 1).map_err(|error| error.to_string())?;
    Ok(record.map(|record| view::Record {
        id,
        time: record.time.to_string(),
        user: record.owner.user,
        via: record.owner.face.as_str().to_owned(),
        session: record.owner.session,
        address: record.owner.address,
        editors: record.editors,
        more: record.edits.len() > EDITS,
        edits: record
            .edits
            .into_iter()
            .take(EDITS)
            .map(|edit| view::Edit {
                operation: edit.operation.to_owned(),
                path: edit.path,
                value: edit.value,
            })
            .collect(),
    }))
}
