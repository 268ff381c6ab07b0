"""Icinga 2 with the kit and check_snmp: from nothing to hosts with services, one that dies and returns."""

import json
import os

from support import Bridge, Broker, Case, wait_until
from support.fleet import adapter
from support.icinga import Icinga

THRESHOLDS = """\
const FleetbridgeThresholds = {
  "json-sensor!rssi" = { warning = "-50:" }
  "json-sensor!temperature" = { critical = "0:10" }
  "oven!temperature" = { critical = "0:30" }
}
"""
UP, DOWN = 0, 1
OK, WARNING, CRITICAL = 0, 1, 2


class IcingaTest(Case):
    def setUp(self):
        self.kit = os.path.join(self.folder, "kit")
        self.broker = Broker(self)
        self.bridge = Bridge(
            self,
            mqtt=[adapter(self.broker)],
            # Macros of Icinga begin with $.
            communities=['{ name = "pub$lic$", access = "read" }'],
            more='[snmp.devices]\npools = ["127.65.0.0/24"]',
        )
        self.bridge.manager.credentials = ["-c", "pub$lic$"]
        self.bridge.start()

    def make_kit(self):
        for what in ([], ["--hosts"]):
            answer = self.bridge.cli("nms-kit", "icinga", *what, "--out", self.kit)
            self.assertEqual(answer.code, 0, answer.text)

    def devices(self, count):
        wait_until(lambda: len(self.bridge.json("report", "inventory")) == count, 5, f"{count} devices")

    def test_a_device_is_seen_dies_and_returns(self):
        self.broker.retain("sensors/oven/status", "online")
        info = {"serial": "A1", "model": 'TH-2 "S"', "site": "Lübeck!", "firmware": "1.4.0", "location": "Hall $3"}
        self.broker.retain("sensors/oven/info", json.dumps(info))
        self.broker.publish("sensors/oven/telemetry", '{"temperature":21.5,"rssi":-61,"count":12}')
        self.broker.retain("gateway/gw/status", "online")
        self.broker.publish("gateway/gw/state", '{"serial":"G1","firmware":"2.1","uptime":86400,"cpu":12.5,"children":1}')
        self.devices(2)
        self.broker.publish("gateway/gw/c1/telemetry", '{"temperature":4.5,"battery":87}')
        self.devices(3)
        self.make_kit()
        icinga = Icinga(self, self.kit, THRESHOLDS)
        self.assertEqual(icinga.check(), "")
        icinga.start()

        bridge = "fleetbridge@127.0.0.1"
        hosts = icinga.objects("hosts")
        self.assertEqual(sorted(hosts), [bridge, "gw", "gw:c1", "oven"])
        oven = hosts["oven"]
        self.assertEqual(sorted(oven["groups"]), ["fleetbridge-devices", "fleetbridge-site-Lübeck "])
        self.assertEqual((oven["vars"]["fleetbridge_serial"], oven["vars"]["fleetbridge_model"]), ("A1", 'TH-2 "S"'))
        self.assertEqual(oven["vars"]["fleetbridge_location"], "Hall $$3", "as a macro gives it: Hall $3")
        self.assertEqual(icinga.look("host", "oven")["state"], UP)
        self.assertEqual(icinga.look("host", bridge)["state"], UP)
        self.assertEqual(icinga.look("service", f"{bridge}!Broker")["state"], OK)
        temperature = icinga.look("service", "oven!temperature")
        self.assertEqual(temperature["state"], OK)
        self.assertIn("temperature 21.5 celsius", temperature["last_check_result"]["output"])
        self.assertIn("temperature=21.5", " ".join(temperature["last_check_result"]["performance_data"]))
        self.assertEqual(icinga.look("service", "oven!messages")["state"], OK)
        self.assertEqual(icinga.look("service", "oven!co2")["state"], OK, "it never told any")
        self.assertEqual(icinga.look("service", "oven!rssi")["state"], WARNING)
        self.assertEqual(icinga.look("service", "oven!Health")["state"], OK)
        self.assertEqual(icinga.look("service", "oven!Settings")["state"], OK)

        self.broker.retain("sensors/oven/status", "offline")
        self.dies(icinga, "oven")
        self.broker.retain("sensors/oven/status", "online")
        self.broker.publish("sensors/oven/telemetry", '{"temperature":32.5}')
        self.returns(icinga, "oven")
        temperature = icinga.look("service", "oven!temperature")
        self.assertEqual(temperature["state"], CRITICAL)
        self.assertIn("temperature *32.5*", temperature["last_check_result"]["output"])

        self.broker.retain("gateway/gw/status", "offline")
        self.dies(icinga, "gw")
        self.dies(icinga, "gw:c1")
        wait_until(lambda: not icinga.objects("hosts")["gw:c1"]["last_reachable"], 10, "it hangs on what is down")

        self.broker.retain("sensors/oven/status", "")
        self.assertEqual(self.bridge.cli("device", "retire", "oven").code, 0)
        self.make_kit()
        icinga.reload()
        gone = lambda: (hosts := icinga.objects("hosts")) is not None and "oven" not in hosts
        wait_until(gone, 30, "Icinga forgets a retired device")

    def dies(self, icinga, name):
        """A hard state takes two checks."""
        down = lambda: (host := icinga.look("host", name))["state"] == DOWN and host["state_type"] == 1
        wait_until(down, 20, f"{name} is down")

    def returns(self, icinga, name):
        wait_until(lambda: icinga.look("host", name)["state"] == UP, 20, f"{name} is up")
