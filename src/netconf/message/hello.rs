use std::fmt::Write as _;

use crate::netconf::{
    capabilities::{BASE, BASE_1_0, BASE_1_1, Capabilities},
    framing::Framing,
    xml::{Event, Reader, XmlError, escape},
};

/// The server's `<hello>`, without framing.
pub fn hello(session_id: u32, capabilities: &Capabilities) -> String {
    let mut out =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<hello xmlns=\"{BASE}\"><capabilities>");
    for uri in capabilities.uris() {
        out.push_str("<capability>");
        escape(uri, &mut out);
        out.push_str("</capability>");
    }
    let _ = write!(out, "</capabilities><session-id>{session_id}</session-id></hello>");
    out
}

/// Why a client's `<hello>` ends the session (RFC 6241 section 8.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    #[error(transparent)]
    Xml(#[from] XmlError),
    #[error("the first message is no <hello>")]
    NotHello,
    #[error("a client's <hello> has no session-id")]
    SessionId,
    #[error("no capability :base that the server has")]
    Base,
}

/// What a client said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Of all messages that follow: chunked if both sides know :base:1.1 (RFC 6242 section 4.1).
    pub framing: Framing,
}

impl Hello {
    /// # Errors
    /// See [`HelloError`]. Elements that nobody knows are passed over.
    pub fn parse(message: &[u8]) -> Result<Hello, HelloError> {
        let mut reader = Reader::new(message)?;
        match reader.next()? {
            Some(Event::Start(tag)) if tag.name.is(BASE, "hello") => {}
            _ => return Err(HelloError::NotHello),
        }
        let (mut base_1_0, mut base_1_1) = (false, false);
        while let Some(event) = reader.next()? {
            match event {
                Event::Start(tag) if tag.name.is(BASE, "session-id") => return Err(HelloError::SessionId),
                Event::Start(tag) if tag.name.is(BASE, "capabilities") => {}
                Event::Start(tag) if tag.name.is(BASE, "capability") => {
                    let uri = text(&mut reader)?;
                    let uri = uri.trim_ascii();
                    base_1_0 |= uri == BASE_1_0;
                    base_1_1 |= uri == BASE_1_1;
                }
                Event::Start(_) => reader.skip()?,
                Event::Text(_) | Event::End => {}
            }
        }
        match (base_1_1, base_1_0) {
            (true, _) => Ok(Hello { framing: Framing::Chunked }),
            (false, true) => Ok(Hello { framing: Framing::EndOfMessage }),
            (false, false) => Err(HelloError::Base),
        }
    }
}

/// The text of the element that was begun last.
fn text(reader: &mut Reader<'_>) -> Result<String, XmlError> {
    let mut text = String::new();
    while let Some(event) = reader.next()? {
        match event {
            Event::Text(piece) => text.push_str(&piece),
            Event::Start(_) => reader.skip()?,
            Event::End => break,
        }
    }
    Ok(text)
}
