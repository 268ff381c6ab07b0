"""What NETCONF tells of itself (RFC 6470): sessions and confirmed commits, as they happen and replayed, before yanglint."""

import unittest
import xml.etree.ElementTree as ET

from support import Bridge, Case, wait_until
from support.netconf import HELLO, Netconf, config
from support.yang import IETF, OWN, files, yanglint

BASE = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
HOST = {"source-host": "127.0.0.1"}


class EventTest(Case):
    def setUp(self):
        super().setUp()
        self.netconf = Netconf(self)
        self.bridge = Bridge(self, more=self.netconf.section).start()

    def test_sessions_have_a_start_and_an_end(self):
        listener = Listener(self.raw("read"))
        manager = self.raw()
        ids = {}

        def session(reason, hello=HELLO):
            raw = self.raw("operate", hello)
            ids[reason] = raw.id
            return raw

        session("closed").rpc("<close-session/>")
        session("dropped").close()
        session("bad-hello", "<hello/>")
        session("other").send_bytes(b"no chunk")
        session("killed")
        manager.rpc(f"<kill-session><session-id>{ids['killed']}</session-id></kill-session>")
        wait_until(lambda: len(listener.told("session-end")) == len(ids), 10, "all have ended")
        users = {str(number): {"username": "operate", "session-id": str(number), **HOST} for number in ids.values()}
        started = [one for one in listener.told("session-start") if one["username"] == "operate"]
        self.assertEqual({one["session-id"]: one for one in started}, users)
        ended = {one["session-id"]: one for one in listener.told("session-end")}
        for reason, number in ids.items():
            by = {"killed-by": str(manager.id)} if reason == "killed" else {}
            self.assertEqual(ended[str(number)], {**users[str(number)], "termination-reason": reason, **by})
        self.replays(listener)

    def test_each_step_of_a_confirmed_commit(self):
        listener, session = Listener(self.raw("read")), self.netconf.connect("operate")
        who = {"username": "operate", "session-id": session.session_id, **HOST}
        sites = iter(range(9))

        def begin(timeout):
            site = f"<device><name>lamp</name><site>{next(sites)}</site></device>"
            session.edit_config(target="candidate", config=config(site))
            session.commit(confirmed=True, timeout=timeout)

        begin("600")
        session.commit(confirmed=True, timeout="300")
        session.commit()
        begin("600")
        session.cancel_commit()
        begin("1")
        wait_until(lambda: {"confirm-event": "timeout"} in listener.told("confirmed-commit"), 10, "it is undone")
        begin("600")
        session.close_session()
        start = ("start", "600")
        steps = [start, ("extend", "300"), ("complete",), start, ("cancel",), ("start", "1"), ("timeout",), start, ("cancel",)]
        expected = [dict(zip(("confirm-event", "timeout"), step)) for step in steps]
        wait_until(lambda: len(listener.told("confirmed-commit")) == len(steps), 10, "all are told")
        self.assertEqual(
            listener.told("confirmed-commit"),
            [step if step["confirm-event"] == "timeout" else {**who, **step} for step in expected],
        )
        self.replays(listener)

    def test_a_restart_cancels_a_confirmed_commit(self):
        session = self.netconf.connect("operate")
        session.edit_config(target="candidate", config=config("<device><name>lamp</name></device>"))
        session.commit(confirmed=True, timeout="600", persist="token")
        told = lambda: Listener(self.raw("read"), replay=True).told("confirmed-commit")
        wait_until(told, 10, "its start outlives the kill")
        self.bridge.kill()
        self.bridge.start()
        wait_until(lambda: len(told()) == 2, 10, "both steps are replayed")
        self.assertEqual(told()[-1], {"username": "system", "session-id": "0", "confirm-event": "cancel"})

    def raw(self, role="administer", hello=HELLO):
        session = self.netconf.raw(role, hello)
        self.addCleanup(session.close)
        return session

    def replays(self, listener):
        """One that comes later is told the same; all of it is as the modules say."""
        told = {kind: listener.told(kind) for kind in ("session-start", "session-end", "confirmed-commit")}
        late = Listener(self.raw("read"), replay=True)
        for kind, all_of_it in told.items():
            self.assertEqual([one for one in all_of_it if one not in late.told(kind)], [], kind)
        # Targets of netconf-config-change would have to be there.
        checked = [text for text in late.heard if BASE in text and "<target" not in text]
        paths = [self.write(f"{at}.xml", text) for at, text in enumerate(checked)]
        answer = yanglint("-t", "nc-notif", *files(IETF), *files(OWN), *paths)
        self.assertEqual((answer.code, len(paths) > 3), (0, True), answer.text)


class Listener:
    """A subscriber; with `replay` to what has been, as soon as that is told."""

    def __init__(self, session, replay=False):
        self.session = session
        start = "<startTime>2020-01-01T00:00:00Z</startTime>" if replay else ""
        name = 'create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"'
        assert "<ok/>" in self.session.rpc(f"<{name}>{start}</create-subscription>")
        self.heard = []
        while replay and "<replayComplete" not in "".join(self.heard[-1:]):
            self.heard.append(self.session.receive())

    def told(self, kind):
        """The leaves of each notification of this kind so far."""
        self.heard += self.session.pending()
        contents = [ET.fromstring(text)[1] for text in self.heard]
        return [{leaf.tag.split("}")[1]: leaf.text for leaf in one} for one in contents if one.tag == f"{{{BASE}}}netconf-{kind}"]


if __name__ == "__main__":
    unittest.main()
