use super::operation::{
    Datastore, DefaultOperation, ErrorOption, Operation, Source, TestOption, WithDefaults,
};
use crate::netconf::{
    capabilities::{BASE, Capabilities, MONITORING, NOTIFICATION, WITH_DEFAULTS, YANG},
    date_time,
    error::{Info, Path, RpcError, Tag},
    filter::Filter,
    xml::{self, Event, Fragment, Reader},
};

/// Reads the arguments of one operation, strictly: each is known, stands there once and has a possible value.
pub(super) struct Parameters<'r, 'a> {
    reader: &'r mut Reader<'a>,
    capabilities: &'r Capabilities,
    operation: Step<'a>,
    /// Where we are below the operation, for error-path.
    within: Vec<Step<'a>>,
}

/// Namespace and name.
type Step<'a> = (String, &'a str);

type Slot<T> = Option<T>;

const PREFIXES: [(&str, &str); 5] =
    [("nc", BASE), ("ncn", NOTIFICATION), ("ncm", MONITORING), ("ncwd", WITH_DEFAULTS), ("yang", YANG)];

/// RFC 6241 section 8.4.5.1: the default confirm-timeout, in seconds.
const CONFIRM_TIMEOUT: u32 = 600;

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

    pub(super) fn read(mut self, tag: xml::Tag<'a>) -> Result<Operation, RpcError> {
        let local = tag.name.local;
        match &*tag.name.namespace {
            BASE => self.base(&tag),
            MONITORING if local == "get-schema" => self.get_schema(&tag),
            NOTIFICATION if local == "create-subscription" && self.has("notification:1.0") => {
                self.create_subscription(&tag)
            }
            YANG if local == "action" => self.action(&tag),
            MONITORING | NOTIFICATION | YANG => Err(self.not_supported()),
            namespace => Ok(Operation::Rpc {
                namespace: namespace.to_owned(),
                name: local.to_owned(),
                input: self.reader.fragment(&tag)?,
            }),
        }
    }

    fn base(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        match tag.name.local {
            "get" => self.get(tag),
            "get-config" => self.get_config(tag),
            "edit-config" => self.edit_config(tag),
            "copy-config" => self.copy_config(tag),
            "delete-config" => {
                let target = self.only_datastore(tag, "target", Use::Delete)?;
                Ok(Operation::DeleteConfig { target })
            }
            "lock" => Ok(Operation::Lock { target: self.only_datastore(tag, "target", Use::Any)? }),
            "unlock" => Ok(Operation::Unlock { target: self.only_datastore(tag, "target", Use::Any)? }),
            "commit" if self.has("candidate:1.0") => self.commit(tag),
            "cancel-commit" if self.has("confirmed-commit:1.1") => self.cancel_commit(tag),
            "discard-changes" if self.has("candidate:1.0") => {
                self.none(tag)?;
                Ok(Operation::DiscardChanges)
            }
            "validate" if self.has("validate:1.1") => self.validate(tag),
            "close-session" => {
                self.none(tag)?;
                Ok(Operation::CloseSession)
            }
            "kill-session" => self.kill_session(tag),
            _ => Err(self.not_supported()),
        }
    }

    fn get(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut filter, mut with_defaults) = (None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "filter" => this.filter(tag, &mut filter),
            "with-defaults" => this.with_defaults(tag, &mut with_defaults),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::Get { filter, with_defaults })
    }

    fn get_config(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut source, mut filter, mut with_defaults) = (None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "source" => this.datastore(tag, Use::Any, &mut source),
            "filter" => this.filter(tag, &mut filter),
            "with-defaults" => this.with_defaults(tag, &mut with_defaults),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::GetConfig { source: self.required(source, "source")?, filter, with_defaults })
    }

    fn edit_config(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut target, mut config) = (None, None);
        let (mut default_operation, mut test_option, mut error_option) = (None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "target" => this.datastore(tag, Use::Write, &mut target),
            "default-operation" => this.word(tag, &mut default_operation, |word| match word {
                "merge" => Some(DefaultOperation::Merge),
                "replace" => Some(DefaultOperation::Replace),
                "none" => Some(DefaultOperation::None),
                _ => None,
            }),
            "test-option" if this.has("validate:1.1") => {
                this.word(tag, &mut test_option, |word| match word {
                    "test-then-set" => Some(TestOption::TestThenSet),
                    "set" => Some(TestOption::Set),
                    "test-only" => Some(TestOption::TestOnly),
                    _ => None,
                })
            }
            "error-option" => {
                let rollback = this.has("rollback-on-error:1.0");
                this.word(tag, &mut error_option, |word| match word {
                    "stop-on-error" => Some(ErrorOption::StopOnError),
                    "continue-on-error" => Some(ErrorOption::ContinueOnError),
                    "rollback-on-error" if rollback => Some(ErrorOption::RollbackOnError),
                    _ => None,
                })
            }
            "config" => this.fragment(tag, &mut config),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::EditConfig {
            target: self.required(target, "target")?,
            default_operation: default_operation.unwrap_or_default(),
            test_option: test_option.unwrap_or_default(),
            error_option: error_option.unwrap_or_default(),
            config: self.required(config, "config")?,
        })
    }

    fn copy_config(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut target, mut source, mut with_defaults) = (None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "target" => this.datastore(tag, Use::Write, &mut target),
            "source" => this.source(tag, &mut source),
            "with-defaults" => this.with_defaults(tag, &mut with_defaults),
            _ => Err(this.unknown(tag)),
        })?;
        let (target, source) = (self.required(target, "target")?, self.required(source, "source")?);
        if matches!(source, Source::Datastore(source) if source == target) {
            return Err(self.wrong(Tag::InvalidValue, "source and target are the same"));
        }
        Ok(Operation::CopyConfig { target, source, with_defaults })
    }

    fn commit(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut confirmed, mut confirm_timeout, mut persist, mut persist_id) = (None, None, None, None);
        let may_confirm = self.has("confirmed-commit:1.1");
        self.each(tag, |this, tag| match tag.name.local {
            "confirmed" if may_confirm => {
                this.word(tag, &mut confirmed, |word| word.is_empty().then_some(()))
            }
            "confirm-timeout" if may_confirm => this.word(tag, &mut confirm_timeout, positive),
            "persist" if may_confirm => this.word(tag, &mut persist, any),
            "persist-id" if may_confirm => this.word(tag, &mut persist_id, any),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::Commit {
            confirmed: confirmed.is_some(),
            confirm_timeout: confirm_timeout.unwrap_or(CONFIRM_TIMEOUT),
            persist,
            persist_id,
        })
    }

    fn cancel_commit(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let mut persist_id = None;
        self.each(tag, |this, tag| match tag.name.local {
            "persist-id" => this.word(tag, &mut persist_id, any),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::CancelCommit { persist_id })
    }

    fn validate(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let mut source = None;
        self.each(tag, |this, tag| match tag.name.local {
            "source" => this.source(tag, &mut source),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::Validate { source: self.required(source, "source")? })
    }

    fn kill_session(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let mut session_id = None;
        self.each(tag, |this, tag| match tag.name.local {
            "session-id" => this.word(tag, &mut session_id, positive),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::KillSession { session_id: self.required(session_id, "session-id")? })
    }

    fn get_schema(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut identifier, mut version, mut format) = (None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "identifier" => this.word(tag, &mut identifier, any),
            "version" => this.word(tag, &mut version, any),
            // An identity of ietf-netconf-monitoring, so that the value may have a prefix.
            "format" => this.word(tag, &mut format, |word| any(word.rsplit(':').next().unwrap_or(word))),
            _ => Err(this.unknown(tag)),
        })?;
        Ok(Operation::GetSchema {
            identifier: self.required(identifier, "identifier")?,
            version,
            format: format.unwrap_or_else(|| "yang".to_owned()),
        })
    }

    fn create_subscription(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let (mut stream, mut filter, mut start_time, mut stop_time) = (None, None, None, None);
        self.each(tag, |this, tag| match tag.name.local {
            "stream" => this.word(tag, &mut stream, any),
            "filter" => this.filter(tag, &mut filter),
            "startTime" => this.word(tag, &mut start_time, date_time::parse),
            "stopTime" => this.word(tag, &mut stop_time, date_time::parse),
            _ => Err(this.unknown(tag)),
        })?;
        if stop_time.is_some() && start_time.is_none() {
            return Err(self.missing("startTime"));
        }
        if let (Some(start), Some(stop)) = (start_time, stop_time)
            && stop <= start
        {
            return Err(self
                .wrong(Tag::BadElement, "stopTime is not later than startTime")
                .with(bad("stopTime")));
        }
        let stream = stream.unwrap_or_else(|| "NETCONF".to_owned());
        Ok(Operation::CreateSubscription { stream, filter, start_time, stop_time })
    }

    fn action(&mut self, tag: &xml::Tag<'a>) -> Result<Operation, RpcError> {
        let mut input = None;
        self.no_attributes(tag)?;
        self.children(|this, tag| this.fragment(tag, &mut input))?;
        input.map(|input| Operation::Action { input }).ok_or_else(|| {
            self.wrong(Tag::MissingElement, "an <action> without a data node").with(bad("action"))
        })
    }

    /// Calls for each argument, which belongs to the operation's namespace unless it is with-defaults.
    fn each(
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
    fn children(
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

    fn none(&mut self, tag: &xml::Tag<'a>) -> Result<(), RpcError> {
        self.each(tag, |this, tag| Err(this.unknown(tag)))
    }

    /// The value of a leaf, without the white space around it.
    fn word<T>(
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

    fn fragment(&mut self, tag: &xml::Tag<'a>, slot: &mut Slot<Fragment>) -> Result<(), RpcError> {
        let fragment = self.reader.fragment(tag)?;
        self.fill(tag, slot, fragment)
    }

    /// RFC 6241 section 6; XPath is a capability that we do not have.
    fn filter(&mut self, tag: &xml::Tag<'a>, slot: &mut Slot<Filter>) -> Result<(), RpcError> {
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

    fn with_defaults(&mut self, tag: &xml::Tag<'a>, slot: &mut Slot<WithDefaults>) -> Result<(), RpcError> {
        if !self.has("with-defaults:1.0") {
            return Err(self.unknown(tag));
        }
        self.word(tag, slot, |word| match word {
            "report-all" => Some(WithDefaults::ReportAll),
            "report-all-tagged" => Some(WithDefaults::ReportAllTagged),
            "trim" => Some(WithDefaults::Trim),
            "explicit" => Some(WithDefaults::Explicit),
            _ => None,
        })
    }

    fn only_datastore(
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

    fn datastore(
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

    fn source(&mut self, tag: &xml::Tag<'a>, slot: &mut Slot<Source>) -> Result<(), RpcError> {
        let mut found = None;
        self.no_attributes(tag)?;
        self.children(|this, child| {
            if child.name.is(BASE, "config") {
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

    fn required<T>(&self, slot: Slot<T>, name: &'static str) -> Result<T, RpcError> {
        slot.ok_or_else(|| self.missing(name))
    }

    fn has(&self, capability: &str) -> bool {
        self.capabilities.has(capability)
    }

    fn no_attributes(&self, tag: &xml::Tag<'a>) -> Result<(), RpcError> {
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

    fn not_supported(&self) -> RpcError {
        self.wrong(Tag::OperationNotSupported, format!("there is no operation <{}>", self.operation.1))
    }

    fn missing(&self, name: &'static str) -> RpcError {
        self.wrong(Tag::MissingElement, format!("<{}> needs <{name}>", self.operation.1)).with(bad(name))
    }

    fn missing_datastore(&self) -> RpcError {
        let name = self.within.last().map_or(self.operation.1, |(_, name)| name);
        self.wrong(Tag::MissingElement, format!("<{name}> names no datastore")).with(bad(name))
    }

    fn unknown(&self, tag: &xml::Tag<'a>) -> RpcError {
        let (namespace, name) = (&*tag.name.namespace, tag.name.local);
        if PREFIXES.iter().any(|(_, known)| *known == namespace) {
            return self.wrong(Tag::UnknownElement, format!("<{name}> does not belong here")).with(bad(name));
        }
        self.wrong(Tag::UnknownNamespace, format!("<{name}> is of a namespace that does not belong here"))
            .with(bad(name))
            .with(Info::BadNamespace(namespace.to_owned()))
    }

    fn wrong(&self, tag: Tag, message: impl Into<String>) -> RpcError {
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
enum Use {
    Any,
    Write,
    Delete,
}

fn bad(name: &str) -> Info {
    Info::BadElement(name.to_owned())
}

fn any(word: &str) -> Option<String> {
    Some(word.to_owned())
}

/// A uint32 of 1 or more.
fn positive(word: &str) -> Option<u32> {
    word.parse().ok().filter(|number| *number > 0)
}
