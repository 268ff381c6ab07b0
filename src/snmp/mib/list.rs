//! Tables of few rows with indexes of texts and names: who reads them is an administrator, now and then.

use super::{Column, Context, Found, Object, Sink, Stem, Subtree};
use crate::snmp::{
    ber,
    oid::{self, Prefix},
    set::{Edits, Given, SetError},
    syntax::Value,
    view::Views,
};

pub struct List {
    /// Of the entry.
    pub prefix: &'static Prefix,
    pub views: Views,
    /// In order of their numbers.
    pub columns: &'static [Column],
    /// All rows, in any order.
    pub rows: fn(&Context<'_>) -> Vec<Row>,
}

/// A row: the arcs of its index, and what it has in the columns that can be read, in their order.
pub struct Row {
    pub index: Vec<u32>,
    pub cells: Vec<Cell>,
}

/// A value that is its own.
pub enum Cell {
    Integer(i32),
    Octets(Vec<u8>),
    Oid(&'static Prefix),
}

impl Cell {
    pub fn text(text: &str) -> Cell {
        Cell::Octets(text.as_bytes().to_vec())
    }

    fn value(&self) -> Value<'_> {
        match self {
            Cell::Integer(value) => Value::Integer(*value),
            Cell::Octets(octets) => Value::Octets(octets),
            Cell::Oid(prefix) => Value::Oid(prefix),
        }
    }
}

/// A text of an index that is not the last, or not IMPLIED (RFC 2578 section 7.7): its length comes before it.
pub fn counted(octets: &[u8]) -> impl Iterator<Item = u32> + '_ {
    std::iter::once(octets.len() as u32).chain(octets.iter().map(|octet| u32::from(*octet)))
}

impl List {
    fn sorted(&self, context: &Context<'_>) -> Vec<Row> {
        let mut rows = (self.rows)(context);
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
        match row.and_then(|row| row.cells.get(at)) {
            Some(cell) => {
                ber::push_value(&cell.value(), out);
                Found::Value
            }
            None => Found::NoInstance,
        }
    }

    fn set(&self, _: &Context<'_>, _: &[u32], _: &Given<'_>, _: &mut Edits) -> Result<(), SetError> {
        Err(SetError::NotWritable)
    }

    fn run(&self, context: &Context<'_>, after: Option<&[u32]>, sink: &mut Sink<'_>) {
        let (first, index) =
            after.and_then(<[u32]>::split_first).map_or((0, &[][..]), |(number, rest)| (*number, rest));
        let rows = self.sorted(context);
        for (at, column) in self.readable().filter(|(_, column)| column.number >= first) {
            let stem = Stem::new(self.prefix, column.number);
            let behind = rows.iter().filter(|row| column.number > first || *row.index > *index);
            for (row, cell) in behind.filter_map(|row| Some((row, row.cells.get(at)?))) {
                let name = |out: &mut Vec<u8>| row.index.iter().for_each(|arc| oid::push_arc(*arc, out));
                if sink.push(&stem, name, &cell.value()).is_break() {
                    return;
                }
            }
        }
    }
}
