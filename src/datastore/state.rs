//! Locks, the candidate and the confirmed commit: what decides who may write now (RFC 6241 7.5, 8.3, 8.4).

use super::{
    error::{Error, Info, Tag},
    overlay::Overlay,
    rows::{Kept, Owner, Pending},
};
use crate::model::{Confirming, Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Running,
    Candidate,
}

impl Target {
    pub fn as_str(self) -> &'static str {
        match self {
            Target::Running => "running",
            Target::Candidate => "candidate",
        }
    }
}

/// Long over.
const AT_ONCE: Time = Time(0);

/// Why a confirmed commit is undone.
#[derive(Clone, Debug)]
pub(super) struct Undo {
    /// For the audit.
    pub cause: &'static str,
    pub step: Confirming,
    /// Who had it undone.
    pub owner: Owner,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The sessions that hold a lock, by `Target`.
    locks: [Option<(u32, Time)>; 2],
    pub candidate: Overlay,
    /// Who edited the candidate, in the order of their first edits.
    pub editors: Vec<String>,
    pub pending: Option<Pending>,
    /// Why it is to be undone when its time comes, if that is not the time-out.
    pub undo: Option<Undo>,
}

impl State {
    /// What a start finds.
    pub fn new(kept: Kept) -> State {
        // A restart before the confirmation restores what was (RFC 6241 8.4.1): it is due at once.
        let pending = kept.pending.map(|pending| Pending { deadline: AT_ONCE, ..pending });
        let restart = || Undo { cause: "restart", step: Confirming::Cancel, owner: Owner::system() };
        let undo = pending.is_some().then(restart);
        State { pending, undo, ..State::default() }
    }

    /// When the confirmed commit is undone, in milliseconds; `u64::MAX` if none waits.
    pub fn deadline(&self) -> u64 {
        self.pending.as_ref().map_or(u64::MAX, |pending| pending.deadline.0)
    }

    /// # Errors
    /// lock-denied, with who is in the way.
    pub fn lock(&mut self, owner: &Owner, target: Target, now: Time) -> Result<(), Error> {
        let denied = |session, message: String| {
            Err(Error::new(Tag::LockDenied, message).info(Info::SessionId(session)))
        };
        if owner.session == 0 {
            return denied(0, "only a NETCONF session holds locks".to_owned());
        }
        if let Some((session, _)) = self.locks[target as usize] {
            return denied(session, format!("session {session} has locked {}", target.as_str()));
        }
        if target == Target::Candidate && !self.candidate.is_empty() {
            return denied(0, format!("candidate has been edited by {}", self.editors.join(", ")));
        }
        if target == Target::Running
            && let Some(pending) = self.pending.as_ref().filter(|pending| pending.session != owner.session)
        {
            return denied(pending.session, "a confirmed commit waits".to_owned());
        }
        self.locks[target as usize] = Some((owner.session, now));
        Ok(())
    }

    /// # Errors
    /// operation-failed: it is not locked, or by somebody else.
    pub fn unlock(&mut self, owner: &Owner, target: Target) -> Result<(), Error> {
        let lock = &mut self.locks[target as usize];
        match *lock {
            Some((session, _)) if session == owner.session => {
                *lock = None;
                Ok(())
            }
            Some((session, _)) => {
                let message = format!("session {session} has locked {}", target.as_str());
                Err(Error::new(Tag::OperationFailed, message).info(Info::SessionId(session)))
            }
            None => Err(Error::new(Tag::OperationFailed, format!("{} is not locked", target.as_str()))),
        }
    }

    /// Who holds the lock, and since when.
    pub fn holder(&self, target: Target) -> Option<(u32, Time)> {
        self.locks[target as usize]
    }

    /// # Errors
    /// in-use: somebody else has locked it.
    pub fn check_lock(&self, owner: &Owner, target: Target) -> Result<(), Error> {
        match self.locks[target as usize] {
            Some((session, _)) if session != owner.session => {
                let message = format!("session {session} has locked {}", target.as_str());
                Err(Error::new(Tag::InUse, message).info(Info::SessionId(session)))
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// in-use: somebody else's confirmed commit waits.
    pub fn check_pending(&self, owner: &Owner) -> Result<(), Error> {
        match &self.pending {
            Some(pending) if owner.session == 0 || pending.session != owner.session => {
                Err(Error::new(Tag::InUse, "a confirmed commit waits for its confirmation")
                    .info(Info::SessionId(pending.session)))
            }
            _ => Ok(()),
        }
    }

    /// Whether the owner may confirm, extend or cancel what is pending (RFC 6241 8.4.5.1).
    ///
    /// # Errors
    /// invalid-value: another token; in-use: another session's.
    pub fn check_persist(&self, owner: &Owner, persist_id: Option<&str>) -> Result<(), Error> {
        let wrong = |message: &str| {
            let info = Info::BadElement("persist-id".to_owned());
            Err(Error::new(Tag::InvalidValue, message).info(info))
        };
        let Some(pending) = &self.pending else {
            return match persist_id {
                Some(_) => wrong("no confirmed commit waits"),
                None => Ok(()),
            };
        };
        match (&pending.persist, persist_id) {
            (Some(token), Some(given)) if token == given => Ok(()),
            (_, Some(_)) => wrong("not the token of the confirmed commit"),
            (None, None) => self.check_pending(owner),
            (Some(_), None) => Err(Error::new(Tag::InUse, "a confirmed commit waits; give its persist-id")
                .info(Info::SessionId(pending.session))),
        }
    }

    /// Lets go of a session's locks; true if the candidate was locked by it.
    pub fn forget(&mut self, session: u32) -> bool {
        let mut candidate = false;
        for (at, lock) in self.locks.iter_mut().enumerate() {
            if lock.is_some_and(|(holder, _)| holder == session) {
                *lock = None;
                candidate |= at == Target::Candidate as usize;
            }
        }
        candidate
    }

    pub fn note_editor(&mut self, owner: &Owner) {
        const MOST: usize = 16;
        if self.editors.len() < MOST && !self.editors.contains(&owner.user) {
            self.editors.push(owner.user.clone());
        }
    }

    pub fn discard(&mut self) {
        self.candidate = Overlay::default();
        self.editors.clear();
    }
}
