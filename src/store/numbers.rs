//! Numbers that profiles, points, settings and adapters keep for ever.

use std::{collections::HashMap, path::Path};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{
    Store, StoreError,
    database::{self, Database},
    devices::max_number,
    ledger::{self, Ledger, Names, Subject, Told},
    running,
};
use crate::model::{AdapterId, NO_PROFILE, Profile};

/// Which of these profiles (name, revision, hash of the text) have the revision under which the store in `folder` knows
/// another text, by index. None if there is no store, or if it cannot be read: its opening will say why.
pub fn edited(folder: &Path, profiles: &[(&str, &str, [u8; 8])]) -> Vec<usize> {
    let Ok(Some(connection)) = database::spectator(&folder.join(database::CONFIG.file)) else {
        return Vec::new();
    };
    let is_edited = |&(name, revision, hash): &(&str, &str, [u8; 8])| {
        connection
            .query_row(
                "SELECT hash <> ?3 FROM profile WHERE name = ?1 AND revision = ?2",
                params![name, revision, hash],
                |row| row.get(0),
            )
            .unwrap_or(false)
    };
    (0..profiles.len()).filter(|&at| is_edited(&profiles[at])).collect()
}

impl Store {
    /// Fills `stored_id` and the numbers of all points and settings: who had one keeps it, the new ones follow the
    /// highest ever given, in the order of the file. `hashes` are those of the profiles' texts, in the same order.
    /// Returns the profiles that devices have and that were not given: with them their devices keep their names and
    /// numbers. Blocks; for the start.
    ///
    /// # Errors
    /// The disk's; all 65,535 numbers of a profile are given.
    pub fn bind_profiles(
        &self,
        profiles: &mut [Profile],
        hashes: &[impl AsRef<[u8]>],
    ) -> Result<Vec<Profile>, StoreError> {
        if hashes.len() != profiles.len() {
            return Err(StoreError::UnknownProfile(profiles.len().min(hashes.len()) as u32));
        }
        let wanted: Vec<Wanted> = profiles
            .iter()
            .zip(hashes)
            .map(|(profile, hash)| Wanted {
                name: profile.name.clone(),
                revision: profile.revision.clone(),
                hash: hash.as_ref().to_vec(),
                points: profile.points.iter().map(|point| point.name.clone()).collect(),
                settings: profile.settings.iter().map(|setting| setting.name.clone()).collect(),
            })
            .collect();
        let ledger = self.ledger.clone();
        let bind = move |database: &mut Database| bind(database, &mut ledger.lock(), &wanted);
        let (given, forgotten) = self.config.call(bind).wait()?;
        for (profile, given) in profiles.iter_mut().zip(given) {
            profile.stored_id = given.id;
            for (point, number) in profile.points.iter_mut().zip(given.points) {
                point.number = number;
            }
            for (setting, number) in profile.settings.iter_mut().zip(given.settings) {
                setting.number = number;
            }
        }
        Ok(forgotten)
    }

    /// The profile of devices of which nobody knows yet what they are. Blocks; for the start.
    ///
    /// # Errors
    /// The disk's.
    pub fn bind_unknown_profile(&self) -> Result<Profile, StoreError> {
        let id = self.name(running::no_profile)?;
        Ok(Profile::forgotten(NO_PROFILE, id))
    }

    /// The number of the adapter of this name, from 1. Blocks; for the start.
    ///
    /// # Errors
    /// The disk's; all 65,535 numbers are given.
    pub fn bind_adapter(&self, name: &str, kind: &str) -> Result<AdapterId, StoreError> {
        let (name, kind) = (name.to_owned(), kind.to_owned());
        let id = self.name(move |connection| adapter(connection, &name, &kind))?;
        AdapterId::try_from(id).map_err(|_| StoreError::Exhausted { what: "adapters" })
    }

    /// Finds or gives one number.
    fn name(
        &self,
        give: impl FnOnce(&Connection) -> rusqlite::Result<u32> + Send + 'static,
    ) -> Result<u32, StoreError> {
        let ledger = self.ledger.clone();
        let give = move |database: &mut Database| {
            let path = database.path.clone();
            let failed = |error: rusqlite::Error| StoreError::sqlite(&path, &error);
            let transaction = database.connection.transaction().map_err(failed)?;
            let number = give(&transaction).map_err(failed)?;
            note(&mut ledger.lock(), stored_names(&transaction).map_err(failed)?)?;
            transaction.commit().map_err(failed)?;
            Ok(number)
        };
        self.config.call(give).wait()
    }
}

