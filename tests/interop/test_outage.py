"""A broker that is gone loses no device: presence stands still and the bridge says that it is blind."""

import os
import threading
import time

from support import Bridge, Broker, Case, Publisher, TrapSink, wait_until
from support.fleet import POINTS, adapter, telemetry

# Seconds; a device of the profile below is lost after 4.
OUTAGE = float(os.environ.get("FLEETBRIDGE_OUTAGE", "12"))
DEVICES = [f"dev-{n}" for n in range(20)]


class Talk(threading.Thread):
    """Devices that say something every half second as long as there is a broker."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self._broker = broker
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(0.5):
            try:
                publisher = Publisher(self._broker.port, client="talk")
                for device in DEVICES:
                    publisher.publish(f"th/{device}/telemetry", telemetry())
                publisher.close()
            except OSError:
                pass

    def stop(self):
        self._over.set()
        self.join()


class OutageTest(Case):
    def test_no_device_is_lost_with_the_broker(self):
        broker = Broker(self)
        sink = TrapSink(self)
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["th"]')], traps=[sink.target])
        bridge.profile("th", POINTS, interval="2s", missed=2)
        bridge.start()
        talk = Talk(broker)
        talk.start()
        self.addCleanup(talk.stop)
        manager = bridge.manager
        wait_until(lambda: manager.get("fbFleetOnline.0") == "20", 5, "20 devices online")
        self.assertEqual(manager.get("fbFleetPresenceFrozen.0"), "false")

        broker.stop()
        gone = time.monotonic()
        down = sink.wait("fbAdapterDown", seconds=5)
        self.assertEqual(down.objects["fbAdapterName"], "plant")
        self.assertEqual(down.objects["fbAdapterState"], "down")
        self.assertEqual(down.objects["fbAdapterUrl"], broker.url)
        self.assertNotEqual(down.objects["fbAdapterLastError"], "")
        self.assertEqual(manager.get("fbFleetPresenceFrozen.0"), "true")
        adapters = manager.table("fbAdapterTable")
        self.assertEqual([row["fbAdapterState"] for row in adapters.values()], ["down"])

        self.assertLess(time.monotonic() - gone, 3, "sooner than values age by themselves")
        self.assertEqual(self._qualities(manager), {"stale"})
        while time.monotonic() < gone + OUTAGE:
            self.assertEqual(manager.get("fbFleetMissing.0", "fbFleetLost.0", "fbFleetLate.0"), ["0", "0", "0"])
            time.sleep(0.5)

        broker.start()
        up = sink.wait("fbAdapterUp", seconds=30)
        self.assertEqual(up.objects["fbAdapterState"], "up")
        self.assertEqual(manager.get("fbFleetPresenceFrozen.0"), "false")
        wait_until(lambda: self._qualities(manager) == {"good"}, 10, "values are good again")
        # Longer than it takes to lose a device that is silent.
        end = time.monotonic() + 5
        while time.monotonic() < end:
            self.assertEqual(manager.get("fbFleetOnline.0", "fbFleetMissing.0"), ["20", "0"])
            time.sleep(0.5)
        names = [trap.name for trap in sink.all()]
        self.assertNotIn("fbDeviceLost", names)
        self.assertNotIn("fbDeviceReturned", names)
        self.assertEqual((names.count("fbAdapterDown"), names.count("fbAdapterUp")), (1, 1), names)

    def test_start_and_stop_without_a_broker(self):
        broker = Broker(self)
        sink = TrapSink(self)
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["th"]')], traps=[sink.target])
        bridge.profile("th", POINTS, interval="2s", missed=2)
        bridge.start()
        broker.publish("th/dev/telemetry", telemetry())
        wait_until(lambda: bridge.manager.get("fbFleetOnline.0") == "1", 5, "the device is online")
        broker.stop()
        sink.wait("fbAdapterDown")
        asked = time.monotonic()
        self.assertEqual(bridge.stop(), 0)
        self.assertLess(time.monotonic() - asked, 3, "a stop does not wait for a broker")

        bridge.start(adapters=0)
        wait_until(lambda: bridge.manager.get("fbAdapterState.1") == "down", 5, "the adapter is down")
        self.assertEqual(bridge.manager.get("fbFleetPresenceFrozen.0"), "true")
        self.assertEqual(bridge.manager.devices()["dev"]["fbDevicePresence"], "online")
        self.assertEqual(self._qualities(bridge.manager), {"stale"})
        self.assertTrue(bridge.json("status")["problems"])
        # Longer than the device may be silent.
        end = time.monotonic() + 5
        while time.monotonic() < end:
            self.assertEqual(bridge.manager.get("fbFleetOnline.0"), "1")
            time.sleep(0.5)
        broker.start()
        wait_until(lambda: bridge.manager.get("fbAdapterState.1") == "up", 30, "the adapter is up")
        # Silence counts from now on.
        sink.wait("fbDeviceLost", "dev", seconds=8)
        self.assertEqual(bridge.stop(), 0)

    def test_silence_with_a_broker_is_a_loss(self):
        """The counter-example: the same profile, the broker stays, the devices fall silent."""
        broker = Broker(self)
        sink = TrapSink(self)
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["th"]')], traps=[sink.target])
        bridge.profile("th", POINTS, interval="2s", missed=2)
        bridge.start()
        broker.publish("th/dev/telemetry", telemetry())
        begun = time.monotonic()
        wait_until(lambda: bridge.manager.get("fbFleetOnline.0") == "1", 5, "the device is online")
        wait_until(lambda: bridge.manager.get("fbFleetLate.0") == "1", 5, "the device is late")
        sink.wait("fbDeviceLost", "dev", seconds=8)
        self.assertGreater(time.monotonic() - begun, 3.5)
        broker.publish("th/dev/telemetry", telemetry())
        sink.wait("fbDeviceReturned", "dev")
        self.assertEqual(bridge.manager.get("fbFleetOnline.0"), "1")

    def _qualities(self, manager):
        return {row["fbPointQuality"] for row in manager.table("fbPointTable").values()}
