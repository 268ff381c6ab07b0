//! Where the instances of a walk go.

use std::ops::ControlFlow;

use crate::snmp::{
    ber,
    oid::{self, Prefix},
    syntax::Value,
    vacm::Tree,
};

/// The encoded beginning of all names of a column.
pub struct Stem {
    octets: [u8; 40],
    len: usize,
}

impl Stem {
    /// Of an object.
    pub fn of(object: &Prefix) -> Stem {
        let mut octets = [0; 40];
        let len = object.octets().len();
        octets[..len].copy_from_slice(object.octets());
        Stem { octets, len }
    }

    pub fn new(prefix: &Prefix, number: u32) -> Stem {
        let Stem { mut octets, mut len } = Stem::of(prefix);
        for left in (0..5).rev() {
            let part = number >> (7 * left);
            if part > 0 || left == 0 {
                octets[len] = (part & 0x7f) as u8 | if left > 0 { 0x80 } else { 0 };
                len += 1;
            }
        }
        Stem { octets, len }
    }

    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}

/// Takes variable bindings until it has as many as wanted, or as many as fit.
pub struct Sink<'a> {
    pub out: &'a mut Vec<u8>,
    /// The end of each binding in `out`.
    pub ends: &'a mut Vec<usize>,
    /// How many more are wanted.
    pub wanted: usize,
    /// No binding ends behind this length of `out`; one that would fill the sink.
    pub limit: usize,
    /// False in v1, which has no Counter64: such columns are skipped as a whole (RFC 3584 section 4.2.2.1).
    pub counter64: bool,
    /// A binding did not fit.
    pub overflow: bool,
    guard: Option<Guard<'a>>,
}

/// A view that shows only a part of what is pushed.
struct Guard<'a> {
    tree: &'a Tree,
    /// Of the last binding.
    name: Vec<u32>,
    hidden: bool,
}

impl<'a> Sink<'a> {
    pub fn new(
        out: &'a mut Vec<u8>,
        ends: &'a mut Vec<usize>,
        wanted: usize,
        limit: usize,
        counter64: bool,
    ) -> Sink<'a> {
        Sink { out, ends, wanted, limit, counter64, overflow: false, guard: None }
    }

    /// As long as there is a view, what it does not show is not taken, and nothing more.
    pub fn guard(&mut self, tree: Option<&'a Tree>) {
        self.guard = tree.map(|tree| Guard { tree, name: Vec::new(), hidden: false });
    }

    /// The name of the instance that was not taken, if that was the last.
    pub fn take_hidden(&mut self) -> Option<&[u32]> {
        let guard = self.guard.as_mut()?;
        std::mem::take(&mut guard.hidden).then_some(guard.name.as_slice())
    }

    pub fn is_full(&self) -> bool {
        self.wanted == 0 || self.overflow || self.guard.as_ref().is_some_and(|guard| guard.hidden)
    }

    /// Appends a binding; breaks when no more is wanted.
    pub fn push(
        &mut self,
        stem: &Stem,
        index: impl FnOnce(&mut Vec<u8>),
        value: &Value<'_>,
    ) -> ControlFlow<()> {
        let start = self.out.len();
        ber::push_binding(stem.octets(), index, value, self.out);
        if let Some(guard) = &mut self.guard {
            guard.name.clear();
            let read = oid::decode(ber::binding_name(&self.out[start..]), &mut guard.name);
            guard.hidden = read.is_err() || !guard.tree.shows(&guard.name);
            if guard.hidden {
                self.out.truncate(start);
                return ControlFlow::Break(());
            }
        }
        if self.out.len() > self.limit {
            self.out.truncate(start);
            self.overflow = true;
            return ControlFlow::Break(());
        }
        self.ends.push(self.out.len());
        self.wanted = self.wanted.saturating_sub(1);
        if self.wanted == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::mib::fleetbridge;

    #[test]
    fn stems_are_encoded_as_names_are() {
        for number in [0, 1, 127, 128, 300, 16_384, u32::MAX] {
            let mut octets = Vec::new();
            oid::encode(&[fleetbridge::FLEET.prefix.arcs(), &[number]].concat(), &mut octets);
            assert_eq!(Stem::new(fleetbridge::FLEET.prefix, number).octets(), octets);
        }
    }
}
