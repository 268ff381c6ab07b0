"""snmpset: settings that reach a device over mosquitto and are followed to effective, what is refused, and who may."""

import socket

from pyasn1.codec.ber import encoder
from pysnmp.proto import api

from support import Bridge, Broker, Case, Manager, wait_until
from support.fleet import adapter
from support.netconf import Netconf, config
from support.plug import Plug
from support.users import ADMIN, AS_ADMIN, options, passwords, user

DESIRED, STATE, OVERRIDE = "fbSettingDesired", "fbSettingState", "fbSettingOverride"
SERIAL = "1.3.6.1.6.3.1.1.6.1.0"
LOCATION = "1.3.6.1.2.1.1.6.0"
ENT_ALIAS, ENT_ASSET, ENT_SERIAL, ENT_URIS = (f"1.3.6.1.2.1.47.1.1.1.1.{column}.1" for column in (14, 15, 11, 18))


def set_request(community, bindings, request_id=None):
    """A message of v2c."""
    v2c = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
    pdu = v2c.SetRequestPDU()
    v2c.apiPDU.set_defaults(pdu)
    if request_id:
        v2c.apiPDU.set_request_id(pdu, request_id)
    types = {int: v2c.Integer, str: v2c.OctetString}
    v2c.apiPDU.set_varbinds(pdu, [(v2c.ObjectIdentifier(name), types[type(value)](value)) for name, value in bindings])
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, community)
    v2c.apiMessage.set_pdu(message, pdu)
    return encoder.encode(message)


