"""Wrong edits, locks, commits and filters get the answer that the RFC's section says: RFC 6241, 6243 and 7950, over a raw
channel."""

import unittest

from support import wait_until
from support.netconf import FB, NC, TASMOTA, config
from support.probe import OK, ProbeCase, data, error

MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
WITH_DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
WD_ATTRIBUTE = "urn:ietf:params:xml:ns:netconf:default:1.0"
YANG = "urn:ietf:params:xml:ns:yang:1"


def edit(*devices, target="candidate", options=""):
    return f"<edit-config><target><{target}/></target>{options}{config(*devices)}</edit-config>"


def copy(target, *devices):
    return f"<copy-config><target><{target}/></target><source>{config(*devices)}</source></copy-config>"


def validate(*devices):
    return f"<validate><source>{config(*devices)}</source></validate>"


def named(name, content="", operation=""):
    operation = f' nc:operation="{operation}"' if operation else ""
    return f"<device{operation}><name>{name}</name>{content}</device>"


def of(content="", operation=""):
    """An edit of device a, which is in running."""
    return edit(named("a", content, operation))


def of_all(operation, target):
    """An edit of the container of all devices."""
    return edit(target=target).replace("<fleet", f'<fleet nc:operation="{operation}"')


def tasmota(content, device="a"):
    return edit(named(device, f'<settings><tasmota xmlns="{TASMOTA}">{content}</tasmota></settings>'))


def default(operation):
    return f"<default-operation>{operation}</default-operation>"


# In running before each test.
RUNNING = named(
    "a",
    "<alias>first</alias><site>here</site><group>x</group><group>y</group><label><name>floor</name><value>1</value></label>"
    f'<settings><tasmota xmlns="{TASMOTA}"><tele-period>60</tele-period></tasmota></settings>',
) + named("b", "<alias>second</alias><admin-state>in-service</admin-state>")

A = "/fleet/device[name='a']"
DELETE, REMOVE, CREATE = 'nc:operation="delete"', 'nc:operation="remove"', 'nc:operation="create"'
SET, TEST_ONLY = "<test-option>set</test-option>", "<test-option>test-only</test-option>"

