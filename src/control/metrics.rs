//! `/metrics`: the bridge in the text format of Prometheus 0.0.4. Nothing of a single device: its size is constant.

use std::fmt::Write;

use super::{State, view::Target};
use crate::model::{Presence, Time};

pub(super) fn text(state: &State, now: Time) -> String {
    let mut out = Text(String::with_capacity(8192));
    let (fleet, stats) = (&state.fleet, &state.stats);
    out.family("fleetbridge_build_info", "gauge", "The version that runs");
    out.value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    out.one("fleetbridge_uptime_seconds", "gauge", "Since the start", now.since(state.started) / 1000);
    out.one(
        "fleetbridge_problems",
        "gauge",
        "What is wrong with the bridge itself; see status",
        state.all_problems().len() as u64,
    );

    let counts = fleet.counts();
    out.family("fleetbridge_devices", "gauge", "Live devices by presence");
    for presence in Presence::ALL.into_iter().filter(|presence| *presence != Presence::Retired) {
        out.value(&[("presence", presence.as_str())], counts.of(presence).into());
    }
    out.one(
        "fleetbridge_device_numbers_used",
        "gauge",
        "Numbers given so far, of 2097151; never reused",
        counts.numbers_used.into(),
    );
    out.family(
        "fleetbridge_device_addresses",
        "gauge",
        "Addresses and ports that devices can have of their own",
    );
    for room in &state.rooms {
        out.value(&[("kind", room.kind)], room.total.into());
    }
    out.family("fleetbridge_device_addresses_used", "gauge", "Of these, those that are given");
    for room in &state.rooms {
        out.value(&[("kind", room.kind)], room.total.min(counts.numbers_used).into());
    }
    out.one("fleetbridge_events_total", "counter", "Events in the journal", fleet.journal().last());

    let adapters = fleet.adapters().all();
    out.family("fleetbridge_adapter_up", "gauge", "1 if the bridge hears through this adapter");
    for adapter in &adapters {
        let up = adapter.state() == crate::fleet::AdapterState::Up;
        out.value(&[("adapter", &adapter.name), ("kind", adapter.kind)], up.into());
    }
    out.family("fleetbridge_adapter_messages_total", "counter", "Messages taken from this adapter");
    for adapter in &adapters {
        out.value(&[("adapter", &adapter.name)], adapter.messages.value());
    }
    out.family("fleetbridge_adapter_errors_total", "counter", "Errors of this adapter");
    for adapter in &adapters {
        out.value(&[("adapter", &adapter.name)], adapter.errors.value());
    }
    out.family("fleetbridge_adapter_devices", "gauge", "Live devices heard through this adapter");
    for adapter in &adapters {
        out.value(&[("adapter", &adapter.name)], adapter.device_count().into());
    }

    let targets = (state.targets)();
    type Read = fn(&Target) -> u64;
    let columns: [(&str, &str, &str, Read); 4] = [
        ("told_total", "counter", "Traps sent and informs acknowledged", |one| one.told),
        ("withheld_total", "counter", "Notifications counted in a summary instead", |one| one.withheld),
        ("failed_total", "counter", "Notifications given up after all tries", |one| one.failed),
        ("behind", "gauge", "Events that the target has not been told yet", |one| one.behind),
    ];
    for (name, kind, help, value) in columns {
        out.family(&format!("fleetbridge_notifications_{name}"), kind, help);
        for target in &targets {
            out.value(&[("target", &target.target)], value(target));
        }
    }

    let south = &stats.southbound;
    let snmp = &stats.snmp;
    let broker = &stats.broker;
    let store = &stats.store;
    for (name, help, counter) in [
        ("messages_total", "Messages taken from all adapters", &south.messages),
        ("observations_total", "Facts absorbed into the fleet", &south.observations),
        ("downlinks_total", "Writes and reads of settings sent to devices", &south.downlinks),
        ("unknown_messages_total", "Messages that nobody understood or a limit refused", &south.unknown),
        ("broker_connections_total", "Clients that came to the embedded broker", &broker.connected),
        ("broker_disconnections_total", "Of these, those that are gone", &broker.disconnected),
        ("broker_broken_total", "Of these, those that ended without a goodbye", &broker.broken),
        ("broker_published_total", "Publications that the embedded broker took", &broker.published),
        (
            "broker_refused_publications_total",
            "Publications to topics that their user may not write",
            &broker.refused_publications,
        ),
        (
            "broker_refused_subscriptions_total",
            "Subscriptions to topics that their user may not read",
            &broker.refused_subscriptions,
        ),
        ("broker_refused_logins_total", "Log-ins that were refused", &broker.refused_logins),
        (
            "broker_overruns_total",
            "Publications that found no room for so long that they were dropped",
            &broker.overruns,
        ),
        (
            "broker_unretained_total",
            "Retained publications that were passed on and not kept, for want of room",
            &broker.unretained,
        ),
        ("snmp_in_packets_total", "snmpInPkts", &snmp.in_pkts),
        ("snmp_out_packets_total", "snmpOutPkts", &snmp.out_pkts),
        ("snmp_in_bad_versions_total", "snmpInBadVersions", &snmp.in_bad_versions),
        ("snmp_in_bad_community_names_total", "snmpInBadCommunityNames", &snmp.in_bad_community_names),
        ("snmp_in_bad_community_uses_total", "snmpInBadCommunityUses", &snmp.in_bad_community_uses),
        ("snmp_in_asn_parse_errors_total", "snmpInASNParseErrs", &snmp.in_asn_parse_errs),
        ("snmp_silent_drops_total", "snmpSilentDrops", &snmp.silent_drops),
        ("snmp_in_requested_variables_total", "snmpInTotalReqVars", &snmp.in_total_req_vars),
        ("snmp_in_get_requests_total", "snmpInGetRequests", &snmp.in_get_requests),
        ("snmp_in_get_nexts_total", "snmpInGetNexts", &snmp.in_get_nexts),
        ("snmp_in_get_bulks_total", "GetBulkRequest PDUs", &snmp.in_get_bulks),
        ("snmp_in_set_requests_total", "snmpInSetRequests", &snmp.in_set_requests),
        ("snmp_out_too_bigs_total", "snmpOutTooBigs", &snmp.out_too_bigs),
        ("snmp_out_gen_errors_total", "snmpOutGenErrs", &snmp.out_gen_errs),
        ("snmp_out_get_responses_total", "snmpOutGetResponses", &snmp.out_get_responses),
        ("snmp_out_traps_total", "snmpOutTraps", &snmp.out_traps),
        (
            "snmp_source_refused_total",
            "Messages from sources outside a community's filter",
            &snmp.source_refused,
        ),
        ("snmp_unknown_addresses_total", "Messages to an address of nobody", &snmp.unknown_addresses),
        ("snmp_unknown_contexts_total", "Messages for a device that there is not", &snmp.unknown_contexts),
        ("snmp_silent_devices_total", "Messages for a device that is not heard", &snmp.silent_devices),
        ("snmp_trap_errors_total", "Notifications that could not be sent", &snmp.trap_errors),
        ("store_rows_written_total", "Rows written to SQLite", &store.rows_written),
        ("store_flushes_total", "Batches written to SQLite", &store.flushes),
        ("store_errors_total", "Batches that SQLite refused", &store.errors),
    ] {
        out.one(&format!("fleetbridge_{name}"), "counter", help, counter.value());
    }
    out.0
}

struct Text(String);

impl Text {
    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.value(&[], value);
    }

    /// Begins a family; the values that follow are its.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn value(&mut self, labels: &[(&str, &str)], value: u64) {
        let name = self.family_name().to_owned();
        self.0.push_str(&name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn family_name(&self) -> &str {
        let line = self.0.rsplit("# TYPE ").next().unwrap_or_default();
        line.split(' ').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn labels_are_escaped() {
        let mut out = Text(String::new());
        out.family("a", "gauge", "A");
        out.value(&[("x", "1\"2\\"), ("y", "z")], 3);
        out.one("b_total", "counter", "B", 4);
        assert_eq!(
            out.0,
            "# HELP a A\n# TYPE a gauge\na{x=\"1\\\"2\\\\\",y=\"z\"} 3\n# HELP b_total B\n# TYPE b_total counter\nb_total 4\n"
        );
    }
}
