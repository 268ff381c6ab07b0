"""Processes that never outlive their test, free ports, bounded waits."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import time

_alive = set()


class Process:
    """A program in a process group of its own; all it prints goes to a file."""

    def __init__(self, arguments, log, environment=None, folder=None, restore_signals=True):
        self.log = log
        with open(log, "ab") as out:
            self._popen = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                restore_signals=restore_signals,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        _alive.add(self)

    def running(self):
        return self._popen.poll() is None

    def code(self, seconds=10):
        """The exit code; None if it still runs after that time."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def send(self, number):
        if self.running():
            self._popen.send_signal(number)

    def kill(self):
        """SIGKILL for the program and whatever it started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self._popen.wait()
        _alive.discard(self)

    def stop(self, number=signal.SIGTERM, seconds=10):
        """A signal, then the exit code; None if it had to be killed."""
        self.send(number)
        code = self.code(seconds)
        self.kill()
        return code

    def output(self):
        with open(self.log, "rb") as log:
            return log.read().decode("utf-8", "replace")


def _kill_all():
    for process in list(_alive):
        process.kill()


atexit.register(_kill_all)
# A test run that is told to end still cleans up.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port(kind=socket.SOCK_STREAM, address="127.0.0.1"):
    """A port that nobody uses now, outside the range from which the kernel takes ports by itself where that leaves any."""
    for _ in range(1000):
        port = _candidate()
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def _candidate():
    low = 20000
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as text:
        ephemeral = int(text.read().split()[0])
    high = ephemeral if ephemeral > low + 5000 else 60000
    return low + int.from_bytes(os.urandom(4), "big") % (high - low)


def wait_until(condition, seconds, what="the condition", every=0.05):
    """Polls until `condition()` is true and returns its value; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(every)


def memory_mb(pid):
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
