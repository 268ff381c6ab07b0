//! The command line: one file a subcommand. Exit codes: 0 done, 1 failed, 2 wrong use.

mod addresses;
mod check;
mod commit;
mod completions;
mod demo;
mod device;
mod host_names;
mod hosts;
mod init;
mod man;
mod mibs;
mod netconf;
mod nms_kit;
mod notify;
mod password;
pub mod profile;
mod profile_args;
mod report;
mod serve;
mod simulate;
mod status;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    config,
    control::client::{Client, ClientError},
    file::Diagnostic,
    report::Format,
};

/// Where the boot file's path is taken from if there is no `--config`.
const CONFIG_VARIABLE: &str = "FLEETBRIDGE_CONFIG";

#[derive(Debug, Parser)]
#[command(
    name = "fleetbridge",
    version,
    about = "Puts an MQTT fleet into the network management tools you already run",
    long_about = "Puts an MQTT fleet into the network management tools you already run: messages of devices come in \
                  over MQTT, any SNMP manager sees one table row for each device, and is told which are missing.",
    after_help = "Examples:
  fleetbridge demo                                     see it work, with simulated devices
  fleetbridge init /etc/fleetbridge                    write a commented boot file to start from
  fleetbridge check                                    everything wrong in boot file and profiles
  fleetbridge serve                                    run the bridge in the foreground
  fleetbridge status                                   what the running bridge hears and answers
  fleetbridge report missing --format csv              who is silent

The boot file is the one of --config, else of the environment variable FLEETBRIDGE_CONFIG,
else /etc/fleetbridge/fleetbridge.toml.
Exit codes: 0 done, 1 failed, 2 wrong use.",
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    /// The boot file [default: $FLEETBRIDGE_CONFIG, else /etc/fleetbridge/fleetbridge.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Check(check::Check),
    Init(init::Init),
    Status(status::Status),
    Device(device::Device),
    Report(report::Report),
    Mibs(mibs::Mibs),
    NmsKit(nms_kit::NmsKit),
    Addresses(addresses::Addresses),
    Profile(profile_args::Profile),
    Netconf(netconf::Netconf),
    Candidate(netconf::Candidate),
    Commit(commit::Commit),
    Notify(notify::Notify),
    Password(password::Password),
    Simulate(simulate::Simulate),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Why a command ended without success.
#[derive(Debug)]
pub enum Failure {
    /// What there was to say has been said.
    Told,
    /// An error, and what to do about it (may be empty).
    Because { message: String, help: String },
    /// The reader of our output has seen enough: no failure.
    NoReader,
}

impl Failure {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Failure::Because { message: message.into(), help: help.into() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NoReader,
            _ => Failure::new(format!("cannot write: {error}"), ""),
        }
    }
}

/// Runs one command to its end.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with exit code 0.
            let _ = error.print();
            return ExitCode::from(error.exit_code().clamp(0, 2) as u8);
        }
    };
    let place = Place(cli.config.unwrap_or_else(default_file));
    // Not locked: the demo's tasks write to it as well.
    let mut out = io::BufWriter::new(io::stdout());
    let done = cli.command.run(&place, &mut out);
    let flushed = out.flush().map_err(Failure::from);
    match done.and(flushed) {
        Ok(()) | Err(Failure::NoReader) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        Err(Failure::Because { message, help }) => {
            let _ = writeln!(io::stderr(), "fleetbridge: {message}");
            if !help.is_empty() {
                let _ = writeln!(io::stderr(), "  {help}");
            }
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        match self {
            Command::Demo(demo) => demo.run(),
            Command::Serve(serve) => serve.run(place),
            Command::Check(check) => check.run(place, out),
            Command::Init(init) => init.run(out),
            Command::Status(status) => status.run(place, out),
            Command::Device(device) => device.run(place, out),
            Command::Report(report) => report.run(place, out),
            Command::Mibs(mibs) => mibs.run(place, out),
            Command::NmsKit(kit) => kit.run(place, out),
            Command::Addresses(addresses) => addresses.run(place, out),
            Command::Profile(profile) => profile.run(place, out),
            Command::Netconf(netconf) => netconf.run(place, out),
            Command::Candidate(candidate) => candidate.run(place, out),
            Command::Commit(commit) => commit.run(place, out),
            Command::Notify(notify) => notify.run(place, out),
            Command::Simulate(simulate) => simulate.run(out),
            Command::Password(password) => password.run(out),
            Command::Completions(completions) => completions.run(out),
            Command::Man(man) => man.run(out),
        }
    }
}

/// Where the boot file is, and through it the daemon.
#[derive(Debug)]
struct Place(PathBuf);

impl Place {
    /// The running daemon's control socket.
    fn client(&self) -> Result<Client, Failure> {
        let glance = config::glance(&self.0).map_err(|problems| self.unreadable(&problems))?;
        Ok(Client::new(&glance.socket))
    }

    /// The folder of own profiles, if there is a boot file that can be read.
    fn profiles(&self) -> Option<PathBuf> {
        config::glance(&self.0).ok().map(|glance| glance.profiles)
    }

    fn unreadable(&self, problems: &[Diagnostic]) -> Failure {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Failure::new(
            lines.join("\n"),
            format!("name the boot file of the running daemon with --config FILE or {CONFIG_VARIABLE}"),
        )
    }

    /// What a request to the daemon came to.
    fn explain(&self, error: ClientError) -> Failure {
        match error {
            ClientError::NoDaemon(_) => {
                let file = shell_word(&self.0.display().to_string());
                Failure::new(format!("{error}: start it with `fleetbridge --config {file} serve`"), "")
            }
            ClientError::Socket { .. } => {
                let help = "the socket belongs to the user that runs the daemon: be that user, or root";
                Failure::new(error.to_string(), help)
            }
            ClientError::Refused(problem) => Failure::new(problem.error, problem.help),
            ClientError::Answer(_) => Failure::new(error.to_string(), "see the daemon's log"),
            ClientError::Output(error) => error.into(),
        }
    }
}

/// How lists are written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ListFormat {
    /// Aligned, for people
    #[default]
    Table,
    /// RFC 4180, with a header
    Csv,
    /// An array of objects
    Json,
}

impl From<ListFormat> for Format {
    fn from(format: ListFormat) -> Self {
        match format {
            ListFormat::Table => Format::Table,
            ListFormat::Csv => Format::Csv,
            ListFormat::Json => Format::Json,
        }
    }
}

/// How one thing is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum OneFormat {
    /// For people
    #[default]
    Text,
    /// As the control API gives it
    Json,
}

fn default_file() -> PathBuf {
    let variable = std::env::var_os(CONFIG_VARIABLE).filter(|value| !value.is_empty());
    variable.map_or_else(|| PathBuf::from(config::DEFAULT_FILE), PathBuf::from)
}

/// The text as one word of a POSIX shell, so that a printed command works as pasted.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn words_for_the_shell() {
        assert_eq!(shell_word("/etc/fleetbridge.toml"), "/etc/fleetbridge.toml");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's $x"), "'it'\\''s $x'");
        assert_eq!(shell_word(""), "''");
    }
}
