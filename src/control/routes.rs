//! What is answered to which request.

use std::{net::SocketAddr, os::unix::net::UnixStream, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State as Shared, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::{Retire, State, hosts, hosts::Asker, local, metrics, pieces::Pieces, view};
use crate::{
    clock,
    file::nearest,
    kit,
    report::{self, DEVICES, Format, REPORTS, Report},
};

type App = Shared<Arc<State>>;

/// All there is; for the Unix socket.
pub(super) fn control(state: Arc<State>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/devices", get(devices))
        .route("/v1/device/{name}", get(device))
        .route("/v1/device/{name}/retire", post(retire))
        .route("/v1/report/{name}", get(report_named))
        .route("/v1/kit/facts", get(kit_facts))
        .route("/v1/kit/hosts", get(kit_hosts))
        .route("/v1/unknown", get(unknown))
        .route("/v1/candidate", get(candidate))
        .route("/v1/candidate/discard", post(discard))
        .route("/v1/commits", get(commits))
        .route("/v1/commit/{id}", get(commit))
        .route("/v1/notify/test", post(notify_test))
        .route("/v1/netconf", post(netconf).layer(DefaultBodyLimit::max(LONGEST)))
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(healthz))
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .with_state(state)
}

/// For `[control] http`: reads only, and nothing of a single device.
pub(super) fn public(state: Arc<State>) -> Router {
    Router::new()
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(healthz))
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .with_state(state)
}

/// Bytes of a request.
const LONGEST: usize = 64 << 20;

/// An error as the API says it.
struct Refusal(StatusCode, view::Problem);

impl Refusal {
    fn new(status: StatusCode, error: impl Into<String>, help: impl Into<String>) -> Self {
        Refusal(status, view::Problem { error: error.into(), help: help.into() })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

/// The query string of lists.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    format: Option<Format>,
    site: Option<String>,
    profile: Option<String>,
    /// Milliseconds.
    since: Option<u64>,
    from: u32,
    limit: Option<u32>,
}

type WantedQuery = Result<Query<Wanted>, QueryRejection>;

async fn status(Shared(state): App) -> Json<view::Status> {
    let problems = state.all_problems();
    let targets = (state.targets)();
    let snmp = view::Snmp::new(state.engine.clone(), &state.stats);
    Json(view::Status::new(&state.fleet, &state.stats, snmp, state.started, targets, problems, clock::now()))
}

/// The query string of a test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedTest {
    target: Option<SocketAddr>,
}

async fn notify_test(
    Shared(state): App,
    wanted: Result<Query<WantedTest>, QueryRejection>,
) -> Result<Json<Vec<view::Tested>>, Refusal> {
    let Query(WantedTest { target }) = wanted.map_err(|rejection| {
        let help = "known is target=ADDRESS:PORT";
        Refusal::new(StatusCode::BAD_REQUEST, rejection.body_text(), help)
    })?;
    let known: Vec<_> = (state.targets)().into_iter().map(|target| target.target).collect();
    if known.is_empty() {
        let help = "add traps = [{ target = \"192.0.2.1:162\", community = \"...\" }] to [snmp] and start the bridge again, or make one by SET; why an active row of snmpTargetAddrTable comes to nothing, the log says";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "nobody is told: there are no trap targets", help));
    }
    if let Some(target) = target.filter(|target| !known.contains(&target.to_string())) {
        let error = format!("{target} is no trap target");
        return Err(Refusal::new(StatusCode::NOT_FOUND, error, format!("known: {}", known.join(", "))));
    }
    let busy = || {
        let help = "the bridge is stopping, or many tests are under way";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "nothing was sent", help)
    };
    (state.test)(target).await.map(Json).ok_or_else(busy)
}

async fn devices(Shared(state): App, wanted: WantedQuery) -> Result<Response, Refusal> {
    list(state, &DEVICES, wanted)
}

async fn report_named(
    Shared(state): App,
    Path(name): Path<String>,
    wanted: WantedQuery,
) -> Result<Response, Refusal> {
    let Some(report) = Report::find(&name) else {
        let names: Vec<_> = REPORTS.iter().map(|report| report.name).collect();
        let help = format!("the reports are {}", names.join(", "));
        return Err(Refusal::new(StatusCode::NOT_FOUND, format!("there is no report `{name}`"), help));
    };
    list(state, report, wanted)
}

