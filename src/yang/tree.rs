//! Small trees: one device with what it refers to, an RPC's input. Never the fleet.

use std::{marker::PhantomData, ptr};

use yang5::ffi;

use super::{
    Schema,
    raw::{self, Errors},
};

/// The largest and deepest text that libyang is given.
const LONGEST: usize = 16 << 20;
const DEEPEST: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
}

/// One thing that is wrong with a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Violation {
    /// Instance path as in JSON; empty if it cannot be told.
    pub path: String,
    pub app_tag: Option<String>,
    pub message: String,
}

impl Schema {
    /// Checks configuration as a whole: types, keys, must, when, mandatory, unique, min- and max-elements, leafref.
    ///
    /// # Errors
    /// Everything that is wrong; of unreadable text the first thing.
    pub fn validate(&self, text: &str, format: Format) -> Result<(), Vec<Violation>> {
        self.parse(text, format, true).map(|_| ())
    }

    /// The same configuration in another format, checked for types but not for what must hold between nodes.
    ///
    /// # Errors
    /// As [`validate`](Schema::validate).
    pub fn convert(&self, text: &str, from: Format, to: Format) -> Result<String, Vec<Violation>> {
        self.parse(text, from, false)?.print(to)
    }

    fn parse(&self, text: &str, format: Format, validate: bool) -> Result<Tree<'_>, Vec<Violation>> {
        let refused = |message: &str| {
            vec![Violation { path: String::new(), app_tag: None, message: message.to_owned() }]
        };
        if text.len() > LONGEST {
            return Err(refused("longer than 16 MiB"));
        }
        if depth(text, format) > DEEPEST {
            return Err(refused("nested deeper than 64 levels"));
        }
        let given = raw::c_string(text).ok_or_else(|| refused("holds a NUL character"))?;
        let errors = Errors::listen(self.context.pointer());
        let mut parsing = ffi::LYD_PARSE_STRICT | ffi::LYD_PARSE_NO_STATE;
        if !validate {
            parsing |= ffi::LYD_PARSE_ONLY;
        }
        // PRESENT: else modules without data are validated too, and ietf-yang-library misses its state.
        let validating =
            ffi::LYD_VALIDATE_PRESENT | ffi::LYD_VALIDATE_NO_STATE | ffi::LYD_VALIDATE_MULTI_ERROR;
        let mut root = ptr::null_mut();
        // SAFETY: the context is compiled, the text a C string, `root` an out parameter that `Tree` frees.
        let code = unsafe {
            ffi::lyd_parse_data_mem(
                self.context.pointer(),
                given.as_ptr(),
                format.code(),
                parsing,
                if validate { validating } else { 0 },
                &mut root,
            )
        };
        let tree = Tree { root, schema: PhantomData };
        if code == ffi::LY_ERR::LY_SUCCESS { Ok(tree) } else { Err(errors.some()) }
    }
}

impl Format {
    fn code(self) -> ffi::LYD_FORMAT::Type {
        match self {
            Format::Json => ffi::LYD_FORMAT::LYD_JSON,
            Format::Xml => ffi::LYD_FORMAT::LYD_XML,
        }
    }
}

/// One owner's tree: never shared, because libyang's trees have one writer and yang5's references do not say so.
struct Tree<'a> {
    root: *mut ffi::lyd_node,
    schema: PhantomData<&'a Schema>,
}

impl Tree<'_> {
    fn print(&self, format: Format) -> Result<String, Vec<Violation>> {
        let mut text = ptr::null_mut();
        let options = ffi::LYD_PRINT_SIBLINGS | ffi::LYD_PRINT_SHRINK;
        // SAFETY: the tree is alive; the text is ours to free, which `take_text` does, also after a failure.
        let (code, text) = unsafe {
            let code = ffi::lyd_print_mem(&mut text, self.root, format.code(), options);
            (code, raw::take_text(text))
        };
        if code != ffi::LY_ERR::LY_SUCCESS {
            let message = "cannot be printed".to_owned();
            return Err(vec![Violation { path: String::new(), app_tag: None, message }]);
        }
        Ok(text)
    }
}

impl Drop for Tree<'_> {
    fn drop(&mut self) {
        // SAFETY: the root came from the parser and nobody else has it; NULL is allowed.
        unsafe { ffi::lyd_free_all(self.root) };
    }
}

/// How deep it is nested at most. Libyang recurses into JSON, so it is counted before; brackets in strings count for
/// nothing, and those of malformed text too much rather than too little. XML it bounds by itself, but late.
fn depth(text: &str, format: Format) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut bytes = text.bytes().peekable();
    let mut quoted = false;
    while let Some(byte) = bytes.next() {
        match (format, byte) {
            (Format::Json, b'\\') if quoted => drop(bytes.next()),
            (Format::Json, b'"') => quoted = !quoted,
            (Format::Json, b'{' | b'[') if !quoted => depth += 1,
            (Format::Json, b'}' | b']') if !quoted => depth = depth.saturating_sub(1),
            (Format::Xml, b'<') => match bytes.peek() {
                Some(b'/') => depth = depth.saturating_sub(1),
                Some(b'!' | b'?') => {}
                _ => depth += 1,
            },
            (Format::Xml, b'/') if bytes.peek() == Some(&b'>') => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
