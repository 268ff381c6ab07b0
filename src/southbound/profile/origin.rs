//! Where the value of a key comes from: paths, topics, timestamps; and the sections that have little else.

use super::uplink::UplinkSpec;
use crate::{
    file::{Entry, Section, nearest},
    model::Attribute,
    southbound::codec::{Payload, instant::TimeFormat, path::Path, topic::IDENTITY, value::MAX_TEXT},
};

/// Paths of which the first that is there counts, in some uplinks.
#[derive(Clone, Debug)]
pub struct Source {
    /// Empty: the whole of a text payload.
    pub paths: Vec<Path>,
    /// Indexes of uplinks; empty: all that are JSON.
    uplinks: Vec<usize>,
}

/// Where an instant stands, and how it is written.
#[derive(Clone, Debug)]
pub struct TimeSource {
    pub paths: Vec<Path>,
    pub format: TimeFormat,
}

/// More alternatives of one value are refused.
const MAX_PATHS: usize = 32;

impl Source {
    /// `"/a"`, `"a.b"` or a list of these; `None` if absent or wrong.
    pub fn paths(entry: &Entry<'_>) -> Option<Vec<Path>> {
        if !entry.exists() {
            return None;
        }
        let items = entry.one_or_more();
        let paths: Vec<Path> =
            items.iter().filter_map(|item| item.parsed(Path::EXPECTED, Path::parse)).collect();
        if items.is_empty() || items.len() > MAX_PATHS {
            return entry.wrong(&format!("a path or a list of 1 to {MAX_PATHS} paths"), "");
        }
        if paths.iter().any(Path::is_whole) && paths.len() > 1 {
            return entry.wrong("paths that are not empty, where there are several", "");
        }
        (paths.len() == items.len()).then_some(paths)
    }

    pub fn everywhere(paths: Vec<Path>) -> Source {
        Source { paths, uplinks: Vec::new() }
    }

    /// The keys `from` and `topic` of a section that takes one value. A text payload is the value as a whole, so `from` is
    /// for the JSON ones.
    pub fn read(section: &mut Section<'_>, uplinks: &[UplinkSpec]) -> Option<Source> {
        let (from, topic) = (section.key("from"), section.key("topic"));
        let paths = Source::paths(&from);
        let chosen = topics(&topic, uplinks)?;
        if from.exists() && paths.is_none() {
            return None;
        }
        let text = |at: &usize| uplinks.get(*at).is_some_and(|uplink| uplink.payload == Payload::Text);
        if chosen.iter().any(|at| uplinks.get(*at).is_some_and(|uplink| uplink.payload == Payload::None)) {
            topic.error("this uplink is not decoded".to_owned(), "its `decode` is \"none\"");
            return None;
        }
        if !chosen.is_empty() && chosen.iter().all(text) {
            if paths.is_some() {
                from.error(
                    "a text payload has no paths".to_owned(),
                    "leave out `from`: the whole text is the value",
                );
                return None;
            }
            return Some(Source { paths: vec![Path::parse("")?], uplinks: chosen });
        }
        if !from.exists() {
            let message = format!("`from` is missing in {}", section.label());
            section.error(
                message,
                "example: from = \"/wifi/rssi\"; for a text payload: topic = \"...\" of its uplink",
            );
            return None;
        }
        if !uplinks.iter().any(|uplink| uplink.payload == Payload::Json) && !uplinks.is_empty() {
            from.error(
                "no [[uplink]] has decode = \"json\"".to_owned(),
                "name the topic of a text uplink instead",
            );
            return None;
        }
        Some(Source { paths: paths?, uplinks: chosen })
    }

    /// Whether the uplink with this index can have the value.
    pub fn applies(&self, index: usize, payload: Payload) -> bool {
        match self.uplinks.is_empty() {
            true => payload == Payload::Json,
            false => self.uplinks.contains(&index),
        }
    }
}

impl TimeSource {
    /// `"/ts"` or `{ from = "/ts", format = "unix" }`.
    pub fn read(entry: &Entry<'_>) -> Option<TimeSource> {
        if !entry.is_table() {
            return Some(TimeSource { paths: Source::paths(entry)?, format: TimeFormat::Auto });
        }
        let mut section = entry.table()?;
        let paths = Source::paths(&section.required("from"));
        let format = section.key("format").one_of(&TimeFormat::NAMES).and_then(TimeFormat::from_name);
        section.finish();
        Some(TimeSource { paths: paths?, format: format.unwrap_or_default() })
    }
}

/// The uplinks that `topic` names: none if it is absent, `None` if one does not exist.
fn topics(entry: &Entry<'_>, uplinks: &[UplinkSpec]) -> Option<Vec<usize>> {
    let mut chosen = Vec::new();
    let items = entry.one_or_more();
    for item in &items {
        let Some(topic) = item.str() else { continue };
        match uplinks.iter().position(|uplink| uplink.topic() == topic) {
            Some(at) => chosen.push(at),
            None => {
                let all = || uplinks.iter().map(UplinkSpec::topic);
                let guess = nearest(topic, all())
                    .map(|guess| format!("did you mean {guess:?}? "))
                    .unwrap_or_default();
                let help = format!("{guess}topics: {}", all().collect::<Vec<_>>().join(", "));
                item.error(format!("no [[uplink]] has the topic {topic:?}"), &help);
            }
        }
    }
    (chosen.len() == items.len()).then_some(chosen)
}

type Identity = (Vec<(Attribute, Source)>, Vec<(Attribute, Box<str>)>);

/// `[identity]`: what is taken from payloads, and constants.
pub fn identity(top: &mut Section<'_>, uplinks: &[UplinkSpec]) -> Identity {
    let (mut sources, mut constants) = (Vec::new(), Vec::new());
    let Some(mut section) = top.key("identity").table() else { return (sources, constants) };
    for attribute in IDENTITY {
        let entry = section.key(attribute.as_str());
        if !entry.exists() {
            continue;
        }
        if !entry.is_table() {
            sources.extend(Source::paths(&entry).map(|paths| (attribute, Source::everywhere(paths))));
            continue;
        }
        let Some(mut table) = entry.table() else { continue };
        let value = table.key("value");
        if value.exists() {
            let text = value.parsed("a text of 1 to 255 bytes", |text| {
                ((1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control))
                    .then(|| text.into())
            });
            constants.extend(text.map(|text| (attribute, text)));
        } else {
            sources.extend(Source::read(&mut table, uplinks).map(|source| (attribute, source)));
        }
        table.finish();
    }
    section.finish();
    (sources, constants)
}

/// `[uptime]`: seconds since the device's boot, and the milliseconds of its unit.
pub fn uptime(top: &mut Section<'_>, uplinks: &[UplinkSpec]) -> Option<(Source, u64)> {
    let mut section = top.key("uptime").table()?;
    let source = Source::read(&mut section, uplinks);
    let unit = match section.key("unit").one_of(&["seconds", "milliseconds", "minutes", "hours"]) {
        Some("milliseconds") => 1,
        Some("minutes") => 60_000,
        Some("hours") => 3_600_000,
        _ => 1000,
    };
    section.finish();
    Some((source?, unit))
}
