"""What snmptrapd is told, in each version, through outages, kills and storms."""

import os
import re
import time

from support import Bridge, Broker, Case, Manager, TrapSink, wait_until
from support.fleet import POINTS, adapter, telemetry
from support.wire import Publisher, publication

TRAP_LOG = "1.3.6.1.2.1.92.1.3"


class NotifyTest(Case):
    def fleet(self, traps, devices=3, topic="th", **options):
        self.broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["th"]')], traps=traps, **options)
        bridge.profile("th", POINTS)
        if topic != "th":
            path = os.path.join(bridge.folder, "profiles", "th.toml")
            with open(path, encoding="utf-8") as text:
                changed = text.read().replace('topic = "th/', f'topic = "{topic}/')
            with open(path, "w", encoding="utf-8") as text:
                text.write(changed)
        bridge.start()
        self.publisher = Publisher(self.broker.port)
        self.addCleanup(self.publisher.close)
        packets = [publication(f"th/dev-{n}/telemetry", telemetry(n=n)) for n in range(devices)]
        self.publisher.send(b"".join(packets))
        wait_until(lambda: bridge.manager.get("fbFleetOnline.0") == str(devices), 20, f"{devices} devices")
        return bridge

    def say(self, word, *devices):
        self.publisher.send(b"".join(publication(f"th/dev-{n}/status", word) for n in devices))

    def target(self, bridge, at=0):
        return bridge.json("status")["targets"][at]


