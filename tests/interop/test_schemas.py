"""The YANG modules: the standard ones say what the published ones say; our own, and those of profiles, are without blame."""

import difflib
import os
import re
import tomllib

from support import Case
from support.bridge import fleetbridge
from support.manager import MIBS, ROOT
from support.yang import IETF, OWN, PUBLISHED, argument, below, files, lint, parse, read, tree, yanglint

# The one warning that a module may have: pyang knows the prefixes of some organizations' module names, and ours is none.
ALLOWED = r"(?m)^\S+:1: warning: RFC 8407: 4\.1: no module name prefix string used\n"

# RFC 5277 has XML schemas (sections 3.4 and 4) and no YANG, and pyang no copy of the modules that servers have made of them:
# these are the trees that the sections give. The element notification of section 4 is not data.
RECORDED = {
    # Section 4: target namespace; streamNameType; createSubscriptionType, all of whose elements are optional (section 2.1.1).
    "notifications@2008-07-14.yang": """\
module notifications
  import ietf-yang-types
    prefix yang
  namespace urn:ietf:params:xml:ns:netconf:notification:1.0
  prefix ncEvent
  revision 2008-07-14
  typedef streamNameType
    type string
  rpc create-subscription
    input
      leaf stream
        default NETCONF
        type streamNameType
      anyxml filter
      leaf startTime
        type yang:date-and-time
      leaf stopTime
        type yang:date-and-time
""",
    # Section 3.4: target namespace; netconf/streams/stream, of which at least NETCONF exists (section 3.2.3); the times of the
    # log are optional; the two notifications are empty.
    "nc-notifications@2008-07-14.yang": """\
module nc-notifications
  import ietf-yang-types
    prefix yang
  import notifications
    prefix ncEvent
  namespace urn:ietf:params:xml:ns:netmod:notification
  prefix manageEvent
  revision 2008-07-14
  container netconf
    config false
    container streams
      list stream
        key name
        min-elements 1
        leaf name
          type ncEvent:streamNameType
        leaf description
          mandatory true
          type string
        leaf replaySupport
          mandatory true
          type boolean
        leaf replayLogCreationTime
          type yang:date-and-time
        leaf replayLogAgedTime
          type yang:date-and-time
  notification replayComplete
  notification notificationComplete
""",
}

# Module, what is changed in a copy (once), and a line of the difference that must be seen.
DEFECTS = [
    ("ietf-netconf@2011-06-01", 'range "1..max"', 'range "0..max"', "range 0..max"),
    ("ietf-netconf@2011-06-01", 'default "600"', 'default "60"', "default 60"),
    ("ietf-netconf@2011-06-01", "feature url {", "feature uri {", "feature uri"),
    ("ietf-netconf@2011-06-01", "            if-feature writable-running;\n", "", "if-feature writable-running"),
    ("ietf-netconf@2011-06-01", r"nc:get-filter-element-attributes;\n", "", "ietf-netconf:get-filter-element-attributes"),
    ("ietf-netconf@2011-06-01", r"rpc discard-changes \{.*?\n  \}\n", "", "rpc discard-changes"),
    ("ietf-netconf@2011-06-01", 'units "seconds";', 'units "second";', "units second"),
    ("ietf-netconf-acm@2018-02-14", r"\[\^\\\*\]", r"[^*+]", "pattern [^*+].*"),
    ("ietf-netconf-acm@2018-02-14", r"    nacm:default-deny-all;\n", "", "ietf-netconf-acm:default-deny-all"),
    ("ietf-netconf-acm@2018-02-14", r"        leaf comment \{.*?\n        \}\n", "", "leaf comment"),
    ("ietf-netconf-acm@2018-02-14", "ordered-by user;", "ordered-by system;", "ordered-by system"),
    ("ietf-netconf-acm@2018-02-14", r"  revision 2012.*?\n  \}\n", "", "revision 2012-02-22"),
    ("ietf-netconf-acm@2018-02-14", r"type matchall-string-type;(\s+)type group-name-type;",
     r"type group-name-type;\1type matchall-string-type;", "type group-name-type"),
    ("ietf-netconf-monitoring@2010-10-04", "identifier version format", "identifier format version", "key identifier format version"),
    ("ietf-netconf-monitoring@2010-10-04", "config false;", "config true;", "config true"),
    ("ietf-netconf-monitoring@2010-10-04", r"identity netconf-tls \{\s+base transport;", "identity netconf-tls {", "base transport"),
    ("ietf-netconf-monitoring@2010-10-04", "presence .*?;", "", "presence"),
    ("ietf-netconf-with-defaults@2011-06-01", "enum trim ", "enum trimmed ", "enum trimmed"),
    ("ietf-netconf-with-defaults@2011-06-01", "ietf-netconf-with-defaults\"", "ietf-with-defaults\"",
     "namespace urn:ietf:params:xml:ns:yang:ietf-with-defaults"),
    ("ietf-netconf-notifications@2012-02-06", "'killed'", "'closed'", "when ../termination-reason = 'closed'"),
    ("ietf-netconf-notifications@2012-02-06", "mandatory true;", "mandatory false;", "mandatory false"),
    ("notifications@2008-07-14", 'default "NETCONF"', 'default "netconf"', "default netconf"),
    ("nc-notifications@2008-07-14", r"min-elements 1;", "", "min-elements 1"),
]


