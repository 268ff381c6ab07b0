"""What managers set of a device by ncclient shows on every face at once, follows roll-backs, and outlives a kill."""

import json
import unittest

from ncclient.operations import RPCError
from support import Bridge, Broker, Case, wait_until
from support.fleet import adapter
from support.netconf import Netconf, config, find, subtree, text

# The site is in the topic, so that a device reports one.
PROFILE = """\
[profile]
name = "meter"
revision = "2026-11-22"
class = "sensor"
manufacturer = "ACME"
model = "M-1"

[[uplink]]
topic = "{site}/{device}/telemetry"
decode = "json"

[[uplink]]
topic = "{site}/{device}/status"
presence = { online = "up", lost = "down" }

[presence]
interval = "5m"
missed = 3

[[point]]
name = "power"
from = "/p"
type = "integer"
unit = "watt"
kind = "gauge"
"""

COLUMNS = {
    "alias": "fbDeviceAlias", "site": "fbDeviceSite", "location": "fbDeviceLocation", "asset-tag": "fbDeviceAssetTag",
    "parent-number": "fbDeviceParent", "admin-state": "fbDeviceAdminState",
}
UNSET = {
    "alias": "", "site": "reported", "location": "", "asset-tag": "", "asset-owner": "", "warranty-until": "",
    "parent-number": None, "admin-state": "in-service",
}
SET = {
    "alias": "the one at the door", "site": "Lübeck/Hall 3", "location": "row 7", "asset-tag": "A-4711", "asset-owner": "works",
    "warranty-until": "2030-12-31", "admin-state": "maintenance",
}
ASSET = "<asset><tag>A-4711</tag><owner>works</owner><warranty-until>2030-12-31</warranty-until></asset>"
FIELDS = (
    "<alias>the one at the door</alias><site>Lübeck/Hall 3</site><location>row 7</location>"
    f"<admin-state>maintenance</admin-state><parent>gateway</parent>{ASSET}"
)
EDIT = f"<device><name>meter-1</name>{FIELDS}</device>"


