//! Files: what people write, and what the store gives back.

use std::path::Path;

use fleetbridge::{
    config,
    file::Diagnostic,
    model::{Profile, Profiles, Reports},
    southbound::{
        Codec, Limits, Uplink,
        profile::{Ownership, compile, parse},
    },
    store::row,
};

use super::support;

/// The boot file: any text is read to its end, and each problem names a line of it.
pub fn boot(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let outcome = config::parse(Path::new("/nowhere/fleetbridge.toml"), text);
    explained(&outcome.problems, text);
    if let Ok((config, _)) = outcome.into_result() {
        config.check_profiles(&["tasmota", "json-sensor"]);
    }
}

/// A profile file: as the boot file; what is good compiles, and its decoder takes whatever comes on its topics.
pub fn profile(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let file = match parse("own.toml", text, Ownership::Own) {
        Ok((file, notes)) => {
            explained(&notes, text);
            file
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            return explained(&problems, text);
        }
    };
    let mut profiles = vec![file.profile.clone()];
    for (number, point) in (1..).zip(&mut profiles[0].points) {
        point.number = number;
    }
    profiles.extend(file.parent.iter().map(|parent| Profile::forgotten(parent, 2)));
    let decoder = compile(&Profiles::new(profiles), &[&file], Limits::default()).expect("it was checked");
    let mut reports = Reports::default();
    for filter in decoder.topics() {
        let topic = filter.replace('+', "one").replace('#', "two/three");
        for payload in [r#"{"t":21.5,"a":[1,{"b":null}],"sn":"A1","ts":1795398917}"#, "online", "21.5", ""] {
            let uplink =
                Uplink { topic: &topic, payload: payload.as_bytes(), retained: false, now: support::START };
            // Most say nothing of what the profile wants.
            let _ = decoder.decode(&uplink, &mut reports);
        }
    }
}

/// A row of state.db: what can be read is written the same, and a fleet takes it.
pub fn row(data: &[u8]) {
    let Ok(state) = row::decode(data) else { return };
    let mut once = Vec::new();
    row::encode_state(&state, &mut once);
    let again = row::decode(&once).expect("our own row");
    let mut twice = Vec::new();
    row::encode_state(&again, &mut twice);
    assert_eq!(once, twice);

    let fleet = support::fleet();
    let device = support::learn(&fleet, support::SENSOR, "th-1");
    fleet.restore(device, &state);
    fleet.restored();
    fleet.sweep(support::after(10));
    let mut restored = Vec::new();
    fleet.row(device, |row| row::encode(&row, &mut restored));
    assert!(restored.is_empty() || row::decode(&restored).is_ok());
}

/// Each problem has words, and names a line that is there; the end of the text counts as a line.
fn explained(problems: &[Diagnostic], text: &str) {
    let lines = text.lines().count() as u32 + 1;
    for problem in problems {
        assert!(!problem.message.is_empty() && problem.line <= lines, "{problem}");
    }
}
