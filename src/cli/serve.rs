//! `fleetbridge serve`

use std::{
    io::{self, Write},
    pin::pin,
};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use super::{Failure, Place};
use crate::{
    config::{Log, LogFormat},
    daemon::{Daemon, Plan, StartError},
    file::Severity,
    snmp::transport::TransportError,
    southbound::broker::BrokerError,
};

/// Run the bridge in the foreground, until SIGTERM or Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = "The log goes to standard error; [log] in the boot file sets level and format.
A second daemon on the same store is refused. Stopped by SIGTERM or Ctrl-C it writes what it heard and ends. SIGHUP
has it read the embedded broker's users-file again; with a terminal as standard input SIGHUP ends it, because the
terminal has gone: start it with </dev/null to reload one that was started by hand.

Example:
  fleetbridge --config ./fleetbridge.toml serve")]
pub(super) struct Serve {}

impl Serve {
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let plan = Plan::read(&place.0).map_err(|problems| {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Failure::new(
                format!("the configuration has errors\n{}", lines.join("\n")),
                "`fleetbridge check` shows them again",
            )
        })?;
        start_log(plan.config.log);
        for note in &plan.notes {
            match note.severity {
                Severity::Note => info!("{note}"),
                _ => warn!("{note}"),
            }
        }
        runtime()?.block_on(async {
            let mut stop = pin!(stop_signal()?);
            let mut hang_up = catch(SignalKind::hangup())?;
            let daemon = Daemon::start(plan).await?;
            loop {
                tokio::select! {
                    () = &mut stop => break,
                    _ = hang_up.recv() => daemon.reload(),
                }
            }
            daemon.stop().await;
            Ok(())
        })
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let help = match &error {
            StartError::Snmp(TransportError::Port { .. }) => "choose other `ports` in [snmp.devices]",
            StartError::Snmp(_) => "give another address as `listen` in [snmp]",
            StartError::Broker(BrokerError::Taken { .. } | BrokerError::Listen { .. }) => {
                "give another address as `listen` in [broker]"
            }
            StartError::Netconf(_) => "see [netconf] in the boot file",
            StartError::Addresses(_)
            | StartError::Files { .. }
            | StartError::Store(_)
            | StartError::Schema(_)
            | StartError::Datastore(_)
            | StartError::Broker(_)
            | StartError::Control(_)
            | StartError::Profiles(_)
            | StartError::Engine(_)
            | StartError::Made(_) => "",
        };
        Failure::new(error.to_string(), help)
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(format!("cannot start: {error}"), ""))
}

/// Done when SIGTERM or SIGINT comes, or SIGHUP because the terminal went away; they are caught from now on.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = catch(SignalKind::terminate())?;
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut hang_up = catch(SignalKind::hangup())?;
    let person = io::IsTerminal::is_terminal(&io::stdin());
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv(), if person => {}
        }
    })
}

fn catch(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::new(format!("cannot catch signals: {error}"), ""))
}

/// Sends the log to standard error; RUST_LOG, if set, wins over the level of the boot file.
pub(super) fn start_log(log: Log) {
    // The libraries speak of each connection; what matters of it our adapters say themselves.
    // The broker's listener would tell of each connection that it cannot accept, as fast as it can.
    let ours = format!("error,mqtt5::broker::server=off,fleetbridge={}", log.level);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(ours));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Without colours unless a person reads.
    let person = io::IsTerminal::is_terminal(&io::stderr());
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(person).with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if let Err(error) = started {
        let _ = writeln!(io::stderr(), "fleetbridge: no log: {error}");
    }
}
