//! One entry of `/fleet/device`: its row of the datastore and its columns of the fleet.

use std::net::IpAddr;

use super::View;
use crate::{
    datastore::{self, Raw, Visit, walk},
    fleet::{Row, Setting},
    model::{Attribute, Time},
    netconf::{
        emit::{self, group},
        filter::{Match, Selection},
        message::WithDefaults,
    },
    yang::{NodeId, Schema},
};

pub(super) const NAMESPACE: &str = "urn:fleetbridge:yang:fleetbridge";

/// What is known of a device. One of `row` and `config` is there.
pub(super) struct Device<'a> {
    pub name: &'a str,
    /// Its live state.
    pub row: Option<Row<'a>>,
    /// JSON of its entry in the datastore that is read.
    pub config: Option<&'a str>,
}

/// Appends the entry as far as it is selected.
///
/// # Errors
/// Its row of the datastore does not fit the schema.
pub(super) fn write(
    view: &View<'_>,
    device: &Device<'_>,
    selection: &Selection<'_>,
    out: &mut Vec<u8>,
) -> Result<(), datastore::Error> {
    let node = match selection {
        Selection::None => return Ok(()),
        Selection::All => return whole(view, device, out),
        Selection::Some(node) => node,
    };
    let config = device.config.map(|config| Config::read(view, device.name, config)).transpose()?;
    let state = device.row.map(|row| State { row, managed: device.config.is_some(), now: view.now });
    let own = |visit: &mut dyn FnMut(&str, &str)| {
        match &config {
            Some(config) => config.own.iter().for_each(|(name, value)| visit(name, value)),
            None => visit("name", device.name),
        }
        if let Some(state) = &state {
            state.own(visit);
        }
    };
    let holds = |condition: &Match| {
        let mut holds = false;
        own(&mut |name, value| holds |= condition.is_on(NAMESPACE, name) && condition.value() == value);
        holds
    };
    let selected = if node.is_conditional() { node.enter(holds) } else { selection.clone() };
    match selected {
        Selection::None => return Ok(()),
        Selection::All => return whole(view, device, out),
        Selection::Some(_) => {}
    }
    let mark = out.len();
    emit::start(out, "device", "");
    emit::leaf(out, "name", device.name);
    let mut wanted = !selected.child(NAMESPACE, "name").is_none();
    let empty = out.len();
    own(&mut |name, value| {
        if name != "name" && !selected.child(NAMESPACE, name).is_none() {
            emit::leaf(out, name, value);
        }
    });
    if let Some(config) = &config {
        config.write(&selected, out);
    }
    if let Some(state) = &state {
        state.write(&selected, out);
    }
    wanted |= out.len() > empty;
    if !wanted {
        out.truncate(mark);
        return Ok(());
    }
    emit::end(out, "device");
    Ok(())
}

fn whole(view: &View<'_>, device: &Device<'_>, out: &mut Vec<u8>) -> Result<(), datastore::Error> {
    match device.config {
        Some(config) => {
            let datastore = &view.sources.datastore;
            let shown = Shown::new(view, config);
            let keep = |node| shown.keeps(node);
            datastore::write_xml(datastore.schema(), datastore.list(), config, keep, out)
                .map_err(|damaged| damaged_row(device.name, &damaged))?;
            // Its end comes after what is state.
            out.truncate(out.len() - "</device>".len());
            if let Some(leaf) = shown.added {
                out.extend_from_slice(leaf.as_bytes());
            }
        }
        None => {
            emit::start(out, "device", "");
            emit::leaf(out, "name", device.name);
        }
    }
    if let Some(row) = device.row {
        let state = State { row, managed: device.config.is_some(), now: view.now };
        state.own(&mut |name, value| emit::leaf(out, name, value));
        state.write(&Selection::All, out);
    }
    emit::end(out, "device");
    Ok(())
}

/// What of a row is shown: no secrets, and the one default of the model as RFC 6243 says.
struct Shown<'a> {
    schema: &'a Schema,
    /// The leaf that is left out.
    trimmed: Option<&'static str>,
    /// The leaf that the row does not have.
    added: Option<&'static str>,
}

