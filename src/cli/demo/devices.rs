//! Simulated devices: what each type says over MQTT. Pure; `world` gives them connections and a fate.

use serde_json::{Value, json};

use super::{
    dice::{Dice, Wander, rounded},
    obey::Settings,
};
use crate::{model::Time, southbound::mqtt::Will};

/// A message to publish.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    pub topic: String,
    pub payload: String,
    pub retained: bool,
}

/// A device with a connection of its own; a gateway speaks for its children too.
#[derive(Clone, Debug)]
pub struct Device {
    id: String,
    number: usize,
    kind: Kind,
    dice: Dice,
    /// Since when it runs.
    boot: Time,
    reports: u64,
    settings: Settings,
}

#[derive(Clone, Debug)]
enum Kind {
    Plug { on: bool, power: Wander, voltage: Wander, signal: Wander, watt_seconds: f64 },
    Sensor { climate: Climate },
    Reader { temperature: Wander, battery: f64, tags: u64, active: bool },
    Gateway { cpu: Wander, children: Vec<Climate>, frames: u64 },
}

/// What most sensors measure.
#[derive(Clone, Debug)]
struct Climate {
    temperature: Wander,
    humidity: Wander,
    rssi: Wander,
    battery: f64,
}

const SITES: [(&str, &str); 4] =
    [("Lübeck", "Hall 1"), ("Lübeck", "Hall 2"), ("Hamburg", "Cold store"), ("Rostock", "Gate 4")];

/// Children of a gateway.
const CHILDREN: usize = 4;

impl Device {
    /// Devices of all types, `count` with the children of gateways, if there are enough for that.
    pub fn fleet(count: usize, seed: u64, now: Time) -> Vec<Device> {
        let mut dice = Dice::new(seed);
        let gateways = if count > CHILDREN + 3 { (count / 20).max(1) } else { 0 };
        let single = count - gateways * (CHILDREN + 1);
        let readers = single.div_ceil(8).min(single);
        let plugs = (single - readers).div_ceil(2);
        let sensors = single - readers - plugs;
        let mut devices = Vec::new();
        let mut add = |make: fn(&mut Dice) -> Kind, number: usize, id: String| {
            let mut dice = Dice::new(dice.roll());
            let kind = make(&mut dice);
            let boot = Time(now.0.saturating_sub(dice.below(40 * 86_400_000)));
            let settings = match &kind {
                Kind::Plug { .. } => Settings::plug(&id),
                Kind::Sensor { .. } => Settings::SENSOR,
                Kind::Reader { .. } | Kind::Gateway { .. } => Settings::None,
            };
            devices.push(Device { id, number, kind, dice, boot, reports: 0, settings });
        };
        for number in 1..=plugs {
            add(plug, number, format!("plug-{number:03}"));
        }
        for number in 1..=sensors {
            add(sensor, number, format!("sensor-{number:03}"));
        }
        for number in 1..=readers {
            add(reader, number, format!("RFD40-2127{number:04}"));
        }
        for number in 1..=gateways {
            add(gateway, number, format!("gw-{number:02}"));
        }
        devices
    }

    /// Also its client identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// It and those that it speaks for.
    #[cfg(test)]
    fn count(&self) -> usize {
        match &self.kind {
            Kind::Gateway { children, .. } => 1 + children.len(),
            _ => 1,
        }
    }

    /// What the broker says if it vanishes.
    pub fn will(&self) -> Will {
        let id = &self.id;
        let (topic, payload, retained) = match &self.kind {
            Kind::Plug { .. } => (format!("tele/{id}/LWT"), "Offline".to_owned(), true),
            Kind::Sensor { .. } => (format!("sensors/{id}/status"), "offline".to_owned(), true),
            Kind::Reader { .. } => (reader_event(id), reader_connection(id, "LWT"), false),
            Kind::Gateway { .. } => (format!("gateway/{id}/status"), "offline".to_owned(), true),
        };
        Will { topic, payload, retained }
    }

    /// What it says first on a new connection; `rebooted`: it had no power meanwhile.
    pub fn greet(&mut self, rebooted: bool, now: Time) -> Vec<Post> {
        if rebooted {
            self.boot = now;
        }
        let id = &self.id;
        let mut posts = match &self.kind {
            Kind::Plug { .. } => self.plug_hello(),
            Kind::Sensor { .. } => vec![
                kept(format!("sensors/{id}/status"), "online".to_owned()),
                kept(format!("sensors/{id}/info"), self.sensor_info().to_string()),
            ],
            Kind::Reader { .. } => {
                vec![fleeting(reader_event(id), reader_connection(id, "CONNECTED")), self.reader_version()]
            }
            Kind::Gateway { .. } => vec![kept(format!("gateway/{id}/status"), "online".to_owned())],
        };
        posts.extend(self.settings.greeting(id));
        posts.extend(self.report(10, now));
        posts
    }

