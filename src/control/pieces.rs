//! An answer's body that is written piece by piece by a thread that may wait, and read by the connection.

use std::{
    convert::Infallible,
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc;

const PIECE: usize = 32 * 1024;
/// Pieces that wait for a slow reader.
const WAITING: usize = 4;

pub(super) struct Pieces(mpsc::Receiver<Bytes>);

impl Pieces {
    /// Runs `write` on a thread of its own. An error of its receiver means that the reader has gone: nobody to tell.
    pub fn from(write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static) -> axum::body::Body {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            let mut writer = Writer { sender, piece: Vec::with_capacity(PIECE) };
            if write(&mut writer).and_then(|()| writer.flush()).is_err() {
                tracing::debug!("the reader of a long answer went away");
            }
        });
        axum::body::Body::new(Pieces(receiver))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

struct Writer {
    sender: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.sender.blocking_send(piece.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn long_answers_come_whole() {
        let text: String = (0..20_000).map(|n| format!("{n}\n")).collect();
        let sent = text.clone();
        let body = Pieces::from(move |out| sent.lines().try_for_each(|line| writeln!(out, "{line}")));
        assert_eq!(body.collect().await.unwrap().to_bytes(), text);
    }
}
