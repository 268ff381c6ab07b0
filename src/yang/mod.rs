//! The safe wrapper of libyang: schemas, values, and *small* trees (one device). The only user of yang5, and beside the
//! sockets the only `unsafe`.
//!
//! | file | what |
//! |---|---|
//! | this | [`Schema`]: loaded once, read by all threads |
//! | [`node`] | the schema's nodes as plain Rust data, for walkers of XML and JSON |
//! | [`value`] | one leaf's text to its canonical value |
//! | `tree` | a small tree: parse, validate, print |
//! | `library` | the modules: get-schema, ietf-yang-library (RFC 8525) |
//! | `raw` | libyang's pointers, errors and strings; all `unsafe` that is not in `load` |
//!
//! What is avoided, each held by a test in `tests/yang.rs`: yang5's calls that leak (`find_xpath`, `print_bytes`, its
//! import callback), its panic on a NUL octet, its f64 for decimal64, its last-error-only results; libyang's recursion on
//! deep input, and implicit validation of ietf-yang-library.

mod library;
mod load;
pub mod node;
mod raw;
mod tree;
pub mod value;

pub use library::Module;
pub use load::{SchemaError, Source};
pub use node::{Base, Kind, Node, NodeId};
pub use tree::{Format, Violation};
pub use value::{Value, ValueError, is_yang};

use self::node::Nodes;

/// All modules that are served, compiled. Nothing of it changes after [`load`](Schema::load); another set of modules is
/// another `Schema`.
#[derive(Debug)]
pub struct Schema {
    // Before the context that its pointers lead into.
    nodes: Nodes,
    modules: Vec<Module>,
    context: raw::Context,
}

impl Schema {
    /// All modules, imported ones included, in the order of loading.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The module of this name; of several revisions the implemented one, else the newest.
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules
            .iter()
            .filter(|module| module.name == name)
            .max_by_key(|module| (module.implemented, &module.revision))
    }

    /// The implemented module of this namespace.
    pub fn module_of(&self, namespace: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.implemented && module.namespace == namespace)
    }
}

/// The modules that are embedded in the program, and served; the generated modules of profiles come on top. The one place
/// where a module is registered. ietf-yang-types, ietf-inet-types, ietf-yang-library and what NMDA needs are libyang's own.
pub fn modules() -> Vec<Source<'static>> {
    macro_rules! text {
        ($file:literal) => {
            include_str!(concat!("../../yang/", $file))
        };
    }
    // What of RFC 6241 is offered; the session's capabilities say the same.
    let netconf = &["writable-running", "candidate", "confirmed-commit", "rollback-on-error", "validate"];
    vec![
        Source::served("fleetbridge", "2026-11-23", text!("fleetbridge@2026-11-23.yang")),
        Source {
            features: netconf,
            ..Source::served("ietf-netconf", "2011-06-01", text!("ietf/ietf-netconf@2011-06-01.yang"))
        },
        // For its extensions; access is not configured through it.
        Source::imported("ietf-netconf-acm", "2018-02-14", text!("ietf/ietf-netconf-acm@2018-02-14.yang")),
        Source::served(
            "ietf-netconf-monitoring",
            "2010-10-04",
            text!("ietf/ietf-netconf-monitoring@2010-10-04.yang"),
        ),
        Source::served(
            "ietf-netconf-notifications",
            "2012-02-06",
            text!("ietf/ietf-netconf-notifications@2012-02-06.yang"),
        ),
        Source::served(
            "ietf-netconf-with-defaults",
            "2011-06-01",
            text!("ietf/ietf-netconf-with-defaults@2011-06-01.yang"),
        ),
        Source::served("nc-notifications", "2008-07-14", text!("ietf/nc-notifications@2008-07-14.yang")),
        Source::served("notifications", "2008-07-14", text!("ietf/notifications@2008-07-14.yang")),
    ]
}
