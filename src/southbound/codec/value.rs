//! What a payload has becomes what a point is.

use crate::model::{Decimal, PointType, Reports, Scalar};

/// A value as it stands in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    Null,
    Bool(bool),
    /// In JSON's syntax.
    Number(&'a str),
    /// Without quotes and escapes.
    Text(&'a str),
    /// An object or a list.
    Container,
}

impl<'a> Raw<'a> {
    /// `None` for null and containers.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Raw::Null | Raw::Container => None,
            Raw::Bool(true) => Some("true"),
            Raw::Bool(false) => Some("false"),
            Raw::Number(text) | Raw::Text(text) => Some(text.trim()),
        }
    }
}

/// How raw values of one point are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    pub ty: PointType,
    pub digits: i8,
    /// Value = raw x scale + offset.
    pub scale: Option<Decimal>,
    pub offset: Option<Decimal>,
    /// Words with a meaning of their own; other values are read as usual.
    pub map: Vec<(Box<str>, Mapped)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    Integer(i64),
    Text(Box<str>),
}

/// Longer texts are cut, at a character.
pub const MAX_TEXT: usize = 255;

impl Conversion {
    /// [`Scalar::Bad`] for what is no value of the point's type.
    pub fn apply(&self, raw: Raw<'_>, out: &mut Reports) -> Scalar {
        let Some(text) = raw.text() else { return Scalar::Bad };
        if let Some((_, mapped)) = self.map.iter().find(|(word, _)| **word == *text) {
            return match mapped {
                Mapped::Integer(value) => Scalar::Integer(*value),
                Mapped::Text(text) => Scalar::Text(out.text(text)),
            };
        }
        let number = match self.ty {
            PointType::Text => return Scalar::Text(push_text(text, out)),
            PointType::Boolean => boolean(text),
            PointType::Integer | PointType::Decimal => self.number(text),
            PointType::Counter => self.counter(text),
        };
        number.map_or(Scalar::Bad, Scalar::Integer)
    }

    fn number(&self, text: &str) -> Option<i64> {
        let plain = self.scale.is_none() && self.offset.is_none();
        // An integer may have more digits than a decimal keeps exactly.
        if plain
            && self.digits == 0
            && text.len() > 17
            && let Ok(value) = text.parse()
        {
            return Some(value);
        }
        let number = Decimal::parse(text)?;
        let scaled = match self.scale {
            Some(scale) => number.times(scale)?,
            None => number,
        };
        match self.offset {
            Some(offset) => sum(scaled, offset)?.scaled(self.digits),
            None => scaled.scaled(self.digits),
        }
    }

    /// As the bits of a u64.
    fn counter(&self, text: &str) -> Option<i64> {
        let plain = self.scale.is_none() && self.offset.is_none();
        if plain && let Ok(value) = text.parse::<u64>() {
            return Some(value as i64);
        }
        self.number(text).filter(|value| *value >= 0)
    }
}

/// Copies a text in: at most [`MAX_TEXT`] bytes, control characters as spaces.
pub fn push_text(text: &str, out: &mut Reports) -> crate::model::Span {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or("");
    if !text.chars().any(char::is_control) {
        return out.text(text);
    }
    out.text(&text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
}

pub(super) fn boolean(text: &str) -> Option<i64> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["true", "on", "1"]) {
        return Some(1);
    }
    is(&["false", "off", "0"]).then_some(0)
}

fn sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    let digits = a.digits.max(b.digits);
    let aligned = |value: Decimal| {
        let factor = 10i128.checked_pow(u32::from(digits.abs_diff(value.digits)))?;
        i128::from(value.mantissa).checked_mul(factor)
    };
    let (mut total, mut digits) = (aligned(a)?.checked_add(aligned(b)?)?, digits);
    while i64::try_from(total).is_err() {
        total /= 10;
        digits = digits.checked_sub(1)?;
    }
    Some(Decimal { mantissa: i64::try_from(total).ok()?, digits })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(ty: PointType, digits: i8, raw: Raw<'_>) -> Scalar {
        let conversion = Conversion { ty, digits, scale: None, offset: None, map: Vec::new() };
        conversion.apply(raw, &mut Reports::default())
    }

    #[test]
    fn types() {
        use PointType::{Boolean, Counter, Decimal, Integer};
        use Raw::{Bool, Container, Null, Number, Text};
        for (ty, digits, raw, expected) in [
            (Boolean, 0, Bool(true), Some(1)),
            (Boolean, 0, Number("0"), Some(0)),
            (Boolean, 0, Text("ON"), Some(1)),
            (Boolean, 0, Text("maybe"), None),
            (Boolean, 0, Number("2"), None),
            (Integer, 0, Number("12.5"), Some(13)),
            (Integer, 0, Text(" -7 "), Some(-7)),
            (Integer, 0, Number("9223372036854775807"), Some(i64::MAX)),
            (Integer, 0, Number("9223372036854775808"), None),
            (Integer, 0, Bool(true), None),
            (Decimal, 2, Number("1.005"), Some(101)),
            (Decimal, 1, Text("21.5 C"), None),
            (Decimal, 1, Null, None),
            (Decimal, 1, Container, None),
            (Decimal, 9, Number("1e15"), None),
            (Counter, 0, Number("18446744073709551615"), Some(-1)),
            (Counter, 0, Number("-1"), None),
            (Counter, 0, Number("1e3"), Some(1000)),
        ] {
            let expected = expected.map_or(Scalar::Bad, Scalar::Integer);
            assert_eq!(apply(ty, digits, raw), expected, "{ty:?} {raw:?}");
        }
    }

    #[test]
    fn scale_offset_and_map() {
        let fahrenheit = Conversion {
            ty: PointType::Decimal,
            digits: 1,
            scale: crate::model::Decimal::parse("0.5555555555555556"),
            offset: crate::model::Decimal::parse("-17.77777777777778"),
            map: vec![("n/a".into(), Mapped::Integer(-999))],
        };
        let mut out = Reports::default();
        assert_eq!(fahrenheit.apply(Raw::Number("212"), &mut out), Scalar::Integer(1000));
        assert_eq!(fahrenheit.apply(Raw::Text("n/a"), &mut out), Scalar::Integer(-999));
        assert_eq!(fahrenheit.apply(Raw::Text("n/b"), &mut out), Scalar::Bad);
    }

    #[test]
    fn texts_are_bounded_and_printable() {
        let mut out = Reports::default();
        out.begin(Default::default(), "d", false);
        let span = push_text(&"ä".repeat(200), &mut out);
        assert_eq!(out.str(span).len(), 254);
        let span = push_text("a\u{0}b\nc", &mut out);
        assert_eq!(out.str(span), "a b c");
    }
}
