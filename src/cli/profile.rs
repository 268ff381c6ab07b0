//! `fleetbridge profile list | show NAME | check FILE | try FILE --topic T --payload FILE | yang FILE`: what a profile is, what is
//! wrong with one, what it makes of a message, and its YANG module. None of these needs a running bridge.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use crate::{
    file::{self, Diagnostic, nearest, write_duration},
    model::{PointKind, PointType, Profile, Profiles, Reports, Time},
    southbound::{
        Codec, DecodeError, Limits, Uplink,
        codec::{
            Payload,
            path::{Path as JsonPath, Step},
        },
        profile::{Library, Origin, Ownership, ProfileFile, Shelved, compile, module, parse, write_reports},
    },
};

#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// One a line.
    #[error("{}", lines(.0))]
    Problems(Vec<Diagnostic>),
    #[error("{0}")]
    Unknown(String),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A message to try.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
    pub retained: bool,
    pub now: Time,
}

/// A table of all profiles: name, revision, class, points, settings, product, origin.
///
/// # Errors
/// A profile file is wrong, or `out` cannot be written.
pub fn list(dir: Option<&Path>, out: &mut dyn Write) -> Result<(), ProfileError> {
    let library = Library::load(dir).map_err(ProfileError::Problems)?;
    let width = library.names().map(str::len).max().unwrap_or(4).max(4);
    writeln!(
        out,
        "{:width$}  {:10}  {:12}  {:>6}  {:>8}  FROM",
        "NAME", "REVISION", "CLASS", "POINTS", "SETTINGS"
    )?;
    for Shelved { file, origin, .. } in &library.shelf {
        let profile = &file.profile;
        let from = match origin {
            Origin::Shipped => "shipped".to_owned(),
            Origin::Own(path) => path.display().to_string(),
        };
        writeln!(
            out,
            "{:width$}  {:10}  {:12}  {:>6}  {:>8}  {from}",
            profile.name,
            profile.revision,
            profile.class,
            profile.points.len(),
            profile.settings.len()
        )?;
    }
    writeln!(
        out,
        "\nfleetbridge profile show NAME tells more; --text prints the file, to begin an own profile with"
    )?;
    Ok(())
}

/// What a profile reads and says; with `text` the file itself.
///
/// # Errors
/// There is no such profile, a file is wrong, or `out` cannot be written.
pub fn show(dir: Option<&Path>, name: &str, text: bool, out: &mut dyn Write) -> Result<(), ProfileError> {
    let library = Library::load(dir).map_err(ProfileError::Problems)?;
    let Some(shelved) = library.find(name) else {
        return Err(ProfileError::Unknown(unknown(name, &library)));
    };
    if text {
        out.write_all(shelved.text.as_bytes())?;
        return Ok(());
    }
    let ProfileFile { profile, uplinks, .. } = &shelved.file;
    writeln!(out, "{} {} ({})", profile.name, profile.revision, profile.class)?;
    let maker = [profile.manufacturer.as_str(), profile.model.as_str()].join(" ");
    if !maker.trim().is_empty() {
        writeln!(out, "made by   {}", maker.trim())?;
    }
    if let Some(product) = profile.product {
        writeln!(out, "product   {product} (fbShippedProfiles.{product})")?;
    }
    if let Some(parent) = &shelved.file.parent {
        writeln!(out, "parent    {parent}")?;
    }
    match (profile.presence.late_after(), profile.presence.lost_after()) {
        (Some(late), Some(lost)) => {
            writeln!(
                out,
                "presence  late after {}, lost after {}",
                write_duration(late),
                write_duration(lost)
            )?;
        }
        _ => writeln!(out, "presence  silence says nothing")?,
    }
    writeln!(out, "\nlistens to")?;
    for uplink in uplinks {
        let payload = match uplink.payload {
            Payload::Json => "json",
            Payload::Text => "text",
            Payload::None => "not decoded",
        };
        let presence = if uplink.presence.is_some() { ", presence" } else { "" };
        writeln!(out, "  {}  ({payload}{presence})", uplink.topic())?;
    }
    show_points(profile, out)?;
    show_settings(&shelved.file, out)
}

