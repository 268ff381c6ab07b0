//! Host keys and the keys of users.
//!
//! Ed25519 and ECDSA (P-256, P-384, P-521). No RSA: russh would need a pre-release crate for it, of which a timing leak
//! is known (RUSTSEC-2023-0071); a user's RSA key is refused where it is configured, with words that say so.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use russh::keys::{PrivateKey, PublicKey, ssh_key};

use super::NewKey;
use crate::secret::Secret;

const ADVICE: &str = "make one by: ssh-keygen -t ed25519";

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error("not an SSH key: {0}")]
    Syntax(ssh_key::Error),
    /// ssh-key 0.7 wants 32 octets of the secret number, and `ssh-keygen` writes none that are zero at its front.
    #[error(
        "cut short, or the one ECDSA P-256 key in 512 that begins with zeros, which cannot be read here; {ADVICE}"
    )]
    Short,
    #[error("the key has a passphrase, and nobody to ask for it: ssh-keygen -p removes it")]
    Passphrase,
    #[error("{0} keys are not supported; {ADVICE}")]
    Algorithm(String),
}

/// What the server shows to be itself.
#[derive(Clone)]
pub struct HostKey(pub(super) PrivateKey);

/// What a user may log in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserKey(ssh_key::public::KeyData);

impl HostKey {
    /// Reads a private key in OpenSSH's format, from a file that only its owner may open.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn read(path: &Path) -> Result<HostKey, KeyError> {
        let text = Secret::from_file(path)?;
        let key = PrivateKey::from_openssh(text.expose()).map_err(|error| match error {
            ssh_key::Error::Encoding(ssh_key::encoding::Error::Length) => KeyError::Short,
            error => KeyError::Syntax(error),
        })?;
        if key.is_encrypted() {
            return Err(KeyError::Passphrase);
        }
        check(&key.algorithm())?;
        Ok(HostKey(key))
    }

    /// As [`read`](HostKey::read); makes an Ed25519 key if there is no file.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn read_or_make(path: &Path) -> Result<HostKey, KeyError> {
        match HostKey::read(path) {
            Err(KeyError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
                let key = NewKey::make().map_err(io::Error::other)?;
                let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(key.private.as_bytes())?;
                tracing::info!(file = %path.display(), public = key.public, "a host key has been made");
                HostKey::read(path)
            }
            read => read,
        }
    }

    /// As in a line of `known_hosts`.
    pub fn public(&self) -> String {
        self.0.public_key().to_openssh().unwrap_or_default()
    }
}

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HostKey({})", self.0.algorithm())
    }
}

impl UserKey {
    /// Reads a line of an `authorized_keys` file, without options.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse(line: &str) -> Result<UserKey, KeyError> {
        let key = PublicKey::from_openssh(line.trim()).map_err(KeyError::Syntax)?;
        check(&key.algorithm())?;
        Ok(UserKey(key.key_data().clone()))
    }

    pub(super) fn is(&self, key: &PublicKey) -> bool {
        self.0 == *key.key_data()
    }
}

fn check(algorithm: &ssh_key::Algorithm) -> Result<(), KeyError> {
    match algorithm {
        ssh_key::Algorithm::Ed25519 | ssh_key::Algorithm::Ecdsa { .. } => Ok(()),
        other => Err(KeyError::Algorithm(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_number() {
        let text = concat!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n",
            "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n",
            "1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQHuNx6d1ALNXoUeRVYQMd5PTVEseaN\n",
            "jckb350/x3kstwTk7agZbnfDcIvs3wWm3eAj76CQ2th0I5hHOeqHR3wqAAAAmBotK9QaLS\n",
            "vUAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAe43Hp3UAs1ehR5\n",
            "FVhAx3k9NUSx5o2NyRvfnT/HeSy3BOTtqBlud8Nwi+zfBabd4CPvoJDa2HQjmEc56odHfC\n",
            "oAAAAfK7I82wZmuVL7OVZPAx4O/wsW3W2Eaj1BXHZw7nSWSQAAAAAB\n",
            "-----END OPENSSH PRIVATE KEY-----\n",
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        assert!(matches!(HostKey::read(file.path()), Err(KeyError::Short)), "when it is read, Short can go");
    }

    #[test]
    fn keys_of_users() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        assert_eq!(UserKey::parse(key).unwrap(), UserKey::parse(&format!("{key} me@home\n")).unwrap());
        assert!(matches!(UserKey::parse("ssh-ed25519 x"), Err(KeyError::Syntax(_))));
        let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAABQDHmvIpEw== x";
        let error = UserKey::parse(rsa).unwrap_err().to_string();
        assert!(
            error.contains("ssh-rsa keys are not supported") || error.contains("not an SSH key"),
            "{error}"
        );
    }
}
