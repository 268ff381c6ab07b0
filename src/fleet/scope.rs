//! A part of the fleet, by what its devices are: who may see only that part walks it without a look at the rest.
//!
//! Whether a device is taken is looked at whenever one is visited, so a device that has left is gone at once. Where to look
//! is a bitmap, which follows within the next [`Fleet::rescope`]: until then a device that has come is not found by walks.

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
    bits::{BlockBits, next_in},
    block::{BLOCK, BLOCKS, place},
};
use crate::model::DeviceNumber;

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
        (self.takes)(row)
    }

    /// Visits such devices of the scope from number `from` on in order, until `visit` breaks.
    pub fn rows(
        &self,
        fleet: &Fleet,
        from: DeviceNumber,
        which: Which,
        mut visit: impl FnMut(Row<'_>) -> ControlFlow<()>,
    ) {
        let mut next = self.next(from);
        while let Some(device) = next {
            let flow = fleet.row(device, |row| match which {
                Which::Missing if !row.presence().is_missing() => ControlFlow::Continue(()),
                _ if !self.takes(&row) => ControlFlow::Continue(()),
                _ => visit(row),
            });
            if flow.is_some_and(|flow| flow.is_break()) {
                return;
            }
            next = device.checked_add(1).and_then(|from| self.next(from));
        }
    }

    fn next(&self, from: DeviceNumber) -> Option<DeviceNumber> {
        let (mut block, mut at) = place(from);
        while let Some(found) = self.blocks.next(block) {
            if found != block {
                (block, at) = (found, 0);
            }
            let words = self.members.get(block).and_then(OnceLock::get);
            let member =
                words.and_then(|words| next_in(at, words.len(), |word| words[word].load(Ordering::Acquire)));
            if let Some(member) = member {
                return Some((block * BLOCK + member) as DeviceNumber);
            }
            (block, at) = (block + 1, 0);
        }
        None
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
    /// A part of the fleet from now on.
    pub fn scope(&self, takes: impl Fn(&Row<'_>) -> bool + Send + Sync + 'static) -> Arc<Scope> {
        let scope = Arc::new(Scope {
            takes: Box::new(takes),
            blocks: BlockBits::default(),
            members: (0..BLOCKS).map(|_| OnceLock::new()).collect(),
        });
        self.scopes.write().push(scope.clone());
        self.rows(1, Which::Live, |row| {
            scope.set(row.number(), scope.takes(&row));
            ControlFlow::Continue(())
        });
        scope
    }

    /// Has devices that have come into a scope, or changed, be found there.
    pub fn rescope(&self) {
        let scopes = self.scopes.read();
        if scopes.is_empty() {
            return;
        }
        for block in self.blocks.iter().filter_map(|block| block.get()) {
            if block.columns.read_recursive().revised.is_empty() {
                continue;
            }
            let revised = std::mem::take(&mut block.columns.write().revised);
            for at in revised.iter() {
                let device = block.base + at as DeviceNumber;
                for scope in scopes.iter() {
                    scope.set(device, self.row(device, |row| scope.takes(&row)).unwrap_or(false));
                }
            }
        }
    }
}