    /// What it wants to hear.
    pub fn filters(&self) -> Vec<String> {
        self.settings.filters(&self.id)
    }

    /// What it answers to a message on one of its [`filters`](Device::filters).
    pub fn hear(&mut self, topic: &str, payload: &[u8]) -> Vec<Post> {
        self.settings.hear(&self.id, topic, payload)
    }

    /// What it says every `period` seconds.
    pub fn report(&mut self, period: u64, now: Time) -> Vec<Post> {
        self.reports += 1;
        let uptime = now.since(self.boot) / 1000;
        let (id, number, dice) = (&self.id, self.number, &mut self.dice);
        match &mut self.kind {
            Kind::Plug { on, power, voltage, signal, watt_seconds } => {
                *on ^= dice.once_in(12);
                let watts = if *on { power.next(dice).round() } else { 0.0 };
                *watt_seconds += watts * period as f64;
                let (volts, signal) = (voltage.next(dice).round(), signal.next(dice).round() as i64);
                let time = local(now);
                let state = plug_state(&time, uptime, *on, signal);
                let sensor = plug_sensor(&time, *watt_seconds, watts, volts);
                vec![
                    fleeting(format!("tele/{id}/STATE"), state.to_string()),
                    fleeting(format!("tele/{id}/SENSOR"), sensor.to_string()),
                ]
            }
            Kind::Sensor { climate } => {
                let mut telemetry = climate.next(dice);
                telemetry["ts"] = now.secs().into();
                telemetry["uptime"] = uptime.into();
                vec![fleeting(format!("sensors/{id}/telemetry"), telemetry.to_string())]
            }
            Kind::Reader { temperature, battery, tags, active } => {
                *active ^= dice.once_in(4);
                *tags = if *active { *tags + dice.below(60) } else { 0 };
                *battery = if *battery < 12.0 { 100.0 } else { *battery - 0.2 };
                let (heat, charge) = (temperature.next(dice), *battery as u64);
                let heartbeat = reader_heartbeat(self.reports, *active, *tags, charge, now);
                let status = reader_status(self.reports, *active, heat, charge, uptime, now);
                vec![
                    fleeting(reader_event(id), heartbeat.to_string()),
                    fleeting(format!("zebra/MGMT/clients/resp/{id}"), status.to_string()),
                ]
            }
            Kind::Gateway { cpu, children, frames } => {
                *frames += children.len() as u64 * dice.below(20);
                let state = json!({
                    "serial": format!("GW{number:06}"), "manufacturer": "Acme", "model": "EG-4", "firmware": "2.1.3",
                    "ip": format!("192.0.2.{}", number % 254 + 1), "site": "Lübeck", "location": "Roof",
                    "uptime": uptime, "cpu": rounded(cpu.next(dice), 1), "memory": 41.5,
                    "children": children.len(), "rx": *frames, "tx": *frames / 3, "ts": now.secs(),
                });
                let mut posts = vec![fleeting(format!("gateway/{id}/state"), state.to_string())];
                for (at, child) in children.iter_mut().enumerate() {
                    let mut telemetry = child.next(dice);
                    telemetry["ts"] = now.secs().into();
                    telemetry["model"] = "TH-1".into();
                    telemetry["serial"] = format!("{id}-{:02}", at + 1).into();
                    posts.push(fleeting(
                        format!("gateway/{id}/th-{:02}/telemetry", at + 1),
                        telemetry.to_string(),
                    ));
                }
                posts
            }
        }
    }

    fn plug_hello(&self) -> Vec<Post> {
        let (id, number) = (&self.id, self.number);
        let version = if number.is_multiple_of(5) { "13.4.0(tasmota)" } else { "14.2.0(tasmota)" };
        let firmware = json!({ "StatusFWR": {
            "Version": version, "BuildDateTime": "2024-08-14T13:29:00", "Boot": 31, "Core": "2_7_7",
            "SDK": "2.2.2-dev(38a443e)", "CpuFrequency": 80, "Hardware": "ESP8266EX",
        } });
        let network = json!({ "StatusNET": {
            "Hostname": id, "IPAddress": format!("198.51.100.{}", number % 254 + 1), "Gateway": "198.51.100.254",
            "Subnetmask": "255.255.255.0", "Mac": format!("DC:4F:22:00:{:02X}:{:02X}", number / 256 % 256, number % 256),
            "Webserver": 2, "WifiConfig": 4, "WifiPower": 17.0,
        } });
        let info = json!({ "Info1": {
            "Module": "Nous A1T", "Version": version, "FallbackTopic": format!("cmnd/DVES_{number:06X}_fb/"),
            "GroupTopic": "cmnd/tasmotas/",
        } });
        vec![
            kept(format!("tele/{id}/LWT"), "Online".to_owned()),
            fleeting(format!("tele/{id}/INFO1"), info.to_string()),
            fleeting(format!("stat/{id}/STATUS2"), firmware.to_string()),
            fleeting(format!("stat/{id}/STATUS5"), network.to_string()),
        ]
    }

