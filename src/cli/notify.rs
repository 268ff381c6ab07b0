//! `fleetbridge notify test`

use std::{io::Write, net::SocketAddr};

use clap::{Args, Subcommand};

use super::{Failure, Place};
use crate::control::view::Tested;

/// Try whether trap targets are reached
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fleetbridge notify test                      all targets, of `[snmp] traps` and made by SET
  fleetbridge notify test 192.0.2.10:162       one of them
  fleetbridge status                           what each has been told so far

A trap is not acknowledged: that it was sent does not tell that it arrived. With inform = true
the target answers; the test waits for that, through its tries but for half a minute at most,
and fails without an answer.")]
pub(super) struct Notify {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Send fbTest, which tells of nothing, whatever the target's filter is
    Test {
        /// Address and port, as `status` has them; without it all targets
        target: Option<SocketAddr>,
    },
}

impl Notify {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let Action::Test { target } = self.action;
        let path = match target {
            Some(target) => format!("/v1/notify/test?target={target}"),
            None => "/v1/notify/test".to_owned(),
        };
        let tested: Vec<Tested> = place.client()?.post(&path).map_err(|error| place.explain(error))?;
        for Tested { target, inform, told, trouble } in &tested {
            let outcome = match (inform, told, trouble) {
                (true, true, _) => "acknowledged",
                (true, false, Some(trouble)) => &format!("NOT acknowledged: {trouble}"),
                (true, false, None) => {
                    "NOT acknowledged: is a receiver of this community, or user and passwords, there, and does its answer come back?"
                }
                (false, true, _) => "sent; a trap is not acknowledged, so look there for fbTest",
                (false, false, _) => {
                    "NOT sent: `fleetbridge status` counts it, and the daemon's log says why"
                }
            };
            writeln!(out, "{target}  {outcome}")?;
        }
        if tested.iter().all(|tested| tested.told) { Ok(()) } else { Err(Failure::Told) }
    }
}
