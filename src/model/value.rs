//! Typed values of points, kept as one 64-bit integer or a text.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// The type of a point or a setting, fixed by its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PointType {
    /// 0 or 1.
    Boolean,
    Integer,
    /// An integer that is the value times 10^digits.
    Decimal,
    Text,
    /// An integer that only grows, modulo 2^64.
    Counter,
}

/// How far a value can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    Good,
    /// Older than its allowed age.
    Stale,
    /// The device said itself that the value is not to be trusted, or it could not be read.
    Bad,
    /// No value has come yet.
    Missing,
}

impl Quality {
    pub fn as_str(self) -> &'static str {
        match self {
            Quality::Good => "good",
            Quality::Stale => "stale",
            Quality::Bad => "bad",
            Quality::Missing => "missing",
        }
    }
}

/// A number read from a payload without going through binary floating point: `mantissa` x 10^-`digits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    pub mantissa: i64,
    pub digits: i8,
}

impl Decimal {
    /// Reads JSON's number syntax (also a leading `+`), at most 64 bytes. More than 18 significant digits are
    /// rounded away, an exponent out of range is `None`.
    pub fn parse(text: &str) -> Option<Decimal> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > 64 {
            return None;
        }
        let (negative, mut at) = match bytes[0] {
            b'-' => (true, 1),
            b'+' => (false, 1),
            _ => (false, 0),
        };
        let (mut mantissa, mut digits, mut significant) = (0i64, 0i32, 0u32);
        let (mut seen_digit, mut seen_point) = (false, false);
        while at < bytes.len() {
            match bytes[at] {
                digit @ b'0'..=b'9' => {
                    seen_digit = true;
                    if significant < 18 {
                        mantissa = mantissa * 10 + i64::from(digit - b'0');
                        significant += u32::from(mantissa != 0);
                        digits += i32::from(seen_point);
                    } else {
                        if significant == 18 && digit >= b'5' {
                            mantissa += 1;
                        }
                        significant = 19;
                        digits -= i32::from(!seen_point);
                    }
                }
                b'.' if !seen_point => seen_point = true,
                b'e' | b'E' if seen_digit => {
                    let exponent: i32 = text.get(at + 1..)?.parse().ok()?;
                    digits = digits.checked_sub(exponent)?;
                    at = bytes.len();
                    continue;
                }
                _ => return None,
            }
            at += 1;
        }
        if !seen_digit {
            return None;
        }
        if negative {
            mantissa = -mantissa;
        }
        while digits > i32::from(i8::MAX) && mantissa != 0 {
            mantissa /= 10;
            digits -= 1;
        }
        if mantissa == 0 {
            digits = 0;
        }
        Some(Decimal { mantissa, digits: i8::try_from(digits).ok()? })
    }

    /// The integer that is this value times 10^`digits`, rounded half away from zero; `None` on overflow.
    pub fn scaled(self, digits: i8) -> Option<i64> {
        let shift = i32::from(digits) - i32::from(self.digits);
        if self.mantissa == 0 {
            return Some(0);
        }
        if shift >= 0 {
            let factor = 10i64.checked_pow(u32::try_from(shift).ok()?)?;
            return self.mantissa.checked_mul(factor);
        }
        let Some(divisor) = 10i64.checked_pow(shift.unsigned_abs()) else { return Some(0) };
        let (quotient, rest) = (self.mantissa / divisor, self.mantissa % divisor);
        let up = rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
        Some(quotient + if up { self.mantissa.signum() } else { 0 })
    }

    /// The product, rounded to what fits; `None` on overflow.
    pub fn times(self, factor: Decimal) -> Option<Decimal> {
        let mut product = i128::from(self.mantissa) * i128::from(factor.mantissa);
        let mut digits = i32::from(self.digits) + i32::from(factor.digits);
        while i64::try_from(product).is_err() {
            product /= 10;
            digits -= 1;
        }
        Some(Decimal { mantissa: i64::try_from(product).ok()?, digits: i8::try_from(digits).ok()? })
    }
}

/// Appends `value` x 10^-`digits` in canonical text: a dot, no exponent, exactly `digits` places when positive.
pub fn write_decimal(out: &mut String, value: i64, digits: i8) {
    if digits <= 0 {
        let _ = write!(out, "{value}");
        if value != 0 {
            out.extend(std::iter::repeat_n('0', usize::from(digits.unsigned_abs())));
        }
        return;
    }
    if value < 0 {
        out.push('-');
    }
    let places = usize::from(digits.unsigned_abs());
    let magnitude = value.unsigned_abs();
    match 10u64.checked_pow(places as u32) {
        Some(divisor) => {
            let _ = write!(out, "{}.{:0places$}", magnitude / divisor, magnitude % divisor);
        }
        None => {
            let _ = write!(out, "0.{magnitude:0places$}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: i64, digits: i8) -> String {
        let mut out = String::new();
        write_decimal(&mut out, value, digits);
        out
    }

    #[test]
    fn decimals_keep_their_digits() {
        for (input, digits, scaled) in [
            ("21.5", 1, 215),
            ("-0.05", 1, -1),
            ("-0.04", 1, 0),
            ("1e3", 0, 1000),
            ("1.25E-1", 3, 125),
            ("0.0", 3, 0),
            ("123456789012345678", 0, 123_456_789_012_345_678),
            ("12345", -2, 123),
        ] {
            assert_eq!(Decimal::parse(input).and_then(|d| d.scaled(digits)), Some(scaled), "{input}");
        }
        for bad in ["", "-", ".", "1.2.3", "e5", "nan", "1e", "1e999", "0x10", "1 "] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
        assert_eq!(Decimal::parse("9e18").unwrap().scaled(3), None);
    }

    #[test]
    fn canonical_text() {
        assert_eq!(text(215, 1), "21.5");
        assert_eq!(text(-5, 2), "-0.05");
        assert_eq!(text(0, 3), "0.000");
        assert_eq!(text(12, -2), "1200");
        assert_eq!(text(i64::MIN, 0), "-9223372036854775808");
    }
}
