"""A Tasmota plug on a real broker, played by mosquitto_sub and mosquitto_pub: it obeys, refuses, ignores or sleeps."""

import json
import subprocess
import threading


class Plug:
    """`answers`: by command, a function of the payload that gives what stat/NAME/RESULT says, or None for silence."""

    def __init__(self, case, broker, name):
        self.name = name
        self.heard = []
        self.values = {"TelePeriod": 300, "PowerOnState": 3}
        self.answer = self.obey
        self._broker = broker
        self._reader = subprocess.Popen(
            ["mosquitto_sub", *broker.client, "-i", f"plug-{name}", "-q", "1", "-t", f"cmnd/{name}/#", "-F", "%t\t%p"],
            stdout=subprocess.PIPE, text=True,
        )
        case.addCleanup(self._stop)
        threading.Thread(target=self._listen, daemon=True).start()

    def report(self):
        """As every TelePeriod."""
        state = {"Time": "2026-11-23T02:00:00", "UptimeSec": 100, "POWER": "ON"}
        self._broker.publish(f"tele/{self.name}/STATE", json.dumps(state))

    def online(self):
        self._broker.retain(f"tele/{self.name}/LWT", "Online")
        self.report()

    def offline(self):
        self._broker.retain(f"tele/{self.name}/LWT", "Offline")

    def say(self, **values):
        self._broker.publish(f"stat/{self.name}/RESULT", json.dumps(values))

    def commands(self, name):
        """The payloads of a command that were not empty: writes, not questions."""
        return [payload for topic, payload in list(self.heard) if topic == name and payload]

    def obey(self, command, payload):
        if payload:
            self.values[command] = int(payload) if payload.isdigit() else payload
        return {command: self.values.get(command, 0)}

    @staticmethod
    def refuse(command, payload):
        return {"Command": "Unknown"} if payload else None

    @staticmethod
    def ignore(command, payload):
        return None

    def _listen(self):
        for line in self._reader.stdout:
            topic, _, payload = line.rstrip("\n").partition("\t")
            command = topic.rsplit("/", 1)[1]
            self.heard.append((command, payload))
            answer = self.answer(command, payload)
            if answer is not None:
                self.say(**answer)

    def _stop(self):
        self._reader.kill()
        self._reader.wait()
        self._reader.stdout.close()
