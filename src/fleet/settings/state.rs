//! One setting of one device as a state machine: what has come in, what is to be done next. It knows no value, only
//! whether the reported one equals the desired one, and no clock, only how long to wait.
//!
//! ```text
//!                    desire ──▶ pending ──order──▶ sent ──answer──▶ acked
//!                                  ▲                │                 │
//!              back-off, then again│                ├──report equals──┴▶ stored ──read back──▶ effective
//!                                  └── silence ─────┤                 (effective at once if there is no way to read)
//!   retries spent: failed (silence), drifted ◀──────┴──refused──▶ failed, unsupported
//!   (the device keeps another value)
//! ```
//! - The time-out counts from the broker's acknowledgement. A try is spent with it too: a message that the broker never
//!   confirmed costs none.
//! - **In doubt** (the connection or the device went away in between, or the process was killed) a setting that can be
//!   read is read first; it is written again only if the device shows another value or does not answer.
//! - A report that differs makes a setting at rest `drifted`. It is **not** pushed again by itself: somebody changed the
//!   device on purpose, or it will not take the value, and a bridge that insists never ends. It stays `drifted` until
//!   the device reports the desired value, something else is desired, or a manager pushes.
//! - What failed because the device was silent is tried anew when the device returns.

use crate::model::{SettingDef, Standing};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub standing: Standing,
    pub phase: Phase,
    /// Writes handed to the broker since the value was desired.
    pub attempts: u8,
    /// Grows with each phase, so that what belongs to an earlier one is known as late.
    pub turn: u16,
    pub desired: bool,
    /// A report has come since the last write.
    fresh: bool,
    /// The desired value changed while an earlier one was on its way.
    superseded: bool,
    /// It failed because nothing came back.
    silent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing to do until something comes in.
    Rest,
    /// To be done as soon as the device can be reached.
    Wait(Op),
    /// After a try that failed, until the timer ends.
    BackOff,
    /// With the broker (`acked`: it has confirmed) or the device.
    Flight { op: Op, acked: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Write,
    /// A read, to learn whether a write of before is still needed.
    Check,
    /// A read after a write, to see what it did.
    Verify,
}

/// What comes first when another value is desired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    Write,
    /// To know what the device had before.
    Read,
}

/// What the store keeps of a [`State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub standing: Standing,
    pub phase: Phase,
    pub attempts: u8,
    pub desired: bool,
    pub silent: bool,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The device may have something to be sent.
    pub ready: bool,
    /// Call [`State::timeout`] with the turn of now after so many milliseconds.
    pub timer: Option<u64>,
    /// The standing came to an end: tell the journal.
    pub told: bool,
    pub why: Option<Why>,
}

/// What the error text is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Silent,
    /// The device keeps another value.
    Kept,
    /// There is no longer an error.
    Fine,
}

/// What a report says, beside the desired value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    Equal,
    Other,
}

const READY: Effect = Effect { ready: true, timer: None, told: false, why: None };
const NOTHING: Effect = Effect { ready: false, timer: None, told: false, why: None };

/// The first pause after a failed try; each further one is twice as long.
const PAUSE: u64 = 1000;
const LONGEST_PAUSE: u64 = 300_000;
/// A broker that does not confirm for so long, on a connection that stands, has lost the message.
const UNCONFIRMED: u64 = 60_000;

impl State {
    /// Of a setting that nobody desires.
    pub fn new() -> State {
        State {
            standing: Standing::InSync,
            phase: Phase::Rest,
            attempts: 0,
            turn: 0,
            desired: false,
            fresh: false,
            superseded: false,
            silent: false,
        }
    }

    pub fn kept(&self) -> Kept {
        let State { standing, phase, attempts, desired, silent, .. } = *self;
        Kept { standing, phase, attempts, desired, silent }
    }

    pub fn in_flight(&self) -> bool {
        matches!(self.phase, Phase::Flight { .. })
    }

    /// Something is still to come, from us or from the device.
    pub fn outstanding(&self) -> bool {
        self.desired && self.phase != Phase::Rest
    }

    /// Another value is desired, or none; `reported` beside the new one, if a report has come.
    pub fn desire(&mut self, desired: bool, reported: Option<Reported>, begin: Begin) -> Effect {
        self.desired = desired;
        self.attempts = 0;
        self.silent = false;
        self.superseded = self.in_flight();
        let has_it = reported == Some(Reported::Equal) && self.fresh;
        self.standing =
            if desired && (self.superseded || !has_it) { Standing::Pending } else { Standing::InSync };
        if self.superseded {
            return Effect { why: Some(Why::Fine), ..NOTHING };
        }
        if self.standing == Standing::Pending {
            self.enter(Phase::Wait(match begin {
                Begin::Write => Op::Write,
                Begin::Read => Op::Check,
            }));
            return Effect { why: Some(Why::Fine), ..READY };
        }
        self.enter(Phase::Rest);
        Effect { told: desired, why: Some(Why::Fine), ..NOTHING }
    }

