//! Requests and a reader of replies, on their own: what judges the agent shares no code with it.

use std::net::SocketAddrV4;

/// A request whose id is four octets at a known place, so that it can be sent many times under new ids.
#[derive(Clone)]
pub struct Request {
    pub bytes: Vec<u8>,
    /// Where it is sent to, if that is not the server's own address.
    pub to: Option<SocketAddrV4>,
    id_at: usize,
}

impl Request {
    pub fn get(name: &[u32]) -> Self {
        Request::get_by("public", name)
    }

    pub fn get_by(community: &str, name: &[u32]) -> Self {
        Request::new(community, 0xa0, 0, 0, name)
    }

    pub fn bulk(name: &[u32], repetitions: u8) -> Self {
        Request::bulk_by("public", name, repetitions)
    }

    pub fn bulk_by(community: &str, name: &[u32], repetitions: u8) -> Self {
        Request::new(community, 0xa5, 0, repetitions, name)
    }

    fn new(community: &str, pdu: u8, first: u8, second: u8, name: &[u32]) -> Self {
        let mut varbind = Vec::new();
        wrap(&mut varbind, 0x06, &octets_of(name));
        varbind.extend([5, 0]);
        let (mut list, mut bindings) = (Vec::new(), Vec::new());
        wrap(&mut list, 0x30, &varbind);
        wrap(&mut bindings, 0x30, &list);
        let mut body = vec![2, 4, 0x01, 0, 0, 0, 2, 1, first, 2, 1, second];
        let after_id = body.len() - 6 + bindings.len();
        body.extend(bindings);
        let mut message = vec![2, 1, 1];
        wrap(&mut message, 0x04, community.as_bytes());
        wrap(&mut message, pdu, &body);
        let mut bytes = Vec::new();
        wrap(&mut bytes, 0x30, &message);
        let id_at = bytes.len() - after_id - 4;
        Request { bytes, to: None, id_at }
    }

    pub fn to(self, to: SocketAddrV4) -> Self {
        Request { to: Some(to), ..self }
    }

    /// `id` is between 2^24 and 2^31, so that its BER is four octets.
    pub fn set_id(&mut self, id: u32) {
        self.bytes[self.id_at..self.id_at + 4].copy_from_slice(&id.to_be_bytes());
    }
}

/// What a reply says.
pub struct Reply {
    pub id: u32,
    /// How many bindings with a value it has.
    pub bindings: usize,
    /// The value of the last one, if it is a number.
    pub number: u64,
    /// The name of the last one, in octets.
    pub name: Vec<u8>,
}

/// Reads a response to the last octet; `None` if it is malformed, an error, or has an exception for a value.
pub fn read(message: &[u8]) -> Option<Reply> {
    let mut message = Reader(message).inside(0x30)?;
    message.inside(0x02)?;
    message.inside(0x04)?;
    let mut pdu = message.inside(0xa2)?;
    let id = pdu.inside(0x02)?.number() as u32;
    if pdu.inside(0x02)?.0 != [0] {
        return None;
    }
    pdu.inside(0x02)?;
    let mut list = pdu.inside(0x30)?;
    let (mut bindings, mut number, mut name) = (0, 0, Vec::new());
    while !list.0.is_empty() {
        let mut binding = list.inside(0x30)?;
        name = binding.inside(0x06)?.0.to_vec();
        let exception = *binding.0.first()? >= 0x80;
        if exception {
            return None;
        }
        number = binding.any()?.1.number();
        bindings += 1;
    }
    Some(Reply { id, bindings, number, name })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn inside(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.any().filter(|(found, _)| *found == tag).map(|(_, inside)| inside)
    }

    fn any(&mut self) -> Option<(u8, Reader<'a>)> {
        let (&[found, first], mut rest) = self.0.split_first_chunk::<2>()?;
        let mut len = usize::from(first);
        if first >= 0x80 {
            let octets = usize::from(first & 0x7f);
            let (head, after) = rest.split_at_checked(octets)?;
            len = head.iter().fold(0, |len, &octet| len << 8 | usize::from(octet));
            rest = after;
        }
        let (inside, after) = rest.split_at_checked(len)?;
        self.0 = after;
        Some((found, Reader(inside)))
    }

    /// The last eight octets as one.
    fn number(&self) -> u64 {
        self.0.iter().fold(0, |number, &octet| number << 8 | u64::from(octet))
    }
}

fn wrap(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    let len = u8::try_from(content.len()).ok().filter(|len| *len < 0x80).expect("short requests only");
    out.extend([tag, len]);
    out.extend_from_slice(content);
}

/// The arcs of a name's octets.
pub fn arcs_of(octets: &[u8]) -> Vec<u32> {
    let mut arcs = vec![u32::from(octets[0] / 40), u32::from(octets[0] % 40)];
    let mut arc = 0;
    for octet in &octets[1..] {
        arc = arc << 7 | u32::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            arcs.push(arc);
            arc = 0;
        }
    }
    arcs
}

fn octets_of(name: &[u32]) -> Vec<u8> {
    let mut octets = vec![(name[0] * 40 + name[1]) as u8];
    for &arc in &name[2..] {
        let groups = (1..5).filter(|group| arc >> (7 * group) != 0).max().unwrap_or(0);
        for group in (0..=groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            octets.push((arc >> (7 * group)) as u8 & 0x7f | more);
        }
    }
    octets
}
