//! A client and a session, simulated: no socket, no clock, any pieces.

mod netconf_support;

use std::sync::Arc;

use fleetbridge::{
    model::Time,
    netconf::{
        capabilities::Capabilities,
        error::{RpcError, Tag},
        framing::FramingError,
        message::{HelloError, Operation},
        session::{Action, CloseReason, Limits, Session},
    },
    stats::{Rpcs, Stats},
};
use netconf_support::*;
use proptest::prelude::*;

const NOW: Time = Time::from_secs(1_800_000_000);
const LIMITS: Limits = Limits { max_rpc: 100_000, hello_timeout: 30_000, notifications: 1000 };

/// The server's half, with a handler that answers at once.
struct Server {
    session: Session,
    stats: Arc<Stats>,
    rpcs: Arc<Rpcs>,
    sent: Vec<u8>,
    closed: Option<CloseReason>,
    /// What the reply to a `<get>` is made of.
    pieces: Vec<String>,
}

impl Server {
    fn new() -> Self {
        let capabilities =
            ["candidate:1.0", "writable-running:1.0", "notification:1.0"].map(Capabilities::uri);
        let (stats, rpcs) = (Arc::<Stats>::default(), Arc::default());
        let capabilities = Arc::new(Capabilities::new(capabilities));
        let session = Session::new(7, capabilities, LIMITS, Arc::clone(&rpcs), stats.clone(), NOW);
        Server { session, stats, rpcs, sent: Vec::new(), closed: None, pieces: vec!["<data/>".to_owned()] }
    }

    /// After the exchange of hellos; what the server said is taken off.
    fn greeted(versions: &[&str]) -> Self {
        let mut server = Server::new();
        server.receive(&hello(versions));
        let hello = take(&mut server.sent, false).unwrap();
        assert!(hello.contains("<session-id>7</session-id>") && hello.contains(":base:1.1</capability>"));
        server
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.session.receive(bytes, NOW);
        self.run(NOW);
    }

    fn run(&mut self, now: Time) {
        while let Some(action) = self.session.poll(now) {
            match action {
                Action::Send(bytes) => self.sent.extend(bytes),
                Action::Run(operation) => self.answer(&operation),
                Action::Close(reason) => self.closed = Some(reason),
            }
        }
    }

    fn answer(&mut self, operation: &Operation) {
        match operation {
            Operation::Get { .. } => {
                self.session.begin_reply();
                for piece in self.pieces.clone() {
                    self.session.reply_chunk(piece.as_bytes());
                    while let Some(Action::Send(bytes)) = self.session.poll_reply() {
                        self.sent.extend(bytes);
                    }
                }
                self.session.end_reply();
            }
            Operation::Lock { .. } => {
                self.session.reply_errors(&[RpcError::protocol(Tag::LockDenied, "no")]);
            }
            _ => self.session.reply_ok(),
        }
    }

    fn replies(&mut self, is_chunked: bool) -> Vec<String> {
        let replies = std::iter::from_fn(|| take(&mut self.sent, is_chunked)).collect();
        assert!(self.sent.is_empty(), "half a message: {:?}", String::from_utf8_lossy(&self.sent));
        replies
    }
}

const DENIED: &str = "<rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag>\
     <error-severity>error</error-severity><error-message xml:lang=\"en\">no</error-message></rpc-error>";

