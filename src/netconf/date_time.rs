//! date-and-time of RFC 6991, which is RFC 3339 section 5.6.

use crate::model::Time;

/// `None` if it is not one, or before 1970.
pub fn parse(text: &str) -> Option<Time> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let (clock, offset) = rest.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let (millis, offset) = fraction(offset)?;
    let real = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    // A leap second is the first of the next minute.
    if !real || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    let millis = (local - seconds_east(offset)?) * 1000 + millis;
    u64::try_from(millis).ok().map(Time)
}

/// Numbers of so many digits each, with separators between them.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut found = [0; 3];
    for (number, digits) in found.iter_mut().zip(digits) {
        *number = digits_only(parts.next()?).filter(|part| part.len() == digits)?.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn digits_only(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Milliseconds of `.123456`, and what follows.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let digits = digits_only(&rest[..end])?;
    let millis =
        digits.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some((millis, &rest[end..]))
}

fn seconds_east(offset: &str) -> Option<i64> {
    if matches!(offset, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = offset.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (two_digits(hours, 23)?, two_digits(minutes, 59)?);
    let seconds = (hours * 60 + minutes) * 60;
    match sign {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

fn two_digits(text: &str, most: i64) -> Option<i64> {
    let number = digits_only(text).filter(|text| text.len() == 2)?.parse().ok()?;
    (number <= most).then_some(number)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    let in_year: i64 = (1..month).map(|month| days_in(year, month)).sum();
    365 * (year - 1970) + leap_days - 477 + in_year + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2026-11-23T05:07:49.25Z", 1_795_410_469_250),
            ("2026-11-23T07:07:49.2509999+02:00", 1_795_410_469_250),
            ("2016-12-31t18:59:60-05:00", 1_483_228_800_000),
        ] {
            assert_eq!(parse(text), Some(Time(millis)), "{text}");
        }
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T05:07:49",
            "2026-11-23 05:07:49Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-02-00T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T05:07:49.Z",
            "2026-11-23T05:07:49+0200",
            "2026-11-23T05:07:49+24:00",
            "+026-11-23T05:07:49Z",
            "1969-12-31T23:59:59Z",
            "2026-11-23T05:07:4é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for secs in (0..4_000_000_000).step_by(86_399 * 31) {
            let time = Time::from_secs(secs + 1);
            assert_eq!(parse(&time.to_string()), Some(time));
        }
    }
}
