//! What stands around the bindings of a message that is sent: its PDU (RFC 3416 section 3), and the message of v1 and
//! v2c (RFC 1157, RFC 1901) or v3 (RFC 3412 section 6).

use super::{
    ber::{Cursor, element_len, integer_element_len, tag},
    usm::Secured,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2c,
    V3,
}

/// The message around a PDU.
#[derive(Clone, Copy, Debug)]
pub enum Frame<'a> {
    V1 { community: &'a [u8] },
    V2c { community: &'a [u8] },
    V3(Secured<'a>),
}

/// What stands before the variable bindings.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub frame: Frame<'a>,
    /// Of the PDU.
    pub tag: u8,
    pub request_id: i32,
    pub status: i32,
    pub index: i32,
}

impl Frame<'_> {
    pub fn version(&self) -> Version {
        match self {
            Frame::V1 { .. } => Version::V1,
            Frame::V2c { .. } => Version::V2c,
            Frame::V3(_) => Version::V3,
        }
    }

    /// Octets that stand before the PDU at most.
    fn room(&self) -> usize {
        match self {
            // Two lengths of at most five octets, each with its tag, and the version.
            Frame::V1 { community } | Frame::V2c { community } => 2 * 6 + 3 + community.len(),
            Frame::V3(secured) => secured.room(),
        }
    }

    /// Octets of the message around a PDU of `pdu` octets.
    fn message_len(&self, pdu: usize) -> usize {
        match self {
            Frame::V1 { community } | Frame::V2c { community } => {
                element_len(3 + element_len(community.len()) + pdu)
            }
            Frame::V3(secured) => secured.message_len(pdu),
        }
    }
}

impl Head<'_> {
    /// Octets to leave free before the bindings, so that any head fits.
    pub fn room(&self) -> usize {
        // Two lengths of at most five octets, each with its tag, and three integers of at most six.
        self.frame.room() + 2 * 6 + 3 * 6
    }

    /// Octets of the whole message with bindings of `bindings` octets.
    pub fn message_len(&self, bindings: usize) -> usize {
        self.frame.message_len(element_len(self.pdu_len(bindings)))
    }

    /// The most octets of bindings with which the message stays within `limit`; `None` if not even without.
    pub fn most_bindings(&self, limit: usize) -> Option<usize> {
        let mut bindings = limit.checked_sub(self.message_len(0))?;
        while self.message_len(bindings) > limit {
            bindings -= 1;
        }
        Some(bindings)
    }

    /// Writes the head before the bindings, which begin at [`room`](Head::room), and moves the whole to the front.
    pub fn finish(&self, out: &mut Vec<u8>) {
        let room = self.room();
        let bindings = out.len().saturating_sub(room);
        let pdu = self.pdu_len(bindings);
        match &self.frame {
            Frame::V1 { community } => self.finish_plain(0, community, pdu, bindings, out),
            Frame::V2c { community } => self.finish_plain(1, community, pdu, bindings, out),
            Frame::V3(secured) => {
                let before = secured.before(element_len(pdu));
                let start = room + bindings - element_len(pdu) - before;
                let mut cursor = Cursor { out, at: start };
                let places = secured.write(element_len(pdu), &mut cursor);
                self.write(pdu, bindings, &mut cursor);
                secured.protect(places, out);
                out.drain(..start);
                secured.sign(places.mac - start, out);
            }
        }
    }

    fn finish_plain(&self, version: i32, community: &[u8], pdu: usize, bindings: usize, out: &mut Vec<u8>) {
        let message = 3 + element_len(community.len()) + element_len(pdu);
        let start = self.room() + bindings - element_len(message);
        let mut cursor = Cursor { out, at: start };
        cursor.header(tag::SEQUENCE, message);
        cursor.integer(version);
        cursor.octets(community);
        self.write(pdu, bindings, &mut cursor);
        out.drain(..start);
    }

    /// The PDU up to its bindings.
    fn write(&self, pdu: usize, bindings: usize, cursor: &mut Cursor<'_>) {
        cursor.header(self.tag, pdu);
        cursor.integer(self.request_id);
        cursor.integer(self.status);
        cursor.integer(self.index);
        cursor.header(tag::SEQUENCE, bindings);
    }

    /// Contents of the PDU.
    fn pdu_len(&self, bindings: usize) -> usize {
        let integers = [self.request_id, self.status, self.index];
        integers.iter().map(|&value| integer_element_len(value)).sum::<usize>() + element_len(bindings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_bindings_that_fit() {
        for community in [0, 6, 130] {
            let community = vec![b'x'; community];
            let frame = Frame::V1 { community: &community };
            let head = Head { frame, tag: tag::RESPONSE, request_id: 77_777, status: 0, index: 0 };
            for limit in (160..1000).chain(65_400..65_600) {
                let most = head.most_bindings(limit).unwrap();
                assert!(head.message_len(most) <= limit, "{limit}");
                assert!(head.message_len(most + 1) > limit, "{limit}");
            }
            assert_eq!(head.most_bindings(10), None);
        }
    }
}
