//! `fleetbridge status`

use std::io::Write;

use clap::Args;

use super::{Failure, OneFormat, Place, device::printable};
use crate::{
    control::view::{self, Unknown},
    file::write_duration,
};

/// Show what the running bridge hears and answers
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fleetbridge status
  fleetbridge status --format json
  fleetbridge status --unknown        what nobody understood, counted by reason, the last
                                      messages, and whom the SNMP agent refused")]
pub(super) struct Status {
    /// Show what nobody understood and who was refused instead
    #[arg(long)]
    unknown: bool,
    #[arg(long, value_enum, default_value_t)]
    format: OneFormat,
}

impl Status {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        let client = place.client()?;
        let path = if self.unknown { "/v1/unknown" } else { "/v1/status" };
        if self.format == OneFormat::Json {
            client.copy(path, out).map_err(|error| place.explain(error))?;
            return Ok(writeln!(out)?);
        }
        if self.unknown {
            return unknown(&client.read(path).map_err(|error| place.explain(error))?, out);
        }
        status(&client.read(path).map_err(|error| place.explain(error))?, out)
    }
}

fn status(status: &view::Status, out: &mut dyn Write) -> Result<(), Failure> {
    let up = write_duration(status.uptime_seconds * 1000);
    writeln!(out, "fleetbridge {}, up {up} since {}", status.version, status.started)?;
    for problem in &status.problems {
        writeln!(out, "PROBLEM    {}", printable(problem))?;
    }
    let devices = &status.devices;
    let counts: Vec<_> = [
        ("online", devices.online),
        ("late", devices.late),
        ("lost", devices.lost),
        ("unreachable", devices.unreachable),
        ("sleeping", devices.sleeping),
        ("never seen", devices.never_seen),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(word, count)| format!("{count} {word}"))
    .collect();
    let counts = if counts.is_empty() { "none yet".to_owned() } else { counts.join(", ") };
    writeln!(
        out,
        "devices    {}: {counts}; {} of 2097151 numbers used",
        devices.total, devices.numbers_used
    )?;
    for adapter in &status.adapters {
        writeln!(
            out,
            "adapter    {} ({}, {}): {} since {}, {} devices, {} messages",
            adapter.name,
            adapter.kind,
            adapter.url,
            adapter.state,
            adapter.since,
            adapter.devices,
            adapter.messages
        )?;
        if !adapter.last_error.is_empty() {
            writeln!(
                out,
                "           {} errors, the last: {}",
                adapter.errors,
                printable(&adapter.last_error)
            )?;
        }
    }
    let hint = if status.unknown > 0 { " (`fleetbridge status --unknown`)" } else { "" };
    writeln!(
        out,
        "messages   {}, {} observations, {} not understood{hint}",
        status.messages, status.observations, status.unknown
    )?;
    if let Some(broker) = &status.broker {
        let mut line = format!("broker     {} clients, {} messages taken", broker.clients, broker.published);
        for (word, count) in [
            ("publications refused", broker.refused_publications),
            ("subscriptions refused", broker.refused_subscriptions),
            ("log-ins refused", broker.refused_logins),
            ("connections broken", broker.broken),
            ("messages dropped, because the bridge took none for 30 s", broker.overruns),
            ("retained messages not kept for want of room", broker.unretained),
        ] {
            if count > 0 {
                line.push_str(&format!(", {count} {word}"));
            }
        }
        writeln!(out, "{line}")?;
    }
    let snmp = &status.snmp;
    writeln!(out, "snmp       {} received, {} sent, {} traps", snmp.received, snmp.sent, snmp.traps)?;
    match &snmp.engine {
        Some(engine) => writeln!(out, "           engine {engine}")?,
        None => writeln!(out, "           SNMPv3 is off, because the engine's boots cannot be kept")?,
    }
    let troubles: Vec<_> = [
        ("bad communities", snmp.bad_communities),
        ("refused sources", snmp.sources_refused),
        ("for unknown devices", snmp.unknown_devices),
        ("for silent devices", snmp.silent_devices),
        ("malformed", snmp.malformed),
        ("traps not sent", snmp.trap_errors),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(word, count)| format!("{count} {word}"))
    .collect();
    if !troubles.is_empty() {
        writeln!(out, "           {}", troubles.join(", "))?;
    }
    for target in &status.targets {
        writeln!(out, "target     {}", described(target))?;
    }
    let store = &status.store;
    writeln!(
        out,
        "store      {} rows in {} flushes, {} errors; {} events",
        store.rows_written, store.flushes, store.errors, status.events
    )?;
    Ok(())
}

fn described(target: &view::Target) -> String {
    let kind = if target.inform { "informs" } else { "traps" };
    let mut line = format!("{} (v{} {kind}): {} told", target.target, target.version, target.told);
    for (word, count) in
        [("withheld", target.withheld), ("given up", target.failed), ("events behind", target.behind)]
    {
        if count > 0 {
            line.push_str(&format!(", {count} {word}"));
        }
    }
    if target.silent {
        line.push_str("; it does not answer");
    }
    if let Some(trouble) = &target.trouble {
        line.push_str(&format!("; {trouble}"));
    }
    line
}

fn unknown(unknown: &Unknown, out: &mut dyn Write) -> Result<(), Failure> {
    if !unknown.waiting.is_empty() {
        writeln!(
            out,
            "{} devices wait, because their adapter has adopt = \"ask\"; `fleetbridge device adopt NAME` takes one in:",
            unknown.waiting.len()
        )?;
        for device in &unknown.waiting {
            let (name, since, last) = (printable(&device.name), &device.since, &device.last_heard);
            let (adapter, profile, messages) = (&device.adapter, &device.profile, device.messages);
            writeln!(
                out,
                "  {name}  {profile} on {adapter}, since {since}, last heard {last}, {messages} messages"
            )?;
        }
        writeln!(out)?;
    }
    if !unknown.strangers.is_empty() {
        writeln!(out, "refused by the SNMP agent (of a flood a sample is counted here):")?;
        for stranger in &unknown.strangers {
            let (time, source, count) = (&stranger.time, &stranger.source, stranger.count);
            let why = if let Some(community) = &stranger.community {
                format!("unknown community {}", printable(community))
            } else if let Some(device) = &stranger.device {
                format!("no device {:?} there", printable(device))
            } else if let Some(user) = &stranger.user {
                format!("unknown SNMPv3 user {:?}", printable(user))
            } else if let Some(user) = &stranger.digest {
                format!("another password or other protocols than those of SNMPv3 user {:?}", printable(user))
            } else {
                "from where nobody is answered".to_owned()
            };
            writeln!(out, "  {time}  {source}  {why}, {count} times")?;
        }
        writeln!(out)?;
    }
    if unknown.counts.iter().all(|count| count.count == 0) {
        return Ok(writeln!(out, "every message was understood")?);
    }
    for count in unknown.counts.iter().filter(|count| count.count > 0) {
        writeln!(out, "{:>10}  {}", count.count, printable(&count.reason))?;
    }
    writeln!(out)?;
    for message in &unknown.last {
        writeln!(
            out,
            "{}  {}  {}  {}\n    {}",
            message.time,
            message.adapter,
            message.reason,
            printable(&message.topic),
            printable(&message.payload)
        )?;
    }
    Ok(())
}
