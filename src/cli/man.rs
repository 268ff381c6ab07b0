//! `fleetbridge man`

use std::{fs, io::Write, path::PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::{Cli, Failure};

/// Print the manual page, or write one for each command
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fleetbridge man | man -l -
  fleetbridge man --dir /usr/local/share/man/man1")]
pub(super) struct Man {
    /// Write fleetbridge.1 and a page for each command into this folder
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Man {
    pub fn run(self, out: &mut dyn Write) -> Result<(), Failure> {
        let mut command = Cli::command();
        command.build();
        match self.dir {
            None => Ok(Page::new(command).render(&mut *out)?),
            Some(dir) => fs::create_dir_all(&dir)
                .and_then(|()| clap_mangen::generate_to(command, &dir))
                .map_err(|error| Failure::new(format!("{}: {error}", dir.display()), "")),
        }
    }
}