# edit-config of candidate: what cannot be.
EDITS = [
    # Operations on what is there or not.
    ("6241 7.2 create", of(operation="create"), error("data-exists", A, bad_element="device")),
    ("6241 7.2 create", of("<site nc:operation='create'>there</site>"), error("data-exists", f"{A}/site")),
    ("6241 7.2 create", edit(named("new", operation="create")), OK),
    ("6241 7.2 delete", edit(named("new", operation="delete")), error("data-missing", "/fleet/device[name='new']")),
    ("6241 7.2 delete", of(f"<location {DELETE}/>"), error("data-missing", f"{A}/location")),
    ("6241 7.2 delete", of(f"<site {DELETE}/>"), OK),
    ("6241 7.2 delete", of(operation="delete"), OK),
    ("6241 7.2 remove", edit(named("new", operation="remove")), OK),
    ("6241 7.2 remove", of(f"<location {REMOVE}/>"), OK),
    ("6241 7.2 replace", edit(named("new", operation="replace")), OK),
    ("6241 7.2 none", edit(named("new", "<site>x</site>"), options=default("none")), error("data-missing", "/fleet/device[name='new']")),
    ("6241 7.2 none", edit(named("a", "<location>x</location>"), options=default("none")), error("data-missing", f"{A}/location")),
    ("6241 7.2 none", edit(named("a", "<site>x</site>"), options=default("none")), OK),
    ("6241 7.2 none", edit(named("a", f"<site {DELETE}/>"), options=default("none")), OK),
    ("6241 7.2 none", edit(named("a", f"<location {CREATE}>x</location>"), options=default("none")), OK),
    ("6241 7.2 operation", of("<site nc:operation='none'>x</site>"), error("bad-attribute", f"{A}/site", bad_attribute="operation", bad_element="site")),
    ("6241 7.2 operation", of(operation="erase"), error("bad-attribute", A, bad_attribute="operation", bad_element="device")),
    ("6241 7.2 operation", of("<site operation='delete'/>"), error("unknown-attribute", f"{A}/site", bad_attribute="operation", bad_element="site")),
    ("6241 7.2 operation", of("<site nc:nosuch='x'>y</site>"), error("unknown-attribute", bad_attribute="nosuch", bad_element="site")),
    ("7950 7.8.6", edit(f"<device><name {DELETE}>a</name></device>"), error("bad-attribute", bad_attribute="operation", bad_element="name")),
    # Lists, leaf-lists and their keys.
    ("7950 8.3.1 keys", edit("<device><site>x</site></device>"), error("missing-element", "/fleet/device", bad_element="name")),
    ("7950 8.3.1 keys", edit("<device/>"), error("missing-element", bad_element="name")),
    ("7950 8.3.1 keys", of("<label><value>x</value></label>"), error("missing-element", f"{A}/label", bad_element="name")),
    ("7950 8.3.1 keys", edit("<device><name>a</name><name>b</name></device>"), error("bad-element", bad_element="name")),
    ("7950 7.7.9", of(f"<group {CREATE}>x</group>"), error("data-exists", f"{A}/group[.='x']")),
    ("7950 7.7.9", of(f"<group {DELETE}>z</group>"), error("data-missing", f"{A}/group[.='z']")),
    ("7950 7.7.9", of(f"<group {REMOVE}>z</group>"), OK),
    ("7950 7.8.6", of(f"<label {CREATE}><name>floor</name></label>"), error("data-exists", f"{A}/label[name='floor']")),
    ("7950 7.8.6", of(f"<label {DELETE}><name>roof</name></label>"), error("data-missing", f"{A}/label[name='roof']")),
    ("7950 8.3.1 insert", of(f"<group xmlns:y='{YANG}' y:insert='first'>z</group>"), error("unknown-attribute", bad_attribute="insert")),
    # Names and namespaces.
    ("7950 8.3.1", of("<nosuch>1</nosuch>"), error("unknown-element", f"{A}/nosuch", bad_element="nosuch")),
    ("6241 4.3", edit("<device><nosuch/><name>a</name></device>"), error("unknown-element", f"{A}/nosuch", bad_element="nosuch")),
    ("6241 4.3", of("<label><name>floor</name><nosuch/></label>"), error("unknown-element", f"{A}/label[name='floor']/nosuch")),
    ("7950 8.3.1", edit("<nosuch/>"), error("unknown-element", "/fleet/nosuch", bad_element="nosuch")),
    ("6241 A", of("<x xmlns='urn:x'/>"), error("unknown-namespace", A, bad_element="x", bad_namespace="urn:x")),
    ("6241 A", edit().replace(FB, "urn:x"), error("unknown-namespace", bad_element="fleet", bad_namespace="urn:x")),
    ("6241 A", of("<settings><tasmota><tele-period>20</tele-period></tasmota></settings>"), error("unknown-element", f"{A}/settings/tasmota", bad_element="tasmota")),
    ("7950 7.21.1", of("<number>7</number>"), error("unknown-element", f"{A}/number", bad_element="number")),
    ("7950 7.21.1", of("<presence>online</presence>"), error("unknown-element", bad_element="presence")),
    ("7950 8.3.1", of("<site>one</site><site>two</site>"), error("bad-element", bad_element="site")),
    ("7950 8.3.1", of("text"), error("bad-element", A, bad_element="device")),
    ("7950 8.3.1", of("<site><x/></site>"), error("unknown-element", bad_element="x")),
    # Values.
    ("7950 9.2.4", tasmota("<tele-period>9</tele-period>"), error("invalid-value", f"{A}/settings/tasmota/tele-period")),
    ("7950 9.2.4", tasmota("<tele-period>3601</tele-period>"), error("invalid-value", f"{A}/settings/tasmota/tele-period")),
    ("7950 9.2.1", tasmota("<tele-period>-1</tele-period>"), error("invalid-value", f"{A}/settings/tasmota/tele-period")),
    ("7950 9.2.1", tasmota("<tele-period>65536</tele-period>"), error("invalid-value", f"{A}/settings/tasmota/tele-period")),
    ("7950 9.2.1", tasmota("<tele-period>ten</tele-period>"), error("invalid-value", f"{A}/settings/tasmota/tele-period")),
    ("7950 9.2.1", tasmota("<tele-period/>"), error("invalid-value", f"{A}/settings/tasmota/tele-period")),
    ("7950 9.3.4", tasmota("<latitude>90.1</latitude>"), error("invalid-value", f"{A}/settings/tasmota/latitude")),
    ("7950 9.3.4", tasmota("<latitude>1.1234567</latitude>"), error("invalid-value", f"{A}/settings/tasmota/latitude")),
    ("7950 9.6.4", tasmota("<power-on-state>sideways</power-on-state>"), error("invalid-value", f"{A}/settings/tasmota/power-on-state")),
    ("7950 9.6.4", of("<admin-state>gone</admin-state>"), error("invalid-value", f"{A}/admin-state")),
    ("7950 9.4.4", of("<site></site>"), error("invalid-value", f"{A}/site")),
    ("7950 9.4.4", of(f"<site>{'x' * 256}</site>"), error("invalid-value", f"{A}/site")),
    ("7950 9.4.5", of("<asset><warranty-until>tomorrow</warranty-until></asset>"), error("invalid-value", f"{A}/asset/warranty-until")),
    ("7950 9.4.5", edit(named("no spaces")), error("invalid-value", "/fleet/device/name", bad_element="name")),
    ("7950 9.4.5", edit(named("")), error("invalid-value", bad_element="name")),
    # RFC 6243: not of a server that does not offer report-all-tagged.
    (
        "6243 4.5.2",
        of(f'<admin-state xmlns:wd="{WD_ATTRIBUTE}" wd:default="true">in-service</admin-state>'),
        error("unknown-attribute", bad_attribute="default", bad_element="admin-state"),
    ),
    # test-option and error-option.
    ("6241 7.2 test-only", edit(named("c"), options=TEST_ONLY), OK),
    ("6241 7.2 set", edit(named("c", "<alias>second</alias>"), options=SET), OK),
    ("7950 8.3.1 set", edit(named("c", "<nosuch/>"), options=SET), error("unknown-element")),
    # All that is not of edit-config's <config>.
    ("6241 8.6.4.1", validate(named("x", "<nosuch/>")), error("unknown-element", bad_element="nosuch")),
    ("6241 8.6.4.1", validate("<device/>"), error("missing-element", bad_element="name")),
    (
        "6241 8.6.4.1",
        validate(named("x", "<alias>z</alias>"), named("y", "<alias>z</alias>")),
        error("operation-failed", app_tag="data-not-unique"),
    ),
    ("6241 8.6.4.1", validate(named("x")), OK),
    ("6241 7.3", copy("candidate", "<nosuch/>"), error("unknown-element")),
    ("6241 7.3", copy("running", "<nosuch/>"), error("unknown-element")),
]

