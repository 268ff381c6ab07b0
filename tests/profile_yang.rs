//! The YANG module that a profile gives, as `tests/golden/yang/` says. `UPDATE_GOLDEN=1 cargo test --release --test profile_yang`
//! writes it anew; read the difference before you commit it. That pyang and yanglint take it is shown in
//! `tests/interop/test_schemas.py`.

use std::{fs, path::PathBuf};

use fleetbridge::southbound::profile::{Library, Ownership, module, module_name, parse};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/yang").join(name)
}

fn acme() -> String {
    fs::read_to_string(golden("acme.toml")).unwrap()
}

fn module_of(text: &str) -> Option<String> {
    let (file, _) =
        parse("acme.toml", text, Ownership::Own).unwrap_or_else(|problems| panic!("{problems:#?}"));
    module(&file)
}

#[test]
fn every_kind_of_setting() {
    let found = module_of(&acme()).unwrap();
    let path = golden("fleetbridge-profile-acme.yang");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(&path).unwrap());
}

#[test]
fn the_text_follows_from_what_the_profile_says() {
    let text = acme();
    let other = text.replace(
        "range = \"+10 .. 0060 | 3600\"\nunit = \"seconds\"",
        "unit='seconds' # s\nrange='10..60|3600'",
    );
    assert_ne!(other, text);
    assert_eq!(module_of(&other), module_of(&text));
}

#[test]
fn without_settings_there_is_no_module() {
    let text = acme();
    assert_eq!(module_of(&text[..text.find("[[setting]]").unwrap()]), None);
    for shelved in Library::load(None).unwrap().shelf {
        assert_eq!(module(&shelved.file).is_some(), !shelved.file.settings.is_empty());
    }
}

#[test]
fn a_profile_may_have_the_name_of_a_prefix() {
    assert_eq!(module_name("fb"), "fleetbridge-profile-fb");
    for (name, imports, path) in [
        (
            "fb",
            ["prefix fleetbridge;", "prefix nacm;"],
            "/fleetbridge:fleet/fleetbridge:device/fleetbridge:settings",
        ),
        ("nacm", ["prefix fb;", "prefix acm;"], "/fb:fleet/fb:device/fb:settings"),
    ] {
        let text = module_of(&acme().replace("name = \"acme\"", &format!("name = \"{name}\""))).unwrap();
        assert!(text.starts_with(&format!("module fleetbridge-profile-{name} {{\n")), "{text}");
        for part in imports.into_iter().chain([path, &format!("  prefix {name};")]) {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}

/// What YANG could not say is refused when the file is read.
#[test]
fn what_is_no_yang_is_refused() {
    for (line, by, expected) in [
        ("name = \"level\"", "name = \"2nd level\"", "`name` must be a name of letters"),
        (
            "name = \"acme\"",
            &format!("name = \"{}\"", "n".repeat(45)),
            "the name is too long for a profile with settings",
        ),
        ("revision = \"2024-02-29\"", "revision = \"2026-02-29\"", "`revision` must be a date"),
        ("revision = \"2024-02-29\"", "revision = \"2026-09-31\"", "`revision` must be a date"),
        ("range = \"17\"", "range = \"17 | 3\"", "`range` must be a range within string whose parts ascend"),
        (
            "range = \"17\"",
            "range = \"3..17 | 17..20\"",
            "`range` must be a range within string whose parts ascend",
        ),
        ("unit = \"°C\"", "unit = \"\\u0007\"", "`unit` must be a text of at most 64 characters"),
        ("unit = \"°C\"", "unit = \"\\uFFFE\"", "`unit` must be a text of at most 64 characters"),
        ("pressed!\"", "pressed!\\r\\n\"", "`description` must be a text of at most 1000 characters"),
        ("\"//\"", "\"\"", "\"\" is wrong in `values`"),
        ("\"//\"", "\" off\"", "\" off\" is wrong in `values`"),
        ("\"//\"", "\"a\\u0000b\"", "\"a\\0b\" is wrong in `values`"),
        ("\"//\"", "\"off\"", "\"off\" stands in `values` twice"),
        (
            "default = \"secret\"",
            "default = \"sec\\nret\"",
            "`default` must be a text without control characters",
        ),
        ("default = true", "pattern = \"t.*\"", "a boolean has no `pattern`"),
        ("([0-9A-F]{2}:)", "\\b", "`pattern` must be a regular expression"),
    ] {
        let text = acme().replacen(line, by, 1);
        let problems = parse("a.toml", &text, Ownership::Own).err().unwrap_or_default();
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|problem| problem.contains(expected)), "{by}: {found:#?}");
    }
}
