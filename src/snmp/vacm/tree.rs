//! A view: families of subtrees, shown or hidden (RFC 3415, vacmViewTreeFamilyTable).

use crate::snmp::oid::{Prefix, counted};

/// Arcs of an object identifier at most.
const MOST_ARCS: usize = 128;

/// Subtrees that are alike but for some arcs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    pub subtree: Vec<u32>,
    /// A bit for each arc, the first in the highest of the first octet: 0 is any arc. Where it ends, all are 1.
    pub mask: Vec<u8>,
    pub included: bool,
}

impl Family {
    pub fn included(subtree: &[u32]) -> Family {
        Family { subtree: subtree.to_vec(), mask: Vec::new(), included: true }
    }

    /// INDEX of vacmViewTreeFamilyTable.
    pub fn index(&self, view: &str) -> Vec<u32> {
        let len = self.subtree.len() as u32;
        counted(view.as_bytes()).chain([len]).chain(self.subtree.iter().copied()).collect()
    }

    fn pattern(&self) -> Vec<Option<u32>> {
        let fixed = |at: usize| self.mask.get(at / 8).is_none_or(|octet| octet >> (7 - at % 8) & 1 == 1);
        self.subtree.iter().enumerate().map(|(at, arc)| fixed(at).then_some(*arc)).collect()
    }
}

/// How much of a subtree of the agent is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    All,
    Nothing,
    Part,
}

/// A view's families, the most specific first: the first that fits decides.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    families: Vec<(Vec<Option<u32>>, bool)>,
    covers: Vec<Cover>,
    /// Subtrees that are hidden whatever the families say.
    veils: &'static [Prefix],
}

impl Tree {
    /// `subtrees`: of the agent.
    pub fn new(mut families: Vec<Family>, subtrees: &[&'static Prefix]) -> Tree {
        families.sort_by(|one, other| {
            (other.subtree.len(), &other.subtree).cmp(&(one.subtree.len(), &one.subtree))
        });
        let families = families.iter().map(|family| (family.pattern(), family.included)).collect();
        Tree { families, ..Tree::default() }.covering(subtrees)
    }

    /// The same without some subtrees. `subtrees`: as in [`Tree::new`].
    pub fn veiled(&self, veils: &'static [Prefix], subtrees: &[&'static Prefix]) -> Tree {
        Tree { veils, ..self.clone() }.covering(subtrees)
    }

    fn covering(mut self, subtrees: &[&'static Prefix]) -> Tree {
        self.covers = subtrees.iter().map(|prefix| self.cover(prefix.arcs())).collect();
        self
    }

    /// Whether nothing can be shown.
    pub fn is_empty(&self) -> bool {
        !self.families.iter().any(|(_, included)| *included)
    }

    /// Of the agent's subtree of this place.
    pub fn cover_at(&self, place: u16) -> Cover {
        self.covers.get(usize::from(place)).copied().unwrap_or(Cover::Nothing)
    }

    /// Of all that begins with `prefix`.
    pub fn cover(&self, prefix: &[u32]) -> Cover {
        if self.veil_of(prefix).is_some() {
            return Cover::Nothing;
        }
        let deeper =
            |pattern: &[Option<u32>]| pattern.len() > prefix.len() && fits(&pattern[..prefix.len()], prefix);
        let whole = self.families.iter().find(|(pattern, _)| fits(pattern, prefix));
        let shown = whole.is_some_and(|(_, included)| *included);
        let differs = self.families.iter().any(|(pattern, included)| *included != shown && deeper(pattern));
        match differs || shown && self.veils.iter().any(|veil| veil.arcs().starts_with(prefix)) {
            true => Cover::Part,
            false if shown => Cover::All,
            false => Cover::Nothing,
        }
    }

    pub fn shows(&self, name: &[u32]) -> bool {
        if self.veil_of(name).is_some() {
            return false;
        }
        let decides = self.families.iter().find(|(pattern, _)| fits(pattern, name));
        decides.is_some_and(|(_, included)| *included)
    }

    /// The lowest name behind a hidden one that may be shown.
    pub fn next(&self, hidden: &[u32]) -> Option<Vec<u32>> {
        if let Some(veil) = self.veil_of(hidden) {
            return successor(veil);
        }
        let decides = self.families.iter().find(|(pattern, _)| fits(pattern, hidden));
        let depth = decides.map_or(0, |(pattern, _)| pattern.len());
        let beyond = decides.and_then(|_| successor(&hidden[..depth]));
        let inside = self.families.iter().filter(|(pattern, included)| *included && pattern.len() >= depth);
        inside.filter_map(|(pattern, _)| next_of(pattern, hidden)).chain(beyond).min()
    }

    fn veil_of(&self, name: &[u32]) -> Option<&'static [u32]> {
        self.veils.iter().map(Prefix::arcs).find(|veil| name.starts_with(veil))
    }
}

/// Whether a name lies in a subtree of the family.
fn fits(pattern: &[Option<u32>], name: &[u32]) -> bool {
    pattern.len() <= name.len()
        && pattern.iter().zip(name).all(|(wanted, arc)| wanted.is_none_or(|wanted| wanted == *arc))
}

/// The lowest name above `name` and all that begins with it.
fn successor(name: &[u32]) -> Option<Vec<u32>> {
    let at = name.iter().rposition(|arc| *arc < u32::MAX)?;
    let mut next = name[..=at].to_vec();
    next[at] += 1;
    Some(next)
}