fn list(state: Arc<State>, report: &'static Report, wanted: WantedQuery) -> Result<Response, Refusal> {
    let Query(wanted) = wanted.map_err(|rejection| {
        let help = "known are format=table|csv|json|lines, site, profile, since (milliseconds), from, limit";
        Refusal::new(StatusCode::BAD_REQUEST, rejection.body_text(), help)
    })?;
    if let Some(name) = wanted.profile.as_deref() {
        known_profile(&state, name)?;
    }
    let format = wanted.format.unwrap_or(Format::Lines);
    let query = report::Query {
        format,
        site: wanted.site,
        profile: wanted.profile,
        since: wanted.since,
        from: wanted.from,
        limit: wanted.limit,
        now: clock::now(),
    };
    let body = Pieces::from(move |out| report.write(&state.fleet, &query, out));
    Ok(([(header::CONTENT_TYPE, format.content_type())], body).into_response())
}

fn known_profile(state: &State, name: &str) -> Result<(), Refusal> {
    let profiles = state.fleet.profiles();
    if profiles.by_name(name).is_some() {
        return Ok(());
    }
    let known: Vec<_> = profiles.iter().map(|(_, profile)| profile.name.as_str()).collect();
    let guess = nearest(name, known.iter().copied());
    let guess = guess.map(|guess| format!("did you mean `{guess}`? ")).unwrap_or_default();
    let help = format!("{guess}known: {}", known.join(", "));
    Err(Refusal::new(StatusCode::NOT_FOUND, format!("there is no profile `{name}`"), help))
}

/// The query string of facts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WantedFacts {
    user: Option<String>,
}

async fn kit_facts(
    Shared(state): App,
    wanted: Result<Query<WantedFacts>, QueryRejection>,
) -> Result<Json<kit::Facts>, Refusal> {
    let Query(wanted) = wanted.map_err(|rejection| {
        Refusal::new(StatusCode::BAD_REQUEST, rejection.body_text(), "known is user (a name)")
    })?;
    let asker = asker(&state, wanted.user.as_deref())?;
    Ok(Json(hosts::facts(&state, asker)))
}

/// Without a name it is a community that asks.
fn asker(state: &State, user: Option<&str>) -> Result<Asker, Refusal> {
    let Some(name) = user else { return Ok(Asker { user: None, scope: state.seen.clone() }) };
    if let Some((user, scope)) = state.users.iter().find(|(user, _)| user.name == name) {
        return Ok(Asker { user: Some(user.clone()), scope: scope.clone() });
    }
    let known: Vec<_> = state.users.iter().map(|(user, _)| user.name.as_str()).collect();
    let help = match nearest(name, known.iter().copied()) {
        Some(guess) => format!("did you mean `{guess}`? known: {}", known.join(", ")),
        None if known.is_empty() => {
            "add snmp = { auth = \"sha-256\", ... } to a [[user]] and start the bridge again".to_owned()
        }
        None => format!("known: {}", known.join(", ")),
    };
    Err(Refusal::new(StatusCode::NOT_FOUND, format!("no [[user]] {name:?} asks by SNMPv3"), help))
}

/// The query string of hosts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WantedHosts {
    since: Option<u64>,
    filter: String,
    parents: bool,
    user: Option<String>,
}

async fn kit_hosts(
    Shared(state): App,
    wanted: Result<Query<WantedHosts>, QueryRejection>,
) -> Result<Response, Refusal> {
    let refuse = |error: String, help: &str| Refusal::new(StatusCode::BAD_REQUEST, error, help);
    let Query(wanted) = wanted.map_err(|rejection| {
        refuse(rejection.body_text(), "known are since (a revision), filter, parents and user")
    })?;
    let filter = kit::Filter::parse(&wanted.filter).map_err(|error| refuse(error.to_string(), ""))?;
    if let Some(name) = filter.profile.as_deref() {
        known_profile(&state, name)?;
    }
    let asker = asker(&state, wanted.user.as_deref())?;
    if asker.user.is_none() {
        by_community(&state)?;
    }
    let revision = state.fleet.revision(clock::now());
    if let Some(since) = wanted.since.filter(|since| *since > u64::from(revision)) {
        let help = "it is no revision of this bridge, or its clock was set back: take all hosts once, without --since";
        return Err(refuse(format!("the revision {since} lies ahead of {revision}, the present one"), help));
    }
    let wanted = hosts::Wanted { since: wanted.since, filter, parents: wanted.parents };
    let body = Pieces::from(move |out| hosts::write(&state, &wanted, &asker, revision, out));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// # Errors
/// No community can ask devices.
fn by_community(state: &State) -> Result<(), Refusal> {
    let refuse = |error: &str, help: &str| Refusal::new(StatusCode::BAD_REQUEST, error, help);
    if state.agent.community.is_empty() {
        let error = "no community may ask the SNMP agent, so no tool could";
        let help = "add communities = [{ name = \"...\", access = \"read\" }] to [snmp] and start the bridge again; or by SNMPv3: --user NAME";
        return Err(refuse(error, help));
    }
    if (state.agent_of)(1, "device").community.is_empty() {
        let error = "devices have neither addresses nor ports nor communities of their own";
        let help = "give them [snmp.devices] pools, ports or communities in the boot file and start the bridge again; or by SNMPv3: --user NAME";
        return Err(refuse(error, help));
    }
    Ok(())
}

async fn device(Shared(state): App, Path(name): Path<String>) -> Result<Json<view::Device>, Refusal> {
    let number = find(&state, &name)?;
    let now = clock::now();
    let found = state.fleet.row(number, |row| (row.adapter(), view::Device::new(row, now)));
    let Some((adapter, mut device)) = found else { return Err(retired(&name)) };
    device.adapter = state.fleet.adapters().find(adapter).map(|adapter| adapter.name.clone());
    Ok(Json(device))
}

async fn retire(Shared(state): App, Path(name): Path<String>) -> Result<Json<view::Retired>, Refusal> {
    let number = find(&state, &name)?;
    if state.fleet.row(number, |_| ()).is_none() {
        return Err(retired(&name));
    }
    let stopping = || {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the daemon is stopping",
            "try again when it has started",
        )
    };
    let (reply, answer) = oneshot::channel();
    state.retire.send(Retire { device: number, reply }).await.map_err(|_| stopping())?;
    match answer.await {
        Ok(Ok(())) => Ok(Json(view::Retired { device: name, number })),
        Ok(Err(error)) => Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error,
            "`fleetbridge device show` tells how it is, and the daemon's log why",
        )),
        Err(_) => Err(stopping()),
    }
}

