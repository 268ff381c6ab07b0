//! From a request to the overlay: whole or not at all.

use std::collections::HashMap;

use super::{
    Part,
    document::Document,
    edit::{self, DefaultOperation, ErrorOption, TestOption},
    error::{Error, Info, Tag},
    overlay::{Draft, Entry, Overlay},
    path::{Path, node_path, schema_path},
    rows::Rows,
    xml::{Element, Input, Next, Operation},
};
use crate::yang::NodeId;

/// So much may be staged at a time, in entries and leaves.
const MOST_STAGED: usize = 500_000;
/// Rows of running that are read at once.
const ROWS: usize = 1024;
/// So many errors are told of one request.
const MOST_ERRORS: usize = 100;

/// An edit-config (RFC 6241 7.2).
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    /// The element `<config>` with all that it needs: its namespaces are declared in it.
    pub config: &'a [u8],
    pub default_operation: DefaultOperation,
    pub test_option: TestOption,
    pub error_option: ErrorOption,
    /// Whether the editor may write leaves with nacm:default-deny-all.
    pub secrets: bool,
}

impl<'a> Edit<'a> {
    pub fn new(config: &'a [u8]) -> Self {
        Edit {
            config,
            default_operation: DefaultOperation::default(),
            test_option: TestOption::default(),
            error_option: ErrorOption::default(),
            secrets: true,
        }
    }
}

/// An overlay while a request goes into it, and the way back.
pub(super) struct Stage<'a> {
    part: &'a Part,
    rows: &'a dyn Rows,
    overlay: &'a mut Overlay,
    /// Entries as they were.
    former: HashMap<String, Option<Entry>>,
    /// The overlay as it was when all of it was cleared.
    whole: Option<Overlay>,
}

impl<'a> Stage<'a> {
    pub fn new(part: &'a Part, rows: &'a dyn Rows, overlay: &'a mut Overlay) -> Self {
        Stage { part, rows, overlay, former: HashMap::new(), whole: None }
    }

    /// Applies a whole edit-config; the errors of entries that `continue-on-error` left out.
    ///
    /// # Errors
    /// What ended it; call [`undo`](Stage::undo) then.
    pub fn edit(&mut self, edit: &Edit<'_>) -> Result<Vec<Error>, Vec<Error>> {
        let mut run = Run { errors: Vec::new(), goes_on: edit.error_option == ErrorOption::ContinueOnError };
        let mut input = Input::open(&self.part.schema, edit.config)?;
        if edit.default_operation == DefaultOperation::Replace {
            self.clear();
        }
        let inherited = edit.default_operation.operation();
        loop {
            match input.next(None) {
                Ok(Next::Close) => break,
                Ok(Next::End) => {
                    return Err(Error::new(Tag::MalformedMessage, "ends within an element").into());
                }
                Ok(Next::Open(node, operation)) if Some(node) == self.part.top => {
                    self.level(&mut input, node, operation.unwrap_or(inherited), &mut run)?;
                }
                Ok(Next::Open(node, _)) => {
                    input.skip()?;
                    run.note(self.foreign(node))?;
                }
                Err(error) => run.note(error)?,
            }
        }
        if !edit.secrets
            && let Some(path) = self.secret()?
        {
            return Err(Error::new(Tag::AccessDenied, "only an administrator may write this")
                .at(path)
                .into());
        }
        Ok(run.errors)
    }

    /// The container that holds the list.
    fn level(
        &mut self,
        input: &mut Input<'_>,
        top: NodeId,
        operation: Operation,
        run: &mut Run,
    ) -> Result<(), Vec<Error>> {
        let refused = |part: &Part, tag, message: &str| {
            let path = schema_path(&part.schema, top);
            Error::new(tag, message).at(path).info(Info::BadElement(part.schema[top].name.clone()))
        };
        match operation {
            Operation::Create if self.any()? => {
                input.skip()?;
                return run.note(refused(self.part, Tag::DataExists, "it exists already"));
            }
            Operation::Delete if !self.any()? => {
                input.skip()?;
                return run.note(refused(self.part, Tag::DataMissing, "it does not exist"));
            }
            Operation::Delete | Operation::Remove => {
                input.skip()?;
                self.clear();
                return Ok(());
            }
            Operation::Replace => self.clear(),
            _ => {}
        }
        loop {
            match input.next(Some(top)) {
                Ok(Next::Close) => return Ok(()),
                Ok(Next::End) => {
                    return Err(Error::new(Tag::MalformedMessage, "ends within an element").into());
                }
                Ok(Next::Open(node, own)) if node == self.part.list => match input.rest(node, Ok(own)) {
                    Ok(element) => {
                        if let Err(error) = self.entry(&element, operation) {
                            run.note(error)?;
                        }
                    }
                    Err(error) => run.note(error)?,
                },
                Ok(Next::Open(node, _)) => {
                    input.skip()?;
                    run.note(self.foreign(node))?;
                }
                Err(error) => run.note(error)?,
            }
        }
    }

    fn entry(&mut self, element: &Element, inherited: Operation) -> Result<(), Error> {
        let schema = &self.part.schema;
        let top = || self.part.top.map_or(String::new(), |top| schema_path(schema, top));
        let keys = edit::key_of(schema, element).map_err(|error| error.below(&top()))?;
        let Some(key) = keys.first().map(|key| key.as_str().to_owned()) else {
            return Err(Error::new(Tag::OperationNotSupported, "a list without a key"));
        };
        let mut draft = self.draft(&key)?;
        edit::apply(schema, self.part.list, &key, element, inherited, &mut draft)?;
        self.put(key, draft.entry)
    }

