//! `fleetbridge nms-kit`

mod files;

use std::{
    io::{self, Write},
    net::IpAddr,
    path::PathBuf,
};

use clap::{Args, builder::PossibleValuesParser};

use self::files::Files;
use super::{
    Failure, Place,
    hosts::{Hosts, Reach},
    shell_word,
};
use crate::{
    control::client::{Client, ClientError, escaped},
    kit::{Facts, Filter, Host, Tool},
};

/// Write what a management tool needs so that each device is a host there
#[derive(Debug, Args)]
#[command(
    after_help = "Without --hosts it writes the templates: what is read of a device and when that is a problem. They depend on
the device types, so import them again after those changed. With --hosts it writes the devices.
Both are asked of the running bridge. Files that hold a community are readable by their owner only.

Examples:
  fleetbridge nms-kit telegraf                             one file: it goes to standard output
  fleetbridge nms-kit telegraf --out /etc/telegraf/telegraf.d
  fleetbridge nms-kit telegraf --hosts --out /etc/telegraf/telegraf.d
  fleetbridge nms-kit telegraf --hosts --filter site=plant-1,profile=tasmota
  fleetbridge nms-kit telegraf --hosts --since 1795398917  only if something changed since that run
  fleetbridge nms-kit telegraf --hosts --user anna         asked by SNMPv3, as that [[user]] of the boot file

With --user, for templates and hosts alike, no file holds a pass phrase: each tool takes SNMP_AUTH_PASSPHRASE and
SNMP_PRIV_PASSPHRASE from where it keeps secrets, as README says. A device that has neither address nor port of its own is
named by context; LibreNMS and OpenNMS cannot ask it.

Each run with --hosts prints a revision, and with --out writes it to DIR/TOOL.revision. Given to --since, the next run
has only what changed since, retired devices among them. In cron:
  fleetbridge nms-kit TOOL --hosts --out DIR --since \"$(cat DIR/TOOL.revision 2>/dev/null || echo 0)\"
Cacti, LibreNMS and Zabbix are told changes, which would be lost if they did not take them: for them the revision is in
DIR/TOOL.revision.new, and becomes DIR/TOOL.revision only after that. apply.sh for Zabbix does so; else the line goes on:
  && TOOL TAKES THE FILES && mv DIR/TOOL.revision.new DIR/TOOL.revision
Without --since they get all devices, and all retired ones.

A filter is KEY=VALUE, several with commas between them: all must hold. Keys:
  site, profile, class    as reports show them
  presence                never-seen, online, late, lost, sleeping or unreachable
  name                    a pattern: * is any characters, ? is one
A backslash makes a comma part of a value. A device that leaves the filter is not told: take all hosts now and then.
For Zabbix the devices that others hang on come along with those."
)]
pub(super) struct NmsKit {
    #[arg(value_parser = PossibleValuesParser::new(Tool::ALL.map(Tool::name)))]
    tool: String,
    /// The folder, made if need be; files of the same names are replaced, each in one step
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The devices instead of the templates
    #[arg(long)]
    hosts: bool,
    /// Only what changed since the run that printed this revision
    #[arg(long, value_name = "REV", requires = "hosts", value_parser = revision)]
    since: Option<u64>,
    /// Only devices that are so, such as site=plant-1,name=plug-*
    #[arg(long, value_name = "EXPR", requires = "hosts", value_parser = filter)]
    filter: Option<String>,
    /// Where the tool reaches the bridge, if `[snmp] listen` names all addresses [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// Who asks, by SNMPv3: a [[user]] with `snmp` of the boot file; without, a community asks by v2c: the first that sees all devices, better one that only reads
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

impl NmsKit {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let Some(tool) = Tool::ALL.into_iter().find(|tool| tool.name() == self.tool) else {
            return Err(Failure::new(format!("there is no kit for {}", self.tool), ""));
        };
        let client = place.client()?;
        let path = match &self.user {
            Some(user) => format!("/v1/kit/facts?user={}", escaped(user)),
            None => "/v1/kit/facts".to_owned(),
        };
        let mut facts: Facts = client.read(&path).map_err(|error| place.explain(error))?;
        if let Some(unknown) = facts.user.as_ref().and_then(|user| user.unknown_to(tool)) {
            let message = format!("{} has no {unknown}, which the user has", tool.name());
            return Err(Failure::new(
                message,
                "give the tool a user of its own, such as one with sha-256 and aes-128",
            ));
        }
        let mut reach = Reach::by(self.address);
        reach.apply(&mut facts.bridge);
        if !self.hosts {
            if tool == Tool::Telegraf && facts.user.is_none() && facts.bridge.community.is_empty() {
                return Err(Failure::new(
                    "no community may ask the SNMP agent, so Telegraf could not",
                    "add communities = [{ name = \"...\", access = \"read\" }] to [snmp] and start the bridge again; or by SNMPv3: --user NAME",
                ));
            }
            let mut files = Files::new(self.out.as_deref());
            tool.templates(&facts).into_iter().for_each(|file| files.put(file));
            let written = files.finish(out)?;
            return match &self.out {
                Some(_) => {
                    Ok(written.iter().try_for_each(|path| writeln!(out, "wrote {}", path.display()))?)
                }
                None => Ok(()),
            };
        }
        self.write_hosts(tool, &facts, reach, &client, out).map_err(|error| match error {
            Ended::Daemon(error) => place.explain(error),
            Ended::Failed(failure) => failure,
        })
    }

