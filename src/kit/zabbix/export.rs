//! The objects of a Zabbix 6.0 export, as JSON: what `configuration.import` and the front end's import take.

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::{super::objects, script};

/// How often what changes is asked for, and what hardly does.
pub const OFTEN: &str = "{$FB.EVERY}";
pub const SELDOM: &str = "{$FB.SELDOM}";

/// The group of our templates.
pub const TEMPLATE_GROUP: &str = "Templates/fleetbridge";

/// A whole file, from its parts (`groups`, `templates`, `hosts`, `triggers`).
pub fn text(mut parts: Value) -> String {
    parts["version"] = "6.0".into();
    let export = json!({ "zabbix_export": parts });
    format!("{export:#}\n")
}

/// The same for the same words in every kit, so that an import finds what a former one made.
pub fn uuid(words: &[&str]) -> String {
    let hash = digest(&SHA256, words.join("\0").as_bytes());
    let mut bytes: Vec<u8> = hash.as_ref().iter().copied().take(16).collect();
    // Zabbix takes those of version 4 only (RFC 9562 section 5.4).
    for (at, keep, set) in [(6, 0x0f, 0x40), (8, 0x3f, 0x80)] {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = *byte & keep | set;
        }
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The number of an enumeration's label.
pub fn code(object: &str, label: &str) -> i32 {
    objects::labels(object).iter().find(|(known, _)| *known == label).map_or(0, |(_, code)| *code)
}

pub fn group(name: &str) -> Value {
    json!({ "uuid": uuid(&["group", name]), "name": name })
}

pub fn tag(name: &str, value: &str) -> Value {
    json!({ "tag": name, "value": value })
}

pub fn user_macro(name: &str, value: &str, description: &str) -> Value {
    json!({ "macro": format!("{{${name}}}"), "value": value, "description": description })
}

/// A template, filled step by step.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    parts: Map<String, Value>,
}

impl Template {
    pub fn new(name: &str, description: &str) -> Template {
        let head = json!({
            "uuid": uuid(&[name]), "template": name, "name": name, "description": description,
            "groups": [{ "name": TEMPLATE_GROUP }],
        });
        let parts = match head {
            Value::Object(parts) => parts,
            _ => Map::new(),
        };
        Template { name: name.to_owned(), parts }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends to one of its lists: `items`, `macros`, `valuemaps`, `discovery_rules`, `dashboards`, `templates`.
    pub fn add(&mut self, list: &str, value: Value) {
        let list = self.parts.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = list {
            values.push(value);
        }
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.parts)
    }

    /// A scalar of the agent, which is also its key: `fb[sysName.0]`.
    pub fn scalar(&self, object: &str, name: &str) -> Item {
        self.instance(object, "0", name)
    }

    pub fn instance(&self, object: &str, instance: &str, name: &str) -> Item {
        let oid = format!("{}.{instance}", objects::oid(object));
        self.item("SNMP_AGENT", &format!("fb[{object}.{instance}]"), name).with("snmp_oid", oid)
    }

    /// Whether the SNMP agent answers, as the server itself knows it.
    pub fn availability(&self) -> Item {
        self.item("INTERNAL", AVAILABLE, "SNMP availability")
            .valuemap("SNMP availability")
            .with("delay", "{$FB.STATE}")
            .with("history", "7d")
    }

    /// Rows of tables, with a property for each macro's column, as a discovery has them: a master of other items.
    pub fn rows(&self, key: &str, name: &str, columns: &[(&str, String)]) -> Item {
        self.item("SNMP_AGENT", key, name)
            .with("snmp_oid", rows(columns))
            .with("value_type", "TEXT")
            .with("trends", "0")
            .with("history", "0")
    }

    /// An item that another one feeds; `path`: JSONPath in its value, which need not be there.
    pub fn dependent(&self, key: &str, name: &str, master: &str, path: &str) -> Item {
        self.item("DEPENDENT", key, name)
            .with("delay", "0")
            .with("master_item", json!({ "key": master }))
            .step("JSONPATH", path, Some("DISCARD_VALUE"))
    }

    fn item(&self, kind: &str, key: &str, name: &str) -> Item {
        let mut fields = Map::new();
        fields.insert("uuid".into(), uuid(&[&self.name, "item", key]).into());
        for (field, value) in
            [("type", kind), ("key", key), ("name", name), ("delay", OFTEN), ("history", "31d")]
        {
            fields.insert(field.into(), value.into());
        }
        Item { template: self.name.clone(), key: key.to_owned(), fields }
    }

    /// The names of numbers, for an item or prototype of this template.
    pub fn valuemap(&mut self, name: &str, labels: &[(&str, i32)]) {
        let mappings: Vec<_> = labels
            .iter()
            .map(|(label, value)| json!({ "value": value.to_string(), "newvalue": label }))
            .collect();
        let map =
            json!({ "uuid": uuid(&[&self.name, "valuemap", name]), "name": name, "mappings": mappings });
        self.add("valuemaps", map);
    }

    /// Low-level discovery of a table's rows: the macros, each with its column.
    pub fn discovery(&self, key: &str, name: &str, macros: &[(&str, &str)]) -> Discovery {
        let columns: Vec<_> = macros.iter().map(|(name, column)| (*name, objects::oid(column))).collect();
        let rule = json!({
            "uuid": uuid(&[&self.name, "discovery", key]), "name": name, "type": "SNMP_AGENT", "key": key,
            "snmp_oid": rows(&columns), "delay": "{$FB.DISCOVERY}", "lifetime": "7d",
        });
        Discovery { rule, conditions: Vec::new() }
    }

