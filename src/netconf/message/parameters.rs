use super::operation::{Datastore, Source, WithDefaults};
use crate::netconf::{
    capabilities::{BASE, Capabilities, MONITORING, NOTIFICATION, WITH_DEFAULTS, YANG},
    error::{Info, Path, RpcError, Tag},
    filter::Filter,
    xml::{self, Event, Fragment, Reader},
};

/// Reads the arguments of one operation, strictly: each is known, stands there once and has a possible value.
pub(super) struct Parameters<'r, 'a> {
    pub(super) reader: &'r mut Reader<'a>,
    capabilities: &'r Capabilities,
    pub(super) operation: Step<'a>,
    /// Where we are below the operation, for error-path.
    within: Vec<Step<'a>>,
}

/// Namespace and name.
pub(super) type Step<'a> = (String, &'a str);

pub(super) type Slot<T> = Option<T>;

const PREFIXES: [(&str, &str); 5] =
    [("nc", BASE), ("ncn", NOTIFICATION), ("ncm", MONITORING), ("ncwd", WITH_DEFAULTS), ("yang", YANG)];

impl<'r, 'a> Parameters<'r, 'a> {
    /// Of the operation that was begun with this tag.
    pub(super) fn new(
        reader: &'r mut Reader<'a>,
        operation: &xml::Tag<'a>,
        capabilities: &'r Capabilities,
    ) -> Self {
        let operation = (operation.name.namespace.clone().into_owned(), operation.name.local);
        Parameters { reader, capabilities, operation, within: Vec::new() }
    }

