//! One problem of a file, and where problems are gathered.

use std::{cell::RefCell, fmt};

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can be used, and probably is not what was meant.
    Warning,
    Note,
}

/// Printed as `file:line: message; help`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub file: String,
    /// From 1; 0 means the file as a whole.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    pub message: String,
    /// What to do, what is allowed; may be empty.
    pub help: String,
}

impl Diagnostic {
    /// An error about no line in particular.
    pub fn whole_file(file: &str, message: String, help: &str) -> Self {
        let (file, help) = (file.to_owned(), help.to_owned());
        Diagnostic { severity: Severity::Error, file, line: 0, column: 0, message, help }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: ", self.file)?,
            line => write!(f, "{}:{line}: ", self.file)?,
        }
        match self.severity {
            Severity::Error => {}
            Severity::Warning => f.write_str("warning: ")?,
            Severity::Note => f.write_str("note: ")?,
        }
        f.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

pub fn has_errors(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// The name among `allowed` that was probably meant.
pub fn nearest<'a>(name: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    allowed
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1 + candidate.chars().count() / 4 && *distance < candidate.chars().count()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What all sections of a file share: its name, where its lines begin, its problems so far.
#[derive(Debug)]
pub(super) struct Context<'a> {
    name: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    problems: RefCell<Vec<Diagnostic>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        Context { name, text, line_starts, problems: RefCell::default() }
    }

    /// Line and column of a byte offset.
    pub(super) fn position(&self, at: usize) -> (u32, u32) {
        let line = self.line_starts.partition_point(|start| *start <= at).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..at).unwrap_or("");
        (line as u32, before.chars().count() as u32 + 1)
    }

    pub(super) fn error(&self, at: usize, message: String, help: &str) {
        self.report(Severity::Error, at, message, help);
    }

    pub(super) fn report(&self, severity: Severity, at: usize, message: String, help: &str) {
        let (line, column) = self.position(at);
        let (file, help) = (self.name.to_owned(), help.to_owned());
        self.problems.borrow_mut().push(Diagnostic { severity, file, line, column, message, help });
    }

    /// In the order of lines.
    pub(super) fn into_problems(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        let allowed = ["listen", "communities", "traps", "on"];
        assert_eq!(nearest("lisen", allowed), Some("listen"));
        assert_eq!(nearest("Community", allowed), Some("communities"));
        assert_eq!(nearest("trap", allowed), Some("traps"));
        assert_eq!(nearest("xyz", allowed), None);
        assert_eq!(nearest("ab", allowed), None);
    }

    #[test]
    fn positions_count_characters() {
        let context = Context::new("f", "ä = 1\nbö = 2");
        assert_eq!(context.position(0), (1, 1));
        assert_eq!(context.position(3), (1, 3));
        assert_eq!(context.position(7), (2, 1));
        assert_eq!(context.position(10), (2, 3));
        assert_eq!(context.position(999), (2, 1));
    }
}
