//! The modules that profiles give are served: each shipped one compiles with ours, and a setting is found where SNMP and
//! NETCONF look for it.

use fleetbridge::{
    southbound::profile::{Library, module, module_name},
    yang::{self, Kind, Schema, Source},
};

#[test]
fn shipped_profiles_are_served() {
    let library = Library::load(None).unwrap();
    let texts: Vec<_> = library
        .shelf
        .iter()
        .filter_map(|shelved| {
            let profile = &shelved.file.profile;
            Some((profile, module_name(&profile.name), module(&shelved.file)?))
        })
        .collect();
    assert!(!texts.is_empty());
    let mut sources = yang::modules();
    sources.extend(texts.iter().map(|(profile, name, text)| Source::served(name, &profile.revision, text)));
    let schema = Schema::load(&sources).unwrap();
    for (profile, name, _) in &texts {
        let container = format!("/fleetbridge:fleet/device/settings/{name}:{}", profile.name);
        let container = schema.find(&container).unwrap_or_else(|| panic!("{container}"));
        assert_eq!(schema[container].kind, Kind::Presence);
        for setting in &profile.settings {
            let leaf = schema.member(Some(container), &setting.name);
            assert!(leaf.is_some_and(|leaf| schema[leaf].config), "{} {}", profile.name, setting.name);
        }
    }
    assert!(schema.modules().len() > texts.len());
}
