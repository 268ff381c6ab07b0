//! `fleetbridge addresses`: where each device answers, in the words of whoever needs to know.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
};

use clap::{Args, Subcommand};

use super::{
    Failure, Place,
    host_names::{HostNames, is_label},
    hosts::{Hosts, Reach},
};
use crate::{
    config::{self, Config},
    snmp::{
        community::Network,
        made::{ROWS, Store},
    },
    store,
};

/// Show the addresses of the devices, and what routes, filters and names them
#[derive(Debug, Args)]
#[command(
    after_help = "The pools are `[snmp.devices] pools` of the boot file. In a pool device 7 has the seventh address, in each
family. It keeps it: pools are added behind those that there are. A device without an address of its own is found at that
of the bridge.

A device is named by its name if that can be a host's and is not another's, and by device-NUMBER always.

Examples:
  fleetbridge addresses                                 every device and where it answers
  fleetbridge addresses routes | sudo sh                have this machine take what is sent to the pools
  fleetbridge addresses nftables | sudo nft -f -        let nothing but SNMP in there
  fleetbridge addresses hosts | sudo tee -a /etc/hosts
  fleetbridge addresses zone --origin devices.example.net > db.devices
  fleetbridge addresses forget                          after another network was chosen: all devices move"
)]
pub(super) struct Addresses {
    #[command(subcommand)]
    action: Option<Action>,
    /// By which address the bridge is reached, if `[snmp] listen` names all [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", global = true)]
    address: Option<IpAddr>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Every device and where it answers; the running bridge is asked
    List,
    /// Commands that route the pools to this machine (AnyIP)
    Routes,
    /// Rules for nft: to the pools only SNMP passes, no ping and no other port
    Nftables,
    /// Lines for /etc/hosts; the running bridge is asked
    Hosts,
    /// A DNS zone file; the running bridge is asked
    Zone {
        /// The domain under which the devices get their names
        #[arg(long, default_value = "devices.internal")]
        origin: String,
    },
    /// Forget what addresses the devices had, so that a boot file with other pools is taken; the bridge must not run
    Forget,
}

impl Addresses {
    pub fn run(self, place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
        match self.action.unwrap_or(Action::List) {
            Action::List => list(place, self.address, out),
            Action::Routes => routes(&pools(place)?, out),
            Action::Nftables => nftables(&pools(place)?, &config(place)?, out),
            Action::Hosts => hosts(place, self.address, out),
            Action::Zone { origin } => zone(place, self.address, &origin, out),
            Action::Forget => forget(place, out),
        }
    }
}

fn config(place: &Place) -> Result<Config, Failure> {
    let loaded = config::load(&place.0).into_result();
    loaded.map(|(config, _)| config).map_err(|problems| place.unreadable(&problems))
}

fn pools(place: &Place) -> Result<Vec<Network>, Failure> {
    let pools = config(place)?.snmp.devices.pools;
    if pools.is_empty() {
        let help = "for example: pools = [\"127.1.0.0/16\"], or a network that is routed to this machine";
        return Err(Failure::new("[snmp.devices] pools names no network", help));
    }
    Ok(pools)
}

/// As the bridge tells them.
fn ask(place: &Place, reach: Option<IpAddr>) -> Result<Hosts, Failure> {
    Hosts::ask(&place.client()?, "", Reach::by(reach)).map_err(|error| place.explain(error))
}

fn list(place: &Place, reach: Option<IpAddr>, out: &mut dyn Write) -> Result<(), Failure> {
    // The bridge tells by what a kit asks a device.
    let ports = config(place).ok().map(|config| {
        let mut bridge: Vec<_> = config.snmp.listen.iter().map(SocketAddr::ip).collect();
        bridge.sort();
        bridge.dedup();
        (config.snmp.devices.addresses(), bridge)
    });
    writeln!(out, "{:>8}  {:<32}  {:<28}  AT", "NUMBER", "NAME", "COMMUNITY")?;
    for host in ask(place, reach)? {
        let host = host.map_err(|error| place.explain(error))?;
        let port = host.agent.port;
        let mut at: Vec<_> =
            host.agent.addresses.iter().map(|address| SocketAddr::new(*address, port).to_string()).collect();
        // Beside an address of its own it may have a port at those of the bridge.
        if let Some((own, bridge)) = &ports
            && let Some(own) = own.port(host.number).filter(|own| *own != port)
        {
            at.extend(bridge.iter().map(|address| SocketAddr::new(*address, own).to_string()));
        }
        let at = at.join(" ");
        writeln!(out, "{:>8}  {:<32}  {:<28}  {at}", host.number, host.name, host.agent.community)?;
    }
    Ok(())
}