/// Prints what is wrong with a file, and what is worth knowing; `true` if it can be used.
///
/// # Errors
/// The file cannot be read, or `out` cannot be written.
pub fn check(path: &Path, out: &mut dyn Write) -> Result<bool, ProfileError> {
    let text = file::load(path).map_err(|problem| ProfileError::Problems(vec![problem]))?;
    let name = path.display().to_string();
    match parse(&name, &text, Ownership::Own) {
        Ok((file, notes)) => {
            notes.iter().try_for_each(|note| writeln!(out, "{note}"))?;
            let profile = &file.profile;
            writeln!(
                out,
                "{name}: good: profile {}, {} topics, {} points, {} settings",
                profile.name,
                file.uplinks.len(),
                profile.points.len(),
                profile.settings.len()
            )?;
            Ok(true)
        }
        Err(problems) => {
            problems.iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
            Ok(false)
        }
    }
}

/// Prints what a profile (a file, or the name of a known one) makes of a message; `true` if it is understood.
///
/// # Errors
/// The profile is unknown or wrong, or `out` cannot be written.
pub fn attempt(
    dir: Option<&Path>,
    profile: &str,
    trial: &Trial<'_>,
    out: &mut dyn Write,
) -> Result<bool, ProfileError> {
    let file = open(dir, profile)?;
    let parents = file.parent.iter().map(|parent| Profile::forgotten(parent, 0));
    let profiles = Profiles::new(std::iter::once(file.profile.clone()).chain(parents).collect());
    let decoder = compile(&profiles, &[&file], Limits::default())
        .map_err(|error| ProfileError::Unknown(error.to_string()))?;
    let Trial { topic, payload, retained, now } = *trial;
    let mut reports = Reports::default();
    let result = decoder.decode(&Uplink { topic, payload, retained, now }, &mut reports);
    let understood = result.is_ok();
    match result {
        Ok(()) => {
            let mut text = String::new();
            write_reports(&reports, &profiles, &mut text);
            out.write_all(text.as_bytes())?;
        }
        Err(error) => {
            writeln!(out, "not understood: {error} ({})", error.as_str())?;
            hint(&file, trial, error, out)?;
        }
    }
    show_ignored(&file, trial, understood, out)?;
    Ok(understood)
}

/// Prints the YANG module of a profile (a file, or the name of a known one).
///
/// # Errors
/// The profile is unknown or wrong, has no settings, or `out` cannot be written.
pub fn yang(dir: Option<&Path>, profile: &str, out: &mut dyn Write) -> Result<(), ProfileError> {
    let file = open(dir, profile)?;
    let Some(text) = module(&file) else {
        return Err(ProfileError::Unknown(format!(
            "the profile `{}` has no settings, so it has no module",
            file.profile.name
        )));
    };
    Ok(out.write_all(text.as_bytes())?)
}

/// Reads a payload for [`attempt`]: a file, or standard input for `-`.
///
/// # Errors
/// It cannot be read.
pub fn read_payload(path: &Path) -> Result<Vec<u8>, ProfileError> {
    let most = Limits::default().payload as u64 + 1;
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().take(most).read_to_end(&mut bytes)?;
    } else {
        let named = |error| ProfileError::Unknown(format!("{}: {error}", path.display()));
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(named)?;
    }
    Ok(bytes)
}

fn open(dir: Option<&Path>, profile: &str) -> Result<ProfileFile, ProfileError> {
    let path = Path::new(profile);
    if path.is_file() {
        let text = file::load(path).map_err(|problem| ProfileError::Problems(vec![problem]))?;
        return parse(profile, &text, Ownership::Own).map(|(file, _)| file).map_err(ProfileError::Problems);
    }
    let library = Library::load(dir).map_err(ProfileError::Problems)?;
    match library.find(profile) {
        Some(shelved) => Ok(shelved.file.clone()),
        None => Err(ProfileError::Unknown(unknown(profile, &library))),
    }
}

fn unknown(name: &str, library: &Library) -> String {
    let guess =
        nearest(name, library.names()).map(|guess| format!("did you mean `{guess}`? ")).unwrap_or_default();
    let names: Vec<&str> = library.names().collect();
    format!("there is no profile `{name}`; {guess}profiles: {}", names.join(", "))
}