    fn sensor_info(&self) -> Value {
        let (site, location) = SITES[self.number % SITES.len()];
        json!({
            "serial": format!("TH{:06}", self.number), "model": "TH-2", "manufacturer": "Acme",
            "firmware": if self.number.is_multiple_of(3) { "1.3.9" } else { "1.4.0" },
            "site": site, "location": location,
        })
    }

    fn reader_version(&self) -> Post {
        let version = json!({ "command": "get_version", "requestId": "1", "readerVersion": {
            "model": "RFD4090-G00B700-E8", "serialNumber": self.id, "sku": "G00B700", "firmwareVersion": "PAAFOS00-006-R05",
            "detailedVersions": { "iotcVersion": "1.22.0", "radioFirmware": "2.1.16" },
        }, "response": { "code": 0, "description": "success" } });
        fleeting(format!("zebra/MGMT/clients/resp/{}", self.id), version.to_string())
    }
}

impl Climate {
    fn new(dice: &mut Dice) -> Self {
        Climate {
            temperature: Wander::new(dice, 17.0, 26.0, 0.3),
            humidity: Wander::new(dice, 30.0, 60.0, 0.8),
            rssi: Wander::new(dice, -85.0, -45.0, 3.0),
            battery: dice.between(20.0, 100.0),
        }
    }

    fn next(&mut self, dice: &mut Dice) -> Value {
        self.battery = if self.battery < 5.0 { 100.0 } else { self.battery - 0.01 };
        json!({
            "temperature": rounded(self.temperature.next(dice), 1),
            "humidity": rounded(self.humidity.next(dice), 1),
            "battery": self.battery.round() as u64,
            "rssi": self.rssi.next(dice).round() as i64,
        })
    }
}

fn plug(dice: &mut Dice) -> Kind {
    Kind::Plug {
        on: dice.once_in(2),
        power: Wander::new(dice, 5.0, 900.0, 25.0),
        voltage: Wander::new(dice, 225.0, 238.0, 1.0),
        signal: Wander::new(dice, -80.0, -50.0, 2.0),
        watt_seconds: dice.between(0.0, 400.0) * 3_600_000.0,
    }
}

fn sensor(dice: &mut Dice) -> Kind {
    Kind::Sensor { climate: Climate::new(dice) }
}

fn reader(dice: &mut Dice) -> Kind {
    Kind::Reader {
        temperature: Wander::new(dice, 28.0, 44.0, 0.5),
        battery: dice.between(30.0, 100.0),
        tags: 0,
        active: dice.once_in(2),
    }
}

fn gateway(dice: &mut Dice) -> Kind {
    Kind::Gateway {
        cpu: Wander::new(dice, 3.0, 40.0, 4.0),
        children: (0..CHILDREN).map(|_| Climate::new(dice)).collect(),
        frames: dice.below(1_000_000),
    }
}

/// As `tele/.../STATE`; Tasmota prints the local time without a zone.
fn plug_state(time: &str, uptime: u64, on: bool, signal: i64) -> Value {
    let (days, hours, minutes, seconds) =
        (uptime / 86_400, uptime / 3600 % 24, uptime / 60 % 60, uptime % 60);
    json!({
        "Time": time, "Uptime": format!("{days}T{hours:02}:{minutes:02}:{seconds:02}"), "UptimeSec": uptime,
        "Heap": 27, "SleepMode": "Dynamic", "Sleep": 50, "LoadAvg": 19, "MqttCount": 1,
        "POWER": if on { "ON" } else { "OFF" },
        "Wifi": {
            "AP": 1, "SSId": "plant", "BSSId": "00:00:5E:00:53:01", "Channel": 6, "Mode": "11n",
            "RSSI": ((signal + 100) * 2).clamp(0, 100), "Signal": signal, "LinkCount": 1,
            "Downtime": "0T00:00:03",
        },
    })
}

/// As `tele/.../SENSOR` of a plug that measures.
fn plug_sensor(time: &str, watt_seconds: f64, watts: f64, volts: f64) -> Value {
    let total = rounded(watt_seconds / 3_600_000.0, 3);
    let apparent = (watts * 1.08).round();
    json!({
        "Time": time,
        "ENERGY": {
            "TotalStartTime": "2024-08-14T13:29:00", "Total": total, "Yesterday": 1.204,
            "Today": rounded(total % 3.0, 3), "Period": 0, "Power": watts, "ApparentPower": apparent,
            "ReactivePower": (apparent * 0.2).round(), "Factor": if watts > 0.0 { 0.93 } else { 0.0 },
            "Voltage": volts, "Current": rounded(apparent / volts, 3),
        },
    })
}