/// Requests and what must be answered, whatever the framing and the pieces.
fn script() -> Vec<(String, String)> {
    vec![
        (rpc(1, "<get/>"), reply(1, "<data/>")),
        (rpc(2, "<lock><target><running/></target></lock>"), reply(2, DENIED)),
        (rpc(3, "<discard-changes/>"), reply(3, "<ok/>")),
        (rpc(4, "<get><filter><a xmlns='urn:\u{e4}\u{1F980}'/></filter></get>"), reply(4, "<data/>")),
        (rpc(5, "<close-session/>"), reply(5, "<ok/>")),
        // Too late.
        (rpc(6, "<get/>"), String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn pieces_make_no_difference(
        is_chunked: bool,
        chunks in prop::collection::vec(1usize..50, 0..10),
        pieces in prop::collection::vec(1usize..200, 1..20),
    ) {
        let versions: &[&str] = if is_chunked { &["1.0", "1.1"] } else { &["1.0"] };
        let mut bytes = hello(versions);
        for (request, _) in script() {
            bytes.extend(if is_chunked { chunked(&request, &chunks) } else { end_of_message(&request) });
        }
        let mut server = Server::new();
        let mut rest = &bytes[..];
        for size in pieces.iter().copied().cycle() {
            let (piece, later) = rest.split_at(size.min(rest.len()));
            server.receive(piece);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        take(&mut server.sent, false).unwrap();
        let expected: Vec<_> = script().into_iter().map(|(_, reply)| reply).take(5).collect();
        prop_assert_eq!(server.replies(is_chunked), expected);
        prop_assert_eq!(server.closed, Some(CloseReason::Requested));
        prop_assert_eq!((server.rpcs.in_rpcs.value(), server.rpcs.out_rpc_errors.value()), (5, 1));
        prop_assert_eq!(server.stats.netconf.dropped_sessions.value(), 0);
    }

    /// Long replies come in chunks that fit packets, whatever the pieces in which they were given.
    #[test]
    fn long_replies(is_chunked: bool, pieces in prop::collection::vec(0usize..70_000, 0..6)) {
        let mut server = Server::greeted(if is_chunked { &["1.1"] } else { &["1.0"] });
        server.pieces = pieces.iter().map(|size| "x".repeat(*size)).collect();
        let request = rpc(1, "<get/>");
        server.receive(&if is_chunked { chunked(&request, &[]) } else { end_of_message(&request) });
        prop_assert_eq!(server.replies(is_chunked), [reply(1, &server.pieces.concat())]);
    }

    /// Whatever comes, nothing panics, and all that is sent are whole messages.
    #[test]
    fn damage_is_survived(
        is_chunked: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..3), 1..6),
    ) {
        let mut bytes = hello(if is_chunked { &["1.1"] } else { &["1.0"] });
        let greeting = bytes.len();
        for (request, _) in script() {
            bytes.extend(if is_chunked { chunked(&request, &[30]) } else { end_of_message(&request) });
        }
        for (at, byte, kind) in changes {
            let at = greeting + at.index(bytes.len() - greeting);
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.drain(at..(at + 1 + usize::from(byte)).min(bytes.len()))),
            }
            if at >= bytes.len() {
                break;
            }
        }
        let mut server = Server::new();
        server.receive(&bytes);
        take(&mut server.sent, false).unwrap();
        for reply in server.replies(is_chunked) {
            prop_assert!(reply.starts_with('<') && reply.ends_with("rpc-reply>"), "{}", reply);
        }
    }
}

/// RFC 6241 section 8.1.
#[test]
fn bad_hellos_end_the_session() {
    let ends = |bytes: &[u8]| {
        let mut server = Server::new();
        server.receive(bytes);
        take(&mut server.sent, false).unwrap();
        assert!(server.sent.is_empty() && server.session.poll(NOW).is_none());
        (server.closed.expect("closed"), server.stats.netconf.in_bad_hellos.value())
    };
    let hello_of = |inner: &str| end_of_message(&format!("<hello xmlns='{NC}'>{inner}</hello>"));
    assert_eq!(ends(&hello(&["2.0"])), (HelloError::Base.into(), 1));
    assert_eq!(ends(&hello_of("<session-id>7</session-id>")), (HelloError::SessionId.into(), 1));
    assert_eq!(ends(&end_of_message(&rpc(1, "<get/>"))), (HelloError::NotHello.into(), 1));
    assert!(matches!(ends(&end_of_message("<hello")).0, CloseReason::Hello(HelloError::Xml(_))));
    assert_eq!(ends(&end_of_message(&"x".repeat(3 << 20))).0, HelloError::NotHello.into());
}

#[test]
fn a_hello_must_come_in_time() {
    let mut server = Server::new();
    assert_eq!(server.session.poll_timeout(), Some(NOW.plus_millis(30_000)));
    server.run(NOW.plus_millis(29_999));
    assert_eq!(server.closed, None);
    server.run(NOW.plus_millis(30_000));
    assert_eq!(server.closed, Some(CloseReason::HelloTimeout));
    assert_eq!(server.stats.netconf.dropped_sessions.value(), 1);
    assert_eq!(Server::greeted(&["1.0"]).session.poll_timeout(), None);
}

/// RFC 6242 section 4.2.
#[test]
fn bad_chunks_end_the_session() {
    for (bytes, error) in [
        ("\n#0010\n", FramingError::Size),
        ("\n#0\n", FramingError::Size),
        ("\n#4294967296\n", FramingError::Size),
        ("\n##\n", FramingError::Empty),
        ("<rpc/>", FramingError::Start),
    ] {
        let mut server = Server::greeted(&["1.0", "1.1"]);
        server.receive(&chunked(&rpc(1, "<get/>"), &[]));
        server.receive(bytes.as_bytes());
        assert_eq!(server.closed, Some(error.into()), "{bytes:?}");
        assert_eq!(server.replies(true), [reply(1, "<data/>")], "what was asked before is answered");
    }
}