    /// Calls for each argument, which belongs to the operation's namespace unless it is with-defaults.
    pub(super) fn each(
        &mut self,
        tag: &xml::Tag<'a>,
        mut argument: impl FnMut(&mut Self, &xml::Tag<'a>) -> Result<(), RpcError>,
    ) -> Result<(), RpcError> {
        self.no_attributes(tag)?;
        self.children(|this, tag| {
            let namespace = &*tag.name.namespace;
            let known = match tag.name.local {
                "with-defaults" => namespace == WITH_DEFAULTS,
                _ => namespace == this.operation.0,
            };
            if known { argument(this, tag) } else { Err(this.unknown(tag)) }
        })
    }

    /// Calls for each child of the element that was begun last.
    pub(super) fn children(
        &mut self,
        mut each: impl FnMut(&mut Self, &xml::Tag<'a>) -> Result<(), RpcError>,
    ) -> Result<(), RpcError> {
        while let Some(event) = self.reader.next()? {
            match event {
                Event::Start(tag) => {
                    self.within.push((tag.name.namespace.clone().into_owned(), tag.name.local));
                    each(self, &tag)?;
                    self.within.pop();
                }
                Event::Text(text) if !text.trim_ascii().is_empty() => {
                    let name = self.within.last().map_or(self.operation.1, |(_, name)| name);
                    return Err(self.wrong(Tag::BadElement, "text where elements belong").with(bad(name)));
                }
                Event::Text(_) => {}
                Event::End => break,
            }
        }
        Ok(())
    }

    pub(super) fn none(&mut self, tag: &xml::Tag<'a>) -> Result<(), RpcError> {
        self.each(tag, |this, tag| Err(this.unknown(tag)))
    }

    /// The value of a leaf, without the white space around it.
    pub(super) fn word<T>(
        &mut self,
        tag: &xml::Tag<'a>,
        slot: &mut Slot<T>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<(), RpcError> {
        self.no_attributes(tag)?;
        let mut text = String::new();
        while let Some(event) = self.reader.next()? {
            match event {
                Event::Text(piece) => text.push_str(&piece),
                Event::Start(tag) => return Err(self.unknown(&tag)),
                Event::End => break,
            }
        }
        match read(text.trim_ascii()) {
            Some(value) => self.fill(tag, slot, value),
            None => {
                let shown: String = text.trim_ascii().chars().take(64).collect();
                Err(self.wrong(Tag::InvalidValue, format!("\"{shown}\" is no value of <{}>", tag.name.local)))
            }
        }
    }

    /// Attributes may stand within it, not on it: `operation` too (RFC 6241 section 7.2).
    pub(super) fn fragment(&mut self, tag: &xml::Tag<'a>, slot: &mut Slot<Fragment>) -> Result<(), RpcError> {
        self.no_attributes(tag)?;
        let fragment = self.reader.fragment(tag)?;
        self.fill(tag, slot, fragment)
    }

    /// RFC 6241 section 6; XPath is a capability that we do not have.
    pub(super) fn filter(&mut self, tag: &xml::Tag<'a>, slot: &mut Slot<Filter>) -> Result<(), RpcError> {
        for attribute in &tag.attributes {
            // Some clients write `nc:type`.
            let name = attribute.name.local;
            let ours = attribute.name.namespace.is_empty() || attribute.name.namespace == BASE;
            if !ours || !matches!(name, "type" | "select") {
                return Err(self.unknown_attribute(tag, name));
            }
            if name == "type" && attribute.value.trim_ascii() != "subtree" {
                return Err(self
                    .wrong(Tag::BadAttribute, "only filters of type subtree are supported")
                    .with(Info::BadAttribute(name.to_owned()))
                    .with(bad(tag.name.local)));
            }
        }
        let tree = self.reader.fragment(tag)?.tree()?;
        let filter = Filter::new(&tree).map_err(|error| error.at(self.path()))?;
        self.fill(tag, slot, filter)
    }

    pub(super) fn with_defaults(
        &mut self,
        tag: &xml::Tag<'a>,
        slot: &mut Slot<WithDefaults>,
    ) -> Result<(), RpcError> {
        if !self.has("with-defaults:1.0") {
            return Err(self.unknown(tag));
        }
        self.word(tag, slot, |word| match word {
            "report-all" => Some(WithDefaults::ReportAll),
            "trim" => Some(WithDefaults::Trim),
            "explicit" => Some(WithDefaults::Explicit),
            _ => None,
        })
    }

    pub(super) fn only_datastore(
        &mut self,
        tag: &xml::Tag<'a>,
        name: &'static str,
        purpose: Use,
    ) -> Result<Datastore, RpcError> {
        let mut slot = None;
        self.each(tag, |this, tag| {
            if tag.name.local == name {
                this.datastore(tag, purpose, &mut slot)
            } else {
                Err(this.unknown(tag))
            }
        })?;
        self.required(slot, name)
    }

    pub(super) fn datastore(
        &mut self,
        tag: &xml::Tag<'a>,
        purpose: Use,
        slot: &mut Slot<Datastore>,
    ) -> Result<(), RpcError> {
        let mut found = None;
        self.no_attributes(tag)?;
        self.children(|this, child| {
            let datastore = this.datastore_named(child, purpose)?;
            this.word(child, &mut found, |word| word.is_empty().then_some(datastore))
        })?;
        let found = found.ok_or_else(|| self.missing_datastore())?;
        self.fill(tag, slot, found)
    }

    pub(super) fn source(&mut self, tag: &xml::Tag<'a>, slot: &mut Slot<Source>) -> Result<(), RpcError> {
        let mut found = None;
        self.no_attributes(tag)?;
        self.children(|this, child| {
            if child.name.is(BASE, "config") {
                this.no_attributes(child)?;
                let config = this.reader.fragment(child)?;
                return this.fill(child, &mut found, Source::Config(config));
            }
            let datastore = this.datastore_named(child, Use::Any)?;
            this.word(child, &mut found, |word| word.is_empty().then_some(Source::Datastore(datastore)))
        })?;
        let found = found.ok_or_else(|| self.missing_datastore())?;
        self.fill(tag, slot, found)
    }

    /// Which there are for what follows from the capabilities, as the features of ietf-netconf.
    fn datastore_named(&self, tag: &xml::Tag<'a>, purpose: Use) -> Result<Datastore, RpcError> {
        let datastore = match tag.name.local {
            _ if tag.name.namespace != BASE => None,
            "running" => Some(Datastore::Running),
            "candidate" => Some(Datastore::Candidate),
            "startup" => Some(Datastore::Startup),
            _ => None,
        };
        let possible = |datastore| match (datastore, purpose) {
            (Datastore::Running, Use::Any) => true,
            (Datastore::Running, Use::Write) => self.has("writable-running:1.0"),
            (Datastore::Running | Datastore::Candidate, Use::Delete) => false,
            (Datastore::Candidate, _) => self.has("candidate:1.0"),
            (Datastore::Startup, _) => self.has("startup:1.0"),
        };
        datastore.filter(|datastore| possible(*datastore)).ok_or_else(|| self.unknown(tag))
    }

    fn fill<T>(&self, tag: &xml::Tag<'a>, slot: &mut Slot<T>, value: T) -> Result<(), RpcError> {
        if slot.is_some() {
            let message = format!("<{}> cannot stand there twice or beside another", tag.name.local);
            return Err(self.wrong(Tag::BadElement, message).with(bad(tag.name.local)));
        }
        *slot = Some(value);
        Ok(())
    }

    pub(super) fn required<T>(&self, slot: Slot<T>, name: &'static str) -> Result<T, RpcError> {
        slot.ok_or_else(|| self.missing(name))
    }

    pub(super) fn has(&self, capability: &str) -> bool {
        self.capabilities.has(capability)
    }

    pub(super) fn no_attributes(&self, tag: &xml::Tag<'a>) -> Result<(), RpcError> {
        match tag.attributes.first() {
            Some(attribute) => Err(self.unknown_attribute(tag, attribute.name.local)),
            None => Ok(()),
        }
    }

    fn unknown_attribute(&self, tag: &xml::Tag<'a>, name: &str) -> RpcError {
        self.wrong(Tag::UnknownAttribute, format!("<{}> has no attribute {name}", tag.name.local))
            .with(Info::BadAttribute(name.to_owned()))
            .with(bad(tag.name.local))
    }

    pub(super) fn not_supported(&self) -> RpcError {
        self.wrong(Tag::OperationNotSupported, format!("there is no operation <{}>", self.operation.1))
    }

    pub(super) fn missing(&self, name: &'static str) -> RpcError {
        self.wrong(Tag::MissingElement, format!("<{}> needs <{name}>", self.operation.1)).with(bad(name))
    }

    fn missing_datastore(&self) -> RpcError {
        let name = self.within.last().map_or(self.operation.1, |(_, name)| name);
        self.wrong(Tag::MissingElement, format!("<{name}> names no datastore")).with(bad(name))
    }

    pub(super) fn unknown(&self, tag: &xml::Tag<'a>) -> RpcError {
        let (namespace, name) = (&*tag.name.namespace, tag.name.local);
        if PREFIXES.iter().any(|(_, known)| *known == namespace) {
            return self.wrong(Tag::UnknownElement, format!("<{name}> does not belong here")).with(bad(name));
        }
        self.wrong(Tag::UnknownNamespace, format!("<{name}> is of a namespace that does not belong here"))
            .with(bad(name))
            .with(Info::BadNamespace(namespace.to_owned()))
    }

    pub(super) fn wrong(&self, tag: Tag, message: impl Into<String>) -> RpcError {
        RpcError::protocol(tag, message).at(self.path())
    }

    /// Down to the element that was begun last, as far as its namespaces are known here.
    fn path(&self) -> Path {
        let mut path = Path { text: "/nc:rpc".to_owned(), namespaces: vec![("nc".into(), BASE.into())] };
        for (namespace, name) in std::iter::once(&self.operation).chain(&self.within) {
            let Some((prefix, namespace)) = PREFIXES.iter().find(|(_, known)| known == namespace) else {
                break;
            };
            path.text.push_str(&format!("/{prefix}:{name}"));
            if path.namespaces.iter().all(|(declared, _)| declared != prefix) {
                path.namespaces.push(((*prefix).to_owned(), (*namespace).to_owned()));
            }
        }
        path
    }
}

/// What a datastore is named for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Any,
    Write,
    Delete,
}

pub(super) fn bad(name: &str) -> Info {
    Info::BadElement(name.to_owned())
}