class SetsTest(Case):
    def setUp(self):
        super().setUp()
        self.broker = Broker(self)
        passwords(self)
        users = ADMIN + user("olga", "sha-256", "aes-128", role="operate") + user("rita", "sha-256", "aes-128")
        communities = [
            '{ name = "public", access = "read" }',
            '{ name = "writer", access = "write", sources = ["127.0.0.1"] }',
        ]
        mqtt = [adapter(self.broker, more='profiles = ["tasmota"]')]
        self.netconf = Netconf(self)
        self.bridge = Bridge(self, mqtt=mqtt, communities=communities, snmp=users, more=self.netconf.section).start()
        self.plug = Plug(self, self.broker, "plug-1")
        self.plug.online()
        wait_until(lambda: "plug-1" in self.bridge.manager.devices(), 10, "the plug is known")
        self.olga = self.manager(options("olga", "sha-256", "aes-128"))

    def manager(self, words, **more):
        return Manager(self, self.bridge.port, user=words, **more)

    def set(self, manager, *words):
        # The agent is to judge, not the tool.
        return manager.run("snmpset", *words, options=["-OQU", "-Ir"])

    def refused(self, manager, error, *words):
        answer = self.set(manager, *words)
        self.assertIn(error, answer.text)
        self.assertNotEqual(answer.code, 0)

    def index(self, name, device=1):
        rows = self.bridge.manager.table("fbSettingTable")
        (index,) = (index for index, row in rows.items() if row["fbSettingName"] == name and index.startswith(f"{device}."))
        return index

    def test_a_setting_reaches_its_device(self):
        self.plug.say(TelePeriod=300, PowerOnState=3)
        wait_until(lambda: len(self.bridge.manager.table("fbSettingTable")) == 2, 10, "settings are known")
        at = self.index("tele-period")
        answer = self.set(self.olga, f"{DESIRED}.{at}", "s", "60")
        self.assertEqual(answer.code, 0, answer.text)
        self.assertEqual(self.olga.get(f"{DESIRED}.{at}"), "60")
        wait_until(lambda: self.olga.get(f"{STATE}.{at}") == "effective", 10, "effective")
        self.assertEqual(self.plug.commands("TelePeriod"), ["60"])
        commit = self.olga.get("fbLastTransaction.0")
        self.assertEqual(self.olga.get(f"fbSettingTransaction.{at}", f"{OVERRIDE}.{at}"), [commit, "true"])
        # Many at once, all or nothing.
        other = self.index("power-on-state")
        self.refused(self.olga, "wrongValue", f"{DESIRED}.{at}", "s", "90", f"{DESIRED}.{other}", "s", "sideways")
        self.assertEqual(self.olga.get(f"{DESIRED}.{at}"), "60")
        answer = self.set(self.olga, f"{DESIRED}.{at}", "s", "90", f"{DESIRED}.{other}", "s", "off")
        self.assertEqual(answer.code, 0, answer.text)
        wait_until(lambda: self.olga.get(f"{STATE}.{at}", f"{STATE}.{other}") == ["effective"] * 2, 10, "both are effective")
        # The device's own value goes.
        self.assertEqual(self.set(self.olga, f"{OVERRIDE}.{at}", "i", "2").code, 0)
        self.assertEqual(self.olga.get(f"{OVERRIDE}.{at}"), "false")
        self.refused(self.olga, "inconsistentValue", f"{OVERRIDE}.{at}", "i", "1")
        commits = self.bridge.json("commit", "list")
        self.assertEqual({(one["user"], one["via"]) for one in commits}, {("olga", "snmp")})
        # Durable before it was answered.
        self.bridge.kill()
        self.bridge.start()
        self.assertEqual(self.olga.get(f"{DESIRED}.{other}"), "off")

    def test_what_managers_say_of_a_device(self):
        for words, name, value in (
            (["fbDeviceAlias.1", "s", "lamp"], "fbDeviceAlias.1", "lamp"),
            (["fbDeviceLocation.1", "s", "shelf 3"], "fbDeviceLocation.1", "shelf 3"),
            (["fbDeviceAssetTag.1", "s", "A-77"], "fbDeviceAssetTag.1", "A-77"),
            (["fbDeviceAdminState.1", "i", "2"], "fbDeviceAdminState.1", "locked"),
            (["fbDeviceAlias.1", "s", ""], "fbDeviceAlias.1", ""),
        ):
            answer = self.set(self.olga, *words)
            self.assertEqual(answer.code, 0, answer.text)
            self.assertEqual(self.olga.get(name), value)
        # The same of the device's own agent.
        own = self.manager(options("olga", "sha-256", "aes-128") + ["-n", "plug-1"])
        answer = self.set(own, ENT_ALIAS, "s", "desk", ENT_ASSET, "s", "B-1", LOCATION, "s", "hall")
        self.assertEqual(answer.code, 0, answer.text)
        self.assertEqual(self.olga.get("fbDeviceAlias.1", "fbDeviceAssetTag.1", "fbDeviceLocation.1"), ["desk", "B-1", "hall"])
        self.refused(own, "wrongLength", ENT_ALIAS, "s", "x" * 33)
        self.refused(own, "notWritable", ENT_SERIAL, "s", "1")
        # Who read the serial number before somebody else set something is told.
        serial = self.olga.get(SERIAL)
        self.assertEqual(self.set(self.olga, SERIAL, "i", serial, LOCATION, "s", "x").code, 2)
        self.assertEqual(self.set(self.olga, SERIAL, "i", serial, "fbDeviceLocation.1", "s", "roof").code, 0)
        self.refused(self.olga, "inconsistentValue", SERIAL, "i", serial, "fbDeviceLocation.1", "s", "cellar")
        self.assertEqual(self.olga.get("fbDeviceLocation.1"), "roof")

    def test_one_request_id_for_two_devices(self):
        """A manager that counts for each host asks two with the same numbers from one socket."""
        other = Plug(self, self.broker, "plug-2")
        other.online()
        wait_until(lambda: "plug-2" in self.bridge.manager.devices(), 10, "another plug")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as manager:
            manager.settimeout(5)
            manager.connect(("127.0.0.1", self.bridge.port))
            for device in ("plug-1", "plug-2"):
                manager.send(set_request(f"writer@{device}", [(LOCATION, "hall 7")], 4711))
                manager.recv(4096)
        self.assertEqual(self.olga.get("fbDeviceLocation.1", "fbDeviceLocation.2"), ["hall 7"] * 2)

    def test_what_others_hold(self):
        """Running that is locked, or on trial, is set by nobody else; what is read of it is never held up."""
        session = self.netconf.connect("operate")
        set_alias = lambda: self.set(self.olga, "fbDeviceAlias.1", "s", "lamp")
        with session.locked("running"):
            self.refused(self.olga, "inconsistentValue", "fbDeviceAlias.1", "s", "lamp")
            self.assertEqual(self.olga.get("fbDeviceName.1"), "plug-1")
        self.assertEqual(set_alias().code, 0)
        session.edit_config(target="candidate", config=config("<device><name>plug-1</name><location>shelf 7</location></device>"))
        session.commit(confirmed=True, timeout="600")
        self.refused(self.olga, "inconsistentValue", "fbDeviceAlias.1", "s", "desk")
        session.commit()
        self.assertEqual(set_alias().code, 0)
        self.assertEqual(self.olga.get("fbDeviceAlias.1", "fbDeviceLocation.1"), ["lamp", "shelf 7"])
        # Rows of access control are not set along with devices.
        group = "1.3.6.1.6.3.16.1.2.1.5.3.1.120"
        admin = self.manager(AS_ADMIN)
        self.refused(admin, "resourceUnavailable", "fbDeviceAlias.1", "s", "x", group, "i", "5")
        self.assertEqual(self.olga.get("fbDeviceAlias.1"), "lamp")

    def test_who_asks_from_elsewhere(self):
        self.bridge.stop()
        self.bridge.rewrite(lambda boot: boot.replace("[snmp]\n", '[snmp]\nsources = ["127.0.0.1", "192.0.2.0/24"]\n'))
        self.bridge.start()
        self.assertEqual(self.olga.get("fbDeviceName.1"), "plug-1")
        # Not even a Report.
        for words in ([], options("olga", "sha-256", "aes-128")):
            stranger = self.manager(words, timeout=0.3, retries=0)
            answer = stranger.run("snmpget", "1.3.6.1.2.1.1.5.0", options=["--clientaddr=127.0.0.2"])
            self.assertIn("Timeout", answer.text)
        self.assertIn("127.0.0.2", self.bridge.cli("status", "--unknown").out)

    def test_uris_and_target_firmware(self):
        own = self.manager(options("olga", "sha-256", "aes-128") + ["-n", "plug-1"])
        uris = "urn:clei:D4CE18B7AA https://inventory.example/plug-1?x=%20"
        # White space of any kind parts them, and that around them is nothing.
        answer = self.set(own, ENT_URIS, "s", f"  {uris.replace(' ', chr(9) + chr(10))} ", "fbDeviceTargetFirmware.1", "s", "14.2.0")
        self.assertEqual(answer.code, 0, answer.text)
        fleet = self.manager(options("olga", "sha-256", "aes-128") + ["-n", "+fleet"])
        in_fleet = ENT_URIS.removesuffix(".1") + f".{1 << 10 | 1}"
        shown = lambda: [own.get(ENT_URIS), fleet.get(in_fleet), own.get("fbSelfTargetFirmware.0"), self.bridge.manager.get("fbDeviceTargetFirmware.1")]
        self.assertEqual(shown(), [uris, uris, "14.2.0", "14.2.0"])
        self.assertEqual(own.get("fbSelfCompliance.0"), "pending", "it runs another")
        session = self.netconf.connect("read")
        device = "<fleet xmlns='urn:fleetbridge:yang:fleetbridge'><device><name>plug-1</name></device></fleet>"
        reply = session.get_config(source="running", filter=("subtree", device)).data_xml
        self.assertIn(f"<uris>{uris}</uris>", reply)
        self.assertRegex(reply, r"<software>\s*<component>firmware</component>\s*<version>14.2.0</version>\s*</software>")
        for error, *words in (
            ("wrongValue", ENT_URIS, "s", "no scheme"),
            ("wrongValue", ENT_URIS, "s", "urn:a urn:%zz"),
            ("wrongValue", ENT_URIS, "x", "ff fe"),
            ("wrongType", ENT_URIS, "i", "1"),
            ("wrongLength", ENT_URIS, "s", "urn:" + "x" * 252),
            ("wrongLength", "fbDeviceTargetFirmware.1", "s", "x" * 256),
            ("noCreation", "fbDeviceTargetFirmware.9", "s", "1"),
            ("notWritable", ENT_URIS.removesuffix(".1") + ".2", "s", "urn:a"),
        ):
            with self.subTest(error=error, words=words[:1]):
                self.refused(own, error, *words)
        attributes = dict(self.bridge.json("device", "show", "plug-1")["attributes"])
        self.assertEqual((attributes["asset-uris"], attributes["target-firmware"]), (uris, "14.2.0"))
        # Kept.
        self.bridge.kill()
        self.bridge.start()
        wait_until(lambda: self.bridge.manager.get("fbDevicePresence.1") == "online", 10, "it is heard again")
        self.assertEqual(shown(), [uris, uris, "14.2.0", "14.2.0"])
        # It gets there, and then nobody wants anything any more.
        firmware = own.get("fbSelfFirmware.0")
        self.assertEqual(self.set(own, "fbDeviceTargetFirmware.1", "s", firmware or "x").code, 0)
        self.assertEqual(own.get("fbSelfCompliance.0"), "compliant" if firmware else "pending")
        self.assertEqual(self.set(own, ENT_URIS, "s", "", "fbDeviceTargetFirmware.1", "s", "").code, 0)
        self.assertEqual(shown(), [""] * 4)
        self.assertEqual(own.get("fbSelfCompliance.0"), "compliant")
        reply = self.netconf.connect("read").get_config(source="running", filter=("subtree", device)).data_xml
        self.assertNotIn("software", reply)

    def test_what_is_refused(self):
        self.plug.say(TelePeriod=300, PowerOnState=3)
        wait_until(lambda: len(self.bridge.manager.table("fbSettingTable")) == 2, 10, "settings are known")
        at = self.index("tele-period")
        for error, *words in (
            ("wrongType", f"{DESIRED}.{at}", "i", "60"),
            ("wrongValue", f"{DESIRED}.{at}", "s", "soon"),
            ("wrongValue", f"{DESIRED}.{at}", "s", "7"),
            ("wrongLength", f"{DESIRED}.{at}", "s", "6" * 256),
            ("noCreation", f"{DESIRED}.1.99", "s", "1"),
            ("noCreation", f"{DESIRED}.99.1", "s", "1"),
            ("notWritable", f"{STATE}.{at}", "i", "1"),
            ("notWritable", "1.3.6.1.2.1.1.1.0", "s", "x"),
            ("notWritable", "1.3.6.1.4.1.99999.1.0", "s", "x"),
            ("wrongValue", "fbDeviceAdminState.1", "i", "3"),
            ("inconsistentValue", "fbDeviceAlias.1", "s", "a", "fbDeviceAlias.1", "s", "b"),
        ):
            with self.subTest(error=error, words=words[:1]):
                self.refused(self.olga, error, *words)
        self.refused(self.manager(options("rita", "sha-256", "aes-128")), "noAccess", f"{DESIRED}.{at}", "s", "60")
        self.refused(self.bridge.manager, "noAccess", f"{DESIRED}.{at}", "s", "60")
        one = Manager(self, self.bridge.port, version="1", community="writer")
        for error, *words in (("badValue", f"{DESIRED}.{at}", "s", "soon"), ("noSuchName", f"{DESIRED}.1.99", "s", "1")):
            self.refused(one, error, *words)
        self.assertEqual(self.set(one, f"{DESIRED}.{at}", "s", "60").code, 0)
        # A secret needs privacy, and nobody reads it again. Its row comes with it.
        open_words = self.manager(options("olga", "sha-256", "aes-128", level="authNoPriv"))
        # Of the wrong type for all, but of a secret not even that is told.
        answers = {row: self.set(open_words, f"{DESIRED}.1.{row}", "i", "1").text for row in range(1, 80)}
        secrets = [row for row, text in answers.items() if "noAccess" in text]
        self.assertGreater(len(secrets), 1)
        everything = [word for row in secrets for word in (f"{DESIRED}.1.{row}", "s", "geheim77")]
        self.assertEqual(sum("wrongType" in text for text in answers.values()) >= 4, True)
        answer = self.set(self.olga, *everything)
        self.assertEqual(answer.code, 0, answer.text)
        wait_until(lambda: any(payload == "geheim77" for _, payload in list(self.plug.heard)), 10, "the device has one")
        walked = self.manager(AS_ADMIN).walk("1.3.6.1")
        self.assertFalse([name for name, value in walked if "geheim77" in value])

    def test_a_retry_is_answered_alike(self):
        serial = self.olga.get(SERIAL)
        manager = Manager(self, self.bridge.port, community="writer")
        # One request, which is sent again because nobody hears the first answer: the serial number would refuse it.
        request = set_request(b"writer", [(SERIAL, int(serial)), ("1.3.6.1.4.1.32473.2.1.2.1.12.1", "attic")])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.connect(("127.0.0.1", self.bridge.port))
            answers = []
            for _ in range(2):
                client.send(request)
                answers.append(client.recv(65536))
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(int(manager.get(SERIAL)), int(serial) + 1)
        self.assertEqual(len(self.bridge.json("commit", "list")), 1)
