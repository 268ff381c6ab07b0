//! A [`Session`] over a stream of bytes: what a handler of operations sees.

use std::{
    future, io,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    error::{RpcError, Tag},
    message::Operation,
    role,
    session::{Action, CloseReason, Session},
    sessions::{Place, SessionInfo},
};
use crate::{clock, model::Termination};

/// Bytes of a read.
const READ: usize = 8 * 1024;

/// Requests of a client that sends without waiting for replies are read on to this many bytes while a reply is sent: it
/// may have to be told in between that there is room for the reply.
const MAX_UNREAD: usize = 8 << 20;

/// How long a client may take nothing while so much of it is unread.
const STALL: Duration = Duration::from_secs(60);

/// How long a client may take for the last reply.
const CLOSING: Duration = Duration::from_secs(30);

/// How often it is logged that a session may not do something.
const LOGGED: Duration = Duration::from_secs(1);

/// It ends when the client sends nothing more; read once more, when the client has gone.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// The session has ended; [`Conversation::next`] gives no more operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct Ended;

/// A client's requests, one after the other, and the way for the answers.
///
/// ```text
/// while let Some(operation) = conversation.next().await {
///     match operation {
///         Operation::CloseSession => conversation.ok(),
///         Operation::Get { .. } => { conversation.begin(); conversation.write(piece).await?; conversation.end(); }
///         ...
/// ```
/// Every operation is answered once. What is answered is sent by `write` and by the next `next`.
pub struct Conversation {
    session: Session,
    place: Place,
    reader: Reader,
    writer: Writer,
    buffer: Box<[u8]>,
    /// Not sent yet from `sent` on.
    output: Vec<u8>,
    sent: usize,
    /// The client sends nothing more.
    end_of_file: bool,
    outcome: Outcome,
    /// When it was last logged that the user may not do something.
    denied: Option<Instant>,
}

/// Why a session has ended, once it has.
#[derive(Clone, Debug, Default)]
pub struct Outcome(Arc<OnceLock<CloseReason>>);

impl Outcome {
    pub fn reason(&self) -> Option<&CloseReason> {
        self.0.get()
    }
}

impl Conversation {
    pub fn new(session: Session, place: Place, reader: Reader, writer: Writer) -> Self {
        Conversation {
            session,
            place,
            reader,
            writer,
            buffer: vec![0; READ].into(),
            output: Vec::new(),
            sent: 0,
            end_of_file: false,
            outcome: Outcome::default(),
            denied: None,
        }
    }

    pub fn info(&self) -> &SessionInfo {
        self.place.info()
    }

    /// To be asked for the reason of the end, also when the conversation is gone.
    pub fn outcome(&self) -> Outcome {
        self.outcome.clone()
    }

    /// Why the session has ended, as others are told.
    pub fn termination(&self) -> Termination {
        match self.outcome.reason() {
            Some(CloseReason::Requested) => Termination::Closed,
            Some(CloseReason::Killed) => Termination::Killed { by: self.place.killed_by() },
            Some(CloseReason::Disconnected) => Termination::Dropped,
            Some(CloseReason::HelloTimeout) => Termination::Timeout,
            Some(CloseReason::Hello(_)) => Termination::BadHello,
            Some(
                CloseReason::Stalled
                | CloseReason::Overrun
                | CloseReason::Framing(_)
                | CloseReason::ReplyBroken,
            )
            | None => Termination::Other,
        }
    }

    /// The next operation that the user's role permits; `None` at the end of the session. May be dropped while it waits,
    /// and called again.
    pub async fn next(&mut self) -> Option<Operation> {
        loop {
            // An error is the reason that the session gives below.
            let _ = self.flush().await;
            match self.session.poll(clock::now()) {
                Some(Action::Send(output)) => self.output = output,
                Some(Action::Run(operation)) if role::permits(self.info().role, &operation) => {
                    return Some(operation);
                }
                Some(Action::Run(operation)) => {
                    let message =
                        format!("<{}> is not open to role {}", operation.name(), self.info().role.name());
                    self.errors(operation.name(), &[RpcError::protocol(Tag::AccessDenied, message)]);
                }
                Some(Action::Close(reason)) => {
                    let _ = self.outcome.0.set(reason);
                    return None;
                }
                None if self.outcome.reason().is_some() => return None,
                None => self.wait().await,
            }
        }
    }

