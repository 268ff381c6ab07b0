"""Icinga 2 with the kit and check_snmp: from nothing to hosts with services, one that dies and returns."""

import json
import os
import re

from support import Bridge, Broker, Case, Demo, wait_until
from support.fleet import adapter
from support.icinga import Icinga
from support.users import passwords, user

THRESHOLDS = """\
const FleetbridgeThresholds = {
  "json-sensor!rssi" = { warning = "-50:" }
  "json-sensor!temperature" = { critical = "0:10" }
  "oven!temperature" = { critical = "0:30" }
}
"""
# A single $ begins a macro of Icinga.
PASS_PHRASES = """\
const FleetbridgeAuthPassphrase = "authpassword"
const FleetbridgePrivPassphrase = "priv$pass$word"
"""
# Units that Icinga and check_snmp read otherwise; silence makes a value stale after a few seconds.
METER = """\
[[point]]
name = "flow"
from = "/flow"
type = "decimal"
unit = "m³/h"

[[point]]
name = "cost"
from = "/cost"
type = "decimal"
unit = "$/h, a|b $HOME$"

[[point]]
name = "leak"
from = "/leak"
type = "decimal"

[[point]]
name = "mode"
from = "/mode"
type = "text"

[[point]]
name = "note"
from = "/note"
type = "text"

[[point]]
name = "beat"
from = "/beat"
type = "counter"

[[point]]
name = "Health"
from = "/health"
type = "integer"

[[point]]
name = "health"
from = "/health"
type = "integer"
"""
UP, DOWN = 0, 1
OK, WARNING, CRITICAL = 0, 1, 2


