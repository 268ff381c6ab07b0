//! What a number in the unit of a profile is in the unit that a role has: the one place where units are converted.

use super::{Quantity::*, Role};

/// What is measured, and so the unit that it is converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Percent of a whole.
    Share,
    /// Volts.
    Voltage,
    /// Amperes.
    Current,
    /// Degrees Celsius.
    Temperature,
    Octets,
    Packets,
    /// True or false: there is nothing to convert.
    Truth,
}

/// (number x `times` + `plus`) / `over`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitScale {
    times: i64,
    plus: i64,
    over: i64,
}

impl Quantity {
    /// How to convert from a unit; `None`: nobody knows.
    fn scale(self, unit: &str) -> Option<UnitScale> {
        match self {
            Share => share(unit),
            Voltage => prefixed(unit)
                .find(|(_, base)| {
                    matches!(*base, "V" | "VDC" | "VAC" | "volt" | "volts" | "volts-dc" | "volts-ac")
                })
                .map(|(exponent, _)| UnitScale::ten_to(exponent)),
            Current => prefixed(unit)
                .find(|(_, base)| matches!(*base, "A" | "amp" | "amps" | "ampere" | "amperes"))
                .map(|(exponent, _)| UnitScale::ten_to(exponent)),
            Temperature => temperature(unit),
            Octets => octets(unit),
            Packets => matches!(unit, "packets" | "frames" | "messages").then_some(UnitScale::ONE),
            Truth => None,
        }
    }

    /// The units that it is measured in, for people.
    pub fn units(self) -> &'static str {
        match self {
            Share => "percent, permille, ratio (from 0 to 1)",
            Voltage => "volts, V; millivolts, mV and so on",
            Current => "amperes, A; milliamperes, mA and so on",
            Temperature => "celsius, fahrenheit, kelvin",
            Octets => "octets, bytes, bits; kB (1000), KiB (1024) and so on",
            Packets => "packets, frames, messages",
            Truth => "none",
        }
    }
}

impl Role {
    /// What a point in the role may measure.
    pub fn quantities(self) -> &'static [Quantity] {
        match self {
            Role::BatteryCharge | Role::ProcessorLoad => &[Share],
            Role::BatteryVoltage => &[Voltage],
            Role::BatteryCurrent => &[Current],
            Role::BatteryTemperature => &[Temperature],
            Role::OctetsReceived | Role::OctetsSent | Role::MemorySize => &[Octets],
            Role::PacketsReceived | Role::PacketsSent => &[Packets],
            Role::MemoryUsed | Role::MemoryFree => &[Octets, Share],
            Role::Antenna => &[Truth],
        }
    }

    /// What a point with this unit measures in the role, and how it is converted; `None`: it cannot play the role. Without
    /// a unit counters count one by one, and a share is a ratio.
    pub fn scale(self, unit: &str) -> Option<(Quantity, UnitScale)> {
        if unit.is_empty() {
            return match self {
                Role::BatteryCharge | Role::ProcessorLoad => Some((Share, UnitScale::RATIO)),
                Role::OctetsReceived | Role::OctetsSent => Some((Octets, UnitScale::ONE)),
                Role::PacketsReceived | Role::PacketsSent => Some((Packets, UnitScale::ONE)),
                Role::Antenna => Some((Truth, UnitScale::ONE)),
                _ => None,
            };
        }
        self.quantities().iter().find_map(|quantity| Some((*quantity, quantity.scale(unit)?)))
    }
}

impl UnitScale {
    const ONE: UnitScale = UnitScale { times: 1, plus: 0, over: 1 };
    const RATIO: UnitScale = UnitScale { times: 100, plus: 0, over: 1 };

    /// Of a power of ten from -18 to 18.
    fn ten_to(exponent: i32) -> UnitScale {
        let power = 10i64.pow(exponent.unsigned_abs());
        match exponent < 0 {
            true => UnitScale { over: power, ..UnitScale::ONE },
            false => UnitScale { times: power, ..UnitScale::ONE },
        }
    }

