//! Asks a running daemon through its control socket.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use tokio::{net::UnixStream, runtime::Runtime};

use super::view;

#[derive(Debug, Error)]
pub enum ClientError {
    /// Nothing listens at the socket, or it is not there.
    #[error("no fleetbridge daemon answers at {}", .0.display())]
    NoDaemon(PathBuf),
    #[error("cannot open the control socket {}: {error}", path.display())]
    Socket { path: PathBuf, error: io::Error },
    /// The daemon's own words.
    #[error("{}", .0.error)]
    Refused(view::Problem),
    #[error("the daemon's answer broke off: {0}")]
    Answer(String),
    /// Of whom the answer is written to.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// A daemon's control socket. Each request is a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    pub fn new(socket: &Path) -> Self {
        Client { socket: socket.to_owned() }
    }

    /// GET of something small, as JSON.
    ///
    /// # Errors
    /// As [`ClientError`].
    pub fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(Method::GET, path)
    }

    /// POST without a body.
    ///
    /// # Errors
    /// As [`ClientError`].
    pub fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(Method::POST, path)
    }

    /// GET of something long, written to `out` as it comes.
    ///
    /// # Errors
    /// As [`ClientError`].
    pub fn copy(&self, path: &str, out: &mut dyn Write) -> Result<(), ClientError> {
        run(async { copy_to(self.ask(Method::GET, path).await?, out).await })
    }

    /// POST of a JSON body; the answer is written to `out` as it comes.
    ///
    /// # Errors
    /// As [`ClientError`].
    pub fn send(&self, path: &str, body: &impl Serialize, out: &mut dyn Write) -> Result<(), ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Answer(error.to_string()))?;
        run(async { copy_to(self.ask_with(Method::POST, path, body.into()).await?, out).await })
    }

    /// GET of something long, line by line as it comes.
    ///
    /// # Errors
    /// As [`ClientError`]; each line's own in its place, and it is the last.
    pub fn lines(&self, path: &str) -> Result<Lines, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let body = runtime.block_on(self.ask(Method::GET, path))?.into_body();
        Ok(Lines { runtime, body: Some(body), piece: Vec::new(), at: 0 })
    }

    fn json<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, ClientError> {
        run(async {
            let answer = self.ask(method, path).await?;
            serde_json::from_slice(&whole(answer).await?)
                .map_err(|error| ClientError::Answer(error.to_string()))
        })
    }

    async fn ask(&self, method: Method, path: &str) -> Result<Response<Incoming>, ClientError> {
        self.ask_with(method, path, Bytes::new()).await
    }

    async fn ask_with(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let broken = |error: hyper::Error| ClientError::Answer(error.to_string());
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NoDaemon(self.socket.clone())
            }
            _ => ClientError::Socket { path: self.socket.clone(), error },
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "fleetbridge")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|error| ClientError::Answer(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        Err(match serde_json::from_slice(&whole(answer).await?) {
            Ok(problem) => ClientError::Refused(problem),
            Err(_) => ClientError::Answer(status.to_string()),
        })
    }
}

/// The lines of a long answer; holds one piece of it at a time.
pub struct Lines {
    runtime: Runtime,
    /// `None` after its end.
    body: Option<Incoming>,
    piece: Vec<u8>,
    /// What lies before was given.
    at: usize,
}

impl Lines {
    /// Takes the next piece; false at the end.
    fn read(&mut self) -> Result<bool, ClientError> {
        let Some(body) = &mut self.body else { return Ok(false) };
        self.piece.drain(..std::mem::take(&mut self.at));
        match self.runtime.block_on(body.frame()) {
            Some(Ok(frame)) => {
                self.piece.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                Ok(true)
            }
            Some(Err(error)) => Err(ClientError::Answer(error.to_string())),
            None => {
                self.body = None;
                Ok(false)
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<String, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut seen = self.at;
        loop {
            if let Some(end) = self.piece[seen..].iter().position(|c| *c == b'\n') {
                let line = String::from_utf8_lossy(&self.piece[self.at..seen + end]).into_owned();
                self.at = seen + end + 1;
                return Some(Ok(line));
            }
            seen = self.piece.len() - self.at;
            match self.read() {
                Ok(true) => {}
                Ok(false) if self.at == self.piece.len() => return None,
                // Every line of a whole answer has its end.
                Ok(false) => {
                    self.at = self.piece.len();
                    return Some(Err(ClientError::Answer("within a line".to_owned())));
                }
                Err(error) => {
                    self.body = None;
                    self.at = self.piece.len();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// A path with a name in it: all but RFC 3986's unreserved characters as %XX.
pub fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

async fn copy_to(answer: Response<Incoming>, out: &mut dyn Write) -> Result<(), ClientError> {
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ClientError::Answer(error.to_string()))?;
        if let Some(piece) = frame.data_ref() {
            out.write_all(piece)?;
        }
    }
    Ok(out.flush()?)
}

async fn whole(answer: Response<Incoming>) -> Result<Bytes, ClientError> {
    let body = answer.into_body().collect().await.map_err(|error| ClientError::Answer(error.to_string()))?;
    Ok(body.to_bytes())
}

fn run<T>(ask: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(ask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("a-b.c_d~1"), "a-b.c_d~1");
        assert_eq!(escaped("a b/ü?"), "a%20b%2F%C3%BC%3F");
    }

    #[test]
    fn no_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let client = Client::new(&dir.path().join("control.sock"));
        assert!(matches!(client.read::<view::Status>("/v1/status"), Err(ClientError::NoDaemon(_))));
    }
}
