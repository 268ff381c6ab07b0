"""What is wrong with a message, an operation or its parameters gets the answer that the RFC's section says: RFC 6241, 6242, 6243,
5277 and 6022, over a raw channel. Wrong edits are in test_netconf_edits.py."""

import unittest

from support import wait_until
from support.netconf import BASE_1_0, BASE_1_1, FB, HELLO, NC, config, hello
from support.probe import MAX_RPC, OK, ProbeCase, data, error

MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
WITH_DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
YANG = "urn:ietf:params:xml:ns:yang:1"

RPC = f'<rpc xmlns="{NC}" message-id="1">'
CLOSE = f"{RPC}<close-session/></rpc>"

# A message as it stands. RFC 6241, section 3: no DTD and only UTF-8; 4.1: what <rpc> must be; 4.3: what is said of it.
MESSAGES = [
    ("6241 3", b"\xff\xfe not XML", error("malformed-message")),
    ("6241 3", " ", error("malformed-message")),
    ("6241 3", "text", error("malformed-message")),
    ("6241 3", f"{RPC}<get>", error("malformed-message")),
    ("6241 3", f"{RPC}<get></rpc></get>", error("malformed-message")),
    ("6241 3", f"{RPC}<get/></rpc><rpc/>", error("malformed-message")),
    ("6241 3", f'{RPC}<get a="1" a="2"/></rpc>', error("malformed-message")),
    ("6241 3", f"{RPC}<x:get/></rpc>", error("malformed-message")),
    ("6241 3", f"{RPC}<get>&nosuch;</get></rpc>", error("malformed-message")),
    ("6241 3", f"{RPC}<get>\x00</get></rpc>", error("malformed-message")),
    ("6241 3", f"<!DOCTYPE rpc []>{RPC}<get/></rpc>", error("malformed-message")),
    ("6241 3", f'<?xml version="1.0" encoding="ISO-8859-1"?>{RPC}<get/></rpc>', error("malformed-message")),
    ("6241 4.1", f'<rpc xmlns="{NC}"><get/></rpc>', error("missing-attribute", bad_attribute="message-id", bad_element="rpc")),
    ("6241 4.1", RPC + "</rpc>", error("missing-element")),
    ("6241 4.1", f"{RPC}<get/><get/></rpc>", error("unknown-element", bad_element="get")),
    ("6241 4.1", f"{RPC}text<get/></rpc>", error("bad-element", bad_element="rpc")),
    ("6241 4.1", f'<call xmlns="{NC}" message-id="1"><get/></call>', error("unknown-element", bad_element="call")),
    ("6241 3.1", '<rpc message-id="1"><get/></rpc>', error("unknown-namespace", bad_element="rpc")),
    ("6241 3.1", '<rpc xmlns="urn:x" message-id="1"><get/></rpc>', error("unknown-namespace", bad_namespace="urn:x")),
    ("6241 A", RPC + "<a>" * 1000 + "</a>" * 1000 + "</rpc>", error("too-big")),
    ("6241 A", f"{RPC}<get>{' ' * MAX_RPC}</get></rpc>", error("too-big")),
]

# What section 3 of RFC 6241 leaves of XML: all but a DTD and other encodings.
DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>"
NOTHING = "<!-- <x> --><?pi <x> ?>"
DISCARD = "<discard-changes/>"
WELL_FORMED = [
    f"{DECLARATION}{RPC}{DISCARD}</rpc>",
    f"\n {DECLARATION}\n{RPC}{DISCARD}</rpc>\n",
    f"\ufeff{DECLARATION}{RPC}{DISCARD}</rpc>",
    f"{DECLARATION}{NOTHING}{RPC}{NOTHING}{DISCARD}{NOTHING}</rpc>{NOTHING}",
    f"{RPC}&#10;<![CDATA[\n]]>{DISCARD}</rpc>",
    f"{RPC}<edit-config>{NOTHING}<target><candidate/></target><config>{NOTHING}<fleet xmlns='{FB}'>{NOTHING}&#13;\n<device>"
    "<name>&#x61;<![CDATA[b]]></name></device></fleet></config></edit-config></rpc>",
]

