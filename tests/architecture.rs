//! The rules of the house that a machine can check: who imports whom, what pure modules name, where `unsafe`, SQL and
//! ASN.1 live, what may not be written at all, how long a file is, what lies at the top. Every rule is tried on a sample
//! that breaks it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What each module may import of ours, besides [`COMMON`]. Later modules are named here before they exist.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("secret", &[]),
    ("clock", &[]),
    ("stats", &[]),
    ("login", &[]),
    ("file", &[]),
    ("journal", &[]),
    ("fleet", &["journal"]),
    ("store", &["fleet", "journal", "datastore"]),
    ("datastore", &["yang", "fleet"]),
    ("yang", &[]),
    ("southbound", &["fleet", "file"]),
    ("snmp", &["fleet", "journal", "datastore"]),
    ("netconf", &["fleet", "journal", "datastore", "yang"]),
    ("report", &["fleet", "journal"]),
    // Templates are made from the agent's own definitions of objects.
    ("kit", &["file", "snmp"]),
    // The boot file speaks in the terms of the parts that it sets up, and of filters; the control socket serves fleet, reports and kits,
    // and knows the nearest name.
    ("config", &["file", "southbound", "snmp", "netconf", "kit"]),
    ("control", &["file", "fleet", "journal", "report", "kit"]),
    ("daemon", EVERYTHING),
    ("cli", EVERYTHING),
    ("main", &["cli"]),
];

const EVERYTHING: &[&str] = &[
    "file",
    "journal",
    "fleet",
    "store",
    "datastore",
    "yang",
    "southbound",
    "snmp",
    "netconf",
    "report",
    "kit",
    "config",
    "control",
    "daemon",
    "cli",
];

/// Open to everyone.
const COMMON: &[&str] = &["model", "secret", "clock", "stats", "login"];

/// Modules that take bytes and `now` and give back values: no runtime, socket, system clock or SQL.
const PURE: &[&str] = &[
    "model",
    "fleet",
    "journal",
    "datastore",
    "kit",
    "southbound/codec",
    "snmp/oid",
    "snmp/syntax",
    "snmp/ber",
    "snmp/message",
    "snmp/agent",
    "snmp/frame",
    "snmp/task",
    "snmp/notify",
    "snmp/usm",
    "snmp/vacm",
    "snmp/community",
    "snmp/view",
    "snmp/mib",
    "netconf/capabilities",
    "netconf/date_time",
    "netconf/error",
    "netconf/framing",
    "netconf/message",
    "netconf/session",
    "netconf/filter",
    "netconf/xml",
    "netconf/nacm",
    "netconf/provider",
];

const IMPURE: &[&str] = &[
    "tokio",
    "socket2",
    "rusqlite",
    "SystemTime",
    "Instant",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "TokioIo",
];

/// A crate or word, and the only modules that may name it.
const KEPT_TO: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("yang5", &["yang"]),
    ("rasn", &["snmp/message"]),
    ("rasn_snmp", &["snmp/message"]),
    ("rasn_smi", &["snmp/message"]),
    ("mqtt5", &["southbound/broker"]),
    ("rumqttc_v4", &["southbound/mqtt/client"]),
    ("rumqttc_v5", &["southbound/mqtt/client"]),
    ("russh", &["netconf/ssh"]),
    ("argon2", &["login"]),
    ("rustix", &["daemon/files"]),
    ("unsafe", &["snmp/transport", "yang"]),
    ("SystemTime", &["clock"]),
];

/// Panics and exits that input could reach, and work that was put off.
const NEVER: &[&str] = &[
    ".unwrap()",
    ".unwrap_err()",
    ".expect(",
    ".expect_err(",
    "panic!(",
    "todo!(",
    "unimplemented!(",
    "unreachable!(",
    "process::exit",
    "process::abort",
    "dbg!(",
];

/// An open set is one small trait. `Subtree` is what `Table` gives, `Index` what a table's key is, `Rows`
/// who keeps what the datastore holds.
const TRAITS: &[&str] = &["Codec", "Table", "Subtree", "Index", "Provider", "Rows"];

