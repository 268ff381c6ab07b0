//! What is to be sent: taken by the adapter, and what became of it.

use std::fmt;

use super::{
    Fleet, Op, Phase,
    cells::{Cell, value_of},
    is_reached,
    state::{Effect, State},
};
use crate::{
    fleet::block::{Columns, place},
    model::*,
};

/// One message to be sent. Tell what became of it: [`Fleet::order_acked`], [`Fleet::order_refused`] or
/// [`Fleet::order_unsent`].
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    pub device: DeviceNumber,
    pub profile: ProfileId,
    /// Index into [`Profile::settings`].
    pub slot: u16,
    /// Of the setting's state; a later word about an earlier turn means nothing.
    pub turn: u16,
    /// How the adapter knows the device, and the one it hangs on; empty if there is none.
    pub id: String,
    pub parent: String,
    /// What to write; `None`: ask for the value.
    pub value: Option<SettingValue>,
}

/// Without the value, which may be a secret.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.value.is_some() { "write" } else { "read" };
        write!(f, "Order({what} setting {} of {}, turn {})", self.slot, self.id, self.turn)
    }
}

impl Fleet {
    /// True if a device of the adapter may have something to be sent; else `waker` is woken once one has.
    pub fn poll_orders(&self, adapter: AdapterId, waker: &std::task::Waker) -> bool {
        self.outbox.poll(adapter, waker)
    }

    /// Takes what is to be sent now, at most `most` messages. Write the devices' settings down before you send them.
    pub fn take_orders(&self, adapter: AdapterId, most: usize, now: Time, orders: &mut Vec<Order>) {
        while orders.len() < most
            && let Some(device) = self.outbox.pop(adapter)
        {
            let (block, at) = place(device);
            let Some(block) = self.blocks.get(block).and_then(|block| block.get()) else { continue };
            let mut columns = block.columns.write();
            columns.settings.queued.set(at, false);
            // The way it was heard is the way to it, whatever its managers say that it hangs on.
            let parent = columns.slots.get(at).map_or(0, |slot| slot.reported_parent);
            let order = self.next_order(&mut columns, adapter, device, now);
            drop(columns);
            let Some(mut order) = order else { continue };
            if parent != 0 {
                let id = self.row_or_retired(parent, |row| row.southbound_id().to_owned());
                order.parent = id.unwrap_or_default();
            }
            orders.push(order);
        }
    }

    /// The broker has it.
    pub fn order_acked(&self, order: &Order, now: Time) {
        self.of_order(order, now, |state, def| state.broker_acked(order.turn, def));
    }

    /// It cannot be sent as it is, or the broker will not take it: the setting ends failed or unsupported.
    pub fn order_refused(&self, order: &Order, standing: Standing, error: &str, now: Time) {
        let (block, at) = place(order.device);
        let Some(block) = self.blocks.get(block).and_then(|block| block.get()) else { return };
        let mut columns = block.columns.write();
        let current = columns.settings.cells.get(&(at as u16, order.slot));
        if current.is_some_and(|cell| cell.state.turn == order.turn) {
            self.refuse(&mut columns, order.device, order.slot, standing, error, now);
        }
    }

    /// Whether the order is still to be carried out.
    pub fn order_stands(&self, order: &Order) -> bool {
        let (block, at) = place(order.device);
        let cell = |columns: &Columns| Some(columns.settings.cells.get(&(at as u16, order.slot))?.state.turn);
        self.read(block).and_then(|columns| cell(&columns)) == Some(order.turn)
    }

    /// It was not handed to the broker after all: it is tried again.
    pub fn order_unsent(&self, order: &Order, now: Time) {
        self.of_order(order, now, |state, def| match state.turn == order.turn {
            true => state.doubt(def),
            false => Effect::default(),
        });
    }

    fn next_order(
        &self,
        columns: &mut Columns,
        adapter: AdapterId,
        device: DeviceNumber,
        now: Time,
    ) -> Option<Order> {
        let at = place(device).1;
        let slot = columns.slot(at)?;
        if slot.adapter != adapter || !is_reached(slot.presence) || columns.settings.in_flight(at).is_some() {
            return None;
        }
        let profile = ProfileId(slot.profile);
        let waits = |cell: &Cell| matches!(cell.state.phase, Phase::Wait(_));
        let setting = columns.settings.of(at).find(|(_, cell)| waits(cell))?.0;
        let def = self.setting_def(columns, at, setting)?;
        let mut op = None;
        self.turn(columns, device, setting, def, now, |state, def| {
            let (found, effect) = state.order(def);
            op = found;
            effect
        });
        let cell = columns.settings.cells.get(&(at as u16, setting))?;
        let value = (op? == Op::Write).then(|| value_of(cell.desired, def, &columns.texts));
        let (turn, id) = (cell.state.turn, columns.southbound_id(at).to_owned());
        Some(Order { device, profile, slot: setting, turn, id, parent: String::new(), value })
    }

    fn of_order(&self, order: &Order, now: Time, step: impl FnOnce(&mut State, &SettingDef) -> Effect) {
        let (block, at) = place(order.device);
        let Some(block) = self.blocks.get(block).and_then(|block| block.get()) else { return };
        let columns = &mut *block.columns.write();
        let Some(def) = self.setting_def(columns, at, order.slot) else { return };
        self.turn(columns, order.device, order.slot, def, now, step);
    }
}
