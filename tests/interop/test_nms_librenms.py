"""The kit for LibreNMS, which Debian does not have: its definitions as its schemas want them, its MIB files for net-snmp, and its
script with an lnms that writes down what it is asked."""

import json
import os
import re
import subprocess

import yaml

from support import Bridge, Broker, Case, SUPPORT_MIBS, wait_until
from support.fleet import adapter

LNMS = """\
#!/bin/sh
printf '%s|' "$@" >>"$SAID"; echo >>"$SAID"
case $1 in
list) echo "device:remove  Remove a device" ;;
tinker) cat "$SITES" >>"$SAID" ;;
device:add) case "$*" in *known) exit 2 ;; esac ;;
esac
"""

# Of discovery_schema.json: what an entry may hold.
SENSOR = {"oid", "value", "num_oid", "index", "descr", "divisor", "skip_values", "skip_value_gt", "rrd_type", "state_name", "states"}
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
        folder = os.path.join(self.folder, "kit", "mibs", "fleetbridge")
        command = ["snmptranslate", "-On", "-M", f"{folder}:{SUPPORT_MIBS}", "-m", "FLEETBRIDGE-MIB", f"FLEETBRIDGE-MIB::{name}"]
        done = subprocess.run(command, env=self.bridge.manager.environment, capture_output=True, timeout=20, check=True)
        return done.stdout.decode().strip()

    def sensors(self, **sites):
        """Heard, each with its site."""
        for name, site in sites.items():
            self.broker.publish(f"sensors/{name}/info", json.dumps({"site": site}))
            self.broker.publish(f"sensors/{name}/telemetry", '{"temperature": 21.5}')
        wait_until(lambda: self.bridge.manager.get("fbFleetOnline.0") == str(len(sites)), 5, "they are online")

    def run_script(self):
        """The exit code, and what lnms was asked."""
        said = os.path.join(self.folder, "said")
        lnms = self.write("lnms", LNMS)
        os.chmod(lnms, 0o755)
        open(said, "w", encoding="utf-8").close()
        script = self.read("fleetbridge-hosts.sh").encode()
        environment = {**os.environ, "LNMS": lnms, "SAID": said, "POLLER_GROUP": "3"}
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
        self.assertIn("127.78.0.1\tIt's <\"Lübeck\"> $HOME", said, "the group of its site")

        with open(os.path.join(self.folder, "kit", "librenms.revision"), encoding="ascii") as file:
            since = file.read().strip()
        self.assertEqual(self.bridge.cli("device", "retire", "two").code, 0)
        self.kit("--hosts", "--since", since)
        self.assertIn("device:remove|--|127.78.0.2|", self.run_script()[1])

    def test_hosts_without_addresses_go_by_name(self):
        self.start()
        self.sensors(one="A", known="A")
        self.kit("--hosts")
        code, said = self.run_script()
        self.assertEqual(code, 0, "one that is there already is no failure")
        added = [line.split("|") for line in said if line.startswith("device:add|")]
        self.assertEqual([line[-2] for line in added][1:], ["one", "known"])
        self.assertIn("--community=public@one", added[1])
        self.assertIn("known\tA", said)
