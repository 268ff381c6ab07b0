"""Zabbix 6.0 takes the kit as it is: each device is a host there, with inventory and values; it sees one die and return."""

import json
import os
import subprocess

from support import Bridge, Broker, Case, wait_until
from support.fleet import adapter
from support.zabbix import Zabbix

SENSORS = [f"sensor-{number:02}" for number in range(1, 21)]
GATEWAY = "gw-01"
CHILDREN = ["gw-01:th-01", "gw-01:th-02"]
DEVICES = [*SENSORS, GATEWAY, *CHILDREN]

# The macros of the templates, for a test.
FAST = {"{$FB.STATE}": "1s", "{$FB.EVERY}": "2s", "{$FB.SELDOM}": "3s", "{$FB.DISCOVERY}": "5s"}

# A silent host is so after seconds, not after a minute.
HASTY = "Timeout=2\nUnreachablePeriod=4\nUnreachableDelay=2\nUnavailableDelay=3\n"

SILENT, ANSWERS = "0", "1"


class ZabbixTest(Case):
    def test_devices_are_hosts_with_inventory_values_and_state(self):
        self.broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker)]).start()
        self.announce()
        wait_until(self.all_known, 20, "all devices are known")
        self.zabbix = Zabbix(self, more=HASTY).start()
        self.token = self.zabbix.token()
        self.kit = os.path.join(self.folder, "kit")
        self.apply("--hosts")
        self.hosts_are_the_devices()
        self.hurry()
        self.inventory_fills()
        self.values_come()
        self.one_dies_and_returns()
        self.a_gateway_takes_its_children_along()
        self.one_is_retired()

    def announce(self):
        for at, name in enumerate(SENSORS):
            info = {"serial": f"TH{at:06}", "manufacturer": "Acme", "model": "TH-2", "firmware": "1.4.0", "site": "Lübeck/Hall 1", "location": "Rack 3"}
            self.broker.retain(f"sensors/{name}/info", json.dumps(info))
            self.broker.retain(f"sensors/{name}/status", "online")
        state = {"serial": "GW1", "manufacturer": "Acme", "model": "EG-4", "firmware": "2.1.3", "site": "Hamburg", "cpu": 12.5, "uptime": 86400}
        self.broker.retain(f"gateway/{GATEWAY}/status", "online")
        self.broker.publish(f"gateway/{GATEWAY}/state", json.dumps(state))
        self.report()

    def report(self):
        for name in SENSORS:
            self.broker.publish(f"sensors/{name}/telemetry", json.dumps({"temperature": 21.25, "humidity": 40.5, "battery": 87, "rssi": -61, "uptime": 7200}))
        for name in CHILDREN:
            topic = "gateway/{}/{}/telemetry".format(*name.split(":"))
            self.broker.publish(topic, json.dumps({"temperature": 19.5, "model": "TH-1", "serial": name}))

    def all_known(self):
        return {row["fbDeviceName"] for row in self.bridge.manager.devices().values()} == set(DEVICES)

    def apply(self, *hosts):
        """A kit, and its script with it."""
        for arguments in ([], [*hosts]):
            made = self.bridge.cli("nms-kit", "zabbix", "--out", self.kit, *arguments)
            self.assertEqual(made.code, 0, made.text)
        environment = {**os.environ, "ZABBIX_TOKEN": self.token}
        script = os.path.join(self.kit, "apply.sh")
        done = subprocess.run(["sh", script, self.zabbix.url], env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def hurry(self):
        templates = self.zabbix.api("template.get", search={"name": "fleetbridge"}, output=["templateid"])
        macros = self.zabbix.api("usermacro.get", hostids=[template["templateid"] for template in templates])
        faster = [{"hostmacroid": macro["hostmacroid"], "value": FAST[macro["macro"]]} for macro in macros if macro["macro"] in FAST]
        self.assertGreaterEqual(len(faster), 2 * len(FAST))
        self.zabbix.call("usermacro.update", faster)
        self.zabbix.reload()

    def host(self, name):
        wanted = {"selectInventory": "extend", "selectTags": "extend", "selectGroups": ["name"], "selectParentTemplates": ["name"], "selectInterfaces": "extend"}
        hosts = self.zabbix.api("host.get", filter={"name": [name]}, **wanted)
        self.assertEqual(len(hosts), 1, name)
        return hosts[0]

    def hosts_are_the_devices(self):
        hosts = {host["name"] for host in self.zabbix.api("host.get", output=["name"])}
        self.assertEqual(hosts, {"fleetbridge", *DEVICES})
        sensor = self.host(SENSORS[0])
        self.assertEqual([group["name"] for group in sensor["groups"]], ["fleetbridge/Lübeck/Hall 1"])
        tags = {tag["tag"]: tag["value"] for tag in sensor["tags"]}
        self.assertEqual(tags, {"class": "sensor", "profile": "json-sensor", "site": "Lübeck/Hall 1"})
        self.assertEqual([template["name"] for template in sensor["parentTemplates"]], ["fleetbridge device json-sensor"])
        self.assertEqual(self.tags(CHILDREN[0])["parent"], GATEWAY)

    def tags(self, name):
        return {tag["tag"]: tag["value"] for tag in self.host(name)["tags"]}

    def inventory_fills(self):
        wait_until(lambda: self.host(SENSORS[7])["inventory"]["serialno_a"], 60, "the inventory fills", every=0.5)
        wait_until(lambda: self.host(SENSORS[7])["inventory"]["location"], 60, "the inventory fills", every=0.5)
        inventory = self.host(SENSORS[7])["inventory"]
        expected = {"name": SENSORS[7], "serialno_a": "TH000007", "vendor": "Acme", "model": "TH-2", "os": "1.4.0", "location": "Rack 3", "type": "sensor"}
        self.assertEqual({field: inventory[field] for field in expected}, expected)

    def items(self, name):
        items = self.zabbix.api("item.get", hostids=[self.host(name)["hostid"]], output=["name", "key_", "lastvalue", "lastclock", "state", "error", "units"])
        return {item["name"]: item for item in items}

    def values_come(self):
        wait_until(lambda: self.items(SENSORS[0])["temperature"]["lastclock"] != "0", 60, "a value", every=0.5)
        items = self.items(SENSORS[0])
        self.assertEqual((items["temperature"]["lastvalue"], items["temperature"]["units"]), ("21.25", "°C"))
        broken = {item["name"]: item["error"] for item in items.values() if item["state"] != "0"}
        self.assertEqual(broken, {})

    def availability(self, name):
        return self.items(name)["SNMP availability"]["lastvalue"]

    def problems(self):
        """The hosts that are told as lost."""
        found = self.zabbix.api("trigger.get", filter={"value": 1, "description": "Device is lost"}, skipDependent=True, selectHosts=["name"])
        return {host["name"] for trigger in found for host in trigger["hosts"]}

    def one_dies_and_returns(self):
        name = SENSORS[3]
        wait_until(lambda: self.availability(name) == ANSWERS, 60, "the host is available", every=0.5)
        self.assertEqual(self.problems(), set())
        self.broker.retain(f"sensors/{name}/status", "offline")
        wait_until(lambda: self.problems() == {name}, 40, "its death is a problem", every=0.5)
        wait_until(lambda: self.host(name)["interfaces"][0]["available"] == "2", 20, "its interface is shown as gone", every=0.5)
        self.broker.retain(f"sensors/{name}/status", "online")
        wait_until(lambda: not self.problems(), 40, "it is back", every=0.5)
        self.assertEqual(self.availability(name), ANSWERS)

    def a_gateway_takes_its_children_along(self):
        self.broker.retain(f"gateway/{GATEWAY}/status", "offline")
        wait_until(lambda: all(self.availability(name) == SILENT for name in CHILDREN), 40, "its children are silent", every=0.5)
        wait_until(lambda: self.problems() == {GATEWAY}, 40, "only the gateway is told", every=0.5)
        self.broker.retain(f"gateway/{GATEWAY}/status", "online")
        wait_until(lambda: not self.problems(), 40, "all are back", every=0.5)

    def one_is_retired(self):
        with open(os.path.join(self.kit, "zabbix.revision"), encoding="ascii") as file:
            revision = file.read().strip()
        retired = self.bridge.cli("device", "retire", SENSORS[5])
        self.assertEqual(retired.code, 0, retired.text)
        told = self.apply("--hosts", "--since", revision)
        self.assertIn("retired.txt: disabled", told)
        self.assertEqual(self.host(SENSORS[5])["status"], "1")
        self.assertEqual(self.host(SENSORS[6])["status"], "0")
