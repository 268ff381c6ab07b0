//! Zabbix 6.0: imports of templates and hosts, and a script that hands them to the API.

mod bridge;
mod dashboard;
mod device;
mod export;
mod hosts;
mod profile;
mod script;

use serde_json::json;

use self::export::{TEMPLATE_GROUP, group};
use super::{Facts, File, Host};

const APPLY: &str = include_str!("apply.sh");

/// In the order in which they are imported: triggers of devices stand behind one of the bridge as a host. The front end
/// imports templates and hosts apart.
pub(super) fn templates(facts: &Facts) -> Vec<File> {
    let groups = json!([group(TEMPLATE_GROUP)]);
    let bridge = json!({ "groups": groups, "templates": [bridge::template().into_value()] });
    let host = json!({ "groups": [group(hosts::GROUP)], "hosts": [bridge::host(facts)] });
    let mut templates = vec![device::template(bridge::is_down()).into_value()];
    templates.extend(facts.profiles.iter().map(|profile| profile::template(profile).into_value()));
    let devices = json!({ "groups": groups, "templates": templates });
    vec![
        File::new("bridge-template.json", export::text(bridge)),
        File::secret("bridge-host.json", export::text(host)),
        File::new("device-templates.json", export::text(devices)),
        File::new("apply.sh", APPLY),
    ]
}

pub(super) fn hosts(facts: &Facts, hosts: &mut dyn Iterator<Item = Host>, put: &mut dyn FnMut(File)) {
    hosts::write(facts, hosts, put);
}
