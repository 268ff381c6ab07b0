"""A store that somebody damaged, locked or wrote with a newer version: clear words, and no number lost."""

import glob
import os
import re
import sqlite3
import subprocess

from support import Bridge, Broker, Case, TrapSink, wait_until
from support.fleet import POINTS, adapter, telemetry
from support.manager import ROOT


class DamageTest(Case):
    def setUp(self):
        self.broker = Broker(self)
        self.sink = TrapSink(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["th"]')], traps=[self.sink.target])
        self.bridge.profile("th", POINTS)
        self.bridge.start()
        for name in ("a", "b", "c"):
            self.broker.publish(f"th/{name}/telemetry", telemetry())
            wait_until(lambda name=name: name in self.bridge.manager.devices(), 2, name)

    def path(self, name):
        return os.path.join(self.bridge.folder, name)

    def numbers(self):
        return {name: row["number"] for name, row in self.bridge.manager.devices().items()}

    def overwrite(self, name):
        for path in glob.glob(self.path(name + "-*")):
            os.remove(path)
        size = os.path.getsize(self.path(name))
        with open(self.path(name), "r+b") as file:
            file.write(b"\xa5" * size)

    def test_damaged_state_costs_no_number(self):
        self.broker.publish("th/b/status", "down")
        lost = self.sink.wait("fbDeviceLost", "b")
        self.assertEqual(self.bridge.stop(), 0)
        self.overwrite("state.db")
        self.bridge.start()
        self.assertEqual(self.numbers(), {"a": 1, "b": 2, "c": 3})
        self.assertIn("state.db", self.bridge.output())
        self.broker.publish("th/a/telemetry", telemetry())
        self.broker.publish("th/a/status", "down")
        later = self.sink.wait("fbDeviceLost", "a")
        self.assertGreater(later.number(), lost.number(), "no event number is given twice")
        self.assertTrue(glob.glob(self.path("state.db.damaged-*")), "the damaged file is kept")

    def test_damaged_config_is_refused(self):
        self.assertEqual(self.bridge.stop(), 0)
        self.overwrite("config.db")
        self._refused("config.db", r"damaged|not a fleetbridge database")

    def test_newer_schema_is_refused(self):
        for name in ("config.db", "state.db"):
            with self.subTest(file=name):
                self.bridge.stop()
                database = sqlite3.connect(self.path(name))
                version = database.execute("PRAGMA user_version").fetchone()[0]
                self.assertGreater(version, 0)
                database.execute("PRAGMA user_version = 999")
                database.commit()
                self._refused(name, r"newer")
                database.execute(f"PRAGMA user_version = {version}")
                database.commit()
                database.close()
                self.bridge.start()
                self.assertEqual(self.numbers(), {"a": 1, "b": 2, "c": 3})

    def test_a_file_that_another_program_holds(self):
        database = sqlite3.connect(self.path("config.db"), isolation_level=None)
        database.execute("BEGIN IMMEDIATE")

        def told():
            self.broker.publish("th/d/telemetry", telemetry())
            return "config.db" in self.bridge.output()

        wait_until(told, 20, "the log names the file", every=0.5)
        self.broker.publish("th/a/telemetry", telemetry(t=1.5))
        value = lambda: self.bridge.manager.points(1)["temperature"]["fbPointValue"]
        wait_until(lambda: value() == "1.5", 10, "known devices are heard")
        self.assertEqual(self.numbers(), {"a": 1, "b": 2, "c": 3})
        database.execute("ROLLBACK")
        database.close()

        def arrives():
            self.broker.publish("th/d/telemetry", telemetry())
            return self.numbers().get("d") == 4

        wait_until(arrives, 10, "the new device", every=0.25)

    def test_a_held_file_does_not_keep_known_devices_waiting(self):
        """Many messages of new devices come meanwhile, and none of those of the old ones waits for them."""
        value = lambda: self.bridge.manager.points(1)["temperature"]["fbPointValue"]
        database = sqlite3.connect(self.path("config.db"), isolation_level=None)
        database.execute("BEGIN EXCLUSIVE")
        self.broker.publish("th/new/telemetry", telemetry(), "--repeat", "900")
        self.broker.publish("th/a/telemetry", telemetry(t=2.5))
        wait_until(lambda: value() == "2.5", 15, "it is heard")
        self.assertEqual(self.bridge.cli("device", "retire", "c").code, 1)
        self.broker.publish("th/new-2/telemetry", telemetry(), "--repeat", "900")
        self.broker.publish("th/a/telemetry", telemetry(t=3.5))
        wait_until(lambda: value() == "3.5", 5, "it is heard though a device is to be retired")
        database.execute("ROLLBACK")
        database.close()
        self.assertNotIn("not connected", self.bridge.output())

    def test_a_damaged_config_is_saved_as_the_readme_says(self):
        self.assertEqual(self.bridge.stop(), 0)
        path = self.path("config.db")
        for log in ("-wal", "-shm"):
            if os.path.exists(path + log):
                os.remove(path + log)
        database = sqlite3.connect(path)
        size = database.execute("PRAGMA page_size").fetchone()[0]
        page = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'audit'").fetchone()[0]
        database.close()
        with open(path, "r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xa5" * size)
        self.assertRegex(self.bridge.cli("check").out, r"config\.db is damaged[\s\S]*in the README")
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            commands = re.search(r"```\n(umask 077\nsqlite3 config\.db \.dump[\s\S]*?)```", file.read())[1]
        subprocess.run(["sh", "-ec", commands], cwd=self.bridge.folder, check=True, capture_output=True, timeout=20)
        self.assertEqual(oct(os.stat(path).st_mode & 0o777), "0o600")
        self.bridge.start()
        self.assertEqual(self.numbers(), {"a": 1, "b": 2, "c": 3})
        self.broker.publish("th/d/telemetry", telemetry())
        wait_until(lambda: self.numbers().get("d") == 4, 10, "new devices get numbers")

    def test_an_engine_file_that_is_rubbish(self):
        self.assertEqual(self.bridge.stop(), 0)
        with open(self.path("snmp-engine"), "w", encoding="ascii") as file:
            file.write("rubbish\n")
        self.bridge.start()
        self.assertIn("snmp-engine", self.bridge.output())
        self.assertEqual(self.numbers(), {"a": 1, "b": 2, "c": 3}, "v2c goes on")

    def _refused(self, name, words):
        self.bridge.spawn()
        self.assertNotIn(self.bridge.process.code(10), (0, None))
        self.assertIn(name, self.bridge.output())
        self.assertRegex(self.bridge.output(), words)
        self.assertNotIn("panicked", self.bridge.output())

    def test_a_lost_config_is_not_begun_anew(self):
        self.assertEqual(self.bridge.stop(), 0)
        os.rename(self.path("config.db"), self.path("copy"))
        self._refused("config.db", r"put back your copy of it, or move both away")
        self.assertFalse(os.path.exists(self.path("config.db")))
        answer = self.bridge.cli("check")
        self.assertEqual(answer.code, 1, answer.text)
        self.assertIn("put back your copy", answer.out)
        os.rename(self.path("copy"), self.path("config.db"))
        self.bridge.start()
        self.assertEqual(self.numbers(), {"a": 1, "b": 2, "c": 3})

    def test_check_tells_of_a_store_that_serve_refuses(self):
        self.assertEqual(self.bridge.stop(), 0)
        before = sorted(os.listdir(self.bridge.folder))
        self.assertEqual(self.bridge.cli("check").code, 0)
        database = sqlite3.connect(self.path("state.db"))
        version = database.execute("PRAGMA user_version").fetchone()[0]
        for value, code in ((999, 1), (version, 0)):
            database.execute(f"PRAGMA user_version = {value}")
            database.commit()
            answer = self.bridge.cli("check")
            self.assertEqual((answer.code, "newer fleetbridge" in answer.out), (code, code == 1), answer.text)
        database.close()
        self.overwrite("state.db")
        self.assertRegex(self.bridge.cli("check").out, r"warning: .*state\.db is damaged")
        self.overwrite("config.db")
        answer = self.bridge.cli("check")
        self.assertEqual(answer.code, 1)
        self.assertRegex(answer.out, r"config\.db is damaged")
        self.assertEqual(sorted(os.listdir(self.bridge.folder)), before, "nothing is left behind")

    def test_event_numbers_that_were_told_while_the_store_was_held(self):
        """After kill -9 they are not given to other events."""
        database = sqlite3.connect(self.path("state.db"), isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        self.broker.publish("th/a/status", "down")
        self.broker.publish("th/b/status", "down")
        told = [self.sink.wait("fbDeviceLost", name, seconds=20).number() for name in ("a", "b")]
        self.bridge.kill()
        database.execute("ROLLBACK")
        database.close()
        self.bridge.start()
        # What it was may never have been written.
        self.broker.publish("th/c/telemetry", telemetry())
        self.broker.publish("th/c/status", "down")
        self.assertGreater(self.sink.wait("fbDeviceLost", "c", seconds=20).number(), max(told))
        events = {(trap.number(), trap.name, trap.objects.get("fbDeviceName")) for trap in self.sink.all()}
        numbers = [number for number, *_ in events]
        self.assertEqual(len(numbers), len(set(numbers)), "no number is given to two events")
        # A clean stop leaves no gap.
        last = int(self.bridge.manager.get("fbFleetLastEvent.0"))
        self.assertEqual(self.bridge.stop(), 0)
        self.bridge.start(adapters=0)
        self.assertLess(int(self.bridge.manager.get("fbFleetLastEvent.0")), last + 20)
