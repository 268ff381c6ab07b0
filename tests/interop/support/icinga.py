"""Icinga 2 of the test's own: no feature but checker and API, in the test's folder, on a free port."""

import base64
import json
import os
import pwd
import signal
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from .broker import tool
from .process import free_port, wait_until

CONFIG = """\
include <itl>
include <plugins>
const PluginDir = "/usr/lib/nagios/plugins"
object Endpoint NodeName {{}}
object Zone ZoneName {{ endpoints = [ NodeName ] }}
object CheckerComponent "checker" {{}}
object ApiListener "api" {{
  bind_host = "127.0.0.1"
  bind_port = {port}
}}
object ApiUser "test" {{
  password = "test"
  permissions = [ "*" ]
}}
{constants}
include_recursive "{kit}"
"""


class Icinga:
    """Runs what stands in the folder `kit`, after `constants`."""

    def __init__(self, case, kit, constants=""):
        self._case = case
        self.folder = os.path.join(case.folder, "icinga")
        self.port = free_port()
        certificates = os.path.join(self.folder, "data", "certs")
        for name in ("etc", "log", "cache", "spool", "run"):
            os.makedirs(os.path.join(self.folder, name))
        os.makedirs(certificates)
        key, certificate = (os.path.join(certificates, f"node.{ending}") for ending in ("key", "crt"))
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-subj", "/CN=node", "-days", "1", "-keyout", key, "-out", certificate]
        subprocess.run(command, check=True, capture_output=True)
        os.symlink(certificate, os.path.join(certificates, "ca.crt"))
        config = case.write("icinga/etc/icinga2.conf", CONFIG.format(port=self.port, constants=constants, kit=kit))
        user = pwd.getpwuid(os.getuid()).pw_name
        names = {"NodeName": "node", "ZoneName": "node", "RunAsUser": user, "RunAsGroup": user}
        folders = {"Configuration.ConfigDir": "etc", "DataDir": "data", "LogDir": "log", "CacheDir": "cache"}
        folders |= {"SpoolDir": "spool", "InitRunDir": "run"}
        names |= {name: os.path.join(self.folder, folder) for name, folder in folders.items()}
        self.command = [tool("icinga2"), "daemon", "-c", config]
        for name, value in names.items():
            self.command += ["-D", f"{name}={value}"]
        context = ssl.create_default_context(cafile=certificate)
        context.check_hostname = False
        # Nothing of the environment's proxies.
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({})
        )

    def check(self):
        """What `icinga2 daemon -C` has to say; empty if the configuration is sound."""
        done = subprocess.run([*self.command, "-C"], capture_output=True, timeout=60)
        return "" if done.returncode == 0 else (done.stdout + done.stderr).decode("utf-8", "replace")

    def start(self):
        self.process = self._case.spawn(self.command, os.path.join(self.folder, "output"))
        wait_until(lambda: self.objects("hosts") is not None, 30, "Icinga's API answers")
        return self

    def reload(self):
        self.process.send(signal.SIGHUP)

    def objects(self, kind):
        """{name: attributes}; None while nobody answers."""
        try:
            return {row["name"]: row["attrs"] for row in self._ask(f"objects/{kind}")["results"]}
        except OSError:
            return None

    def look(self, kind, name):
        """The state after a check that is made at once."""
        before = self._object(kind, name)["last_check"]
        query = urllib.parse.urlencode({kind: name, "force": 1}, quote_via=urllib.parse.quote)
        self._ask(f"actions/reschedule-check?{query}", b"{}")
        checked = lambda: (found := self._object(kind, name))["last_check"] > before and found
        return wait_until(checked, 15, f"{name} is checked", every=0.1)

    def _object(self, kind, name):
        return self._ask(f"objects/{kind}s/{urllib.parse.quote(name, safe='')}")["results"][0]["attrs"]

    def _ask(self, path, body=None):
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}/v1/{path}", body)
        request.add_header("Authorization", "Basic " + base64.b64encode(b"test:test").decode())
        request.add_header("Accept", "application/json")
        with self._opener.open(request, timeout=10) as answer:
            return json.load(answer)
