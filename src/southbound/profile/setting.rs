//! `[[setting]]`, `[[command]]` and `[software.X]`: read and validated, so that a profile written today is right when they
//! act.

use super::{IDENTIFIER, Source, is_identifier, is_line, is_prose};
use crate::{
    file::{Entry, Section, nearest},
    model::{Decimal, write_decimal},
    southbound::codec::topic::{Capture, Pattern},
};

/// Something that a manager may want of a device.
#[derive(Clone, Debug)]
pub struct SettingSpec {
    pub name: String,
    pub ty: SettingType,
    /// As YANG writes it, for example `10..3600`; for a text, of its length. Empty if none.
    pub range: String,
    /// A regular expression of XML Schema that a text matches as a whole (RFC 7950 section 9.4.5); empty if none. Whether it
    /// is one is seen when the profile's module is loaded.
    pub pattern: String,
    pub unit: String,
    pub description: String,
    /// What a device comes with, in words. Never pushed, never told of a secret.
    pub default: String,
    /// A write makes the device restart.
    pub restarts: bool,
    /// Never shown, and needs authPriv to be set.
    pub secret: bool,
    /// Milliseconds from the broker's acknowledgement of a write.
    pub timeout: u64,
    pub retries: u32,
}

/// The YANG type of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingType {
    Boolean,
    /// The bounds of the type, for example 0 and 255 of uint8.
    Integer {
        name: &'static str,
        least: i128,
        most: i128,
    },
    Decimal {
        digits: u8,
    },
    Text,
    Enumeration(Vec<String>),
}

const TYPES: [&str; 13] = [
    "boolean",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "decimal",
    "string",
    "text",
    "enumeration",
];

impl SettingType {
    fn read(entry: &Entry<'_>, digits: Option<u8>, values: Vec<String>) -> Option<SettingType> {
        let integer = |name, least: i128, most: i128| SettingType::Integer { name, least, most };
        Some(match entry.one_of(&TYPES)? {
            "boolean" => SettingType::Boolean,
            "int8" => integer("int8", i8::MIN.into(), i8::MAX.into()),
            "int16" => integer("int16", i16::MIN.into(), i16::MAX.into()),
            "int32" => integer("int32", i32::MIN.into(), i32::MAX.into()),
            "int64" => integer("int64", i64::MIN.into(), i64::MAX.into()),
            "uint8" => integer("uint8", 0, u8::MAX.into()),
            "uint16" => integer("uint16", 0, u16::MAX.into()),
            "uint32" => integer("uint32", 0, u32::MAX.into()),
            "uint64" => integer("uint64", 0, u64::MAX.into()),
            "decimal" => SettingType::Decimal { digits: digits.unwrap_or(3) },
            "enumeration" => SettingType::Enumeration(values),
            _ => SettingType::Text,
        })
    }

    /// As YANG names it.
    pub fn name(&self) -> &'static str {
        match self {
            SettingType::Boolean => "boolean",
            SettingType::Integer { name, .. } => name,
            SettingType::Decimal { .. } => "decimal64",
            SettingType::Text => "string",
            SettingType::Enumeration(_) => "enumeration",
        }
    }

    /// The bounds of the type as decimals; for texts, those of their length.
    fn bounds(&self) -> Option<(i128, i128, u8)> {
        match self {
            SettingType::Integer { least, most, .. } => Some((*least, *most, 0)),
            SettingType::Decimal { digits } => Some((i64::MIN.into(), i64::MAX.into(), *digits)),
            SettingType::Text => Some((0, 65_535, 0)),
            SettingType::Boolean | SettingType::Enumeration(_) => None,
        }
    }
}

pub(super) fn read_all(top: &mut Section<'_>) -> Vec<SettingSpec> {
    let entry = top.key("setting");
    let mut settings: Vec<SettingSpec> = Vec::new();
    for section in entry.tables() {
        let line = section.line();
        let Some(setting) = read(section) else { continue };
        if settings.iter().any(|other| other.name == setting.name) {
            let message = format!("the setting `{}` is defined a second time at line {line}", setting.name);
            entry.error(message, "rename one");
        }
        settings.push(setting);
    }
    settings
}

