//! Between the words of NETCONF and those of the datastore.

use crate::{
    datastore,
    netconf::error::{Info, Kind, Path, RpcError, Tag},
    yang::Schema,
};

impl RpcError {
    /// What the datastore refuses; the prefixes of its paths are names of modules.
    pub(super) fn of(error: datastore::Error, schema: &Schema) -> Self {
        let path = |text: String| {
            let namespaces = datastore::path::namespaces(schema, &text).into_iter();
            let owned = |(prefix, namespace): (&str, &str)| (prefix.to_owned(), namespace.to_owned());
            Path { namespaces: namespaces.map(owned).collect(), text }
        };
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
