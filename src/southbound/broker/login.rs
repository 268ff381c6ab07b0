//! Who may log in at the broker, and what they may do there.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use parking_lot::RwLock;

use super::users::{User, Users};
use crate::login::{Gate, Verdict};

#[derive(Debug)]
pub(super) struct Logins {
    /// `None`: everybody is welcome.
    users: RwLock<Option<Arc<Users>>>,
    gate: Gate,
}

impl Logins {
    pub(super) fn new(users: Option<Users>) -> Result<Self, String> {
        Ok(Logins { users: RwLock::new(users.map(Arc::new)), gate: Gate::new()? })
    }

    pub(super) fn replace(&self, users: Option<Users>) {
        *self.users.write() = users.map(Arc::new);
        self.gate.forget();
    }

    /// Whether someone who came in may use a topic or topic filter.
    pub(super) fn may(&self, user: Option<&str>, topic_or_filter: &str) -> bool {
        match self.users.read().as_deref() {
            None => true,
            Some(users) => {
                user.and_then(|name| users.find(name)).is_some_and(|user| user.may(topic_or_filter))
            }
        }
    }

    pub(super) async fn check(
        &self,
        user: Option<&str>,
        password: Option<&[u8]>,
        peer: SocketAddr,
        now: Instant,
    ) -> Verdict {
        let Some(users) = self.users.read().clone() else { return Verdict::Welcome };
        let (Some(name), Some(password)) = (user, password) else { return Verdict::Refused };
        let hash = users.find(name).map(User::hash);
        self.gate.check(name, hash, password, peer.ip(), now).await
    }

    /// See [`Gate::may_log`].
    pub(super) fn may_log(&self, now: Instant) -> Option<u64> {
        self.gate.may_log(now)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::login::Hash;

    #[tokio::test]
    async fn users_and_their_topics() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("plug:{}:tele/\n", Hash::of("right").unwrap().as_str())).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let logins = Logins::new(Some(Users::read(file.path()).unwrap())).unwrap();
        let (peer, now): (SocketAddr, _) = ("192.0.2.1:9".parse().unwrap(), Instant::now());
        for (user, password, verdict) in [
            (Some("plug"), Some("right"), Verdict::Welcome),
            (Some("plug"), Some("wrong"), Verdict::Refused),
            (Some("nobody"), Some(""), Verdict::Refused),
            (Some("plug"), None, Verdict::Refused),
            (None, None, Verdict::Refused),
        ] {
            let password = password.map(str::as_bytes);
            assert_eq!(logins.check(user, password, peer, now).await, verdict, "{user:?} {password:?}");
        }
        assert!(logins.may(Some("plug"), "tele/x") && !logins.may(Some("plug"), "stat/x"));
        assert!(!logins.may(None, "tele/x"));
        logins.replace(None);
        assert_eq!(logins.check(None, None, peer, now).await, Verdict::Welcome);
    }
}
