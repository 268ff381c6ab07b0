//! From a boot file to a running bridge.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::Path,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use super::{
    Daemon,
    addresses::{self, AddressError, Shortages},
    changes,
    enrol::{Enroller, RateLimit},
    files,
    flush::Flusher,
    keep::Keeper,
    manage::{self, Unsettled},
    netconf::{self, Netconf},
    settings,
};
use crate::{
    clock,
    config::{self, Config},
    control,
    datastore::Datastore,
    file::{self, Diagnostic},
    fleet::{Adapter, Begin, Fleet},
    journal::EventKind,
    kit,
    model::{DeviceRecord, NO_PROFILE, Profiles},
    snmp::{
        self,
        notifier::{History, Targets},
    },
    southbound::{
        Limits,
        broker::{self, BrokerError},
        codec::Decoder,
        ingest::{Context, Ingest},
        mqtt,
        profile::{CompileError, Library, compile},
        unknown::Unknown,
    },
    stats::Stats,
    store::{Opened, Store, StoreError, Trouble},
};

/// Why the bridge did not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Addresses(#[from] AddressError),
    #[error(transparent)]
    Snmp(#[from] snmp::transport::TransportError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Control(#[from] control::ControlError),
    #[error(transparent)]
    Profiles(#[from] CompileError),
    #[error("the YANG modules cannot be served: {0}")]
    Schema(#[from] crate::yang::SchemaError),
    #[error("the configuration of devices cannot be read: {0}")]
    Datastore(#[from] crate::datastore::Error),
    #[error(transparent)]
    Netconf(#[from] netconf::NetconfError),
    #[error(
        "{needed} {} open files, and this process may have {limit}: {}",
        needed.files(),
        files::HELP
    )]
    Files { needed: files::Needed, limit: u64 },
    #[error("the SNMP engine has no identity: {0}")]
    Engine(#[from] snmp::engine::EngineError),
    #[error(transparent)]
    Made(#[from] snmp::made::MadeError),
}

/// What the boot file and the profiles say, without an error.
pub struct Plan {
    pub config: Config,
    pub library: Library,
    /// Warnings and notes.
    pub notes: Vec<Diagnostic>,
}

/// How many wishes for numbers wait at most; adapters wait behind them.
const WISHES: usize = 64;
/// Devices inserted at once at the start.
const GROUP: usize = 1024;
const SWEEP: Duration = Duration::from_secs(1);
/// Sweeps between two entConfigChange of a device (RFC 6933).
const CHANGES: u64 = 5;

impl Plan {
    /// Reads the boot file and all profiles.
    ///
    /// # Errors
    /// All problems of all files, warnings among them, if one is an error.
    pub fn read(file: &Path) -> Result<Plan, Vec<Diagnostic>> {
        let outcome = config::load(file);
        let (config, mut problems) = (outcome.value, outcome.problems);
        let Some(config) = config else { return Err(problems) };
        match Library::load(Some(&config.profiles)) {
            Ok(mut library) => {
                problems.extend(config.check_profiles(&library.names().collect::<Vec<_>>()));
                problems.extend(settings::unusable_files(&config));
                problems.extend(settings::edited_profiles(&config, &library));
                problems.extend(addresses::check(&config));
                problems.extend(addresses::foreign(&config));
                if file::has_errors(&problems) {
                    return Err(problems);
                }
                problems.append(&mut library.notes);
                Ok(Plan { config, library, notes: problems })
            }
            Err(found) => {
                problems.extend(found);
                Err(problems)
            }
        }
    }
}

impl Daemon {
    /// Starts the bridge. Returns when managers can ask.
    ///
    /// # Errors
    /// A store that is held, newer or damaged; an address that is taken; too low a limit of open files.
    pub async fn start(plan: Plan) -> Result<Daemon, StartError> {
        let Plan { config, mut library, .. } = plan;
        let started = clock::now();
        let limit = files::raise_limit();
        let needed = files::Needed::of(&config);
        if !needed.is_little() && limit < needed.files() {
            return Err(StartError::Files { needed, limit });
        }
        let stats = Arc::new(Stats::default());
        let Opened { store, cold, last_event, set_aside } =
            Store::open(&config.store, started, stats.clone())?;
        if let Some(path) = &set_aside {
            warn!(moved = %path.display(), "state.db was damaged: its telemetry is gone, numbers and names are not; devices are asked for their settings, passwords are sent again");
        }
        let store = Arc::new(store);
        let profiles = bind_profiles(&store, &mut library)?;
        addresses::settle(&config, &store)?;
        let fleet = Arc::new(Fleet::new(profiles, last_event));
        // What the store does not say otherwise has changed now.
        fleet.revision(started.max(store.last_flush()?));
        fleet.asked_by(&settings::asked_by(&config));
        let connections = settings::connections(&config);
        let adapters = bind_adapters(&connections, &store, &fleet)?;
        let whole = load(&store, &fleet)? && !cold && set_aside.is_none();
        let schema = Arc::new(netconf::schema(&library)?);
        let mut datastore = Datastore::open(schema, store.clone())?;
        if let Some(most) = config.netconf.as_ref().and_then(|section| section.max_devices_per_commit) {
            datastore = datastore.with_most_devices(most);
        }
        let datastore = Arc::new(datastore);
        let unsettled = Arc::new(Unsettled::default());
        manage::connect(&datastore, &fleet, &unsettled);
        // A confirmed commit does not outlive a restart.
        datastore.handle_timeout(started)?;
        // Without state.db nobody knows what devices have: those are asked before anything is written to them again.
        let begin = if whole { Begin::Write } else { Begin::Read };
        manage::reconcile(&datastore, &fleet, begin)?;
        fleet.restored();
        let behind = fleet.start_clock(store.last_flush()?, clock::now()) / 1000;
        if behind > 0 {
            warn!(
                "the clock is {behind} s behind what the store has seen; is there NTP? Uptimes go on from where they were"
            );
        }

        let engine = engine(&config, started)?;
        let users = settings::snmp_users(&config, &engine.of(None));
        let communities = settings::communities(&config);
        let access = snmp::agent::Access {
            rows: settings::access(&config, &communities, &fleet),
            communities,
            usm: snmp::usm::Usm::new(users, snmp::engine::random_salt()?),
            hosts: settings::hosts(&config),
            made: snmp::made::Store::open(&config.store.join(snmp::made::ROWS))?
                .with_weak(config.snmp.allow_weak),
        };
        let agent = snmp::agent::Agent::new(
            fleet.clone(),
            stats.clone(),
            engine,
            settings::system(&config),
            access,
            snmp::mib::all(),
        );
        let agent = Arc::new(agent.with_datastore(datastore.clone()).with_targets(config.snmp.traps.clone()));
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4));
        let snmp = snmp::transport::Server::start(&config.snmp.listen, threads, agent.clone())?;
        let listeners = control_listeners(&config).await?;
        let broker = match settings::broker(&config) {
            Some(broker) => Some(broker::start(broker, stats.clone()).await?),
            None => None,
        };

        let told = store.bookmarks()?;
        let targets = Arc::new(Targets::new(config.snmp.traps.clone(), &told, last_event, &agent));
        fleet.journal().append(started, EventKind::Started { cold });
        let (stop_southbound, southbound_stops) = watch::channel(false);
        let (stop_rest, rest_stops) = watch::channel(false);
        let (enrol, wishes) = mpsc::channel(WISHES);
        let (retire, retirements) = mpsc::channel(1);
        // Each adapter waits for one wish at a time, and may have given up an earlier one.
        let (keep, keeps) = mpsc::channel(2 * connections.len() + 1);
        let keeper = Keeper::new(fleet.clone(), store.clone());
        let unknown = Arc::new(Unknown::default());
        let context = Context { fleet: fleet.clone(), stats: stats.clone(), unknown: unknown.clone(), enrol };
        let limits = settings::limits(&config);
        let mut hearers = Vec::new();
        for (connection, adapter) in connections.iter().zip(&adapters) {
            let decoder = decoder(connection, &library, &fleet, limits)?;
            let client = settings::client(connection.clone(), broker.as_ref(), limits);
            let ingest = Ingest::new(context.clone(), adapter.clone(), decoder);
            let egress = ingest.egress(keep.clone(), connection.commands_a_second);
            hearers.push((client, ingest, egress));
        }
        drop((context, keep));
        let parts = netconf::Parts {
            fleet: fleet.clone(),
            datastore: datastore.clone(),
            store: store.clone(),
            stats: stats.clone(),
            unknown: unknown.clone(),
            retire: retire.clone(),
            started,
        };
        let sessions = Netconf::new(&config, parts);
        let netconf = match &config.netconf {
            Some(section) => Some(sessions.listen(&config, section).await?),
            None => None,
        };
        let limit = RateLimit::new(u64::from(config.limits.new_devices_a_minute), started);
        let adopt = settings::adoption(&connections, &adapters);
        let enroller = Enroller::new(fleet.clone(), store.clone(), datastore.clone(), limit, adopt);
        let shown = Shown {
            fleet: fleet.clone(),
            stats: stats.clone(),
            unknown: unknown.clone(),
            agent: agent.clone(),
            targets: targets.clone(),
            datastore: datastore.clone(),
            sessions,
            started,
            retire,
            troubles: store.troubles(),
            asked: settings::agent(&config),
            agent_of: Box::new(settings::agent_of(&config)),
            seen: settings::seen(&config),
            users: settings::users(&config),
            rooms: addresses::rooms(&config),
            pools: config.snmp.devices.addresses().ranges().collect(),
        };
        let state = Arc::new(shown.state());
        let flusher = Flusher {
            fleet: fleet.clone(),
            store: store.clone(),
            keeper: keeper.clone(),
            targets: targets.clone(),
        };
        let rest = vec![
            tokio::spawn(enroller.run(wishes, retirements)),
            tokio::spawn(keeper.run(keeps)),
            tokio::spawn(flusher.run(stopped(rest_stops.clone()))),
            tokio::spawn(sweep(
                fleet.clone(),
                datastore.clone(),
                unsettled,
                addresses::rooms(&config),
                agent.clone(),
                stopped(rest_stops.clone()),
            )),
            tokio::spawn(snmp::notifier::run(
                agent,
                targets.clone(),
                history(store.clone()),
                stopped(rest_stops.clone()),
            )),
            tokio::spawn(control::serve(state, listeners, stopped(rest_stops))),
        ];
        let southbound = hearers
            .into_iter()
            .map(|(config, ingest, egress)| {
                tokio::spawn(mqtt::run(config, ingest, egress, southbound_stops.clone()))
            })
            .collect();
        info!(
            devices = fleet.counts().devices(),
            took_ms = clock::now().since(started),
            snmp = %snmp.addresses().iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" "),
            "fleetbridge {} serves",
            env!("CARGO_PKG_VERSION")
        );
        Ok(Daemon {
            fleet,
            datastore,
            stats,
            unknown,
            stop_southbound,
            stop_rest,
            targets,
            southbound,
            rest,
            broker,
            snmp: Some(snmp),
            netconf,
            store,
        })
    }
}

/// Has the store number profiles, points and settings, and adds those whose file is gone but whose devices are not.
fn bind_profiles(store: &Store, library: &mut Library) -> Result<Profiles, StoreError> {
    let mut profiles: Vec<_> = library.shelf.iter().map(|shelved| shelved.file.profile.clone()).collect();
    let hashes: Vec<_> = library.shelf.iter().map(|shelved| shelved.file.hash()).collect();
    let forgotten = store.bind_profiles(&mut profiles, &hashes)?;
    for profile in &forgotten {
        if profile.name != NO_PROFILE {
            warn!(
                profile = profile.name,
                "there are devices of this profile but no file: they show no points"
            );
        }
    }
    profiles.extend(forgotten);
    if !profiles.iter().any(|profile| profile.name == NO_PROFILE) {
        profiles.push(store.bind_unknown_profile()?);
    }
    Ok(Profiles::new(profiles))
}

fn bind_adapters(
    connections: &[config::Mqtt],
    store: &Store,
    fleet: &Fleet,
) -> Result<Vec<Arc<Adapter>>, StoreError> {
    let mut adapters = Vec::new();
    for connection in connections {
        let id = store.bind_adapter(&connection.name, "mqtt")?;
        let url = connection.address.to_string();
        let adapter = Arc::new(Adapter::new(id, &connection.name, "mqtt", &url, clock::now()));
        fleet.adapters().add(adapter.clone());
        adapters.push(adapter);
    }
    Ok(adapters)
}

/// False: state.db was damaged, and not all of it could be read.
fn load(store: &Store, fleet: &Fleet) -> Result<bool, StoreError> {
    fleet.reserve(store.max_number());
    let mut group: Vec<DeviceRecord> = Vec::with_capacity(GROUP);
    store.load_devices(fleet.profiles(), |record| {
        group.push(record);
        if group.len() == GROUP {
            fleet.insert(&group);
            group.clear();
        }
    })?;
    fleet.insert(&group);
    let loaded = store.load_state(|number, state| fleet.restore(number, &state))?;
    let settings = store.load_settings(|number, settings| fleet.restore_settings(number, settings))?;
    if settings.unreadable > 0 {
        warn!(devices = settings.unreadable, "the settings of these devices in state.db cannot be read");
    }
    let orphans = fleet.orphans();
    if orphans > 0 {
        warn!(
            devices = orphans,
            "these were heard by a [[mqtt]] that is configured no more, so they will be lost. A renamed one is another \
             adapter: what it hears gets new numbers. Give it its old name back, or retire them"
        );
    }
    if loaded.unreadable > 0 {
        warn!(
            devices = loaded.unreadable,
            "rows of state.db cannot be read: these devices begin without telemetry"
        );
    }
    let set_aside = loaded.set_aside.or(settings.set_aside);
    if let Some(path) = &set_aside {
        warn!(moved = %path.display(), "state.db was damaged: what could be read has been read");
        fleet.mark_dirty(1..=fleet.counts().numbers_used);
    }
    Ok(set_aside.is_none())
}

fn engine(config: &Config, now: crate::model::Time) -> Result<snmp::engine::Engine, StartError> {
    match snmp::engine::Engine::load(&config.store.join("snmp-engine"), now) {
        Ok(engine) => {
            if engine.boots() == i32::MAX {
                warn!(
                    "the engine has booted as often as SNMPv3 can count (RFC 3414 section 2.2.2) and answers no user any \
                     more; move the file snmp-engine away, and users have another engine"
                );
            }
            Ok(engine)
        }
        Err(error) => {
            warn!(%error, "the engine's boots cannot be kept: SNMPv3 is off, v1 and v2c go on");
            Ok(snmp::engine::Engine::unsaved(now)?)
        }
    }
}

/// That /metrics has no port is fatal only if somebody asked for that port.
async fn control_listeners(config: &Config) -> Result<control::Listeners, control::ControlError> {
    match control::Listeners::bind(&config.control.socket, config.control.http).await {
        Err(error @ control::ControlError::Http { .. }) if !config.control.http_required => {
            warn!(%error, "going on without /metrics");
            control::Listeners::bind(&config.control.socket, None).await
        }
        other => other,
    }
}

fn decoder(
    connection: &config::Mqtt,
    library: &Library,
    fleet: &Fleet,
    limits: Limits,
) -> Result<Box<Decoder>, CompileError> {
    let wanted = |name: &str| {
        connection.profiles.as_ref().is_none_or(|list| list.iter().any(|profile| profile.name == name))
    };
    let files: Vec<_> =
        library.shelf.iter().map(|shelved| &shelved.file).filter(|file| wanted(&file.profile.name)).collect();
    compile(fleet.profiles(), &files, limits).map(Box::new)
}

/// What the control API shows, and of whom.
struct Shown {
    fleet: Arc<Fleet>,
    stats: Arc<Stats>,
    unknown: Arc<Unknown>,
    agent: Arc<snmp::agent::Agent>,
    targets: Arc<Targets>,
    datastore: Arc<Datastore>,
    sessions: Netconf,
    started: crate::model::Time,
    retire: mpsc::Sender<control::Retire>,
    troubles: [Trouble; 2],
    asked: kit::Agent,
    agent_of: Box<control::AgentOf>,
    seen: Option<kit::Filter>,
    users: Vec<(kit::User, Option<kit::Filter>)>,
    rooms: Vec<control::Room>,
    pools: Vec<RangeInclusive<IpAddr>>,
}

impl Shown {
    fn state(self) -> control::State {
        let Shown {
            fleet,
            stats,
            unknown,
            agent,
            targets,
            datastore,
            sessions,
            started,
            retire,
            troubles,
            asked,
            agent_of,
            seen,
            users,
            rooms,
            pools,
        } = self;
        let (staged, discarded, committed) = (datastore.clone(), datastore.clone(), datastore.clone());
        let (adapters_of, progress_of, told_to) = (fleet.clone(), fleet.clone(), fleet.clone());
        let tested = targets.clone();
        let engine = agent.engine();
        control::State {
            fleet,
            stats,
            started,
            engine: engine.is_saved().then(|| engine.to_string()),
            unknown: Box::new(move || settings::unknown(&unknown, agent.strangers())),
            targets: Box::new(move || settings::targets(&targets, &told_to)),
            test: Box::new(move |target| Box::pin(settings::test(tested.clone(), target))),
            problems: Box::new(move || settings::problems(&adapters_of, &troubles)),
            netconf: Box::new(move |stream| sessions.local(stream)),
            candidate: Box::new(move || changes::candidate(&staged)),
            discard: Box::new(move || changes::discard(&discarded)),
            commits: Box::new(move || changes::commits(&committed, &progress_of)),
            commit: Box::new(move |id| changes::commit(&datastore, id)),
            agent: asked,
            agent_of,
            seen,
            users,
            rooms,
            pools,
            retire,
        }
    }
}

/// Events from before the start, for trap targets that were not told of them.
fn history(store: Arc<Store>) -> Arc<History> {
    Arc::new(move |after, most| {
        store.events(after, most).unwrap_or_else(|error| {
            warn!(%error, "events from before the start cannot be read: targets are not told of them");
            Vec::new()
        })
    })
}

async fn sweep(
    fleet: Arc<Fleet>,
    datastore: Arc<Datastore>,
    unsettled: Arc<Unsettled>,
    rooms: Vec<control::Room>,
    agent: Arc<snmp::agent::Agent>,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut shortages = Shortages::default();
    let mut sweeps = 0u64;
    let mut timer = tokio::time::interval(SWEEP);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = timer.tick() => {
                let set_by = clock::follow();
                let now = clock::now();
                fleet.set_clock(set_by, now);
                agent.engine().set_clock(set_by);
                fleet.sweep(now);
                fleet.rescope();
                sweeps += 1;
                if sweeps.is_multiple_of(CHANGES) {
                    fleet.announce_changes(now);
                }
                agent.tidy(now);
                unsettled.settle(&fleet, now);
                netconf::handle_timeout(&datastore);
                shortages.tell(&rooms, fleet.counts().numbers_used);
            }
        }
    }
}

async fn stopped(mut stops: watch::Receiver<bool>) {
    let _ = stops.wait_for(|stop| *stop).await;
}
