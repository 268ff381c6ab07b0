"""The kit for LibreNMS, which Debian does not have: its definitions as its schemas want them, its MIB files for net-snmp, and its
script with an lnms that writes down what it is asked."""

import functools
import json
import os
import re
import subprocess

import yaml

from support import Bridge, Broker, Case, wait_until
from support.fleet import adapter
from support.users import passwords, user
from support.standard import numbered

LNMS = """\
#!/bin/sh
printf '%s|' "$@" >>"$SAID"; echo >>"$SAID"
case $1 in
list) echo "device:remove  Remove a device" ;;
tinker) if [ -n "$RETIRED" ]; then grep -v absent "$RETIRED" || true; else cat "$PLACED" >>"$SAID"; fi ;;
device:add) case "$*" in *known) exit 2 ;; esac ;;
esac
"""

# Of discovery_schema.json: what an entry may hold.
SENSOR = {"oid", "value", "num_oid", "index", "descr", "divisor", "skip_values", "skip_value_gt", "rrd_type", "state_name", "states"}
# How LibreNMS is to judge each value: 0 ok, 1 warning, 2 critical, 3 unknown.
JUDGED = {
    # never-seen, online, late, lost, sleeping, unreachable, retired
    "fbSelfPresence": {1: 3, 2: 0, 3: 1, 4: 2, 5: 0, 6: 2, 7: 3},
    # ok, warning, failing, unknown
    "fbSelfHealth": {1: 0, 2: 1, 3: 2, 4: 3},
    # good, stale, bad, missing
    "fbPointQuality": {1: 0, 2: 1, 3: 2, 4: 3},
    # A state of a point is neither good nor bad.
    "fbPointInteger": {0: 0, 1: 0},
    # true, false
    "fbFleetPresenceFrozen": {1: 2, 2: 0},
    # connecting, up, down, disabled
    "fbAdapterState": {1: 2, 2: 0, 3: 2, 4: 2},
}
INDEXED = re.compile(r"^(\.\d+)+\.\{\{ \$index \}\}$")