fn routes(pools: &[Network], out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "# What is sent to these networks is for this machine (AnyIP), until its next boot.")?;
    for pool in pools {
        match pool.address() {
            address if address.is_loopback() => writeln!(out, "# {pool} is for this machine already")?,
            // Else the kernel takes the device's own address for a manager on this machine, whom neither the rules of
            // `nftables` nor the sources of a community let in.
            IpAddr::V4(_) => writeln!(out, "ip route replace local {pool} dev lo src 127.0.0.1")?,
            IpAddr::V6(_) => writeln!(out, "ip -6 route replace local {pool} dev lo")?,
        }
    }
    if pools.iter().any(|pool| !pool.address().is_loopback()) {
        writeln!(out, "# On the router of the network: route each of them to this machine.")?;
        writeln!(
            out,
            "# The rules of `fleetbridge addresses nftables` belong to it: the kernel would answer ping there."
        )?;
    }
    Ok(())
}

fn nftables(pools: &[Network], config: &Config, out: &mut dyn Write) -> Result<(), Failure> {
    let of_family = |v4: bool| {
        let pools = pools.iter().filter(|pool| pool.address().is_ipv4() == v4);
        pools.map(Network::to_string).collect::<Vec<_>>().join(", ")
    };
    let made = Store::open(&config.store.join(ROWS)).map_err(|error| Failure::new(error.to_string(), ""))?;
    let mut ports: Vec<_> = config.snmp.listen.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    writeln!(
        out,
        "#!/usr/sbin/nft -f\n\
         # At the addresses of devices only the SNMP agent answers: no ping, no other service of this machine.\n\
         table inet fleetbridge\n\
         delete table inet fleetbridge\n\
         table inet fleetbridge {{\n    \
         chain input {{\n        \
         type filter hook input priority filter - 10; policy accept;"
    )?;
    for (keyword, v4) in [("ip", true), ("ip6", false)] {
        let pools = of_family(v4);
        if !pools.is_empty() {
            writeln!(out, "        {keyword} daddr {{ {pools} }} goto of_device")?;
        }
    }
    writeln!(
        out,
        "    }}\n    \
         chain of_device {{\n        \
         udp dport {{ {ports} }} accept"
    )?;
    // Told from the address of a device, they are acknowledged there; without connection tracking, whose table a poll of many
    // devices fills.
    let of_boot = config.snmp.traps.iter().filter(|target| target.inform).map(|target| target.address);
    let all: Vec<_> = of_boot.chain(made.rows().informed()).collect();
    for (keyword, v4) in [("ip", true), ("ip6", false)] {
        let informed = all.iter().filter(|target| target.is_ipv4() == v4);
        let informed: Vec<_> =
            informed.map(|target| format!("{} . {}", target.ip(), target.port())).collect();
        if !informed.is_empty() && !of_family(v4).is_empty() {
            let informed = informed.join(", ");
            writeln!(
                out,
                "        {keyword} saddr . udp sport {{ {informed} }} accept # acknowledged informs"
            )?;
        }
    }
    writeln!(
        out,
        "        \
         icmp type {{ destination-unreachable, time-exceeded, parameter-problem }} accept\n        \
         icmpv6 type {{ destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept\n        \
         drop\n    \
         }}\n\
         }}"
    )?;
    Ok(())
}

fn hosts(place: &Place, reach: Option<IpAddr>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut names = HostNames::new();
    for host in ask(place, reach)? {
        let host = host.map_err(|error| place.explain(error))?;
        let (number, name) = (host.number, &host.name);
        let own = format!("device-{number}");
        let line = match names.take(number, name) {
            true if *name == own => own,
            true => format!("{name} {own}"),
            false => format!("{own} # {name}"),
        };
        for address in &host.agent.addresses {
            writeln!(out, "{address} {line}")?;
        }
    }
    Ok(())
}

fn zone(place: &Place, reach: Option<IpAddr>, origin: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let origin = origin.trim_end_matches('.');
    if origin.is_empty() || !origin.split('.').all(is_label) {
        return Err(Failure::new(
            format!("{origin:?} is no domain"),
            "for example: --origin devices.example.net",
        ));
    }
    let hosts = ask(place, reach)?;
    let revision = hosts.revision;
    let mut taken = HostNames::new();
    writeln!(out, "$ORIGIN {origin}.\n$TTL 3600")?;
    writeln!(
        out,
        "@ IN SOA localhost. hostmaster.localhost. ( {revision} 3600 600 604800 300 )\n@ IN NS localhost."
    )?;
    for host in hosts {
        let host = host.map_err(|error| place.explain(error))?;
        let own = format!("device-{}", host.number);
        let takes = taken.take(host.number, &host.name);
        let comment = if takes { String::new() } else { format!(" ; {}", host.name) };
        for address in &host.agent.addresses {
            let kind = if address.is_ipv4() { "A" } else { "AAAA" };
            writeln!(out, "{own} IN {kind} {address}{comment}")?;
            if takes && host.name != own {
                writeln!(out, "{} IN {kind} {address}", host.name)?;
            }
        }
    }
    Ok(())
}

fn forget(place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
    let config = config(place)?;
    let forgotten = store::forget_address_pools(&config.store);
    match forgotten.map_err(|error| Failure::new(error.to_string(), ""))? {
        true => writeln!(
            out,
            "forgotten: with the next start the devices answer where the boot file's pools say"
        )?,
        false => writeln!(out, "there was nothing to forget: the devices had no addresses of their own")?,
    }
    Ok(())
}
