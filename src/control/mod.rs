//! How people talk to a running bridge: HTTP and JSON over a Unix socket that only its owner can open. `/metrics` and
//! `/healthz` are also served on `[control] http`, which never gives or takes anything else.
//!
//! ```text
//! GET  /v1/status                     view::Status
//! GET  /v1/devices                    report::DEVICES; ?format=table|csv|json|lines &from=NUMBER &limit=N &site= &profile= &since=MS
//! GET  /v1/device/NAME                view::Device
//! POST /v1/device/NAME/retire         view::Retired
//! GET  /v1/report/NAME                as /v1/devices
//! GET  /v1/kit/facts                  kit::Facts; ?user=NAME: who asks by SNMPv3
//! GET  /v1/kit/hosts                  {"revision": SECONDS} and kit::Host, a line each; ?since=REVISION &filter=kit::Filter
//!                                     &parents=true: with those that they hang on; &user=NAME
//! GET  /v1/unknown                    view::Unknown
//! POST /v1/notify/test                [view::Tested]; ?target=ADDRESS:PORT
//! GET  /metrics /healthz
//! ```
//! Every error is `{"error": "...", "help": "..."}` with a status of 4xx or 5xx.

pub mod client;
mod hosts;
mod local;
mod metrics;
mod pieces;
mod room;
mod routes;
mod socket;
pub mod view;

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    os::unix::net::UnixStream,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

pub use local::END;
pub use room::{Level, Room};
pub use socket::Listeners;

use crate::{
    fleet::Fleet,
    kit,
    model::{DeviceNumber, Time},
    stats::Stats,
};

/// How long answers that are under way may take after the word to stop.
const GRACE: Duration = Duration::from_secs(2);

/// What the control API shows of the bridge.
pub struct State {
    pub fleet: Arc<Fleet>,
    pub stats: Arc<Stats>,
    pub started: Time,
    /// snmpEngineID of the bridge in hexadecimal digits; `None`: SNMPv3 is off.
    pub engine: Option<String>,
    /// The last messages that nobody understood.
    pub unknown: Box<dyn Fn() -> view::Unknown + Send + Sync>,
    /// How the trap targets stand.
    pub targets: Box<dyn Fn() -> Vec<view::Target> + Send + Sync>,
    /// Tells a trap target, or all, of nothing, and waits for what comes of it; `None`: the bridge is stopping.
    pub test: Box<TestTargets>,
    /// What is wrong with the bridge itself (not with devices), a sentence each; empty: healthy.
    pub problems: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    /// Opens a NETCONF session of an administrator on one end of a pair of sockets.
    pub netconf: Box<dyn Fn(UnixStream) -> io::Result<()> + Send + Sync>,
    pub candidate: Box<dyn Fn() -> view::Candidate + Send + Sync>,
    /// Forgets what is staged; the error says why not.
    pub discard: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// The newest commits, newest first.
    pub commits: Box<dyn Fn() -> Result<Vec<view::Committed>, String> + Send + Sync>,
    /// A commit with its edits, if it is still kept.
    pub commit: Box<dyn Fn(u64) -> Result<Option<view::Record>, String> + Send + Sync>,
    /// How the bridge's own agent is asked; without a community nobody may.
    pub agent: kit::Agent,
    /// The devices that its community sees; `None`: all.
    pub seen: Option<kit::Filter>,
    /// How a device is asked, by its number and name.
    pub agent_of: Box<AgentOf>,
    /// Who may ask by SNMPv3, with the devices that each sees.
    pub users: Vec<(kit::User, Option<kit::Filter>)>,
    pub rooms: Vec<Room>,
    /// The addresses of devices, the first and the last of each pool.
    pub pools: Vec<RangeInclusive<IpAddr>>,
    /// To whom the wish to retire a device goes.
    pub retire: mpsc::Sender<Retire>,
}

impl State {
    /// Also what does not make the bridge unhealthy.
    fn all_problems(&self) -> Vec<String> {
        let used = self.fleet.counts().numbers_used;
        let mut problems = (self.problems)();
        problems.extend(self.rooms.iter().filter_map(|room| room.shortage(used)));
        problems
    }
}

pub type TestTargets = dyn Fn(Option<SocketAddr>) -> Pin<Box<dyn Future<Output = Option<Vec<view::Tested>>> + Send>>
    + Send
    + Sync;

/// With an empty community only a user can ask.
pub type AgentOf = dyn Fn(DeviceNumber, &str) -> kit::Agent + Send + Sync;

/// Somebody wants a device retired; the answer comes when that is durable.
#[derive(Debug)]
pub struct Retire {
    pub device: DeviceNumber,
    pub reply: oneshot::Sender<Result<(), String>>,
}

#[derive(Debug, Error)]
pub enum ControlError {
    #[error("another daemon answers at the control socket {}; stop it, or give this one another `[control] socket`", .0.display())]
    Taken(PathBuf),
    #[error("{} exists and is no socket; move it away, or give another `[control] socket`", .0.display())]
    NoSocket(PathBuf),
    #[error("the control socket's path {} has {} bytes, a Unix socket's at most 107; give a shorter `[control] socket`", .0.display(), .0.as_os_str().len())]
    TooLong(PathBuf),
    #[error("cannot open the control socket {}: {error}", path.display())]
    Socket { path: PathBuf, error: std::io::Error },
    #[error("cannot listen on {address} (`[control] http`): {error}")]
    Http { address: SocketAddr, error: std::io::Error },
}

/// Serves until `shutdown` is done, then lets answers under way finish, for two seconds at most; removes the socket.
pub async fn serve(
    state: Arc<State>,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        shutdown.await;
        let _ = stop.send(true);
    });
    let word = |mut stopped: watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let (unix, tcp, _file) = listeners.into_parts();
    let control =
        axum::serve(unix, routes::control(state.clone())).with_graceful_shutdown(word(stopped.clone()));
    let public = async {
        if let Some(tcp) = tcp {
            let _ =
                axum::serve(tcp, routes::public(state)).with_graceful_shutdown(word(stopped.clone())).await;
        }
    };
    let served = async { tokio::join!(control.into_future(), public) };
    let late = async {
        word(stopped.clone()).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        _ = served => {}
        () = late => {}
    }
}