START, STOP = "<startTime>{}-01-01T00:00:00Z</startTime>", "<stopTime>{}-01-01T00:00:00Z</stopTime>"
RUNNING, CANDIDATE = "<running/>", "<candidate/>"
EMPTY = f'<config><fleet xmlns="{FB}"/></config>'
# The attribute is of elements within <config>.
OF_ALL = f'<config xmlns:nc="{NC}" nc:operation="delete"><fleet xmlns="{FB}"/></config>'
OPERATION = error("unknown-attribute", bad_attribute="operation", bad_element="config")


def action(*devices):
    devices = "".join(f"<device>{device}</device>" for device in devices)
    return f'<action xmlns="{YANG}"><fleet xmlns="{FB}">{devices}</fleet></action>'


def get_schema(*parameters):
    return f'<get-schema xmlns="{MONITORING}">{"".join(parameters)}</get-schema>'


def subscribe(*parameters):
    return f'<create-subscription xmlns="{NOTIFICATION}">{"".join(parameters)}</create-subscription>'


def edit(*parameters):
    return f"<edit-config><target>{CANDIDATE}</target>{''.join(parameters)}</edit-config>"


def copy(target, source):
    return f"<copy-config><target>{target}</target><source>{source}</source></copy-config>"


# Operations and their parameters: an unknown operation, a parameter that is unknown, missing, twice, or has an impossible value.
PARAMETERS = [
    ("6241 A", "<nosuch/>", error("operation-not-supported")),
    ("6241 A", '<nosuch xmlns="urn:x"/>', error("operation-not-supported")),
    ("6241 A", f'<nosuch xmlns="{FB}"/>', error("operation-not-supported")),
    ("6241 A", '<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"/>', error("operation-not-supported")),
    ("6241 A", '<partial-lock xmlns="urn:ietf:params:xml:ns:netconf:partial-lock:1.0"/>', error("operation-not-supported")),
    ("6241 A", '<get nosuch="1"/>', error("unknown-attribute", bad_attribute="nosuch", bad_element="get")),
    ("6241 7.7", "<get><nosuch/></get>", error("unknown-element", "/rpc/get/nosuch", bad_element="nosuch")),
    ("6241 7.7", '<get><filter xmlns="urn:x"/></get>', error("unknown-namespace", bad_element="filter", bad_namespace="urn:x")),
    ("6241 7.7", "<get>text</get>", error("bad-element", bad_element="get")),
    ("6241 7.7", "<get><filter/><filter/></get>", error("bad-element", bad_element="filter")),
    ("6241 6.2", "<get><filter><fleet>text<device/></fleet></filter></get>", error("bad-element", bad_element="fleet")),
    ("6241 8.9", '<get><filter type="xpath" select="/"/></get>', error("bad-attribute", bad_attribute="type", bad_element="filter")),
    ("6241 6.1", '<get><filter type="nosuch"/></get>', error("bad-attribute", bad_attribute="type", bad_element="filter")),
    ("6241 7.1", "<get-config/>", error("missing-element", bad_element="source")),
    ("6241 7.1", "<get-config><source/></get-config>", error("missing-element", bad_element="source")),
    ("6241 7.1", "<get-config><source><nosuch/></source></get-config>", error("unknown-element", bad_element="nosuch")),
    ("6241 8.7", "<get-config><source><startup/></source></get-config>", error("unknown-element", bad_element="startup")),
    ("6241 7.1", f"<get-config><source>{RUNNING}{CANDIDATE}</source></get-config>", error("bad-element", bad_element="candidate")),
    ("6241 7.2", f"<edit-config>{EMPTY}</edit-config>", error("missing-element", bad_element="target")),
    ("6241 7.2", edit(), error("missing-element", bad_element="config")),
    ("6241 8.8", edit("<url>file:///x</url>"), error("unknown-element", bad_element="url")),
    (
        "6241 7.2",
        edit("<default-operation>delete</default-operation>", EMPTY),
        error("invalid-value", "/rpc/edit-config/default-operation"),
    ),
    ("6241 7.2", edit("<test-option>maybe</test-option>", EMPTY), error("invalid-value", "/rpc/edit-config/test-option")),
    ("6241 7.2", edit("<error-option>ignore</error-option>", EMPTY), error("invalid-value", "/rpc/edit-config/error-option")),
    ("6241 7.2", edit(EMPTY, EMPTY), error("bad-element", bad_element="config")),
    ("6241 7.2", edit(OF_ALL), OPERATION),
    ("6241 7.2", edit(OF_ALL.replace("delete", "merge")), OPERATION),
    ("6241 7.2", edit(OF_ALL.replace("nc:operation", "operation")), OPERATION),
    ("6241 7.2", copy(CANDIDATE, OF_ALL), OPERATION),
    ("6241 7.2", f"<validate><source>{OF_ALL}</source></validate>", OPERATION),
    ("6241 7.3", f"<copy-config><target>{CANDIDATE}</target></copy-config>", error("missing-element", bad_element="source")),
    ("6241 7.3", f"<copy-config><source>{CANDIDATE}</source></copy-config>", error("missing-element", bad_element="target")),
    ("6241 7.3", copy(RUNNING, RUNNING), error("invalid-value")),
    ("6241 7.3", copy(CANDIDATE, CANDIDATE), error("invalid-value")),
    ("6241 7.3", copy(CANDIDATE, RUNNING), OK),
    ("6241 7.3", copy(RUNNING, CANDIDATE), OK),
    ("6241 7.4", "<delete-config/>", error("missing-element", bad_element="target")),
    ("6241 7.4", f"<delete-config><target>{RUNNING}</target></delete-config>", error("unknown-element", bad_element="running")),
    ("6241 7.5", "<lock/>", error("missing-element", "/rpc/lock", bad_element="target")),
    ("6241 7.5", "<lock><target><nosuch/></target></lock>", error("unknown-element", bad_element="nosuch")),
    ("6241 7.6", f"<unlock><target>{RUNNING}</target></unlock>", error("operation-failed")),
    ("6241 7.8", "<close-session><now/></close-session>", error("unknown-element", bad_element="now")),
    ("6241 7.9", "<kill-session/>", error("missing-element", bad_element="session-id")),
    ("6241 7.9", "<kill-session><session-id>0</session-id></kill-session>", error("invalid-value")),
    ("6241 7.9", "<kill-session><session-id>-1</session-id></kill-session>", error("invalid-value")),
    ("6241 7.9", "<kill-session><session-id>4294967296</session-id></kill-session>", error("invalid-value")),
    ("6241 7.9", "<kill-session><session-id>4000000000</session-id></kill-session>", error("invalid-value")),
    ("6241 8.3.4.1", "<commit><nosuch/></commit>", error("unknown-element", bad_element="nosuch")),
    ("6241 8.4.5.1", "<commit><confirmed/><confirm-timeout>0</confirm-timeout></commit>", error("invalid-value", "/rpc/commit/confirm-timeout")),
    ("6241 8.4.5.1", "<commit><confirmed>yes</confirmed></commit>", error("invalid-value", "/rpc/commit/confirmed")),
    ("6241 8.4.5.1", "<commit><persist-id>nosuch</persist-id></commit>", error("invalid-value")),
    ("6241 8.4.4.1", "<cancel-commit/>", error("operation-failed")),
    ("6241 8.4.4.1", "<cancel-commit><persist-id>nosuch</persist-id></cancel-commit>", error("invalid-value")),
    ("6241 8.3.4.2", "<discard-changes><all/></discard-changes>", error("unknown-element", bad_element="all")),
    ("6241 8.6.4.1", "<validate/>", error("missing-element", bad_element="source")),
    ("6241 8.6.4.1", "<validate><source/></validate>", error("missing-element", bad_element="source")),
    ("6241 8.6.4.1", f"<validate><source>{RUNNING}{EMPTY}</source></validate>", error("bad-element", bad_element="config")),
    ("6241 8.6.4.1", f"<validate><source>{RUNNING}</source></validate>", OK),
    ("6241 8.6.4.1", f"<validate><source>{CANDIDATE}</source></validate>", OK),
    ("6243 4.1", f'<get><with-defaults xmlns="{WITH_DEFAULTS}">some</with-defaults></get>', error("invalid-value", "/rpc/get/with-defaults")),
    ("6243 4.3", f'<get><with-defaults xmlns="{WITH_DEFAULTS}">report-all-tagged</with-defaults></get>', error("invalid-value")),
    ("6243 4.1", "<get><with-defaults>trim</with-defaults></get>", error("unknown-element", bad_element="with-defaults")),
    ("6022 3.1", get_schema(), error("missing-element", bad_element="identifier")),
    ("6022 3.1", get_schema("<identifier>nosuch</identifier>"), error("invalid-value")),
    ("6022 3.1", get_schema("<identifier>fleetbridge</identifier><version>1999-01-01</version>"), error("invalid-value")),
    ("6022 3.1", get_schema("<identifier>fleetbridge</identifier><format>xsd</format>"), error("invalid-value")),
    ("6022 3.1", get_schema("<identifier>ietf-netconf</identifier>"), data("module ietf-netconf ")),
    ("5277 2.1.1", subscribe("<nosuch/>"), error("unknown-element", bad_element="nosuch")),
    ("5277 2.1.1", subscribe("<startTime>today</startTime>"), error("invalid-value")),
    ("5277 2.1.1", subscribe(STOP.format(2099)), error("missing-element", bad_element="startTime")),
    ("5277 2.1.1", subscribe(START.format(2099)), error("bad-element", bad_element="startTime")),
    ("5277 2.1.1", subscribe(START.format(2020), STOP.format(2019)), error("bad-element", bad_element="stopTime")),
    ("5277 2.1.1", subscribe(START.format(2020), START.format(2020)), error("bad-element", bad_element="startTime")),
    ("5277 2.1.1", subscribe("<stream>nosuch</stream>"), error("invalid-value")),
    ("7950 7.14.2", f'<rollback xmlns="{FB}"/>', error("missing-element", bad_element="commit")),
    ("7950 7.14.2", f'<rollback xmlns="{FB}"><commit>x</commit></rollback>', error("invalid-value")),
    ("7950 7.14.2", f'<rollback xmlns="{FB}"><commit>4000</commit></rollback>', error("invalid-value")),
    ("7950 7.14.2", f'<rollback xmlns="{FB}"><commit>1</commit><commit>2</commit></rollback>', error("bad-element", bad_element="commit")),
    ("7950 8.3.1", f'<rollback xmlns="{FB}"><nosuch>1</nosuch></rollback>', error("unknown-element", bad_element="nosuch")),
    ("7950 8.3.1", f'<await xmlns="{FB}"><commit>0</commit><nosuch/></await>', error("unknown-element", bad_element="nosuch")),
    ("7950 8.3.1", f'<await xmlns="{FB}" nosuch="1"><commit>0</commit></await>', error("unknown-attribute", bad_attribute="nosuch")),
    ("7950 8.3.1", f'<await xmlns="{FB}"><commit xmlns="urn:x">0</commit></await>', error("unknown-namespace", bad_namespace="urn:x")),
    ("7950 8.3.1", f'<adopt xmlns="{FB}"/>', error("missing-element")),
    ("7950 8.3.1", f'<adopt xmlns="{FB}"><device>a</device><all/></adopt>', error("bad-element")),
    ("7950 9.11", f'<adopt xmlns="{FB}"><all>x</all></adopt>', error("invalid-value")),
    ("7950 7.14.2", f'<adopt xmlns="{FB}"><device>nosuch</device></adopt>', error("data-missing")),
    ("7950 8.3.1", f'<await xmlns="{FB}"><commit>0</commit><timeout>0</timeout></await>', error("invalid-value")),
    ("7950 7.15.2", f'<action xmlns="{YANG}"/>', error("missing-element")),
    ("7950 7.15.2", f'<action xmlns="{YANG}"><x xmlns="urn:x"/></action>', error("operation-not-supported")),
    ("7950 7.15.2", action("<push/>"), error("missing-element", bad_element="name")),
    ("7950 7.15.2", action("<name>nosuch</name><push/>"), error("data-missing")),
    ("7950 7.15.2", action("<name>lamp</name>"), error("missing-element")),
    ("7950 7.15.2", action("<name>lamp</name><nosuch/>"), error("operation-not-supported")),
    ("7950 7.15.2", action("<name>lamp</name><push/><push/>"), error("bad-element")),
    ("7950 7.15.2", action("<name>lamp</name><push/>", "<name>lamp</name><push/>"), error("bad-element")),
    ("7950 7.15.2", action("<name>lamp</name><push><x/></push>"), error("unknown-element", bad_element="x")),
    ("7950 7.15.2", action("<name>lamp</name><retire/>"), error("in-use")),
    ("7950 7.15.2", action("<name>lamp</name><push/>"), OK),
]