class FieldsTest(Case):
    def setUp(self):
        super().setUp()
        self.broker = Broker(self)
        self.netconf = Netconf(self)
        mqtt = adapter(self.broker, more='profiles = ["meter"]')
        self.bridge = Bridge(self, mqtt=[mqtt], more=self.netconf.section)
        self.write("bridge/profiles/meter.toml", PROFILE)
        self.bridge.start()
        for name in ("gateway", "meter-1"):
            self.report(name)
            wait_until(lambda name=name: name in self.bridge.manager.devices(), 5, f"{name} is learned")
        devices = self.bridge.manager.devices()
        self.number, self.gateway = devices["meter-1"]["number"], devices["gateway"]["number"]
        self.all_set = {**SET, "parent-number": self.gateway}

    def report(self, device, site="reported", power=7):
        self.broker.publish(f"{site}/{device}/telemetry", json.dumps({"p": power}))

    def status(self, device, word):
        self.broker.publish(f"reported/{device}/status", word)

    def shows(self, fields):
        """On every face, at once."""
        names = [f"{column}.{self.number}" for column in COLUMNS.values()]
        told = dict(zip(COLUMNS, self.bridge.manager.get(*names)))
        admin = "unlocked" if fields["admin-state"] == "in-service" else "locked"
        wanted = {**fields, "parent-number": str(fields["parent-number"] or 0), "admin-state": admin}
        self.assertEqual(told, {name: wanted[name] for name in COLUMNS}, "SNMP")

        (row,) = [row for row in self.bridge.json("report", "inventory") if row["device"] == "meter-1"]
        self.assertEqual({name: row[name] for name in fields}, fields, "the report")
        for report in (("report", "inventory"), ("device", "list")):
            of_site = self.bridge.cli(*report, "--site", fields["site"], "--format", "json")
            self.assertIn("meter-1", [row["device"] for row in json.loads(of_site.out)], report)

        shown = self.bridge.json("device", "show", "meter-1")
        attributes = dict(shown["attributes"])
        of_attributes = [name for name in fields if name not in ("parent-number", "admin-state")]
        self.assertEqual({name: attributes.get(name, "") for name in of_attributes}, {name: fields[name] for name in of_attributes})
        self.assertEqual((shown["parent-number"], shown["admin-state"]), (fields["parent-number"], fields["admin-state"]))

    def test_every_face_shows_what_is_set(self):
        self.shows(UNSET)
        session = self.netconf.connect("operate")
        session.edit_config(target="candidate", config=config(EDIT))
        self.shows(UNSET)
        session.commit()
        self.shows(self.all_set)
        reply = session.get(subtree("meter-1"))
        read = {name: text(reply, f"fleet/device/{name}") for name in ("alias", "site", "location", "parent", "admin-state")}
        self.assertEqual(read, {**{name: SET[name] for name in ("alias", "site", "location", "admin-state")}, "parent": "gateway"})
        self.assertEqual(text(reply, "fleet/device/asset/owner"), "works")
        answer = self.bridge.cli("device", "show", "meter-1")
        self.assertRegex(answer.out, r"parent +gateway\n[\s\S]*admin state +maintenance\n")

        # What the device says shows once nobody says anything else.
        self.report("meter-1", site="elsewhere", power=8)
        power = lambda: self.bridge.manager.points(self.number)["power"]["fbPointValue"]
        wait_until(lambda: power() == "8", 5, "it is heard")
        self.shows(self.all_set)
        less = '<device><name>meter-1</name><site nc:operation="delete"/><parent nc:operation="delete"/></device>'
        session.edit_config(target="candidate", config=config(less))
        session.commit()
        wait_until(lambda: self.bridge.manager.get(f"fbDeviceSite.{self.number}") == "elsewhere", 5, "the device's word")
        self.shows({**SET, "site": "elsewhere", "parent-number": None})
        session.edit_config(target="candidate", config=config('<device nc:operation="delete"><name>meter-1</name></device>'))
        session.commit()
        self.shows({**UNSET, "site": "elsewhere"})

    def test_kill_and_roll_back(self):
        session = self.netconf.connect("operate")
        session.edit_config(target="candidate", config=config(EDIT))
        session.commit()
        self.bridge.kill()
        self.bridge.start()
        self.shows(self.all_set)
        session = self.netconf.connect("operate")
        other = '<device><name>meter-1</name><site>other</site><alias nc:operation="delete"/><admin-state>in-service</admin-state>'
        session.edit_config(target="candidate", config=config(f"{other}<parent>nobody-yet</parent></device>"))
        session.commit(confirmed=True, timeout="600")
        trying = {**SET, "site": "other", "alias": "", "admin-state": "in-service", "parent-number": None}
        self.shows(trying)
        self.assertEqual(self.bridge.json("device", "show", "meter-1")["parent"], "nobody-yet")
        session.close_session()
        wait_until(lambda: self.bridge.manager.get(f"fbDeviceSite.{self.number}") == SET["site"], 5, "its session is over")
        self.shows(self.all_set)
        session = self.netconf.connect("operate")
        session.edit_config(target="candidate", config=config(f"{other}</device>"))
        session.commit(confirmed=True, timeout="600")
        self.bridge.kill()
        self.bridge.start()
        self.shows(self.all_set)

    def test_the_parent_that_is_set_goes(self):
        session = self.netconf.connect("operate")
        session.edit_config(target="candidate", config=config(EDIT))
        session.commit()
        told = lambda: [name for _, name in self.bridge.manager.walk("1.3.6.1.2.1.92.1.3.1.1.9")]
        self.status("gateway", "down")
        presence = lambda: self.bridge.manager.get(f"fbDevicePresence.{self.number}")
        wait_until(lambda: presence() == "unreachable", 5, "what hangs on it is unreachable")
        wait_until(lambda: any("32473.2.0.1" in name for name in told()), 5, "a kill does not undo what was told")
        (row,) = self.bridge.json("report", "missing", "--site", SET["site"])
        self.assertEqual((row["device"], row["location"], row["parent-number"]), ("meter-1", "row 7", self.gateway))
        self.assertEqual(self.bridge.manager.get(f"fbMissingSite.{self.number}"), SET["site"])
        missing = find(session.get(), "fleet/report/missing/device")
        self.assertEqual([leaf.text for leaf in missing], ["gateway", "meter-1"])
        self.bridge.kill()
        self.bridge.start()
        self.assertEqual(presence(), "unreachable", "also after a start")
        self.report("gateway")
        wait_until(lambda: presence() == "online", 5, "it is back")

    def test_a_device_is_not_its_own_parent(self):
        session = self.netconf.connect("operate")
        own = config("<device><name>meter-1</name><parent>meter-1</parent></device>")
        with self.assertRaisesRegex(RPCError, "meter-1 cannot be its own parent"):
            session.edit_config(target="candidate", config=own)


if __name__ == "__main__":
    unittest.main()
