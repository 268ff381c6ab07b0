//! What the agent serves: every MIB module in a file of its own, all of them in [`all`].
//!
//! A [`Table`] says what its columns are and how to seek and visit its rows; that it is served column by column, with
//! indexes read and holes skipped, is written once, in `impl Subtree for T`. Scalars are a [`Group`].

mod contexts;
mod engine;
pub mod entity;
mod epcglobal;
pub mod fleetbridge;
mod framework;
mod group;
mod guard;
mod host;
pub mod interfaces;
mod list;
mod notification_log;
mod power;
mod sink;
pub mod snmpv2;
mod target;

use std::{cell::RefCell, ops::ControlFlow};

use deunicode::deunicode_with_tofu;

use crate::{
    fleet::{Fleet, Row, Scope, Which},
    model::{DeviceNumber, Time},
    stats::Stats,
};

pub use group::{Group, Lone, Scalar};
pub use sink::{Sink, Stem};

use entity::Catalogue;

use super::{
    addresses::Addresses,
    ber,
    engine::Engine,
    guards::Guards,
    oid::{self, Prefix},
    set::{Edits, Given, Locks, SetError},
    syntax::{Access, MAX_TEXT, Syntax, Value},
    view::{View, Views},
};

/// All that is served, in order of object identifiers: no instance of one lies behind the beginning of the next.
pub fn all() -> Vec<Box<dyn Subtree>> {
    vec![
        Box::new(snmpv2::SYSTEM),
        Box::new(snmpv2::DEVICE_SYSTEM),
        Box::new(snmpv2::ObjectResources),
        Box::new(interfaces::INTERFACES),
        Box::new(interfaces::IfTable),
        Box::new(snmpv2::SNMP),
        Box::new(host::SYSTEM),
        Box::new(host::MEMORY),
        Box::new(host::StorageTable),
        Box::new(host::DeviceTable),
        Box::new(host::ProcessorTable),
        Box::new(host::SOFTWARE),
        Box::new(host::SoftwareTable),
        Box::new(interfaces::IfXTable),
        Box::new(interfaces::StackTable),
        Box::new(interfaces::TABLE_LAST_CHANGE),
        Box::new(interfaces::STACK_LAST_CHANGE),
        Box::new(power::UPS_IDENT),
        Box::new(power::UPS_BATTERY),
        Box::new(entity::PhysicalTable),
        Box::new(entity::AliasMappingTable),
        Box::new(entity::ContainsTable),
        Box::new(entity::GENERAL),
        Box::new(notification_log::CONFIG),
        Box::new(notification_log::STATS),
        Box::new(notification_log::LogTable),
        Box::new(notification_log::VariableTable),
        Box::new(entity::SensorTable),
        Box::new(entity::StateTable),
        Box::new(power::BatteryTable),
        Box::new(epcglobal::DEVICE),
        Box::new(epcglobal::OPERATION),
        Box::new(epcglobal::ReadPointTable),
        Box::new(fleetbridge::FLEET),
        Box::new(fleetbridge::DeviceTable),
        Box::new(fleetbridge::PointTable),
        Box::new(fleetbridge::SettingTable),
        Box::new(fleetbridge::MissingTable),
        Box::new(fleetbridge::AdapterTable),
        Box::new(fleetbridge::ACCESS),
        Box::new(fleetbridge::SELF),
        Box::new(fleetbridge::RUNNING),
        Box::new(snmpv2::SET),
        Box::new(framework::ENGINE),
        Box::new(engine::DISPATCH),
        Box::new(target::LOCK),
        Box::new(target::ADDRESSES),
        Box::new(target::PARAMS),
        Box::new(engine::UNAVAILABLE_CONTEXTS),
        Box::new(engine::UNKNOWN_CONTEXTS),
        Box::new(target::KINDS),
        Box::new(target::PROFILES),
        Box::new(target::FILTERS),
        Box::new(engine::USERS),
        Box::new(guard::USER_LOCK),
        Box::new(guard::USERS),
        Box::<contexts::Contexts>::default(),
        Box::new(guard::GROUPS),
        Box::new(guard::ACCESS),
        Box::new(guard::VIEW_LOCK),
        Box::new(guard::TREES),
        Box::new(guard::COMMUNITIES),
    ]
}

