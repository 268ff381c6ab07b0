//! A notification as octets, for each version of SNMP.

use std::net::Ipv4Addr;

use crate::{
    secret::Secret,
    snmp::{
        ber::{self, Envelope, Pdu, tag},
        frame::{Frame, Head},
        mib::snmpv2::{TRAP_ADDRESS, TRAP_OID, TRAPS, UPTIME},
        oid::{self, Prefix},
        syntax::Value,
        usm::Level,
    },
};

/// By which version and identity a target is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    V1 {
        community: Secret,
    },
    V2c {
        community: Secret,
    },
    /// Authenticated at least.
    V3 {
        user: String,
        level: Level,
    },
}

/// What a notification says.
#[derive(Clone, Debug)]
pub struct Notification {
    /// snmpTrapOID.0.
    oid: &'static Prefix,
    /// sysUpTime.0.
    uptime: u32,
    /// The device's own (snmpTrapAddress.0).
    address: Option<Ipv4Addr>,
    /// The bindings behind those two, encoded.
    objects: Vec<u8>,
}

impl Notification {
    pub fn new(uptime: u32) -> Self {
        Notification { oid: &UPTIME, uptime, address: None, objects: Vec::new() }
    }

    /// Its name, once it is known.
    pub fn named(mut self, oid: &'static Prefix) -> Self {
        self.oid = oid;
        self
    }

    pub fn push(&mut self, name: &[u32], value: &Value<'_>) {
        if let (true, Value::IpAddress(address)) = (*name == *TRAP_ADDRESS.arcs(), value) {
            self.address = Some(*address);
        }
        ber::push_binding(&[], |out| oid::encode(name, out), value, &mut self.objects);
    }
}

impl Wire {
    /// As the boot file has it.
    pub fn version(&self) -> &'static str {
        match self {
            Wire::V1 { .. } => "1",
            Wire::V2c { .. } => "2c",
            Wire::V3 { .. } => "3",
        }
    }

    /// The request id of an acknowledgement by v2c (a Response-PDU, RFC 3416 section 4.2.7). `None`: it is none of this
    /// version and identity.
    pub fn acknowledged(&self, message: &[u8]) -> Option<i32> {
        let Wire::V2c { community } = self else { return None };
        let envelope = Envelope::decode(message).ok()?;
        let ours = envelope.version == 1
            && envelope.community == community.expose().as_bytes()
            && envelope.pdu_tag == tag::RESPONSE;
        ours.then(|| Pdu::decode(envelope.pdu).ok()).flatten().map(|pdu| pdu.request_id)
    }
}

impl Notification {
    /// Writes a message with an SNMPv2-Trap-PDU or InformRequest-PDU (RFC 3416 sections 4.2.6 and 4.2.7) to `out`, which is
    /// overwritten.
    pub fn write(&self, frame: Frame<'_>, tag: u8, request_id: i32, out: &mut Vec<u8>) {
        let head = Head { frame, tag, request_id, status: 0, index: 0 };
        out.clear();
        out.resize(head.room(), 0);
        ber::push_binding(UPTIME.octets(), |_| {}, &Value::TimeTicks(self.uptime), out);
        ber::push_binding(TRAP_OID.octets(), |_| {}, &Value::Oid(self.oid), out);
        out.extend_from_slice(&self.objects);
        head.finish(out);
    }

    /// As [`write`](Notification::write) with the Trap-PDU of RFC 1157, made as RFC 3584 section 3.2 says; `bridge` is its
    /// agent-addr where the notification has no address of its own. None of our objects is a Counter64, which v1 lacks.
    pub fn write_v1(&self, community: &[u8], bridge: Ipv4Addr, out: &mut Vec<u8>) {
        out.clear();
        let message = ber::begin(tag::SEQUENCE, out);
        ber::push_value(&Value::Integer(0), out);
        ber::push_octets(tag::OCTETS, community, out);
        let (enterprise, generic, specific) = v1_kind(self.oid.arcs());
        let pdu = ber::begin(tag::TRAP_V1, out);
        let name = ber::begin(tag::OID, out);
        oid::encode(enterprise, out);
        ber::end(name, out);
        ber::push_value(&Value::IpAddress(self.address.unwrap_or(bridge)), out);
        ber::push_value(&Value::Integer(generic), out);
        ber::push_value(&Value::Integer(specific), out);
        ber::push_value(&Value::TimeTicks(self.uptime), out);
        let list = ber::begin(tag::SEQUENCE, out);
        out.extend_from_slice(&self.objects);
        ber::end(list, out);
        ber::end(pdu, out);
        ber::end(message, out);
    }
}

