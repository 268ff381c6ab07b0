//! What each operation does: one session's requests, one after the other, and its notifications between them.

mod convert;
mod own;

use std::{sync::Arc, time::Duration};

use super::{
    conversation::{Conversation, Ended},
    error::{Info, RpcError, Tag},
    message::{self, Operation, WithDefaults},
    notification::{Archive, Feed, Subscription, TooSlow},
    provider::{Content, Sources, Stream, View},
    session::CloseReason,
    sessions::{LOCAL, SessionInfo},
    xml::escape,
};
use crate::{
    clock,
    datastore::{self, CommitRequest, Confirmed, Edit, Face, Owner, Source, Target},
    journal::EventKind,
    login::Role,
    model::{DeviceNumber, Who},
};

/// Bytes of an answer that are collected before they are sent.
const PIECE: usize = 32 * 1024;

/// How often a subscription looks for what is new.
const POLL: Duration = Duration::from_millis(100);

/// What all sessions share.
pub struct Server {
    pub sources: Sources,
    /// Takes a device out of the fleet, durably, by the one task that does so.
    pub retire: Retire,
    pub waiting: Waiting,
    pub archive: Archive,
}

/// The answer says why not.
pub type Retire =
    Box<dyn Fn(DeviceNumber) -> tokio::sync::oneshot::Receiver<Result<(), String>> + Send + Sync>;

/// Devices that are heard and wait to be made by a manager: the name that each will have, and its profile.
pub type Waiting = Box<dyn Fn() -> Vec<(String, String)> + Send + Sync>;

/// Serves one session to its end; then its locks, its edits and its unconfirmed commit end with it. The journal tells
/// both.
pub async fn serve(server: Arc<Server>, conversation: Conversation) {
    let info = conversation.info().clone();
    let owner = owner(&info);
    let who: Box<Who> = Box::new((&owner).into());
    let started = EventKind::SessionStarted { who: who.clone() };
    server.sources.fleet.journal().append(clock::now(), started);
    let mut session = Session { owner, info, server, conversation, subscription: None, committed: None };
    session.run().await;
    let Session { server, owner, conversation, .. } = session;
    let ended = tokio::task::block_in_place(|| server.sources.datastore.end_session(&owner, clock::now()));
    if let Err(error) = ended {
        tracing::error!(session = owner.session, %error, "the end of a session could not be worked out; it is tried again");
    }
    let ended = EventKind::SessionEnded { who, reason: conversation.termination() };
    server.sources.fleet.journal().append(clock::now(), ended);
}

fn owner(info: &SessionInfo) -> Owner {
    Owner {
        session: info.id,
        face: if info.transport == LOCAL { Face::Control } else { Face::Netconf },
        user: info.user.clone(),
        address: info.peer.ip().to_string(),
    }
}

struct Session {
    server: Arc<Server>,
    conversation: Conversation,
    info: SessionInfo,
    owner: Owner,
    subscription: Option<Subscription>,
    /// The last commit of this session.
    committed: Option<u64>,
}

/// Why an answer is none.
enum Failed {
    Errors(Vec<RpcError>),
    /// There is nobody to answer.
    Ended,
}

type Answered = Result<(), Failed>;

impl Session {
    async fn run(&mut self) {
        loop {
            let operation = match self.subscription {
                None => self.conversation.next().await,
                Some(_) => match tokio::time::timeout(POLL, self.conversation.next()).await {
                    Ok(operation) => operation,
                    Err(_) => {
                        self.notify();
                        continue;
                    }
                },
            };
            let Some(operation) = operation else { return };
            self.notify();
            let name = operation.name().to_owned();
            match self.answer(operation).await {
                Ok(()) => {}
                Err(Failed::Errors(errors)) => {
                    self.conversation.errors(&name, &errors);
                }
                // There is no next operation, and a reason why.
                Err(Failed::Ended) => {}
            }
        }
    }

