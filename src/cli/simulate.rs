//! `fleetbridge simulate`: many devices over few connections, to try a broker and a bridge at scale.

use std::{
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    Failure,
    demo::dice::{Dice, rounded},
    serve::runtime,
};
use crate::{
    clock, file,
    secret::Secret,
    southbound::mqtt::{Address, Client, Config, Event, Protocol, Qos},
};

/// How often each connection sends its share.
const TICK: Duration = Duration::from_millis(20);

/// For the last messages to leave.
const FLUSH: Duration = Duration::from_millis(300);

/// Publish telemetry of many simulated sensors to a broker
#[derive(Debug, Args)]
#[command(
    after_help = "The sensors are those of the profile json-sensor: sensors/sim-000001/telemetry and so on. They share
a few connections, each reports in turn, and nothing says goodbye for them. A bridge takes in 1,000
new devices a minute unless its boot file says more ([limits] new-devices-a-minute).

Example:
  fleetbridge simulate --broker mqtt://127.0.0.1:1883 --devices 100000 --rate 20000 --duration 60s"
)]
pub(super) struct Simulate {
    /// mqtt://HOST[:PORT] or mqtts://HOST[:PORT]
    #[arg(long, value_name = "URL", default_value = "mqtt://127.0.0.1:1883", value_parser = Address::parse)]
    broker: Address,
    /// How many devices there are
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    devices: u32,
    /// How many connections they share
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
    /// Messages in a second, of all together
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// How long it goes on, for example 90s or 5m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    duration: Duration,
    /// 0 or 1
    #[arg(long, value_name = "QOS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=1))]
    qos: u8,
    /// User at the broker
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file (mode 0600) of the user's password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The authority of the broker's certificate, in PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// One connection with a range of the devices.
struct Share {
    config: Config,
    client_id: String,
    first: u32,
    devices: u32,
    rate: f64,
    qos: Qos,
}

impl Simulate {
    pub fn run(self, out: &mut dyn Write) -> Result<(), Failure> {
        let config = self.config()?;
        let start = Instant::now();
        let sent = runtime()?.block_on(self.send(config))?;
        let took = start.elapsed().saturating_sub(FLUSH).as_secs_f64();
        writeln!(
            out,
            "{sent} messages of {} devices in {took:.1} s: {:.0}/s",
            self.devices,
            sent as f64 / took
        )?;
        Ok(())
    }

    async fn send(&self, config: Config) -> Result<u64, Failure> {
        let connections = self.connections.min(self.devices);
        let mut tasks = Vec::new();
        for at in 0..connections {
            // In 64 bits: devices times connections is more than 32 hold.
            let edge = |at: u32| (u64::from(self.devices) * u64::from(at) / u64::from(connections)) as u32;
            let share = Share {
                config: config.clone(),
                client_id: format!("simulate-{}-{at}", std::process::id()),
                first: edge(at) + 1,
                devices: edge(at + 1) - edge(at),
                rate: f64::from(self.rate) / f64::from(connections),
                qos: if self.qos == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce },
            };
            tasks.push(tokio::spawn(share.run(self.duration)));
        }
        let mut sent = 0;
        for task in tasks {
            sent += task.await.map_err(|error| Failure::new(error.to_string(), ""))??;
        }
        Ok(sent)
    }

    fn config(&self) -> Result<Config, Failure> {
        let password = match &self.password_file {
            None => None,
            Some(file) => Some(
                Secret::from_file(file)
                    .map_err(|error| Failure::new(format!("{}: {error}", file.display()), ""))?,
            ),
        };
        Ok(Config {
            protocol: Protocol::V311,
            user: self.user.clone(),
            password,
            ca_file: self.ca_file.clone(),
            ..Config::new("simulate", self.broker.clone())
        })
    }
}

impl Share {
    async fn run(self, duration: Duration) -> Result<u64, Failure> {
        let fail = |failure: &crate::southbound::mqtt::Failure| Failure::new(failure.text(&self.config), "");
        let mut client =
            Client::open(&self.config, &self.client_id, None).map_err(|failure| fail(&failure))?;
        match client.next().await {
            Event::Connected => {}
            Event::Closed(failure) => return Err(fail(&failure)),
            _ => return Err(Failure::new("the broker speaks before it is asked", "")),
        }
        let mut dice = Dice::new(u64::from(self.first));
        let mut timer = interval(TICK);
        timer.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let start = Instant::now();
        let (mut sent, mut at) = (0u64, 0u32);
        while start.elapsed() < duration {
            tokio::select! {
                _ = timer.tick() => {}
                event = client.next() => match event {
                    Event::Closed(failure) => return Err(fail(&failure)),
                    _ => continue,
                },
            }
            let due = (start.elapsed().as_secs_f64() * self.rate) as u64;
            while sent < due {
                let (topic, payload) = message(self.first + at, &mut dice);
                if !client.requests.publish(&topic, payload, self.qos, false).await {
                    break;
                }
                sent += 1;
                at = (at + 1) % self.devices;
            }
        }
        // A goodbye overtakes what waits in the queue.
        tokio::time::sleep(FLUSH).await;
        client.close(true).await;
        Ok(sent)
    }
}

fn message(device: u32, dice: &mut Dice) -> (String, String) {
    let payload = format!(
        r#"{{"temperature":{},"humidity":{},"battery":{},"rssi":-{},"ts":{}}}"#,
        rounded(dice.between(15.0, 30.0), 1),
        rounded(dice.between(30.0, 60.0), 1),
        dice.below(101),
        40 + dice.below(50),
        clock::now().secs(),
    );
    (format!("sensors/sim-{device:06}/telemetry"), payload)
}

fn duration(text: &str) -> Result<Duration, String> {
    match file::parse_duration(text) {
        Some(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err("a time such as 90s or 5m".to_owned()),
    }
}
