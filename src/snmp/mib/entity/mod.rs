//! What there is: ENTITY-MIB version 4 (RFC 6933), ENTITY-SENSOR-MIB (RFC 3433) and ENTITY-STATE-MIB (RFC 4268).
//!
//! In a device's own view entPhysicalIndex is the component, in that of the fleet the device's number and the
//! component: `number << 10 | component`. The bridge itself is one entity.

mod catalogue;
mod physical;
mod sensor;
mod state;
pub mod units;

use std::ops::ControlFlow;

use super::Context;
use crate::{
    fleet::{Point, PointValue, Row, Which},
    model::{DeviceNumber, Quality, Role},
    snmp::{oid::Prefix, view::View},
};

use catalogue::Sensor;
pub use catalogue::{BATTERY, Catalogue, Components, DEVICE, Part};
pub use physical::{AliasMappingTable, ContainsTable, GENERAL, PhysicalTable, last_change};
pub use sensor::SensorTable;
pub use state::StateTable;

/// entConfigChange.
pub const CONFIG_CHANGE: Prefix = Prefix::new(&[1, 3, 6, 1, 2, 1, 47, 2, 0, 1]);

const COMPONENT_BITS: u32 = 10;
const COMPONENT_MASK: u32 = (1 << COMPONENT_BITS) - 1;

/// One entity.
enum Entity<'a> {
    /// The bridge itself.
    Bridge,
    Device(Row<'a>),
    Sensor(Row<'a>, &'a Sensor),
    Battery(Row<'a>),
}

impl<'a> Entity<'a> {
    fn row(&self) -> Option<Row<'a>> {
        match self {
            Entity::Bridge => None,
            Entity::Device(row) | Entity::Sensor(row, _) | Entity::Battery(row) => Some(*row),
        }
    }
}

/// What a point said last, however old, times 10^`places` in the unit of its role.
pub(super) fn converted(point: &Point<'_>, part: &Part, places: u8) -> Option<i64> {
    match point.value()? {
        PointValue::Integer(number) => Some(part.scale.convert(number, point.def.digits, places)),
        PointValue::Text(_) => None,
    }
}

/// The point that a sensor shows.
fn point<'a>(row: Row<'a>, sensor: &Sensor) -> Option<Point<'a>> {
    row.nth_point(sensor.slot)
}

impl Context<'_> {
    /// entPhysicalIndex of a component.
    pub(super) fn entity_index(&self, device: DeviceNumber, component: u16) -> u32 {
        match self.view {
            View::Fleet => device << COMPONENT_BITS | u32::from(component),
            View::Bridge | View::Device(_) => component.into(),
        }
    }

    /// The device and the component that an entPhysicalIndex would be of.
    fn component(&self, index: u32) -> (DeviceNumber, u32) {
        match self.view {
            View::Fleet => (index >> COMPONENT_BITS, index & COMPONENT_MASK),
            View::Device(device) => (device, index),
            View::Bridge => (0, index),
        }
    }

    fn entity<R>(&self, index: u32, read: impl FnOnce(Entity<'_>) -> R) -> Option<R> {
        let (device, component) = self.component(index);
        let component = u16::try_from(component).ok()?;
        if self.view == View::Bridge {
            return (component == DEVICE).then(|| read(Entity::Bridge));
        }
        self.row(device, |row| {
            let components = self.catalogue.of(row.profile_id());
            match component {
                DEVICE => Some(read(Entity::Device(row))),
                BATTERY if components.has_battery => Some(read(Entity::Battery(row))),
                _ => components.sensor(component).map(|sensor| read(Entity::Sensor(row, sensor))),
            }
        })?
    }

    /// Visits the entities from an index on, in order.
    fn entities(&self, from: u32, mut visit: impl FnMut(u32, Entity<'_>) -> ControlFlow<()>) {
        if self.view == View::Bridge {
            if from <= DEVICE.into() {
                let _ = visit(DEVICE.into(), Entity::Bridge);
            }
            return;
        }
        let (first, component) = self.component(from);
        self.rows(first, Which::Live, |row| {
            let number = row.number();
            let least = if number == first { component } else { 0 };
            let components = self.catalogue.of(row.profile_id());
            let index = |component| self.entity_index(number, component);
            if least <= DEVICE.into() {
                visit(index(DEVICE), Entity::Device(row))?;
            }
            self.sensors_from(components, least)
                .try_for_each(|sensor| visit(index(sensor.component), Entity::Sensor(row, sensor)))?;
            if components.has_battery && least <= BATTERY.into() {
                visit(index(BATTERY), Entity::Battery(row))?;
            }
            ControlFlow::Continue(())
        });
    }

    /// Visits the sensors from an index on, in order.
    fn sensors(&self, from: u32, mut visit: impl FnMut(u32, Row<'_>, &Sensor) -> ControlFlow<()>) {
        let (first, component) = self.component(from);
        self.rows(first, Which::Live, |row| {
            let number = row.number();
            let least = if number == first { component } else { 0 };
            self.sensors_from(self.catalogue.of(row.profile_id()), least)
                .try_for_each(|sensor| visit(self.entity_index(number, sensor.component), row, sensor))
        });
    }

    /// The device whose battery an entPhysicalIndex is.
    pub(super) fn battery<R>(&self, index: u32, read: impl FnOnce(Row<'_>) -> R) -> Option<R> {
        self.entity(index, |entity| match entity {
            Entity::Battery(row) => Some(read(row)),
            _ => None,
        })?
    }

    /// Visits the batteries from an index on, in order.
    pub(super) fn batteries(&self, from: u32, mut visit: impl FnMut(u32, Row<'_>) -> ControlFlow<()>) {
        let (first, component) = self.component(from);
        self.rows(first, Which::Live, |row| {
            let number = row.number();
            let is_before = number == first && component > BATTERY.into();
            if is_before || !self.catalogue.of(row.profile_id()).has_battery {
                return ControlFlow::Continue(());
            }
            visit(self.entity_index(number, BATTERY), row)
        });
    }

    /// The point of a device that plays a role, and how.
    pub(super) fn in_role<'a>(&self, row: Row<'a>, role: Role) -> Option<(Point<'a>, Part)> {
        let part = self.catalogue.of(row.profile_id()).in_role(role)?;
        Some((row.nth_point(part.slot)?, part))
    }

    /// What a point says now, times 10^`places` in the unit of its role; `None` for one that is stale or bad.
    pub(super) fn reading(&self, row: Row<'_>, role: Role, places: u8) -> Option<i64> {
        let (point, part) = self.in_role(row, role)?;
        match point.quality(self.now) {
            Quality::Good => converted(&point, &part, places),
            Quality::Stale | Quality::Bad | Quality::Missing => None,
        }
    }

    fn sensors_from<'c>(
        &self,
        components: &'c Components,
        least: u32,
    ) -> impl Iterator<Item = &'c Sensor> + use<'c> {
        let start = components.sensors.partition_point(|sensor| u32::from(sensor.component) < least);
        components.sensors[start..].iter()
    }
}