    /// Waits so long while an operation runs. Notifications go on; what the client asks meanwhile is read on to
    /// [`MAX_UNREAD`] and waits its turn.
    ///
    /// # Errors
    /// The session is to end, or its client has gone: the operation is to be given up (RFC 6241 section 7.9).
    pub async fn pause(&mut self, time: Duration) -> Result<(), Ended> {
        match tokio::time::timeout(time, self.until_its_end()).await {
            Ok(ended) => Err(ended),
            Err(_) => Ok(()),
        }
    }

    /// Answers `<ok/>`.
    pub fn ok(&mut self) {
        self.session.reply_ok();
    }

    /// Answers an operation with errors; within a reply that has begun it ends the session, for nothing else could tell the
    /// client that the reply is not whole.
    pub fn errors(&mut self, operation: &str, errors: &[RpcError]) {
        if let Some(first) = errors.first() {
            self.log(operation, first);
        }
        self.session.reply_errors(errors);
    }

    /// What somebody may not do is for the operator, once a second at most; other errors are between client and server.
    fn log(&mut self, operation: &str, error: &RpcError) {
        let (tag, why) = (error.tag.name(), error.message.as_deref().unwrap_or_default());
        let SessionInfo { id, user, peer, .. } = self.place.info();
        if error.tag == Tag::AccessDenied && self.denied.is_none_or(|at| at.elapsed() >= LOGGED) {
            self.denied = Some(Instant::now());
            tracing::warn!(session = id, user, %peer, "{operation}: {tag}: {why}");
        } else {
            tracing::debug!(session = id, user, %peer, "{operation}: {tag}: {why}");
        }
    }

    pub fn error(&mut self, error: RpcError) {
        self.session.reply_errors(&[error]);
    }

    /// The prefix of the base namespace within the answer: empty, or with its colon.
    pub fn prefix(&self) -> String {
        self.session.prefix().to_owned()
    }

    /// Begins an answer with content, which goes between [`Conversation::write`]s.
    pub fn begin(&mut self) {
        self.session.begin_reply();
    }

