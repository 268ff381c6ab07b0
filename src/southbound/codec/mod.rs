//! The decoder and encoder that all profiles of an adapter compile into.
//!
//! A message is matched by its topic, a JSON document is walked once, and the rules of the uplink make facts of what was
//! found, in the order of the profile. There is no allocation for a message, except for the rare text with escapes.

pub mod downlink;
pub mod instant;
pub mod json;
pub mod path;
pub mod setting;
pub mod topic;
pub mod trie;
pub mod value;

use std::cell::Cell;

use self::{
    downlink::Writing,
    instant::TimeFormat,
    json::Slot,
    path::Path,
    setting::Reading,
    topic::{Capture, Matcher, Pattern, Place, Topic},
    trie::{Leaf, Trie},
    value::Conversion,
};
use super::{Codec, DecodeError, Downlink, EncodeError, Limits, Uplink};
use crate::{
    fleet::Order,
    model::{Attribute, Availability, Fact, ProfileId, Reports, Scalar, Time},
};

/// Decodes the messages of several profiles that share a connection. Where more than one matches a topic, the first in
/// the given order that recognises the payload wins.
#[derive(Debug)]
pub struct Decoder {
    topics: Vec<String>,
    matcher: Matcher,
    routes: Vec<Compiled>,
    limits: Limits,
    /// By profile and slot of the setting.
    writings: Vec<(ProfileId, Vec<Writing>)>,
}

/// One uplink of one profile.
#[derive(Clone, Debug)]
pub struct Route {
    pub profile: ProfileId,
    pub pattern: Pattern,
    pub payload: Payload,
    pub device: DeviceId,
    /// The profile of the device that this one hangs on.
    pub parent: Option<ProfileId>,
    /// What each message says besides.
    pub constants: Vec<(Attribute, Box<str>)>,
    pub rules: Vec<Rule>,
    /// The rule that gives the message's time.
    pub time: Option<u16>,
    /// A message with no known field still shows that the device lives.
    pub sign_of_life: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    Json,
    Text,
    /// It does not matter.
    None,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceId {
    Topic,
    /// What this rule finds.
    Rule(u16),
    Template(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Literal(Box<str>),
    Capture(Capture),
}

/// A value to take, and what it is for.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Alternatives: the first that is there wins.
    pub sources: Vec<Path>,
    pub target: Target,
}

#[derive(Clone, Debug)]
pub enum Target {
    /// Used by the route or by another rule.
    Id,
    Parent,
    Time(TimeFormat),
    Presence(Vec<(Box<str>, Availability)>),
    Attribute(Attribute),
    /// In so many milliseconds.
    Uptime(u64),
    /// `time` is the rule that gives the value's own time.
    Point {
        slot: u16,
        conversion: Conversion,
        time: Option<u16>,
    },
    /// `slot` is that of the setting.
    Setting {
        slot: u16,
        reading: Reading,
    },
    Acknowledged {
        slot: u16,
    },
    /// Of the setting, or of whatever the device was told last. Words of neither list are no refusal; an empty
    /// list of `failed` has all words.
    Refused {
        slot: Option<u16>,
        unsupported: Vec<Box<str>>,
        failed: Vec<Box<str>>,
    },
}

/// The paths have more wildcards beside each other than can be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wildcards in the paths of one uplink")]
pub struct TooManyWildcards;

#[derive(Debug)]
struct Compiled {
    route: Route,
    trie: Trie,
    device: Option<Place>,
    parent: Option<Place>,
    attributes: Vec<(Attribute, Place)>,
}

impl Decoder {
    /// # Errors
    /// The paths of a route cannot be compiled.
    pub fn new(routes: Vec<Route>, limits: Limits) -> Result<Decoder, TooManyWildcards> {
        let matcher = Matcher::new(routes.iter().map(|route| &route.pattern));
        let mut topics: Vec<String> = Vec::new();
        for route in &routes {
            let filter = route.pattern.filter();
            if !topics.contains(&filter) {
                topics.push(filter);
            }
        }
        let routes = routes.into_iter().map(Compiled::new).collect::<Result<_, _>>()?;
        Ok(Decoder { topics, matcher, routes, limits, writings: Vec::new() })
    }

    /// Adds how the settings of a profile are written, in the order of their slots.
    pub fn add_settings(&mut self, profile: ProfileId, writings: Vec<Writing>) {
        self.writings.push((profile, writings));
    }
}

impl Codec for Decoder {
    fn topics(&self) -> &[String] {
        &self.topics
    }

