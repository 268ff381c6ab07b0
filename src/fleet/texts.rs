//! The texts of one block: each different text once, counted.
//!
//! Manufacturer, model or firmware are the same in most devices of a block, so a device pays four octets for each. A
//! text that no column refers to any more is freed, so a device that sends ever new texts costs no more than one.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Refers to a text of the same block; 0 is the empty text.
pub(super) type TextId = u32;

#[derive(Debug, Default)]
pub(super) struct Texts {
    entries: Vec<Entry>,
    free: Vec<TextId>,
    table: HashTable<TextId>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct Entry {
    text: Box<str>,
    references: u32,
}

impl Texts {
    pub fn str(&self, id: TextId) -> &str {
        match id {
            0 => "",
            id => self.entries.get(id as usize - 1).map_or("", |entry| &entry.text),
        }
    }

    /// Makes `*id` refer to `text` instead of to what it refers to now; true if that was another text.
    pub fn replace(&mut self, id: &mut TextId, text: &str) -> bool {
        if self.str(*id) == text {
            return false;
        }
        self.release(*id);
        *id = self.acquire(text);
        true
    }

    pub fn acquire(&mut self, text: &str) -> TextId {
        if text.is_empty() {
            return 0;
        }
        let hash = self.hasher.hash_one(text);
        let entries = &self.entries;
        if let Some(&id) = self.table.find(hash, |&id| &*entries[id as usize - 1].text == text) {
            self.entries[id as usize - 1].references += 1;
            return id;
        }
        let entry = Entry { text: text.into(), references: 1 };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize - 1] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as TextId
            }
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.table.insert_unique(hash, id, |&id| hasher.hash_one(&*entries[id as usize - 1].text));
        id
    }

    pub fn release(&mut self, id: TextId) {
        if id == 0 {
            return;
        }
        let entry = &mut self.entries[id as usize - 1];
        entry.references -= 1;
        if entry.references > 0 {
            return;
        }
        let hash = self.hasher.hash_one(&*entry.text);
        if let Ok(found) = self.table.find_entry(hash, |&other| other == id) {
            found.remove();
        }
        self.entries[id as usize - 1].text = Box::default();
        self.free.push(id);
    }

    pub fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.table.shrink_to_fit(|&id| hasher.hash_one(&*entries[id as usize - 1].text));
    }
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn texts_are_shared_and_freed() {
        let mut texts = Texts::default();
        let (mut a, mut b) = (texts.acquire("14.2.0"), texts.acquire("14.2.0"));
        assert_eq!(a, b);
        assert!(!texts.replace(&mut a, "14.2.0"));
        assert!(texts.replace(&mut a, "14.3.0"));
        assert_eq!((texts.str(a), texts.str(b)), ("14.3.0", "14.2.0"));
        for n in 0..1000 {
            texts.replace(&mut b, &format!("uptime {n}"));
        }
        assert!(texts.entries.len() <= 3, "ever new texts reuse their place");
        texts.replace(&mut b, "");
        assert_eq!(b, 0);
    }
}