FLEET = f'<fleet xmlns="{FB}">'


def get_config(filter, more=""):
    return f"<get-config><source><running/></source><filter>{filter}</filter>{more}</get-config>"


def mode(name):
    return f'<with-defaults xmlns="{WITH_DEFAULTS}">{name}</with-defaults>'


NOTHING = data(hidden=["<fleet"])
A_ONLY = f"{FLEET}<device><name>a</name>"
B = f"{FLEET}<device><name>b</name></device></fleet>"

# What a filter selects, and what defaults are shown.
FILTERS = [
    ("6241 6.4.1", get_config(f'<fleet xmlns="{FB}"/>'), data(">a</name>", ">b</name>")),
    ("6241 6.4.2", get_config(""), NOTHING),
    ("6241 6.2.1", get_config("<fleet xmlns='urn:x'/>"), NOTHING),
    ("6241 6.2.1", get_config("<fleet xmlns=''><device><name/></device></fleet>"), data(">a</name>", ">b</name>")),
    ("6241 6.2.2", get_config(f"{FLEET}<device><name x='1'>a</name></device></fleet>"), NOTHING),
    ("6241 6.2.2", get_config(f"{FLEET}<device x='1'/></fleet>"), NOTHING),
    ("6241 6.2.4", get_config(f"{FLEET}<device><site/></device></fleet>"), data(">here<", hidden=["alias", "group"])),
    ("6241 6.2.5", get_config(f"{A_ONLY}</device></fleet>"), data(">here<", ">x<", hidden=[">b</name>"])),
    ("6241 6.2.5", get_config(f"{FLEET}<device><name>\n a </name></device></fleet>"), data(">here<", hidden=[">b</name>"])),
    ("6241 6.2.5", get_config(f"{A_ONLY}<site>there</site></device></fleet>"), NOTHING),
    ("6241 6.2.5", get_config(f"{A_ONLY}<alias/></device></fleet>"), data(">first<", hidden=["site", ">b</name>"])),
    ("6241 6.2.5", get_config(f"{FLEET}<device><name>nosuch</name></device></fleet>"), NOTHING),
    ("6241 6.4.5", get_config(f"{A_ONLY}<site/></device><device><name>b</name></device></fleet>"), data(">here<", ">second<", hidden=["first"])),
    ("6241 6.4.7", get_config(f"{A_ONLY}<nosuch/></device></fleet>"), data(hidden=["<site", "alias"])),
    ("6241 7.1", get_config(f"{A_ONLY}</device></fleet>"), data(hidden=["<number", "<presence", "last-commit"])),
    ("6241 7.7", f"<get><filter>{A_ONLY}</device></fleet></filter></get>", data("<number>", "<presence>", ">here<")),
    ("6241 7.7", f"<get><filter>{FLEET}<device><name/><presence>never-seen</presence></device></fleet></filter></get>", data(">a</name>", ">b</name>")),
    ("6241 7.7", f"<get><filter>{FLEET}<device><name/><presence>online</presence></device></fleet></filter></get>", NOTHING),
    # Device b has it set, device a has not.
    ("6243 2.3", get_config(f"{A_ONLY}</device></fleet>"), data(hidden=["admin-state"])),
    ("6243 2.3", get_config(B), data("<admin-state>in-service<")),
    ("6243 3.1", get_config(f"{A_ONLY}</device></fleet>", mode("report-all")), data("<admin-state>in-service<")),
    ("6243 3.2", get_config(B, mode("trim")), data(">second<", hidden=["admin-state"])),
    ("6243 3.3", get_config(f"{A_ONLY}</device></fleet>", mode("explicit")), data(hidden=["admin-state"])),
    ("6243 3.3", get_config(B, mode("explicit")), data("<admin-state>in-service<")),
    ("6243 4.5.1", f"<get><filter>{B}</filter>{mode('trim')}</get>", data(">second<", hidden=["admin-state"])),
]


