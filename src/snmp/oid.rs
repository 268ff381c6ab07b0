//! Object identifiers: arcs, their BER contents, and prefixes encoded at compile time.

use std::fmt;

/// RFC 3416 section 3: a name has at most 128 sub-identifiers.
pub const MAX_ARCS: usize = 128;

/// Room for the encoding of every prefix that we register.
const PREFIX_OCTETS: usize = 32;

/// A constant identifier with its BER contents at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    arcs: &'static [u32],
    octets: [u8; PREFIX_OCTETS],
    len: usize,
}

impl Prefix {
    /// For constants: two arcs at least, 32 octets at most, else the build fails.
    pub const fn new(arcs: &'static [u32]) -> Prefix {
        assert!(arcs.len() >= 2 && arcs[0] <= 2 && arcs[1] < 40);
        let mut octets = [0; PREFIX_OCTETS];
        octets[0] = (arcs[0] * 40 + arcs[1]) as u8;
        let (mut len, mut at) = (1, 2);
        while at < arcs.len() {
            let size = arc_octets(arcs[at]);
            let mut left = size;
            while left > 0 {
                left -= 1;
                let more = if left > 0 { 0x80 } else { 0 };
                octets[len] = (arcs[at] >> (7 * left)) as u8 & 0x7f | more;
                len += 1;
            }
            at += 1;
        }
        Prefix { arcs, octets, len }
    }

    pub const fn arcs(&self) -> &'static [u32] {
        self.arcs
    }

    /// BER contents, without tag and length.
    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    /// Where `name` lies relative to all that begins with this prefix.
    pub fn place<'n>(&self, name: &'n [u32]) -> Place<'n> {
        match name.strip_prefix(self.arcs) {
            Some(rest) => Place::Inside(rest),
            None if *name < *self.arcs => Place::Before,
            None => Place::After,
        }
    }
}

/// zeroDotZero of SNMPv2-SMI: none.
pub const ZERO_DOT_ZERO: Prefix = Prefix::new(&[0, 0]);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Dotted(self.arcs).fmt(f)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'n> {
    Before,
    /// The arcs that follow the prefix.
    Inside(&'n [u32]),
    After,
}

/// Prints arcs as `1.3.6.1`.
#[derive(Clone, Copy, Debug)]
pub struct Dotted<'a>(pub &'a [u32]);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, arc) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            write!(f, "{arc}")?;
        }
        Ok(())
    }
}

/// A text of an index that is not the last, or not IMPLIED (RFC 2578 section 7.7): its length comes before it.
pub fn counted(octets: &[u8]) -> impl Iterator<Item = u32> + '_ {
    std::iter::once(octets.len() as u32).chain(octets.iter().map(|octet| u32::from(*octet)))
}

/// The text that an index begins with in that way, and what follows it.
pub fn read_counted(index: &[u32]) -> Option<(Vec<u8>, &[u32])> {
    let (len, rest) = index.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::try_from(*len).ok()?)?;
    let octets = text.iter().map(|arc| u8::try_from(*arc).ok());
    Some((octets.collect::<Option<_>>()?, rest))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a BER object identifier of at most 128 arcs of 32 bits")]
pub struct OidError;

/// Appends the arcs of BER contents to `out`. Empty contents, which some managers send for "the beginning", are 0.0.
///
/// # Errors
/// An arc over 32 bits, with leading zeros or cut off, or more than 128 arcs; `out` may hold some of them.
pub fn decode(octets: &[u8], out: &mut Vec<u32>) -> Result<(), OidError> {
    if octets.is_empty() {
        out.extend([0, 0]);
        return Ok(());
    }
    let start = out.len();
    let (mut arc, mut within) = (0u64, false);
    for &octet in octets {
        if !within && octet == 0x80 {
            return Err(OidError);
        }
        arc = arc << 7 | u64::from(octet & 0x7f);
        within = octet & 0x80 != 0;
        // The first number holds two arcs, so it may exceed 32 bits by 80.
        if arc > u64::from(u32::MAX) + 80 {
            return Err(OidError);
        }
        if within {
            continue;
        }
        if out.len() == start {
            let first = (arc / 40).min(2);
            out.push(first as u32);
            arc -= first * 40;
        }
        out.push(u32::try_from(arc).map_err(|_| OidError)?);
        arc = 0;
        if out.len() - start > MAX_ARCS {
            return Err(OidError);
        }
    }
    if within { Err(OidError) } else { Ok(()) }
}

