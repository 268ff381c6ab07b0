"""The store from outside: who may read it, one daemon at a time, a disk that is full."""

import glob
import os
import re
import resource
import socket
import stat
import subprocess
import time

from support import Bridge, Broker, Case, TrapSink, wait_until
from support.bridge import binary
from support.fleet import POINTS, adapter, telemetry


class FilesTest(Case):
    def test_nobody_else_reads_what_the_bridge_writes(self):
        bridge = Bridge(self)
        previous = os.umask(0)
        try:
            bridge.start()
        finally:
            os.umask(previous)
        for name in ("config.db", "state.db", "snmp-engine", "control.sock"):
            path = os.path.join(bridge.folder, name)
            wait_until(lambda path=path: os.path.exists(path), 5, path)
        for path in glob.glob(os.path.join(bridge.folder, "*")):
            if path != bridge.file and not os.path.isdir(path):
                self.assertEqual(oct(stat.S_IMODE(os.stat(path).st_mode)), "0o600", path)

    def test_two_daemons_on_one_store(self):
        bridge = Bridge(self).start()
        second = Bridge(self, folder=os.path.join(self.folder, "second"), more=f'[store]\npath = "{bridge.folder}"\n')
        second.log = os.path.join(self.folder, "second.log")
        second.spawn()
        self.assertNotIn(second.process.code(10), (0, None))
        self.assertIn(str(bridge.process.pid), second.output())
        self.assertNotIn("panicked", second.output())
        self.assertTrue(bridge.manager.answers(), "the first goes on")
        # One that was killed holds nothing.
        bridge.kill()
        bridge.start()

    def test_a_taken_port_is_named_with_its_option(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            bridge = Bridge(self, port=port)
            bridge.spawn()
            self.assertNotIn(bridge.process.code(10), (0, None))
            self.assertIn(f"127.0.0.1:{port}", bridge.output())
            self.assertRegex(bridge.output(), r"listen")
            self.assertNotIn("panicked", bridge.output())

    def test_a_store_that_cannot_be_written_is_named(self):
        path = self.write("not-a-folder", "x")
        bridge = Bridge(self, more=f'[store]\npath = "{path}"\n')
        bridge.spawn()
        self.assertNotIn(bridge.process.code(10), (0, None))
        self.assertIn("not-a-folder", bridge.output())
        self.assertNotIn("panicked", bridge.output())


class SmallDisk:
    """A tmpfs of 3 MiB in a mount namespace of the daemon's own, which goes with it; somebody else fills it."""

    WRAP = ["unshare", "--mount"] + (["--user", "--map-root-user"] if os.geteuid() else [])
    SCRIPT = 'mount -t tmpfs -o size=3m tmpfs "$1" && exec "$2" serve --config "$3"'

    @classmethod
    def possible(cls, folder):
        return subprocess.run(cls.WRAP + ["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True).returncode == 0

    def command(self, store, file):
        self._store = store
        return [*self.WRAP, "sh", "-c", self.SCRIPT, "sh", store, binary(), file]

    def fill(self, process):
        self._filler = f"/proc/{process.pid}/root{self._store}/filler"
        with open(self._filler, "wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def empty(self):
        os.remove(self._filler)


class SizeLimit:
    """Where nothing may be mounted: no file of the daemon may grow beyond 64 KiB."""

    def command(self, _store, file):
        return [binary(), "serve", "--config", file]

    def fill(self, process):
        self._pid = process.pid
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))

    def empty(self):
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class FullDiskTest(Case):
    def test_a_full_disk_stops_neither_answers_nor_telemetry(self):
        self._full(SmallDisk() if SmallDisk.possible(self.folder) else SizeLimit(), r"no space left|cannot|I/O")

    def test_writes_that_fail_stop_neither_answers_nor_telemetry(self):
        self._full(SizeLimit(), r"ERROR .*(config|state)\.db")

    def _full(self, disk, words):
        store = os.path.join(self.folder, "store")
        os.makedirs(store)
        broker = Broker(self)
        sink = TrapSink(self)
        mqtt = [adapter(broker, more='profiles = ["th"]')]
        bridge = Bridge(self, mqtt=mqtt, traps=[sink.target], more=f'[store]\npath = "{store}"\n')
        bridge.profile("th", POINTS)
        command = disk.command(store, bridge.file)
        # Signals as we have them: a write beyond the limit is an error and no death.
        bridge.spawn = lambda: setattr(bridge, "process", self.spawn(command, bridge.log, restore_signals=False))
        bridge.start()
        broker.publish("th/known/telemetry", telemetry(rssi=-1))
        manager = bridge.manager
        wait_until(lambda: "known" in manager.devices(), 5, "the first device")

        disk.fill(bridge.process)
        # New devices until the store says no: they get no number then, and that is told.
        before = len(bridge.output())

        def refused():
            for _ in range(10):
                broker.publish(f"th/new-{time.monotonic_ns()}/telemetry", telemetry(mode="x" * 250))
            return re.search(words, bridge.output()[before:])

        wait_until(refused, 30, "the log says that the disk is full")
        broker.publish("th/known/telemetry", telemetry(rssi=-2))
        rssi = manager.points(1)["rssi"]["number"]
        wait_until(lambda: manager.get(f"fbPointInteger.1.{rssi}") == "-2", 2, "telemetry of a known device")
        self.assertTrue(bridge.process.running())
        shown = manager.devices()
        wait_until(lambda: bridge.json("status")["problems"], 10, "status says that something is wrong")
        # An alarm does not wait for the disk.
        broker.stop()
        told = sink.wait("fbAdapterDown")
        broker.start()
        sink.wait("fbAdapterUp", seconds=20)

        disk.empty()
        wait_until(lambda: self._arrives(broker, manager), 20, "a new device after there is room again", every=0.5)
        wait_until(lambda: not bridge.json("status")["problems"], 20, "status is well again", every=0.5)
        now = manager.devices()
        for name, row in shown.items():
            self.assertEqual(now[name]["number"], row["number"], name)
        self.assertEqual(len({row["number"] for row in now.values()}), len(now))
        self.assertNotIn("panicked", bridge.output())
        self.assertEqual(len(sink.named("fbAdapterDown")), 1, "nor is it told again when it is written")
        numbers = [trap.objects["fbEventNumber.0"] for trap in sink.all() if "fbEventNumber.0" in trap.objects]
        self.assertEqual(len(numbers), len(set(numbers)), "no number twice")

    def _arrives(self, broker, manager):
        broker.publish("th/late/telemetry", telemetry())
        return "late" in manager.devices()
