//! `fleetbridge commit list | show | rollback`

use std::io::Write;

use clap::{Args, Subcommand};

use super::{Failure, OneFormat, Place, device::printable, netconf};
use crate::control::view;

/// Look at who changed the configuration and what became of it, or take a change back
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fleetbridge commit list
  fleetbridge commit show 42
  fleetbridge commit rollback 41        as it was right after commit 41")]
pub(super) struct Commit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the newest changes, how many devices each touched, and what is still on its way to them
    List {
        #[arg(long, value_enum, default_value_t)]
        format: OneFormat,
    },
    /// Show what a change consisted of, and who made it
    Show {
        /// Its id, as `commit list` shows it
        id: u64,
        #[arg(long, value_enum, default_value_t)]
        format: OneFormat,
    },
    /// Make the configuration what it was right after a change; devices are told at once
    Rollback {
        /// Its id, as `commit list` shows it
        id: u64,
    },
}

impl Commit {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let client = place.client()?;
        let (path, format) = match self.action {
            Action::List { format } => ("/v1/commits".to_owned(), format),
            Action::Show { id, format } => (format!("/v1/commit/{id}"), format),
            Action::Rollback { id } => return netconf::roll_back(place, id, out),
        };
        if format == OneFormat::Json {
            client.copy(&path, out).map_err(|error| place.explain(error))?;
            return Ok(writeln!(out)?);
        }
        match self.action {
            Action::Show { .. } => show(&client.read(&path).map_err(|error| place.explain(error))?, out),
            _ => list(&client.read::<Vec<_>>(&path).map_err(|error| place.explain(error))?, out),
        }
    }
}

fn list(commits: &[view::Committed], out: &mut dyn Write) -> Result<(), Failure> {
    if commits.is_empty() {
        return Ok(writeln!(out, "nothing has been committed yet")?);
    }
    let users = commits.iter().map(|commit| commit.user.chars().count()).max().unwrap_or(0).max(4);
    writeln!(
        out,
        "{:>6}  {:<24}  {:<users$}  {:<7}  {:<11}  {:>7}  {:>11}  {:>6}",
        "ID", "TIME", "USER", "VIA", "STATE", "DEVICES", "OUTSTANDING", "FAILED"
    )?;
    for commit in commits {
        let view::Committed { id, time, user, via, state, devices, outstanding, failed } = commit;
        let user = printable(user);
        writeln!(
            out,
            "{id:>6}  {time:<24}  {user:<users$}  {via:<7}  {state:<11}  {devices:>7}  {outstanding:>11}  {failed:>6}"
        )?;
    }
    Ok(())
}

fn show(record: &view::Record, out: &mut dyn Write) -> Result<(), Failure> {
    let view::Record { id, time, user, via, session, address, editors, edits, more } = record;
    write!(out, "commit {id} of {time} by {} via {via}", printable(user))?;
    if *session != 0 {
        write!(out, ", session {session}")?;
    }
    if !address.is_empty() {
        write!(out, ", from {}", printable(address))?;
    }
    writeln!(out)?;
    if editors.iter().any(|editor| editor != user) {
        writeln!(out, "staged by {}", printable(&editors.join(", ")))?;
    }
    for view::Edit { operation, path, value } in edits {
        let value = value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
        writeln!(out, "  {operation:<9} {}{}", printable(path), printable(&value))?;
    }
    if *more {
        writeln!(out, "  and more")?;
    }
    Ok(())
}
