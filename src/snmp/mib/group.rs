//! Scalars that share a parent, and those that stand alone.

use std::ops::ControlFlow;

use super::{Column, Context, Found, Object, Sink, Stem, Subtree};
use crate::{
    fleet::Row,
    snmp::{
        ber,
        oid::Prefix,
        set::{Edits, Given, SetError},
        syntax::{Syntax, Value},
        view::Views,
    },
};

pub struct Group {
    pub prefix: &'static Prefix,
    pub views: Views,
    /// In order of their numbers.
    pub scalars: &'static [Scalar],
}

/// A scalar that has tables among its siblings: those stand before it, so it is a subtree of its own.
pub struct Lone {
    /// Of the object itself.
    pub object: &'static Prefix,
    pub views: Views,
    pub scalar: Scalar,
}

/// Each has the one instance `.0`.
pub struct Scalar {
    column: Column,
    read: Read,
    set: Option<Set>,
}

/// Has what is given come among the edits.
pub type Set = fn(&Context<'_>, &Given<'_>, &mut Edits) -> Result<(), SetError>;

/// Hands what a device has to the callback, if it has it.
pub type OfDevice = fn(&Context<'_>, &Row<'_>, &mut dyn FnMut(Value<'_>));

enum Read {
    Bridge(for<'a> fn(&Context<'a>) -> Value<'a>),
    Device(OfDevice),
}

impl Scalar {
    pub const fn read(
        number: u32,
        name: &'static str,
        syntax: Syntax,
        read: for<'a> fn(&Context<'a>) -> Value<'a>,
    ) -> Scalar {
        Scalar { column: Column::read(number, name, syntax), read: Read::Bridge(read), set: None }
    }

    pub const fn write(
        number: u32,
        name: &'static str,
        syntax: Syntax,
        read: for<'a> fn(&Context<'a>) -> Value<'a>,
    ) -> Scalar {
        Scalar { column: Column::write(number, name, syntax), read: Read::Bridge(read), set: None }
    }

    /// Of the device in view.
    pub const fn of_device(column: Column, read: OfDevice) -> Scalar {
        Scalar { column, read: Read::Device(read), set: None }
    }

    /// That can be set.
    pub const fn set(self, set: Set) -> Scalar {
        Scalar { set: Some(set), ..self }
    }

    fn with(&self, context: &Context<'_>, mut visit: impl FnMut(Value<'_>)) {
        match self.read {
            Read::Bridge(read) => visit(read(context)),
            Read::Device(read) => {
                context.own(|row| read(context, &row, &mut visit));
            }
        }
    }
}

impl Subtree for Group {
    fn prefix(&self) -> &'static Prefix {
        self.prefix
    }

    fn objects(&self) -> Vec<Object> {
        let oid = |scalar: &Scalar| [self.prefix.arcs(), &[scalar.column.number]].concat();
        self.scalars.iter().map(|scalar| Object { oid: oid(scalar), column: scalar.column }).collect()
    }

    fn views(&self) -> Views {
        self.views
    }

    fn get(&self, context: &Context<'_>, rest: &[u32], out: &mut Vec<u8>) -> Found {
        let Some((&number, index)) = rest.split_first() else { return Found::NoObject };
        let Ok(at) = self.scalars.binary_search_by_key(&number, |scalar| scalar.column.number) else {
            return Found::NoObject;
        };
        if index != [0] {
            return Found::NoInstance;
        }
        let mut found = Found::NoInstance;
        self.scalars[at].with(context, |value| {
            ber::push_value(&value, out);
            found = Found::Value;
        });
        found
    }

    fn set(
        &self,
        context: &Context<'_>,
        rest: &[u32],
        given: &Given<'_>,
        edits: &mut Edits,
    ) -> Result<(), SetError> {
        let (&number, index) = rest.split_first().ok_or(SetError::NotWritable)?;
        let scalar = self.scalars.iter().find(|scalar| scalar.column.number == number);
        let set = scalar.and_then(|scalar| scalar.set).ok_or(SetError::NotWritable)?;
        if index == [0] { set(context, given, edits) } else { Err(SetError::NoCreation) }
    }

    fn run(&self, context: &Context<'_>, after: Option<&[u32]>, sink: &mut Sink<'_>) {
        let next = match after {
            None | Some([]) => 0,
            // Before the instance .0 there is only the object itself.
            Some([number]) => self.scalars.partition_point(|scalar| scalar.column.number < *number),
            Some([number, ..]) => self.scalars.partition_point(|scalar| scalar.column.number <= *number),
        };
        for scalar in &self.scalars[next..] {
            if scalar.column.syntax == Syntax::Counter64 && !sink.counter64 {
                continue;
            }
            let stem = Stem::new(self.prefix, scalar.column.number);
            let mut flow = ControlFlow::Continue(());
            scalar.with(context, |value| flow = sink.push(&stem, |out| out.push(0), &value));
            if flow.is_break() {
                return;
            }
        }
    }
}

impl Subtree for Lone {
    fn prefix(&self) -> &'static Prefix {
        self.object
    }

    fn objects(&self) -> Vec<Object> {
        vec![Object { oid: self.object.arcs().to_vec(), column: self.scalar.column }]
    }

    fn views(&self) -> Views {
        self.views
    }

    fn get(&self, context: &Context<'_>, rest: &[u32], out: &mut Vec<u8>) -> Found {
        let mut found = Found::NoInstance;
        if rest == [0] {
            self.scalar.with(context, |value| {
                ber::push_value(&value, out);
                found = Found::Value;
            });
        }
        found
    }

    fn set(
        &self,
        context: &Context<'_>,
        rest: &[u32],
        given: &Given<'_>,
        edits: &mut Edits,
    ) -> Result<(), SetError> {
        let set = self.scalar.set.ok_or(SetError::NotWritable)?;
        if rest == [0] { set(context, given, edits) } else { Err(SetError::NoCreation) }
    }

    fn run(&self, context: &Context<'_>, after: Option<&[u32]>, sink: &mut Sink<'_>) {
        if after.is_none_or(<[u32]>::is_empty) {
            let stem = Stem::of(self.object);
            self.scalar.with(context, |value| {
                let _ = sink.push(&stem, |out| out.push(0), &value);
            });
        }
    }
}
