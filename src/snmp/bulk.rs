//! The repeating part of GETBULK (RFC 3416 section 4.2.3).
//!
//! Each column is read as a run of rows, so that a block is locked once and not for every cell; with several columns
//! the runs are gathered apart and then laid side by side, repetition by repetition.

use super::{
    ber::{self, tag},
    mib::{Context, Sink},
    task::{self, Name, Task},
};
use crate::model::Time;

/// An exception with a name of one octet: no binding is shorter, so the runs hold all that can fit.
const SHORTEST_BINDING: usize = 7;

#[derive(Default)]
pub struct Scratch {
    runs: Vec<u8>,
    /// The end of each binding in `runs`.
    pub(super) ends: Vec<usize>,
    columns: Vec<Column>,
}

/// A repeater: its place in [`Scratch`].
#[derive(Clone, Copy)]
struct Column {
    name: Name,
    /// Where its run begins.
    start: usize,
    /// Its bindings in `ends`.
    first: usize,
    count: usize,
    /// Nothing follows those bindings.
    ended: bool,
}

/// Appends up to `repetitions` instances behind each name from the `singles`th on. `limit` is the
/// greatest length of the reply.
pub fn repeat(
    task: &Task<'_>,
    now: Time,
    scratch: &mut task::Scratch,
    singles: usize,
    repetitions: usize,
    limit: usize,
    reply: &mut Vec<u8>,
) {
    let task::Scratch { text, arcs, names, bulk, .. } = scratch;
    let context = task.context(now, text);
    let names = &names[singles..];
    if repetitions == 0 || names.is_empty() {
        return;
    }
    if let [name] = names {
        return one(task, &context, *name, arcs, bulk, repetitions, limit, reply);
    }
    let space = limit.saturating_sub(reply.len());
    let repetitions = repetitions.min(space / (names.len() * SHORTEST_BINDING) + 1);
    bulk.gather(task, &context, names, arcs, repetitions, space);
    bulk.lay(task, repetitions, limit, reply);
}

/// With one column the run is the answer.
#[expect(clippy::too_many_arguments, reason = "the parts of one scratch, borrowed apart")]
fn one(
    task: &Task<'_>,
    context: &Context<'_>,
    name: Name,
    arcs: &[u32],
    bulk: &mut Scratch,
    repetitions: usize,
    limit: usize,
    reply: &mut Vec<u8>,
) {
    bulk.ends.clear();
    let start = reply.len();
    let ends = &mut bulk.ends;
    let mut sink = Sink::new(reply, ends, repetitions, limit, true);
    task.agent.run(context, &task.views.read, name.arcs(arcs), &mut sink);
    if sink.is_full() {
        return;
    }
    // A single endOfMibView tells enough; its name is the last one.
    let last = match *bulk.ends.as_slice() {
        [] => None,
        [_] => Some(start),
        [.., start, _] => Some(start),
    };
    match last {
        None => end_of_view(name.octets(task.pdu.varbinds), limit, reply),
        Some(last) => {
            // The name lies in the reply itself, which is about to grow.
            bulk.runs.clear();
            bulk.runs.extend_from_slice(ber::binding_name(&reply[last..]));
            end_of_view(&bulk.runs, limit, reply)
        }
    };
}

impl Scratch {
    /// Reads the next `wanted` instances of every column, each at most `space` octets.
    fn gather(
        &mut self,
        task: &Task<'_>,
        context: &Context<'_>,
        names: &[Name],
        arcs: &[u32],
        wanted: usize,
        space: usize,
    ) {
        self.runs.clear();
        self.ends.clear();
        self.columns.clear();
        for name in names {
            let (start, first) = (self.runs.len(), self.ends.len());
            let mut sink = Sink::new(&mut self.runs, &mut self.ends, wanted, start + space, true);
            task.agent.run(context, &task.views.read, name.arcs(arcs), &mut sink);
            let ended = !sink.is_full();
            self.columns.push(Column { name: *name, start, first, count: self.ends.len() - first, ended });
        }
    }

    /// Appends what was gathered, row by row.
    fn lay(&self, task: &Task<'_>, repetitions: usize, limit: usize, reply: &mut Vec<u8>) {
        for repetition in 0..repetitions {
            let mut found = false;
            for column in &self.columns {
                if repetition < column.count {
                    let binding = self.binding(column, repetition);
                    if reply.len() + binding.len() > limit {
                        return;
                    }
                    reply.extend_from_slice(binding);
                    found = true;
                    continue;
                }
                let name = match column.count {
                    0 => column.name.octets(task.pdu.varbinds),
                    count => ber::binding_name(self.binding(column, count - 1)),
                };
                // A run that stopped short of an end has met the limit.
                if !column.ended || !end_of_view(name, limit, reply) {
                    return;
                }
            }
            if !found {
                return;
            }
        }
    }

    fn binding(&self, column: &Column, repetition: usize) -> &[u8] {
        let at = column.first + repetition;
        let start = if repetition == 0 { column.start } else { self.ends[at - 1] };
        &self.runs[start..self.ends[at]]
    }
}

/// Appends the exception, if it fits.
fn end_of_view(name: &[u8], limit: usize, reply: &mut Vec<u8>) -> bool {
    let start = reply.len();
    ber::push_empty_binding(name, tag::END_OF_MIB_VIEW, reply);
    if reply.len() > limit {
        reply.truncate(start);
    }
    reply.len() > start
}