    /// An entry as it stands, to be edited and [`put`](Stage::put) back.
    pub fn draft(&self, key: &str) -> Result<Draft, Error> {
        let running = self.part.running(self.rows, key)?;
        Ok(Draft::new(self.overlay, &self.part.schema, self.part.list, key, running))
    }

    pub fn put(&mut self, key: String, entry: Entry) -> Result<(), Error> {
        let former = self.overlay.put(key.clone(), Some(entry));
        self.former.entry(key).or_insert(former);
        if self.overlay.size() > MOST_STAGED {
            let message =
                format!("more than {MOST_STAGED} entries and leaves would be staged; commit in parts");
            return Err(Error::new(Tag::ResourceDenied, message));
        }
        Ok(())
    }

    /// Whether what was staged so far would be accepted.
    ///
    /// # Errors
    /// All that is wrong with the entries touched.
    pub fn test(&self, audit_key: &ring::hmac::Key) -> Result<(), Vec<Error>> {
        self.part.test(self.rows, self.overlay, self.former.keys(), audit_key)
    }

    /// Stages the removal of everything.
    pub fn clear(&mut self) {
        let mut former = std::mem::replace(self.overlay, Overlay::cleared());
        let noted = std::mem::take(&mut self.former);
        if self.whole.is_none() {
            // What was noted so far was staged on top of it.
            restore(&mut former, noted);
            self.whole = Some(former);
        }
    }

    /// A leaf that only few may write and that this request has written, or removed with its device.
    fn secret(&self) -> Result<Option<String>, Error> {
        let part = self.part;
        if let Some(former) = &self.whole
            && let Some(path) = self.cleared_secret(former)?
        {
            return Ok(Some(path));
        }
        for (name, former) in &self.former {
            let Some(entry) = self.overlay.entries().get(name) else { continue };
            let known = |path: &Path| former.as_ref().and_then(|former| former.edits.get(path));
            let written =
                entry.edits.iter().find(|(path, edit)| part.is_secret(path) && known(path) != Some(edit));
            let mut found = written.map(|(path, _)| path.clone());
            if found.is_none() && entry.fresh && !former.as_ref().is_some_and(|former| former.fresh) {
                let running = part.running(self.rows, name)?;
                found = running.and_then(|document| part.secret_of(document));
            }
            if let Some(path) = found {
                return Ok(Some(node_path(&part.schema, part.list, name, &path)));
            }
        }
        Ok(None)
    }

    /// One that stood in running under the overlay that all was cleared of.
    fn cleared_secret(&self, former: &Overlay) -> Result<Option<String>, Error> {
        let part = self.part;
        let mut after = 0;
        loop {
            let rows = self.rows.rows(after, ROWS)?;
            let Some(last) = rows.last() else { return Ok(None) };
            after = last.number;
            for row in &rows {
                let running = part.document(&row.name, &row.config)?;
                let stood = former.apply(&part.schema, part.list, &row.name, Some(running), &mut Vec::new());
                if let Some(path) = stood.and_then(|document| part.secret_of(document)) {
                    return Ok(Some(node_path(&part.schema, part.list, &row.name, &path)));
                }
            }
        }
    }

    /// The overlay is as it was before.
    pub fn undo(self) {
        match self.whole {
            Some(whole) => *self.overlay = whole,
            None => restore(self.overlay, self.former),
        }
    }

    /// Whether any entry exists.
    fn any(&self) -> Result<bool, Error> {
        if self.overlay.entries().values().any(|entry| entry.make) {
            return Ok(true);
        }
        if self.overlay.cleared {
            return Ok(false);
        }
        let mut after = 0;
        loop {
            let rows = self.rows.rows(after, ROWS)?;
            let Some(last) = rows.last() else { return Ok(false) };
            after = last.number;
            if rows.iter().any(|row| self.overlay.entries().get(&row.name).is_none_or(|entry| !entry.fresh)) {
                return Ok(true);
            }
        }
    }

    fn foreign(&self, node: NodeId) -> Error {
        let path = schema_path(&self.part.schema, node);
        let name = self.part.schema[node].name.clone();
        Error::new(Tag::OperationNotSupported, "it is not configured here")
            .at(path)
            .info(Info::BadElement(name))
    }
}

fn restore(overlay: &mut Overlay, former: HashMap<String, Option<Entry>>) {
    for (key, entry) in former {
        overlay.put(key, entry);
    }
}

struct Run {
    errors: Vec<Error>,
    goes_on: bool,
}

impl Run {
    /// Goes on after an error, or does not.
    fn note(&mut self, error: Error) -> Result<(), Vec<Error>> {
        let fatal = matches!(error.tag, Tag::MalformedMessage | Tag::ResourceDenied | Tag::OperationFailed);
        self.errors.push(error);
        if self.goes_on && !fatal && self.errors.len() < MOST_ERRORS {
            return Ok(());
        }
        Err(std::mem::take(&mut self.errors))
    }
}

impl Part {
    fn is_secret(&self, path: &Path) -> bool {
        path.last().is_some_and(|step| self.schema[step.node].secret)
    }

    fn secret_of(&self, document: Document) -> Option<Path> {
        document.items.into_keys().find(|path| self.is_secret(path))
    }

    /// A device as it stands in running.
    pub(super) fn running(&self, rows: &dyn Rows, key: &str) -> Result<Option<Document>, Error> {
        rows.row(key)?.map(|row| self.document(&row.name, &row.config)).transpose()
    }

    pub(super) fn document(&self, name: &str, config: &str) -> Result<Document, Error> {
        Document::read(&self.schema, self.list, config).map_err(|damaged| {
            Error::new(
                Tag::OperationFailed,
                format!("the stored row of {name} does not fit the schema: {damaged}"),
            )
        })
    }
}
