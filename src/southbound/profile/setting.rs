//! `[[setting]]`: what can be wanted of a device, and `[[refusal]]`: how it says no. `[[command]]` and `[software.X]` are
//! read and validated, so that a profile written today is right when they act.

use super::{IDENTIFIER, Source, answer::AnswerSpec, is_identifier, is_line, is_prose};
use crate::{
    file::{Entry, Section, nearest},
    model::{Decimal, SettingDef, SettingType, SettingValue, write_decimal},
    southbound::codec::{downlink::Template, setting::Reading},
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
    pub(super) reading: Reading,
    /// Where the device says which value it has, that it took one, and that it did not.
    pub(super) reported: Option<AnswerSpec>,
    pub(super) acknowledged: Option<AnswerSpec>,
    pub(super) refused: Option<AnswerSpec>,
    pub(super) read: Option<Template>,
    pub(super) write: Option<Template>,
    /// The device's words in a write.
    pub(super) words: Vec<(SettingValue, Box<str>)>,
}

impl SettingSpec {
    /// As fleet and northbounds see it; its number is 0 until the store has given it.
    pub fn def(&self) -> SettingDef {
        SettingDef {
            number: 0,
            name: self.name.clone(),
            ty: self.ty.clone(),
            unit: self.unit.clone(),
            secret: self.secret,
            reads: self.read.is_some() && self.reported.is_some(),
            reports: self.reported.is_some(),
            answers: self.acknowledged.is_some(),
            timeout: self.timeout,
            retries: self.retries,
        }
    }
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

fn setting_type(entry: &Entry<'_>, digits: Option<u8>, values: Vec<String>) -> Option<SettingType> {
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

/// The bounds of a type as decimals; for texts, those of their length.
fn bounds(ty: &SettingType) -> Option<(i128, i128, u8)> {
    match ty {
        SettingType::Integer { least, most, .. } => Some((*least, *most, 0)),
        SettingType::Decimal { digits } => Some((i64::MIN.into(), i64::MAX.into(), *digits)),
        SettingType::Text => Some((0, 65_535, 0)),
        SettingType::Boolean | SettingType::Enumeration(_) => None,
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
    let names = values.iter().map(|(name, _)| name.clone()).collect();
    let digits_entry = section.key("digits");
    let digits = digits_entry.integer(1..=18u8);
    let ty = setting_type(&section.required_as("type", "\"uint32\""), digits, names);
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
    let reported_entry = section.key("reported");
    let reported = AnswerSpec::read(&reported_entry, true);
    let acknowledged = AnswerSpec::read(&section.key("acknowledged"), false);
    let refused = AnswerSpec::read(&section.key("refused"), false);
    let read_entry = section.key("read");
    let read = downlink(&read_entry, &["device", "parent"], None);
    let write_entry = section.key("write");
    let write = downlink(&write_entry, &["device", "parent", "value"], Some("value"));
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
    if secret && reported_entry.exists() {
        reported_entry.error(
            "a secret is never read back".to_owned(),
            "say `acknowledged` instead: where the device answers that it took it",
        );
    }
    if read_entry.exists() && !reported_entry.exists() {
        read_entry.error(
            "`read` without `reported`".to_owned(),
            "say where the answer comes: reported = { topic = \"...\", path = \"...\" }",
        );
    }
    let default = if secret { None } else { default_entry.scalar_text() };
    let mut words: Vec<(SettingValue, Box<str>)> = values
        .iter()
        .enumerate()
        .filter_map(|(at, (_, word))| Some((SettingValue::Integer(at as i64), word.clone()?)))
        .collect();
    let mut reading = Reading { ty: ty.clone(), words: Vec::new() };
    reading.words.extend(words.iter().map(|(value, word)| (word.clone(), value.clone())));
    if let Some(reported) = &reported {
        reading.words.extend(reported.words(&ty, &reported_entry));
    }
    let write = write.map(|(template, own)| {
        // The words of a write come before those that go both ways.
        let own = own.into_iter().filter_map(|(text, word)| Some((value(&text, &ty, &write_entry)?, word)));
        words.splice(0..0, own);
        template
    });
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
        reading,
        reported,
        acknowledged,
        refused,
        read: read.map(|(template, _)| template),
        write,
        words,
    })
}

/// A value in YANG's text, as the `map` of an entry has it.
pub(super) fn value(text: &str, ty: &SettingType, entry: &Entry<'_>) -> Option<SettingValue> {
    let value = ty.parse(text);
    if value.is_none() {
        entry.error(
            format!("{text:?} in `map` is no value of a {}", ty.name()),
            "example: map = { true = \"ON\", false = \"OFF\" } in `write`, { ON = true, OFF = false } in `reported`",
        );
    }
    value
}

/// `["off", "on"]`, or `{ off = 0, on = 1 }` where the device knows them by other words.
fn values(entry: &Entry<'_>) -> Vec<(String, Option<Box<str>>)> {
    let names: Vec<_> = if entry.is_table() {
        let Some(mut section) = entry.table() else { return Vec::new() };
        let pairs = section.entries();
        section.finish();
        let word =
            |(name, value): &(&str, Entry<'_>)| Some(((*name).to_owned(), Some(value.scalar_text()?.into())));
        pairs.iter().filter_map(word).collect()
    } else {
        entry.strings().into_iter().map(|name| (name.to_owned(), None)).collect()
    };
    if entry.exists() && names.is_empty() {
        entry.error("`values` is empty".to_owned(), "example: values = [\"off\", \"on\"]");
    }
    for (at, (name, _)) in names.iter().enumerate() {
        if name.is_empty() || name.trim() != name || !is_line(name) {
            let help = "a word is not empty and neither begins nor ends with a space";
            entry.error(format!("{name:?} is wrong in `values`"), help);
        }
        if names[..at].iter().any(|(other, _)| other == name) {
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
    let Some((least, most, digits)) = bounds(ty) else {
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

/// The device's words for values, as written.
type Words = Vec<(String, Box<str>)>;

/// `{ topic = "...", payload = "..." }`: what is published to a device. `required` must stand in one of the two.
fn downlink(
    entry: &Entry<'_>,
    allowed: &[&'static str],
    required: Option<&str>,
) -> Option<(Template, Words)> {
    let mut section = entry.table()?;
    let topic_entry = section.required_as("topic", "\"acme/{device}/cmd\"");
    let payload_entry = section.key("payload");
    let (topic, payload) = (topic_entry.str().unwrap_or(""), payload_entry.str().unwrap_or(""));
    let qos = section.key("qos").integer(0..=1u8).unwrap_or(1);
    let retain = section.key("retain").bool().unwrap_or(false);
    let mut words = Words::new();
    if required == Some("value")
        && let Some(mut map) = section.key("map").table()
    {
        let word = |(text, word): (&str, Entry<'_>)| Some((text.to_owned(), word.scalar_text()?.into()));
        words = map.entries().into_iter().filter_map(word).collect();
        map.finish();
    }
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
    Some((Template::new(topic, payload, qos, retain), words))
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
        downlink(&send, &["device", "parent"], None);
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
        downlink(&update, &["device", "parent", "url", "sha256", "version", "size"], None);
        table.key("timeout").duration(1000..=7 * 86_400_000);
        table.finish();
        components.push(component.to_owned());
    }
    section.finish();
    components
}
