//! XML as the tools' readers want it: indented, and a value right between its tags.

/// Text that is being written.
#[derive(Default)]
pub struct Xml {
    text: String,
    open: Vec<String>,
}

impl Xml {
    /// An element, open until [`close`](Self::close).
    pub fn open(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.begin(tag, attributes);
        self.text.push_str(">\n");
        self.open.push(tag.to_owned());
    }

    /// Ends the element that was opened last.
    pub fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.indent();
            self.text.extend(["</", &tag, ">\n"]);
        }
    }

    /// An element with a value.
    pub fn leaf(&mut self, tag: &str, value: &str) {
        self.begin(tag, &[]);
        self.text.extend([">", &escaped(value), "</", tag, ">\n"]);
    }

    /// An element with nothing in it.
    pub fn empty(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.begin(tag, attributes);
        self.text.push_str("/>\n");
    }

    /// What was written since the last piece was taken; what is open stays open.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The rest, with all closed.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn begin(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.text.extend(["<", tag]);
        for (name, value) in attributes {
            self.text.extend([" ", name, "=\"", &escaped(value), "\""]);
        }
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n("  ", self.open.len()));
    }
}

/// Characters that XML 1.0 does not know at all are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_nest_and_values_are_escaped() {
        let mut xml = Xml::default();
        xml.open("a", &[("b", "<\"&\u{1}\n")]);
        assert_eq!(xml.take(), "<a b=\"&lt;&quot;&amp;&#10;\">\n");
        xml.leaf("c", "1 > 0");
        xml.empty("d", &[]);
        assert_eq!(xml.finish(), "  <c>1 &gt; 0</c>\n  <d/>\n</a>\n");
    }
}