    /// `number` x 10^-`digits` converted, times 10^`places`; rounded half away from zero, and what lies beyond is the end.
    pub fn convert(self, number: i64, digits: i8, places: u8) -> i64 {
        let ten_to = |exponent: i32| 10i128.pow(exponent.max(0).unsigned_abs());
        let (digits, places) = (i32::from(digits), i32::from(places));
        let product = i128::from(number) * i128::from(self.times);
        let sum = product
            .saturating_mul(ten_to(places - digits))
            .saturating_add(i128::from(self.plus) * ten_to(places.max(digits)));
        let divisor = i128::from(self.over) * ten_to(digits - places);
        let half = divisor / 2 * sum.signum();
        (sum.saturating_add(half) / divisor).clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// A count, modulo 2^64.
    pub fn count(self, number: u64) -> u64 {
        (u128::from(number) * u128::from(self.times.unsigned_abs()) / u128::from(self.over.unsigned_abs()))
            as u64
    }
}

/// What a unit may be: the power of ten of a prefix, and the unit without it.
pub fn prefixed(unit: &str) -> impl Iterator<Item = (i32, &str)> {
    const PREFIXES: [(&str, i32); 17] = [
        ("", 0),
        ("nano", -9),
        ("n", -9),
        ("micro", -6),
        ("u", -6),
        // The micro sign, and the Greek letter.
        ("\u{b5}", -6),
        ("\u{3bc}", -6),
        ("milli", -3),
        ("m", -3),
        ("kilo", 3),
        ("k", 3),
        ("mega", 6),
        ("M", 6),
        ("giga", 9),
        ("G", 9),
        ("tera", 12),
        ("T", 12),
    ];
    PREFIXES.into_iter().filter_map(move |(prefix, exponent)| Some((exponent, unit.strip_prefix(prefix)?)))
}

fn share(unit: &str) -> Option<UnitScale> {
    match unit {
        "percent" | "%" => Some(UnitScale::ONE),
        "permille" | "\u{2030}" => Some(UnitScale::ten_to(-1)),
        "ratio" | "1" => Some(UnitScale::RATIO),
        _ => None,
    }
}

fn temperature(unit: &str) -> Option<UnitScale> {
    match unit {
        "celsius" | "degC" | "°C" | "C" => Some(UnitScale::ONE),
        "fahrenheit" | "degF" | "°F" | "F" => Some(UnitScale { times: 5, plus: -160, over: 9 }),
        "kelvin" | "K" => Some(UnitScale { times: 100, plus: -27_315, over: 100 }),
        _ => None,
    }
}

fn octets(unit: &str) -> Option<UnitScale> {
    const BINARY: [(&str, u32); 8] = [
        ("kibi", 10),
        ("Ki", 10),
        ("mebi", 20),
        ("Mi", 20),
        ("gibi", 30),
        ("Gi", 30),
        ("tebi", 40),
        ("Ti", 40),
    ];
    let over = |base: &str| match base {
        "B" | "byte" | "bytes" | "octet" | "octets" => Some(1),
        "bit" | "bits" => Some(8),
        _ => None,
    };
    let binary = BINARY.into_iter().find_map(|(prefix, power)| {
        Some(UnitScale { times: 1 << power, plus: 0, over: over(unit.strip_prefix(prefix)?)? })
    });
    // Many write KB for kB.
    let unit = if unit == "KB" { "kB" } else { unit };
    let decimal = || {
        prefixed(unit)
            .filter(|(exponent, _)| *exponent >= 0)
            .find_map(|(exponent, base)| Some(UnitScale { over: over(base)?, ..UnitScale::ten_to(exponent) }))
    };
    binary.or_else(decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(role: Role, unit: &str, number: i64, digits: i8, places: u8) -> i64 {
        let (_, scale) = role.scale(unit).unwrap_or_else(|| panic!("{role:?} in {unit:?}"));
        scale.convert(number, digits, places)
    }

    #[test]
    fn numbers_are_converted_to_the_unit_of_the_role() {
        use Role::*;
        for (role, unit, number, digits, places, expected) in [
            (BatteryCharge, "percent", 175, 1, 0, 18),
            (BatteryCharge, "%", 87, 0, 0, 87),
            (BatteryCharge, "", 870, 3, 0, 87),
            (BatteryCharge, "ratio", 5, 1, 0, 50),
            (BatteryCharge, "permille", 874, 0, 0, 87),
            (BatteryCharge, "percent", 8, -1, 0, 80),
            (ProcessorLoad, "", 1, 0, 0, 100),
            (BatteryVoltage, "V", 3712, 3, 3, 3712),
            (BatteryVoltage, "V", 3712, 3, 1, 37),
            (BatteryVoltage, "mV", 3712, 0, 3, 3712),
            (BatteryVoltage, "millivolts", 3750, 0, 1, 38),
            (BatteryVoltage, "kilovolts", 2, 0, 1, 20_000),
            (BatteryCurrent, "nA", 5_000_000, 0, 3, 5),
            (BatteryCurrent, "uA", -2500, 0, 3, -3),
            (BatteryCurrent, "µA", 2499, 0, 3, 2),
            (BatteryCurrent, "\u{3bc}A", 1, -3, 3, 1),
            (BatteryCurrent, "milliamperes", -21, 0, 3, -21),
            (BatteryCurrent, "A", 15, 1, 3, 1500),
            (BatteryTemperature, "celsius", 1925, 2, 1, 193),
            (BatteryTemperature, "fahrenheit", 77, 0, 0, 25),
            (BatteryTemperature, "°F", -40, 0, 1, -400),
            (BatteryTemperature, "fahrenheit", 7725, 2, 1, 251),
            (BatteryTemperature, "kelvin", 29_315, 2, 1, 200),
            (BatteryTemperature, "K", 30, -1, 0, 27),
            (MemorySize, "KiB", 320, 0, 0, 327_680),
            (MemorySize, "KiB", 32, -1, 0, 327_680),
            (MemorySize, "kilobytes", 64, 0, 0, 64_000),
            (MemorySize, "kB", 64, 0, 0, 64_000),
            (MemorySize, "KB", 64, 0, 0, 64_000),
            (MemorySize, "MiB", 15, 1, 0, 1_572_864),
            (MemorySize, "mebibytes", 1, 0, 0, 1_048_576),
            (MemorySize, "Mbit", 8, 0, 0, 1_000_000),
            (MemorySize, "bits", 20, 0, 0, 3),
            (MemoryUsed, "percent", 5, -1, 0, 50),
            (MemorySize, "GiB", i64::MAX, -9, 0, i64::MAX),
            (BatteryTemperature, "fahrenheit", i64::MIN, -9, 1, i64::MIN),
        ] {
            assert_eq!(
                convert(role, unit, number, digits, places),
                expected,
                "{role:?} {number} {unit} {digits}"
            );
        }
    }

    #[test]
    fn counts_go_round() {
        let count = |unit: &str, number| Role::OctetsSent.scale(unit).unwrap().1.count(number);
        assert_eq!(count("", u64::MAX), u64::MAX);
        assert_eq!(count("KiB", 1000), 1_024_000);
        assert_eq!(count("MB", 2), 2_000_000);
        assert_eq!(count("bits", 17), 2);
        assert_eq!(count("KiB", (1 << 54) + 1), 1024);
    }

    #[test]
    fn what_cannot_be_converted_plays_no_role() {
        use Role::*;
        for (role, unit) in [
            (BatteryCharge, "volts"),
            (BatteryVoltage, ""),
            (BatteryVoltage, "mA"),
            (BatteryCurrent, "mAh"),
            (BatteryTemperature, "degrees"),
            (OctetsReceived, "packets"),
            (OctetsReceived, "mB"),
            (MemorySize, "percent"),
            (MemorySize, ""),
            (MemoryUsed, ""),
            (PacketsSent, "bytes"),
            (Antenna, "volts"),
        ] {
            assert_eq!(role.scale(unit), None, "{role:?} in {unit:?}");
        }
        assert_eq!(MemoryFree.scale("percent").map(|(quantity, _)| quantity), Some(Share));
    }
}
