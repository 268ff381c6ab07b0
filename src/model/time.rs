//! Instants as one number.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch in UTC; 0 is [`Time::NEVER`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// It has not happened. Shown as eight zero octets in SNMP and left out elsewhere.
    pub const NEVER: Time = Time(0);

    pub const fn from_secs(secs: u64) -> Self {
        Time(secs * 1000)
    }

    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    pub const fn is_never(self) -> bool {
        self.0 == 0
    }

    /// Milliseconds from `earlier` to `self`, 0 if the clock stepped back.
    pub const fn since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    pub const fn plus_millis(self, millis: u64) -> Self {
        Time(self.0.saturating_add(millis))
    }

    /// So many milliseconds later, or earlier if they are negative; never stays so.
    pub const fn shifted(self, millis: i64) -> Self {
        if self.is_never() { self } else { Time(self.0.saturating_add_signed(millis)) }
    }

    /// `(year, month, day, hour, minute, second, decisecond)` in UTC, by the proleptic Gregorian calendar.
    pub fn civil(self) -> (u16, u8, u8, u8, u8, u8, u8) {
        let days = (self.0 / 86_400_000) as i64;
        let in_day = self.0 % 86_400_000;
        // Days to date: eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (
            year.clamp(0, 65_535) as u16,
            month as u8,
            day as u8,
            (in_day / 3_600_000) as u8,
            (in_day / 60_000 % 60) as u8,
            (in_day / 1000 % 60) as u8,
            (in_day / 100 % 10) as u8,
        )
    }
}

/// RFC 3339 in UTC with seconds, or `never`.
impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_never() {
            return f.write_str("never");
        }
        let (year, month, day, hour, minute, second, _) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn civil_dates() {
        for (secs, text) in [
            (1, "1970-01-01T00:00:01Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_398_917, "2026-11-23T01:55:17Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Time::from_secs(secs).to_string(), text);
        }
        assert_eq!(Time::NEVER.to_string(), "never");
    }
}
