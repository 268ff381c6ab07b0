"""Network namespaces of the test's own: a machine for the bridge, and one for the manager, with a cable between them."""

import ctypes
import os
import subprocess
import sys

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def as_root(case):
    """True if the test may go on; else it has been run as the root of a user namespace, and this was its result."""
    if os.geteuid() == 0:
        return True
    module, name, method = case.id().rsplit(".", 2)
    command = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "unittest", f"{module}.{name}.{method}"]
    done = subprocess.run(command, cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))), capture_output=True)
    case.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
    return False


class Machines:
    """Whatever is started from now on, until the test ends, runs on the bridge's machine; `manager` runs it on the other."""

    BRIDGE, MANAGER = "192.0.2.1", "192.0.2.2"
    BRIDGE6, MANAGER6 = "2001:db8::1", "2001:db8::2"

    def __init__(self, case):
        former = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._check(_libc.unshare(_CLONE_NEWNET))
        case.addCleanup(os.close, former)
        case.addCleanup(lambda: self._check(_libc.setns(former, _CLONE_NEWNET)))
        anchor = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        case.addCleanup(anchor.wait)
        case.addCleanup(anchor.stdin.close)
        self._other = ["nsenter", "--target", str(anchor.pid), "--net"]
        own = os.stat("/proc/thread-self/ns/net").st_ino
        while os.stat(f"/proc/{anchor.pid}/ns/net").st_ino == own:
            os.sched_yield()
        for line in (
            "link set lo up",
            f"link add fb0 type veth peer name fb1 netns {anchor.pid}",
            f"addr add {self.BRIDGE}/24 dev fb0",
            f"-6 addr add {self.BRIDGE6}/64 dev fb0 nodad",
            "link set fb0 up",
        ):
            self._run(["ip", *line.split()])
        for line in (
            "link set lo up",
            f"addr add {self.MANAGER}/24 dev fb1",
            f"-6 addr add {self.MANAGER6}/64 dev fb1 nodad",
            "link set fb1 up",
        ):
            self._run([*self._other, "ip", *line.split()])

    def manager(self, *command):
        """A command as it is run on the manager's machine."""
        return [*self._other, *command]

    def route(self, network):
        """The manager's way to a network that lies behind the bridge's machine."""
        via = self.BRIDGE6 if ":" in network else self.BRIDGE
        self._run(self.manager("ip", "route", "add", network, "via", via))

    @staticmethod
    def _run(command):
        done = subprocess.run(command, capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')}")

    @staticmethod
    def _check(result):
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
