//! `[[point]]`: something that a device measures or states, and when it alarms.

use super::{IDENTIFIER, MAX_POINTS, Source, TimeSource, is_identifier, uplink::UplinkSpec};
use crate::{
    file::{Entry, Section},
    model::{Decimal, PointDef, PointKind, PointType, Quantity, Role},
    southbound::codec::value::{Conversion, MAX_TEXT, Mapped},
};

/// How the values of a point are found and read.
#[derive(Clone, Debug)]
pub struct PointSpec {
    pub name: String,
    pub has_alarm: bool,
    pub(super) source: Source,
    pub(super) conversion: Conversion,
    pub(super) time: Option<TimeSource>,
}

const TYPES: [&str; 5] = ["boolean", "integer", "decimal", "text", "counter"];

/// Severities of RFC 8632.
const SEVERITIES: [&str; 4] = ["critical", "major", "minor", "warning"];

pub(super) fn read_all(top: &mut Section<'_>, uplinks: &[UplinkSpec]) -> Vec<(PointDef, PointSpec)> {
    let entry = top.key("point");
    let mut points: Vec<(PointDef, PointSpec)> = Vec::new();
    for section in entry.tables() {
        let line = section.line();
        let Some(point) = read(section, uplinks) else { continue };
        if points.iter().any(|(def, _)| def.name == point.0.name) {
            entry.error(
                format!("the point `{}` is defined a second time at line {line}", point.0.name),
                "rename one",
            );
        }
        if points.len() == MAX_POINTS {
            entry.error(format!("more than {MAX_POINTS} points"), "split the profile");
            break;
        }
        points.push(point);
    }
    points
}

fn read(mut section: Section<'_>, uplinks: &[UplinkSpec]) -> Option<(PointDef, PointSpec)> {
    let name =
        section.required("name").parsed(IDENTIFIER, |text| is_identifier(text).then(|| text.to_owned()));
    let source = Source::read(&mut section, uplinks);
    let ty = section.required_as("type", "\"decimal\"").one_of(&TYPES).map(point_type);
    let kind = kind(&section.key("kind"), ty);
    let unit_entry = section.key("unit");
    let unit = unit_entry.parsed("a unit of at most 32 characters, for example \"celsius\"", |text| {
        (text.chars().count() <= 32 && !text.chars().any(char::is_control)).then(|| text.to_owned())
    });
    let digits_entry = section.key("digits");
    let digits = digits_entry.integer(-9..=9i8);
    let scale_entry = section.key("scale");
    let scale = scale_entry.decimal();
    let offset_entry = section.key("offset");
    let offset = offset_entry.decimal();
    let role = section.key("role");
    let map = section.key("map");
    let time = TimeSource::read(&section.key("time"));
    let alarm = section.key("alarm");
    section.key("description").str();
    section.finish();
    let (ty, kind) = match (ty?, kind?) {
        (PointType::Integer, PointKind::Counter) => (PointType::Counter, PointKind::Counter),
        other => other,
    };
    let digits = match ty {
        PointType::Decimal => digits.unwrap_or(3),
        _ => {
            if digits_entry.exists() {
                digits_entry.error(
                    "only a decimal has `digits`".to_owned(),
                    "write type = \"decimal\", or leave it out",
                );
            }
            0
        }
    };
    for entry in [&scale_entry, &offset_entry] {
        if entry.exists() && matches!(ty, PointType::Boolean | PointType::Text) {
            entry.error(format!("{} is for numbers", entry.label()), "");
        }
    }
    if scale.is_some_and(|scale| scale.mantissa == 0) {
        scale_entry.error("`scale` cannot be 0".to_owned(), "value = raw * scale + offset");
    }
    let role = read_role(&role, ty, (&unit_entry, unit.as_deref().unwrap_or_default()));
    let map = read_map(&map, ty, digits);
    let has_alarm = alarms(&alarm, ty);
    let name = name?;
    let def =
        PointDef { number: 0, name: name.clone(), ty, kind, unit: unit.unwrap_or_default(), digits, role };
    let conversion = Conversion { ty, digits, scale, offset, map };
    Some((def, PointSpec { name, has_alarm, source: source?, conversion, time }))
}

fn point_type(name: &str) -> PointType {
    match name {
        "boolean" => PointType::Boolean,
        "integer" => PointType::Integer,
        "decimal" => PointType::Decimal,
        "counter" => PointType::Counter,
        _ => PointType::Text,
    }
}

fn kind(entry: &Entry<'_>, ty: Option<PointType>) -> Option<PointKind> {
    let kind = match entry.one_of(&["gauge", "counter", "state"]) {
        Some("gauge") => PointKind::Gauge,
        Some("counter") => PointKind::Counter,
        Some(_) => PointKind::State,
        None => match ty? {
            PointType::Counter => PointKind::Counter,
            PointType::Boolean | PointType::Text => PointKind::State,
            PointType::Integer | PointType::Decimal => PointKind::Gauge,
        },
    };
    match (ty?, kind) {
        (PointType::Counter, PointKind::Gauge | PointKind::State) => {
            entry
                .error("a counter has kind = \"counter\"".to_owned(), "what can fall has type = \"integer\"");
        }
        (PointType::Boolean | PointType::Text, PointKind::Gauge | PointKind::Counter) => {
            entry.error("a boolean or a text has kind = \"state\"".to_owned(), "");
        }
        _ => {}
    }
    Some(kind)
}

