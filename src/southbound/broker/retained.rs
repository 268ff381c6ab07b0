//! What the broker keeps for those who come later, counted, because the library limits only the size of each.

use std::{collections::HashMap, sync::Arc};

/// Octets of topics and payloads together.
const ROOM: usize = 256 << 20;

/// Messages for each client that there may be.
pub(super) const FOR_A_CLIENT: usize = 10;

#[derive(Debug)]
pub(super) struct Retained {
    most: usize,
    octets: usize,
    /// With their octets.
    topics: HashMap<Arc<str>, usize>,
}

impl Retained {
    pub(super) fn new(max_clients: usize) -> Self {
        Retained { most: max_clients.saturating_mul(FOR_A_CLIENT), octets: 0, topics: HashMap::new() }
    }

    /// Whether a payload of so many octets may take the place of what is kept under the topic.
    pub(super) fn has_room(&self, topic: &str, payload: usize) -> bool {
        let former = self.topics.get(topic);
        let others = self.octets - former.copied().unwrap_or_default();
        (former.is_some() || self.topics.len() < self.most) && others + topic.len() + payload <= ROOM
    }

    /// An empty payload is kept nowhere (MQTT 5 section 3.3.1.3).
    pub(super) fn set(&mut self, topic: Arc<str>, payload: usize) {
        let octets = topic.len() + payload;
        let former = match payload {
            0 => self.topics.remove(&topic),
            _ => {
                self.octets += octets;
                self.topics.insert(topic, octets)
            }
        };
        self.octets -= former.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_octets_are_limited() {
        let mut retained = Retained::new(1);
        for n in 0..FOR_A_CLIENT {
            assert!(retained.has_room(&format!("t{n}"), 1));
            retained.set(format!("t{n}").into(), 1);
        }
        assert!(!retained.has_room("new", 1));
        assert!(retained.has_room("t0", ROOM / 2));
        retained.set("t0".into(), ROOM / 2);
        assert!(!retained.has_room("t1", ROOM / 2) && retained.has_room("t0", ROOM / 2 + 100));
        retained.set("t0".into(), 0);
        assert!(retained.has_room("new", ROOM / 2));
        for n in 1..FOR_A_CLIENT {
            retained.set(format!("t{n}").into(), 0);
        }
        assert_eq!((retained.octets, retained.topics.len()), (0, 0));
    }
}
