"""What a NETCONF server is asked wrongly, and what it has to answer: tables of probes over one bridge."""

import re
import shutil
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from .bridge import Bridge
from .case import Case
from .netconf import HELLO, NC, Netconf
from .process import Process

OK = "ok"

# Octets of a request, of the bridges here.
MAX_RPC = 256 * 1024

# RFC 6241, appendix A: the error-type that each error-tag may have, and what must stand in its error-info.
APPENDIX_A = {
    "in-use": ("protocol application", ""),
    "invalid-value": ("protocol application", ""),
    "too-big": ("transport rpc protocol application", ""),
    "missing-attribute": ("rpc protocol application", "bad-attribute bad-element"),
    "bad-attribute": ("rpc protocol application", "bad-attribute bad-element"),
    "unknown-attribute": ("rpc protocol application", "bad-attribute bad-element"),
    "missing-element": ("protocol application", "bad-element"),
    "bad-element": ("protocol application", "bad-element"),
    "unknown-element": ("protocol application", "bad-element"),
    "unknown-namespace": ("protocol application", "bad-element bad-namespace"),
    "access-denied": ("protocol application", ""),
    "lock-denied": ("protocol", "session-id"),
    "resource-denied": ("transport rpc protocol application", ""),
    "rollback-failed": ("protocol application", ""),
    "data-exists": ("application", ""),
    "data-missing": ("application", ""),
    "operation-not-supported": ("protocol application", ""),
    "operation-failed": ("rpc protocol application", ""),
    "malformed-message": ("rpc", ""),
}
# RFC 6241, appendix B: the order of the elements of rpc-error.
ORDER = ["error-type", "error-tag", "error-severity", "error-app-tag", "error-path", "error-message", "error-info"]


@dataclass
class Error:
    """What an rpc-error has to say; `path` without prefixes, `info` by the names of the elements of error-info."""

    tag: str
    path: str = None
    app_tag: str = None
    info: dict = field(default_factory=dict)


@dataclass
class Data:
    """What stands in the answer, and what does not."""

    shown: tuple = ()
    hidden: tuple = ()


def error(tag, path=None, app_tag=None, **info):
    return Error(tag, path, app_tag, {name.replace("_", "-"): value for name, value in info.items()})


def data(*shown, hidden=()):
    return Data(shown, tuple(hidden))


class ProbeCase(Case):
    """All tests of a class share a bridge and, one after the other, its datastores. `KNOWN`: parts of the requests that are
    answered wrongly so far, and that are told as soon as they are not. `KEYS`: more lines of [netconf]."""

    KNOWN = ()
    KEYS = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stage = Stage(cls)
        cls.netconf = Netconf(stage)
        section = cls.netconf.section.replace("[netconf]\n", f'[netconf]\nmax-rpc = "{MAX_RPC // 1024}KiB"\n{cls.KEYS}')
        cls.bridge = Bridge(stage, more=section).start()

    def setUp(self):
        super().setUp()
        self._logs.append(self.bridge.log)

    def session(self, role="administer", hello=HELLO):
        session = self.netconf.raw(role, hello)
        self.addCleanup(session.close)
        return session

    def probe(self, session, probes, then=None):
        """Asks for each (section, content of an rpc, expected); `then` puts things back after each."""
        for section, content, expected in probes:
            with self.subTest(section=section, content=content):
                self.answered(content, session.rpc(content), expected)
            if then:
                then()

    def answered(self, content, reply, expected):
        if not any(part in content for part in self.KNOWN):
            return self.expect(reply, expected)
        with self.assertRaises(AssertionError, msg="it is right now: take it out of KNOWN"):
            self.expect(reply, expected)
        return None

    def expect(self, reply, expected):
        root = ET.fromstring(reply)
        self.assertEqual(root.tag, f"{{{NC}}}rpc-reply", reply)
        if isinstance(expected, Error):
            return self.refused(reply, root, expected)
        self.assertIsNone(root.find(f"{{{NC}}}rpc-error"), reply)
        if expected == OK:
            self.assertEqual([child.tag for child in root], [f"{{{NC}}}ok"], reply)
            return None
        for text in expected.shown:
            self.assertIn(text, reply)
        for text in expected.hidden:
            self.assertNotIn(text, reply)
        return None

    def refused(self, reply, root, expected):
        self.all_conform(reply)
        found = root[0]
        self.assertEqual(found.findtext(f"{{{NC}}}error-tag"), expected.tag, reply)
        if expected.path is not None:
            path = found.findtext(f"{{{NC}}}error-path")
            self.assertEqual(without_prefixes(path or ""), expected.path, reply)
        if expected.app_tag is not None:
            self.assertEqual(found.findtext(f"{{{NC}}}error-app-tag"), expected.app_tag, reply)
        for name, value in expected.info.items():
            told = [leaf.text for leaf in found.iterfind(f"{{{NC}}}error-info/{{{NC}}}{name}")]
            self.assertIn(str(value), told, reply)

    def all_conform(self, reply):
        root = ET.fromstring(reply)
        self.assertEqual({child.tag for child in root}, {f"{{{NC}}}rpc-error"}, reply)
        for found in root:
            self.conforms(reply, found)

    def conforms(self, reply, found):
        """RFC 6241, section 4.3 and appendices A and B, for whatever error it is."""
        names = [child.tag.split("}")[1] for child in found]
        self.assertEqual(names, [name for name in ORDER if name in names], "in the schema's order, each once")
        tag = found.findtext(f"{{{NC}}}error-tag")
        types, info = APPENDIX_A[tag]
        self.assertEqual(found.findtext(f"{{{NC}}}error-severity"), "error", reply)
        self.assertIn(found.findtext(f"{{{NC}}}error-type"), types.split(), f"error-type of {tag}: {reply}")
        told = {leaf.tag.split("}")[1] for leaf in found.iterfind(f"{{{NC}}}error-info/*")}
        self.assertLessEqual(set(info.split()), told, f"error-info of {tag}: {reply}")
        for declared, path in re.findall(r"<error-path([^>]*)>([^<]*)<", reply):
            for prefix in prefixes(path):
                self.assertIn(f"xmlns:{prefix}=", declared, "each prefix of error-path is declared there")


class Stage:
    """What is of a whole class where others are of a test: a folder and processes."""

    def __init__(self, case):
        self._case = case
        self.folder = tempfile.mkdtemp(prefix="fb-interop-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def addCleanup(self, function, *arguments, **options):
        self._case.addClassCleanup(function, *arguments, **options)

    def spawn(self, arguments, log, **options):
        process = Process(arguments, log, **options)
        self.addCleanup(process.kill)
        return process


def without_prefixes(path):
    """An instance-identifier without the prefixes of its names; what is quoted stays."""
    pieces = re.split(r"('[^']*'|\"[^\"]*\")", path)
    return "".join(piece if at % 2 else re.sub(r"[\w.-]+:", "", piece) for at, piece in enumerate(pieces))


def prefixes(path):
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|&[a-z]+;", "", path)
    return set(re.findall(r"([\w.-]+):", bare))
