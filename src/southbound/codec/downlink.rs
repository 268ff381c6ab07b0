//! What is published to a device: templates with placeholders, filled in and escaped.

use serde::de::IgnoredAny;

use super::{Part, topic::Capture};
use crate::{
    fleet::Order,
    model::{SettingType, SettingValue},
    southbound::{Downlink, EncodeError},
};

/// How one setting is written and asked for.
#[derive(Clone, Debug)]
pub struct Writing {
    pub ty: SettingType,
    pub write: Option<Template>,
    pub read: Option<Template>,
    /// The device's words for values; other values are written in canonical text.
    pub words: Vec<(SettingValue, Box<str>)>,
    /// How the southbound id was made, if it is not what stands in a topic.
    pub id: Option<Vec<Part>>,
}

/// A topic and a payload with `{device}`, `{parent}` and `{value}` in them. What is filled into a payload that is JSON
/// is escaped for where it stands: inside of quotes, or as a value of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    topic: Vec<Piece>,
    payload: Vec<Piece>,
    json: bool,
    /// 0 or 1.
    pub qos: u8,
    pub retain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    Place { what: Place, quoted: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Device,
    Parent,
    Value,
}

/// A longer text is not written to a device.
const MAX_VALUE: usize = 4096;
/// MQTT's own bound (section 1.5.4).
const MAX_TOPIC: usize = 65_535;

impl Template {
    pub fn new(topic: &str, payload: &str, qos: u8, retain: bool) -> Template {
        let sample: String = pieces(payload)
            .iter()
            .map(|piece| if let Piece::Literal(text) = piece { text } else { "0" })
            .collect();
        let is_document = sample.trim_start().starts_with(['{', '[', '"']);
        let json = is_document && serde_json::from_str::<IgnoredAny>(&sample).is_ok();
        Template { topic: pieces(topic), payload: pieces(payload), json, qos, retain }
    }

    fn fill(&self, device: &str, parent: &str, value: &Word<'_>) -> Result<Downlink, EncodeError> {
        let word = |what: Place| match what {
            Place::Device => Word { text: device, bare: false },
            Place::Parent => Word { text: parent, bare: false },
            Place::Value => *value,
        };
        let mut topic = String::new();
        for piece in &self.topic {
            match piece {
                Piece::Literal(text) => topic.push_str(text),
                Piece::Place { what, .. } => {
                    let Word { text, .. } = word(*what);
                    // MQTT 5.0, section 4.7.1: no wildcard in the name of a topic; a level more would be another topic.
                    if text.is_empty() || text.contains(['+', '#', '/']) || text.chars().any(char::is_control)
                    {
                        return Err(EncodeError::Topic);
                    }
                    topic.push_str(text);
                }
            }
        }
        if topic.len() > MAX_TOPIC {
            return Err(EncodeError::Topic);
        }
        let mut payload = String::new();
        for piece in &self.payload {
            match piece {
                Piece::Literal(text) => payload.push_str(text),
                Piece::Place { what, quoted } => {
                    let word = word(*what);
                    match (self.json, quoted) {
                        (true, false) if !word.bare => {
                            payload.push('"');
                            escape(word.text, &mut payload);
                            payload.push('"');
                        }
                        (true, true) => escape(word.text, &mut payload),
                        _ => payload.push_str(word.text),
                    }
                }
            }
        }
        Ok(Downlink { topic, payload, qos: self.qos, retain: self.retain })
    }
}

impl Writing {
    /// The message for an order.
    ///
    /// # Errors
    /// Why the device cannot be told, as an operator may read it.
    pub fn encode(&self, order: &Order) -> Result<Downlink, EncodeError> {
        let device = match &self.id {
            Some(parts) => captured(parts, &order.id, &order.parent).ok_or(EncodeError::Topic)?,
            None => &order.id,
        };
        let Some(value) = &order.value else {
            let read = self.read.as_ref().ok_or(EncodeError::NoRead)?;
            return read.fill(device, &order.parent, &Word { text: "", bare: false });
        };
        let write = self.write.as_ref().ok_or(EncodeError::NoWrite)?;
        let mut text = String::new();
        let bare = match self.words.iter().find(|(known, _)| known == value) {
            Some((_, word)) => {
                text.push_str(word);
                serde_json::from_str::<serde_json::Value>(word).is_ok_and(|word| !word.is_string())
            }
            None => {
                self.ty.write(value, &mut text);
                !matches!(self.ty, SettingType::Text | SettingType::Enumeration(_))
            }
        };
        if text.len() > MAX_VALUE {
            return Err(EncodeError::TooLong);
        }
        write.fill(device, &order.parent, &Word { text: &text, bare })
    }
}

/// A text to be filled in; a bare one is a JSON value as it is.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    bare: bool,
}

/// The `{device}` of a southbound id that was made by a template.
fn captured<'a>(parts: &[Part], id: &'a str, parent: &str) -> Option<&'a str> {
    let mut rest = id;
    let mut device = None;
    let mut parts = parts.iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Literal(text) => rest = rest.strip_prefix(&**text)?,
            Part::Capture(Capture::Parent) => rest = rest.strip_prefix(parent)?,
            Part::Capture(capture) => {
                let end = match parts.peek() {
                    Some(Part::Literal(next)) => rest.find(&**next)?,
                    Some(Part::Capture(_)) => return None,
                    None => rest.len(),
                };
                if *capture == Capture::Device {
                    device = rest.get(..end);
                }
                rest = rest.get(end..)?;
            }
        }
    }
    device
}