/// Has config.db and the ledger agree, whichever of them was lost, damaged, or put back from a copy: names that one of them
/// lacks are taken from the other. Without a need nothing is written.
///
/// # Errors
/// The disk's; config.db is damaged.
pub(super) fn agree(database: &mut Database, ledger: &mut Ledger, fresh: bool) -> Result<(), StoreError> {
    let path = database.path.clone();
    let failed = |error: rusqlite::Error| StoreError::sqlite(&path, &error);
    if ledger.is_new() && !fresh {
        tracing::warn!(
            "there was no file numbers beside config.db; one is begun with what config.db knows, which is all if it is no copy"
        );
    }
    if ledger.told().damaged > 0 {
        tracing::warn!(
            lines = ledger.told().damaged,
            "numbers is damaged: these lines of it are not believed"
        );
    }
    let transaction = database.connection.transaction().map_err(failed)?;
    if !lacking_meta(&transaction).map_err(failed)?.is_empty() {
        mend_meta(&transaction, ledger.told().identity.as_deref()).map_err(failed)?;
    }
    let identity: String = database::meta(&transaction, "identity").map_err(failed)?.unwrap_or_default();
    ledger.belong_to(&identity);
    let restored = restore_names(&transaction, ledger.told()).map_err(failed)?;
    let lost = lost_profiles(&transaction).map_err(failed)?;
    for id in &lost {
        insert_name(&transaction, Subject::Profile, &format!("lost-{id}"), *id).map_err(failed)?;
    }
    let known = max_number(&transaction).map_err(failed)?;
    let highest = ledger.told().devices;
    if restored > 0 || known < highest {
        tracing::warn!(
            names = restored,
            known,
            highest,
            "config.db knows less than was given, so it is a copy or was saved from damage: profiles, points, settings and adapters have their numbers back, and those of devices go on above the highest"
        );
    }
    if !lost.is_empty() {
        tracing::warn!(
            profiles = lost.len(),
            "nobody knows any more of what profile some devices are: they keep name and number and show no points; heard again, a unit gets a new number. Put back a copy of config.db if there is one"
        );
    }
    ledger.note_devices(known);
    note(ledger, stored_names(&transaction).map_err(failed)?)?;
    transaction.commit().map_err(failed)
}

/// What [`agree`] would have to mend in config.db. Changes nothing.
///
/// # Errors
/// [`StoreError::Incomplete`]; the disk's.
pub(super) fn inspect(folder: &Path, connection: &Connection) -> Result<(), StoreError> {
    let told =
        ledger::read(&folder.join(ledger::FILE)).ok().flatten().map(|(told, _)| told).unwrap_or_default();
    let look = || -> rusqlite::Result<Vec<String>> {
        let mut found = Vec::new();
        let lacking = lacking_meta(connection)?;
        if !lacking.is_empty() {
            found.push(format!("it lacks {} of itself", lacking.join(", ")));
        }
        let profiles = lost_profiles(connection)?.len();
        if profiles > 0 {
            found.push(format!("it lacks {profiles} profiles that devices are of"));
        }
        if told.identity.is_some() && told.identity == database::meta(connection, "identity")? {
            let stored = stored_names(connection)?;
            let names = told.names.keys().filter(|name| !stored.contains_key(name)).count();
            if names > 0 {
                found.push(format!(
                    "it lacks {names} names of profiles, points, settings or adapters that have numbers"
                ));
            }
            let known = max_number(connection)?;
            if known < told.devices {
                found.push(format!("it knows devices up to number {known} of {}", told.devices));
            }
        }
        Ok(found)
    };
    let path = folder.join(database::CONFIG.file);
    let found = look().map_err(|error| StoreError::sqlite(&path, &error))?;
    if found.is_empty() { Ok(()) } else { Err(StoreError::Incomplete { path, what: found.join("; ") }) }
}

