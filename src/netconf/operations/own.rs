//! The RPCs and actions of module fleetbridge.

use std::{fmt::Write as _, time::Duration};

use super::{Answered, Failed, Session, work};
use crate::{
    clock,
    datastore::{Edit, Source, Target},
    fleet::Which,
    login::Role,
    model::DeviceNumber,
    netconf::{
        error::{Info, RpcError, Tag},
        xml::{Element, Fragment, escape},
    },
};

const NAMESPACE: &str = "urn:fleetbridge:yang:fleetbridge";

/// Of `<action>` (RFC 7950 section 7.15).
const YANG: &str = "urn:ietf:params:xml:ns:yang:1";

/// How often `await` looks.
const LOOK: Duration = Duration::from_millis(20);

const DEFAULT_TIMEOUT: u64 = 60;

impl Session {
    pub(super) async fn own_rpc(&mut self, namespace: &str, name: &str, input: &Fragment) -> Answered {
        if namespace != NAMESPACE {
            return Err(unknown(name));
        }
        let input = input.tree().map_err(RpcError::from)?;
        match name {
            "await" => {
                known(&input, &["commit", "timeout"], &[])?;
                self.await_commit(&input).await
            }
            "rollback" => {
                known(&input, &["commit"], &[])?;
                self.need(Role::Administer, name)?;
                let commit = number(&input, "commit")?.ok_or_else(|| missing("commit"))?;
                let server = self.server.clone();
                work(|| server.sources.datastore.rollback(&self.owner, commit))
                    .map_err(|error| self.refused(error))?;
                self.conversation.ok();
                Ok(())
            }
            "adopt" => {
                known(&input, &["all"], &["device"])?;
                self.need(Role::Administer, name)?;
                let devices = work(|| self.adopt(&input))?;
                self.output(&format!("<devices xmlns=\"{NAMESPACE}\">{devices}</devices>")).await
            }
            _ => Err(unknown(name)),
        }
    }

    /// `<action><fleet><device><name/><ACTION/></device></fleet></action>`; answered with ok by the caller.
    pub(super) async fn own_action(&mut self, input: &Fragment) -> Answered {
        let action = input.tree().map_err(RpcError::from)?;
        let fleet = if action.is(YANG, "action") { action.child(NAMESPACE, "fleet") } else { Some(&action) };
        let fleet = fleet.filter(|fleet| fleet.is(NAMESPACE, "fleet"));
        let device = fleet.and_then(|fleet| fleet.child(NAMESPACE, "device"));
        let (Some(fleet), Some(device)) = (fleet, device) else { return Err(unknown("action")) };
        let asked = device.children.iter().filter(|child| child.name != "name").count();
        if fleet.children.len() > 1 || asked > 1 {
            let error = RpcError::protocol(Tag::BadElement, "one action at a time (RFC 7950 section 7.15.2)");
            return Err(error.with(Info::BadElement(device.name.clone())).into());
        }
        let name = device.child(NAMESPACE, "name").ok_or_else(|| missing("name"))?.value();
        let mut actions = device.children.iter().filter(|child| child.name != "name");
        let action = actions.next().ok_or_else(|| missing("action"))?;
        without_attributes(action)?;
        if let Some(child) = action.children.first() {
            let message = format!("<{}> has no input", action.name);
            return Err(RpcError::application(Tag::UnknownElement, message)
                .with(Info::BadElement(child.name.clone()))
                .into());
        }
        let fleet = self.server.sources.fleet.clone();
        let number = fleet.find(name).filter(|number| fleet.row(*number, |_| ()).is_some());
        let number = number
            .ok_or_else(|| RpcError::application(Tag::DataMissing, format!("there is no device {name:?}")))?;
        match (action.namespace.as_str(), action.name.as_str(), actions.next()) {
            (NAMESPACE, "push", None) => {
                fleet.push(number, 0, clock::now());
                Ok(())
            }
            (NAMESPACE, "retire", None) => {
                self.need(Role::Administer, "retire")?;
                self.retire(name, number).await
            }
            _ => Err(unknown(&action.name)),
        }
    }

