//! Modules from memory to a compiled context; the file system is never searched.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    ptr,
};

use yang5::{
    context::{Context, ContextFlags},
    ffi,
};

use super::{Schema, Violation, library, node::Nodes, raw};

/// The largest module that is taken, in octets.
const LONGEST: usize = 4 << 20;

/// One module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    pub name: &'a str,
    /// `YYYY-MM-DD`.
    pub revision: &'a str,
    pub text: std::borrow::Cow<'a, str>,
    /// Its data nodes are served; else it is there to be imported.
    pub implement: bool,
    /// The features that are on; `*` for all.
    pub features: &'a [&'a str],
}

impl<'a> Source<'a> {
    /// A module that is served, with all its features.
    pub fn served(name: &'a str, revision: &'a str, text: impl Into<std::borrow::Cow<'a, str>>) -> Self {
        Source { name, revision, text: text.into(), implement: true, features: &["*"] }
    }

    /// A module that others import.
    pub fn imported(name: &'a str, revision: &'a str, text: impl Into<std::borrow::Cow<'a, str>>) -> Self {
        Source { implement: false, ..Source::served(name, revision, text) }
    }
}

/// Why modules cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("module {0} holds a NUL octet or is longer than 4 MiB")]
    Text(String),
    #[error("libyang: {0}")]
    Refused(String),
    #[error("libyang has no memory")]
    Memory,
}

impl Schema {
    /// Compiles the modules; what they import is taken from `sources` and from the few modules that libyang carries.
    ///
    /// # Errors
    /// A module does not parse, does not compile or imports one that is not there.
    pub fn load(sources: &[Source<'_>]) -> Result<Schema, SchemaError> {
        let texts = Texts::new(sources)?;
        let flags = ContextFlags::DISABLE_SEARCHDIRS | ContextFlags::DISABLE_SEARCHDIR_CWD;
        let mut context = Context::new(flags).map_err(|_| SchemaError::Memory)?;
        let raw = raw::pointer(&context);
        if raw.is_null() {
            return Err(SchemaError::Memory);
        }
        // All errors are kept, so that a failure can tell all of them; nothing is printed.
        // SAFETY: an atomic of the library; LY_LOSTORE is one of its values.
        unsafe { ffi::ly_log_options(ffi::LY_LOSTORE) };
        let errors = raw::Errors::listen(raw);
        // SAFETY: `texts` lives until the callback is taken away again, and stays where it is.
        unsafe { ffi::ly_ctx_set_module_imp_clb(raw, Some(import), ptr::from_ref(&texts) as *mut c_void) };
        let wanted: Vec<_> = sources
            .iter()
            .filter(|source| source.implement)
            .map(|source| (source.name, Some(source.revision), source.features))
            .collect();
        let loaded = context.load_modules(&wanted);
        // SAFETY: as above; without a callback no further module can be loaded.
        unsafe { ffi::ly_ctx_set_module_imp_clb(raw, None, ptr::null_mut()) };
        if loaded.is_err() {
            return Err(SchemaError::Refused(told(errors.some())));
        }
        drop(errors);
        let context = raw::Context::freeze(context);
        let modules = library::read(&context, sources);
        let nodes = Nodes::read(&context, &modules);
        Ok(Schema { nodes, modules, context })
    }
}

/// The sources as C strings, for the callback.
struct Texts(Vec<(CString, CString, CString)>);

impl Texts {
    fn new(sources: &[Source<'_>]) -> Result<Texts, SchemaError> {
        sources
            .iter()
            .map(|source| {
                let fits = source.text.len() <= LONGEST;
                let features = source.features.iter().all(|feature| !feature.contains('\0'));
                let strings = fits
                    .then_some(())
                    .and_then(|()| Some((raw::c_string(source.name)?, raw::c_string(source.revision)?)))
                    .and_then(|(name, revision)| Some((name, revision, raw::c_string(&source.text)?)));
                strings.filter(|_| features).ok_or_else(|| SchemaError::Text(source.name.replace('\0', "?")))
            })
            .collect::<Result<_, _>>()
            .map(Texts)
    }

    /// The text of that revision; without one of the newest.
    fn find(&self, name: &CStr, revision: Option<&CStr>) -> Option<&CStr> {
        self.0
            .iter()
            .filter(|(known, dated, _)| {
                known.as_c_str() == name && revision.is_none_or(|revision| dated.as_c_str() == revision)
            })
            .max_by(|a, b| a.1.cmp(&b.1))
            .map(|(_, _, text)| text.as_c_str())
    }
}

/// Gives libyang the text of a module, which stays ours: no copy, nothing to free.
///
/// # Safety
/// Called by libyang while `load_modules` runs, with the `Texts` that were registered.
unsafe extern "C" fn import(
    name: *const c_char,
    revision: *const c_char,
    submodule: *const c_char,
    _submodule_revision: *const c_char,
    texts: *mut c_void,
    format: *mut ffi::LYS_INFORMAT::Type,
    data: *mut *const c_char,
    _free: *mut ffi::ly_module_imp_data_free_clb,
) -> ffi::LY_ERR::Type {
    // SAFETY: libyang gives C strings or NULL, and the pointer that was registered.
    let found = unsafe {
        let asked = if submodule.is_null() { name } else { submodule };
        let revision = (!revision.is_null() && submodule.is_null()).then(|| CStr::from_ptr(revision));
        (!asked.is_null()).then(|| (*texts.cast::<Texts>()).find(CStr::from_ptr(asked), revision)).flatten()
    };
    let Some(text) = found else { return ffi::LY_ERR::LY_ENOTFOUND };
    // SAFETY: out parameters of the caller.
    unsafe {
        *format = ffi::LYS_INFORMAT::LYS_IN_YANG;
        *data = text.as_ptr();
    }
    ffi::LY_ERR::LY_SUCCESS
}

fn told(violations: Vec<Violation>) -> String {
    let mut lines: Vec<String> = violations
        .into_iter()
        .map(|violation| match violation.path.as_str() {
            "" => violation.message,
            path => format!("{} ({path})", violation.message),
        })
        .collect();
    lines.dedup();
    lines.join("; ")
}
