"""An MQTT 3.1.1 publisher on a plain socket: QoS 0, as fast as Python can."""

import socket
import struct


class Publisher:
    def __init__(self, port, client="load", address="127.0.0.1"):
        self._socket = socket.create_connection((address, port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = _text("MQTT") + bytes([4, 2]) + struct.pack("!H", 0) + _text(client)
        self._socket.sendall(b"\x10" + _length(len(head)) + head)
        answer = self._socket.recv(4)
        if answer != b"\x20\x02\x00\x00":
            self._socket.close()
            raise ConnectionError(f"CONNACK {answer.hex()}")

    def publish(self, topic, payload, retain=False):
        self._socket.sendall(publication(topic, payload, retain))

    def send(self, packets):
        """Packets made by `publication`, joined."""
        self._socket.sendall(packets)

    def drained(self):
        """PINGREQ and its answer: the broker has read everything before it."""
        self._socket.settimeout(120)
        self._socket.sendall(b"\xc0\x00")
        return self._socket.recv(2) == b"\xd0\x00"

    def close(self):
        try:
            self._socket.sendall(b"\xe0\x00")
        except OSError:
            pass
        self._socket.close()


def publication(topic, payload, retain=False):
    """A PUBLISH packet (MQTT 3.1.1, section 3.3) at QoS 0."""
    body = _text(topic) + payload.encode()
    return bytes([0x31 if retain else 0x30]) + _length(len(body)) + body


def _text(text):
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def _length(length):
    out = bytearray()
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(out)
