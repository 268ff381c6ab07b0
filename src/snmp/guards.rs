//! Who may ask and what he may, and who is told: what the boot file says, and what administrators have made beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    ops::Deref,
    sync::Arc,
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::{
    community::{Communities, Network},
    engine::EngineId,
    made::{Around, Boot, By, Edit, Made, MadeCommunities, Store, Table, Untold},
    notify::Target,
    oid::Prefix,
    set::SetError,
    usm::{Users, Usm},
    vacm::{Model, Policy, Rows},
};

pub struct Guards {
    /// Of the boot file.
    pub communities: Communities,
    pub usm: Usm,
    /// The bridge's own.
    engine: EngineId,
    /// Of the agent's subtrees.
    prefixes: Vec<&'static Prefix>,
    boot: ArcSwap<Boot>,
    made: Store,
    in_force: ArcSwap<InForce>,
    /// Of which the log has told.
    untold: Mutex<BTreeSet<Untold>>,
}

/// What follows from the boot file and what was made beside it.
#[derive(Default)]
pub struct InForce {
    pub policy: Policy,
    /// Beside those of the boot file, which count if both have a name.
    pub communities: MadeCommunities,
    /// Beside those of the boot file.
    pub targets: Vec<Target>,
    /// Of all rows, also those of which no target comes now.
    pub addresses: BTreeSet<SocketAddr>,
}

impl Guards {
    /// `pools`: where devices answer. What has come into the boot file since it was made stands there alone from now on, of which the log tells.
    pub fn new(
        communities: Communities,
        usm: Usm,
        (rows, pools): (Rows, Vec<Network>),
        made: Store,
        engine: EngineId,
        prefixes: Vec<&'static Prefix>,
    ) -> Guards {
        let boot = Boot {
            rows,
            users: usm.users().shared().cloned().collect(),
            targets: Vec::new(),
            communities: communities.named().map(|(security, _)| security.to_owned()).collect(),
            pools,
        };
        let guards = Guards {
            communities,
            usm,
            engine,
            prefixes,
            boot: ArcSwap::from_pointee(boot),
            made,
            in_force: ArcSwap::default(),
            untold: Mutex::default(),
        };
        guards.settle();
        let foreign = guards.made.rows().foreign(&guards.engine);
        if foreign > 0 {
            tracing::warn!(
                users = foreign,
                "were made by SET for another engine, and cannot ask: make them anew"
            );
        }
        guards
    }

    /// These are told as the boot file says.
    pub fn tell(&self, targets: Vec<Target>) {
        self.boot.store(Arc::new(Boot { targets, ..Boot::clone(&self.boot.load()) }));
        self.settle();
    }

    /// What counts as of now.
    pub fn in_force(&self) -> impl Deref<Target = Arc<InForce>> {
        self.in_force.load()
    }

    pub fn boot(&self) -> impl Deref<Target = Arc<Boot>> {
        self.boot.load()
    }

    pub fn made(&self) -> Arc<Made> {
        self.made.rows()
    }

    /// The boot file says something else.
    pub fn rule(&self, rows: Rows) {
        self.boot.store(Arc::new(Boot { rows, ..Boot::clone(&self.boot.load()) }));
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
        let by = By { model, name, users: &users, boot: &boot, engine: &self.engine };
        let made = self.made.rows().changed(edits, &by)?;
        self.made.replace(made).map_err(|error| {
            tracing::error!(%error, "what was made by SET cannot be written, and is not in force");
            (first, SetError::CommitFailed)
        })?;
        self.enforce();
        let mut rows = BTreeMap::new();
        for (_, edit) in edits {
            let (outcome, _) = rows.entry(edit.row()).or_insert((edit.outcome(), edit.tells()));
            *outcome = edit.outcome().min(*outcome);
        }
        for (row, (outcome, tells)) in rows {
            match tells {
                true => tracing::info!(row, ?outcome, by = name, address, "who is told was changed by SET"),
                false => tracing::info!(row, ?outcome, by = name, address, "who may ask was changed by SET"),
            }
        }
        if edits.iter().any(|(_, edit)| edit.makes_user()) {
            tracing::info!(
                "a user who is made by SET has keys for the bridge's own engine, and cannot ask at the addresses of \
                 devices: each is an engine of its own, and only a password in the boot file makes keys for all"
            );
        }
        Ok(())
    }

    /// What was made yields to the boot file; the rest is in force.
    fn settle(&self) {
        let gone = self.made.yield_to(&self.boot.load(), &self.engine);
        for row in &gone {
            tracing::warn!(row, "was made by SET and stands in the boot file now: it goes");
        }
        // Else it would be back as it was once the boot file has it no more.
        if !gone.is_empty()
            && let Err(error) = self.made.replace(Made::clone(&self.made.rows()))
        {
            tracing::error!(%error, "what was made by SET cannot be written");
        }
        self.enforce();
    }

    fn enforce(&self) {
        let (boot, made) = (self.boot.load(), self.made.rows());
        let (mut users, weak): (Vec<_>, Vec<_>) =
            made.users(&self.engine).partition(|user| self.made.allows(user));
        users.extend(boot.users.iter().cloned());
        self.usm.replace(Users::new(users));
        let mut rows = boot.rows.clone();
        made.enter(&mut rows);
        let policy = Policy::new(rows, &self.prefixes);
        let users = self.usm.users();
        let around = Around { boot: &boot, communities: &self.communities, users: &users, policy: &policy };
        let (targets, mut untold) = made.targets(&around);
        untold.extend(made.shadowed(&self.communities));
        untold.extend(weak.iter().map(|user| Untold {
            row: format!("{} {}", Table::Users.name(), user.name),
            why: "MD5 and DES are broken, and count with `[snmp] allow-weak = true` only".to_owned(),
        }));
        let (communities, addresses) = (made.communities(), made.addresses());
        self.in_force.store(Arc::new(InForce { policy, communities, targets, addresses }));
        let mut told = self.untold.lock();
        for Untold { row, why } in untold.difference(&told) {
            tracing::info!(row, "was made by SET, is active and comes to nothing: {why}");
        }
        *told = untold;
    }
}