class LibrenmsTest(Case):
    def kit(self, *arguments):
        answer = self.bridge.cli("nms-kit", "librenms", "--out", os.path.join(self.folder, "kit"), *arguments)
        self.assertEqual(answer.code, 0, answer.text)

    def start(self, more=""):
        self.broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["json-sensor"]')], more=more).start()

    def read(self, name):
        with open(os.path.join(self.folder, "kit", name), encoding="utf-8") as file:
            return file.read()

    def test_definitions(self):
        self.start()
        self.kit()
        folder = os.path.join(self.folder, "kit", "mibs", "fleetbridge")
        self.assertEqual(sorted(os.listdir(folder)), ["FLEETBRIDGE-MIB", "FLEETBRIDGE-SMI"])
        prefixes = {}
        for name in ("fleetbridge", "fleetbridge-device"):
            detection = yaml.safe_load(self.read(f"os_detection/{name}.yaml"))
            self.assertEqual(set(detection), {"os", "text", "type", "mib_dir", "discovery"})
            self.assertEqual(detection["os"], name, "LibreNMS finds the file by it")
            prefixes[name] = detection["discovery"][0]["sysObjectID"]
            discovery = yaml.safe_load(self.read(f"os_discovery/{name}.yaml"))
            self.assertEqual(set(discovery), {"mib", "modules"})
            for kind, sensors in discovery["modules"]["sensors"].items():
                for entry in sensors["data"]:
                    self.assertLessEqual(set(entry), SENSOR, entry)
                    self.assertRegex(entry["num_oid"], INDEXED)
                    self.assertEqual("states" in entry, kind == "state", entry)
                    for state in entry.get("states", []):
                        self.assertEqual({"descr": str, "graph": int, "value": int, "generic": int}, {key: type(value) for key, value in state.items()})
                    for passed in entry.get("skip_values", []):
                        self.assertEqual(set(passed), {"oid", "op", "value"})
                    # The name and the number are of one object.
                    self.assertEqual(entry["num_oid"], self.translated(entry["value"]) + ".{{ $index }}")
        counted = {passed["oid"]: passed for entry in self.points("count", "fbPointValue") for passed in entry["skip_values"]}
        self.assertEqual(counted["fbPointUnit"]["op"], "in_array")
        self.assertLessEqual({"celsius", "percent", "dBm", "hPa"}, set(counted["fbPointUnit"]["value"]), "these are sensors of their own")
        self.assertNotIn("lux", counted["fbPointUnit"]["value"])
        self.assertEqual({entry.get("divisor", 1) for entry in self.points("pressure", "fbPointValue")}, {1, 10})
        # No system is taken for the other.
        self.assertFalse(any(one.startswith(other) for one in prefixes["fleetbridge-device"] for other in prefixes["fleetbridge"]))

    def points(self, kind, value):
        discovery = yaml.safe_load(self.read("os_discovery/fleetbridge-device.yaml"))
        return [entry for entry in discovery["modules"]["sensors"][kind]["data"] if entry["value"] == value]

    def translated(self, name):
        """By the modules of the kit."""
        return numbered(self.bridge.manager, name, os.path.join(self.folder, "kit", "mibs", "fleetbridge"))

    def test_each_object_is_there(self):
        self.start()
        self.broker.publish("sensors/one/info", '{"serial":"A1","model":"TH-2","firmware":"1.4"}')
        self.broker.publish("sensors/one/telemetry", '{"temperature":21.5,"count":3}')
        wait_until(lambda: self.bridge.manager.get("fbFleetOnline.0") == "1", 5, "the device")
        self.kit()
        manager = self.bridge.manager
        for name, community in (("fleetbridge", "public"), ("fleetbridge-device", "public@one")):
            manager.credentials = ["-c", community]
            self.column.cache_clear()
            discovery = yaml.safe_load(self.read(f"os_discovery/{name}.yaml"))
            values = {field: manager.get(self.instance(place)) for field, place in discovery["modules"].get("os", {}).items()}
            if values:
                self.assertEqual(values, {"version": "1.4", "hardware": "TH-2", "serial": "A1"})
            for kind, sensors in discovery["modules"]["sensors"].items():
                for entry in sensors["data"]:
                    self.reads_what_is_there(entry)
                    if kind == "state":
                        judged = {state["value"]: state["generic"] for state in entry["states"]}
                        self.assertEqual(judged, JUDGED[entry["value"]], entry["value"])

    def instance(self, place):
        """MODULE::object.INSTANCE as numbers."""
        name, instance = place.split("::")[1].split(".")
        return f"{self.translated(name)}.{instance}"

    def reads_what_is_there(self, entry):
        walked = self.translated(entry["oid"])
        column = entry["num_oid"].removesuffix(".{{ $index }}")
        self.assertTrue(column.startswith(walked), f"{entry['value']} is of {entry['oid']}")
        rows = self.column(column)
        self.assertTrue(rows, f"{entry['value']} has no instance")
        named = re.findall(r"\$(\w+)", entry["descr"]) + [passed["oid"] for passed in entry.get("skip_values", [])]
        for field in named:
            self.assertTrue(self.translated(field).startswith(walked + "."), f"{field} is of {entry['oid']}")
            self.assertLessEqual(set(rows), set(self.column(self.translated(field))), field)

    @functools.cache
    def column(self, oid):
        """Of the view that is asked."""
        return self.bridge.manager.walk_column(oid)

    def sensors(self, **sites):
        """Heard, each with its site."""
        for name, site in sites.items():
            self.broker.publish(f"sensors/{name}/info", json.dumps({"site": site}))
            self.broker.publish(f"sensors/{name}/telemetry", '{"temperature": 21.5}')
        wait_until(lambda: self.bridge.manager.get("fbFleetOnline.0") == str(len(sites)), 5, "they are online")

    def run_script(self, **more):
        """The exit code, and what lnms was asked."""
        said = os.path.join(self.folder, "said")
        lnms = self.write("lnms", LNMS)
        os.chmod(lnms, 0o755)
        open(said, "w", encoding="utf-8").close()
        script = self.read("fleetbridge-hosts.sh").encode()
        environment = {**os.environ, "LNMS": lnms, "SAID": said, "POLLER_GROUP": "3", **more}
        done = subprocess.run(["sh"], input=script, env=environment, capture_output=True, timeout=20)
        with open(said, encoding="utf-8") as file:
            return done.returncode, [line for line in file.read().splitlines() if "foreach" not in line]

    def test_hosts_with_addresses(self):
        self.start('[snmp.devices]\npools = ["127.78.0.0/16"]\n')
        self.sensors(one="It's <\"Lübeck\"> $HOME", two="")
        self.kit("--hosts")
        self.assertEqual(os.stat(os.path.join(self.folder, "kit", "fleetbridge-hosts.sh")).st_mode & 0o777, 0o600)
        code, said = self.run_script()
        self.assertEqual(code, 0)
        added = [line.split("|") for line in said if line.startswith("device:add|")]
        self.assertEqual([line[-2] for line in added], ["127.0.0.1", "127.78.0.1", "127.78.0.2"])
        self.assertEqual({"--v2c", "--force", "--display-name=one", "--transport=udp", "--community=public", "--group=3"} - set(added[1]), set())
        self.assertIn(f"--port={self.bridge.port}", added[1])
        asked = f"{self.bridge.port}\tudp\tpublic"
        self.assertIn(f"127.78.0.1\tIt's <\"Lübeck\"> $HOME\tfleetbridge\t{asked}", said, "its site, what it hangs on, and how it is asked")

        with open(os.path.join(self.folder, "kit", "librenms.revision.new"), encoding="ascii") as file:
            since = file.read().strip()
        self.assertEqual(self.bridge.cli("device", "retire", "two").code, 0)
        self.kit("--hosts", "--since", since)
        self.assertIn("device:remove|--|127.78.0.2|", self.run_script()[1])
        self.kit("--hosts")
        self.assertIn("device:remove|--|127.78.0.2|", self.run_script()[1], "also with all others")

    def test_hosts_are_asked_by_snmpv3(self):
        passwords(self)
        self.start('[snmp.devices]\npools = ["127.78.0.0/16"]\n' + user("anna", "sha-256", "aes-128") + user("bob", "sha-1", None))
        self.sensors(one="A")
        self.kit("--hosts", "--user", "anna")
        self.assertNotEqual(self.run_script()[0], 0, "without pass phrases")
        code, said = self.run_script(SNMP_AUTH_PASSPHRASE="auth $phrase", SNMP_PRIV_PASSPHRASE="priv'phrase")
        self.assertEqual(code, 0)
        added = [line.split("|") for line in said if line.startswith("device:add|")]
        self.assertEqual([line[-2] for line in added], ["127.0.0.1", "127.78.0.1"])
        asks = {"--v3", "--security-name=anna", "--auth-protocol=sha-256", "--auth-password=auth $phrase"}
        asks |= {"--privacy-protocol=aes", "--privacy-password=priv'phrase"}
        self.assertEqual((asks - set(added[1]), [word for word in added[1] if "community" in word]), (set(), []))
        self.kit("--hosts", "--user", "bob")
        code, said = self.run_script(SNMP_AUTH_PASSPHRASE="phrase")
        self.assertEqual((code, [word for word in said[1].split("|") if "priv" in word]), (0, []))

    def test_hosts_without_addresses_go_by_name(self):
        self.start()
        self.sensors(one="A", known="A", fleetbridge="A")
        self.kit("--hosts")
        code, said = self.run_script()
        self.assertEqual(code, 0, "one that is there already is no failure")
        added = [line.split("|") for line in said if line.startswith("device:add|")]
        self.assertEqual([line[-2] for line in added], ["127.0.0.1", "one", "known", "fleetbridge"], "one of the bridge's name too")
        self.assertIn("--community=public@one", added[1])
        self.assertIn(f"known\tA\tfleetbridge\t{self.bridge.port}\tudp\tpublic@known", said, "its community may have changed")

    def test_gateways_and_what_is_not_there_any_more(self):
        self.broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker)]).start()
        self.broker.publish("gateway/gw/state", '{"serial":"G1"}')
        self.broker.publish("gateway/absent/state", '{"serial":"G2"}')
        wait_until(lambda: len(self.bridge.manager.devices()) == 2, 5, "gateways")
        self.broker.publish("gateway/gw/c1/telemetry", '{"temperature":4.5}')
        wait_until(lambda: len(self.bridge.manager.devices()) == 3, 5, "a child")
        self.assertEqual(self.bridge.cli("device", "retire", "absent").code, 0)
        self.kit("--hosts")
        code, said = self.run_script()
        self.assertEqual(code, 0, "what LibreNMS has not need not be taken out")
        placed = [line.split("\t")[:3] for line in said]
        self.assertIn(["gw:c1", "", "gw"], placed)
        self.assertIn(["gw", "", "fleetbridge"], placed)
        self.assertFalse([line for line in said if line.startswith("device:remove")])
