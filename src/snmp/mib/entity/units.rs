//! Units as ENTITY-SENSOR-MIB (RFC 3433) says them.

use crate::model::prefixed;

/// EntitySensorDataType.
pub const OTHER: i32 = 1;
pub const TRUTH_VALUE: i32 = 12;

/// EntitySensorDataScale.
pub const UNITS: i32 = 9;

/// EntitySensorDataType and EntitySensorDataScale of a unit as profiles write it; `None`: the MIB has no type for it.
/// Percent is relative humidity only if the point is one.
pub fn sensor_type(unit: &str, point: &str) -> Option<(i32, i32)> {
    let simple = match unit {
        "celsius" | "degC" | "°C" | "C" => Some(8),
        "percent" | "%" if point.contains("humidity") => Some(9),
        "percentRH" | "%RH" | "percent-rh" => Some(9),
        "rpm" => Some(10),
        "cmm" | "m3/min" => Some(11),
        _ => None,
    };
    let with_prefix = || {
        prefixed(unit).find_map(|(exponent, base)| {
            let data_type = match base {
                "volts-ac" | "VAC" => 3,
                "volts" | "volt" | "volts-dc" | "V" | "VDC" => 4,
                "amperes" | "ampere" | "amps" | "amp" | "A" => 5,
                "watts" | "watt" | "W" => 6,
                "hertz" | "Hz" => 7,
                _ => return None,
            };
            Some((data_type, UNITS + exponent / 3))
        })
    };
    simple.map(|data_type| (data_type, UNITS)).or_else(with_prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_types() {
        for (unit, point, expected) in [
            ("celsius", "temperature", Some((8, UNITS))),
            ("percent", "humidity", Some((9, UNITS))),
            ("percent", "battery", None),
            ("volts", "voltage", Some((4, UNITS))),
            ("millivolts", "voltage", Some((4, 8))),
            ("volts-ac", "voltage", Some((3, UNITS))),
            ("mA", "current", Some((5, 8))),
            ("nA", "current", Some((5, 6))),
            ("microamperes", "current", Some((5, 7))),
            ("\u{3bc}A", "current", Some((5, 7))),
            ("kW", "power", Some((6, 10))),
            ("kilowatts", "power", Some((6, 10))),
            ("MHz", "clock", Some((7, 11))),
            ("hertz", "frequency", Some((7, UNITS))),
            ("m", "distance", None),
            ("dBm", "rssi", None),
            ("", "x", None),
        ] {
            assert_eq!(sensor_type(unit, point), expected, "{unit}");
        }
    }
}