    async fn answer(&mut self, operation: Operation) -> Answered {
        let now = clock::now();
        let server = self.server.clone();
        let datastore = &server.sources.datastore;
        match operation {
            Operation::Get { filter, with_defaults } => {
                return self.read(Content::All, Stream::new(filter), with_defaults).await;
            }
            Operation::GetConfig { source, filter, with_defaults } => {
                let source = match target(source)? {
                    Target::Running => Source::Running,
                    Target::Candidate => Source::Candidate,
                };
                return self.read(Content::Config(source), Stream::new(filter), with_defaults).await;
            }
            Operation::GetSchema { identifier, version, format } => {
                return self.schema(&identifier, version.as_deref(), &format).await;
            }
            Operation::EditConfig { target: of, default_operation, test_option, error_option, config } => {
                let edit = Edit {
                    default_operation,
                    test_option,
                    error_option,
                    secrets: self.info.role >= Role::Administer,
                    ..Edit::new(config.as_str().as_bytes())
                };
                let of = target(of)?;
                let outcome = work(|| datastore.edit(&self.owner, of, &edit, now))
                    .map_err(|errors| self.refused_all(errors))?;
                self.note(outcome.delta.as_ref());
                if !outcome.errors.is_empty() {
                    return Err(self.refused_all(outcome.errors));
                }
            }
            Operation::CopyConfig { target: to, source, with_defaults: _ } => self.copy(to, source)?,
            Operation::DeleteConfig { target } => {
                let message = format!("{} cannot be deleted", target.name());
                return Err(RpcError::protocol(Tag::OperationNotSupported, message).into());
            }
            Operation::Lock { target: of } => {
                datastore.lock(&self.owner, target(of)?, now).map_err(|error| self.refused(error))?
            }
            Operation::Unlock { target: of } => {
                datastore.unlock(&self.owner, target(of)?).map_err(|error| self.refused(error))?
            }
            Operation::Commit { confirmed, confirm_timeout, persist, persist_id } => {
                let confirmed = confirmed.then_some(Confirmed { timeout: confirm_timeout, persist });
                let request = CommitRequest { confirmed, persist_id, label: None };
                let delta = work(|| datastore.commit(&self.owner, request, now))
                    .map_err(|errors| self.refused_all(errors))?;
                self.note(delta.as_ref());
            }
            Operation::CancelCommit { persist_id } => {
                let delta = work(|| datastore.cancel_commit(&self.owner, persist_id.as_deref(), now))
                    .map_err(|error| self.refused(error))?;
                self.note(delta.as_ref());
            }
            Operation::DiscardChanges => {
                datastore.discard(&self.owner).map_err(|error| self.refused(error))?
            }
            Operation::Validate { source: message::Source::Datastore(of) } => {
                let source = match target(of)? {
                    Target::Running => Source::Running,
                    Target::Candidate => Source::Candidate,
                };
                work(|| datastore.validate(source)).map_err(|errors| self.refused_all(errors))?;
            }
            Operation::Validate { source: message::Source::Config(config) } => {
                work(|| datastore.validate_config(config.as_str().as_bytes()))
                    .map_err(|errors| self.refused_all(errors))?;
            }
            // What the session holds is let go before its client is told (RFC 6241 section 7.8).
            Operation::CloseSession => {
                work(|| datastore.end_session(&self.owner, now)).map_err(|error| self.refused(error))?;
            }
            Operation::KillSession { session_id } => {
                if !server.sources.sessions.kill(session_id, self.info.id) {
                    let message = format!("there is no session {session_id}");
                    return Err(RpcError::protocol(Tag::InvalidValue, message).into());
                }
            }
            Operation::CreateSubscription { stream, filter, start_time, stop_time } => {
                if self.subscription.is_some() {
                    let message = "this session has a subscription already";
                    return Err(RpcError::protocol(Tag::OperationFailed, message).into());
                }
                if stream != "NETCONF" {
                    let message = format!("there is no stream {stream:?}, only NETCONF");
                    return Err(RpcError::protocol(Tag::InvalidValue, message)
                        .with(Info::BadElement("stream".to_owned()))
                        .into());
                }
                let feed = Feed { sources: &server.sources, archive: &server.archive };
                let subscription = Subscription::new(&feed, filter, start_time, stop_time)?;
                self.subscription = Some(subscription);
            }
            Operation::Rpc { namespace, name, input } => {
                return self.own_rpc(&namespace, &name, &input).await;
            }
            Operation::Action { input } => self.own_action(&input).await?,
        }
        self.conversation.ok();
        Ok(())
    }

    async fn read(
        &mut self,
        content: Content,
        mut stream: Stream,
        with_defaults: Option<WithDefaults>,
    ) -> Answered {
        let server = self.server.clone();
        // RFC 6243: explicit is this server's basic mode.
        let defaults = with_defaults.unwrap_or(WithDefaults::Explicit);
        let mut out = Vec::with_capacity(2 * PIECE);
        let mut begun = false;
        loop {
            let view = View { sources: &server.sources, content, defaults, now: clock::now() };
            // Pieces are read from memory and the page cache in some 0.1 ms: not worth a thread to wait in.
            let mut more = true;
            while more && out.len() < PIECE {
                more = stream.next(&view, &mut out).map_err(|error| self.refused(error))?;
                tokio::task::yield_now().await;
            }
            if !begun {
                self.conversation.begin();
                let data = format!("<{}data>", self.conversation.prefix());
                self.conversation.write(data.as_bytes()).await?;
                begun = true;
            }
            self.conversation.write(&out).await?;
            out.clear();
            if !more {
                break;
            }
        }
        let data = format!("</{}data>", self.conversation.prefix());
        self.conversation.write(data.as_bytes()).await?;
        self.conversation.end();
        Ok(())
    }

