//! Text that must not be seen: zeroized when dropped, prints nothing.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use zeroize::Zeroizing;

/// Octets of a file: a line for each of 100,000 users.
const LONGEST: u64 = 16 << 20;

#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }

    /// Reads a file that nobody but its owner may open; one line feed at the end is not part of the secret.
    ///
    /// # Errors
    /// The file cannot be read, is no regular one, not UTF-8, longer than 16 MiB, or open to group or others.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        let mode = file.metadata()?.mode();
        if mode & 0o077 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("mode {:04o} lets others read it; run: chmod 600 {}", mode & 0o7777, path.display()),
            ));
        }
        let mut text = Zeroizing::new(String::new());
        if file.take(LONGEST + 1).read_to_string(&mut text)? as u64 > LONGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 16 MiB"));
        }
        let kept = text.trim_end_matches(['\n', '\r']).len();
        text.truncate(kept);
        Ok(Secret(text))
    }

    /// Takes an environment variable.
    pub fn from_env(name: &str) -> Option<Self> {
        std::env::var(name).ok().map(Secret::new)
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Opens a regular file to be read.
///
/// # Errors
/// It cannot be opened, or is something else: a FIFO or a device could keep its reader waiting for ever.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// Puts a file of mode 0600 in the place of another, whole and on the disk when this returns.
///
/// # Errors
/// It cannot be written; the old one is still there.
pub fn replace_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        for path in [fifo.as_path(), folder.path(), Path::new("/dev/zero")] {
            let error = Secret::from_file(path).unwrap_err();
            assert_eq!(error.to_string(), "not a regular file", "{}", path.display());
        }
    }
}
