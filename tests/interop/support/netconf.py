"""NETCONF clients as people use them: ncclient with a key or a password."""

import os
import subprocess
import xml.etree.ElementTree as ET

from .process import free_port, wait_until

FB = "urn:fleetbridge:yang:fleetbridge"
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
TASMOTA = "urn:fleetbridge:yang:profile:tasmota"


class Netconf:
    """The part of a boot file that makes a bridge a NETCONF server, with a key for each role."""

    ROLES = ("read", "operate", "administer")

    def __init__(self, case):
        self._case = case
        self.folder = os.path.join(case.folder, "netconf")
        os.makedirs(self.folder)
        self.port = free_port()
        for name in ("host", *self.ROLES):
            path = os.path.join(self.folder, name)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        users = "".join(self._user(role) for role in self.ROLES)
        host = os.path.join(self.folder, "host")
        self.section = f'[netconf]\nssh = ["127.0.0.1:{self.port}"]\nhost-keys = ["{host}"]\n{users}'

    def key(self, role):
        return os.path.join(self.folder, role)

    def connect(self, role="administer", **options):
        from ncclient import manager

        def session():
            try:
                return manager.connect(
                    host="127.0.0.1", port=self.port, username=role, key_filename=self.key(role), hostkey_verify=False,
                    allow_agent=False, look_for_keys=False, timeout=30, **options,
                )
            except OSError:
                return None

        session = wait_until(session, 10, "the NETCONF server answers")
        self._case.addCleanup(lambda: session.connected and session.close_session())
        return session

    def ssh(self, role, *options):
        """The command line of OpenSSH."""
        return [
            "ssh", "-s", "-p", str(self.port), "-i", self.key(role), "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", *options,
            f"{role}@127.0.0.1", "netconf",
        ]

    def _user(self, role):
        with open(f"{self.key(role)}.pub", encoding="utf-8") as text:
            key = text.read().strip()
        return f'[[user]]\nname = "{role}"\nrole = "{role}"\nssh-keys = ["{key}"]\n'


def config(*devices):
    """The `<config>` of an edit; devices are XML."""
    return f'<config xmlns="{NC}" xmlns:nc="{NC}"><fleet xmlns="{FB}">{"".join(devices)}</fleet></config>'


def setting(device, name, value, profile="tasmota"):
    leaf = f"<{name}>{value}</{name}>"
    container = f'<{profile} xmlns="urn:fleetbridge:yang:profile:{profile}">{leaf}</{profile}>'
    return f"<device><name>{device}</name><settings>{container}</settings></device>"


def subtree(device, content=""):
    return ("subtree", f'<fleet xmlns="{FB}"><device><name>{device}</name>{content}</device></fleet>')


def find(reply, path):
    """Elements of a reply, by a path of names of our module; `*:` for any namespace."""
    tree = ET.fromstring(reply.data_xml if hasattr(reply, "data_xml") else reply.xml)
    steps = [step if step.startswith("{") else f"{{{FB}}}{step}" for step in path.split("/")]
    return tree.findall("./" + "/".join(steps))


def text(reply, path):
    found = find(reply, path)
    return found[0].text if found else None
