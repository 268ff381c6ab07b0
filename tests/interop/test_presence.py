"""Devices that die without a word, and return."""

from support import Bridge, Broker, Case, TrapSink, Will, wait_until
from support.fleet import adapter

STATE = '{"Time":"2026-11-22T10:00:00","Uptime":"1T02:03:04","UptimeSec":93784,"POWER":"ON","Wifi":{"RSSI":72,"Signal":-64}}'
VARBINDS = [
    "sysUpTime",
    "snmpTrapOID",
    "fbEventNumber",
    "fbDeviceName",
    "fbDevicePresence",
    "fbDeviceLastSeen",
    "fbDeviceSite",
    "fbDeviceAddressType",
    "fbDeviceAddress",
]


class LastWillTest(Case):
    def test_kill_of_a_publisher(self):
        broker = Broker(self)
        sinks = [TrapSink(self, "trapd-1"), TrapSink(self, "trapd-2")]
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["tasmota"]')], traps=[sink.target for sink in sinks])
        bridge.start()
        manager = bridge.manager
        plugs = {}
        for name in ("plug-1", "plug-2"):
            plugs[name] = Will(self, broker, name)
            broker.retain(f"tele/{name}/LWT", "Online")
            broker.publish(f"tele/{name}/STATE", STATE)
        wait_until(lambda: manager.get("fbFleetOnline.0") == "2", 3, "two plugs online")
        self.assertEqual(manager.table("fbMissingTable"), {})
        number = manager.devices()["plug-2"]["number"]

        plugs["plug-2"].die()
        for sink in sinks:
            lost = sink.wait("fbDeviceLost", seconds=3)
            self.assertEqual(lost.order[:9], VARBINDS)
            self.assertEqual(lost.objects["fbDeviceName"], "plug-2")
            self.assertEqual(lost.objects["fbDevicePresence"], "lost")
            self.assertRegex(lost.objects["fbDeviceLastSeen"], r"^20\d\d-\d+-\d+,")
            self.assertEqual({lost.instances[name] for name in VARBINDS[3:]}, {str(number)})
        self.assertEqual(manager.get("fbFleetLastEvent.0"), str(lost.number()))
        missing = manager.table("fbMissingTable")
        self.assertEqual(list(missing), [str(number)])
        self.assertEqual(missing[str(number)]["fbMissingName"], "plug-2")
        self.assertEqual(missing[str(number)]["fbMissingPresence"], "lost")
        self.assertEqual(manager.get("fbFleetMissing.0", "fbFleetLost.0", "fbFleetOnline.0"), ["1", "1", "1"])
        report = bridge.json("report", "missing")
        self.assertEqual([(row["device"], row["number"], row["presence"]) for row in report], [("plug-2", number, "lost")])
        qualities = {row["fbPointQuality"] for row in manager.points(number).values() if "fbPointValue" in row}
        self.assertEqual(qualities, {"stale"}, "values of a device that is lost")

        Will(self, broker, "plug-2")
        broker.retain("tele/plug-2/LWT", "Online")
        back = sinks[0].wait("fbDeviceReturned", seconds=3)
        self.assertEqual(back.order[:9], VARBINDS)
        self.assertEqual((back.objects["fbDeviceName"], back.objects["fbDevicePresence"]), ("plug-2", "online"))
        self.assertGreater(back.number(), lost.number())
        self.assertEqual(manager.table("fbMissingTable"), {})
        self.assertEqual(bridge.json("report", "missing"), [])
        self.assertEqual(manager.devices()["plug-2"]["number"], number)
        for sink in sinks:
            sink.wait("fbDeviceReturned", seconds=3)
            self.assertEqual(len(sink.named("fbDeviceLost")), 1, "told once")

    def test_lost_while_the_bridge_was_down(self):
        """The will is retained: the bridge learns at its start that the device is gone, and of its return."""
        broker = Broker(self)
        sink = TrapSink(self)
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["tasmota"]')], traps=[sink.target])
        bridge.start()
        plug = Will(self, broker, "plug")
        broker.retain("tele/plug/LWT", "Online")
        wait_until(lambda: bridge.manager.get("fbFleetOnline.0") == "1", 3, "the plug is online")
        bridge.stop()
        plug.die()
        bridge.start()
        sink.wait("fbDeviceLost", "plug", seconds=5)
        bridge.kill()
        bridge.start()
        self.assertEqual(bridge.manager.get("fbFleetLost.0"), "1", "still lost after another restart")
        broker.retain("tele/plug/LWT", "Online")
        sink.wait("fbDeviceReturned", "plug", seconds=3)
        # After a kill an event may be told again, with its number.
        self.assertEqual(len({trap.number() for trap in sink.named("fbDeviceLost")}), 1, "one event")


class GatewayTest(Case):
    def test_one_trap_for_a_gateway_and_all_behind_it(self):
        broker = Broker(self)
        sink = TrapSink(self)
        bridge = Bridge(self, mqtt=[adapter(broker)], traps=[sink.target])
        bridge.start()
        manager = bridge.manager
        gateway = Will(self, broker, "gw", payload="offline", topic="gateway/gw/status")
        broker.retain("gateway/gw/status", "online")
        broker.publish("gateway/gw/state", '{"serial":"G1","firmware":"2.1","uptime":86400,"cpu":12.5,"children":3}')
        wait_until(lambda: manager.get("fbFleetOnline.0") == "1", 2, "the gateway")
        for child in ("c1", "c2", "c3"):
            broker.publish(f"gateway/gw/{child}/telemetry", '{"temperature":21.5,"battery":87}')
        wait_until(lambda: manager.get("fbFleetOnline.0") == "4", 2, "and its children")
        devices = manager.devices()
        number = devices["gw"]["number"]
        children = {name: row for name, row in devices.items() if name != "gw"}
        self.assertEqual(sorted(children), ["gw:c1", "gw:c2", "gw:c3"])
        self.assertEqual({row["fbDeviceParent"] for row in children.values()}, {str(number)})

        gateway.die()
        sink.wait("fbDeviceLost", "gw", seconds=3)
        self.assertEqual(manager.get("fbFleetMissing.0", "fbFleetLost.0", "fbFleetUnreachable.0"), ["4", "1", "3"])
        missing = {row["fbMissingName"]: row["fbMissingPresence"] for row in manager.table("fbMissingTable").values()}
        self.assertEqual(missing, {"gw": "lost", **dict.fromkeys(children, "unreachable")})
        self.assertEqual(len(bridge.json("report", "missing")), 4)

        bridge.kill()
        bridge.start()
        self.assertEqual(manager.get("fbFleetLost.0", "fbFleetUnreachable.0"), ["1", "3"], "after kill -9")
        broker.retain("gateway/gw/status", "online")
        sink.wait("fbDeviceReturned", "gw", seconds=3)
        self.assertEqual(manager.get("fbFleetMissing.0"), "0")
        # After a kill an event may be told again, with its number.
        told = {(trap.number(), trap.name, trap.objects["fbDeviceName"]) for trap in sink.all() if "fbDeviceName" in trap.objects}
        self.assertEqual([event[1:] for event in sorted(told)], [("fbDeviceLost", "gw"), ("fbDeviceReturned", "gw")])