class KindsTest(NotifyTest):
    def test_version_1(self):
        sink = TrapSink(self)
        bridge = self.fleet([f'target = "{sink.target}", version = "1"'], 2)
        self.say("down", 0)
        self.say("up", 0)
        wait_until(lambda: len(sink.version_1()) == 3, 10, "coldStart, lost, returned")
        heads = [head for head, _ in sink.version_1()]
        self.assertEqual(heads[0][1:3], ["0", "0"], "coldStart is generic-trap 0")
        self.assertTrue(heads[0][0].endswith("snmpTraps"), heads)
        for head, specific in zip(heads[1:], ("fbDeviceLost", "fbDeviceReturned")):
            self.assertTrue(head[0].endswith("fbMIB"), head)
            self.assertEqual([head[1], head[2].rpartition("::")[2], head[3]], ["6", specific, "127.0.0.1"])
        objects = sink.version_1()[1][1]
        self.assertEqual((objects["fbDeviceName"], objects["fbDevicePresence"]), ("dev-0", "lost"))
        self.assertEqual(self.target(bridge)["told"], 3)

    def test_informs_are_acknowledged(self):
        sink = TrapSink(self)
        bridge = self.fleet([f'target = "{sink.target}", inform = true'], 2)
        self.say("down", 1)
        lost = sink.wait("fbDeviceLost", device="dev-1")
        self.assertGreater(lost.number(), 0)
        wait_until(lambda: self.target(bridge)["told"] == 2, 5, "both are acknowledged")
        target = self.target(bridge)
        self.assertEqual((target["behind"], target["failed"], target["silent"]), (0, 0, False))
        self.assertIn("v2c informs): 2 told\n", bridge.cli("status").out)
        self.assertEqual(len(sink.all()), 2, "each once")

    def test_devices_that_come(self):
        sink = TrapSink(self)
        broker = Broker(self)
        bridge = Bridge(
            self,
            mqtt=[adapter(broker, more='profiles = ["tasmota"]')],
            traps=[f'target = "{sink.target}", kinds = ["config-change"]'],
        )
        bridge.start()
        broker.publish("stat/plug-1/STATUS3", '{"StatusLOG":{"TelePeriod":300}}')
        # Its module is not loaded there.
        told = wait_until(sink.all, 10, "entConfigChange")
        self.assertEqual(len(told), 1, "coldStart is not among the kinds")
        self.assertRegex(told[0].text, r"mib-2\.47\.2\.0\.1|entConfigChange")
        self.assertNotIn("plug-1", told[0].text, "it is the bridge's")
        # In the second in which it came all of it is new.
        time.sleep(1.1)
        # What a device measures is no change, what it runs is; the device itself tells that.
        broker.publish("tele/plug-1/SENSOR", '{"ENERGY":{"Power":7}}')
        for version in ("14.1.0(tasmota)", "14.2.0(tasmota)"):
            broker.publish("stat/plug-1/STATUS2", '{"StatusFWR":{"Version":"%s"}}' % version)
        told = wait_until(lambda: len(sink.all()) > 1 and sink.all()[1:], 12, "entConfigChange of the device")
        self.assertEqual(len(told), 1, told)
        self.assertRegex(told[0].text, r"mib-2\.47\.2\.0\.1|entConfigChange")
        self.assertEqual(told[0].objects["fbDeviceName"], "plug-1")
        self.assertGreater(told[0].number(), 0)

    def test_who_may_not_ask(self):
        """In each version, once a minute of each source, and only where it is wanted."""
        options = [', version = "1"', "", ", inform = true"]
        sinks = [TrapSink(self, f"sink-{n}") for n in range(len(options))]
        other = TrapSink(self, "other")
        kinds = 'kinds = ["authentication-failure"]'
        traps = [f'target = "{sink.target}", {kinds}{more}' for sink, more in zip(sinks, options)] + [other.target]
        bridge = self.fleet(traps, 0, snmp="authen-traps = true")
        enabled = "1.3.6.1.2.1.11.30.0"
        self.assertEqual(bridge.manager.get(enabled), "enabled")
        for _ in range(3):
            Manager(self, bridge.port, community="guess", timeout=0.1, retries=0).run("snmpget", enabled)
        for sink in sinks[1:]:
            self.assertEqual(sink.wait("authenticationFailure").number(), 0)
        wait_until(lambda: sinks[0].version_1(), 5, "the first one, too")
        self.assertEqual(sinks[0].version_1()[0][0][1], "4", "generic-trap")
        other.wait("coldStart")
        self.assertEqual([len(sink.all()) for sink in sinks[1:]] + [len(other.all())], [1, 1, 1])

    def test_filters(self):
        hall, all_kinds = TrapSink(self, "hall"), TrapSink(self, "all")
        bridge = self.fleet(
            [f'target = "{hall.target}", kinds = ["device-lost"], sites = ["hall"]', f'target = "{all_kinds.target}"'], 0,
            topic="{site}",
        )
        for n, site in enumerate(("hall", "yard")):
            self.publisher.publish(f"{site}/dev-{n}/telemetry", telemetry())
        wait_until(lambda: bridge.manager.get("fbFleetOnline.0") == "2", 10, "both are there")
        for word, name in (("down", "fbDeviceLost"), ("up", "fbDeviceReturned")):
            self.publisher.publish("hall/dev-0/status", word)
            self.publisher.publish("yard/dev-1/status", word)
            all_kinds.wait(name, count=2)
        self.assertEqual([(trap.name, trap.objects["fbDeviceName"]) for trap in hall.all()], [("fbDeviceLost", "dev-0")])

    def test_the_command(self):
        there, gone = TrapSink(self, "there"), TrapSink(self, "gone")
        one = f'target = "{there.target}", inform = true'
        other = f'target = "{gone.target}", inform = true, timeout = "100ms", retries = 1, kinds = ["adapter-up"]'
        bridge = self.fleet([one, other], 0)
        there.wait("coldStart")
        answer = bridge.cli("notify", "test")
        self.assertEqual((answer.code, answer.out.count("acknowledged")), (0, 2), answer.text)
        self.assertEqual(there.wait("fbTest").number(), 0)
        gone.wait("fbTest")
        gone.stop()
        answer = bridge.cli("notify", "test", gone.target)
        self.assertEqual(answer.code, 1)
        self.assertIn("NOT acknowledged", answer.out)
        self.assertEqual(bridge.cli("notify", "test", there.target).code, 0)
        answer = bridge.cli("notify", "test", "127.0.0.1:9")
        self.assertEqual(answer.code, 1)
        self.assertIn(there.target, answer.text, "it names those that there are")

    def test_the_log(self):
        sink = TrapSink(self)
        bridge = self.fleet([sink.target], 2)
        self.say("down", 1)
        lost = sink.wait("fbDeviceLost")
        rows = dict(bridge.manager.walk(TRAP_LOG, tool="snmpwalk"))
        self.assertEqual(rows, dict(bridge.manager.walk(TRAP_LOG, options=["-Cr50"])))
        number = lost.number()
        at = {name.strip(".").removeprefix(TRAP_LOG): value for name, value in rows.items()}
        self.assertIn("32473.2.0.1", at[f".1.1.9.0.{number}"].replace("fbDeviceLost", "32473.2.0.1"))
        self.assertEqual(at[f".2.1.5.0.{number}.1"].rpartition(" ")[2], str(number), "fbEventNumber")
        self.assertIn("dev-1", at[f".2.1.8.0.{number}.2"])
        kinds = [value for name, value in at.items() if name.startswith(".1.1.9.0.")]
        self.assertEqual(len(kinds), 2, "coldStart and the loss; that devices came is not told")


