//! Reports over the whole fleet: one file each, one line in [`REPORTS`].
//!
//! A report is written piece by piece: rows are rendered while their block's lock is held, at most [`PIECE`] bytes of
//! them, and written to the receiver after the lock is gone. So neither a million devices nor a slow reader costs more
//! than one piece of memory, and nobody waits for the reader.

mod devices;
mod format;
mod inventory;
mod missing;
mod software;

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

pub use devices::DEVICES;
pub use format::Format;

use self::format::Rendering;
use crate::{
    fleet::{Fleet, Row, Which},
    model::{Attribute, DeviceNumber, Time},
};

/// All reports by the name that the command line and the control API know them by.
pub static REPORTS: [&Report; 3] = [&missing::REPORT, &inventory::REPORT, &software::REPORT];

/// Bytes that are rendered under one hold of a block's lock.
const PIECE: usize = 64 * 1024;

/// A list of devices with a fixed set of columns; columns are only ever added at the end.
pub struct Report {
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// CSV's header and the keys of JSON; the device's name is always under `device`.
    pub columns: &'static [&'static str],
    which: Which,
    /// The instant that [`Query::since`] is held against.
    instant: fn(&Row<'_>) -> Time,
    lines: Lines,
}

/// Gives the lines of one device, each with as many cells as there are columns.
type Lines = for<'a> fn(&Row<'a>, Time, &mut dyn FnMut(&[Cell<'a>]));

/// What a report is asked for.
#[derive(Clone, Debug)]
pub struct Query {
    pub format: Format,
    pub site: Option<String>,
    pub profile: Option<String>,
    /// Milliseconds: only devices whose instant (missing: when it went missing; the others: last seen) is younger.
    pub since: Option<u64>,
    /// The first device number.
    pub from: DeviceNumber,
    /// At most so many devices.
    pub limit: Option<u32>,
    pub now: Time,
}

impl Query {
    /// Everything, in that format.
    pub fn new(format: Format, now: Time) -> Self {
        Query { format, site: None, profile: None, since: None, from: 0, limit: None, now }
    }

    fn takes(&self, row: &Row<'_>, instant: Time) -> bool {
        self.site.as_ref().is_none_or(|site| row.attribute(Attribute::Site) == site)
            && self.profile.as_ref().is_none_or(|profile| row.profile().name == *profile)
            && self.since.is_none_or(|since| !instant.is_never() && self.now.since(instant) <= since)
    }
}

/// One value of a line, borrowed from the device's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell<'a> {
    /// Empty text is "not known".
    Text(&'a str),
    Number(u64),
    /// [`Time::NEVER`] is "never".
    Instant(Time),
    Unknown,
}

impl Cell<'_> {
    /// What a device hangs on.
    fn parent(row: &Row<'_>) -> Self {
        if row.parent() == 0 { Cell::Unknown } else { Cell::Number(row.parent().into()) }
    }
}

impl Report {
    /// A report by its name.
    pub fn find(name: &str) -> Option<&'static Report> {
        REPORTS.into_iter().find(|report| report.name == name)
    }

    /// Writes the whole report. A table is walked twice, first for its widths.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write(&self, fleet: &Fleet, query: &Query, out: &mut dyn Write) -> io::Result<()> {
        let mut rendering = Rendering::new(query.format, self.columns);
        if rendering.needs_widths() {
            self.pass(fleet, query, |cells, _| rendering.measure(cells), &mut io::sink())?;
        }
        let mut piece = String::new();
        rendering.begin(&mut piece);
        out.write_all(piece.as_bytes())?;
        self.pass(fleet, query, |cells, piece| rendering.line(cells, piece), out)?;
        piece.clear();
        rendering.end(&mut piece);
        out.write_all(piece.as_bytes())?;
        out.flush()
    }

    fn pass(
        &self,
        fleet: &Fleet,
        query: &Query,
        mut line: impl FnMut(&[Cell<'_>], &mut String),
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut piece = String::new();
        let (mut from, mut left) = (query.from, query.limit.unwrap_or(u32::MAX));
        loop {
            let mut next = None;
            fleet.rows(from, self.which, |row| {
                if left == 0 {
                    return ControlFlow::Break(());
                }
                if query.takes(&row, (self.instant)(&row)) {
                    (self.lines)(&row, query.now, &mut |cells| line(cells, &mut piece));
                    left -= 1;
                }
                if piece.len() >= PIECE {
                    next = row.number().checked_add(1);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            out.write_all(piece.as_bytes())?;
            piece.clear();
            match next {
                Some(number) => from = number,
                None => return Ok(()),
            }
        }
    }
}