const TOP: &[&str] =
    &["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "mibs", "src", "tests", "yang", "target"];

const LONGEST_FILE: usize = 700;

#[test]
fn imports() {
    check(|path, code| {
        imports_of(path, code).into_iter().filter_map(|to| refused_import(path, &to)).collect()
    });
}

#[test]
fn pure_modules() {
    check(|path, code| {
        if !within(path, PURE) {
            return Vec::new();
        }
        impure(path, code)
    });
}

#[test]
fn what_is_kept_to_one_place() {
    check(misplaced);
}

#[test]
fn no_panics_and_nothing_put_off() {
    check(|_, code| {
        NEVER.iter().filter(|word| code.contains(**word)).map(|word| format!("has {word}")).collect()
    });
    for (path, text) in sources() {
        for word in ["TODO", "FIXME", "XXX"] {
            assert!(!text.contains(word), "{path} has {word}");
        }
    }
}

#[test]
fn five_traits() {
    check(|_, code| {
        let of =
            |line: &str| Some(line.split_once("trait ")?.1.split([':', ' ', '<', '{']).next()?.to_owned());
        let found = code.lines().filter(|line| declares_trait(line)).filter_map(of);
        found
            .filter(|name| !TRAITS.contains(&name.as_str()))
            .map(|name| format!("declares the trait {name}"))
            .collect()
    });
}

#[test]
fn files_are_short() {
    for folder in ["src", "tests"] {
        for path in files(&root().join(folder)) {
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            if !["rs", "sh", "py"].contains(&kind)
                || path.components().any(|part| part.as_os_str() == ".venv")
            {
                continue;
            }
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= LONGEST_FILE, "{} has {lines} lines: split it by concept", path.display());
        }
    }
}

#[test]
fn the_top_level() {
    let names = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in names.filter(|name| !name.starts_with('.')) {
        assert!(TOP.contains(&name.as_str()), "{name} has no place at the top");
    }
}

#[test]
fn every_module_has_rules() {
    for (path, _) in sources() {
        let module = top(&path);
        assert!(
            module == "lib" || MAY_IMPORT.iter().any(|(name, _)| *name == module),
            "who may {module} import? Say it in MAY_IMPORT"
        );
    }
}

/// The rules can fail: each on a sample that breaks it.
#[test]
fn the_rules_bite() {
    let refused = |path: &str, code: &str| {
        imports_of(path, &stripped(code)).into_iter().filter_map(|to| refused_import(path, &to)).count()
    };
    assert_eq!(refused("snmp/agent.rs", "use crate::{fleet::{Fleet, Row}, southbound::Codec};"), 1);
    assert_eq!(refused("snmp/agent.rs", "fn f() { crate::report::Report::find(\"x\"); }"), 1);
    assert_eq!(refused("snmp/mib/x.rs", "use super::super::super::southbound::Codec;"), 1);
    assert_eq!(refused("model/value.rs", "pub(crate) use crate::fleet;"), 1);
    assert_eq!(refused("snmp/agent.rs", "use crate::{fleet::Fleet, model::*};\nuse super::oid;"), 0);
    assert_eq!(
        refused("snmp/agent.rs", "// use crate::southbound;\n/* crate::report */ let x = \"crate::report\";"),
        0
    );
    assert_eq!(refused("snmp/agent.rs", "#[cfg(test)]\nmod tests {\n use crate::southbound;\n}\n"), 0);
    assert_eq!(
        refused("snmp/agent.rs", "#[cfg(test)]\nmod tests {\n fn f() { '{'; }\n}\nuse crate::southbound;"),
        1
    );

    assert_eq!(named("use tokio::time; let tokio_like = 1;", IMPURE), ["tokio"]);
    assert_eq!(named("std::time::Instant::now()", IMPURE), ["Instant"]);
    assert!(
        within("southbound/codec/json.rs", PURE)
            && within("snmp/ber.rs", PURE)
            && !within("snmp/bert.rs", PURE)
    );
    assert!(within("snmp/mib/mod.rs", PURE) && !within("snmp/transport.rs", PURE));
    assert_eq!(misplaced("fleet/mod.rs", "unsafe { }").len(), 1);
    assert_eq!(misplaced("snmp/transport/socket.rs", "unsafe { }").len(), 0);
    assert_eq!(misplaced("snmp/agent.rs", "use rasn_snmp::v2;").len(), 1);
    assert_eq!(
        stripped("let a = '\"'; let b = \"x\\\"y\"; let c = r#\"q\"w\"#; 'life: loop {}").trim(),
        "let a = ; let b = ; let c = ; 'life: loop {}"
    );
    assert!(stripped("#[cfg(test)]\nfn only() { x.unwrap() }\nfn kept() {}").contains("kept"));
    assert!(!stripped("#[cfg(test)]\nfn only() { x.unwrap() }\nfn kept() {}").contains("unwrap"));
    assert!(declares_trait("pub(crate) trait Foo: Send {") && !declares_trait("let portrait = 1;"));
}