    async fn retire(&mut self, name: &str, number: DeviceNumber) -> Answered {
        let server = self.server.clone();
        let managed = work(|| server.sources.datastore.read(name, Source::Running))
            .map_err(|error| self.refused(error))?;
        if managed.is_some() {
            let message = format!("{name:?} stands in running: delete it there first");
            return Err(RpcError::application(Tag::InUse, message).into());
        }
        match (server.retire)(number).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(RpcError::application(Tag::OperationFailed, error).into()),
            Err(_) => Err(RpcError::application(Tag::OperationFailed, "the server is stopping").into()),
        }
    }

    async fn await_commit(&mut self, input: &Element) -> Answered {
        let commit = number(input, "commit")?.or(self.committed);
        let Some(commit) = commit else {
            let message = "this session has made no commit: name one";
            return Err(RpcError::application(Tag::MissingElement, message)
                .with(Info::BadElement("commit".to_owned()))
                .into());
        };
        if commit > self.server.sources.datastore.last_commit() {
            return Err(
                RpcError::application(Tag::InvalidValue, format!("there is no commit {commit}")).into()
            );
        }
        let timeout = number(input, "timeout")?.unwrap_or(DEFAULT_TIMEOUT);
        if !(1..=3600).contains(&timeout) {
            return Err(RpcError::application(Tag::InvalidValue, "timeout is not within 1..3600")
                .with(Info::BadElement("timeout".to_owned()))
                .into());
        }
        let deadline = clock::now().plus_millis(timeout * 1000);
        let progress = loop {
            let progress = self.server.sources.fleet.commit_progress(commit);
            if progress.outstanding == 0 || clock::now() >= deadline {
                break progress;
            }
            self.notify();
            self.conversation.pause(LOOK).await?;
        };
        let mut out = String::new();
        for (name, value) in [
            ("settled", (progress.outstanding == 0).to_string()),
            ("outstanding", progress.outstanding.to_string()),
            ("failed", progress.failed.to_string()),
        ] {
            let _ = write!(out, "<{name} xmlns=\"{NAMESPACE}\">{value}</{name}>");
        }
        self.output(&out).await
    }

    /// Stages the devices that were heard or wait, and are not in running: all of them, or the named ones; how many.
    fn adopt(&self, input: &Element) -> Result<usize, Failed> {
        let sources = &self.server.sources;
        let named: Vec<&str> =
            input.children.iter().filter(|child| child.is(NAMESPACE, "device")).map(Element::value).collect();
        let all = input.child(NAMESPACE, "all").is_some();
        // Of a choice there is one case (RFC 7950 section 8.3.1).
        if all && !named.is_empty() {
            return Err(RpcError::application(Tag::BadElement, "either all or devices by name")
                .with(Info::BadElement("all".to_owned()))
                .into());
        }
        if !all && named.is_empty() {
            return Err(missing("device"));
        }
        if input.child(NAMESPACE, "all").is_some_and(|all| !all.value().is_empty()) {
            return Err(RpcError::application(Tag::InvalidValue, "<all/> is empty")
                .with(Info::BadElement("all".to_owned()))
                .into());
        }
        let mut found: Vec<(String, String)> = Vec::new();
        let about = |row: crate::fleet::Row<'_>| (row.name().to_owned(), row.profile().name.clone());
        if all {
            sources.fleet.rows(1, Which::Live, |row| {
                found.push(about(row));
                std::ops::ControlFlow::Continue(())
            });
        }
        let waiting = (self.server.waiting)();
        if all {
            let unknown = |(name, _): &&(String, String)| sources.fleet.find(name).is_none();
            found.extend(waiting.iter().filter(unknown).cloned());
        }
        for name in named {
            let heard = sources.fleet.find(name).and_then(|number| sources.fleet.row(number, about));
            let waits = || waiting.iter().find(|(waits, _)| waits == name).cloned();
            let Some(device) = heard.or_else(waits) else {
                return Err(RpcError::application(Tag::DataMissing, format!("{name:?} was not heard")).into());
            };
            found.push(device);
        }
        let mut config = format!(
            "<config xmlns=\"urn:ietf:params:xml:ns:netconf:base:1.0\"><fleet xmlns=\"{NAMESPACE}\">"
        );
        let mut count = 0;
        for (name, profile) in &found {
            if sources.datastore.read(name, Source::Running).map_err(|error| self.refused(error))?.is_some() {
                if all {
                    continue;
                }
                return Err(RpcError::application(
                    Tag::DataExists,
                    format!("{name:?} is in running already"),
                )
                .into());
            }
            config.push_str("<device><name>");
            escape(name, &mut config);
            config.push_str("</name><profile>");
            escape(profile, &mut config);
            config.push_str("</profile></device>");
            count += 1;
        }
        config.push_str("</fleet></config>");
        let edit = Edit::new(config.as_bytes());
        sources
            .datastore
            .edit(&self.owner, Target::Candidate, &edit, clock::now())
            .map_err(|errors| self.refused_all(errors))?;
        Ok(count)
    }

    async fn output(&mut self, content: &str) -> Answered {
        self.conversation.begin();
        self.conversation.write(content.as_bytes()).await?;
        self.conversation.end();
        Ok(())
    }

    fn need(&self, role: Role, what: &str) -> Answered {
        if self.info.role >= role {
            return Ok(());
        }
        let message = format!("<{what}> is open to role {} only", role.name());
        Err(RpcError::protocol(Tag::AccessDenied, message).into())
    }
}