    fn write_hosts(
        &self,
        tool: Tool,
        facts: &Facts,
        reach: Reach,
        client: &Client,
        out: &mut dyn Write,
    ) -> Result<(), Ended> {
        // Only with a revision retired devices are told.
        let since = if tool.replaces() { self.since } else { Some(self.since.unwrap_or(0)) };
        let mut hosts = self.ask(client, tool, since, reach.clone())?;
        if let Some(since) = since.filter(|_| tool.replaces()) {
            // As of the first answer, so that nothing is missed that comes between.
            let revision = hosts.revision;
            if hosts.next().is_none() {
                hosts.check()?;
                return Ok(self.tell(out, revision, &format!("nothing changed since {since}"))?);
            }
            hosts = Counted { revision, ..self.ask(client, tool, None, reach)? };
        }
        let mut files = Files::new(self.out.as_deref());
        let mut left_out = 0;
        let mut taken = hosts.by_ref().filter(|host| {
            let takes = host.retired || tool.takes(facts, host);
            left_out += u64::from(!takes);
            takes
        });
        tool.hosts(facts, &mut taken, &mut |file| files.put(file));
        hosts.check()?;
        if self.out.is_some() {
            // What a tool is told by changes counts only once it has taken them.
            let fresh = if tool.replaces() { "" } else { ".new" };
            let path = format!("{}.revision{fresh}", tool.name());
            files.put(crate::kit::File::new(path, format!("{}\n", hosts.revision)));
        }
        for path in files.finish(out)? {
            writeln!(out, "wrote {}", path.display())?;
        }
        let live = hosts.live - left_out;
        let mut counted = format!("{live} host{}", if live == 1 { "" } else { "s" });
        if hosts.retired > 0 {
            counted.push_str(&format!(", {} retired", hosts.retired));
        }
        if left_out > 0 {
            counted
                .push_str(&format!(", {left_out} left out: no address of their own ([snmp.devices] pools)"));
        }
        Ok(self.tell(out, hosts.revision, &counted)?)
    }

    fn ask(
        &self,
        client: &Client,
        tool: Tool,
        since: Option<u64>,
        reach: Reach,
    ) -> Result<Counted, ClientError> {
        let mut query = format!("filter={}", escaped(self.filter.as_deref().unwrap_or_default()));
        if let Some(since) = since {
            query.push_str(&format!("&since={since}"));
        }
        if tool.wants_parents() {
            query.push_str("&parents=true");
        }
        if let Some(user) = &self.user {
            query.push_str(&format!("&user={}", escaped(user)));
        }
        let hosts = Hosts::ask(client, &query, reach)?;
        Ok(Counted { revision: hosts.revision, hosts, live: 0, retired: 0, failed: None })
    }

    /// What was done, beside files that go to standard output not in them.
    fn tell(&self, out: &mut dyn Write, revision: u64, what: &str) -> io::Result<()> {
        let line = format!("{what}; revision {revision}; next time: --since {revision}");
        match self.out {
            Some(_) => writeln!(out, "{line}"),
            None => {
                out.flush()?;
                writeln!(io::stderr(), "{line}")
            }
        }
    }
}

/// Why hosts could not be written.
enum Ended {
    Daemon(ClientError),
    Failed(Failure),
}

impl From<ClientError> for Ended {
    fn from(error: ClientError) -> Self {
        Ended::Daemon(error)
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Ended::Failed(failure)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Ended::Failed(error.into())
    }
}

/// The daemon's answer, host by host. Ends also where it breaks off: [`check`](Counted::check) tells.
struct Counted {
    hosts: Hosts,
    revision: u64,
    live: u64,
    retired: u64,
    failed: Option<ClientError>,
}

impl Counted {
    fn check(&mut self) -> Result<(), ClientError> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

impl Iterator for Counted {
    type Item = Host;

    fn next(&mut self) -> Option<Host> {
        match self.hosts.next()? {
            Ok(host) => {
                *if host.retired { &mut self.retired } else { &mut self.live } += 1;
                Some(host)
            }
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }
}

fn revision(text: &str) -> Result<u64, String> {
    let word = shell_word(text);
    text.parse().map_err(|_| {
        format!("{word} is no revision: give the number that the last run with --hosts printed, or 0 for all")
    })
}

fn filter(text: &str) -> Result<String, String> {
    Filter::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
