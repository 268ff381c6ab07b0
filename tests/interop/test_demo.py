"""`fleetbridge demo` as a new user tries it."""

import os
import re
import signal
import socket
import subprocess

from support import Case, Manager, free_port, snmp_environment, wait_until
from support.bridge import binary

# What a printed command begins with.
COMMAND = re.compile(r"^\s*(?:\$ )?((?:snmp\w+|mosquitto_\w+|ssh|python3|fleetbridge|\S*/fleetbridge|cargo run) .*)$")


class DemoTest(Case):
    def demo(self):
        self.snmp = free_port(socket.SOCK_DGRAM)
        self.mqtt = free_port()
        self.netconf = free_port()
        self.dir = os.path.join(self.folder, "demo dir")
        ports = ["--snmp", f"127.0.0.1:{self.snmp}", "--mqtt", f"127.0.0.1:{self.mqtt}", "--netconf", f"127.0.0.1:{self.netconf}"]
        command = [binary(), "demo", "--devices", "20", "--dir", self.dir, *ports]
        self.process = self.spawn(command, os.path.join(self.folder, "demo.log"), folder=self.folder)
        return self.process

    def ready(self):
        manager = Manager(self, self.snmp)

        def answers():
            self.assertTrue(self.process.running(), self.process.output())
            return manager.answers()

        wait_until(answers, 20, "the demo answers SNMP")
        wait_until(self.commands, 10, "commands are printed")
        return manager

    def commands(self):
        found = [match.group(1) for match in map(COMMAND.match, self.process.output().splitlines()) if match]
        return [command for command in found if " demo " not in command]

    def test_it_lives_and_its_commands_work_as_pasted(self):
        self.demo()
        manager = self.ready()
        wait_until(lambda: len(manager.devices()) >= 20, 20, "20 devices")
        devices = manager.devices()
        self.assertGreaterEqual(len({row["fbDeviceProfile"] for row in devices.values()}), 3, "device types")
        self.assertTrue(any(row["fbDeviceParent"] != "0" for row in devices.values()), "a gateway with children")

        empty = os.path.join(self.folder, "home")
        os.makedirs(empty)
        environment = snmp_environment(empty)
        environment["PATH"] = os.path.dirname(binary()) + ":" + environment["PATH"]
        commands = self.commands()
        self.assertTrue(any(command.startswith("snmptable") for command in commands), commands)
        for start in ("ssh ", "python3 "):
            self.assertTrue(any(command.startswith(start) for command in commands), commands)
        for command in commands:
            # Some listen until they are ended.
            done = subprocess.run(
                ["timeout", "5", "bash", "-c", command], capture_output=True, env=environment, cwd=self.folder
            )
            said = (done.stdout + done.stderr).decode("utf-8", "replace")
            self.assertIn(done.returncode, (0, 124), f"{command}\n{said}")
            self.assertTrue(done.stdout or "mosquitto_pub" in command, f"{command} shows nothing")
            self.assertNotRegex(said, r"Cannot find module|Unlinked OID|Unknown Object|Timeout", command)

        values = lambda: manager.walk_column("1.3.6.1.4.1.32473.2.1.3.1.4")
        before = values()
        wait_until(lambda: values() != before, 20, "values change")
        lost = {}

        def some_lost():
            lost.update({row["fbMissingName"]: index for index, row in manager.table("fbMissingTable").items()})
            return lost

        wait_until(some_lost, 60, "a device is lost", every=0.25)
        wait_until(lambda: next(iter(lost)) in self.process.output(), 20, "the demo tells of it")

        def one_returned():
            some_lost()
            missing = {row["fbMissingName"] for row in manager.table("fbMissingTable").values()}
            return set(lost) - missing

        wait_until(one_returned, 60, "a device returns", every=0.25)
        self._ends(signal.SIGINT)

    def test_sigterm(self):
        self.demo()
        self.ready()
        self._ends(signal.SIGTERM)

    def test_a_taken_port_names_its_option(self):
        for option, kind in (("--snmp", socket.SOCK_DGRAM), ("--mqtt", socket.SOCK_STREAM), ("--netconf", socket.SOCK_STREAM)):
            with self.subTest(option=option), socket.socket(socket.AF_INET, kind) as taken:
                taken.bind(("127.0.0.1", 0))
                if kind == socket.SOCK_STREAM:
                    taken.listen()
                port = taken.getsockname()[1]
                process = self._demo_on(option, port)
                self.assertNotIn(process.code(15), (0, None), process.output())
                self.assertIn(option, process.output())
                self.assertIn(str(port), process.output())
                self.assertNotIn("panicked", process.output())

    def _demo_on(self, option, port):
        ports = {"--snmp": free_port(socket.SOCK_DGRAM), "--mqtt": free_port(), "--netconf": free_port()}
        ports[option] = port
        command = [binary(), "demo", "--devices", "3", "--dir", os.path.join(self.folder, f"taken{option}")]
        for name, number in ports.items():
            command += [name, f"127.0.0.1:{number}"]
        return self.spawn(command, os.path.join(self.folder, f"demo{option}.log"), folder=self.folder)

    def _ends(self, number):
        self.process.send(number)
        self.assertEqual(self.process.code(15), 0, self.process.output()[-2000:])
        self.assertNotIn("panicked", self.process.output())
        with self.assertRaises(ProcessLookupError, msg="a process is left"):
            os.killpg(self.process.pid, 0)
        for kind, port in ((socket.SOCK_DGRAM, self.snmp), (socket.SOCK_STREAM, self.mqtt), (socket.SOCK_STREAM, self.netconf)):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
                probe.bind(("127.0.0.1", port))
