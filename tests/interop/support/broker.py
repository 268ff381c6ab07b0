"""A mosquitto of the test's own, and mosquitto's clients."""

import os
import shutil
import socket
import subprocess

from .process import free_port, wait_until


class Broker:
    """Keeps its port, and what is retained, over stop() and start(). `more` is of mosquitto.conf."""

    def __init__(self, case, name="mosquitto", more=(), login=None):
        self._case = case
        self.folder = os.path.join(case.folder, name)
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.client = ["-h", "127.0.0.1", "-p", str(self.port)] + (["-u", login[0], "-P", login[1]] if login else [])
        self.log = os.path.join(self.folder, "log")
        self._config = os.path.join(self.folder, "mosquitto.conf")
        with open(self._config, "w", encoding="utf-8") as config:
            config.write(
                f"listener {self.port} 127.0.0.1\n"
                + ("" if login else "allow_anonymous true\n")
                + "".join(f"{line}\n" for line in more)
                + "user root\n"
                "persistence true\n"
                f"persistence_location {self.folder}/\n"
                "max_queued_messages 0\n"
                "log_dest stderr\n"
            )
        self.start()

    def start(self):
        self.process = self._case.spawn([tool("mosquitto"), "-c", self._config], self.log)
        wait_until(self._listens, 10, "mosquitto listens")

    def stop(self):
        self.process.stop()

    def publish(self, topic, payload, *options):
        """With mosquitto_pub, at QoS 1: when this returns, the broker has it."""
        command = ["mosquitto_pub", *self.client, "-q", "1", "-t", topic]
        command += ["-s"] if payload else ["-n"]
        subprocess.run(command + list(options), input=payload.encode(), check=True, timeout=10, capture_output=True)

    def retain(self, topic, payload):
        self.publish(topic, payload, "-r")

    def connections(self, client):
        """How often that client id has connected so far."""
        return self.process.output().count(f" as {client} (")

    def _listens(self):
        if not self.process.running():
            raise AssertionError("mosquitto ended: " + self.process.output())
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Will:
    """A device's connection with a last will: mosquitto_sub, listening for its commands."""

    def __init__(self, case, broker, device, payload="Offline", topic=None, protocol="mqttv311"):
        log = os.path.join(case.folder, f"will-{device}.log")
        topic = topic or f"tele/{device}/LWT"
        command = ["mosquitto_sub", *broker.client, "-i", device, "-V", protocol]
        command += ["-t", f"cmnd/{device}/#", "--will-topic", topic, "--will-payload", payload]
        before = broker.connections(device)
        self._process = case.spawn(command + ["--will-qos", "1", "--will-retain"], log)
        wait_until(lambda: broker.connections(device) > before, 5, f"{device} is connected")

    def die(self):
        """kill -9: the broker publishes the will."""
        self._process.kill()


def tool(name):
    """Debian keeps servers where a user's PATH does not look."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not found:
        raise AssertionError(f"no {name}: tests/run installs it")
    return found
