//! One daemon a store: flock(2) on a file that names its holder. The kernel frees it when the process ends, however
//! it ends; the file stays.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{StoreError, database};

pub(super) const FILE: &str = "lock";

#[derive(Debug)]
pub(super) struct Lock {
    _held: File,
}

impl Lock {
    /// # Errors
    /// [`StoreError::Locked`] with the holder's pid; the file cannot be opened or written.
    pub fn take(folder: &Path) -> Result<Lock, StoreError> {
        let path = folder.join(FILE);
        database::regular_file(&path)?;
        let failed = |error: std::io::Error| StoreError::io(&path, &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Best effort: the holder may be about to write its pid.
                let _ = file.take(32).read_to_string(&mut text);
                return Err(StoreError::Locked { pid: text.trim().parse().ok(), path });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // A pid that cannot be written (full disk) costs only the next one's error text.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Lock { _held: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap();
        let refused = Lock::take(folder.path()).unwrap_err();
        assert!(refused.to_string().contains(&format!("(process {})", std::process::id())), "{refused}");
        drop(held);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn what_a_link_leads_to_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, folder.path().join(FILE)).unwrap();
        let refused = Lock::take(folder.path()).unwrap_err();
        assert!(matches!(refused, StoreError::NoFile { what: "a symbolic link", .. }), "{refused}");
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");
    }
}