fn reader_event(id: &str) -> String {
    format!("zebra/MGMT/clients/event/{id}")
}

/// mqttConnEVT, also as last will.
fn reader_connection(id: &str, state: &str) -> String {
    json!({ "connectionState": state, "deviceSerialNo": id, "deviceModel": "RFD40" }).to_string()
}

/// heartBeatEVT.
fn reader_heartbeat(number: u64, active: bool, tags: u64, charge: u64, now: Time) -> Value {
    json!({
        "eventName": "heartbeat", "timestamp": now.to_string(), "eventNumber": number,
        "data": {
            "batteryAlert": {
                "status": "DISCHARGING", "cause": "CABLE_DETACHED", "chargePercentage": charge, "stateOfHealth": "GOOD",
            },
            "inventoryStatus": { "rfidStatus": if active { "INPROGRESS" } else { "STOPPED" }, "tagCount": tags },
        },
    })
}

/// The answer to get_status.
fn reader_status(number: u64, active: bool, heat: f64, charge: u64, uptime: u64, now: Time) -> Value {
    json!({
        "command": "get_status", "requestId": number.to_string(), "upTime": uptime,
        "deviceStatus": {
            "radioConnection": "CONNECTED", "radioActivity": if active { "ACTIVE" } else { "INACTIVE" },
            "powerSource": "BATTERY", "temperature": rounded(heat, 1), "systemTime": now.to_string(),
            "ntp": { "offset": 0.412, "reach": 255 },
            "batteryStatus": { "chargePercentage": charge, "stateOfHealth": "GOOD" },
        },
        "response": { "code": 0, "description": "success" },
    })
}

fn local(now: Time) -> String {
    now.to_string().trim_end_matches('Z').to_owned()
}

fn kept(topic: String, payload: String) -> Post {
    Post { topic, payload, retained: true }
}

fn fleeting(topic: String, payload: String) -> Post {
    Post { topic, payload, retained: false }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        model::{Profile, Profiles, Reports},
        southbound::{
            Codec, Limits, Uplink,
            profile::{Library, compile},
        },
    };

    const NOW: Time = Time(1_795_398_917_000);

    #[test]
    fn as_many_as_asked_for() {
        for count in [1, 2, 3, 7, 8, 20, 50, 999] {
            let fleet = Device::fleet(count, 1, NOW);
            assert_eq!(fleet.iter().map(Device::count).sum::<usize>(), count);
            let ids: BTreeSet<_> = fleet.iter().map(Device::id).collect();
            assert_eq!(ids.len(), fleet.len());
        }
        let again = Device::fleet(50, 7, NOW)
            .iter_mut()
            .flat_map(|device| device.greet(false, NOW))
            .collect::<Vec<_>>();
        let same = Device::fleet(50, 7, NOW)
            .iter_mut()
            .flat_map(|device| device.greet(false, NOW))
            .collect::<Vec<_>>();
        assert_eq!(again, same);
    }

    /// The shipped profiles understand every message, so the simulator speaks what they expect.
    #[test]
    fn the_shipped_profiles_understand_it() {
        let library = Library::load(None).unwrap();
        let files: Vec<_> = library.shelf.iter().map(|shelved| &shelved.file).collect();
        let profiles: Vec<Profile> = files.iter().map(|file| file.profile.clone()).collect();
        let profiles = Profiles::new(numbered(profiles));
        let codec = compile(&profiles, &files, Limits::default()).unwrap();
        let mut told = BTreeSet::new();
        for mut device in Device::fleet(50, 3, NOW) {
            let will = device.will();
            let mut posts = vec![fleeting(will.topic, will.payload)];
            posts.extend(device.greet(true, NOW));
            posts.extend(device.report(10, NOW));
            for post in posts {
                let mut reports = Reports::default();
                let (topic, payload) = (post.topic.as_str(), post.payload.as_bytes());
                let uplink = Uplink { topic, payload, retained: false, now: NOW };
                codec
                    .decode(&uplink, &mut reports)
                    .unwrap_or_else(|error| panic!("{topic} {}: {error}", post.payload));
                for report in reports.iter() {
                    told.insert(profiles[report.profile].name.to_string());
                }
            }
        }
        assert_eq!(told.len(), 5, "{told:?}");
    }

    fn numbered(mut profiles: Vec<Profile>) -> Vec<Profile> {
        for profile in &mut profiles {
            for (number, point) in profile.points.iter_mut().enumerate() {
                point.number = number as u16 + 1;
            }
        }
        profiles
    }
}