/// Each parameter is one that there is: `once` at most once, `often` as often as may be.
fn known(input: &Element, once: &[&str], often: &[&str]) -> Result<(), Failed> {
    without_attributes(input)?;
    for (at, child) in input.children.iter().enumerate() {
        let name = child.name.as_str();
        let bad = |tag, message: &str| {
            Err(RpcError::application(tag, message).with(Info::BadElement(name.to_owned())).into())
        };
        if child.namespace != NAMESPACE {
            let error = RpcError::application(Tag::UnknownNamespace, "there is no such parameter");
            let error = error.with(Info::BadElement(name.to_owned()));
            return Err(error.with(Info::BadNamespace(child.namespace.clone())).into());
        }
        if !(once.contains(&name) || often.contains(&name)) {
            return bad(Tag::UnknownElement, "there is no such parameter");
        }
        if once.contains(&name) && input.children[..at].iter().any(|other| other.name == name) {
            return bad(Tag::BadElement, "it is there twice");
        }
        without_attributes(child)?;
        if !child.children.is_empty() {
            return bad(Tag::BadElement, "it is a value without elements");
        }
    }
    Ok(())
}

fn without_attributes(element: &Element) -> Result<(), Failed> {
    let Some(attribute) = element.attributes.first() else { return Ok(()) };
    let error = RpcError::application(Tag::UnknownAttribute, "there is no such attribute");
    let error = error.with(Info::BadAttribute(attribute.name.clone()));
    Err(error.with(Info::BadElement(element.name.clone())).into())
}

fn number(input: &Element, name: &str) -> Result<Option<u64>, Failed> {
    let Some(element) = input.child(NAMESPACE, name) else { return Ok(None) };
    match element.value().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(RpcError::application(Tag::InvalidValue, format!("{name} is no number"))
            .with(Info::BadElement(name.to_owned()))
            .into()),
    }
}

fn missing(name: &str) -> Failed {
    RpcError::application(Tag::MissingElement, format!("<{name}> is missing"))
        .with(Info::BadElement(name.to_owned()))
        .into()
}

fn unknown(name: &str) -> Failed {
    RpcError::protocol(Tag::OperationNotSupported, format!("there is no operation <{name}>"))
        .with(Info::BadElement(name.to_owned()))
        .into()
}
