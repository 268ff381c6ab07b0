//! `[[uplink]]`: a topic that devices publish to, and what its payload is.

use super::{TimeSource, origin::Source};
use crate::{
    file::{Entry, Section},
    model::Availability,
    southbound::codec::{
        DeviceId, Part, Payload,
        path::Path,
        topic::{Capture, Pattern},
    },
};

#[derive(Clone, Debug)]
pub struct UplinkSpec {
    pub pattern: Pattern,
    pub payload: Payload,
    pub presence: Option<PresenceSpec>,
    pub sign_of_life: bool,
    pub(super) time: Option<TimeSource>,
    pub(super) device: DeviceSpec,
}

/// Words by which a device says whether it is there.
#[derive(Clone, Debug)]
pub struct PresenceSpec {
    /// Empty in a text payload.
    pub paths: Vec<Path>,
    pub words: Vec<(Box<str>, Availability)>,
}

#[derive(Clone, Debug)]
pub(super) enum DeviceSpec {
    Paths(Vec<Path>),
    /// From the topic.
    Fixed(DeviceId),
}

impl UplinkSpec {
    pub fn topic(&self) -> &str {
        self.pattern.as_str()
    }

    /// `None` with a problem noted.
    pub(super) fn read(mut section: Section<'_>, has_parent: bool) -> Option<UplinkSpec> {
        let topic = section.required_as("topic", "\"sensors/{device}/telemetry\"");
        let pattern = topic.str().and_then(|text| {
            let parsed = Pattern::parse(text);
            parsed.map_err(|why| topic.error(format!("the topic {text:?} is wrong: {why}"), "")).ok()
        });
        let decode = section.key("decode").one_of(&["json", "text", "none"]);
        let presence_entry = section.key("presence");
        let presence = PresenceSpec::read(&presence_entry);
        let payload = match decode {
            Some("json") => Payload::Json,
            Some("text") => Payload::Text,
            Some(_) => Payload::None,
            None if presence.as_ref().is_some_and(|presence| presence.paths.is_empty()) => Payload::Text,
            None => Payload::Json,
        };
        if let Some(presence) = &presence {
            presence.check(&presence_entry, payload);
        }
        let time_entry = section.key("time");
        let time = TimeSource::read(&time_entry);
        let id_entry = section.key("device-id");
        let sign_of_life = section.key("sign-of-life").bool().unwrap_or(false);
        if payload != Payload::Json && time_entry.exists() {
            time_entry.error("only a JSON payload has a `time`".to_owned(), "");
        }
        section.finish();
        let pattern = pattern?;
        if pattern.has(Capture::Parent) && !has_parent {
            let help = "add [parent] with profile = \"...\", the profile of the gateway";
            topic.error("{parent} in a topic needs the section [parent]".to_owned(), help);
        }
        let device = device(&id_entry, &topic, &pattern, payload)?;
        Some(UplinkSpec { pattern, payload, presence, sign_of_life, time, device })
    }
}

impl PresenceSpec {
    fn read(entry: &Entry<'_>) -> Option<PresenceSpec> {
        let mut section = entry.table()?;
        let paths = Source::paths(&section.key("path")).unwrap_or_default();
        let mut words: Vec<(Box<str>, Availability)> = Vec::new();
        for (name, availability) in [
            ("online", Availability::Online),
            ("lost", Availability::Lost),
            ("sleeping", Availability::Sleeping),
        ] {
            for item in section.key(name).one_or_more() {
                let Some(word) = item.scalar_text() else { continue };
                if words.iter().any(|(known, _)| **known == *word) {
                    item.error(format!("the word {word:?} has two meanings"), "each word stands once");
                }
                words.push((word.trim().into(), availability));
            }
        }
        if words.is_empty() {
            section.error(
                "`presence` has no words".to_owned(),
                "example: presence = { online = \"up\", lost = \"down\" }; also sleeping, and path in JSON",
            );
        }
        section.finish();
        Some(PresenceSpec { paths, words })
    }

    fn check(&self, entry: &Entry<'_>, payload: Payload) {
        match (payload, self.paths.is_empty()) {
            (Payload::Json, true) => {
                let help = "example: presence = { path = \"/state\", online = \"online\" }";
                entry.error("`presence` of a JSON payload needs a `path`".to_owned(), help);
            }
            (Payload::Text, false) => {
                let help = "leave `path` out, or say decode = \"json\"";
                entry.error("`presence` of a text payload has no `path`".to_owned(), help);
            }
            (Payload::None, _) => {
                entry.error("a payload that is not decoded has no `presence`".to_owned(), "")
            }
            _ => {}
        }
    }
}

/// `device-id`: a path, or a template of placeholders; else `{device}` in the topic.
fn device(id: &Entry<'_>, topic: &Entry<'_>, pattern: &Pattern, payload: Payload) -> Option<DeviceSpec> {
    if !id.exists() {
        if pattern.has(Capture::Device) {
            return Some(DeviceSpec::Fixed(DeviceId::Topic));
        }
        let help = "write {device} in it, or say device-id = \"/sn\"";
        topic.error("the topic does not say which device it is".to_owned(), help);
        return None;
    }
    if let Some(text) = id.is_str().then(|| id.str()).flatten().filter(|text| text.contains('{')) {
        let parts = template(text, pattern);
        return match parts {
            Ok(parts) => Some(DeviceSpec::Fixed(DeviceId::Template(parts))),
            Err(why) => {
                id.error(format!("the template {text:?} is wrong: {why}"), "example: \"{parent}:{device}\"");
                None
            }
        };
    }
    let paths = Source::paths(id)?;
    if payload != Payload::Json {
        id.error("only a JSON payload has a path for `device-id`".to_owned(), "");
        return None;
    }
    if paths.iter().any(Path::is_wild) {
        id.error("`device-id` must be one place: `*` is not allowed".to_owned(), "");
        return None;
    }
    Some(DeviceSpec::Paths(paths))
}

fn template(text: &str, pattern: &Pattern) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(Part::Literal(before.into()));
        }
        let (name, after) = after.split_once('}').ok_or("`{` without `}`")?;
        let capture = pattern.places().map(|place| place.capture).find(|capture| capture.name() == name);
        parts.push(Part::Capture(capture.ok_or_else(|| format!("{{{name}}} is not in the topic"))?));
        rest = after;
    }
    if rest.contains('}') {
        return Err("`}` without `{`".to_owned());
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.into()));
    }
    match parts.contains(&Part::Capture(Capture::Device)) {
        true => Ok(parts),
        false => Err("it must contain {device}".to_owned()),
    }
}
