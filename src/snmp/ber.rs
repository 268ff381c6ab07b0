//! Our own BER for the hot path (RFC 3417 section 8): requests are read without a copy, replies are written forwards
//! with minimal definite lengths. `message` holds the same in terms of rasn; a differential test keeps them together.

use super::{
    oid,
    syntax::{Value, date_and_time},
};

pub mod tag {
    pub const INTEGER: u8 = 0x02;
    pub const OCTETS: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const SEQUENCE: u8 = 0x30;
    pub const IP_ADDRESS: u8 = 0x40;
    pub const COUNTER32: u8 = 0x41;
    pub const GAUGE32: u8 = 0x42;
    pub const TIME_TICKS: u8 = 0x43;
    pub const COUNTER64: u8 = 0x46;
    pub const NO_SUCH_OBJECT: u8 = 0x80;
    pub const NO_SUCH_INSTANCE: u8 = 0x81;
    pub const END_OF_MIB_VIEW: u8 = 0x82;
    pub const GET: u8 = 0xa0;
    pub const GET_NEXT: u8 = 0xa1;
    pub const RESPONSE: u8 = 0xa2;
    pub const SET: u8 = 0xa3;
    pub const TRAP_V1: u8 = 0xa4;
    pub const GET_BULK: u8 = 0xa5;
    pub const INFORM: u8 = 0xa6;
    pub const TRAP: u8 = 0xa7;
    pub const REPORT: u8 = 0xa8;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed BER")]
pub struct Malformed;

/// A message up to its PDU, which is read only after version and community have been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// As on the wire: 0 is v1, 1 is v2c, 3 is v3.
    pub version: i32,
    /// Empty if the version is neither v1 nor v2c.
    pub community: &'a [u8],
    pub pdu_tag: u8,
    /// The contents of the PDU.
    pub pdu: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// # Errors
    /// Not a sequence that begins as an SNMP message does. What follows the message is ignored.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Reader(message);
        let mut inner = Reader(outer.contents(tag::SEQUENCE)?);
        let version = inner.integer()?;
        if !matches!(version, 0 | 1) {
            return Ok(Envelope { version, community: &[], pdu_tag: 0, pdu: &[] });
        }
        let community = inner.contents(tag::OCTETS)?;
        let (pdu_tag, pdu) = inner.element()?;
        inner.end()?;
        Ok(Envelope { version, community, pdu_tag, pdu })
    }
}

/// A request PDU (RFC 3416 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pdu<'a> {
    pub request_id: i32,
    /// Error status, or non-repeaters of GETBULK.
    pub status: i32,
    /// Error index, or max-repetitions of GETBULK.
    pub index: i32,
    /// The contents of the variable bindings, as they came.
    pub varbinds: &'a [u8],
}

impl<'a> Pdu<'a> {
    /// # Errors
    /// Not such a PDU. The bindings are not looked at yet.
    pub fn decode(contents: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(contents);
        let pdu = Pdu {
            request_id: reader.integer()?,
            status: reader.integer()?,
            index: reader.integer()?,
            varbinds: reader.contents(tag::SEQUENCE)?,
        };
        reader.end()?;
        Ok(pdu)
    }

    /// The bindings one by one.
    pub fn bindings(&self) -> Bindings<'a> {
        Bindings(Reader(self.varbinds))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// BER contents of the object identifier.
    pub name: &'a [u8],
    pub value_tag: u8,
    pub value: &'a [u8],
}

/// Ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct Bindings<'a>(Reader<'a>);

impl<'a> Iterator for Bindings<'a> {
    type Item = Result<Binding<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.0.is_empty() {
            return None;
        }
        let binding = self.0.binding();
        if binding.is_err() {
            self.0.0 = &[];
        }
        Some(binding)
    }
}