    /// Nothing was written yet, and the device is asked what it has.
    pub fn asks_before(&self) -> bool {
        self.desired && self.attempts == 0 && matches!(self.phase, Phase::Flight { op: Op::Check, .. })
    }

    /// Tells the device again what is desired, as if it were new.
    pub fn push(&mut self) -> Effect {
        if !self.desired || self.in_flight() {
            return NOTHING;
        }
        self.fresh = false;
        self.desire(true, None, Begin::Write)
    }

    /// What is waiting to be done goes out.
    pub fn order(&mut self, def: &SettingDef) -> (Option<Op>, Effect) {
        let Phase::Wait(op) = self.phase else { return (None, NOTHING) };
        self.enter(Phase::Flight { op, acked: false });
        if op == Op::Write {
            self.attempts = self.attempts.saturating_add(1);
            self.standing = Standing::Sent;
            self.fresh = false;
        }
        (Some(op), Effect { timer: Some(UNCONFIRMED + def.timeout), ..NOTHING })
    }

    /// The broker has the message.
    pub fn broker_acked(&mut self, turn: u16, def: &SettingDef) -> Effect {
        let Phase::Flight { op, acked: false } = self.phase else { return NOTHING };
        if turn != self.turn {
            return NOTHING;
        }
        if op == Op::Write && !def.reports && !def.answers && !self.superseded && self.desired {
            // Nothing more will ever be known.
            return self.settle(self.standing);
        }
        self.phase = Phase::Flight { op, acked: true };
        Effect { timer: Some(def.timeout), ..NOTHING }
    }

    /// The device says which value it has.
    pub fn reported(&mut self, reported: Reported, def: &SettingDef) -> Effect {
        self.fresh = true;
        let equal = reported == Reported::Equal;
        if !self.desired {
            self.standing = Standing::InSync;
            return self.end_flight();
        }
        match self.phase {
            Phase::Flight { .. } if self.superseded => self.end_flight(),
            Phase::Flight { op: Op::Write, .. } if equal && def.reads => {
                self.standing = Standing::Stored;
                self.wait(Op::Verify)
            }
            Phase::Flight { .. } if equal => self.settle(Standing::Effective),
            // It may have crossed the write; the read comes after it.
            Phase::Flight { op: Op::Write, acked } => match acked && def.reads {
                true => self.wait(Op::Verify),
                false => NOTHING,
            },
            Phase::Flight { op: Op::Check, .. } => self.again(def),
            Phase::Flight { op: Op::Verify, .. } => self.over(def),
            Phase::Rest if !equal => match self.standing {
                Standing::Drifted | Standing::Failed | Standing::Unsupported => NOTHING,
                _ => Effect { told: true, ..self.become_drifted() },
            },
            Phase::Rest if matches!(self.standing, Standing::InSync | Standing::Effective) => NOTHING,
            _ if equal => {
                let told = self.attempts > 0;
                self.settle(if told { Standing::Effective } else { Standing::InSync })
            }
            Phase::Wait(_) | Phase::BackOff | Phase::Rest => NOTHING,
        }
    }

    /// A value that the broker had kept is no answer to anything under way.
    pub fn retained(&mut self, reported: Reported, def: &SettingDef) -> Effect {
        match self.phase {
            Phase::Rest => self.reported(reported, def),
            _ => NOTHING,
        }
    }

    /// The device took the write, and does not say which value it has.
    pub fn acknowledged(&mut self, def: &SettingDef) -> Effect {
        let Phase::Flight { op: Op::Write, .. } = self.phase else { return NOTHING };
        if self.superseded || !self.desired {
            return self.end_flight();
        }
        self.standing = Standing::Acked;
        match (def.reads, def.reports) {
            (true, _) => self.wait(Op::Verify),
            (false, true) => NOTHING,
            (false, false) => self.settle(Standing::Acked),
        }
    }

    /// The device, the broker or the codec said no.
    pub fn refused(&mut self, standing: Standing) -> Effect {
        let Phase::Flight { op, .. } = self.phase else { return NOTHING };
        if self.superseded || !self.desired {
            return self.end_flight();
        }
        if op == Op::Check {
            // It cannot be read.
            return self.wait(Op::Write);
        }
        self.standing = standing;
        self.enter(Phase::Rest);
        Effect { told: true, ..READY }
    }

