//! The content of an edit-config's `<config>`: elements become nodes of the schema, with their operation. One list entry
//! is held at a time, so a message of any size costs what its largest entry does.

use quick_xml::{
    NsReader,
    events::{BytesStart, Event},
    name::ResolveResult,
};

use super::{
    edit::key_of,
    error::{Error, Info, Tag},
    path::{Step, push_step, schema_path},
};
use crate::yang::{Base, Kind, NodeId, Schema};

/// The namespace of the `operation` attribute (RFC 6241 7.2).
const BASE: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";
const DEEPEST: usize = 64;
/// The most that one entry may be made of.
const MOST_ELEMENTS: usize = 100_000;

/// RFC 6241 7.2. `None` is only a default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operation {
    #[default]
    Merge,
    Replace,
    Create,
    Delete,
    Remove,
    None,
}

/// A data node as it was written.
#[derive(Debug)]
pub(super) struct Element {
    pub node: NodeId,
    pub operation: Option<Operation>,
    /// Of a leaf.
    pub text: String,
    pub children: Vec<Element>,
}

/// What comes next on the way down to the list.
pub(super) enum Next {
    Open(NodeId, Option<Operation>),
    Close,
    End,
}

/// Reads along; after an error the element that it is about has been passed over.
pub(super) struct Input<'a> {
    schema: &'a Schema,
    reader: NsReader<&'a [u8]>,
    elements: usize,
}

impl<'a> Input<'a> {
    /// Takes the outermost element, `<config>`.
    ///
    /// # Errors
    /// It is not XML, or not that element.
    pub fn open(schema: &'a Schema, text: &'a [u8]) -> Result<Self, Error> {
        let text = str::from_utf8(text).map_err(|_| malformed("not UTF-8"))?;
        let mut reader = NsReader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut input = Input { schema, reader, elements: 0 };
        match input.event()? {
            Event::Start(start) if start.local_name().as_ref() == "config" => Ok(input),
            _ => {
                Err(Error::new(Tag::MissingElement, "no <config>")
                    .info(Info::BadElement("config".to_owned())))
            }
        }
    }

    /// The next element below `parent`, or the end of `parent`.
    pub fn next(&mut self, parent: Option<NodeId>) -> Result<Next, Error> {
        loop {
            match self.event()? {
                Event::Start(start) => match self.resolve(&start, parent) {
                    Ok((node, Ok(operation))) => return Ok(Next::Open(node, operation)),
                    // What is wrong is told with its keys.
                    Ok((node, wrong)) => self.rest(node, wrong).map(drop)?,
                    // Malformed XML is the graver mistake.
                    Err(error) => return Err(self.skip().err().unwrap_or(error.below(&self.place(parent)))),
                },
                Event::End(_) => return Ok(Next::Close),
                Event::Eof => return Ok(Next::End),
                event if is_blank(&event) => {}
                _ => return Err(self.stray(parent).below(&self.place(parent))),
            }
        }
    }

    /// The rest of an element that has been opened; `operation` may be the mistake that was found at its start.
    pub fn rest(
        &mut self,
        node: NodeId,
        operation: Result<Option<Operation>, Error>,
    ) -> Result<Element, Error> {
        self.elements = 0;
        let read = self.element(node, operation, 0);
        read.map_err(|error| error.below(&self.place(self.schema[node].parent)))
    }

    /// Passes over the rest of an element that has been opened.
    pub fn skip(&mut self) -> Result<(), Error> {
        let mut depth = 0usize;
        loop {
            match self.event()? {
                Event::Start(_) => depth += 1,
                Event::End(_) if depth == 0 => return Ok(()),
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(malformed("ends within an element")),
                _ => {}
            }
        }
    }

    /// The path of an error begins with the element.
    fn element(
        &mut self,
        node: NodeId,
        operation: Result<Option<Operation>, Error>,
        depth: usize,
    ) -> Result<Element, Error> {
        let mut element = Element { node, operation: None, text: String::new(), children: Vec::new() };
        // The first mistake; the rest is still read, so that what follows the element can be.
        let mut mistake = None;
        match operation {
            Ok(operation) => element.operation = operation,
            Err(error) => mistake = Some(error),
        }
        let is_leaf = matches!(self.schema[node].kind, Kind::Leaf | Kind::LeafList);
        self.elements += 1;
        if depth > DEEPEST || self.elements > MOST_ELEMENTS {
            self.skip()?;
            let error = Error::new(Tag::TooBig, "nested too deep, or too much in one entry");
            return Err(error.below(&self.step(&element)));
        }
        loop {
            match self.event()? {
                Event::Start(start) => {
                    let read = match self.resolve(&start, Some(node)) {
                        // After a mistake keys are still of use, in its path.
                        Ok((child, operation)) if mistake.is_none() || self.schema[child].is_key => self
                            .element(child, operation, depth + 1)
                            .map(|child| element.children.push(child)),
                        Ok(_) => self.skip(),
                        Err(error) => self.skip().and(Err(error)),
                    };
                    match read {
                        Err(error) if error.tag == Tag::MalformedMessage => return Err(error),
                        read => mistake = mistake.or(read.err()),
                    }
                }
                Event::End(_) => break,
                Event::Text(text) if is_leaf => element.text.push_str(&text.xml10_content()),
                Event::CData(text) if is_leaf => element.text.push_str(&text.xml10_content()),
                Event::GeneralRef(name) if is_leaf => element.text.push(character(&name)?),
                event if is_blank(&event) => {}
                Event::Eof => return Err(malformed("ends within an element")),
                _ => mistake = mistake.or_else(|| Some(self.stray(Some(node)))),
            }
        }
        if is_leaf && matches!(self.schema[node].base, Some(Base::Identity | Base::Union)) {
            self.spell_identity(node, &mut element.text);
        }
        match mistake {
            Some(error) => Err(error.below(&self.step(&element))),
            None => Ok(element),
        }
    }

