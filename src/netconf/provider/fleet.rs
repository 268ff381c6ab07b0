//! `/fleet` of module fleetbridge: devices by number, then what is short.

use std::{collections::BTreeMap, ops::ControlFlow};

use super::{
    Content, Cursor, Provider, View,
    device::{self, Device, NAMESPACE, instant},
};
use crate::{
    datastore::{self, Source},
    fleet::Which,
    model::{DeviceNumber, MAX_DEVICE_NUMBER, Presence, Standing},
    netconf::{
        emit::{self, group},
        filter::{Node, Selection},
    },
};

pub(super) static FLEET: FleetData = FleetData;

pub(super) struct FleetData;

/// Devices of a piece: short transactions and locks, and some 100 kB at most of common devices.
const PIECE: usize = 64;

/// Entries of a report in a piece.
const REPORTED: usize = 512;

/// Entries of `/fleet/commit`.
const COMMITS: usize = 100;

/// Parts in their order; [`Cursor::part`].
mod part {
    pub const HEAD: u8 = 0;
    pub const DEVICES: u8 = 1;
    /// Devices of candidate that are not in running; `name` is the last one.
    pub const NEW: u8 = 2;
    pub const MISSING: u8 = 3;
    pub const DRIFT: u8 = 4;
    pub const TAIL: u8 = 5;
}

impl Provider for FleetData {
    fn top(&self) -> (&'static str, &'static str) {
        (NAMESPACE, "fleet")
    }

    fn is_state(&self) -> bool {
        false
    }

    /// Containers begin with the first thing that is in them, so that none is empty.
    fn read(
        &self,
        view: &View<'_>,
        selection: &Selection<'_>,
        at: Cursor,
        out: &mut Vec<u8>,
    ) -> Result<Option<Cursor>, datastore::Error> {
        let mark = out.len();
        let in_report = matches!(at.part, part::MISSING | part::DRIFT);
        let (mut fleet, mut report) = (at.open.0, at.open.1);
        let mut next = piece(view, selection, at, out)?;
        if out.len() > mark {
            if in_report && !report {
                out.splice(mark..mark, *b"<report>");
                report = true;
            }
            if !fleet {
                out.splice(mark..mark, format!("<fleet xmlns=\"{NAMESPACE}\">").into_bytes());
                fleet = true;
            }
        }
        let goes_on_in_report = next.as_ref().is_some_and(|next| next.part <= part::DRIFT);
        if in_report && report && !goes_on_in_report {
            emit::end(out, "report");
        }
        match &mut next {
            Some(next) => next.open = (fleet, report),
            None if fleet => emit::end(out, "fleet"),
            None => {}
        }
        Ok(next)
    }
}

fn piece(
    view: &View<'_>,
    selection: &Selection<'_>,
    at: Cursor,
    out: &mut Vec<u8>,
) -> Result<Option<Cursor>, datastore::Error> {
    let state = view.content == Content::All;
    let child = |name| selection.child(NAMESPACE, name);
    let to = |part| Ok(Some(Cursor { part, ..Cursor::default() }));
    match at.part {
        part::HEAD => {
            if state && !child("last-commit").is_none() {
                emit::leaf(out, "last-commit", &view.sources.datastore.last_commit().to_string());
            }
            to(part::DEVICES)
        }
        part::DEVICES => {
            let selection = child("device");
            if let Some(named) = by_name(&selection) {
                named_devices(view, &named, out)?;
                return to(part::MISSING);
            }
            if selection.is_none() {
                return to(part::MISSING);
            }
            match devices(view, &selection, at.after as DeviceNumber, out)? {
                Some(after) => Ok(Some(Cursor { after: after.into(), ..at })),
                None if view.content == Content::Config(Source::Candidate) => to(part::NEW),
                None => to(part::MISSING),
            }
        }
        part::NEW => {
            let (selection, mut written) = (child("device"), Ok(()));
            let cursor = datastore::Cursor::New(at.name);
            let next = view.sources.datastore.for_each(cursor, PIECE, Source::Candidate, |row| {
                let device = Device { name: &row.name, row: None, config: Some(&row.config) };
                if written.is_ok() {
                    written = device::write(view, &device, &selection, out);
                }
            })?;
            written?;
            match next {
                Some(datastore::Cursor::New(name)) => {
                    Ok(Some(Cursor { part: part::NEW, name, ..Cursor::default() }))
                }
                _ => to(part::MISSING),
            }
        }
        part::MISSING => {
            let selection = child("report").child(NAMESPACE, "missing");
            let next = if state { missing(view, &selection, at.after as DeviceNumber, out) } else { None };
            Ok(Some(match next {
                Some(after) => Cursor { after: after.into(), ..at },
                None => Cursor { part: part::DRIFT, ..Cursor::default() },
            }))
        }
        part::DRIFT => {
            let selection = child("report").child(NAMESPACE, "drift");
            let next = if state { drift(view, &selection, at.after, out) } else { None };
            Ok(Some(match next {
                Some(after) => Cursor { after, ..at },
                None => Cursor { part: part::TAIL, ..Cursor::default() },
            }))
        }
        _ => {
            if state {
                profiles(view, &child("profile"), out);
                summary(view, &child("summary"), out);
                commits(view, &child("commit"), out)?;
            }
            Ok(None)
        }
    }
}