/// What a new file says of itself.
fn lacking_meta(connection: &Connection) -> rusqlite::Result<Vec<&'static str>> {
    let mut lacking = Vec::new();
    for key in ["identity", "events-reserved", "audit-key", "inverse-pruned"] {
        if database::meta::<rusqlite::types::Value>(connection, key)?.is_none() {
            lacking.push(key);
        }
    }
    Ok(lacking)
}

/// Nothing is known of inverses, so that only those of the newest commits are taken for whole.
fn mend_meta(connection: &Connection, identity: Option<&str>) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT OR IGNORE INTO meta VALUES ('identity', coalesce(?1, lower(hex(randomblob(16))))), \
             ('events-reserved', 0), ('audit-key', randomblob(32)), \
             ('inverse-pruned', (SELECT max(0, coalesce(max(id), 0) - ?2) FROM commits))",
            params![identity, running::KEPT_COMMITS as i64],
        )
        .map(drop)
}

/// Profiles that devices are of, but that are not there. Ends also with a damaged index, for UNION takes none twice.
fn lost_profiles(connection: &Connection) -> rusqlite::Result<Vec<u32>> {
    connection
        .prepare(
            "WITH RECURSIVE used (id) AS (SELECT min(profile) FROM device UNION \
             SELECT (SELECT min(profile) FROM device WHERE profile > used.id) FROM used WHERE id IS NOT NULL) \
             SELECT id FROM used WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM profile)",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn stored_names(connection: &Connection) -> rusqlite::Result<Names> {
    let mut names = Names::new();
    let mut add = |sql: &str, subject: &dyn Fn(u32) -> Subject| -> rusqlite::Result<()> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            names.insert((subject(row.get(0)?), row.get(1)?), row.get(2)?);
        }
        Ok(())
    };
    add("SELECT 0, name, id FROM adapter", &|_| Subject::Adapter)?;
    add("SELECT 0, name, id FROM profile", &|_| Subject::Profile)?;
    add("SELECT profile, name, number FROM point", &Subject::Point)?;
    add("SELECT profile, name, number FROM setting", &Subject::Setting)?;
    Ok(names)
}

/// Notes all names of config.db, before the transaction that gave them numbers is committed.
fn note(ledger: &mut Ledger, names: Names) -> Result<(), StoreError> {
    for ((subject, name), number) in names {
        ledger.note_name(subject, &name, number);
    }
    ledger.keep()
}

/// Puts names that config.db lacks back under their numbers; says how many.
fn restore_names(connection: &Connection, told: &Told) -> rusqlite::Result<usize> {
    let stored = stored_names(connection)?;
    // Profiles come before their points and settings.
    let lacking = told.names.iter().filter(|(name, _)| !stored.contains_key(name));
    lacking.map(|((subject, name), number)| insert_name(connection, *subject, name, *number)).sum()
}

/// 0: the name or the number is another's.
fn insert_name(
    connection: &Connection,
    subject: Subject,
    name: &str,
    number: u32,
) -> rusqlite::Result<usize> {
    let member = |table: &str, profile: u32| {
        connection.execute(
            &format!(
                "INSERT OR IGNORE INTO {table} (profile, name, number) SELECT id, ?2, ?3 FROM profile WHERE id = ?1"
            ),
            params![profile, name, number],
        )
    };
    match subject {
        Subject::Adapter => {
            connection.execute("INSERT OR IGNORE INTO adapter VALUES (?1, ?2, '')", params![number, name])
        }
        Subject::Profile => connection
            .execute("INSERT OR IGNORE INTO profile VALUES (?1, ?2, '', x'')", params![number, name]),
        Subject::Point(profile) => member("point", profile),
        Subject::Setting(profile) => member("setting", profile),
    }
}

struct Wanted {
    name: String,
    revision: String,
    hash: Vec<u8>,
    points: Vec<String>,
    settings: Vec<String>,
}

struct Given {
    id: u32,
    points: Vec<u16>,
    settings: Vec<u16>,
}

