//! Parts that are small and the same for everybody: built whole, then cut down to what is selected.

use super::{Cursor, Provider, View};
use crate::{
    datastore::{self, Tag},
    netconf::{
        emit,
        filter::{Selection, cut},
        xml::{Element, Reader},
    },
};

/// A part that one function builds.
pub(super) struct Small {
    pub top: (&'static str, &'static str),
    /// Of values that are identities, with their namespaces.
    pub prefixes: &'static [(&'static str, &'static str)],
    pub build: fn(&View<'_>) -> String,
}

/// RFC 8525.
pub(super) static LIBRARY: Small = Small {
    top: ("urn:ietf:params:xml:ns:yang:ietf-yang-library", "yang-library"),
    prefixes: &[("ds", "urn:ietf:params:xml:ns:yang:ietf-datastores")],
    build: |view| view.sources.datastore.schema().library(&["running", "candidate", "operational"]),
};

/// RFC 5277 section 3.2.5.
pub(super) static STREAMS: Small = Small {
    top: ("urn:ietf:params:xml:ns:netmod:notification", "netconf"),
    prefixes: &[],
    build: |view| {
        let created = view.sources.replay_from;
        format!(
            "<netconf xmlns=\"urn:ietf:params:xml:ns:netmod:notification\"><streams><stream><name>NETCONF</name>\
             <description>Everything that happens in the fleet and to its configuration.</description>\
             <replaySupport>true</replaySupport><replayLogCreationTime>{created}</replayLogCreationTime>\
             </stream></streams></netconf>"
        )
    },
};

impl Provider for Small {
    fn top(&self) -> (&'static str, &'static str) {
        self.top
    }

    fn is_state(&self) -> bool {
        true
    }

    fn read(
        &self,
        view: &View<'_>,
        selection: &Selection<'_>,
        _: Cursor,
        out: &mut Vec<u8>,
    ) -> Result<Option<Cursor>, datastore::Error> {
        let text = (self.build)(view);
        if *selection == Selection::All {
            out.extend_from_slice(text.as_bytes());
            return Ok(None);
        }
        let tree = Reader::new(text.as_bytes()).and_then(|mut reader| Element::read(&mut reader));
        let tree = tree.map_err(|error| datastore::Error::new(Tag::OperationFailed, error.to_string()))?;
        if let Some(left) = cut(selection, &tree) {
            write(&left, "", self.prefixes, out);
        }
        Ok(None)
    }
}

fn write(element: &Element, parent: &str, prefixes: &[(&str, &str)], out: &mut Vec<u8>) {
    let namespace = if element.namespace == parent { "" } else { &element.namespace };
    emit::start(out, &element.name, namespace);
    for (prefix, namespace) in prefixes {
        out.pop();
        out.extend_from_slice(format!(" xmlns:{prefix}=\"{namespace}\">").as_bytes());
    }
    if element.children.is_empty() {
        datastore::escape(&element.text, out);
    }
    for child in &element.children {
        write(child, &element.namespace, &[], out);
    }
    emit::end(out, &element.name);
}