fn check(rule: impl Fn(&str, &str) -> Vec<String>) {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        broken.extend(rule(&path, &stripped(&text)).into_iter().map(|what| format!("src/{path} {what}")));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

fn refused_import(path: &str, to: &str) -> Option<String> {
    let from = top(path);
    let allowed =
        MAY_IMPORT.iter().find(|(name, _)| *name == from).map_or(EVERYTHING, |(_, allowed)| allowed);
    let fine = to == from || COMMON.contains(&to) || allowed.contains(&to);
    (!fine).then(|| format!("may not import {to}"))
}

/// The modules of ours that the code names, by `crate::`, by `fleetbridge::`, or by `super::` up to the top.
fn imports_of(path: &str, code: &str) -> BTreeSet<String> {
    let own = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let up = format!("{}::", vec!["super"; own.split('/').count()].join("::"));
    let mut found = BTreeSet::new();
    // Below main.rs `fleetbridge` is only a module of that name.
    let own_crate = if path == "main.rs" { "fleetbridge::" } else { "crate::" };
    for root in [own_crate, &up] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(heads(group)),
                None => found.extend(word(rest)),
            }
        }
    }
    // Types and functions at the crate's root: none of ours.
    found.retain(|name| name.chars().next().is_some_and(char::is_lowercase));
    found
}

/// The first words of the items of a `use` group.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut item, mut found) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.extend(word(&std::mem::take(&mut item))),
            c if depth == 0 => item.push(c),
            _ => {}
        }
    }
    found.extend(word(&item));
    found
}

fn word(text: &str) -> Option<String> {
    let word: String = text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// Words of the outer world, and our own reader of the clock.
fn impure(path: &str, code: &str) -> Vec<String> {
    let clock = imports_of(path, code).contains("clock").then_some("clock");
    named(code, IMPURE).into_iter().chain(clock).map(|word| format!("is pure and names {word}")).collect()
}

fn misplaced(path: &str, code: &str) -> Vec<String> {
    KEPT_TO
        .iter()
        .filter(|(word, places)| !within(path, places) && !named(code, &[word]).is_empty())
        .map(|(word, places)| format!("names {word}, which is kept to {}", places.join(", ")))
        .collect()
}

/// Which of the words stand in the code as whole words.
fn named<'a>(code: &str, words: &[&'a str]) -> Vec<&'a str> {
    let all: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    words.iter().copied().filter(|word| all.contains(word)).collect()
}

/// Whether a file is one of these modules or inside one.
fn within(path: &str, modules: &[&str]) -> bool {
    modules
        .iter()
        .any(|module| path.strip_prefix(module).is_some_and(|rest| rest.starts_with('/') || rest == ".rs"))
}

fn declares_trait(line: &str) -> bool {
    let line = line.trim_start();
    let line =
        line.strip_prefix("pub").map_or(line, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
    line.starts_with("trait ") || line.starts_with("unsafe trait ")
}

fn top(path: &str) -> &str {
    path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The sources without those that are tests as a whole: path below `src`, and text.
fn sources() -> Vec<(String, String)> {
    let src = root().join("src");
    let mut list = Vec::new();
    for path in files(&src).into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "rs")) {
        let name = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        if !name.ends_with("/tests.rs") && !name.contains("/tests/") {
            list.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(list.len() > 20, "the sources are found");
    list
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut list = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list.extend(files(&path));
        } else {
            list.push(path);
        }
    }
    list.sort();
    list
}

/// The code without comments, literals, and items under `#[cfg(test)]`.
fn stripped(text: &str) -> String {
    let code = without_literals(text);
    let mut out = String::new();
    let mut rest = code.as_str();
    while let Some((before, after)) = rest.split_once("#[cfg(test)]") {
        out.push_str(before);
        rest = after_item(after);
    }
    out + rest
}

/// What follows the item that the text begins with.
fn after_item(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return &text[at + 1..];
                }
            }
            ';' if depth == 0 => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

fn without_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    let find = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        (from..chars.len())
            .find(|at| chars[*at..].starts_with(&end))
            .map_or(chars.len(), |found| found + end.len())
    };
    while at < chars.len() {
        let rest = &chars[at..];
        let starts = |with: &str| rest.starts_with(&with.chars().collect::<Vec<_>>());
        let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
        if starts("//") {
            at = find(at, "\n").saturating_sub(1).max(at + 2);
        } else if starts("/*") {
            at = find(at + 2, "*/");
        } else if !in_word && (starts("r\"") || starts("r#")) {
            let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
            if rest.get(1 + hashes) == Some(&'"') {
                at = find(at + 2 + hashes, &format!("\"{}", "#".repeat(hashes)));
            } else {
                out.push(chars[at]);
                at += 1;
            }
        } else if starts("\"") {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if starts("'") && rest.get(1) == Some(&'\\') {
            at = find(at + 3, "'");
        } else if starts("'") && rest.get(2) == Some(&'\'') {
            at += 3;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}
