//! The boot file's words in the parts' own terms.

use std::{net::SocketAddr, sync::Arc};

use super::accessors::accessors;
use crate::{
    config::{self, Adopt, Config},
    control::view,
    file::{Diagnostic, Severity},
    fleet::{Adapter, AdapterState, Fleet, Scope},
    kit,
    login::Role,
    model::{Attribute, DeviceNumber, name_from_id},
    netconf::ssh::HostKey,
    snmp::{
        self,
        engine::EngineId,
        notifier::{Standing, Targets, Tested},
        strangers::{Stranger, Strangers, Why},
        usm::{Material, User, Users},
        vacm::{Model, Rows},
    },
    southbound::{
        Limits,
        broker::{self, Broker},
        mqtt,
        profile::{Library, Origin, Shelved},
        unknown::Unknown,
    },
    store::Trouble,
};

/// Connections to make: those of the boot file, and one to the embedded broker if none of them leads there.
pub fn connections(config: &Config) -> Vec<config::Mqtt> {
    let mut connections = config.mqtt.clone();
    if let Some(broker) = &config.broker
        && !connections.iter().any(|connection| connection.leads_to(broker.listen))
    {
        connections.push(config::Mqtt::embedded(broker));
    }
    connections
}

/// The client of a connection; to the embedded broker it logs in as the bridge itself.
pub fn client(connection: config::Mqtt, broker: Option<&Broker>, limits: Limits) -> mqtt::Config {
    let embedded = broker.filter(|broker| connection.leads_to(broker.address()));
    let mut client = match embedded {
        Some(broker) if connection.user.is_none() => broker.client(&connection.name),
        _ => mqtt::Config::new(&connection.name, connection.address),
    };
    client.protocol = connection.protocol;
    client.user = connection.user.or(client.user);
    client.password = connection.password.or(client.password);
    client.client_id = connection.client_id;
    client.share_group = connection.share_group;
    client.ca_file = connection.ca_file;
    client.cert_file = connection.cert_file;
    client.key_file = connection.key_file;
    client.payload_limit = limits.payload;
    client
}

pub fn broker(config: &Config) -> Option<broker::Config> {
    let broker = config.broker.as_ref()?;
    // Who has a user of its own there comes as everybody does.
    let own = connections(config).into_iter();
    let own = own.filter(|connection| connection.user.is_none() && connection.leads_to(broker.listen));
    let awaited = own.map(|connection| connection.name).collect();
    Some(broker::Config {
        listen: broker.listen,
        users_file: broker.users_file.clone(),
        max_clients: broker.max_clients as usize,
        payload_limit: config.limits.payload,
        awaited,
    })
}

pub fn limits(config: &Config) -> Limits {
    Limits {
        payload: config.limits.payload,
        json_depth: u8::try_from(config.limits.json_depth).unwrap_or(u8::MAX),
    }
}

/// By adapter number: whether its unknown devices get numbers by themselves.
pub fn adoption(connections: &[config::Mqtt], adapters: &[Arc<Adapter>]) -> Vec<bool> {
    let mut adopt = Vec::new();
    for (connection, adapter) in connections.iter().zip(adapters) {
        let at = usize::from(adapter.id);
        adopt.resize(adopt.len().max(at + 1), true);
        adopt[at] = connection.adopt == Adopt::Auto;
    }
    adopt
}

pub fn communities(config: &Config) -> snmp::community::Communities {
    let list = &config.snmp.communities;
    let patterns = &config.snmp.devices.communities;
    snmp::community::Communities::new(list.iter().filter_map(community).collect(), patterns)
}

fn community(community: &config::Community) -> Option<snmp::community::Community> {
    let (name, sources) = (community.name.expose(), community.sources.clone());
    let role = if community.writes { Role::Operate } else { Role::Read };
    Some(snmp::community::Community::from_networks(name, sources).ok()?.with_role(role))
}

/// Who may ask by SNMPv3. Passwords are stretched, a millisecond or two each.
pub fn snmp_users(config: &Config, bridge: &EngineId) -> Users {
    let users = config.users.iter().filter_map(|user| {
        let snmp = user.snmp.as_ref()?;
        let (hash, password) = &snmp.auth;
        let auth = (*hash, Material::from_password(*hash, password));
        let private = snmp.private.as_ref();
        let private =
            private.map(|(protocol, password)| (*protocol, Material::from_password(*hash, password)));
        Some(Arc::new(User::new(user.name.clone(), Some(auth), private, bridge)))
    });
    Users::new(users)
}

/// Who is in the group of which role, and sees which devices.
pub fn access(config: &Config, communities: &snmp::community::Communities, fleet: &Fleet) -> Rows {
    let mut rows = Rows::of_roles();
    let of_communities =
        config.snmp.communities.iter().map(|community| scope(community.scope.as_ref(), fleet));
    communities.enter(&mut rows, &of_communities.collect::<Vec<_>>());
    for (user, snmp) in config.users.iter().filter_map(|user| Some((user, user.snmp.as_ref()?))) {
        rows.enter(Model::Usm, &user.name, user.role, scope(snmp.scope.as_ref(), fleet).as_ref());
    }
    rows
}

