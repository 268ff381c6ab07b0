"""A snmptrapd that writes down what it is told."""

import os
import re
import socket

from .broker import tool
from .manager import MIBS, SUPPORT_MIBS, snmp_environment
from .process import free_port, wait_until

_SEPARATOR = " \x1f "


class Trap:
    """One notification: its name, and {object name without instance: text}."""

    def __init__(self, line):
        self.text = line
        self.objects = {}
        self.instances = {}
        self.order = []
        for varbind in line.split(_SEPARATOR):
            name, _, value = varbind.partition(" = ")
            name = name.strip().rpartition("::")[2]
            name, _, instance = name.partition(".")
            self.order.append(name)
            self.objects[name] = value.strip().strip('"')
            self.instances[name] = instance
        self.name = self.objects.get("snmpTrapOID", "").rpartition("::")[2]

    def number(self):
        return int(self.objects["fbEventNumber"])

    def __repr__(self):
        return f"Trap({self.text!r})"


class TrapSink:
    """`more`: further lines of its configuration. `engine`: octets of its engineID, which has been started `boots` times
    before; without it the engine is another at each start."""

    def __init__(self, case, name="trapd", community="public", more="", engine=None, boots=0):
        folder = os.path.join(case.folder, name)
        os.makedirs(folder)
        self.port = free_port(socket.SOCK_DGRAM)
        self.target = f"127.0.0.1:{self.port}"
        self._log = os.path.join(folder, "log")
        self._config = config = os.path.join(folder, "own.conf")
        self._kept = os.path.join(folder, "kept")
        os.makedirs(self._kept)
        self._community = community
        self.configure(more, engine, boots)
        command = [tool("snmptrapd"), "-f", "-A", "-Lf", self._log, "-OQ", "-c", config, "-p", os.path.join(folder, "pid")]
        command += ["-M", f"{MIBS}:{SUPPORT_MIBS}", "-m", "FLEETBRIDGE-MIB:SNMPv2-MIB", f"udp:{self.target}"]
        # What it keeps is read from there alone.
        environment = snmp_environment(folder) | {"SNMPCONFPATH": self._kept, "SNMP_PERSISTENT_DIR": self._kept}
        self._spawn = lambda: case.spawn(command, os.path.join(folder, "out"), environment=environment)
        self._starts = 0
        self.start()

    def configure(self, more, engine=None, boots=0):
        """Takes effect when it is started again."""
        if engine:
            more += f"exactEngineID 0x{engine}\n"
            with open(os.path.join(self._kept, "snmptrapd.conf"), "w", encoding="utf-8") as text:
                text.write(f"engineBoots {boots}\noldEngineID 0x{engine}\n")
        with open(self._config, "w", encoding="utf-8") as text:
            # Of v1: enterprise, generic and specific number, agent address; %b has the protocol.
            text.write(
                f"authCommunity log {self._community}\nformat2 TRAP%V{_SEPARATOR}%v\\n\n"
                f"format1 VERSION1 %N %w %q %a %V{_SEPARATOR}%v\\n\n{more}\n"
            )

    def restart(self, *configuration):
        self.stop()
        self.configure(*configuration)
        self.start()

    def start(self):
        self._process = self._spawn()
        self._starts += 1
        wait_until(lambda: self._text().count("NET-SNMP version") >= self._starts, 10, "snmptrapd is up")

    def stop(self):
        self._process.kill()

    def version_1(self):
        """[enterprise, generic, specific, agent address] and {object: text} of each v1 trap so far."""
        found = []
        for line in re.findall(r"^VERSION1 (.*)\n", self._text(), re.MULTILINE):
            head, _, objects = line.partition(_SEPARATOR)
            found.append((head.split(), Trap(objects).objects))
        return found

    def last_words(self):
        """{device: its last notification} of fbDeviceLost and fbDeviceReturned."""
        told = [trap for trap in self.all() if trap.name in ("fbDeviceLost", "fbDeviceReturned")]
        return {trap.objects["fbDeviceName"]: trap.name for trap in told}

    def all(self):
        """Every notification so far, oldest first."""
        # A line that is being written has no end yet.
        lines = re.findall(r"^TRAP(.*)\n", self._text(), re.MULTILINE)
        return [Trap(line) for line in lines]

    def named(self, name, device=None):
        return [trap for trap in self.all() if trap.name == name and device in (None, trap.objects.get("fbDeviceName"))]

    def wait(self, name, device=None, seconds=5, count=1):
        """The first notification of that name (about that device), once there are `count` of them."""
        what = f"{count} x {name} about {device or 'anything'}"
        try:
            return wait_until(lambda: len(found := self.named(name, device)) >= count and found, seconds, what)[count - 1]
        except AssertionError as error:
            raise AssertionError(f"{error}; told so far: {[trap.name for trap in self.all()]}") from None

    def _text(self):
        try:
            with open(self._log, "rb") as log:
                return log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
