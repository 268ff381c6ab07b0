//! `fleetbridge check`

use std::io::Write;

use clap::Args;

use super::{Failure, Place};
use crate::{
    daemon::{Plan, trial},
    file::{Diagnostic, Severity, has_errors},
};

/// Say everything that is wrong with the boot file and the profiles
#[derive(Debug, Args)]
#[command(after_help = "Each line is FILE:LINE: what is wrong; what to do. Notes and warnings are no errors.
Exit code 1 if there is an error: the daemon would not start. Folders and addresses are tried on this
host, unless a daemon runs there already.

Example:
  fleetbridge --config ./fleetbridge.toml check")]
pub(super) struct Check {}

impl Check {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let problems = match Plan::read(&place.0) {
            Ok(mut plan) => {
                plan.notes.extend(trial(&plan.config));
                plan.notes
            }
            Err(problems) => problems,
        };
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
        let count =
            |severity| problems.iter().filter(|problem: &&Diagnostic| problem.severity == severity).count();
        writeln!(
            out,
            "{}: {}, {}, {}",
            place.0.display(),
            plural(count(Severity::Error), "error"),
            plural(count(Severity::Warning), "warning"),
            plural(count(Severity::Note), "note")
        )?;
        if has_errors(&problems) { Err(Failure::Told) } else { Ok(()) }
    }
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
