"""Brokers that ask for certificates and passwords, and secrets that must not get out."""

import glob
import os
import signal
import subprocess

from support import Bridge, Broker, Case, free_port, wait_until
from support.bridge import fleetbridge
from support.fleet import POINTS, adapter, telemetry

PASSWORD = "pass-word-4711"
COMMUNITY = "commu-nity-4712"


class SecureTest(Case):
    def certificates(self):
        """An authority, a server certificate for 127.0.0.1 and a client certificate, in self.folder."""
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder, timeout=30)

        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
            extensions = self.write(f"{name}.ext", f"basicConstraints=CA:FALSE\n{extension}\n")
            openssl("req", "-new", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                    "-out", f"{name}.pem", "-days", "2", "-extfile", extensions)
            os.chmod(os.path.join(self.folder, f"{name}.key"), 0o600)

    def secret(self, text, mode=0o600):
        path = self.write("mqtt.password", text)
        os.chmod(path, mode)
        return path

    def broker_with_password(self, more=()):
        passwords = self.write("passwd", f"bridge:{PASSWORD}\nplug:plug\n")
        subprocess.run(["mosquitto_passwd", "-U", passwords], check=True, capture_output=True)
        os.chmod(passwords, 0o644)
        return Broker(self, more=["allow_anonymous false", f"password_file {passwords}", *more], login=("plug", "plug"))

    def test_users_of_the_embedded_broker(self):
        port = free_port()
        line = fleetbridge("password", "plug", "--topics", "th/", feed="p\n").out
        users = self.write("users", line)
        os.chmod(users, 0o600)
        mqtt = f'name = "own"\nurl = "mqtt://127.0.0.1:{port}"\nprofiles = ["th", "tasmota"]\n'
        mqtt += f'user = "plug"\npassword-file = "{self.secret("p")}"\n'
        more = f'[broker]\nlisten = "127.0.0.1:{port}"\nusers-file = "{users}"\n'
        bridge = Bridge(self, mqtt=[mqtt], more=more)
        bridge.profile("th", POINTS)
        bridge.start()
        (problem,) = wait_until(lambda: bridge.json("status")["problems"], 5, "a problem is told")
        self.assertRegex(problem, r"does not hear all of .*tele/.*not authorised")
        broker = bridge.json("status")["broker"]
        self.assertGreater(broker["refused-subscriptions"], 0)
        self.assertEqual(broker["clients"], 1)

        new = fleetbridge("password", "new", feed="n\n").out
        with open(users, "a", encoding="utf-8") as file:
            file.write(new)
        command = ["mosquitto_pub", "-p", str(port), "-u", "new", "-P", "n", "-t", "th/dev/telemetry", "-m", telemetry()]
        self.assertNotEqual(subprocess.run(command, capture_output=True, timeout=10).returncode, 0)
        self.assertGreater(bridge.json("status")["broker"]["refused-logins"], 0)
        os.kill(bridge.process.pid, signal.SIGHUP)
        wait_until(lambda: "read again" in bridge.output(), 5, "the users-file is read again")
        subprocess.run(command, check=True, capture_output=True, timeout=10)
        wait_until(lambda: "dev" in bridge.manager.devices(), 5, "a message of the new user")

    def test_tls_with_client_certificate_and_password(self):
        self.certificates()
        path = lambda name: os.path.join(self.folder, name)
        tls = [f"cafile {path('ca.pem')}", f"certfile {path('server.pem')}", f"keyfile {path('server.key')}",
               "require_certificate true"]
        broker = self.broker_with_password(tls)
        broker.url = broker.url.replace("mqtt:", "mqtts:")
        broker.client += ["--cafile", path("ca.pem"), "--cert", path("client.pem"), "--key", path("client.key")]
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol):
                more = f'protocol = "{protocol}"\nprofiles = ["th"]\nca-file = "{path("ca.pem")}"\n'
                more += f'cert-file = "{path("client.pem")}"\nkey-file = "{path("client.key")}"\n'
                more += f'user = "bridge"\npassword-file = "{self.secret(PASSWORD)}"\n'
                bridge = Bridge(self, mqtt=[adapter(broker, more=more)], folder=path(f"bridge-{protocol}"))
                bridge.profile("th", POINTS)
                bridge.start()
                broker.publish("th/dev/telemetry", telemetry())
                wait_until(lambda: "dev" in bridge.manager.devices(), 1, "a device over TLS")
                self.assertTrue(bridge.manager.get("fbAdapterUrl.1").startswith("mqtts://127.0.0.1:"))
                bridge.stop()

    def test_a_certificate_of_another_authority_is_refused(self):
        self.certificates()
        path = lambda name: os.path.join(self.folder, name)
        broker = Broker(self, more=[f"certfile {path('server.pem')}", f"keyfile {path('server.key')}"])
        broker.url = broker.url.replace("mqtt:", "mqtts:")
        # Without ca-file the system's authorities count, and this one is none of them.
        bridge = Bridge(self, mqtt=[adapter(broker)])
        bridge.start(adapters=0)
        wait_until(lambda: "certificate" in bridge.manager.get("fbAdapterLastError.1").lower(), 5, "the reason is told")
        self.assertNotEqual(bridge.manager.get("fbAdapterState.1"), "up")
        self.assertEqual(bridge.manager.get("fbFleetPresenceFrozen.0"), "true")

    def test_a_wrong_password_is_told_without_the_password(self):
        broker = self.broker_with_password()
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol):
                more = f'protocol = "{protocol}"\nuser = "bridge"\npassword-file = "{self.secret(PASSWORD + "x")}"\n'
                bridge = Bridge(self, mqtt=[adapter(broker, more=more)], folder=os.path.join(self.folder, f"b{protocol}"))
                bridge.start(adapters=0)
                error = lambda: bridge.manager.get("fbAdapterLastError.1")
                wait_until(error, 5, "the reason is told")
                self.assertRegex(error().lower(), r"author|refus|credential|password|log-?in")
                self.assertNotIn(PASSWORD, error() + bridge.output() + bridge.cli("status").text)
                bridge.stop()

    def test_a_secret_that_others_may_read_is_refused(self):
        broker = Broker(self)
        more = f'user = "bridge"\npassword-file = "{self.secret(PASSWORD, 0o644)}"\n'
        bridge = Bridge(self, mqtt=[adapter(broker, more=more)])
        answer = bridge.cli("check")
        self.assertEqual(answer.code, 1, answer.text)
        self.assertIn("mqtt.password", answer.out)
        self.assertNotIn(PASSWORD, answer.text)

    def test_secrets_are_in_no_log_and_no_file_of_the_store(self):
        broker = self.broker_with_password()
        more = f'user = "bridge"\npassword-file = "{self.secret(PASSWORD)}"\n'
        communities = ['{ name = "public", access = "read" }', f'{{ name = "{COMMUNITY}", access = "read" }}']
        bridge = Bridge(self, mqtt=[adapter(broker, more=more)], communities=communities, more='[log]\nlevel = "trace"\n')
        bridge.start()
        broker.publish("tele/plug/LWT", "Online")
        wait_until(lambda: "plug" in bridge.manager.devices(), 2, "a device")
        shown = bridge.cli("status").text + bridge.cli("status", "--unknown").text + bridge.cli("device", "show", "plug").text
        bridge.stop()
        everything = {"log": bridge.output(), "shown": shown}
        for path in glob.glob(os.path.join(bridge.folder, "*")):
            if os.path.isfile(path) and path != bridge.file:
                with open(path, "rb") as file:
                    everything[path] = file.read().decode("latin-1")
        for where, text in everything.items():
            for secret in (PASSWORD, COMMUNITY):
                self.assertNotIn(secret, text, where)


class SharedTest(Case):
    def test_two_bridges_take_turns(self):
        broker = Broker(self)
        more = 'share-group = "bridges"\nprofiles = ["th"]'
        bridges = [Bridge(self, mqtt=[adapter(broker, more=more)], folder=os.path.join(self.folder, name)) for name in "ab"]
        for bridge in bridges:
            bridge.profile("th", POINTS)
            bridge.start()
        for n in range(20):
            broker.publish(f"th/dev-{n}/telemetry", telemetry())
        heard = lambda: [int(bridge.manager.get("fbFleetMessages.0")) for bridge in bridges]
        wait_until(lambda: sum(heard()) >= 20, 3, "all messages are heard")
        self.assertEqual(sum(heard()), 20, "each once")
        self.assertGreater(min(heard()), 0, "by both")
