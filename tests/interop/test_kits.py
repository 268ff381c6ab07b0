"""NMS kits: what is common to all tools, and Telegraf's files, whose every object net-snmp gets as they say."""

import contextlib
import csv
import json
import os
import re
import sqlite3
import stat
import subprocess
import time
import tomllib

from support import Bridge, Broker, Case, Manager, wait_until
from support.fleet import POINTS, adapter, telemetry
from support.netconf import FB

IDENTITY = """
[identity]
serial = "/sn"
site = "/site"
"""

POOL = '[snmp.devices]\npools = ["127.1.0.0/16"]\n'


class KitTest(Case):
    def fleet(self, devices=3, more=""):
        """A bridge that has heard all points of so many devices."""
        self.broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["th"]')], more=more)
        bridge.profile("th", POINTS + IDENTITY)
        bridge.start()
        for n in range(devices):
            self.broker.publish(f"th/dev-{n}/telemetry", telemetry(n=n, sn=f"SN-{n}"))
        wait_until(lambda: bridge.manager.get("fbFleetOnline.0") == str(devices), 10, f"{devices} devices")
        return bridge

    def kit(self, bridge, *arguments):
        answer = bridge.cli("nms-kit", "telegraf", *arguments)
        self.assertEqual(answer.code, 0, answer.text)
        return answer

    def inputs(self, text):
        return tomllib.loads(text).get("inputs", {}).get("snmp", [])

    def asked(self, entry):
        """What the fields of an input are, by name: numbers with their decimals, texts as they come."""
        address, port = re.fullmatch(r"udp://\[?(.*?)\]?:(\d+)", entry["agents"][0]).groups()
        manager = Manager(self, int(port), address=address, community=entry["community"])
        fields = entry["field"]
        answer = manager.run("snmpget", *(field["oid"] for field in fields), options=["-OQUvet"], mibs=False)
        self.assertEqual(answer.code, 0, answer.text)
        self.assertNotIn("No Such", answer.text)
        values = {}
        for field, value in zip(fields, answer.lines(), strict=True):
            convert = {"float": float, "int": int}.get(field.get("conversion"), str)
            values[field["name"]] = convert(value.strip('"'))
        return values, manager


class TelegrafTest(KitTest):
    def test_devices_by_community(self):
        bridge = self.fleet()
        answer = self.kit(bridge, "--hosts")
        self.assertRegex(answer.error, r"^3 hosts; revision (\d+); next time: --since \1\n$")
        entries = self.inputs(answer.out)
        self.assertEqual([entry["community"] for entry in entries], [f"public@dev-{n}" for n in range(3)])
        for n, entry in enumerate(entries):
            values, _ = self.asked(entry)
            self.assertEqual(values["device"], f"dev-{n}")
            self.assertEqual(values["presence"], "2", "online")
            points = [values[name] for name in ("temperature", "door", "rssi", "passes", "mode", "humidity")]
            self.assertEqual(points, [21.5, "1", -67, str(n), "heating", 48.25])
            self.assertEqual(values["temperature_quality"], "1", "good")
            self.assertEqual(entry["tags"]["profile"], "th")

    def test_devices_by_address(self):
        bridge = self.fleet(more=POOL)
        entries = self.inputs(self.kit(bridge, "--hosts").out)
        self.assertEqual([entry["agents"] for entry in entries], [[f"udp://127.1.0.{n}:{bridge.port}"] for n in (1, 2, 3)])
        self.assertEqual([self.asked(entry)[0]["device"] for entry in entries], ["dev-0", "dev-1", "dev-2"])

    def test_values_of_any_size_and_of_no_worth(self):
        bridge = self.fleet(1)
        self.broker.publish("th/dev-0/telemetry", telemetry(t=400000000.5, rssi=-(2**40), h="broken"))
        wait_until(lambda: bridge.manager.get("fbPointQuality.1.6") == "bad", 5, "it is heard")
        [entry] = self.inputs(self.kit(bridge, "--hosts").out)
        # Telegraf passes over what there is none of.
        entry["field"] = [field for field in entry["field"] if field["name"] != "humidity"]
        values, _ = self.asked(entry)
        self.assertEqual((values["temperature"], values["rssi"]), (400000000.5, -(2**40)))
        self.assertEqual((values["temperature_quality"], values["humidity_quality"]), ("1", "3"))

    def test_texts_are_no_variables(self):
        """Telegraf puts its environment in before it reads TOML."""
        bridge = self.fleet(1)
        site = "${HOME} $HOME ${X:?die}"
        self.broker.publish("th/dev-0/telemetry", telemetry(site=site))
        wait_until(lambda: site in self.kit(bridge, "--hosts").out.replace("\\u0024", "$"), 5, "the site")
        text = self.kit(bridge, "--hosts").out
        self.assertNotIn("$", text)
        self.assertEqual(self.inputs(text)[0]["tags"]["site"], site)

    def test_the_fleet(self):
        bridge = self.fleet()
        [entry] = self.inputs(self.kit(bridge).out)
        values, manager = self.asked(entry)
        self.assertEqual((values["devices"], values["online"]), ("3", "3"))
        adapters = {table["name"]: table for table in entry["table"]}["fleetbridge_adapter"]
        names = [field["oid"] for field in adapters["field"] if field.get("is_tag")]
        self.assertEqual([value for _, value in manager.walk(names[0])], ['STRING: "plant"'])
        for table in entry["table"]:
            for field in table["field"]:
                self.assertNotIn("No Such Object", manager.run("snmpget", f"{field['oid']}.1", mibs=False).text)


