//! One value of a file, read as what it should be.

use std::{fmt::Display, ops::RangeInclusive};

use toml::{
    Spanned,
    de::{DeInteger, DeValue},
};

use super::{
    Severity,
    diagnostic::{Context, nearest},
    section::Section,
    units::{parse_bytes, parse_duration, write_duration},
};
use crate::model::Decimal;

/// The value under a key, or an item of a list. Every reader gives `None` where it is absent or wrong; the latter has
/// been noted.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// As a message names it: `` `listen` ``.
    label: String,
    path: String,
    /// Byte offset of the key or the item.
    at: usize,
    value: Option<&'a Spanned<DeValue<'a>>>,
    context: &'a Context<'a>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(
        label: String,
        path: String,
        at: usize,
        value: Option<&'a Spanned<DeValue<'a>>>,
        context: &'a Context<'a>,
    ) -> Self {
        Entry { label, path, at, value, context }
    }

    pub fn exists(&self) -> bool {
        self.value.is_some()
    }

    /// From 1; that of the table if the key is absent.
    pub fn line(&self) -> u32 {
        self.context.position(self.at).0
    }

    /// How a message names it.
    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn is_str(&self) -> bool {
        matches!(self.inner(), Some(DeValue::String(_)))
    }

    pub fn is_list(&self) -> bool {
        matches!(self.inner(), Some(DeValue::Array(_)))
    }

    pub fn is_table(&self) -> bool {
        matches!(self.inner(), Some(DeValue::Table(_)))
    }

    pub fn str(&self) -> Option<&'a str> {
        match self.inner()? {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.wrong("a text in quotes", ""),
        }
    }

    pub fn bool(&self) -> Option<bool> {
        match self.inner()? {
            DeValue::Boolean(value) => Some(*value),
            DeValue::String(text) => {
                let help = match text.to_lowercase().as_str() {
                    "true" | "yes" | "on" => "write it without quotes: true",
                    "false" | "no" | "off" => "write it without quotes: false",
                    _ => "",
                };
                self.wrong("true or false", help)
            }
            _ => self.wrong("true or false", ""),
        }
    }

    pub fn integer<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: Copy + PartialOrd + Display + TryFrom<i128>,
    {
        let value = match self.inner()? {
            DeValue::Integer(value) => to_i128(value).and_then(|value| T::try_from(value).ok()),
            _ => None,
        };
        match value {
            Some(value) if range.contains(&value) => Some(value),
            _ => self.wrong(&format!("an integer from {} to {}", range.start(), range.end()), ""),
        }
    }

    /// An integer or a float, exactly as written.
    pub fn decimal(&self) -> Option<Decimal> {
        let value = match self.inner()? {
            DeValue::Integer(value) if value.radix() == 10 => Decimal::parse(value.as_str()),
            DeValue::Float(value) => Decimal::parse(value.as_str()),
            _ => None,
        };
        value.or_else(|| self.wrong("a number, for example 0.1", ""))
    }

    /// Milliseconds within `range`.
    pub fn duration(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = "a duration, for example \"5m\"";
        let DeValue::String(text) = self.inner()? else { return self.wrong(expected, "") };
        let Some(millis) = parse_duration(text) else {
            return self.wrong(expected, "units are ms, s, m, h, d");
        };
        if range.contains(&millis) {
            return Some(millis);
        }
        let (least, most) = (write_duration(*range.start()), write_duration(*range.end()));
        self.wrong(&format!("a duration from {least} to {most}"), "")
    }

    /// A size in bytes within `range`.
    pub fn bytes(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = "a size, for example \"256KiB\"";
        let bytes = match self.inner()? {
            DeValue::String(text) => parse_bytes(text),
            DeValue::Integer(value) => to_i128(value).and_then(|value| u64::try_from(value).ok()),
            _ => None,
        };
        match bytes {
            Some(bytes) if range.contains(&bytes) => Some(bytes),
            Some(_) => self.wrong(&format!("a size from {} to {} bytes", range.start(), range.end()), ""),
            None => self.wrong(expected, "units are B, KiB, MiB, GiB"),
        }
    }

    /// One of the allowed words.
    pub fn one_of(&self, allowed: &[&'static str]) -> Option<&'static str> {
        let text = self.str()?;
        let found = allowed.iter().find(|word| **word == text);
        if found.is_none() {
            let guess = nearest(text, allowed.iter().copied())
                .map(|guess| format!("did you mean `{guess}`? "))
                .unwrap_or_default();
            self.error(
                format!("{} cannot be {text:?}", self.label),
                &format!("{guess}allowed: {}", allowed.join(", ")),
            );
        }
        found.copied()
    }

    /// A text that `parse` understands; `expected` says what that is, with an example.
    pub fn parsed<T>(&self, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        match self.inner()? {
            DeValue::String(text) => parse(text).or_else(|| self.wrong(expected, "")),
            _ => self.wrong(expected, ""),
        }
    }

    /// A list of texts; empty if absent. Items that are no texts are noted and left out.
    pub fn strings(&self) -> Vec<&'a str> {
        self.items("a list of texts, for example [\"a\", \"b\"]").iter().filter_map(Entry::str).collect()
    }

    /// The items of a list; none if absent. `expected` is what a message says if it is no list.
    pub fn items(&self, expected: &str) -> Vec<Entry<'a>> {
        match self.inner() {
            None => Vec::new(),
            Some(DeValue::Array(array)) => array.iter().map(|item| self.item(item)).collect(),
            Some(_) => {
                self.wrong::<()>(expected, "");
                Vec::new()
            }
        }
    }

    /// One value or a list of them, as entries; none if absent.
    pub fn one_or_more(&self) -> Vec<Entry<'a>> {
        match self.inner() {
            None => Vec::new(),
            Some(DeValue::Array(array)) => array.iter().map(|item| self.item(item)).collect(),
            Some(_) => vec![self.clone()],
        }
    }

    pub fn table(&self) -> Option<Section<'a>> {
        match self.inner()? {
            DeValue::Table(table) => {
                let label = format!("[{}]", self.path);
                Some(Section::new(table, self.at, label, self.path.clone(), self.context))
            }
            _ => self.wrong(&format!("a table, written [{}]", self.path), ""),
        }
    }

    /// The tables of an array of tables; none if absent.
    pub fn tables(&self) -> Vec<Section<'a>> {
        let expected = format!("tables, each written [[{}]]", self.path);
        let mut sections = Vec::new();
        for item in self.items(&expected) {
            match item.inner() {
                Some(DeValue::Table(table)) => {
                    let label = format!("[[{}]]", self.path);
                    sections.push(Section::new(table, item.at, label, self.path.clone(), self.context));
                }
                _ => {
                    item.wrong::<()>(&format!("a table, written [[{}]]", self.path), "");
                }
            }
        }
        sections
    }

    /// The value in words, for messages: `the integer 3`; empty if absent.
    pub fn found(&self) -> String {
        self.inner().map(describe).unwrap_or_default()
    }

    /// A scalar as text: a text as it is, a number or boolean as written; `None` for containers and dates.
    pub fn scalar_text(&self) -> Option<String> {
        match self.inner()? {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(value) => to_i128(value).map(|value| value.to_string()),
            DeValue::Float(value) => Some(value.as_str().to_owned()),
            DeValue::Boolean(value) => Some(value.to_string()),
            _ => self.wrong("a text, a number or a boolean", ""),
        }
    }

    pub fn error(&self, message: String, help: &str) {
        self.context.error(self.at, message, help);
    }

    pub fn warning(&self, message: String, help: &str) {
        self.context.report(Severity::Warning, self.at, message, help);
    }

    pub fn note(&self, message: String, help: &str) {
        self.context.report(Severity::Note, self.at, message, help);
    }

    /// Notes that this value is not what is `expected`; always `None`.
    pub fn wrong<T>(&self, expected: &str, help: &str) -> Option<T> {
        let found = self.found();
        self.error(
            format!("{} must be {expected}", self.label),
            &if help.is_empty() { format!("found {found}") } else { format!("found {found}; {help}") },
        );
        None
    }

    fn inner(&self) -> Option<&'a DeValue<'a>> {
        self.value.map(Spanned::get_ref)
    }

    fn item(&self, item: &'a Spanned<DeValue<'a>>) -> Entry<'a> {
        Entry {
            label: format!("an item of {}", self.label),
            path: self.path.clone(),
            at: item.span().start,
            value: Some(item),
            context: self.context,
        }
    }
}

fn to_i128(value: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(value.as_str(), value.radix()).ok()
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() > 40 => {
            format!("the text {:?}...", text.chars().take(40).collect::<String>())
        }
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(value) => format!("the integer {value}"),
        DeValue::Float(value) => format!("the number {value}"),
        DeValue::Boolean(value) => format!("the boolean {value}"),
        DeValue::Datetime(value) => format!("the date {value}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
