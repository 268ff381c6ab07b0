//! Keeps one subscription alive: connects, subscribes at every connect, backs off, hands out batches.

use std::{collections::VecDeque, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::{Client, Config, Event, Failure, Message, Outgoing};
use crate::southbound::flow;

/// Messages in a batch at most.
const BATCH: usize = 1024;
/// Octets of payloads of a batch, give or take one message.
const BATCH_OCTETS: usize = 16 << 20;

/// Messages published and not confirmed by the broker at most. Brokers allow 20 by default and more on request; the client
/// library keeps to what this one allows.
const WINDOW: usize = 64;

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LAST_DELAY: Duration = Duration::from_secs(60);

/// A connection that lived this long was a good one: the next one is tried soon after.
const GOOD: Duration = Duration::from_secs(10);

/// The broker must have answered the subscription by then.
const SUBSCRIBE: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq, Eq)]
pub enum Update {
    /// Connected and subscribed.
    Connected,
    /// Why, for the operator. At each try that fails, also if nothing has changed.
    Disconnected(String),
    /// The broker refused some of the subscriptions; the connection stands.
    Trouble(String),
    /// What the broker says of a message given to [`Link::publish`], by its token.
    Published(u64, Result<(), String>),
    /// [`Link::messages`] has some; [`Link::done`] when they are safe.
    Messages,
}

/// See the module. Nothing is lost by dropping a future of [`next`](Link::next).
#[derive(Debug)]
pub struct Link {
    config: Config,
    filters: Vec<String>,
    client_id: String,
    state: State,
    /// Updates to hand out before anything else.
    updates: VecDeque<Update>,
    batch: Vec<Message>,
    /// Of the payloads in `batch`.
    octets: usize,
    /// Safe messages whose acknowledgement did not fit into the queue yet.
    unacked: VecDeque<Message>,
    delay: Duration,
}

#[derive(Debug)]
enum State {
    Waiting {
        until: Option<Instant>,
    },
    /// `subscribed` once the broker has answered.
    Open {
        client: Client,
        since: Instant,
        subscribed: bool,
    },
}

impl Link {
    /// `filters` without `$share`.
    pub fn new(config: Config, filters: Vec<String>) -> Self {
        let client_id = config.client_id.clone().unwrap_or_else(|| format!("fleetbridge-{:016x}", random()));
        let filters = match &config.share_group {
            Some(group) => filters.iter().map(|filter| format!("$share/{group}/{filter}")).collect(),
            None => filters,
        };
        Link {
            config,
            filters,
            client_id,
            state: State::Waiting { until: None },
            updates: VecDeque::new(),
            batch: Vec::with_capacity(BATCH),
            octets: 0,
            unacked: VecDeque::new(),
            delay: FIRST_DELAY,
        }
    }

    /// Waits for what happens next. Messages not yet [done](Link::done) are given again.
    pub async fn next(&mut self) -> Update {
        loop {
            if !self.batch.is_empty() {
                return Update::Messages;
            }
            if let Some(update) = self.updates.pop_front() {
                return update;
            }
            match &mut self.state {
                State::Waiting { until } => {
                    if let Some(until) = *until {
                        sleep_until(until).await;
                    }
                    self.open();
                }
                State::Open { client, since, subscribed } => {
                    let overdue = *since + SUBSCRIBE;
                    let flow = self.config.flow.as_ref().filter(|_| *subscribed);
                    let event = tokio::select! {
                        event = client.next() => event,
                        () = sleep_until(overdue), if !*subscribed => Event::Closed(Failure::Silent),
                        () = sleep(flow::IDLE), if flow.is_some() => {
                            if let Some(flow) = flow {
                                flow.reset();
                            }
                            continue;
                        }
                    };
                    self.handle(event);
                    self.fill();
                }
            }
        }
    }

    /// How many messages can be published now; the broker confirms them with [`Update::Published`].
    pub fn room(&self) -> usize {
        match &self.state {
            State::Open { client, subscribed: true, .. } => WINDOW.saturating_sub(client.unconfirmed()),
            _ => 0,
        }
    }