# Columns of SNMP, and the leaves that show the same.
TWINS = {
    "fbDevicePresence": "device/presence",
    "fbSelfPresence": "device/presence",
    "fbMissingPresence": "missing/presence",
    "fbPointQuality": "point/quality",
    "fbSettingState": "setting/standing",
}
SNMP_ONLY = {"fbDeviceAdminState", "fbDeviceHealth", "fbSelfHealth", "fbPointType", "fbSettingType", "fbAdapterState"}
# What a manager wants of a device is more than whether it takes part in alarming.
NETCONF_ONLY = {"device/admin-state", "presence/state", "commit/via", "commit/state"}


class StandardModulesTest(Case):
    def test_each_is_as_published(self):
        self.assertTrue(files(IETF))
        for path in files(IETF):
            with self.subTest(os.path.basename(path)):
                self.assertEqual(difference(read(path), path), "")

    def test_differences_are_seen(self):
        for name, pattern, instead, line in DEFECTS:
            path = os.path.join(IETF, f"{name}.yang")
            text, count = re.subn(pattern, instead, read(path), count=1, flags=re.DOTALL)
            self.assertEqual(count, 1, f"{pattern!r} stands in {name}")
            with self.subTest(f"{name}: {pattern}"):
                seen = [told[1:].strip() for told in difference(text, path).splitlines()]
                self.assertIn(line, seen)

    def test_words_and_order_of_statements_are_no_difference(self):
        path = os.path.join(IETF, "ietf-netconf@2011-06-01.yang")
        text = read(path)
        other, count = re.subn(r'(?m)^( +units "seconds";)\n( +default "600";)$', "\\2\n\\1", text)
        self.assertEqual(count, 1)
        other = re.sub(r"description\s+\"[^\"]*\"", "description 'x'", other)
        self.assertNotEqual(other, text)
        self.assertEqual(difference(other, path), "")


class AllModulesTest(Case):
    def test_a_file_is_named_for_module_and_revision(self):
        for path in files(OWN) + files(IETF):
            module = parse(read(path), path)
            self.assertEqual(os.path.basename(path), f"{module.arg}@{argument(module, 'revision')}.yang")

    def test_pyang_has_nothing_to_say(self):
        for path in files(OWN) + files(IETF):
            with self.subTest(os.path.basename(path)):
                answer = lint(path)
                self.assertEqual(re.sub(ALLOWED, "", answer.text), "")

    def test_yanglint_has_nothing_to_say(self):
        answer = yanglint(*files(IETF), *files(OWN))
        self.assertEqual((answer.code, answer.text), (0, ""))

    def test_both_see_defects(self):
        text = read(own())
        silent = re.sub(r'\s+description\s+"Since when its presence is what it is\.";', "", text)
        path = self.write("silent.yang", silent)
        self.assertRegex(re.sub(ALLOWED, "", lint(path).text), "must have a \"description\" substatement")
        path = self.write("untyped.yang", text.replace("type device-number;", "type device-nummer;"))
        self.assertRegex(lint(path).text, "device-nummer")
        answer = yanglint(path)
        self.assertNotEqual(answer.code, 0)
        self.assertRegex(answer.text, "device-nummer")