/// What counts is counted, the rest is measured, in a unit that can be converted.
fn read_role(entry: &Entry<'_>, ty: PointType, (unit_entry, unit): (&Entry<'_>, &str)) -> Option<Role> {
    let names = Role::ALL.map(|(name, _)| name);
    let name = entry.one_of(&names)?;
    let role = Role::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, role)| role)?;
    let counts =
        matches!(role, Role::OctetsReceived | Role::OctetsSent | Role::PacketsReceived | Role::PacketsSent);
    let wanted = match role {
        _ if counts => "counter",
        Role::Antenna => "boolean",
        _ => "decimal",
    };
    let fits = match ty {
        PointType::Counter => counts,
        PointType::Boolean => role == Role::Antenna,
        PointType::Integer | PointType::Decimal => wanted == "decimal",
        PointType::Text => false,
    };
    if !fits {
        entry.error(
            format!("a point of this type cannot be {name:?}"),
            &format!("it needs type = {wanted:?}"),
        );
        return None;
    }
    let Some((quantity, _)) = role.scale(unit) else {
        let allowed: Vec<_> = role.quantities().iter().map(|quantity| quantity.units()).collect();
        let help = format!("its units: {}", allowed.join("; or "));
        match unit {
            "" => entry.error(format!("a point without a `unit` cannot be {name:?}"), &help),
            _ => unit_entry.error(format!("a point in {unit:?} cannot be {name:?}"), &help),
        }
        return None;
    };
    if quantity == Quantity::Share && unit.is_empty() {
        entry.note(
            format!("{name:?} without a `unit` is a ratio from 0 to 1"),
            "write unit = \"percent\" if it goes to 100",
        );
    }
    Some(role)
}

fn read_map(entry: &Entry<'_>, ty: PointType, digits: i8) -> Vec<(Box<str>, Mapped)> {
    let Some(mut section) = entry.table() else { return Vec::new() };
    let mut map = Vec::new();
    for (word, value) in section.entries() {
        let mapped = match ty {
            PointType::Boolean => value.bool().map(|value| Mapped::Integer(value.into())),
            PointType::Integer => value.integer(i64::MIN..=i64::MAX).map(Mapped::Integer),
            PointType::Counter => value.integer(0..=i64::MAX).map(Mapped::Integer),
            PointType::Decimal => {
                value.decimal().and_then(|number| number.scaled(digits)).map(Mapped::Integer)
            }
            PointType::Text => value
                .parsed("a text of at most 255 bytes", |text| (text.len() <= MAX_TEXT).then(|| text.into()))
                .map(Mapped::Text),
        };
        map.extend(mapped.map(|mapped| (word.trim().into(), mapped)));
    }
    section.finish();
    map
}

/// One alarm or a list of them; whether there is one.
fn alarms(entry: &Entry<'_>, ty: PointType) -> bool {
    entry.one_or_more().iter().filter_map(Entry::table).map(|section| alarm(section, ty)).count() > 0
}

fn alarm(mut section: Section<'_>, ty: PointType) {
    let numeric = matches!(ty, PointType::Integer | PointType::Decimal | PointType::Counter);
    let [high_entry, low_entry, clear_entry] = ["high", "low", "clear"].map(|name| section.key(name));
    let equals = section.key("equals");
    let (high, low, clear) = (high_entry.decimal(), low_entry.decimal(), clear_entry.decimal());
    for entry in [&high_entry, &low_entry, &clear_entry] {
        if entry.exists() && !numeric {
            entry.error(
                format!("{} is for numbers", entry.label()),
                "write equals = ... for a boolean or a text",
            );
        }
    }
    match ty {
        PointType::Boolean => equals.bool().map(|_| ()),
        PointType::Text => equals.str().map(|_| ()),
        _ => equals.decimal().map(|_| ()),
    };
    match [&high_entry, &low_entry, &equals].iter().filter(|entry| entry.exists()).count() {
        0 => section
            .error("an alarm needs one of `high`, `low` and `equals`".to_owned(), "example: high = 60.0"),
        1 => {}
        _ => section.error(
            "an alarm has only one of `high`, `low` and `equals`".to_owned(),
            "write a list: alarm = [{ high = ... }, { low = ... }]",
        ),
    }
    if high.zip(clear).is_some_and(|(high, clear)| above(clear, high)) {
        clear_entry
            .error("`clear` must not be above `high`".to_owned(), "the alarm would clear while it is raised");
    }
    if low.zip(clear).is_some_and(|(low, clear)| above(low, clear)) {
        clear_entry
            .error("`clear` must not be below `low`".to_owned(), "the alarm would clear while it is raised");
    }
    section.required_as("severity", "\"major\"").one_of(&SEVERITIES);
    section.key("text").str();
    section.key("delay").duration(0..=86_400_000);
    section.finish();
}

fn above(a: Decimal, b: Decimal) -> bool {
    match (a.scaled(9), b.scaled(9)) {
        (Some(a), Some(b)) => a > b,
        _ => a.scaled(0) > b.scaled(0),
    }
}
