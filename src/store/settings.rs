//! Where the settings of devices stand, as `state.db` keeps them: a JSON list for each device that has any.
//!
//! It holds desired values, secrets among them, so that what is to be sent survives this process; the file is of mode
//! 0600, as is `config.db`, which has them too.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError, database,
    telemetry::{Batch, Loaded},
};
use crate::{
    fleet::{Phase, Row, SettingState},
    model::{DeviceNumber, SettingType, SettingValue, Standing, Time},
};

#[derive(Deserialize, Serialize)]
struct Stored<'a> {
    number: u16,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    desired: Option<Cow<'a, str>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    reported: Option<Cow<'a, str>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    before: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    undo: bool,
    standing: Standing,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    next: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    attempts: u8,
    #[serde(default, skip_serializing_if = "is_default")]
    silent: bool,
    /// Seconds since the epoch.
    since: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    commit: u64,
    #[serde(default, borrow, skip_serializing_if = "is_default")]
    error: Cow<'a, str>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Batch {
    /// Adds a device's settings as they are now. Of two rows of one device the later one must come later, also in
    /// another batch.
    pub fn push_settings(&mut self, row: &Row<'_>) {
        let text = |value: Option<SettingValue>, ty: &SettingType| {
            value.map(|value| {
                let mut text = String::new();
                ty.write(&value, &mut text);
                Cow::Owned(text)
            })
        };
        let stored: Vec<Stored<'_>> = row
            .settings()
            .map(|setting| Stored {
                number: setting.def.number,
                desired: text(setting.desired(), &setting.def.ty),
                reported: text(setting.reported(), &setting.def.ty),
                before: text(setting.before(), &setting.def.ty),
                undo: setting.is_undone(),
                standing: setting.standing(),
                next: (setting.phase() != Phase::Rest).then(|| setting.phase().as_str().into()),
                attempts: setting.attempts().min(255) as u8,
                silent: setting.is_silent(),
                since: setting.since().secs(),
                commit: setting.commit(),
                error: setting.error().into(),
            })
            .collect();
        let text = match stored.is_empty() {
            true => None,
            false => serde_json::to_string(&stored).ok(),
        };
        self.settings.push((row.number(), text));
    }
}

impl Store {
    /// Visits the settings of each device that has any, by ascending number.
    ///
    /// # Errors
    /// The disk's, if a damaged file can be neither read nor moved aside.
    pub fn load_settings(
        &self,
        mut visit: impl FnMut(DeviceNumber, &[SettingState<'_>]),
    ) -> Result<Loaded, StoreError> {
        let path = self.folder.join(database::STATE.file);
        let connection = database::reader(&path)?;
        let mut loaded = Loaded::default();
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = connection.prepare("SELECT device, settings FROM setting ORDER BY device")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let text = row.get_ref(1)?.as_str().unwrap_or_default();
                match serde_json::from_str::<Vec<Stored<'_>>>(text) {
                    Ok(stored) => {
                        let states: Vec<_> = stored.iter().map(state).collect();
                        visit(row.get(0)?, &states);
                        loaded.rows += 1;
                    }
                    Err(_) => loaded.unreadable += 1,
                }
            }
            Ok(())
        };
        let outcome = read();
        drop(connection);
        loaded.set_aside = self.set_aside_damaged(outcome)?;
        Ok(loaded)
    }
}

fn state<'a>(stored: &'a Stored<'_>) -> SettingState<'a> {
    SettingState {
        number: stored.number,
        desired: stored.desired.as_deref(),
        reported: stored.reported.as_deref(),
        before: stored.before.as_deref(),
        undo: stored.undo,
        standing: stored.standing,
        phase: stored.next.as_deref().and_then(Phase::from_word).unwrap_or(Phase::Rest),
        attempts: stored.attempts,
        silent: stored.silent,
        since: Time::from_secs(stored.since),
        commit: stored.commit,
        error: &stored.error,
    }
}