class EditCase(ProbeCase):
    def setUp(self):
        super().setUp()
        self.one = self.session()
        self.restore()

    def restore(self):
        """Running as the tables mean it, candidate clean."""
        self.expect(self.one.rpc("<discard-changes/>"), OK)
        self.expect(self.one.rpc(edit(RUNNING, target="running", options=default("replace"))), OK)

    def shown(self, source, session=None):
        return (session or self.one).rpc(f"<get-config><source><{source}/></source></get-config>")

    def ask(self, *asked):
        """Each (session, content, expected), in order."""
        for session, content, expected in asked:
            with self.subTest(session=session.id, content=content[:200]):
                self.expect(session.rpc(content), expected)


class EditTest(EditCase):
    def test_edits(self):
        self.probe(self.one, EDITS, then=lambda: self.expect(self.one.rpc("<discard-changes/>"), OK))

    def test_edits_of_running(self):
        for section, content, expected in EDITS:
            # With test-option set, candidate may hold what running may not.
            if "<edit-config>" in content and SET not in content:
                with self.subTest(section=section, content=content):
                    self.expect(self.one.rpc(content.replace("<candidate/>", "<running/>")), expected)
                    self.restore()

    def test_filters(self):
        self.probe(self.one, FILTERS)

    def test_what_is_refused_changes_nothing(self):
        """RFC 6241, section 7.2: stop-on-error is answered as rollback-on-error, which RFC 6241, section 8.5, allows."""
        before = self.shown("running")
        for option in ("", "<error-option>stop-on-error</error-option>", "<error-option>rollback-on-error</error-option>"):
            for target in ("candidate", "running"):
                wrong = edit(named("c"), named("d", "<nosuch/>"), target=target, options=option)
                self.expect(self.one.rpc(wrong), error("unknown-element"))
                self.assertNotIn(">c</name>", self.shown(target))
        self.assertEqual(self.shown("running").partition("<data>")[2], before.partition("<data>")[2])

    def test_continue_on_error(self):
        """RFC 6241, section 7.2: the rest is done, and every error told."""
        option = "<error-option>continue-on-error</error-option>"
        wrong = edit(named("c"), named("d", "<nosuch/>"), named("e"), named("f", "<site/>"), options=option)
        reply = self.one.rpc(wrong)
        self.expect(reply, error("unknown-element", bad_element="nosuch"))
        self.assertEqual(reply.count("<rpc-error>"), 2, reply)
        candidate = self.shown("candidate")
        for name, there in (("c", True), ("d", False), ("e", True), ("f", False)):
            self.assertEqual(f">{name}</name>" in candidate, there, name)

    def test_test_only_changes_nothing(self):
        for target in ("candidate", "running"):
            self.expect(self.one.rpc(edit(named("c"), target=target, options=TEST_ONLY)), OK)
            self.assertNotIn(">c</name>", self.shown(target))

    def test_an_alias_that_is_taken(self):
        """RFC 7950, sections 8.3.3 and 15.1: running never holds it, whatever candidate does."""
        taken = error("operation-failed", "/fleet/device[name='c']", app_tag="data-not-unique")
        twice = named("c", "<alias>second</alias>")
        for options in ("", TEST_ONLY, SET, "<error-option>rollback-on-error</error-option>"):
            self.ask((self.one, edit(twice, target="running", options=options), taken))
        reply = self.one.rpc(edit(twice, target="running"))
        self.assertEqual(reply.count("<non-unique "), 2, reply)
        swapped = edit(named("a", "<alias>second</alias>"), named("b", "<alias>first</alias>"), target="running")
        self.ask((self.one, swapped, OK))

    def test_a_commit_of_what_is_invalid_fails(self):
        """RFC 6241, section 8.3.4.1: all or nothing."""
        self.ask(
            (self.one, edit(named("c", "<alias>second</alias>"), named("d"), options=SET), OK),
            (self.one, "<validate><source><candidate/></source></validate>", error("operation-failed", app_tag="data-not-unique")),
            (self.one, "<commit/>", error("operation-failed", app_tag="data-not-unique")),
        )
        self.assertNotIn(">d</name>", self.shown("running"))
        self.assertIn(">d</name>", self.shown("candidate"))

    def test_secrets_are_the_administrators(self):
        """RFC 8341, section 3.2.6: whatever the operation, and removing is writing."""
        denied = error("access-denied")
        two = self.session("operate")
        secret = f'<settings><tasmota xmlns="{TASMOTA}"><web-password>hush-4711</web-password></tasmota></settings>'
        self.ask((self.one, edit(named("a", secret), target="running"), OK))
        for target in ("candidate", "running"):
            self.ask(
                (two, edit(named("b", secret), target=target), denied),
                (two, edit(named("a", secret.replace("<web-password>", f"<web-password {DELETE}>")), target=target), denied),
                (two, edit(named("a", operation="replace"), target=target), denied),
                (two, edit(named("a", operation="delete"), target=target), denied),
                (two, edit(named("a"), target=target, options=default("replace")), denied),
                (two, edit(named("b"), target=target, options=default("replace")), denied),
                (two, of_all("delete", target), denied),
                (two, of_all("remove", target), denied),
                (two, of_all("replace", target), denied),
                (two, copy(target, named("a")), denied),
                (two, copy(target, named("b")), denied),
                (two, copy(target, named("a"), named("b", secret)), denied),
                (two, "<discard-changes/>", OK),
            )
        # What an administrator has staged is not of this edit.
        self.ask((self.one, of_all("delete", "candidate"), OK), (two, copy("candidate", named("b")), OK))
        self.ask((two, "<discard-changes/>", OK), (two, copy("candidate", named("b")), denied))
        self.assertNotIn("hush-4711", self.shown("running"))

    def test_copies(self):
        """RFC 6241, sections 7.3 and 8.3.4.2."""
        inline = copy("candidate", named("c"))
        self.ask((self.one, inline, OK))
        self.assertNotIn(">a</name>", self.shown("candidate"))
        self.ask((self.one, "<copy-config><target><candidate/></target><source><running/></source></copy-config>", OK))
        self.assertNotIn(">c</name>", self.shown("candidate"))
        self.ask((self.one, inline, OK), (self.one, "<discard-changes/>", OK))
        self.assertNotIn(">c</name>", self.shown("candidate"))
        self.ask((self.one, inline, OK))
        self.ask((self.one, "<copy-config><target><running/></target><source><candidate/></source></copy-config>", OK))
        running = self.shown("running")
        self.assertIn(">c</name>", running)
        self.assertNotIn(">a</name>", running)


