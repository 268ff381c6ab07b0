//! Between the words of NETCONF and those of the datastore.

use crate::{
    datastore,
    netconf::{
        error::{Info, Kind, Path, RpcError, Tag},
        message,
    },
};

impl RpcError {
    /// What the datastore refuses, with paths whose prefixes are names of modules; `namespace` knows these.
    pub(super) fn of(error: datastore::Error, namespace: impl Fn(&str) -> Option<String>) -> Self {
        let path = |text: String| Path { namespaces: namespaces(&text, &namespace), text };
        // The layers that appendix A of RFC 6241 has for these.
        let kind = match error.tag {
            datastore::Tag::LockDenied => Kind::Protocol,
            datastore::Tag::MalformedMessage => Kind::Rpc,
            _ => Kind::Application,
        };
        let mut converted = RpcError::new(kind, tag(error.tag), error.message);
        converted.app_tag = error.app_tag;
        converted.path = (!error.path.is_empty()).then(|| Box::new(path(error.path)));
        converted.info = error
            .info
            .into_iter()
            .map(|info| match info {
                datastore::Info::BadElement(name) => Info::BadElement(name),
                datastore::Info::BadAttribute(name) => Info::BadAttribute(name),
                datastore::Info::BadNamespace(namespace) => Info::BadNamespace(namespace),
                datastore::Info::SessionId(id) => Info::SessionId(id),
                datastore::Info::NonUnique(text) => Info::NonUnique(path(text)),
            })
            .collect();
        converted
    }
}

fn tag(tag: datastore::Tag) -> Tag {
    use datastore::Tag as From;
    match tag {
        From::InUse => Tag::InUse,
        From::InvalidValue => Tag::InvalidValue,
        From::TooBig => Tag::TooBig,
        From::MissingElement => Tag::MissingElement,
        From::BadElement => Tag::BadElement,
        From::UnknownElement => Tag::UnknownElement,
        From::UnknownNamespace => Tag::UnknownNamespace,
        From::BadAttribute => Tag::BadAttribute,
        From::UnknownAttribute => Tag::UnknownAttribute,
        From::AccessDenied => Tag::AccessDenied,
        From::LockDenied => Tag::LockDenied,
        From::ResourceDenied => Tag::ResourceDenied,
        From::DataExists => Tag::DataExists,
        From::DataMissing => Tag::DataMissing,
        From::OperationNotSupported => Tag::OperationNotSupported,
        From::OperationFailed => Tag::OperationFailed,
        From::MalformedMessage => Tag::MalformedMessage,
    }
}

/// The prefixes that stand in a path outside of values, each once.
pub(in crate::netconf) fn namespaces(
    path: &str,
    namespace: &impl Fn(&str) -> Option<String>,
) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut rest = path;
    while let Some(at) = rest.find(['/', '[', '\'', '"']) {
        let quote = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        if matches!(quote, b'\'' | b'"') {
            rest = rest.find(quote as char).map_or("", |end| &rest[end + 1..]);
            continue;
        }
        let name = &rest[..rest.find(['/', '[', '=', ']']).unwrap_or(rest.len())];
        if let Some((prefix, _)) = name.split_once(':')
            && !found.iter().any(|(known, _)| known == prefix)
            && let Some(namespace) = namespace(prefix)
        {
            found.push((prefix.to_owned(), namespace));
        }
    }
    found
}

impl From<message::DefaultOperation> for datastore::DefaultOperation {
    fn from(operation: message::DefaultOperation) -> Self {
        match operation {
            message::DefaultOperation::Merge => datastore::DefaultOperation::Merge,
            message::DefaultOperation::Replace => datastore::DefaultOperation::Replace,
            message::DefaultOperation::None => datastore::DefaultOperation::None,
        }
    }
}

impl From<message::TestOption> for datastore::TestOption {
    fn from(option: message::TestOption) -> Self {
        match option {
            message::TestOption::TestThenSet => datastore::TestOption::TestThenSet,
            message::TestOption::Set => datastore::TestOption::Set,
            message::TestOption::TestOnly => datastore::TestOption::TestOnly,
        }
    }
}

impl From<message::ErrorOption> for datastore::ErrorOption {
    fn from(option: message::ErrorOption) -> Self {
        match option {
            message::ErrorOption::StopOnError => datastore::ErrorOption::StopOnError,
            message::ErrorOption::ContinueOnError => datastore::ErrorOption::ContinueOnError,
            message::ErrorOption::RollbackOnError => datastore::ErrorOption::RollbackOnError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_a_path() {
        let namespace = |prefix: &str| (prefix != "x").then(|| format!("urn:{prefix}"));
        let path = "/a:fleet/a:device[a:name='/z:y[z:x']/b:tasmota/x:none[.=\"c:d\"]";
        let pair = |prefix: &str| (prefix.to_owned(), format!("urn:{prefix}"));
        assert_eq!(namespaces(path, &namespace), [pair("a"), pair("b")]);
    }
}
