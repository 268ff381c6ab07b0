"""Users of SNMPv3 as net-snmp's tools know them: all protocols, what is told to whom fails, engines of devices."""

import os

from support import Bridge, Broker, Case, Manager, wait_until
from support.fleet import POINTS, adapter, telemetry
from support.users import ADMIN, AS_ADMIN, AUTH, PRIV, options, passwords, user

SYS_NAME = "1.3.6.1.2.1.1.5.0"
SYS_DESCR = "1.3.6.1.2.1.1.1.0"
ENGINE_ID = "1.3.6.1.6.3.10.2.1.1.0"
USM_STATS = "1.3.6.1.6.3.15.1.1"


class UsersTest(Case):
    def bridge(self, users, **more):
        passwords(self)
        snmp = more.pop("snmp", "allow-weak = true")
        return Bridge(self, snmp=f"{snmp}\n" + "".join(users), **more)

    def ask(self, port, words, *oids, tool="snmpget"):
        manager = Manager(self, port, user=words)
        return manager.run(tool, *oids, options=["-OQUnv"] if tool == "snmpget" else ["-OQUn"])

    def test_all_protocols(self):
        """42 combinations; the first question of each discovers the engine."""
        pairs = [(auth, priv) for auth in AUTH for priv in PRIV]
        bridge = self.bridge([user(f"{auth}-{priv}", auth, priv) for auth, priv in pairs]).start()
        for auth, priv in pairs:
            with self.subTest(auth=auth, priv=priv):
                answer = self.ask(bridge.port, options(f"{auth}-{priv}", auth, priv), SYS_DESCR)
                self.assertIn("fleetbridge", answer.out, answer.text)

    def test_what_fails_is_told(self):
        bridge = self.bridge([user("anna", "sha-256", "aes-128"), user("otto", "sha-1", None), ADMIN]).start()
        admin = Manager(self, bridge.port, user=AS_ADMIN)

        def fails(words, expected, oid):
            before = int(admin.get(oid))
            answer = self.ask(bridge.port, words, SYS_NAME)
            self.assertIn(expected, answer.text)
            self.assertEqual(int(admin.get(oid)), before + 1, oid)

        good = options("anna", "sha-256", "aes-128")
        self.assertEqual(self.ask(bridge.port, good, SYS_NAME).code, 0)
        fails(options("nobody", "sha-256", "aes-128"), "Unknown user name", f"{USM_STATS}.3.0")
        fails(options("anna", "sha-256", "aes-128", auth_password="anotherword"), "Authentication failure", f"{USM_STATS}.5.0")
        fails(options("anna", "sha-512", "aes-128"), "Authentication failure", f"{USM_STATS}.5.0")
        fails(options("otto", "sha-1", "aes-128"), "Unsupported security level", f"{USM_STATS}.1.0")
        fails(options("anna", "sha-256", "aes-128", priv_password="anotherword"), "Decryption error", f"{USM_STATS}.6.0")
        self.assertIn("SNMPv3 request of an unknown user", bridge.output())
        refused = bridge.cli("status", "--unknown").out
        self.assertIn('unknown SNMPv3 user "nobody"', refused)
        self.assertIn('those of SNMPv3 user "anna"', refused)
        self.assertNotIn("password\n", bridge.output())

    def test_boots_count_and_the_window_holds(self):
        bridge = self.bridge([user("anna", "sha-256", "aes-128"), ADMIN]).start()
        words = options("anna", "sha-256", "aes-128")
        first = self.ask(bridge.port, words, "1.3.6.1.6.3.10.2.1.2.0", ENGINE_ID).lines()
        bridge.stop()
        bridge.spawn()
        wait_until(bridge.manager.answers, 20, "the bridge answers")
        second = self.ask(bridge.port, words, "1.3.6.1.6.3.10.2.1.2.0", ENGINE_ID).lines()
        self.assertEqual((int(second[0]), second[1]), (int(first[0]) + 1, first[1]))
        # Who believes in the boots of before is told those of now, once and with the user's own key.
        stale = self.ask(bridge.port, [*words, "-Z", f"{first[0]},1"], SYS_NAME)
        self.assertEqual(stale.code, 0, stale.text)
        self.assertGreaterEqual(int(Manager(self, bridge.port, user=AS_ADMIN).get(f"{USM_STATS}.2.0")), 1)

    def test_each_device_is_an_engine(self):
        broker = Broker(self)
        users = [user("anna", "sha-256", "aes-128"), user("carl", "sha-1", "aes-256-c")]
        pool = 'pools = ["127.7.0.0/24"]'
        bridge = self.bridge(users, mqtt=[adapter(broker, more='profiles = ["th"]')], snmp=f"[snmp.devices]\n{pool}")
        bridge.profile("th", POINTS)
        bridge.start()
        for n in range(3):
            broker.publish(f"th/dev-{n}/telemetry", telemetry(n=n))
        wait_until(lambda: bridge.manager.get("fbFleetOnline.0") == "3", 5, "3 devices")
        for name, auth, priv in (("anna", "sha-256", "aes-128"), ("carl", "sha-1", "aes-256-c")):
            words = options(name, auth, priv)
            for n in range(3):
                own = Manager(self, bridge.port, user=words, address=f"127.7.0.{n + 1}")
                answer = own.run("snmpget", SYS_NAME, options=["-OQUnv"])
                self.assertEqual(answer.lines(), [f"dev-{n}"], answer.text)
            context = self.ask(bridge.port, [*words, "-n", "dev-1"], SYS_NAME)
            self.assertEqual(context.lines(), ["dev-1"], context.text)
            fleet = self.ask(bridge.port, [*words, "-n", "+fleet"], "1.3.6.1.2.1.47.1.1.1.1.7", tool="snmpwalk")
            self.assertIn("dev-2", fleet.out)
            unknown = self.ask(bridge.port, [*words, "-n", "dev-77"], SYS_NAME)
            self.assertIn("Bad context specified", unknown.text)

    def test_a_user_who_sees_one_site(self):
        """By all four ways to a device: address, port, community and context."""
        broker = Broker(self)
        words = options("nora", "sha-256", "aes-128")
        users = user("nora", "sha-256", "aes-128").replace(" }", ', scope = "site=north" }')
        scoped = '{ name = "north", access = "read", scope = "site=north" }'
        bridge = self.bridge(
            [users], mqtt=[adapter(broker, more='profiles = ["th"]')], communities=['{ name = "public", access = "read" }', scoped],
            snmp='[snmp.devices]\npools = ["127.8.0.0/24"]',
        )
        bridge.profile("th", POINTS)
        bridge.start()
        for n in range(1, 5):
            broker.publish(f"th/dev-{n}/telemetry", telemetry(n=n))
            wait_until(lambda: bridge.manager.get("fbFleetOnline.0") == str(n), 5, f"{n} devices")

        def move(site):
            text = f'<fleet xmlns="urn:fleetbridge:yang:fleetbridge"><device><name>dev-2</name><site>{site}</site></device></fleet>'
            path = os.path.join(self.folder, "edit.xml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            answer = bridge.cli("netconf", "edit", path)
            self.assertEqual(answer.code, 0, answer.text)

        nora, north = Manager(self, bridge.port, user=words), Manager(self, bridge.port, community="north")
        names = lambda manager: set(manager.walk_column("1.3.6.1.4.1.32473.2.1.2.1.2").values())
        self.assertEqual((names(nora), names(north)), (set(), set()))
        move("north")
        wait_until(lambda: names(nora) == names(north) == {"dev-2"}, 5, "the device has come into the scope")
        self.assertEqual(names(bridge.manager), {f"dev-{n}" for n in range(1, 5)})

        def ask(n):
            """The error of each way to device n, if there is one."""
            ways = [
                Manager(self, bridge.port, user=words, address=f"127.8.0.{n}"),
                Manager(self, bridge.port, community="north", address=f"127.8.0.{n}"),
                Manager(self, bridge.port, community=f"north@dev-{n}"),
                Manager(self, bridge.port, user=[*words, "-n", f"dev-{n}"]),
                Manager(self, bridge.port, user=[*words, "-n", f"+{n}"]),
            ]
            return [way.run("snmpget", SYS_NAME, options=["-OQUnv"]) for way in ways]

        for answer in ask(2):
            self.assertEqual(answer.lines(), ["dev-2"], answer.text)
        for answer in ask(3):
            self.assertIn("authorizationError", answer.text)
        fleet = self.ask(bridge.port, [*words, "-n", "+fleet"], "1.3.6.1.2.1.47.1.1.1.1.7", tool="snmpwalk")
        self.assertIn("dev-2", fleet.out)
        self.assertNotIn("dev-3", fleet.out)
        move("south")
        self.assertEqual(names(nora), set(), "gone at once")
        for answer in ask(2):
            self.assertIn("authorizationError", answer.text)

    def test_who_may_ask_is_read_in_one_table(self):
        communities = ['{ name = "public", access = "read" }',
                       '{ name = "north", access = "write", scope = "site=north,name=a*", sources = ["127.0.0.1", "192.0.2.0/24"] }']
        anna = user("anna", "sha-256", "aes-128").replace("{ auth", '{ scope = "site=north", auth')
        bridge = self.bridge([anna, ADMIN], communities=communities).start()
        columns = ("fbAccessRole", "fbAccessScope", "fbAccessSources", "fbAccessFaces")
        found = {}
        for column in columns:
            for line in Manager(self, bridge.port, user=AS_ADMIN).run("snmpwalk", column, options=["-OQs"]).lines():
                name, _, value = line.partition(" = ")
                found.setdefault(name.partition(".")[2], []).append(value.strip('"'))
        self.assertEqual(found, {
            'user."anna"': ["read", "site=north", "", "snmp"],
            'user."root"': ["administer", "", "", "snmp"],
            'community."community-1"': ["read", "", "", "snmp"],
            'community."community-2"': ["operate", "site=north,name=a*", "127.0.0.1/32 192.0.2.0/24", "snmp"],
            'pattern."{community}-{device}"': ["", "", "", "snmp"],
            'pattern."{community}@{device}"': ["", "", "", "snmp"],
        })
        signed = options("root", "sha-512", "aes-256", level="authNoPriv")
        for other in (bridge.manager, Manager(self, bridge.port, user=options("anna", "sha-256", "aes-128")), Manager(self, bridge.port, user=signed)):
            self.assertIn("No Such Object", other.run("snmpwalk", "fbAccessTable").text)

    def test_who_may_what_is_read_by_administrators(self):
        bridge = self.bridge([user("anna", "sha-256", "aes-128"), ADMIN]).start()
        admin = Manager(self, bridge.port, user=AS_ADMIN)
        tables = "1.3.6.1.6.3.15.1.2", "1.3.6.1.6.3.16.1", "1.3.6.1.6.3.18.1.1"
        found = {root: dict(admin.walk(root)) for root in tables}
        users = found[tables[0]]
        anna = ".4." + ".".join(str(ord(c)) for c in "anna")
        (name,) = (name for name in users if name.startswith(".1.3.6.1.6.3.15.1.2.2.1.3.") and name.endswith(anna))
        index = name.removeprefix(".1.3.6.1.6.3.15.1.2.2.1.3.")
        self.assertTrue(index.startswith("17.128.0.126.217.5."), "of the bridge's engine")
        self.assertEqual(users[f".1.3.6.1.6.3.15.1.2.2.1.5.{index}"], "OID: .1.3.6.1.6.3.10.1.1.5")
        self.assertEqual(users[f".1.3.6.1.6.3.15.1.2.2.1.8.{index}"], "OID: .1.3.6.1.6.3.10.1.2.4")
        self.assertEqual(users[f".1.3.6.1.6.3.15.1.2.2.1.6.{index}"], '""')
        groups = [value for name, value in found[tables[1]].items() if name.startswith(".1.3.6.1.6.3.16.1.2.1.3.3.")]
        self.assertEqual(sorted(groups), ['STRING: "administer"', 'STRING: "read"'])
        self.assertIn('STRING: "public"', found[tables[2]].values())
        for root in tables:
            plain = [oid for oid, _ in admin.walk(root, tool="snmpwalk")]
            self.assertEqual(plain, list(found[root]))
        # Of it all others see nothing, nor an administrator whose messages can be read on their way.
        signed = options("root", "sha-512", "aes-256", level="authNoPriv")
        for other in (bridge.manager, Manager(self, bridge.port, user=options("anna", "sha-256", "aes-128")), Manager(self, bridge.port, user=signed)):
            for root in tables:
                self.assertEqual(other.walk(root), [], root)
