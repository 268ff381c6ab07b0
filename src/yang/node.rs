//! The schema's nodes as plain data: what a walker over XML, JSON or columns asks at each step.

use yang5::ffi;

use super::{Module, Schema, raw};

/// A node of one [`Schema`]. The order is that of the schema, parents first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Container,
    /// A container whose existence says something (RFC 7950 7.5.1).
    Presence,
    List,
    Leaf,
    LeafList,
    /// anydata and anyxml.
    Any,
    /// An RPC or an action; its children are `Input` and `Output`.
    Operation,
    Input,
    Output,
    Notification,
}

/// The built-in type below all typedefs (RFC 7950 4.2.4), as far as encodings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    String,
    /// 32 bits and fewer: bare in JSON.
    Number,
    /// 64 bits and decimal64: quoted in JSON.
    LongNumber,
    Boolean,
    Empty,
    Enumeration,
    Bits,
    Binary,
    Identity,
    Instance,
    /// Its values tell which member they are of.
    Union,
}

/// A data node, operation or notification. Choices and cases are not nodes; who is in one says so in `cases`.
#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    /// Index in [`Schema::modules`].
    pub module: usize,
    pub kind: Kind,
    pub parent: Option<NodeId>,
    pub children: Vec<NodeId>,
    /// The keys of a list, in their order.
    pub keys: Vec<NodeId>,
    pub is_key: bool,
    pub config: bool,
    /// nacm:default-deny-all stands on it or above it.
    pub secret: bool,
    /// nacm:default-deny-write.
    pub guarded: bool,
    pub user_ordered: bool,
    pub mandatory: bool,
    pub base: Option<Base>,
    pub units: String,
    /// As the module writes it.
    pub default: Option<String>,
    /// (choice, case) from the outermost choice below the parent to the innermost.
    pub cases: Vec<(u32, u32)>,
    /// Compiled node of libyang; lives as long as the context beside it.
    pub(super) raw: *const ffi::lysc_node,
}

// SAFETY: `raw` is only read, see `raw::Context`.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

#[derive(Debug, Default)]
pub(super) struct Nodes {
    all: Vec<Node>,
    tops: Vec<NodeId>,
    /// Choices and cases seen so far, which number them.
    groups: u32,
}

impl std::ops::Index<NodeId> for Schema {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.nodes.all[id.0 as usize]
    }
}

impl Schema {
    /// Top-level nodes: data, RPCs and notifications.
    pub fn tops(&self) -> &[NodeId] {
        &self.nodes.tops
    }

    pub fn children(&self, parent: Option<NodeId>) -> &[NodeId] {
        parent.map_or(&self.nodes.tops, |parent| &self[parent].children)
    }

    /// The child of this name in this namespace, below `parent` or at the top.
    pub fn child(&self, parent: Option<NodeId>, namespace: &str, name: &str) -> Option<NodeId> {
        self.children(parent).iter().copied().find(|id| {
            let node = &self[*id];
            node.name == name && self.modules[node.module].namespace == namespace
        })
    }

    /// The child by its name as JSON spells it (RFC 7951 4): `module:name`, or `name` where the module is the parent's.
    pub fn member(&self, parent: Option<NodeId>, member: &str) -> Option<NodeId> {
        let (module, name) = match member.split_once(':') {
            Some((module, name)) => (module, name),
            None => (self.modules[self[parent?].module].name.as_str(), member),
        };
        self.children(parent).iter().copied().find(|id| {
            let node = &self[*id];
            node.name == name && self.modules[node.module].name == module
        })
    }

    /// A node by its path without keys, spelt as in JSON: `/fleetbridge:fleet/device/name`.
    pub fn find(&self, path: &str) -> Option<NodeId> {
        let steps = path.strip_prefix('/')?;
        steps.split('/').try_fold(None, |parent, step| self.member(parent, step).map(Some)).flatten()
    }

    /// The module of a node.
    pub fn module_at(&self, id: NodeId) -> &Module {
        &self.modules[self[id].module]
    }

