//! `fleetbridge report`

use std::io::Write;

use clap::{Args, builder::PossibleValuesParser};

use super::{Failure, ListFormat, Place};
use crate::{control::client::escaped, file::parse_duration, report};

/// Print a report over the fleet: missing, inventory or software
#[derive(Debug, Args)]
#[command(after_help = "Reports:
  missing      devices that are lost, or unreachable behind a lost gateway
  inventory    make, model, serial, revisions and place of every device
  software     installed versions, one line for each device and component

Examples:
  fleetbridge report missing
  fleetbridge report missing --since 1h --site plant-1
  fleetbridge report inventory --format csv > inventory.csv
  fleetbridge report software --profile tasmota --format json")]
pub(super) struct Report {
    #[arg(value_parser = PossibleValuesParser::new(report::REPORTS.iter().map(|report| report.name)))]
    name: String,
    #[command(flatten)]
    filters: Filters,
}

#[derive(Debug, Args)]
pub(super) struct Filters {
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
    /// Only devices of this site
    #[arg(long)]
    site: Option<String>,
    /// Only devices of this profile
    #[arg(long)]
    profile: Option<String>,
    /// Only devices heard within this time, such as 30m, 12h, 7d; of `missing`: gone missing within it
    #[arg(long, value_name = "DURATION", value_parser = milliseconds)]
    since: Option<u64>,
}

impl Report {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let path = format!("/v1/report/{}?{}", self.name, self.filters.query());
        place.client()?.copy(&path, out).map_err(|error| place.explain(error))
    }
}

impl Filters {
    /// As the control API's query string.
    pub fn query(&self) -> String {
        let mut query = format!("format={}", report::Format::from(self.format).as_str());
        for (key, value) in [("site", &self.site), ("profile", &self.profile)] {
            if let Some(value) = value {
                query.push_str(&format!("&{key}={}", escaped(value)));
            }
        }
        if let Some(since) = self.since {
            query.push_str(&format!("&since={since}"));
        }
        query
    }
}

fn milliseconds(text: &str) -> Result<u64, &'static str> {
    parse_duration(text).ok_or("a duration is a number with a unit: 30s, 5m, 12h, 7d, 1h30m")
}