    /// get-schema (RFC 6022 section 3.1).
    async fn schema(&mut self, identifier: &str, version: Option<&str>, format: &str) -> Answered {
        if format != "yang" {
            let message = format!("modules are there in yang, not in {format}");
            return Err(RpcError::application(Tag::InvalidValue, message).into());
        }
        let server = self.server.clone();
        let schema = server.sources.datastore.schema();
        let mut found = schema.modules().iter().filter(|module| {
            module.name == identifier && version.is_none_or(|version| module.revision == version)
        });
        let Some(module) = found.next() else {
            let message = format!(
                "there is no module {identifier}{}",
                version.map_or_else(String::new, |v| format!("@{v}"))
            );
            return Err(RpcError::application(Tag::InvalidValue, message).into());
        };
        if found.next().is_some() {
            let message = format!("there is more than one revision of {identifier}: name one as version");
            return Err(RpcError::application(Tag::OperationFailed, message)
                .app_tag("data-not-unique")
                .into());
        }
        let mut text = String::with_capacity(module.text.len() + module.text.len() / 8);
        text.push_str("<data xmlns=\"urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring\">");
        escape(&module.text, &mut text);
        text.push_str("</data>");
        self.conversation.begin();
        self.conversation.write(text.as_bytes()).await?;
        self.conversation.end();
        Ok(())
    }

    fn copy(&mut self, to: message::Datastore, source: message::Source) -> Answered {
        let server = self.server.clone();
        let datastore = &server.sources.datastore;
        let (to, now) = (target(to)?, clock::now());
        let delta = match source {
            message::Source::Config(config) => {
                let (config, secrets) = (config.as_str().as_bytes(), self.info.role >= Role::Administer);
                work(|| datastore.copy_config(&self.owner, to, config, secrets, now))
                    .map_err(|errors| self.refused_all(errors))?
                    .delta
            }
            message::Source::Datastore(from) => {
                let from = target(from)?;
                work(|| datastore.copy(&self.owner, from, to, now))
                    .map_err(|errors| self.refused_all(errors))?
            }
        };
        self.note(delta.as_ref());
        Ok(())
    }

    fn note(&mut self, delta: Option<&datastore::Delta>) {
        if let Some(delta) = delta {
            self.committed = Some(delta.commit);
        }
    }

    /// Queues what has happened since; one that cannot follow ends.
    fn notify(&mut self) {
        let Some(subscription) = &mut self.subscription else { return };
        let feed = Feed { sources: &self.server.sources, archive: &self.server.archive };
        let conversation = &mut self.conversation;
        let told = tokio::task::block_in_place(|| {
            subscription.poll(&feed, clock::now(), |notification| conversation.notify(notification.to_vec()))
        });
        match told {
            Ok(true) => {}
            Ok(false) => self.subscription = None,
            Err(TooSlow { missed }) => {
                tracing::warn!(session = self.info.id, missed, "a subscriber was too slow: its session ends");
                self.conversation.close(CloseReason::Overrun);
            }
        }
    }
}

impl Session {
    fn refused(&self, error: datastore::Error) -> Failed {
        self.refused_all(vec![error])
    }

    fn refused_all(&self, errors: Vec<datastore::Error>) -> Failed {
        let schema = self.server.sources.datastore.schema();
        Failed::Errors(errors.into_iter().map(|error| RpcError::of(error, schema)).collect())
    }
}

/// Runs what may wait for the disk.
fn work<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    tokio::task::block_in_place(work)
}

fn target(datastore: message::Datastore) -> Result<Target, RpcError> {
    match datastore {
        message::Datastore::Running => Ok(Target::Running),
        message::Datastore::Candidate => Ok(Target::Candidate),
        message::Datastore::Startup => {
            Err(RpcError::protocol(Tag::OperationNotSupported, "there is no startup datastore"))
        }
    }
}

impl From<Ended> for Failed {
    fn from(_: Ended) -> Self {
        Failed::Ended
    }
}

impl From<RpcError> for Failed {
    fn from(error: RpcError) -> Self {
        Failed::Errors(vec![error])
    }
}
