"""Zabbix 6.0 takes the kit as it is: each device is a host there, with inventory and values, asked by
v2c or SNMPv3; it sees one die and return."""

import contextlib
import itertools
import json
import os
import subprocess
import threading

from support import Bridge, Broker, Case, Demo, wait_until
from support.fleet import adapter
from support.users import passwords, user
from support.zabbix import Zabbix

SENSORS = [f"sensor-{number:02}" for number in range(1, 11)]
GATEWAY = "hall-gw"
CHILDREN = ["hall-gw:th-01", "hall-gw:th-02"]
METER = "meter-01"
DEVICES = [*SENSORS, GATEWAY, *CHILDREN, METER]

# Silence makes a value stale after a few seconds.
POINTS = """\
[[point]]
name = "flow"
from = "/flow"
type = "decimal"
unit = "m³/h"

[[point]]
name = "leak"
from = "/leak"
type = "decimal"

[[point]]
name = "mode"
from = "/mode"
type = "text"

[[point]]
name = "beat"
from = "/beat"
type = "counter"

[identity]
model = "/model"
site = "/site"
"""

# The macros of the templates, for a test.
FAST = {"{$FB.STATE}": "1s", "{$FB.EVERY}": "2s", "{$FB.SELDOM}": "3s", "{$FB.DISCOVERY}": "5s"}

# Each device at an address of its own, which is an engine of its own.
BY_USER = f"""\
[snmp.devices]
pools = ["127.66.0.0/24"]

{user("anna", "sha-256", "aes-128")}"""
PASS_PHRASES = {"SNMP_AUTH_PASSPHRASE": "authpassword", "SNMP_PRIV_PASSPHRASE": "privpassword"}

# A silent host is so after seconds, not after a minute.
HASTY = "Timeout=2\nUnreachablePeriod=4\nUnreachableDelay=2\nUnavailableDelay=3\n"

SILENT, ANSWERS = "0", "1"