# RFC 6242, section 4.2: a client's chunks after which the server ends the session, saying nothing.
CHUNKS = [
    b"\n#0\n",
    b"\n#0010\n",
    b"\n#4294967296\n",
    b"\n#99999999999999999999999\n",
    b"\n#-1\n",
    b"\n#+1\n",
    b"\n#0x10\n",
    b"\n# 1\n",
    b"\n#1 \n",
    b"\n#\n",
    b"\n##\n",
    b"\r\n#1\r\n",
    b"#1\na\n##\n",
    b"\n#3\nabcd\n##\n",
    b"\n#3\nabc\n##x",
    b"]]>]]>",
    CLOSE.encode() + b"]]>]]>",
]

# RFC 6241, section 8.1: a client's first message after which the server ends the session, saying nothing.
HELLOS = [
    ("8.1, no common base", hello()),
    ("8.1, no common base", hello("urn:ietf:params:netconf:base:2.0")),
    ("8.1, a session-id", hello(BASE_1_1, more="<session-id>4</session-id>")),
    ("8.1, no capabilities", f'<hello xmlns="{NC}"/>'),
    ("8.1, another namespace", HELLO.replace(NC, "urn:x")),
    ("8.1, no <hello>", CLOSE),
    ("8.1, no XML", "<hello"),
    ("8.1, nothing", ""),
]


