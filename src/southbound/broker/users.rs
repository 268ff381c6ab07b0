//! Who may connect to the embedded broker: one line a user.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::{PasswordHashString, SaltString},
};

use crate::secret::Secret;

/// Names that the bridge keeps for itself begin with this.
const RESERVED: char = '$';

/// A hash that asks for more memory (KiB) or rounds would be a way to stop the broker.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_ROUNDS: u32 = 16;

/// What a users-file says: lines `NAME:HASH[:PREFIX,...]`, where HASH is in the PHC format of Argon2 (as
/// [`hash_password`] makes it) and the prefixes are the topics below which the user may publish and subscribe; without
/// them it may everywhere. Empty lines and lines that begin with `#` say nothing.
#[derive(Debug, Default)]
pub struct Users(HashMap<String, User>);

#[derive(Debug)]
pub(super) struct User {
    pub(super) hash: PasswordHashString,
    prefixes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    #[error("users-file {}: {error}", .file.display())]
    Read { file: PathBuf, error: std::io::Error },
    #[error("users-file {}, line {line}: {what}", .file.display())]
    Line { file: PathBuf, line: usize, what: String },
}

impl Users {
    /// Reads a file that must be open to its owner only.
    ///
    /// # Errors
    /// See [`UsersError`].
    pub fn read(file: &Path) -> Result<Users, UsersError> {
        let text =
            Secret::from_file(file).map_err(|error| UsersError::Read { file: file.to_owned(), error })?;
        let mut users = HashMap::new();
        for (at, line) in text.expose().lines().enumerate() {
            let fail = |what: String| UsersError::Line { file: file.to_owned(), line: at + 1, what };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, user) = user(line).map_err(fail)?;
            if users.insert(name.to_owned(), user).is_some() {
                return Err(fail(format!("user \"{name}\" stands there twice")));
            }
        }
        Ok(Users(users))
    }

    pub(super) fn find(&self, name: &str) -> Option<&User> {
        self.0.get(name)
    }
}

impl User {
    /// Whether a topic, or all that a topic filter can match, is within the user's prefixes.
    pub(super) fn may(&self, topic_or_filter: &str) -> bool {
        let topic = match topic_or_filter.strip_prefix("$share/") {
            Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
            None => topic_or_filter,
        };
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| is_below(topic, prefix))
    }
}

/// Costs some 20 ms and 19 MiB: not for an async thread.
pub(super) fn verify(hash: &PasswordHashString, password: &[u8]) -> bool {
    Argon2::default().verify_password(password, &hash.password_hash()).is_ok()
}

/// Makes the HASH of a line of a users-file (Argon2id, 19 MiB, 2 rounds).
///
/// # Errors
/// No random numbers, or a password that is too long.
pub fn hash_password(password: &str) -> Result<String, String> {
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|error| format!("no random numbers: {error}"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
    let hash = hasher.hash_password(password.as_bytes(), &salt).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

fn user(line: &str) -> Result<(&str, User), String> {
    let mut parts = line.splitn(3, ':');
    let (Some(name), Some(hash), prefixes) = (parts.next(), parts.next(), parts.next()) else {
        return Err("not NAME:HASH or NAME:HASH:PREFIX,...".to_owned());
    };
    if name.is_empty() || name.starts_with(RESERVED) {
        return Err(format!("\"{name}\" cannot be a user's name"));
    }
    let parsed = PasswordHash::new(hash).map_err(|error| format!("not a hash of Argon2: {error}"))?;
    if !parsed.algorithm.as_str().starts_with("argon2") || parsed.hash.is_none() {
        return Err("not a hash of Argon2".to_owned());
    }
    let params = Params::try_from(&parsed).map_err(|error| format!("not a hash of Argon2: {error}"))?;
    if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_ROUNDS {
        return Err(format!("the hash asks for more than {MOST_MEMORY} KiB or {MOST_ROUNDS} rounds"));
    }
    let prefixes: Vec<String> = match prefixes {
        None => Vec::new(),
        Some(list) => list.split(',').map(|prefix| prefix.trim().to_owned()).collect(),
    };
    if let Some(bad) = prefixes.iter().find(|prefix| prefix.is_empty() || prefix.contains(['+', '#'])) {
        return Err(format!("\"{bad}\" is no prefix of topics: it must have no + and no #"));
    }
    Ok((name, User { hash: parsed.serialize(), prefixes }))
}

/// `a/b` is below `a/` and `a`, `ab` is not.
fn is_below(topic: &str, prefix: &str) -> bool {
    match topic.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn lines() {
        let hash = hash_password("secret").unwrap();
        let text = format!("# people\n\nplug:{hash}:tele/,stat/plug\nall:{hash}\n");
        let users = Users::read(file(&text, 0o600).path()).unwrap();
        let plug = users.find("plug").unwrap();
        assert!(verify(&plug.hash, b"secret") && !verify(&plug.hash, b"Secret"));
        for (topic, may) in [
            ("tele/x/STATE", true),
            ("tele/#", true),
            ("$share/g/tele/+/STATE", true),
            ("stat/plug", true),
            ("stat/plug/RESULT", true),
            ("stat/plugs", false),
            ("tele", false),
            ("#", false),
            ("+/x", false),
            ("$share/g/#", false),
            ("$share/tele/x", false),
        ] {
            assert_eq!(plug.may(topic), may, "{topic}");
        }
        assert!(users.find("all").unwrap().may("#") && users.find("none").is_none());
    }

    #[test]
    fn mistakes_are_named() {
        let hash = hash_password("x").unwrap();
        for (text, says) in [
            ("plug".to_owned(), "line 1: not NAME:HASH"),
            ("plug:secret".to_owned(), "line 1: not a hash"),
            ("a:$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA".to_owned(), "more than"),
            (format!("\n$me:{hash}"), "line 2: \"$me\" cannot"),
            (format!("a:{hash}\na:{hash}"), "line 2: user \"a\" stands there twice"),
            (format!("a:{hash}:x/#"), "\"x/#\" is no prefix"),
        ] {
            let error = Users::read(file(&text, 0o600).path()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let error = Users::read(file("", 0o640).path()).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