fn scope(filter: Option<&kit::Filter>, fleet: &Fleet) -> Option<Arc<Scope>> {
    let filter = filter?.clone();
    // It stands elsewhere in memory, and is not fetched for each row if it does not count.
    let by_site = filter.site.is_some();
    Some(fleet.scope(move |row| {
        let profile = row.profile();
        let site = if by_site { row.attribute(Attribute::Site) } else { "" };
        filter.takes(site, &profile.name, &profile.class, row.presence(), row.name())
    }))
}

/// Where the bridge and its devices answer.
pub fn hosts(config: &Config) -> snmp::view::Hosts {
    snmp::view::Hosts {
        listen: config.snmp.listen.clone(),
        addresses: config.snmp.devices.addresses(),
        silent: config.snmp.devices.silent.clone(),
        sources: config.snmp.sources.clone(),
    }
}

/// The community that tools ask by: the first that sees all devices, better one that only reads.
fn asking(config: &Config) -> Option<&config::Community> {
    config.snmp.communities.iter().min_by_key(|community| (community.scope.is_some(), community.writes))
}

/// The devices that tools see by a community; `None`: all.
pub fn seen(config: &Config) -> Option<kit::Filter> {
    asking(config)?.scope.clone()
}

/// How the bridge's own agent is asked: on the port that it listens at first, by a community.
pub fn agent(config: &Config) -> kit::Agent {
    let port = config.snmp.listen.first().map_or(0, SocketAddr::port);
    let same_port = config.snmp.listen.iter().filter(|address| address.port() == port);
    let mut addresses: Vec<_> = same_port.map(SocketAddr::ip).collect();
    addresses.sort_by_key(std::net::IpAddr::is_ipv6);
    let community = asking(config).map_or_else(String::new, |community| community.name.expose().to_owned());
    kit::Agent { addresses, port, community, context: String::new() }
}

/// In words that are others if devices are asked otherwise.
pub fn asked_by(config: &Config) -> String {
    let devices = &config.snmp.devices;
    let (addresses, communities) = (devices.addresses(), &devices.communities);
    format!("{:?} {:?} {addresses:?} {communities:?} {:?}", agent(config), seen(config), users(config))
}

/// Who may ask by SNMPv3.
pub fn users(config: &Config) -> Vec<(kit::User, Option<kit::Filter>)> {
    let of_snmp = config.users.iter().filter_map(|user| Some((user, user.snmp.as_ref()?)));
    let users = of_snmp.map(|(user, snmp)| {
        let (auth, private) = (snmp.auth.0, snmp.private.as_ref().map(|(protocol, _)| *protocol));
        (kit::User { name: user.name.clone(), auth, private }, snmp.scope.clone())
    });
    users.collect()
}

/// How a device is asked: at an address of its own, else at a port of its own, else by a community or context that names it.
pub fn agent_of(config: &Config) -> impl Fn(DeviceNumber, &str) -> kit::Agent + use<> {
    let (bridge, addresses) = (agent(config), config.snmp.devices.addresses());
    let pattern = config.snmp.devices.communities.first().cloned();
    move |number, name| {
        let own =
            addresses.v4(number).map(Into::into).into_iter().chain(addresses.v6(number).map(Into::into));
        let own: Vec<_> = own.collect();
        if !own.is_empty() {
            return kit::Agent { addresses: own, ..bridge.clone() };
        }
        if let Some(port) = addresses.port(number) {
            return kit::Agent { port, ..bridge.clone() };
        }
        let context = match name.len() > snmp::view::LONGEST_CONTEXT {
            true => format!("+{number}"),
            false => name.to_owned(),
        };
        let community = pattern.as_ref().map(|pattern| pattern.fill(&bridge.community, &context));
        kit::Agent { community: community.unwrap_or_default(), context, ..bridge.clone() }
    }
}

/// The system group of the bridge itself.
pub fn system(config: &Config) -> snmp::mib::System {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    snmp::mib::System {
        version: env!("CARGO_PKG_VERSION"),
        description: format!("fleetbridge {}: an MQTT fleet as an SNMP agent", env!("CARGO_PKG_VERSION")),
        contact: String::new(),
        name: name.trim().to_owned(),
        location: String::new(),
        max_message: snmp::agent::MAX_MESSAGE,
        max_request: config.snmp.max_message,
        authen_traps: config.snmp.authen_traps,
        access: accessors(config),
    }
}