    /// A timer has ended.
    pub fn timeout(&mut self, turn: u16, def: &SettingDef) -> Effect {
        if turn != self.turn {
            return NOTHING;
        }
        match self.phase {
            Phase::BackOff => self.wait(Op::Write),
            Phase::Flight { .. } if self.superseded || !self.desired => self.end_flight(),
            Phase::Flight { acked: false, .. } => self.doubt(def),
            Phase::Flight { op: Op::Write, .. } if def.reads => self.wait(Op::Verify),
            Phase::Flight { op: Op::Check, .. } => self.again(def),
            Phase::Flight { .. } => self.over(def),
            Phase::Rest | Phase::Wait(_) => NOTHING,
        }
    }

    /// The connection or the device went away with something on its way, or it could not be sent.
    pub fn doubt(&mut self, def: &SettingDef) -> Effect {
        let Phase::Flight { op, acked } = self.phase else { return NOTHING };
        if op == Op::Write && !acked {
            self.attempts = self.attempts.saturating_sub(1);
        }
        if self.superseded || !self.desired {
            return self.end_flight();
        }
        if !def.reads && self.spent(def) {
            return self.over(def);
        }
        self.standing = Standing::Pending;
        self.wait(if def.reads { Op::Check } else { Op::Write })
    }

    /// The device can be reached again.
    pub fn returned(&mut self, def: &SettingDef) -> Effect {
        if self.silent && self.standing == Standing::Failed {
            self.silent = false;
            self.attempts = 0;
            self.standing = Standing::Pending;
            return self.wait(if def.reads { Op::Check } else { Op::Write });
        }
        Effect { ready: matches!(self.phase, Phase::Wait(_)), ..NOTHING }
    }

    /// As the store kept it: what was on its way is in doubt, and its try counts.
    pub fn restored(kept: &Kept, def: &SettingDef) -> State {
        let Kept { standing, phase, attempts, desired, silent } = *kept;
        let again = if def.reads { Op::Check } else { Op::Write };
        let (standing, phase) = match phase {
            _ if !desired => (Standing::InSync, Phase::Rest),
            Phase::Flight { .. } | Phase::Wait(Op::Check | Op::Verify) => {
                (Standing::Pending, Phase::Wait(again))
            }
            Phase::Wait(Op::Write) | Phase::BackOff => (Standing::Pending, Phase::Wait(Op::Write)),
            Phase::Rest => (standing, Phase::Rest),
        };
        // What is at rest was last compared with a report.
        let fresh = matches!(standing, Standing::InSync | Standing::Effective | Standing::Drifted);
        State { standing, phase, attempts, desired, fresh, silent, ..State::new() }
    }

    fn spent(&self, def: &SettingDef) -> bool {
        u32::from(self.attempts) > def.retries
    }

    /// After a check that did not find the value: another try, if there is one left.
    fn again(&mut self, def: &SettingDef) -> Effect {
        if self.spent(def) {
            return self.over(def);
        }
        self.standing = Standing::Pending;
        self.wait(Op::Write)
    }

    /// A try did not bring the value about.
    fn over(&mut self, def: &SettingDef) -> Effect {
        if !self.spent(def) {
            self.standing = Standing::Pending;
            self.enter(Phase::BackOff);
            let doublings = u32::from(self.attempts.saturating_sub(1)).min(16);
            return Effect { timer: Some((PAUSE << doublings).min(LONGEST_PAUSE)), ..READY };
        }
        if self.fresh {
            return Effect { ready: true, told: true, ..self.become_drifted() };
        }
        self.standing = Standing::Failed;
        self.silent = true;
        self.enter(Phase::Rest);
        Effect { told: true, why: Some(Why::Silent), ..READY }
    }

    fn become_drifted(&mut self) -> Effect {
        self.standing = Standing::Drifted;
        self.enter(Phase::Rest);
        Effect { why: Some(Why::Kept), ..NOTHING }
    }

    fn settle(&mut self, standing: Standing) -> Effect {
        self.standing = standing;
        self.enter(Phase::Rest);
        Effect { told: true, why: Some(Why::Fine), ..READY }
    }

    /// What was on its way is no longer wanted as it is.
    fn end_flight(&mut self) -> Effect {
        if !self.in_flight() {
            return NOTHING;
        }
        self.superseded = false;
        match self.desired {
            true => self.wait(Op::Write),
            false => {
                self.enter(Phase::Rest);
                READY
            }
        }
    }

    fn wait(&mut self, op: Op) -> Effect {
        self.enter(Phase::Wait(op));
        READY
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.turn = self.turn.wrapping_add(1);
    }
}
