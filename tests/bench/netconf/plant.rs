//! The devices' side of the broker: telemetry that comes in while NETCONF is measured, and messages to devices.

use std::{
    io::{self, BufRead, BufReader, Error, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fleetbridge::southbound::mqtt::{Address, Client, Config, Event, Protocol, Qos};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    filled::{self, POINTS},
    measure::Random,
};

/// Observations a second that come in.
pub const RATE: u32 = 100_000;

const TICK: Duration = Duration::from_millis(5);

/// Ends by itself if nobody drops it.
const LONGEST: Duration = Duration::from_secs(300);

/// Messages with all points of devices in random order, [`RATE`] observations a second, until it is dropped.
pub struct Telemetry {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Telemetry {
    pub fn start(broker: SocketAddr, devices: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Err(error) = runtime.and_then(|runtime| runtime.block_on(publish(broker, devices, &seen)))
            {
                eprintln!("the telemetry ended: {error}");
            }
        });
        Telemetry { stop, thread: Some(thread) }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Whatever it had to say, it has said.
            let _ = thread.join();
        }
    }
}

async fn publish(broker: SocketAddr, devices: u32, stop: &AtomicBool) -> io::Result<()> {
    let mut client = connect(broker, "bench-telemetry").await?;
    let rate = f64::from(RATE) / f64::from(POINTS);
    let mut timer = interval(TICK);
    timer.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (start, mut random, mut sent) = (Instant::now(), Random::new(), 0u64);
    while !stop.load(Ordering::Relaxed) && start.elapsed() < LONGEST {
        tokio::select! {
            _ = timer.tick() => {}
            event = client.next() => still_open(event).map(drop)?,
        }
        while sent < (start.elapsed().as_secs_f64() * rate) as u64 {
            let topic = format!("bench/{}", filled::name(random.below(devices) + 1));
            client.requests.publish(&topic, payload(sent), Qos::AtMostOnce, false).await;
            sent += 1;
        }
    }
    client.close(true).await;
    Ok(())
}

/// All points of `filled::profile`.
fn payload(number: u64) -> String {
    let mut text = String::from("{");
    for point in 1..POINTS {
        text += &format!("\"point-{point}\":{}.5,", (number + u64::from(point)) % 1000);
    }
    text + &format!("\"point-{POINTS}\":\"idle\"}}")
}

/// What the bridge says to devices.
pub struct Downlinks(Client);

impl Downlinks {
    pub async fn subscribe(broker: SocketAddr) -> io::Result<Self> {
        let mut client = connect(broker, "bench-devices").await?;
        if !client.requests.subscribe(&["bench/+/set".to_owned()]) {
            return Err(Error::other("the broker takes no subscription"));
        }
        while !matches!(still_open(client.next().await)?, Event::Subscribed(_)) {}
        Ok(Downlinks(client))
    }

    /// Waits for the next message with this payload and tells when it came.
    pub async fn next(&mut self, payload: &str) -> io::Result<Instant> {
        loop {
            if let Event::Message(message) = still_open(self.0.next().await)? {
                let come = Instant::now();
                if message.needs_ack() && !self.0.requests.ack(&message) {
                    return Err(Error::other("the acknowledgement has no room"));
                }
                if message.payload() == payload.as_bytes() {
                    return Ok(come);
                }
            }
        }
    }
}

async fn connect(broker: SocketAddr, client: &str) -> io::Result<Client> {
    let address = Address { host: broker.ip().to_string(), port: broker.port(), tls: false };
    let config = Config { protocol: Protocol::V311, ..Config::new("bench", address) };
    let fail = |failure: fleetbridge::southbound::mqtt::Failure| Error::other(failure.text(&config));
    let mut client = Client::open(&config, client, None).map_err(fail)?;
    while !matches!(still_open(client.next().await)?, Event::Connected) {}
    Ok(client)
}

fn still_open(event: Event) -> io::Result<Event> {
    match event {
        Event::Closed(failure) => Err(Error::other(format!("the broker is gone: {failure:?}"))),
        event => Ok(event),
    }
}

/// What the bridge has taken in so far, by its own count.
pub fn observations(http: SocketAddr) -> io::Result<u64> {
    let mut stream = TcpStream::connect(http)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    for line in BufReader::new(stream).lines() {
        if let Some(count) = line?.strip_prefix("fleetbridge_observations_total ") {
            return count.parse().map_err(Error::other);
        }
    }
    Err(Error::other("there is no count of observations"))
}