def lock(target):
    return f"<lock><target><{target}/></target></lock>"


def unlock(target):
    return f"<unlock><target><{target}/></target></unlock>"


class LockTest(EditCase):
    """RFC 6241, sections 7.5 and 7.6."""

    def setUp(self):
        super().setUp()
        self.two = self.session("operate")

    def test_a_lock_is_one_sessions(self):
        one, two = self.one, self.two
        held, in_use = error("lock-denied", session_id=one.id), error("in-use")
        self.ask(
            (one, lock("running"), OK),
            (one, lock("running"), held),
            (two, lock("running"), held),
            (two, unlock("running"), error("operation-failed")),
            (two, unlock("candidate"), error("operation-failed")),
            (two, edit(named("c"), target="running"), in_use),
            (two, copy("running"), in_use),
            (two, edit(named("c")), OK),
            (two, "<commit/>", in_use),
            (two, "<discard-changes/>", OK),
            (two, "<get-config><source><running/></source></get-config>", data(">a</name>")),
            (one, edit(named("c"), target="running"), OK),
            (one, unlock("running"), OK),
            (one, unlock("running"), error("operation-failed")),
            (two, edit(named("d"), target="running"), OK),
        )

    def test_of_candidate(self):
        one, two = self.one, self.two
        in_use = error("in-use")
        self.ask(
            (one, lock("candidate"), OK),
            (two, lock("candidate"), error("lock-denied", session_id=one.id)),
            (two, edit(named("c")), in_use),
            (two, "<discard-changes/>", in_use),
            (two, "<commit/>", in_use),
            (two, copy("candidate"), in_use),
            (two, "<copy-config><target><candidate/></target><source><running/></source></copy-config>", in_use),
            (two, lock("running"), OK),
            (two, unlock("running"), OK),
            (one, unlock("candidate"), OK),
        )

    def test_is_shown(self):
        """RFC 6022, section 2.1.2."""
        asked = f'<get><filter><netconf-state xmlns="{MONITORING}"><datastores/></netconf-state></filter></get>'
        self.ask((self.two, asked, data("<name>running</name>", hidden=["locks"])))
        self.ask((self.one, lock("running"), OK))
        self.ask((self.two, asked, data(f"<locked-by-session>{self.one.id}</locked-by-session>", "<locked-time>")))
        self.ask((self.one, unlock("running"), OK), (self.two, asked, data(hidden=["locks"])))

    def test_of_a_candidate_that_was_edited(self):
        """RFC 6241, section 7.5: not granted once it was modified."""
        one, two = self.one, self.two
        self.ask(
            (one, edit(named("c")), OK),
            (two, lock("candidate"), error("lock-denied", session_id=0)),
            (one, lock("candidate"), error("lock-denied", session_id=0)),
            (one, "<discard-changes/>", OK),
            (two, lock("candidate"), OK),
            (two, unlock("candidate"), OK),
        )

    def test_ends_with_its_session(self):
        """RFC 6241, section 7.5 and 8.3.5.2: the candidate's changes are discarded too."""
        self.ask((self.two, lock("running"), OK), (self.two, lock("candidate"), OK), (self.two, edit(named("c")), OK))
        self.two.close()
        wait_until(lambda: "<ok/>" in self.one.rpc(lock("candidate")), 5, "the lock is gone")
        self.assertNotIn(">c</name>", self.shown("candidate"))
        self.ask((self.one, lock("running"), OK), (self.one, unlock("running"), OK), (self.one, unlock("candidate"), OK))


