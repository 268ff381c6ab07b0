"""The command line as a user types it."""

import csv
import io
import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
from urllib.request import urlopen

from support import Bridge, Broker, Case, free_port, snmp_environment, wait_until
from support.bridge import binary, fleetbridge
from support.fleet import POINTS, adapter, telemetry

BROKEN = """\
[store]
path = "."

[snmp]
listn = ["127.0.0.1:1161"]
communities = [{ name = "public", acces = "read" }]

[limits]
payload = "lots"

[[mqtt]]
name = "plant"
url = "mqtt://me:secret@127.0.0.1:1883"
protocol = "4"
profiles = ["tasmotta"]

[mqt]
"""


class BootFileTest(Case):
    def test_check_names_every_problem(self):
        file = self.write("fleetbridge.toml", BROKEN)
        answer = fleetbridge("check", "--config", file)
        self.assertEqual(answer.code, 1)
        wanted = {5: "listen", 6: "access", 9: "payload", 13: "credentials", 14: "3.1.1", 15: "tasmota", 17: "mqtt"}
        for line, word in wanted.items():
            told = [said for said in answer.lines() if f"fleetbridge.toml:{line}:" in said]
            self.assertTrue(told, f"nothing about line {line} in:\n{answer.text}")
            self.assertIn(word, " ".join(told))
        self.assertNotIn("secret@", answer.text)

    def test_check_reads_profiles(self):
        file = self.write("fleetbridge.toml", '[[mqtt]]\nname = "a"\nurl = "mqtt://127.0.0.1"\n')
        os.chmod(file, 0o600)
        self.write("profiles/bad.toml", '[profile]\nname = "bad"\nrevision = "2026-11-22"\nclas = "sensor"\n\n[[point]]\nname = "t"\ntype = "decimul"\n')
        answer = fleetbridge("check", "--config", file)
        self.assertEqual(answer.code, 1, answer.text)
        self.assertRegex(answer.out, r"bad\.toml:4: .*class")
        self.assertRegex(answer.out, r"bad\.toml:8: .*decimal")

    def test_check_of_a_good_file(self):
        bridge = Bridge(self)
        bridge.profile("th", POINTS)
        answer = bridge.cli("check")
        self.assertEqual(answer.code, 0, answer.text)
        self.assertIn("0 errors", answer.out)

    def test_check_tries_folders_and_addresses(self):
        store = self.write("a-file", "")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            bridge = Bridge(self, port=taken.getsockname()[1], more=f'[store]\npath = "{store}/store"\n')
            answer = bridge.cli("check")
        self.assertEqual(answer.code, 0, "it may be right on another host")
        self.assertRegex(answer.out, r"warning: \[store\] path: nothing can be written")
        self.assertRegex(answer.out, rf"warning: \[snmp\] listen: UDP 127\.0\.0\.1:{bridge.port} cannot be listened on")
        self.assertIn("2 warnings", answer.out)
        running = Bridge(self, folder=os.path.join(self.folder, "running")).start()
        answer = running.cli("check")
        self.assertIn("a daemon answers at", answer.out)
        self.assertIn("0 warnings", answer.out)
        left = [name for name in os.listdir(running.folder) if "check" in name]
        self.assertEqual(left, [])

    def test_only_regular_files_are_read(self):
        """A FIFO would keep check, serve and a reload waiting for a writer."""
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo, 0o600)
        for file in (fifo, self.folder):
            answer = fleetbridge("check", "--config", file, seconds=5)
            self.assertEqual(answer.code, 1)
            self.assertIn("not a regular file", answer.out)
            self.assertNotIn("()", answer.out)
        bodies = {
            "users-file": f'[broker]\nusers-file = "{fifo}"\n',
            "password-file": f'[[mqtt]]\nname = "a"\nurl = "mqtt://127.0.0.1"\nuser = "u"\npassword-file = "{fifo}"\n',
            "ca-file": f'[[mqtt]]\nname = "a"\nurl = "mqtts://127.0.0.1"\nca-file = "{fifo}"\n',
        }
        for key, body in bodies.items():
            with self.subTest(key=key):
                answer = fleetbridge("check", "--config", self.write(f"{key}.toml", body), seconds=5)
                self.assertEqual(answer.code, 1)
                self.assertIn(fifo, answer.out)
                self.assertNotIn("hears nothing", answer.out)
        bridge = Bridge(self)
        os.makedirs(os.path.join(bridge.folder, "profiles"))
        os.mkfifo(os.path.join(bridge.folder, "profiles", "own.toml"))
        self.assertIn("not a regular file", bridge.cli("check", seconds=5).out)

    def test_a_users_file_that_became_a_fifo(self):
        users = self.write("users", fleetbridge("password", "plug", feed="secret\n").out)
        os.chmod(users, 0o600)
        port = free_port()
        bridge = Bridge(self, more=f'[broker]\nlisten = "127.0.0.1:{port}"\nusers-file = "{users}"\n').start()
        os.remove(users)
        os.mkfifo(users, 0o600)
        os.kill(bridge.process.pid, signal.SIGHUP)
        wait_until(lambda: "the broker's former users stay" in bridge.output(), 5, "the log says so")
        self.assertEqual(bridge.stop(), 0)

    def test_files_that_the_broker_needs(self):
        port = free_port()
        bridge = Bridge(self, more=f'[broker]\nlisten = "127.0.0.1:{port}"\nmax-clients = 2000\n')
        serve = [binary(), "serve", "--config", bridge.file]
        refused = subprocess.run(["prlimit", "--nofile=1024:2000", *serve], capture_output=True, text=True, timeout=10)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("max-clients 2000 takes 2200 open files, and this process may have 2000", refused.stderr)
        told = subprocess.run(["prlimit", "--nofile=1024:2000", *serve[:1], "check", *serve[2:]], capture_output=True, text=True, timeout=10)
        self.assertIn("warning: [broker] max-clients 2000 takes 2200 open files", told.stdout)
        bridge.spawn = lambda: setattr(bridge, "process", self.spawn(["prlimit", "--nofile=1024:4096", *serve], bridge.log))
        bridge.start()
        with open(f"/proc/{bridge.process.pid}/limits", encoding="ascii") as limits:
            self.assertRegex(limits.read(), r"Max open files +4096 +4096")

    def test_files_that_ports_of_devices_need(self):
        bridge = Bridge(self, more='[snmp.devices]\nports = "61000-61985"\n')
        limited = ["prlimit", "--nofile=1024:1024", binary()]
        command = {name: [*limited, name, "--config", bridge.file] for name in ("serve", "check")}
        done = {name: subprocess.run(line, capture_output=True, text=True, timeout=10) for name, line in command.items()}
        self.assertEqual(done["serve"].returncode, 1)
        self.assertIn("[snmp.devices] ports (986) takes 1186 open files, and this process may have 1024", done["serve"].stderr)
        self.assertIn("warning: [snmp.devices] ports (986) takes 1186 open files", done["check"].stdout)

    def test_an_edited_profile_needs_a_new_revision(self):
        bridge = Bridge(self)
        bridge.profile("th", POINTS)
        bridge.start()
        bridge.stop()
        bridge.profile("th", POINTS + "\n# a comment changes nothing\n")
        self.assertEqual(bridge.cli("check").code, 0)
        bridge.profile("th", POINTS.replace('"rssi"\nfrom', '"signal"\nfrom', 1))
        told = r"profiles/th\.toml: warning: .* with another text; give it a new revision"
        self.assertRegex(bridge.cli("check").out, told)
        bridge.start()
        self.assertRegex(bridge.output(), "with another text")

    def test_serve_refuses_what_check_refuses(self):
        file = self.write("fleetbridge.toml", BROKEN)
        answer = fleetbridge("serve", "--config", file)
        self.assertEqual(answer.code, 1)
        self.assertIn("fleetbridge.toml:5:", answer.text)
        self.assertEqual(sorted(os.listdir(self.folder)), ["fleetbridge.toml"], "nothing was begun")

    def test_file_from_the_environment(self):
        file = self.write("other.toml", BROKEN)
        answer = fleetbridge("check", environment={**os.environ, "FLEETBRIDGE_CONFIG": file})
        self.assertIn("other.toml:5:", answer.out)
        answer = fleetbridge("check", "--config", os.path.join(self.folder, "none.toml"))
        self.assertEqual(answer.code, 1)
        self.assertIn("none.toml", answer.text)

    def test_init_makes_a_file_that_passes_and_is_never_overwritten(self):
        folder = os.path.join(self.folder, "new", "fleet")
        self.assertEqual(fleetbridge("init", folder).code, 0)
        file = os.path.join(folder, "fleetbridge.toml")
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        self.assertEqual(fleetbridge("check", "--config", file).code, 0)
        with open(file, encoding="utf-8") as text:
            first = text.read()
        with open(file, "a", encoding="utf-8") as text:
            text.write("# mine\n")
        again = fleetbridge("init", folder)
        self.assertEqual(again.code, 1)
        self.assertIn("fleetbridge.toml", again.text)
        with open(file, encoding="utf-8") as text:
            self.assertEqual(text.read(), first + "# mine\n")

    def test_wrong_use_and_help(self):
        self.assertEqual(fleetbridge("--version").code, 0)
        self.assertRegex(fleetbridge("--version").out, r"^fleetbridge \d+\.\d+\.\d+\n$")
        self.assertEqual(fleetbridge("reprot").code, 2)
        self.assertIn("report", fleetbridge("reprot").error)
        help_text = fleetbridge("--help").out
        for command in ("demo", "serve", "check", "init", "status", "device", "report", "mibs", "profile"):
            self.assertRegex(help_text, rf"(?m)^  {command} ")
            self.assertEqual(fleetbridge(command, "--help").code, 0)


