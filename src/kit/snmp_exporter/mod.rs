//! snmp_exporter and Prometheus. `snmp.yml` is for snmp_exporter 0.23 and later, `snmp-0.21.yml` for those before, which
//! have version and community inside each module (Debian 12 has 0.21); so Prometheus' file comes in both too.
//!
//! Both files of snmp_exporter are made with the hosts: a device that only a community or context names needs an auth of its
//! own there, before 0.23 a module of its own. Where a pass phrase belongs stands the name of an environment variable, as
//! `--config.expand-environment-variables` of 0.26 and `envsubst` put it in.

mod modules;

use std::fmt::Write;

use self::modules::{BRIDGE, DEVICE, Module};
use super::{
    Agent, Facts, File, Host, Tool,
    user::{AUTH_PASSPHRASE, PRIV_PASSPHRASE},
};

const TARGETS: &str = "targets.json";
const NEW: &str = "snmp.yml";
const OLD: &str = "snmp-0.21.yml";
const PROMETHEUS: &str = include_str!("prometheus.yml");
const RULES: &str = include_str!("rules.yml");

pub(super) fn templates(facts: &Facts) -> Vec<File> {
    vec![
        File::new("prometheus.yml", prometheus(facts, "__param_auth")),
        File::new("prometheus-0.21.yml", prometheus(facts, "__param_module")),
        File::new("rules.yml", RULES),
    ]
}

pub(super) fn hosts(facts: &Facts, hosts: &mut dyn Iterator<Item = Host>, put: &mut dyn FnMut(File)) {
    put(File::secret(NEW, new_head(facts)));
    put(File::secret(OLD, old_head(facts)));
    put(File::new(TARGETS, "["));
    let mut before = "\n";
    for host in hosts.filter(|host| !host.retired) {
        let Some(target) = target(facts, &host) else { continue };
        put(File::new(TARGETS, format!("{before}{target}")));
        before = ",\n";
        if let Some(name) = context(facts, &host) {
            let (name, (version, auth)) = (quoted(&name), auth(facts, &host.agent));
            put(File::secret(NEW, format!("  {name}: {{ {auth}, version: {version} }}\n")));
            put(File::secret(OLD, format!("{name}: {{ <<: *device, auth: {{ {auth} }} }}\n")));
        }
    }
    put(File::new(TARGETS, "\n]\n"));
    put(File::secret(NEW, new_tail()));
}

/// The auth or module of a device that a community or context names; no other auth or module can have such a name.
fn context(facts: &Facts, host: &Host) -> Option<String> {
    let named = match facts.user {
        Some(_) => !host.agent.context.is_empty(),
        None => host.agent.community != facts.bridge.community,
    };
    named.then(|| format!("device-{}", host.name))
}

/// The version, and who asks as the pairs of a YAML mapping.
fn auth(facts: &Facts, agent: &Agent) -> (u8, String) {
    let Some(user) = &facts.user else { return (2, format!("community: {}", quoted(&agent.community))) };
    let mut out = format!(
        "username: {}, security_level: {}, auth_protocol: {}, password: \"${{{AUTH_PASSPHRASE}}}\"",
        quoted(&user.name),
        user.level(),
        user.auth_of(Tool::SnmpExporter)
    );
    if user.private.is_some() {
        let protocol = user.priv_of(Tool::SnmpExporter);
        let _ = write!(out, ", priv_protocol: {protocol}, priv_password: \"${{{PRIV_PASSPHRASE}}}\"");
    }
    if !agent.context.is_empty() {
        let _ = write!(out, ", context_name: {}", quoted(&agent.context));
    }
    (3, out)
}

/// A group of file_sd with one target.
fn target(facts: &Facts, host: &Host) -> Option<String> {
    let endpoint = host.agent.endpoint()?;
    let bridge = endpoint_of(&facts.bridge);
    let context = context(facts, host);
    let mut out =
        format!("  {{ \"targets\": [\"{endpoint}\"], \"labels\": {{ \"name\": {}", quoted(&host.name));
    for (label, value) in [
        ("bridge", bridge.as_str()),
        ("site", &host.site),
        ("profile", &host.profile),
        ("class", &host.class),
        ("parent", host.parent.as_deref().unwrap_or_default()),
        ("__context", context.as_deref().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            let _ = write!(out, ", \"{label}\": {}", quoted(value));
        }
    }
    out.push_str(" } }");
    Some(out)
}

fn endpoint_of(agent: &Agent) -> String {
    agent.endpoint().map(|endpoint| endpoint.to_string()).unwrap_or_default()
}

/// From 0.23 on: who asks stands apart from what is asked. Auths of devices may follow.
fn new_head(facts: &Facts) -> String {
    let (version, auth) = auth(facts, &facts.bridge);
    format!("# For snmp_exporter 0.23 and later.\nauths:\n  fleetbridge: {{ {auth}, version: {version} }}\n")
}

fn new_tail() -> String {
    let mut out = String::from("modules:\n");
    for module in [&BRIDGE, &DEVICE] {
        let _ = writeln!(out, "  {}:", module.name);
        indent(&mut out, module, 4);
    }
    out
}

/// Before 0.23: each module says who asks. Modules of devices may follow.
fn old_head(facts: &Facts) -> String {
    let (version, auth) = auth(facts, &facts.bridge);
    let mut out = String::from("# For snmp_exporter 0.22 and earlier.\n");
    for (module, anchor) in [(&BRIDGE, ""), (&DEVICE, " &device")] {
        let _ = write!(out, "{}:{anchor}\n  version: {version}\n  auth: {{ {auth} }}\n", module.name);
        indent(&mut out, module, 2);
    }
    out
}

fn indent(out: &mut String, module: &Module, by: usize) {
    for line in module.body().lines() {
        let _ = writeln!(out, "{:by$}{line}", "");
    }
}

/// `context`: the parameter that names a device beside its address.
fn prometheus(facts: &Facts, context: &str) -> String {
    PROMETHEUS.replace("{bridge}", &endpoint_of(&facts.bridge)).replace("{context}", context)
}

/// A string of JSON, and so of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