    fn decode(&self, uplink: &Uplink<'_>, out: &mut Reports) -> Result<(), DecodeError> {
        let topic = Topic::split(uplink.topic).ok_or(DecodeError::UnknownTopic)?;
        let matches = self.matcher.find(&topic);
        let mut result = Err(DecodeError::UnknownTopic);
        if matches.as_slice().is_empty() {
            return result;
        }
        if uplink.payload.len() > self.limits.payload {
            return Err(DecodeError::TooLarge);
        }
        let mut scratch = SCRATCH.take();
        let keep = out.len();
        for route in matches.as_slice().iter().filter_map(|route| self.routes.get(usize::from(*route))) {
            let attempt = route.decode(uplink, &topic, self.limits.json_depth, &mut scratch, out);
            if attempt.is_ok() {
                result = attempt;
                break;
            }
            out.truncate(keep);
            // The first profile's reason is the one to show.
            if result == Err(DecodeError::UnknownTopic) {
                result = attempt;
            }
        }
        SCRATCH.set(scratch);
        result
    }

    fn encode(&self, order: &Order) -> Result<Downlink, EncodeError> {
        let of_profile = self.writings.iter().find(|(profile, _)| *profile == order.profile);
        let writing = of_profile.and_then(|(_, writings)| writings.get(usize::from(order.slot)));
        writing.ok_or(EncodeError::NoWrite)?.encode(order)
    }
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch::new()) };
}

/// Kept from message to message, so that they need no allocation.
#[derive(Default)]
struct Scratch {
    slots: Vec<Slot>,
    plain: String,
    id: String,
}

impl Scratch {
    const fn new() -> Self {
        Scratch { slots: Vec::new(), plain: String::new(), id: String::new() }
    }
}

/// Longer ids are refused, in bytes.
const MAX_ID: usize = 128;

fn is_good_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && !id.chars().any(char::is_control)
}

impl Compiled {
    fn new(route: Route) -> Result<Compiled, TooManyWildcards> {
        let leaves = route.rules.iter().enumerate().flat_map(|(rule, Rule { sources, .. })| {
            let leaf = move |rank: usize| Leaf { rule: rule as u16, rank: rank.min(255) as u8 };
            sources.iter().enumerate().map(move |(rank, path)| (path, leaf(rank)))
        });
        let trie = Trie::new(&leaves.collect::<Vec<_>>()).ok_or(TooManyWildcards)?;
        let place = |wanted: Capture| route.pattern.places().find(|place| place.capture == wanted);
        let attributes = route.pattern.places().filter_map(|place| match place.capture {
            Capture::Attribute(attribute) => Some((attribute, place)),
            Capture::Device | Capture::Parent => None,
        });
        let attributes = attributes.collect();
        Ok(Compiled {
            device: place(Capture::Device),
            parent: place(Capture::Parent),
            attributes,
            trie,
            route,
        })
    }