fn bind(
    database: &mut Database,
    ledger: &mut Ledger,
    wanted: &[Wanted],
) -> Result<(Vec<Given>, Vec<Profile>), StoreError> {
    let path = database.path.clone();
    let failed = |error: rusqlite::Error| StoreError::sqlite(&path, &error);
    let transaction =
        database.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let mut forgotten = Vec::new();
    let mut all = Vec::with_capacity(wanted.len());
    for want in wanted {
        let id = profile(&transaction, want).map_err(failed)?;
        let points = members(&transaction, "point", id, &want.points).map_err(failed)?;
        let settings = members(&transaction, "setting", id, &want.settings).map_err(failed)?;
        all.push(Given { id, points: small(points, "points")?, settings: small(settings, "settings")? });
    }
    for (id, name) in with_devices(&transaction).map_err(failed)? {
        if !all.iter().any(|given| given.id == id) {
            forgotten.push(Profile::forgotten(&name, id));
        }
    }
    note(ledger, stored_names(&transaction).map_err(failed)?)?;
    transaction.commit().map_err(failed)?;
    Ok((all, forgotten))
}

fn profile(transaction: &Transaction<'_>, want: &Wanted) -> rusqlite::Result<u32> {
    let known: Option<(u32, String)> = transaction
        .prepare_cached("SELECT id, revision FROM profile WHERE name = ?1")?
        .query_row([&want.name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match known {
        None => {
            transaction
                .prepare_cached("INSERT INTO profile (name, revision, hash) VALUES (?1, ?2, ?3)")?
                .execute(params![want.name, want.revision, want.hash])?;
            // The table's check keeps it within 31 bits.
            Ok(transaction.last_insert_rowid() as u32)
        }
        // The first text stays the revision's own.
        Some((id, revision)) if revision == want.revision => Ok(id),
        Some((id, ..)) => {
            transaction
                .prepare_cached("UPDATE profile SET revision = ?2, hash = ?3 WHERE id = ?1")?
                .execute(params![id, want.revision, want.hash])?;
            Ok(id)
        }
    }
}

/// The numbers of `names` in `table`, given where there is none yet; past 65,535 none is given.
fn members(
    transaction: &Transaction<'_>,
    table: &str,
    profile: u32,
    names: &[String],
) -> rusqlite::Result<Vec<u32>> {
    let mut known: HashMap<String, u32> = transaction
        .prepare_cached(&format!("SELECT name, number FROM {table} WHERE profile = ?1"))?
        .query_map([profile], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut last = known.values().copied().max().unwrap_or(0);
    let mut insert = transaction
        .prepare_cached(&format!("INSERT INTO {table} (profile, name, number) VALUES (?1, ?2, ?3)"))?;
    let mut numbers = Vec::with_capacity(names.len());
    for name in names {
        if let Some(&number) = known.get(name) {
            numbers.push(number);
            continue;
        }
        last += 1;
        if last <= u32::from(u16::MAX) {
            insert.execute(params![profile, name, last])?;
        }
        known.insert(name.clone(), last);
        numbers.push(last);
    }
    Ok(numbers)
}

fn small(numbers: Vec<u32>, what: &'static str) -> Result<Vec<u16>, StoreError> {
    numbers
        .into_iter()
        .map(|number| u16::try_from(number).map_err(|_| StoreError::Exhausted { what }))
        .collect()
}

fn with_devices(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<(u32, String)>> {
    transaction
        .prepare(
            "SELECT id, name FROM profile WHERE EXISTS (SELECT 1 FROM device WHERE profile = profile.id) ORDER BY id",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn adapter(connection: &Connection, name: &str, kind: &str) -> rusqlite::Result<u32> {
    let known: Option<(u32, String)> = connection
        .query_row("SELECT id, kind FROM adapter WHERE name = ?1", [name], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match known {
        // Nothing is written, so that a start needs no space on the disk.
        Some((id, former)) if former == kind => Ok(id),
        Some((id, _)) => {
            connection.execute("UPDATE adapter SET kind = ?2 WHERE id = ?1", params![id, kind])?;
            Ok(id)
        }
        None => connection.query_row(
            "INSERT INTO adapter SELECT coalesce(max(id), 0) + 1, ?1, ?2 FROM adapter RETURNING id",
            [name, kind],
            |row| row.get(0),
        ),
    }
}
