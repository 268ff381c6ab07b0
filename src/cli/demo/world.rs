//! Gives simulated devices connections and a fate: they die without a word, fall silent, and return.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use super::{
    devices::{Device, Post},
    dice::Dice,
};
use crate::{
    clock,
    southbound::mqtt::{Client, Config, Event, Qos},
};

/// Between two reports of a device.
pub const PERIOD: Duration = Duration::from_secs(10);

/// With 50 devices, between two blows of fate.
const GAP: (f64, f64) = (4.0, 9.0);

/// All are there after this.
const START: Duration = Duration::from_secs(2);

const RETRY: Duration = Duration::from_secs(1);

/// What happens to a device.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It loses its power: the connection is cut and the broker publishes the will.
    Dies(Duration),
    /// It stays connected and says nothing.
    Hushes(Duration),
}

/// Running devices.
pub struct World {
    sent: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl World {
    /// `broker`: without credentials of devices everybody is welcome there.
    pub fn start(devices: Vec<Device>, broker: &Config, seed: u64) -> World {
        let (stop, stops) = watch::channel(false);
        let sent = Arc::new(AtomicU64::new(0));
        let mut dice = Dice::new(seed);
        let mut fates = Vec::new();
        let mut tasks = Vec::new();
        let count = devices.len().max(1) as f64;
        for (at, device) in devices.into_iter().enumerate() {
            let (fate, orders) = mpsc::channel(1);
            fates.push(fate);
            let life = Life { device, broker: broker.clone(), sent: sent.clone(), orders };
            let until = until(stops.clone());
            // One after the other, so that they get their numbers in this order.
            let delay = START.mul_f64(at as f64 / count);
            let phase = PERIOD.mul_f64(dice.between(0.1, 1.0));
            tasks.push(tokio::spawn(life.run(delay, phase, until)));
        }
        tasks.push(tokio::spawn(direct(fates, dice, until(stops))));
        World { sent, stop, tasks }
    }

    /// Messages published so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// All devices say goodbye.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let abort = task.abort_handle();
            if timeout(Duration::from_secs(2), task).await.is_err() {
                abort.abort();
            }
        }
    }
}

struct Life {
    device: Device,
    broker: Config,
    sent: Arc<AtomicU64>,
    orders: mpsc::Receiver<Fate>,
}

/// How a connection ended.
enum End {
    Died(Duration),
    Broken,
}

impl Life {
    async fn run(mut self, delay: Duration, phase: Duration, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let (mut pause, mut rebooted) = (delay, false);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                () = sleep(pause) => {}
            }
            let Ok(mut client) = Client::open(&self.broker, self.device.id(), Some(&self.device.will()))
            else {
                return;
            };
            let end = tokio::select! {
                () = &mut stopped => return client.close(true).await,
                end = self.live(&mut client, rebooted, phase) => end,
            };
            // Without a word: so the broker publishes the will.
            drop(client);
            (pause, rebooted) = match end {
                End::Died(pause) => (pause, true),
                End::Broken => (RETRY, false),
            };
        }
    }

    async fn live(&mut self, client: &mut Client, rebooted: bool, phase: Duration) -> End {
        if !matches!(client.next().await, Event::Connected) {
            return End::Broken;
        }
        let filters = self.device.filters();
        if !filters.is_empty() && !client.requests.subscribe(&filters) {
            return End::Broken;
        }
        let hello = self.device.greet(rebooted, clock::now());
        if !self.say(client, hello).await {
            return End::Broken;
        }
        let mut timer = interval_at(Instant::now() + phase, PERIOD);
        timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut quiet_until = Instant::now();
        loop {
            tokio::select! {
                _ = timer.tick() => {
                    let report = self.device.report(PERIOD.as_secs(), clock::now());
                    if Instant::now() >= quiet_until && !self.say(client, report).await {
                        return End::Broken;
                    }
                }
                Some(fate) = self.orders.recv() => match fate {
                    Fate::Dies(pause) => return End::Died(pause),
                    Fate::Hushes(pause) => quiet_until = Instant::now() + pause,
                },
                event = client.next() => match event {
                    Event::Closed(_) => return End::Broken,
                    Event::Message(message) => {
                        let posts = self.device.hear(&message.topic(), message.payload());
                        let heard = !message.needs_ack() || client.requests.ack(&message);
                        if !heard || !self.say(client, posts).await {
                            return End::Broken;
                        }
                    }
                    _ => {}
                },
            }
        }
    }

    async fn say(&self, client: &Client, posts: Vec<Post>) -> bool {
        for Post { topic, payload, retained } in posts {
            let qos = if retained { Qos::AtLeastOnce } else { Qos::AtMostOnce };
            if !client.requests.publish(&topic, payload, qos, retained).await {
                return false;
            }
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
        true
    }
}

/// Deals out fates, more often the more devices there are.
async fn direct(fates: Vec<mpsc::Sender<Fate>>, mut dice: Dice, stopped: impl Future<Output = ()>) {
    let mut stopped = std::pin::pin!(stopped);
    let pace = (50.0 / fates.len().max(1) as f64).clamp(0.02, 3.0);
    loop {
        let gap = Duration::from_secs_f64(dice.between(GAP.0, GAP.1) * pace);
        tokio::select! {
            () = &mut stopped => return,
            () = sleep(gap) => {}
        }
        let fate = if dice.once_in(3) {
            Fate::Hushes(Duration::from_secs_f64(dice.between(35.0, 55.0)))
        } else {
            Fate::Dies(Duration::from_secs_f64(dice.between(8.0, 20.0)))
        };
        if let Some(device) = fates.get(dice.below(fates.len() as u64) as usize) {
            let _ = device.try_send(fate);
        }
    }
}

async fn until(mut stops: watch::Receiver<bool>) {
    let _ = stops.wait_for(|stop| *stop).await;
}
