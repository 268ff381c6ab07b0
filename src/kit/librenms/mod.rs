//! LibreNMS: definitions of two operating systems (the bridge, a device), the MIB files, and a script of `lnms device:add`.
//!
//! LibreNMS takes sensors of volts, amperes, watts, hertz, celsius, relative humidity and rpm from ENTITY-SENSOR-MIB by
//! itself; the definition adds the other points from fbPointTable.

mod definition;

use std::fmt::Write;

use super::{Agent, Facts, File, Host, Tool, User};

const HOSTS: &str = "fleetbridge-hosts.sh";

/// The display name of the bridge itself.
const BRIDGE: &str = "fleetbridge";

pub(super) fn templates(facts: &Facts) -> Vec<File> {
    let mut files = Vec::new();
    for system in [definition::device(facts), definition::bridge()] {
        files.push(File::new(format!("os_detection/{}.yaml", system.name), system.detection));
        files.push(File::new(format!("os_discovery/{}.yaml", system.name), system.discovery));
    }
    files.push(File::new(
        "mibs/fleetbridge/FLEETBRIDGE-MIB",
        include_str!("../../../mibs/FLEETBRIDGE-MIB.txt"),
    ));
    files.push(File::new(
        "mibs/fleetbridge/FLEETBRIDGE-SMI",
        include_str!("../../../mibs/FLEETBRIDGE-SMI.txt"),
    ));
    files
}

pub(super) fn hosts(facts: &Facts, hosts: &mut dyn Iterator<Item = Host>, put: &mut dyn FnMut(File)) {
    put(File::secret(HOSTS, include_str!("hosts.sh")));
    let mut line = facts.user.as_ref().map(asks).unwrap_or_default();
    if facts.bridge.address().is_some() {
        add(&mut line, BRIDGE, ["", ""], &facts.bridge, None);
    }
    put(File::secret(HOSTS, line));
    for host in hosts {
        let mut line = String::new();
        if host.retired {
            let _ =
                writeln!(line, "retire {}", word(&hostname(&host.name, &host.agent, Some(&facts.bridge))));
        } else {
            let above = host.parent.as_deref().unwrap_or(BRIDGE);
            add(&mut line, &host.name, [&host.site, above], &host.agent, Some(&facts.bridge));
        }
        put(File::secret(HOSTS, line));
    }
    put(File::secret(HOSTS, "finish\n"));
}

/// Says who asks, before the first device.
fn asks(user: &User) -> String {
    let words = [&*user.name, user.auth_of(Tool::Librenms), user.priv_of(Tool::Librenms)].map(word);
    format!("user {}\n", words.join(" "))
}

/// `place`: the site, and the name of what it hangs on. `bridge`: that of a device.
fn add(out: &mut String, name: &str, place: [&str; 2], agent: &Agent, bridge: Option<&Agent>) {
    let transport = if agent.address().is_some_and(|address| address.is_ipv6()) { "udp6" } else { "udp" };
    let hostname = hostname(name, agent, bridge);
    let port = agent.port.to_string();
    let [site, above] = place;
    let words = [&hostname, name, &port, transport, &agent.community, site, above].map(word);
    let _ = writeln!(out, "add {}", words.join(" "));
}

/// LibreNMS knows a device by a host name that no other has: the address, else the device's name, which then has to
/// resolve to the bridge's.
fn hostname(name: &str, agent: &Agent, bridge: Option<&Agent>) -> String {
    match agent.address() {
        Some(address) if bridge.is_none_or(|bridge| !bridge.addresses.contains(&address)) => {
            address.to_string()
        }
        _ => name.to_owned(),
    }
}

/// A word of a POSIX shell, on one line.
fn word(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("'{}'", line.replace('\'', "'\\''"))
}