/// The lowest name above `name` in a subtree of the family that `name` is not in.
fn next_of(pattern: &[Option<u32>], name: &[u32]) -> Option<Vec<u32>> {
    let lowest = |mut head: Vec<u32>| {
        let from = head.len();
        head.extend(pattern[from..].iter().map(|wanted| wanted.unwrap_or(0)));
        head
    };
    let differs = pattern
        .iter()
        .zip(name)
        .position(|(wanted, arc)| wanted.is_some_and(|wanted| wanted != *arc))
        .unwrap_or(pattern.len().min(name.len()));
    let raise = match (pattern.get(differs), name.get(differs)) {
        (Some(_), None) => return Some(lowest(name.to_vec())),
        (Some(Some(wanted)), Some(arc)) if wanted > arc => return Some(lowest(name[..differs].to_vec())),
        _ => &name[..differs],
    };
    // Some arc before, that may be any, has to be a higher one.
    let at = (0..raise.len()).rev().find(|at| pattern[*at].is_none() && raise[*at] < u32::MAX)?;
    let mut head = raise[..=at].to_vec();
    head[at] += 1;
    Some(lowest(head))
}

/// A name such that what follows it is `name` and all behind it.
pub fn predecessor(name: &[u32]) -> Vec<u32> {
    match name.split_last() {
        None => Vec::new(),
        Some((0, head)) => head.to_vec(),
        Some((last, head)) => {
            let mut before = head.to_vec();
            before.push(last - 1);
            before.resize(MOST_ARCS.max(name.len() + 1), u32::MAX);
            before
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn family(subtree: &[u32], mask: &[u8], included: bool) -> Family {
        Family { subtree: subtree.to_vec(), mask: mask.to_vec(), included }
    }

    #[test]
    fn a_row_of_a_table() {
        // The example of RFC 3415: all columns of the row 7, at 1.2.x.7.
        let tree = Tree::new(vec![family(&[1, 2, 0, 7], &[0b1101_1111], true)], &[]);
        assert!(tree.shows(&[1, 2, 5, 7]) && !tree.shows(&[1, 2, 5, 8]) && !tree.shows(&[1, 2, 5]));
        assert_eq!(tree.cover(&[1, 2]), Cover::Part);
        assert_eq!((tree.cover(&[1, 2, 9, 7]), tree.cover(&[1, 3])), (Cover::All, Cover::Nothing));
        assert_eq!(tree.next(&[1, 2, 5, 8]), Some(vec![1, 2, 6, 7]));
        assert_eq!(tree.next(&[1, 2, 5, 3, 9]), Some(vec![1, 2, 5, 7]));
        assert_eq!(tree.next(&[1, 3]), None);
    }

    const VEILS: &[Prefix] = &[Prefix::new(&[1, 2]), Prefix::new(&[2, 3])];

    fn names() -> impl Strategy<Value = Vec<u32>> {
        prop::collection::vec(prop_oneof![0u32..4, Just(u32::MAX)], 1..6)
    }

    /// All names of up to four arcs of 0 to 4, in order.
    fn all_names() -> Vec<Vec<u32>> {
        let mut all: Vec<Vec<u32>> = vec![Vec::new()];
        for len in 0..4 {
            let longer: Vec<_> = all.iter().filter(|name| name.len() == len).cloned().collect();
            all.extend(longer.iter().flat_map(|name| (0..5).map(|arc| [&name[..], &[arc]].concat())));
        }
        all.sort();
        all
    }

    proptest! {
        #[test]
        fn nothing_shown_is_jumped_over(
            families in prop::collection::vec(
                (prop::collection::vec(0u32..4, 1..4), any::<u8>(), any::<bool>()), 0..5),
            veiled in any::<bool>(),
        ) {
            let families = families.iter().map(|(subtree, mask, included)| family(subtree, &[*mask], *included));
            let veils = if veiled { VEILS } else { &[] };
            let tree = Tree::new(families.collect(), &[]).veiled(veils, &[]);
            let all = all_names();
            let behind = |name: &&Vec<u32>| veils.iter().any(|veil| name.starts_with(veil.arcs()));
            prop_assert!(!all.iter().filter(behind).any(|name| tree.shows(name)));
            let shown: Vec<_> = all.iter().filter(|name| tree.shows(name)).collect();
            // As the agent walks: a name that is hidden leads to a next one.
            let (mut walked, mut jumps, mut at) = (Vec::new(), 0, 0);
            while let Some(name) = all.get(at) {
                at += 1;
                if tree.shows(name) {
                    walked.push(name);
                    continue;
                }
                jumps += 1;
                let Some(next) = tree.next(name) else { break };
                prop_assert!(next > *name, "{next:?} after {name:?}");
                at = all.partition_point(|name| *name < next);
            }
            prop_assert_eq!(&walked, &shown);
            prop_assert!(jumps <= 1 + 400, "{}", jumps);
            for prefix in &all {
                let below: Vec<_> = all.iter().filter(|name| name.starts_with(prefix)).collect();
                match tree.cover(prefix) {
                    Cover::All => prop_assert!(below.iter().all(|name| tree.shows(name)), "{prefix:?}"),
                    Cover::Nothing => prop_assert!(!below.iter().any(|name| tree.shows(name)), "{prefix:?}"),
                    Cover::Part => {}
                }
            }
        }

        #[test]
        fn behind_the_predecessor_comes_the_name(name in names(), other in names()) {
            let before = predecessor(&name);
            prop_assert!(before < name);
            prop_assert!(!(before < other && other < name));
        }
    }
}
