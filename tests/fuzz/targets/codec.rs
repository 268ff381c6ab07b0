//! Messages of devices, through the decoder of all shipped profiles into a fleet.

use std::sync::LazyLock;

use fleetbridge::{
    fleet::{Fleet, Resolved},
    model::*,
    southbound::{
        Codec, Limits, Uplink,
        codec::Decoder,
        profile::{Library, compile},
    },
};

use super::support;

struct Bridge {
    decoder: Decoder,
    fleet: Fleet,
    /// One device of each profile.
    devices: Vec<DeviceNumber>,
}

static BRIDGE: LazyLock<Bridge> = LazyLock::new(|| {
    let library = Library::load(None).expect("shipped profiles are good");
    let mut profiles: Vec<_> = library.shelf.iter().map(|shelved| shelved.file.profile.clone()).collect();
    for profile in &mut profiles {
        for (number, point) in (1..).zip(&mut profile.points) {
            point.number = number;
        }
    }
    let profiles = Profiles::new(profiles);
    let files: Vec<_> = library.shelf.iter().map(|shelved| &shelved.file).collect();
    let limits = Limits { payload: 2048, json_depth: 8 };
    let decoder = compile(&profiles, &files, limits).expect("shipped profiles compile");
    let ids: Vec<_> = profiles.iter().map(|(id, _)| id).collect();
    let fleet = Fleet::new(profiles, 0);
    support::add_adapter(&fleet, 1, "plant");
    let devices = ids.into_iter().map(|id| support::learn(&fleet, id, "device")).collect();
    Bridge { decoder, fleet, devices }
});

/// A first line that is the topic, `!` before it for a retained message; the payload behind it.
pub fn codec(data: &[u8]) {
    let Bridge { decoder, fleet, devices } = &*BRIDGE;
    let end = data.iter().position(|octet| *octet == b'\n').unwrap_or(data.len());
    let Ok(topic) = str::from_utf8(&data[..end]) else { return };
    let payload = data.get(end + 1..).unwrap_or_default();
    let retained = topic.starts_with('!');
    let topic = topic.trim_start_matches('!');
    let uplink = Uplink { topic, payload, retained, now: support::after(60) };

    let mut reports = Reports::default();
    reports.begin(ProfileId(0), "before", false);
    let decoded = decoder.decode(&uplink, &mut reports);
    assert_eq!(decoded.is_err(), reports.len() == 1, "an error adds nothing, a success something");
    let mut resolved = Vec::new();
    for (index, report) in reports.iter().enumerate().skip(1) {
        assert_eq!(report.retained, retained);
        device_id(reports.str(report.id));
        let mut parent = 0;
        if let Some((profile, id)) = report.parent {
            device_id(reports.str(id));
            parent = devices[usize::from(profile.0)];
        }
        for fact in reports.facts(report) {
            check(fact, &fleet.profiles()[report.profile], &reports);
        }
        resolved.push(Resolved {
            device: devices[usize::from(report.profile.0)],
            report: index as u32,
            parent,
        });
    }
    fleet.absorb(&reports, &mut resolved, support::after(60));
}

/// What it becomes is a name, and stays that name.
fn device_id(id: &str) {
    assert!((1..=128).contains(&id.len()), "{id:?}");
    let name = name_from_id(id).into_owned();
    assert!(!name.is_empty());
    assert_eq!(name_from_id(&name), name);
}

fn check(fact: &Fact, profile: &Profile, reports: &Reports) {
    match *fact {
        Fact::Point { slot, value, .. } => {
            let point = &profile.points[usize::from(slot)];
            match value {
                Scalar::Text(text) => {
                    assert_eq!(point.ty, PointType::Text);
                    good_text(reports.str(text));
                }
                Scalar::Integer(value) => {
                    assert_ne!(point.ty, PointType::Text);
                    assert!(point.ty != PointType::Boolean || matches!(value, 0 | 1), "{value}");
                }
                Scalar::Bad => {}
            }
        }
        Fact::Attribute { text, .. } => good_text(reports.str(text)),
        Fact::Setting { slot, value } => {
            let setting = &profile.settings[usize::from(slot)];
            assert!(!setting.secret, "a secret is never read");
            match value {
                Scalar::Text(text) => {
                    assert_eq!(setting.ty, SettingType::Text);
                    assert!(reports.str(text).len() <= 4096);
                }
                Scalar::Integer(value) => {
                    let mut text = String::new();
                    setting.ty.write_integer(value, &mut text);
                    assert_eq!(setting.ty.parse(&text), Some(SettingValue::Integer(value)), "{text}");
                }
                Scalar::Bad => panic!("what is no value is left out"),
            }
        }
        Fact::Refused { text, .. } => good_text(reports.str(text)),
        Fact::Acknowledged { .. } | Fact::Availability(_) | Fact::Uptime { .. } => {}
    }
}

fn good_text(text: &str) {
    assert!(text.len() <= 255 && !text.chars().any(char::is_control), "{text:?}");
}
