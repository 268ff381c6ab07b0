"""What devices say over MQTT is what a manager reads, within a second."""

import json
import time

from support import Bridge, Broker, Case, wait_until
from support.fleet import POINTS, adapter, telemetry

SECOND = 1.0


class ValuesTest(Case):
    def within_a_second(self, condition, what):
        """Polls from now on, so call it right after the publication."""
        begun = time.monotonic()
        wait_until(condition, SECOND, what, every=0.01)
        print(f"      {what}: {(time.monotonic() - begun) * 1000:.0f} ms")

    def test_all_types_over_both_versions_of_mqtt(self):
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol):
                self._all_types(protocol)

    def _all_types(self, protocol):
        broker = Broker(self, f"mosquitto-{protocol}")
        more = f'protocol = "{protocol}"\nprofiles = ["th"]'
        folder = self.folder + f"/bridge-{protocol}"
        bridge = Bridge(self, mqtt=[adapter(broker, more=more)], folder=folder)
        bridge.profile("th", POINTS)
        bridge.start()
        # Both sides of the broker speak that version.
        spoken = ["-V", "mqttv5" if protocol == "5" else "mqttv311"]
        self.assertIn(f" (p{'5' if protocol == '5' else '2'}, ", broker.process.output())
        broker.publish("th/süd hall/telemetry", telemetry(), *spoken)
        broker.publish("th/dev-2/telemetry", telemetry(t=-0.5, door=False, rssi=2147483647, n=2**63 - 1, mode=""), *spoken)
        self.within_a_second(lambda: len(bridge.manager.devices()) == 2, f"new devices by MQTT {protocol}")

        devices = bridge.manager.devices()
        self.assertIn("dev-2", devices)
        device = devices["dev-2"]
        expected = {
            "fbDeviceProfile": "th",
            "fbDeviceClass": "sensor",
            "fbDeviceManufacturer": "ACME",
            "fbDeviceModel": "TH-2",
            "fbDeviceParent": "0",
            "fbDevicePresence": "online",
            "fbDeviceHealth": "unknown",
            "fbDeviceAdminState": "unlocked",
            "fbDeviceActiveAlarms": "0",
        }
        self.assertEqual({name: device[name] for name in expected}, expected)
        self.assertLessEqual(int(device["fbDeviceSilentSeconds"]), 2)
        self.assertRegex(device["fbDeviceLastSeen"], r"^20\d\d-\d+-\d+,\d+:\d+:\d+\.\d,\+0:0$")

        strange = next(name for name in devices if name != "dev-2")
        self.assertRegex(strange, r"^s_d_hall-[0-9a-f]+$")
        self._check(bridge.manager.points(devices[strange]["number"]), {
            "temperature": ("decimal", "21.5", "215", "1", "celsius", None),
            "door": ("boolean", "true", "1", "0", "", None),
            "rssi": ("integer", "-67", "-67", "0", "dBm", None),
            "passes": ("counter", "7", None, None, "", "7"),
            "mode": ("text", "heating", None, None, "", None),
            "humidity": ("decimal", "48.25", "4825", "2", "percent", None),
        })
        self._check(bridge.manager.points(device["number"]), {
            "temperature": ("decimal", "-0.5", "-5", "1", "celsius", None),
            "door": ("boolean", "false", "0", "0", "", None),
            "rssi": ("integer", "2147483647", "2147483647", "0", "dBm", None),
            "passes": ("counter", str(2**63 - 1), None, None, "", str(2**63 - 1)),
            "mode": ("text", "", None, None, "", None),
            "humidity": ("decimal", "48.25", "4825", "2", "percent", None),
        })

        number = device["number"]
        point = bridge.manager.points(number)["temperature"]["number"]
        for degrees in ("22.0", "-40.1", "0.1"):
            broker.publish("th/dev-2/telemetry", json.dumps({"t": float(degrees)}), *spoken)
            self.within_a_second(lambda: bridge.manager.get(f"fbPointValue.{number}.{point}") == degrees, f"{degrees} celsius")
        self.assertEqual(bridge.stop(), 0)

    def _check(self, points, expected):
        columns = ["Type", "Value", "Integer", "Digits", "Unit", "Counter"]
        got = {name: tuple(row.get("fbPoint" + column) for column in columns) for name, row in points.items()}
        self.assertEqual(got, expected)
        self.assertEqual({row["fbPointQuality"] for row in points.values()}, {"good"})
        self.assertTrue(all(int(row["fbPointAge"]) <= 2 for row in points.values()))

    def test_what_does_not_fit_has_no_instance(self):
        broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["th"]')])
        bridge.profile("th", POINTS)
        bridge.start()
        broker.publish("th/dev/telemetry", '{"rssi": 2147483648, "t": "warm"}')
        self.within_a_second(lambda: "dev" in bridge.manager.devices(), "the device")
        points = bridge.manager.points(1)
        self.assertEqual(points["rssi"]["fbPointValue"], "2147483648")
        self.assertNotIn("fbPointInteger", points["rssi"])
        self.assertEqual(points["temperature"]["fbPointQuality"], "bad")
        self.assertEqual(points["door"]["fbPointQuality"], "missing")
        for column in ("Value", "Integer"):
            self.assertNotIn("fbPoint" + column, points["door"])
        self.assertEqual(points["door"]["fbPointAge"], "4294967295")

    def test_two_adapters_at_once(self):
        """One name by two brokers and two versions: two devices, two names, both heard."""
        brokers = [Broker(self, "one"), Broker(self, "two")]
        mqtt = [
            adapter(brokers[0], "one", 'protocol = "5"\nprofiles = ["th"]'),
            adapter(brokers[1], "two", 'protocol = "3.1.1"\nprofiles = ["th"]'),
        ]
        bridge = Bridge(self, mqtt=mqtt)
        bridge.profile("th", POINTS)
        bridge.start()
        for broker, degrees in zip(brokers, (1.5, 2.5)):
            broker.publish("th/same/telemetry", telemetry(t=degrees))
        self.within_a_second(lambda: len(bridge.manager.devices()) == 2, "devices of two brokers")
        devices = bridge.manager.devices()
        self.assertIn("same", devices)
        values = {bridge.manager.points(row["number"])["temperature"]["fbPointValue"] for row in devices.values()}
        self.assertEqual(values, {"1.5", "2.5"})
        adapters = bridge.manager.table("fbAdapterTable")
        self.assertEqual({row["fbAdapterName"]: row["fbAdapterDevices"] for row in adapters.values()}, {"one": "1", "two": "1"})
        self.assertEqual({row["fbAdapterState"] for row in adapters.values()}, {"up"})


class RetainedTest(Case):
    def test_a_kept_message_is_no_sign_of_life(self):
        broker = Broker(self)
        broker.retain("th/kept/telemetry", telemetry())
        broker.retain("th/told/status", "up")
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["th"]')])
        bridge.profile("th", POINTS)
        bridge.start()
        wait_until(lambda: len(bridge.manager.devices()) == 2, 3, "devices of retained messages")
        devices = bridge.manager.devices()
        kept = devices["kept"]
        self.assertEqual((kept["fbDevicePresence"], kept["fbDeviceSilentSeconds"]), ("neverSeen", "4294967295"))
        self.assertEqual(bridge.manager.points(kept["number"])["temperature"]["fbPointValue"], "21.5")
        self.assertEqual(devices["told"]["fbDevicePresence"], "online")
        broker.publish("th/kept/telemetry", telemetry())
        wait_until(lambda: bridge.manager.devices()["kept"]["fbDevicePresence"] == "online", 1, "it lives")
