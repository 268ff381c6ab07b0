"""Managers steer: ncclient edits, the device behind mosquitto obeys, and what it does is read back."""

import os
import time
import unittest

from ncclient.operations import RPCError
from support import Bridge, Broker, Case, Publisher, wait_until
from support.fleet import adapter
from support.netconf import FB, Netconf, config, find, setting, subtree, text
from support.plug import Plug
from support.wire import publication

# How often the bridge is killed straight after an <ok/>.
KILLS = int(os.environ.get("FLEETBRIDGE_KILLS", "5"))


class NetconfCase(Case):
    def setUp(self):
        super().setUp()
        self.broker = Broker(self)
        self.netconf = Netconf(self)
        mqtt = adapter(self.broker, more='profiles = ["tasmota", "json-sensor"]')
        self.bridge = Bridge(self, mqtt=[mqtt], more=self.netconf.section).start()

    def plug(self, name):
        plug = Plug(self, self.broker, name)
        plug.online()
        wait_until(lambda: name in self.bridge.manager.devices(), 5, f"{name} is learned")
        return plug

    def standing(self, session, device, name):
        reply = session.get(subtree(device, f"<setting><name>{name}</name></setting>"))
        return {leaf.tag.split("}")[1]: leaf.text for leaf in find(reply, "fleet/device/setting/*")} or {
            leaf.tag.split("}")[1]: leaf.text for entry in find(reply, "fleet/device/setting") for leaf in entry
        }

    def commit(self, session, *devices, **options):
        session.edit_config(target="candidate", config=config(*devices), **options)
        session.commit()


