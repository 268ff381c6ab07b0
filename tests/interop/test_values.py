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


class ShippedProfilesTest(Case):
    """Messages as the real devices send them."""

    def start(self, profiles):
        self.broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker, more=f"profiles = {json.dumps(profiles)}")]).start()
        self.manager = self.bridge.manager

    def seen(self, device, expected):
        """Within a second of the publication: these points of the device as (text, unit, type)."""
        found = {}

        def arrived():
            row = self.manager.devices().get(device)
            points = self.manager.points(row["number"]) if row else {}
            columns = ("fbPointValue", "fbPointUnit", "fbPointType")
            found.update({name: tuple(points.get(name, {}).get(column) for column in columns) for name in expected})
            return found == expected

        try:
            wait_until(arrived, SECOND, "values", every=0.01)
        except AssertionError:
            self.assertEqual(found, expected)

    def test_tasmota(self):
        self.start(["tasmota"])
        self.broker.retain("tele/plug-1/LWT", "Online")
        self.broker.publish(
            "tele/plug-1/STATE",
            '{"Time":"2026-11-22T10:00:00","Uptime":"1T02:03:04","UptimeSec":93784,"Heap":27,"POWER":"ON",'
            '"Wifi":{"AP":1,"SSId":"plant","RSSI":74,"Signal":-63,"LinkCount":1}}',
        )
        self.seen("plug-1", {
            "power-on": ("true", "", "boolean"),
            "wifi-rssi": ("74", "percent", "integer"),
            "wifi-signal": ("-63", "dBm", "integer"),
            "heap": ("27", "KiB", "integer"),
        })
        self.broker.publish(
            "tele/plug-1/SENSOR",
            '{"Time":"2026-11-22T10:00:00","ENERGY":{"TotalStartTime":"2025-01-01T00:00:00","Total":3.185,"Yesterday":0.1,'
            '"Today":0.04,"Power":42,"Factor":0.93,"Voltage":231,"Current":0.196},'
            '"AM2301":{"Temperature":21.5,"Humidity":40.2},"TempUnit":"C"}',
        )
        self.seen("plug-1", {
            "temperature": ("21.5", "celsius", "decimal"),
            "humidity": ("40.2", "percent", "decimal"),
            "power": ("42.0", "watts", "decimal"),
            "power-factor": ("0.93", "", "decimal"),
            "voltage": ("231.0", "volts-ac", "decimal"),
            "current": ("0.196", "amperes", "decimal"),
            "energy": ("3.185", "kWh", "decimal"),
        })
        status = '{"StatusFWR":{"Version":"13.1.0(tasmota)","BuildDateTime":"2023-08-14T10:00:00","Core":"2_7_4_9","SDK":"2.2.2"}}'
        self.broker.publish("stat/plug-1/STATUS2", status)
        wait_until(lambda: self.manager.get("fbDeviceFirmware.1") == "13.1.0(tasmota)", SECOND, "the firmware", every=0.01)
        self.broker.publish("stat/plug-1/RESULT", '{"POWER":"OFF"}')
        self.seen("plug-1", {"power-on": ("false", "", "boolean")})
        row = self.manager.devices()["plug-1"]
        self.assertEqual(row["fbDevicePresence"], "online")
        self.assertEqual((row["fbDeviceProfile"], row["fbDeviceManufacturer"]), ("tasmota", "Tasmota"))
        software = self.bridge.json("report", "software")
        self.assertEqual([(line["device"], line["component"], line["installed"]) for line in software],
                         [("plug-1", "firmware", "13.1.0(tasmota)"), ("plug-1", "software", "2_7_4_9")])

    def test_json_sensor(self):
        self.start(["json-sensor"])
        self.broker.retain("sensors/hall/info", '{"serial":"A1","model":"TH-2","firmware":"1.4.0","site":"Lübeck","location":"Hall 3"}')
        self.broker.retain("sensors/hall/status", "online")
        now = int(time.time())
        self.broker.publish(
            "sensors/hall/telemetry",
            f'{{"temperature":21.555,"humidity":40,"battery":87.25,"rssi":-61,"co2":612,"messages":18446744073709551615,"ts":{now - 30}}}',
        )
        self.seen("hall", {
            "temperature": ("21.56", "celsius", "decimal"),
            "humidity": ("40.00", "percent", "decimal"),
            "battery": ("87.3", "percent", "decimal"),
            "rssi": ("-61", "dBm", "integer"),
            "co2": ("612", "ppm", "integer"),
            "messages": ("18446744073709551615", "", "counter"),
            "pressure": (None, "hPa", "decimal"),
        })
        row = self.manager.devices()["hall"]
        wanted = {"Serial": "A1", "Model": "TH-2", "Firmware": "1.4.0", "Site": "Lübeck", "Location": "Hall 3"}
        self.assertEqual({name: row["fbDevice" + name] for name in wanted}, wanted)
        points = self.manager.points(row["number"])
        self.assertIn(int(points["temperature"]["fbPointAge"]), range(30, 35), "the device says when it measured")
        self.assertEqual(points["messages"]["fbPointCounter"], "18446744073709551615")
        self.assertEqual(len(self.bridge.json("report", "inventory", "--site", "Lübeck")), 1)
        self.broker.publish("sensors/hall/status", "sleeping")
        wait_until(lambda: self.manager.get("fbDevicePresence.1") == "sleeping", SECOND, "it sleeps", every=0.01)

    def test_rfid_reader(self):
        self.start(["rfid-reader"])
        self.broker.publish("zebra/MGMT/clients/event/RFD40-2127", '{"connectionState":"CONNECTED","deviceSerialNo":"RFD40-2127","deviceModel":"RFD40"}')
        self.broker.publish(
            "zebra/MGMT/clients/resp/RFD40-2127",
            '{"command":"get_status","requestId":"1","deviceStatus":{"radioConnection":"CONNECTED","radioActivity":"INACTIVE",'
            '"temperature":32,"batteryStatus":{"chargePercentage":81}},"response":{"code":0}}',
        )
        self.seen("RFD40-2127", {
            "radio-connected": ("true", "", "boolean"),
            "radio-active": ("false", "", "boolean"),
            "temperature": ("32.0", "celsius", "decimal"),
            "battery": ("81", "percent", "integer"),
        })
        row = self.manager.devices()["RFD40-2127"]
        self.assertEqual((row["fbDeviceSerial"], row["fbDeviceModel"], row["fbDeviceClass"]), ("RFD40-2127", "RFD40", "rfid-reader"))
        self.broker.publish("zebra/MGMT/clients/event/RFD40-2127", '{"connectionState":"LWT"}')
        wait_until(lambda: self.manager.get("fbFleetLost.0") == "1", SECOND, "it is lost", every=0.01)


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
