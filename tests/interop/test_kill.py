"""kill -9 of the daemon under load: no number that a manager has seen changes, no event number gets a second meaning."""

import os
import random
import threading
import time

from support import Bridge, Broker, Case, Publisher, TrapSink, wait_until
from support.fleet import POINTS, adapter

KILLS = int(os.environ.get("FLEETBRIDGE_KILLS", "50"))
# In so many lives the daemon lives long enough for a flush of telemetry.
LONG_LIVES = min(3, KILLS)
# Seconds that telemetry in the store may be old (the daemon flushes every 5 s), and what a loaded machine adds.
FLUSH = 5.0 + 1.5

DEVICE_NAME = "1.3.6.1.4.1.32473.2.1.2.1.2"
POINT_NAME = "1.3.6.1.4.1.32473.2.1.3.1.2"
POINT_INTEGER = "1.3.6.1.4.1.32473.2.1.3.1.5"


class Load(threading.Thread):
    """Devices that never stop talking: new ones, telemetry of known ones, some that go and come back."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self._publisher = Publisher(broker.port)
        self._over = threading.Event()
        self._random = random.Random(7)
        self._begun = time.monotonic()
        self.devices = 0
        # While set, the device `clock` says every 50 ms how many milliseconds have passed.
        self.clock_runs = threading.Event()
        self.clock_runs.set()
        self.clock = 0

    def run(self):
        while not self._over.wait(0.05):
            for _ in range(4):
                self.devices += 1
                self._say(self.devices)
            for _ in range(60):
                self._say(self._random.randint(1, self.devices))
            for word in ("down", "up"):
                device = self._random.randint(1, self.devices)
                self._publisher.publish(f"th/dev-{device}/status", word)
            if self.clock_runs.is_set():
                self.clock = int((time.monotonic() - self._begun) * 1000)
                self._publisher.publish("th/clock/telemetry", f'{{"rssi": {self.clock}}}')

    def stop(self):
        self._over.set()
        self.join()
        self._publisher.close()

    def _say(self, device):
        degrees = self._random.randint(-400, 800) / 10
        self._publisher.publish(f"th/dev-{device}/telemetry", f'{{"t": {degrees}, "n": {device}, "mode": "m{device}"}}')


class Seen:
    """All that a manager was ever told, held against what it is told now."""

    def __init__(self, case, manager):
        self._case = case
        self._manager = manager
        self.numbers = {}
        self.names = {}
        self.points = {}

    def look(self, after_restart=False):
        column = self._manager.walk_column(DEVICE_NAME)
        for number, name in column.items():
            self._case.assertEqual(self.numbers.setdefault(name, number), number, f"the number of {name}")
            self._case.assertEqual(self.names.setdefault(number, name), name, f"whose number {number} is")
        if after_restart:
            lost = [name for name in self.numbers if column.get(self.numbers[name]) != name]
            self._case.assertEqual(lost, [], "devices that a manager had seen and that are gone")

    def look_at_points(self):
        for instance, name in self._manager.walk_column(POINT_NAME).items():
            point = instance.partition(".")[2]
            self._case.assertEqual(self.points.setdefault(name, point), point, f"the index of point {name}")


class KillTest(Case):
    def test_no_number_changes(self):
        broker = Broker(self)
        sink = TrapSink(self)
        limits = "[limits]\nnew-devices-a-minute = 1000000\n"
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["th"]')], traps=[sink.target], more=limits)
        bridge.profile("th", POINTS)
        bridge.start()
        load = Load(broker)
        load.start()
        self.addCleanup(load.stop)
        seen = Seen(self, bridge.manager)
        wait_until(lambda: self._clock(bridge, seen), 5, "the first telemetry")
        stale = []
        for life in range(KILLS):
            long = life % max(1, KILLS // LONG_LIVES) == 1 or KILLS == 1
            end = time.monotonic() + (FLUSH + 1 if long else random.uniform(0.05, 0.5))
            while time.monotonic() < end:
                seen.look()
                time.sleep(0.02)
            load.clock_runs.clear()
            bridge.kill()
            told = [trap for trap in sink.all() if "fbEventNumber" in trap.objects]
            bridge.start(adapters=0)
            seen.look(after_restart=True)
            seen.look_at_points()
            if long:
                stale.append(load.clock - self._clock(bridge, seen))
            newest = int(bridge.manager.get("fbFleetLastEvent.0"))
            self.assertGreaterEqual(newest, max((trap.number() for trap in told), default=0), "fbFleetLastEvent")
            load.clock_runs.set()
        self.assertGreater(len(seen.numbers), 10 * KILLS)
        self.assertLessEqual(max(stale), FLUSH * 1000, "milliseconds of telemetry that a kill has cost")
        events = self._one_meaning(sink)
        print(f"      {KILLS} kills, {len(seen.numbers)} devices, {events} events told, telemetry at most {max(stale)} ms old")

    def _clock(self, bridge, seen):
        """What the device `clock` last said, 0 before."""
        seen.look()
        number = seen.numbers.get("clock")
        values = bridge.manager.walk_column(f"{POINT_INTEGER}.{number}") if number else {}
        return max(map(int, values.values()), default=0)

    def _one_meaning(self, sink):
        meanings = {}
        for trap in sink.all():
            # Zero: what tells again how things are.
            if int(trap.objects.get("fbEventNumber", 0)) > 0:
                meaning = (trap.name, trap.objects.get("fbDeviceName"), trap.objects.get("fbAdapterName"))
                self.assertEqual(meanings.setdefault(trap.number(), meaning), meaning, f"event {trap.number()}")
        self.assertGreater(len(meanings), KILLS)
        return len(meanings)
