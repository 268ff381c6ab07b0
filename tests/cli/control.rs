//! The control socket and `[control] http`, over a bridge without MQTT and SNMP.

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use fleetbridge::{
    control::{
        Listeners, Retire, Room, State,
        client::{Client, ClientError},
        serve, view,
    },
    kit,
    snmp::usm::{AuthProtocol, PrivProtocol},
    stats::Stats,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot},
};

use super::*;

/// A control socket over [`small_fleet`] in a folder of its own, on a runtime of its own.
pub struct Bridge {
    pub folder: tempfile::TempDir,
    pub http: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: Option<std::thread::JoinHandle<()>>,
}

fn agent() -> kit::Agent {
    let addresses = vec![[127, 0, 0, 1].into()];
    kit::Agent { addresses, port: 1161, community: "public".into(), context: String::new() }
}

/// `anna` sees all devices, `bob` some.
fn users() -> Vec<(kit::User, Option<kit::Filter>)> {
    let user = |name: &str, auth, private| kit::User { name: name.to_owned(), auth, private };
    vec![
        (user("anna", AuthProtocol::Sha384, Some(PrivProtocol::Aes256)), None),
        (user("bob", AuthProtocol::Sha256, None), kit::Filter::parse("site=plant-1").ok()),
    ]
}

impl Bridge {
    pub fn start(problems: &'static [&'static str]) -> Bridge {
        Bridge::of(Arc::new(small_fleet()), problems)
    }

    pub fn of(fleet: Arc<Fleet>, problems: &'static [&'static str]) -> Bridge {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let (stop, stopped) = oneshot::channel::<()>();
        let (address, addresses) = std::sync::mpsc::channel();
        let served = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async move {
                let (retire, mut retirements) = mpsc::channel::<Retire>(1);
                let keeper = fleet.clone();
                tokio::spawn(async move {
                    while let Some(wish) = retirements.recv().await {
                        keeper.retire(wish.device, now());
                        wish.reply.send(Ok(())).unwrap();
                    }
                });
                let message = view::UnknownMessage {
                    time: now().to_string(),
                    adapter: "plant".into(),
                    topic: "a/b".into(),
                    payload: "\u{7}bell".into(),
                    reason: "no-profile".into(),
                };
                let unknown = view::Unknown {
                    strangers: Vec::new(),
                    counts: vec![view::UnknownCount { reason: "no-profile".into(), count: 3 }],
                    last: vec![message],
                    waiting: Vec::new(),
                };
                let state = State {
                    fleet,
                    engine: Some("80007ed905".into()),
                    stats: Arc::new(Stats::default()),
                    started: START,
                    unknown: Box::new(move || unknown.clone()),
                    targets: Box::new(Vec::new),
                    test: Box::new(|_| Box::pin(async { None })),
                    problems: Box::new(|| problems.iter().map(ToString::to_string).collect()),
                    retire,
                    rooms: vec![Room { kind: "ipv4", total: 254 }],
                    pools: Vec::new(),
                    netconf: Box::new(|_| Err(std::io::ErrorKind::Unsupported.into())),
                    candidate: Box::new(view::Candidate::default),
                    discard: Box::new(|| Ok(())),
                    commits: Box::new(|| Ok(Vec::new())),
                    commit: Box::new(|_| Ok(None)),
                    agent: agent(),
                    seen: None,
                    agent_of: Box::new(|number, name| {
                        // Every second device has an address of its own.
                        let own = IpAddr::from([127, 1, 0, number as u8]);
                        match number % 2 {
                            0 => kit::Agent { addresses: vec![own], ..agent() },
                            _ => kit::Agent {
                                community: format!("public@{name}"),
                                context: name.to_owned(),
                                ..agent()
                            },
                        }
                    }),
                    users: users(),
                };
                let listeners = Listeners::bind(&socket, Some(([127, 0, 0, 1], 0).into())).await.unwrap();
                address.send(listeners.http().unwrap()).unwrap();
                serve(Arc::new(state), listeners, async {
                    let _ = stopped.await;
                })
                .await;
            });
        });
        let http = addresses.recv().unwrap();
        Bridge { folder, http, stop: Some(stop), served: Some(served) }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    pub fn client(&self) -> Client {
        Client::new(&self.socket())
    }

    fn get(&self, path: &str) -> String {
        let ask = async {
            let mut stream = TcpStream::connect(self.http).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(ask)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.take().unwrap().join().unwrap();
        assert!(!self.socket().exists(), "the socket is removed at the end");
    }
}

