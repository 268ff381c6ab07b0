"""Targets, filters and communities that an administrator makes by SET, told and asked by net-snmp's tools."""

import os
import re
import subprocess
import time

from support import Manager, TrapSink, wait_until
from support.manager import ROOT
from support.users import ADMIN, AS_ADMIN, options, passwords, receiver, user
from test_notify import NotifyTest

ADDRESS, PARAMS = "1.3.6.1.6.3.12.1.2.1", "1.3.6.1.6.3.12.1.3.1"
NOTIFY, PROFILE, FILTER = (f"1.3.6.1.6.3.13.1.{n}.1" for n in (1, 2, 3))
COMMUNITY = "1.3.6.1.6.3.18.1.1.1"
# The column of RowStatus.
STATUS = {ADDRESS: 9, PARAMS: 7, NOTIFY: 5, PROFILE: 3, FILTER: 5, COMMUNITY: 8}
LOCK = "1.3.6.1.6.3.12.1.1.0"
UDP, UDP_IPV4, UDP_IPV6 = "1.3.6.1.6.1.1", "1.3.6.1.2.1.100.1.1", "1.3.6.1.2.1.100.1.2"
LOST = "1.3.6.1.4.1.32473.2.0.1"
CREATE_AND_GO, CREATE_AND_WAIT, DESTROY = "4", "5", "6"
SYS_NAME, SYS_LOCATION = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.6.0"


def name(text):
    return ".".join(str(octet) for octet in text.encode())


def address(host, port):
    return (bytes(int(part) for part in host.split(".")) + port.to_bytes(2)).hex()


