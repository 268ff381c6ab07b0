//! A device's telemetry as one compact, self-describing row.
//!
//! ```text
//! version 1 | presence | last seen | since, boot (differences to last seen) | parent
//! (attribute + 1, length, text)* [252, 1, 1: it said that it goes] [253, length, serials of the units before] [254, 5, highest uptime told] [255, 10, revision and hash of the last change] 0
//! (difference to the former point number, tag, value, time [, discontinuity])*   to the end
//! ```
//! Numbers are LEB128 varints, signed ones zigzag, those of 254 and 255 five groups of seven bits each; instants of points
//! are seconds as differences to last seen. Points stand under their *number*, so that a row outlives an edited profile.

use crate::{
    fleet::{Change, DeviceState, PointState, PointValue, Row, StoredValue},
    model::{Attribute, DeviceNumber, Presence, Quality, Time},
};

const VERSION: u8 = 1;

/// In the place of an attribute, so that versions which know no changes read over it; the highest, which no attribute has.
const CHANGE: u8 = 255;
/// As [`CHANGE`]; empty in rows of a version that kept no highest uptime.
const UPTIME: u8 = 254;
/// As [`CHANGE`].
const FORMER_SERIALS: u8 = 253;

/// As [`CHANGE`].
const GONE: u8 = 252;

const _: () = assert!(Attribute::COUNT < GONE as usize);

/// A row that this version cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    #[error("row version {0} is unknown")]
    Version(u8),
    #[error("the row is damaged")]
    Damaged,
}

/// Appends the row of a device to `out`; allocates nothing else.
pub fn encode(row: &Row<'_>, out: &mut Vec<u8>) {
    head(
        out,
        row.presence(),
        row.presence_since(),
        row.last_seen(),
        row.boot_to_keep(),
        row.reported_parent(),
    );
    for attribute in Attribute::ALL {
        put_attribute(out, attribute as u8 + 1, row.reported(attribute));
    }
    put_attribute(out, FORMER_SERIALS, row.former_serials());
    put_attribute(out, GONE, gone(row.is_gone()));
    put_uptime(out, row.highest_uptime());
    put_change(out, row.change());
    out.push(0);
    let (base, mut former) = (row.last_seen(), 0);
    for point in row.points() {
        let value = match point.value() {
            Some(PointValue::Integer(value)) => StoredValue::Integer(value),
            Some(PointValue::Text(text)) => StoredValue::Text(text),
            // Bad does not depend on the time, so any instant will do.
            None if point.quality(Time::NEVER) == Quality::Bad => StoredValue::Bad,
            None => continue,
        };
        let (number, time, discontinuity) = (point.def.number, point.time(), point.discontinuity());
        put_point(out, base, &mut former, &PointState { number, value, time, discontinuity });
    }
}

/// Appends a row to `out`.
pub fn encode_state(state: &DeviceState<'_>, out: &mut Vec<u8>) {
    head(out, state.presence, state.presence_since, state.last_seen, state.boot, state.parent);
    for &(attribute, text) in &state.attributes {
        put_attribute(out, attribute as u8 + 1, text);
    }
    put_attribute(out, FORMER_SERIALS, state.former_serials);
    put_attribute(out, GONE, gone(state.gone));
    put_uptime(out, state.highest_uptime);
    if let Some(change) = state.change {
        put_change(out, change);
    }
    out.push(0);
    let mut former = 0;
    for point in &state.points {
        put_point(out, state.last_seen, &mut former, point);
    }
}

