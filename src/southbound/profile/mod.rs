//! The profile file: one TOML file for a device type, read once, then compiled.
//!
//! ```toml
//! [profile]                 # name (a YANG identifier), revision, class, manufacturer, model
//! [[uplink]]                # topic, decode, presence, time, device-id, sign-of-life
//! [parent]                  # profile, id: what these devices hang on
//! [identity]                # serial = "/sn", site = { value = "Lübeck" }
//! [uptime]                  # from, unit
//! [[point]]                 # name, from, topic, type, unit, digits, kind, scale, offset, map, time, alarm
//! [[setting]]               # name, type, values, digits, range, unit, default, description, secret, restarts, timeout,
//!                           # retries; reported, read, write, acknowledged, refused
//! [[refusal]]               # topic, path, unsupported, failed: how a device says no to what it was told last
//! [[command]]               # validated now, acts later; so do alarm and software
//! [software.COMPONENT]
//! [presence]                # interval, missed
//! ```
//! Of a setting, `reported = { topic, path, map }` is where the device says which value it has (topic: one or a list; no
//! `path`: the whole text; `map`: its words for values), `acknowledged` where it says that it took a write, `refused`
//! where it says why it did not. `read` and `write = { topic, payload, qos, retain, map }` are what it is sent, with
//! `{device}`, `{parent}` and `{value}` filled in, escaped where the payload is JSON. A setting with `read` is read back
//! after each write.
//!
//! Two steps: [`parse`] gives a [`ProfileFile`], whose [`Profile`] the store then gives its numbers; [`compile`] makes the
//! decoder of an adapter from the files and the numbered profiles.

mod answer;
mod compile;
mod library;
mod origin;
mod point;
mod setting;
mod show;
mod uplink;
mod yang;

use crate::{
    file::{self, Diagnostic, Section},
    model::{Attribute, INTERFACES, PointDef, PresenceRule, Profile, SoftwareDef, UNKNOWN_INTERFACE},
};

pub use crate::model::SettingType;
pub use compile::{CompileError, compile};
pub use library::{Library, Origin, SHIPPED, Shelved};
pub use point::PointSpec;
pub use setting::SettingSpec;
pub use show::write_reports;
pub use uplink::UplinkSpec;
pub use yang::{module, module_name};

use answer::RefusalSpec;
use origin::{Source, TimeSource};

/// A device type, read and valid.
#[derive(Clone, Debug)]
pub struct ProfileFile {
    /// Its numbers and ids are 0 until the store has given them.
    pub profile: Profile,
    /// Of what the file says: comments, order of keys and white space do not change it. The same revision with another
    /// fingerprint is a mistake.
    pub fingerprint: u64,
    pub uplinks: Vec<UplinkSpec>,
    /// The profile of the devices that these hang on.
    pub parent: Option<String>,
    /// As [`Profile::points`], in the order of the file.
    pub points: Vec<PointSpec>,
    pub settings: Vec<SettingSpec>,
    parent_id: Option<Source>,
    identity: Vec<(Attribute, Source)>,
    constants: Vec<(Attribute, Box<str>)>,
    uptime: Option<(Source, u64)>,
    refusals: Vec<RefusalSpec>,
}

/// Whose file it is: only shipped ones have a product number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    Shipped,
    Own,
}

/// More of a kind are refused: they would not fit the numbers that managers see.
const MAX_POINTS: usize = 4096;
const MAX_UPLINKS: usize = 256;

/// Reads a profile file; `name` stands before each problem. Takes any text, also a hostile one.
///
/// # Errors
/// All problems of the file, of which one at least is an error.
pub fn parse(
    name: &str,
    text: &str,
    ownership: Ownership,
) -> Result<(ProfileFile, Vec<Diagnostic>), Vec<Diagnostic>> {
    let outcome = file::read(name, text, |top| read(top, ownership));
    let value = outcome.value.flatten();
    let (mut file, problems) = file::Outcome { value, problems: outcome.problems }.into_result()?;
    file.fingerprint = file::fingerprint(text);
    match compile::check(&file) {
        Ok(()) => Ok((file, problems)),
        Err(error) => {
            Err(vec![Diagnostic::whole_file(name, error.to_string(), "name the levels instead of `*`")])
        }
    }
}

