use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use russh::{
    Channel, ChannelId, Error, Pty,
    keys::PublicKey,
    server::{
        Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, Session as Ssh, VerifiedPublicKey,
        run_stream,
    },
};
use tokio::{net::TcpStream, sync::Notify};

use super::{GOODBYE, Shared, User, channel::ChannelReader, socket::Socket, strangers::Stranger};
use crate::{
    clock,
    login::{Role, Verdict},
    netconf::{
        conversation::Conversation,
        session::{CloseReason, Session},
    },
};

const SUBSYSTEM: &str = "netconf";

/// An identity of ietf-netconf-monitoring.
const TRANSPORT: &str = "netconf-ssh";

/// Channels of one connection.
const CHANNELS: usize = 16;

/// How long a connection may live on without a session once it had one.
const LINGER: Duration = Duration::from_secs(5);

/// How long the end of a channel may take to be told.
const FAREWELL: Duration = Duration::from_secs(2);

const NO_SHELL: &str = "This is a NETCONF server without a shell or commands.\r\n\
    Use its subsystem: ssh -s -p PORT USER@HOST netconf\r\n";
const TOO_MANY: &str = "There are too many NETCONF sessions: try again later.\r\n";

/// Runs one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    stranger: Stranger,
) -> Result<(), Error> {
    let socket = Socket::new(stream)?;
    let opened = Arc::new(Opened::default());
    let connection = Connection {
        shared: shared.clone(),
        peer,
        user: None,
        refused: None,
        stranger: Some(stranger),
        channels: HashMap::new(),
        opened: opened.clone(),
    };
    let begun = tokio::time::Instant::now();
    let mut stopping = shared.stopping.subscribe();
    let options = shared.admission.read().russh.clone();
    let start = run_stream(options, socket.clone(), connection);
    let Ok(running) = tokio::time::timeout(shared.login_grace, start).await else {
        shared.refused(peer, None, "no SSH version in time");
        return Ok(());
    };
    let mut running = running?;
    let mut deadline = begun + shared.login_grace;
    loop {
        tokio::select! {
            ended = &mut running => return ended,
            () = opened.changed.notified() => deadline = tokio::time::Instant::now() + LINGER,
            () = tokio::time::sleep_until(deadline), if opened.now.load(Ordering::Relaxed) == 0 => {
                if opened.ever.load(Ordering::Relaxed) == 0 {
                    shared.refused(peer, None, "no session in time");
                }
                break;
            }
            _ = stopping.wait_for(|stopping| *stopping) => break,
        }
    }
    // Who had a session is told its end, and hangs up.
    let told = *stopping.borrow() && opened.ever.load(Ordering::Relaxed) > 0;
    if told && let Ok(ended) = tokio::time::timeout(GOODBYE, &mut running).await {
        return ended;
    }
    socket.cut();
    running.await
}

/// Sessions of a connection.
#[derive(Default)]
struct Opened {
    now: AtomicUsize,
    ever: AtomicUsize,
    /// One has begun or ended.
    changed: Notify,
}

struct Connection {
    shared: Arc<Shared>,
    peer: SocketAddr,
    /// Once logged in.
    user: Option<(String, Role)>,
    /// Whose keys did not fit.
    refused: Option<String>,
    /// Given back at log-in.
    stranger: Option<Stranger>,
    /// Open, without a session yet.
    channels: HashMap<ChannelId, Channel<Msg>>,
    opened: Arc<Opened>,
}

impl Connection {
    fn find(&self, name: &str) -> Option<User> {
        self.shared.admission.read().users.iter().find(|user| user.name == name).cloned()
    }

    fn knows(&self, name: &str, key: &PublicKey) -> Option<User> {
        self.find(name).filter(|user| user.keys.iter().any(|known| known.is(key)))
    }

    fn welcome(&mut self, user: &User) -> Auth {
        self.user = Some((user.name.clone(), user.role));
        Auth::Accept
    }

    /// Tells why there is no session, and ends the channel.
    fn turn_away(&mut self, channel: ChannelId, ssh: &mut Ssh, text: &'static str) -> Result<(), Error> {
        self.channels.remove(&channel);
        ssh.channel_success(channel)?;
        ssh.extended_data(channel, 1, text.as_bytes())?;
        ssh.exit_status_request(channel, 1)?;
        ssh.eof(channel)?;
        ssh.close(channel)
    }