#[test]
fn status_and_devices() {
    let bridge = Bridge::start(&[]);
    let client = bridge.client();
    let status: view::Status = client.read("/v1/status").unwrap();
    assert_eq!(status.devices.total, 4);
    assert_eq!((status.devices.lost, status.devices.unreachable, status.devices.never_seen), (1, 1, 1));
    assert_eq!((status.adapters[0].name.as_str(), status.adapters[0].state.as_str()), ("plant", "up"));
    assert_eq!(status.problems, [""; 0]);

    let device: view::Device = client.read("/v1/device/plug-1").unwrap();
    assert_eq!(device.adapter.as_deref(), Some("plant"));
    assert_eq!(device.points[0].value.as_deref(), Some("21.5"));
    assert_eq!(device.points[1].value.as_deref(), Some("true"));
    assert_eq!(device.points[3].value.as_deref(), Some("wärm\u{1b}[2J"));
    assert!(device.attributes.contains(&("firmware".to_owned(), "1.2.3".to_owned())));

    let mut out = Vec::new();
    client.copy("/v1/devices?from=2&limit=1", &mut out).unwrap();
    let line: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((line["device"].as_str(), line["number"].as_u64()), (Some("gw-1"), Some(2)));
}

#[test]
fn errors_say_what_to_do() {
    let bridge = Bridge::start(&[]);
    for (path, error) in [
        ("/v1/device/nobody", "there is no device `nobody`"),
        ("/v1/report/nothing", "there is no report `nothing`"),
        ("/v1/report/missing?profile=gatewy", "there is no profile `gatewy`"),
        ("/v1/devices?profile=gatewy", "there is no profile `gatewy`"),
        ("/v1/nothing", "there is nothing here"),
    ] {
        let Err(ClientError::Refused(problem)) = bridge.client().read::<Value>(path) else {
            panic!("{path}")
        };
        assert_eq!(problem.error, error);
        assert!(!problem.help.is_empty());
        assert!(!path.contains("gatewy") || problem.help.starts_with("did you mean `gateway`?"));
    }
    for path in ["/v1/devices?format=xml", "/v1/devices?frm=3", "/v1/report/missing?limit=-1"] {
        let answer = bridge.client().read::<Value>(path);
        assert!(
            matches!(answer, Err(ClientError::Refused(problem)) if problem.help.contains("format=")),
            "{path}"
        );
    }
}

#[test]
fn a_device_is_retired_once() {
    let bridge = Bridge::start(&[]);
    let retired: view::Retired = bridge.client().post("/v1/device/plug-2/retire").unwrap();
    assert_eq!((retired.device.as_str(), retired.number), ("plug-2", 4));
    for answer in [
        bridge.client().post::<Value>("/v1/device/plug-2/retire"),
        bridge.client().read::<Value>("/v1/device/plug-2"),
    ] {
        assert!(matches!(answer, Err(ClientError::Refused(problem)) if problem.error.contains("is retired")));
    }
    let status: view::Status = bridge.client().read("/v1/status").unwrap();
    assert_eq!((status.devices.total, status.devices.numbers_used), (3, 4));
}

#[test]
fn metrics_and_health_are_all_that_http_gives() {
    let bridge = Bridge::start(&[]);
    let metrics = bridge.get("/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    for line in [
        "fleetbridge_devices{presence=\"lost\"} 1",
        "fleetbridge_devices{presence=\"unreachable\"} 1",
        "fleetbridge_adapter_up{adapter=\"plant\",kind=\"mqtt\"} 1",
        "fleetbridge_device_numbers_used 4",
        "fleetbridge_device_addresses{kind=\"ipv4\"} 254",
        "fleetbridge_device_addresses_used{kind=\"ipv4\"} 4",
        "fleetbridge_snmp_in_packets_total 0",
        "fleetbridge_problems 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in:\n{metrics}");
    }
    assert!(bridge.get("/healthz").ends_with("ok\n"));
    for path in ["/v1/status", "/v1/devices", "/v1/device/plug-1"] {
        assert!(bridge.get(path).starts_with("HTTP/1.1 404"), "{path}");
    }
    let sick = Bridge::start(&["the disk is full"]);
    let health = sick.get("/healthz");
    assert!(health.starts_with("HTTP/1.1 503") && health.ends_with("the disk is full\n"), "{health}");
}

/// Somebody who asks for a long answer and does not read it costs a bounded buffer, and does not hold up the end.
#[test]
fn a_reader_that_stands_still_holds_nothing_up() {
    let fleet = fleet();
    let wanted: Vec<_> = (0..50_000).map(|n| identity(SENSOR, &format!("device-{n:05}"))).collect();
    fleet.insert(&fleet.draft(&wanted, START).unwrap());
    let bridge = Bridge::of(Arc::new(fleet), &[]);
    let mut lazy = std::os::unix::net::UnixStream::connect(bridge.socket()).unwrap();
    std::io::Write::write_all(&mut lazy, b"GET /v1/devices HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let status: view::Status = bridge.client().read("/v1/status").unwrap();
    assert_eq!(status.devices.total, 50_000);
    let begun = std::time::Instant::now();
    drop(bridge);
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
}
