//! `<rpc-error>` (RFC 6241 section 4.3 and appendix A).

use std::fmt;

use super::xml::{XmlError, escape, escape_attribute};

/// The layer in which an error occurred: error-type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Transport,
    Rpc,
    Protocol,
    Application,
}

/// All of appendix A but partial-operation, which is obsolete and not to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    InUse,
    InvalidValue,
    TooBig,
    MissingAttribute,
    BadAttribute,
    UnknownAttribute,
    MissingElement,
    BadElement,
    UnknownElement,
    UnknownNamespace,
    AccessDenied,
    LockDenied,
    ResourceDenied,
    RollbackFailed,
    DataExists,
    DataMissing,
    OperationNotSupported,
    OperationFailed,
    /// Not to be sent to peers that know only :base:1.0.
    MalformedMessage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    #[default]
    Error,
    Warning,
}

/// One element of error-info.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Info {
    BadAttribute(String),
    BadElement(String),
    BadNamespace(String),
    /// Who holds the lock; 0 if it is not a NETCONF session.
    SessionId(u32),
    /// An instance that is not unique (RFC 7950 section 15.1).
    NonUnique(Path),
}

/// An instance-identifier and the namespaces of its prefixes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    pub text: String,
    /// Prefix and namespace.
    pub namespaces: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    pub kind: Kind,
    pub tag: Tag,
    pub severity: Severity,
    pub app_tag: Option<String>,
    pub path: Option<Box<Path>>,
    pub message: Option<String>,
    pub info: Vec<Info>,
}

const YANG: &str = "urn:ietf:params:xml:ns:yang:1";

impl RpcError {
    pub fn new(kind: Kind, tag: Tag, message: impl Into<String>) -> Self {
        RpcError {
            kind,
            tag,
            severity: Severity::Error,
            app_tag: None,
            path: None,
            message: Some(message.into()),
            info: Vec::new(),
        }
    }

    pub fn rpc(tag: Tag, message: impl Into<String>) -> Self {
        RpcError::new(Kind::Rpc, tag, message)
    }

    pub fn protocol(tag: Tag, message: impl Into<String>) -> Self {
        RpcError::new(Kind::Protocol, tag, message)
    }

    pub fn application(tag: Tag, message: impl Into<String>) -> Self {
        RpcError::new(Kind::Application, tag, message)
    }

    #[must_use]
    pub fn with(mut self, info: Info) -> Self {
        self.info.push(info);
        self
    }

    #[must_use]
    pub fn at(mut self, path: Path) -> Self {
        self.path = Some(Box::new(path));
        self
    }

    #[must_use]
    pub fn app_tag(mut self, app_tag: impl Into<String>) -> Self {
        self.app_tag = Some(app_tag.into());
        self
    }

    /// Appends the element; `prefix` is that of the base namespace, empty or with its colon.
    pub fn write(&self, prefix: &str, out: &mut String) {
        out.push_str(&format!("<{prefix}rpc-error>"));
        element(prefix, "error-type", &self.kind.to_string(), out);
        element(prefix, "error-tag", self.tag.name(), out);
        element(prefix, "error-severity", self.severity.name(), out);
        if let Some(app_tag) = &self.app_tag {
            element(prefix, "error-app-tag", app_tag, out);
        }
        if let Some(path) = &self.path {
            out.push_str(&format!("<{prefix}error-path"));
            path.write(out);
            out.push_str(&format!("</{prefix}error-path>"));
        }
        if let Some(message) = &self.message {
            out.push_str(&format!("<{prefix}error-message xml:lang=\"en\">"));
            escape(message, out);
            out.push_str(&format!("</{prefix}error-message>"));
        }
        if !self.info.is_empty() {
            out.push_str(&format!("<{prefix}error-info>"));
            for info in &self.info {
                info.write(prefix, out);
            }
            out.push_str(&format!("</{prefix}error-info>"));
        }
        out.push_str(&format!("</{prefix}rpc-error>"));
    }
}

