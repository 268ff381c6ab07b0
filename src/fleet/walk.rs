//! Seeking in order of device number: what GETNEXT, reports and streamed lists stand on.

use std::ops::ControlFlow;

use super::{
    Fleet, Row,
    block::{BLOCK, Columns, flag, place},
    row::Point,
};
use crate::model::DeviceNumber;

/// Which devices a walk visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that have a number and are not retired.
    Live,
    /// Presence lost or unreachable.
    Missing,
    /// All that have a number, retired ones too.
    Given,
}

/// Which points a walk visits: those that have the instance in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Has {
    /// Every point of the device's profile.
    Row,
    /// A value has come (and it is not bad).
    Value,
    /// The value is a number that fits Integer32, and no counter.
    Integer,
    /// The point is a counter and has a value.
    Counter,
    /// The point is a number and no counter, with or without a value.
    NumberType,
    /// The point is a counter, with or without a value.
    CounterType,
}

impl Has {
    pub(super) fn flag(self) -> Option<u8> {
        match self {
            Has::Row => None,
            Has::Value => Some(flag::VALUE),
            Has::Integer => Some(flag::INTEGER),
            Has::Counter => Some(flag::COUNTER),
            Has::NumberType => Some(flag::NUMBER_TYPE),
            Has::CounterType => Some(flag::COUNTER_TYPE),
        }
    }
}

impl Fleet {
    /// The lowest number above `after` of such a device. Seeks, never scans.
    pub fn next(&self, after: DeviceNumber, which: Which) -> Option<DeviceNumber> {
        let mut found = None;
        self.rows(after.checked_add(1)?, which, |row| {
            found = Some(row.number());
            ControlFlow::Break(())
        });
        found
    }

    /// Visits such devices from number `from` on in order, one lock for each block, until `visit` breaks.
    pub fn rows(&self, from: DeviceNumber, which: Which, mut visit: impl FnMut(Row<'_>) -> ControlFlow<()>) {
        let (mut block, mut at) = place(from);
        while let Some(next) = self.next_block(block, which) {
            if next != block {
                (block, at) = (next, 0);
            }
            if let Some(columns) = self.read(block) {
                while let Some(found) = members(&columns, which, at) {
                    let number = (block * BLOCK + found) as DeviceNumber;
                    if Row::new(self, &columns, number).is_some_and(|row| visit(row).is_break()) {
                        return;
                    }
                    at = found + 1;
                }
            }
            (block, at) = (block + 1, 0);
        }
    }

    /// The lowest (device, point number) above `after` that has the instance.
    pub fn next_point(&self, after: (DeviceNumber, u16), has: Has) -> Option<(DeviceNumber, u16)> {
        let from = match after.1.checked_add(1) {
            Some(point) => (after.0, point),
            None => (after.0.checked_add(1)?, 0),
        };
        let mut found = None;
        self.points(from, has, |row, point| {
            found = Some((row.number(), point.def.number));
            ControlFlow::Break(())
        });
        found
    }

    /// Visits the points from (device, point number) on, in order, one lock for each block, until `visit` breaks.
    pub fn points(
        &self,
        from: (DeviceNumber, u16),
        has: Has,
        mut visit: impl FnMut(Row<'_>, Point<'_>) -> ControlFlow<()>,
    ) {
        let (mut block, mut at) = place(from.0);
        let mut first_point = from.1;
        while let Some(next) = self.next_block(block, Which::Live) {
            if next != block {
                (block, at, first_point) = (next, 0, 0);
            }
            if let Some(columns) = self.read(block)
                && has.flag().is_none_or(|flag| columns.cells.any(flag))
            {
                while let Some(found) = columns.live.next(at) {
                    if found != at {
                        first_point = 0;
                    }
                    if self.points_of(&columns, block, found, first_point, has, &mut visit).is_break() {
                        return;
                    }
                    (at, first_point) = (found + 1, 0);
                }
            }
            (block, at, first_point) = (block + 1, 0, 0);
        }
    }

    fn points_of(
        &self,
        columns: &Columns,
        block: usize,
        at: usize,
        first: u16,
        has: Has,
        visit: &mut impl FnMut(Row<'_>, Point<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let slot = &columns.slots[at];
        let profile = &self.profiles()[crate::model::ProfileId(slot.profile)];
        let skip = match first {
            0 | 1 => 0,
            first => profile.points.partition_point(|point| point.number < first),
        };
        let cells = slot.cells as usize;
        let flags = &columns.cells.flags[cells..cells + profile.points.len()];
        for (index, flags) in flags.iter().enumerate().skip(skip) {
            if has.flag().is_some_and(|flag| flags & flag == 0) {
                continue;
            }
            let Some(row) = Row::new(self, columns, (block * BLOCK + at) as DeviceNumber) else { continue };
            visit(row, row.point_at(&profile.points[index], index))?;
        }
        ControlFlow::Continue(())
    }

    fn next_block(&self, from: usize, which: Which) -> Option<usize> {
        match which {
            Which::Live => self.live.next(from),
            Which::Missing => self.missing.next(from),
            Which::Given => {
                let last = place(self.counts().numbers_used).0;
                (from..=last).find(|block| self.blocks[*block].get().is_some())
            }
        }
    }
}

/// The place at or above `from` of such a device.
fn members(columns: &Columns, which: Which, from: usize) -> Option<usize> {
    match which {
        Which::Live => columns.live.next(from),
        Which::Missing => columns.missing.next(from),
        Which::Given => (from..columns.slots.len()).find(|at| columns.slots[*at].is_somebody()),
    }
}
