"""A flood of messages: memory stays bounded, managers are answered meanwhile, and nobody falls behind for ever."""

import threading
import time

from support import Bridge, Broker, Case, Publisher, free_port, memory_mb, wait_until
from support.fleet import POINTS, adapter, telemetry
from support.wire import publication

MESSAGES = 200_000
DEVICES = 1000
MOST_MB = 200


class FloodTest(Case):
    def test_from_mosquitto(self):
        broker = Broker(self)
        bridge = self._bridge(adapter(broker, more='profiles = ["th"]'))
        self._flood(bridge, broker.port)

    def test_from_the_embedded_broker(self):
        port = free_port()
        mqtt = f'name = "own"\nurl = "mqtt://127.0.0.1:{port}"\nprofiles = ["th"]'
        bridge = self._bridge(mqtt, f'[broker]\nlisten = "127.0.0.1:{port}"\n')
        self._flood(bridge, port)

    def _bridge(self, mqtt, more=""):
        limits = "[limits]\nnew-devices-a-minute = 1000000\n"
        bridge = Bridge(self, mqtt=[mqtt], more=limits + more)
        bridge.profile("th", POINTS)
        return bridge.start()

    def _flood(self, bridge, port):
        payload = telemetry(t=19.5)
        chunk = b"".join(publication(f"th/dev-{n}/telemetry", payload) for n in range(DEVICES))
        publisher = Publisher(port, client="flood")
        done = threading.Event()

        def send():
            for _ in range(MESSAGES // DEVICES):
                publisher.send(chunk)
            publisher.publish("th/last/telemetry", payload)
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

        def through():
            nonlocal most
            most = max(most, memory_mb(bridge.process.pid))
            return "last" in bridge.manager.walk_column("1.3.6.1.4.1.32473.2.1.2.1.2").values()

        wait_until(through, 30, "the message behind the flood is seen")
        taken = time.monotonic() - begun
        messages = int(bridge.manager.get("fbFleetMessages.0"))
        print(f"      {messages} messages in {taken:.1f} s, at most {most:.0f} MB, slowest answer {slowest * 1000:.0f} ms")
        self.assertLess(most, MOST_MB, "MB resident")
        self.assertLess(slowest, 1.0, "seconds for an answer")
        self.assertEqual(bridge.manager.get("fbFleetDevices.0"), str(DEVICES + 1))
        publisher.close()
