//! Secrets, which stand in files of their own or in the environment.

use super::Base;
use crate::{file::Entry, secret::Secret};

/// Why there is none, and what to do.
pub(super) struct Unread {
    pub what: String,
    pub help: String,
}

/// The secret in a file, or in an environment variable; one of the two keys is there.
///
/// # Errors
/// What is wrong. That both stand there is noted with the keys.
pub(super) fn read(file: &Entry<'_>, env: &Entry<'_>, base: &Base) -> Result<Secret, Unread> {
    if file.exists() && env.exists() {
        env.error(format!("{} stands beside {}", env.label(), file.label()), "keep one of them");
    }
    if let Some(path) = file.str().map(|path| base.path(path)) {
        return Secret::from_file(&path).map_err(|error| {
            let what = format!("{}: {}: {error}", file.label(), path.display());
            Unread { what, help: String::new() }
        });
    }
    // What is no text has been noted with the key.
    let name = env.str().unwrap_or_default();
    Secret::from_env(name).ok_or_else(|| Unread {
        what: format!("the environment variable {name} is not set"),
        help: format!("set it, or use {}", file.label()),
    })
}
