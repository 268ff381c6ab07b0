"""The agent as net-snmp's tools see it: versions, exceptions, walks, communities, engine."""

import socket

from support import Bridge, Broker, Case, Manager, TrapSink, wait_until
from support.fleet import POINTS, adapter, telemetry

OURS = "1.3.6.1.4.1.32473"
UP_TIME = "1.3.6.1.2.1.1.3.0"
BAD_COMMUNITY_NAMES = "1.3.6.1.2.1.11.4.0"
ENGINE_ID, ENGINE_BOOTS, ENGINE_TIME, ENGINE_MAX = (f"1.3.6.1.6.3.10.2.1.{n}.0" for n in (1, 2, 3, 4))


def numbers(oid):
    return [int(part) for part in oid.strip(".").split(".")]


class AgentTest(Case):
    def fleet(self, devices=30, **options):
        """A bridge that knows so many devices, all points known."""
        broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["th"]')], **options)
        bridge.profile("th", POINTS)
        bridge.start()
        for n in range(devices):
            broker.publish(f"th/dev-{n}/telemetry", telemetry(n=n))
        wait_until(lambda: bridge.manager.get("fbFleetOnline.0") == str(devices), 5, f"{devices} devices")
        return bridge

    def other(self, bridge, **options):
        return Manager(self, bridge.port, **options)


class ReadTest(AgentTest):
    def test_versions_agree(self):
        bridge = self.fleet(2)
        one, two = self.other(bridge, version="1"), bridge.manager
        self.assertEqual(one.get("fbDeviceName.1", "fbPointValue.1.1"), two.get("fbDeviceName.1", "fbPointValue.1.1"))
        for manager in (one, two):
            answer = manager.run("snmpgetnext", "fbDeviceName", "fbDeviceName.2", options=["-OQs"])
            self.assertEqual(answer.lines(), ["fbDeviceName.1 = dev-0", "fbDeviceAlias.1 = "], answer.text)
        answer = two.run("snmpbulkget", "sysUpTime", "fbDeviceName", options=["-OQs", "-Cn1", "-Cr3"])
        lines = answer.lines()
        self.assertEqual(len(lines), 4, answer.text)
        self.assertEqual(lines[1:], ["fbDeviceName.1 = dev-0", "fbDeviceName.2 = dev-1", "fbDeviceAlias.1 = "])

    def test_exceptions(self):
        bridge = self.fleet(1)
        two, one = bridge.manager, self.other(bridge, version="1")
        self.assertIn("No Such Object", two.run("snmpget", "1.3.6.1.4.1.99999.1.0").out)
        self.assertIn("No Such Object", two.run("snmpget", f"{OURS}.2.1.2.1.99.1").out, "a column that is none")
        self.assertIn("No Such Object", two.run("snmpget", f"{OURS}.2.1.2.1.1.1").out, "a column that is not accessible")
        self.assertIn("No Such Instance", two.run("snmpget", "fbDeviceName.77").out)
        self.assertIn("No Such Instance", two.run("snmpget", "fbFleetDevices.1").out)
        counter = two.points(1)["passes"]["number"]
        self.assertIn("No Such Instance", two.run("snmpget", f"fbPointInteger.1.{counter}").out, "of another type")
        self.assertIn("No more variables", two.run("snmpgetnext", "1.3.6.1.7").out)
        for name in ("1.3.6.1.4.1.99999.1.0", "fbDeviceName.77", f"fbPointCounter.1.{counter}"):
            answer = one.run("snmpget", "sysUpTime.0", name, options=["-Cf"])
            self.assertIn("noSuchName", answer.text)
            self.assertEqual(answer.code, 2)
        self.assertIn("noSuchName", one.run("snmpgetnext", "1.3.6.1.7").text)

    def test_walks_agree_and_ascend(self):
        bridge = self.fleet(30)
        for root in (OURS, "1.3.6.1"):
            bulk = [oid for oid, _ in bridge.manager.walk(root, options=["-Cr50"])]
            plain = [oid for oid, _ in bridge.manager.walk(root, tool="snmpwalk")]
            self.assertEqual(bulk, plain)
            self.assertGreater(len(bulk), 30 * (22 + 6 * 7))
            descents = [pair for pair in zip(bulk, bulk[1:]) if numbers(pair[0]) >= numbers(pair[1])]
            self.assertEqual(descents, [], "ascending, each once")
            large = [oid for oid, _ in bridge.manager.walk(root, options=["-Cr500"])]
            self.assertEqual(large, plain, "answers cut at the message size")

    def test_version_1_walks_past_counter64(self):
        bridge = self.fleet(5)
        two = bridge.manager.walk("1.3.6.1", tool="snmpwalk")
        one = self.other(bridge, version="1").walk("1.3.6.1", tool="snmpwalk")
        wide = [oid for oid, value in two if value.startswith("Counter64")]
        self.assertGreaterEqual(len(wide), 5 + 3 + 2, "counters of points, fleet and adapter")
        self.assertFalse([value for _, value in one if value.startswith("Counter64")])
        self.assertEqual([oid for oid, _ in one], [oid for oid, _ in two if oid not in wide])

    def test_set_is_refused(self):
        bridge = self.fleet(1)
        before = bridge.manager.table("fbDeviceTable")["1"]["fbDeviceAlias"]
        for version, word in (("2c", r"notWritable|noAccess"), ("1", r"noSuchName|readOnly")):
            for name, kind, value in (("fbDeviceAlias.1", "s", "x"), ("fbFleetDevices.0", "u", "5"), ("sysName.0", "s", "x")):
                answer = self.other(bridge, version=version).run("snmpset", name, kind, value)
                self.assertNotEqual(answer.code, 0)
                self.assertRegex(answer.text, word, f"{version} {name}")
        self.assertEqual(bridge.manager.table("fbDeviceTable")["1"]["fbDeviceAlias"], before)