/// Braces of JSON hold no plain name, so they are literal.
fn pieces(text: &str) -> Vec<Piece> {
    let mut list = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    let mut quotes = Quotes::default();
    while let Some(at) = rest.find('{') {
        let (before, after) = rest.split_at(at);
        quotes.read(before);
        literal.push_str(before);
        let places = [("{device}", Place::Device), ("{parent}", Place::Parent), ("{value}", Place::Value)];
        match places.iter().find_map(|(name, what)| Some((after.strip_prefix(name)?, *what))) {
            Some((next, what)) => {
                list.push(Piece::Literal(std::mem::take(&mut literal).into()));
                list.push(Piece::Place { what, quoted: quotes.open });
                rest = next;
            }
            None => {
                literal.push('{');
                rest = after.get(1..).unwrap_or("");
            }
        }
    }
    literal.push_str(rest);
    list.push(Piece::Literal(literal.into()));
    list.retain(|piece| !matches!(piece, Piece::Literal(text) if text.is_empty()));
    list
}

/// Whether a place in a JSON text is inside of a string.
#[derive(Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn read(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' if self.open => self.escaped = true,
                '"' => self.open = !self.open,
                _ => {}
            }
        }
    }
}

/// Appends a text as it stands between the quotes of a JSON string (RFC 8259 section 7).
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(value: Option<SettingValue>) -> Order {
        let (id, parent) = ("plug-1".to_owned(), String::new());
        Order { device: 1, profile: Default::default(), slot: 0, turn: 0, id, parent, value }
    }

    fn filled(ty: SettingType, payload: &str, value: &str) -> String {
        let template = Template::new("x/{device}/set", payload, 1, false);
        let value = ty.parse(value);
        let writing = Writing { ty, write: Some(template), read: None, words: vec![], id: None };
        let downlink = writing.encode(&order(value)).unwrap();
        assert_eq!(downlink.topic, "x/plug-1/set");
        downlink.payload
    }

    #[test]
    fn payloads_are_escaped_for_where_the_value_stands() {
        let uint8 = || SettingType::Integer { name: "uint8", least: 0, most: 255 };
        for (ty, payload, value, expected) in [
            (uint8(), "{value}", "7", "7"),
            (uint8(), r#"{"a": {value}}"#, "7", r#"{"a": 7}"#),
            (uint8(), r#"{"a": "{value}"}"#, "7", r#"{"a": "7"}"#),
            (SettingType::Boolean, r#"{"a":{"b":{value}}}"#, "true", r#"{"a":{"b":true}}"#),
            (SettingType::Decimal { digits: 2 }, "[{value}]", "1.50", "[1.5]"),
            (SettingType::Text, "{value}", "a \"b\"", "a \"b\""),
            (SettingType::Text, r#"{"a": {value}}"#, "a\"\\\n\u{1}", r#"{"a": "a\"\\\n\u0001"}"#),
            (SettingType::Text, r#"{"{device}": "x {value}"}"#, "\"", r#"{"plug-1": "x \""}"#),
            (SettingType::Text, "name={value};", "{device}", "name={device};"),
        ] {
            assert_eq!(filled(ty, payload, value), expected);
        }
    }

    #[test]
    fn words_of_the_device() {
        let ty = SettingType::Enumeration(vec!["off".into(), "last".into()]);
        let words = vec![(SettingValue::Integer(1), "3".into()), (SettingValue::Integer(0), "OFF".into())];
        let template = Template::new("x/{device}", r#"{"state": {value}}"#, 1, false);
        let writing = Writing { ty, write: Some(template), read: None, words, id: None };
        let payload = |value| writing.encode(&order(Some(SettingValue::Integer(value)))).unwrap().payload;
        assert_eq!(payload(1), r#"{"state": 3}"#);
        assert_eq!(payload(0), r#"{"state": "OFF"}"#);
        assert_eq!(writing.encode(&order(None)), Err(EncodeError::NoRead));
    }

    #[test]
    fn what_is_no_topic_is_not_published() {
        let ty = SettingType::Text;
        let write = Some(Template::new("x/{device}/{value}", "", 1, false));
        let writing = Writing { ty, write, read: None, words: vec![], id: None };
        let encode = |id: &str, value: &str| {
            let order = Order { id: id.to_owned(), ..order(Some(SettingValue::Text(value.into()))) };
            writing.encode(&order).map(|downlink| downlink.topic)
        };
        assert_eq!(encode("a", "b").as_deref(), Ok("x/a/b"));
        for (id, value) in
            [("a/b", "c"), ("#", "c"), ("+", "c"), ("a", "b/c"), ("a", ""), ("", "b"), ("a", "\u{0}")]
        {
            assert_eq!(encode(id, value), Err(EncodeError::Topic), "{id:?} {value:?}");
        }
        assert_eq!(encode("a", &"x".repeat(5000)), Err(EncodeError::TooLong));
    }

    #[test]
    fn the_device_of_a_made_id() {
        let parts =
            [Part::Capture(Capture::Parent), Part::Literal(":".into()), Part::Capture(Capture::Device)];
        assert_eq!(captured(&parts, "gw:1:th-7", "gw:1"), Some("th-7"));
        assert_eq!(captured(&parts, "gw:1:th-7", "other"), None);
        let parts =
            [Part::Literal("shelly-".into()), Part::Capture(Capture::Device), Part::Literal("-x".into())];
        assert_eq!(captured(&parts, "shelly-7-x", ""), Some("7"));
    }
}