    /// A step of a path as JSON spells it: with the module's name at the top and where it is not the parent's.
    pub fn step(&self, id: NodeId) -> std::borrow::Cow<'_, str> {
        let node = &self[id];
        if node.parent.is_some_and(|parent| self[parent].module == node.module) {
            return node.name.as_str().into();
        }
        format!("{}:{}", self.modules[node.module].name, node.name).into()
    }

    /// The path without keys, spelt as in JSON.
    pub fn path(&self, id: NodeId) -> String {
        let above = self[id].parent.map_or(String::new(), |parent| self.path(parent));
        format!("{above}/{}", self.step(id))
    }
}

impl Nodes {
    pub fn read(context: &raw::Context, modules: &[Module]) -> Nodes {
        let mut nodes = Nodes::default();
        for module in context.safe().modules(false) {
            if !modules.iter().any(|known| known.implemented && known.name == module.name()) {
                continue;
            }
            // SAFETY: the module belongs to the context; `compiled` is NULL or a compiled module.
            let compiled = unsafe { (*module.as_raw()).compiled.as_ref() };
            let Some(compiled) = compiled else { continue };
            let heads = [compiled.data.cast_const(), compiled.rpcs.cast(), compiled.notifs.cast()];
            for head in heads {
                // SAFETY: heads of sibling lists of the compiled module.
                unsafe { nodes.siblings(head, None, &[], modules) };
            }
        }
        nodes
    }

    /// Adds a node, its following siblings and all below them.
    ///
    /// # Safety
    /// `head` is NULL or the first of a list of compiled siblings.
    unsafe fn siblings(
        &mut self,
        head: *const ffi::lysc_node,
        parent: Option<NodeId>,
        cases: &[(u32, u32)],
        modules: &[Module],
    ) {
        let mut raw = head;
        // SAFETY: a list of libyang's: `next` is NULL at its end; each type of node begins with `lysc_node`.
        while let Some(node) = unsafe { raw.as_ref() } {
            match u32::from(node.nodetype) {
                ffi::LYS_CHOICE => {
                    self.groups += 1;
                    let choice = self.groups;
                    // SAFETY: `lysc_node_child` of a choice gives its first case.
                    let mut case = unsafe { ffi::lysc_node_child(raw) };
                    while let Some(next) = unsafe { case.as_ref() } {
                        self.groups += 1;
                        let inside: Vec<_> = cases.iter().copied().chain([(choice, self.groups)]).collect();
                        // SAFETY: as above.
                        unsafe { self.siblings(ffi::lysc_node_child(case), parent, &inside, modules) };
                        case = next.next;
                    }
                }
                // SAFETY: the node is alive.
                _ => unsafe { self.add(raw, node, parent, cases, modules) },
            }
            raw = node.next;
        }
    }

