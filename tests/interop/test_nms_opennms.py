"""The kit for OpenNMS, which Debian does not have: its files are well-formed, agree with each other and name every device."""

import json
import os
import re
import xml.etree.ElementTree as ElementTree

from support import Bridge, Broker, Case, wait_until
from support.fleet import adapter
from support.standard import numbered

CONFIG = "{http://xmlns.opennms.org/xsd/config/"


class OpennmsTest(Case):
    def setUp(self):
        self.broker = Broker(self)
        pools = '[snmp.devices]\npools = ["127.79.0.0/16", "fd00:79::/64"]\n'
        self.bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["json-sensor"]')], more=pools).start()

    def kit(self, *arguments):
        answer = self.bridge.cli("nms-kit", "opennms", "--out", os.path.join(self.folder, "kit"), *arguments)
        self.assertEqual(answer.code, 0, answer.text)

    def parsed(self, name):
        return ElementTree.parse(os.path.join(self.folder, "kit", name)).getroot()

    def test_each_object_is_there_and_is_what_its_name_says(self):
        self.broker.publish("sensors/one/telemetry", '{"temperature":21.5,"count":3}')
        wait_until(lambda: len(self.bridge.manager.devices()) == 1, 5, "the device")
        self.kit()
        space = CONFIG + "datacollection}"
        collection = self.parsed("etc/datacollection/fleetbridge.xml")
        groups = {group.get("name"): group for group in collection.iter(f"{space}group")}
        asked = 0
        for system in collection.iter(f"{space}systemDef"):
            self.bridge.manager.credentials = ["-c", "public" if system.get("name") == "fleetbridge" else "public@one"]
            for name in (group.text for group in system.iter(f"{space}includeGroup")):
                # Without "all" OpenNMS asks no table that is not of interfaces.
                self.assertEqual(groups[name].get("ifType"), "ignore" if groups[name][0].get("instance") == "0" else "all", name)
                for entry in groups[name]:
                    self.assertEqual(entry.get("oid"), numbered(self.bridge.manager, entry.get("alias")))
                    rows = dict(self.bridge.manager.walk(entry.get("oid")))
                    self.assertTrue(rows, f"{entry.get('alias')} has no instance")
                    if entry.get("instance") == "0":
                        self.assertEqual(list(rows), [entry.get("oid") + ".0"])
                    kinds = {value.split(":")[0] for value in rows.values()}
                    counts = {kind for kind in kinds if kind.startswith("Counter")}
                    self.assertEqual(bool(counts), entry.get("type") == "counter", f"{entry.get('alias')}: {kinds}")
                    asked += 1
        self.assertGreater(asked, 30)

    def test_collection_and_graphs(self):
        self.kit()
        collection = self.parsed("etc/datacollection/fleetbridge.xml")
        space = CONFIG + "datacollection}"
        self.assertEqual(collection.tag, f"{space}datacollection-group")
        types = {kind.get("name") for kind in collection.iter(f"{space}resourceType")}
        groups = {group.get("name"): list(group) for group in collection.iter(f"{space}group")}
        collected = {}
        for objects in groups.values():
            for entry in objects:
                self.assertRegex(entry.get("oid"), r"^(\.\d+){9,}$", "an object that is there")
                self.assertIn(entry.get("instance"), types | {"0"})
                self.assertTrue(entry.get("type") == "string" or len(entry.get("alias")) <= 19, "the name of a data source")
                collected[entry.get("alias")] = entry.get("instance")
        for system in collection.iter(f"{space}systemDef"):
            self.assertRegex(system[0].text, r"^\.1\.3\.6\.1\.4\.1\.32473\.1\.(1|[23]\.)$")
            self.assertLessEqual({group.text for group in system.iter(f"{space}includeGroup")}, set(groups))

        with open(os.path.join(self.folder, "kit/etc/snmp-graph.properties.d/fleetbridge-graph.properties"), encoding="utf-8") as file:
            text = re.sub(r"\\\n\s*", "", file.read())
        graphs = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
        for report in graphs["reports"].split(", "):
            of = lambda key: graphs.get(f"report.{report}.{key}", "")
            columns, properties = of("columns").split(", "), [name for name in of("propertiesValues").split(", ") if name]
            where = "0" if of("type") == "nodeSnmp" else of("type")
            self.assertEqual({collected[name] for name in columns + properties}, {where}, report)
            for at, column in enumerate(columns, 1):
                self.assertIn(f"{{rrd{at}}}:{column}:AVERAGE", of("command"))

        self.assertEqual(
            [detector.get("name") for detector in self.parsed("foreign-source.xml").iter(f"{CONFIG}foreign-source}}detector")],
            ["SNMP"],
            "no ping",
        )

    def test_devices(self):
        info = {"site": "Lübeck & <Kiel>", "location": "Hall \"3\"", "serial": "A\u0001B", "model": "TH-2"}
        self.broker.publish("sensors/one/info", json.dumps(info))
        self.broker.publish("sensors/two/info", "{}")
        wait_until(lambda: len(self.bridge.manager.devices()) == 2, 5, "two devices")
        self.kit()
        self.kit("--hosts")
        space = CONFIG + "model-import}"
        nodes = {node.get("foreign-id"): node for node in self.parsed("requisition.xml")}
        self.assertEqual(list(nodes), ["0", "1", "2"])
        one = nodes["1"]
        self.assertEqual((one.get("node-label"), one.get("building")), ("one", "Lübeck & <Kiel>"))
        interfaces = [(face.get("ip-addr"), face.get("snmp-primary"), [service.get("service-name") for service in face]) for face in one.iter(f"{space}interface")]
        self.assertEqual(interfaces, [("127.79.0.1", "P", ["SNMP"]), ("fd00:79::1", "N", ["SNMP"])])
        self.assertEqual({category.get("name") for category in one.iter(f"{space}category")}, {"fleetbridge", "Lübeck & <Kiel>", "sensor"})
        assets = {asset.get("name"): asset.get("value") for asset in one.iter(f"{space}asset")}
        self.assertEqual((assets["modelNumber"], assets["room"]), ("TH-2", "Hall \"3\""))

        (definition,) = self.parsed("etc/snmp-config.xml")
        self.assertEqual((definition.get("read-community"), definition.get("port")), ("public", str(self.bridge.port)))
        space = CONFIG + "snmp}"
        self.assertEqual([specific.text for specific in definition.iter(f"{space}specific")], ["127.0.0.1"])
        pools = [(pool.get("begin"), pool.get("end")) for pool in definition.iter(f"{space}range")]
        self.assertEqual(pools, [("127.79.0.1", "127.79.255.254"), ("fd00:79::1", "fd00:79::1f:ffff")], "also of devices to come")
        self.assertEqual(os.stat(os.path.join(self.folder, "kit/etc/snmp-config.xml")).st_mode & 0o777, 0o600)

        # As a whole, and only if something changed.
        with open(os.path.join(self.folder, "kit", "opennms.revision"), encoding="ascii") as file:
            since = file.read().strip()
        self.assertEqual(self.bridge.cli("device", "retire", "two").code, 0)
        self.kit("--hosts", "--since", since)
        self.assertEqual([node.get("node-label") for node in self.parsed("requisition.xml")], ["fleetbridge", "one"])