class AccessTest(AgentTest):
    def test_wrong_community(self):
        bridge = self.fleet(1)
        before = int(bridge.manager.get(BAD_COMMUNITY_NAMES))
        for version in ("1", "2c"):
            stranger = self.other(bridge, community="guess", version=version, timeout=0.3, retries=0)
            answer = stranger.run("snmpget", UP_TIME)
            self.assertEqual(answer.code, 1)
            self.assertIn("Timeout", answer.text)
        self.assertEqual(int(bridge.manager.get(BAD_COMMUNITY_NAMES)), before + 2)
        self.assertEqual(self.strangers(bridge), [("127.0.0.1", "... of 5 octets", 2)])
        self.assertIn("unknown community ... of 5 octets", bridge.cli("status", "--unknown").out)
        self.assertNotIn("guess", bridge.output(), "it may be a secret that was mistyped")
        self.assertEqual(bridge.output().count("unknown community"), 1, "logged once a minute a source")

    def strangers(self, bridge):
        listed = bridge.json("status", "--unknown")["strangers"]
        return [(stranger["source"], stranger["community"], stranger["count"]) for stranger in listed]

    def test_sources(self):
        communities = [
            '{ name = "near", access = "read" }',
            '{ name = "far", access = "read", sources = ["192.0.2.0/24"] }',
            '{ name = "public", access = "read", sources = ["198.51.100.0/24", "127.0.0.0/8"] }',
        ]
        bridge = self.fleet(1, communities=communities)
        for community, answered in (("near", True), ("public", True), ("far", False)):
            answer = self.other(bridge, community=community, timeout=0.3, retries=0).run("snmpget", UP_TIME)
            self.assertEqual(answer.code == 0, answered, f"{community}: {answer.text}")
        self.assertEqual(self.strangers(bridge), [("127.0.0.1", None, 1)], "a right name is a secret")

    def test_replies_leave_from_the_address_asked(self):
        communities = ['{ name = "public", access = "read", sources = ["127.0.0.0/8"] }']
        bridge = self.fleet(1, communities=communities, listen="0.0.0.0")
        for address in ("127.0.0.2", "127.3.2.1"):
            self.assertIn("dev-0", self.other(bridge, address=address).get("fbDeviceName.1"))
            # The kernel gives a connected socket nothing that comes from elsewhere.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                asker.settimeout(2)
                asker.connect((address, bridge.port))
                asker.send(bytes.fromhex("302602010104067075626c6963a019020101020100020100300e300c06082b060102010103000500"))
                self.assertEqual(asker.recv(1500)[0], 0x30)


class EngineTest(AgentTest):
    def test_engine_and_up_time(self):
        bridge = self.fleet(0)
        first = self._engine(bridge)
        self.assertRegex(first["id"], r"^80 00 7E D9 05( [0-9A-F]{2}){12}$")
        self.assertGreaterEqual(first["boots"], 1)
        self.assertGreaterEqual(first["max"], 484)
        wait_until(lambda: self._engine(bridge)["up"] >= 150, 5, "a second and a half of sysUpTime")
        self.assertEqual(bridge.manager.get("sysObjectID.0"), "FLEETBRIDGE-SMI::fbBridge")

        for again, end in ((1, bridge.stop), (2, bridge.kill)):
            end()
            bridge.start()
            now = self._engine(bridge)
            self.assertEqual((now["id"], now["boots"]), (first["id"], first["boots"] + again))
            self.assertLess(now["up"], 1000, "hundredths of a second since the start")
            self.assertLessEqual(now["time"], 10)

    def test_cold_start_once_then_warm_start(self):
        sink = TrapSink(self)
        bridge = self.fleet(1, traps=[sink.target])
        cold = sink.wait("coldStart")
        self.assertEqual(cold.order[:2], ["sysUpTime", "snmpTrapOID"])
        self.assertFalse(sink.named("warmStart"))
        bridge.stop()
        bridge.start()
        sink.wait("warmStart")
        bridge.kill()
        bridge.start()
        sink.wait("warmStart", count=2)
        self.assertEqual(len(sink.named("coldStart")), 1)

    def test_traps_that_nobody_takes_do_no_harm(self):
        dead = "127.0.0.1:9"
        sink = TrapSink(self)
        bridge = self.fleet(1, traps=[dead, sink.target])
        sink.wait("coldStart")
        self.assertTrue(bridge.manager.answers())

    def _engine(self, bridge):
        engine = bridge.manager.run("snmpget", ENGINE_ID, options=["-OQv", "-Ox"], mibs=False).out
        numbers = bridge.manager.run("snmpget", ENGINE_BOOTS, ENGINE_TIME, ENGINE_MAX, UP_TIME, options=["-OQUvt"], mibs=False)
        boots, time, size, up = map(int, numbers.lines())
        return {"id": " ".join(engine.strip().strip('"').split()), "boots": boots, "time": time, "max": size, "up": up}
