"""The daemon under test: its boot file, its ports, its command line."""

import functools
import json
import os
import shutil
import signal
import socket
import subprocess

from .manager import ROOT, Answer, Manager
from .process import free_port, wait_until

# A device type with short times; {name}, {interval}, {missed} and {points} are filled in.
OWN_PROFILE = """\
[profile]
name = "{name}"
revision = "2026-11-22"
class = "sensor"
manufacturer = "ACME"
model = "TH-2"

[[uplink]]
topic = "{name}/{{device}}/telemetry"
decode = "json"

[[uplink]]
topic = "{name}/{{device}}/status"
presence = {{ online = "up", lost = "down" }}

[presence]
interval = "{interval}"
missed = {missed}

{points}
"""


class Bridge:
    """`communities`, `more` and `snmp`, which goes on after the keys of [snmp], are TOML; `mqtt` is a list of TOML bodies of
    [[mqtt]]. `traps` are addresses, told by v2c, or more of a target in TOML, of v3 all of it."""

    def __init__(self, case, mqtt=(), traps=(), communities=None, listen="127.0.0.1", more="", snmp="", folder=None, port=None):
        self._case = case
        self.folder = folder or os.path.join(case.folder, "bridge")
        os.makedirs(self.folder, exist_ok=True)
        self.port = port or free_port(socket.SOCK_DGRAM, listen)
        self.file = os.path.join(self.folder, "fleetbridge.toml")
        self.log = os.path.join(case.folder, "bridge.log")
        self.process = None
        communities = communities or ['{ name = "public", access = "read" }']
        whole = lambda target: target if " = " in target else f'target = "{target}"'
        community = lambda target: "" if 'version = "3"' in target else ', community = "public"'
        targets = [f"{{ {whole(target)}{community(target)} }}" for target in traps]
        adapters = "".join(f"[[mqtt]]\n{body}\n" for body in mqtt)
        head = "" if "[control]" in more else '[control]\nhttp = "off"\n'
        with open(self.file, "w", encoding="utf-8") as text:
            text.write(
                f"{head}{more}\n{adapters}[snmp]\nlisten = [\"{listen}:{self.port}\"]\n"
                f"communities = [{', '.join(communities)}]\ntraps = [{', '.join(targets)}]\n{snmp}\n"
            )
        os.chmod(self.file, 0o600)
        self.manager = Manager(case, self.port)

    def rewrite(self, change):
        """The boot file is as `change` makes it of its text."""
        with open(self.file, encoding="utf-8") as file:
            text = change(file.read())
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

    def profile(self, name, points, interval="5m", missed=3):
        """Writes an own profile; `points` is TOML."""
        text = OWN_PROFILE.format(name=name, interval=interval, missed=missed, points=points)
        folder = os.path.join(self.folder, "profiles")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{name}.toml"), "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, adapters=None):
        """Serves; returns once it answers SNMP and its adapters are up (all of the boot file, or so many)."""
        self.spawn()
        wait_until(self._answers, 20, "the bridge answers SNMP", every=0.02)
        with open(self.file, encoding="utf-8") as text:
            expected = text.read().count("[[mqtt]]") if adapters is None else adapters
        if expected:
            wait_until(lambda: self.adapters_up() >= expected, 10, f"{expected} adapters are up")
        return self

    def spawn(self):
        self.process = self._case.spawn([binary(), "serve", "--config", self.file], self.log, folder=self._case.folder)

    def adapters_up(self):
        states = self.manager.walk_column("1.3.6.1.4.1.32473.2.1.8.1.5")
        return sum(state == "2" for state in states.values())

    def kill(self):
        """kill -9"""
        self.process.kill()

    def stop(self, number=signal.SIGTERM, seconds=10):
        return self.process.stop(number, seconds)

    def output(self):
        return self.process.output() if self.process else ""

    def cli(self, *arguments, seconds=20):
        """A subcommand that talks to this daemon."""
        return fleetbridge(*arguments, "--config", self.file, seconds=seconds)

    def json(self, *arguments):
        answer = self.cli(*arguments, "--format", "json")
        if answer.code != 0:
            raise AssertionError(f"{arguments}: {answer.text}")
        return json.loads(answer.out)

    def _answers(self):
        if not self.process.running():
            raise AssertionError(f"the bridge ended with {self.process.code()}: {self.output()[-2000:]}")
        return self.manager.answers()


def fleetbridge(*arguments, seconds=20, folder=None, environment=None, feed=None):
    """`feed`: its standard input."""
    command = [binary(), *arguments]
    options = {"input": feed.encode()} if feed is not None else {}
    return Answer(subprocess.run(command, capture_output=True, timeout=seconds, cwd=folder, env=environment, **options))


@functools.cache
def binary():
    """FLEETBRIDGE_BIN, else what `cargo build --release` made."""
    path = os.environ.get("FLEETBRIDGE_BIN") or os.path.join(_target(), "release", "fleetbridge")
    if not os.access(path, os.X_OK):
        raise AssertionError(f"no {path}: run `cargo build --release`, or set FLEETBRIDGE_BIN")
    return path


def _target():
    if target := os.environ.get("CARGO_TARGET_DIR"):
        return os.path.join(ROOT, target)
    if not shutil.which("cargo"):
        return os.path.join(ROOT, "target")
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)["target_directory"]
