//! Counters of every part, read by MIBs, `status` and /metrics. Relaxed atomics: each is exact, together they are no
//! snapshot.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub const fn new() -> Self {
        Counter(AtomicU64::new(0))
    }

    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn inc(&self) {
        self.add(1);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// As SNMP's Counter32: modulo 2^32.
    pub fn value32(&self) -> u32 {
        self.value() as u32
    }
}

/// Of the whole process, shared by reference.
#[derive(Debug, Default)]
pub struct Stats {
    pub snmp: Snmp,
    pub southbound: Southbound,
    pub broker: Broker,
    pub store: Store,
    pub netconf: Netconf,
}

/// The snmp group of SNMPv2-MIB (RFC 3418) and what we count beside it.
#[derive(Debug, Default)]
pub struct Snmp {
    pub in_pkts: Counter,
    pub out_pkts: Counter,
    pub in_bad_versions: Counter,
    pub in_bad_community_names: Counter,
    pub in_bad_community_uses: Counter,
    pub in_asn_parse_errs: Counter,
    pub silent_drops: Counter,
    pub proxy_drops: Counter,
    pub in_too_bigs: Counter,
    pub in_total_req_vars: Counter,
    pub in_get_requests: Counter,
    pub in_get_nexts: Counter,
    pub in_get_bulks: Counter,
    pub in_set_requests: Counter,
    pub in_total_set_vars: Counter,
    /// SETs that were dropped because too many wait; their senders try again.
    pub sets_dropped: Counter,
    pub out_too_bigs: Counter,
    pub out_no_such_names: Counter,
    pub out_bad_values: Counter,
    pub out_gen_errs: Counter,
    pub out_get_responses: Counter,
    pub out_traps: Counter,
    /// Messages longer than a request may be; dropped unread.
    pub oversized: Counter,
    /// PDUs that are no request of their version (snmpUnknownPDUHandlers of SNMP-MPD-MIB).
    pub unknown_pdus: Counter,
    /// Messages from sources outside a community's filter; they get no byte.
    pub source_refused: Counter,
    /// Messages to an address that is neither the bridge's nor a device's; dropped unread.
    pub unknown_addresses: Counter,
    /// Messages for a device that there is not (snmpUnknownContexts of SNMP-TARGET-MIB).
    pub unknown_contexts: Counter,
    /// snmpUnknownSecurityModels and snmpInvalidMsgs of SNMP-MPD-MIB.
    pub unknown_models: Counter,
    pub invalid_messages: Counter,
    /// usmStats of SNMP-USER-BASED-SM-MIB.
    pub unsupported_levels: Counter,
    pub not_in_time_windows: Counter,
    pub unknown_users: Counter,
    pub unknown_engines: Counter,
    pub wrong_digests: Counter,
    pub decryption_errors: Counter,
    /// Messages of v3 while the engine's boots cannot be kept, so that v3 is off.
    pub v3_off: Counter,
    /// Reports that were due and not sent, because their source had many already.
    pub reports_withheld: Counter,
    /// Reports sent.
    pub out_reports: Counter,
    /// Messages for a device that is not heard, and so does not answer.
    pub silent_devices: Counter,
    pub trap_errors: Counter,
    /// Replies that the system did not take.
    pub reply_errors: Counter,
}

impl Snmp {
    /// An error status that is sent, as far as RFC 3418 counts it.
    pub fn count_error(&self, status: i32) {
        match status {
            2 => self.out_no_such_names.inc(),
            3 => self.out_bad_values.inc(),
            5 => self.out_gen_errs.inc(),
            _ => {}
        }
    }
}

#[derive(Debug, Default)]
pub struct Southbound {
    /// Messages taken from all adapters.
    pub messages: Counter,
    pub observations: Counter,
    /// Messages to devices: writes and reads of settings.
    pub downlinks: Counter,
    /// Messages that no topic, device or payload rule understood, or that a limit refused.
    pub unknown: Counter,
}

/// The embedded broker.
#[derive(Debug, Default)]
pub struct Broker {
    /// Clients that came in, the bridge's own included.
    pub connected: Counter,
    /// Of these, those that are gone.
    pub disconnected: Counter,
    /// Publications that it took from others than the bridge.
    pub published: Counter,
    /// Publications to topics that their user may not write; the sender is told, except at QoS 0.
    pub refused_publications: Counter,
    pub refused_subscriptions: Counter,
    pub refused_logins: Counter,
    /// Connections that ended without a goodbye: power, network, or a packet over the limit.
    pub broken: Counter,
    /// Publications that found no room on the way to the bridge for so long that they were dropped.
    pub overruns: Counter,
    /// Retained publications that were passed on and not kept, for want of room.
    pub unretained: Counter,
}

#[derive(Debug, Default)]
pub struct Store {
    pub rows_written: Counter,
    pub flushes: Counter,
    pub errors: Counter,
}

/// The statistics of RFC 6022 section 2.1.5.
#[derive(Debug, Default)]
pub struct Netconf {
    /// Of all sessions together.
    pub rpcs: Arc<Rpcs>,
    /// Sessions that were begun.
    pub in_sessions: Counter,
    /// Sessions that ended because of a `<hello>`.
    pub in_bad_hellos: Counter,
    /// Sessions that ended without close-session.
    pub dropped_sessions: Counter,
    /// Connections and log-ins that were refused.
    pub refused: Counter,
}

/// Of one session, or of all.
#[derive(Debug, Default)]
pub struct Rpcs {
    /// Correct requests.
    pub in_rpcs: Counter,
    /// Messages that were no correct request.
    pub in_bad_rpcs: Counter,
    /// Replies with an error.
    pub out_rpc_errors: Counter,
    pub out_notifications: Counter,
}
