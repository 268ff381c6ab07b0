//! Which names of devices may stand in a list of hosts: none may take over another host's.

use std::collections::HashSet;

/// Names that are taken, in lower case: names of hosts are the same in any (RFC 4343).
pub(super) struct HostNames(HashSet<String>);

impl HostNames {
    /// With the names of every machine, and of this one.
    pub fn new() -> HostNames {
        let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        HostNames::beside(own.trim())
    }

    fn beside(own: &str) -> HostNames {
        let short = own.split('.').next().unwrap_or_default();
        HostNames(["localhost", "localhost4", "localhost6", own, short].map(str::to_ascii_lowercase).into())
    }

    /// True if the device can be called so: it is a name of a host, and of no other. Ask in the order of their numbers:
    /// who has it first keeps it.
    pub fn take(&mut self, number: u32, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        let of_another = lower
            .strip_prefix("device-")
            .is_some_and(|other| is_number(other) && other != number.to_string());
        let is_name = is_label(name) && !is_address(&lower) && !lower.starts_with("ip6-");
        is_name && !of_another && self.0.insert(lower)
    }
}

/// Resolvers take such a word for an IPv4 address (inet_aton).
fn is_address(lower: &str) -> bool {
    let hexadecimal = lower.strip_prefix("0x");
    is_number(lower)
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// RFC 1123 section 2.1; a name of a device may be more than that.
pub(super) fn is_label(name: &str) -> bool {
    let hyphens_inside = !name.starts_with('-') && !name.ends_with('-');
    (1..=63).contains(&name.len())
        && hyphens_inside
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts() {
        for good in ["plug-7", "A", "0042"] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "-x", "x-", "a_b", "00:11", "a.b", &"x".repeat(64)] {
            assert!(!is_label(bad), "{bad}");
        }
    }

    #[test]
    fn nobody_takes_anothers_name() {
        let mut names = HostNames::beside("Gate.example.net");
        for (number, name) in [(1, "two"), (2, "device-2"), (3, "device-x"), (4, "gateway"), (5, "device-")] {
            assert_eq!(names.take(number, name), name != "device-", "{name}");
        }
        for taken in ["Two", "device-3", "DEVICE-9", "localhost", "LocalHost", "ip6-loopback", "gate", "a.b"]
        {
            assert!(!names.take(7, taken), "{taken}");
        }
        for address in ["7", "0042", "0x7F"] {
            assert!(!names.take(7, address), "{address} is 0.0.0.7 or the like to a resolver");
        }
        assert!(names.take(7, "0x7g"));
    }
}
