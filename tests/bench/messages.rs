//! What a JSON message costs from the MQTT client's hands into the columns: decoded, its device found, absorbed.

use std::{io, sync::Arc, time::Duration};

use fleetbridge::{
    fleet::{Adapter, Fleet, Identity},
    model::*,
    southbound::{
        Limits,
        ingest::{Context, Ingest},
        profile::{Library, compile},
    },
};
use tokio::sync::mpsc;

use crate::{
    filled::{NOW, devices},
    measure::{Goal, Random, cpu, figure, nanos},
};

/// As many as an adapter takes together when they come fast.
const BATCH: usize = 512;
const MESSAGES: usize = 65_536;
const PASSES: usize = 20;

pub fn json() -> io::Result<()> {
    for (what, profile, make) in [
        ("json-sensor telemetry", "json-sensor", telemetry as fn(u32, u32) -> (String, String)),
        ("Tasmota SENSOR", "tasmota", sensor),
        ("Tasmota STATE", "tasmota", state),
    ] {
        measure(what, profile, make)?;
    }
    Ok(())
}

fn measure(what: &str, profile: &str, make: fn(u32, u32) -> (String, String)) -> io::Result<()> {
    let (fleet, mut ingest) = bridge(profile)?;
    let mut random = Random::new();
    let messages: Vec<_> =
        (0..MESSAGES).map(|_| make(random.below(devices()) + 1, random.below(1000))).collect();
    let octets: usize = messages.iter().map(|(_, payload)| payload.len()).sum();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut spent = Duration::ZERO;
    let mut received = String::new();
    for pass in 0..PASSES {
        let now = NOW.plus_millis(1000 * pass as u64);
        for batch in messages.chunks(BATCH) {
            // The client has just written them to its buffer, so they are in the cache.
            received.clear();
            batch.iter().for_each(|(topic, payload)| received.extend([&topic[..], payload]));
            let mut rest = &received[..];
            let start = cpu();
            for (topic, payload) in batch {
                let (topic, after) = rest.split_at(topic.len());
                let (payload, after) = after.split_at(payload.len());
                ingest.push(topic, payload.as_bytes(), false, now);
                rest = after;
            }
            runtime.block_on(ingest.commit(now));
            spent += cpu() - start;
        }
    }
    let online = fleet.counts().of(Presence::Online);
    assert!(online > 0, "nothing was understood");
    let name = format!("{what} of {} octets, decoded and absorbed", octets / MESSAGES);
    figure(&name, nanos(spent, (PASSES * MESSAGES) as u64) / 1e3, "us", Goal::AtMost(2.0));
    Ok(())
}

/// All shipped profiles, and a whole fleet of one.
fn bridge(profile: &str) -> io::Result<(Arc<Fleet>, Ingest)> {
    let library = Library::load(None).map_err(|problems| io::Error::other(format!("{problems:?}")))?;
    let mut profiles: Vec<_> = library.shelf.iter().map(|shelved| shelved.file.profile.clone()).collect();
    for point in profiles.iter_mut().flat_map(|profile| profile.points.iter_mut().zip(1..)) {
        point.0.number = point.1;
    }
    let profiles = Profiles::new(profiles);
    let profile = profiles.by_name(profile).ok_or(io::ErrorKind::NotFound)?;
    let files: Vec<_> = library.shelf.iter().map(|shelved| &shelved.file).collect();
    let decoder = compile(&profiles, &files, Limits::default()).map_err(io::Error::other)?;

    let fleet = Arc::new(Fleet::new(profiles, 0));
    let adapter = Arc::new(Adapter::new(1, "plant", "mqtt", "mqtt://127.0.0.1", NOW));
    fleet.adapters().add(adapter.clone());
    fleet.adapter_up(&adapter, NOW);
    for first in (1..=devices()).step_by(1024) {
        let wanted: Vec<_> = (first..(first + 1024).min(devices() + 1))
            .map(|number| Identity { adapter: 1, profile, id: format!("device-{number:07}") })
            .collect();
        fleet.insert(&fleet.draft(&wanted, NOW).map_err(io::Error::other)?);
    }
    let context = Context {
        fleet: fleet.clone(),
        stats: Arc::default(),
        unknown: Arc::default(),
        // Nobody is new.
        enrol: mpsc::channel(1).0,
    };
    Ok((fleet, Ingest::new(context, adapter, Box::new(decoder))))
}

fn telemetry(device: u32, value: u32) -> (String, String) {
    let payload = format!(
        r#"{{"temperature":{}.{},"humidity":40.{},"battery":{},"rssi":-{},"pressure":1013.{},"count":{}}}"#,
        value / 10,
        value % 10,
        value % 100,
        value % 101,
        value % 90,
        value % 100,
        value
    );
    (format!("sensors/device-{device:07}/telemetry"), payload)
}

fn sensor(device: u32, value: u32) -> (String, String) {
    let payload = format!(
        r#"{{"Time":"2026-11-23T00:{:02}:{:02}","ENERGY":{{"TotalStartTime":"2025-01-01T00:00:00","Total":3.{value:03},"Yesterday":0.012,"Today":0.004,"Period":0,"Power":{},"ApparentPower":{},"ReactivePower":16,"Factor":0.93,"Voltage":{},"Current":0.{value:03}}}}}"#,
        value / 60 % 60,
        value % 60,
        value % 400,
        value % 420,
        220 + value % 20,
    );
    (format!("tele/device-{device:07}/SENSOR"), payload)
}

fn state(device: u32, value: u32) -> (String, String) {
    let payload = format!(
        r#"{{"Time":"2026-11-23T00:{:02}:{:02}","Uptime":"0T12:00:05","UptimeSec":43205,"Heap":27,"SleepMode":"Dynamic","Sleep":50,"LoadAvg":19,"MqttCount":1,"POWER":"{}","Wifi":{{"AP":1,"SSId":"plant","BSSId":"AA:BB:CC:DD:EE:FF","Channel":6,"Mode":"11n","RSSI":{},"Signal":-{},"LinkCount":1,"Downtime":"0T00:00:03"}}}}"#,
        value / 60 % 60,
        value % 60,
        if value.is_multiple_of(2) { "ON" } else { "OFF" },
        value % 100,
        50 + value % 40,
    );
    (format!("tele/device-{device:07}/STATE"), payload)
}
