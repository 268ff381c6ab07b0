//! `<hello>`, `<rpc>` and `<rpc-reply>` (RFC 6241 sections 4 and 8.1): from bytes to operations with their arguments.

mod arguments;
mod hello;
mod operation;
mod parameters;

#[cfg(test)]
mod tests;

pub use self::{
    hello::{Hello, HelloError, hello},
    operation::{Datastore, DefaultOperation, ErrorOption, Operation, Source, TestOption, WithDefaults},
};

use self::parameters::Parameters;
use super::{
    capabilities::{BASE, Capabilities, NOTIFICATION},
    error::{Info, RpcError, Tag},
    xml::{self, Event, Reader},
};
use crate::model::Time;

/// What a reply repeats of its `<rpc>`: the prefix and all attributes, declarations of namespaces among them, as they
/// came (RFC 6241 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Empty, or with its colon.
    prefix: String,
    attributes: String,
}

/// A request, with what to answer if it cannot be one.
#[derive(Debug)]
pub struct Rpc {
    pub header: Header,
    pub operation: Result<Operation, RpcError>,
}

impl Rpc {
    /// Reads a message of a peer that has said `<hello>`.
    pub fn parse(message: &[u8], capabilities: &Capabilities) -> Rpc {
        let mut header = Header::default();
        let operation = parse(message, capabilities, &mut header);
        Rpc { header, operation }
    }
}

impl Header {
    /// As much as can be known from how a message begins.
    pub fn of_beginning(head: &[u8]) -> Header {
        let whole = std::str::from_utf8(head).map_or_else(|error| error.valid_up_to(), str::len);
        let tag = Reader::new(&head[..whole]).and_then(|mut reader| reader.next());
        match tag {
            Ok(Some(Event::Start(tag))) if tag.name.is(BASE, "rpc") => Header::of(&tag),
            _ => Header::default(),
        }
    }

    fn of(rpc: &xml::Tag<'_>) -> Header {
        let prefix = if rpc.prefix.is_empty() { String::new() } else { format!("{}:", rpc.prefix) };
        Header { prefix, attributes: rpc.raw_attributes.to_owned() }
    }

    /// That of the base namespace within the reply: empty, or with its colon.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The start tag of the reply.
    pub fn start(&self) -> String {
        format!("<{}rpc-reply{}>", self.prefix, self.attributes)
    }

    /// The end tag of the reply.
    pub fn end(&self) -> String {
        format!("</{}rpc-reply>", self.prefix)
    }
}

/// A whole `<notification>` (RFC 5277 section 4), without framing; `content` declares its namespaces.
pub fn notification(time: Time, content: &str) -> Vec<u8> {
    format!("<notification xmlns=\"{NOTIFICATION}\"><eventTime>{time}</eventTime>{content}</notification>")
        .into_bytes()
}

/// Of a reply to what could not be read.
impl Default for Header {
    fn default() -> Self {
        Header { prefix: String::new(), attributes: format!(" xmlns=\"{BASE}\"") }
    }
}

fn parse(message: &[u8], capabilities: &Capabilities, header: &mut Header) -> Result<Operation, RpcError> {
    let mut reader = Reader::new(message)?;
    let Some(Event::Start(rpc)) = reader.next()? else {
        return Err(RpcError::rpc(Tag::MalformedMessage, "no element"));
    };
    if rpc.name.local == "rpc" && rpc.name.namespace != BASE {
        return Err(RpcError::protocol(Tag::UnknownNamespace, "<rpc> is not in the namespace of NETCONF")
            .with(Info::BadElement("rpc".to_owned()))
            .with(Info::BadNamespace(rpc.name.namespace.into_owned())));
    }
    if rpc.name.local != "rpc" {
        return Err(RpcError::protocol(Tag::UnknownElement, "not an <rpc>")
            .with(Info::BadElement(rpc.name.local.to_owned())));
    }
    *header = Header::of(&rpc);
    if rpc.attribute("message-id").is_none() {
        return Err(RpcError::rpc(Tag::MissingAttribute, "<rpc> without message-id")
            .with(Info::BadAttribute("message-id".to_owned()))
            .with(Info::BadElement("rpc".to_owned())));
    }
    let operation = match child(&mut reader)? {
        Some(tag) => Parameters::new(&mut reader, &tag, capabilities).read(tag),
        None => Err(RpcError::protocol(Tag::MissingElement, "an <rpc> without an operation")
            .with(Info::BadElement("rpc-operation".to_owned()))),
    };
    // That a message is not well-formed weighs more than what is wrong with the operation.
    let second = rest(&mut reader)?;
    match (operation, second) {
        (Ok(_), Some(second)) => {
            Err(RpcError::protocol(Tag::UnknownElement, "a second operation in one <rpc>")
                .with(Info::BadElement(second)))
        }
        (operation, _) => operation,
    }
}

/// The start of the operation.
fn child<'a>(reader: &mut Reader<'a>) -> Result<Option<xml::Tag<'a>>, RpcError> {
    loop {
        match reader.next()? {
            Some(Event::Start(tag)) => return Ok(Some(tag)),
            Some(Event::Text(text)) if !text.trim_ascii().is_empty() => {
                return Err(RpcError::protocol(Tag::BadElement, "text in <rpc>")
                    .with(Info::BadElement("rpc".to_owned())));
            }
            Some(Event::Text(_)) => {}
            Some(Event::End) | None => return Ok(None),
        }
    }
}

/// Reads on to the end; the name of another operation, if there is one.
fn rest(reader: &mut Reader<'_>) -> Result<Option<String>, RpcError> {
    let mut second = None;
    while let Some(event) = reader.next()? {
        if let Event::Start(tag) = event
            && reader.depth() == 2
        {
            second.get_or_insert_with(|| tag.name.local.to_owned());
        }
    }
    Ok(second)
}
