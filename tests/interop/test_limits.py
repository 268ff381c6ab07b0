"""What the bridge does not take in: too many new devices, devices that wait for a word, rubbish on its ports."""

import json
import random
import socket

from support import Bridge, Broker, Case, Manager, wait_until
from support.fleet import POINTS, adapter, telemetry

PARSE_ERRORS = "1.3.6.1.2.1.11.6.0"
IN_PACKETS = "1.3.6.1.2.1.11.1.0"
GET = bytes.fromhex("302602010104067075626c6963a019020101020100020100300e300c06082b060102010103000500")


class LimitsTest(Case):
    def bridge(self, mqtt="", **options):
        self.broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["th"]\n' + mqtt)], **options)
        bridge.profile("th", POINTS)
        return bridge.start()

    def reasons(self, bridge):
        return {count["reason"]: count["count"] for count in bridge.json("status", "--unknown")["counts"]}

    def test_new_devices_a_minute(self):
        bridge = self.bridge(more="[limits]\nnew-devices-a-minute = 5\n")
        for n in range(20):
            self.broker.publish(f"th/dev-{n}/telemetry", telemetry())
        wait_until(lambda: sum(self.reasons(bridge).values()) == 15, 3, "15 are counted as refused")
        self.assertEqual(self.reasons(bridge), {"too-many-new-devices": 15})
        self.assertEqual(bridge.manager.get("fbFleetDevices.0", "fbFleetNumbersUsed.0"), ["5", "5"])
        # Those that are in are heard as ever, and each 12 s another may come in.
        self.broker.publish("th/dev-0/telemetry", telemetry(t=33.5))
        wait_until(lambda: bridge.manager.points(1)["temperature"]["fbPointValue"] == "33.5", 1, "a known device")

        def another():
            self.broker.publish("th/dev-19/telemetry", telemetry())
            return "dev-19" in bridge.manager.devices()

        wait_until(another, 15, "the next device comes in", every=0.5)
        self.assertEqual(bridge.manager.devices()["dev-19"]["number"], 6)

    def test_devices_that_nobody_adopted(self):
        bridge = self.bridge(mqtt='adopt = "ask"')
        self.broker.publish("th/stranger/telemetry", telemetry())
        wait_until(lambda: self.reasons(bridge) == {"waits-for-adoption": 1}, 2, "it is counted")
        self.assertEqual(bridge.manager.get("fbFleetNumbersUsed.0"), "0")
        self.assertIn("stranger", bridge.cli("status", "--unknown").out)
        self.assertEqual(bridge.cli("device", "adopt", "nobody").code, 1)
        self.assertEqual(bridge.cli("device", "adopt", "stranger").out, "adopted 1 device\n")
        self.broker.publish("th/stranger/telemetry", telemetry())
        online = lambda: bridge.manager.devices().get("stranger", {}).get("fbDevicePresence") == "online"
        wait_until(online, 2, "it is a device from its next message on")
        self.assertEqual(bridge.json("status", "--unknown")["waiting"], [])
        self.broker.publish("th/another/telemetry", telemetry())
        wait_until(lambda: "another" in bridge.cli("status", "--unknown").out, 2, "the next one waits")
        self.assertEqual(bridge.cli("device", "adopt", "--all").out, "adopted 1 device\n")
        self.assertEqual(sorted(bridge.manager.devices()), ["another", "stranger"])

    def test_limits_of_a_message(self):
        bridge = self.bridge(more='[limits]\npayload = "1KiB"\njson-depth = 4\n')
        self.broker.publish("th/large/telemetry", telemetry(mode="x" * 2000))
        self.broker.publish("th/deep/telemetry", json.dumps({"t": 1, "a": {"b": {"c": {"d": {"e": 1}}}}}))
        self.broker.publish("th/good/telemetry", telemetry(mode="x" * 255))
        wait_until(lambda: "good" in bridge.manager.devices(), 2, "the good one")
        self.assertEqual(sorted(bridge.manager.devices()), ["good"])
        self.assertEqual(self.reasons(bridge), {"too-large": 1, "too-deep": 1})

    def test_rubbish_on_the_snmp_port(self):
        bridge = self.bridge()
        before = int(bridge.manager.get(PARSE_ERRORS))
        chance = random.Random(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", bridge.port))
            for n in range(3000):
                packet = bytearray(GET)
                for _ in range(chance.randint(1, 4)):
                    packet[chance.randrange(len(packet))] = chance.randrange(256)
                if n % 3 == 0:
                    del packet[chance.randrange(len(packet)):]
                try:
                    sender.send(packet)
                    if n % 50 == 0:
                        # Not more than the socket's buffer holds.
                        self.assertTrue(bridge.manager.answers())
                except ConnectionRefusedError:
                    self.fail("nobody listens any more")
            for packet in (b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80" * 500, b"\x00" * 60000):
                sender.send(packet)
        self.assertTrue(bridge.manager.answers())
        self.assertGreater(int(bridge.manager.get(PARSE_ERRORS)), before + 500)
        self.assertTrue(bridge.process.running())
        self.assertNotIn("panicked", bridge.output())

    def test_many_addresses(self):
        bridge = Bridge(self)
        port = bridge.port
        addresses = ["127.0.0.1", "127.0.0.9"]
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind(("::1", port))
            addresses.append("[::1]")
        except OSError:
            pass
        listen = json.dumps([f"{address}:{port}" for address in addresses])
        bridge.rewrite(lambda boot: boot.replace(f'["127.0.0.1:{port}"]', listen))
        bridge.start()
        for address in addresses:
            asked = address.replace("[", "udp6:[")
            self.assertTrue(Manager(self, port, address=asked).answers(), address)
        self.assertFalse(Manager(self, port, address="127.0.0.10").answers())
