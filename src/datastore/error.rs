//! What a manager is told when something is refused: RFC 6241's own words, which SNMP turns into an error status.

use std::fmt;

/// RFC 6241 appendix A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    InUse,
    InvalidValue,
    TooBig,
    MissingElement,
    BadElement,
    UnknownElement,
    UnknownNamespace,
    BadAttribute,
    UnknownAttribute,
    AccessDenied,
    LockDenied,
    ResourceDenied,
    DataExists,
    DataMissing,
    OperationNotSupported,
    OperationFailed,
    MalformedMessage,
}

/// One entry of error-info.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Info {
    BadElement(String),
    BadAttribute(String),
    BadNamespace(String),
    /// Of the session that is in the way; 0 if it is none of NETCONF.
    SessionId(u32),
    /// An instance that breaks a `unique` statement (RFC 7950 15.1).
    NonUnique(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub tag: Tag,
    pub app_tag: Option<String>,
    /// XPath of the node; prefixes are the names of modules. Empty: none.
    pub path: String,
    pub message: String,
    pub info: Vec<Info>,
}

impl Error {
    pub fn new(tag: Tag, message: impl Into<String>) -> Error {
        Error { tag, app_tag: None, path: String::new(), message: message.into(), info: Vec::new() }
    }

    pub(super) fn at(mut self, path: impl Into<String>) -> Error {
        self.path = path.into();
        self
    }

    /// The path goes on from this place. Where XML is not well-formed there is none.
    pub(super) fn below(mut self, place: &str) -> Error {
        if self.tag != Tag::MalformedMessage {
            self.path.insert_str(0, place);
        }
        self
    }

    pub(super) fn app_tag(mut self, app_tag: impl Into<String>) -> Error {
        self.app_tag = Some(app_tag.into());
        self
    }

    pub(super) fn info(mut self, info: Info) -> Error {
        self.info.push(info);
        self
    }
}

impl Tag {
    pub fn as_str(self) -> &'static str {
        match self {
            Tag::InUse => "in-use",
            Tag::InvalidValue => "invalid-value",
            Tag::TooBig => "too-big",
            Tag::MissingElement => "missing-element",
            Tag::BadElement => "bad-element",
            Tag::UnknownElement => "unknown-element",
            Tag::UnknownNamespace => "unknown-namespace",
            Tag::BadAttribute => "bad-attribute",
            Tag::UnknownAttribute => "unknown-attribute",
            Tag::AccessDenied => "access-denied",
            Tag::LockDenied => "lock-denied",
            Tag::ResourceDenied => "resource-denied",
            Tag::DataExists => "data-exists",
            Tag::DataMissing => "data-missing",
            Tag::OperationNotSupported => "operation-not-supported",
            Tag::OperationFailed => "operation-failed",
            Tag::MalformedMessage => "malformed-message",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tag.as_str(), self.message)?;
        if !self.path.is_empty() {
            write!(f, " ({})", self.path)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The store could not; it has logged why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct Failed(pub String);

impl From<Failed> for Error {
    fn from(failed: Failed) -> Error {
        Error::new(Tag::OperationFailed, failed.to_string())
    }
}

impl From<Failed> for Vec<Error> {
    fn from(failed: Failed) -> Vec<Error> {
        vec![failed.into()]
    }
}

impl From<Error> for Vec<Error> {
    fn from(error: Error) -> Vec<Error> {
        vec![error]
    }
}