    /// The next event; comments and processing instructions are not there.
    fn event(&mut self) -> Result<Event<'a>, Error> {
        loop {
            match self.reader.read_event() {
                Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_)) => {}
                Ok(Event::DocType(_)) => return Err(malformed("a document type declaration")),
                Ok(event) => return Ok(event),
                Err(error) => return Err(malformed(&error.to_string())),
            }
        }
    }

    /// The node of an element, and its operation or what is wrong with its attributes. Paths of errors go on from the
    /// parent, or from the element.
    fn resolve(
        &self,
        start: &BytesStart<'_>,
        parent: Option<NodeId>,
    ) -> Result<(NodeId, Result<Option<Operation>, Error>), Error> {
        let resolver = self.reader.resolver();
        let (namespace, name) = resolver.resolve_element(start.name());
        let name = name.into_inner();
        let refused =
            |tag: Tag, message: &str| Error::new(tag, message).info(Info::BadElement(name.to_owned()));
        let namespace = match namespace {
            ResolveResult::Bound(namespace) => namespace.into_inner(),
            ResolveResult::Unbound => "",
            ResolveResult::Unknown(_) => return Err(malformed("a prefix is not declared")),
        };
        let Some(module) = self.schema.module_of(namespace) else {
            return Err(refused(Tag::UnknownNamespace, "no module of this namespace is served")
                .info(Info::BadNamespace(namespace.to_owned())));
        };
        let own = || format!("/{}:{name}", module.name);
        let Some(node) = self.schema.child(parent, namespace, name) else {
            return Err(refused(Tag::UnknownElement, "no such node").at(own()));
        };
        if !self.schema[node].config {
            return Err(refused(Tag::UnknownElement, "it is state, not configuration").at(own()));
        }
        Ok((node, self.operation(start, name)))
    }

    fn operation(&self, start: &BytesStart<'_>, element: &str) -> Result<Option<Operation>, Error> {
        let mut found = None;
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| malformed(&error.to_string()))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (namespace, name) = self.reader.resolver().resolve_attribute(attribute.key);
            let name = name.into_inner();
            let refused = |tag, message: &str| {
                Error::new(tag, message)
                    .info(Info::BadAttribute(name.to_owned()))
                    .info(Info::BadElement(element.to_owned()))
            };
            let is_base =
                matches!(namespace, ResolveResult::Bound(namespace) if namespace.into_inner() == BASE);
            if !is_base || name != "operation" {
                return Err(refused(Tag::UnknownAttribute, "no such attribute here"));
            }
            found = Some(match &*attribute.value {
                "merge" => Operation::Merge,
                "replace" => Operation::Replace,
                "create" => Operation::Create,
                "delete" => Operation::Delete,
                "remove" => Operation::Remove,
                _ => return Err(refused(Tag::BadAttribute, "no such operation")),
            });
        }
        Ok(found)
    }

    /// An identity of XML, with a prefix that is declared there, as `module:name` (RFC 7951 6.8).
    fn spell_identity(&self, node: NodeId, text: &mut String) {
        let (prefix, name) = match text.trim().split_once(':') {
            Some((prefix, name)) => (Some(prefix), name),
            None if self.schema[node].base == Some(Base::Identity) => (None, text.trim()),
            None => return,
        };
        let qualified = format!("{}:x", prefix.unwrap_or_default());
        let name_of = quick_xml::name::QName(if prefix.is_some() { &qualified } else { "x" });
        if let (ResolveResult::Bound(namespace), _) = self.reader.resolver().resolve_element(name_of)
            && let Some(module) = self.schema.module_of(namespace.into_inner())
        {
            *text = format!("{}:{name}", module.name);
        }
    }

    fn stray(&self, node: Option<NodeId>) -> Error {
        let name = node.map_or("config", |node| self.schema[node].name.as_str());
        Error::new(Tag::BadElement, "text where none belongs").info(Info::BadElement(name.to_owned()))
    }

    /// An element as a step of a path, with its keys if they are known.
    fn step(&self, element: &Element) -> String {
        let keys = key_of(self.schema, element).unwrap_or_default();
        let mut out = String::new();
        push_step(self.schema, &Step { node: element.node, keys }, &mut out);
        out
    }

    fn place(&self, node: Option<NodeId>) -> String {
        node.map_or(String::new(), |node| schema_path(self.schema, node))
    }
}

/// White space, in whatever way it is written.
fn is_blank(event: &Event<'_>) -> bool {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    match event {
        Event::Text(text) => text.chars().all(is_space),
        Event::CData(text) => text.chars().all(is_space),
        Event::GeneralRef(name) => character(name).is_ok_and(is_space),
        _ => false,
    }
}

/// A character reference or one of the five entities that XML has without a DTD.
fn character(name: &quick_xml::events::BytesRef<'_>) -> Result<char, Error> {
    if name.is_char_ref() {
        return match name.resolve_char_ref() {
            Ok(Some(c)) if is_xml(c) => Ok(c),
            _ => Err(malformed("a reference to no character")),
        };
    }
    match &**name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(malformed("an entity that is not declared")),
    }
}

/// XML 1.0, production 2.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn malformed(message: &str) -> Error {
    Error::new(Tag::MalformedMessage, message)
}
