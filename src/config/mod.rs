//! The boot file `fleetbridge.toml`: how this process runs. What managers manage is not here.
//!
//! Everything wrong with it is found in one go, with line, what is allowed and the nearest name. A [`Config`] that
//! exists without errors is valid: addresses parsed, paths resolved against the boot file's folder, secrets read.
//!
//! | section | default |
//! |---|---|
//! | `[store]`, `[control]`, `[profiles]`, `[log]`, `[limits]`, `[snmp]` | as the fields here say |
//! | `[broker]`, `[[mqtt]]`, `[netconf]`, `[snmp.devices]`, `[[user]]` | none |

mod devices;
mod listeners;
mod mqtt;
mod netconf;
mod process;
mod secrets;
mod snmp;
mod traps;
mod users;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

pub use mqtt::{Adopt, Mqtt, ProfileName};
pub use netconf::Netconf;
pub use process::{Broker, Control, Limits, Log, LogFormat};
pub use snmp::{Community, Snmp};
pub use users::{SnmpUser, User};

use self::listeners::Listeners;
use crate::file::{self, Diagnostic, Outcome, Section, Severity};

/// Where the boot file is if neither `--config` nor the environment says so.
pub const DEFAULT_FILE: &str = "/etc/fleetbridge/fleetbridge.toml";

#[derive(Clone, Debug)]
pub struct Config {
    /// The boot file itself.
    pub file: PathBuf,
    /// `[store] path`: the folder of config.db and state.db. Default: the boot file's folder.
    pub store: PathBuf,
    pub control: Control,
    /// `[profiles] dir`: own profiles, one of the same name wins over a shipped one. Default: `profiles`.
    pub profiles: PathBuf,
    pub log: Log,
    /// The embedded broker; `None` if there is no `[broker]`.
    pub broker: Option<Broker>,
    pub limits: Limits,
    pub mqtt: Vec<Mqtt>,
    pub snmp: Snmp,
    /// `None` if there is no `[netconf]`.
    pub netconf: Option<Netconf>,
    pub users: Vec<User>,
    /// Every name under `profiles` of a [[mqtt]], also of one that is wrong otherwise.
    named: Vec<ProfileName>,
}

impl Config {
    /// Problems of the boot file that only show when the profiles are known: names that are none.
    pub fn check_profiles(&self, known: &[&str]) -> Vec<Diagnostic> {
        let unknown = self.named.iter().filter(|profile| !known.contains(&profile.name.as_str()));
        unknown
            .map(|profile| {
                let guess = file::nearest(&profile.name, known.iter().copied());
                let guess = guess.map(|guess| format!("did you mean `{guess}`? ")).unwrap_or_default();
                Diagnostic {
                    severity: Severity::Error,
                    file: self.file.display().to_string(),
                    line: profile.line,
                    column: 0,
                    message: format!("there is no profile {:?}", profile.name),
                    help: format!(
                        "{guess}known: {}; own ones go into {}",
                        known.join(", "),
                        self.profiles.display()
                    ),
                }
            })
            .collect()
    }
}

/// Reads and checks the boot file and the secrets that it names.
pub fn load(path: &Path) -> Outcome<Config> {
    let text = match file::load(path) {
        Ok(text) => text,
        Err(mut problem) => {
            let help = "make one with `fleetbridge init DIR`, or name yours with --config FILE or FLEETBRIDGE_CONFIG";
            problem.help =
                if problem.help.is_empty() { help.to_owned() } else { format!("{help} ({})", problem.help) };
            return Outcome { value: None, problems: vec![problem] };
        }
    };
    let mut outcome = parse(path, &text);
    if outcome.value.as_ref().is_some_and(|config| !config.snmp.communities.is_empty())
        && fs::metadata(path).is_ok_and(|file| file.mode() & 0o077 != 0)
    {
        outcome.problems.push(Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::whole_file(
                &path.display().to_string(),
                "holds communities and others than its owner may open it".to_owned(),
                &format!("run: chmod 600 {}", path.display()),
            )
        });
    }
    outcome
}

/// As [`load`], of a text that is already in memory; `path` says where it would stand.
pub fn parse(path: &Path, text: &str) -> Outcome<Config> {
    let base = Base::of(path);
    file::read(&path.display().to_string(), text, |top| build(top, path, &base))
}

/// What commands beside the daemon need of a boot file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// `[control] socket`
    pub socket: PathBuf,
    /// `[profiles] dir`
    pub profiles: PathBuf,
}

/// Only where things are, for those who ask a running daemon: what else is wrong with the file since it started does
/// not matter.
///
/// # Errors
/// The file cannot be read or is no TOML.
pub fn glance(path: &Path) -> Result<Glance, Vec<Diagnostic>> {
    let text = file::load(path).map_err(|problem| vec![problem])?;
    let base = Base::of(path);
    let outcome = file::read(&path.display().to_string(), &text, |top| {
        let mut text = |table, key| top.key(table).table().and_then(|mut table| table.key(key).str());
        Glance {
            socket: base.path(text("control", "socket").unwrap_or(process::SOCKET)),
            profiles: base.path(text("profiles", "dir").unwrap_or(process::PROFILES)),
        }
    });
    outcome.value.ok_or(outcome.problems)
}

/// The folder against which the boot file's paths are resolved.
struct Base(PathBuf);

impl Base {
    fn of(file: &Path) -> Self {
        Base(file.parent().map(Path::to_owned).unwrap_or_default())
    }

    fn path(&self, path: &str) -> PathBuf {
        let joined = self.0.join(path);
        if joined.as_os_str().is_empty() { PathBuf::from(".") } else { joined.components().collect() }
    }
}

fn build(top: &mut Section<'_>, path: &Path, base: &Base) -> Config {
    let mut listeners = Listeners::default();
    let store = process::store(top, base);
    let control = process::control(top, base, &mut listeners);
    let profiles = process::profiles(top, base);
    let log = process::log(top);
    let broker = process::broker(top, base, &mut listeners);
    let limits = process::limits(top);
    let hears = top.key("mqtt").exists() || top.key("broker").exists();
    let (mqtt, named) = mqtt::read(top, base, broker.as_ref());
    let (mut snmp, traps) = snmp::read(top, &mut listeners);
    let netconf = netconf::read(top, base, &mut listeners);
    let users = users::read(top, base, snmp.allow_weak);
    snmp.traps = traps.map(|traps| traps::read(&traps, &users, snmp.authen_traps)).unwrap_or_default();
    if netconf.is_some() && users.is_empty() {
        top.note(
            "nobody can log in to the NETCONF server".to_owned(),
            "add a [[user]] with name, role and ssh-keys",
        );
    }
    if !hears {
        top.note(
            "the bridge hears nothing".to_owned(),
            "add a [[mqtt]] with name and url of a broker, or a [broker]",
        );
    }
    Config {
        file: path.to_owned(),
        store,
        control,
        profiles,
        log,
        broker,
        limits,
        mqtt,
        snmp,
        netconf,
        users,
        named,
    }
}

/// A table that may be absent; an absent one reads as all defaults.
fn section<'a, T>(
    top: &mut Section<'a>,
    name: &'static str,
    build: impl FnOnce(&mut Section<'a>) -> T,
) -> Option<T> {
    let mut section = top.key(name).table()?;
    let value = build(&mut section);
    section.finish();
    Some(value)
}

#[cfg(test)]
mod tests;
