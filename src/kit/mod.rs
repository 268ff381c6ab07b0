//! NMS kits: what a management tool needs so that each device is a host of its own, with nothing done by hand. Pure: what
//! the bridge knows in, files out.
//!
//! A kit has two parts. Its templates say what is read of a device and when that is a problem; they follow from the
//! profiles ([`Facts`]) and the agent's own objects ([`objects`]), one for each device type and one for all. Its hosts are
//! the devices ([`Host`]) in the tool's own words.
//!
//! A tool is a file here, a variant of [`Tool`] and a line in each of its methods.

mod cacti;
mod filter;
mod icinga;
mod librenms;
pub mod objects;
mod opennms;
mod snmp_exporter;
mod telegraf;
mod user;
mod xml;
mod zabbix;

use std::{net::IpAddr, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

pub use filter::{Filter, FilterError};
pub use user::User;

use crate::{
    model::{self, DeviceNumber, PointDef, Presence},
    snmp::mib::fleetbridge::ENTERPRISE,
};

/// A device as a host of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Host {
    pub number: DeviceNumber,
    /// Unique, never changes: 1 to 64 of `[A-Za-z0-9_.:-]`.
    pub name: String,
    /// Free text for people, as all texts from here to `location`; empty if unknown.
    pub alias: String,
    /// Its device type; `-` if nobody knows it yet. [`Facts::profile`] finds it.
    pub profile: String,
    pub class: String,
    pub manufacturer: String,
    pub model: String,
    pub serial: String,
    pub firmware: String,
    pub site: String,
    pub location: String,
    /// The name of the live device that it hangs on. That one need not be in the same run, but for
    /// [`Tool::wants_parents`].
    pub parent: Option<String>,
    /// That one's number.
    pub parent_number: Option<DeviceNumber>,
    pub asset_tag: String,
    pub presence: Presence,
    /// It is to be taken out of the tool. Only for tools that are told changes.
    pub retired: bool,
    #[serde(flatten)]
    pub agent: Agent,
    /// Seconds since the epoch: nothing that is shown here changed later.
    pub changed: u64,
}

/// Where an SNMP agent is asked, and by which word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Those of a device are its own, IPv4 first. The bridge's are those that it listens at; 0.0.0.0 and `::` are every
    /// address of its machine.
    pub addresses: Vec<IpAddr>,
    pub port: u16,
    /// Of v2c. Of a device that has neither address nor port of its own it names the device, such as `public@plug-1`. Empty:
    /// nobody may ask so.
    pub community: String,
    /// Of SNMPv3: names a device that has neither address nor port of its own. Empty otherwise.
    pub context: String,
}

impl Agent {
    /// The address to use where a tool takes one.
    pub fn address(&self) -> Option<IpAddr> {
        self.addresses.first().copied()
    }

    /// The address and port as UDP URLs have them, an IPv6 address in brackets.
    pub fn endpoint(&self) -> Option<std::net::SocketAddr> {
        self.address().map(|address| (address, self.port).into())
    }
}

/// What templates are made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Of fleetbridge.
    pub version: String,
    /// The bridge itself: its default view has the fleet's scalars and the tables of all devices.
    pub bridge: Agent,
    /// Who asks all agents by SNMPv3. Without: a community does, by v2c.
    #[serde(default)]
    pub user: Option<User>,
    /// The addresses that devices have of their own, or are yet to have: the first and the last of each pool.
    pub pools: Vec<RangeInclusive<IpAddr>>,
    /// In the order of their names.
    pub profiles: Vec<Profile>,
}

/// A device type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Profile {
    pub name: String,
    /// For people: manufacturer and model, else the name.
    pub title: String,
    pub class: String,
    pub manufacturer: String,
    pub model: String,
    /// sysObjectID of its devices, dotted.
    pub object_id: String,
    /// By number; numbers are constant for ever.
    pub points: Vec<PointDef>,
}

/// A file, or the next piece of one that is written in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Below the kit's folder.
    pub path: String,
    pub text: String,
    /// It may hold a community: nobody but its owner may read it.
    pub secret: bool,
}

/// A management tool that there is a kit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Cacti,
    Icinga,
    Librenms,
    Opennms,
    SnmpExporter,
    Telegraf,
    Zabbix,
}

