"""`fleetbridge demo`: the fleet that a new user sees."""

import os
import socket

from .bridge import binary, fleetbridge
from .manager import Manager
from .process import free_port, wait_until


class Demo:
    """So many devices, all of which have a number once this is made. They die and return as they like."""

    def __init__(self, case, devices=12):
        self.folder = os.path.join(case.folder, "demo")
        snmp, mqtt, netconf = free_port(socket.SOCK_DGRAM), free_port(), free_port()
        ports = ["--snmp", f"127.0.0.1:{snmp}", "--mqtt", f"127.0.0.1:{mqtt}", "--netconf", f"127.0.0.1:{netconf}"]
        command = [binary(), "demo", "--devices", str(devices), "--dir", self.folder, *ports]
        self.process = case.spawn(command, os.path.join(case.folder, "demo.log"), folder=case.folder)
        self.manager = Manager(case, snmp)
        wait_until(self.manager.answers, 20, "the demo answers SNMP")
        wait_until(lambda: len(self.names()) == devices, 20, f"{devices} devices")

    def names(self):
        return set(self.manager.devices())

    def online(self, profile):
        """The names of devices of a type that answer now."""
        rows = self.manager.devices().items()
        return [name for name, row in rows if row["fbDeviceProfile"] == profile and row["fbDevicePresence"] == "online"]

    def kit(self, tool, folder):
        """Templates and hosts."""
        for what in ([], ["--hosts"]):
            answer = fleetbridge("nms-kit", tool, "--out", folder, *what, "--config", os.path.join(self.folder, "fleetbridge.toml"))
            if answer.code != 0:
                raise AssertionError(answer.text)
