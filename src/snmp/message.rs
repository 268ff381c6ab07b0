//! SNMP messages in terms of rasn: the oracle for [`ber`](super::ber).

use std::net::IpAddr;

use rasn::types::ObjectIdentifier;
use rasn_smi::{
    v1::{Counter, Gauge, IpAddress, TimeTicks},
    v2::{Counter64, ObjectSyntax},
};
use rasn_snmp::{
    v2::{Pdu, Trap, VarBind, VarBindValue},
    v2c::Message,
};

use super::syntax::{Value, date_and_time};

/// The version field of v2c.
const V2C: u32 = 1;

#[derive(Debug, thiserror::Error)]
#[error("cannot encode the message: {0}")]
pub struct MessageError(String);

/// Variable bindings of a message to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings(Vec<VarBind>);

impl Bindings {
    pub fn push(&mut self, name: &[u32], value: &Value<'_>) {
        self.0.push(VarBind { name: object_identifier(name), value: VarBindValue::Value(syntax(value)) });
    }
}

/// An SNMPv2-Trap-PDU in a v2c message (RFC 3416 section 4.2.6).
///
/// # Errors
/// A name that is no object identifier; there is none among ours.
pub fn encode_trap(community: &[u8], request_id: i32, bindings: Bindings) -> Result<Vec<u8>, MessageError> {
    let pdu = Pdu { request_id, error_status: 0, error_index: 0, variable_bindings: bindings.0 };
    let message = Message { version: V2C.into(), community: community.to_vec().into(), data: Trap(pdu) };
    rasn::ber::encode(&message).map_err(|error| MessageError(error.to_string()))
}

fn object_identifier(arcs: &[u32]) -> ObjectIdentifier {
    ObjectIdentifier::new_unchecked(arcs.to_vec().into())
}

