//! A NETCONF client over SSH: russh's, which logs in by an ed25519 key.

use std::{
    io::{self, Error},
    net::SocketAddr,
    sync::Arc,
};

use russh::{
    Channel, ChannelMsg,
    client::{self, Config, Handle, Handler, Msg},
    keys::{PrivateKey, PrivateKeyWithHashAlg, ssh_key},
};

pub const NC: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";
const END_OF_HELLO: &[u8] = b"]]>]]>";
const END_OF_CHUNKS: &[u8] = b"\n##\n";

/// Where to, and with which key.
#[derive(Clone)]
pub struct Login {
    server: SocketAddr,
    key: Arc<PrivateKey>,
    config: Arc<Config>,
}

/// A session after both hellos, with chunked framing (RFC 6242 section 4.2).
pub struct Client {
    /// The connection lives as long as its handle.
    _connection: Handle<Anyone>,
    channel: Channel<Msg>,
    received: Vec<u8>,
}

/// The server is our own child.
struct Anyone;

impl Handler for Anyone {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

impl Login {
    /// `key` as OpenSSH writes private keys.
    pub fn new(server: SocketAddr, key: &str) -> Result<Self, ssh_key::Error> {
        let config = Config { nodelay: true, ..Config::default() };
        Ok(Login { server, key: Arc::new(PrivateKey::from_openssh(key)?), config: Arc::new(config) })
    }

    pub async fn connect(&self) -> io::Result<Client> {
        self.open().await.map_err(Error::other)?.greet().await
    }

    async fn open(&self) -> Result<Client, russh::Error> {
        let mut connection = client::connect(self.config.clone(), self.server, Anyone).await?;
        let key = PrivateKeyWithHashAlg::new(self.key.clone(), None);
        if !connection.authenticate_publickey("bench", key).await?.success() {
            return Err(russh::Error::NotAuthenticated);
        }
        let channel = connection.channel_open_session().await?;
        channel.request_subsystem(false, "netconf").await?;
        Ok(Client { _connection: connection, channel, received: Vec::new() })
    }
}

impl Client {
    async fn greet(mut self) -> io::Result<Self> {
        let base = "urn:ietf:params:netconf:base:1";
        let hello = format!(
            "<hello xmlns=\"{NC}\"><capabilities><capability>{base}.0</capability>\
             <capability>{base}.1</capability></capabilities></hello>]]>]]>"
        );
        self.send(hello).await?;
        self.receive(END_OF_HELLO, usize::MAX).await?;
        Ok(self)
    }

    /// The reply to an operation, in its chunks.
    pub async fn ask(&mut self, operation: &str) -> io::Result<&str> {
        self.request(operation).await?;
        self.receive(END_OF_CHUNKS, usize::MAX).await?;
        std::str::from_utf8(&self.received).map_err(Error::other)
    }

    /// An operation that is answered with `<ok/>`.
    pub async fn tell(&mut self, operation: &str) -> io::Result<()> {
        let reply = self.ask(operation).await?;
        if reply.contains("<ok/>") { Ok(()) } else { Err(Error::other(reply.to_owned())) }
    }

    /// How many octets the reply has, of which nothing is kept.
    pub async fn count(&mut self, operation: &str) -> io::Result<u64> {
        self.request(operation).await?;
        self.receive(END_OF_CHUNKS, END_OF_CHUNKS.len()).await
    }

    async fn request(&self, operation: &str) -> io::Result<()> {
        let rpc = format!("<rpc xmlns=\"{NC}\" message-id=\"1\">{operation}</rpc>");
        self.send(format!("\n#{}\n{rpc}\n##\n", rpc.len())).await
    }

    async fn send(&self, text: String) -> io::Result<()> {
        self.channel.data_bytes(text.into_bytes()).await.map_err(Error::other)
    }

    /// Until `end`, which no text of a device has; keeps the last `keep` octets at least. Returns how many came.
    async fn receive(&mut self, end: &[u8], keep: usize) -> io::Result<u64> {
        self.received.clear();
        let mut count = 0;
        while !self.received.ends_with(end) {
            match self.channel.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    count += data.len() as u64;
                    let cut = self.received.len().saturating_sub(keep);
                    self.received.drain(..cut);
                    self.received.extend_from_slice(&data);
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    return Err(Error::other(String::from_utf8_lossy(&data).into_owned()));
                }
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Some(_) => {}
            }
        }
        Ok(count)
    }
}