fn lines(problems: &[Diagnostic]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn show_points(profile: &Profile, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\npoints")?;
    for point in &profile.points {
        let ty = match point.ty {
            PointType::Boolean => "boolean",
            PointType::Integer => "integer",
            PointType::Decimal => "decimal",
            PointType::Text => "text",
            PointType::Counter => "counter",
        };
        let kind = match point.kind {
            PointKind::Gauge => "gauge",
            PointKind::Counter => "counter",
            PointKind::State => "state",
        };
        let digits =
            if point.ty == PointType::Decimal { format!(", {} digits", point.digits) } else { String::new() };
        let unit = if point.unit.is_empty() { String::new() } else { format!(", {}", point.unit) };
        let kind = if kind == ty { String::new() } else { format!(", {kind}") };
        writeln!(out, "  {}: {ty}{kind}{digits}{unit}", point.name)?;
    }
    Ok(())
}

fn show_settings(file: &ProfileFile, out: &mut dyn Write) -> Result<(), ProfileError> {
    if file.settings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nsettings")?;
    for setting in &file.settings {
        let range = if setting.range.is_empty() { String::new() } else { format!(" {}", setting.range) };
        let unit = if setting.unit.is_empty() { String::new() } else { format!(", {}", setting.unit) };
        let secret = if setting.secret { ", secret" } else { "" };
        writeln!(out, "  {}: {}{range}{unit}{secret}", setting.name, setting.ty.name())?;
    }
    Ok(())
}

/// What may help after a message was not understood.
fn hint(file: &ProfileFile, trial: &Trial<'_>, error: DecodeError, out: &mut dyn Write) -> io::Result<()> {
    match error {
        DecodeError::UnknownTopic => {
            writeln!(out, "the profile listens to:")?;
            file.uplinks.iter().try_for_each(|uplink| writeln!(out, "  {}", uplink.topic()))
        }
        DecodeError::NotJson => match serde_json::from_slice::<serde::de::IgnoredAny>(trial.payload) {
            Err(error) => writeln!(out, "hint: {error}"),
            Ok(_) => Ok(()),
        },
        DecodeError::UnknownWord => {
            let words = file.uplinks.iter().filter_map(|uplink| uplink.presence.as_ref());
            let words: Vec<&str> =
                words.flat_map(|presence| &presence.words).map(|(word, _)| &**word).collect();
            writeln!(out, "hint: presence words of this profile are: {}", words.join(", "))
        }
        DecodeError::NoValues => {
            let mut paths: Vec<String> = paths(file, trial.topic).iter().map(ToString::to_string).collect();
            paths.dedup();
            writeln!(out, "hint: for this topic the profile knows: {}", paths.join(", "))
        }
        _ => Ok(()),
    }
}

/// The values of a JSON payload that no rule takes, with the nearest name that one does.
fn show_ignored(
    file: &ProfileFile,
    trial: &Trial<'_>,
    understood: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let routes = file.matching(trial.topic);
    if !routes.iter().any(|route| route.payload == Payload::Json) {
        return Ok(());
    }
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(trial.payload) else { return Ok(()) };
    let known = paths(file, trial.topic);
    let mut leaves = Vec::new();
    collect(&document, &mut Vec::new(), &mut leaves);
    let ignored = leaves.iter().filter(|(keys, _)| !known.iter().any(|path| path.matches(keys)));
    let shown: Vec<String> = ignored
        .take(100)
        .map(|(keys, value)| {
            let last = keys.last().map_or("", String::as_str);
            let guess = nearest(
                last,
                known.iter().filter_map(|path| match path.steps().last() {
                    Some(Step::Key(key)) => Some(&**key),
                    _ => None,
                }),
            );
            let guess = guess.map(|guess| format!("  (the profile knows `{guess}`)")).unwrap_or_default();
            format!("  /{} = {value}{guess}", keys.join("/"))
        })
        .collect();
    if !shown.is_empty() {
        let heading = if understood { "ignored, because no rule takes them:" } else { "the payload has:" };
        writeln!(out, "{heading}\n{}", shown.join("\n"))?;
    }
    Ok(())
}

fn paths(file: &ProfileFile, topic: &str) -> Vec<JsonPath> {
    let mut paths: Vec<JsonPath> = Vec::new();
    for rule in file.matching(topic).into_iter().flat_map(|route| route.rules) {
        for path in rule.sources {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths
}

fn collect(value: &serde_json::Value, keys: &mut Vec<String>, out: &mut Vec<(Vec<String>, String)>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                keys.push(key.clone());
                collect(value, keys, out);
                keys.pop();
            }
        }
        serde_json::Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                keys.push(index.to_string());
                collect(value, keys, out);
                keys.pop();
            }
        }
        leaf => out.push((keys.clone(), leaf.to_string())),
    }
}
