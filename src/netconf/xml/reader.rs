use std::borrow::Cow;

use quick_xml::events::Event as Token;

use super::{
    Fragment, MAX_BINDINGS, MAX_DEPTH, MAX_TAG, XmlError,
    scan::{attributes, is_lead, is_name, is_space, lines, qualified, reference, text},
};

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace, empty if there is none, and a local name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    pub namespace: Cow<'a, str>,
    pub local: &'a str,
}

impl Name<'_> {
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }
}

/// Not a namespace declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub name: Name<'a>,
    pub value: Cow<'a, str>,
}

/// A start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    pub name: Name<'a>,
    pub attributes: Vec<Attribute<'a>>,
    /// Empty without one.
    pub prefix: &'a str,
    /// Attributes and namespace declarations as they came, with the space before them.
    pub raw_attributes: &'a str,
    /// Where the text after the element's name begins.
    after_name: usize,
}

impl<'a> Tag<'a> {
    /// The attribute of that name without a namespace.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.name.is("", name))?;
        Some(&found.value)
    }

    /// The name with its prefix, as it came.
    fn written(&self) -> Cow<'a, str> {
        match self.prefix {
            "" => self.name.local.into(),
            prefix => format!("{prefix}:{}", self.name.local).into(),
        }
    }
}

/// `<a/>` is a start and an end; one text may come in several pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Start(Tag<'a>),
    Text(Cow<'a, str>),
    End,
}

/// Reads one document; it ends with `None` after the end of the root.
pub struct Reader<'a> {
    text: &'a str,
    tokens: quick_xml::Reader<&'a [u8]>,
    bindings: Vec<Binding<'a>>,
    /// For each element that is open, how many bindings there were before it.
    open: Vec<usize>,
    /// An empty element still has to end.
    ending: bool,
    began: bool,
}

/// The namespace of a prefix, or with an empty prefix the default one; an empty namespace is none.
#[derive(Clone, Debug)]
struct Binding<'a> {
    prefix: &'a str,
    namespace: Cow<'a, str>,
}

impl<'a> Reader<'a> {
    /// # Errors
    /// Not UTF-8, or a character that XML does not have.
    pub fn new(message: &'a [u8]) -> Result<Self, XmlError> {
        Ok(Reader::of(text(message)?.trim_start_matches(is_lead)))
    }

    /// Of text that has been read before.
    pub(super) fn of(text: &'a str) -> Self {
        let mut tokens = quick_xml::Reader::from_str(text);
        tokens.config_mut().enable_all_checks(true);
        Reader { text, tokens, bindings: Vec::new(), open: Vec::new(), ending: false, began: false }
    }