fn find(state: &State, name: &str) -> Result<u32, Refusal> {
    state.fleet.find(name).ok_or_else(|| {
        let help = "`fleetbridge device list` shows all names; one that never got a number may be in `status --unknown`";
        Refusal::new(StatusCode::NOT_FOUND, format!("there is no device `{name}`"), help)
    })
}

fn retired(name: &str) -> Refusal {
    let help = "its number and name stay its own for ever; a retired device is not shown";
    Refusal::new(StatusCode::GONE, format!("the device `{name}` is retired"), help)
}

async fn unknown(Shared(state): App) -> Json<view::Unknown> {
    Json((state.unknown)())
}

async fn candidate(Shared(state): App) -> Json<view::Candidate> {
    Json((state.candidate)())
}

async fn discard(Shared(state): App) -> Result<Json<view::Candidate>, Refusal> {
    match (state.discard)() {
        Ok(()) => Ok(Json((state.candidate)())),
        Err(error) => {
            Err(Refusal::new(StatusCode::CONFLICT, error, "wait until that session has ended, or end it"))
        }
    }
}

async fn commits(Shared(state): App) -> Result<Json<Vec<view::Committed>>, Refusal> {
    (state.commits)().map(Json).map_err(unreadable)
}

async fn commit(Shared(state): App, Path(id): Path<u64>) -> Result<Json<view::Record>, Refusal> {
    let record = (state.commit)(id).map_err(unreadable)?;
    record.map(Json).ok_or_else(|| {
        let help = "`fleetbridge commit list` shows the newest";
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!("there is no commit {id}, or it is not kept any more"),
            help,
        )
    })
}

fn unreadable(error: String) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error, "the log and `fleetbridge check` say more")
}

/// The replies, each ended as by NETCONF 1.0.
async fn netconf(
    Shared(state): App,
    Json(view::Operations { operations }): Json<view::Operations>,
) -> Result<Response, Refusal> {
    let refuse = |error: std::io::Error| {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), "try again later")
    };
    let (ours, theirs) = UnixStream::pair().map_err(refuse)?;
    (state.netconf)(theirs).map_err(refuse)?;
    let body = Pieces::from(move |out| local::talk(ours, &operations, out));
    Ok(([(header::CONTENT_TYPE, "application/xml")], body).into_response())
}

async fn metrics_text(Shared(state): App) -> impl IntoResponse {
    let text = metrics::text(&state, clock::now());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// 200 `ok`, or 503 with a problem a line.
async fn healthz(Shared(state): App) -> impl IntoResponse {
    let problems = (state.problems)();
    if problems.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n")
}

async fn nothing_here() -> Refusal {
    let help = "see /v1/status, /v1/devices, /v1/device/NAME, /v1/report/NAME, /v1/kit/facts, /v1/kit/hosts, /v1/unknown, /v1/candidate, /v1/commits, /v1/commit/ID on the control socket; \
                /metrics and /healthz also on `[control] http`";
    Refusal::new(StatusCode::NOT_FOUND, "there is nothing here", help)
}
