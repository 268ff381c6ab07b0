use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use russh::{ChannelMsg, ChannelReadHalf};
use tokio::io::{AsyncRead, ReadBuf};

/// What a client sends on a channel. Unlike russh's own reader it does not take an empty message for the end.
pub(super) struct ChannelReader {
    channel: ChannelReadHalf,
    /// A message, and how much of it has been read.
    message: Option<(ChannelMsg, usize)>,
}

impl ChannelReader {
    pub(super) fn new(channel: ChannelReadHalf) -> Self {
        ChannelReader { channel, message: None }
    }
}

impl AsyncRead for ChannelReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if let Some((ChannelMsg::Data { data }, read)) = &mut self.message
                && *read < data.len()
            {
                let piece = &data[*read..];
                let piece = &piece[..piece.len().min(buf.remaining())];
                buf.put_slice(piece);
                *read += piece.len();
                return Poll::Ready(Ok(()));
            }
            let message = ready!(pin!(self.channel.wait()).poll(cx));
            match message {
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return Poll::Ready(Ok(())),
                Some(message) => self.message = Some((message, 0)),
            }
        }
    }
}