fn read(mut section: Section<'_>) -> Option<SettingSpec> {
    let name =
        section.required("name").parsed(IDENTIFIER, |text| is_identifier(text).then(|| text.to_owned()));
    let values_entry = section.key("values");
    let values = values(&values_entry);
    let digits_entry = section.key("digits");
    let digits = digits_entry.integer(1..=18u8);
    let ty = SettingType::read(&section.required_as("type", "\"uint32\""), digits, values);
    let range_entry = section.key("range");
    let pattern_entry = section.key("pattern");
    let default_entry = section.key("default");
    let mut text = |name: &'static str, most: usize, legal: fn(&str) -> bool| {
        let expected = format!("a text of at most {most} characters, none of which is a control character");
        let text = section
            .key(name)
            .parsed(&expected, |text| (text.chars().count() <= most && legal(text)).then(|| text.to_owned()));
        text.unwrap_or_default()
    };
    let unit = text("unit", 64, is_line);
    let description = text("description", 1000, is_prose);
    let reported = section.key("reported");
    check_reported(&reported);
    check_downlink(&section.key("read"), &["device", "parent"], None);
    let write = section.key("write");
    check_downlink(&write, &["device", "parent", "value"], Some("value"));
    let timeout = section.key("timeout").duration(1000..=86_400_000).unwrap_or(10_000);
    let retries = section.key("retries").integer(0..=100u32).unwrap_or(3);
    let secret = section.key("secret").bool().unwrap_or(false);
    let restarts = section.key("restarts").bool().unwrap_or(false);
    section.finish();
    let ty = ty?;
    if values_entry.exists() != matches!(ty, SettingType::Enumeration(_)) {
        values_entry.error(
            "`values` belongs to type = \"enumeration\", and only there".to_owned(),
            "example: values = [\"off\", \"on\"], or { off = 0, on = 1 }",
        );
    }
    if digits_entry.exists() && !matches!(ty, SettingType::Decimal { .. }) {
        digits_entry.error("only a decimal has `digits`".to_owned(), "");
    }
    if pattern_entry.exists() && ty != SettingType::Text {
        pattern_entry.error(format!("a {} has no `pattern`", ty.name()), "only a string has one");
    }
    let pattern = pattern_entry.parsed("a regular expression, for example \"[0-9A-F]{12}\"", |text| {
        is_line(text).then(|| text.to_owned())
    });
    let ranges = ranges(&range_entry, &ty);
    check_default(&default_entry, &ty, &ranges);
    let default = if secret { None } else { default_entry.scalar_text() };
    Some(SettingSpec {
        name: name?,
        range: range_text(&ranges, &ty),
        pattern: pattern.unwrap_or_default(),
        ty,
        unit,
        description,
        default: default.unwrap_or_default(),
        restarts,
        secret,
        timeout,
        retries,
    })
}

/// `["off", "on"]`, or `{ off = 0, on = 1 }` where the device knows them by other words.
fn values(entry: &Entry<'_>) -> Vec<String> {
    let names: Vec<String> = if entry.is_table() {
        let Some(mut section) = entry.table() else { return Vec::new() };
        let pairs = section.entries();
        section.finish();
        pairs
            .iter()
            .filter(|(_, value)| value.scalar_text().is_some())
            .map(|(name, _)| (*name).to_owned())
            .collect()
    } else {
        entry.strings().into_iter().map(str::to_owned).collect()
    };
    if entry.exists() && names.is_empty() {
        entry.error("`values` is empty".to_owned(), "example: values = [\"off\", \"on\"]");
    }
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() || name.trim() != name || !is_line(name) {
            let help = "a word is not empty and neither begins nor ends with a space";
            entry.error(format!("{name:?} is wrong in `values`"), help);
        }
        if names[..at].contains(name) {
            entry.error(format!("{name:?} stands in `values` twice"), "leave one out");
        }
    }
    names
}