/// Reads a row.
///
/// # Errors
/// A version that is not known, or bytes that no `encode` wrote.
pub fn decode(bytes: &[u8]) -> Result<DeviceState<'_>, RowError> {
    let mut rest = Reader(bytes);
    match rest.byte()? {
        VERSION => {}
        other => return Err(RowError::Version(other)),
    }
    let presence = Presence::from_code(rest.byte()?).ok_or(RowError::Damaged)?;
    let last_seen = Time(rest.unsigned()?);
    let presence_since = Time(rest.relative(last_seen.0)?);
    let boot = Time(rest.relative(last_seen.0)?);
    let parent = u32::try_from(rest.unsigned()?).map_err(|_| RowError::Damaged)?;
    let mut state =
        DeviceState { presence, presence_since, last_seen, boot, parent, ..DeviceState::default() };
    loop {
        let code = rest.byte()?;
        if code == 0 {
            break;
        }
        let text = rest.text()?;
        match code {
            CHANGE => {
                let [revision, shown] = groups(text)?;
                state.change = Some(Change { revision, shown });
            }
            UPTIME if text.is_empty() => {
                state.highest_uptime = u32::try_from(last_seen.since(boot) / 1000).unwrap_or(u32::MAX).max(1);
            }
            UPTIME => [state.highest_uptime] = groups(text)?,
            FORMER_SERIALS => state.former_serials = text,
            GONE => state.gone = true,
            _ => {}
        }
        // An attribute of a later version is left out.
        if let Some(&attribute) = Attribute::ALL.get(usize::from(code - 1)) {
            state.attributes.push((attribute, text));
        }
    }
    let mut number = 0u16;
    while !rest.0.is_empty() {
        number = match u16::try_from(rest.unsigned()?) {
            Ok(step) if step > 0 => number.checked_add(step).ok_or(RowError::Damaged)?,
            _ => return Err(RowError::Damaged),
        };
        let tag = rest.byte()?;
        let value = match tag & !tag::DISCONTINUITY {
            tag::BAD => StoredValue::Bad,
            tag::INTEGER => StoredValue::Integer(rest.signed()?),
            tag::TEXT => StoredValue::Text(rest.text()?),
            _ => return Err(RowError::Damaged),
        };
        let time = rest.seconds(last_seen)?;
        let discontinuity =
            if tag & tag::DISCONTINUITY == 0 { Time::NEVER } else { rest.seconds(last_seen)? };
        state.points.push(PointState { number, value, time, discontinuity });
    }
    Ok(state)
}

mod tag {
    pub const BAD: u8 = 0;
    pub const INTEGER: u8 = 1;
    pub const TEXT: u8 = 2;
    pub const DISCONTINUITY: u8 = 0x10;
}

fn head(
    out: &mut Vec<u8>,
    presence: Presence,
    presence_since: Time,
    last_seen: Time,
    boot: Time,
    parent: DeviceNumber,
) {
    out.extend([VERSION, presence as u8]);
    put_unsigned(out, last_seen.0);
    put_relative(out, presence_since.0, last_seen.0);
    put_relative(out, boot.0, last_seen.0);
    put_unsigned(out, u64::from(parent));
}

fn put_attribute(out: &mut Vec<u8>, code: u8, text: &str) {
    if text.is_empty() {
        return;
    }
    out.push(code);
    put_text(out, text);
}

fn gone(is: bool) -> &'static str {
    if is { "1" } else { "" }
}

fn put_uptime(out: &mut Vec<u8>, highest: u32) {
    if highest > 0 {
        put_groups(out, UPTIME, &[highest]);
    }
}

fn put_change(out: &mut Vec<u8>, change: Change) {
    put_groups(out, CHANGE, &[change.revision, change.shown]);
}

/// As text, which an attribute is.
fn put_groups(out: &mut Vec<u8>, code: u8, values: &[u32]) {
    out.extend([code, 5 * values.len() as u8]);
    out.extend(values.iter().flat_map(|value| (0..5).map(move |at| (value >> (7 * at)) as u8 & 0x7f)));
}

fn groups<const N: usize>(text: &str) -> Result<[u32; N], RowError> {
    if text.len() != 5 * N {
        return Err(RowError::Damaged);
    }
    let mut values = [0u32; N];
    for (value, groups) in values.iter_mut().zip(text.as_bytes().chunks(5)) {
        for group in groups.iter().rev() {
            if *value >> 25 != 0 {
                return Err(RowError::Damaged);
            }
            *value = *value << 7 | u32::from(*group);
        }
    }
    Ok(values)
}