/// The devices that a filter names, if it names each that it wants: these are sought, and no others looked at.
fn by_name<'a>(selection: &Selection<'a>) -> Option<BTreeMap<&'a str, Node<'a>>> {
    match selection {
        Selection::Some(node) => node.by_key(NAMESPACE, "name"),
        _ => None,
    }
}

fn named_devices(
    view: &View<'_>,
    named: &BTreeMap<&str, Node<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), datastore::Error> {
    let source = source(view);
    for (name, node) in named {
        let config = view.sources.datastore.read(name, source)?;
        let config = config.as_ref().map(|row| row.config.as_str());
        let selection = Selection::Some(node.clone());
        let number = if view.content == Content::All { view.sources.fleet.find(name) } else { None };
        let live = number.and_then(|number| {
            view.sources.fleet.row(number, |row| {
                device::write(view, &Device { name: row.name(), row: Some(row), config }, &selection, out)
            })
        });
        match (live, config) {
            (Some(written), _) => written?,
            (None, Some(_)) => device::write(view, &Device { name, row: None, config }, &selection, out)?,
            (None, None) => {}
        }
    }
    Ok(())
}

/// A piece of the list behind number `after`; where to go on. Rows are read before the fleet's locks are taken, and the
/// piece ends where they end, so that each device meets its row.
fn devices(
    view: &View<'_>,
    selection: &Selection<'_>,
    after: DeviceNumber,
    out: &mut Vec<u8>,
) -> Result<Option<DeviceNumber>, datastore::Error> {
    let mut rows = Vec::new();
    let cursor = datastore::Cursor::After(after);
    let next = view.sources.datastore.for_each(cursor, PIECE, source(view), |row| rows.push(row.clone()))?;
    let rows_end = match next {
        Some(datastore::Cursor::After(number)) => Some(number),
        _ => None,
    };
    if view.content != Content::All {
        for row in &rows {
            let device = Device { name: &row.name, row: None, config: Some(&row.config) };
            device::write(view, &device, selection, out)?;
        }
        return Ok(rows_end);
    }
    let (mut rows, mut written) = (rows.iter().peekable(), Ok(()));
    let (mut last, mut count) = (after, 0);
    // Without further rows, the devices that were only heard go on alone.
    let end = rows_end.unwrap_or(MAX_DEVICE_NUMBER);
    let mut whole = true;
    view.sources.fleet.rows(after + 1, Which::Live, |row| {
        let number = row.number();
        if number > end || count == PIECE {
            whole = number > end;
            return ControlFlow::Break(());
        }
        while rows.next_if(|config| config.number < number).is_some() {}
        let config = rows.next_if(|config| config.number == number).map(|row| row.config.as_str());
        written = device::write(view, &Device { name: row.name(), row: Some(row), config }, selection, out);
        (last, count) = (number, count + 1);
        if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    written?;
    Ok(match (whole, rows_end) {
        (false, _) => Some(last),
        (true, Some(end)) => Some(end),
        (true, None) => None,
    })
}

fn source(view: &View<'_>) -> Source {
    match view.content {
        Content::All => Source::Running,
        Content::Config(source) => source,
    }
}

/// Where to go on.
fn missing(
    view: &View<'_>,
    selection: &Selection<'_>,
    after: DeviceNumber,
    out: &mut Vec<u8>,
) -> Option<DeviceNumber> {
    if selection.is_none() {
        return None;
    }
    let (mut count, mut next) = (0, None);
    view.sources.fleet.rows(after + 1, Which::Missing, |row| {
        if count == REPORTED {
            return ControlFlow::Break(());
        }
        group(out, selection, (NAMESPACE, NAMESPACE), ("missing", "device"), &|visit| {
            visit("device", row.name());
            visit("presence", row.presence().as_str());
            instant("last-seen", row.last_seen(), visit);
        });
        count += 1;
        next = (count == REPORTED).then(|| row.number());
        ControlFlow::Continue(())
    });
    next
}

/// Where to go on: device and setting in one number.
fn drift(view: &View<'_>, selection: &Selection<'_>, after: u64, out: &mut Vec<u8>) -> Option<u64> {
    if selection.is_none() {
        return None;
    }
    let (mut count, mut next) = (0, None);
    let from = after + 1;
    view.sources.fleet.unmet_settings(((from >> 16) as DeviceNumber, from as u16), |row, setting| {
        if count == REPORTED {
            return ControlFlow::Break(());
        }
        if matches!(setting.standing(), Standing::Drifted | Standing::Failed) {
            group(out, selection, (NAMESPACE, NAMESPACE), ("drift", "device"), &|visit| {
                visit("device", row.name());
                visit("setting", &setting.def.name);
                device::setting_values(&setting, visit);
            });
        }
        count += 1;
        let place = u64::from(row.number()) << 16 | u64::from(setting.def.number);
        next = (count == REPORTED).then_some(place);
        ControlFlow::Continue(())
    });
    next
}

fn profiles(view: &View<'_>, selection: &Selection<'_>, out: &mut Vec<u8>) {
    if selection.is_none() {
        return;
    }
    let schema = view.sources.datastore.schema();
    for (_, profile) in view.sources.fleet.profiles().iter().filter(|(_, profile)| !profile.is_unknown()) {
        let module = format!("fleetbridge-profile-{}", profile.name);
        group(out, selection, (NAMESPACE, NAMESPACE), ("profile", "name"), &|visit| {
            visit("name", &profile.name);
            if schema.module(&module).is_some() {
                visit("module", &module);
            }
            if !profile.revision.is_empty() {
                visit("revision", &profile.revision);
            }
        });
    }
}

fn summary(view: &View<'_>, selection: &Selection<'_>, out: &mut Vec<u8>) {
    if selection.is_none() {
        return;
    }
    let counts = view.sources.fleet.counts();
    let mark = out.len();
    emit::start(out, "summary", "");
    let empty = out.len();
    for (name, count) in [("total", counts.devices()), ("managed", view.sources.datastore.managed())] {
        if !selection.child(NAMESPACE, name).is_none() {
            emit::leaf(out, name, &count.to_string());
        }
    }
    let of_presence = selection.child(NAMESPACE, "presence");
    for presence in Presence::ALL.into_iter().filter(|presence| *presence != Presence::Retired) {
        group(out, &of_presence, (NAMESPACE, NAMESPACE), ("presence", "state"), &|visit| {
            visit("state", presence.as_str());
            visit("devices", &counts.of(presence).to_string());
        });
    }
    if out.len() == empty {
        return out.truncate(mark);
    }
    emit::end(out, "summary");
}

fn commits(view: &View<'_>, selection: &Selection<'_>, out: &mut Vec<u8>) -> Result<(), datastore::Error> {
    if selection.is_none() {
        return Ok(());
    }
    for commit in view.sources.datastore.commits(COMMITS)? {
        let progress = view.sources.fleet.commit_progress(commit.id);
        group(out, selection, (NAMESPACE, NAMESPACE), ("commit", "id"), &|visit| {
            visit("id", &commit.id.to_string());
            instant("time", commit.time, visit);
            visit("user", &commit.user);
            visit("via", commit.face.as_str());
            visit("state", commit.state.as_str());
            visit("devices", &commit.devices.to_string());
            visit("outstanding", &progress.outstanding.to_string());
            visit("failed", &progress.failed.to_string());
        });
    }
    Ok(())
}
