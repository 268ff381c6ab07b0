//! Cacti 1.2: data queries (`resource/snmp_queries`), one file of templates for `cli/import_template.php`, and a script that
//! reads `hosts.csv` and brings Cacti's devices in line with it.
//!
//! The script calls the functions that `cli/add_device.php` calls, and not that program: it would be started anew for every
//! device, cuts a value at its first `=`, and writes the description unescaped into its SQL.

mod catalogue;
mod queries;
mod templates;

use std::{fmt::Write, net::IpAddr};

use super::{Agent, Facts, File, Host, Tool};

const HOSTS: &str = "hosts.csv";
const HEAD: &str =
    "external,retired,template,name,address,port,community,site,location,notes,user,auth,priv,context\n";

/// Device templates, as the file of templates and the hosts name them.
const DEVICE: &str = "fleetbridge device";
const BRIDGE: &str = "fleetbridge";

pub(super) fn templates(_: &Facts) -> Vec<File> {
    let mut files: Vec<File> = queries::ALL
        .iter()
        .map(|query| File::new(format!("resource/snmp_queries/{}", query.file), query.document()))
        .collect();
    files.push(File::new("fleetbridge_templates.xml", templates::document()));
    files.push(File::new("cli/fleetbridge_hosts.php", include_str!("hosts.php")));
    files
}

pub(super) fn hosts(facts: &Facts, hosts: &mut dyn Iterator<Item = Host>, put: &mut dyn FnMut(File)) {
    let mut head = String::from(HEAD);
    // 0 is the number of no device.
    row(&mut head, facts, &["fleetbridge:0", "", BRIDGE, "fleetbridge"], &facts.bridge, &["", "", ""]);
    put(File::secret(HOSTS, head));
    for host in hosts {
        let mut out = String::new();
        let retired = if host.retired { "yes" } else { "" };
        row(
            &mut out,
            facts,
            &[&format!("fleetbridge:{}", host.number), retired, DEVICE, &host.name],
            &host.agent,
            &[&host.site, &host.location, &notes(&host)],
        );
        put(File::secret(HOSTS, out));
    }
}

/// Cacti has no fields for these; a line each.
fn notes(host: &Host) -> String {
    let none = String::new();
    let lines = [
        ("Alias", &host.alias),
        ("Type", &host.profile),
        ("Class", &host.class),
        ("Manufacturer", &host.manufacturer),
        ("Model", &host.model),
        ("Serial", &host.serial),
        ("Firmware", &host.firmware),
        ("Asset", &host.asset_tag),
        ("Parent", host.parent.as_ref().unwrap_or(&none)),
    ];
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    lines.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
}

fn row(out: &mut String, facts: &Facts, before: &[&str], agent: &Agent, after: &[&str]) {
    // Cacti puts the port behind it.
    let address = match agent.address() {
        Some(IpAddr::V6(address)) => format!("[{address}]"),
        Some(IpAddr::V4(address)) => address.to_string(),
        None => String::new(),
    };
    let port = agent.port.to_string();
    let middle = [address.as_str(), &port, &agent.community];
    let asks = match &facts.user {
        Some(user) => [&*user.name, user.auth_of(Tool::Cacti), user.priv_of(Tool::Cacti), &agent.context],
        None => [""; 4],
    };
    for (at, field) in before.iter().chain(&middle).chain(after).chain(&asks).enumerate() {
        if at > 0 {
            out.push(',');
        }
        csv(out, field);
    }
    out.push('\n');
}

/// A field of RFC 4180, quoted where it must be. Of control characters it keeps only the ends of lines.
fn csv(out: &mut String, field: &str) {
    let field: String = field.chars().filter(|&c| c == '\n' || !c.is_control()).collect();
    if field.contains([',', '"', '\n']) {
        let _ = write!(out, "\"{}\"", field.replace('"', "\"\""));
    } else {
        out.push_str(&field);
    }
}
