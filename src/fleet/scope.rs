//! A part of the fleet, by what its devices are: who may see only that part walks it without a look at the rest.
//!
//! A bitmap says which devices are taken. It follows at the next [`Fleet::rescope`]; a device that has changed since the last
//! one is looked at whenever it is visited, so one that has left is gone at once, and one that has come is not found by
//! walks until then.

use std::{
    fmt,
    ops::ControlFlow,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Fleet, Row, Which,
    bits::{Bits, BlockBits, next_in},
    block::{BLOCK, BLOCKS, place},
};
use crate::model::{DeviceNumber, Presence};

type Takes = dyn Fn(&Row<'_>) -> bool + Send + Sync;

pub struct Scope {
    takes: Box<Takes>,
    blocks: BlockBits,
    /// Made when a block first has a member.
    members: Box<[OnceLock<Box<[AtomicU64; BLOCK / 64]>>]>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope(..)")
    }
}

impl Scope {
    pub fn takes(&self, row: &Row<'_>) -> bool {
        // Retired ones have no bit.
        match row.is_revised() || row.presence() == Presence::Retired {
            true => (self.takes)(row),
            false => self.has(row.number()),
        }
    }

    /// Visits such devices of the scope, but no retired ones, from number `from` on in order, until `visit` breaks.
    pub fn rows(
        &self,
        fleet: &Fleet,
        from: DeviceNumber,
        which: Which,
        mut visit: impl FnMut(Row<'_>) -> ControlFlow<()>,
    ) {
        let (mut block, mut at) = place(from);
        while let Some(found) = self.blocks.next(block) {
            if found != block {
                (block, at) = (found, 0);
            }
            if let Some(words) = self.members.get(block).and_then(OnceLock::get)
                && let Some(columns) = fleet.read(block)
            {
                while let Some(found) = next_in(at, words.len(), |word| words[word].load(Ordering::Acquire)) {
                    let number = (block * BLOCK + found) as DeviceNumber;
                    let is_there =
                        columns.live.get(found) && (which != Which::Missing || columns.missing.get(found));
                    let row = Row::new(fleet, &columns, number).filter(|row| is_there && self.takes(row));
                    if row.is_some_and(|row| visit(row).is_break()) {
                        return;
                    }
                    at = found + 1;
                }
            }
            (block, at) = (block + 1, 0);
        }
    }

    fn has(&self, device: DeviceNumber) -> bool {
        let (block, at) = place(device);
        let words = self.members.get(block).and_then(OnceLock::get);
        words.is_some_and(|words| words[at / 64].load(Ordering::Acquire) >> (at % 64) & 1 == 1)
    }

    fn set(&self, device: DeviceNumber, is: bool) {
        let (block, at) = place(device);
        let Some(words) = self.members.get(block) else { return };
        if !is && words.get().is_none() {
            return;
        }
        let words = words.get_or_init(Box::default);
        let bit = 1 << (at % 64);
        match is {
            true => words[at / 64].fetch_or(bit, Ordering::AcqRel),
            false => words[at / 64].fetch_and(!bit, Ordering::AcqRel),
        };
        let any = words.iter().any(|word| word.load(Ordering::Acquire) != 0);
        self.blocks.set(block, any);
    }
}

impl Fleet {
    /// A part of the fleet from now on. `takes` says it of a row alone, by what [revises](super::revision) it.
    pub fn scope(&self, takes: impl Fn(&Row<'_>) -> bool + Send + Sync + 'static) -> Arc<Scope> {
        let scope = Arc::new(Scope {
            takes: Box::new(takes),
            blocks: BlockBits::default(),
            members: (0..BLOCKS).map(|_| OnceLock::new()).collect(),
        });
        self.scopes.write().push(scope.clone());
        self.rows(1, Which::Live, |row| {
            scope.set(row.number(), (scope.takes)(&row));
            ControlFlow::Continue(())
        });
        scope
    }

    /// Has devices that have come into a scope, or changed, be found there.
    pub fn rescope(&self) {
        let scopes = self.scopes.read();
        let mut changed = self.changed.lock();
        if scopes.is_empty() && changed.is_none() {
            return;
        }
        for block in self.blocks.iter().filter_map(|block| block.get()) {
            if block.columns.read_recursive().revised.is_empty() {
                continue;
            }
            let mut columns = block.columns.write();
            for at in columns.revised.iter() {
                let device = block.base + at as DeviceNumber;
                let row = Row::new(self, &columns, device).filter(|_| columns.live.get(at));
                if let (Some(changed), Some(row)) = (&mut *changed, row)
                    && !row.is_new()
                {
                    changed.push(device);
                }
                for scope in scopes.iter() {
                    scope.set(device, row.is_some_and(|row| (scope.takes)(&row)));
                }
            }
            columns.revised = Bits::default();
        }
    }
}
