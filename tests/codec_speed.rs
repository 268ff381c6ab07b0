//! How long one message takes, for people: `cargo test --release --test codec_speed -- --ignored --nocapture`.

use std::{hint::black_box, time::Instant};

use fleetbridge::{
    model::{Profiles, Reports, Time},
    southbound::{
        Codec, Limits, Uplink,
        profile::{Library, compile},
    },
};

const MESSAGES: [(&str, &str); 4] = [
    (
        "sensors/th-0042/telemetry",
        r#"{"temperature":21.5,"humidity":40.2,"battery":87,"rssi":-61,"ts":1795398917,"pressure":1013.25,"voltage":3.021,"co2":612,"illuminance":350.5,"count":123456,"seq":4711,"fw":"1.4.0"}"#,
    ),
    ("sensors/th-0042/telemetry", r#"{"temperature":21.5,"humidity":40.2,"battery":87,"rssi":-61}"#),
    ("sensors/th-0042/status", "online"),
    (
        "tele/plug-0042/SENSOR",
        r#"{"Time":"2026-11-23T02:00:00","ENERGY":{"TotalStartTime":"2025-01-01T00:00:00","Total":3.185,"Yesterday":0.012,"Today":0.004,"Period":0,"Power":42,"ApparentPower":45,"ReactivePower":16,"Factor":0.93,"Voltage":231,"Current":0.195}}"#,
    ),
];

#[test]
#[ignore = "measures"]
fn nanoseconds_a_message() {
    let library = Library::load(None).unwrap();
    let profiles = Profiles::new(library.shelf.iter().map(|shelved| shelved.file.profile.clone()).collect());
    let files: Vec<_> = library.shelf.iter().map(|shelved| &shelved.file).collect();
    let decoder = compile(&profiles, &files, Limits::default()).unwrap();
    for (topic, payload) in MESSAGES {
        let uplink = Uplink {
            topic,
            payload: payload.as_bytes(),
            retained: false,
            now: Time::from_secs(1_795_400_000),
        };
        let mut reports = Reports::default();
        let mut best = f64::MAX;
        for _ in 0..2000 {
            let start = Instant::now();
            reports.clear();
            for _ in 0..100 {
                decoder.decode(black_box(&uplink), &mut reports).unwrap();
            }
            black_box(&reports);
            best = best.min(start.elapsed().as_nanos() as f64 / 100.0);
        }
        let facts = reports.fact_count() / 100;
        println!("{topic}: {} bytes, {facts} facts, {best:.0} ns", payload.len());
    }
}