    fn begin(&mut self, channel: Channel<Msg>, ssh: &mut Ssh) -> Result<(), Error> {
        let id = channel.id();
        let Some((user, role)) = &self.user else { return ssh.channel_failure(id) };
        let now = clock::now();
        let Some(place) = self.shared.sessions.open(user, *role, self.peer, TRANSPORT, now) else {
            self.shared.refused(self.peer, Some(user), "max-sessions is reached");
            return self.turn_away(id, ssh, TOO_MANY);
        };
        ssh.channel_success(id)?;
        let shared = &self.shared;
        let info = place.info();
        tracing::info!(session = info.id, user = info.user, peer = %info.peer, "NETCONF session");
        let session = Session::new(
            info.id,
            shared.capabilities.clone(),
            shared.limits,
            info.rpcs.clone(),
            shared.stats.clone(),
            now,
        );
        let (reader, writer) = channel.split();
        let (reader, writer) = (ChannelReader::new(reader), writer.make_writer());
        let conversation = Conversation::new(session, place, Box::new(reader), Box::new(writer));
        self.opened.now.fetch_add(1, Ordering::Relaxed);
        self.opened.ever.fetch_add(1, Ordering::Relaxed);
        self.opened.changed.notify_one();
        tokio::spawn(run(shared.clone(), conversation, id, ssh.handle(), self.opened.clone()));
        Ok(())
    }
}

/// Clients try one key after the other: only that none fits is worth a line.
impl Drop for Connection {
    fn drop(&mut self) {
        if self.user.is_none() && self.refused.is_some() {
            self.shared.refused(self.peer, self.refused.as_deref(), "no such user with such a key");
        }
    }
}

/// Runs a session and tells its client the end: exit-status first, or OpenSSH would end with 255.
async fn run(
    shared: Arc<Shared>,
    conversation: Conversation,
    channel: ChannelId,
    ssh: Handle,
    opened: Arc<Opened>,
) {
    let (outcome, session) = (conversation.outcome(), conversation.info().id);
    let counted = Counted(opened);
    (shared.handler)(conversation).await;
    let ended_by_client =
        matches!(outcome.reason(), Some(CloseReason::Requested | CloseReason::Disconnected));
    let status = u32::from(!ended_by_client);
    match outcome.reason() {
        Some(reason) => tracing::info!(session, "NETCONF session ended: {reason}"),
        None => tracing::warn!(session, "NETCONF session left by its handler"),
    }
    let farewell = async {
        let _ = ssh.exit_status_request(channel, status).await;
        let _ = ssh.eof(channel).await;
        let _ = ssh.close(channel).await;
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
    drop(counted);
}

/// One session of a connection, also if its handler panics.
struct Counted(Arc<Opened>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}

impl Handler for Connection {
    type Error = Error;

    async fn auth_publickey_offered(&mut self, name: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Error> {
        if self.knows(name, offer.public_key).is_some() {
            return Ok(Auth::Accept);
        }
        self.refused = Some(name.to_owned());
        Ok(Auth::reject())
    }

    async fn auth_publickey(&mut self, name: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        match self.knows(name, key.public_key) {
            Some(user) => Ok(self.welcome(&user)),
            None => Ok(Auth::reject()),
        }
    }

    async fn auth_password(&mut self, name: &str, password: &str) -> Result<Auth, Error> {
        let user = self.find(name);
        let hash = user.as_ref().and_then(|user| user.password.as_ref());
        let (peer, now) = (self.peer.ip(), Instant::now());
        let verdict = self.shared.gate.check(name, hash, password.as_bytes(), peer, now).await;
        match (verdict, user) {
            (Verdict::Welcome, Some(user)) => return Ok(self.welcome(&user)),
            (Verdict::Later, _) => self.shared.refused(self.peer, Some(name), "too many log-ins"),
            _ => self.shared.refused(self.peer, Some(name), "user or password"),
        }
        self.refused = None;
        // Without the methods russh would take passwords away after the first wrong one.
        let methods = self.shared.admission.read().russh.methods.clone();
        Ok(Auth::Reject { proceed_with_methods: Some(methods), partial_success: false })
    }

    async fn auth_succeeded(&mut self, _: &mut Ssh) -> Result<(), Error> {
        self.stranger = None;
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Ssh,
    ) -> Result<(), Error> {
        let open = self.channels.len() + self.opened.now.load(Ordering::Relaxed);
        if open < CHANNELS {
            self.channels.insert(channel.id(), channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Ssh) -> Result<(), Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    /// Some clients ask for a terminal, and would not go on without.
    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        ssh: &mut Ssh,
    ) -> Result<(), Error> {
        ssh.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, ssh: &mut Ssh) -> Result<(), Error> {
        self.turn_away(channel, ssh, NO_SHELL)
    }

    async fn exec_request(&mut self, channel: ChannelId, _: &[u8], ssh: &mut Ssh) -> Result<(), Error> {
        self.turn_away(channel, ssh, NO_SHELL)
    }

    /// Never waits: russh could not receive meanwhile.
    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        ssh: &mut Ssh,
    ) -> Result<(), Error> {
        match self.channels.remove(&channel) {
            Some(open) if name == SUBSYSTEM => self.begin(open, ssh),
            _ => ssh.channel_failure(channel),
        }
    }
}
