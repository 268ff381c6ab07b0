"""A flood of messages: memory stays bounded, managers are answered meanwhile, and nobody falls behind for ever."""

import os
import sqlite3
import threading
import time

from support import Bridge, Broker, Case, Publisher, free_port, memory_mb, wait_until
from support.fleet import POINTS, adapter, telemetry
from support.wire import publication

MESSAGES = 200_000
DEVICES = 1000
LARGE = 2000
MOST_MB = 200


class FloodTest(Case):
    def test_from_mosquitto(self):
        broker = Broker(self)
        bridge = self._bridge(adapter(broker, more='profiles = ["th"]'))
        self.assertEqual(self._flood(bridge, broker.port), MESSAGES + 1, "mosquitto keeps everything for a slow reader")

    def test_from_the_embedded_broker(self):
        """Its publishers wait for the bridge, so that it need not drop what comes faster than it is taken."""
        port = free_port()
        mqtt = f'name = "own"\nurl = "mqtt://127.0.0.1:{port}"\nprofiles = ["th"]'
        bridge = self._bridge(mqtt, f'[broker]\nlisten = "127.0.0.1:{port}"\n')
        self.assertEqual(self._flood(bridge, port), MESSAGES + 1, "the embedded broker drops nothing")
        status = bridge.json("status")["broker"]
        self.assertEqual((status["published"], status["overruns"]), (MESSAGES + 1, 0))

    def test_of_strangers(self):
        """Each message is of a device that nobody knows and that comes beyond the limit, or of no topic of ours."""
        broker = Broker(self)
        bridge = self._bridge(adapter(broker, more='profiles = ["th"]'), limit=100)
        payload = telemetry()
        count = MESSAGES // 2
        chunks = [
            b"".join(publication(f"th/stranger-{at + n}/telemetry", payload) for n in range(DEVICES))
            for at in range(0, count, DEVICES)
        ]
        most, slowest = self._send(bridge, broker.port, chunks)
        refused = lambda: int(bridge.manager.get("fbFleetUnknownMessages.0"))
        wait_until(lambda: refused() >= count - 200, 30, "all are counted")
        print(f"      {count} strangers, at most {most:.0f} MB, slowest answer {slowest * 1000:.0f} ms")
        self.assertLess(int(bridge.manager.get("fbFleetDevices.0")), 200)
        self.assertLess(most, MOST_MB, "MB resident")
        self.assertLess(slowest, 1.0, "seconds for an answer")

    def test_of_large_messages_while_the_store_is_held(self):
        """Octets on the way to the bridge are limited too: its new devices wait for a store that somebody holds."""
        port = free_port()
        mqtt = f'name = "own"\nurl = "mqtt://127.0.0.1:{port}"\nprofiles = ["th"]'
        bridge = self._bridge(mqtt, f'[broker]\nlisten = "127.0.0.1:{port}"\n')
        held = sqlite3.connect(os.path.join(bridge.folder, "config.db"), isolation_level=None)
        self.addCleanup(held.close)
        held.execute("BEGIN IMMEDIATE")
        payload = telemetry(mode="x" * 250_000)
        publisher = Publisher(port, client="large")
        chunks = [publication(f"th/large-{n}/telemetry", payload) for n in range(LARGE)]
        sender = threading.Thread(target=lambda: [publisher.send(chunk) for chunk in chunks], daemon=True)
        sender.start()
        most, end = 0.0, time.monotonic() + 15
        while time.monotonic() < end:
            most = max(most, memory_mb(bridge.process.pid))
            time.sleep(0.02)
        held.execute("ROLLBACK")
        sender.join(30)
        self.assertFalse(sender.is_alive(), "the broker has taken the flood")
        publisher.drained()
        most = max(most, memory_mb(bridge.process.pid))
        wait_until(lambda: int(bridge.manager.get("fbFleetMessages.0")) == LARGE, 30, "all are heard")
        publisher.close()
        print(f"      {LARGE} messages of 250 kB, at most {most:.0f} MB")
        self.assertLess(most, MOST_MB, "MB resident")
        self.assertEqual(bridge.json("status")["broker"]["overruns"], 0)

    def _bridge(self, mqtt, more="", limit=1000000):
        limits = f"[limits]\nnew-devices-a-minute = {limit}\n"
        bridge = Bridge(self, mqtt=[mqtt], more=limits + more)
        bridge.profile("th", POINTS)
        return bridge.start()

    def _flood(self, bridge, port):
        payload = telemetry(t=19.5)
        chunk = b"".join(publication(f"th/dev-{n}/telemetry", payload) for n in range(DEVICES))
        begun = time.monotonic()
        most, slowest = self._send(bridge, port, [chunk] * (MESSAGES // DEVICES))
        last = Publisher(port, client="last")
        last.publish("th/last/telemetry", payload)
        names = lambda: bridge.manager.walk_column("1.3.6.1.4.1.32473.2.1.2.1.2").values()
        wait_until(lambda: "last" in names(), 30, "the message behind the flood is seen")
        last.close()
        heard = self._settled(bridge)
        taken = time.monotonic() - begun
        most = max(most, memory_mb(bridge.process.pid))
        print(f"      {heard} messages in {taken:.1f} s, at most {most:.0f} MB, slowest answer {slowest * 1000:.0f} ms")
        self.assertLess(most, MOST_MB, "MB resident")
        self.assertLess(slowest, 1.0, "seconds for an answer")
        self.assertEqual(bridge.manager.get("fbFleetDevices.0"), str(DEVICES + 1))
        return heard

    def _settled(self, bridge):
        """The messages taken, once they are all or no more come for a second."""
        heard, since = 0, time.monotonic()
        while heard <= MESSAGES and time.monotonic() < since + 1:
            now = int(bridge.manager.get("fbFleetMessages.0"))
            if now != heard:
                heard, since = now, time.monotonic()
        return heard

    def _send(self, bridge, port, chunks):
        """Sends it all while a manager asks; (most MB resident, seconds of the slowest answer)."""
        publisher = Publisher(port, client="flood")
        done = threading.Event()

        def send():
            for chunk in chunks:
                publisher.send(chunk)
            publisher.drained()
            done.set()

        begun = time.monotonic()
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        most, slowest = 0.0, 0.0
        while not done.is_set():
            most = max(most, memory_mb(bridge.process.pid))
            asked = time.monotonic()
            bridge.manager.get("fbFleetMessages.0")
            slowest = max(slowest, time.monotonic() - asked)
            self.assertLess(time.monotonic() - begun, 60, "the broker has not taken the flood")
            time.sleep(0.02)
        thread.join()
        publisher.close()
        return most, slowest