/// Legal as a YANG identifier (RFC 7950, 6.2) of at most 64 characters.
pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 64
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// Text of a line that can stand in a YANG module (RFC 7950 section 14, yang-char).
fn is_line(text: &str) -> bool {
    let noncharacter = |c: char| u32::from(c) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c);
    !text.chars().any(|c| c.is_control() || noncharacter(c))
}

/// As [`is_line`], of any number of lines.
fn is_prose(text: &str) -> bool {
    text.split(['\n', '\t']).all(is_line)
}

/// YYYY-MM-DD (RFC 7950 section 7.1.9), a day of the calendar.
fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |digits: usize, range: std::ops::RangeInclusive<u16>| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        let number = part.bytes().all(|c| c.is_ascii_digit()).then(|| part.parse().ok())??;
        range.contains(&number).then_some(number)
    };
    let (Some(year), Some(month)) = (part(4, 1900..=9999), part(2, 1..=12)) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    part(2, 1..=days).is_some() && parts.next().is_none()
}

const IDENTIFIER: &str =
    "a name of letters, digits, `-`, `_` and `.` that begins with a letter, for example \"room-temp\"";

/// `None` only with a problem noted.
fn read(top: &mut Section<'_>, ownership: Ownership) -> Option<ProfileFile> {
    let profile = head(top, ownership);
    let parent = parent(top);
    let uplinks = uplinks(top, parent.is_some());
    let (identity, constants) = origin::identity(top, &uplinks);
    let uptime = origin::uptime(top, &uplinks);
    let points = point::read_all(top, &uplinks);
    let settings = setting::read_all(top);
    let refusals = RefusalSpec::read_all(top);
    let software = setting::software(top);
    let commands = setting::commands(top);
    let presence = presence(top);
    note_later(top, &points, commands, software.len());
    let (parent, parent_id) = parent.map_or((None, None), |(name, id)| (Some(name), id));
    let mut profile = profile?;
    profile.points = points.iter().map(|(def, _)| def.clone()).collect();
    profile.settings = settings.iter().map(SettingSpec::def).collect();
    profile.software = software.into_iter().map(|component| SoftwareDef { component }).collect();
    profile.presence = presence;
    let points = points.into_iter().map(|(_, spec)| spec).collect();
    Some(ProfileFile {
        profile,
        fingerprint: 0,
        uplinks,
        parent,
        points,
        settings,
        parent_id,
        identity,
        constants,
        uptime,
        refusals,
    })
}

