//! From device to device: each whose true state is not as the target knows it is told again.

use super::{Kind, Originator, World, originator::Subject, told::State};
use crate::{
    fleet::{AdapterState, Which},
    journal::{Event, EventKind},
    model::{Attribute, DeviceNumber, Presence, Time},
};

/// Devices that are looked at in one step.
const STEP: usize = 4096;
/// A change younger than this is told as the event that it is.
const RECENT: u64 = 2000;
/// From the end of a pass to the next one, if nothing asks for it earlier; and after one that left something open.
const PAUSE: u64 = 60_000;
const SOON: u64 = 1000;

/// Where the pass is.
#[derive(Debug)]
pub(super) struct Pass {
    /// `None`: none is under way.
    at: Option<At>,
    next: Time,
    /// Another one follows at once.
    again: bool,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Adapters,
    Device(DeviceNumber),
}

impl Pass {
    pub fn at_once(now: Time) -> Pass {
        Pass { at: None, next: now, again: false }
    }

    /// One is to begin now, or to follow the one that is under way.
    pub fn again(&mut self, now: Time) {
        (self.next, self.again) = (now, true);
    }
}

impl Originator {
    /// The next that is to be told again.
    pub(super) fn reconcile(&mut self, now: Time, world: World<'_>) -> Option<Event> {
        let at = match self.pass.at {
            Some(at) => at,
            None if now < self.pass.next => return None,
            None => {
                self.pass.again = false;
                *self.pass.at.insert(At::Adapters)
            }
        };
        if self.is_busy(self.silent) {
            return None;
        }
        let mut device = match at {
            At::Device(device) => device,
            At::Adapters => match self.differing_adapter(world) {
                Some(kind) => return Some(again(kind, world)),
                None => 1,
            },
        };
        for _ in 0..STEP {
            let missing = world.fleet.next(device - 1, Which::Missing);
            let told = self.told.next_device(device);
            let Some(found) = missing.into_iter().chain(told).min() else {
                let pause = if self.pass.again { SOON } else { PAUSE };
                (self.pass.at, self.pass.next) = (None, now.plus_millis(pause));
                return None;
            };
            device = found + 1;
            self.pass.at = Some(At::Device(device));
            if let Some(kind) = self.differing(found, world) {
                return Some(again(kind, world));
            }
        }
        None
    }

    fn differing_adapter(&mut self, world: World<'_>) -> Option<EventKind> {
        for adapter in world.fleet.adapters().all() {
            let (id, status) = (adapter.id, adapter.status());
            let (state, kind, event) = match status.state {
                AdapterState::Up => (State::Here, Kind::AdapterUp, EventKind::AdapterUp { adapter: id }),
                AdapterState::Down => {
                    let error = status.last_error;
                    (State::Gone, Kind::AdapterDown, EventKind::AdapterDown { adapter: id, error })
                }
                AdapterState::Connecting | AdapterState::Disabled => continue,
            };
            if self.told.of_adapter(id) == state {
                continue;
            }
            if !self.target().kinds.has(kind) {
                self.told.set_adapter(id, state);
            } else if is_recent(status.since, world) || self.is_under_way(Subject::Adapter(id)) {
                self.pass.again = true;
            } else {
                return Some(event);
            }
        }
        None
    }

    fn differing(&mut self, device: DeviceNumber, world: World<'_>) -> Option<EventKind> {
        let known = self.told.of_device(device);
        let found = world.fleet.row(device, |row| {
            let here = self.target().has_site(row.attribute(Attribute::Site));
            (row.presence(), row.last_seen(), row.presence_since(), here)
        });
        let Some((presence, last_seen, since, of_site)) = found else {
            // Retired: nobody is told of it any more.
            self.told.set_device(device, State::Here);
            return None;
        };
        let (state, kind, event) = match presence {
            // That one was lost before it was ever heard is told to nobody.
            Presence::Lost if last_seen.is_never() || known == State::Gone => return None,
            Presence::Lost => (State::Gone, Kind::DeviceLost, EventKind::DeviceLost { device, last_seen }),
            Presence::Online | Presence::Late | Presence::Sleeping if known != State::Here => {
                (State::Here, Kind::DeviceReturned, EventKind::DeviceReturned { device, was: Presence::Lost })
            }
            // One trap for what it hangs on is enough; what was told of it before that stands until it is heard.
            _ => return None,
        };
        if !self.target().kinds.has(kind) || (state == State::Gone && !of_site) {
            self.told.set_device(device, State::Here);
            return None;
        }
        if is_recent(since, world) || self.is_under_way(Subject::Device(device)) {
            self.pass.again = true;
            return None;
        }
        Some(event)
    }
}

/// What tells how things are now; no event of the journal.
fn again(kind: EventKind, world: World<'_>) -> Event {
    Event { number: 0, time: world.wall, kind }
}

fn is_recent(since: Time, world: World<'_>) -> bool {
    world.wall.0.abs_diff(since.0) < RECENT
}
