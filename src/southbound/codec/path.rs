//! Where in a JSON document a value stands.

use std::fmt;

/// `/a/b` (a JSON pointer, RFC 6901) or `a.b`. A level `*` stands for any key or index; an array's index is its
/// decimal number. The empty path is the whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Key(Box<str>),
    Any,
}

/// More levels are refused.
const MAX_STEPS: usize = 16;

impl Path {
    pub const EXPECTED: &str = "a path such as \"/wifi/rssi\" or \"wifi.rssi\"";

    pub fn parse(text: &str) -> Option<Path> {
        if text.is_empty() {
            return Some(Path(Vec::new()));
        }
        let steps: Vec<Step> = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescape).collect::<Option<_>>()?,
            None => text.split('.').map(|key| (!key.is_empty()).then(|| step(key))).collect::<Option<_>>()?,
        };
        (steps.len() <= MAX_STEPS).then_some(Path(steps))
    }

    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// It can stand for several places of one document.
    pub fn is_wild(&self) -> bool {
        self.0.contains(&Step::Any)
    }

    /// Whether the place that these keys lead to is meant.
    pub fn matches(&self, keys: &[String]) -> bool {
        self.0.len() == keys.len()
            && self.0.iter().zip(keys).all(|(step, key)| match step {
                Step::Key(name) => **name == **key,
                Step::Any => true,
            })
    }
}

/// As a JSON pointer.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                Step::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?,
                Step::Any => f.write_str("/*")?,
            }
        }
        Ok(())
    }
}

fn step(key: &str) -> Step {
    if key == "*" { Step::Any } else { Step::Key(key.into()) }
}

/// `~1` is a slash, `~0` a tilde; any other tilde is an error.
fn unescape(level: &str) -> Option<Step> {
    if !level.contains('~') {
        return Some(step(level));
    }
    if level.replace("~0", "").replace("~1", "").contains('~') {
        return None;
    }
    Some(Step::Key(level.replace("~1", "/").replace("~0", "~").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_and_dotted_paths() {
        for (text, shown) in [
            ("/a/b", "/a/b"),
            ("a.b", "/a/b"),
            ("t", "/t"),
            ("", ""),
            ("/*/Temperature", "/*/Temperature"),
            ("/a~1b/c~0d", "/a~1b/c~0d"),
            ("/a.b", "/a.b"),
            ("/list/0", "/list/0"),
            ("/", "/"),
        ] {
            assert_eq!(Path::parse(text).map(|path| path.to_string()).as_deref(), Some(shown), "{text}");
        }
        for bad in ["a..b", ".a", "a.", "/a~2", "/~", &"/x".repeat(17)] {
            assert_eq!(Path::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_star_is_any_level() {
        let path = Path::parse("/*/Temperature").unwrap();
        assert!(path.is_wild());
        assert!(path.matches(&["AM2301".into(), "Temperature".into()]));
        assert!(!path.matches(&["Temperature".into()]));
    }
}
