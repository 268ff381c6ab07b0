//! The message of v3 around its PDU (RFC 3412 section 6, RFC 3414 section 2.4): read without a copy, written in place.

use super::{
    super::ber::{Cursor, Malformed, Reader, element_len, integer_element_len, tag},
    key::{AuthKey, PrivKey, Salted},
};

/// The version of v3 on the wire.
pub const V3: i32 = 3;

/// USM among the security models (RFC 3411, SnmpSecurityModel).
pub const MODEL: i32 = 3;

/// The least that msgMaxSize may be.
pub const LEAST_MAX_SIZE: i32 = 484;

/// Bits of msgFlags.
mod flag {
    pub const AUTH: u8 = 1;
    pub const PRIV: u8 = 2;
    pub const REPORTABLE: u8 = 4;
}

/// SnmpSecurityLevel of RFC 3411; a higher one has all that a lower one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    NoAuthNoPriv = 1,
    AuthNoPriv = 2,
    AuthPriv = 3,
}

/// A message as it came, up to what may be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub id: i32,
    /// What the sender can take.
    pub max_size: i32,
    /// `None`: privacy without authentication, which there is not.
    pub level: Option<Level>,
    pub reportable: bool,
    pub model: i32,
    /// msgSecurityParameters, and where they begin in the message.
    parameters: (&'a [u8], usize),
    /// A scoped PDU if the level is without privacy, else its cipher text.
    pub data: &'a [u8],
    /// The whole message without what follows it.
    pub whole: &'a [u8],
}

/// msgSecurityParameters of USM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters<'a> {
    pub engine: &'a [u8],
    pub boots: i32,
    pub time: i32,
    pub user: &'a [u8],
    pub mac: &'a [u8],
    /// Where the code stands in the message.
    pub mac_at: usize,
    pub salt: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scoped<'a> {
    pub engine: &'a [u8],
    pub name: &'a [u8],
    pub pdu_tag: u8,
    pub pdu: &'a [u8],
}

impl<'a> Message<'a> {
    /// # Errors
    /// Not a message of v3. What follows it is ignored.
    pub fn decode(message: &'a [u8]) -> Result<Message<'a>, Malformed> {
        let mut outer = Reader(message);
        let contents = outer.contents(tag::SEQUENCE)?;
        let whole = &message[..message.len() - outer.0.len()];
        let mut inner = Reader(contents);
        if inner.integer()? != V3 {
            return Err(Malformed);
        }
        let mut global = Reader(inner.contents(tag::SEQUENCE)?);
        let (id, max_size) = (global.integer()?, global.integer()?);
        let &[flags] = global.contents(tag::OCTETS)? else { return Err(Malformed) };
        let model = global.integer()?;
        global.end()?;
        let parameters = inner.contents(tag::OCTETS)?;
        let level = match flags & (flag::AUTH | flag::PRIV) {
            0 => Some(Level::NoAuthNoPriv),
            flag::AUTH => Some(Level::AuthNoPriv),
            flag::PRIV => None,
            _ => Some(Level::AuthPriv),
        };
        let encrypted = flags & flag::PRIV != 0;
        let data = inner.contents(if encrypted { tag::OCTETS } else { tag::SEQUENCE })?;
        inner.end()?;
        if id < 0 || max_size < LEAST_MAX_SIZE || model < 1 {
            return Err(Malformed);
        }
        let at = parameters.as_ptr().addr() - message.as_ptr().addr();
        let reportable = flags & flag::REPORTABLE != 0;
        Ok(Message { id, max_size, level, reportable, model, parameters: (parameters, at), data, whole })
    }

    /// Whether the scoped PDU is there to be read.
    pub fn is_plain(&self) -> bool {
        self.level.is_some_and(|level| level < Level::AuthPriv)
    }

    /// # Errors
    /// Not those of USM.
    pub fn parameters(&self) -> Result<Parameters<'a>, Malformed> {
        let (octets, at) = self.parameters;
        let mut outer = Reader(octets);
        let mut inner = Reader(outer.contents(tag::SEQUENCE)?);
        outer.end()?;
        let engine = inner.contents(tag::OCTETS)?;
        let (boots, time) = (inner.integer()?, inner.integer()?);
        let user = inner.contents(tag::OCTETS)?;
        let mac = inner.contents(tag::OCTETS)?;
        let salt = inner.contents(tag::OCTETS)?;
        inner.end()?;
        if boots < 0 || time < 0 || engine.len() > 32 || user.len() > 32 {
            return Err(Malformed);
        }
        let mac_at = at + mac.as_ptr().addr() - octets.as_ptr().addr();
        Ok(Parameters { engine, boots, time, user, mac, mac_at, salt })
    }
}