class RunningTest(Case):
    def setUp(self):
        self.broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["th"]')])
        self.bridge.profile("th", POINTS)

    def fleet(self, *names):
        self.bridge.start()
        for name in names:
            self.broker.publish(f"th/{name}/telemetry", telemetry())
        online = str(len(names))
        wait_until(lambda: self.bridge.manager.get("fbFleetOnline.0") == online, 3, f"{online} devices")

    def test_without_a_daemon(self):
        for command in (["status"], ["device", "list"], ["report", "missing"]):
            answer = self.bridge.cli(*command)
            self.assertEqual(answer.code, 1)
            self.assertIn("control.sock", answer.error)
            self.assertNotIn("panicked", answer.error)

    def test_status(self):
        self.fleet("dev-1", "dev-2")
        status = self.bridge.json("status")
        self.assertEqual((status["devices"]["total"], status["devices"]["online"]), (2, 2))
        self.assertEqual(status["adapters"][0]["name"], "plant")
        self.assertEqual(status["adapters"][0]["state"], "up")
        self.assertEqual((status["messages"], status["unknown"], status["problems"]), (2, 0, []))
        text = self.bridge.cli("status").out
        self.assertRegex(text, r"devices +2: 2 online")
        self.assertIn("plant", text)

    def test_devices(self):
        self.fleet("dev-1", "dev-2", "dev-3")
        listed = self.bridge.json("device", "list")
        self.assertEqual([(row["device"], row["number"], row["presence"]) for row in listed],
                         [("dev-1", 1, "online"), ("dev-2", 2, "online"), ("dev-3", 3, "online")])
        shown = self.bridge.json("device", "show", "dev-2")
        self.assertEqual((shown["device"], shown["number"], shown["profile"]), ("dev-2", 2, "th"))
        values = {point["name"]: (point["number"], point["value"]) for point in shown["points"]}
        snmp = {name: (row["number"], row["fbPointValue"]) for name, row in self.bridge.manager.points(2).items()}
        self.assertEqual(values, snmp, "both northbounds show the same")
        self.assertRegex(self.bridge.cli("device", "show", "dev-2").out, r"temperature +21\.5 +celsius +good")
        self.assertEqual(self.bridge.cli("device", "show", "nobody").code, 1)

        retired = self.bridge.cli("device", "retire", "dev-2")
        self.assertEqual(retired.code, 0, retired.text)
        self.assertEqual(sorted(self.bridge.manager.devices()), ["dev-1", "dev-3"])
        self.assertEqual([row["device"] for row in self.bridge.json("device", "list")], ["dev-1", "dev-3"])
        self.assertEqual(self.bridge.manager.points(2), {})
        # Its number stays its own: over a restart, beside new devices, and when it comes back.
        self.bridge.kill()
        self.bridge.start()
        self.assertEqual(sorted(self.bridge.manager.devices()), ["dev-1", "dev-3"])
        self.broker.publish("th/dev-2/status", "down")  # its last will
        self.broker.publish("th/dev-4/telemetry", telemetry())
        wait_until(lambda: "dev-4" in self.bridge.manager.devices(), 2, "another device")
        self.assertNotIn("dev-2", self.bridge.manager.devices(), "what the broker says in its place is no sign of life")
        self.assertEqual(self.bridge.manager.devices()["dev-4"]["number"], 4)
        self.broker.publish("th/dev-2/telemetry", telemetry())
        wait_until(lambda: "dev-2" in self.bridge.manager.devices(), 2, "the retired device is heard again")
        self.assertEqual(self.bridge.manager.devices()["dev-2"]["number"], 2)

    def test_reports(self):
        self.fleet("dev-1", "dev-2")
        self.broker.publish("th/dev-1/status", "down")
        wait_until(lambda: self.bridge.manager.get("fbFleetLost.0") == "1", 2, "one is lost")
        for report, devices in (("missing", ["dev-1"]), ("inventory", ["dev-1", "dev-2"]), ("software", ["dev-1", "dev-2"])):
            objects = self.bridge.json("report", report)
            self.assertEqual([row["device"] for row in objects], devices, report)
            lines = list(csv.DictReader(io.StringIO(self.bridge.cli("report", report, "--format", "csv").out)))
            self.assertEqual([row["device"] for row in lines], devices, report)
            self.assertEqual(list(lines[0]), list(objects[0]), "the same columns")
            table = self.bridge.cli("report", report).lines()
            self.assertEqual([line.split()[0] for line in table], ["DEVICE", *devices], report)
        self.assertEqual(self.bridge.json("report", "missing", "--profile", "tasmota"), [])
        self.assertEqual(len(self.bridge.json("report", "missing", "--since", "1m")), 1)
        self.assertEqual(self.bridge.json("report", "inventory", "--site", "moon"), [])
        self.assertEqual(self.bridge.cli("report", "mising").code, 2)

    def test_mibs_and_the_printed_command(self):
        self.fleet("dev-1")
        folder = os.path.join(self.folder, "mibs for all")
        answer = self.bridge.cli("mibs", "--dir", folder)
        self.assertEqual(answer.code, 0, answer.text)
        command = next(line for line in answer.lines() if line.strip().startswith("snmptable"))
        self.assertIn(folder, shlex.split(command))
        empty = os.path.join(self.folder, "empty")
        os.makedirs(empty)
        done = subprocess.run(command, shell=True, capture_output=True, timeout=20, cwd=empty, env=snmp_environment(empty))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, b"", "no complaint about the MIBs")
        self.assertIn(b"SNMP table: FLEETBRIDGE-MIB::fbDeviceTable", done.stdout)
        self.assertIn(b"dev-1", done.stdout)

    def test_what_nobody_understands(self):
        self.fleet()
        deep = "[" * 100 + "]" * 100
        messages = {
            "th/dev/telemetry": "{not json",
            "th/deep/telemetry": deep,
            "th/large/telemetry": json.dumps({"t": 1, "pad": "x" * 300_000}),
            "th/odd/status": "sideways",
        }
        for topic, payload in messages.items():
            self.broker.publish(topic, payload)
        wait_until(lambda: self.bridge.json("status")["unknown"] == len(messages), 3, "all are counted")
        self.assertEqual(self.bridge.manager.get("fbFleetUnknownMessages.0"), str(len(messages)))
        unknown = self.bridge.json("status", "--unknown")
        self.assertEqual({message["topic"] for message in unknown["last"]}, set(messages))
        self.assertEqual(sum(count["count"] for count in unknown["counts"]), len(messages))
        for message in unknown["last"]:
            self.assertRegex(message["reason"], r"^[a-z-]+$")
            self.assertLess(len(message["payload"]), 1000)
            self.assertTrue(messages[message["topic"]].startswith(message["payload"][:50]))
        text = self.bridge.cli("status", "--unknown").out
        for topic in messages:
            self.assertIn(topic, text)
        self.assertEqual(self.bridge.manager.devices(), {})

    def test_metrics(self):
        port = free_port()
        self.bridge.rewrite(lambda boot: boot.replace('http = "off"', f'http = "127.0.0.1:{port}"'))
        self.fleet("dev-1")
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            metrics = answer.read().decode()
        self.assertTrue(re.search(r'(?m)^fleetbridge_devices\{presence="online"\} 1$', metrics), metrics)
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            self.assertEqual(answer.status, 200)
