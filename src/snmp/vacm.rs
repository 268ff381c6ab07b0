//! The View-based Access Control Model (RFC 3415): who may read and write which part of the tree, in which context.
//!
//! A [`Policy`] is made whole and never changed. Of each who may ask it knows beforehand which entries are his, the
//! preferred first, and of each view which subtrees of the agent it shows whole, in part or not at all: what is wholly
//! shown costs nothing more, and what is hidden is jumped over and not stepped through.

mod tree;

use std::{collections::HashMap, sync::Arc};

pub use tree::{Cover, Family, Tree, predecessor};

use super::{
    mib::fleetbridge::ACCESS_TABLE,
    oid::{Prefix, counted},
    usm::Level,
};
use crate::{fleet::Scope, login::Role};

/// SnmpSecurityModel of RFC 3411.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    Any = 0,
    V1 = 1,
    V2c = 2,
    Usm = 3,
}

/// A row of vacmSecurityToGroupTable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    pub model: Model,
    pub name: String,
    pub group: String,
}

impl Member {
    /// INDEX of vacmSecurityToGroupTable.
    pub fn index(&self) -> Vec<u32> {
        std::iter::once(self.model as u32).chain(counted(self.name.as_bytes())).collect()
    }
}

/// A row of vacmAccessTable. An empty view shows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub group: String,
    pub context: String,
    /// Else `context` is what the context's name begins with.
    pub exact: bool,
    pub model: Model,
    /// The least.
    pub level: Level,
    pub read: String,
    pub write: String,
    pub notify: String,
}

impl Access {
    /// INDEX of vacmAccessTable.
    pub fn index(&self) -> Vec<u32> {
        let texts = counted(self.group.as_bytes()).chain(counted(self.context.as_bytes()));
        texts.chain([self.model as u32, self.level as u32]).collect()
    }
}

/// All rows, as they stand in the boot file or were set.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub members: Vec<Member>,
    /// Of whom it is said: the devices that he may see at all.
    pub scopes: Vec<(Model, String, Arc<Scope>)>,
    pub access: Vec<Access>,
    /// vacmViewTreeFamilyTable: the view's name, and a family of subtrees.
    pub families: Vec<(String, Family)>,
}

/// The views that one may use in a context.
#[derive(Clone, Debug, Default)]
pub struct Views {
    pub read: Arc<Tree>,
    pub write: Arc<Tree>,
    pub notify: Arc<Tree>,
}

/// What one may who asks at one level: the entries that may apply, the preferred first.
#[derive(Clone, Debug, Default)]
pub struct Rights(Vec<Right>);

#[derive(Clone, Debug)]
struct Right {
    context: String,
    exact: bool,
    views: Views,
}

impl Rights {
    /// Nothing is open to him anywhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `context` makes the context's name. `None`: nothing is open to him there (noAccessEntry).
    pub fn views(&self, context: impl FnOnce() -> String) -> Option<&Views> {
        let first = self.0.first()?;
        if first.context.is_empty() && !first.exact {
            return Some(&first.views);
        }
        let context = context();
        let applies = |right: &&Right| match right.exact {
            true => context == right.context,
            false => context.starts_with(&right.context),
        };
        self.0.iter().find(applies).map(|right| &right.views)
    }
}

/// Who may ask and who is told, for SNMPv3 with privacy alone, whatever views say: fbAccessTable, TARGET, NOTIFICATION,
/// usmUserTable, VACM and COMMUNITY.
const GUARDS: &[Prefix] = &[
    ACCESS_TABLE,
    Prefix::new(&[1, 3, 6, 1, 6, 3, 12]),
    Prefix::new(&[1, 3, 6, 1, 6, 3, 13]),
    Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 2, 2]),
    Prefix::new(&[1, 3, 6, 1, 6, 3, 16]),
    Prefix::new(&[1, 3, 6, 1, 6, 3, 18]),
];

const LEVELS: [Level; 3] = [Level::NoAuthNoPriv, Level::AuthNoPriv, Level::AuthPriv];

#[derive(Debug)]
struct Principal {
    /// By level.
    rights: [Rights; 3],
    scope: Option<Arc<Scope>>,
}

/// The rows, and what follows from them.
#[derive(Debug, Default)]
pub struct Policy {
    rows: Rows,
    /// By model and name.
    principals: [HashMap<String, Principal>; 4],
    nobody: Rights,
}

