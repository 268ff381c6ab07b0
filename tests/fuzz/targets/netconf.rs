//! NETCONF: bytes of a client, into the framing alone and into a whole session.

use std::sync::{Arc, LazyLock};

use fleetbridge::{
    model::Time,
    netconf::{
        capabilities::Capabilities,
        error::{RpcError, Tag},
        framing::{Decoder, Frame, Framing, FramingError},
        message::Operation,
        session::{Action, Limits, Session},
        xml::{Element, Event, Reader},
    },
    stats::Stats,
};

/// Small, so that messages meet it.
const LIMIT: usize = 200;

/// Bytes in one piece and bytes one by one are the same messages and the same error.
pub fn framing(data: &[u8]) {
    for framing in [Framing::EndOfMessage, Framing::Chunked] {
        let (whole, whole_error) = decode(framing, &mut [data].into_iter());
        let (bytes, bytes_error) = decode(framing, &mut data.chunks(1));
        assert_eq!(whole_error, bytes_error);
        assert_eq!(whole.len(), bytes.len());
        for (whole, bytes) in whole.iter().zip(&bytes) {
            match (whole, bytes) {
                (Frame::Message(whole), Frame::Message(bytes)) => {
                    assert!(whole == bytes && whole.len() <= LIMIT);
                }
                // How much is kept of the beginning may differ.
                (Frame::TooBig(whole), Frame::TooBig(bytes)) => {
                    assert!(whole.starts_with(bytes) || bytes.starts_with(whole));
                    assert!(whole.len().max(bytes.len()) <= LIMIT);
                }
                _ => panic!("{whole:?} is not {bytes:?}"),
            }
        }
    }
}

fn decode(framing: Framing, pieces: &mut dyn Iterator<Item = &[u8]>) -> (Vec<Frame>, Option<FramingError>) {
    let mut decoder = Decoder::new(LIMIT);
    decoder.negotiated(framing, LIMIT);
    let mut frames = Vec::new();
    for mut piece in pieces {
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// Whatever a client says, before and after its hello: what it is answered is XML, and nothing is answered twice.
pub fn session(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else { return };
    let limits = Limits { max_rpc: 2000, ..Limits::default() };
    let mut session = Session::new(1, CAPABILITIES.clone(), limits, Arc::default(), STATS.clone(), NOW);
    let greeting = match kind % 3 {
        0 => "",
        1 => {
            "<hello xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><capability>urn:ietf:params:netconf:base:1.0</capability></hello>]]>]]>"
        }
        _ => {
            "<hello xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><capability>urn:ietf:params:netconf:base:1.1</capability></hello>]]>]]>"
        }
    };
    let mut sent = Vec::new();
    for piece in [greeting.as_bytes(), data] {
        session.receive(piece, NOW);
        while let Some(action) = session.poll(NOW) {
            match action {
                Action::Send(bytes) => sent.extend(bytes),
                Action::Run(operation) => answer(&mut session, &operation),
                Action::Close(_) => {}
            }
        }
    }
    check(&sent, kind % 3 == 2);
}

fn answer(session: &mut Session, operation: &Operation) {
    if let Operation::Get { filter: Some(filter), .. } | Operation::GetConfig { filter: Some(filter), .. } =
        operation
        && let Some(left) = filter.apply(&TREE)
    {
        assert!(size(&left) <= size(&TREE));
    }
    match operation {
        Operation::EditConfig { config: input, .. }
        | Operation::Rpc { input, .. }
        | Operation::Action { input } => {
            // A fragment stands on its own.
            let mut reader = input.reader();
            while reader.next().expect("it was read before").is_some() {}
            input.tree().expect("it is small");
            session.reply_ok();
        }
        Operation::Lock { .. } => session.reply_errors(&[RpcError::protocol(Tag::LockDenied, "<&>]]>]]>")]),
        Operation::Get { .. } => {
            session.begin_reply();
            session.reply_chunk(b"<data/>");
            session.end_reply();
        }
        _ => session.reply_ok(),
    }
}

/// Each message is well-formed; the attributes of a request come back, also when they are strange.
fn check(sent: &[u8], is_chunked: bool) {
    let mut decoder = Decoder::new(1 << 20);
    let mut rest = sent;
    let mut count = 0;
    while let Some(frame) = decoder.decode(&mut rest).expect("our own framing") {
        let Frame::Message(message) = frame else { panic!("too big") };
        let mut reader = Reader::new(&message).expect("our own XML");
        let Ok(Some(Event::Start(root))) = reader.next() else { panic!("no element") };
        assert!(root.name.local == if count == 0 { "hello" } else { "rpc-reply" });
        while reader.next().expect("well-formed").is_some() {}
        count += 1;
        if is_chunked {
            decoder.negotiated(Framing::Chunked, 1 << 20);
        }
    }
}

fn size(element: &Element) -> usize {
    1 + element.children.iter().map(size).sum::<usize>()
}

const NOW: Time = Time::from_secs(1_800_000_000);

static STATS: LazyLock<Arc<Stats>> = LazyLock::new(Arc::default);

static CAPABILITIES: LazyLock<Arc<Capabilities>> = LazyLock::new(|| {
    let all = [
        "candidate:1.0",
        "writable-running:1.0",
        "confirmed-commit:1.1",
        "rollback-on-error:1.0",
        "validate:1.1",
        "startup:1.0",
        "notification:1.0",
        "with-defaults:1.0",
    ];
    Arc::new(Capabilities::new(all.map(Capabilities::uri)))
});

static TREE: LazyLock<Element> = LazyLock::new(|| {
    let text = "<fleet xmlns='urn:f'><device><name>a</name><site>x</site></device><device><name>b</name></device></fleet>";
    Element::read(&mut Reader::new(text.as_bytes()).expect("good")).expect("good")
});
