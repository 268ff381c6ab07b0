//! One NETCONF session without I/O: bytes and `now` in, actions out.
//!
//! ```text
//! receive ─▶ framing ─▶ message ─▶ Run ─▶ (handler) ─▶ begin_reply, reply_chunk.., end_reply ─▶ Send
//!                                                      reply_ok, reply_errors
//! ```
//! Requests are answered one after the other, in the order in which they came (RFC 6241 section 4.5); while one runs,
//! what is received waits unread. Notifications go out between replies.

use std::{collections::VecDeque, sync::Arc};

use super::{
    capabilities::Capabilities,
    error::{Info, RpcError, Tag},
    framing::{CHUNK, Decoder, Frame, Framing, FramingError},
    message::{Header, Hello, HelloError, Operation, Rpc, hello},
};
use crate::{
    model::Time,
    stats::{Rpcs, Stats},
};

/// Bytes of a client's `<hello>`.
const MAX_HELLO: usize = 1 << 20;

/// No message is read while so many bytes wait to be sent: what is no request is answered at once.
const MAX_OUTPUT: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message. Default: 64 MiB.
    pub max_rpc: usize,
    /// Milliseconds within which the client must say `<hello>`. Default: 30 s.
    pub hello_timeout: u64,
    /// Bytes of notifications that wait for their turn. Default: 1 MiB.
    pub notifications: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_rpc: 64 << 20, hello_timeout: 30_000, notifications: 1 << 20 }
    }
}

