//! Devices as hosts, in files of a size that one import takes.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{
    bridge,
    device::{DEVICE, Lost, PARENT},
    export::{group, tag, text, user_macro},
    profile,
};
use crate::kit::{
    Agent, Facts, File, Host, Tool,
    user::{AUTH_PASSPHRASE, PRIV_PASSPHRASE},
};

/// The group of all hosts; sites are groups below it.
pub const GROUP: &str = "fleetbridge";

/// PHP needs about 100 KB and 20 ms a host, and Debian's limits are 128 MB and 30 s.
const IN_A_FILE: usize = 250;

/// Names the files of hosts.
const IMPORTED: &str = "hosts.txt";

/// Characters of a tag's value; a group's name has 255 with our own before it.
const LONGEST_TEXT: usize = 200;

/// Writes `hosts-0001.json` and so on, their names into `hosts.txt`, and the retired into `retired.txt`; both lists always, so
/// that none of a former run stays. A host comes after the one that it hangs on, since its trigger
/// names that one's.
pub fn write(facts: &Facts, hosts: &mut dyn Iterator<Item = Host>, put: &mut dyn FnMut(File)) {
    put(File::new(IMPORTED, "# In this order.\n"));
    let mut chunk = Chunk::default();
    let (mut waiting, mut retired) = (Vec::new(), String::from("# To be disabled or deleted.\n"));
    // Technical names by device name, and whether they hang on another.
    let mut written: HashMap<String, (String, bool)> = HashMap::new();
    for host in hosts {
        if host.retired {
            retired.push_str(&technical(&host));
            retired.push('\n');
        } else if host.parent.is_some() {
            waiting.push(host);
        } else {
            written.insert(host.name.clone(), (technical(&host), false));
            chunk.add(facts, host, None, put);
        }
    }
    while !waiting.is_empty() {
        let before = waiting.len();
        for host in std::mem::take(&mut waiting) {
            let Some(parent) = host.parent.as_ref().and_then(|name| written.get(name)).cloned() else {
                waiting.push(host);
                continue;
            };
            written.insert(host.name.clone(), (technical(&host), true));
            chunk.add(facts, host, Some(&parent), put);
        }
        if waiting.len() == before {
            break;
        }
    }
    // They hang on each other, or the other cannot be asked.
    for host in waiting {
        chunk.add(facts, host, None, put);
    }
    chunk.put(put);
    put(File::new("retired.txt", retired));
}

/// Hosts of the next file.
#[derive(Debug, Default)]
struct Chunk {
    written: usize,
    hosts: Vec<Value>,
    triggers: Vec<Value>,
    groups: BTreeSet<String>,
}

impl Chunk {
    fn add(
        &mut self,
        facts: &Facts,
        device: Host,
        behind: Option<&(String, bool)>,
        put: &mut dyn FnMut(File),
    ) {
        let name = technical(&device);
        let mut host = host(facts, &name, &device.agent);
        let template = match facts.profile(&device.profile) {
            Some(profile) => profile::name(profile),
            None => DEVICE.to_owned(),
        };
        let place = clean(&device.site);
        let site = site(&place);
        host["templates"] = json!([{ "name": template }]);
        host["groups"] = json!([{ "name": site }]);
        self.groups.insert(site);
        // As people see it; the bridge is seen by its technical name.
        if name != device.name && device.name != bridge::HOST {
            host["name"] = device.name.as_str().into();
        }
        if let Some((parent, hangs)) = behind {
            let lost = if *hangs { Lost::behind_parent(parent) } else { Lost::inherited(parent) };
            self.triggers.push(Lost::behind_parent(&name).trigger(lost.into_value()).into_value(&name));
        }
        let parent = device.parent.as_deref().unwrap_or_default();
        let tags =
            [("class", &*device.class), ("profile", &*device.profile), ("site", &*place), ("parent", parent)];
        host["tags"] = tags
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| tag(name, value))
            .collect();
        if let Value::Array(macros) = &mut host["macros"] {
            macros.push(user_macro(profile::NUMBER, &device.number.to_string(), ""));
            if let Some((parent, _)) = behind {
                macros.push(user_macro(PARENT, parent, ""));
            }
        }
        host["inventory"] = json!({ "type": device.class });
        self.hosts.push(host);
        if self.hosts.len() == IN_A_FILE {
            self.put(put);
        }
    }

    fn put(&mut self, put: &mut dyn FnMut(File)) {
        if self.hosts.is_empty() {
            return;
        }
        self.written += 1;
        let groups: Vec<_> = self.groups.iter().map(|name| group(name)).collect();
        let (hosts, triggers) = (std::mem::take(&mut self.hosts), std::mem::take(&mut self.triggers));
        let export = text(json!({ "groups": groups, "hosts": hosts, "triggers": triggers }));
        let path = format!("hosts-{:04}.json", self.written);
        put(File::new(IMPORTED, format!("{path}\n")));
        put(File::secret(path, export));
        self.groups.clear();
    }
}

/// A host with the agent's address and port, and who asks it.
pub fn host(facts: &Facts, name: &str, agent: &Agent) -> Value {
    let address = agent.address().filter(|address| !address.is_unspecified());
    let address = address.map_or_else(|| "127.0.0.1".to_owned(), |address| address.to_string());
    let (details, macros) = asked(facts, agent);
    json!({
        "host": name, "inventory_mode": "AUTOMATIC",
        "interfaces": [{
            "type": "SNMP", "ip": address, "port": agent.port.to_string(), "interface_ref": "if1", "details": details,
        }],
        "macros": macros,
    })
}

/// What an interface has of version and user or community, and the macros that it names: the community is the host's own,
/// the pass phrases are those of all hosts.
fn asked(facts: &Facts, agent: &Agent) -> (Value, Value) {
    let Some(user) = &facts.user else {
        let community =
            json!({ "macro": "{$SNMP_COMMUNITY}", "type": "SECRET_TEXT", "value": agent.community });
        return (json!({ "version": "SNMPV2", "community": "{$SNMP_COMMUNITY}" }), json!([community]));
    };
    let mut details = json!({
        "version": "SNMPV3", "contextname": agent.context, "securityname": user.name, "securitylevel": "AUTHNOPRIV",
        "authprotocol": user.auth_of(Tool::Zabbix), "authpassphrase": format!("{{${AUTH_PASSPHRASE}}}"),
    });
    if user.private.is_some() {
        details["securitylevel"] = "AUTHPRIV".into();
        details["privprotocol"] = user.priv_of(Tool::Zabbix).into();
        details["privpassphrase"] = format!("{{${PRIV_PASSPHRASE}}}").into();
    }
    (details, json!([]))
}

/// Zabbix has no colon in a host's name, and the bridge has a name as well. The number after a space, which no device has
/// in its name, makes one that no other device can have; every database that Zabbix takes tells names apart by case too.
fn technical(host: &Host) -> String {
    if host.name.contains(':') || host.name == bridge::HOST {
        return format!("{} {}", host.name.replace(':', "-"), host.number);
    }
    host.name.clone()
}

/// A slash makes a group inside another, and may neither begin, end nor follow another.
fn site(site: &str) -> String {
    let parts: Vec<_> = site.split('/').map(str::trim).filter(|part| !part.is_empty()).collect();
    match parts.is_empty() {
        true => GROUP.to_owned(),
        false => format!("{GROUP}/{}", parts.join("/")),
    }
}

/// Free text as a group or tag takes it; braces would make a macro of Zabbix.
fn clean(text: &str) -> String {
    let plain = |c: char| match c {
        '{' => '(',
        '}' => ')',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().map(plain).take(LONGEST_TEXT).collect()
}
