//! One leaf's value: from the text that a manager wrote to the one that is stored, compared and shown.

use std::ptr;

use yang5::ffi;

use super::{
    Base, Kind, NodeId, Schema,
    node::base_of,
    raw::{self, Errors},
};

/// The longest value that is taken, in octets.
const LONGEST: usize = 64 << 10;

/// A canonical value (RFC 7950 9.1), by its encoding in JSON (RFC 7951 6). Decimal numbers stay text: no f64 comes near.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Numbers of up to 32 bits, `true` and `false`.
    Bare(Box<str>),
    Text(Box<str>),
    /// Of type empty.
    Empty,
}

/// Why a text is no value of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    pub app_tag: Option<String>,
    pub message: String,
}

impl Value {
    pub fn as_str(&self) -> &str {
        match self {
            Value::Bare(text) | Value::Text(text) => text,
            Value::Empty => "",
        }
    }
}

impl Schema {
    /// The canonical value of a leaf or leaf-list. Identities are spelt as in JSON, `module:name`.
    ///
    /// # Errors
    /// The text is no value of the type; the tag is that of the range, length or pattern it breaks. What is written into
    /// a secret leaf is not repeated in the message.
    pub fn canonical(&self, id: NodeId, text: &str) -> Result<Value, ValueError> {
        let node = &self[id];
        let refused = |message: &str| ValueError { app_tag: None, message: message.to_owned() };
        if !matches!(node.kind, Kind::Leaf | Kind::LeafList) {
            return Err(refused("has no value"));
        }
        if text.len() > LONGEST {
            return Err(refused("is longer than 64 KiB"));
        }
        if !text.chars().all(is_yang) {
            return Err(refused("holds a character that YANG does not allow"));
        }
        let given = raw::c_string(text).ok_or_else(|| refused("holds a NUL character"))?;
        let errors = Errors::listen(self.context.pointer());
        let (mut real, mut canonical) = (ptr::null(), ptr::null());
        // SAFETY: a compiled leaf of this context, a C string of that length, two out parameters.
        let code = unsafe {
            ffi::lyd_value_validate(
                node.raw,
                given.as_ptr(),
                text.len() as u32,
                ptr::null(),
                &mut real,
                &mut canonical,
            )
        };
        // Incomplete: whether what it refers to exists is seen when the tree is validated.
        if !matches!(code, ffi::LY_ERR::LY_SUCCESS | ffi::LY_ERR::LY_EINCOMPLETE) {
            let first = errors.some().swap_remove(0);
            let message = if node.secret { "not a value of this leaf".to_owned() } else { first.message };
            return Err(ValueError { app_tag: first.app_tag, message });
        }
        // SAFETY: on success `canonical` is a reference into the dictionary, given back once, and `real` a compiled type.
        let (text, base) = unsafe {
            let text = raw::text(canonical);
            ffi::lydict_remove(self.context.pointer(), canonical);
            (text, base_of(real))
        };
        Ok(match base {
            Base::Empty => Value::Empty,
            Base::Number | Base::Boolean => Value::Bare(text.into()),
            _ => Value::Text(text.into()),
        })
    }
}

/// RFC 7950 14, yang-char: no control characters but tab and line ends, no noncharacters. libyang lets some pass.
pub fn is_yang(c: char) -> bool {
    let code = u32::from(c);
    let control = code < 0x20 && !matches!(c, '\t' | '\n' | '\r');
    let noncharacter = code & 0xfffe == 0xfffe || matches!(code, 0xfdd0..=0xfdef);
    !control && !noncharacter
}
