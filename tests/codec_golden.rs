//! What the shipped profiles make of messages, step by step, as `tests/golden/codec/*.steps` says:
//!
//! ```text
//! # a comment
//! > TOPIC [retained]
//! PAYLOAD, any number of lines
//! < device ...          what comes out
//! ```
//! `UPDATE_GOLDEN=1 cargo test --release --test codec_golden` writes the `<` lines anew; read the difference before you commit it.

use std::{collections::HashSet, fs, path::PathBuf};

use fleetbridge::{
    model::{Profiles, Reports, Time},
    southbound::{
        Codec, Limits, Uplink,
        codec::Decoder,
        profile::{Library, compile, write_reports},
    },
};

const NOW: Time = Time::from_secs(1_795_400_000);

fn library() -> (Profiles, Library) {
    let library = Library::load(None).unwrap();
    let profiles = Profiles::new(library.shelf.iter().map(|shelved| shelved.file.profile.clone()).collect());
    (profiles, library)
}

fn decoder(profiles: &Profiles, library: &Library) -> Decoder {
    let files: Vec<_> = library.shelf.iter().map(|shelved| &shelved.file).collect();
    compile(profiles, &files, Limits::default()).unwrap()
}

#[test]
fn messages_become_reports() {
    let (profiles, library) = library();
    let decoder = decoder(&profiles, &library);
    let mut seen = HashSet::new();
    for path in step_files() {
        let expected = fs::read_to_string(&path).unwrap();
        let mut found = String::new();
        for step in steps(&expected) {
            let payload = step.payload.join("\n");
            let mut reports = Reports::default();
            let uplink =
                Uplink { topic: step.topic, payload: payload.as_bytes(), retained: step.retained, now: NOW };
            let result = decoder.decode(&uplink, &mut reports);
            let mut text = String::new();
            match result {
                Ok(()) => {
                    write_reports(&reports, &profiles, &mut text);
                    for shelved in &library.shelf {
                        for route in shelved.file.matching(step.topic) {
                            seen.insert((
                                shelved.file.profile.name.clone(),
                                route.pattern.as_str().to_owned(),
                            ));
                        }
                    }
                }
                Err(error) => {
                    assert!(reports.is_empty(), "an error leaves nothing");
                    text = format!("error {}\n", error.as_str());
                }
            }
            for line in step.head.iter().chain(&step.payload) {
                found.push_str(line);
                found.push('\n');
            }
            text.lines().for_each(|line| found.push_str(&format!("< {line}\n")));
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, found).unwrap();
        } else {
            assert_eq!(found, expected, "{}", path.display());
        }
    }
    for shelved in &library.shelf {
        for uplink in &shelved.file.uplinks {
            let name = &shelved.file.profile.name;
            let key = (name.clone(), uplink.topic().to_owned());
            assert!(seen.contains(&key), "no step shows the uplink {} of {name}", uplink.topic());
        }
    }
}

fn step_files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/codec");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "steps"));
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

struct Step<'a> {
    /// Comments and the line of the topic.
    head: Vec<&'a str>,
    topic: &'a str,
    retained: bool,
    payload: Vec<&'a str>,
}

fn steps(text: &str) -> Vec<Step<'_>> {
    let mut list: Vec<Step<'_>> = Vec::new();
    let mut comments = Vec::new();
    for line in text.lines() {
        if line.starts_with("< ") {
            continue;
        }
        match (line.strip_prefix("> "), list.last_mut()) {
            (Some(topic), _) => {
                let (topic, retained) =
                    topic.strip_suffix(" retained").map_or((topic, false), |topic| (topic, true));
                comments.push(line);
                let head = std::mem::take(&mut comments);
                list.push(Step { head, topic, retained, payload: Vec::new() });
            }
            (None, Some(step)) if !line.starts_with('#') && !line.is_empty() => step.payload.push(line),
            (None, _) => comments.push(line),
        }
    }
    list
}