    /// # Safety
    /// `raw` is `node`, a compiled node of the type that it says.
    unsafe fn add(
        &mut self,
        raw: *const ffi::lysc_node,
        node: &ffi::lysc_node,
        parent: Option<NodeId>,
        cases: &[(u32, u32)],
        modules: &[Module],
    ) {
        let id = NodeId(self.all.len() as u32);
        let flags = u32::from(node.flags);
        let kind = match u32::from(node.nodetype) {
            ffi::LYS_CONTAINER if flags & ffi::LYS_PRESENCE != 0 => Kind::Presence,
            ffi::LYS_CONTAINER => Kind::Container,
            ffi::LYS_LIST => Kind::List,
            ffi::LYS_LEAF => Kind::Leaf,
            ffi::LYS_LEAFLIST => Kind::LeafList,
            ffi::LYS_RPC | ffi::LYS_ACTION => Kind::Operation,
            ffi::LYS_INPUT => Kind::Input,
            ffi::LYS_OUTPUT => Kind::Output,
            ffi::LYS_NOTIF => Kind::Notification,
            _ => Kind::Any,
        };
        let (mut base, mut units, mut default) = (None, String::new(), None);
        if matches!(kind, Kind::Leaf | Kind::LeafList) {
            // SAFETY: leaf and leaf-list both begin with node, musts, when, type and units; only a leaf has `dflt`.
            unsafe {
                let leaf = &*raw.cast::<ffi::lysc_node_leaf>();
                base = Some(base_of(leaf.type_));
                units = raw::text(leaf.units);
                if kind == Kind::Leaf && !leaf.dflt.str_.is_null() {
                    default = Some(raw::text(leaf.dflt.str_));
                }
            }
        }
        // SAFETY: every node has a module and a name; `exts` is a sized array.
        let (module, name, extensions) = unsafe {
            let module = raw::text((*node.module).name);
            (module, raw::text(node.name), raw::sized(node.exts))
        };
        let marked = |wanted: &str| {
            extensions.iter().any(|extension| {
                // SAFETY: a compiled extension instance has a definition with module and name.
                let (module, name) = unsafe {
                    let definition = &*extension.def;
                    (raw::text((*definition.module).name), raw::text(definition.name))
                };
                module == "ietf-netconf-acm" && name == wanted
            })
        };
        let above = parent.map(|parent| &self.all[parent.0 as usize]);
        let secret = marked("default-deny-all") || above.is_some_and(|above| above.secret);
        let guarded = marked("default-deny-write") || above.is_some_and(|above| above.guarded);
        let is_key = kind == Kind::Leaf && flags & ffi::LYS_KEY != 0;
        self.all.push(Node {
            name,
            module: modules.iter().position(|known| known.implemented && known.name == module).unwrap_or(0),
            kind,
            parent,
            children: Vec::new(),
            keys: Vec::new(),
            is_key,
            config: flags & ffi::LYS_CONFIG_W != 0,
            secret,
            guarded,
            user_ordered: matches!(kind, Kind::List | Kind::LeafList) && flags & ffi::LYS_ORDBY_USER != 0,
            mandatory: flags & ffi::LYS_MAND_TRUE != 0,
            base,
            units,
            default,
            cases: cases.to_vec(),
            raw,
        });
        match parent {
            None => self.tops.push(id),
            Some(parent) => {
                let parent = &mut self.all[parent.0 as usize];
                parent.children.push(id);
                if is_key {
                    parent.keys.push(id);
                }
            }
        }
        // SAFETY: sibling lists of a compiled node; NULL where it has none.
        unsafe {
            if kind == Kind::Operation {
                let operation = &*raw.cast::<ffi::lysc_node_action>();
                for inout in [&operation.input, &operation.output] {
                    self.add(
                        std::ptr::from_ref(inout).cast(),
                        &inout.__bindgen_anon_1.node,
                        Some(id),
                        &[],
                        modules,
                    );
                }
                return;
            }
            self.siblings(ffi::lysc_node_child(raw), Some(id), &[], modules);
            self.siblings(ffi::lysc_node_actions(raw).cast(), Some(id), &[], modules);
            self.siblings(ffi::lysc_node_notifs(raw).cast(), Some(id), &[], modules);
        }
    }
}

/// The built-in type, through leafrefs.
///
/// # Safety
/// `raw` is a compiled type.
pub(super) unsafe fn base_of(raw: *const ffi::lysc_type) -> Base {
    use ffi::LY_DATA_TYPE::*;
    // SAFETY: the caller's; `realtype` of a leafref is a compiled type that is none.
    match unsafe { (*raw).basetype } {
        LY_TYPE_LEAFREF => unsafe { base_of((*raw.cast::<ffi::lysc_type_leafref>()).realtype) },
        LY_TYPE_UINT8 | LY_TYPE_UINT16 | LY_TYPE_UINT32 | LY_TYPE_INT8 | LY_TYPE_INT16 | LY_TYPE_INT32 => {
            Base::Number
        }
        LY_TYPE_UINT64 | LY_TYPE_INT64 | LY_TYPE_DEC64 => Base::LongNumber,
        LY_TYPE_BOOL => Base::Boolean,
        LY_TYPE_EMPTY => Base::Empty,
        LY_TYPE_ENUM => Base::Enumeration,
        LY_TYPE_BITS => Base::Bits,
        LY_TYPE_BINARY => Base::Binary,
        LY_TYPE_IDENT => Base::Identity,
        LY_TYPE_INST => Base::Instance,
        LY_TYPE_UNION => Base::Union,
        _ => Base::String,
    }
}