fn put_point(out: &mut Vec<u8>, base: Time, former: &mut u16, point: &PointState<'_>) {
    // Numbers ascend; one that does not would make the row unreadable.
    if point.number <= *former {
        return;
    }
    put_unsigned(out, u64::from(point.number - *former));
    *former = point.number;
    let flag = if point.discontinuity.is_never() { 0 } else { tag::DISCONTINUITY };
    match point.value {
        StoredValue::Bad => out.push(tag::BAD | flag),
        StoredValue::Integer(value) => {
            out.push(tag::INTEGER | flag);
            put_signed(out, value);
        }
        StoredValue::Text(text) => {
            out.push(tag::TEXT | flag);
            put_text(out, text);
        }
    }
    put_relative(out, point.time.secs(), base.secs());
    if flag != 0 {
        put_relative(out, point.discontinuity.secs(), base.secs());
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_unsigned(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Wraps, so that every pair of values comes back.
fn put_relative(out: &mut Vec<u8>, value: u64, base: u64) {
    put_signed(out, value.wrapping_sub(base) as i64);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, RowError> {
        let (&first, rest) = self.0.split_first().ok_or(RowError::Damaged)?;
        self.0 = rest;
        Ok(first)
    }

    fn unsigned(&mut self) -> Result<u64, RowError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(RowError::Damaged);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RowError::Damaged)
    }

    fn signed(&mut self) -> Result<i64, RowError> {
        let raw = self.unsigned()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn relative(&mut self, base: u64) -> Result<u64, RowError> {
        Ok(base.wrapping_add(self.signed()? as u64))
    }

    fn seconds(&mut self, base: Time) -> Result<Time, RowError> {
        let seconds = self.relative(base.secs())?;
        seconds.checked_mul(1000).map(Time).ok_or(RowError::Damaged)
    }

    fn text(&mut self) -> Result<&'a str, RowError> {
        let len = usize::try_from(self.unsigned()?).map_err(|_| RowError::Damaged)?;
        let (text, rest) = self.0.split_at_checked(len).ok_or(RowError::Damaged)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| RowError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        fleet::{Fleet, Identity, Resolved},
        model::*,
    };

    fn sample() -> DeviceState<'static> {
        let point = |number, value| PointState {
            number,
            value,
            time: Time::from_secs(1_795_398_917),
            discontinuity: Time::NEVER,
        };
        DeviceState {
            presence: Presence::Late,
            presence_since: Time(1_795_398_900_001),
            last_seen: Time(1_795_398_917_123),
            boot: Time::NEVER,
            highest_uptime: 86_400,
            parent: 77,
            change: Some(Change { revision: 1_795_398_917, shown: u32::MAX }),
            attributes: vec![(Attribute::Firmware, "14.2.0"), (Attribute::Site, "Süd")],
            former_serials: "A-1\nA-0",
            gone: true,
            points: vec![
                point(1, StoredValue::Integer(-215)),
                point(2, StoredValue::Bad),
                PointState { discontinuity: Time::from_secs(5), ..point(9, StoredValue::Integer(i64::MIN)) },
                point(65_535, StoredValue::Text("")),
            ],
        }
    }

    #[test]
    fn a_row_comes_back() {
        let mut bytes = Vec::new();
        encode_state(&sample(), &mut bytes);
        assert_eq!(decode(&bytes), Ok(sample()));
        assert!(bytes.len() < 114, "{}", bytes.len());
        let older = DeviceState { change: None, ..sample() };
        bytes.clear();
        encode_state(&older, &mut bytes);
        assert_eq!(decode(&bytes), Ok(older), "a row of a version that knew no changes");
        let booted = Time(sample().last_seen.0 - 7_200_000);
        let older = DeviceState { boot: booted, highest_uptime: 1, ..sample() };
        bytes.clear();
        encode_state(&older, &mut bytes);
        let uptime = bytes.windows(3).position(|field| field == [UPTIME, 5, 1]).unwrap();
        bytes.splice(uptime..uptime + 7, [UPTIME, 0]);
        let expected = DeviceState { highest_uptime: 7200, ..older };
        assert_eq!(decode(&bytes), Ok(expected), "a row of a version that kept no highest uptime");
        assert_eq!(decode(&[2]), Err(RowError::Version(2)));
        assert_eq!(decode(&[]), Err(RowError::Damaged));
    }

    #[test]
    fn every_cut_is_seen_or_a_shorter_row() {
        let mut bytes = Vec::new();
        encode_state(&sample(), &mut bytes);
        for len in 0..bytes.len() {
            if let Ok(state) = decode(&bytes[..len]) {
                assert!(sample().points.starts_with(&state.points));
            }
        }
    }

    /// One device, `a`, of a profile whose points have these numbers.
    fn fleet(numbers: &[u16]) -> Fleet {
        let types = [PointType::Decimal, PointType::Counter, PointType::Text, PointType::Boolean];
        let points = numbers.iter().map(|&number| PointDef {
            number,
            name: format!("p{number}"),
            ty: types[usize::from(number) % 4],
            kind: PointKind::Gauge,
            unit: String::new(),
            digits: 0,
            role: None,
        });
        let profile =
            Profile { points: points.collect(), model: "TH-2".to_owned(), ..Profile::forgotten("x", 1) };
        let fleet = Fleet::new(Profiles::new(vec![profile]), 0);
        let identity = Identity { adapter: 1, profile: ProfileId(0), id: "a".to_owned() };
        fleet.insert(&fleet.draft(&[identity], Time(1000)).unwrap());
        fleet
    }

    #[test]
    fn a_fleets_row_outlives_an_edited_profile() {
        let before = fleet(&[4, 5, 6, 7, 8]);
        let mut reports = Reports::default();
        reports.begin(ProfileId(0), "a", false);
        let (firmware, word) = (reports.text("14.2"), reports.text("charging"));
        for (slot, value) in [
            (0, Scalar::Integer(-5)),
            (1, Scalar::Integer(9_000)),
            (1, Scalar::Integer(7)),
            (2, Scalar::Text(word)),
            (3, Scalar::Bad),
        ] {
            reports.push(Fact::Point { slot, value, time: Time::NEVER });
        }
        reports.push(Fact::Attribute { attribute: Attribute::Firmware, text: firmware });
        reports.push(Fact::Uptime { secs: 10, time: Time::NEVER });
        let now = Time::from_secs(1_795_398_917);
        before.absorb(&reports, &mut [Resolved { device: 1, report: 0, parent: 0 }], now);
        let mut bytes = Vec::new();
        before.row(1, |row| encode(&row, &mut bytes)).unwrap();
        let state = decode(&bytes).unwrap();
        assert_eq!(state.attributes, [(Attribute::Firmware, "14.2")], "not the profile's own words");
        assert_eq!(state.points.iter().map(|point| point.number).collect::<Vec<_>>(), [4, 5, 6, 7]);

        let after = fleet(&[6, 5, 9, 7]);
        after.restore(1, &state);
        let shown = |fleet: &Fleet, number| {
            fleet.row(1, |row| {
                let point = row.point(number)?;
                let mut text = String::new();
                point.write_value(&mut text);
                Some((text, point.quality(now), point.time(), point.discontinuity()))
            })
        };
        for number in [5, 6, 7] {
            assert_eq!(shown(&after, number), shown(&before, number), "point {number}");
        }
        assert_eq!(shown(&after, 5).flatten().unwrap().3, now, "the counter went back");
        let whole = |fleet: &Fleet| {
            fleet.row(1, |row| {
                let boot = (row.boot_to_keep(), row.highest_uptime());
                (row.presence(), row.presence_since(), row.last_seen(), boot, row.parent())
            })
        };
        assert_eq!(whole(&after), whole(&before));
    }

    fn value() -> impl Strategy<Value = Option<Result<i64, String>>> {
        prop_oneof![Just(None), any::<i64>().prop_map(|v| Some(Ok(v))), ".{0,40}".prop_map(|t| Some(Err(t)))]
    }

    proptest! {
        #[test]
        fn all_states_come_back(
            presence in 1u8..=7,
            times in any::<(u64, u64, u64)>(),
            parent in any::<u32>(),
            change in proptest::option::of(any::<(u32, u32)>()),
            attributes in proptest::collection::btree_map(0usize..Attribute::COUNT, ".{1,30}", 0..12),
            points in proptest::collection::btree_map(1u16.., (value(), any::<u32>(), any::<u32>()), 0..40),
        ) {
            let state = DeviceState {
                presence: Presence::from_code(presence).unwrap(),
                presence_since: Time(times.0),
                last_seen: Time(times.1),
                boot: Time(times.2),
                highest_uptime: (times.2 % 2 * times.1) as u32,
                parent,
                change: change.map(|(revision, shown)| Change { revision, shown }),
                attributes: attributes.iter().map(|(&at, text)| (Attribute::ALL[at], text.as_str())).collect(),
                former_serials: if parent % 2 == 1 { "B/7" } else { "" },
                gone: parent % 3 == 1,
                points: points
                    .iter()
                    .map(|(&number, (value, time, reset))| PointState {
                        number,
                        value: match value {
                            None => StoredValue::Bad,
                            Some(Ok(value)) => StoredValue::Integer(*value),
                            Some(Err(text)) => StoredValue::Text(text),
                        },
                        time: Time::from_secs(u64::from(*time)),
                        discontinuity: Time::from_secs(u64::from(*reset)),
                    })
                    .collect(),
            };
            let mut bytes = Vec::new();
            encode_state(&state, &mut bytes);
            prop_assert_eq!(decode(&bytes), Ok(state));
        }

        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let _ = decode(&bytes);
        }

        #[test]
        fn a_changed_byte_does_not_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = Vec::new();
            encode_state(&sample(), &mut bytes);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode(&bytes);
        }
    }
}
