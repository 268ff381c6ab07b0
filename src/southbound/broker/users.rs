//! Who may connect to the embedded broker: one line a user.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{login::Hash, secret::Secret};

/// Names that the bridge keeps for itself begin with this.
const RESERVED: char = '$';

/// What a users-file says: lines `NAME:HASH[:PREFIX,...]`, where HASH is in the PHC format of Argon2 (as
/// [`Hash::of`] makes it) and the prefixes are the topics below which the user may publish and subscribe; without
/// them it may everywhere. Empty lines and lines that begin with `#` say nothing.
#[derive(Debug, Default)]
pub struct Users(HashMap<String, User>);

#[derive(Debug)]
pub(super) struct User {
    hash: Hash,
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
    pub(super) fn hash(&self) -> &Hash {
        &self.hash
    }

    /// Whether a topic, or all that a topic filter can match, is within the user's prefixes.
    pub(super) fn may(&self, topic_or_filter: &str) -> bool {
        let topic = match topic_or_filter.strip_prefix("$share/") {
            Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
            None => topic_or_filter,
        };
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| is_below(topic, prefix))
    }
}

fn user(line: &str) -> Result<(&str, User), String> {
    let mut parts = line.splitn(3, ':');
    let (Some(name), Some(hash), prefixes) = (parts.next(), parts.next(), parts.next()) else {
        return Err("not NAME:HASH or NAME:HASH:PREFIX,...".to_owned());
    };
    if name.is_empty() || name.starts_with(RESERVED) {
        return Err(format!("\"{name}\" cannot be a user's name"));
    }
    let hash = Hash::parse(hash)?;
    let prefixes: Vec<String> = match prefixes {
        None => Vec::new(),
        Some(list) => list.split(',').map(|prefix| prefix.trim().to_owned()).collect(),
    };
    if let Some(bad) = prefixes.iter().find(|prefix| prefix.is_empty() || prefix.contains(['+', '#'])) {
        return Err(format!("\"{bad}\" is no prefix of topics: it must have no + and no #"));
    }
    Ok((name, User { hash, prefixes }))
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
        let hash = Hash::of("secret").unwrap();
        let hash = hash.as_str();
        let text = format!("# people\n\nplug:{hash}:tele/,stat/plug\nall:{hash}\n");
        let users = Users::read(file(&text, 0o600).path()).unwrap();
        let plug = users.find("plug").unwrap();
        assert_eq!(plug.hash().as_str(), hash);
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
        let hash = Hash::of("x").unwrap();
        let hash = hash.as_str();
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
