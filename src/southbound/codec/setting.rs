//! What a payload has becomes the value of a setting.

use super::value::{Raw, boolean};
use crate::model::{Decimal, Reports, Scalar, SettingType, SettingValue};

/// How the reported values of one setting are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub ty: SettingType,
    /// The device's words for values; other values are read as usual.
    pub words: Vec<(Box<str>, SettingValue)>,
}

/// Longer texts are cut, at a character; such a one equals no desired text.
pub const MAX_TEXT: usize = 4096;

impl Reading {
    /// [`Scalar::Bad`] for what is no value of the setting's type.
    pub fn apply(&self, raw: Raw<'_>, out: &mut Reports) -> Scalar {
        let Some(text) = raw.text() else { return Scalar::Bad };
        let value =
            self.words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| value);
        match value {
            Some(SettingValue::Integer(value)) => return Scalar::Integer(*value),
            Some(SettingValue::Text(text)) => return Scalar::Text(out.text(text)),
            None => {}
        }
        let number = match &self.ty {
            // White space belongs to a text.
            SettingType::Text => return Scalar::Text(push_text(whole(raw).unwrap_or(text), out)),
            SettingType::Boolean => boolean(text),
            SettingType::Integer { .. } => whole_number(text).and_then(|number| self.ty.integer(number)),
            SettingType::Decimal { digits } => {
                Decimal::parse(text).and_then(|number| number.scaled(*digits as i8))
            }
            SettingType::Enumeration(words) => {
                words.iter().position(|word| word.eq_ignore_ascii_case(text)).map(|at| at as i64)
            }
        };
        number.map_or(Scalar::Bad, Scalar::Integer)
    }
}

/// `300`, and also `300.0` and `3e2`.
fn whole_number(text: &str) -> Option<i128> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number = Decimal::parse(text)?;
    let scaled = number.scaled(0)?;
    (number.scaled(3)? == scaled.checked_mul(1000)?).then_some(scaled.into())
}

fn whole<'a>(raw: Raw<'a>) -> Option<&'a str> {
    match raw {
        Raw::Text(text) => Some(text),
        _ => None,
    }
}

/// Control characters that no manager could be shown become spaces.
fn push_text(text: &str, out: &mut Reports) -> crate::model::Span {
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    let hidden = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if !text.contains(hidden) {
        return out.text(text);
    }
    out.text(&text.replace(hidden, " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_what_they_mean() {
        use Raw::{Bool, Number, Text};
        let states = SettingType::Enumeration(vec!["off".into(), "last".into()]);
        let words = vec![("3".into(), SettingValue::Integer(1))];
        let uint16 = SettingType::Integer { name: "uint16", least: 0, most: 65_535 };
        let volts = SettingType::Decimal { digits: 1 };
        for (ty, raw, expected) in [
            (&uint16, Number("300"), Some(300)),
            (&uint16, Text(" 300 "), Some(300)),
            (&uint16, Number("300.0"), Some(300)),
            (&uint16, Number("300.4"), None),
            (&uint16, Number("70000"), None),
            (&volts, Number("230.14"), Some(2301)),
            (&volts, Number("230.15"), Some(2302)),
            (&volts, Number("230"), Some(2300)),
            (&SettingType::Boolean, Text("ON"), Some(1)),
            (&SettingType::Boolean, Bool(false), Some(0)),
            (&SettingType::Boolean, Number("2"), None),
            (&states, Number("3"), Some(1)),
            (&states, Text("OFF"), Some(0)),
            (&states, Text("toggle"), None),
        ] {
            let reading = Reading { ty: ty.clone(), words: words.clone() };
            let expected = expected.map_or(Scalar::Bad, Scalar::Integer);
            assert_eq!(reading.apply(raw, &mut Reports::default()), expected, "{ty:?} {raw:?}");
        }
    }

    #[test]
    fn texts_keep_their_white_space_and_are_bounded() {
        let reading = Reading { ty: SettingType::Text, words: vec![] };
        let mut out = Reports::default();
        let mut shown = |text: &str| match reading.apply(Raw::Text(text), &mut out) {
            Scalar::Text(span) => out.str(span).to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(" a\u{0}b\n"), " a b\n");
        assert_eq!(shown(&"ä".repeat(3000)).len(), MAX_TEXT);
    }
}
