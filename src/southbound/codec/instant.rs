//! Instants and spans of time as devices write them.

use crate::model::{Decimal, Time};

/// How a device writes an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339 in texts; numbers are seconds since 1970, or milliseconds from 100,000,000,000 on.
    #[default]
    Auto,
    Unix,
    UnixMillis,
    Rfc3339,
}

impl TimeFormat {
    pub const NAMES: [&str; 4] = ["auto", "unix", "unix-ms", "rfc3339"];

    pub fn from_name(name: &str) -> Option<TimeFormat> {
        Some(match name {
            "auto" => TimeFormat::Auto,
            "unix" => TimeFormat::Unix,
            "unix-ms" => TimeFormat::UnixMillis,
            "rfc3339" => TimeFormat::Rfc3339,
            _ => return None,
        })
    }

    /// [`Time::NEVER`], which means "now", where the text is no instant, where it is before 2000 (a clock that was never
    /// set) or after `now`.
    pub fn read(self, text: &str, now: Time) -> Time {
        let millis = match self {
            TimeFormat::Unix => seconds(text),
            TimeFormat::UnixMillis => Decimal::parse(text).and_then(|number| number.scaled(0)),
            TimeFormat::Rfc3339 => rfc3339(text),
            TimeFormat::Auto => match Decimal::parse(text) {
                Some(number) if number.scaled(0).is_some_and(|value| value >= 100_000_000_000) => {
                    number.scaled(0)
                }
                Some(_) => seconds(text),
                None => rfc3339(text),
            },
        };
        match millis.and_then(|millis| u64::try_from(millis).ok()) {
            Some(millis) if (YEAR_2000..=now.0).contains(&millis) => Time(millis),
            _ => Time::NEVER,
        }
    }
}

const YEAR_2000: u64 = 946_684_800_000;

/// Seconds since boot: a number in `unit` milliseconds, or a clock, whatever the unit: `[DT]HH:MM:SS` as Tasmota writes
/// it, `26 days 01:11:17` and `10D20H8M9S` as readers do.
pub fn uptime(text: &str, unit: u64) -> Option<u64> {
    if text.contains(':') {
        return colons(text);
    }
    if text.ends_with('S') {
        return letters(text);
    }
    let number = u64::try_from(Decimal::parse(text)?.scaled(0)?).ok()?;
    Some(number.checked_mul(unit)? / 1000)
}

fn colons(text: &str) -> Option<u64> {
    let (days, time) = text.split_once('T').or_else(|| text.split_once(' ')).unwrap_or(("0", text));
    let time = time.trim_start_matches("days").trim_start_matches("day").trim();
    let mut parts = time.split(':');
    let mut next = || parts.next()?.parse::<u64>().ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    if next().is_some() || minutes > 59 || seconds > 59 {
        return None;
    }
    let days: u64 = days.parse().ok()?;
    days.checked_mul(86_400)?.checked_add(hours.checked_mul(3600)?)?.checked_add(minutes * 60 + seconds)
}

fn letters(text: &str) -> Option<u64> {
    let (mut total, mut rest) = (0u64, text);
    for (letter, size) in [('D', 86_400), ('H', 3600), ('M', 60), ('S', 1)] {
        let Some((number, after)) = rest.split_once(letter) else { continue };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(size)?)?;
        rest = after;
    }
    rest.is_empty().then_some(total)
}

/// Milliseconds of seconds with a fraction.
fn seconds(text: &str) -> Option<i64> {
    Decimal::parse(text)?.scaled(3)
}

/// Milliseconds since 1970 of `2026-11-23T01:55:17.5+01:00` (RFC 3339, 5.6). Without an offset it is no instant.
fn rfc3339(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |at: usize, allowed: &[u8]| text.as_bytes().get(at).is_some_and(|byte| allowed.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let ranges =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !ranges {
        return None;
    }
    let rest = text.get(19..)?;
    let digits = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let (fraction, zone) = if rest.starts_with('.') { rest.split_at(1 + digits) } else { ("", rest) };
    let millis = if fraction.is_empty() { 0 } else { Decimal::parse(fraction)?.scaled(3)? };
    let offset = match zone.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = text.len() - 5;
            let minutes = number(at..at + 2)? * 60 + number(at + 3..at + 5)?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let seconds =
        days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset * 60;
    Some(seconds * 1000 + millis)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, for years from 0.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);

    #[test]
    fn instants() {
        for (format, text, millis) in [
            (TimeFormat::Auto, "1795398917", 1_795_398_917_000),
            (TimeFormat::Auto, "1795398917.25", 1_795_398_917_250),
            (TimeFormat::Auto, "1795398917250", 1_795_398_917_250),
            (TimeFormat::Auto, "2026-11-23T01:55:17Z", 1_795_398_917_000),
            (TimeFormat::Rfc3339, "2026-11-23T02:55:17.5+01:00", 1_795_398_917_500),
            (TimeFormat::Rfc3339, "2026-11-22t20:25:17-05:30", 1_795_398_917_000),
            (TimeFormat::Rfc3339, "2000-02-29 23:59:59Z", 951_868_799_000),
            (TimeFormat::Unix, "1e9", 1_000_000_000_000),
            (TimeFormat::UnixMillis, "1795398917250", 1_795_398_917_250),
        ] {
            assert_eq!(format.read(text, NOW), Time(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_means_now() {
        for text in [
            "",
            "0",
            "12",
            "-5",
            "1900000000",
            "soon",
            "2026-11-23T01:55:17",
            "2026-13-01T00:00:00Z",
            "2026-11-23",
            "2026-11-23T01:55:17.Z",
            "2026-11-23T01:55:17+0100",
            "1e999",
            "20261123T015517Z",
            "2026-11-23T01:55:1ä",
        ] {
            assert_eq!(TimeFormat::Auto.read(text, NOW), Time::NEVER, "{text}");
        }
    }

    #[test]
    fn dates_agree_with_the_calendar_of_the_model() {
        for day in (0..40_000).step_by(13) {
            let time = Time::from_secs(day * 86_400 + 1);
            let (year, month, date, ..) = time.civil();
            assert_eq!(days_from_civil(year.into(), month.into(), date.into()), day as i64);
        }
    }

    #[test]
    fn uptimes() {
        assert_eq!(uptime("1T02:03:04", 1000), Some(93_784));
        assert_eq!(uptime("02:03:04", 1000), Some(7384));
        assert_eq!(uptime("1 days 02:03:04", 1000), Some(93_784));
        assert_eq!(uptime("1D2H3M4S", 1000), Some(93_784));
        assert_eq!(uptime("93784", 1000), Some(93_784));
        assert_eq!(uptime("93784500", 1), Some(93_784));
        for bad in [
            "",
            "-1",
            "1:2",
            "x",
            "1T2",
            "1T00:61:00",
            "99999999999999999999T00:00:00",
            "1:2:3:4",
            "xS",
            "1S2D",
        ] {
            assert_eq!(uptime(bad, 1000), None, "{bad}");
        }
    }
}