class IcingaTest(Case):
    def setUp(self):
        self.kit = os.path.join(self.folder, "kit")
        self.broker = Broker(self)
        with open(os.path.join(passwords(self), "priv"), "w", encoding="utf-8") as file:
            file.write("priv$pass$word")
        self.bridge = Bridge(
            self,
            mqtt=[adapter(self.broker)],
            # Macros of Icinga begin with $.
            communities=['{ name = "pub$lic$", access = "read" }'],
            more='[snmp.devices]\npools = ["127.65.0.0/24"]\n' + user("anna", "sha-256", "aes-256"),
        )
        self.bridge.manager.credentials = ["-c", "pub$lic$"]
        self.bridge.profile("meter", METER, interval="3s", missed=2)
        self.bridge.start()

    def make_kit(self, *user):
        for what in ([], ["--hosts"]):
            answer = self.bridge.cli("nms-kit", "icinga", *what, *user, "--out", self.kit)
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
        self.broker.publish("meter/m/telemetry", '{"flow":3.5,"cost":"broken","mode":"süß | x=1","note":"a \\"b\\" | y=2"}')
        self.devices(4)
        self.make_kit()
        icinga = Icinga(self, self.kit, THRESHOLDS)
        self.assertEqual(icinga.check(), "")
        icinga.start()

        bridge = "fleetbridge@127.0.0.1"
        hosts = icinga.objects("hosts")
        self.assertEqual(sorted(hosts), [bridge, "gw", "gw:c1", "m", "oven"])
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

        self.what_a_value_is_worth(icinga)
        self.a_lost_broker_is_told_alone(icinga, f"{bridge}!Broker")

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

        # The demo's fleet in the place of this one.
        demo = Demo(self)
        demo.kit("icinga", self.kit)
        icinga.reload()
        theirs = lambda: (hosts := icinga.objects("hosts")) is not None and {bridge, *demo.names()} == set(hosts)
        wait_until(theirs, 30, "each device of the demo is a host")
        name = demo.online("json-sensor")[0]
        self.assertEqual(icinga.objects("hosts")[name]["vars"]["fleetbridge_profile"], "json-sensor")
        measured = lambda: re.search(r"temperature [*]?-?[0-9.]+[*]? celsius", self.output(icinga.look("service", f"{name}!temperature")))
        wait_until(measured, 20, f"a value of {name}")

    def test_hosts_are_asked_by_snmpv3(self):
        self.broker.retain("sensors/oven/status", "online")
        self.broker.publish("sensors/oven/telemetry", '{"temperature":21.5}')
        self.devices(1)
        self.make_kit("--user", "anna")
        icinga = Icinga(self, self.kit, THRESHOLDS + PASS_PHRASES)
        self.assertEqual(icinga.check(), "")
        icinga.start()
        self.assertEqual(icinga.look("host", "oven")["state"], UP)
        self.assertEqual(icinga.look("host", "fleetbridge@127.0.0.1")["state"], UP)
        temperature = icinga.look("service", "oven!temperature")
        self.assertIn("temperature 21.5 celsius", self.output(temperature))
        command = temperature["last_check_result"]["command"]
        self.assertEqual([command[command.index(option) + 1] for option in ("-P", "-L", "-U", "-a", "-x")], ["3", "authPriv", "anna", "SHA-256", "AES-256"])

    def output(self, service):
        return service["last_check_result"]["output"]

    def what_a_value_is_worth(self, icinga):
        told = lambda **values: self.broker.publish("meter/m/telemetry", json.dumps(values))

        def point(name, **values):
            """Right after it has been told."""
            told(**values)
            return icinga.look("service", f"m!{name}")

        flow = point("flow", flow=3.5)
        self.assertEqual(flow["state"], OK)
        self.assertIn("flow 3.5 m³/h", self.output(flow))
        cost = point("cost")
        self.assertEqual(cost["state"], CRITICAL, "bad, and without a value")
        self.assertIn("quality *3*", self.output(cost))
        leak = point("leak")
        self.assertEqual((leak["state"], self.output(leak)), (OK, "SNMP OK - quality 4 - "), "never told")

        self.assertEqual(point("flow", flow="broken")["state"], CRITICAL, "bad after it was good")
        self.assertIn("cost 1.5 $/h; a/b $HOME$", self.output(point("cost", cost=1.5)))
        mode, note = point("mode", mode="süß | x=1"), point("note", note='a "b" | y=2')
        self.assertEqual((mode["state"], note["state"]), (OK, OK))
        self.assertIn('mode "süß / x=1"', self.output(mode))
        self.assertIn('a \\"b\\" / y=2', self.output(note))
        for text in (mode, note):
            data = text["last_check_result"]["performance_data"]
            self.assertEqual(["".join(data).split("=")[0]], ["quality"], "a text gives no performance data")

        told(flow=3.5)

        # A device that is heard makes none of its other values new.
        stale = lambda: point("flow", beat=1)["state"] == WARNING and point("mode", beat=1)["state"] == WARNING

        wait_until(stale, 20, "values that are too old", every=0.5)
        self.assertIn("flow 3.5", self.output(point("flow")))

        for name in ("point Health", "health"):
            self.assertIn("Health 3", self.output(point(name, health=3)).replace("health", "Health"))

    def a_lost_broker_is_told_alone(self, icinga, broker):
        """Icinga tells nothing of a service that is not reachable."""
        self.assertTrue(icinga.look("service", "m!flow")["last_reachable"])
        self.broker.stop()
        wait_until(lambda: icinga.look("service", broker)["state"] == CRITICAL, 20, "the broker is lost")
        stale = lambda: (flow := icinga.look("service", "m!flow"))["state"] == WARNING and flow
        self.assertFalse(wait_until(stale, 20, "the value is too old")["last_reachable"])
        self.assertTrue(icinga.look("service", "m!Health")["last_reachable"], "its points alone")
        self.broker.start()
        wait_until(lambda: icinga.look("service", broker)["state"] == OK, 20, "the broker is back")
        self.broker.publish("meter/m/telemetry", '{"flow":3.5}')
        flow = icinga.look("service", "m!flow")
        self.assertEqual((flow["state"], flow["last_reachable"]), (OK, True))

    def dies(self, icinga, name):
        """A hard state takes two checks."""
        down = lambda: (host := icinga.look("host", name))["state"] == DOWN and host["state_type"] == 1
        wait_until(down, 20, f"{name} is down")

    def returns(self, icinga, name):
        wait_until(lambda: icinga.look("host", name)["state"] == UP, 20, f"{name} is up")