/// Files that the boot file names and that are there, but hold nothing that could be used.
pub fn unusable_files(config: &Config) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let users = config.broker.as_ref().and_then(|broker| broker.users_file.as_deref());
    if let Some(Err(error)) = users.map(broker::Users::read) {
        problems.push(error.to_string());
    }
    for connection in config.mqtt.iter().filter(|connection| connection.address.tls) {
        if let Err(error) = client(connection.clone(), None, limits(config)).check_tls() {
            problems.push(format!("[[mqtt]] {:?}: {error}", connection.name));
        }
    }
    // One that is not there is made at the start.
    let host_keys = config.netconf.iter().flat_map(|netconf| &netconf.host_keys).filter(|path| path.exists());
    for path in host_keys {
        if let Err(error) = HostKey::read(path) {
            problems.push(format!("[netconf] host key {}: {error}", path.display()));
        }
    }
    let file = config.file.display().to_string();
    problems.into_iter().map(|problem| Diagnostic::whole_file(&file, problem, "")).collect()
}

/// Profiles whose text has changed and whose revision has not: managers could not see that their points did.
pub fn edited_profiles(config: &Config, library: &Library) -> Vec<Diagnostic> {
    let profiles: Vec<_> = library.shelf.iter().map(|shelved| &shelved.file).collect();
    let texts: Vec<_> = profiles
        .iter()
        .map(|file| (file.profile.name.as_str(), file.profile.revision.as_str(), file.hash()))
        .collect();
    let edited = crate::store::edited(&config.store, &texts).into_iter();
    edited.map(|at| edited_profile(&library.shelf[at])).collect()
}

fn edited_profile(shelved: &Shelved) -> Diagnostic {
    let profile = &shelved.file.profile;
    let file = match &shelved.origin {
        Origin::Own(path) => path.display().to_string(),
        Origin::Shipped => format!("shipped profile {}", profile.name),
    };
    let what = format!("this profile was served as revision {:?} with another text", profile.revision);
    let help = "give it a new revision, so that managers see that it has changed";
    Diagnostic { severity: Severity::Warning, ..Diagnostic::whole_file(&file, what, help) }
}

/// What is wrong with the bridge itself, a sentence each.
pub fn problems(fleet: &Fleet, store: &[Trouble]) -> Vec<String> {
    let adapters = fleet.adapters().all();
    let deaf = adapters.iter().filter_map(|adapter| {
        let (name, url, status) = (&adapter.name, &adapter.url, adapter.status());
        let why = if status.last_error.is_empty() { "no answer yet" } else { &status.last_error };
        match status.state {
            AdapterState::Up if status.partly => Some(format!(
                "adapter {name} does not hear all of {url}: {why}; devices behind that will be lost"
            )),
            AdapterState::Up => None,
            _ => Some(format!("adapter {name} does not hear {url}: {why}")),
        }
    });
    store.iter().filter_map(Trouble::text).chain(deaf).collect()
}

/// How the trap targets stand.
pub fn targets(targets: &Targets, fleet: &Fleet) -> Vec<view::Target> {
    let view = |standing: Standing| view::Target {
        target: standing.address.to_string(),
        version: standing.version.to_owned(),
        inform: standing.inform,
        told: standing.counts.told,
        withheld: standing.counts.withheld,
        failed: standing.counts.failed,
        behind: standing.behind,
        silent: standing.silent,
        trouble: standing.trouble.map(str::to_owned),
    };
    targets.standings(fleet.journal().told()).into_iter().map(view).collect()
}

pub async fn test(targets: Arc<Targets>, target: Option<SocketAddr>) -> Option<Vec<view::Tested>> {
    let view = |Tested { address, inform, told, trouble }: Tested| view::Tested {
        target: address.to_string(),
        inform,
        told,
        trouble: trouble.map(str::to_owned),
    };
    Some(targets.test(target).await?.into_iter().map(view).collect())
}

pub fn unknown(unknown: &Unknown, strangers: &Strangers) -> view::Unknown {
    view::Unknown {
        strangers: strangers.list().into_iter().map(stranger).collect(),
        counts: unknown
            .counts()
            .into_iter()
            .map(|(reason, count)| view::UnknownCount { reason: reason.to_owned(), count })
            .collect(),
        last: unknown
            .last()
            .into_iter()
            .map(|message| view::UnknownMessage {
                time: message.time.to_string(),
                adapter: message.adapter,
                topic: message.topic,
                payload: message.payload,
                reason: message.reason.to_owned(),
            })
            .collect(),
        waiting: unknown
            .waiting()
            .into_iter()
            .map(|device| view::WaitingDevice {
                name: name_from_id(&device.id).into_owned(),
                adapter: device.adapter,
                profile: device.profile,
                id: device.id,
                since: device.since.to_string(),
                last_heard: device.last_heard.to_string(),
                messages: device.messages,
            })
            .collect(),
    }
}

fn stranger(stranger: Stranger) -> view::Stranger {
    let mut view = view::Stranger {
        time: stranger.time.to_string(),
        source: stranger.source.to_string(),
        community: None,
        device: None,
        user: None,
        digest: None,
        count: stranger.count,
    };
    match stranger.why {
        Why::Community(name) => view.community = Some(name),
        Why::Device(name) => view.device = Some(name),
        Why::User(name) => view.user = Some(name),
        Why::Digest(name) => view.digest = Some(name),
        Why::Source => {}
    }
    view
}