    /// # Errors
    /// Not well-formed, or beyond the bounds of this module.
    #[expect(clippy::should_implement_trait, reason = "an iterator would go on after an error")]
    pub fn next(&mut self) -> Result<Option<Event<'a>>, XmlError> {
        if std::mem::take(&mut self.ending) {
            self.close();
            return Ok(Some(Event::End));
        }
        loop {
            let at = self.position();
            let token = self.tokens.read_event().map_err(|error| self.broken(&error))?;
            let raw = &self.text[at..self.position()];
            match token {
                Token::Start(_) => return self.start(raw, at).map(Some),
                Token::Empty(_) => {
                    self.ending = true;
                    return self.start(raw, at).map(Some);
                }
                Token::End(_) => {
                    self.close();
                    return Ok(Some(Event::End));
                }
                Token::Text(_) if self.open.is_empty() => {
                    if !raw.chars().all(is_space) {
                        return Err(XmlError::malformed("text outside of the document", at));
                    }
                }
                Token::Text(_) => {
                    // A single character is searched for much faster.
                    if raw.contains(']') && raw.contains("]]>") {
                        return Err(XmlError::malformed("]]> in text", at));
                    }
                    return Ok(Some(Event::Text(lines(raw))));
                }
                Token::GeneralRef(_) | Token::CData(_) if self.open.is_empty() => {
                    return Err(XmlError::malformed("text outside of the document", at));
                }
                Token::GeneralRef(_) => {
                    let name = raw.strip_prefix('&').and_then(|raw| raw.strip_suffix(';'));
                    return Ok(Some(Event::Text(reference(name.unwrap_or(raw), at)?.to_string().into())));
                }
                Token::CData(_) => {
                    let raw = raw.strip_prefix("<![CDATA[").and_then(|raw| raw.strip_suffix("]]>"));
                    return Ok(Some(Event::Text(lines(raw.unwrap_or_default()))));
                }
                Token::Comment(_) => {}
                Token::Decl(_) => declaration(raw, at)?,
                Token::PI(_) => instruction(raw, at)?,
                Token::DocType(_) => return Err(XmlError::malformed("a document type declaration", at)),
                Token::Eof if self.began && self.open.is_empty() => return Ok(None),
                Token::Eof => return Err(XmlError::malformed("the message ends too early", at)),
            }
        }
    }

    /// Passes over the rest of the element that was begun last.
    ///
    /// # Errors
    /// See [`Reader::next`].
    pub fn skip(&mut self) -> Result<(), XmlError> {
        let depth = self.open.len();
        while self.open.len() >= depth && self.next()?.is_some() {}
        Ok(())
    }

    /// Passes over the rest of the element that was begun with this tag and cuts it out, with all namespaces that are in
    /// scope declared in it.
    ///
    /// # Errors
    /// See [`Reader::next`].
    pub fn fragment(&mut self, tag: &Tag<'a>) -> Result<Fragment, XmlError> {
        let outer = self.open.last().copied().unwrap_or_default();
        let inherited: Vec<_> = self.bindings[..outer]
            .iter()
            .enumerate()
            .filter(|(at, binding)| !self.bindings[at + 1..].iter().any(|b| b.prefix == binding.prefix))
            .map(|(_, binding)| (binding.prefix, binding.namespace.clone()))
            .filter(|(_, namespace)| !namespace.is_empty())
            .collect();
        self.skip()?;
        let rest = &self.text[tag.after_name..self.position()];
        Ok(Fragment::new(&tag.written(), &inherited, rest))
    }

    /// The namespace that a prefix of a value stands for.
    pub fn namespace(&self, prefix: &str) -> Option<&str> {
        self.binding(prefix).map(|binding| &*binding.namespace)
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    fn position(&self) -> usize {
        usize::try_from(self.tokens.buffer_position()).map_or(self.text.len(), |at| at.min(self.text.len()))
    }

    fn broken(&self, error: &quick_xml::Error) -> XmlError {
        XmlError::malformed(format!("not well-formed: {error}"), self.position())
    }

    fn start(&mut self, raw: &'a str, at: usize) -> Result<Event<'a>, XmlError> {
        if self.began && self.open.is_empty() {
            return Err(XmlError::malformed("a second root", at));
        }
        self.began = true;
        if self.open.len() == MAX_DEPTH {
            return Err(XmlError::TooBig { what: "elements within each other", limit: MAX_DEPTH });
        }
        if raw.len() > MAX_TAG {
            return Err(XmlError::TooBig { what: "bytes of a tag", limit: MAX_TAG });
        }
        let content = raw.strip_prefix('<').and_then(|raw| raw.strip_suffix('>')).unwrap_or(raw);
        let content = if self.ending { content.strip_suffix('/').unwrap_or(content) } else { content };
        let (written, rest) = content.split_at(content.find(is_space).unwrap_or(content.len()));
        let (prefix, local) = qualified(written, at)?;
        self.open.push(self.bindings.len());
        let mut plain = Vec::new();
        for attribute in attributes(rest, at)? {
            let (prefix, local) = qualified(attribute.name, at)?;
            match (prefix, local) {
                ("", "xmlns") => self.bind("", attribute.value, at)?,
                ("xmlns", prefix) => self.bind(prefix, attribute.value, at)?,
                (prefix, local) => plain.push((prefix, local, attribute.value)),
            }
        }
        let name = Name { namespace: self.resolve(prefix, at)?, local };
        let mut attributes: Vec<Attribute<'a>> = Vec::with_capacity(plain.len());
        for (prefix, local, value) in plain {
            // The default namespace is not that of attributes.
            let namespace = if prefix.is_empty() { "".into() } else { self.resolve(prefix, at)? };
            let name = Name { namespace, local };
            if attributes.iter().any(|other| other.name == name) {
                return Err(XmlError::malformed("an attribute that stands there twice", at));
            }
            attributes.push(Attribute { name, value });
        }
        let after_name = at + 1 + written.len();
        Ok(Event::Start(Tag {
            name,
            attributes,
            prefix,
            raw_attributes: rest.trim_end_matches(is_space),
            after_name,
        }))
    }

    fn bind(&mut self, prefix: &'a str, namespace: Cow<'a, str>, at: usize) -> Result<(), XmlError> {
        let wrong = match prefix {
            "xml" => namespace != XML,
            "xmlns" => true,
            "" => namespace == XML || namespace == XMLNS,
            _ => namespace.is_empty() || namespace == XML || namespace == XMLNS,
        };
        if wrong {
            return Err(XmlError::malformed("a namespace that cannot be declared so", at));
        }
        if self.bindings.len() == MAX_BINDINGS {
            return Err(XmlError::TooBig { what: "namespaces in scope", limit: MAX_BINDINGS });
        }
        self.bindings.push(Binding { prefix, namespace });
        Ok(())
    }

    fn binding(&self, prefix: &str) -> Option<&Binding<'a>> {
        let mut inwards = self.bindings.iter().rev();
        // For most elements: comparing empty texts is dearer than it should be.
        if prefix.is_empty() {
            return inwards.find(|binding| binding.prefix.is_empty());
        }
        inwards.find(|binding| binding.prefix == prefix)
    }

    fn resolve(&self, prefix: &str, at: usize) -> Result<Cow<'a, str>, XmlError> {
        match (self.binding(prefix), prefix) {
            (Some(binding), _) => Ok(binding.namespace.clone()),
            (None, "") => Ok("".into()),
            (None, "xml") => Ok(XML.into()),
            (None, _) => Err(XmlError::malformed(format!("the undeclared prefix {prefix}"), at)),
        }
    }

    fn close(&mut self) {
        if let Some(bindings) = self.open.pop() {
            self.bindings.truncate(bindings);
        }
    }
}