/// RFC 6241 section 3 and appendix A; the session goes on.
#[test]
fn malformed_messages_are_answered() {
    let tag = |server: &mut Server, is_chunked| {
        let replies = server.replies(is_chunked);
        assert_eq!(replies.len(), 2, "{replies:?}");
        assert_eq!(replies[1], reply(2, "<data/>"));
        let tag = replies[0].split("<error-tag>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        (tag, replies[0].contains("message-id='1'"))
    };
    let mut server = Server::greeted(&["1.1"]);
    server.receive(&chunked("<rpc", &[]));
    server.receive(&chunked(&rpc(2, "<get/>"), &[]));
    assert_eq!(tag(&mut server, true), ("malformed-message".to_owned(), false));
    assert_eq!(server.rpcs.in_bad_rpcs.value(), 1);

    // That tag is not for peers that know :base:1.0 only.
    let mut server = Server::greeted(&["1.0"]);
    server.receive(&end_of_message(&rpc(1, "<get>")));
    server.receive(&end_of_message(&rpc(2, "<get/>")));
    assert_eq!(tag(&mut server, false), ("operation-failed".to_owned(), true));

    let mut server = Server::greeted(&["1.1"]);
    server.receive(&chunked(&rpc(1, &format!("<!--{}-->", "x".repeat(LIMITS.max_rpc))), &[50, 1000]));
    server.receive(&chunked(&rpc(2, "<get/>"), &[]));
    assert_eq!(tag(&mut server, true), ("too-big".to_owned(), true));
}

#[test]
fn what_only_the_session_knows() {
    let mut server = Server::greeted(&["1.1"]);
    for (request, tag) in [
        ("<kill-session><session-id>7</session-id></kill-session>", "invalid-value"),
        (
            "<create-subscription xmlns='urn:ietf:params:xml:ns:netconf:notification:1.0'>\
             <startTime>2100-01-01T00:00:00Z</startTime></create-subscription>",
            "bad-element",
        ),
    ] {
        server.receive(&chunked(&rpc(1, request), &[]));
        assert!(server.replies(true)[0].contains(&format!("<error-tag>{tag}</error-tag>")));
    }
    server.receive(&chunked(&rpc(1, "<kill-session><session-id>8</session-id></kill-session>"), &[]));
    assert_eq!(server.replies(true), [reply(1, "<ok/>")]);
}

/// RFC 5277: between replies, never within.
#[test]
fn notifications_wait_for_the_reply_and_are_bounded() {
    let mut server = Server::new();
    assert!(!server.session.notify(b"<n/>".to_vec()), "before hello");
    server.receive(&hello(&["1.1"]));
    take(&mut server.sent, false).unwrap();

    server.session.receive(&chunked(&rpc(1, "<get/>"), &[]), NOW);
    assert!(matches!(server.session.poll(NOW), Some(Action::Run(Operation::Get { .. }))));
    server.session.begin_reply();
    assert!(server.session.notify(b"<n>1</n>".to_vec()) && server.session.notify(b"<n>2</n>".to_vec()));
    server.session.reply_chunk(b"<data/>");
    server.run(NOW);
    assert!(server.sent.is_empty());
    server.session.end_reply();
    server.run(NOW);
    assert_eq!(server.replies(true), [&*reply(1, "<data/>"), "<n>1</n>", "<n>2</n>"]);

    let accepted = (0..200).take_while(|_| server.session.notify(b"<notif/>".to_vec())).count();
    assert_eq!(accepted, 1000 / 8);
    server.run(NOW);
    assert_eq!(server.replies(true).len(), accepted);
    assert_eq!(server.rpcs.out_notifications.value(), 2 + accepted as u64);
}

#[test]
fn requests_wait_for_the_one_that_runs() {
    let mut server = Server::greeted(&["1.1"]);
    let mut bytes = chunked(&rpc(1, "<get/>"), &[]);
    bytes.extend(chunked(&rpc(2, "<discard-changes/>"), &[]));
    server.session.receive(&bytes, NOW);
    assert!(matches!(server.session.poll(NOW), Some(Action::Run(Operation::Get { .. }))));
    assert!(server.session.poll(NOW).is_none() && server.session.unread() > 0);
    server.session.receive(&chunked(&rpc(3, "<get/>"), &[]), NOW);
    server.session.reply_ok();
    server.run(NOW);
    assert_eq!(server.replies(true), [reply(1, "<ok/>"), reply(2, "<ok/>"), reply(3, "<data/>")]);
}

#[test]
fn a_reply_that_breaks_off_ends_the_session() {
    let mut server = Server::greeted(&["1.1"]);
    server.session.receive(&chunked(&rpc(1, "<get/>"), &[]), NOW);
    assert!(matches!(server.session.poll(NOW), Some(Action::Run(_))));
    server.session.begin_reply();
    server.session.reply_errors(&[RpcError::application(Tag::OperationFailed, "store")]);
    server.run(NOW);
    assert_eq!(server.closed, Some(CloseReason::ReplyBroken));
    assert!(server.sent.is_empty());
    // Nothing that comes later has an effect.
    server.session.end_reply();
    server.receive(&chunked(&rpc(2, "<get/>"), &[]));
    assert!(server.sent.is_empty());
}

#[test]
fn a_close_session_that_is_refused_leaves_it_open() {
    let mut server = Server::greeted(&["1.1"]);
    server.session.receive(&chunked(&rpc(1, "<close-session/>"), &[]), NOW);
    assert!(matches!(server.session.poll(NOW), Some(Action::Run(Operation::CloseSession))));
    server.session.reply_errors(&[RpcError::protocol(Tag::AccessDenied, "no")]);
    server.receive(&chunked(&rpc(2, "<get/>"), &[]));
    assert_eq!(server.replies(true)[1], reply(2, "<data/>"));
    assert_eq!(server.closed, None);
}
