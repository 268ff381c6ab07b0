"""Users, groups and views that an administrator makes by SET, as snmpusm and snmpvacm do."""

import os

from support import Bridge, Case, Manager
from support.users import ADMIN, AS_ADMIN, AUTH, PRIV, options, passwords, user

SYS_DESCR, SYS_NAME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.5.0"
SENSORS = "1.3.6.1.2.1.99"
USERS, USER_LOCK = "1.3.6.1.6.3.15.1.2.2.1", "1.3.6.1.6.3.15.1.2.1.0"
GROUPS, ACCESS, VIEWS, VIEW_LOCK = (f"1.3.6.1.6.3.16.1.{rest}" for rest in ("2.1", "4.1", "5.2.1", "5.1.0"))
ENGINE_ID = "1.3.6.1.6.3.10.2.1.1.0"
STATUS, CREATE_AND_GO, CREATE_AND_WAIT, DESTROY = 13, "4", "5", "6"


def counted(text):
    return ".".join(str(number) for number in (len(text), *text.encode()))


class MadeTest(Case):
    def setUp(self):
        passwords(self)
        self.pairs = [(auth, priv) for auth in AUTH for priv in PRIV]

    def start(self, users=(), **more):
        self.bridge = Bridge(self, snmp="allow-weak = true\n" + "".join([ADMIN, *users]), **more).start()
        self.admin = Manager(self, self.bridge.port, user=AS_ADMIN)

    def does(self, tool, *arguments, manager=None, options=()):
        answer = (manager or self.admin).run(tool, *arguments, options=options, mibs=False)
        self.assertNotIn("Error in packet", answer.text, arguments)
        self.assertEqual(answer.code, 0, answer.text)

    def fails(self, expected, *arguments, manager=None):
        answer = (manager or self.admin).run("snmpset", *arguments, mibs=False)
        self.assertIn(expected, answer.text, arguments)

    def reads(self, words, oid=SYS_DESCR):
        return Manager(self, self.bridge.port, user=words).run("snmpget", oid, options=["-OQv"], mibs=False)

    def user_index(self, name):
        answer = self.admin.run("snmpget", ENGINE_ID, options=["-OQvx"], mibs=False)
        octets = [int(octet, 16) for octet in answer.out.strip().strip('"').split()]
        return ".".join(map(str, [len(octets), *octets])) + "." + counted(name)

    def test_all_protocols_by_snmpusm(self):
        """42 combinations: each a user who is cloned, gets a group, and changes both of his keys."""
        names = {pair: f"{pair[0]}-{pair[1]}" for pair in self.pairs}
        self.start([user(name, *pair) for pair, name in names.items()])
        self.does("snmpvacm", "createAccess", "keys", "3", "2", "2", "all", "all", "none")
        for (auth, priv), name in names.items():
            with self.subTest(auth=auth, priv=priv):
                made = f"x-{name}"
                self.does("snmpusm", "create", made, name)
                old = options(made, auth, priv)
                self.assertIn("authorizationError", self.reads(old).text, "nobody is in a group by being there")
                self.does("snmpvacm", "createSec2Group", "3", made, "keys")
                self.assertIn("fleetbridge", self.reads(old).out)
                me = Manager(self, self.bridge.port, user=old)
                self.does("snmpusm", "passwd", "authpassword", "new-auth-password", manager=me, options=["-Ca"])
                new = options(made, auth, priv, auth_password="new-auth-password")
                self.assertIn("fleetbridge", self.reads(new).out)
                self.assertIn("Authentication failure", self.reads(old).text)
                if priv:
                    me = Manager(self, self.bridge.port, user=new)
                    self.does("snmpusm", "passwd", "privpassword", "new-priv-password", made, manager=me, options=["-Cx"])
                    newest = options(made, auth, priv, auth_password="new-auth-password", priv_password="new-priv-password")
                    self.assertIn("fleetbridge", self.reads(newest).out)
                    self.assertIn("Decryption error", self.reads(new).text)
                self.assertIn("fleetbridge", self.reads(options(name, auth, priv)).out, "the pattern has its own keys still")

    def test_what_is_made_is_kept(self):
        self.start([user("anna", "sha-256", "aes-128")])
        self.does("snmpusm", "create", "otto", "anna")
        self.does("snmpvacm", "createSec2Group", "3", "otto", "plant")
        self.does("snmpvacm", "createView", "sensors", f".{SENSORS}")
        self.does("snmpvacm", "createView", "sensors", ".1.3.6.1.2.1.1")
        self.does("snmpvacm", "-Ce", "createView", "sensors", ".1.3.6.1.2.1.1.5")
        self.does("snmpvacm", "createAccess", "plant", "3", "2", "2", "sensors", "none", "none")
        # One that is volatile is not.
        self.does("snmpset", f"{GROUPS}.3.3.{counted('v')}", "s", "read", f"{GROUPS}.4.3.{counted('v')}", "i", "2", f"{GROUPS}.5.3.{counted('v')}", "i", CREATE_AND_GO)
        otto = options("otto", "sha-256", "aes-128")

        def sees():
            self.assertIn("fleetbridge", self.reads(otto).out)
            self.assertIn("No Such Object", self.reads(otto, SYS_NAME).out, "excluded")
            self.assertIn("No Such Object", self.reads(otto, "1.3.6.1.2.1.11.1.0").out, "never included")

        sees()
        rows = os.path.join(self.bridge.folder, "snmp-rows")
        self.assertEqual(os.stat(rows).st_mode & 0o777, 0o600)
        self.bridge.kill()
        self.bridge.start()
        sees()
        self.assertEqual([name for name, _ in self.admin.walk(f"{GROUPS}.5.3") if name.endswith(counted("v"))], [])
        self.assertIn("was changed by SET", self.bridge.output())
        self.assertNotIn("authpassword", self.bridge.output())
        self.does("snmpusm", "deactivate", "otto")
        self.assertIn("Unknown user name", self.reads(otto).text)
        self.does("snmpusm", "activate", "otto")
        sees()
        self.does("snmpvacm", "deleteView", "sensors", ".1.3.6.1.2.1.1.5")
        self.assertEqual(self.reads(otto, SYS_NAME).code, 0)
        self.does("snmpvacm", "deleteAccess", "plant", "3", "2")
        self.assertIn("authorizationError", self.reads(otto).text)
        self.does("snmpvacm", "deleteSec2Group", "3", "otto")
        self.does("snmpusm", "delete", "otto")
        self.assertIn("Unknown user name", self.reads(otto).text)
        # A file that is not understood is not passed over: what it restricts would be open.
        self.bridge.stop()
        with open(rows, "a", encoding="ascii") as file:
            file.write("something\n")
        for command in (("check",), ("serve",)):
            answer = self.bridge.cli(*command)
            self.assertNotEqual(answer.code, 0, command)
            self.assertIn("snmp-rows: line", answer.text)

    def test_rows_by_their_status(self):
        self.start([user("anna", "sha-256", "aes-128"), user("carl", "sha-256", "aes-128", role="operate")])
        group, status = f"{GROUPS}.3.3.{counted('otto')}", f"{GROUPS}.5.3.{counted('otto')}"
        self.fails("inconsistentName", group, "s", "read")
        self.fails("inconsistentValue", status, "i", "1")
        self.fails("inconsistentValue", status, "i", CREATE_AND_GO)
        self.does("snmpset", status, "i", CREATE_AND_WAIT)
        self.assertEqual(self.admin.get(status), "3", "not ready")
        self.fails("wrongLength", group, "s", "g" * 33)
        self.fails("wrongType", group, "i", "7")
        self.fails("wrongValue", status, "i", "3")
        self.fails("wrongValue", f"{GROUPS}.4.3.{counted('otto')}", "i", "4")
        self.does("snmpset", group, "s", "read")
        self.assertEqual(self.admin.get(status), "2", "not in service")
        self.does("snmpset", status, "i", "1")
        # All or none, in either order.
        other = f"{GROUPS}.5.3.{counted('carla')}"
        self.fails("inconsistentValue", group, "s", "operate", other, "i", CREATE_AND_GO)
        self.assertEqual(self.admin.get(group).strip('"'), "read")
        # What the boot file has is changed there.
        for column, kind, value in ((5, "i", DESTROY), (3, "s", "administer")):
            self.fails("notWritable", f"{GROUPS}.{column}.3.{counted('anna')}", kind, value)
        self.fails("notWritable", f"{USERS}.{STATUS}.{self.user_index('anna')}", "i", DESTROY)
        self.fails("notWritable", f"{USERS}.6.{self.user_index('anna')}", "x", "00" * 64)
        self.fails("noCreation", f"{USERS}.{STATUS}.1.7.{counted('far')}", "i", CREATE_AND_WAIT)
        # Who is no administrator, or not hidden, sees none of it.
        carl = Manager(self, self.bridge.port, user=options("carl", "sha-256", "aes-128"))
        self.fails("noAccess", group, "s", "administer", manager=carl)
        self.assertEqual(carl.walk(GROUPS), [])
        signed = Manager(self, self.bridge.port, user=options("root", "sha-512", "aes-256", level="authNoPriv"))
        self.fails("noAccess", group, "s", "administer", manager=signed)
        # Only he himself changes a key by "own".
        self.does("snmpusm", "create", "otto", "anna")
        self.fails("noAccess", f"{USERS}.7.{self.user_index('otto')}", "x", "00" * 64)
        self.fails("wrongLength", f"{USERS}.6.{self.user_index('otto')}", "x", "00" * 62)

    def test_nobody_gives_himself_more(self):
        scoped = user("sven", "sha-256", "aes-128", role="administer").replace("snmp = {", 'snmp = { scope = "site=north",')
        self.start([user("anna", "sha-256", "aes-128"), scoped])
        sven = Manager(self, self.bridge.port, user=options("sven", "sha-256", "aes-128"))
        self.fails("noAccess", f"{GROUPS}.5.3.{counted('evil')}", "i", CREATE_AND_WAIT, manager=sven)
        self.assertIn("noAccess", sven.run("snmpusm", "create", "evil", "sven", mibs=False).text)
        # Nor does he learn by what names others see all of the fleet.
        names = "1.3.6.1.6.3.18.1.1.1.2"
        self.assertIn("public", self.admin.run("snmpwalk", names, mibs=False).text)
        self.assertNotIn("public", sven.run("snmpwalk", names, mibs=False).text)
        # The groups and views of the boot file are what it says: nobody is locked out, nobody let in.
        for tool, *words in (
            ("snmpvacm", "-Ce", "createView", "all", ".1.3.6.1.6.3"),
            ("snmpvacm", "createView", "plain", ".1.3.6.1.6.3.15"),
            ("snmpvacm", "createAccess", "administer", "3", "1", "2", "all", "all", "all"),
            ("snmpvacm", "createAccess", "read", "dev", "2", "1", "2", "plain", "plain", "plain"),
        ):
            self.assertIn("inconsistentName", self.admin.run(tool, *words, mibs=False).text, words)

    def test_broken_protocols_need_the_word_of_the_boot_file(self):
        weak = user("weak", "md5", "des")
        self.start([weak])
        self.does("snmpusm", "create", "otto", "weak")
        self.does("snmpvacm", "createSec2Group", "3", "otto", "read")
        otto = options("otto", "md5", "des")
        self.assertIn("fleetbridge", self.reads(otto).out)
        self.bridge.stop()
        self.bridge.rewrite(lambda boot: boot.replace(weak, "").replace("allow-weak = true\n", ""))
        self.bridge.start()
        self.assertNotEqual(self.reads(otto).code, 0)
        self.assertIn("usmUserTable otto", self.bridge.output())

    def test_what_comes_into_the_boot_file_counts_there(self):
        anna = user("anna", "sha-256", "aes-128")
        self.start([anna])
        self.does("snmpusm", "create", "otto", "anna")
        self.does("snmpvacm", "createSec2Group", "3", "otto", "administer")
        otto = options("otto", "sha-256", "aes-128")
        self.assertIn("fleetbridge", self.reads(otto).out)
        self.bridge.stop()
        known = user("otto", "sha-512", "aes-256")
        for change, may in ((lambda boot: boot + known, False), (lambda boot: boot.removesuffix(known), False)):
            self.bridge.rewrite(change)
            self.bridge.start()
            self.assertEqual(self.reads(otto).code == 0, may, "he does not come back by what he was")
            self.bridge.stop()
        # A user of an engine that is gone is in nobody's way.
        self.bridge.start()
        self.does("snmpusm", "create", "carl", "anna")
        self.does("snmpvacm", "createSec2Group", "3", "carl", "read")
        self.bridge.stop()
        os.remove(os.path.join(self.bridge.folder, "snmp-engine"))
        self.bridge.start()
        carl = options("carl", "sha-256", "aes-128")
        self.assertIn("Unknown user name", self.reads(carl).text)
        self.assertIn("for another engine", self.bridge.output())
        self.does("snmpusm", "create", "carl", "anna")
        self.assertIn("fleetbridge", self.reads(carl).out)
        # A file that was cut is not taken for all.
        self.bridge.stop()
        rows = os.path.join(self.bridge.folder, "snmp-rows")
        with open(rows, encoding="ascii") as file:
            lines = file.readlines()
        with open(rows, "w", encoding="ascii") as file:
            file.writelines(lines[:-2])
        for command in ("check", "serve"):
            answer = self.bridge.cli(command)
            self.assertIn("snmp-rows: line", answer.text)
            self.assertNotEqual(answer.code, 0, command)

    def test_an_administrator_changes_anothers_keys(self):
        """As the README has it."""
        self.start([user("anna", "sha-512", "aes-256")])
        self.does("snmpusm", "create", "otto", "anna")
        self.does("snmpvacm", "createSec2Group", "3", "otto", "read")
        self.does("snmpusm", "passwd", "authpassword", "another-word", "otto", options=["-Ca"])
        self.does("snmpusm", "passwd", "privpassword", "another-key", "otto", options=["-Cx"])
        words = options("otto", "sha-512", "aes-256", auth_password="another-word", priv_password="another-key")
        self.assertIn("fleetbridge", self.reads(words).out)

    def test_locks(self):
        self.start([user("anna", "sha-256", "aes-128")])
        status = f"{GROUPS}.5.3.{counted('otto')}"
        for lock in (USER_LOCK, VIEW_LOCK):
            before = int(self.admin.get(lock))
            self.fails("inconsistentValue", lock, "i", str(before + 1), status, "i", CREATE_AND_WAIT)
            self.does("snmpset", lock, "i", str(before), status, "i", CREATE_AND_WAIT)
            self.assertEqual(int(self.admin.get(lock)), before + 1)
            self.does("snmpset", status, "i", DESTROY)
        stale = int(self.admin.get(VIEW_LOCK))
        self.bridge.kill()
        self.bridge.start()
        self.fails("inconsistentValue", VIEW_LOCK, "i", str(stale), status, "i", CREATE_AND_WAIT)
