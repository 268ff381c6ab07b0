//! The YANG module of a profile: its settings as typed leaves, which managers edit under `/fb:fleet/fb:device/fb:settings`.
//!
//! There is one presence container and in it no default, mandatory, must, when or leafref. So every mix of valid leaves is
//! valid, a device is validated by itself, and a profile that it does not use costs nothing. What a device comes with is told
//! in words and never pushed. The text follows from the profile alone: one revision, one text.

use std::fmt::Write;

use super::{ProfileFile, SettingSpec, SettingType, is_identifier};

/// The name of the module of a profile.
pub fn module_name(profile: &str) -> String {
    format!("fleetbridge-profile-{profile}")
}

/// The text of the module; `None` if the profile has no settings.
pub fn module(file: &ProfileFile) -> Option<String> {
    if file.settings.is_empty() {
        return None;
    }
    let name = &file.profile.name;
    // The module's own prefix is the profile's name, which may be one that modules usually have here.
    let own = if name == "fb" { "fleetbridge" } else { "fb" };
    let acm = if name == "nacm" { "acm" } else { "nacm" };
    let mut text = Text::default();
    text.block(&format!("module {}", module_name(name)), |text| {
        text.line("yang-version 1.1");
        text.line(&format!("namespace \"urn:fleetbridge:yang:profile:{name}\""));
        text.line(&format!("prefix {name}"));
        text.gap();
        text.import("fleetbridge", own);
        if file.settings.iter().any(|setting| setting.secret) {
            text.import("ietf-netconf-acm", acm);
        }
        text.gap();
        text.words("organization", "The fleetbridge project");
        text.words("contact", &format!("Generated from the profile {name}."));
        text.words("description", &format!("Settings of devices of the profile {name}."));
        text.gap();
        text.block(&format!("revision {}", file.profile.revision), |text| {
            text.words("description", "Revision of the profile.");
            text.words("reference", &format!("{name}.toml"));
        });
        text.gap();
        text.block("grouping settings", |text| {
            text.words("description", "The settings.");
            text.block(&format!("container {name}"), |text| {
                text.line("presence \"A setting is desired or reported.\"");
                text.words(
                    "description",
                    "Every leaf is valid by itself; one that is absent is left as it is.",
                );
                file.settings.iter().for_each(|setting| leaf(setting, acm, text));
            });
        });
        text.gap();
        text.block(&format!("augment \"/{own}:fleet/{own}:device/{own}:settings\""), |text| {
            text.words("description", "Of a device.");
            text.line("uses settings");
        });
    });
    Some(text.out)
}

fn leaf(setting: &SettingSpec, acm: &str, text: &mut Text) {
    text.block(&format!("leaf {}", setting.name), |text| {
        if setting.secret {
            text.line(&format!("{acm}:default-deny-all"));
        }
        ty(setting, text);
        if !setting.unit.is_empty() {
            text.line(&format!("units {}", quoted(&setting.unit)));
        }
        text.words("description", &description(setting));
    });
}

fn ty(setting: &SettingSpec, text: &mut Text) {
    let SettingSpec { ty, range, pattern, .. } = setting;
    let head = format!("type {}", ty.name());
    let bare = matches!(ty, SettingType::Boolean | SettingType::Integer { .. } | SettingType::Text);
    if bare && range.is_empty() && pattern.is_empty() {
        return text.line(&head);
    }
    text.block(&head, |text| {
        match ty {
            SettingType::Decimal { digits } => text.line(&format!("fraction-digits {digits}")),
            SettingType::Enumeration(values) => values.iter().for_each(|value| word(value, text)),
            SettingType::Boolean | SettingType::Integer { .. } | SettingType::Text => {}
        }
        if !range.is_empty() {
            let keyword = if *ty == SettingType::Text { "length" } else { "range" };
            text.line(&format!("{keyword} {}", quoted(range)));
        }
        if !pattern.is_empty() {
            text.line(&format!("pattern {}", quoted(pattern)));
        }
    });
}

fn word(value: &str, text: &mut Text) {
    let name = if is_identifier(value) { value.to_owned() } else { quoted(value) };
    text.block(&format!("enum {name}"), |text| text.words("description", &format!("The value {value}.")));
}

/// What the profile says of it, and what a manager should know before writing it.
fn description(setting: &SettingSpec) -> String {
    let mut text = match setting.description.trim_end() {
        "" => format!("The setting {}.", setting.name),
        own if own.ends_with(['.', '!', '?']) => own.to_owned(),
        own => format!("{own}."),
    };
    if !setting.default.is_empty() {
        let _ = write!(text, " A device comes with {}.", setting.default);
    }
    if setting.restarts {
        text.push_str(" Writing it restarts the device.");
    }
    if setting.secret {
        text.push_str(" It is never shown.");
    }
    text
}

/// A string of YANG; only these characters mean something in one (RFC 7950 section 6.1.3).
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A module on its way, indented by depth.
#[derive(Default)]
struct Text {
    out: String,
    depth: usize,
}

impl Text {
    /// A statement with substatements.
    fn block(&mut self, head: &str, body: impl FnOnce(&mut Text)) {
        self.indented(head, " {\n");
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.indented("}", "\n");
    }

    fn line(&mut self, statement: &str) {
        self.indented(statement, ";\n");
    }

    /// A statement whose argument has a line of its own.
    fn words(&mut self, keyword: &str, words: &str) {
        self.indented(keyword, "\n");
        self.depth += 1;
        self.line(&quoted(words));
        self.depth -= 1;
    }

    fn import(&mut self, module: &str, prefix: &str) {
        self.block(&format!("import {module}"), |text| text.line(&format!("prefix {prefix}")));
    }

    fn gap(&mut self) {
        self.out.push('\n');
    }

    fn indented(&mut self, text: &str, end: &str) {
        self.out.extend(std::iter::repeat_n("  ", self.depth));
        self.out.push_str(text);
        self.out.push_str(end);
    }
}