/// Parts of a range, in units of the type's last digit.
fn ranges(entry: &Entry<'_>, ty: &SettingType) -> Vec<(i128, i128)> {
    if !entry.exists() {
        return Vec::new();
    }
    let Some((least, most, digits)) = ty.bounds() else {
        entry.error(format!("a {} has no `range`", ty.name()), "");
        return Vec::new();
    };
    let bound = |text: &str| match text.trim() {
        "min" => Some(least),
        "max" => Some(most),
        text => number(text, digits),
    };
    let part = |text: &str| {
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        Some((bound(low)?, bound(high)?)).filter(|(low, high)| low <= high && *low >= least && *high <= most)
    };
    let ascend = |parts: &Vec<(i128, i128)>| parts.windows(2).all(|pair| pair[0].1 < pair[1].0);
    let expected = format!(
        "a range within {} whose parts ascend, for example \"10..3600\" or \"0 | 10..3600\"",
        ty.name()
    );
    entry
        .parsed(&expected, |text| text.split('|').map(part).collect::<Option<_>>().filter(ascend))
        .unwrap_or_default()
}

/// Canonical, whatever way the file writes it (RFC 7950 section 9.2.4).
fn range_text(ranges: &[(i128, i128)], ty: &SettingType) -> String {
    let number = |value: i128| match (ty, i64::try_from(value)) {
        (SettingType::Decimal { digits }, Ok(value)) => {
            let mut text = String::new();
            write_decimal(&mut text, value, *digits as i8);
            text
        }
        _ => value.to_string(),
    };
    let part = |(low, high): &(i128, i128)| {
        if low == high { number(*low) } else { format!("{}..{}", number(*low), number(*high)) }
    };
    ranges.iter().map(part).collect::<Vec<_>>().join(" | ")
}

fn number(text: &str, digits: u8) -> Option<i128> {
    if digits == 0 {
        return text.parse().ok();
    }
    Decimal::parse(text)?.scaled(digits as i8).map(i128::from)
}

fn check_default(entry: &Entry<'_>, ty: &SettingType, ranges: &[(i128, i128)]) {
    if !entry.exists() {
        return;
    }
    let measure = match ty {
        SettingType::Boolean => {
            entry.bool();
            return;
        }
        SettingType::Enumeration(values) => {
            if entry.str().is_some_and(|text| !values.iter().any(|value| value == text)) {
                entry.error(
                    "`default` is none of the `values`".to_owned(),
                    &format!("values: {}", values.join(", ")),
                );
            }
            return;
        }
        SettingType::Text => entry.parsed("a text without control characters", |text| {
            is_line(text).then(|| text.chars().count() as i128)
        }),
        SettingType::Integer { least, most, .. } => entry.integer(*least..=*most),
        SettingType::Decimal { digits } => {
            entry.decimal().and_then(|value| value.scaled(*digits as i8)).map(i128::from)
        }
    };
    let inside =
        |value: i128| ranges.is_empty() || ranges.iter().any(|(low, high)| (*low..=*high).contains(&value));
    if measure.is_some_and(|value| !inside(value)) {
        entry.error("`default` is outside of `range`".to_owned(), &format!("found {}", entry.found()));
    }
}

/// `{ topic = "...", path = "..." }`: where a device reports the value it has.
fn check_reported(entry: &Entry<'_>) {
    let Some(mut section) = entry.table() else { return };
    let topic = section.required_as("topic", "\"acme/{device}/state\"");
    if let Some(text) = topic.str() {
        match Pattern::parse(text) {
            Err(why) => topic.error(format!("the topic {text:?} is wrong: {why}"), ""),
            Ok(pattern) if !pattern.has(Capture::Device) => {
                topic.error("the topic does not say which device it is".to_owned(), "write {device} in it");
            }
            Ok(_) => {}
        }
    }
    Source::paths(&section.key("path"));
    if let Some(mut map) = section.key("map").table() {
        map.entries().iter().for_each(|(_, value)| {
            value.scalar_text();
        });
    }
    section.finish();
}

