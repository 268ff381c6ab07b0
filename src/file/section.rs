//! A table of a file.

use toml::de::DeTable;

use super::{
    diagnostic::{Context, nearest},
    entry::Entry,
};

/// A table that remembers which keys were asked for. Call [`finish`](Section::finish) when all were.
#[derive(Debug)]
pub struct Section<'a> {
    table: &'a DeTable<'a>,
    /// Byte offset of its beginning.
    at: usize,
    /// As a message names it: `[snmp]`; empty for the top.
    label: String,
    /// Dotted path of the table; empty for the top.
    path: String,
    known: Vec<&'static str>,
    /// Any key is allowed.
    free: bool,
    context: &'a Context<'a>,
}

impl<'a> Section<'a> {
    pub(super) fn top(table: &'a DeTable<'a>, context: &'a Context<'a>) -> Self {
        Section {
            table,
            at: 0,
            label: String::new(),
            path: String::new(),
            known: Vec::new(),
            free: false,
            context,
        }
    }

    pub(super) fn new(
        table: &'a DeTable<'a>,
        at: usize,
        label: String,
        path: String,
        context: &'a Context<'a>,
    ) -> Self {
        Section { table, at, label, path, known: Vec::new(), free: false, context }
    }

    /// The value under `name`, which may be absent.
    pub fn key(&mut self, name: &'static str) -> Entry<'a> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.entry(name)
    }

    /// The value under `name`; its absence is an error.
    pub fn required(&mut self, name: &'static str) -> Entry<'a> {
        self.required_as(name, "\"...\"")
    }

    /// As [`required`](Section::required), with an example of a value for the message.
    pub fn required_as(&mut self, name: &'static str, example: &str) -> Entry<'a> {
        let entry = self.key(name);
        if !entry.exists() {
            self.error(
                format!("`{name}` is missing{}", self.place()),
                &format!("example: {name} = {example}"),
            );
        }
        entry
    }

    pub fn contains(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// All entries in the order of the file, for a table whose keys are free; none of them is unknown afterwards.
    pub fn entries(&mut self) -> Vec<(&'a str, Entry<'a>)> {
        self.free = true;
        let mut list: Vec<_> =
            self.table.iter().map(|(key, value)| (key.span().start, key.get_ref().as_ref(), value)).collect();
        list.sort_by_key(|(at, ..)| *at);
        list.into_iter().map(|(at, name, value)| (name, self.make(name, at, Some(value)))).collect()
    }

    /// Like [`entries`](Section::entries), without the keys that have been asked for by name.
    pub fn other_entries(&mut self) -> Vec<(&'a str, Entry<'a>)> {
        let mut list = self.entries();
        list.retain(|(name, _)| !self.known.contains(name));
        list
    }

    /// Line of its beginning, from 1.
    pub fn line(&self) -> u32 {
        self.context.position(self.at).0
    }

    /// How a message names it: `[snmp]`; empty for the top of the file.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Notes an error about the table as a whole.
    pub fn error(&self, message: String, help: &str) {
        self.context.error(self.at, message, help);
    }

    pub fn note(&self, message: String, help: &str) {
        self.context.report(super::Severity::Note, self.at, message, help);
    }

    /// Notes every key that nobody asked for.
    pub fn finish(mut self) {
        if self.free {
            return;
        }
        self.known.sort_unstable();
        for (key, _) in self.table.iter() {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let guess = nearest(name, self.known.iter().copied())
                .map(|guess| format!("did you mean `{guess}`? "))
                .unwrap_or_default();
            let help = format!("{guess}allowed: {}", self.known.join(", "));
            self.context.error(key.span().start, format!("unknown key `{name}`{}", self.place()), &help);
        }
    }

    fn entry(&self, name: &'a str) -> Entry<'a> {
        match self.table.get_key_value(name) {
            Some((key, value)) => self.make(name, key.span().start, Some(value)),
            None => self.make(name, self.at, None),
        }
    }

    fn make(
        &self,
        name: &'a str,
        at: usize,
        value: Option<&'a toml::Spanned<toml::de::DeValue<'a>>>,
    ) -> Entry<'a> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Entry::new(format!("`{name}`"), path, at, value, self.context)
    }

    fn place(&self) -> String {
        if self.label.is_empty() { String::new() } else { format!(" in {}", self.label) }
    }
}