class MessageTest(ProbeCase):
    def test_messages(self):
        session = self.session()
        for section, message, expected in MESSAGES:
            with self.subTest(section=section, message=message[:100]):
                self.expect(session.ask(message), expected)
        self.expect(session.rpc("<discard-changes/>"), OK)

    def test_all_of_xml_but_document_types(self):
        """RFC 6241, section 3; also with the framing of :base:1.0."""
        for session in (self.session(), self.session(hello=hello(BASE_1_0))):
            for message in WELL_FORMED:
                with self.subTest(message=message, chunked=session.chunked):
                    self.expect(session.ask(message), OK)
            self.assertIn(">ab</name>", session.rpc("<get-config><source><candidate/></source></get-config>"))
            self.expect(session.rpc(DISCARD), OK)

    def test_attributes_are_returned(self):
        """RFC 6241, section 4.1."""
        session = self.session()
        for attributes in (' a="1"', ' xmlns:x="urn:x" x:a="1 &lt; 2"', " a='\"'", ' xml:lang="de"'):
            with self.subTest(attributes=attributes):
                for content in ("<discard-changes/>", "<nosuch/>"):
                    reply = session.rpc(content, attributes)
                    self.assertIn(attributes.strip(), reply.partition(">")[0])
        reply = session.ask(f'<n:rpc xmlns:n="{NC}" message-id="a &amp; b"><n:discard-changes/></n:rpc>')
        self.expect(reply, OK)
        self.assertIn('message-id="a &amp; b"', reply)

    def test_one_that_is_too_big_is_told_its_id(self):
        """RFC 6241, section 4.2: as much of the request as could be read."""
        reply = self.session().rpc(f"<get>{' ' * MAX_RPC}</get>", ' a="b"')
        self.expect(reply, error("too-big"))
        self.assertIn('message-id="1" a="b"', reply.partition(">")[0])

    def test_requests_are_answered_in_order(self):
        """RFC 6241, section 4.5."""
        session = self.session()
        asked = ("<nosuch/>", "<discard-changes/>")
        session.send(*(f'<rpc xmlns="{NC}" message-id="{number}">{asked[number % 2]}</rpc>' for number in range(20)))
        for number in range(20):
            self.assertIn(f'message-id="{number}"', session.receive())

    def test_nothing_is_answered_after_close_session(self):
        """RFC 6241, section 7.8."""
        session = self.session()
        session.send(CLOSE, f"{RPC}<discard-changes/></rpc>")
        self.expect(session.receive(), OK)
        self.assertTrue(session.ended())

    def test_a_peer_of_base_1_0(self):
        """RFC 6242, section 4.1: end-of-message framing; RFC 6241, appendix A: malformed-message is not for it."""
        session = self.session(hello=hello(BASE_1_0))
        self.expect(session.rpc("<discard-changes/>"), OK)
        self.expect(session.ask(f"{RPC}<get>"), error("operation-failed"))
        self.expect(session.rpc("<nosuch/>"), error("operation-not-supported"))
        self.expect(session.ask(CLOSE), OK)

    def test_framing(self):
        """RFC 6242, section 4.2."""
        for data in CHUNKS:
            with self.subTest(section="6242 4.2", data=data):
                session = self.session()
                session.send_bytes(data)
                self.assertTrue(session.ended())
        session = self.session()
        session.send_bytes(b"".join(b"\n#1\n%c" % octet for octet in CLOSE.encode()) + b"\n##\n")
        self.expect(session.receive(), OK)

    def test_hellos(self):
        for section, message in HELLOS:
            with self.subTest(section=section):
                session = self.session(hello=None)
                session.send(message)
                self.assertTrue(session.ended())
        session = self.session(hello=hello("urn:x", f" {BASE_1_1} ", more='<more xmlns="urn:x"/>'))
        self.expect(session.rpc("<discard-changes/>"), OK)