    /// Sends a piece of the answer, of any size: markup that declares its namespaces. Waits while the client does not
    /// read.
    ///
    /// # Errors
    /// There is nobody to read it any more.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), Ended> {
        self.session.reply_chunk(piece);
        self.flush().await?;
        // While a reply is given, the session wants nothing but to send.
        while let Some(Action::Send(output)) = self.session.poll_reply() {
            self.output = output;
            self.flush().await?;
        }
        Ok(())
    }

    pub fn end(&mut self) {
        self.session.end_reply();
    }

    /// Queues a whole `<notification>` to be sent by [`Conversation::next`]; false if too many wait already.
    pub fn notify(&mut self, notification: Vec<u8>) -> bool {
        self.session.notify(notification)
    }

    /// Ends the session, for example because its subscription cannot be served any more.
    pub fn close(&mut self, reason: CloseReason) {
        self.session.close(reason);
        self.forget();
    }

    async fn wait(&mut self) {
        if self.end_of_file {
            return self.session.close(CloseReason::Disconnected);
        }
        let due = self.session.poll_timeout();
        let in_time = async {
            match due {
                Some(due) => tokio::time::sleep(Duration::from_millis(due.since(clock::now()))).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            () = self.place.killed() => self.session.close(CloseReason::Killed),
            read = self.reader.read(&mut self.buffer) => self.received(read),
            () = in_time => {}
        }
    }

    async fn until_its_end(&mut self) -> Ended {
        while !self.session.is_closed() && self.flush().await.is_ok() {
            // While an operation runs, there is nothing else than to send.
            if let Some(Action::Send(output)) = self.session.poll(clock::now()) {
                self.output = output;
                continue;
            }
            let room = self.session.unread() < MAX_UNREAD;
            tokio::select! {
                biased;
                () = self.place.killed() => self.close(CloseReason::Killed),
                read = self.reader.read(&mut self.buffer), if room => match read {
                    // A client may send nothing more and wait for its replies; after that end there is one other.
                    Ok(0) | Err(_) if self.end_of_file => self.close(CloseReason::Disconnected),
                    read => self.received(read),
                },
            }
        }
        Ended
    }

    /// Sends what is left of the output.
    async fn flush(&mut self) -> Result<(), Ended> {
        while self.sent < self.output.len() {
            let full = self.session.unread() >= MAX_UNREAD;
            let room = !full && !self.end_of_file;
            let stalled = async {
                match (self.session.is_closed(), full) {
                    (true, _) => tokio::time::sleep(CLOSING).await,
                    (false, true) => tokio::time::sleep(STALL).await,
                    (false, false) => future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.place.killed() => return self.ended(CloseReason::Killed),
                written = self.writer.write(&self.output[self.sent..]) => match written {
                    Ok(0) | Err(_) => return self.ended(CloseReason::Disconnected),
                    Ok(count) => self.sent += count,
                },
                read = self.reader.read(&mut self.buffer), if room => self.received(read),
                () = stalled => return self.ended(CloseReason::Stalled),
            }
        }
        self.forget();
        Ok(())
    }

    /// What is left of the output will not be sent, or has been.
    fn forget(&mut self) {
        self.output = Vec::new();
        self.sent = 0;
    }

    fn ended(&mut self, reason: CloseReason) -> Result<(), Ended> {
        self.close(reason);
        Err(Ended)
    }

    fn received(&mut self, read: io::Result<usize>) {
        match read {
            Ok(0) | Err(_) => self.end_of_file = true,
            Ok(count) => self.session.receive(&self.buffer[..count], clock::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex, split};

    use super::*;
    use crate::{
        login::Role,
        model::Time,
        netconf::{
            capabilities::{BASE, BASE_1_0, Capabilities},
            session::Limits,
            sessions::Sessions,
        },
    };

    /// A conversation and its client, with so much room between them.
    fn pair(room: usize) -> (Conversation, DuplexStream, Arc<Sessions>) {
        let (near, far) = duplex(room);
        let sessions = Sessions::new(1);
        let place =
            sessions.open("a", Role::Read, ([127, 0, 0, 1], 9).into(), "netconf-ssh", Time(1)).unwrap();
        let limits = Limits { notifications: 1000, ..Limits::default() };
        let (rpcs, capabilities) = (place.info().rpcs.clone(), Arc::new(Capabilities::new([])));
        let session = Session::new(1, capabilities, limits, rpcs, Arc::default(), clock::now());
        let (reader, writer) = split(near);
        (Conversation::new(session, place, Box::new(reader), Box::new(writer)), far, sessions)
    }

    fn says(requests: &[&str]) -> String {
        let hello = format!("<hello xmlns='{BASE}'><capability>{BASE_1_0}</capability></hello>]]>]]>");
        let rpcs = requests
            .iter()
            .map(|operation| format!("<rpc xmlns='{BASE}' message-id='1'>{operation}</rpc>]]>]]>"));
        hello + &rpcs.collect::<String>()
    }

    /// Waiting for an operation is given up and begun again all the time; nothing is lost or doubled.
    #[tokio::test]
    async fn waiting_may_be_given_up() {
        let (mut conversation, mut client, _) = pair(16);
        let talk = tokio::spawn(async move {
            let requests = ["<get/>", "<lock/>", "<get/>", "<close-session/>"];
            let (mut reader, mut writer) = split(&mut client);
            let says = says(&requests);
            let (heard, _) = tokio::join!(
                async {
                    let mut heard = String::new();
                    reader.read_to_string(&mut heard).await.map(|_| heard)
                },
                writer.write_all(says.as_bytes())
            );
            heard.unwrap()
        });
        loop {
            let next = tokio::select! {
                biased;
                next = conversation.next() => next,
                () = tokio::task::yield_now() => continue,
            };
            match next {
                Some(Operation::Get { .. }) => {
                    conversation.begin();
                    conversation.write(b"<data/>").await.unwrap();
                    conversation.end();
                }
                Some(_) => conversation.ok(),
                None => break,
            }
        }
        assert_eq!(conversation.outcome().reason(), Some(&CloseReason::Requested));
        drop(conversation);
        let heard = talk.await.unwrap();
        let replies: Vec<_> = heard.split("]]>]]>").skip(1).collect();
        assert_eq!(replies.len(), 5, "{heard}");
        assert_eq!(heard.matches("<data/>").count(), 2);
        assert!(replies[1].contains("missing-element") && replies[3].contains("<ok/>"));
    }

    /// A subscriber that does not read costs what its queue holds, and its session ends at once.
    #[tokio::test]
    async fn who_does_not_read_is_left() {
        let (mut conversation, mut client, sessions) = pair(4096);
        client.write_all(says(&[]).as_bytes()).await.unwrap();
        let mut told = 0;
        loop {
            tokio::select! {
                biased;
                _ = conversation.next() => panic!("nothing was asked"),
                () = tokio::task::yield_now() => {}
            }
            if conversation.notify(vec![b'n'; 100]) {
                told += 1;
            } else if told > 0 {
                break;
            }
        }
        assert!((40..60).contains(&told), "{told}");
        conversation.close(CloseReason::Overrun);
        assert!(conversation.next().await.is_none() && conversation.next().await.is_none());
        assert_eq!(conversation.outcome().reason(), Some(&CloseReason::Overrun));
        drop(conversation);
        assert!(sessions.is_empty());
    }

    /// An operation that takes its time is given up when the session is killed or its client goes, and not before; what
    /// is asked meanwhile waits its turn, and notifications do not.
    #[tokio::test]
    async fn who_pauses_learns_of_the_end() {
        const LONG: Duration = Duration::from_secs(600);
        for killed in [true, false] {
            let (mut conversation, mut client, sessions) = pair(64 * 1024);
            client.write_all(says(&["<get/>", "<lock/>", "<get/>"]).as_bytes()).await.unwrap();
            assert!(matches!(conversation.next().await, Some(Operation::Get { .. })));
            assert!(conversation.notify(b"<notification/>".to_vec()));
            conversation.pause(Duration::from_millis(1)).await.unwrap();
            let mut heard = vec![0; 4096];
            let count = client.read(&mut heard).await.unwrap();
            assert!(heard[..count].ends_with(b"<notification/>]]>]]>"));
            conversation.ok();
            assert!(matches!(conversation.next().await, Some(Operation::Get { .. })), "lock is malformed");
            if killed {
                sessions.kill(1, 7);
            } else {
                drop(client);
            }
            assert_eq!(conversation.pause(LONG).await, Err(Ended));
            assert_eq!(conversation.pause(LONG).await, Err(Ended));
            conversation.ok();
            assert!(conversation.next().await.is_none());
            let reason = if killed { CloseReason::Killed } else { CloseReason::Disconnected };
            assert_eq!(conversation.outcome().reason(), Some(&reason));
        }
    }

    /// What a client sends during an operation is read to a limit.
    #[tokio::test]
    async fn who_pauses_reads_so_far() {
        let (mut conversation, mut client, sessions) = pair(64 * 1024);
        client.write_all(says(&["<get/>"]).as_bytes()).await.unwrap();
        assert!(matches!(conversation.next().await, Some(Operation::Get { .. })));
        let flood = tokio::spawn(async move { while client.write_all(&[b' '; 64 * 1024]).await.is_ok() {} });
        while conversation.session.unread() < MAX_UNREAD {
            conversation.pause(Duration::from_millis(1)).await.unwrap();
        }
        conversation.pause(Duration::from_millis(1)).await.unwrap();
        assert!(conversation.session.unread() <= MAX_UNREAD + READ);
        sessions.kill(1, 7);
        assert_eq!(conversation.pause(Duration::from_secs(600)).await, Err(Ended));
        drop(conversation);
        flood.await.unwrap();
    }

    #[tokio::test]
    async fn a_killed_session_ends_also_while_it_sends() {
        let (mut conversation, mut client, sessions) = pair(1024);
        client.write_all(says(&["<get/>"]).as_bytes()).await.unwrap();
        assert!(matches!(conversation.next().await, Some(Operation::Get { .. })));
        conversation.begin();
        sessions.kill(1, 7);
        assert_eq!(conversation.write(&[b'x'; 100_000]).await, Err(Ended));
        conversation.end();
        assert!(conversation.next().await.is_none());
        assert_eq!(conversation.outcome().reason(), Some(&CloseReason::Killed));
        assert_eq!(conversation.termination(), Termination::Killed { by: Some(7) });
    }
}
