"""Ansible's modules of ansible.netcommon, with a key and known hosts: they read, edit and ask. One playbook is the README's."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

from support import Bridge, Broker, Case, wait_until
from support.fleet import adapter
from support.manager import ROOT
from support.netconf import FB, NC, Netconf, TASMOTA, subtree, text
from support.plug import Plug

PLUG = "plug-001"
FILTER = f'<fleet xmlns="{FB}"><device><name>{PLUG}</name></device></fleet>'
PERIOD = f"fleet/device/settings/{{{TASMOTA}}}tasmota/{{{TASMOTA}}}tele-period"

HEAD = """\
- hosts: all
  connection: ansible.netcommon.netconf
  gather_facts: false
  tasks:
"""


def get():
    return "netconf_get", {"filter": FILTER}


def edit(period, **options):
    setting = f'<settings><tasmota xmlns="{TASMOTA}"><tele-period>{period}</tele-period></tasmota></settings>'
    fleet = f'<fleet xmlns="{FB}"><device><name>{PLUG}</name>{setting}</device></fleet>'
    return "netconf_config", {"content": f'<config xmlns="{NC}">{fleet}</config>', "get_filter": FILTER, **options}


def rpc(name, namespace, content):
    return "netconf_rpc", {"rpc": name, "xmlns": namespace, "content": content}


class AnsibleTest(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("ansible-playbook"):
            # unittest itself does not say why a test was passed over.
            print("no ansible-playbook: let tests/run install it, without --no-install", file=sys.stderr)
            self.skipTest("no ansible-playbook")
        broker = Broker(self)
        self.netconf = Netconf(self)
        self.bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["tasmota"]')], more=self.netconf.section).start()
        self.plug = Plug(self, broker, PLUG)
        self.plug.online()
        wait_until(lambda: PLUG in self.bridge.manager.devices(), 5, f"{PLUG} is learned")
        self.session = self.netconf.connect("read")
        with open(f"{self.netconf.key('host')}.pub", encoding="utf-8") as key:
            self.write(".ssh/known_hosts", f"[127.0.0.1]:{self.netconf.port} {key.read()}")
        self.addCleanup(self.end_connections)

    def test_reads_edits_and_asks(self):
        schema = rpc("get-schema", "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring", "<identifier>fleetbridge</identifier>")
        # Its session is that of the edit: it waits for that commit.
        settled = rpc("await", FB, "<timeout>20</timeout>")
        got, edited, module, awaited = self.plays(get(), edit(60), schema, settled)
        self.assertIn("<presence>online</presence>", got["stdout"])
        self.assertTrue(edited["changed"])
        self.assertIn("module fleetbridge {", module["stdout"])
        self.assertIn(">true</settled>", awaited["stdout"])
        self.assertEqual(self.period(), "60")
        self.assertEqual(self.plug.values["TelePeriod"], 60)
        self.assertEqual([task["changed"] for task in self.plays(edit(60), edit(61, validate=True, lock="always"))], [False, True])
        self.assertEqual(self.period(), "61")
        self.assertEqual([task["changed"] for task in self.plays(edit(62, target="running", lock="never"))], [True])
        self.assertEqual(self.period(), "62")

    def test_check_mode_changes_nothing(self):
        (told,) = self.plays(edit(60), options=["--check"])
        self.assertTrue(told["changed"])
        self.nothing_is_left()

    def test_what_is_refused_is_told(self):
        code, output = self.play(edit(5))
        self.assertNotEqual(code, 0)
        (told,) = results(output)
        self.assertRegex(told["msg"], "range .*5")
        self.nothing_is_left()

    def test_an_unknown_host_key_is_refused(self):
        self.write(".ssh/known_hosts", "")
        code, output = self.play(get())
        self.assertNotEqual(code, 0)
        self.assertIn("Unknown host key", output)

    def test_the_playbook_of_the_readme(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            readme = file.read()
        for kind, name in (("xml", "tele-period.xml"), ("yaml", "tele-period.yml")):
            (block,) = re.findall(rf"(?ms)^   ```{kind}\n(.*?)^   ```", readme)
            self.write(name, re.sub("(?m)^   ", "", block))
        for changed in (True, False):
            code, output = self.run_playbook("tele-period.yml")
            self.assertEqual(code, 0, output)
            edited, *awaited = results(output)
            self.assertEqual((edited["changed"], len(awaited)), (changed, changed), output)
        self.assertEqual(self.period(), "60")

    def plays(self, *tasks, options=()):
        """What each task says."""
        code, output = self.play(*tasks, options=options)
        self.assertEqual(code, 0, output)
        found = results(output)
        self.assertEqual(len(found), len(tasks), output)
        return found

    def play(self, *tasks, options=()):
        listed = "".join(f"    - ansible.netcommon.{module}: {json.dumps(values)}\n" for module, values in tasks)
        self.write("playbook.yml", HEAD + listed)
        return self.run_playbook("playbook.yml", *options)

    def run_playbook(self, name, *options):
        said = {
            "ansible_host": "127.0.0.1", "ansible_port": self.netconf.port, "ansible_user": "operate",
            "ansible_ssh_private_key_file": self.netconf.key("operate"),
        }
        command = ["ansible-playbook", "-v", "-i", "bridge,", "-e", json.dumps(said), *options, name]
        environment = {**os.environ, "HOME": self.folder, "ANSIBLE_CALLBACK_FORMAT_PRETTY": "false", "ANSIBLE_NOCOLOR": "1"}
        ran = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120)
        return ran.returncode, ran.stdout + ran.stderr

    def period(self):
        return text(self.session.get_config("running", filter=subtree(PLUG)), PERIOD)

    def nothing_is_left(self):
        self.assertIsNone(self.period())
        self.assertEqual(self.plug.commands("TelePeriod"), [])
        self.assertIn("nothing is staged", self.bridge.cli("candidate", "show").out)

    def end_connections(self):
        """A connection outlives its playbook for half a minute, in a process group of its own."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as environment:
                    if f"HOME={self.folder}".encode() in environment.read().split(b"\0"):
                        os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass


def results(output):
    """What `ansible-playbook -v` says of each task."""
    return [json.loads(found) for found in re.findall(r"(?m)^(?:ok|changed|fatal): \[bridge\].*? => (\{.*\})$", output)]


if __name__ == "__main__":
    unittest.main()