/// Appends the BER contents of arcs; fewer than two are filled up with zeros.
pub fn encode(arcs: &[u32], out: &mut Vec<u8>) {
    let arc = |at: usize| u64::from(arcs.get(at).copied().unwrap_or(0));
    push_number(arc(0) * 40 + arc(1), out);
    for &arc in arcs.iter().skip(2) {
        push_arc(arc, out);
    }
}

/// Appends one arc that is not among the first two.
#[inline]
pub fn push_arc(arc: u32, out: &mut Vec<u8>) {
    if arc < 0x80 {
        out.push(arc as u8);
    } else {
        push_number(u64::from(arc), out);
    }
}

fn push_number(number: u64, out: &mut Vec<u8>) {
    let mut buffer = [0; 10];
    let mut at = buffer.len() - 1;
    buffer[at] = (number & 0x7f) as u8;
    let mut rest = number >> 7;
    while rest > 0 {
        at -= 1;
        buffer[at] = (rest & 0x7f) as u8 | 0x80;
        rest >>= 7;
    }
    out.extend_from_slice(&buffer[at..]);
}

const fn arc_octets(arc: u32) -> u32 {
    let bits = 32 - arc.leading_zeros();
    if bits == 0 { 1 } else { bits.div_ceil(7) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENTRY: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, 32473, 2, 1, 2, 1]);

    #[test]
    fn constant_prefixes() {
        assert_eq!(ENTRY.octets(), [0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 2, 1, 2, 1]);
        assert_eq!(ENTRY.to_string(), "1.3.6.1.4.1.32473.2.1.2.1");
        let mut octets = Vec::new();
        encode(ENTRY.arcs(), &mut octets);
        assert_eq!(octets, ENTRY.octets());
    }

    #[test]
    fn places() {
        assert_eq!(ENTRY.place(&[1, 3]), Place::Before);
        assert_eq!(ENTRY.place(&[1, 3, 6, 1, 4, 1, 32473, 2, 1, 1, 9]), Place::Before);
        assert_eq!(ENTRY.place(&[1, 3, 6, 1, 4, 1, 32473, 2, 1, 2, 1, 5]), Place::Inside(&[5]));
        assert_eq!(ENTRY.place(&[1, 3, 6, 1, 4, 1, 32473, 2, 1, 2, 2]), Place::After);
        assert_eq!(ENTRY.place(&[2]), Place::After);
    }

    #[test]
    fn malformed_contents() {
        let mut out = Vec::new();
        for bad in [&[0x2b, 0x80, 1][..], &[0x2b, 0x81], &[0x2b, 0x90, 0x80, 0x80, 0x80, 0], &[1; 128]] {
            assert_eq!(decode(bad, &mut out), Err(OidError), "{bad:x?}");
        }
        out.clear();
        decode(&[1; 127], &mut out).unwrap();
        assert_eq!(out.len(), MAX_ARCS);
        out.clear();
        decode(&[], &mut out).unwrap();
        assert_eq!(out, [0, 0]);
    }

    proptest! {
        #[test]
        fn round_trip(first in 0u32..3, second: u32, rest in prop::collection::vec(any::<u32>(), 0..126)) {
            let mut arcs = vec![first, if first < 2 { second % 40 } else { second }];
            arcs.extend(rest);
            let (mut octets, mut back) = (Vec::new(), Vec::new());
            encode(&arcs, &mut octets);
            decode(&octets, &mut back).unwrap();
            prop_assert_eq!(back, arcs);
        }

        #[test]
        fn never_panics(octets: Vec<u8>) {
            let mut arcs = Vec::new();
            if decode(&octets, &mut arcs).is_ok() && !octets.is_empty() {
                let mut back = Vec::new();
                encode(&arcs, &mut back);
                prop_assert_eq!(back, octets);
            }
        }
    }
}
