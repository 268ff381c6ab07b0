//! What the devices of a profile consist of: worked out once, from the profile alone.
//!
//! A component's number is for ever: 1 is the device, a point's is its number and one. Parts count down from 1,023.

use super::units;
use crate::model::{PointDef, PointKind, PointType, Profile, ProfileId, Profiles, Quantity, Role, UnitScale};

/// The device itself.
pub const DEVICE: u16 = 1;
/// The battery of a device that has one.
pub const BATTERY: u16 = 1023;
/// The number of the first part.
const FIRST_PART: u16 = 1000;

/// By [`ProfileId`].
#[derive(Debug, Default)]
pub struct Catalogue(Vec<Components>);

#[derive(Debug, Default)]
pub struct Components {
    /// In order of component number.
    pub sensors: Vec<Sensor>,
    pub has_battery: bool,
    roles: Vec<Part>,
}

/// A point that plays a role.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub role: Role,
    /// The index of the point in its profile.
    pub slot: u16,
    pub quantity: Quantity,
    /// From the unit of the point to that of the role.
    pub scale: UnitScale,
}

/// A point as ENTITY-SENSOR-MIB (RFC 3433) sees it: all of it is constant.
#[derive(Debug, PartialEq)]
pub struct Sensor {
    pub component: u16,
    /// The index of the point in its profile.
    pub slot: u16,
    /// EntitySensorDataType, -Scale and -Precision.
    pub data_type: i32,
    pub scale: i32,
    pub precision: i32,
    /// What the point's integer is multiplied by.
    factor: i64,
}

/// EntitySensorValue (RFC 3433): the ends stand for what lies beyond.
const MOST: i64 = 1_000_000_000;

impl Catalogue {
    pub fn new(profiles: &Profiles) -> Self {
        Catalogue(profiles.iter().map(|(_, profile)| Components::new(profile)).collect())
    }

    pub fn of(&self, profile: ProfileId) -> &Components {
        const NONE: &Components = &Components { sensors: Vec::new(), has_battery: false, roles: Vec::new() };
        self.0.get(usize::from(profile.0)).unwrap_or(NONE)
    }
}

impl Components {
    fn new(profile: &Profile) -> Self {
        let points = || profile.points.iter().zip(0..);
        let part = |(point, slot): (&PointDef, u16)| {
            let role = point.role?;
            let (quantity, scale) = role.scale(&point.unit)?;
            Some(Part { role, slot, quantity, scale })
        };
        let roles: Vec<Part> = points().filter_map(part).collect();
        Components {
            sensors: points().filter_map(|(point, slot)| Sensor::new(point, slot)).collect(),
            has_battery: roles.iter().any(|part| part.role.is_of_battery()),
            roles,
        }
    }

    /// The first point in a role.
    pub fn in_role(&self, role: Role) -> Option<Part> {
        self.all_in_role(role).next()
    }

    pub fn all_in_role(&self, role: Role) -> impl Iterator<Item = Part> + '_ {
        self.roles.iter().filter(move |part| part.role == role).copied()
    }

    pub fn of_battery(&self) -> impl Iterator<Item = Part> + '_ {
        self.roles.iter().filter(|part| part.role.is_of_battery()).copied()
    }

    pub fn sensor(&self, component: u16) -> Option<&Sensor> {
        let at = self.sensors.binary_search_by_key(&component, |sensor| sensor.component).ok()?;
        self.sensors.get(at)
    }
}

impl Sensor {
    /// `None`: a text, a counter, or a point with too high a number; fbPointTable alone shows it.
    fn new(point: &PointDef, slot: u16) -> Option<Self> {
        let component = point.number.checked_add(1).filter(|component| *component < FIRST_PART)?;
        if matches!(point.ty, PointType::Text | PointType::Counter) || point.kind == PointKind::Counter {
            return None;
        }
        if point.ty == PointType::Boolean {
            let (data_type, scale) = (units::TRUTH_VALUE, units::UNITS);
            return Some(Sensor { component, slot, data_type, scale, precision: 0, factor: 1 });
        }
        let (data_type, scale) =
            units::sensor_type(&point.unit, &point.name).unwrap_or((units::OTHER, units::UNITS));
        // A negative precision would mean something else than negative digits do.
        let factor = 10i64.pow(u32::from(point.digits.min(0).unsigned_abs()));
        let precision = i32::from(point.digits.max(0));
        Some(Sensor { component, slot, data_type, scale, precision, factor })
    }

    /// EntitySensorValue of a point's integer.
    pub fn value(&self, integer: i64) -> i32 {
        if self.data_type == units::TRUTH_VALUE {
            return if integer != 0 { 1 } else { 2 };
        }
        integer.saturating_mul(self.factor).clamp(-MOST, MOST) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(number: u16, ty: PointType, digits: i8) -> PointDef {
        PointDef {
            number,
            name: "p".into(),
            ty,
            kind: PointKind::Gauge,
            unit: "celsius".into(),
            digits,
            role: None,
        }
    }

    #[test]
    fn values_are_scaled_by_constants_and_end_at_the_ends() {
        let sensor = |ty, digits| Sensor::new(&point(3, ty, digits), 0).unwrap();
        let tenths = sensor(PointType::Decimal, 1);
        assert_eq!((tenths.component, tenths.data_type, tenths.precision), (4, 8, 1));
        assert_eq!(
            [215, -3, i64::MAX, i64::MIN].map(|v| tenths.value(v)),
            [215, -3, 1_000_000_000, -1_000_000_000]
        );
        let hundreds = sensor(PointType::Decimal, -2);
        assert_eq!(
            (hundreds.precision, hundreds.value(7), hundreds.value(i64::MAX)),
            (0, 700, 1_000_000_000)
        );
        let truth = sensor(PointType::Boolean, 0);
        assert_eq!((truth.data_type, truth.value(0), truth.value(1)), (12, 2, 1));
        assert_eq!(Sensor::new(&point(3, PointType::Text, 0), 0), None);
        assert_eq!(Sensor::new(&point(3, PointType::Counter, 0), 0), None);
        assert_eq!(Sensor::new(&point(999, PointType::Integer, 0), 0), None);
    }
}
