"""config.db put back from a copy, or saved from damage as the README says: no number changes or gets a second meaning."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import threading

from support import Bridge, Broker, Case, Publisher, wait_until
from support.fleet import POINTS, adapter, telemetry
from support.manager import ROOT
from support.netconf import setting
from test_netconf import NetconfCase
from test_numbers import point


def commands(first):
    """The block of the README's commands that begins so."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return re.search(r"```\n(" + first + r"[\s\S]*?)```", file.read())[1]


def run(bridge, script):
    subprocess.run(["sh", "-ec", script], cwd=bridge.folder, check=True, capture_output=True, timeout=20)


class Copy:
    """config.db, copied while the bridge runs as the README says, and put back once it has ended."""

    def __init__(self, case, bridge):
        self._path = os.path.join(bridge.folder, "config.db")
        self._copy = os.path.join(bridge.folder, "copy.db")
        if os.path.exists(self._copy):
            os.remove(self._copy)
        run(bridge, commands(r"umask 077 && sqlite3 config\.db"))
        case.assertEqual(oct(stat.S_IMODE(os.stat(self._copy).st_mode)), "0o600")

    def put_back(self):
        shutil.copyfile(self._copy, self._path)
        if os.path.exists(self._path + "-wal"):
            os.remove(self._path + "-wal")