    /// Publishes under a token of the caller's. False: not now. If the connection ends before the broker's word, there
    /// is none but [`Update::Disconnected`].
    #[must_use]
    pub fn publish(&mut self, token: u64, message: &Outgoing<'_>) -> bool {
        match &mut self.state {
            State::Open { client, subscribed: true, .. } => client.publish(token, message),
            _ => false,
        }
    }

    /// At most 1,024; in the order they came.
    pub fn messages(&self) -> &[Message] {
        &self.batch
    }

    /// The messages are safe: acknowledges them. If their connection has ended meanwhile they come again.
    pub fn done(&mut self) {
        self.octets = 0;
        let done = self.batch.drain(..).filter(Message::needs_ack);
        if let State::Open { .. } = self.state {
            self.unacked.extend(done);
            self.send_acks();
        }
    }

    /// Says goodbye to the broker. Messages not done will come again if the client identifier is a fixed one.
    pub async fn close(self) {
        if let State::Open { client, .. } = self.state {
            client.close(self.config.client_id.is_none()).await;
        }
    }

    fn open(&mut self) {
        match Client::open(&self.config, &self.client_id, None) {
            Ok(client) => self.state = State::Open { client, since: Instant::now(), subscribed: false },
            Err(failure) => self.failed(failure),
        }
    }

    /// Takes what is there already, up to the next update: what comes after it stays after it.
    fn fill(&mut self) {
        self.send_acks();
        while self.batch.len() < BATCH
            && self.octets < BATCH_OCTETS
            && self.updates.is_empty()
            && let State::Open { client, .. } = &mut self.state
            && let Some(event) = client.ready()
        {
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        let State::Open { client, since, subscribed } = &mut self.state else { return };
        match event {
            Event::Message(message) => {
                if let Some(flow) = &self.config.flow
                    && !message.retained()
                {
                    flow.give_back(message.payload().len());
                }
                self.octets += message.payload().len();
                self.batch.push(message);
            }
            Event::Connected if self.filters.is_empty() => {
                *subscribed = true;
                self.updates.push_back(Update::Connected);
            }
            Event::Connected => {
                *since = Instant::now();
                if !client.requests.subscribe(&self.filters) {
                    self.failed(Failure::Setup(format!(
                        "not to be subscribed to: {}",
                        self.filters.join(", ")
                    )));
                }
            }
            Event::Subscribed(answers) => {
                *subscribed = true;
                let refused: Vec<_> = self
                    .filters
                    .iter()
                    .zip(answers)
                    .filter_map(|(filter, refusal)| Some((filter.clone(), refusal?)))
                    .collect();
                if refused.len() == self.filters.len() {
                    return self.failed(Failure::Subscription(refused));
                }
                if !refused.is_empty() {
                    let text = Failure::Subscription(refused).text(&self.config);
                    self.updates.push_back(Update::Trouble(text));
                }
                self.updates.push_back(Update::Connected);
            }
            Event::Published(token, outcome) => self.updates.push_back(Update::Published(token, outcome)),
            Event::Closed(failure) => self.failed(failure),
        }
    }

    fn failed(&mut self, failure: Failure) {
        if let State::Open { since, subscribed: true, .. } = &self.state
            && since.elapsed() >= GOOD
        {
            self.delay = FIRST_DELAY;
        }
        // Half of it by chance, so that many bridges do not come back in step.
        let jitter = self.delay.mul_f64(0.5 + (random() >> 11) as f64 / (1u64 << 54) as f64);
        self.delay = (self.delay * 2).min(LAST_DELAY);
        self.state = State::Waiting { until: Some(Instant::now() + jitter) };
        // The broker sends these again.
        self.unacked.clear();
        self.updates.push_back(Update::Disconnected(failure.text(&self.config)));
    }

    fn send_acks(&mut self) {
        let State::Open { client, .. } = &self.state else { return };
        while let Some(message) = self.unacked.front() {
            if !client.requests.ack(message) {
                return;
            }
            self.unacked.pop_front();
        }
    }
}

fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}
