//! Where devices answer: `{ topic = "...", path = "..." }`, and `[[refusal]]`.

use super::{Source, setting::value};
use crate::{
    file::{Entry, Section},
    model::{SettingType, SettingValue},
    southbound::codec::{
        path::Path,
        topic::{Capture, Pattern},
    },
};

/// Topics on which something is said of a setting, and where in the payload.
#[derive(Clone, Debug)]
pub(super) struct AnswerSpec {
    pub topics: Vec<Pattern>,
    /// Empty: the payload is a text, and all of it is meant.
    pub paths: Vec<Path>,
    /// The device's words, each with the value in canonical text.
    map: Vec<(Box<str>, String)>,
}

/// How a device says no to whatever it was told last.
#[derive(Clone, Debug)]
pub(super) struct RefusalSpec {
    pub answer: AnswerSpec,
    /// Words for "I do not know this setting".
    pub unsupported: Vec<Box<str>>,
    /// Words for any other no; empty: every other word.
    pub failed: Vec<Box<str>>,
}

impl AnswerSpec {
    /// `None` if absent or wrong; `mapped`: it may say the device's words for values.
    pub fn read(entry: &Entry<'_>, mapped: bool) -> Option<AnswerSpec> {
        let mut section = entry.table()?;
        let answer = AnswerSpec::from(&mut section, mapped);
        section.finish();
        answer
    }

    fn from(section: &mut Section<'_>, mapped: bool) -> Option<AnswerSpec> {
        let topic = section.required_as("topic", "\"acme/{device}/state\"");
        let topics: Vec<Pattern> = topic.one_or_more().iter().filter_map(pattern).collect();
        let path = section.key("path");
        let paths = Source::paths(&path);
        let mut map = Vec::new();
        if mapped && let Some(mut words) = section.key("map").table() {
            let word = |(word, text): (&str, Entry<'_>)| Some((word.trim().into(), text.scalar_text()?));
            map = words.entries().into_iter().filter_map(word).collect();
            words.finish();
        }
        if topics.is_empty() || (path.exists() && paths.is_none()) {
            return None;
        }
        Some(AnswerSpec { topics, paths: paths.unwrap_or_default(), map })
    }

    /// The device's words for values of the type; what is none is noted at `entry`.
    pub fn words(&self, ty: &SettingType, entry: &Entry<'_>) -> Vec<(Box<str>, SettingValue)> {
        let word = |(word, text): &(Box<str>, String)| Some((word.clone(), value(text, ty, entry)?));
        self.map.iter().filter_map(word).collect()
    }
}

impl RefusalSpec {
    pub fn read_all(top: &mut Section<'_>) -> Vec<RefusalSpec> {
        let read = |mut section: Section<'_>| {
            let answer = AnswerSpec::from(&mut section, false);
            let mut words = |name: &'static str| -> Vec<Box<str>> {
                let items = section.key(name).one_or_more();
                items.iter().filter_map(|item| item.str().map(Into::into)).collect()
            };
            let (unsupported, failed) = (words("unsupported"), words("failed"));
            section.finish();
            Some(RefusalSpec { answer: answer?, unsupported, failed })
        };
        top.key("refusal").tables().into_iter().filter_map(read).collect()
    }
}

fn pattern(topic: &Entry<'_>) -> Option<Pattern> {
    let text = topic.str()?;
    match Pattern::parse(text) {
        Err(why) => {
            topic.error(format!("the topic {text:?} is wrong: {why}"), "");
            None
        }
        Ok(pattern) if !pattern.has(Capture::Device) => {
            topic.error("the topic does not say which device it is".to_owned(), "write {device} in it");
            None
        }
        Ok(pattern) => Some(pattern),
    }
}