/// Reads one element after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Tag and contents. Definite lengths only; a long form that is longer than needed is accepted.
    pub fn element(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        if tag & 0x1f == 0x1f {
            return Err(Malformed);
        }
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return Err(Malformed);
            }
            let (octets, after) = rest.split_at_checked(count).ok_or(Malformed)?;
            length = octets.iter().fold(0, |length, &octet| length << 8 | usize::from(octet));
            rest = after;
        }
        let (contents, after) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = after;
        Ok((tag, contents))
    }

    pub fn contents(&mut self, expected: u8) -> Result<&'a [u8], Malformed> {
        match self.element()? {
            (tag, contents) if tag == expected => Ok(contents),
            _ => Err(Malformed),
        }
    }

    pub fn integer(&mut self) -> Result<i32, Malformed> {
        let octets = self.contents(tag::INTEGER)?;
        if !(1..=4).contains(&octets.len()) {
            return Err(Malformed);
        }
        let sign = if octets[0] & 0x80 != 0 { -1 } else { 0 };
        Ok(octets.iter().fold(sign, |value, &octet| value << 8 | i32::from(octet)))
    }

    fn binding(&mut self) -> Result<Binding<'a>, Malformed> {
        let mut inner = Reader(self.contents(tag::SEQUENCE)?);
        let name = inner.contents(tag::OID)?;
        let (value_tag, value) = inner.element()?;
        inner.end()?;
        Ok(Binding { name, value_tag, value })
    }

    pub fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Overwrites from `at` on.
pub struct Cursor<'a> {
    pub out: &'a mut Vec<u8>,
    pub at: usize,
}

impl Cursor<'_> {
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    pub fn header(&mut self, tag: u8, length: usize) {
        let (octets, size) = length_octets(length);
        self.bytes(&[tag]);
        self.bytes(&octets[..size]);
    }

    pub fn octets(&mut self, octets: &[u8]) {
        self.header(tag::OCTETS, octets.len());
        self.bytes(octets);
    }

    pub fn integer(&mut self, value: i32) {
        let size = integer_len(value.into());
        self.bytes(&[tag::INTEGER, size as u8]);
        self.bytes(&value.to_be_bytes()[4 - size..]);
    }
}

/// Appends a binding whose name is `head`, the encoded beginning, and whatever `tail` appends.
#[inline]
pub fn push_binding(head: &[u8], tail: impl FnOnce(&mut Vec<u8>), value: &Value<'_>, out: &mut Vec<u8>) {
    let start = begin(tag::SEQUENCE, out);
    let name = begin(tag::OID, out);
    out.extend_from_slice(head);
    tail(out);
    end(name, out);
    push_value(value, out);
    end(start, out);
}

/// Appends a binding whose name is `name` and whose value is an exception or NULL.
pub fn push_empty_binding(name: &[u8], value_tag: u8, out: &mut Vec<u8>) {
    let start = begin(tag::SEQUENCE, out);
    push_octets(tag::OID, name, out);
    out.extend_from_slice(&[value_tag, 0]);
    end(start, out);
}

/// Appends a header whose length [`end`] fills in; returns where the contents begin.
#[inline]
pub fn begin(tag: u8, out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[tag, 0]);
    out.len()
}

#[inline]
pub fn end(start: usize, out: &mut Vec<u8>) {
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
        return;
    }
    let (octets, size) = length_octets(length);
    out.splice(start - 1..start, octets[..size].iter().copied());
}

/// Appends tag, length and contents.
#[inline]
pub fn push_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match *value {
        Value::Integer(value) => push_integer(tag::INTEGER, value.into(), out),
        Value::Octets(octets) => push_octets(tag::OCTETS, octets, out),
        Value::Oid(prefix) => push_octets(tag::OID, prefix.octets(), out),
        Value::OidAt(prefix, arc) => {
            let start = begin(tag::OID, out);
            out.extend_from_slice(prefix.octets());
            oid::push_arc(arc, out);
            end(start, out);
        }
        Value::Arcs(arcs) => {
            let start = begin(tag::OID, out);
            oid::encode(arcs, out);
            end(start, out);
        }
        Value::IpAddress(address) => push_octets(tag::IP_ADDRESS, &address.octets(), out),
        Value::Counter32(value) => push_integer(tag::COUNTER32, value.into(), out),
        Value::Gauge32(value) => push_integer(tag::GAUGE32, value.into(), out),
        Value::TimeTicks(value) => push_integer(tag::TIME_TICKS, value.into(), out),
        Value::Counter64(value) => match i64::try_from(value) {
            Ok(value) => push_integer(tag::COUNTER64, value, out),
            Err(_) => {
                out.extend_from_slice(&[tag::COUNTER64, 9, 0]);
                out.extend_from_slice(&value.to_be_bytes());
            }
        },
        Value::Date(time) => {
            let (octets, len) = date_and_time(time);
            push_octets(tag::OCTETS, &octets[..len], out);
        }
        Value::PhysAddress((octets, len)) => push_octets(tag::OCTETS, &octets[..len], out),
        Value::Address(std::net::IpAddr::V4(address)) => push_octets(tag::OCTETS, &address.octets(), out),
        Value::Address(std::net::IpAddr::V6(address)) => push_octets(tag::OCTETS, &address.octets(), out),
    }
}

