//! Placeholder with the agreed signatures; replaced when the branch meets main.

use crate::model::Time;

#[derive(Debug, Default)]
pub struct Ingest {
    length: usize,
}

impl Ingest {
    /// Topic filters to subscribe, without `$share`.
    pub fn filters(&self) -> Vec<String> {
        Vec::new()
    }

    /// Decodes into the batch, counts what it does not know.
    pub fn push(&mut self, _topic: &str, _payload: &[u8], _retained: bool, _now: Time) {
        self.length += 1;
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Learns new devices, absorbs the batch.
    pub async fn commit(&mut self, _now: Time) {
        self.length = 0;
    }

    pub fn connected(&mut self, _now: Time) {}

    pub fn disconnected(&mut self, _error: &str, _now: Time) {}
}
