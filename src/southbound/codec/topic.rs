//! Topics with placeholders, and which of many matches a topic that arrives.

use crate::model::Attribute;

/// `tele/{device}/SENSOR`: each level is a text, `+`, or has one placeholder (`{device}`, `{parent}`, or an attribute
/// such as `{site}`) with text before and after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    levels: Vec<Level>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Literal(Box<str>),
    Any,
    Part { before: Box<str>, after: Box<str>, capture: Capture },
}

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    Device,
    Parent,
    Attribute(Attribute),
}

/// The attributes that a device may report of itself; alias and asset tag belong to its managers.
pub const IDENTITY: [Attribute; 10] = [
    Attribute::Manufacturer,
    Attribute::Model,
    Attribute::Serial,
    Attribute::Mac,
    Attribute::Address,
    Attribute::HardwareRevision,
    Attribute::Firmware,
    Attribute::Software,
    Attribute::Site,
    Attribute::Location,
];

/// Where in a topic a placeholder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub capture: Capture,
    level: u8,
    before: u16,
    after: u16,
}

/// More levels are refused; longer topics match nothing.
const MAX_LEVELS: usize = 32;

/// So many uplinks of the same topic are tried; further ones are not.
const MAX_MATCHES: usize = 16;

impl Pattern {
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        if text.is_empty() || text.len() > 1024 {
            return Err("a topic has 1 to 1024 bytes".to_owned());
        }
        if text.contains('#') {
            return Err("`#` is not allowed: a profile says each topic that it reads".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Err("a topic has no control characters".to_owned());
        }
        let levels = text.split('/').map(level).collect::<Result<Vec<_>, _>>()?;
        if levels.len() > MAX_LEVELS {
            return Err(format!("a topic has at most {MAX_LEVELS} levels"));
        }
        let pattern = Pattern { text: text.to_owned(), levels };
        let captures: Vec<Capture> = pattern.places().map(|place| place.capture).collect();
        match captures.iter().enumerate().find(|(at, capture)| captures[..*at].contains(capture)) {
            Some(_) => Err("a placeholder stands twice in it".to_owned()),
            None => Ok(pattern),
        }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The MQTT topic filter that covers it.
    pub fn filter(&self) -> String {
        let level = |level: &Level| match level {
            Level::Literal(text) => text.to_string(),
            Level::Any | Level::Part { .. } => "+".to_owned(),
        };
        self.levels.iter().map(level).collect::<Vec<_>>().join("/")
    }

    pub fn has(&self, capture: Capture) -> bool {
        self.places().any(|place| place.capture == capture)
    }

    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.levels.iter().enumerate().filter_map(|(at, level)| match level {
            Level::Part { before, after, capture } => Some(Place {
                capture: *capture,
                level: at as u8,
                before: before.len() as u16,
                after: after.len() as u16,
            }),
            _ => None,
        })
    }
}

impl Capture {
    pub fn name(self) -> &'static str {
        match self {
            Capture::Device => "device",
            Capture::Parent => "parent",
            Capture::Attribute(attribute) => attribute.as_str(),
        }
    }

    fn parse(name: &str) -> Option<Capture> {
        match name {
            "device" => Some(Capture::Device),
            "parent" => Some(Capture::Parent),
            _ => IDENTITY
                .iter()
                .find(|attribute| attribute.as_str() == name)
                .map(|attribute| Capture::Attribute(*attribute)),
        }
    }
}

fn level(text: &str) -> Result<Level, String> {
    if text == "+" {
        return Ok(Level::Any);
    }
    if text.contains('+') {
        return Err(format!("`+` must be a whole level, not a part as in {text:?}"));
    }
    let Some((before, rest)) = text.split_once('{') else {
        return match text.contains('}') {
            true => Err(format!("`}}` without `{{` in {text:?}")),
            false => Ok(Level::Literal(text.into())),
        };
    };
    let Some((name, after)) = rest.split_once('}') else {
        return Err(format!("`{{` without `}}` in {text:?}"));
    };
    if after.contains(['{', '}']) {
        return Err(format!("a level has at most one placeholder, unlike {text:?}"));
    }
    match Capture::parse(name) {
        Some(capture) => Ok(Level::Part { before: before.into(), after: after.into(), capture }),
        None => Err(format!(
            "unknown placeholder {{{name}}}: use {{device}}, {{parent}}, {{site}} or another attribute"
        )),
    }
}

/// A topic that arrived, in levels.
pub struct Topic<'a> {
    levels: [&'a str; MAX_LEVELS],
    count: usize,
}

impl<'a> Topic<'a> {
    /// `None`: it has too many levels for any pattern.
    pub fn split(text: &'a str) -> Option<Topic<'a>> {
        let mut topic = Topic { levels: [""; MAX_LEVELS], count: 0 };
        for level in text.split('/') {
            *topic.levels.get_mut(topic.count)? = level;
            topic.count += 1;
        }
        Some(topic)
    }

    /// What stands in the place of a placeholder, for a topic that matched.
    pub fn part(&self, place: Place) -> &'a str {
        let level = self.levels.get(usize::from(place.level)).copied().unwrap_or("");
        let end = level.len().saturating_sub(usize::from(place.after));
        level.get(usize::from(place.before)..end).unwrap_or("")
    }
}

/// Finds the patterns that match a topic. One descent by levels, no allocation; its time does not grow with the number of
/// patterns that share no level with the topic.
#[derive(Debug, Default)]
pub struct Matcher {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Sorted.
    literals: Vec<(Box<str>, u32)>,
    /// What stands before and after a placeholder; not both empty.
    parts: Vec<(Box<str>, Box<str>, u32)>,
    /// Where every level leads; 0: nowhere.
    any: u32,
    routes: Vec<u16>,
}