impl<'a> Scoped<'a> {
    /// From the contents of its sequence.
    ///
    /// # Errors
    /// No scoped PDU.
    pub fn decode(contents: &'a [u8]) -> Result<Scoped<'a>, Malformed> {
        let mut reader = Reader(contents);
        let engine = reader.contents(tag::OCTETS)?;
        let name = reader.contents(tag::OCTETS)?;
        let (pdu_tag, pdu) = reader.element()?;
        reader.end()?;
        Ok(Scoped { engine, name, pdu_tag, pdu })
    }

    /// From what was decrypted, behind which there may be padding.
    ///
    /// # Errors
    /// No scoped PDU.
    pub fn decode_padded(text: &'a [u8]) -> Result<Scoped<'a>, Malformed> {
        Scoped::decode(Reader(text).contents(tag::SEQUENCE)?)
    }
}

/// A message that is sent. Its level follows from its keys.
#[derive(Clone, Copy)]
pub struct Secured<'a> {
    pub id: i32,
    /// What this engine can take.
    pub max_size: i32,
    /// An answer is wanted if it goes wrong.
    pub reportable: bool,
    pub engine: &'a [u8],
    pub boots: i32,
    pub time: i32,
    pub user: &'a [u8],
    pub auth: Option<&'a AuthKey>,
    /// With a salt of its own.
    pub private: Option<(&'a PrivKey, [u8; 8])>,
    pub context_engine: &'a [u8],
    pub context: &'a [u8],
}

impl std::fmt::Debug for Secured<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secured({}, {:?})", self.id, self.level())
    }
}

/// Where in a message stands what is written last.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    pub mac: usize,
    scoped: usize,
}

impl Secured<'_> {
    pub fn level(&self) -> Level {
        match (self.auth, self.private) {
            (None, _) => Level::NoAuthNoPriv,
            (Some(_), None) => Level::AuthNoPriv,
            (Some(_), Some(_)) => Level::AuthPriv,
        }
    }

    /// Octets that stand before the PDU at most.
    pub fn room(&self) -> usize {
        let texts =
            2 * self.engine.len().max(self.context_engine.len()) + self.user.len() + self.context.len();
        // Eleven headers of at most six octets, seven integers of at most six, the flags, code and salt.
        11 * 6 + 7 * 6 + 3 + texts + self.mac_len() + 8
    }

    /// Octets of the message around a PDU of `pdu` octets.
    pub fn message_len(&self, pdu: usize) -> usize {
        element_len(self.lengths(pdu).message)
    }

    /// Octets before a PDU of `pdu` octets.
    pub fn before(&self, pdu: usize) -> usize {
        let lengths = self.lengths(pdu);
        element_len(lengths.message) - pdu - lengths.padding
    }

    /// Writes all up to the PDU, which has `pdu` octets.
    pub fn write(&self, pdu: usize, cursor: &mut Cursor<'_>) -> Places {
        let lengths = self.lengths(pdu);
        cursor.header(tag::SEQUENCE, lengths.message);
        cursor.integer(V3);
        cursor.header(tag::SEQUENCE, lengths.global);
        cursor.integer(self.id);
        cursor.integer(self.max_size);
        cursor.octets(&[self.flags()]);
        cursor.integer(MODEL);
        cursor.header(tag::OCTETS, element_len(lengths.parameters));
        cursor.header(tag::SEQUENCE, lengths.parameters);
        cursor.octets(self.engine);
        cursor.integer(self.boots);
        cursor.integer(self.time);
        cursor.octets(self.user);
        cursor.header(tag::OCTETS, self.mac_len());
        let mac = cursor.at;
        cursor.at += self.mac_len();
        cursor.octets(self.private.as_ref().map_or(&[], |(_, salt)| salt));
        if self.private.is_some() {
            cursor.header(tag::OCTETS, element_len(lengths.scoped) + lengths.padding);
        }
        let scoped = cursor.at;
        cursor.header(tag::SEQUENCE, lengths.scoped);
        cursor.octets(self.context_engine);
        cursor.octets(self.context);
        Places { mac, scoped }
    }

    /// Encrypts what stands behind the parameters, if need be.
    pub fn protect(&self, places: Places, out: &mut Vec<u8>) {
        if let Some((key, salt)) = self.private {
            let plain = out.len() - places.scoped;
            out.resize(places.scoped + key.encrypted_len(plain), 0);
            let salted = Salted { boots: self.boots, time: self.time, salt };
            key.encrypt(&salted, &mut out[places.scoped..]);
        }
    }

    /// Fills in the code of the whole message, if it has one.
    pub fn sign(&self, at: usize, message: &mut [u8]) {
        if let Some(auth) = self.auth {
            auth.sign(message, at);
        }
    }

    fn flags(&self) -> u8 {
        let level = match self.level() {
            Level::NoAuthNoPriv => 0,
            Level::AuthNoPriv => flag::AUTH,
            Level::AuthPriv => flag::AUTH | flag::PRIV,
        };
        level | if self.reportable { flag::REPORTABLE } else { 0 }
    }

    fn mac_len(&self) -> usize {
        self.auth.map_or(0, AuthKey::mac_len)
    }

    fn lengths(&self, pdu: usize) -> Lengths {
        let scoped = element_len(self.context_engine.len()) + element_len(self.context.len()) + pdu;
        let plain = element_len(scoped);
        let (padding, data) = match self.private {
            None => (0, plain),
            Some((key, _)) => {
                let encrypted = key.encrypted_len(plain);
                (encrypted - plain, element_len(encrypted))
            }
        };
        let global = integer_element_len(self.id) + integer_element_len(self.max_size) + 3 + 3;
        let parameters = element_len(self.engine.len())
            + integer_element_len(self.boots)
            + integer_element_len(self.time)
            + element_len(self.user.len())
            + element_len(self.mac_len())
            + element_len(if self.private.is_some() { 8 } else { 0 });
        let message = 3 + element_len(global) + element_len(element_len(parameters)) + data;
        Lengths { global, parameters, scoped, padding, message }
    }
}

/// Octets of contents.
struct Lengths {
    global: usize,
    parameters: usize,
    scoped: usize,
    padding: usize,
    message: usize,
}