fn head(top: &mut Section<'_>, ownership: Ownership) -> Option<Profile> {
    let has_settings = top.key("setting").exists();
    let entry = top.key("profile");
    if !entry.exists() {
        top.error(
            "the section [profile] is missing".to_owned(),
            "it begins a profile: [profile], name, revision",
        );
        return None;
    }
    let mut section = entry.table()?;
    let name_entry = section.required("name");
    let name = name_entry.parsed(IDENTIFIER, |text| is_identifier(text).then(|| text.to_owned()));
    if name.as_deref().is_some_and(|name| has_settings && !is_identifier(&module_name(name))) {
        name_entry.error(
            "the name is too long for a profile with settings".to_owned(),
            &format!("`{}` is the name of a YANG module, at most 64 characters", module_name("NAME")),
        );
    }
    let revision = section
        .required_as("revision", "\"2026-11-22\"")
        .parsed("a date, because it is the revision of a YANG module, for example \"2026-11-22\"", |text| {
            is_date(text).then(|| text.to_owned())
        });
    let product = section.key("product");
    let product = match (ownership, product.exists()) {
        (Ownership::Own, true) => {
            let help = "leave it out; managers see this profile under fbOwnProfiles";
            product.warning("`product` is for shipped profiles and is ignored here".to_owned(), help);
            None
        }
        _ => product.integer(1..=u32::from(u16::MAX)),
    };
    let class = section.key("class").parsed(IDENTIFIER, |text| is_identifier(text).then(|| text.to_owned()));
    let interface = section.key("interface").one_of(&INTERFACES.map(|(name, _)| name));
    let mut free = |name: &'static str, most: usize| {
        let expected = format!("a text of at most {most} characters");
        let text = section.key(name).parsed(&expected, |text| {
            (text.chars().count() <= most && !text.chars().any(char::is_control)).then(|| text.to_owned())
        });
        text.unwrap_or_default()
    };
    let (manufacturer, model) = (free("manufacturer", 64), free("model", 64));
    free("description", 255);
    section.finish();
    let mut profile = Profile::forgotten(&name?, 0);
    profile.revision = revision?;
    profile.product = product;
    let interface = INTERFACES.into_iter().find(|(name, _)| Some(*name) == interface);
    profile.interface = interface.map_or(UNKNOWN_INTERFACE, |(_, interface)| interface);
    profile.class = class.unwrap_or_else(|| "device".to_owned());
    profile.manufacturer = manufacturer;
    profile.model = model;
    Some(profile)
}

fn parent(top: &mut Section<'_>) -> Option<(String, Option<Source>)> {
    let mut section = top.key("parent").table()?;
    let profile =
        section.required("profile").parsed(IDENTIFIER, |text| is_identifier(text).then(|| text.to_owned()));
    let id = Source::paths(&section.key("id"));
    section.finish();
    Some((profile?, id.map(Source::everywhere)))
}

impl ProfileFile {
    /// [`fingerprint`](ProfileFile::fingerprint) as it is stored.
    pub fn hash(&self) -> [u8; 8] {
        self.fingerprint.to_be_bytes()
    }
}

fn uplinks(top: &mut Section<'_>, has_parent: bool) -> Vec<UplinkSpec> {
    let entry = top.key("uplink");
    if !entry.exists() {
        let help = "example: [[uplink]] with topic = \"sensors/{device}/telemetry\"";
        top.error("a profile needs at least one [[uplink]]".to_owned(), help);
    }
    let mut uplinks: Vec<UplinkSpec> = Vec::new();
    for section in entry.tables() {
        let line = section.line();
        let Some(uplink) = UplinkSpec::read(section, has_parent) else { continue };
        if uplinks.len() == MAX_UPLINKS {
            top.error(format!("more than {MAX_UPLINKS} uplinks"), "");
            break;
        }
        if uplinks.iter().any(|other| other.topic() == uplink.topic()) {
            let help = "join the two into one";
            entry.error(
                format!("the topic {:?} stands in a second [[uplink]] at line {line}", uplink.topic()),
                help,
            );
        }
        uplinks.push(uplink);
    }
    uplinks
}

fn presence(top: &mut Section<'_>) -> PresenceRule {
    let mut rule = PresenceRule { interval: 0, missed: 3 };
    let Some(mut section) = top.key("presence").table() else { return rule };
    let interval = section.required_as("interval", "\"5m\"").duration(1000..=31 * 86_400_000);
    rule.interval = interval.unwrap_or_default();
    rule.missed = section.key("missed").integer(1..=1000u32).unwrap_or(rule.missed);
    section.finish();
    rule
}

/// What is valid and does nothing yet is said, so that nobody waits for it.
fn note_later(top: &Section<'_>, points: &[(PointDef, PointSpec)], commands: usize, software: usize) {
    let alarms = points.iter().filter(|(_, spec)| spec.has_alarm).count();
    let counts = [("alarms", alarms), ("commands", commands), ("software", software)];
    let words: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{what} ({count})"))
        .collect();
    if !words.is_empty() {
        let message =
            format!("{} are valid and kept; this version does not act on them yet", words.join(", "));
        top.note(message, "");
    }
}
