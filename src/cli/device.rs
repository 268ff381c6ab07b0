//! `fleetbridge device list | show | adopt | retire`

use std::io::Write;

use clap::{Args, Subcommand};

use super::{Failure, OneFormat, Place, netconf, report::Filters};
use crate::control::{
    client::escaped,
    view::{self, PointView, Retired},
};

/// Look at devices, adopt or retire them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fleetbridge device list --site plant-1
  fleetbridge device show plug-0042
  fleetbridge device adopt plug-0042
  fleetbridge device retire plug-0042")]
pub(super) struct Device {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all devices and whether they are heard
    List {
        #[command(flatten)]
        filters: Filters,
    },
    /// Show all that is known of a device
    Show {
        /// Its name, as `device list` shows it
        name: String,
        #[arg(long, value_enum, default_value_t)]
        format: OneFormat,
    },
    /// Bring devices that were heard into the configuration, so that they are managed
    ///
    /// Those of an adapter with adopt = "ask" get a number and are shown from their next message on;
    /// `fleetbridge status --unknown` lists them. It does what <adopt> and <commit> do in NETCONF.
    Adopt {
        /// Names, as `device list` and `status --unknown` show them
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        names: Vec<String>,
        /// All that were heard and are not managed
        #[arg(long)]
        all: bool,
    },
    /// Take a device out of all tables; its number is never given to another
    Retire {
        /// Its name, as `device list` shows it
        name: String,
    },
}

impl Device {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let client = place.client()?;
        match self.action {
            Action::List { filters } => {
                let path = format!("/v1/devices?{}", filters.query());
                client.copy(&path, out).map_err(|error| place.explain(error))
            }
            Action::Show { name, format } => {
                let path = format!("/v1/device/{}", escaped(&name));
                if format == OneFormat::Json {
                    client.copy(&path, out).map_err(|error| place.explain(error))?;
                    return Ok(writeln!(out)?);
                }
                let device = client.read(&path).map_err(|error| place.explain(error))?;
                show(&device, out)
            }
            Action::Adopt { names, .. } => match netconf::adopt(place, &names)? {
                1 => Ok(writeln!(out, "adopted 1 device")?),
                count => Ok(writeln!(out, "adopted {count} devices")?),
            },
            Action::Retire { name } => {
                let path = format!("/v1/device/{}/retire", escaped(&name));
                let retired: Retired = client.post(&path).map_err(|error| place.explain(error))?;
                let Retired { device, number } = retired;
                Ok(writeln!(out, "retired {device}; its number {number} is never given to another device")?)
            }
        }
    }
}

fn show(device: &view::Device, out: &mut dyn Write) -> Result<(), Failure> {
    let mut line = |label: &str, text: &str| writeln!(out, "{label:<18} {}", printable(text));
    line("device", &device.device)?;
    line("number", &device.number.to_string())?;
    line("profile", &device.profile)?;
    line("class", &device.class)?;
    line("adapter", device.adapter.as_deref().unwrap_or("none: it is configured no more"))?;
    line("southbound id", &device.southbound_id)?;
    let since = device.since.as_deref().map(|since| format!(" since {since}")).unwrap_or_default();
    line("presence", &format!("{}{since}", device.presence))?;
    let silent = device.silent_seconds.map(|silent| format!(", {silent} s ago")).unwrap_or_default();
    line("last seen", &format!("{}{silent}", device.last_seen.as_deref().unwrap_or("never")))?;
    if let Some(parent) = &device.parent {
        line("parent", parent)?;
    }
    if let Some(parent) = device.parent_number {
        line("parent number", &parent.to_string())?;
    }
    line("admin state", device.admin_state.as_str())?;
    for (name, value) in &device.attributes {
        line(name, value)?;
    }
    if device.points.is_empty() {
        return Ok(());
    }
    let width = |of: fn(&PointView) -> usize| device.points.iter().map(of).max().unwrap_or(0);
    let names = width(|point| point.name.chars().count()).max(5);
    let values = width(|point| point.value.as_ref().map_or(0, |value| value.chars().count())).clamp(5, 60);
    let units = width(|point| point.unit.chars().count()).max(4);
    writeln!(out, "\n  # {:<names$}  {:>values$}  {:<units$}  QUALITY  TIME", "POINT", "VALUE", "UNIT")?;
    for point in &device.points {
        let value = printable(point.value.as_deref().unwrap_or("-"));
        let quality = format!("{:?}", point.quality).to_lowercase();
        let time = point.time.as_deref().unwrap_or("never");
        writeln!(
            out,
            "{:>3} {:<names$}  {value:>values$}  {:<units$}  {quality:<7}  {time}",
            point.number, point.name, point.unit
        )?;
    }
    Ok(())
}

/// What devices send must not steer the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