class SinceTest(KitTest):
    def setUp(self):
        self.out = os.path.join(self.folder, "kit")
        self.file = os.path.join(self.out, "fleetbridge-devices.conf")

    def whole(self, bridge):
        """All hosts; returns in the second after, so that what comes now has a later revision."""
        self.kit(bridge, "--hosts", "--out", self.out)
        revision = self.revision()
        wait_until(lambda: int(self.kit(bridge, "--hosts").error.split()[-1]) > revision, 5, "the next second")

    def revision(self):
        with open(os.path.join(self.out, "telegraf.revision"), encoding="utf-8") as text:
            return int(text.read())

    def changed(self, bridge):
        """The communities of the hosts that are written after the second of the last run, none if nothing changed."""
        since = str(self.revision() + 1)
        answer = self.kit(bridge, "--hosts", "--out", self.out, "--since", since)
        if answer.out.startswith("nothing changed"):
            return []
        with open(self.file, encoding="utf-8") as text:
            return [entry["community"] for entry in self.inputs(text.read())]

    def test_only_what_changed(self):
        bridge = self.fleet()
        self.whole(bridge)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        everybody = [f"public@dev-{n}" for n in range(3)]
        self.assertEqual(self.changed(bridge), [])

        self.broker.publish("th/dev-1/telemetry", telemetry(t=22.5, sn="SN-1"))
        wait_until(lambda: bridge.manager.get("fbPointInteger.2.1") == "225", 5, "telemetry")
        self.assertEqual(self.changed(bridge), [], "a value is no change")
        self.broker.publish("th/dev-1/telemetry", telemetry(sn="SN-NEW"))
        wait_until(lambda: bridge.manager.get("fbDeviceSerial.2") == "SN-NEW", 5, "the serial number")
        self.assertEqual(self.changed(bridge), everybody)
        self.whole(bridge)
        self.assertEqual(self.changed(bridge), [])

    def test_restarts(self):
        bridge = self.fleet()
        self.whole(bridge)
        bridge.stop()
        bridge.start()
        self.assertEqual(self.changed(bridge), [], "a restart changes nothing")

        self.whole(bridge)
        self.assertEqual(self.changed(bridge), [])
        self.assertEqual(bridge.cli("device", "retire", "dev-0").code, 0)
        bridge.kill()
        bridge.start()
        self.assertEqual(self.changed(bridge), ["public@dev-1", "public@dev-2"], "retired, and killed at once")

        self.whole(bridge)
        bridge.stop()
        bridge.rewrite(lambda boot: POOL + boot)
        bridge.start()
        self.assertEqual(self.changed(bridge), ["public", "public"], "they have addresses now")

    def test_what_a_killed_run_has_left_goes(self):
        bridge = self.fleet(1)
        os.mkdir(self.out)
        left = lambda pid: os.path.join(self.out, f"fleetbridge-devices.conf.{pid}.part")
        ended = subprocess.Popen(["true"])
        ended.wait()
        for pid in (ended.pid, os.getpid()):
            open(left(pid), "w", encoding="ascii").close()
        self.kit(bridge, "--hosts", "--out", self.out)
        expected = ["fleetbridge-devices.conf", os.path.basename(left(os.getpid())), "telegraf.revision"]
        self.assertEqual(sorted(os.listdir(self.out)), sorted(expected), "that of a run which goes on stays")

    def test_a_revision_that_is_none(self):
        bridge = self.fleet(1)
        answer = bridge.cli("nms-kit", "telegraf", "--hosts", "--since", "9999999999")
        self.assertEqual(answer.code, 1)
        self.assertIn("without --since", answer.text)