impl Policy {
    /// `subtrees`: what the agent serves, in the order in which it knows them.
    pub fn new(rows: Rows, subtrees: &[&'static Prefix]) -> Policy {
        let mut families: HashMap<&str, Vec<Family>> = HashMap::new();
        for (view, family) in &rows.families {
            families.entry(view).or_default().push(family.clone());
        }
        let trees: HashMap<&str, Arc<Tree>> = families
            .into_iter()
            .map(|(view, families)| (view, Arc::new(Tree::new(families, subtrees))))
            .collect();
        let veil = |tree: &Tree| Arc::new(tree.veiled(GUARDS, subtrees));
        let veiled: HashMap<&str, Arc<Tree>> = trees.iter().map(|(view, tree)| (*view, veil(tree))).collect();
        let nothing = Arc::new(Tree::new(Vec::new(), subtrees));
        let views = |entry: &Access, level| {
            let of =
                |trees: &HashMap<&str, Arc<Tree>>, view: &str| trees.get(view).unwrap_or(&nothing).clone();
            let read = of(if level == Level::AuthPriv { &trees } else { &veiled }, &entry.read);
            Views { read, write: of(&trees, &entry.write), notify: of(&trees, &entry.notify) }
        };
        let mut all: [HashMap<_, _>; 4] = Default::default();
        for member in &rows.members {
            let rights = LEVELS.map(|level| rights(&rows.access, member, level, views));
            let mut scopes = rows.scopes.iter();
            let scope = scopes.find(|(model, name, _)| (*model, name) == (member.model, &member.name));
            let scope = scope.map(|(_, _, scope)| scope.clone());
            all[member.model as usize].insert(member.name.clone(), Principal { rights, scope });
        }
        Policy { rows, principals: all, nobody: Rights::default() }
    }

    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// What one may, and the devices that he may see if not all; of whom no group is known: nothing.
    pub fn rights(&self, model: Model, name: &str, level: Level) -> (&Rights, Option<&Arc<Scope>>) {
        match self.principals[model as usize].get(name) {
            Some(Principal { rights, scope }) => (&rights[level as usize - 1], scope.as_ref()),
            None => (&self.nobody, None),
        }
    }
}

/// The order of preference is that of RFC 3415, vacmAccessTable: an own security model, an exact context, a longer
/// prefix, a higher level.
fn rights(
    access: &[Access],
    member: &Member,
    level: Level,
    views: impl Fn(&Access, Level) -> Views,
) -> Rights {
    let mut fitting: Vec<&Access> = access
        .iter()
        .filter(|entry| entry.group == member.group && entry.level <= level)
        .filter(|entry| entry.model == Model::Any || entry.model == member.model)
        .collect();
    fitting.sort_by_key(|entry| {
        std::cmp::Reverse((entry.model != Model::Any, entry.exact, entry.context.len(), entry.level))
    });
    let right = |entry: &Access| Right {
        context: entry.context.clone(),
        exact: entry.exact,
        views: views(entry, level),
    };
    Rights(fitting.into_iter().map(right).collect())
}

/// All there is.
pub const ALL: &str = "all";

/// All but the modules that say how this agent is guarded.
pub const PLAIN: &str = "plain";

impl Rows {
    /// Groups by the names of the roles, and what they may: read what is plain, and from `operate` on write it; an
    /// administrator whose messages are hidden may all.
    pub fn of_roles() -> Rows {
        let entry = |role: Role, model, level, read: &str, write: &str| Access {
            group: role.name().to_owned(),
            context: String::new(),
            exact: false,
            model,
            level,
            read: read.to_owned(),
            write: write.to_owned(),
            notify: read.to_owned(),
        };
        let mut rows = Rows::default();
        for role in Role::ALL {
            let write = if role == Role::Read { "" } else { PLAIN };
            for model in [Model::V1, Model::V2c] {
                rows.access.push(entry(role, model, Level::NoAuthNoPriv, PLAIN, write));
            }
            rows.access.push(entry(role, Model::Usm, Level::AuthNoPriv, PLAIN, write));
        }
        rows.access.push(entry(Role::Administer, Model::Usm, Level::AuthPriv, ALL, ALL));
        let modules = [1, 3, 6, 1, 6, 3];
        rows.families = vec![
            (ALL.to_owned(), Family::included(&[1])),
            (PLAIN.to_owned(), Family::included(&[1])),
            (PLAIN.to_owned(), Family { included: false, ..Family::included(ACCESS_TABLE.arcs()) }),
            (PLAIN.to_owned(), Family { included: false, ..Family::included(&modules) }),
            // snmpMIB and the engine's group: tools ask for the serial number of SETs and for the uptime of the engine.
            (PLAIN.to_owned(), Family::included(&[&modules[..], &[1]].concat())),
            (PLAIN.to_owned(), Family::included(&[&modules[..], &[10]].concat())),
        ];
        rows
    }

    /// Puts one into the group of a role; with a scope he sees those devices only.
    pub fn enter(&mut self, model: Model, name: &str, role: Role, scope: Option<&Arc<Scope>>) {
        self.scopes.extend(scope.map(|scope| (model, name.to_owned(), scope.clone())));
        let group = role.name().to_owned();
        self.members.push(Member { model, name: name.to_owned(), group });
    }
}