class ZabbixTest(Case):
    def test_devices_are_hosts_with_inventory_values_and_state(self):
        self.broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker)])
        self.bridge.profile("meter", POINTS, interval="2s", missed=2)
        self.bridge.start()
        self.announce()
        wait_until(self.all_known, 20, "all devices are known")
        # A silent host keeps a poller of the unreachable waiting for some ten seconds.
        self.zabbix = Zabbix(self, pollers=16, more=HASTY).start()
        self.token = self.zabbix.token()
        self.kit = os.path.join(self.folder, "kit")
        self.apply("--hosts")
        self.hosts_are_the_devices()
        self.hurry()
        self.inventory_fills()
        self.values_come()
        self.rows_are_discovered()
        self.limits_are_told()
        self.a_value_that_is_not_fresh_is_told()
        self.one_dies_and_returns()
        self.a_gateway_takes_its_children_along()
        self.one_is_retired()
        self.the_demo()

    def test_hosts_are_asked_by_snmpv3(self):
        passwords(self)
        self.broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker)], more=BY_USER).start()
        for name in SENSORS[:4]:
            self.broker.retain(f"sensors/{name}/status", "online")
        self.report(SENSORS[:4])
        wait_until(lambda: len(self.bridge.manager.devices()) == 4, 20, "all devices are known")
        self.zabbix = Zabbix(self, pollers=8, more=HASTY).start()
        self.token = self.zabbix.token()
        self.kit = os.path.join(self.folder, "kit")
        done = self.apply("--hosts", user=["--user", "anna"], **PASS_PHRASES)
        self.assertIn("{$SNMP_AUTH_PASSPHRASE}", done)
        for name in os.listdir(self.kit):
            with open(os.path.join(self.kit, name), encoding="utf-8") as file:
                self.assertNotRegex(file.read(), "authpassword|privpassword|public", name)
        macros = self.zabbix.api("usermacro.get", globalmacro=True, search={"macro": "PASSPHRASE"})
        self.assertEqual([(macro["type"], macro.get("value")) for macro in macros], [("1", None)] * 2, "secret ones")
        addresses = set()
        for name in SENSORS[:4]:
            (interface,) = self.host(name)["interfaces"]
            details = interface["details"]
            self.assertEqual((details["version"], details["securityname"], details["securitylevel"], details["contextname"]), ("3", "anna", "2", ""))
            addresses.add(interface["ip"])
        self.assertEqual(len(addresses), 4)
        self.hurry()
        self.all_are_polled()
        self.one_dies_and_returns()
        # Boots of all engines have grown: Zabbix refuses two hosts of one engine whose boots differ, even for a moment.
        self.bridge.stop()
        self.bridge.start()
        self.report(SENSORS[:4])
        self.all_are_polled()
        self.assertNotIn("ngineID", self.zabbix.server.output())
        self.one_that_answers_is_lost()

    def one_that_answers_is_lost(self):
        """With nobody silent it says itself what it is."""
        self.bridge.stop()
        self.bridge.rewrite(lambda boot: boot.replace("[snmp.devices]\n", "[snmp.devices]\nsilent = []\n"))
        self.bridge.start()
        name = SENSORS[2]
        self.broker.retain(f"sensors/{name}/status", "offline")
        wait_until(lambda: self.problems() == {name}, 40, "its death is a problem", every=0.5)
        self.assertEqual(self.availability(name), ANSWERS)
        self.broker.retain(f"sensors/{name}/status", "online")
        wait_until(lambda: not self.problems(), 40, "it is back", every=0.5)

    def all_are_polled(self):
        """Each host has new values."""
        clocks = lambda: {name: int(self.items(name)["temperature"]["lastclock"]) for name in SENSORS[:4]}
        before = clocks()
        later = lambda: all(clock > before[name] for name, clock in clocks().items())
        wait_until(later, 60, "values of all hosts", every=0.5)
        self.assertEqual({self.items(name)["temperature"]["lastvalue"] for name in SENSORS[:4]}, {"21.25"})
        wait_until(lambda: self.availability("fleetbridge") == ANSWERS, 30, "the bridge is asked too", every=0.5)

    def announce(self):
        for at, name in enumerate(SENSORS):
            info = {"serial": f"TH{at:06}", "manufacturer": "Acme", "model": "TH-2", "firmware": "1.4.0", "site": "Lübeck/Hall 1", "location": "Rack 3"}
            self.broker.retain(f"sensors/{name}/info", json.dumps(info))
            self.broker.retain(f"sensors/{name}/status", "online")
        state = {"serial": "GW1", "manufacturer": "Acme", "model": "EG-4", "firmware": "2.1.3", "site": "Hamburg", "cpu": 12.5, "uptime": 86400}
        self.broker.retain(f"gateway/{GATEWAY}/status", "online")
        self.broker.publish(f"gateway/{GATEWAY}/state", json.dumps(state))
        self.measure(flow=2.5, mode="süß", model="Fühler 2", site="Werk {$SNMP_COMMUNITY}")
        self.beat()
        self.report()

    def beat(self):
        """The meter is heard all the while, whatever becomes of its other values."""
        ended = threading.Event()

        def run():
            # Two digits could be taken for an octet of a text.
            for beat in itertools.cycle(range(10, 20)):
                if ended.wait(1):
                    return
                with contextlib.suppress(subprocess.SubprocessError):  # while there is no broker
                    self.measure(beat=beat)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)

    def measure(self, **values):
        self.broker.publish(f"meter/{METER}/telemetry", json.dumps(values))

    def report(self, sensors=SENSORS):
        for name in sensors:
            self.broker.publish(f"sensors/{name}/telemetry", json.dumps({"temperature": 21.25, "humidity": 40.5, "battery": 87, "rssi": -61, "uptime": 7200}))
        for name in CHILDREN if sensors is SENSORS else ():
            topic = "gateway/{}/{}/telemetry".format(*name.split(":"))
            self.broker.publish(topic, json.dumps({"temperature": 19.5, "model": "TH-1", "serial": name}))

    def all_known(self):
        return {row["fbDeviceName"] for row in self.bridge.manager.devices().values()} == set(DEVICES)

    def apply(self, *hosts, templates=True, user=(), **environment):
        """A kit, and its script with it."""
        for arguments in ([], [*hosts]) if templates else ([*hosts],):
            made = self.bridge.cli("nms-kit", "zabbix", "--out", self.kit, *arguments, *user)
            self.assertEqual(made.code, 0, made.text)
        done = self.hand_over(self.zabbix.url, **environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def hand_over(self, url, **environment):
        environment = {**os.environ, "ZABBIX_TOKEN": self.token, **environment}
        script = os.path.join(self.kit, "apply.sh")
        return subprocess.run(["sh", script, url], env=environment, capture_output=True, text=True, timeout=120)

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
        self.assertEqual(self.tags(METER)["site"], "Werk ($SNMP_COMMUNITY)", "no macro of Zabbix")
        # So it hurries before the templates do.
        self.zabbix.api("usermacro.create", hostid=self.host(SENSORS[1])["hostid"], macro="{$FB.SENSORS.KNOWN}", value="^$")

    def tags(self, name):
        return {tag["tag"]: tag["value"] for tag in self.host(name)["tags"]}

    def inventory_fills(self):
        wait_until(lambda: self.host(SENSORS[7])["inventory"]["serialno_a"], 60, "the inventory fills", every=0.5)
        wait_until(lambda: self.host(SENSORS[7])["inventory"]["location"], 60, "the inventory fills", every=0.5)
        inventory = self.host(SENSORS[7])["inventory"]
        expected = {"name": SENSORS[7], "serialno_a": "TH000007", "vendor": "Acme", "model": "TH-2", "os": "1.4.0", "location": "Rack 3", "type": "sensor"}
        self.assertEqual({field: inventory[field] for field in expected}, expected)
        wait_until(lambda: self.host(METER)["inventory"]["model"] == "Fühler 2", 60, "a text that is not of ASCII", every=0.5)

    def items(self, name):
        return {item["name"]: item for item in self.all_items(name)}

    def all_items(self, name):
        wanted = ["name", "key_", "lastvalue", "lastclock", "state", "error", "units"]
        return self.zabbix.api("item.get", hostids=[self.host(name)["hostid"]], output=wanted)

    def values_come(self):
        wait_until(lambda: self.items(SENSORS[0])["temperature"]["lastclock"] != "0", 60, "a value", every=0.5)
        items = self.items(SENSORS[0])
        self.assertEqual((items["temperature"]["lastvalue"], items["temperature"]["units"]), ("21.25", "°C"))
        wait_until(lambda: 10 <= int(self.items(METER)["beat"]["lastvalue"] or 0) < 20, 60, "a counter", every=0.5)
        for name in (SENSORS[0], METER):
            broken = {item["name"]: item["error"] for item in self.items(name).values() if item["state"] != "0"}
            self.assertEqual(broken, {}, name)

    def rows_are_discovered(self):
        """Interfaces of each device, adapters of the bridge; sensors where no template has the points."""
        for name, item, expected in [
            (SENSORS[0], "Interface uplink: state", "1"),
            (SENSORS[1], "temperature: state of the sensor", "1"),
            ("fleetbridge", "Adapter plant: state", "2"),
            ("fleetbridge", "Adapter plant: devices", str(len(DEVICES))),
        ]:
            last = lambda: self.items(name).get(item, {}).get("lastvalue")
            wait_until(lambda: last() == expected, 60, f"{item} of {name}", every=0.5)
        sensors = lambda: [item for item in self.all_items(SENSORS[1]) if item["key_"].startswith("fb[entPhySensorValue.")]
        wait_until(lambda: "21.25" in [item["lastvalue"] for item in sensors()], 60, "a discovered sensor", every=0.5)
        self.assertIn(("temperature", "°C"), [(item["name"], item["units"]) for item in sensors()])

    def a_value_that_is_not_fresh_is_told(self):
        problems = lambda: self.zabbix.api("problem.get", hostids=[self.host(METER)["hostid"]])
        told = lambda: [problem["opdata"] for problem in problems() if problem["name"].startswith("No fresh value: ")]
        # Stale: the device is heard, but not this value. Bad, without a value.
        values = lambda: [self.items(METER)[name]["lastvalue"] for name in ("flow", "mode")]
        seen = lambda: self.measure(flow=2.5, leak="broken", mode="süß") or values() == ["2.5", "süß"]
        wait_until(seen, 60, "values", every=0.5)
        wait_until(lambda: told() == ["flow (stale), leak (bad), mode (stale)"], 60, "values that are not fresh are a problem", every=0.5)
        items = self.items(METER)
        self.assertEqual(items["leak"]["lastclock"], "0", "it never had a value")
        clock = items["flow"]["lastclock"]
        later = lambda: int(self.items(METER)["beat"]["lastclock"]) > int(clock) + 6
        wait_until(later, 30, "another value comes", every=0.5)
        self.assertEqual(self.items(METER)["flow"]["lastclock"], clock, "an old value is not stored as a new one")
        # They become fresh while it is not yet known that the broker is back.
        self.broker.stop()
        wait_until(lambda: self.told("Bridge is deaf") == {"fleetbridge"}, 40, "the broker is lost", every=0.5)
        self.assertEqual(self.told("Adapter plant is not up"), {"fleetbridge"})
        self.assertEqual(self.told("Values are not fresh"), set(), "one cause, one alarm")
        self.broker.start()
        fresh = lambda: self.measure(flow=3.5, leak=0, mode="heiß") or self.told("Bridge is deaf") == set() and told() == []
        wait_until(fresh, 60, "all are fresh", every=0.5)
        self.assertEqual(self.items(METER)["mode"]["lastvalue"], "heiß")

    def availability(self, name):
        return self.items(name)["SNMP availability"]["lastvalue"]

    def problems(self):
        """The hosts that are told as lost."""
        return self.told("Device is lost")

    def told(self, problem):
        """The hosts of which it is told."""
        found = self.zabbix.api("trigger.get", filter={"value": 1, "description": problem}, skipDependent=True, selectHosts=["name"])
        return {host["name"] for trigger in found for host in trigger["hosts"]}

    def limits_are_told(self):
        name = SENSORS[2]
        wait_until(lambda: float(self.items(name)["Battery charge"]["lastvalue"]) == 87, 60, "a battery", every=0.5)
        wait_until(lambda: float(self.items(name)["Uptime"]["lastvalue"]) > 7000, 60, "it runs for long", every=0.5)
        self.assertNotIn(name, self.told("Device has been restarted") | self.told("Battery is low"))
        report = lambda **values: self.broker.publish(f"sensors/{name}/telemetry", json.dumps(values))
        report(battery=12, uptime=5)
        wait_until(lambda: self.told("Battery is low") == {name}, 40, "its battery is low", every=0.5)
        wait_until(lambda: name in self.told("Device has been restarted"), 40, "it has been restarted", every=0.5)
        report(battery=87)
        wait_until(lambda: self.told("Battery is low") == set(), 40, "its battery is charged", every=0.5)

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
        revision = self.revision()
        self.retire(SENSORS[5])
        made = self.bridge.cli("nms-kit", "zabbix", "--out", self.kit, "--hosts", "--since", revision)
        self.assertEqual(made.code, 0, made.text)
        self.assertNotEqual(self.hand_over("http://127.0.0.1:1").returncode, 0, "Zabbix is away")
        self.assertEqual(self.revision(), revision, "so nothing counts as told")
        # Zabbix has the templates, and an import of them takes long.
        for name in ("bridge-template.json", "bridge-host.json", "device-templates.json"):
            os.remove(os.path.join(self.kit, name))
        told = self.apply("--hosts", "--since", self.revision(), templates=False)
        self.assertIn("retired.txt: disabled", told)
        self.assertGreater(self.revision(), revision)
        self.assertEqual(self.host(SENSORS[5])["status"], "1")
        self.assertEqual(self.host(SENSORS[6])["status"], "0")
        # One that nobody told Zabbix of: all hosts mend that.
        self.retire(SENSORS[6])
        self.assertIn("retired.txt: disabled", self.apply("--hosts", templates=False))
        self.assertEqual([self.host(name)["status"] for name in SENSORS[5:8]], ["1", "1", "0"])
        self.assertNotIn("retired", self.apply("--hosts", templates=False), "they are disabled already")

    def revision(self):
        with open(os.path.join(self.kit, "zabbix.revision"), encoding="ascii") as file:
            return file.read().strip()

    def retire(self, name):
        self.broker.retain(f"sensors/{name}/status", "")
        self.broker.retain(f"sensors/{name}/info", "")
        retired = self.bridge.cli("device", "retire", name)
        self.assertEqual(retired.code, 0, retired.text)

    def the_demo(self):
        """Its fleet beside the other one."""
        # Devices that were silent by now would keep the pollers waiting.
        former = [{"hostid": host["hostid"]} for host in self.zabbix.api("host.get", output=["hostid"], filter={"status": 0})]
        self.zabbix.api("host.massupdate", hosts=former, status=1)
        demo = Demo(self)
        self.kit = os.path.join(self.folder, "demo-kit")
        demo.kit("zabbix", self.kit)
        done = self.hand_over(self.zabbix.url)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        hosts = {host["name"] for host in self.zabbix.api("host.get", output=["name"])}
        self.assertLessEqual({"fleetbridge", *demo.names()}, hosts)
        self.hurry()
        # Any, since they come and go.
        clocks = lambda: [self.items(name)["temperature"]["lastclock"] for name in demo.online("json-sensor")]
        wait_until(lambda: any(clock != "0" for clock in clocks()), 60, "a value", every=0.5)
