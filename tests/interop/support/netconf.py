"""NETCONF clients as people use them: ncclient with a key or a password."""

import os
import re
import socket
import subprocess
import xml.etree.ElementTree as ET

from .process import free_port, wait_until

FB = "urn:fleetbridge:yang:fleetbridge"
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
TASMOTA = "urn:fleetbridge:yang:profile:tasmota"


BASE_1_0, BASE_1_1 = "urn:ietf:params:netconf:base:1.0", "urn:ietf:params:netconf:base:1.1"


def hello(*capabilities, more=""):
    """A client's `<hello>`."""
    uris = "".join(f"<capability>{uri}</capability>" for uri in capabilities)
    return f'<hello xmlns="{NC}"><capabilities>{uris}</capabilities>{more}</hello>'


HELLO = hello(BASE_1_0, BASE_1_1)


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

    def raw(self, role="administer", hello=HELLO):
        """A session that sends what it is told, to be closed; `hello`: what it says first."""
        return RawSession(self.port, role, self.key(role), hello)

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


class RawSession:
    """NETCONF over paramiko's channel with framing of our own, so that what is wrong can be sent too."""

    def __init__(self, port, user, key, hello):
        import paramiko

        link = socket.create_connection(("127.0.0.1", port), 10)
        self._transport = paramiko.Transport(link)
        self._transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
        self._channel = self._transport.open_session()
        self._channel.settimeout(10)
        self._channel.invoke_subsystem("netconf")
        self._received, self._early, self._last_id = b"", [], 0
        self.chunked = False
        self.hello = self.receive()
        self.id = int(re.search(r"<session-id>(\d+)<", self.hello)[1])
        if hello is not None:
            self.send(hello)
            self.chunked = BASE_1_1 in hello

    def send(self, *messages):
        self.send_bytes(b"".join(map(self._frame, messages)))

    def send_bytes(self, data):
        """Without framing."""
        self._channel.sendall(data)

    def receive(self):
        """The next message; EOFError if the server has closed."""
        return self._early.pop(0) if self._early else self._message()

    def pending(self):
        """The messages that have come already."""
        found = []
        while self._early or self._received or self._channel.recv_ready():
            found.append(self.receive())
        return found

    def rpc(self, content, attributes=""):
        """The answer to a well-formed `<rpc>` with this content; notifications before it are received after it."""
        self._last_id += 1
        self.send(f'<rpc xmlns="{NC}" message-id="{self._last_id}"{attributes}>{content}</rpc>')
        while "<notification " in (message := self._message()):
            self._early.append(message)
        return message

    def ask(self, message):
        """The answer to a message as it stands."""
        self.send(message)
        return self.receive()

    def ended(self):
        """Whether the server closes, and says nothing before."""
        try:
            return not self.receive()
        except EOFError:
            return True

    def close(self):
        self._transport.close()

    def _message(self):
        return (self._chunks() if self.chunked else self._until(b"]]>]]>")).decode()

    def _frame(self, message):
        data = message if isinstance(message, bytes) else message.encode()
        return b"\n#%d\n%s\n##\n" % (len(data), data) if self.chunked else data + b"]]>]]>"

    def _chunks(self):
        """RFC 6242, section 4.2."""
        pieces = []
        while True:
            self._until(b"\n#")
            size = self._until(b"\n")
            if size == b"#":
                return b"".join(pieces)
            while len(self._received) < int(size):
                self._read()
            pieces.append(self._received[: int(size)])
            self._received = self._received[int(size) :]

    def _until(self, delimiter):
        while delimiter not in self._received:
            self._read()
        piece, _, self._received = self._received.partition(delimiter)
        return piece

    def _read(self):
        data = self._channel.recv(65536)
        if not data:
            raise EOFError(self._received)
        self._received += data


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
