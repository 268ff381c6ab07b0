"""NETCONF tools as people run them: OpenSSH with a key and with a password, netconf-console2."""

import os
import subprocess
import unittest

from support import Bridge, Case
from support.bridge import fleetbridge
from support.netconf import BASE_1_0, FB, NC, Netconf, hello

WORD = "correct horse 4711"


class ToolCase(Case):
    def setUp(self):
        super().setUp()
        self.netconf = Netconf(self)
        self.bridge = Bridge(self, more=self.netconf.section + self.users()).start()

    def users(self):
        """Beside those with a key."""
        return ""


class OpenSshTest(ToolCase):
    """`ssh -s`, with the framing of :base:1.0 written by hand, as in RFC 6242, section 4.3."""

    SESSION = f'{hello(BASE_1_0)}]]>]]><rpc message-id="1" xmlns="{NC}"><close-session/></rpc>]]>]]>'

    def users(self):
        file = self.write("guest.argon2", fleetbridge("password", "--hash", feed=WORD).out)
        os.chmod(file, 0o600)
        return f'[[user]]\nname = "guest"\nrole = "read"\npassword-file = "{file}"\n'

    def test_with_a_key(self):
        ran = subprocess.run(self.netconf.ssh("read"), input=self.SESSION.encode(), capture_output=True, timeout=20)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn(b"<ok/>", ran.stdout)

    def test_with_the_key_of_another_user(self):
        command = self.netconf.ssh("administer", "-o", "BatchMode=yes")
        command[command.index("-i") + 1] = self.netconf.key("read")
        ran = subprocess.run(command, input=self.SESSION.encode(), capture_output=True, timeout=20)
        self.assertEqual(ran.returncode, 255)
        self.assertIn(b"Permission denied", ran.stderr)
        self.assertEqual(ran.stdout, b"")

    def test_with_a_password(self):
        code, output = self.with_password(WORD)
        self.assertEqual(code, 0, output)
        self.assertIn("<ok/>", output)

    def test_with_a_wrong_password(self):
        code, output = self.with_password(WORD.upper())
        self.assertEqual(code, 255)
        self.assertIn("Permission denied", output)
        self.assertNotIn("<hello", output)

    def with_password(self, password):
        asked = self.write("askpass", f"#!/bin/sh\necho '{password}'\n")
        os.chmod(asked, 0o700)
        options = ["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"]
        command = self.netconf.ssh("read", *options)
        command[-2] = "guest@127.0.0.1"
        environment = {**os.environ, "SSH_ASKPASS": asked, "SSH_ASKPASS_REQUIRE": "force"}
        ran = subprocess.run(command, input=self.SESSION.encode(), capture_output=True, timeout=20, env=environment)
        return ran.returncode, (ran.stdout + ran.stderr).decode()

    def test_a_shell_is_refused(self):
        command = [word for word in self.netconf.ssh("administer") if word != "-s"]
        ran = subprocess.run(command, input=b"", capture_output=True, timeout=20)
        self.assertNotEqual(ran.returncode, 0)
        self.assertEqual(ran.stdout, b"")


class ConsoleTest(ToolCase):
    """netconf-console2, which has its own ways to say what is edited and filtered."""

    def console(self, *arguments, role="operate"):
        to = ["--host", "127.0.0.1", "--port", str(self.netconf.port), "-u", role, "-p", "", "--privKeyFile", self.netconf.key(role)]
        command = ["netconf-console2", *to, "-N", f"fb={FB}", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
        return ran.returncode, ran.stdout + ran.stderr

    def answers(self, *arguments, role="operate"):
        code, output = self.console(*arguments, role=role)
        self.assertEqual(code, 0, output)
        return output

    def test_edits_and_reads(self):
        file = self.write("edit.xml", f'<fleet xmlns="{FB}"><device><name>lamp</name><site>Lübeck</site></device></fleet>')
        output = self.answers("--db", "candidate", "--edit-config", file, "--validate", "candidate", "--commit")
        self.assertEqual(output.count(":ok "), 3, output)
        output = self.answers("--get", "--filter", "/fb:fleet/device[name='lamp']")
        self.assertIn("<site>Lübeck</site>", output)
        self.assertIn("<managed>true</managed>", output)
        self.answers("--create", "/fb:fleet/device[name='door']", "--set", "/fb:fleet/device[name='door']/site=x")
        self.answers("--delete", "/fb:fleet/device[name='lamp']")
        output = self.answers("--get-config", "--with-defaults", "report-all")
        self.assertIn("<name>door</name>", output)
        self.assertIn("<admin-state>in-service</admin-state>", output)
        self.assertNotIn("lamp", output)

    def test_other_operations(self):
        self.assertIn("urn:ietf:params:netconf:base:1.1", self.answers("--hello"))
        self.assertIn("module fleetbridge {", self.answers("--get-schema", "fleetbridge"))
        self.assertEqual(self.answers("--lock", "--discard-changes", "--unlock", "--db", "running").count(":ok "), 3)
        file = self.write("rpc.xml", f'<await xmlns="{FB}"><commit>0</commit></await>')
        self.assertIn(">true</settled>", self.answers("--rpc", file))
        self.assertIn(">0</last-commit>", self.answers("-v", "1.0", "--get", "--filter", "/fb:fleet/last-commit"))

    def test_shows_errors(self):
        code, output = self.console("--commit", role="read")
        self.assertNotEqual(code, 0)
        self.assertIn("access-denied", output)
        file = self.write("edit.xml", f'<fleet xmlns="{FB}"><device><name>lamp</name><nosuch/></device></fleet>')
        code, output = self.console("--edit-config", file)
        self.assertNotEqual(code, 0)
        self.assertIn("<nc:bad-element>nosuch</nc:bad-element>", output)


if __name__ == "__main__":
    unittest.main()