class ToldTest(KitTest):
    """Tools that are told changes."""

    def setUp(self):
        self.out = os.path.join(self.folder, "kit")

    def hosts(self, bridge, *arguments):
        """{name: whether it is retired} of Cacti's, and the last line that is printed."""
        answer = bridge.cli("nms-kit", "cacti", "--hosts", "--out", self.out, *arguments)
        self.assertEqual(answer.code, 0, answer.text)
        with open(os.path.join(self.out, "hosts.csv"), encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["name"] != "fleetbridge"]
        return {row["name"]: row["retired"] == "yes" for row in rows}, answer.lines()[-1]

    def test_all_of_them_have_the_retired_too(self):
        bridge = self.fleet()
        hosts, said = self.hosts(bridge)
        self.assertEqual(hosts, {"dev-0": False, "dev-1": False, "dev-2": False})
        self.assertTrue(said.startswith("3 hosts; revision "), said)
        files = sorted(name for name in os.listdir(self.out) if "revision" in name)
        self.assertEqual(files, ["cacti.revision.new"], "it counts once Cacti has taken them")
        for name in ("dev-0", "dev-1"):
            self.assertEqual(bridge.cli("device", "retire", name).code, 0)
        expected = {"dev-0": True, "dev-1": True, "dev-2": False}
        hosts, said = self.hosts(bridge)
        self.assertEqual(hosts, expected)
        self.assertTrue(said.startswith("1 host, 2 retired; revision "), said)
        bridge.stop()
        bridge.start()
        self.assertEqual(self.hosts(bridge)[0], expected, "after a restart")

    def test_a_retired_one_of_a_site(self):
        self.broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(self.broker)]).start()
        self.broker.publish("gateway/gw/state", '{"serial":"G1","site":"hall-9"}')
        wait_until(lambda: len(bridge.json("report", "inventory")) == 1, 5, "the gateway")
        self.assertEqual(bridge.cli("device", "retire", "gw").code, 0)
        self.assertEqual(self.hosts(bridge, "--filter", "site=hall-9")[0], {"gw": True})
        bridge.stop()
        bridge.start()
        self.assertEqual(self.hosts(bridge, "--filter", "site=hall-9")[0], {"gw": True}, "after a restart")
        self.assertEqual(self.hosts(bridge, "--filter", "site=hall-8")[0], {})

    def test_a_parent_that_is_none(self):
        self.broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(self.broker)]).start()
        self.broker.publish("gateway/gw/state", '{"serial":"G1"}')
        wait_until(lambda: len(bridge.json("report", "inventory")) == 1, 5, "the gateway")
        self.broker.publish("gateway/gw/c1/telemetry", '{"temperature":4.5}')
        wait_until(lambda: len(bridge.json("report", "inventory")) == 2, 5, "its child")
        self.assertIn("Parent: gw", self.notes(bridge)["gw:c1"])
        revision = lambda: int(self.hosts(bridge)[1].split()[-1])
        since = revision()
        wait_until(lambda: revision() > since, 5, "the next second")
        self.assertEqual(bridge.cli("device", "retire", "gw").code, 0)
        self.assertEqual(self.hosts(bridge, "--since", str(since + 1))[0], {"gw": True, "gw:c1": False}, "the child is told")
        self.assertNotIn("Parent", self.notes(bridge)["gw:c1"])

    def test_a_circle_of_parents_is_told_to_nobody(self):
        """Icinga would take all of it as unreachable."""
        bridge = self.fleet(2)
        hang = lambda name, parent: f"<device><name>{name}</name><parent>{parent}</parent></device>"
        for edit in (hang("dev-0", "dev-1"), hang("dev-1", "dev-0")):
            self.assertNotIn("Parent: dev-0", "".join(self.notes(bridge).values()))
            file = self.write("edit.xml", f'<fleet xmlns="{FB}">{edit}</fleet>')
            self.assertIn("done", bridge.cli("netconf", "edit", file).out)
        self.assertNotIn("Parent", "".join(self.notes(bridge).values()))

    def test_devices_are_asked_by_who_sees_them(self):
        self.broker = Broker(self)
        scoped = '{ name = "plant", access = "read", scope = "name=a" }'
        writes = '{ name = "rw", access = "write", sources = ["127.0.0.1"] }'
        bridge = Bridge(self, mqtt=[adapter(self.broker)], communities=[scoped, writes, '{ name = "ro", access = "read" }'])
        for devices, community, after in (("ab", "ro", (scoped, writes)), ("ab", "rw", (scoped,)), ("a", "plant", (scoped,))):
            bridge.manager = Manager(self, bridge.port, community=community)
            bridge.start()
            for name in "ab":
                self.broker.publish(f"sensors/{name}/telemetry", '{"temperature":4.5}')
            wait_until(lambda: len(bridge.json("report", "inventory")) == 2, 5, "both are there")
            self.assertEqual("".join(sorted(self.hosts(bridge)[0])), devices)
            with open(os.path.join(self.out, "hosts.csv"), encoding="utf-8", newline="") as file:
                asked = {row["community"].split("@")[0] for row in csv.DictReader(file)}
            self.assertEqual(asked, {community})
            bridge.stop()
            bridge.rewrite(lambda boot: re.sub(r"(?m)^communities = .*", f"communities = [{', '.join(after)}]", boot))

    def test_revisions_go_on_behind_those_of_a_clock_that_was_ahead(self):
        bridge = self.fleet(1)
        bridge.stop()
        ahead = int(time.time()) + 300
        with contextlib.closing(sqlite3.connect(os.path.join(bridge.folder, "state.db"))) as state, state:
            written = state.execute("UPDATE meta SET value = ? WHERE key = 'written'", (ahead * 1000,))
            self.assertEqual(written.rowcount, 1)
        bridge.start()
        self.assertGreaterEqual(int(self.hosts(bridge)[1].split()[-1]), ahead)

    def test_zabbix_has_in_each_run_what_a_device_hangs_on(self):
        """Else the import would take the device away from its gateway."""
        self.broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(self.broker)]).start()
        self.broker.publish("gateway/gw/state", '{"serial":"G1"}')
        self.broker.publish("sensors/other/telemetry", '{"temperature":4.5}')
        wait_until(lambda: len(bridge.json("report", "inventory")) == 2, 5, "the gateway")
        self.broker.publish("gateway/gw/c1/telemetry", '{"temperature":4.5}')
        wait_until(lambda: len(bridge.json("report", "inventory")) == 3, 5, "its child")
        expected = {"gw": None, "gw-c1 3": "gw"}
        self.assertEqual(self.parents(bridge, "--filter", "name=gw:c1")[0], expected)
        revision = lambda: self.parents(bridge)[1]
        since = revision()
        wait_until(lambda: revision() > since, 5, "the next second")
        self.broker.publish("gateway/gw/c1/telemetry", '{"temperature":4.5,"serial":"NEW"}')
        changed = lambda: self.parents(bridge, "--since", str(since + 1))[0]
        wait_until(changed, 5, "the child has changed")
        self.assertEqual(changed(), expected)

    def parents(self, bridge, *arguments):
        """What each host hangs on, and the revision."""
        answer = bridge.cli("nms-kit", "zabbix", "--hosts", "--out", self.out, *arguments)
        self.assertEqual(answer.code, 0, answer.text)
        hosts = {}
        with open(os.path.join(self.out, "hosts.txt"), encoding="ascii") as names:
            for name in (line.strip() for line in names if not line.startswith("#")):
                with open(os.path.join(self.out, name), encoding="utf-8") as file:
                    for host in json.load(file)["zabbix_export"]["hosts"]:
                        macros = {macro["macro"]: macro["value"] for macro in host["macros"]}
                        hosts[host["host"]] = macros.get("{$FB.PARENT}")
        return hosts, int(answer.lines()[-1].split()[-1])

    def notes(self, bridge):
        self.hosts(bridge)
        with open(os.path.join(self.out, "hosts.csv"), encoding="utf-8", newline="") as file:
            return {row["name"]: row["notes"] for row in csv.DictReader(file)}

    def test_what_is_left_out_is_said(self):
        """OpenNMS knows devices by their addresses."""
        answer = self.fleet().cli("nms-kit", "opennms", "--hosts", "--out", self.out)
        self.assertEqual(answer.code, 0, answer.text)
        self.assertIn("0 hosts, 3 left out: no address of their own", answer.out)

    def test_devices_that_nobody_could_ask(self):
        self.broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(self.broker)], more="[snmp.devices]\ncommunities = []\n").start()
        answer = bridge.cli("nms-kit", "cacti", "--hosts")
        self.assertEqual(answer.code, 1)
        self.assertIn("neither addresses nor ports nor communities", answer.text)
