//! `fleetbridge serve`

use clap::Args;

use super::{Failure, Place};

/// Run the bridge in the foreground, until SIGTERM or Ctrl-C
#[derive(Debug, Args)]
pub(super) struct Serve {}

impl Serve {
    pub fn run(self, _place: &Place) -> Result<(), Failure> {
        Ok(())
    }
}
