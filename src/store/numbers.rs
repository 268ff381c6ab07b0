//! Numbers that profiles, points, settings and adapters keep for ever.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Store, StoreError, database::Database};
use crate::model::{AdapterId, Profile};

/// What [`Store::bind_profiles`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bound {
    /// Edited without a new revision: the numbers are given, the user should be told.
    pub reused: Vec<RevisionReused>,
    /// Profiles that devices have and that were not given: add them, so that their devices keep their names and
    /// numbers.
    pub forgotten: Vec<Profile>,
}

/// A profile with the revision of an earlier one and another text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionReused {
    pub profile: String,
    pub revision: String,
}

impl Store {
    /// Fills `stored_id` and the numbers of all points and settings: who had one keeps it, the new ones follow the
    /// highest ever given, in the order of the file. `hashes` are those of the profiles' texts, in the same order.
    /// Blocks; for the start.
    ///
    /// # Errors
    /// The disk's; all 65,535 numbers of a profile are given.
    pub fn bind_profiles(
        &self,
        profiles: &mut [Profile],
        hashes: &[impl AsRef<[u8]>],
    ) -> Result<Bound, StoreError> {
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
        let (given, bound) = self.config.call(move |database| bind(database, &wanted)).wait()?;
        for (profile, given) in profiles.iter_mut().zip(given) {
            profile.stored_id = given.id;
            for (point, number) in profile.points.iter_mut().zip(given.points) {
                point.number = number;
            }
            for (setting, number) in profile.settings.iter_mut().zip(given.settings) {
                setting.number = number;
            }
        }
        Ok(bound)
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

fn bind(database: &mut Database, wanted: &[Wanted]) -> Result<(Vec<Given>, Bound), StoreError> {
    let path = database.path.clone();
    let failed = |error: rusqlite::Error| StoreError::sqlite(&path, &error);
    let transaction =
        database.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let mut bound = Bound::default();
    let mut all = Vec::with_capacity(wanted.len());
    for want in wanted {
        let (id, reused) = profile(&transaction, want).map_err(failed)?;
        if reused {
            bound.reused.push(RevisionReused { profile: want.name.clone(), revision: want.revision.clone() });
        }
        let points = members(&transaction, "point", id, &want.points).map_err(failed)?;
        let settings = members(&transaction, "setting", id, &want.settings).map_err(failed)?;
        all.push(Given { id, points: small(points, "points")?, settings: small(settings, "settings")? });
    }
    for (id, name) in with_devices(&transaction).map_err(failed)? {
        if !all.iter().any(|given| given.id == id) {
            bound.forgotten.push(Profile::forgotten(&name, id));
        }
    }
    transaction.commit().map_err(failed)?;
    Ok((all, bound))
}

/// The profile's id, and whether its revision stands for another text already.
fn profile(transaction: &Transaction<'_>, want: &Wanted) -> rusqlite::Result<(u32, bool)> {
    let known: Option<(u32, String, Vec<u8>)> = transaction
        .prepare_cached("SELECT id, revision, hash FROM profile WHERE name = ?1")?
        .query_row([&want.name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match known {
        None => {
            transaction
                .prepare_cached("INSERT INTO profile (name, revision, hash) VALUES (?1, ?2, ?3)")?
                .execute(params![want.name, want.revision, want.hash])?;
            // The table's check keeps it within 31 bits.
            Ok((transaction.last_insert_rowid() as u32, false))
        }
        // The first text stays the revision's own, so that the warning stays until the file is put right.
        Some((id, revision, hash)) if revision == want.revision => Ok((id, hash != want.hash)),
        Some((id, ..)) => {
            transaction
                .prepare_cached("UPDATE profile SET revision = ?2, hash = ?3 WHERE id = ?1")?
                .execute(params![id, want.revision, want.hash])?;
            Ok((id, false))
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
