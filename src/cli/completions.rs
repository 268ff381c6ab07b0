//! `fleetbridge completions`

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fleetbridge completions bash > /etc/bash_completion.d/fleetbridge")]
pub(super) struct Completions {
    shell: Shell,
}

impl Completions {
    pub fn run(self, out: &mut dyn Write) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "fleetbridge", &mut script);
        Ok(out.write_all(&script)?)
    }
}
