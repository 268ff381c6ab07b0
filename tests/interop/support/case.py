"""The base of every test: a folder of its own, and no process left behind."""

import os
import shutil
import sys
import tempfile
import time
import unittest

from .process import Process

_LOG_TAIL = 4000


class Case(unittest.TestCase):
    maxDiff = 4000

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        bad = len(result.failures) + len(result.errors)
        begun = time.monotonic()
        self.folder = tempfile.mkdtemp(prefix="fb-interop-")
        self._logs = []
        try:
            super().run(result)
            print(f"    {self.id()}: {time.monotonic() - begun:.1f} s", file=sys.stderr)
            if len(result.failures) + len(result.errors) > bad:
                self._show()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return result

    def spawn(self, arguments, log, **options):
        """Starts a program that is killed when the test ends."""
        process = Process(arguments, log, **options)
        self.addCleanup(process.kill)
        if log not in self._logs:
            self._logs.append(log)
        return process

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def _show(self):
        """What the programs of a failed test said."""
        for log in self._logs:
            try:
                with open(log, "rb") as file:
                    text = file.read()[-_LOG_TAIL:].decode("utf-8", "replace").strip()
            except OSError:
                continue
            if text:
                print(f"--- {os.path.relpath(log, self.folder)}\n{text}", file=sys.stderr)
