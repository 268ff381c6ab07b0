//! Events of the journal as notifications (RFC 5277, RFC 6470): a subscription is a cursor over the journal, so replay,
//! a slow reader and a thousand subscribers cost no more memory than one.

use std::fmt::Write;

use super::{
    error::{Info, RpcError, Tag},
    filter::{Filter, Selection},
    message::notification,
    provider::Sources,
    xml::{Element, Reader, escape, escape_attribute},
};
use crate::{
    datastore::{self, Face},
    journal::{Event, EventKind},
    model::{Confirming, DeviceNumber, Presence, Termination, Time, Who},
};

const OURS: &str = "urn:fleetbridge:yang:fleetbridge";
const BASE_EVENTS: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications";
const STREAM: &str = "urn:ietf:params:xml:ns:netmod:notification";

/// Events looked at in one go.
const BATCH: usize = 64;

/// A change of more edits than this is told as one edit of the fleet.
const MOST_EDITS: usize = 1000;

/// Events behind a number, oldest first, also those that are no longer in memory.
pub type Archive = Box<dyn Fn(u64, usize) -> Vec<Event> + Send + Sync>;

/// Where notifications come from.
pub struct Feed<'a> {
    pub sources: &'a Sources,
    pub archive: &'a Archive,
}

pub struct Subscription {
    filter: Option<Filter>,
    /// The last event that was told or passed over.
    cursor: u64,
    replay: Option<Replay>,
    stop: Option<Time>,
    /// Rendered, and there was no room for it.
    held: Option<Vec<u8>>,
}

/// What happened before the subscription is told first.
struct Replay {
    start: Time,
    /// The newest event when the subscription began.
    until: u64,
}

/// A subscriber was so slow that events fell out of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSlow {
    pub missed: u64,
}

impl Subscription {
    /// From now on, or replayed from `start` (RFC 5277 section 2.1.1).
    ///
    /// # Errors
    /// bad-element: it would end before it begins.
    pub fn new(
        feed: &Feed<'_>,
        filter: Option<Filter>,
        start: Option<Time>,
        stop: Option<Time>,
    ) -> Result<Self, RpcError> {
        let until = feed.sources.fleet.journal().told();
        if let (Some(start), Some(stop)) = (start, stop)
            && stop < start
        {
            return Err(RpcError::protocol(Tag::BadElement, "stopTime is before startTime")
                .with(Info::BadElement("stopTime".to_owned())));
        }
        let replay = start.map(|start| Replay { start, until });
        let cursor = if replay.is_some() { 0 } else { until };
        Ok(Subscription { filter, cursor, replay, stop, held: None })
    }

