//! Numbers that profiles, points, settings and adapters keep for ever.

use std::{collections::HashMap, path::Path};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{
    Store, StoreError,
    database::{self, Database},
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
        let (given, forgotten) = self.config.call(move |database| bind(database, &wanted)).wait()?;
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
        let find =
            |database: &mut Database| -> rusqlite::Result<u32> { running::no_profile(&database.connection) };
        let id = self
            .config
            .call(move |database| find(database).map_err(|error| database.failed(&error)))
            .wait()?;
        Ok(Profile::forgotten(NO_PROFILE, id))
    }

    /// The number of the adapter of this name, from 1. Blocks; for the start.
    ///
    /// # Errors
    /// The disk's; all 65,535 numbers are given.
    pub fn bind_adapter(&self, name: &str, kind: &str) -> Result<AdapterId, StoreError> {
        let (name, kind) = (name.to_owned(), kind.to_owned());
        let id = self
            .config
            .call(move |database| {
                adapter(&database.connection, &name, &kind).map_err(|error| database.failed(&error))
            })
            .wait()?;
        AdapterId::try_from(id).map_err(|_| StoreError::Exhausted { what: "adapters" })
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

fn bind(database: &mut Database, wanted: &[Wanted]) -> Result<(Vec<Given>, Vec<Profile>), StoreError> {
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
