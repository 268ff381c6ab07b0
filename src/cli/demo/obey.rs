//! What simulated devices do when they are told something: plugs as Tasmota does, sensors by their own JSON.

use serde_json::{Map, Value, json};

use super::devices::Post;

/// The settings of one device, and what it makes of messages about them.
#[derive(Clone, Debug)]
pub enum Settings {
    Plug(Vec<Setting>),
    Sensor { interval: u64, led: bool },
    None,
}

/// One command of Tasmota.
#[derive(Clone, Debug)]
pub struct Setting {
    command: &'static str,
    value: Held,
}

#[derive(Clone, Debug)]
enum Held {
    Number {
        value: i64,
        least: i64,
        most: i64,
    },
    Switch(bool),
    Text(String),
    /// Never said again.
    Secret,
}

/// A sensor does not report more often than so many seconds.
const LEAST_INTERVAL: u64 = 5;

impl Settings {
    pub fn plug(id: &str) -> Settings {
        let number = |value, least, most| Held::Number { value, least, most };
        let commands = [
            ("TelePeriod", number(300, 10, 3600)),
            ("PowerOnState", number(3, 0, 5)),
            ("LedState", number(1, 0, 8)),
            ("Sleep", number(50, 0, 250)),
            ("VoltageCal", number(1950, 1000, 4_294_967_295)),
            ("CurrentCal", number(3500, 1000, 4_294_967_295)),
            ("PowerCal", number(12_530, 1000, 4_294_967_295)),
            ("FriendlyName1", Held::Text("Tasmota".to_owned())),
            ("DeviceName", Held::Text(id.to_owned())),
            ("NtpServer1", Held::Text("pool.ntp.org".to_owned())),
            ("SetOption0", Held::Switch(true)),
            ("SetOption21", Held::Switch(false)),
            ("PowerRetain", Held::Switch(false)),
            ("WebPassword2", Held::Secret),
            ("MqttPassword2", Held::Secret),
        ];
        Settings::Plug(commands.map(|(command, value)| Setting { command, value }).into())
    }

    pub const SENSOR: Settings = Settings::Sensor { interval: 30, led: true };

    /// The filters that the device subscribes to.
    pub fn filters(&self, id: &str) -> Vec<String> {
        match self {
            Settings::Plug(_) => vec![format!("cmnd/{id}/+")],
            Settings::Sensor { .. } => {
                vec![format!("sensors/{id}/config/set"), format!("sensors/{id}/config/get")]
            }
            Settings::None => Vec::new(),
        }
    }

    /// What the device answers; it does what it can.
    pub fn hear(&mut self, id: &str, topic: &str, payload: &[u8]) -> Vec<Post> {
        let word = topic.rsplit('/').next().unwrap_or("");
        let payload = String::from_utf8_lossy(payload);
        match self {
            Settings::Plug(settings) => {
                let known = settings.iter_mut().find(|setting| setting.command.eq_ignore_ascii_case(word));
                let answer = match known {
                    Some(setting) => setting.hear(payload.trim()),
                    None => json!({ "Command": "Unknown" }),
                };
                vec![Post {
                    topic: format!("stat/{id}/RESULT"),
                    payload: answer.to_string(),
                    retained: false,
                }]
            }
            Settings::Sensor { interval, led } => {
                let asked: Map<String, Value> = serde_json::from_str(&payload).unwrap_or_default();
                let mut posts = Vec::new();
                match asked.get("interval").and_then(Value::as_u64) {
                    Some(wanted) if wanted < LEAST_INTERVAL => {
                        let why = json!({ "interval": format!("at least {LEAST_INTERVAL} seconds") });
                        let topic = format!("sensors/{id}/config/refused");
                        posts.push(Post { topic, payload: why.to_string(), retained: false });
                    }
                    Some(wanted) => *interval = wanted,
                    None => {}
                }
                *led = asked.get("led").and_then(Value::as_bool).unwrap_or(*led);
                posts.extend(self.greeting(id));
                posts
            }
            Settings::None => Vec::new(),
        }
    }

