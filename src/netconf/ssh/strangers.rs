use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

/// Connections that have not logged in, at a time.
pub(super) const ALL: usize = 128;

/// Of one address, so that it cannot take the places of all others.
pub(super) const OF_ONE: usize = 64;

/// Counts the connections that have not logged in yet.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<HashMap<IpAddr, usize>>);

/// One of them; given back when dropped.
#[derive(Debug)]
pub(super) struct Stranger {
    all: Arc<Strangers>,
    address: IpAddr,
}

impl Strangers {
    /// `None` if there are too many.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Stranger> {
        let mut counts = self.0.lock();
        if counts.values().sum::<usize>() >= ALL || counts.get(&address).is_some_and(|count| *count >= OF_ONE)
        {
            return None;
        }
        *counts.entry(address).or_default() += 1;
        Some(Stranger { all: self.clone(), address })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut counts = self.all.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_room_for_others() {
        let strangers = Arc::new(Strangers::default());
        let admit = |host: u8| strangers.admit([192, 0, 2, host].into());
        let first: Vec<_> = std::iter::from_fn(|| admit(1)).collect();
        assert_eq!(first.len(), OF_ONE);
        let second: Vec<_> = std::iter::from_fn(|| admit(2)).collect();
        assert_eq!(second.len(), ALL - OF_ONE);
        assert!(admit(3).is_none());
        drop(first);
        assert!(admit(3).is_some() && admit(1).is_some());
        drop(second);
        assert!(strangers.0.lock().is_empty());
    }
}
