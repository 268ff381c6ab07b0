//! Which devices a run takes: `site=plant-1,profile=tasmota,name=plug-*`.

use std::fmt;

use crate::{file::nearest, model::Presence};

const KEYS: [&str; 5] = ["site", "profile", "class", "presence", "name"];

/// All that is given must be so; the words are those of reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub site: Option<String>,
    pub profile: Option<String>,
    pub class: Option<String>,
    pub presence: Option<Presence>,
    /// A pattern: `*` is any characters, `?` is one.
    pub name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("{0:?} is no condition: write KEY=VALUE, with the keys {keys}", keys = KEYS.join(", "))]
    Malformed(String),
    #[error("{key:?} is no key of a filter; {guess}known: {keys}", keys = KEYS.join(", "))]
    Key { key: String, guess: String },
    #[error("{0} stands twice: a device has one")]
    Twice(&'static str),
    #[error("{word:?} is no presence; known: {}", presences().join(", "))]
    Presence { word: String },
}

impl fmt::Display for Filter {
    /// As [`Filter::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let presence = self.presence.map(|presence| presence.as_str().to_owned());
        let values = [&self.site, &self.profile, &self.class, &presence, &self.name];
        let given = KEYS.iter().zip(values).filter_map(|(key, value)| Some((key, value.as_ref()?)));
        for (at, (key, value)) in given.enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{key}={}", value.replace('\\', "\\\\").replace(',', "\\,"))?;
        }
        Ok(())
    }
}

impl Filter {
    /// Conditions with commas between them; a comma or backslash of a value has a backslash before it. Empty: all devices.
    ///
    /// # Errors
    /// What is not a condition, an unknown key or presence, a key that stands twice.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        let mut filter = Filter::default();
        if text.trim().is_empty() {
            return Ok(filter);
        }
        for condition in conditions(text) {
            let Some((key, value)) = condition.split_once('=') else {
                return Err(FilterError::Malformed(condition));
            };
            let key = key.trim();
            let Some(&key) = KEYS.iter().find(|known| **known == key) else {
                let guess = nearest(key, KEYS).map(|guess| format!("did you mean `{guess}`? "));
                return Err(FilterError::Key { key: key.to_owned(), guess: guess.unwrap_or_default() });
            };
            let former = match key {
                "site" => filter.site.replace(value.to_owned()).is_some(),
                "profile" => filter.profile.replace(value.to_owned()).is_some(),
                "class" => filter.class.replace(value.to_owned()).is_some(),
                "presence" => filter.presence.replace(presence(value)?).is_some(),
                _ => filter.name.replace(value.to_owned()).is_some(),
            };
            if former {
                return Err(FilterError::Twice(key));
            }
        }
        Ok(filter)
    }

    /// Whether a device of this site, profile, class, presence and name is taken. A retired one has no presence that
    /// could be asked for: it is taken by the rest, so that it can be taken out of a tool.
    pub fn takes(&self, site: &str, profile: &str, class: &str, presence: Presence, name: &str) -> bool {
        let is = |wanted: &Option<String>, text| wanted.as_deref().is_none_or(|wanted| wanted == text);
        is(&self.site, site)
            && is(&self.profile, profile)
            && is(&self.class, class)
            && self.presence.is_none_or(|wanted| wanted == presence || presence == Presence::Retired)
            && self.name.as_deref().is_none_or(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
    }
}

/// The parts between commas, without the backslashes before commas and backslashes.
fn conditions(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, parts.last_mut()) {
            (',', _) => parts.push(String::new()),
            ('\\', Some(part)) => part.push(characters.next().unwrap_or('\\')),
            (c, Some(part)) => part.push(c),
            (_, None) => {}
        }
    }
    parts
}

fn presence(word: &str) -> Result<Presence, FilterError> {
    let shown = Presence::ALL.into_iter().filter(|presence| *presence != Presence::Retired);
    shown
        .into_iter()
        .find(|presence| presence.as_str() == word)
        .ok_or_else(|| FilterError::Presence { word: word.to_owned() })
}

fn presences() -> Vec<&'static str> {
    let shown = Presence::ALL.into_iter().filter(|presence| *presence != Presence::Retired);
    shown.map(Presence::as_str).collect()
}

/// Whether a name, which is ASCII, is of the pattern. Goes back to the last `*` only, so it takes the product of both
/// lengths at most.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(c) if *c == b'?' || *c == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                at = after + 1;
                in_name = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|c| *c == b'*')
}