/// The contents of the name of a binding of our own.
pub fn binding_name(binding: &[u8]) -> &[u8] {
    Reader(binding).binding().map_or(&[], |binding| binding.name)
}

/// Appends tag, length and contents.
pub fn push_octets(tag: u8, octets: &[u8], out: &mut Vec<u8>) {
    let (length, size) = length_octets(octets.len());
    out.push(tag);
    out.extend_from_slice(&length[..size]);
    out.extend_from_slice(octets);
}

#[inline]
fn push_integer(tag: u8, value: i64, out: &mut Vec<u8>) {
    let size = integer_len(value);
    out.extend_from_slice(&[tag, size as u8]);
    out.extend_from_slice(&value.to_be_bytes()[8 - size..]);
}

/// Octets of an INTEGER with its header.
pub(super) fn integer_element_len(value: i32) -> usize {
    2 + integer_len(value.into())
}

/// Octets of the shortest two's complement.
#[inline]
fn integer_len(value: i64) -> usize {
    let magnitude = if value < 0 { !value } else { value };
    (64 - magnitude.leading_zeros() as usize) / 8 + 1
}

/// Octets of an element with its header.
pub(super) fn element_len(contents: usize) -> usize {
    1 + length_octets(contents).1 + contents
}

fn length_octets(length: usize) -> ([u8; 5], usize) {
    let [.., a, b, c, d] = (length as u64).to_be_bytes();
    match length {
        0..0x80 => ([d, 0, 0, 0, 0], 1),
        0x80..0x100 => ([0x81, d, 0, 0, 0], 2),
        0x100..0x1_0000 => ([0x82, c, d, 0, 0], 3),
        0x1_0000..0x100_0000 => ([0x83, b, c, d, 0], 4),
        _ => ([0x84, a, b, c, d], 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// v2c, community `c`, GETNEXT 1.3.6.1 with request id 5.
    const REQUEST: [u8; 28] = [
        0x30, 26, 2, 1, 1, 4, 1, b'c', 0xa1, 18, 2, 1, 5, 2, 1, 0, 2, 1, 0, 0x30, 7, 0x30, 5, 6, 3, 0x2b, 6,
        1,
    ];

    #[test]
    fn a_binding_needs_a_value() {
        let envelope = Envelope::decode(&REQUEST).unwrap();
        let pdu = Pdu::decode(envelope.pdu).unwrap();
        assert_eq!(pdu.bindings().collect::<Vec<_>>(), [Err(Malformed)]);
    }

    /// With a length of five octets, which is four more than needed.
    fn long(tag: u8, contents: &[u8]) -> Vec<u8> {
        [&[tag, 0x84, 0, 0, 0, contents.len() as u8], contents].concat()
    }

    #[test]
    fn long_lengths_are_read() {
        let bindings = long(tag::SEQUENCE, &long(tag::SEQUENCE, &[6, 1, 0x2b, 5, 0]));
        let integers = [2, 4, 0xff, 0xff, 0xff, 0xff, 2, 2, 0xff, 0x80, 2, 1, 10];
        let pdu = long(tag::GET_BULK, &[&integers[..], &bindings].concat());
        let request = long(tag::SEQUENCE, &[&[2, 1, 1, 4, 1, b'c'], &pdu[..]].concat());
        let pdu = Pdu::decode(Envelope::decode(&request).unwrap().pdu).unwrap();
        assert_eq!((pdu.request_id, pdu.status, pdu.index), (-1, -128, 10));
        assert_eq!(
            pdu.bindings().next(),
            Some(Ok(Binding { name: &[0x2b], value_tag: tag::NULL, value: &[] }))
        );
        assert_eq!(Envelope::decode(&request[..request.len() - 1]), Err(Malformed));
    }

    #[test]
    fn malformed_envelopes() {
        let cases: [&[u8]; 8] = [
            &[],
            &[0x30],
            &[0x30, 0x80, 2, 1, 1, 0, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 3, 2, 1, 1],
            &[0x30, 3, 2, 1],
            &[0x31, 3, 2, 1, 1],
            &[0x30, 2, 2, 0],
            &[0x30, 7, 2, 5, 0, 0, 0, 0, 1],
        ];
        for case in cases {
            assert_eq!(Envelope::decode(case), Err(Malformed), "{case:x?}");
        }
        let v3 = [0x30, 3, 2, 1, 3];
        assert_eq!(Envelope::decode(&v3).unwrap().version, 3);
    }
}
