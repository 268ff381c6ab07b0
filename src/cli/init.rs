//! `fleetbridge init`

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Failure, shell_word};
use crate::netconf::ssh::NewKey;

/// The boot file that is written; `@COMMUNITY@` becomes a random one.
const TEMPLATE: &str = include_str!("boot.toml");

/// The SSH host key that `[netconf] host-keys` names.
const HOST_KEY: &str = "host_ed25519";

/// Write a commented boot file, the keys and the folders beside it
#[derive(Debug, Args)]
#[command(
    after_help = "Never overwrites anything. The boot file is readable by its owner only, because it holds an SNMP
community, which is random; so is host_ed25519, by which NETCONF clients
know this bridge.

Example:
  fleetbridge init /etc/fleetbridge"
)]
pub(super) struct Init {
    /// The folder, made if need be
    dir: PathBuf,
}

impl Init {
    pub fn run(self, out: &mut dyn Write) -> Result<(), Failure> {
        let profiles = self.dir.join("profiles");
        fs::create_dir_all(&profiles)
            .map_err(|error| Failure::new(format!("cannot make {}: {error}", profiles.display()), ""))?;
        let (file, key) = (self.dir.join("fleetbridge.toml"), self.dir.join(HOST_KEY));
        write_new(&file, &TEMPLATE.replace("@COMMUNITY@", &community()?))?;
        // A key that is there already goes on being the host's: clients know it.
        let kept = key.exists();
        if !kept {
            write_new(&key, &new_key()?.private)?;
        }
        let word = shell_word(&file.display().to_string());
        let (file, key, profiles) = (file.display(), key.display(), profiles.display());
        if kept {
            writeln!(out, "wrote {file} and the folder {profiles}; {key} is there already and is kept")?;
        } else {
            writeln!(out, "wrote {file}, {key} and the folder {profiles}")?;
        }
        writeln!(out, "next:\n  fleetbridge --config {word} check\n  fleetbridge --config {word} serve")?;
        Ok(())
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    open.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            format!("{} is there already, and nothing is ever overwritten", path.display()),
            "move it away, or choose another folder",
        ),
        _ => Failure::new(format!("cannot write {}: {error}", path.display()), ""),
    })
}

fn new_key() -> Result<NewKey, Failure> {
    NewKey::make().map_err(|error| Failure::new(format!("the system gives no random numbers: {error}"), ""))
}

/// 16 letters and digits, 80 bits of chance; without those that look alike.
fn community() -> Result<String, Failure> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0u8; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::new(format!("the system gives no random numbers: {error}"), ""))?;
    Ok(random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::MetadataExt, path::Path, process::Command};

    use super::*;
    use crate::{config, file::has_errors};

    #[test]
    fn the_file_is_private_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        Init { dir: dir.path().to_owned() }.run(&mut out).unwrap();
        let file = dir.path().join("fleetbridge.toml");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let (config, problems) = config::load(&file).into_result().unwrap();
        assert_eq!(problems, []);
        let key = dir.path().join(HOST_KEY);
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        let public = Command::new("ssh-keygen").arg("-yf").arg(&key).output().unwrap();
        assert!(public.stdout.starts_with(b"ssh-ed25519 "), "{}", String::from_utf8_lossy(&public.stderr));
        let community = config.snmp.communities[0].name.expose();
        assert_eq!(community.len(), 16);
        let again = Init { dir: dir.path().to_owned() }.run(&mut out);
        assert!(
            matches!(again, Err(Failure::Because { message, .. }) if message.contains("fleetbridge.toml"))
        );
        assert!(fs::read_to_string(&file).unwrap().contains(community));
    }

    /// A line `#key = value` is a default that is not written out: with all of them in place the file means the same.
    #[test]
    fn every_default_that_is_shown_is_one() {
        let uncommented: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest,
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let path = Path::new("/b/fleetbridge.toml");
        let (with, without) = (config::parse(path, &uncommented), config::parse(path, TEMPLATE));
        assert!(!has_errors(&with.problems), "{:?}", with.problems);
        // Said outright, an address is insisted on.
        let debug = |config: config::Config| {
            format!("{config:?}").replace("http_required: true", "http_required: false")
        };
        assert_eq!(debug(with.value.unwrap()), debug(without.value.unwrap()));
    }
}
