//! The NETCONF server of this bridge: its schema, its capabilities, its sessions.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    clock,
    config::{self, Config},
    control::Retire,
    datastore::Datastore,
    fleet::Fleet,
    login::Role,
    model::{Time, name_from_id},
    netconf::{
        capabilities::{Capabilities, NOTIFICATION},
        conversation::Conversation,
        operations::{self, Server},
        provider::Sources,
        session::{Limits, Session},
        sessions::{LOCAL, Sessions},
        ssh,
    },
    southbound::{
        profile::{self, Library},
        unknown::Unknown,
    },
    stats::Stats,
    store::Store,
    yang::{self, Schema, SchemaError, Source},
};

/// Sessions at a time if there is no `[netconf]`.
const LOCAL_SESSIONS: usize = 16;

/// All modules: those of the program, and one for each profile that has settings.
///
/// # Errors
/// libyang refuses a module, for instance because of a pattern in a profile.
pub fn schema(library: &Library) -> Result<Schema, SchemaError> {
    let profiles = library.shelf.iter().map(|shelved| &shelved.file);
    let modules: Vec<_> = profiles
        .filter_map(|file| {
            Some((profile::module_name(&file.profile.name), &file.profile.revision, profile::module(file)?))
        })
        .collect();
    let generated =
        modules.iter().map(|(name, revision, text)| Source::served(name, revision, text.as_str()));
    Schema::load(&yang::modules().into_iter().chain(generated).collect::<Vec<_>>())
}

/// Of the parts that the server shows.
pub struct Parts {
    pub fleet: Arc<Fleet>,
    pub datastore: Arc<Datastore>,
    pub store: Arc<Store>,
    pub stats: Arc<Stats>,
    pub unknown: Arc<Unknown>,
    pub retire: mpsc::Sender<Retire>,
    pub started: Time,
}

/// Why nobody can be listened to.
#[derive(Debug, thiserror::Error)]
pub enum NetconfError {
    #[error(transparent)]
    Server(#[from] ssh::ServerError),
    #[error("{0}")]
    HostKeys(String),
}

/// What all sessions share, whichever way they come.
#[derive(Clone)]
pub struct Netconf {
    server: Arc<Server>,
    sessions: Arc<Sessions>,
    capabilities: Arc<Capabilities>,
    limits: Limits,
}

impl Netconf {
    pub fn new(config: &Config, parts: Parts) -> Netconf {
        let Parts { fleet, datastore, store, stats, unknown, retire, started } = parts;
        let section = config.netconf.as_ref();
        let sessions = Sessions::new(section.map_or(LOCAL_SESSIONS, |section| section.max_sessions));
        let capabilities = Arc::new(capabilities(datastore.schema()));
        let oldest = store.events(0, 1).ok().and_then(|events| events.first().map(|event| event.time));
        let sources = Sources {
            fleet,
            datastore,
            sessions: sessions.clone(),
            stats,
            started,
            replay_from: oldest.unwrap_or(started),
            capabilities: capabilities.uris().to_vec(),
        };
        let retire = move |device| {
            let (reply, answer) = oneshot::channel();
            // A full or closed queue drops the wish, and with it the way to answer.
            let _ = retire.try_send(Retire { device, reply });
            answer
        };
        let server = Server {
            sources,
            retire: Box::new(retire),
            waiting: Box::new(move || {
                let waiting = unknown.waiting().into_iter();
                waiting.map(|device| (name_from_id(&device.id).into_owned(), device.profile)).collect()
            }),
            archive: Box::new(move |after, most| store.events(after, most).unwrap_or_default()),
        };
        let max_rpc = section.map_or(Limits::default().max_rpc, |section| section.max_rpc);
        let limits = Limits { max_rpc, ..Limits::default() };
        Netconf { server: Arc::new(server), sessions, capabilities, limits }
    }

    /// Listens for SSH.
    ///
    /// # Errors
    /// An address is taken, a host key cannot be read.
    pub async fn listen(
        &self,
        config: &Config,
        section: &config::Netconf,
    ) -> Result<ssh::Server, NetconfError> {
        let host_keys =
            section.read_host_keys().map_err(|problems| NetconfError::HostKeys(problems.join("\n")))?;
        let users = config.users.iter().map(|user| ssh::User {
            name: user.name.clone(),
            role: user.role,
            keys: user.ssh_keys.clone(),
            password: user.password.clone(),
        });
        let ssh_config = ssh::Config {
            listen: section.ssh.clone(),
            host_keys,
            users: users.collect(),
            login_grace: Duration::from_millis(section.login_grace),
            capabilities: self.capabilities.clone(),
            limits: self.limits,
        };
        let server = self.server.clone();
        let serve = move |conversation| operations::serve(server.clone(), conversation);
        let stats = self.server.sources.stats.clone();
        Ok(ssh::Server::start(ssh_config, self.sessions.clone(), stats, serve).await?)
    }

    /// A session of whoever may open the control socket: an administrator.
    ///
    /// # Errors
    /// There are as many sessions as there may be; the system's.
    pub fn local(&self, stream: std::os::unix::net::UnixStream) -> io::Result<()> {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let now = clock::now();
        let place = self.sessions.open("local", Role::Administer, peer, LOCAL, now);
        let place = place.ok_or_else(|| io::Error::other("there are too many NETCONF sessions"))?;
        stream.set_nonblocking(true)?;
        let (reader, writer) = tokio::net::UnixStream::from_std(stream)?.into_split();
        let rpcs = place.info().rpcs.clone();
        let stats = self.server.sources.stats.clone();
        let session = Session::new(place.info().id, self.capabilities.clone(), self.limits, rpcs, stats, now);
        let conversation = Conversation::new(session, place, Box::new(reader), Box::new(writer));
        tokio::spawn(operations::serve(self.server.clone(), conversation));
        Ok(())
    }
}

fn capabilities(schema: &Schema) -> Capabilities {
    let mut uris: Vec<String> = [
        "writable-running:1.0",
        "candidate:1.0",
        "confirmed-commit:1.0",
        "confirmed-commit:1.1",
        "rollback-on-error:1.0",
        "validate:1.0",
        "validate:1.1",
        "notification:1.0",
        "interleave:1.0",
        "with-defaults:1.0?basic-mode=explicit&also-supported=report-all,trim",
    ]
    .into_iter()
    .map(Capabilities::uri)
    .collect();
    uris.push(Capabilities::uri(&format!(
        "yang-library:1.1?revision=2019-01-04&content-id={}",
        schema.content_id()
    )));
    // RFC 6020 section 5.6.4; clients of YANG 1.0 look for modules here.
    for module in schema.modules().iter().filter(|module| module.implemented) {
        let (namespace, name, revision) = (&module.namespace, &module.name, &module.revision);
        if !namespace.starts_with(NOTIFICATION) {
            uris.push(format!("{namespace}?module={name}&revision={revision}"));
        }
    }
    Capabilities::new(uris)
}

/// Undoes a confirmed commit whose time is over.
pub fn handle_timeout(datastore: &Datastore) {
    let now = clock::now();
    if datastore.poll_timeout().is_some_and(|deadline| deadline <= now)
        && let Err(error) = tokio::task::block_in_place(|| datastore.handle_timeout(now))
    {
        tracing::error!(%error, "a confirmed commit could not be undone; it is tried again");
    }
}
