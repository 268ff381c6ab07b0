//! ietf-netconf-monitoring (RFC 6022): capabilities, datastores and their locks, schemas, sessions, counters.

use std::fmt::Write;

use super::{View, small::Small};
use crate::{
    datastore::Target,
    netconf::{
        capabilities::MONITORING as NAMESPACE,
        sessions::{LOCAL, SessionInfo},
        xml::escape,
    },
    stats::{Counter, Rpcs},
};

pub(super) static MONITORING: Small = Small { top: (NAMESPACE, "netconf-state"), prefixes: &[], build };

fn build(view: &View<'_>) -> String {
    let mut out = format!("<netconf-state xmlns=\"{NAMESPACE}\"><capabilities>");
    for uri in &view.sources.capabilities {
        leaf(&mut out, "capability", uri);
    }
    out.push_str("</capabilities><datastores>");
    for (name, target) in [("running", Target::Running), ("candidate", Target::Candidate)] {
        datastore(view, name, target, &mut out);
    }
    out.push_str("</datastores><schemas>");
    for module in view.sources.datastore.schema().modules() {
        out.push_str("<schema>");
        leaf(&mut out, "identifier", &module.name);
        leaf(&mut out, "version", &module.revision);
        leaf(&mut out, "format", "yang");
        leaf(&mut out, "namespace", &module.namespace);
        out.push_str("<location>NETCONF</location></schema>");
    }
    out.push_str("</schemas><sessions>");
    let remote = view.sources.sessions.list().into_iter().filter(|session| session.transport != LOCAL);
    for session in remote {
        self::session(&session, &mut out);
    }
    out.push_str("</sessions><statistics>");
    let stats = &view.sources.stats.netconf;
    leaf(&mut out, "netconf-start-time", &view.sources.started.to_string());
    counter(&mut out, "in-bad-hellos", &stats.in_bad_hellos);
    counter(&mut out, "in-sessions", &stats.in_sessions);
    counter(&mut out, "dropped-sessions", &stats.dropped_sessions);
    rpcs(&stats.rpcs, &mut out);
    out.push_str("</statistics></netconf-state>");
    out
}

fn datastore(view: &View<'_>, name: &str, target: Target, out: &mut String) {
    let _ = write!(out, "<datastore><name>{name}</name>");
    if let Some((session, since)) = view.sources.datastore.lock_holder(target) {
        let _ = write!(
            out,
            "<locks><global-lock><locked-by-session>{session}</locked-by-session>\
             <locked-time>{since}</locked-time></global-lock></locks>"
        );
    }
    out.push_str("</datastore>");
}

fn session(session: &SessionInfo, out: &mut String) {
    out.push_str("<session>");
    leaf(out, "session-id", &session.id.to_string());
    leaf(out, "transport", session.transport);
    leaf(out, "username", &session.user);
    leaf(out, "source-host", &session.peer.ip().to_string());
    leaf(out, "login-time", &session.since.to_string());
    rpcs(&session.rpcs, out);
    out.push_str("</session>");
}

fn rpcs(rpcs: &Rpcs, out: &mut String) {
    counter(out, "in-rpcs", &rpcs.in_rpcs);
    counter(out, "in-bad-rpcs", &rpcs.in_bad_rpcs);
    counter(out, "out-rpc-errors", &rpcs.out_rpc_errors);
    counter(out, "out-notifications", &rpcs.out_notifications);
}

/// As yang:zero-based-counter32.
fn counter(out: &mut String, name: &str, counter: &Counter) {
    let _ = write!(out, "<{name}>{}</{name}>", counter.value32());
}

fn leaf(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "<{name}>");
    escape(value, out);
    let _ = write!(out, "</{name}>");
}
