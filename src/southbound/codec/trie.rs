//! All the paths of an uplink as one tree, so that a document is walked once whatever the number of paths.

use std::collections::BTreeSet;

use super::path::{Path, Step};

/// Node 0 is the whole document.
#[derive(Debug)]
pub struct Trie {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
pub struct Node {
    /// Sorted by length, then text.
    keys: Vec<(Box<str>, u32)>,
    /// Where all other keys lead; 0: nowhere.
    any: u32,
    pub leaves: Vec<Leaf>,
}

/// A rule that takes the value here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    pub rule: u16,
    /// Place among the rule's alternatives: the lowest one found wins.
    pub rank: u8,
}

/// Stars multiply nodes; more than this many are refused.
const MAX_NODES: usize = 20_000;

impl Trie {
    /// `None`: the paths have too many wildcards beside each other.
    pub fn new(paths: &[(&Path, Leaf)]) -> Option<Trie> {
        let mut trie = Trie { nodes: Vec::new() };
        let all: Vec<usize> = (0..paths.len()).collect();
        trie.build(paths, &all, 0)?;
        Some(trie)
    }

    pub fn root(&self) -> Option<&Node> {
        self.nodes.first()
    }

    pub fn child(&self, node: &Node, key: &str) -> Option<&Node> {
        let at = node.keys.iter().find(|(name, _)| **name == *key).map_or(node.any, |(_, at)| *at);
        if at == 0 { None } else { self.nodes.get(at as usize) }
    }

    /// A node for the paths in `here`, all of which have been followed for `depth` steps. A literal child also gets what
    /// the star beside it leads to, so that a walk never has to try two ways.
    fn build(&mut self, paths: &[(&Path, Leaf)], here: &[usize], depth: usize) -> Option<u32> {
        if self.nodes.len() >= MAX_NODES {
            return None;
        }
        let at = self.nodes.len();
        self.nodes.push(Node::default());
        let next = |path: usize| paths[path].0.steps().get(depth);
        let mut node = Node::default();
        node.leaves.extend(here.iter().filter(|path| next(**path).is_none()).map(|path| paths[*path].1));
        node.leaves.sort_unstable();
        let stars: Vec<usize> = here.iter().copied().filter(|path| next(*path) == Some(&Step::Any)).collect();
        let names: BTreeSet<&str> = here
            .iter()
            .filter_map(|path| match next(*path) {
                Some(Step::Key(name)) => Some(&**name),
                _ => None,
            })
            .collect();
        for name in names {
            let literal = |path: &usize| matches!(next(*path), Some(Step::Key(key)) if **key == *name);
            let below: Vec<usize> = here
                .iter()
                .copied()
                .filter(|path| literal(path) || next(*path) == Some(&Step::Any))
                .collect();
            node.keys.push((name.into(), self.build(paths, &below, depth + 1)?));
        }
        if !stars.is_empty() {
            node.any = self.build(paths, &stars, depth + 1)?;
        }
        self.nodes[at] = node;
        Some(at as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(trie: &Trie, keys: &[&str]) -> Vec<u16> {
        let end = keys.iter().try_fold(trie.root().unwrap(), |node, key| trie.child(node, key));
        end.map(|node| node.leaves.iter().map(|leaf| leaf.rule).collect()).unwrap_or_default()
    }

    #[test]
    fn literals_and_stars_are_both_followed() {
        let paths: Vec<Path> =
            ["/a/t", "/*/t", "/a/*", "/b", ""].iter().map(|text| Path::parse(text).unwrap()).collect();
        let leaves = paths.iter().enumerate().map(|(rule, path)| (path, Leaf { rule: rule as u16, rank: 0 }));
        let trie = Trie::new(&leaves.collect::<Vec<_>>()).unwrap();
        assert_eq!(rules(&trie, &["a", "t"]), [0, 1, 2]);
        assert_eq!(rules(&trie, &["x", "t"]), [1]);
        assert_eq!(rules(&trie, &["a", "x"]), [2]);
        assert_eq!(rules(&trie, &["b"]), [3]);
        assert_eq!(rules(&trie, &["b", "t"]), [1]);
        assert_eq!(rules(&trie, &[]), [4]);
        assert_eq!(rules(&trie, &["x", "y"]), [0; 0]);
    }

    #[test]
    fn a_tree_that_grows_without_end_is_refused() {
        let texts: Vec<String> = (0..16)
            .map(|at| (0..16).map(|step| if step == at { format!("/k{at}") } else { "/*".into() }).collect())
            .collect();
        let paths: Vec<Path> = texts.iter().map(|text| Path::parse(text).unwrap()).collect();
        let leaves: Vec<_> = paths.iter().map(|path| (path, Leaf { rule: 0, rank: 0 })).collect();
        assert!(Trie::new(&leaves).is_none());
    }
}