/// enterpriseSpecific of generic-trap.
const SPECIFIC: i32 = 6;

/// enterprise, generic-trap, specific-trap.
fn v1_kind(oid: &[u32]) -> (&[u32], i32, i32) {
    let Some((&last, parent)) = oid.split_last() else { return (oid, SPECIFIC, 0) };
    if *parent == *TRAPS.arcs() && (1..=6).contains(&last) {
        return (parent, last as i32 - 1, 0);
    }
    let enterprise = parent.strip_suffix(&[0]).unwrap_or(parent);
    (enterprise, SPECIFIC, last as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::mib::{
        entity::CONFIG_CHANGE,
        fleetbridge::DEVICE_LOST,
        snmpv2::{COLD_START, WARM_START},
    };

    fn community() -> Secret {
        Secret::new("public".into())
    }

    #[test]
    fn version_1_kinds() {
        let kind = |oid: &Prefix| {
            let (enterprise, generic, specific) = v1_kind(oid.arcs());
            (oid::Dotted(enterprise).to_string(), generic, specific)
        };
        assert_eq!(kind(&COLD_START), ("1.3.6.1.6.3.1.1.5".to_owned(), 0, 0));
        assert_eq!(kind(&WARM_START), ("1.3.6.1.6.3.1.1.5".to_owned(), 1, 0));
        assert_eq!(kind(&DEVICE_LOST.oid), ("1.3.6.1.4.1.32473.2".to_owned(), 6, 1));
        assert_eq!(kind(&CONFIG_CHANGE), ("1.3.6.1.2.1.47.2".to_owned(), 6, 1));
    }

    #[test]
    fn octets_of_a_version_1_trap() {
        let mut notification = Notification::new(7).named(&DEVICE_LOST.oid);
        notification.push(TRAP_ADDRESS.arcs(), &Value::IpAddress([192, 0, 2, 9].into()));
        let mut out = Vec::new();
        notification.write_v1(b"public", [127, 0, 0, 1].into(), &mut out);
        let expected = [
            &[0x30, 60, 2, 1, 0, 4, 6][..],
            b"public",
            // The enterprise is fbMIB: 32473 takes three octets.
            &[0xa4, 47, 6, 9, 0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59],
        ];
        assert_eq!(out[..13 + 10], expected.concat()[..23]);
        let rest = [0x40, 4, 192, 0, 2, 9, 2, 1, 6, 2, 1, 1, 0x43, 1, 7, 0x30];
        assert!(out.windows(rest.len()).any(|window| window == rest), "{out:x?}");
    }

    #[test]
    fn acknowledgements_are_of_the_identity() {
        let wire = Wire::V2c { community: community() };
        let mut out = Vec::new();
        Notification::new(7).write(Frame::V2c { community: b"public" }, tag::INFORM, 77, &mut out);
        assert_eq!(wire.acknowledged(&out), None, "it is no response");
        let at = out.iter().position(|octet| *octet == tag::INFORM).unwrap();
        out[at] = tag::RESPONSE;
        assert_eq!(wire.acknowledged(&out), Some(77));
        assert_eq!(Wire::V2c { community: Secret::new("other".into()) }.acknowledged(&out), None);
        assert_eq!(Wire::V1 { community: community() }.acknowledged(&out), None);
        for len in 0..out.len() {
            assert_eq!(wire.acknowledged(&out[..len]), None);
        }
    }
}