def confirmed(persist="", timeout=600, persist_id=""):
    persist = f"<persist>{persist}</persist>" if persist else ""
    persist_id = f"<persist-id>{persist_id}</persist-id>" if persist_id else ""
    return f"<commit><confirmed/><confirm-timeout>{timeout}</confirm-timeout>{persist}{persist_id}</commit>"


def cancel(persist_id=""):
    return f"<cancel-commit><persist-id>{persist_id}</persist-id></cancel-commit>" if persist_id else "<cancel-commit/>"


class ConfirmedTest(EditCase):
    """RFC 6241, section 8.4."""

    def setUp(self):
        super().setUp()
        self.two = self.session("operate")

    def holds(self, name, there=True):
        self.assertEqual(f">{name}</name>" in self.shown("running"), there, name)

    def test_is_its_sessions(self):
        one, two = self.one, self.two
        in_use = error("in-use")
        self.ask(
            (one, edit(named("c")), OK),
            (one, confirmed(), OK),
            (two, "<commit/>", in_use),
            (two, cancel(), in_use),
            (two, cancel("nosuch"), error("invalid-value")),
            (two, "<commit><persist-id>nosuch</persist-id></commit>", error("invalid-value")),
            (two, edit(named("d"), target="running"), in_use),
            (two, lock("running"), error("lock-denied", session_id=one.id)),
        )
        self.holds("c")
        self.ask((one, "<commit/>", OK), (one, cancel(), error("operation-failed")), (two, lock("running"), OK), (two, unlock("running"), OK))
        self.holds("c")

    def test_is_cancelled(self):
        self.ask((self.one, edit(named("c")), OK), (self.one, confirmed(), OK), (self.one, cancel(), OK))
        self.holds("c", there=False)

    def test_runs_out(self):
        self.ask((self.one, edit(named("c")), OK), (self.one, confirmed(timeout=1), OK))
        self.holds("c")
        wait_until(lambda: ">c</name>" not in self.shown("running"), 5, "it is rolled back")

    def test_ends_with_its_session(self):
        self.ask((self.two, edit(named("c")), OK), (self.two, confirmed(), OK))
        self.holds("c")
        self.two.close()
        wait_until(lambda: ">c</name>" not in self.shown("running"), 5, "it is rolled back")

    def test_persists(self):
        one, two = self.one, self.two
        self.ask((two, edit(named("c")), OK), (two, confirmed(persist="token"), OK))
        two.close()
        self.ask(
            (one, "<commit/>", error("in-use")),
            (one, "<commit><persist-id>other</persist-id></commit>", error("invalid-value")),
            (one, cancel(), error("in-use")),
            (one, cancel("other"), error("invalid-value")),
        )
        self.holds("c")
        self.ask((one, "<commit><persist-id>token</persist-id></commit>", OK), (one, cancel("token"), error("invalid-value")))
        self.holds("c")

    def test_ends_with_the_server(self):
        """RFC 6241, section 8.4.1: not even one that persists outlives a restart."""
        self.ask((self.one, edit(named("c")), OK), (self.one, confirmed(persist="token"), OK))
        self.bridge.kill()
        self.bridge.start()
        self.one = self.session()
        wait_until(lambda: ">c</name>" not in self.shown("running"), 5, "it is rolled back")
        self.ask((self.one, "<commit><persist-id>token</persist-id></commit>", error("invalid-value")))

    def test_is_cancelled_by_its_token(self):
        self.ask((self.two, edit(named("c")), OK), (self.two, confirmed(persist="token"), OK), (self.one, cancel("token"), OK))
        self.holds("c", there=False)

    def test_a_second_one_keeps_what_the_first_would_restore(self):
        """RFC 6241, section 8.4.1."""
        one = self.one
        self.ask((one, edit(named("c")), OK), (one, confirmed(), OK), (one, edit(named("d")), OK), (one, confirmed(timeout=300), OK))
        self.holds("d")
        self.ask((one, cancel(), OK))
        self.holds("c", there=False)
        self.holds("d", there=False)

    def test_only_a_commit_confirms(self):
        """RFC 6241, section 8.4.1: what is written meanwhile is undone too."""
        candidate_to_running = "<copy-config><target><running/></target><source><candidate/></source></copy-config>"
        self.ask((self.two, edit(named("c")), OK), (self.two, confirmed(), OK), (self.two, edit(named("d")), OK))
        self.ask((self.two, candidate_to_running, OK))
        self.holds("d")
        self.ask((self.two, cancel(), OK))
        self.holds("c", there=False)
        self.holds("d", there=False)