class MadeTargetsTest(NotifyTest):
    def start(self, devices=3, traps=(), users=(), **more):
        passwords(self)
        self.bridge = self.fleet(list(traps), devices, snmp="".join([ADMIN, user("anna", "sha-256", "aes-128"), *users]), **more)
        self.admin = Manager(self, self.bridge.port, user=AS_ADMIN)

    def row(self, table, index, *cells, status=CREATE_AND_GO):
        """The words of snmpset; `cells` are a column, a type and a value each."""
        cells = [*cells, (STATUS[table], "i", status)] if status else cells
        return [word for column, kind, value in cells for word in (f"{table}.{column}.{index}", kind, str(value))]

    def set(self, *words, manager=None):
        return (manager or self.admin).run("snmpset", *words, mibs=False)

    def make(self, table, index, *cells, status=CREATE_AND_GO):
        answer = self.set(*self.row(table, index, *cells, status=status))
        self.assertEqual((answer.code, answer.error), (0, ""), answer.text)

    def destroy(self, table, index):
        self.make(table, index, status=DESTROY)

    def fails(self, expected, table, index, *cells, status=CREATE_AND_WAIT, manager=None):
        answer = self.set(*self.row(table, index, *cells, status=status), manager=manager)
        self.assertIn(f"Reason: {expected}", answer.text, cells)

    def group(self, model, security, group):
        answer = self.admin.run("snmpvacm", "createSec2Group", model, security, group, mibs=False)
        self.assertEqual(answer.code, 0, answer.text)

    def target(self, row, port, tag, version, security, level):
        """By rows of one name; `version`: of SnmpMessageProcessingModel and of SnmpSecurityModel."""
        cells = (2, "o", UDP), (3, "x", address("127.0.0.1", port)), (4, "i", 50), (6, "s", tag), (7, "s", row)
        self.make(ADDRESS, name(row), *cells)
        numbers = (2, "i", version[0]), (3, "i", version[1]), (4, "s", security), (5, "i", level)
        self.make(PARAMS, name(row), *numbers)

    def standings(self):
        return self.bridge.json("status")["targets"]

    def wait_targets(self, count):
        wait_until(lambda: len(self.standings()) == count, 5, f"{count} targets")

    def test_targets(self):
        trapd = TrapSink(self, "v2c", community="hidden")
        informed = TrapSink(self, "v3", more=receiver("anna", "sha-256", "aes-128"))
        self.start()
        self.target("nms", trapd.port, "own trap", (1, 2), "nms", 1)
        self.make(COMMUNITY, name("nms"), (2, "s", "hidden"), (3, "s", "nms"))
        self.group("2", "nms", "read")
        self.target("far", informed.port, "inform", (3, 3), "anna", 3)
        self.wait_targets(2)
        self.say("down", 0)
        for sink in (trapd, informed):
            sink.wait("fbDeviceLost", device="dev-0")
            self.assertEqual(len(sink.all()), 1, "they begin with the present")
        wait_until(lambda: [target["told"] for target in self.standings()] == [1, 1], 5, "the inform is acknowledged")
        self.assertEqual(self.bridge.cli("notify", "test").code, 0)
        trapd.wait("fbTest")
        informed.wait("fbTest")
        # A filter of one leaves a kind out.
        self.make(PROFILE, name("nms"), (1, "s", "some"))
        self.wait_targets(1)
        self.assertIn('the filter "some" and the notify view of "nms" leave no notification over', self.bridge.output())
        some = f"4.{name('some')}"
        answer = self.set(*self.row(FILTER, f"{some}.1.3.6.1"), *self.row(FILTER, f"{some}.{LOST}", (3, "i", 2)))
        self.assertEqual(answer.code, 0, answer.text)
        self.wait_targets(2)
        self.say("down", 1)
        self.say("up", 1)
        informed.wait("fbDeviceLost", device="dev-1")
        for sink in (trapd, informed):
            sink.wait("fbDeviceReturned", device="dev-1")
        self.assertEqual(trapd.named("fbDeviceLost", device="dev-1"), [])
        # What was not told before a kill is told after it.
        informed.stop()
        self.say("down", 2)
        behind = lambda: next(target["behind"] for target in self.standings() if target["inform"])
        wait_until(lambda: behind() > 0, 5, "nobody acknowledges")
        # Until it is kept how far they are.
        time.sleep(1.5)
        self.bridge.kill()
        informed.start()
        self.bridge.start()
        informed.wait("fbDeviceLost", device="dev-2", seconds=20)
        for sink in (trapd, informed):
            sink.wait("warmStart", seconds=20)
        self.assertEqual(trapd.named("fbDeviceLost", device="dev-2"), [])
        # By another entry of snmpNotifyTable, one that begins with "a".
        self.make(NOTIFY, name("a"), (2, "s", "own"), (3, "i", 2))
        wait_until(lambda: all(target["inform"] for target in self.standings()), 5, "both are informed")
        self.destroy(ADDRESS, name("nms"))
        self.destroy(PARAMS, name("far"))
        self.wait_targets(0)
        self.assertIn('snmpTargetParamsTable has no active row "far"', self.bridge.output())
        count = len(informed.all())
        self.say("up", 2)
        time.sleep(0.5)
        self.assertEqual(len(informed.all()), count)
        self.assertIn("who is told was changed by SET", self.bridge.output())
        self.assertNotIn("hidden", self.bridge.output())

    def test_a_row_that_is_away_for_a_moment(self):
        """To change active parameters they are taken out of service."""
        sink = TrapSink(self, "v2c", community="hidden")
        # Of the boot file: it is told all, and so says when what happened is told.
        witness = TrapSink(self)
        self.start(traps=[f'target = "{witness.target}"'])
        self.target("nms", sink.port, "trap", (1, 2), "nms", 1)
        self.make(COMMUNITY, name("nms"), (2, "s", "hidden"), (3, "s", "nms"))
        self.group("2", "nms", "read")
        self.wait_targets(2)
        self.say("down", 0)
        sink.wait("fbDeviceLost", device="dev-0")
        self.make(PARAMS, name("nms"), status="2")
        self.wait_targets(1)
        self.assertIn("is told no more", self.bridge.output())
        self.say("up", 0)
        self.say("down", 1)
        self.make(PARAMS, name("nms"), status="1")
        sink.wait("fbDeviceReturned", device="dev-0")
        sink.wait("fbDeviceLost", device="dev-1")
        # Also over a restart, and it is told once.
        self.make(PARAMS, name("nms"), status="2")
        self.wait_targets(1)
        self.say("up", 1)
        witness.wait("fbDeviceReturned", device="dev-1")
        self.bridge.stop()
        self.bridge.start()
        self.say("down", 0)
        self.make(PARAMS, name("nms"), status="1")
        sink.wait("fbDeviceReturned", device="dev-1")
        sink.wait("fbDeviceLost", device="dev-0", count=2)
        # Whose address goes, and comes back, begins anew.
        self.destroy(ADDRESS, name("nms"))
        self.destroy(PARAMS, name("nms"))
        self.wait_targets(1)
        self.say("up", 0)
        witness.wait("fbDeviceReturned", device="dev-0", count=2)
        self.target("nms", sink.port, "trap", (1, 2), "nms", 1)
        self.wait_targets(2)
        self.say("down", 1)
        sink.wait("fbDeviceLost", device="dev-1", count=2)
        self.assertEqual(len(sink.named("fbDeviceReturned", device="dev-0")), 1)

    def test_as_the_readme_has_it(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as text:
            block = next(block for block in re.findall(r"```sh\n(.*?)```", text.read(), re.DOTALL) if "COMMUNITY=" in block)
        sink = TrapSink(self, community="SECRET")
        self.start(2)
        script = block.replace("127.0.0.1:1161", self.admin.target).replace("7F000001044A", address("127.0.0.1", sink.port))
        environment = self.admin.environment | {"ADMIN": " ".join(["-v3", *AS_ADMIN]), "MIBS": ""}
        done = subprocess.run(["bash", "-ec", script], env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.wait_targets(1)
        self.say("down", 0, 1)
        self.say("up", 0)
        sink.wait("fbDeviceReturned", device="dev-0")
        self.assertEqual(sink.named("fbDeviceLost"), [])
        self.assertIn("fleetbridge", Manager(self, self.bridge.port, community="SECRET").get("sysDescr.0"))

    def test_made_users_and_missing_parts(self):
        engine_of = lambda: self.bridge.json("status")["snmp"]["engine"]
        sink = TrapSink(self, "v3")
        self.start(1, traps=['target = "192.0.2.9:162"'])
        says = lambda words: wait_until(lambda: words in self.bridge.output(), 5, words)
        self.target("otto", sink.port, "trap", (3, 3), "otto", 3)
        says('there is no user "otto"')
        self.assertEqual(self.admin.run("snmpusm", "create", "otto", "anna", mibs=False).code, 0)
        says('nothing is open to "otto" by Usm at AuthPriv')
        self.group("3", "otto", "read")
        self.wait_targets(2)
        sink.restart(receiver("otto", "sha-256", "aes-128", engine=engine_of()))
        self.assertEqual(self.bridge.cli("notify", "test", sink.target).code, 0)
        sink.wait("fbTest")
        # His keys change, and he is told by the new ones.
        words = options("otto", "sha-256", "aes-128")
        me = Manager(self, self.bridge.port, user=words)
        self.change_key(me)
        sink.restart(receiver("otto", "sha-256", "aes-128", engine=engine_of(), auth_password="new-auth-password"))
        self.assertEqual(self.bridge.cli("notify", "test", sink.target).code, 0)
        sink.wait("fbTest", count=2)
        self.make(ADDRESS, name("otto"), (6, "s", "inform"), status=None)
        says("was made by SET and has keys for the bridge's engine alone")
        self.wait_targets(1)
        self.make(ADDRESS, name("boot"), (2, "o", UDP), (3, "x", address("192.0.2.9", 162)), (6, "s", "trap"), (7, "s", "otto"))
        says("192.0.2.9:162 is told as the boot file says")

    def change_key(self, manager):
        """Key changes are writes, which who is in a group that writes all may do."""
        self.assertEqual(self.admin.run("snmpvacm", "deleteSec2Group", "3", "otto", mibs=False).code, 0)
        answer = self.admin.run("snmpvacm", "createAccess", "keys", "3", "2", "2", "all", "all", "all", mibs=False)
        self.assertEqual(answer.code, 0, answer.text)
        self.group("3", "otto", "keys")
        answer = manager.run("snmpusm", "passwd", "authpassword", "new-auth-password", mibs=False, options=["-Ca"])
        self.assertEqual(answer.code, 0, answer.text)

    def test_communities(self):
        self.start(2)
        asks = lambda community: Manager(self, self.bridge.port, community=community, timeout=0.3, retries=0)
        near, far = ["-OQv"], ["-OQv", "--clientaddr=127.0.0.2"]
        reads = lambda community, oid=SYS_NAME, options=near: asks(community).run("snmpget", oid, options=options, mibs=False).text
        self.make(ADDRESS, name("nms"), (2, "o", UDP_IPV4), (3, "x", address("127.0.0.1", 162)), (6, "s", "x managers"), (7, "s", "none"))
        self.group("2", "plant", "operate")
        self.make(COMMUNITY, name("a"), (2, "s", "hidden"), (3, "s", "plant"), (5, "s", "dev-0"), (6, "s", "managers"))
        self.make(COMMUNITY, name("b"), (2, "s", "from-all"), (3, "s", "plant"), (5, "s", "dev-1"))
        self.make(COMMUNITY, name("c"), (2, "s", "public"), (3, "s", "plant"), (5, "s", "dev-1"))
        self.make(COMMUNITY, name("d"), (2, "s", "of-fleet"), (3, "s", "plant"), (5, "s", "+fleet"))

        def asked():
            self.assertIn("dev-0", reads("hidden"))
            self.assertIn("Timeout", reads("hidden", options=far))
            self.assertIn("dev-1", reads("from-all"))
            self.assertIn("dev-1", reads("from-all", options=far))
            self.assertNotIn("dev-", reads("public"), "that of the boot file")
            self.assertIn("dev-1", reads("public@dev-1"))
            self.assertIn("Timeout", reads("hidden@dev-1"))
            self.assertIn("dev-1", reads("of-fleet", "1.3.6.1.2.1.47.1.1.1.1.7.2049"))

        asked()
        self.assertIn("snmpCommunityTable c", self.bridge.output())
        self.assertIn("the boot file has a community of this name", self.bridge.output())
        # One that is open to all writes nothing.
        self.assertEqual(self.set(SYS_LOCATION, "s", "hall", manager=asks("hidden")).code, 0)
        self.assertIn("noAccess", self.set(SYS_LOCATION, "s", "yard", manager=asks("from-all")).text)
        self.assertIn("hall", reads("hidden", SYS_LOCATION))
        # Nor does any community make rows, whatever it may.
        answer = self.admin.run("snmpvacm", "createAccess", "com", "2", "1", "2", "all", "all", "all", mibs=False)
        self.assertEqual(answer.code, 0, answer.text)
        self.group("2", "power", "com")
        self.make(COMMUNITY, name("e"), (2, "s", "power"), (3, "s", "power"), (6, "s", "managers"))
        answer = self.set(*self.row(NOTIFY, name("evil"), status=CREATE_AND_WAIT), manager=asks("power"))
        self.assertIn("noAccess", answer.text)
        rows = os.path.join(self.bridge.folder, "snmp-rows")
        self.assertEqual(os.stat(rows).st_mode & 0o777, 0o600)
        self.bridge.kill()
        self.bridge.start()
        asked()
        self.make(COMMUNITY, name("a"), status="2")
        self.assertIn("Timeout", reads("hidden"))
        self.make(COMMUNITY, name("a"), status="1")
        self.destroy(ADDRESS, name("nms"))
        self.assertIn("Timeout", reads("hidden"), "nobody has its tag")
        self.destroy(COMMUNITY, name("b"))
        self.assertIn("Timeout", reads("from-all"))
        for secret in ("hidden", "from-all", "of-fleet"):
            self.assertNotIn(secret, self.bridge.output().replace("hidden@", ""))

    def test_where_devices_answer(self):
        pool = '[snmp.devices]\npools = ["127.1.0.0/16"]\n'
        self.start(1, more=pool)
        self.fails("inconsistentValue", ADDRESS, name("nms"), (2, "o", UDP), (3, "x", address("127.1.9.9", 162)))
        self.fails("wrongValue", ADDRESS, name("nms"), (3, "x", address("239.0.0.1", 162)))
        self.target("nms", 2162, "inform", (3, 3), "anna", 3)
        acknowledged = "ip saddr . udp sport { 127.0.0.1 . 2162 } accept"
        self.assertIn(acknowledged, self.bridge.cli("addresses", "nftables").out)
        self.make(ADDRESS, name("nms"), (6, "s", "trap"), status=None)
        self.assertNotIn(acknowledged, self.bridge.cli("addresses", "nftables").out)
        self.make(ADDRESS, name("far"), (2, "o", UDP), (3, "x", address("127.2.0.1", 162)), (7, "s", "nms"))
        self.bridge.stop()
        self.bridge.rewrite(lambda boot: boot.replace(pool, pool.replace('16"', '16", "127.2.0.0/16"')))
        for command in ("check", "serve"):
            refused = self.bridge.cli(command)
            self.assertNotEqual(refused.code, 0)
            self.assertIn("127.2.0.0/16 holds 127.2.0.1, which is that of a trap target that was made by SET", refused.text)

    def test_what_cannot_be(self):
        self.start(0, traps=['target = "192.0.2.9:162"'], users=[user("carl", "sha-256", "aes-128", role="operate")])
        row = name("nms")
        v4, v6 = address("192.0.2.8", 162), "20" * 16 + "00a2"
        for expected, *cells in (
            ("inconsistentValue", (2, "o", UDP), (3, "x", v6)),
            ("inconsistentValue", (2, "o", UDP_IPV6), (3, "x", v4)),
            ("wrongValue", (2, "o", "1.3.6.1.6.1.2")),
            ("wrongValue", (3, "x", address("192.0.2.8", 0))),
            ("wrongValue", (3, "x", address("0.0.0.0", 162))),
            ("wrongLength", (3, "x", v4 + "00")),
            ("wrongValue", (4, "i", -1)),
            ("wrongValue", (5, "i", 256)),
            ("wrongValue", (6, "s", "a  b")),
            ("wrongLength", (7, "s", "x" * 33)),
            ("wrongValue", (8, "i", 4)),
        ):
            self.fails(expected, ADDRESS, row, *cells)
        self.fails("inconsistentValue", ADDRESS, row, (2, "o", UDP), (3, "x", v4), status=CREATE_AND_GO)
        for expected, *cells in (
            ("inconsistentValue", (2, "i", 0), (3, "i", 2)),
            ("inconsistentValue", (2, "i", 3), (3, "i", 1)),
            ("inconsistentValue", (3, "i", 2), (5, "i", 3)),
            ("wrongValue", (2, "i", 2)),
            ("wrongValue", (3, "i", 4)),
            ("wrongValue", (5, "i", 4)),
            ("wrongLength", (4, "s", "")),
        ):
            self.fails(expected, PARAMS, row, *cells)
        self.fails("wrongValue", NOTIFY, row, (2, "s", "a b"))
        self.fails("wrongValue", NOTIFY, row, (3, "i", 3))
        self.fails("wrongValue", COMMUNITY, row, (4, "x", "8000000001020304"))
        self.fails("wrongValue", COMMUNITY, row, (5, "s", "+other"))
        self.fails("wrongLength", COMMUNITY, row, (2, "s", ""))
        # What is active is taken out of service before it changes.
        self.make(ADDRESS, row, (2, "o", UDP_IPV6), (3, "x", v6), (7, "s", "nms"))
        self.fails("inconsistentValue", ADDRESS, row, (3, "x", "30" * 16 + "00a2"), status=None)
        self.make(ADDRESS, row, (3, "x", "30" * 16 + "00a2"), status="2")
        # What the boot file has is changed there, and not filtered further.
        for table in (ADDRESS, PARAMS, PROFILE, COMMUNITY):
            self.fails("notWritable", table, name("target-1"), status=DESTROY)
        self.fails("notWritable", COMMUNITY, name("community-1"), status=DESTROY)
        self.fails("notWritable", NOTIFY, name("trap"), (2, "s", "x"), status=None)
        self.fails("notWritable", FILTER, f"8.{name('target-1')}.{LOST}", (3, "i", 2), status=None)
        self.fails("inconsistentName", FILTER, f"8.{name('target-1')}.1.3")
        # Nobody else does any of it.
        carl = Manager(self, self.bridge.port, user=options("carl", "sha-256", "aes-128"))
        for table in STATUS:
            self.fails("noAccess", table, row if table != FILTER else f"1.97.{LOST}", manager=carl)
        before = int(self.admin.get(LOCK))
        words = self.row(NOTIFY, row, status=CREATE_AND_WAIT)
        self.assertIn("inconsistentValue", self.set(LOCK, "i", str(before + 1), *words).text)
        self.assertEqual(self.set(LOCK, "i", str(before), *words).code, 0)


if __name__ == "__main__":
    import unittest

    unittest.main()