impl Tool {
    pub const ALL: [Tool; 7] = [
        Tool::Cacti,
        Tool::Icinga,
        Tool::Librenms,
        Tool::Opennms,
        Tool::SnmpExporter,
        Tool::Telegraf,
        Tool::Zabbix,
    ];

    /// As the command line knows it.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Cacti => "cacti",
            Tool::Librenms => "librenms",
            Tool::Opennms => "opennms",
            Tool::Icinga => "icinga",
            Tool::SnmpExporter => "snmp-exporter",
            Tool::Telegraf => "telegraf",
            Tool::Zabbix => "zabbix",
        }
    }

    /// True: its hosts are files that take the place of the former ones as a whole, so that a run after a change gives
    /// all hosts again. False: a run gives the hosts that changed, retired ones among them.
    pub fn replaces(self) -> bool {
        match self {
            Tool::Cacti | Tool::Librenms | Tool::Zabbix => false,
            Tool::Icinga | Tool::Opennms | Tool::SnmpExporter | Tool::Telegraf => true,
        }
    }

    /// True: a host names in its files the one that it hangs on, so that one is part of each run too.
    pub fn wants_parents(self) -> bool {
        self == Tool::Zabbix
    }

    /// Whether the tool can have the device as a host. [`hosts`](Tool::hosts) takes no others.
    pub fn takes(self, facts: &Facts, host: &Host) -> bool {
        match self {
            Tool::Opennms => opennms::takes(facts, host),
            Tool::Icinga | Tool::SnmpExporter => host.agent.address().is_some(),
            // It knows no contexts.
            Tool::Librenms => facts.user.is_none() || host.agent.context.is_empty(),
            Tool::Cacti | Tool::Telegraf | Tool::Zabbix => true,
        }
    }

    /// What does not depend on which devices there are.
    pub fn templates(self, facts: &Facts) -> Vec<File> {
        match self {
            Tool::Cacti => cacti::templates(facts),
            Tool::Librenms => librenms::templates(facts),
            Tool::Opennms => opennms::templates(facts),
            Tool::Icinga => icinga::templates(facts),
            Tool::SnmpExporter => snmp_exporter::templates(facts),
            Tool::Telegraf => telegraf::templates(facts),
            Tool::Zabbix => zabbix::templates(facts),
        }
    }

    /// Takes the hosts one after the other, by ascending number but for parents that are there for others, and gives the files piece by piece: what `put` is given
    /// under the path of a former piece follows that.
    pub fn hosts(self, facts: &Facts, hosts: &mut dyn Iterator<Item = Host>, put: &mut dyn FnMut(File)) {
        match self {
            Tool::Cacti => cacti::hosts(facts, hosts, put),
            Tool::Librenms => librenms::hosts(facts, hosts, put),
            Tool::Opennms => opennms::hosts(facts, hosts, put),
            Tool::Icinga => icinga::hosts(facts, hosts, put),
            Tool::SnmpExporter => snmp_exporter::hosts(facts, hosts, put),
            Tool::Telegraf => telegraf::hosts(facts, hosts, put),
            Tool::Zabbix => zabbix::hosts(facts, hosts, put),
        }
    }
}

impl Facts {
    /// The facts of a device's type; `None` of one that is not known any more, or not yet.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }
}

impl Profile {
    pub fn of(profile: &model::Profile) -> Profile {
        let title = format!("{} {}", profile.manufacturer, profile.model);
        Profile {
            name: profile.name.clone(),
            title: Some(title.trim()).filter(|title| !title.is_empty()).unwrap_or(&profile.name).to_owned(),
            class: profile.class.clone(),
            manufacturer: profile.manufacturer.clone(),
            model: profile.model.clone(),
            object_id: object_id(profile),
            points: profile.points.clone(),
        }
    }
}

impl File {
    /// One that anybody may read.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> File {
        File { path: path.into(), text: text.into(), secret: false }
    }

    /// One that holds a community.
    pub fn secret(path: impl Into<String>, text: impl Into<String>) -> File {
        File { secret: true, ..File::new(path, text) }
    }
}

/// fbShippedProfiles or fbOwnProfiles, and the profile's number there.
fn object_id(profile: &model::Profile) -> String {
    match profile.product {
        Some(product) => format!("1.3.6.1.4.1.{ENTERPRISE}.1.2.{product}"),
        None => format!("1.3.6.1.4.1.{ENTERPRISE}.1.3.{}", profile.stored_id),
    }
}