impl<'a> Shown<'a> {
    fn new(view: &View<'a>, config: &str) -> Self {
        let default = config.contains(r#""admin-state":"in-service""#);
        let absent = !config.contains(r#""admin-state":"#);
        let (trimmed, added) = match view.defaults {
            WithDefaults::Trim if default => (Some("admin-state"), None),
            WithDefaults::ReportAll if absent => (None, Some("<admin-state>in-service</admin-state>")),
            _ => (None, None),
        };
        Shown { schema: view.sources.datastore.schema(), trimmed, added }
    }

    fn keeps(&self, node: NodeId) -> bool {
        let node = &self.schema[node];
        !node.secret && self.trimmed.is_none_or(|trimmed| node.name != trimmed)
    }
}

fn damaged_row(name: &str, damaged: &datastore::Damaged) -> datastore::Error {
    let message = format!("the stored row of {name} does not fit the schema: {damaged}");
    datastore::Error::new(datastore::Tag::OperationFailed, message)
}

/// A row taken apart, for filters that want parts of it.
struct Config<'a> {
    schema: &'a Schema,
    own: Vec<(String, String)>,
    /// Containers and entries of lists with their leaves; those of `settings` below it.
    groups: Vec<Group>,
}

struct Group {
    node: NodeId,
    in_settings: bool,
    leaves: Vec<(String, String)>,
}

impl<'a> Config<'a> {
    fn read(view: &View<'a>, name: &str, text: &str) -> Result<Self, datastore::Error> {
        let datastore = &view.sources.datastore;
        let shown = Shown::new(view, text);
        let schema: &Schema = datastore.schema();
        let mut config = Config { schema, own: Vec::new(), groups: Vec::new() };
        let mut depth = 0;
        let mut in_settings = false;
        walk(schema, datastore.list(), text, &mut |visit| {
            match visit {
                Visit::Enter(node) => {
                    if depth == 1 && schema[node].name == "settings" {
                        in_settings = true;
                    } else if depth > 0 {
                        config.groups.push(Group { node, in_settings, leaves: Vec::new() });
                    }
                    depth += 1;
                }
                Visit::Leave(_) => {
                    depth -= 1;
                    in_settings &= depth > 1;
                }
                Visit::Leaf(node, value) if shown.keeps(node) => config.leaf(node, &value, depth),
                Visit::Leaf(..) | Visit::Unknown(_) => {}
            }
            true
        })
        .map_err(|damaged| damaged_row(name, &damaged))?;
        if shown.added.is_some() {
            config.own.push(("admin-state".to_owned(), "in-service".to_owned()));
        }
        Ok(config)
    }

    fn leaf(&mut self, node: NodeId, value: &Raw<'_>, depth: usize) {
        let leaf = (self.schema[node].name.clone(), value.as_str().to_owned());
        match self.groups.last_mut() {
            Some(group) if depth > 1 => group.leaves.push(leaf),
            _ => self.own.push(leaf),
        }
    }

    fn write(&self, selected: &Selection<'_>, out: &mut Vec<u8>) {
        for group in self.groups.iter().filter(|group| !group.in_settings) {
            self.group(group, &selected.child(NAMESPACE, &self.schema[group.node].name), out);
        }
        let settings = selected.child(NAMESPACE, "settings");
        if settings.is_none() {
            return;
        }
        let mark = out.len();
        emit::start(out, "settings", "");
        let empty = out.len();
        for group in self.groups.iter().filter(|group| group.in_settings) {
            let namespace = &self.schema.module_at(group.node).namespace;
            self.group(group, &settings.child(namespace, &self.schema[group.node].name), out);
        }
        if out.len() == empty {
            return out.truncate(mark);
        }
        emit::end(out, "settings");
    }

    fn group(&self, of: &Group, selection: &Selection<'_>, out: &mut Vec<u8>) {
        let node = &self.schema[of.node];
        let key = node.keys.first().map_or("", |key| &self.schema[*key].name);
        let namespace = &self.schema.module_at(of.node).namespace;
        group(out, selection, (NAMESPACE, namespace), (&node.name, key), &|visit| {
            of.leaves.iter().for_each(|(name, value)| visit(name, value));
        });
    }
}

/// The nodes that are no configuration.
struct State<'a> {
    row: Row<'a>,
    managed: bool,
    now: Time,
}