class OperationTest(ProbeCase):


    def test_parameters(self):
        session = self.session()
        made = f"<edit-config><target>{RUNNING}</target>{config('<device><name>lamp</name></device>')}</edit-config>"
        self.expect(session.rpc(made), OK)
        self.probe(session, PARAMETERS)

    def test_kill_session(self):
        """RFC 6241, section 7.9."""
        one, two = self.session(), self.session()
        self.expect(one.rpc(f"<kill-session><session-id>{one.id}</session-id></kill-session>"), error("invalid-value"))
        self.expect(two.rpc(f"<lock><target>{RUNNING}</target></lock>"), OK)
        self.expect(one.rpc(f"<kill-session><session-id>{two.id}</session-id></kill-session>"), OK)
        self.assertTrue(two.ended())
        wait_until(lambda: "<ok/>" in one.rpc(f"<lock><target>{RUNNING}</target></lock>"), 5, "its lock is gone")
        self.expect(one.rpc(f"<unlock><target>{RUNNING}</target></unlock>"), OK)

    def test_roles(self):
        """RFC 6241, section 2.2 and appendix A: access-denied."""
        denied = error("access-denied")
        self.probe(
            self.session("read"),
            [
                ("6241 A", edit(EMPTY), denied),
                ("6241 A", copy(CANDIDATE, RUNNING), denied),
                ("6241 A", "<commit/>", denied),
                ("6241 A", "<discard-changes/>", denied),
                ("6241 A", f"<lock><target>{RUNNING}</target></lock>", denied),
                ("6241 A", "<kill-session><session-id>77</session-id></kill-session>", denied),
                ("6241 A", f'<await xmlns="{FB}"><commit>0</commit></await>', denied),
            ],
        )
        self.expect(self.session("operate").rpc(f'<rollback xmlns="{FB}"><commit>0</commit></rollback>'), denied)

    def test_a_subscription_that_ends(self):
        """RFC 5277, sections 2.1.1 and 3.3: both marks, then the session is free for another one."""
        session = self.session("read")
        self.expect(session.rpc(subscribe(START.format(2020), STOP.format(2021))), OK)
        self.assertIn("<replayComplete ", session.receive())
        self.assertIn("<notificationComplete ", session.receive())
        self.expect(session.rpc(subscribe()), OK)

    def test_a_second_subscription(self):
        """RFC 5277, section 2.1.1; RFC 5277, section 6: with :interleave operations go on."""
        session = self.session("read")
        self.expect(session.rpc(subscribe()), OK)
        self.expect(session.rpc(subscribe()), error("operation-failed"))
        self.expect(session.rpc(f"<validate><source>{RUNNING}</source></validate>"), OK)


if __name__ == "__main__":
    unittest.main()
