//! The operations of RFC 6241 that do not commit: locks, edits, copies, discards, validation.

use super::{
    Datastore,
    edit::{DefaultOperation, TestOption},
    error::{Error, Tag},
    overlay::Overlay,
    plan::Delta,
    read::Source,
    rows::Owner,
    stage::{Edit, Stage},
    state::Target,
};
use crate::model::Time;

/// What an edit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Of an edit of running, if it changed anything.
    pub delta: Option<Delta>,
    /// Of the entries that `continue-on-error` left as they were.
    pub errors: Vec<Error>,
}

impl Datastore {
    /// # Errors
    /// lock-denied (RFC 6241 7.5).
    pub fn lock(&self, owner: &Owner, target: Target, now: Time) -> Result<(), Error> {
        self.state.lock().lock(owner, target, now)
    }

    /// What is staged goes with the lock of candidate (RFC 6241 8.3.5.2).
    ///
    /// # Errors
    /// operation-failed (RFC 6241 7.6).
    pub fn unlock(&self, owner: &Owner, target: Target) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.unlock(owner, target)?;
        if target == Target::Candidate {
            state.discard();
        }
        Ok(())
    }

    /// The session that has locked a datastore.
    pub fn lock_holder(&self, target: Target) -> Option<(u32, Time)> {
        self.state.lock().holder(target)
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
            if !state.candidate.is_empty() && edit.test_option != TestOption::TestOnly {
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

    /// copy-config of an inline `<config>`: it becomes all of the target.
    ///
    /// # Errors
    /// As [`edit`](Datastore::edit).
    pub fn copy_config(
        &self,
        owner: &Owner,
        target: Target,
        config: &[u8],
        secrets: bool,
        now: Time,
    ) -> Result<Outcome, Vec<Error>> {
        let edit = Edit { default_operation: DefaultOperation::Replace, secrets, ..Edit::new(config) };
        self.edit(owner, target, &edit, now)
    }

    /// copy-config between the datastores: from running to candidate drops what is staged, the other way writes it and
    /// confirms nothing.
    ///
    /// # Errors
    /// invalid-value if they are the same; else as [`discard`](Datastore::discard) and [`commit`](Datastore::commit).
    pub fn copy(
        &self,
        owner: &Owner,
        source: Target,
        target: Target,
        now: Time,
    ) -> Result<Option<Delta>, Vec<Error>> {
        match (source, target) {
            (Target::Running, Target::Candidate) => {
                self.discard(owner)?;
                Ok(None)
            }
            (Target::Candidate, Target::Running) => {
                let mut state = self.gate(owner)?;
                state.check_lock(owner, Target::Candidate)?;
                // Only a commit confirms (RFC 6241 section 8.4.1): what is copied is undone with what waits.
                let pending = state.pending.clone();
                self.write_candidate(&mut state, owner, None, pending, now)
            }
            _ => Err(Error::new(Tag::InvalidValue, "source and target are the same").into()),
        }
    }

    /// discard-changes (RFC 6241 8.3.4.2).
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
}