impl State<'_> {
    fn own(&self, visit: &mut dyn FnMut(&str, &str)) {
        let row = self.row;
        visit("number", &row.number().to_string());
        visit("presence", row.presence().as_str());
        instant("presence-since", row.presence_since(), visit);
        instant("last-seen", row.last_seen(), visit);
        visit("managed", if self.managed { "true" } else { "false" });
    }

    fn write(&self, selected: &Selection<'_>, out: &mut Vec<u8>) {
        let own = |name| (selected.child(NAMESPACE, name), (NAMESPACE, NAMESPACE));
        let (selection, namespaces) = own("identity");
        group(out, &selection, namespaces, ("identity", ""), &|visit| self.identity(visit));
        let (selection, namespaces) = own("setting");
        if !selection.is_none() {
            for setting in self.row.settings() {
                group(out, &selection, namespaces, ("setting", "name"), &|visit| {
                    setting_leaves(&setting, visit);
                });
            }
        }
        let (selection, namespaces) = own("point");
        if !selection.is_none() {
            for point in self.row.points() {
                group(out, &selection, namespaces, ("point", "name"), &|visit| {
                    let mut value = String::new();
                    visit("name", &point.def.name);
                    if point.write_value(&mut value) {
                        visit("value", &value);
                    }
                    if !point.def.unit.is_empty() {
                        visit("unit", &point.def.unit);
                    }
                    instant("time", point.time(), visit);
                    visit("quality", point.quality(self.now).as_str());
                });
            }
        }
    }

    fn identity(&self, visit: &mut dyn FnMut(&str, &str)) {
        let row = self.row;
        let mut known = |name: &str, value: &str| {
            if !value.is_empty() {
                visit(name, value);
            }
        };
        let adapter = row.adapter_name();
        known("adapter", adapter.as_deref().unwrap_or_default());
        known("southbound-id", row.southbound_id());
        known("class", &row.profile().class);
        for (name, attribute) in [
            ("manufacturer", Attribute::Manufacturer),
            ("model", Attribute::Model),
            ("serial", Attribute::Serial),
            ("hardware-revision", Attribute::HardwareRevision),
            ("firmware", Attribute::Firmware),
        ] {
            known(name, row.attribute(attribute));
        }
        known("mac", &mac_address(row.attribute(Attribute::Mac)).unwrap_or_default());
        if row.attribute(Attribute::Address).parse::<IpAddr>().is_ok() {
            known("address", row.attribute(Attribute::Address));
        }
    }
}

/// Values of a secret are not there.
pub(super) fn setting_values(setting: &Setting<'_>, visit: &mut dyn FnMut(&str, &str)) {
    if setting.def.secret {
        return;
    }
    let mut value = String::new();
    if setting.write_desired(&mut value) {
        visit("desired", &value);
    }
    value.clear();
    if setting.write_reported(&mut value) {
        visit("reported", &value);
    }
}

/// As fbSettingTable.
fn setting_leaves(setting: &Setting<'_>, visit: &mut dyn FnMut(&str, &str)) {
    visit("name", &setting.def.name);
    setting_values(setting, visit);
    if !setting.source().is_empty() {
        visit("source", setting.source());
    }
    visit("standing", setting.standing().as_str());
    instant("since", setting.since(), visit);
    visit("attempts", &setting.attempts().to_string());
    if !setting.error().is_empty() {
        visit("error", setting.error());
    }
    if setting.commit() > 0 {
        visit("commit", &setting.commit().to_string());
    }
}

pub(super) fn instant(name: &str, time: Time, visit: &mut dyn FnMut(&str, &str)) {
    if !time.is_never() {
        visit(name, &time.to_string());
    }
}

/// As yang:mac-address, of what devices write with or without separators; `None` if it is none.
fn mac_address(text: &str) -> Option<String> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b':' | b'-' | b'.')).collect();
    if digits.len() != 12 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pairs: Vec<_> = digits.chunks(2).map(|pair| String::from_utf8_lossy(pair).to_lowercase()).collect();
    Some(pairs.join(":"))
}

#[cfg(test)]
mod tests {
    use super::mac_address;

    #[test]
    fn mac_addresses() {
        for text in ["A4CF12AABBCC", "a4:cf:12:aa:bb:cc", "A4-CF-12-AA-BB-CC", "a4cf.12aa.bbcc"] {
            assert_eq!(mac_address(text).as_deref(), Some("a4:cf:12:aa:bb:cc"), "{text}");
        }
        assert_eq!(mac_address("a4cf12aabbc"), None);
        assert_eq!(mac_address("a4cf12aabbcg"), None);
    }
}