impl Info {
    fn write(&self, prefix: &str, out: &mut String) {
        match self {
            Info::BadAttribute(name) => element(prefix, "bad-attribute", name, out),
            Info::BadElement(name) => element(prefix, "bad-element", name, out),
            Info::BadNamespace(namespace) => element(prefix, "bad-namespace", namespace, out),
            Info::SessionId(id) => element(prefix, "session-id", &id.to_string(), out),
            Info::NonUnique(path) => {
                out.push_str(&format!("<non-unique xmlns=\"{YANG}\""));
                path.write(out);
                out.push_str("</non-unique>");
            }
        }
    }
}

impl Path {
    /// The rest of the start tag and the text.
    fn write(&self, out: &mut String) {
        for (prefix, namespace) in &self.namespaces {
            out.push_str(&format!(" xmlns:{prefix}=\""));
            escape_attribute(namespace, out);
            out.push('"');
        }
        out.push('>');
        escape(&self.text, out);
    }
}

fn element(prefix: &str, name: &str, text: &str, out: &mut String) {
    out.push_str(&format!("<{prefix}{name}>"));
    escape(text, out);
    out.push_str(&format!("</{prefix}{name}>"));
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Transport => "transport",
            Kind::Rpc => "rpc",
            Kind::Protocol => "protocol",
            Kind::Application => "application",
        })
    }
}

impl Tag {
    pub const fn name(self) -> &'static str {
        match self {
            Tag::InUse => "in-use",
            Tag::InvalidValue => "invalid-value",
            Tag::TooBig => "too-big",
            Tag::MissingAttribute => "missing-attribute",
            Tag::BadAttribute => "bad-attribute",
            Tag::UnknownAttribute => "unknown-attribute",
            Tag::MissingElement => "missing-element",
            Tag::BadElement => "bad-element",
            Tag::UnknownElement => "unknown-element",
            Tag::UnknownNamespace => "unknown-namespace",
            Tag::AccessDenied => "access-denied",
            Tag::LockDenied => "lock-denied",
            Tag::ResourceDenied => "resource-denied",
            Tag::RollbackFailed => "rollback-failed",
            Tag::DataExists => "data-exists",
            Tag::DataMissing => "data-missing",
            Tag::OperationNotSupported => "operation-not-supported",
            Tag::OperationFailed => "operation-failed",
            Tag::MalformedMessage => "malformed-message",
        }
    }
}

impl Severity {
    const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl From<XmlError> for RpcError {
    fn from(error: XmlError) -> Self {
        let tag = match error {
            XmlError::Malformed { .. } => Tag::MalformedMessage,
            XmlError::TooBig { .. } => Tag::TooBig,
        };
        RpcError::rpc(tag, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_its_order() {
        let error = RpcError::application(Tag::InvalidValue, "1 < 2")
            .app_tag("range-violation")
            .at(Path { text: "/fb:fleet".into(), namespaces: vec![("fb".into(), "urn:\"x\"".into())] })
            .with(Info::BadElement("name".into()))
            .with(Info::SessionId(0));
        let mut out = String::new();
        error.write("nc:", &mut out);
        assert_eq!(
            out,
            "<nc:rpc-error><nc:error-type>application</nc:error-type><nc:error-tag>invalid-value</nc:error-tag>\
             <nc:error-severity>error</nc:error-severity><nc:error-app-tag>range-violation</nc:error-app-tag>\
             <nc:error-path xmlns:fb=\"urn:&quot;x&quot;\">/fb:fleet</nc:error-path>\
             <nc:error-message xml:lang=\"en\">1 &lt; 2</nc:error-message><nc:error-info>\
             <nc:bad-element>name</nc:bad-element><nc:session-id>0</nc:session-id></nc:error-info></nc:rpc-error>"
        );
    }
}
