//! Where a message ends: RFC 6242, end-of-message (section 4.3) and chunked framing (section 4.2).
//!
//! Bytes go in as they come, in pieces of any size, and each is looked at once. A message longer than the limit is
//! passed over to its end, so that its sender can be told and the session goes on.

/// Ends a message of a session in which not both sides know :base:1.1.
pub const END_OF_MESSAGE: &[u8] = b"]]>]]>";

/// What is kept of a message that is too long: enough to find its message-id.
const HEAD: usize = 4096;

/// The greatest chunk that [`Framing::frame`] makes; with its header it fits a packet of SSH.
pub const CHUNK: usize = 32_752;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    EndOfMessage,
    Chunked,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Message(Vec<u8>),
    /// It was longer than the limit; this is how it began.
    TooBig(Vec<u8>),
}

/// The peer must close the channel (RFC 6242 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    #[error("a chunk does not begin with LF and #")]
    Start,
    #[error("a chunk-size is not 1 to 4294967295 without leading zeros")]
    Size,
    #[error("a message without a chunk")]
    Empty,
}

/// Cuts the bytes that are received into messages. Begins with end-of-message framing, as every session does.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    state: State,
    message: Vec<u8>,
    /// How the message began, once it is known to be too long.
    head: Option<Vec<u8>>,
    limit: usize,
}

/// Of chunked framing: what must come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The line feed before a chunk or the end; `first`: of a message.
    LineFeed {
        first: bool,
    },
    Hash {
        first: bool,
    },
    SizeOrHash {
        first: bool,
    },
    /// A digit or the line feed.
    Size(u32),
    EndLineFeed,
    /// So many bytes of the chunk.
    Data(u32),
}

impl Decoder {
    /// `limit`: bytes of a message.
    pub fn new(limit: usize) -> Self {
        Decoder {
            framing: Framing::EndOfMessage,
            state: State::LineFeed { first: true },
            message: Vec::new(),
            head: None,
            limit,
        }
    }

    /// To be called between two messages, after the exchange of `<hello>`.
    pub fn negotiated(&mut self, framing: Framing, limit: usize) {
        self.framing = framing;
        self.limit = limit;
    }

    /// Takes bytes off the front of `input` up to the end of a message, or all of them.
    ///
    /// # Errors
    /// Only of chunked framing; nothing sensible can follow.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FramingError> {
        match self.framing {
            Framing::EndOfMessage => Ok(self.until_end_of_message(input)),
            Framing::Chunked => self.chunks(input),
        }
    }

    fn until_end_of_message(&mut self, input: &mut &[u8]) -> Option<Frame> {
        // The delimiter may have begun in an earlier piece: only the last bytes of that matter.
        let overlap = self.message.len().min(END_OF_MESSAGE.len() - 1);
        let mut seam = [0; 2 * END_OF_MESSAGE.len() - 2];
        let ahead = input.len().min(END_OF_MESSAGE.len() - 1);
        seam[..overlap].copy_from_slice(&self.message[self.message.len() - overlap..]);
        seam[overlap..overlap + ahead].copy_from_slice(&input[..ahead]);
        if let Some(at) = find(&seam[..overlap + ahead]).filter(|at| *at < overlap) {
            self.message.truncate(self.message.len() - (overlap - at));
            *input = &input[at + END_OF_MESSAGE.len() - overlap..];
            return Some(self.finish());
        }
        let found = find(input);
        let (piece, rest) = match found {
            Some(at) => (&input[..at], &input[at + END_OF_MESSAGE.len()..]),
            None => (*input, &[][..]),
        };
        self.push(piece);
        *input = rest;
        found.map(|_| self.finish())
    }

    fn chunks(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FramingError> {
        loop {
            if let State::Data(size) = self.state {
                let (piece, rest) = input.split_at(input.len().min(size as usize));
                self.push(piece);
                *input = rest;
                let left = size - piece.len() as u32;
                if left > 0 {
                    self.state = State::Data(left);
                    return Ok(None);
                }
                self.state = State::LineFeed { first: false };
            }
            let Some((&byte, rest)) = input.split_first() else { return Ok(None) };
            *input = rest;
            self.state = match (self.state, byte) {
                (State::LineFeed { first }, b'\n') => State::Hash { first },
                (State::Hash { first }, b'#') => State::SizeOrHash { first },
                (State::SizeOrHash { first: false }, b'#') => State::EndLineFeed,
                (State::SizeOrHash { first: true }, b'#') => return Err(FramingError::Empty),
                (State::SizeOrHash { .. }, b'1'..=b'9') => State::Size(u32::from(byte - b'0')),
                (State::Size(size), b'0'..=b'9') => {
                    let size = size.checked_mul(10).and_then(|size| size.checked_add(u32::from(byte - b'0')));
                    State::Size(size.ok_or(FramingError::Size)?)
                }
                (State::Size(size), b'\n') => State::Data(size),
                (State::EndLineFeed, b'\n') => {
                    self.state = State::LineFeed { first: true };
                    return Ok(Some(self.finish()));
                }
                (State::SizeOrHash { .. } | State::Size(_), _) => return Err(FramingError::Size),
                _ => return Err(FramingError::Start),
            };
        }
    }

    fn push(&mut self, piece: &[u8]) {
        if self.head.is_none() {
            // The delimiter may have begun here, and is no part of the message.
            if self.message.len() + piece.len() < self.limit + END_OF_MESSAGE.len() {
                self.message.extend_from_slice(piece);
                return;
            }
            let room = HEAD.min(self.limit);
            let mut head = std::mem::take(&mut self.message);
            let tail = head[head.len().saturating_sub(END_OF_MESSAGE.len())..].to_vec();
            head.extend_from_slice(&piece[..piece.len().min(room)]);
            head.truncate(room);
            head.shrink_to_fit();
            self.head = Some(head);
            self.message = tail;
        }
        // Only what the delimiter may have begun in.
        let keep = &piece[piece.len().saturating_sub(END_OF_MESSAGE.len())..];
        self.message.extend_from_slice(keep);
        self.message.drain(..self.message.len().saturating_sub(END_OF_MESSAGE.len()));
    }

    fn finish(&mut self) -> Frame {
        let mut message = std::mem::take(&mut self.message);
        match self.head.take() {
            Some(head) => Frame::TooBig(head),
            None if message.len() > self.limit => {
                message.truncate(HEAD.min(self.limit));
                Frame::TooBig(message)
            }
            None => Frame::Message(message),
        }
    }
}

