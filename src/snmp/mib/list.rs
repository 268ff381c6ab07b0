//! Tables of few rows with indexes of texts and names: who reads them is an administrator, now and then.

use super::{Column, Context, Found, Object, Sink, Stem, Subtree};
use crate::snmp::{
    ber,
    made::{self, Cell, Table},
    oid::{self, Prefix},
    set::{Edits, Given, SetError},
    view::Views,
};

pub struct List {
    /// Of the entry.
    pub prefix: &'static Prefix,
    pub views: Views,
    /// In order of their numbers.
    pub columns: &'static [Column],
    /// The rows that cannot be set, in any order.
    pub rows: fn(&Context<'_>) -> Vec<Row>,
    /// There are also those that were made.
    pub made: Option<Table>,
}

/// A row: the arcs of its index, and what it has in the columns that can be read, in their order.
pub struct Row {
    pub index: Vec<u32>,
    pub cells: Vec<Cell>,
}

impl List {
    fn sorted(&self, context: &Context<'_>) -> Vec<Row> {
        // A community shows all of the fleet to who sees a part of it.
        if context.scope.is_some() && self.made == Some(Table::Communities) {
            return Vec::new();
        }
        let mut rows = (self.rows)(context);
        if let Some(table) = self.made {
            let made = context.guards.made();
            let cell = |index, row: &made::Row, column: &Column| {
                row.cell(table, index, column.number, context.engine.id())
            };
            rows.extend(made.rows(table).map(|(index, row)| Row {
                index: index.to_vec(),
                cells: self.readable().map(|(_, column)| cell(index, row, column)).collect(),
            }));
        }
        rows.sort_by(|one, other| one.index.cmp(&other.index));
        rows
    }

    /// The columns that can be read, as rows have them.
    fn readable(&self) -> impl Iterator<Item = (usize, &'static Column)> {
        self.columns.iter().filter(|column| column.access.readable()).enumerate()
    }
}

impl Subtree for List {
    fn prefix(&self) -> &'static Prefix {
        self.prefix
    }

    fn objects(&self) -> Vec<Object> {
        let oid = |column: &Column| [self.prefix.arcs(), &[column.number]].concat();
        self.columns.iter().map(|column| Object { oid: oid(column), column: *column }).collect()
    }

    fn views(&self) -> Views {
        self.views
    }

    fn get(&self, context: &Context<'_>, rest: &[u32], out: &mut Vec<u8>) -> Found {
        let Some((&number, index)) = rest.split_first() else { return Found::NoObject };
        let Some((at, _)) = self.readable().find(|(_, column)| column.number == number) else {
            return Found::NoObject;
        };
        let rows = self.sorted(context);
        let row = rows.iter().find(|row| row.index == index);
        match row.and_then(|row| row.cells.get(at)?.value()) {
            Some(value) => {
                ber::push_value(&value, out);
                Found::Value
            }
            None => Found::NoInstance,
        }
    }

    fn set(
        &self,
        context: &Context<'_>,
        rest: &[u32],
        given: &Given<'_>,
        edits: &mut Edits,
    ) -> Result<(), SetError> {
        let table = self.made.ok_or(SetError::NotWritable)?;
        let (&column, index) = rest.split_first().ok_or(SetError::NotWritable)?;
        // What stands in the boot file is changed there.
        if (self.rows)(context).iter().any(|row| row.index == index) {
            return Err(SetError::NotWritable);
        }
        edits.row(table, index, column, given)
    }

    fn run(&self, context: &Context<'_>, after: Option<&[u32]>, sink: &mut Sink<'_>) {
        let (first, index) =
            after.and_then(<[u32]>::split_first).map_or((0, &[][..]), |(number, rest)| (*number, rest));
        let rows = self.sorted(context);
        for (at, column) in self.readable().filter(|(_, column)| column.number >= first) {
            let stem = Stem::new(self.prefix, column.number);
            let behind = rows.iter().filter(|row| column.number > first || *row.index > *index);
            for (row, value) in behind.filter_map(|row| Some((row, row.cells.get(at)?.value()?))) {
                let name = |out: &mut Vec<u8>| row.index.iter().for_each(|arc| oid::push_arc(*arc, out));
                if sink.push(&stem, name, &value).is_break() {
                    return;
                }
            }
        }
    }
}
