//! `fleetbridge profile`: its arguments. What it does is in [`super::profile`].

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand};

use super::{
    Failure, Place,
    profile::{self, ProfileError, Trial},
};
use crate::clock;

/// Look at device types, check an own one, or try one on a message
#[derive(Debug, Args)]
#[command(
    after_help = "No daemon is needed. Own profiles are in the folder that [profiles] of the boot file names.

Examples:
  fleetbridge profile list
  fleetbridge profile show tasmota
  fleetbridge profile show json-sensor --text > profiles/acme.toml
  fleetbridge profile check profiles/acme.toml
  fleetbridge profile try profiles/acme.toml --topic acme/dev-1/telemetry --payload message.json
  fleetbridge profile yang tasmota > fleetbridge-profile-tasmota.yang"
)]
pub(super) struct Profile {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all profiles, shipped and own
    List,
    /// Show what a profile reads and says
    Show {
        name: String,
        /// Print the file itself, to begin an own one with
        #[arg(long)]
        text: bool,
    },
    /// Say everything that is wrong with a profile file
    Check { file: PathBuf },
    /// Show what a profile makes of a message
    Try {
        /// A profile file, or the name of a known profile
        profile: String,
        /// The topic that the message came on
        #[arg(long)]
        topic: String,
        /// The file with the payload; `-` is standard input
        #[arg(long, value_name = "FILE")]
        payload: PathBuf,
        /// As if the broker had kept the message
        #[arg(long)]
        retained: bool,
    },
    /// Print the YANG module with the settings of a profile
    Yang {
        /// A profile file, or the name of a known profile
        profile: String,
    },
}

impl Profile {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let own = place.profiles();
        let good = match self.action {
            Action::List => profile::list(own.as_deref(), out).map(|()| true),
            Action::Show { name, text } => profile::show(own.as_deref(), &name, text, out).map(|()| true),
            Action::Check { file } => profile::check(&file, out),
            Action::Try { profile, topic, payload, retained } => {
                let payload = profile::read_payload(&payload)?;
                let trial = Trial { topic: &topic, payload: &payload, retained, now: clock::now() };
                profile::attempt(own.as_deref(), &profile, &trial, out)
            }
            Action::Yang { profile } => profile::yang(own.as_deref(), &profile, out).map(|()| true),
        };
        if good? { Ok(()) } else { Err(Failure::Told) }
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::Io(error) => error.into(),
            error => Failure::new(error.to_string(), ""),
        }
    }
}
