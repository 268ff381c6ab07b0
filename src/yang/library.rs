//! The modules themselves: for get-schema (RFC 6022 3.1) and as the content of ietf-yang-library (RFC 8525).

use std::fmt::Write;

use yang5::schema::{SchemaModule, SchemaOutputFormat, SchemaPrinterFlags};

use super::{Schema, Source, raw};

/// A module of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    pub name: String,
    /// Empty if it has none.
    pub revision: String,
    pub namespace: String,
    pub prefix: String,
    pub implemented: bool,
    /// Those that are on.
    pub features: Vec<String>,
    /// Names of the modules that deviate from it.
    pub deviations: Vec<String>,
    /// In YANG, as it was given; of modules that libyang carries as it prints them.
    pub text: String,
}

impl Schema {
    /// The container `yang-library` in XML: one module set, one schema, and the datastores that have it.
    pub fn library(&self, datastores: &[&str]) -> String {
        let mut out = String::from(
            "<yang-library xmlns=\"urn:ietf:params:xml:ns:yang:ietf-yang-library\"><module-set><name>all</name>",
        );
        for module in &self.modules {
            let tag = if module.implemented { "module" } else { "import-only-module" };
            let _ = write!(out, "<{tag}><name>{}</name>", module.name);
            // The revision is a key of imported modules, so it is there even if empty.
            if !module.revision.is_empty() || !module.implemented {
                let _ = write!(out, "<revision>{}</revision>", module.revision);
            }
            let _ = write!(out, "<namespace>{}</namespace>", escaped(&module.namespace));
            if module.implemented {
                for feature in &module.features {
                    let _ = write!(out, "<feature>{feature}</feature>");
                }
                for deviation in &module.deviations {
                    let _ = write!(out, "<deviation>{deviation}</deviation>");
                }
            }
            let _ = write!(out, "</{tag}>");
        }
        out.push_str("</module-set><schema><name>all</name><module-set>all</module-set></schema>");
        for datastore in datastores {
            let _ = write!(
                out,
                "<datastore><name xmlns:ds=\"urn:ietf:params:xml:ns:yang:ietf-datastores\">ds:{datastore}</name>\
                 <schema>all</schema></datastore>"
            );
        }
        let _ = write!(out, "<content-id>{}</content-id></yang-library>", self.content_id());
        out
    }

    /// The container `modules-state` in XML, which RFC 8525 keeps for clients of RFC 7895.
    pub fn modules_state(&self) -> String {
        let mut out = format!(
            "<modules-state xmlns=\"urn:ietf:params:xml:ns:yang:ietf-yang-library\"><module-set-id>{}</module-set-id>",
            self.content_id()
        );
        for module in &self.modules {
            let _ = write!(
                out,
                "<module><name>{}</name><revision>{}</revision><namespace>{}</namespace>",
                module.name,
                module.revision,
                escaped(&module.namespace)
            );
            for feature in &module.features {
                let _ = write!(out, "<feature>{feature}</feature>");
            }
            for name in &module.deviations {
                let revision = self.module(name).map_or("", |module| &module.revision);
                let _ =
                    write!(out, "<deviation><name>{name}</name><revision>{revision}</revision></deviation>");
            }
            let conformance = if module.implemented { "implement" } else { "import" };
            let _ = write!(out, "<conformance-type>{conformance}</conformance-type></module>");
        }
        out.push_str("</modules-state>");
        out
    }

    /// Another one whenever modules, revisions, features or deviations differ (RFC 8525 3).
    pub fn content_id(&self) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let mut add = |text: &str| {
            for byte in text.bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        for module in &self.modules {
            add(&module.name);
            add(&module.revision);
            add(if module.implemented { "implemented" } else { "imported" });
            module.features.iter().chain(&module.deviations).for_each(|name| add(name));
        }
        format!("{hash:016x}")
    }
}

/// What libyang carries and this program serves; its other modules are there to be imported.
const SERVED_INTERNALS: [&str; 2] = ["ietf-yang-library", "ietf-datastores"];

/// The modules that were given, those that libyang serves for them, and all that they import.
pub(super) fn read(context: &raw::Context, sources: &[Source<'_>]) -> Vec<Module> {
    let given = |name: &str| sources.iter().any(|source| source.name == name);
    let is_root = |name: &str| given(name) || SERVED_INTERNALS.contains(&name);
    let mut wanted: Vec<_> = context.safe().modules(false).filter(|module| is_root(module.name())).collect();
    let mut seen = 0;
    while let Some(module) = wanted.get(seen) {
        seen += 1;
        let imported: Vec<_> = module.imports().map(|import| import.name().to_owned()).collect();
        for name in imported {
            let known = wanted.iter().any(|module| module.name() == name);
            wanted.extend(context.safe().get_module_latest(&name).filter(|_| !known));
        }
    }
    wanted.iter().map(|module| describe(module, sources, is_root(module.name()))).collect()
}

fn describe(module: &SchemaModule<'_>, sources: &[Source<'_>], served: bool) -> Module {
    // SAFETY: the module belongs to the context, which nobody changes any more; the arrays are its own.
    let (features, deviations) = unsafe {
        let raw = &*module.as_raw();
        let features = raw.compiled.as_ref().map_or(&[][..], |compiled| raw::sized(compiled.features));
        let features = features.iter().map(|name| raw::text(*name)).collect();
        let deviations = raw::sized(raw.deviated_by).iter().map(|by| raw::text((**by).name)).collect();
        (features, deviations)
    };
    let revision = module.revision().unwrap_or_default();
    let given = sources.iter().find(|source| source.name == module.name() && source.revision == revision);
    let text = match given {
        Some(source) => source.text.to_string(),
        None => {
            module.print_string(SchemaOutputFormat::YANG, SchemaPrinterFlags::empty()).unwrap_or_default()
        }
    };
    Module {
        name: module.name().to_owned(),
        revision: revision.to_owned(),
        namespace: module.namespace().to_owned(),
        prefix: module.prefix().to_owned(),
        implemented: served && module.is_implemented(),
        features,
        deviations,
        text,
    }
}

fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    quick_xml::escape::escape(text)
}