    fn decode(
        &self,
        uplink: &Uplink<'_>,
        topic: &Topic<'_>,
        depth: u8,
        Scratch { slots, plain, id }: &mut Scratch,
        out: &mut Reports,
    ) -> Result<(), DecodeError> {
        let route = &self.route;
        slots.clear();
        let payload = match route.payload {
            Payload::None => "",
            _ if uplink.payload.is_empty() => return Err(DecodeError::Empty),
            Payload::Json => {
                let payload = std::str::from_utf8(uplink.payload).map_err(|_| DecodeError::NotJson)?;
                slots.resize(route.rules.len(), Slot::EMPTY);
                json::scan(payload, &self.trie, depth, slots)?;
                payload
            }
            Payload::Text => {
                let payload = std::str::from_utf8(uplink.payload).map_err(|_| DecodeError::NotText)?;
                slots.resize(route.rules.len(), Slot::whole(payload));
                payload
            }
        };
        let device = match &route.device {
            DeviceId::Topic => self.device.map_or("", |place| topic.part(place)),
            DeviceId::Rule(rule) => found(slots, Some(*rule))
                .and_then(|slot| slot.raw(payload, plain).text())
                .ok_or(DecodeError::BadDevice)?,
            DeviceId::Template(parts) => {
                id.clear();
                for part in parts {
                    id.push_str(match part {
                        Part::Literal(text) => text,
                        Part::Capture(capture) => {
                            self.captured(topic, *capture).ok_or(DecodeError::BadDevice)?
                        }
                    });
                }
                id
            }
        };
        if !is_good_id(device) {
            return Err(DecodeError::BadDevice);
        }
        out.begin(route.profile, device, uplink.retained);
        if let (Some(profile), Some(place)) = (route.parent, self.parent) {
            let parent = topic.part(place);
            if !is_good_id(parent) {
                return Err(DecodeError::BadDevice);
            }
            out.parent(profile, parent);
        }
        self.push_fixed(topic, out);
        let mut recognised = route.sign_of_life || route.payload == Payload::None;
        let mut failure = DecodeError::NoValues;
        let message_time = self.time(found(slots, route.time), route.time, payload, uplink.now);
        for (rule, slot) in route.rules.iter().zip(&*slots).filter(|(_, slot)| slot.found()) {
            let raw = slot.raw(payload, plain);
            let fact = match &rule.target {
                Target::Id | Target::Time(_) => continue,
                Target::Parent => {
                    if let (Some(profile), Some(parent)) =
                        (route.parent, raw.text().filter(|id| is_good_id(id)))
                    {
                        out.parent(profile, parent);
                    }
                    continue;
                }
                Target::Presence(words) => {
                    let text = raw.text().unwrap_or("");
                    match words.iter().find(|(word, _)| **word == *text) {
                        Some((_, availability)) => Fact::Availability(*availability),
                        None => {
                            failure = DecodeError::UnknownWord;
                            continue;
                        }
                    }
                }
                Target::Attribute(attribute) => match raw.text() {
                    None | Some("") => continue,
                    Some(text) => {
                        Fact::Attribute { attribute: *attribute, text: value::push_text(text, out) }
                    }
                },
                Target::Uptime(unit) => match raw.text().and_then(|text| instant::uptime(text, *unit)) {
                    Some(secs) => Fact::Uptime { secs, time: message_time },
                    None => continue,
                },
                Target::Point { slot, conversion, time } => {
                    let time = match time {
                        Some(_) => self.time(found(slots, *time), *time, payload, uplink.now),
                        None => message_time,
                    };
                    Fact::Point { slot: *slot, value: conversion.apply(raw, out), time }
                }
                Target::Setting { slot, reading } => match reading.apply(raw, out) {
                    Scalar::Bad => continue,
                    value => Fact::Setting { slot: *slot, value },
                },
                Target::Acknowledged { slot } => Fact::Acknowledged { slot: *slot },
                Target::Refused { slot, unsupported, failed } => {
                    let Some(text) = raw.text().filter(|text| !text.is_empty()) else { continue };
                    let is_in = |words: &[Box<str>]| words.iter().any(|word| **word == *text);
                    let unsupported = is_in(unsupported);
                    if !unsupported && !failed.is_empty() && !is_in(failed) {
                        continue;
                    }
                    Fact::Refused { slot: *slot, text: value::push_text(text, out), unsupported }
                }
            };
            out.push(fact);
            recognised = true;
        }
        if recognised { Ok(()) } else { Err(failure) }
    }

    /// What the topic and the profile say in each message.
    fn push_fixed(&self, topic: &Topic<'_>, out: &mut Reports) {
        for (attribute, place) in &self.attributes {
            let text = topic.part(*place);
            if !text.is_empty() {
                let text = value::push_text(text, out);
                out.push(Fact::Attribute { attribute: *attribute, text });
            }
        }
        for (attribute, text) in &self.route.constants {
            let text = out.text(text);
            out.push(Fact::Attribute { attribute: *attribute, text });
        }
    }

    fn captured<'a>(&self, topic: &Topic<'a>, capture: Capture) -> Option<&'a str> {
        let place = match capture {
            Capture::Device => self.device?,
            Capture::Parent => self.parent?,
            Capture::Attribute(wanted) => {
                self.attributes.iter().find(|(attribute, _)| *attribute == wanted)?.1
            }
        };
        Some(topic.part(place)).filter(|part| !part.is_empty())
    }

    fn time(&self, slot: Option<&Slot>, rule: Option<u16>, payload: &str, now: Time) -> Time {
        let (Some(slot), Some(rule)) = (slot, rule) else { return Time::NEVER };
        match self.route.rules.get(usize::from(rule)).map(|rule| &rule.target) {
            Some(Target::Time(format)) => format.read(slot.text(payload).trim(), now),
            _ => Time::NEVER,
        }
    }
}

fn found(slots: &[Slot], rule: Option<u16>) -> Option<&Slot> {
    slots.get(usize::from(rule?)).filter(|slot| slot.found())
}