class OwnModuleTest(Case):
    def test_a_device_is_valid_by_itself(self):
        """So that a commit need only validate the devices that it touches."""
        fleet = parse(read(own())).search_one("container", "fleet")
        device = fleet.search_one("list", "device")
        self.assertEqual(argument(device, "key"), "name")
        for statement in below(device):
            self.assertNotIn(statement.keyword, ("must", "when", "mandatory", "min-elements"), statement.pos)
            if statement.keyword == "type":
                self.assertNotIn(statement.arg, ("leafref", "instance-identifier"), statement.pos)

    def test_enumerations_are_those_of_the_mib(self):
        """Column by column: the same words, of which SNMP's have no hyphens, and numbers."""
        with open(os.path.join(MIBS, "FLEETBRIDGE-MIB.txt"), encoding="utf-8") as file:
            mib = file.read()
        conventions = {
            name: {word: int(number) for word, number in re.findall(r"(\w+)\((\d+)\)", words)}
            for name, words in re.findall(r"\n(\w+) ::= TEXTUAL-CONVENTION(?:(?!::=).)*?SYNTAX +INTEGER {(.*?)}", mib, re.DOTALL)
        }
        syntaxes = dict(re.findall(r"\n(\w+) OBJECT-TYPE\n    SYNTAX +(\w+)\n", mib))
        columns = {name: conventions[syntax] for name, syntax in syntaxes.items() if syntax in conventions}
        module = parse(read(own()))
        typedefs = {typedef.arg: typedef.search_one("type") for typedef in module.search("typedef")}
        leaves = {}
        for leaf in below(module.search_one("container", "fleet")):
            ty = leaf.search_one("type") if leaf.keyword == "leaf" else None
            ty = ty and typedefs.get(ty.arg, ty)
            if ty and ty.arg == "enumeration":
                leaves[f"{leaf.parent.arg}/{leaf.arg}"] = numbers(ty)
        for column, leaf in TWINS.items():
            self.assertEqual(leaves[leaf], columns[column], column)
        self.assertEqual(set(columns) - set(TWINS), SNMP_ONLY, "each has its twin or is named")
        self.assertEqual(set(leaves) - set(TWINS.values()), NETCONF_ONLY, "each has its twin or is named")


class ProfileModulesTest(Case):
    def test_modules_of_shipped_profiles(self):
        listed = [line.split() for line in fleetbridge("profile", "list").lines()[1:] if line]
        names = [words[0] for words in listed if len(words) == 6 and words[4] != "0"]
        self.assertIn("tasmota", names)
        self.blameless([self.module(name, name) for name in names])

    def test_every_kind_of_setting_and_text(self):
        file = os.path.join(ROOT, "tests", "golden", "yang", "acme.toml")
        path = self.module("acme", file)
        self.blameless([path])
        with open(file, "rb") as text:
            settings = {setting["name"]: setting for setting in tomllib.load(text)["setting"]}
        container = parse(read(path)).search_one("grouping", "settings").search_one("container", "acme")
        leaves = {leaf.arg: leaf for leaf in container.search("leaf")}
        self.assertEqual(list(leaves), list(settings))
        for name, setting in settings.items():
            leaf, ty = leaves[name], leaves[name].search_one("type")
            self.assertTrue(argument(leaf, "description").startswith(setting.get("description", f"The setting {name}")))
            self.assertEqual([word.arg for word in ty.search("enum")], list(setting.get("values", [])))
            for keyword, said in (("units", leaf), ("pattern", ty)):
                stands = said.search_one(keyword)
                self.assertEqual(stands.arg if stands else None, setting.get("unit" if keyword == "units" else keyword))
            secret = leaf.search_one(("nacm", "default-deny-all"))
            self.assertEqual(secret is not None, setting.get("secret", False))

    def module(self, name, profile):
        answer = fleetbridge("profile", "yang", profile)
        self.assertEqual(answer.code, 0, answer.text)
        return self.write(f"fleetbridge-profile-{name}.yang", answer.out)

    def blameless(self, paths):
        for path in paths:
            with self.subTest(os.path.basename(path)):
                self.assertEqual(lint(path).text, "")
        answer = yanglint(*paths)
        self.assertEqual((answer.code, answer.text), (0, ""))


def numbers(enumeration):
    """Words and numbers of a YANG enumeration (RFC 7950 section 9.6.4.2), words as SNMP writes them."""
    found = {}
    for word in enumeration.search("enum"):
        number = word.search_one("value")
        name = re.sub("-(.)", lambda letter: letter[1].upper(), word.arg)
        found[name] = int(number.arg) if number else max(found.values(), default=-1) + 1
    return found


def own():
    """Our module; of its revisions the newest."""
    return max(path for path in files(OWN) if os.path.basename(path).startswith("fleetbridge@"))


def difference(text, path):
    """Lines by which a text for this file differs from what was published; empty if none."""
    name = os.path.basename(path)
    if name in RECORDED:
        published = RECORDED[name].splitlines()
    else:
        other = os.path.join(PUBLISHED, f"{name.partition('@')[0]}.yang")
        published = tree(read(other), other)
    return "\n".join(difflib.unified_diff(published, tree(text, name), "published", name, lineterm=""))
