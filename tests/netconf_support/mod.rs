//! The client's half of a session, written without the server's code: its own framing and no parser.

#![allow(dead_code, reason = "each test binary uses its part")]

pub const NC: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";

/// A client's `<hello>` with these versions of :base, framed.
pub fn hello(versions: &[&str]) -> Vec<u8> {
    let capabilities: String = versions
        .iter()
        .map(|version| format!("<capability>urn:ietf:params:netconf:base:{version}</capability>"))
        .collect();
    format!("<hello xmlns='{NC}'><capabilities>{capabilities}</capabilities></hello>]]>]]>").into_bytes()
}

pub fn rpc(id: u32, operation: &str) -> String {
    format!("<rpc xmlns='{NC}' message-id='{id}'>{operation}</rpc>")
}

/// The start tag of the reply to [`rpc`].
pub fn reply(id: u32, content: &str) -> String {
    format!("<rpc-reply xmlns='{NC}' message-id='{id}'>{content}</rpc-reply>")
}

pub fn end_of_message(message: &str) -> Vec<u8> {
    format!("{message}]]>]]>").into_bytes()
}

/// In chunks of these sizes, the last of what is left.
pub fn chunked(message: &str, sizes: &[usize]) -> Vec<u8> {
    let (mut rest, mut out) = (message.as_bytes(), Vec::new());
    let mut sizes = sizes.iter().copied();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        out.extend_from_slice(format!("\n#{size}\n").as_bytes());
        out.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
    }
    out.extend_from_slice(b"\n##\n");
    out
}

/// Takes the first whole message off; the sizes of its chunks must fit packets of SSH.
pub fn take(received: &mut Vec<u8>, is_chunked: bool) -> Option<String> {
    if !is_chunked {
        let text = String::from_utf8(received.clone()).unwrap();
        let (message, rest) = text.split_once("]]>]]>")?;
        *received = rest.as_bytes().to_vec();
        return Some(message.to_owned());
    }
    let (mut at, mut message) = (0, Vec::new());
    loop {
        let head = received.get(at..)?.strip_prefix(b"\n#")?;
        let line = head.iter().position(|byte| *byte == b'\n')?;
        let size = std::str::from_utf8(&head[..line]).unwrap();
        at += 3 + line;
        if size == "#" {
            received.drain(..at);
            return Some(String::from_utf8(message).unwrap());
        }
        let size: usize = size.parse().unwrap();
        assert!((1..=32_768).contains(&size));
        message.extend_from_slice(received.get(at..at + size)?);
        at += size;
    }
}