/// `<?target content?>`, which says nothing to us; targets like `XML` are reserved (XML 1.0 section 2.6).
fn instruction(raw: &str, at: usize) -> Result<(), XmlError> {
    let content = raw.strip_prefix("<?").and_then(|raw| raw.strip_suffix("?>")).unwrap_or(raw);
    let target = content.split(is_space).next().unwrap_or_default();
    if !is_name(target) || target.eq_ignore_ascii_case("xml") {
        return Err(XmlError::malformed("not a processing instruction", at));
    }
    Ok(())
}

/// `<?xml version="1.0" encoding="UTF-8"?>`, at the very beginning.
fn declaration(raw: &str, at: usize) -> Result<(), XmlError> {
    let content = raw.strip_prefix("<?xml").and_then(|raw| raw.strip_suffix("?>")).unwrap_or(raw);
    let attributes = attributes(content, at)?;
    let mut rest = attributes.iter().map(|attribute| (attribute.name, &*attribute.value)).peekable();
    if at != 0 || rest.next() != Some(("version", "1.0")) {
        return Err(XmlError::malformed("an XML declaration in the wrong place or of another version", at));
    }
    if let Some((_, encoding)) = rest.next_if(|(name, _)| *name == "encoding")
        && !encoding.eq_ignore_ascii_case("UTF-8")
    {
        return Err(XmlError::malformed("an encoding other than UTF-8", at));
    }
    rest.next_if(|(name, value)| *name == "standalone" && matches!(*value, "yes" | "no"));
    match rest.next() {
        Some(_) => Err(XmlError::malformed("not an XML declaration", at)),
        None => Ok(()),
    }
}
