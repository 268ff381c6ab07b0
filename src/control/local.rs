//! A NETCONF session of the control socket, from the client's side.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

/// The end of a message before :base:1.1 is agreed on (RFC 6242 section 4.3).
pub const END: &str = "]]>]]>";

const BASE: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";

/// Of the beginning of a reply, where an error shows.
const HEAD: usize = 4096;

/// Runs operations one after the other until one fails, and copies their replies.
pub(super) fn talk(stream: UnixStream, operations: &[String], out: &mut dyn Write) -> io::Result<()> {
    let mut session = Session { stream, rest: Vec::new() };
    session.copy(&mut io::sink())?;
    let capability = "urn:ietf:params:netconf:base:1.0";
    session.send(&format!(
        "<hello xmlns=\"{BASE}\"><capabilities><capability>{capability}</capability></capabilities></hello>"
    ))?;
    for (at, operation) in operations.iter().enumerate() {
        let id = at + 1;
        session.send(&format!("<rpc xmlns=\"{BASE}\" message-id=\"{id}\">{operation}</rpc>"))?;
        let head = session.copy(out)?;
        out.write_all(END.as_bytes())?;
        if head.windows(10).any(|window| window == b"<rpc-error") {
            break;
        }
    }
    session.send(&format!("<rpc xmlns=\"{BASE}\" message-id=\"0\"><close-session/></rpc>"))?;
    session.copy(&mut io::sink()).map(drop)
}

struct Session {
    stream: UnixStream,
    /// Read and not looked at yet.
    rest: Vec<u8>,
}

impl Session {
    fn send(&mut self, message: &str) -> io::Result<()> {
        self.stream.write_all(message.as_bytes())?;
        self.stream.write_all(END.as_bytes())
    }

    /// Copies one message; returns how it begins.
    fn copy(&mut self, out: &mut dyn Write) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        let mut buffer = vec![0; 32 * 1024];
        loop {
            let end = self.rest.windows(END.len()).position(|window| window == END.as_bytes());
            // What may be the beginning of the end stays.
            let sure = end.unwrap_or_else(|| self.rest.len().saturating_sub(END.len() - 1));
            head.extend(self.rest[..sure].iter().take(HEAD - head.len().min(HEAD)));
            out.write_all(&self.rest[..sure])?;
            if end.is_some() {
                self.rest.drain(..sure + END.len());
                return Ok(head);
            }
            self.rest.drain(..sure);
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.rest.extend_from_slice(&buffer[..count]),
            }
        }
    }
}
