//! libyang's pointers, strings and errors. Everything that is `unsafe` about them ends in this file, in `load` and in the
//! few calls of `value` and `tree`.

use std::ffi::{CStr, CString, c_char};

use yang5::ffi;

use super::Violation;

/// A compiled context that nobody changes any more.
#[derive(Debug)]
pub(super) struct Context(yang5::context::Context, *mut ffi::ly_ctx);

// SAFETY: libyang allows any number of threads to parse, validate and print with one context as long as nobody changes
// it: its dictionary is locked, its errors are kept by thread, compiled modules are only read. A `Context` is made when
// loading is over (`freeze` takes the only handle) and has no method that changes it.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    pub fn freeze(context: yang5::context::Context) -> Context {
        let raw = pointer(&context);
        Context(context, raw)
    }

    pub fn pointer(&self) -> *const ffi::ly_ctx {
        self.1
    }

    pub fn safe(&self) -> &yang5::context::Context {
        &self.0
    }
}

/// yang5 keeps its pointer to itself, but every module knows its context; each context has modules of its own.
pub(super) fn pointer(context: &yang5::context::Context) -> *mut ffi::ly_ctx {
    let first = context.modules(false).next().map(|module| module.as_raw());
    // SAFETY: the module belongs to the context, which is borrowed; libyang sets `ctx` of every module.
    first.map_or(std::ptr::null_mut(), |module| unsafe { (*module).ctx })
}

/// Text that libyang owns; empty for NULL.
///
/// # Safety
/// `text` is NULL or a C string that lives as long as the context.
pub(super) unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Text that libyang has allocated for the caller, who frees it here; empty for NULL.
///
/// # Safety
/// `text` is NULL or came from an allocation of libyang that nobody else frees.
pub(super) unsafe fn take_text(given: *mut c_char) -> String {
    // SAFETY: the caller's.
    let copy = unsafe { text(given) };
    // SAFETY: the caller's; free(NULL) does nothing.
    unsafe { ffi::free(given.cast()) };
    copy
}

/// The items of one of libyang's sized arrays, whose length stands before its first item.
///
/// # Safety
/// `array` is NULL or a sized array of `T` that lives as long as `'a`.
pub(super) unsafe fn sized<'a, T>(array: *const T) -> &'a [T] {
    if array.is_null() {
        return &[];
    }
    // SAFETY: LY_ARRAY_COUNT is a u64 right before the array.
    unsafe { std::slice::from_raw_parts(array, *array.cast::<u64>().sub(1) as usize) }
}

/// `None` for text that holds a NUL octet, which libyang would take for its end.
pub(super) fn c_string(text: &str) -> Option<CString> {
    CString::new(text).ok()
}

/// What libyang has to say of one call: the calling thread's errors, which are empty before and after.
pub(super) struct Errors(*const ffi::ly_ctx);

impl Errors {
    /// Forgets what was said before.
    pub fn listen(context: *const ffi::ly_ctx) -> Errors {
        // SAFETY: the context is alive; the errors are this thread's own.
        unsafe { ffi::ly_err_clean(context, std::ptr::null_mut()) };
        Errors(context)
    }

    /// All errors so far, oldest first.
    pub fn all(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        // SAFETY: the list is this thread's own, and nothing is called that changes it while it is read.
        unsafe {
            let mut item = ffi::ly_err_first(self.0);
            while !item.is_null() {
                let error = &*item;
                if error.level == ffi::LY_LOG_LEVEL::LY_LLERR {
                    found.push(Violation {
                        path: text(error.data_path),
                        app_tag: Some(text(error.apptag)).filter(|tag| !tag.is_empty()),
                        message: text(error.msg),
                    });
                }
                item = error.next;
            }
        }
        found
    }

    /// All errors, and if libyang named none one that says so.
    pub fn some(&self) -> Vec<Violation> {
        let mut all = self.all();
        if all.is_empty() {
            all.push(Violation { path: String::new(), app_tag: None, message: "not accepted".to_owned() });
        }
        all
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        // SAFETY: as in `listen`.
        unsafe { ffi::ly_err_clean(self.0, std::ptr::null_mut()) };
    }
}