/// What an answer is taken from; lives for one request.
pub struct Context<'a> {
    pub now: Time,
    pub view: View,
    /// The devices that may be seen; all without one.
    pub scope: Option<&'a Scope>,
    pub addresses: &'a Addresses,
    pub catalogue: &'a Catalogue,
    pub fleet: &'a Fleet,
    pub stats: &'a Stats,
    pub engine: &'a Engine,
    pub system: &'a System,
    pub guards: &'a Guards,
    pub locks: &'a Locks,
    /// The last change of running.
    pub last_commit: u64,
    /// For texts that have to be made.
    pub text: &'a RefCell<String>,
}

impl Context<'_> {
    /// Hundredths of a second since an instant, modulo 2^32.
    pub fn ticks(&self, since: Time) -> u32 {
        (self.now.since(since) / 10) as u32
    }

    /// The device whose agent is asked.
    pub fn device(&self) -> Option<DeviceNumber> {
        match self.view {
            View::Device(device) => Some(device),
            View::Bridge | View::Fleet => None,
        }
    }

    /// Hands a text on as a DisplayString (RFC 2579) of at most so many octets: what is not ASCII as ASCII writes it.
    pub fn display(&self, text: &str, most: usize, mut read: impl FnMut(Value<'_>)) {
        match text.is_ascii() {
            true => read(Value::text_within(text, most)),
            false => read(Value::text_within(&deunicode_with_tofu(text, "?"), most)),
        }
    }

    /// As [`display`](Context::display), of a text that has to be made.
    pub fn compose(&self, most: usize, make: impl FnOnce(&mut String), read: impl FnMut(Value<'_>)) {
        let mut text = self.text.borrow_mut();
        text.clear();
        make(&mut text);
        self.display(&text, most, read);
    }

    /// Hands on an SnmpAdminString (RFC 3411) that has to be made.
    pub fn compose_admin(&self, make: impl FnOnce(&mut String), read: impl FnOnce(Value<'_>)) {
        let mut text = self.text.borrow_mut();
        text.clear();
        make(&mut text);
        read(Value::text(&text));
    }

    /// The row of the device whose agent is asked.
    pub fn own<R>(&self, read: impl FnOnce(Row<'_>) -> R) -> Option<R> {
        self.fleet.row(self.device()?, read)
    }

    /// A device that is in view.
    pub fn row<R>(&self, device: DeviceNumber, read: impl FnOnce(Row<'_>) -> R) -> Option<R> {
        if self.device().is_some_and(|own| own != device) {
            return None;
        }
        match self.scope {
            None => self.fleet.row(device, read),
            Some(scope) => self.fleet.row(device, |row| scope.takes(&row).then(|| read(row)))?,
        }
    }

    /// The devices in view from number `from` on, in order, until `visit` breaks.
    pub fn rows(&self, from: DeviceNumber, which: Which, mut visit: impl FnMut(Row<'_>) -> ControlFlow<()>) {
        match (self.device(), self.scope) {
            (None, None) => self.fleet.rows(from, which, visit),
            (None, Some(scope)) => scope.rows(self.fleet, from, which, visit),
            (Some(device), _) if device >= from => {
                self.row(device, |row| match which {
                    Which::Missing if !row.presence().is_missing() => ControlFlow::Continue(()),
                    _ => visit(row),
                });
            }
            (Some(_), _) => {}
        }
    }
}

/// The system group of the bridge itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Of the bridge's software.
    pub version: &'static str,
    pub description: String,
    pub contact: String,
    pub name: String,
    pub location: String,
    /// Octets of a reply at most.
    pub max_message: usize,
    /// Octets of a request at most, snmpEngineMaxMessageSize (RFC 3411): longer ones are dropped before they are decoded.
    pub max_request: usize,
    /// snmpEnableAuthenTraps.
    pub authen_traps: bool,
    /// Who may ask as the boot file says.
    pub access: Vec<fleetbridge::Accessor>,
}

/// An object of a table or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub number: u32,
    pub name: &'static str,
    pub syntax: Syntax,
    pub access: Access,
}

impl Column {
    pub const fn new(number: u32, name: &'static str, syntax: Syntax, access: Access) -> Column {
        Column { number, name, syntax, access }
    }

    /// An index: not accessible (RFC 2578 section 7.7).
    pub const fn index(number: u32, name: &'static str, syntax: Syntax) -> Column {
        Column::new(number, name, syntax, Access::NotAccessible)
    }

    pub const fn read(number: u32, name: &'static str, syntax: Syntax) -> Column {
        Column::new(number, name, syntax, Access::ReadOnly)
    }

    pub const fn write(number: u32, name: &'static str, syntax: Syntax) -> Column {
        Column::new(number, name, syntax, Access::ReadWrite)
    }
}

/// An object and where it is registered, for the test that holds the MIB texts against the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub oid: Vec<u32>,
    pub column: Column,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Value,
    NoObject,
    NoInstance,
}

/// A part of the tree, as the agent sees it.
pub trait Subtree: Send + Sync {
    /// All instances begin with it.
    fn prefix(&self) -> &'static Prefix;

    fn objects(&self) -> Vec<Object>;

    fn views(&self) -> Views;

    /// Appends the encoded value of the instance whose name goes on with `rest` after the prefix.
    fn get(&self, context: &Context<'_>, rest: &[u32], out: &mut Vec<u8>) -> Found;

    /// Has what is given to the instance whose name goes on with `rest` come among the edits.
    ///
    /// # Errors
    /// What is wrong with it.
    fn set(
        &self,
        context: &Context<'_>,
        rest: &[u32],
        given: &Given<'_>,
        edits: &mut Edits,
    ) -> Result<(), SetError>;

    /// Appends the instances behind `after` (arcs after the prefix; `None`: all) until there are none or the sink is
    /// full.
    fn run(&self, context: &Context<'_>, after: Option<&[u32]>, sink: &mut Sink<'_>);

    /// Forgets what was kept for readers who do not come any more.
    fn tidy(&self, _now: Time) {}
}

/// The INDEX of a table; a fixed number of arcs, in the order of object identifiers.
pub trait Index: Copy {
    /// The key that all others follow.
    const FIRST: Self;

    /// The key with exactly these arcs.
    fn exact(arcs: &[u32]) -> Option<Self>;

    /// The lowest key whose arcs come after these, be they few, many or out of range.
    fn above(arcs: &[u32]) -> Option<Self>;

    /// Appends the arcs, encoded.
    fn push(self, out: &mut Vec<u8>);
}

/// A conceptual table.
pub trait Table: Send + Sync {
    type Key: Index;
    /// Of the entry: the columns lie right below.
    const ENTRY: &'static Prefix;
    /// In order of their numbers.
    const COLUMNS: &'static [Column];
    const VIEWS: Views;

    /// Hands the instance to `read`, if there is one.
    fn cell(&self, context: &Context<'_>, key: Self::Key, column: u32, read: impl FnOnce(Value<'_>));

    /// Visits a run of rows from key `from` on, in order: those that have an instance in the column. Seeks, never
    /// scans to find the first.
    fn rows(
        &self,
        context: &Context<'_>,
        column: u32,
        from: Self::Key,
        visit: impl FnMut(Self::Key, Value<'_>) -> ControlFlow<()>,
    );

    /// Has what is given to a column that can be written come among the edits.
    ///
    /// # Errors
    /// What is wrong with it; without an own one nothing can be written.
    fn set(
        &self,
        _context: &Context<'_>,
        _key: Self::Key,
        _column: u32,
        _given: &Given<'_>,
        _edits: &mut Edits,
    ) -> Result<(), SetError> {
        Err(SetError::NotWritable)
    }
}

/// For callees that may call more than once, and do not.
fn once(read: impl FnOnce(Value<'_>)) -> impl FnMut(Value<'_>) {
    let mut read = Some(read);
    move |value| {
        if let Some(read) = read.take() {
            read(value);
        }
    }
}

/// The rows of a table that has few of them, by asking for each of the keys.
fn walk<T: Table>(
    table: &T,
    context: &Context<'_>,
    column: u32,
    keys: impl IntoIterator<Item = T::Key>,
    mut visit: impl FnMut(T::Key, Value<'_>) -> ControlFlow<()>,
) {
    for key in keys {
        let mut flow = ControlFlow::Continue(());
        table.cell(context, key, column, |value| flow = visit(key, value));
        if flow.is_break() {
            return;
        }
    }
}

impl<T: Table> Subtree for T {
    fn prefix(&self) -> &'static Prefix {
        T::ENTRY
    }

    fn objects(&self) -> Vec<Object> {
        let oid = |column: &Column| [T::ENTRY.arcs(), &[column.number]].concat();
        T::COLUMNS.iter().map(|column| Object { oid: oid(column), column: *column }).collect()
    }

    fn views(&self) -> Views {
        T::VIEWS
    }

    fn get(&self, context: &Context<'_>, rest: &[u32], out: &mut Vec<u8>) -> Found {
        let Some((&number, index)) = rest.split_first() else { return Found::NoObject };
        let column = T::COLUMNS.iter().find(|column| column.number == number);
        if !column.is_some_and(|column| column.access.readable()) {
            return Found::NoObject;
        }
        let mut found = Found::NoInstance;
        if let Some(key) = T::Key::exact(index) {
            self.cell(context, key, number, |value| {
                ber::push_value(&value, out);
                found = Found::Value;
            });
        }
        found
    }

    fn set(
        &self,
        context: &Context<'_>,
        rest: &[u32],
        given: &Given<'_>,
        edits: &mut Edits,
    ) -> Result<(), SetError> {
        let (&number, index) = rest.split_first().ok_or(SetError::NotWritable)?;
        let column = T::COLUMNS.iter().find(|column| column.number == number);
        if !column.is_some_and(|column| column.access.writable()) {
            return Err(SetError::NotWritable);
        }
        let key = T::Key::exact(index).ok_or(SetError::NoCreation)?;
        Table::set(self, context, key, number, given, edits)
    }

    fn run(&self, context: &Context<'_>, after: Option<&[u32]>, sink: &mut Sink<'_>) {
        let (first, index) =
            after.and_then(<[u32]>::split_first).map_or((0, &[][..]), |(n, rest)| (*n, rest));
        for column in T::COLUMNS.iter().filter(|column| column.number >= first && column.access.readable()) {
            if column.syntax == Syntax::Counter64 && !sink.counter64 {
                continue;
            }
            let from = if column.number == first { T::Key::above(index) } else { Some(T::Key::FIRST) };
            let Some(from) = from else { continue };
            let stem = Stem::new(T::ENTRY, column.number);
            self.rows(context, column.number, from, |key, value| {
                sink.push(&stem, |out| key.push(out), &value)
            });
            if sink.is_full() {
                return;
            }
        }
    }
}

impl Index for u32 {
    const FIRST: u32 = 0;

    fn exact(arcs: &[u32]) -> Option<Self> {
        if let [arc] = arcs { Some(*arc) } else { None }
    }

    fn above(arcs: &[u32]) -> Option<Self> {
        match arcs {
            [] => Some(0),
            [arc, ..] => arc.checked_add(1),
        }
    }

    fn push(self, out: &mut Vec<u8>) {
        oid::push_arc(self, out);
    }
}

impl Index for (u32, u32) {
    const FIRST: (u32, u32) = (0, 0);

    fn exact(arcs: &[u32]) -> Option<Self> {
        if let [major, minor] = arcs { Some((*major, *minor)) } else { None }
    }

    fn above(arcs: &[u32]) -> Option<Self> {
        match arcs {
            [] => Some((0, 0)),
            [major] => Some((*major, 0)),
            [major, minor, ..] => match minor.checked_add(1) {
                Some(minor) => Some((*major, minor)),
                None => Some((major.checked_add(1)?, 0)),
            },
        }
    }

    fn push(self, out: &mut Vec<u8>) {
        oid::push_arc(self.0, out);
        oid::push_arc(self.1, out);
    }
}

impl Index for (u32, u32, u32) {
    const FIRST: (u32, u32, u32) = (0, 0, 0);

    fn exact(arcs: &[u32]) -> Option<Self> {
        if let [major, middle, minor] = arcs { Some((*major, *middle, *minor)) } else { None }
    }

    fn above(arcs: &[u32]) -> Option<Self> {
        match arcs {
            [] => Some((0, 0, 0)),
            [major] => Some((*major, 0, 0)),
            [major, middle] => Some((*major, *middle, 0)),
            [major, middle, minor, ..] => match minor.checked_add(1) {
                Some(minor) => Some((*major, *middle, minor)),
                None => <(u32, u32)>::above(&[*major, *middle]).map(|(major, middle)| (major, middle, 0)),
            },
        }
    }

    fn push(self, out: &mut Vec<u8>) {
        (self.0, self.1).push(out);
        oid::push_arc(self.2, out);
    }
}

/// Device and point number.
impl Index for (u32, u16) {
    const FIRST: (u32, u16) = (0, 0);

    fn exact(arcs: &[u32]) -> Option<Self> {
        if let [major, minor] = arcs { Some((*major, u16::try_from(*minor).ok()?)) } else { None }
    }

    fn above(arcs: &[u32]) -> Option<Self> {
        match arcs {
            [] => Some((0, 0)),
            [major] => Some((*major, 0)),
            [major, minor, ..] => match u16::try_from(*minor).ok().and_then(|minor| minor.checked_add(1)) {
                Some(minor) => Some((*major, minor)),
                None => Some((major.checked_add(1)?, 0)),
            },
        }
    }

    fn push(self, out: &mut Vec<u8>) {
        oid::push_arc(self.0, out);
        oid::push_arc(self.1.into(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtrees_do_not_overlap() {
        let [bridge, fleet, device] = [View::Bridge, View::Fleet, View::Device(1)].map(|view| {
            let mut all = all();
            all.retain(|subtree| subtree.views().has(view));
            all
        });
        for all in [bridge, fleet, device] {
            in_order(&all);
        }
    }

    fn in_order(all: &[Box<dyn Subtree>]) {
        for pair in all.windows(2) {
            let next = pair[1].prefix().arcs();
            for object in pair[0].objects() {
                assert!(
                    *object.oid < *next && !object.oid.starts_with(next),
                    "{object:?} and {}",
                    pair[1].prefix()
                );
            }
        }
        for subtree in all {
            let objects = subtree.objects();
            assert!(objects.is_sorted_by(|one, next| one.oid < next.oid), "{}", subtree.prefix());
        }
    }

    #[test]
    fn keys_above_any_arcs() {
        assert_eq!(u32::above(&[]), Some(0));
        assert_eq!(u32::above(&[7, 1]), Some(8));
        assert_eq!(u32::above(&[u32::MAX]), None);
        assert_eq!(<(u32, u16)>::above(&[7]), Some((7, 0)));
        assert_eq!(<(u32, u16)>::above(&[7, 3, 9]), Some((7, 4)));
        assert_eq!(<(u32, u16)>::above(&[7, 65_535]), Some((8, 0)));
        assert_eq!(<(u32, u16)>::above(&[7, u32::MAX]), Some((8, 0)));
        assert_eq!(<(u32, u16)>::above(&[u32::MAX, u32::MAX]), None);
        assert_eq!(<(u32, u32, u32)>::above(&[7, 1]), Some((7, 1, 0)));
        assert_eq!(<(u32, u32, u32)>::above(&[7, 1, 2, 9]), Some((7, 1, 3)));
        assert_eq!(<(u32, u32, u32)>::above(&[7, u32::MAX, u32::MAX]), Some((8, 0, 0)));
        assert_eq!(<(u32, u16)>::exact(&[7, 65_536]), None);
        assert_eq!(u32::exact(&[]), None);
    }
}
