//! How many devices can have an address or a port of their own, and that it gets tight.

use crate::model::DeviceNumber;

/// The devices with the lowest numbers have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// `ipv4`, `ipv6` or `port`.
    pub kind: &'static str,
    pub total: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    #[default]
    Enough,
    /// Nine of ten are given.
    Little,
    None,
}

impl Room {
    pub fn level(&self, numbers_used: DeviceNumber) -> Level {
        let (used, total) = (u64::from(numbers_used), u64::from(self.total));
        match () {
            () if used >= total => Level::None,
            () if used * 10 >= total * 9 => Level::Little,
            () => Level::Enough,
        }
    }

    /// A sentence if there is not enough.
    pub fn shortage(&self, numbers_used: DeviceNumber) -> Option<String> {
        let Room { kind, total } = self;
        let (what, more) = match *kind {
            "ipv4" => ("IPv4 addresses", "add a pool behind the others"),
            "ipv6" => ("IPv6 addresses", "add a pool behind the others"),
            _ => ("ports", "let the range end higher"),
        };
        match self.level(numbers_used) {
            Level::Enough => None,
            Level::Little => {
                Some(format!("[snmp.devices]: {numbers_used} of {total} {what} are given; {more}"))
            }
            Level::None => Some(format!(
                "[snmp.devices]: all {total} {what} are given, and devices with higher numbers have none; {more}"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gets_tight() {
        let room = Room { kind: "ipv4", total: 254 };
        let levels = [0, 228, 229, 253, 254, 300].map(|used| room.level(used));
        use Level::{Enough, Little};
        assert_eq!(levels, [Enough, Enough, Little, Little, Level::None, Level::None]);
        assert_eq!(room.shortage(228), None);
        assert!(
            room.shortage(229).unwrap().starts_with("[snmp.devices]: 229 of 254 IPv4 addresses are given")
        );
    }
}