    pub fn dashboard(&mut self, name: &str, widgets: Vec<Value>) {
        let dashboard = json!({
            "uuid": uuid(&[&self.name, "dashboard", name]), "name": name, "pages": [{ "widgets": widgets }],
        });
        self.add("dashboards", dashboard);
    }
}

fn rows(columns: &[(&str, String)]) -> String {
    let columns: Vec<_> = columns.iter().map(|(name, oid)| format!("{{#{name}}},{oid}")).collect();
    format!("discovery[{}]", columns.join(","))
}

/// The key of [`Template::availability`], and the names of its values.
pub const AVAILABLE: &str = "zabbix[host,snmp,available]";
pub const AVAILABILITY: &[(&str, i32)] = &[("silent", 0), ("answers", 1), ("unknown", 2)];

/// An item or item prototype.
#[derive(Clone, Debug)]
pub struct Item {
    template: String,
    key: String,
    fields: Map<String, Value>,
}

impl Item {
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Item {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    /// Appends to one of its lists.
    pub fn push(mut self, list: &str, value: Value) -> Item {
        if let Value::Array(values) = self.fields.entry(list).or_insert_with(|| Value::Array(Vec::new())) {
            values.push(value);
        }
        self
    }

    /// A short text that hardly changes: asked for seldom, kept when it changes and once a day.
    pub fn text(self) -> Item {
        self.with("value_type", "CHAR")
            .with("trends", "0")
            .with("delay", SELDOM)
            .kept_when_changed()
            .script(&script::text())
    }

    pub fn script(self, script: &str) -> Item {
        self.step("JAVASCRIPT", script, None)
    }

    /// Not for an item whose trigger stands behind others: Zabbix leaves a trigger as it is while one of those is a
    /// problem, so the value that ends it could be the one that came then, and none like it would come again.
    pub fn kept_when_changed(self) -> Item {
        self.step("DISCARD_UNCHANGED_HEARTBEAT", "1d", None)
    }

    pub fn float(self, units: &str) -> Item {
        self.with("value_type", "FLOAT").with("units", units)
    }

    /// A number with names.
    pub fn valuemap(self, name: &str) -> Item {
        self.with("valuemap", json!({ "name": name })).with("trends", "0")
    }

    /// The field of the host's inventory that it fills; a field takes one item.
    pub fn inventory(self, field: &str) -> Item {
        self.with("inventory_link", field)
    }

    /// No value instead of an error where the agent has no such object.
    pub fn optional(self) -> Item {
        self.step("CHECK_NOT_SUPPORTED", "", Some("DISCARD_VALUE"))
    }

    pub fn multiplied(self, by: &str) -> Item {
        self.step("MULTIPLIER", by, None)
    }

    pub fn step(self, kind: &str, parameter: &str, on_error: Option<&str>) -> Item {
        let mut step = json!({ "type": kind, "parameters": [parameter] });
        if let Some(handler) = on_error {
            step["error_handler"] = handler.into();
        }
        self.push("preprocessing", step)
    }

    pub fn tag(self, name: &str, value: &str) -> Item {
        self.push("tags", tag(name, value))
    }

    /// Its last value in a trigger's expression.
    pub fn last(&self) -> String {
        format!("last(/{}/{})", self.template, self.key)
    }

    /// A problem while the expression is true.
    pub fn trigger(self, trigger: Trigger) -> Item {
        let value = trigger.into_value(&self.template);
        self.push("triggers", value)
    }

    /// As [`Item::trigger`], of an item prototype.
    pub fn trigger_prototype(self, trigger: Trigger) -> Item {
        let value = trigger.into_value(&self.template);
        self.push("trigger_prototypes", value)
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.fields)
    }
}

#[derive(Clone, Debug)]
pub struct Trigger {
    pub name: String,
    pub expression: String,
    /// `INFO`, `WARNING`, `AVERAGE`, `HIGH`, `DISASTER`.
    pub priority: &'static str,
    pub description: &'static str,
    /// Not told while one of these is a problem too.
    pub behind: Vec<Value>,
}

impl Trigger {
    pub fn into_value(self, template: &str) -> Value {
        let mut value = json!({
            "uuid": uuid(&[template, "trigger", &self.name]), "name": self.name, "expression": self.expression,
            "priority": self.priority, "description": self.description,
            "tags": [tag("scope", "fleetbridge")],
        });
        if !self.behind.is_empty() {
            value["dependencies"] = self.behind.into();
        }
        value
    }
}

/// A discovery rule.
#[derive(Clone, Debug)]
pub struct Discovery {
    rule: Value,
    conditions: Vec<Value>,
}

impl Discovery {
    /// Rows that have a value in the macro's column.
    pub fn having(self, name: &str) -> Discovery {
        self.filter(name, "EXISTS", "")
    }

    pub fn not_matching(self, name: &str, pattern: &str) -> Discovery {
        self.filter(name, "NOT_MATCHES_REGEX", pattern)
    }

    fn filter(mut self, name: &str, operator: &str, value: &str) -> Discovery {
        let id = char::from(b'A'.saturating_add(self.conditions.len() as u8));
        self.conditions.push(json!({
            "macro": format!("{{#{name}}}"), "operator": operator, "value": value, "formulaid": id.to_string(),
        }));
        self
    }

    /// What the server works out of the rows before it makes items.
    pub fn script(mut self, script: &str) -> Discovery {
        self.rule["preprocessing"] = json!([{ "type": "JAVASCRIPT", "parameters": [script] }]);
        self
    }

    pub fn items(mut self, prototypes: Vec<Item>) -> Value {
        if !self.conditions.is_empty() {
            self.rule["filter"] = json!({ "evaltype": "AND", "conditions": self.conditions });
        }
        self.rule["item_prototypes"] = prototypes.into_iter().map(Item::into_value).collect();
        self.rule
    }
}