class OutageTest(NotifyTest):
    def test_informs_outlive_an_outage(self):
        sink = TrapSink(self)
        bridge = self.fleet([f'target = "{sink.target}", inform = true, timeout = "200ms", retries = 4'], 5)
        sink.wait("coldStart")
        sink.stop()
        self.say("down", 0, 1, 2)
        wait_until(lambda: self.target(bridge)["behind"] > 0, 5, "they are not acknowledged")
        sink.start()
        wait_until(lambda: len(sink.last_words()) == 3, 20, "they are tried again")
        wait_until(lambda: self.target(bridge)["behind"] == 0, 20, "and acknowledged")

        # An outage longer than all tries: they are given up, and told as what is so when it is back.
        sink.stop()
        self.say("up", 0)
        self.say("down", 3)
        wait_until(lambda: self.target(bridge)["failed"] >= 2, 30, "they are given up")
        self.assertTrue(self.target(bridge)["silent"])
        self.assertIn("it does not answer", bridge.cli("status").out)
        sink.start()
        self.assertEqual(bridge.cli("notify", "test").code, 0)
        expected = {"dev-0": "fbDeviceReturned"} | {f"dev-{n}": "fbDeviceLost" for n in (1, 2, 3)}
        wait_until(lambda: sink.last_words() == expected, 30, "it ends with the true state")

    def test_what_was_not_told_before_a_kill_is_told_after_it(self):
        sink = TrapSink(self)
        target = f'target = "{sink.target}", inform = true'
        bridge = self.fleet([target], 5)
        self.say("down", 0)
        sink.wait("fbDeviceLost", device="dev-0")
        wait_until(lambda: self.target(bridge)["behind"] == 0, 5, "that is acknowledged")
        flushes = bridge.json("status")["store"]["flushes"]
        self.publisher.publish("th/dev-4/telemetry", telemetry())
        wait_until(lambda: bridge.json("status")["store"]["flushes"] > flushes, 15, "and kept")
        sink.stop()
        self.say("down", 1, 2)
        wait_until(lambda: bridge.manager.get("fbFleetLost.0") == "3", 5, "two more are lost")
        wait_until(lambda: self.target(bridge)["behind"] >= 2, 5, "which nobody hears")
        bridge.kill()
        sink.start()
        bridge.start()
        for device in ("dev-1", "dev-2"):
            sink.wait("fbDeviceLost", device=device, seconds=20)
        sink.wait("warmStart", seconds=20)
        self.assertEqual(bridge.stop(), 0)
        told = len(sink.all())
        bridge.start()
        sink.wait("warmStart", count=2)
        self.assertEqual(len(sink.all()), told + 1, "after a clean stop nothing is told twice")

    def test_a_storm_ends_with_the_true_state(self):
        sinks = [TrapSink(self, name) for name in ("traps", "informs")]
        more = "[limits]\nnew-devices-a-minute = 1000000\n"
        traps = [f'target = "{sinks[0].target}", rate = 100', f'target = "{sinks[1].target}", rate = 100, inform = true']
        devices = 1000
        bridge = self.fleet(traps, devices, more=more)
        self.say("down", *range(devices))
        self.say("up", *range(0, devices, 2))
        lost = {f"dev-{n}" for n in range(1, devices, 2)}
        wait_until(lambda: bridge.manager.get("fbFleetLost.0") == str(len(lost)), 20, "half of them are back")
        for at, sink in enumerate(sinks):
            summary = sink.wait("fbSummary", seconds=20)
            count = int(summary.objects["fbSummaryWithheld"])
            self.assertGreater(count, 500)
            self.assertRegex(summary.objects["fbSummaryKinds"], r"device-lost \d+, device-returned \d+")
            self.assertTrue(re.fullmatch(r"\(none\) \d+", summary.objects["fbSummarySites"]))
            self.assertLess(int(summary.objects["fbSummaryFirstEvent"]), int(summary.objects["fbSummaryLastEvent"]))

            def believed(sink=sink):
                return {device for device, word in sink.last_words().items() if word == "fbDeviceLost"}

            wait_until(lambda: believed() == lost, 60, "the receiver knows who is lost")
            self.assertGreaterEqual(self.target(bridge, at)["withheld"], count)
        text = bridge.cli("status").out
        self.assertEqual(text.count(" withheld"), 2, text)


if __name__ == "__main__":
    import unittest

    unittest.main()
