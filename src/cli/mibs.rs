//! `fleetbridge mibs`

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Failure, Place, shell_word};
use crate::config;

/// Our modules, then the base modules that they import, which Debian does not ship.
const MODULES: [(&str, &str); 8] = [
    ("FLEETBRIDGE-SMI.txt", include_str!("../../mibs/FLEETBRIDGE-SMI.txt")),
    ("FLEETBRIDGE-MIB.txt", include_str!("../../mibs/FLEETBRIDGE-MIB.txt")),
    ("INET-ADDRESS-MIB.txt", include_str!("../../tests/support/mibs/INET-ADDRESS-MIB.txt")),
    ("SNMP-FRAMEWORK-MIB.txt", include_str!("../../tests/support/mibs/SNMP-FRAMEWORK-MIB.txt")),
    ("SNMPv2-CONF.txt", include_str!("../../tests/support/mibs/SNMPv2-CONF.txt")),
    ("SNMPv2-MIB.txt", include_str!("../../tests/support/mibs/SNMPv2-MIB.txt")),
    ("SNMPv2-SMI.txt", include_str!("../../tests/support/mibs/SNMPv2-SMI.txt")),
    ("SNMPv2-TC.txt", include_str!("../../tests/support/mibs/SNMPv2-TC.txt")),
];

/// Write the MIB files that an SNMP manager needs
#[derive(Debug, Args)]
#[command(
    after_help = "Writes FLEETBRIDGE-MIB, FLEETBRIDGE-SMI and the standard modules that they import, so that
net-snmp needs nothing else, and prints a command that shows the fleet.

Example:
  fleetbridge mibs --dir ./mibs"
)]
pub(super) struct Mibs {
    /// The folder, made if need be; files of the same names are replaced
    #[arg(long)]
    dir: PathBuf,
}

impl Mibs {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        write(&self.dir).map_err(|error| Failure::new(error, ""))?;
        let dir = fs::canonicalize(&self.dir).unwrap_or(self.dir);
        writeln!(out, "wrote {} modules to {}", MODULES.len(), dir.display())?;
        let (community, address) = agent(&place.0);
        writeln!(out, "  {}", command(&dir, &community, &address))?;
        Ok(())
    }
}

/// Writes all modules into a folder, which is made.
///
/// # Errors
/// A sentence about the file that cannot be written.
pub(super) fn write(dir: &Path) -> Result<(), String> {
    fs::create_dir_all(dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    for (name, text) in MODULES {
        let path = dir.join(name);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// The command that shows the fleet with the modules in `dir`, as it can be pasted.
pub(super) fn command(dir: &Path, community: &str, address: &str) -> String {
    let dir = shell_word(&dir.display().to_string());
    let (community, address) = (shell_word(community), shell_word(address));
    format!("snmptable -v2c -c {community} -M {dir} -m FLEETBRIDGE-MIB -Ci -Cb {address} fbDeviceTable")
}

/// The first community and address of the boot file, or words to put in their place.
fn agent(file: &Path) -> (String, String) {
    let config = if file.exists() { config::load(file).value } else { None };
    let snmp = config.map(|config| config.snmp).unwrap_or_default();
    let community = snmp.communities.first().map_or("COMMUNITY", |community| community.name.expose());
    let address = snmp.listen.first().map_or_else(|| "127.0.0.1:1161".to_owned(), ToString::to_string);
    (community.to_owned(), address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_modules_and_a_command() {
        let dir = tempfile::tempdir().unwrap();
        let mibs = dir.path().join("a/mibs");
        write(&mibs).unwrap();
        assert_eq!(fs::read_dir(&mibs).unwrap().count(), MODULES.len());
        assert_eq!(
            command(Path::new("/m b"), "c", "127.0.0.1:1161"),
            "snmptable -v2c -c c -M '/m b' -m FLEETBRIDGE-MIB -Ci -Cb 127.0.0.1:1161 fbDeviceTable"
        );
    }
}
