//! What a manager may want of a device: types and values of settings, and where a setting stands.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::{Decimal, write_decimal};

/// A setting of a profile: what it is, and how its device can be asked about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingDef {
    /// fbSettingIndex, as [`super::PointDef::number`].
    pub number: u16,
    pub name: String,
    #[serde(rename = "type")]
    pub ty: SettingType,
    /// Empty if none.
    pub unit: String,
    /// Write-only: no face shows it, and it is never read back.
    pub secret: bool,
    /// The device can be asked for the value that it has.
    pub reads: bool,
    /// The device says which value it has, asked or not.
    pub reports: bool,
    /// The device answers to a write without saying the value.
    pub answers: bool,
    /// Milliseconds from the broker's acknowledgement within which the device is to answer.
    pub timeout: u64,
    /// How often a write is tried again.
    pub retries: u32,
}

impl SettingDef {
    /// A text that is reported as it was written and cannot be asked for: the least that a setting is.
    pub fn named(name: &str) -> SettingDef {
        SettingDef {
            number: 0,
            name: name.to_owned(),
            ty: SettingType::Text,
            unit: String::new(),
            secret: false,
            reads: false,
            reports: false,
            answers: false,
            timeout: 10_000,
            retries: 3,
        }
    }
}

/// The YANG type of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
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

/// A value of a setting, in the terms of its type. Two are equal if the device would do the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SettingValue {
    /// Boolean (0, 1), integer (uint64 as its bits), a decimal times 10^digits, or the place of an enumeration's word.
    Integer(i64),
    Text(Box<str>),
}

impl SettingType {
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

    /// Reads YANG's text of a value (RFC 7950 section 9); `None` if it is none of this type. Ranges are the schema's.
    pub fn parse(&self, text: &str) -> Option<SettingValue> {
        Some(SettingValue::Integer(match self {
            SettingType::Text => return Some(SettingValue::Text(text.into())),
            SettingType::Boolean => match text {
                "true" => 1,
                "false" => 0,
                _ => return None,
            },
            SettingType::Integer { .. } => self.integer(text.parse().ok()?)?,
            SettingType::Decimal { digits } => Decimal::parse(text)?.scaled(*digits as i8)?,
            SettingType::Enumeration(words) => words.iter().position(|word| word == text)? as i64,
        }))
    }

    /// A number as a value of an integer type, if it lies within the type.
    pub fn integer(&self, number: i128) -> Option<i64> {
        match self {
            SettingType::Integer { least, most, .. } => {
                (*least..=*most).contains(&number).then_some(number as i64)
            }
            _ => None,
        }
    }

    /// Appends the canonical text (RFC 7950 section 9) of a value that is no text.
    pub fn write_integer(&self, value: i64, out: &mut String) {
        match self {
            SettingType::Boolean => out.push_str(if value == 0 { "false" } else { "true" }),
            SettingType::Integer { least, .. } if *least >= 0 => {
                let _ = write!(out, "{}", value as u64);
            }
            SettingType::Integer { .. } | SettingType::Text => {
                let _ = write!(out, "{value}");
            }
            SettingType::Decimal { digits } => {
                let start = out.len();
                write_decimal(out, value, *digits as i8);
                // At least one digit after the dot, no further zeros (RFC 7950 section 9.3.2).
                let kept = out.trim_end_matches('0').len().max(start);
                let kept = if out[..kept].ends_with('.') { kept + 1 } else { kept };
                out.truncate(kept);
            }
            SettingType::Enumeration(words) => {
                let word = usize::try_from(value).ok().and_then(|at| words.get(at));
                out.push_str(word.map_or("", |word| word));
            }
        }
    }

    /// Appends the canonical text of a value.
    pub fn write(&self, value: &SettingValue, out: &mut String) {
        match value {
            SettingValue::Integer(value) => self.write_integer(*value, out),
            SettingValue::Text(text) => out.push_str(text),
        }
    }
}

/// Where a setting stands. The discriminants are those of FbSettingStanding in FLEETBRIDGE-MIB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Standing {
    /// The device has what is wanted without having been told, or nothing is wanted.
    InSync = 1,
    /// To be written as soon as the device can be reached, or tried again.
    Pending = 2,
    /// Written; nothing has come back yet.
    Sent = 3,
    /// The device answered to the write, without its value.
    Acked = 4,
    /// The device answered to the write with the value; it is read back next.
    Stored = 5,
    /// The device reports what it was told.
    Effective = 6,
    /// The device reports something else than what is wanted. It is not told again by itself.
    Drifted = 7,
    /// The device refused, or did not answer to any try.
    Failed = 8,
    /// The device does not know this setting.
    Unsupported = 9,
}

impl Standing {
    pub const ALL: [Standing; 9] = [
        Standing::InSync,
        Standing::Pending,
        Standing::Sent,
        Standing::Acked,
        Standing::Stored,
        Standing::Effective,
        Standing::Drifted,
        Standing::Failed,
        Standing::Unsupported,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Standing::InSync => "in-sync",
            Standing::Pending => "pending",
            Standing::Sent => "sent",
            Standing::Acked => "acked",
            Standing::Stored => "stored",
            Standing::Effective => "effective",
            Standing::Drifted => "drifted",
            Standing::Failed => "failed",
            Standing::Unsupported => "unsupported",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text() {
        let words = SettingType::Enumeration(vec!["off".into(), "on".into()]);
        let unsigned = SettingType::Integer { name: "uint64", least: 0, most: u64::MAX.into() };
        let signed = SettingType::Integer { name: "int8", least: -128, most: 127 };
        let decimal = SettingType::Decimal { digits: 3 };
        for (ty, text, shown) in [
            (&SettingType::Boolean, "true", Some("true")),
            (&SettingType::Boolean, "1", None),
            (&unsigned, "18446744073709551615", Some("18446744073709551615")),
            (&unsigned, "-1", None),
            (&signed, "-128", Some("-128")),
            (&signed, "128", None),
            (&decimal, "230.100", Some("230.1")),
            (&decimal, "230", Some("230.0")),
            (&decimal, "-0.05", Some("-0.05")),
            (&decimal, "0", Some("0.0")),
            (&words, "on", Some("on")),
            (&words, "ON", None),
            (&SettingType::Text, " a ", Some(" a ")),
        ] {
            let value = ty.parse(text);
            let found = value.map(|value| {
                let mut out = String::new();
                ty.write(&value, &mut out);
                out
            });
            assert_eq!(found.as_deref(), shown, "{ty:?} {text}");
        }
    }
}
