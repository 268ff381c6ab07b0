"""snmp_exporter and Prometheus of the test's own, in the test's folder and on free ports."""

import json
import os
import subprocess
import urllib.parse
import urllib.request

from .broker import tool
from .process import free_port, wait_until

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Exporter:
    def __init__(self, case, config):
        self.port = free_port()
        command = [tool("prometheus-snmp-exporter"), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{self.port}"]
        self.process = case.spawn(command, os.path.join(case.folder, "snmp-exporter.log"))
        wait_until(self._answers, 10, "snmp_exporter answers")

    def _answers(self):
        try:
            return fetch(f"http://127.0.0.1:{self.port}/metrics")
        except OSError:
            return None


class Prometheus:
    def __init__(self, case, config):
        self.port = free_port()
        folder = os.path.join(case.folder, "prometheus")
        subprocess.run([tool("promtool"), "check", "config", config], check=True, capture_output=True)
        command = [tool("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder}"]
        command += [f"--web.listen-address=127.0.0.1:{self.port}"]
        self.process = case.spawn(command, os.path.join(case.folder, "prometheus.log"))
        wait_until(lambda: self.query("vector(1)"), 20, "Prometheus answers")

    def query(self, expression):
        """[(labels, number)] of now; None while nobody answers."""
        try:
            query = urllib.parse.urlencode({"query": expression})
            answer = json.loads(fetch(f"http://127.0.0.1:{self.port}/api/v1/query?{query}"))
        except OSError:
            return None
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]

    def wait(self, expression, seconds=15):
        """The series of an expression, once there are any."""
        return wait_until(lambda: self.query(expression), seconds, expression, every=0.2)

    def wait_none(self, expression, seconds=15):
        wait_until(lambda: self.query(expression) == [], seconds, f"no {expression}", every=0.2)


def fetch(url):
    with _opener.open(url, timeout=10) as answer:
        return answer.read().decode()