class SettingTest(NetconfCase):
    def test_a_setting_reaches_its_device(self):
        plug = self.plug("plug-1")
        session = self.netconf.connect("operate")
        begun = time.monotonic()
        self.commit(session, setting("plug-1", "tele-period", 60))
        wait_until(lambda: plug.commands("TelePeriod") == ["60"], 5, "the command is on the broker")
        took = time.monotonic() - begun
        effective = lambda: self.standing(session, "plug-1", "tele-period").get("standing") == "effective"
        wait_until(effective, 5, "the device says so")
        print(f"      edit, commit and command in {took * 1000:.0f} ms, with ncclient's own delays")
        shown = self.standing(session, "plug-1", "tele-period")
        self.assertEqual((shown["desired"], shown["reported"], shown["attempts"]), ("60", "60", "1"))
        self.assertEqual(plug.commands("TelePeriod"), ["60"], "sent once")
        # SNMP says the same.
        number = self.bridge.manager.devices()["plug-1"]["number"]
        rows = self.bridge.manager.walk("1.3.6.1.4.1.32473.2.1.4")
        self.assertTrue(any("60" in value for _, value in rows), rows)
        self.assertGreater(number, 0)

    def test_netconf_and_snmp_say_the_same(self):
        """`device/setting` and fbSettingTable, cell by cell, with settings that ended in different ways."""
        plug = self.plug("plug-8")
        plug.answer = lambda command, payload: {"Command": "Unknown"} if command == "LedState" else plug.obey(command, payload)
        session = self.netconf.connect("administer")
        several = "<tele-period>60</tele-period><led-state>3</led-state><web-password>hush-4711</web-password>"
        container = f'<tasmota xmlns="urn:fleetbridge:yang:profile:tasmota">{several}</tasmota>'
        self.commit(session, f"<device><name>plug-8</name><settings>{container}</settings></device>")
        ended = lambda: self.standing(session, "plug-8", "led-state").get("standing") == "unsupported"
        wait_until(ended, 20, "the refused one ends")
        wait_until(lambda: self.standing(session, "plug-8", "tele-period").get("standing") == "effective", 20, "and the other")

        def both():
            reply = session.get(subtree("plug-8", "<setting/>"))
            entries = find(reply, "fleet/device/setting")
            netconf = [{leaf.tag.split("}")[1]: leaf.text or "" for leaf in entry} for entry in entries]
            return {entry.pop("name"): entry for entry in netconf}, list(self.bridge.manager.table("fbSettingTable").values())

        netconf, snmp = both()
        self.assertEqual(sorted(row["fbSettingName"] for row in snmp), sorted(netconf))
        self.assertGreaterEqual(len(snmp), 3)
        for row in snmp:
            entry = netconf[row["fbSettingName"]]
            with self.subTest(setting=row["fbSettingName"]):
                secret = row["fbSettingName"] == "web-password"
                if not secret:
                    self.assertEqual(row.get("fbSettingDesired"), entry.get("desired"))
                self.assertEqual(row.get("fbSettingReported"), entry.get("reported"))
                self.assertEqual(row["fbSettingAttempts"], entry.get("attempts", "0"))
                self.assertEqual(row["fbSettingError"], entry.get("error", ""))
                self.assertEqual(row["fbSettingTransaction"], entry.get("commit", "0"))
                if "standing" in entry:
                    self.assertEqual(row["fbSettingState"].lower(), entry["standing"].replace("-", ""))
        self.assertNotIn("hush-4711", f"{netconf}{snmp}")

    def test_one_that_refuses_fails_with_its_words(self):
        plug = self.plug("plug-2")
        plug.answer = plug.refuse
        session = self.netconf.connect("operate")
        self.commit(session, setting("plug-2", "tele-period", 70))
        ended = lambda: self.standing(session, "plug-2", "tele-period").get("standing") in ("failed", "unsupported")
        wait_until(ended, 10, "it ends")
        self.assertIn("Unknown", self.standing(session, "plug-2", "tele-period")["error"])

    def test_one_that_ignores_ends_drifted(self):
        plug = self.plug("plug-3")
        plug.answer = lambda command, payload: {command: 300}
        session = self.netconf.connect("operate")
        self.commit(session, setting("plug-3", "tele-period", 80))
        ended = lambda: self.standing(session, "plug-3", "tele-period").get("standing") in ("drifted", "failed")
        wait_until(ended, 60, "it ends", every=0.5)
        shown = self.standing(session, "plug-3", "tele-period")
        self.assertEqual((shown["desired"], shown["reported"]), ("80", "300"))
        drift = session.get(("subtree", f'<fleet xmlns="{FB}"><report><drift/></report></fleet>'))
        self.assertEqual(text(drift, "fleet/report/drift/device"), "plug-3")

    def test_one_that_sleeps_gets_it_when_it_returns(self):
        plug = self.plug("plug-4")
        plug.offline()
        wait_until(lambda: self.bridge.manager.get("fbFleetMissing.0") == "1", 5, "it is gone")
        session = self.netconf.connect("operate")
        self.commit(session, setting("plug-4", "tele-period", 90))
        time.sleep(1)
        shown = self.standing(session, "plug-4", "tele-period")
        self.assertEqual((shown["standing"], shown["attempts"]), ("pending", "0"))
        self.assertEqual(plug.commands("TelePeriod"), [], "nothing is sent to one that is away")
        plug.online()
        wait_until(lambda: plug.commands("TelePeriod") == ["90"], 5, "it gets it")

    def test_a_confirmed_commit_that_is_not_confirmed_rolls_devices_back(self):
        plug = self.plug("plug-5")
        session = self.netconf.connect("operate")
        self.commit(session, setting("plug-5", "tele-period", 60))
        wait_until(lambda: plug.values["TelePeriod"] == 60, 5, "the first value")
        session.edit_config(target="candidate", config=config(setting("plug-5", "tele-period", 61)))
        session.commit(confirmed=True, timeout="1")
        wait_until(lambda: plug.values["TelePeriod"] == 61, 5, "the second one is pushed at once")
        wait_until(lambda: plug.values["TelePeriod"] == 60, 5, "and taken back")

    def test_a_value_that_was_never_set_before_is_rolled_back_too(self):
        plug = self.plug("plug-8")
        session = self.netconf.connect("operate")
        session.edit_config(target="candidate", config=config(setting("plug-8", "tele-period", 61)))
        session.commit(confirmed=True, timeout="600")
        wait_until(lambda: plug.values["TelePeriod"] == 61, 5, "it is pushed at once")
        session.close_session()
        wait_until(lambda: plug.values["TelePeriod"] == 300, 5, "and taken back with its session")
        session = self.netconf.connect("operate")
        settled = lambda: "desired" not in self.standing(session, "plug-8", "tele-period")
        wait_until(settled, 5, "nobody wants anything of it")
        session.edit_config(target="candidate", config=config(setting("plug-8", "tele-period", 62)))
        session.commit(confirmed=True, timeout="600")
        wait_until(lambda: plug.values["TelePeriod"] == 62, 5, "once more")
        self.bridge.kill()
        self.bridge.start()
        plug.report()
        wait_until(lambda: plug.values["TelePeriod"] == 300, 10, "and taken back by the restart")
        self.assertEqual(plug.commands("TelePeriod"), ["61", "300", "62", "300"])

    def test_a_device_is_made_ahead_and_claimed(self):
        session = self.netconf.connect("operate")
        self.commit(session, setting("plug-6", "tele-period", 50))
        row = wait_until(lambda: self.bridge.manager.devices().get("plug-6"), 5, "it has a row at once")
        number = row["number"]
        self.assertEqual(self.standing(session, "plug-6", "tele-period")["standing"], "pending")
        plug = self.plug("plug-6")
        wait_until(lambda: plug.commands("TelePeriod") == ["50"], 10, "its unit gets what was wanted")
        self.assertEqual(self.bridge.manager.devices()["plug-6"]["number"], number)
        self.assertEqual(self.bridge.manager.get("fbFleetDevices.0"), "1", "no second device")

    def test_units_that_speak_more_than_once_at_a_time(self):
        """Devices made ahead and others are heard in one batch, each of them several times."""
        session = self.netconf.connect("operate")
        names = [f"ahead-{at}" for at in range(20)]
        self.commit(session, *(f"<device><name>{name}</name></device>" for name in names))
        publisher = Publisher(self.broker.port)
        self.addCleanup(publisher.close)
        names += [f"other-{at}" for at in range(20)]
        publisher.send(b"".join(publication(f"tele/{name}/STATE", "{}") * 3 for name in names))
        heard = lambda: [row for row in self.bridge.manager.devices().values() if row["fbDevicePresence"] == "online"]
        wait_until(lambda: len(heard()) == 40, 5, "all are heard at once")
        self.assertNotIn("cannot be given its unit", self.bridge.output())

    def test_what_devices_say_breaks_no_answer(self):
        session = self.netconf.connect("operate")
        plug = self.plug("plug-x")
        self.broker.publish("tele/plug-x/INFO2", '{"Info2":{"Hostname":"a\ufffe\\u0001\ufdd0<&]]>"}}')
        self.broker.publish("tele/plug-x/INFO1", '{"Info1":{"Module":"m\uffff\\ufffe","Version":"1\ufffe"}}')
        plug.say(TelePeriod="70 \ufffe")
        wait_until(lambda: "1\ufffd" in session.get().data_xml, 5, "it is shown as far as XML can")

    def test_a_name_stays_its_own_until_its_unit_comes(self):
        """Made ahead, taken out again: the unit that comes has the number that its name has, and is told what is wanted."""
        session = self.netconf.connect("operate")
        self.commit(session, setting("plug-9", "tele-period", 50))
        gone = '<device nc:operation="delete"><name>plug-9</name></device>'
        self.commit(session, gone)
        wait_until(lambda: "plug-9" not in self.bridge.manager.devices(), 5, "it has no row")
        plug = self.plug("plug-9")
        self.assertEqual(self.bridge.manager.devices()["plug-9"]["number"], 1)
        self.commit(session, setting("plug-9", "tele-period", 51))
        wait_until(lambda: plug.commands("TelePeriod") == ["51"], 5, "it is told")
        self.assertNotIn("configured no more", self.bridge.output())
        refused = self.bridge.cli("device", "retire", "plug-9")
        self.assertEqual(refused.code, 1)
        self.assertIn("delete it there first", refused.text)

    def test_an_edit_that_fails_leaves_nothing(self):
        self.plug("plug-a")
        wrong = self.write("wrong.xml", f'<fleet xmlns="{FB}">{setting("plug-a", "tele-period", 5)}</fleet>')
        right = self.write("right.xml", f'<fleet xmlns="{FB}">{setting("plug-a", "tele-period", 55)}</fleet>')
        answer = self.bridge.cli("netconf", "edit", wrong)
        self.assertEqual(answer.code, 1)
        self.assertRegex(answer.text, r"invalid-value: .*tele-period")
        self.assertIn("nothing is staged", self.bridge.cli("candidate", "show").out)
        self.assertIn("done", self.bridge.cli("netconf", "edit", "--test", right).out)
        self.assertIn("nothing is staged", self.bridge.cli("candidate", "show").out)
        session = self.netconf.connect("operate")
        session.edit_config(target="candidate", config=config("<device><name>other</name></device>"))
        answer = self.bridge.cli("netconf", "edit", right)
        self.assertEqual(answer.code, 1, "it does not commit the work of others")
        self.assertRegex(answer.text, r"lock-denied: candidate has been edited by operate[\s\S]*candidate show")
        self.assertIn("other", self.bridge.cli("candidate", "show").out)
        self.assertEqual(self.bridge.cli("candidate", "discard").code, 0)
        self.assertIn("done", self.bridge.cli("netconf", "edit", right).out)
        shown = self.bridge.cli("netconf", "get", "--device", "plug-a").out
        self.assertIn("<desired>55</desired>", shown)

    def test_who_changed_what_is_shown_and_taken_back(self):
        plug = self.plug("plug-b")
        self.assertIn("nothing has been committed", self.bridge.cli("commit", "list").out)
        session = self.netconf.connect("operate")
        self.commit(session, setting("plug-b", "tele-period", 55))
        wait_until(lambda: plug.values["TelePeriod"] == 55, 5, "it is set")
        self.commit(session, setting("plug-b", "tele-period", 56))
        wait_until(lambda: plug.values["TelePeriod"] == 56, 5, "it is set again")
        newest, first = self.bridge.cli("commit", "list").out.splitlines()[1:]
        self.assertRegex(newest, r"operate +netconf +committed +1 ")
        shown = self.bridge.cli("commit", "show", newest.split()[0]).out
        self.assertRegex(shown, r"by operate via netconf, session \d+, from 127\.0\.0\.1")
        self.assertRegex(shown, r"merge +/fleetbridge:fleet/\S*'plug-b'\S*:tele-period = 56\n")
        self.assertEqual(self.bridge.cli("commit", "rollback", first.split()[0]).code, 0)
        wait_until(lambda: plug.values["TelePeriod"] == 55, 5, "it is as it was")
        self.assertRegex(self.bridge.cli("commit", "list").out.splitlines()[1], r"control +committed +1 ")
        missing = self.bridge.cli("commit", "show", "99")
        self.assertEqual((missing.code, "no commit 99" in missing.text), (1, True))

    def test_kill_after_ok_loses_nothing(self):
        plug = self.plug("plug-7")
        values = range(10, 10 + KILLS)
        for value in values:
            session = self.netconf.connect("operate")
            self.commit(session, setting("plug-7", "tele-period", value))
            self.bridge.kill()
            self.bridge.start()
            plug.report()
            wait_until(lambda: plug.values["TelePeriod"] == value, 15, f"{value} arrives")
        time.sleep(1)
        self.assertEqual(plug.commands("TelePeriod"), [str(value) for value in values], "none lost, none doubled")