/// What the session wants done.
#[derive(Debug)]
pub enum Action {
    Send(Vec<u8>),
    /// To be answered before anything else is run.
    Run(Operation),
    Close(CloseReason),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    #[error("closed by its client")]
    Requested,
    #[error("killed")]
    Killed,
    #[error("its client has gone")]
    Disconnected,
    #[error("its client sends on and does not read")]
    Stalled,
    #[error("its client reads notifications too slowly")]
    Overrun,
    #[error("no <hello> in time")]
    HelloTimeout,
    #[error("bad <hello>: {0}")]
    Hello(#[from] HelloError),
    #[error("bad framing: {0}")]
    Framing(#[from] FramingError),
    #[error("a reply broke off")]
    ReplyBroken,
}

#[derive(Debug)]
pub struct Session {
    id: u32,
    capabilities: Arc<Capabilities>,
    limits: Limits,
    state: State,
    decoder: Decoder,
    /// Of what is sent.
    framing: Framing,
    /// Received, and not looked at from `read` on.
    input: Vec<u8>,
    read: usize,
    /// Framed, and not handed out yet.
    output: Vec<u8>,
    /// Of the reply that is being given, not framed yet; less than [`CHUNK`].
    piece: Vec<u8>,
    /// Each a whole message.
    notifications: VecDeque<Vec<u8>>,
    /// Bytes of them.
    waiting: usize,
    stats: Arc<Stats>,
    rpcs: Arc<Rpcs>,
}

#[derive(Debug)]
enum State {
    Hello {
        deadline: Time,
    },
    Idle,
    Running {
        header: Header,
        /// Until it has been handed out.
        operation: Option<Operation>,
        /// Whether the reply has begun.
        replying: bool,
        /// It is a close-session.
        last: bool,
    },
    /// With the reason until it has been told.
    Closed(Option<CloseReason>),
}

impl Session {
    /// The first that it sends is the server's `<hello>`. `rpcs` counts for this session, `stats` for all.
    pub fn new(
        id: u32,
        capabilities: Arc<Capabilities>,
        limits: Limits,
        rpcs: Arc<Rpcs>,
        stats: Arc<Stats>,
        now: Time,
    ) -> Session {
        let mut output = hello(id, &capabilities).into_bytes();
        Framing::EndOfMessage.end(&mut output);
        stats.netconf.in_sessions.inc();
        Session {
            id,
            capabilities,
            limits,
            state: State::Hello { deadline: now.plus_millis(limits.hello_timeout) },
            decoder: Decoder::new(MAX_HELLO),
            framing: Framing::EndOfMessage,
            input: Vec::new(),
            read: 0,
            output,
            piece: Vec::new(),
            notifications: VecDeque::new(),
            waiting: 0,
            stats,
            rpcs,
        }
    }

    pub fn id(&self) -> u32 {
        self.id
    }

    /// Bytes that wait for the request before them to be answered. The owner bounds them: it does not read on.
    pub fn unread(&self) -> usize {
        self.input.len() - self.read
    }

    /// Takes bytes from the client.
    pub fn receive(&mut self, bytes: &[u8], now: Time) {
        if self.is_closed() {
            return;
        }
        let mut rest = bytes;
        if self.unread() == 0 {
            self.advance(&mut rest, now);
        }
        if !rest.is_empty() {
            self.input.drain(..self.read);
            self.read = 0;
            self.input.extend_from_slice(rest);
        }
    }

    /// What is to be done next; `None`: nothing until something is received, replied or due.
    pub fn poll(&mut self, now: Time) -> Option<Action> {
        if self.poll_timeout().is_some_and(|deadline| now >= deadline) {
            self.close(CloseReason::HelloTimeout);
        }
        if self.unread() > 0 {
            let input = std::mem::take(&mut self.input);
            let mut rest = &input[self.read..];
            self.advance(&mut rest, now);
            if rest.is_empty() {
                self.read = 0;
            } else {
                self.read = input.len() - rest.len();
                self.input = input;
            }
        }
        if self.output.is_empty()
            && !self.is_replying()
            && let Some(notification) = self.notifications.pop_front()
        {
            self.waiting -= notification.len();
            self.frame(&notification);
            self.framing.end(&mut self.output);
        }
        if !self.output.is_empty() {
            return Some(Action::Send(std::mem::take(&mut self.output)));
        }
        match &mut self.state {
            State::Running { operation, .. } => operation.take().map(Action::Run),
            State::Closed(reason) => reason.take().map(Action::Close),
            State::Hello { .. } | State::Idle => None,
        }
    }

    /// Only what is to be sent of a reply that is being given.
    pub fn poll_reply(&mut self) -> Option<Action> {
        let some = self.is_replying() && !self.output.is_empty();
        some.then(|| Action::Send(std::mem::take(&mut self.output)))
    }

    /// When to poll at the latest.
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.state {
            State::Hello { deadline } => Some(deadline),
            _ => None,
        }
    }

    /// The prefix of the base namespace within the reply: empty, or with its colon.
    pub fn prefix(&self) -> &str {
        match &self.state {
            State::Running { header, .. } => header.prefix(),
            _ => "",
        }
    }

    /// Begins the answer to the request that was handed out last; what is in it comes in pieces of any size.
    pub fn begin_reply(&mut self) {
        if let State::Running { header, replying, .. } = &mut self.state {
            *replying = true;
            let start = header.start();
            self.reply_chunk(start.as_bytes());
        }
    }

    /// Markup that declares all namespaces that it uses.
    pub fn reply_chunk(&mut self, mut bytes: &[u8]) {
        if !self.is_replying() {
            return;
        }
        while self.piece.len() + bytes.len() >= CHUNK {
            let (now, later) = bytes.split_at(CHUNK - self.piece.len());
            self.piece.extend_from_slice(now);
            self.framing.frame(&self.piece, &mut self.output);
            self.piece.clear();
            bytes = later;
        }
        self.piece.extend_from_slice(bytes);
    }

    pub fn end_reply(&mut self) {
        let State::Running { header, replying: true, last, .. } = &self.state else { return };
        let (end, last) = (header.end(), *last);
        self.reply_chunk(end.as_bytes());
        self.framing.frame(&self.piece, &mut self.output);
        // A session may be idle for days: nothing is kept for the next reply.
        self.piece = Vec::new();
        self.framing.end(&mut self.output);
        self.state = State::Idle;
        if last {
            self.close(CloseReason::Requested);
        }
    }

    pub fn reply_ok(&mut self) {
        let ok = format!("<{}ok/>", self.prefix());
        self.begin_reply();
        self.reply_chunk(ok.as_bytes());
        self.end_reply();
    }

    /// Also breaks off a reply that has begun: the client cannot tell one that is cut short from a whole one, so the
    /// session ends.
    pub fn reply_errors(&mut self, errors: &[RpcError]) {
        if self.is_replying() {
            self.close(CloseReason::ReplyBroken);
            return;
        }
        let State::Running { header, last, .. } = &mut self.state else { return };
        // The session goes on if it could not be closed.
        *last = false;
        let mut out = String::new();
        for error in errors {
            // Not for peers that know :base:1.0 only (RFC 6241 appendix A).
            if error.tag == Tag::MalformedMessage && self.framing == Framing::EndOfMessage {
                let error = RpcError { tag: Tag::OperationFailed, ..error.clone() };
                error.write(header.prefix(), &mut out);
            } else {
                error.write(header.prefix(), &mut out);
            }
        }
        self.count(|rpcs| rpcs.out_rpc_errors.inc());
        self.begin_reply();
        self.reply_chunk(out.as_bytes());
        self.end_reply();
    }

    /// Queues a whole `<notification>`. False if there is no room, or nobody to send it to.
    pub fn notify(&mut self, notification: Vec<u8>) -> bool {
        let open = matches!(self.state, State::Idle | State::Running { .. });
        if !open || self.waiting + notification.len() > self.limits.notifications {
            return false;
        }
        self.count(|rpcs| rpcs.out_notifications.inc());
        self.waiting += notification.len();
        self.notifications.push_back(notification);
        true
    }

    /// Ends the session; what is framed already is still sent if somebody wants it. Only the first reason counts.
    pub fn close(&mut self, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        match reason {
            CloseReason::Requested | CloseReason::Killed => {}
            CloseReason::Hello(_) => self.stats.netconf.in_bad_hellos.inc(),
            _ => self.stats.netconf.dropped_sessions.inc(),
        }
        let unwanted = matches!(
            reason,
            CloseReason::Killed
                | CloseReason::Disconnected
                | CloseReason::Stalled
                | CloseReason::Overrun
                | CloseReason::ReplyBroken
        );
        if unwanted {
            self.output = Vec::new();
        }
        self.state = State::Closed(Some(reason));
        self.piece = Vec::new();
        self.input = Vec::new();
        self.read = 0;
        self.notifications.clear();
        self.waiting = 0;
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    fn is_replying(&self) -> bool {
        matches!(self.state, State::Running { replying: true, .. })
    }

    /// Reads messages until one is to be run.
    fn advance(&mut self, input: &mut &[u8], now: Time) {
        while !input.is_empty() && self.output.len() < MAX_OUTPUT {
            if !matches!(self.state, State::Hello { .. } | State::Idle) {
                return;
            }
            match self.decoder.decode(input) {
                Ok(Some(frame)) => self.handle(frame, now),
                Ok(None) => {}
                Err(error) => self.close(error.into()),
            }
        }
    }

    fn handle(&mut self, frame: Frame, now: Time) {
        if let State::Hello { .. } = self.state {
            let hello = match frame {
                Frame::Message(message) => Hello::parse(&message),
                Frame::TooBig(_) => Err(HelloError::NotHello),
            };
            return match hello {
                Ok(Hello { framing }) => {
                    self.framing = framing;
                    self.decoder.negotiated(framing, self.limits.max_rpc);
                    self.state = State::Idle;
                }
                Err(error) => self.close(error.into()),
            };
        }
        let Rpc { header, operation } = match frame {
            Frame::Message(message) => Rpc::parse(&message, &self.capabilities),
            Frame::TooBig(head) => Rpc {
                header: Header::of_beginning(&head),
                operation: Err(RpcError::rpc(
                    Tag::TooBig,
                    format!("a message of more than {} bytes", self.limits.max_rpc),
                )),
            },
        };
        let operation = operation.and_then(|operation| self.check(operation, now));
        let run = |operation: Option<Operation>| {
            let last = matches!(operation, Some(Operation::CloseSession));
            self.state = State::Running { header, operation, replying: false, last };
        };
        match operation {
            Ok(operation) => {
                run(Some(operation));
                self.count(|rpcs| rpcs.in_rpcs.inc());
            }
            Err(error) => {
                run(None);
                self.count(|rpcs| rpcs.in_bad_rpcs.inc());
                self.reply_errors(&[error]);
            }
        }
    }

    /// What only the session knows to be wrong.
    fn check(&self, operation: Operation, now: Time) -> Result<Operation, RpcError> {
        match operation {
            Operation::KillSession { session_id } if session_id == self.id => {
                Err(RpcError::protocol(Tag::InvalidValue, "a session cannot kill itself: use close-session"))
            }
            Operation::CreateSubscription { start_time: Some(start), .. } if start > now => {
                Err(RpcError::protocol(Tag::BadElement, "startTime is in the future")
                    .with(Info::BadElement("startTime".to_owned())))
            }
            operation => Ok(operation),
        }
    }

    fn count(&self, count: impl Fn(&Rpcs)) {
        count(&self.rpcs);
        count(&self.stats.netconf.rpcs);
    }

    fn frame(&mut self, message: &[u8]) {
        for piece in message.chunks(CHUNK) {
            self.framing.frame(piece, &mut self.output);
        }
    }
}