def await_commit(timeout=600):
    return f'<await xmlns="{FB}"><timeout>{timeout}</timeout></await>'


class AwaitTest(EditCase):
    """A commit that no device will ever have settles never."""

    def waiting(self):
        """A session that waits, with a lock and an unconfirmed commit."""
        two = self.session("operate")
        pending = tasmota("<tele-period>70</tele-period>", "c")
        self.ask((two, lock("running"), OK), (two, pending, OK), (two, confirmed(), OK))
        self.assertIn(">false</settled>", two.rpc(await_commit(1)))
        two.send(f'<rpc xmlns="{NC}" message-id="9">{await_commit()}</rpc>')
        return two

    def all_is_free(self):
        wait_until(lambda: ">c</name>" not in self.shown("running"), 5, "its commit is rolled back")
        self.ask((self.one, lock("running"), OK), (self.one, unlock("running"), OK))

    def test_ends_when_its_session_is_killed(self):
        """RFC 6241, section 7.9: what is in process is aborted."""
        two = self.waiting()
        self.ask((self.one, f"<kill-session><session-id>{two.id}</session-id></kill-session>", OK))
        self.assertTrue(two.ended())
        self.all_is_free()

    def test_ends_when_its_client_goes(self):
        self.waiting().close()
        self.all_is_free()

    def test_what_is_asked_meanwhile_waits_its_turn(self):
        two = self.session("operate")
        subscription = '<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>'
        self.ask((two, tasmota("<tele-period>70</tele-period>", "c"), OK), (two, "<commit/>", OK), (two, subscription, OK))
        asked = [await_commit(3), "<discard-changes/>", "<nosuch/>", "<close-session/>"]
        two.send(*(f'<rpc xmlns="{NC}" message-id="m{at}">{content}</rpc>' for at, content in enumerate(asked)))
        self.session("read").close()
        heard = []
        while len([text for text in heard if "<notification" not in text]) < len(asked):
            heard.append(two.receive())
        replies = [text for text in heard if "<notification" not in text]
        meanwhile = heard[: heard.index(replies[0])]
        self.assertTrue(any("netconf-session-start" in text for text in meanwhile), "notifications go on")
        self.assertEqual([f'"m{at}"' in text for at, text in enumerate(replies)], [True] * 4, heard)
        self.assertIn(">false</settled>", replies[0])


class MostDevicesTest(EditCase):
    KEYS = "max-devices-per-commit = 2\n"

    def test_a_commit_of_more_has_to_be_confirmed(self):
        denied = error("resource-denied")
        many = [named(name) for name in "cde"]
        self.ask((self.one, edit(*many, target="running"), denied), (self.one, edit(*many), OK), (self.one, "<commit/>", denied))
        self.ask((self.one, "<copy-config><target><running/></target><source><candidate/></source></copy-config>", denied))
        self.ask((self.one, confirmed(), OK), (self.one, "<commit/>", OK), (self.one, "<discard-changes/>", OK))
        self.ask((self.one, edit(named("c", operation="delete"), target="running"), OK))
        file = self.write("many.xml", f'<fleet xmlns="{FB}">{"".join(named(name) for name in "fgh")}</fleet>')
        answer = self.bridge.cli("netconf", "edit", file)
        self.assertEqual(answer.code, 1, answer.text)
        self.assertIn("need a confirmed commit", answer.text)


if __name__ == "__main__":
    unittest.main()
