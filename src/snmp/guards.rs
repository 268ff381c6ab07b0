//! Who may ask, and what he may: what the boot file says, and what administrators have made beside it.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use arc_swap::ArcSwap;

use super::{
    community::Communities,
    engine::EngineId,
    made::{By, Edit, Made, Store},
    notify::Target,
    oid::Prefix,
    set::SetError,
    usm::{User, Users, Usm},
    vacm::{Model, Policy, Rows},
};

pub struct Guards {
    pub communities: Communities,
    pub usm: Usm,
    /// The bridge's own.
    engine: EngineId,
    /// Of the agent's subtrees.
    prefixes: Vec<&'static Prefix>,
    boot: ArcSwap<Boot>,
    /// Who is told.
    pub targets: Vec<Target>,
    made: Store,
    policy: ArcSwap<Policy>,
}

/// What stands in the boot file and cannot be set.
pub struct Boot {
    pub rows: Rows,
    pub users: Vec<Arc<User>>,
}

impl Guards {
    /// What has come into the boot file since it was made stands there alone from now on, of which the log tells.
    pub fn new(
        communities: Communities,
        usm: Usm,
        rows: Rows,
        made: Store,
        engine: EngineId,
        prefixes: Vec<&'static Prefix>,
    ) -> Guards {
        let users: Vec<_> = usm.users().shared().cloned().collect();
        let gone = made.yield_to(&rows, &users, &engine);
        for row in &gone {
            tracing::warn!(row, "was made by SET and stands in the boot file now: it goes");
        }
        // Else it would be back as it was once the boot file has it no more.
        if !gone.is_empty()
            && let Err(error) = made.replace(Made::clone(&made.rows()))
        {
            tracing::error!(%error, "what was made by SET cannot be written");
        }
        let foreign = made.rows().foreign(&engine);
        if foreign > 0 {
            tracing::warn!(
                users = foreign,
                "were made by SET for another engine, and cannot ask: make them anew"
            );
        }
        let boot = ArcSwap::from_pointee(Boot { rows, users });
        let guards = Guards {
            communities,
            usm,
            engine,
            prefixes,
            boot,
            targets: Vec::new(),
            made,
            policy: ArcSwap::default(),
        };
        guards.enforce();
        guards
    }

    /// Who may what, as of now.
    pub fn policy(&self) -> impl Deref<Target = Arc<Policy>> {
        self.policy.load()
    }

    pub fn boot(&self) -> impl Deref<Target = Arc<Boot>> {
        self.boot.load()
    }

    pub fn made(&self) -> Arc<Made> {
        self.made.rows()
    }

    /// The boot file says something else.
    pub fn rule(&self, rows: Rows) {
        let users = self.boot.load().users.clone();
        self.boot.store(Arc::new(Boot { rows, users }));
        self.enforce();
    }

    /// Makes, changes and removes rows, all or none; they are on the disk and in force when this returns.
    ///
    /// # Errors
    /// Why not, and the place of the binding.
    pub fn change(
        &self,
        edits: &[(usize, Edit)],
        (model, name): (Model, &str),
        address: &str,
    ) -> Result<(), (usize, SetError)> {
        let first = edits.first().map_or(0, |(at, _)| *at);
        let (users, boot) = (self.usm.users(), self.boot.load());
        let by = By { model, name, users: &users, boot: &boot.rows, engine: &self.engine };
        let made = self.made.rows().changed(edits, &by)?;
        self.made.replace(made).map_err(|error| {
            tracing::error!(%error, "what was made by SET cannot be written, and is not in force");
            (first, SetError::CommitFailed)
        })?;
        self.enforce();
        let mut rows = BTreeMap::new();
        for (_, edit) in edits {
            let outcome = rows.entry(edit.row()).or_insert(edit.outcome());
            *outcome = edit.outcome().min(*outcome);
        }
        for (row, outcome) in rows {
            tracing::info!(row, ?outcome, by = name, address, "who may ask was changed by SET");
        }
        if edits.iter().any(|(_, edit)| edit.makes_user()) {
            tracing::info!(
                "a user who is made by SET has keys for the bridge's own engine, and cannot ask at the addresses of \
                 devices: each is an engine of its own, and only a password in the boot file makes keys for all"
            );
        }
        Ok(())
    }

    fn enforce(&self) {
        let (boot, made) = (self.boot.load(), self.made.rows());
        let mut users: Vec<_> = made.users(&self.engine).collect();
        users.extend(boot.users.iter().cloned());
        self.usm.replace(Users::new(users));
        let mut rows = boot.rows.clone();
        made.enter(&mut rows);
        self.policy.store(Arc::new(Policy::new(rows, &self.prefixes)));
    }
}