    /// What the device says of its settings unasked.
    pub fn greeting(&self, id: &str) -> Option<Post> {
        let Settings::Sensor { interval, led } = self else { return None };
        let payload = json!({ "interval": interval, "led": led }).to_string();
        Some(Post { topic: format!("sensors/{id}/config"), payload, retained: true })
    }
}

impl Setting {
    /// No payload is a question.
    fn hear(&mut self, payload: &str) -> Value {
        match &mut self.value {
            Held::Number { value, least, most } if !payload.is_empty() => match payload.parse::<i64>() {
                Ok(number) if number <= *most => *value = number.max(*least),
                _ => return json!({ "Command": "Error" }),
            },
            Held::Switch(on) if !payload.is_empty() => match payload.to_ascii_lowercase().as_str() {
                "1" | "on" | "true" => *on = true,
                "0" | "off" | "false" => *on = false,
                _ => return json!({ "Command": "Error" }),
            },
            Held::Text(text) if !payload.is_empty() => payload.clone_into(text),
            _ => {}
        }
        let (name, value) = match &self.value {
            Held::Number { value, .. } => (self.command, json!(value)),
            Held::Switch(on) => (self.command, json!(if *on { "ON" } else { "OFF" })),
            Held::Text(text) => (self.command, json!(text)),
            Held::Secret => (self.command.trim_end_matches('2'), json!("****")),
        };
        json!({ name: value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(settings: &mut Settings, topic: &str, payload: &str) -> Vec<(String, String)> {
        let posts = settings.hear("x", topic, payload.as_bytes());
        posts.into_iter().map(|post| (post.topic, post.payload)).collect()
    }

    #[test]
    fn plugs_answer_as_tasmota_does() {
        let mut plug = Settings::plug("x");
        for (command, payload, answer) in [
            ("TelePeriod", "", r#"{"TelePeriod":300}"#),
            ("TELEPERIOD", "60", r#"{"TelePeriod":60}"#),
            ("TelePeriod", "5", r#"{"TelePeriod":10}"#),
            ("TelePeriod", "4000", r#"{"Command":"Error"}"#),
            ("TelePeriod", "", r#"{"TelePeriod":10}"#),
            ("SetOption0", "0", r#"{"SetOption0":"OFF"}"#),
            ("FriendlyName1", "Pump", r#"{"FriendlyName1":"Pump"}"#),
            ("WebPassword2", "hunter2", r#"{"WebPassword":"****"}"#),
            ("Nonsense", "1", r#"{"Command":"Unknown"}"#),
        ] {
            let expected = [("stat/x/RESULT".to_owned(), answer.to_owned())];
            assert_eq!(
                told(&mut plug, &format!("cmnd/x/{command}"), payload),
                expected,
                "{command} {payload}"
            );
        }
    }

    #[test]
    fn sensors_say_what_they_have() {
        let mut sensor = Settings::SENSOR;
        let config = |text: &str| ("sensors/x/config".to_owned(), text.to_owned());
        let set = "sensors/x/config/set";
        assert_eq!(told(&mut sensor, set, r#"{"interval":60}"#), [config(r#"{"interval":60,"led":true}"#)]);
        assert_eq!(told(&mut sensor, set, r#"{"led":false}"#), [config(r#"{"interval":60,"led":false}"#)]);
        let refused =
            ("sensors/x/config/refused".to_owned(), r#"{"interval":"at least 5 seconds"}"#.to_owned());
        assert_eq!(
            told(&mut sensor, set, r#"{"interval":1}"#),
            [refused, config(r#"{"interval":60,"led":false}"#)]
        );
        assert_eq!(told(&mut sensor, "sensors/x/config/get", ""), [config(r#"{"interval":60,"led":false}"#)]);
        assert_eq!(told(&mut sensor, set, "nonsense"), [config(r#"{"interval":60,"led":false}"#)]);
    }
}
