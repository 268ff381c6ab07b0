//! The NETCONF server of this bridge: its schema, its capabilities, its sessions.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use crate::{
    clock,
    config::{Config, Netconf},
    control::Retire,
    datastore::Datastore,
    fleet::Fleet,
    model::Time,
    netconf::{
        capabilities::{Capabilities, NOTIFICATION},
        operations::{self, Server},
        provider::Sources,
        session::Limits,
        sessions::Sessions,
        ssh,
    },
    southbound::profile::{self, Library},
    stats::Stats,
    store::Store,
    yang::{self, Schema, SchemaError, Source},
};

/// All modules: those of the program, and one for each profile that has settings.
///
/// # Errors
/// libyang refuses a module, for instance because of a pattern in a profile.
pub fn schema(library: &Library) -> Result<Schema, SchemaError> {
    let profiles = library.shelf.iter().map(|shelved| &shelved.file);
    let modules: Vec<_> = profiles
        .filter_map(|file| Some((profile::module_name(&file.profile.name), &file.profile.revision, profile::module(file)?)))
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
    pub retire: mpsc::Sender<Retire>,
    pub started: Time,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum NetconfError {
    #[error(transparent)]
    Server(#[from] ssh::ServerError),
    #[error("{0}")]
    HostKeys(String),
}

/// Starts the server.
///
/// # Errors
/// An address is taken, a host key cannot be read.
pub async fn start(config: &Config, netconf: &Netconf, parts: Parts) -> Result<ssh::Server, NetconfError> {
    let host_keys =
        netconf.read_host_keys().map_err(|problems| NetconfError::HostKeys(problems.join("\n")))?;
    let capabilities = Arc::new(capabilities(parts.datastore.schema()));
    let sessions = Sessions::new(netconf.max_sessions);
    let users = config.users.iter().map(|user| ssh::User {
        name: user.name.clone(),
        role: user.role,
        keys: user.ssh_keys.clone(),
        password: user.password.clone(),
    });
    let ssh_config = ssh::Config {
        listen: netconf.ssh.clone(),
        host_keys,
        users: users.collect(),
        login_grace: Duration::from_millis(netconf.login_grace),
        capabilities: capabilities.clone(),
        limits: Limits { max_rpc: netconf.max_rpc, ..Limits::default() },
    };
    let Parts { fleet, datastore, store, stats, retire, started } = parts;
    let replay_from = store.events(0, 1).ok().and_then(|events| events.first().map(|event| event.time));
    let sources = Sources {
        fleet,
        datastore,
        sessions: sessions.clone(),
        stats: stats.clone(),
        started,
        replay_from: replay_from.unwrap_or(started),
        capabilities: capabilities.uris().to_vec(),
    };
    let server = Arc::new(Server {
        sources,
        retire: Box::new(move |device| {
            let (reply, answer) = oneshot::channel();
            // A full or closed queue drops the wish, and with it the way to answer.
            let _ = retire.try_send(Retire { device, reply });
            answer
        }),
        archive: Box::new(move |after, most| store.events(after, most).unwrap_or_default()),
    });
    let serve = move |conversation| operations::serve(server.clone(), conversation);
    Ok(ssh::Server::start(ssh_config, sessions, stats, serve).await?)
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
        "with-defaults:1.0?basic-mode=explicit&also-supported=report-all,report-all-tagged,trim",
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