impl Framing {
    /// Appends a piece of a message, of at most [`CHUNK`] bytes.
    pub fn frame(self, piece: &[u8], out: &mut Vec<u8>) {
        if self == Framing::Chunked && !piece.is_empty() {
            out.extend_from_slice(format!("\n#{}\n", piece.len()).as_bytes());
        }
        out.extend_from_slice(piece);
    }

    /// Appends what ends a message.
    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Framing::EndOfMessage => END_OF_MESSAGE,
            Framing::Chunked => b"\n##\n",
        });
    }
}

fn find(input: &[u8]) -> Option<usize> {
    input.windows(END_OF_MESSAGE.len()).position(|window| window == END_OF_MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(decoder: &mut Decoder, mut input: &[u8]) -> Result<Vec<Frame>, FramingError> {
        let mut frames = Vec::new();
        while let Some(frame) = decoder.decode(&mut input)? {
            frames.push(frame);
        }
        Ok(frames)
    }

    fn chunked(limit: usize) -> Decoder {
        let mut decoder = Decoder::new(limit);
        decoder.negotiated(Framing::Chunked, limit);
        decoder
    }

    fn message(text: &str) -> Frame {
        Frame::Message(text.as_bytes().to_vec())
    }

    #[test]
    fn end_of_message() {
        let text = b"<a/>]]>]]><b>]]>]</b>]]>]]>]]>]]>]]]>]]><c";
        let expected = [message("<a/>"), message("<b>]]>]</b>"), message(""), message("]")];
        for size in 1..=text.len() {
            let mut decoder = Decoder::new(100);
            let frames: Vec<_> =
                text.chunks(size).flat_map(|piece| all(&mut decoder, piece).unwrap()).collect();
            assert_eq!(frames, expected, "pieces of {size}");
        }
    }

    #[test]
    fn chunks() {
        let text = b"\n#4\n<rpc\n#18\n message-id=\"102\"\n\n##\n\n#1\n#\n##\n";
        for size in 1..=text.len() {
            let mut decoder = chunked(100);
            let frames: Vec<_> =
                text.chunks(size).flat_map(|piece| all(&mut decoder, piece).unwrap()).collect();
            assert_eq!(frames, [message("<rpc message-id=\"102\"\n"), message("#")], "pieces of {size}");
        }
    }

    #[test]
    fn bad_chunks() {
        for (text, error) in [
            ("\n#0010\n", FramingError::Size),
            ("\n#0\n", FramingError::Size),
            ("\n#4294967296\n", FramingError::Size),
            ("\n#99999999999999999999\n", FramingError::Size),
            ("\n#-1\n", FramingError::Size),
            ("\n#\n", FramingError::Size),
            ("\n#1 \n", FramingError::Size),
            ("\n##\n", FramingError::Empty),
            ("#1\n", FramingError::Start),
            ("\n\n#1\n", FramingError::Start),
            ("\r\n#1\n", FramingError::Start),
            ("\n#1\nab", FramingError::Start),
            ("\n#1\na\n##x", FramingError::Start),
            ("<rpc/>]]>]]>", FramingError::Start),
        ] {
            assert_eq!(all(&mut chunked(100), text.as_bytes()), Err(error), "{text:?}");
        }
        assert_eq!(all(&mut chunked(100), b"\n#4294967295\n"), Ok(vec![]));
    }

    #[test]
    fn a_message_too_long_is_passed_over() {
        let mut decoder = Decoder::new(8);
        let text = b"12345678]]>]]>123456789]]>]]>x]]>]]>";
        for size in 1..=text.len() {
            let frames: Vec<_> =
                text.chunks(size).flat_map(|piece| all(&mut decoder, piece).unwrap()).collect();
            assert_eq!(frames[0], message("12345678"), "pieces of {size}");
            assert!(matches!(&frames[1], Frame::TooBig(head) if b"12345678".starts_with(head)));
            assert_eq!(frames[2], message("x"));
        }
        let mut decoder = chunked(8);
        let frames = all(&mut decoder, b"\n#5\n12345\n#4\n6789\n##\n\n#1\nx\n##\n").unwrap();
        assert_eq!(frames, [Frame::TooBig(b"12345678".to_vec()), message("x")]);
    }

    #[test]
    fn what_is_framed_is_read_again() {
        for framing in [Framing::EndOfMessage, Framing::Chunked] {
            let mut out = Vec::new();
            for piece in [&b"<rpc"[..], b"", b"-reply/>"] {
                framing.frame(piece, &mut out);
            }
            framing.end(&mut out);
            let mut decoder = Decoder::new(100);
            decoder.negotiated(framing, 100);
            assert_eq!(all(&mut decoder, &out), Ok(vec![message("<rpc-reply/>")]));
        }
    }
}
