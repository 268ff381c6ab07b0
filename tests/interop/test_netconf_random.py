"""Random edits by raw NETCONF: whatever comes, what is refused changes nothing, and commits and cancels do what RFC 6241 says."""

import os
import random
import time
import unittest

from support.netconf import FB, NC, TASMOTA
from support.probe import OK, ProbeCase

SECONDS = 3
OPERATIONS = [""] * 8 + ["create", "delete", "remove", "replace", "merge"]
DEFAULTS = ["", "", "merge", "replace", "none"]
TESTS = ["", "", "test-then-set", "set", "test-only"]
ERRORS = ["", "", "stop-on-error", "continue-on-error", "rollback-on-error"]
TEXTS = ["a", "ä", " ", "", "&lt;", "x" * 70, "<z/>"]


class Edits:
    """Edits of a few devices, most of them possible."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def edit(self, target):
        options = self._option("default-operation", DEFAULTS) + self._option("test-option", TESTS)
        options += self._option("error-option", ERRORS)
        devices = "".join(self._device() for _ in range(self.random.randrange(1, 4)))
        content = f'<config xmlns:nc="{NC}"><fleet xmlns="{FB}">{devices}</fleet></config>'
        return f"<edit-config><target><{target}/></target>{options}{content}</edit-config>"

    def _option(self, name, values):
        value = self.random.choice(values)
        return f"<{name}>{value}</{name}>" if value else ""

    def _device(self):
        settings = self._some(
            self._leaf("tele-period", [0, 9, 10, 3600, 3601]),
            self._leaf("power-on-state", ["off", "on", "sideways"]),
            self._leaf("latitude", ["1.5", "91", "1.0000001"]),
        )
        content = self._some(
            self._leaf("alias", ["p", "q"]),
            self._leaf("site", TEXTS),
            self._leaf("group", TEXTS),
            self._leaf("admin-state", ["in-service", "maintenance", "gone"]),
            self._element("asset", self._leaf("tag", TEXTS) + self._leaf("owner", TEXTS)),
            self._element("label", self._key("lm") + self._leaf("value", TEXTS)),
            self._element("label", self._leaf("value", TEXTS)),
            self._element("settings", self._element("tasmota", settings, f' xmlns="{TASMOTA}"')),
        )
        return self._element("device", self._key("abcd") + content)

    def _key(self, names):
        return f"<name>{self.random.choice(names)}</name>"

    def _leaf(self, name, values):
        return self._element(name, self.random.choice(values))

    def _element(self, name, content, attributes=""):
        operation = self.random.choice(OPERATIONS)
        operation = f' nc:operation="{operation}"' if operation else ""
        return f"<{name}{attributes}{operation}>{content}</{name}>"

    def _some(self, *parts):
        return "".join(self.random.sample(parts, self.random.randrange(4)))


class RandomTest(ProbeCase):
    def test_random_edits(self):
        """FLEETBRIDGE_SEED repeats a run."""
        seed = int(os.environ.get("FLEETBRIDGE_SEED") or time.time_ns() % 1_000_000)
        print(f"      FLEETBRIDGE_SEED={seed}")
        self.one, self.edits, self.past = self.session(), Edits(seed), []
        steps = [self.edit] * 6 + [self.commit] * 2 + [self.discard, self.cancel, self.copy]
        end, count = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            self.edits.random.choice(steps)()
            count += 1
        print(f"      {count} steps")

    def edit(self):
        target = self.edits.random.choice(["candidate", "running"])
        request, before = self.edits.edit(target), self.shown(target)
        refused = self.ask(request)
        if "test-only" in request or refused and "continue-on-error" not in request:
            self.assertEqual(self.shown(target), before, self.past)

    def commit(self):
        staged = self.shown("candidate")
        if self.ask("<commit/>"):
            return self.discard()
        self.assertEqual(self.shown("running"), staged, self.past)
        self.assertEqual(self.shown("candidate"), staged, self.past)
        return None

    def discard(self):
        self.assertFalse(self.ask("<discard-changes/>"))
        self.assertEqual(self.shown("candidate"), self.shown("running"), self.past)

    def cancel(self):
        """Also of what this session has written to running since."""
        before = self.shown("running")
        if not self.ask("<commit><confirmed/></commit>"):
            self.ask(self.edits.edit("running"))
            self.assertFalse(self.ask("<cancel-commit/>"))
            self.assertEqual(self.shown("running"), before, self.past)
        self.discard()

    def copy(self):
        """What get-config shows is taken back."""
        before = self.shown("running")
        content = f'<config><fleet xmlns="{FB}">{"".join(before)}</fleet></config>'
        self.assertFalse(self.ask(f"<copy-config><target><running/></target><source>{content}</source></copy-config>"))
        self.assertEqual(self.shown("running"), before, self.past)

    def ask(self, request):
        """Whether it was refused, as it may be."""
        self.past = [*self.past[-4:], request]
        reply = self.one.rpc(request)
        if "<rpc-error>" not in reply:
            self.expect(reply, OK)
            return False
        self.all_conform(reply)
        return True

    def shown(self, source):
        """The devices of a datastore; candidate does not know the numbers, and so the order, of those that it adds."""
        reply = self.one.rpc(f"<get-config><source><{source}/></source></get-config>")
        _, begin, rest = reply.partition("<device>")
        devices = (begin + rest).partition("</fleet>")[0].split("</device>")[:-1]
        return sorted(f"{device}</device>" for device in devices)


if __name__ == "__main__":
    unittest.main()
