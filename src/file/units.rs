//! Durations and sizes as people write them.

/// Milliseconds of `500ms`, `30s`, `5m`, `1h30m`, `2d`.
pub fn parse_duration(text: &str) -> Option<u64> {
    sum(text, |unit| match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    })
}

/// Bytes of `512B`, `256KiB`, `4MiB`, `1GiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    sum(text, |unit| match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    })
}

/// The shortest text that [`parse_duration`] reads as these milliseconds.
pub fn write_duration(millis: u64) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    let mut rest = millis;
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= size {
            out.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    out
}

fn sum(text: &str, size: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0u64;
    loop {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, next) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(size(unit)?)?)?;
        if next.is_empty() {
            return Some(total);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("2d", 172_800_000)]
        {
            assert_eq!(parse_duration(text), Some(millis), "{text}");
            assert_eq!(write_duration(millis), text);
        }
        for bad in
            ["", "5", "m", "5 m", "-5s", "5x", "1.5h", "99999999999999999999d", "9999999999999999d", "5m3"]
        {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        assert_eq!(parse_duration("0s"), Some(0));
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_bytes("256KiB"), Some(262_144));
        assert_eq!(parse_bytes("1MiB"), Some(1 << 20));
        assert_eq!(parse_bytes("12B"), Some(12));
        for bad in ["", "1", "1KB", "KiB", "99999999999GiB"] {
            assert_eq!(parse_bytes(bad), None, "{bad}");
        }
    }
}