class CopyTest(Case):
    def setUp(self):
        self.broker = Broker(self)

    def numbers(self, bridge):
        return {name: row["number"] for name, row in bridge.manager.devices().items()}

    def test_numbers_that_a_manager_saw_at_the_last_moment(self):
        """kill -9 while state.db is held by somebody: it knows nothing of the newest device."""
        bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["th"]')])
        bridge.profile("th", POINTS)
        bridge.start()
        self.broker.publish("th/a/telemetry", telemetry())
        wait_until(lambda: "a" in self.numbers(bridge), 5, "a")
        copy = Copy(self, bridge)
        held = sqlite3.connect(os.path.join(bridge.folder, "state.db"), isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        self.broker.publish("th/b/telemetry", telemetry())
        wait_until(lambda: self.numbers(bridge).get("b") == 2, 5, "b")
        bridge.kill()
        held.close()
        for name, number in (("c", 3), ("d", 4)):
            copy.put_back()
            self.assertRegex(bridge.cli("check").out, r"warning: .*config\.db.*knows devices up to number 1 of")
            bridge.start()
            self.assertRegex(bridge.output(), r"WARN config\.db knows less than was given")
            self.broker.publish(f"th/{name}/telemetry", telemetry())
            wait_until(lambda name=name: name in self.numbers(bridge), 5, name)
            self.assertEqual(self.numbers(bridge), {"a": 1, name: number})
            self.assertEqual(bridge.stop(), 0)

    def test_names_that_got_their_numbers_since(self):
        """Of points, profiles and adapters, and in another order than before; the values that were kept show under their own names."""
        ends = lambda *names: [adapter(self.broker, name, f'profiles = ["{profile}"]') for name, profile in names]
        port = None

        def bridge(adapters, **profiles):
            nonlocal port
            bridge = Bridge(self, mqtt=ends(*adapters), port=port)
            port = bridge.port
            for name, points in profiles.items():
                bridge.profile(name, "".join(point(one, one) for one in points))
            return bridge.start()

        def shown(bridge, device):
            points = bridge.manager.points(self.numbers(bridge)[device])
            return {name: (row["number"], row.get("fbPointValue")) for name, row in points.items()}

        local, north, south = ("local", "acme"), ("north", "beta"), ("south", "gamma")
        first = bridge([local], acme="p")
        self.broker.publish("acme/m/telemetry", '{"p": 1, "v": 230, "a": 5}')
        wait_until(lambda: "m" in self.numbers(first), 5, "m")
        copy = Copy(self, first)
        first.stop()
        second = bridge([local, north], acme="pv", beta="x")
        second.stop()
        second = bridge([local, north, south], acme="pav", beta="x", gamma="y")
        self.broker.publish("acme/m/telemetry", '{"p": 1, "v": 230, "a": 5}')
        wait_until(lambda: shown(second, "m").get("a", (0, None))[1] == "5", 5, "its values")
        before = shown(second, "m")
        adapters = second.manager.walk_column("1.3.6.1.4.1.32473.2.1.8.1.2")
        self.assertEqual(before, {"p": (1, "1"), "v": (2, "230"), "a": (3, "5")})
        self.assertEqual(second.stop(), 0)
        copy.put_back()
        third = bridge([south, local, north], acme="avp", beta="x", gamma="y")
        self.assertEqual(shown(third, "m"), before)
        self.assertEqual(third.manager.walk_column("1.3.6.1.4.1.32473.2.1.8.1.2"), adapters)
        third.stop()

        # The pages of their tables are damaged, and what can be read is saved.
        path = os.path.join(third.folder, "config.db")
        database = sqlite3.connect(path)
        tables = "('profile', 'point', 'adapter', 'meta')"
        pages = database.execute(f"SELECT rootpage FROM sqlite_schema WHERE name IN {tables}").fetchall()
        size = database.execute("PRAGMA page_size").fetchone()[0]
        database.close()
        with open(path, "r+b") as file:
            for (page,) in pages:
                file.seek((page - 1) * size)
                file.write(b"\xa5" * size)
        self.assertRegex(third.cli("check").out, r"config\.db is damaged")
        run(third, commands(r"umask 077\nsqlite3 config\.db \.dump"))
        self.assertEqual(oct(stat.S_IMODE(os.stat(path).st_mode)), "0o600")
        self.assertRegex(third.cli("check").out, r"warning: .*config\.db.*it lacks 3 profiles that devices|warning: .*it lacks")
        fourth = bridge([south, local, north], acme="vpa", beta="x", gamma="y")
        self.assertEqual(shown(fourth, "m"), before)
        self.assertEqual(fourth.manager.walk_column("1.3.6.1.4.1.32473.2.1.8.1.2"), adapters)


class AheadTest(NetconfCase):
    def test_a_unit_finds_the_device_made_for_it_after_a_copy_is_put_back(self):
        session = self.netconf.connect("operate")
        self.commit(session, setting("plug-1", "tele-period", 60))
        copy = Copy(self, self.bridge)
        plug = self.plug("plug-1")
        done = lambda: self.standing(self.netconf.connect("operate"), "plug-1", "tele-period").get("standing")
        wait_until(lambda: done() == "effective", 5, "it has it")
        self.assertEqual(self.bridge.stop(), 0)
        copy.put_back()
        self.bridge.start()
        plug.report()
        shown = lambda: self.bridge.cli("device", "show", "plug-1").out
        wait_until(lambda: re.search(r"adapter +plant", shown()), 5, "its unit has it")
        self.assertEqual(list(self.bridge.manager.devices()), ["plug-1"])
        wait_until(lambda: done() in ("effective", "in-sync"), 10, "its setting stands")

    def test_new_devices_are_heard_while_a_manager_makes_others(self):
        """Both take the next number; nobody's first message is lost by that."""
        over, made = threading.Event(), []

        def make():
            session = self.netconf.connect("operate")
            while not over.is_set():
                names = [f"ahead-{len(made)}-{at}" for at in range(50)]
                self.commit(session, *(f"<device><name>{name}</name><site>here</site></device>" for name in names))
                made.extend(names)

        thread = threading.Thread(target=make)
        thread.start()
        try:
            publisher = Publisher(self.broker.port)
            self.addCleanup(publisher.close)
            wait_until(lambda: made, 10, "the first are made")
            for number in range(300):
                publisher.publish(f"sensors/unit-{number}/telemetry", '{"temperature": 1}')
                if number % 10 == 0:
                    over.wait(0.02)
            learned = lambda: sum(name.startswith("unit-") for name in self.bridge.manager.devices())
            wait_until(lambda: learned() == 300, 20, "each is learned of its one message", every=0.5)
        finally:
            over.set()
            thread.join()
        self.assertNotIn("cannot be written", self.bridge.output())
        self.assertNotIn("UNIQUE", self.bridge.output())
        numbers = [row["number"] for row in self.bridge.manager.devices().values()]
        self.assertEqual(sorted(numbers), list(range(1, len(numbers) + 1)), "none twice, and no gap")