fn syntax(value: &Value<'_>) -> ObjectSyntax {
    let octets = |octets: &[u8]| ObjectSyntax::from(rasn::types::OctetString::from(octets.to_vec()));
    match *value {
        Value::Integer(value) => value.into(),
        Value::Octets(text) => octets(text),
        Value::Oid(prefix) => object_identifier(prefix.arcs()).into(),
        Value::OidAt(prefix, arc) => object_identifier(&[prefix.arcs(), &[arc]].concat()).into(),
        Value::Arcs(arcs) => object_identifier(arcs).into(),
        Value::IpAddress(address) => IpAddress(address.octets().into()).into(),
        Value::Counter32(value) => Counter(value).into(),
        Value::Gauge32(value) => Gauge(value).into(),
        Value::TimeTicks(value) => TimeTicks(value).into(),
        Value::Counter64(value) => Counter64(value).into(),
        Value::Date(time) => {
            let (date, len) = date_and_time(time);
            octets(&date[..len])
        }
        Value::PhysAddress((address, len)) => octets(&address[..len]),
        Value::Address(IpAddr::V4(address)) => octets(&address.octets()),
        Value::Address(IpAddr::V6(address)) => octets(&address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;
    use rasn_snmp::v2::{
        BulkPdu, GetBulkRequest, GetNextRequest, GetRequest, InformRequest, Response, SetRequest,
    };

    use super::*;
    use crate::{
        model::Time,
        snmp::{
            ber::{self, Envelope, tag},
            frame::{Frame, Head},
            mib::snmpv2::{TRAP_OID, UPTIME},
            notify::Notification,
            oid::{self, Prefix},
        },
    };

    const SOME_OID: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, 32473, 1, 1]);

    /// A value that owns its octets.
    #[derive(Clone, Debug)]
    enum Owned {
        Octets(Vec<u8>),
        Value(Value<'static>),
    }

    impl Owned {
        fn value(&self) -> Value<'_> {
            match self {
                Owned::Octets(octets) => Value::Octets(octets),
                Owned::Value(value) => *value,
            }
        }
    }

    fn values() -> impl Strategy<Value = Owned> {
        prop_oneof![
            any::<i32>().prop_map(|value| Owned::Value(Value::Integer(value))),
            (-300i32..300).prop_map(|value| Owned::Value(Value::Integer(value))),
            any::<u32>().prop_map(|value| Owned::Value(Value::Counter32(value))),
            any::<u32>().prop_map(|value| Owned::Value(Value::Gauge32(value))),
            any::<u32>().prop_map(|value| Owned::Value(Value::TimeTicks(value))),
            any::<u64>().prop_map(|value| Owned::Value(Value::Counter64(value))),
            (0u32..64).prop_map(|bits| Owned::Value(Value::Counter64(u64::MAX >> bits))),
            any::<[u8; 4]>().prop_map(|octets| Owned::Value(Value::IpAddress(octets.into()))),
            any::<[u8; 4]>().prop_map(|octets| Owned::Value(Value::Address(Ipv4Addr::from(octets).into()))),
            any::<[u8; 16]>().prop_map(|octets| Owned::Value(Value::Address(Ipv6Addr::from(octets).into()))),
            (0u64..1 << 42).prop_map(|millis| Owned::Value(Value::Date(Time(millis)))),
            Just(Owned::Value(Value::Oid(&SOME_OID))),
            any::<u32>().prop_map(|arc| Owned::Value(Value::OidAt(&SOME_OID, arc))),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(Owned::Octets),
        ]
    }

    fn names() -> impl Strategy<Value = Vec<u32>> {
        let arc = prop_oneof![0u32..300, any::<u32>()];
        (0u32..3, 0u32..40, prop::collection::vec(arc, 0..60)).prop_map(|(first, second, rest)| {
            let mut name = vec![first, second];
            name.extend(rest);
            name
        })
    }

    fn list(bindings: &[(Vec<u32>, Owned)]) -> Vec<VarBind> {
        let mut list = Bindings::default();
        bindings.iter().for_each(|(name, value)| list.push(name, &value.value()));
        list.0
    }

    proptest! {
        #[test]
        fn replies_are_as_rasn_writes_them(
            community in prop::collection::vec(any::<u8>(), 0..200),
            request_id: i32,
            status in 0u32..300,
            index in 0u32..70_000,
            bindings in prop::collection::vec((names(), values()), 0..40),
        ) {
            let head = Head {
                frame: Frame::V2c { community: &community },
                tag: tag::RESPONSE,
                request_id,
                status: status as i32,
                index: index as i32,
            };
            let mut ours = vec![0; head.room()];
            for (name, value) in &bindings {
                let mut octets = Vec::new();
                oid::encode(name, &mut octets);
                ber::push_binding(&octets, |_| {}, &value.value(), &mut ours);
            }
            let size = head.message_len(ours.len() - head.room());
            head.finish(&mut ours);
            prop_assert_eq!(size, ours.len());
            let pdu = Pdu {
                request_id,
                error_status: status,
                error_index: index,
                variable_bindings: list(&bindings),
            };
            let message = Message { version: V2C.into(), community: community.into(), data: Response(pdu) };
            prop_assert_eq!(ours, rasn::ber::encode(&message).unwrap());
        }

        #[test]
        fn notifications_are_as_rasn_writes_them(
            community in "[!-~]{1,64}",
            request_id in 0..=i32::MAX,
            uptime: u32,
            inform: bool,
            bindings in prop::collection::vec((names(), values()), 0..20),
        ) {
            let mut notification = Notification::new(uptime).named(&SOME_OID);
            bindings.iter().for_each(|(name, value)| notification.push(name, &value.value()));
            let mut ours = Vec::new();
            let tag = if inform { tag::INFORM } else { tag::TRAP };
            notification.write(Frame::V2c { community: community.as_bytes() }, tag, request_id, &mut ours);
            let mut all = Bindings::default();
            all.push(UPTIME.arcs(), &Value::TimeTicks(uptime));
            all.push(TRAP_OID.arcs(), &Value::Oid(&SOME_OID));
            all.0.extend(list(&bindings));
            let pdu = Pdu { request_id, error_status: 0, error_index: 0, variable_bindings: all.0 };
            let (version, community) = (V2C.into(), community.into_bytes().into());
            let theirs = match inform {
                true => rasn::ber::encode(&Message { version, community, data: InformRequest(pdu) }),
                false => rasn::ber::encode(&Message { version, community, data: Trap(pdu) }),
            };
            prop_assert_eq!(ours, theirs.unwrap());
        }

        #[test]
        fn requests_are_read_as_rasn_wrote_them(
            kind in 0usize..4,
            community in prop::collection::vec(any::<u8>(), 0..200),
            request_id: i32,
            first in 0u32..i32::MAX as u32,
            second in 0u32..i32::MAX as u32,
            bindings in prop::collection::vec((names(), values()), 0..20),
        ) {
            let pdu = Pdu { request_id, error_status: first, error_index: second, variable_bindings: list(&bindings) };
            let (version, community) = (V2C.into(), rasn::types::OctetString::from(community));
            let octets = match kind {
                0 => rasn::ber::encode(&Message { version, community: community.clone(), data: GetRequest(pdu) }),
                1 => rasn::ber::encode(&Message { version, community: community.clone(), data: GetNextRequest(pdu) }),
                2 => rasn::ber::encode(&Message { version, community: community.clone(), data: SetRequest(pdu) }),
                _ => rasn::ber::encode(&Message {
                    version,
                    community: community.clone(),
                    data: GetBulkRequest(BulkPdu {
                        request_id,
                        non_repeaters: first,
                        max_repetitions: second,
                        variable_bindings: pdu.variable_bindings,
                    }),
                }),
            }.unwrap();
            let envelope = Envelope::decode(&octets).unwrap();
            prop_assert_eq!(envelope.version, 1);
            prop_assert_eq!(envelope.community, &community[..]);
            prop_assert_eq!(envelope.pdu_tag, [tag::GET, tag::GET_NEXT, tag::SET, tag::GET_BULK][kind]);
            let ours = ber::Pdu::decode(envelope.pdu).unwrap();
            prop_assert_eq!((ours.request_id, ours.status, ours.index), (request_id, first as i32, second as i32));
            let read: Vec<_> = ours.bindings().map(Result::unwrap).collect();
            prop_assert_eq!(read.len(), bindings.len());
            for (binding, (name, value)) in read.iter().zip(&bindings) {
                let mut arcs = Vec::new();
                oid::decode(binding.name, &mut arcs).unwrap();
                prop_assert_eq!(&arcs, name);
                let mut octets = Vec::new();
                ber::push_value(&value.value(), &mut octets);
                prop_assert_eq!(binding.value_tag, octets[0]);
                prop_assert!(octets.ends_with(binding.value));
            }
        }

        /// Cut, changed and random messages are refused or read, and never panic.
        #[test]
        fn any_octets_are_survived(
            cut in 0usize..80,
            change: Option<(prop::sample::Index, u8)>,
            random in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut bindings = Bindings::default();
            bindings.push(SOME_OID.arcs(), &Value::Integer(-1));
            let mut octets = encode_trap(b"public", 7, bindings).unwrap();
            octets.truncate(octets.len().saturating_sub(cut));
            if let Some((at, octet)) = change && !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
            for octets in [&octets, &random] {
                if let Ok(envelope) = Envelope::decode(octets) && let Ok(pdu) = ber::Pdu::decode(envelope.pdu) {
                    let _ = pdu.bindings().count();
                }
            }
        }
    }
}
