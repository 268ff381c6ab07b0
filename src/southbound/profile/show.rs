//! Reports in words, for people and for golden files.

use std::fmt::Write;

use super::ProfileFile;
use crate::{
    model::{Availability, Fact, PointType, Profiles, Report, Reports, Scalar, write_decimal},
    southbound::codec::{
        Route,
        topic::{Matcher, Topic},
    },
};

/// Appends each report: the device, then one line a fact.
pub fn write_reports(reports: &Reports, profiles: &Profiles, out: &mut String) {
    for report in reports.iter() {
        write_report(reports, report, profiles, out);
    }
}

fn write_report(reports: &Reports, report: &Report, profiles: &Profiles, out: &mut String) {
    let profile = &profiles[report.profile];
    let retained = if report.retained { ", retained" } else { "" };
    let _ = writeln!(out, "device {} ({}){retained}", reports.str(report.id), profile.name);
    if let Some((parent, id)) = report.parent {
        let _ = writeln!(out, "  parent {} ({})", reports.str(id), profiles[parent].name);
    }
    for fact in reports.facts(report) {
        out.push_str("  ");
        match *fact {
            Fact::Availability(availability) => {
                let word = match availability {
                    Availability::Online => "online",
                    Availability::Lost => "lost",
                    Availability::Sleeping => "sleeping",
                };
                let _ = writeln!(out, "presence {word}");
            }
            Fact::Uptime { secs, .. } => {
                let _ = writeln!(out, "uptime {secs} seconds");
            }
            Fact::Attribute { attribute, text } => {
                let _ = writeln!(out, "{} {}", attribute.as_str(), reports.str(text));
            }
            Fact::Setting { slot, value } => {
                let Some(setting) = profile.settings.get(usize::from(slot)) else { continue };
                let _ = write!(out, "setting {} = ", setting.name);
                match value {
                    Scalar::Bad => {}
                    Scalar::Text(span) => out.push_str(reports.str(span)),
                    Scalar::Integer(value) => setting.ty.write_integer(value, out),
                }
                out.push('\n');
            }
            Fact::Acknowledged { slot } => {
                let name = profile.settings.get(usize::from(slot)).map_or("", |setting| &setting.name);
                let _ = writeln!(out, "acknowledged {name}");
            }
            Fact::Refused { slot, text, unsupported } => {
                let setting = slot.and_then(|slot| profile.settings.get(usize::from(slot)));
                let name = setting.map_or("what it was told last", |setting| &setting.name);
                let why = if unsupported { "unsupported" } else { "refused" };
                let _ = writeln!(out, "{why} {name}: {}", reports.str(text));
            }
            Fact::Point { slot, value, time } => {
                let Some(point) = profile.points.get(usize::from(slot)) else {
                    let _ = writeln!(out, "point {slot} does not exist");
                    continue;
                };
                let _ = write!(out, "{} = ", point.name);
                match value {
                    Scalar::Bad => out.push_str("no value of its type (quality bad)"),
                    Scalar::Text(span) => out.push_str(reports.str(span)),
                    Scalar::Integer(value) => match point.ty {
                        PointType::Boolean => out.push_str(if value == 0 { "false" } else { "true" }),
                        PointType::Counter => {
                            let _ = write!(out, "{}", value as u64);
                        }
                        _ => write_decimal(out, value, point.digits),
                    },
                }
                if !point.unit.is_empty() && value != Scalar::Bad {
                    let _ = write!(out, " {}", point.unit);
                }
                if !time.is_never() {
                    let _ = write!(out, " at {time}");
                }
                out.push('\n');
            }
        }
    }
}

impl ProfileFile {
    /// The uplinks that a topic matches, compiled without numbers.
    pub fn matching(&self, topic: &str) -> Vec<Route> {
        let id = Default::default();
        let routes = self.routes(id, &self.profile, Some(id));
        let matcher = Matcher::new(routes.iter().map(|route| &route.pattern));
        let Some(topic) = Topic::split(topic) else { return Vec::new() };
        let matches = matcher.find(&topic);
        matches.as_slice().iter().filter_map(|at| routes.get(usize::from(*at)).cloned()).collect()
    }
}