class OperationTest(NetconfCase):
    def test_hello_and_schemas(self):
        session = self.netconf.connect("read")
        capabilities = list(session.server_capabilities)
        for wanted in ("candidate:1.0", "confirmed-commit:1.1", "validate:1.1", "notification:1.0", "yang-library:1.1"):
            self.assertTrue(any(wanted in capability for capability in capabilities), wanted)
        for module in ("fleetbridge", "fleetbridge-profile-tasmota", "ietf-netconf", "ietf-yang-types"):
            self.assertIn(f"module {module} ", session.get_schema(module).data)
        with self.assertRaises(RPCError) as caught:
            session.get_schema("nosuch")
        self.assertEqual(caught.exception.tag, "invalid-value")
        library = session.get(("subtree", '<yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"/>'))
        self.assertIn("<name>fleetbridge</name>", library.data_xml)
        state = session.get(("subtree", '<netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><sessions/></netconf-state>'))
        self.assertIn("<username>read</username>", state.data_xml)

    def test_get_and_filters(self):
        self.plug("plug-a")
        self.plug("plug-b")
        session = self.netconf.connect("operate")
        self.commit(session, "<device><name>plug-a</name><site>Lübeck</site><group>x</group><group>y</group></device>")
        reply = session.get()
        self.assertEqual([leaf.text for leaf in find(reply, "fleet/device/name")], ["plug-a", "plug-b"])
        reply = session.get(subtree("plug-a"))
        self.assertEqual(text(reply, "fleet/device/site"), "Lübeck")
        self.assertEqual(text(reply, "fleet/device/presence"), "online")
        self.assertEqual(text(reply, "fleet/device/managed"), "true")
        self.assertEqual(text(reply, "fleet/device/identity/manufacturer"), "Tasmota")
        reply = session.get(("subtree", f'<fleet xmlns="{FB}"><device><site>Lübeck</site><name/><number/></device></fleet>'))
        self.assertEqual([leaf.text for leaf in find(reply, "fleet/device/name")], ["plug-a"])
        self.assertEqual(find(reply, "fleet/device/presence"), [])
        reply = session.get(("subtree", f'<fleet xmlns="{FB}"><device><point><name>wifi-rssi</name></point></device></fleet>'))
        self.assertEqual({leaf.text for leaf in find(reply, "fleet/device/point/name")}, {"wifi-rssi"})
        for nothing in (subtree("nosuch"), ("subtree", '<x xmlns="urn:x"/>')):
            self.assertEqual(find(session.get(nothing), "fleet"), [])
        reply = session.get_config("running")
        self.assertEqual([leaf.text for leaf in find(reply, "fleet/device/name")], ["plug-a"])
        self.assertEqual(find(reply, "fleet/device/number"), [], "state is no configuration")
        self.assertEqual(text(session.get_config("running", with_defaults="report-all"), "fleet/device/admin-state"), "in-service")

    def test_secrets_are_never_shown(self):
        self.plug("plug-s")
        session = self.netconf.connect("operate")
        with self.assertRaises(RPCError) as caught:
            session.edit_config(target="candidate", config=config(setting("plug-s", "web-password", "hush-4711")))
        self.assertEqual(caught.exception.tag, "access-denied")
        session = self.netconf.connect("administer")
        self.commit(session, setting("plug-s", "web-password", "hush-4711"))
        self.assertNotIn("hush-4711", session.get().data_xml + session.get_config("running").data_xml)
        self.assertNotIn("hush-4711", self.bridge.output())

    def test_roles(self):
        session = self.netconf.connect("read")
        session.get()
        for denied in (lambda: session.lock("running"), lambda: session.commit(), lambda: session.kill_session("77")):
            with self.assertRaises(RPCError) as caught:
                denied()
            self.assertEqual(caught.exception.tag, "access-denied")
        self.assertRegex(self.bridge.output(), r'WARN lock: access-denied.*user="read"')
        with self.assertRaises(RPCError) as caught:
            self.netconf.connect("administer").kill_session("77")
        self.assertEqual(caught.exception.tag, "invalid-value")

    def test_locks(self):
        one, two = self.netconf.connect("operate"), self.netconf.connect("administer")
        with one.locked("running"):
            with self.assertRaises(RPCError) as caught:
                two.lock("running")
            self.assertEqual(caught.exception.tag, "lock-denied")
            self.assertIn(one.session_id, str(caught.exception.info))
            with self.assertRaises(RPCError) as caught:
                two.edit_config(target="running", config=config("<device><name>x</name></device>"))
            self.assertEqual(caught.exception.tag, "in-use")
        two.lock("running")
        two.unlock("running")

    def test_notifications(self):
        session, listener = self.netconf.connect("operate"), self.netconf.connect("read")
        listener.create_subscription()
        self.plug("plug-n")
        self.commit(session, setting("plug-n", "tele-period", 33))
        told = []

        def names():
            while notification := listener.take_notification(block=False):
                told.append(notification.notification_xml)
            return "".join(told)

        for kind in ("device-learned", "netconf-config-change", "setting-changed", "commit-settled"):
            wait_until(lambda kind=kind: kind in names(), 10, f"{kind} is told")
        change = next(one for one in told if "netconf-config-change" in one)
        self.assertIn("<username>operate</username>", change)
        self.assertIn("tele-period", change)
        late = self.netconf.connect("read")
        late.create_subscription(start_time="2020-01-01T00:00:00Z")
        replayed = []

        def complete():
            while notification := late.take_notification(block=False):
                replayed.append(notification.notification_xml)
            return "replayComplete" in "".join(replayed)

        wait_until(complete, 10, "the replay is complete")
        self.assertIn("device-learned", "".join(replayed))


if __name__ == "__main__":
    unittest.main()