/// Indexes of patterns, ascending.
#[derive(Clone, Copy, Debug, Default)]
pub struct Matches {
    list: [u16; MAX_MATCHES],
    count: usize,
}

impl Matcher {
    /// The index of a pattern in the list is its route.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p Pattern>) -> Matcher {
        let mut matcher = Matcher { nodes: vec![Node::default()] };
        for (route, pattern) in patterns.into_iter().enumerate() {
            let end = pattern.levels.iter().fold(0, |node, level| matcher.extend(node, level));
            matcher.nodes[end].routes.push(route as u16);
        }
        matcher
    }

    pub fn find(&self, topic: &Topic<'_>) -> Matches {
        let mut matches = Matches::default();
        self.descend(0, &topic.levels[..topic.count], true, &mut matches);
        matches
    }

    fn descend(&self, node: usize, levels: &[&str], first: bool, matches: &mut Matches) {
        let Some(node) = self.nodes.get(node) else { return };
        let Some((level, rest)) = levels.split_first() else {
            node.routes.iter().for_each(|route| matches.insert(*route));
            return;
        };
        if let Ok(at) = node.literals.binary_search_by(|(text, _)| (**text).cmp(*level)) {
            self.descend(node.literals[at].1 as usize, rest, false, matches);
        }
        // A wildcard does not stand for a first level that begins with `$` (MQTT 5.0, 4.7.2).
        if first && level.starts_with('$') {
            return;
        }
        if node.any != 0 {
            self.descend(node.any as usize, rest, false, matches);
        }
        for (before, after, next) in &node.parts {
            let long_enough = level.len() >= before.len() + after.len();
            if long_enough && level.starts_with(&**before) && level.ends_with(&**after) {
                self.descend(*next as usize, rest, false, matches);
            }
        }
    }

    /// The node that `level` leads to from `node`, made if there is none.
    fn extend(&mut self, node: usize, level: &Level) -> usize {
        let new = self.nodes.len();
        let (before, after) = match level {
            Level::Literal(text) => {
                return match self.nodes[node].literals.binary_search_by(|(known, _)| (**known).cmp(text)) {
                    Ok(at) => self.nodes[node].literals[at].1 as usize,
                    Err(at) => {
                        self.nodes[node].literals.insert(at, (text.clone(), new as u32));
                        self.nodes.push(Node::default());
                        new
                    }
                };
            }
            Level::Part { before, after, .. } if !(before.is_empty() && after.is_empty()) => {
                (before.clone(), after.clone())
            }
            Level::Any | Level::Part { .. } => {
                if self.nodes[node].any == 0 {
                    self.nodes[node].any = new as u32;
                    self.nodes.push(Node::default());
                }
                return self.nodes[node].any as usize;
            }
        };
        let parts = &mut self.nodes[node].parts;
        if let Some((.., next)) = parts.iter().find(|(b, a, _)| *b == before && *a == after) {
            return *next as usize;
        }
        parts.push((before, after, new as u32));
        self.nodes.push(Node::default());
        new
    }
}

impl Matches {
    pub fn as_slice(&self) -> &[u16] {
        &self.list[..self.count]
    }

    fn insert(&mut self, route: u16) {
        if self.count == MAX_MATCHES {
            return;
        }
        let at = self.as_slice().partition_point(|known| *known < route);
        self.list.copy_within(at..self.count, at + 1);
        self.list[at] = route;
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(patterns: &[&str], topic: &str) -> Vec<u16> {
        let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        let matcher = Matcher::new(&patterns);
        Topic::split(topic).map(|topic| matcher.find(&topic).as_slice().to_vec()).unwrap_or_default()
    }

    #[test]
    fn patterns_match_in_their_order() {
        let patterns = [
            "tele/{device}/SENSOR",
            "+/{device}/SENSOR",
            "tele/plug/{device}",
            "gw/{parent}/{device}/state",
            "shelly-{device}/online",
            "{device}/online",
            "tele/{device}/SENSOR",
        ];
        assert_eq!(routes(&patterns, "tele/x/SENSOR"), [0, 1, 6]);
        assert_eq!(routes(&patterns, "tele/plug/SENSOR"), [0, 1, 2, 6]);
        assert_eq!(routes(&patterns, "gw/a/b/state"), [3]);
        assert_eq!(routes(&patterns, "shelly-7/online"), [4, 5]);
        assert_eq!(routes(&patterns, "tele/x"), [0; 0]);
        assert_eq!(routes(&patterns, "tele/x/SENSOR/more"), [0; 0]);
        assert_eq!(routes(&patterns, "$SYS/online"), [0; 0]);
        assert_eq!(routes(&patterns, &"x/".repeat(40)), [0; 0]);
    }

    #[test]
    fn placeholders_are_cut_out() {
        let pattern = Pattern::parse("plants/{site}/shelly-{device}.x/+").unwrap();
        let topic = Topic::split("plants/Lübeck/shelly-0042.x/y").unwrap();
        let parts: Vec<_> = pattern.places().map(|place| (place.capture, topic.part(place))).collect();
        assert_eq!(parts, [(Capture::Attribute(Attribute::Site), "Lübeck"), (Capture::Device, "0042")]);
        assert_eq!(pattern.filter(), "plants/+/+/+");
    }

    #[test]
    fn wrong_patterns() {
        for bad in [
            "",
            "a/#",
            "a/b+",
            "{device",
            "device}",
            "{device}{parent}",
            "{device}/{device}",
            "{x}",
            "a\u{1}",
            &"a/".repeat(33),
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn too_many_matches_are_cut() {
        assert_eq!(routes(&["+"; 40], "x"), (0..16).collect::<Vec<_>>());
    }
}
