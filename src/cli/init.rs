//! `fleetbridge init`

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use clap::Args;

use super::{Failure, shell_word};

/// The boot file that is written; `@COMMUNITY@` becomes a random one.
const TEMPLATE: &str = include_str!("boot.toml");

/// Write a commented boot file and the folders beside it
#[derive(Debug, Args)]
#[command(
    after_help = "Never overwrites anything. The boot file is readable by its owner only, because it holds an SNMP
community, which is random.

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
        let file = self.dir.join("fleetbridge.toml");
        let text = TEMPLATE.replace("@COMMUNITY@", &community()?);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        match written {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Failure::new(
                    format!("{} is there already, and nothing is ever overwritten", file.display()),
                    "move it away, or choose another folder",
                ));
            }
            Err(error) => return Err(Failure::new(format!("cannot write {}: {error}", file.display()), "")),
            Ok(()) => {}
        }
        let word = shell_word(&file.display().to_string());
        writeln!(out, "wrote {} and the folder {}", file.display(), profiles.display())?;
        writeln!(out, "next:\n  fleetbridge --config {word} check\n  fleetbridge --config {word} serve")?;
        Ok(())
    }
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
    use std::{os::unix::fs::MetadataExt, path::Path};

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