/// `{ topic = "...", payload = "..." }`: what is published to a device. `required` must stand in one of the two.
fn check_downlink(entry: &Entry<'_>, allowed: &[&'static str], required: Option<&str>) {
    let Some(mut section) = entry.table() else { return };
    let topic_entry = section.required_as("topic", "\"acme/{device}/cmd\"");
    let payload_entry = section.key("payload");
    let (topic, payload) = (topic_entry.str().unwrap_or(""), payload_entry.str().unwrap_or(""));
    section.key("qos").integer(0..=2u8);
    section.key("retain").bool();
    if topic.contains(['+', '#']) {
        topic_entry
            .error("a topic to publish to has no wildcards".to_owned(), "write {device} for the device");
    }
    for (entry, text) in [(&topic_entry, topic), (&payload_entry, payload)] {
        for name in placeholders(text).filter(|name| !allowed.contains(name)) {
            let guess = nearest(name, allowed.iter().copied())
                .map(|guess| format!("did you mean {{{guess}}}? "))
                .unwrap_or_default();
            let names: Vec<String> = allowed.iter().map(|name| format!("{{{name}}}")).collect();
            entry.error(
                format!("unknown placeholder {{{name}}} in {}", entry.label()),
                &format!("{guess}allowed: {}", names.join(", ")),
            );
        }
    }
    if topic_entry.exists() && !placeholders(topic).any(|name| name == "device" || name == "parent") {
        topic_entry.error("the topic does not say which device it is for".to_owned(), "write {device} in it");
    }
    if let Some(required) = required
        && !placeholders(topic).chain(placeholders(payload)).any(|name| name == required)
    {
        let help = "example: payload = '{\"interval\": {value}}'";
        entry.error(format!("neither topic nor payload has {{{required}}}"), help);
    }
    section.finish();
}

/// The names between braces; braces of JSON hold no plain name.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
            .then_some(name)
    })
}

/// `[[command]]`: what a manager may tell a device to do; how many there are.
pub(super) fn commands(top: &mut Section<'_>) -> usize {
    let mut names: Vec<String> = Vec::new();
    let entry = top.key("command");
    for mut section in entry.tables() {
        let name_entry = section.required("name");
        let name = name_entry.parsed(IDENTIFIER, |text| is_identifier(text).then(|| text.to_owned()));
        let send = section.required_as("send", "{ topic = \"acme/{device}/cmd\", payload = \"restart\" }");
        check_downlink(&send, &["device", "parent"], None);
        section.key("timeout").duration(1000..=86_400_000);
        section.key("description").str();
        section.finish();
        let Some(name) = name else { continue };
        if names.contains(&name) {
            name_entry.error(format!("the command `{name}` is defined a second time"), "rename one");
        }
        names.push(name);
    }
    names.len()
}

/// `[software.X]`: components whose version is known and that can be updated; their names.
pub(super) fn software(top: &mut Section<'_>) -> Vec<String> {
    let Some(mut section) = top.key("software").table() else { return Vec::new() };
    let mut components = Vec::new();
    for (component, entry) in section.entries() {
        if !is_identifier(component) {
            entry.error(
                format!("the component's name {component:?} is wrong"),
                &format!("it is {IDENTIFIER}"),
            );
            continue;
        }
        let Some(mut table) = entry.table() else { continue };
        Source::paths(&table.required_as("version", "\"/fw\""));
        let update = table.key("update");
        check_downlink(&update, &["device", "parent", "url", "sha256", "version", "size"], None);
        table.key("timeout").duration(1000..=7 * 86_400_000);
        table.finish();
        components.push(component.to_owned());
    }
    section.finish();
    components
}
