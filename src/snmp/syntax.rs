//! The kinds of values of SMIv2 (RFC 2578 section 7.1) and how a MIB object is described.

use std::net::{IpAddr, Ipv4Addr};

use crate::model::Time;

use super::oid::Prefix;

/// A value to be sent, borrowed from wherever it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// INTEGER and Integer32.
    Integer(i32),
    Octets(&'a [u8]),
    Oid(&'a Prefix),
    /// A registered identifier and one arc more.
    OidAt(&'a Prefix, u32),
    /// Any identifier, of at least two arcs.
    Arcs(&'a [u32]),
    IpAddress(Ipv4Addr),
    Counter32(u32),
    /// Gauge32 and Unsigned32, which are one on the wire.
    Gauge32(u32),
    TimeTicks(u32),
    Counter64(u64),
    /// DateAndTime in UTC, 11 octets; never is eight zero octets.
    Date(Time),
    /// InetAddress of RFC 4001: 4 or 16 octets.
    Address(IpAddr),
    /// PhysAddress of RFC 2579, of so many octets.
    PhysAddress(([u8; 8], usize)),
}

/// The longest SnmpAdminString (RFC 3411).
pub const MAX_TEXT: usize = 255;

impl<'a> Value<'a> {
    /// An SnmpAdminString or DisplayString: cut at a character boundary to 255 octets.
    pub fn text(text: &'a str) -> Self {
        Value::Octets(&text.as_bytes()[..text.floor_char_boundary(MAX_TEXT)])
    }

    /// As [`text`](Value::text), of a shorter object.
    pub fn text_within(text: &'a str, most: usize) -> Self {
        Value::Octets(&text.as_bytes()[..text.floor_char_boundary(most)])
    }

    /// TruthValue: true(1), false(2).
    pub fn truth(truth: bool) -> Self {
        Value::Integer(if truth { 1 } else { 2 })
    }

    /// Whole seconds as Gauge32; 4294967295 is never.
    pub fn seconds(seconds: Option<u64>) -> Self {
        let most = u64::from(u32::MAX);
        Value::Gauge32(seconds.map_or(u32::MAX, |seconds| seconds.min(most - 1) as u32))
    }
}

/// The octets of a DateAndTime (RFC 2579) in UTC; the second is how many count.
pub fn date_and_time(time: Time) -> ([u8; 11], usize) {
    if time.is_never() {
        return ([0; 11], 8);
    }
    let (year, month, day, hour, minute, second, decisecond) = time.civil();
    let [high, low] = year.to_be_bytes();
    ([high, low, month, day, hour, minute, second, decisecond, b'+', 0, 0], 11)
}

/// The names and numbers of an enumeration.
pub type Labels = &'static [(&'static str, i32)];

pub const TRUTH: Labels = &[("true", 1), ("false", 2)];

/// The base type of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    Integer32,
    Enumeration(Labels),
    Octets,
    Oid,
    Counter32,
    Gauge32,
    Unsigned32,
    TimeTicks,
    Counter64,
}

/// MAX-ACCESS of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    NotAccessible,
    /// Only in notifications.
    Notify,
    ReadOnly,
    ReadWrite,
}

impl Access {
    pub fn writable(self) -> bool {
        self == Access::ReadWrite
    }

    pub fn readable(self) -> bool {
        matches!(self, Access::ReadOnly | Access::ReadWrite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let (octets, len) = date_and_time(Time(1_795_398_917_300));
        assert_eq!(octets[..len], [0x07, 0xea, 11, 23, 1, 55, 17, 3, b'+', 0, 0]);
        assert_eq!(date_and_time(Time::NEVER), ([0; 11], 8));
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = format!("{}ü", "x".repeat(254));
        assert_eq!(Value::text(&text), Value::Octets(&text.as_bytes()[..254]));
        assert_eq!(Value::text("ü"), Value::Octets("ü".as_bytes()));
    }

    #[test]
    fn never_is_the_greatest_age() {
        assert_eq!(Value::seconds(None), Value::Gauge32(u32::MAX));
        assert_eq!(Value::seconds(Some(u64::MAX)), Value::Gauge32(u32::MAX - 1));
        assert_eq!(Value::seconds(Some(7)), Value::Gauge32(7));
    }
}
