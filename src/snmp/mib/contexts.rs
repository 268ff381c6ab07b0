//! vacmContextTable (RFC 3415): the bridge, `+fleet`, and the devices by name. A name that is too long for a context is left
//! out, its device is `+NUMBER`.
//!
//! Its order is that of no other table: shorter names first. So the devices are sorted once for somebody who reads it, and
//! forgotten after a while.

use parking_lot::Mutex;

use super::{Column, Context, Found, Object, Sink, Stem, Subtree};
use crate::{
    fleet::Which,
    model::{DeviceNumber, Time},
    snmp::{
        ber,
        oid::{self, Prefix, counted, read_counted},
        set::{Edits, Given, SetError},
        syntax::{Syntax, Value},
        view::{LONGEST_CONTEXT, Views},
    },
};

const ENTRY: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 16, 1, 1, 1]);
const NAME: Column = Column::read(1, "vacmContextName", Syntax::Octets);

/// Among numbers of devices, which begin with 1.
const BRIDGE: DeviceNumber = 0;
const FLEET: DeviceNumber = DeviceNumber::MAX;

/// Milliseconds that the order is kept.
const KEPT: u64 = 600_000;

/// New devices that find their places one by one; more are sorted with all others.
const FEW: u32 = 1000;

#[derive(Default)]
pub struct Contexts(Mutex<Order>);

#[derive(Default)]
struct Order {
    built: Time,
    /// The numbers up to here are in.
    highest: DeviceNumber,
    /// By name; retired devices among them, which are not shown. Empty: to be built.
    numbers: Vec<DeviceNumber>,
}

impl Order {
    fn refresh(&mut self, context: &Context<'_>) {
        let highest = context.fleet.counts().numbers_used;
        if self.numbers.is_empty() || highest.saturating_sub(self.highest) > FEW {
            *self = Order { built: context.now, highest, numbers: sorted(context) };
        }
        for number in self.highest + 1..=highest {
            let fits = |row: crate::fleet::Row<'_>| {
                let name = row.name();
                (name.len() <= LONGEST_CONTEXT).then(|| counted(name.as_bytes()).collect::<Vec<_>>())
            };
            if let Some(Some(index)) = context.fleet.row_or_retired(number, fits) {
                let place = self.behind(context, &index);
                self.numbers.insert(place, number);
            }
        }
        self.highest = self.highest.max(highest);
    }

    /// The place of the first whose index is higher.
    fn behind(&self, context: &Context<'_>, index: &[u32]) -> usize {
        let is_not = |name: &str| counted(name.as_bytes()).le(index.iter().copied());
        self.numbers.partition_point(|number| match *number {
            BRIDGE => is_not(""),
            FLEET => is_not(FLEET_NAME),
            device => context.fleet.row_or_retired(device, |row| is_not(row.name())).unwrap_or(false),
        })
    }
}

const FLEET_NAME: &str = "+fleet";

fn sorted(context: &Context<'_>) -> Vec<DeviceNumber> {
    let mut names = FLEET_NAME.to_owned();
    let mut all = vec![(0, 0, BRIDGE), (0, names.len(), FLEET)];
    context.fleet.rows(0, Which::Given, |row| {
        if row.name().len() <= LONGEST_CONTEXT {
            all.push((names.len(), row.name().len(), row.number()));
            names.push_str(row.name());
        }
        std::ops::ControlFlow::Continue(())
    });
    all.sort_unstable_by_key(|(start, len, _)| (*len, &names.as_bytes()[*start..start + len]));
    all.into_iter().map(|(_, _, number)| number).collect()
}

/// Looks at a context that is there.
fn shown<R>(context: &Context<'_>, number: DeviceNumber, read: impl FnOnce(&str) -> R) -> Option<R> {
    match number {
        BRIDGE => Some(read("")),
        FLEET => Some(read(FLEET_NAME)),
        device => context.row(device, |row| read(row.name())),
    }
}

impl Subtree for Contexts {
    fn prefix(&self) -> &'static Prefix {
        const { &ENTRY }
    }

    fn objects(&self) -> Vec<Object> {
        vec![Object { oid: [ENTRY.arcs(), &[NAME.number]].concat(), column: NAME }]
    }

    fn views(&self) -> Views {
        Views::BRIDGE
    }

    fn get(&self, context: &Context<'_>, rest: &[u32], out: &mut Vec<u8>) -> Found {
        let Some((1, index)) = rest.split_first().map(|(number, index)| (*number, index)) else {
            return Found::NoObject;
        };
        let name =
            read_counted(index).filter(|(name, rest)| name.len() <= LONGEST_CONTEXT && rest.is_empty());
        let found = name.and_then(|(name, _)| {
            let number = match str::from_utf8(&name).ok()? {
                "" => BRIDGE,
                FLEET_NAME => FLEET,
                name => context.fleet.find(name)?,
            };
            shown(context, number, |name| ber::push_value(&Value::text(name), out))
        });
        if found.is_some() { Found::Value } else { Found::NoInstance }
    }

    fn set(
        &self,
        _context: &Context<'_>,
        _rest: &[u32],
        _given: &Given<'_>,
        _edits: &mut Edits,
    ) -> Result<(), SetError> {
        Err(SetError::NotWritable)
    }

    fn run(&self, context: &Context<'_>, after: Option<&[u32]>, sink: &mut Sink<'_>) {
        let mut order = self.0.lock();
        order.refresh(context);
        let first = match after.and_then(<[u32]>::split_first) {
            None | Some((0, _)) => 0,
            Some((1, index)) => order.behind(context, index),
            Some(_) => return,
        };
        let stem = Stem::new(&ENTRY, NAME.number);
        for number in &order.numbers[first..] {
            let pushed = shown(context, *number, |name| {
                let index =
                    |out: &mut Vec<u8>| counted(name.as_bytes()).for_each(|arc| oid::push_arc(arc, out));
                sink.push(&stem, index, &Value::text(name))
            });
            if pushed.is_some_and(|flow| flow.is_break()) {
                return;
            }
        }
    }

    fn tidy(&self, now: Time) {
        let mut order = self.0.lock();
        if !order.numbers.is_empty() && now.since(order.built) >= KEPT {
            *order = Order::default();
        }
    }
}