    /// Hands out what is new, in order, while `tell` has room for it. False: the subscription has come to its end.
    ///
    /// # Errors
    /// Events fell out of the journal before they were told.
    pub fn poll(
        &mut self,
        feed: &Feed<'_>,
        now: Time,
        mut tell: impl FnMut(&[u8]) -> bool,
    ) -> Result<bool, TooSlow> {
        loop {
            if let Some(held) = self.held.take()
                && !tell(&held)
            {
                self.held = Some(held);
                return Ok(true);
            }
            if let Some(replay) = &self.replay
                && self.cursor >= replay.until
            {
                self.replay = None;
                self.held = Some(notification(now, &format!("<replayComplete xmlns=\"{STREAM}\"/>")));
                continue;
            }
            let events = self.next_events(feed)?;
            if events.is_empty() {
                break;
            }
            for event in events {
                let stopped = self.stop.is_some_and(|stop| event.time > stop);
                let early = self.replay.as_ref().is_some_and(|replay| event.time < replay.start);
                self.cursor = event.number;
                if stopped || early {
                    continue;
                }
                if let Some(content) = content(feed.sources, &event)
                    && self.wants(&content)
                {
                    let notification = notification(event.time, &content);
                    if !tell(&notification) {
                        self.held = Some(notification);
                        return Ok(true);
                    }
                }
            }
        }
        if self.stop.is_some_and(|stop| now > stop) {
            let complete = notification(now, &format!("<notificationComplete xmlns=\"{STREAM}\"/>"));
            if tell(&complete) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn next_events(&mut self, feed: &Feed<'_>) -> Result<Vec<Event>, TooSlow> {
        if let Some(replay) = &self.replay {
            let mut events = (feed.archive)(self.cursor, BATCH);
            events.retain(|event| event.number <= replay.until);
            if events.is_empty() {
                // The newest may not be written yet, or the store is gone: memory has the rest.
                let mut cursor = self.cursor.max(feed.sources.fleet.journal().oldest().saturating_sub(1));
                let _ = feed.sources.fleet.journal().read(&mut cursor, BATCH, &mut events);
                events.retain(|event| event.number <= replay.until);
                if events.is_empty() {
                    self.cursor = replay.until;
                }
            }
            return Ok(events);
        }
        let (mut cursor, mut events) = (self.cursor, Vec::new());
        let read = feed.sources.fleet.journal().read(&mut cursor, BATCH, &mut events);
        read.map_err(|overrun| TooSlow { missed: overrun.missed })?;
        Ok(events)
    }

    /// One that the filter selects anything of is told whole.
    fn wants(&self, content: &str) -> bool {
        let Some(filter) = &self.filter else { return true };
        match filter.root() {
            Selection::None => false,
            Selection::All => true,
            Selection::Some(_) => Reader::new(content.as_bytes())
                .and_then(|mut reader| Element::read(&mut reader))
                .is_ok_and(|tree| filter.apply(&tree).is_some()),
        }
    }
}

/// `None`: it is nothing that managers subscribe to.
fn content(sources: &Sources, event: &Event) -> Option<String> {
    let number = event.number;
    match &event.kind {
        EventKind::DeviceLearned { device } => {
            Some(of_device(sources, number, "device-learned", *device, &[]))
        }
        EventKind::DeviceLost { device, .. } => {
            let children = sources.fleet.dependents(*device).to_string();
            let rest = [("presence", Presence::Lost.as_str()), ("children", &children)];
            Some(of_device(sources, number, "presence-changed", *device, &rest))
        }
        EventKind::DeviceReturned { device, .. } => {
            let rest = [("presence", Presence::Online.as_str())];
            Some(of_device(sources, number, "presence-changed", *device, &rest))
        }
        EventKind::DeviceRetired { device } => {
            let rest = [("presence", Presence::Retired.as_str())];
            Some(of_device(sources, number, "presence-changed", *device, &rest))
        }
        EventKind::DeviceChanged { .. } => None,
        EventKind::SettingChanged { device, setting, standing, error } => {
            let name = sources.fleet.row_or_retired(*device, |row| {
                let def = row.profile().settings.iter().find(|def| def.number == *setting)?;
                Some(def.name.clone())
            })??;
            let mut rest = vec![("setting", name.as_str()), ("standing", standing.as_str())];
            if !error.is_empty() {
                rest.push(("error", error));
            }
            Some(of_device(sources, number, "setting-changed", *device, &rest))
        }
        EventKind::Committed { commit } => changed(sources, *commit),
        EventKind::CommitSettled { commit, failed } => Some(format!(
            "<commit-settled xmlns=\"{OURS}\"><commit>{commit}</commit><failed>{failed}</failed></commit-settled>"
        )),
        EventKind::ConfirmedCommit { who, step } => Some(confirming(who, *step)),
        EventKind::SessionStarted { who } => Some(of_session("netconf-session-start", Some(who), &[])),
        EventKind::SessionEnded { who, reason } => Some(ended(who, *reason)),
        EventKind::Started { .. } | EventKind::AdapterDown { .. } | EventKind::AdapterUp { .. } => None,
    }
}

fn of_device(
    sources: &Sources,
    event: u64,
    kind: &str,
    device: DeviceNumber,
    rest: &[(&str, &str)],
) -> String {
    let name = sources.fleet.row_or_retired(device, |row| row.name().to_owned()).unwrap_or_default();
    let mut out = format!("<{kind} xmlns=\"{OURS}\">");
    leaf("device", &name, &mut out);
    let _ = write!(out, "<number>{device}</number><sequence>{event}</sequence>");
    for (name, value) in rest {
        leaf(name, value, &mut out);
    }
    let _ = write!(out, "</{kind}>");
    out
}

/// netconf-config-change (RFC 6470 section 2.2).
fn changed(sources: &Sources, commit: u64) -> Option<String> {
    let record = sources.datastore.record(commit, MOST_EDITS + 1).ok()??;
    let schema = sources.datastore.schema();
    let mut out = format!("<netconf-config-change xmlns=\"{BASE_EVENTS}\"><changed-by>");
    if record.owner.face == Face::System {
        out.push_str("<server/>");
    } else {
        common(&(&record.owner).into(), &mut out);
    }
    out.push_str("</changed-by><datastore>running</datastore>");
    let mut edit = |path: &str, operation: &str| {
        out.push_str("<edit><target");
        for (prefix, namespace) in datastore::path::namespaces(schema, path) {
            let _ = write!(out, " xmlns:{prefix}=\"");
            escape_attribute(namespace, &mut out);
            out.push('"');
        }
        out.push('>');
        escape(path, &mut out);
        let _ = write!(out, "</target><operation>{operation}</operation></edit>");
    };
    if record.edits.len() > MOST_EDITS {
        edit("/fleetbridge:fleet", "merge");
    } else {
        for made in record.edits.iter().filter(|made| made.operation != "overwrite") {
            edit(&made.path, made.operation);
        }
    }
    out.push_str("</netconf-config-change>");
    Some(out)
}

fn confirming(who: &Who, step: Confirming) -> String {
    let timeout = match step {
        Confirming::Start { timeout } | Confirming::Extend { timeout } => Some(timeout.to_string()),
        Confirming::Cancel | Confirming::Timeout | Confirming::Complete => None,
    };
    let mut rest = vec![("confirm-event", step.as_str())];
    rest.extend(timeout.as_deref().map(|seconds| ("timeout", seconds)));
    let who = (step != Confirming::Timeout).then_some(who);
    of_session("netconf-confirmed-commit", who, &rest)
}

fn ended(who: &Who, reason: Termination) -> String {
    let by = match reason {
        Termination::Killed { by } => by.map(|by| by.to_string()),
        _ => None,
    };
    let mut rest: Vec<_> = by.as_deref().map(|by| ("killed-by", by)).into_iter().collect();
    rest.push(("termination-reason", reason.as_str()));
    of_session("netconf-session-end", Some(who), &rest)
}

/// One of RFC 6470 section 2.2 that tells of a session.
fn of_session(kind: &str, who: Option<&Who>, rest: &[(&str, &str)]) -> String {
    let mut out = format!("<{kind} xmlns=\"{BASE_EVENTS}\">");
    if let Some(who) = who {
        common(who, &mut out);
    }
    for (name, value) in rest {
        leaf(name, value, &mut out);
    }
    let _ = write!(out, "</{kind}>");
    out
}

/// common-session-parms.
fn common(who: &Who, out: &mut String) {
    leaf("username", &who.user, out);
    let _ = write!(out, "<session-id>{}</session-id>", who.session);
    if !who.address.is_empty() {
        leaf("source-host", &who.address, out);
    }
}

fn leaf(name: &str, value: &str, out: &mut String) {
    let _ = write!(out, "<{name}>");
    escape(value, out);
    let _ = write!(out, "</{name}>");
}
