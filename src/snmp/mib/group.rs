//! Scalars that share a parent.

use super::{Column, Context, Found, Object, Sink, Stem, Subtree};
use crate::snmp::{
    ber,
    oid::Prefix,
    syntax::{Access, Syntax, Value},
};

pub struct Group {
    pub prefix: &'static Prefix,
    /// In order of their numbers.
    pub scalars: &'static [Scalar],
}

/// Each has the one instance `.0`.
pub struct Scalar {
    column: Column,
    read: for<'a> fn(&Context<'a>) -> Value<'a>,
}

impl Scalar {
    pub const fn read(
        number: u32,
        name: &'static str,
        syntax: Syntax,
        read: for<'a> fn(&Context<'a>) -> Value<'a>,
    ) -> Scalar {
        Scalar { column: Column::new(number, name, syntax, Access::ReadOnly), read }
    }

    pub const fn write(
        number: u32,
        name: &'static str,
        syntax: Syntax,
        read: for<'a> fn(&Context<'a>) -> Value<'a>,
    ) -> Scalar {
        Scalar { column: Column::new(number, name, syntax, Access::ReadWrite), read }
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

    fn get(&self, context: &Context<'_>, rest: &[u32], out: &mut Vec<u8>) -> Found {
        let Some((&number, index)) = rest.split_first() else { return Found::NoObject };
        let Ok(at) = self.scalars.binary_search_by_key(&number, |scalar| scalar.column.number) else {
            return Found::NoObject;
        };
        if index != [0] {
            return Found::NoInstance;
        }
        ber::push_value(&(self.scalars[at].read)(context), out);
        Found::Value
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
            if sink.push(&stem, |out| out.push(0), &(scalar.read)(context)).is_break() {
                return;
            }
        }
    }
}
