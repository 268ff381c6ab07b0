"""Cacti 1.2 by its kit: from nothing to graphs, a device that dies and returns, one that is retired."""

import json
import os
import shutil

from support import Bridge, Broker, Case, Demo, wait_until
from support.cacti import Cacti
from support.fleet import adapter
from support.users import passwords, user

INFO = {"serial": "A-1", "manufacturer": "ACME", "model": "TH-2", "firmware": "1.4.0", "site": "Lübeck", "location": "Hall 3"}
VALUES = {"temperature": 21.5, "humidity": 48.25, "battery": 87, "rssi": -61}
DEVICES = "SELECT id, description FROM host WHERE external_id LIKE 'fleetbridge:%' AND deleted = ''"


class CactiTest(Case):
    def fleet(self):
        passwords(self)
        self.broker = Broker(self)
        # The whole of 127.0.0.0/8 is local: each device has an address of its own.
        pools = '[snmp.devices]\npools = ["127.77.0.0/16"]\n' + user("anna", "sha-512", "aes-128")
        self.bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["json-sensor"]')], more=pools).start()
        for name in ("hall-1", "hall-2"):
            self.speak(name)
        self.speak("away", status="offline")
        counts = lambda: self.bridge.manager.get("fbFleetOnline.0", "fbFleetLost.0")
        wait_until(lambda: counts() == ["2", "1"], 5, "two sensors are online, one is lost")

    def setUp(self):
        self.cacti = Cacti(self)
        self.assertEqual(self.cacti.query("SELECT id FROM automation_networks"), [], "Cacti scans no network")
        self.kit = os.path.join(self.folder, "kit")

    def speak(self, name, status="online", **info):
        self.broker.retain(f"sensors/{name}/info", json.dumps({**INFO, "serial": name, **info}))
        self.broker.publish(f"sensors/{name}/telemetry", json.dumps(VALUES))
        self.broker.retain(f"sensors/{name}/status", status)

    def nms_kit(self, *arguments):
        answer = self.bridge.cli("nms-kit", "cacti", "--out", self.kit, *arguments)
        self.assertEqual(answer.code, 0, answer.text)

    def import_templates(self):
        self.nms_kit()
        return self.take_templates()

    def take_templates(self):
        shutil.copytree(os.path.join(self.kit, "resource"), os.path.join(self.cacti.base, "resource"), dirs_exist_ok=True)
        shutil.copy(os.path.join(self.kit, "cli", "fleetbridge_hosts.php"), os.path.join(self.cacti.base, "cli"))
        file = os.path.join(self.kit, "fleetbridge_templates.xml")
        return self.cacti.php("cli/import_template.php", f"--filename={file}").out

    def import_hosts(self, *arguments):
        """What the script counts: {added: ...}"""
        self.nms_kit("--hosts", *arguments)
        return self.take_hosts()

    def take_hosts(self):
        with open(os.path.join(self.kit, "hosts.csv"), encoding="utf-8", newline="") as file:
            out = self.cacti.php("cli/fleetbridge_hosts.php", feed=file.read()).out
        counts = {what: int(count) for count, what in (line.split() for line in out.splitlines())}
        return {what: count for what, count in counts.items() if count}

    def revision(self):
        with open(os.path.join(self.kit, "cacti.revision.new"), encoding="ascii") as file:
            return file.read().strip()

    def device(self, name, *columns):
        (row,) = self.cacti.query(f"SELECT {', '.join(columns)} FROM host WHERE description = '{name}' AND deleted = ''")
        return row

    def status(self, device):
        self.cacti.poll(device)
        return self.cacti.query(f"SELECT status FROM host WHERE id = {device}")[0][0]

    def titles(self, device):
        """Of the device's graphs."""
        rows = self.cacti.query(f"""SELECT g.title_cache FROM graph_templates_graph AS g
            JOIN graph_local AS l ON l.id = g.local_graph_id WHERE l.host_id = {device}""")
        return {title for (title,) in rows}

    def test_from_nothing_to_graphs_and_back(self):
        self.fleet()
        cacti = self.cacti
        imported = self.import_templates()
        for piece in ("fleetbridge device [new]", "fleetbridge - Points [new]", "fleetbridge - Point value [new]"):
            self.assertIn(piece, imported)
        self.assertNotRegex(imported, r"\[fail\]|Unmet", "the import is whole")
        self.assertNotIn("[new]", self.import_templates(), "a second import makes nothing new")

        self.assertEqual(self.import_hosts(), {"added": 4})
        self.assertEqual(self.import_hosts(), {"unchanged": 4}, "a second run changes nothing")
        ids = {name: number for number, name in cacti.query(DEVICES)}
        self.assertEqual(set(ids), {"fleetbridge", "hall-1", "hall-2", "away"})
        hall = ids["hall-1"]

        # Inventory: what the bridge says of it, and what the device's own agent answers.
        self.assertEqual(self.status(hall), Cacti.UP)
        self.assertEqual(self.device("hall-1", "hostname", "snmp_version", "availability_method")[1:], ("2", "2"), "by SNMP")
        self.assertEqual(self.device("hall-1", "location", "snmp_sysName", "snmp_sysLocation"), ("Hall 3", "hall-1", "Hall 3"))
        self.assertRegex(self.device("hall-1", "snmp_sysObjectID")[0], r"\.1\.3\.6\.1\.4\.1\.32473\.1\.2\.1$")
        (notes,) = self.device("hall-1", "notes")
        for line in ("Type: json-sensor", "Manufacturer: ACME", "Model: TH-2", "Serial: hall-1", "Firmware: 1.4.0"):
            self.assertIn(line, notes.split("\\n"))
        tree = "SELECT s.name FROM graph_tree_items AS i JOIN graph_tree AS t ON t.id = i.graph_tree_id JOIN sites AS s ON s.id = i.site_id"
        self.assertEqual(cacti.query(f"{tree} WHERE t.name = 'fleetbridge'"), [("Lübeck",)], "a branch for the site")

        sensors = cacti.query(f"""SELECT field_value FROM host_snmp_cache AS c JOIN snmp_query AS q ON q.id = c.snmp_query_id
            WHERE q.name = 'fleetbridge - Sensors' AND c.host_id = {hall} AND c.field_name = 'entPhysicalName'""")
        self.assertLessEqual({("temperature",), ("humidity",)}, set(sensors), "the sensors of ENTITY-SENSOR-MIB by their names")

        # A graph for each number of the device, and its value in the poller's output and in an RRD file.
        titles = self.titles(hall)
        for point in ("temperature", "humidity", "battery", "rssi"):
            self.assertIn(f"hall-1 - {point}", titles)
        self.assertLessEqual({"hall-1 - Silence", "hall-1 - State"}, titles)
        value = cacti.query(f"""SELECT o.output, o.local_data_id FROM poller_output AS o
            JOIN data_local AS l ON l.id = o.local_data_id
            JOIN host_snmp_cache AS c ON c.host_id = l.host_id AND c.snmp_query_id = l.snmp_query_id AND c.snmp_index = l.snmp_index
            WHERE l.host_id = {hall} AND o.rrd_name = 'value' AND c.field_name = 'fbPointName' AND c.field_value = 'temperature'""")
        self.assertEqual(float(value[0][0]), 21.5)
        cacti.php("cli/poller_output_empty.php")
        files = [name for _, _, names in os.walk(os.path.join(cacti.site, "rra")) for name in names]
        self.assertIn(f"hall-1_value_{value[0][1]}.rrd", files)
        self.assertEqual(self.status(ids["fleetbridge"]), Cacti.UP)
        online = cacti.query(f"""SELECT output FROM poller_output AS o JOIN data_local AS l ON l.id = o.local_data_id
            WHERE l.host_id = {ids['fleetbridge']} AND o.rrd_name = 'online'""")
        self.assertEqual(online, [("2",)], "the fleet as a whole")

        # It dies, and Cacti sees it by SNMP alone; it returns.
        self.broker.retain("sensors/hall-1/status", "offline")
        wait_until(lambda: self.status(hall) == Cacti.DOWN, 15, "hall-1 is down")
        wait_until(lambda: self.status(ids["hall-2"]) == Cacti.UP, 15, "hall-2 is up all the while")
        self.speak("hall-1")
        wait_until(lambda: self.status(hall) == Cacti.UP, 15, "hall-1 is up again")

        # One that was away when it was added has its graphs with the next run.
        self.assertNotIn("away - temperature", self.titles(ids["away"]))
        self.speak("away")
        wait_until(lambda: self.status(ids["away"]) == Cacti.UP, 15, "the one that was away is up")
        self.assertEqual(self.import_hosts(), {"unchanged": 4})
        self.assertIn("away - temperature", self.titles(ids["away"]))

        # What changed since: one is elsewhere, one is retired, one is new.
        since = self.revision()
        self.assertEqual(self.import_hosts("--since", since).get("changed"), None, "nothing changed")
        self.speak("hall-1", location="Hall \"4\", it's <new> \U0001F6AA")
        self.speak("hall-3")
        wait_until(lambda: self.bridge.manager.get("fbFleetOnline.0") == "4", 5, "one more sensor")
        self.broker.retain("sensors/hall-2/status", "")
        self.broker.retain("sensors/hall-2/info", "")
        self.assertEqual(self.bridge.cli("device", "retire", "hall-2").code, 0)
        counts = self.import_hosts("--since", since)
        self.assertEqual({what: counts.get(what) for what in ("added", "changed", "removed")}, {"added": 1, "changed": 1, "removed": 1})
        self.assertEqual({name for _, name in cacti.query(DEVICES)}, {"fleetbridge", "hall-1", "hall-3", "away"})
        self.assertEqual(self.device("hall-1", "id", "location"), (hall, "Hall \"4\", it's <new> \ufffd"), "the same device")
        self.assertEqual(self.import_hosts(), {"unchanged": 4}, "and now all is as it should be")
        self.assertEqual(cacti.trouble(), [])

    def test_devices_are_asked_by_snmpv3(self):
        self.fleet()
        self.import_templates()
        self.assertEqual(self.import_hosts(), {"added": 4})
        self.nms_kit("--hosts", "--user", "anna")
        with self.assertRaisesRegex(AssertionError, "SNMP_AUTH_PASSPHRASE and SNMP_PRIV_PASSPHRASE are needed"):
            self.take_hosts()
        self.cacti.environment |= {"SNMP_AUTH_PASSPHRASE": "authpassword", "SNMP_PRIV_PASSPHRASE": "privpassword"}
        self.assertEqual(self.take_hosts(), {"changed": 4}, "they were asked by v2c")
        self.assertEqual(self.take_hosts(), {"unchanged": 4})
        columns = ("id", "snmp_version", "snmp_username", "snmp_auth_protocol", "snmp_priv_protocol", "snmp_community")
        hall, *asked = self.device("hall-1", *columns)
        self.assertEqual(asked, ["3", "anna", "SHA512", "AES128", ""])
        self.assertEqual(self.status(hall), Cacti.UP)
        self.assertEqual(self.device("hall-1", "snmp_sysName"), ("hall-1",))
        outputs = lambda: self.cacti.query(f"""SELECT o.output FROM poller_output AS o JOIN data_local AS l ON l.id = o.local_data_id
            WHERE l.host_id = {hall} AND o.rrd_name = 'value'""")
        self.assertIn(("21.50",), outputs())
        self.assertEqual(self.cacti.trouble(), [])
        self.nms_kit("--hosts")
        self.assertEqual(self.take_hosts(), {"changed": 4}, "by v2c again")
        self.assertEqual(self.device("hall-1", "snmp_version", "snmp_community"), ("2", "public"))

    def test_the_demo(self):
        demo = Demo(self)
        demo.kit("cacti", self.kit)
        self.take_templates()
        names = demo.names()
        self.assertEqual(self.take_hosts(), {"added": len(names) + 1})
        self.assertEqual({name for _, name in self.cacti.query(DEVICES)}, {"fleetbridge", *names})
        name = demo.online("json-sensor")[0]
        self.assertIn(f"{name} - temperature", self.titles(self.device(name, "id")[0]))
