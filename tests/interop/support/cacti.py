"""A Cacti of the test's own: Debian's files copied, a MariaDB on a Unix socket, and no discovery.

Nothing of it listens, and the poller is never started: it is asked by its command line for the devices in question."""

import os
import shutil
import subprocess

from .broker import tool
from .manager import ROOT, Answer, snmp_environment
from .process import wait_until

# tests/run unpacks the package, whose installation would poll from cron and set up a web server.
PACKAGE = os.path.join(ROOT, "tests", ".cacti", "usr", "share", "cacti")

# Of web pages alone.
UNUSED = ("docs", "images", "install", "js", "locales")

CONFIG = """\
<?php
$database_type = 'mysql';
$database_default = 'cacti';
$database_hostname = '{socket}';
$database_username = 'root';
$database_password = '';
$poller_id = 1;
$url_path = '/';
$disable_log_rotation = true;
"""

# First of all, the network that Cacti scans if nothing else is said; then what the web pages of the installation would set.
SETTINGS = """\
DELETE FROM automation_networks;
UPDATE version SET cacti = '{version}';
UPDATE settings SET value = '{log}' WHERE name = 'path_cactilog';
"""


class Cacti:
    UP, DOWN = "3", "1"

    def __init__(self, case):
        if not os.path.isdir(PACKAGE):
            raise AssertionError(f"no {PACKAGE}: tests/run fetches it")
        self.folder = os.path.join(case.folder, "cacti")
        # The database's user looks for its files there.
        os.chmod(case.folder, 0o711)
        share = os.path.join(self.folder, "share")
        self.base = os.path.join(share, "cacti")
        shutil.copytree(PACKAGE, self.base, symlinks=True, ignore=shutil.ignore_patterns(*UNUSED))
        os.symlink("/usr/share/php", os.path.join(share, "php"))
        self.site = os.path.join(self.base, "site")
        for name in ("log", "rra", "cache"):
            os.unlink(os.path.join(self.site, name))
            os.makedirs(os.path.join(self.site, name))
        self.log = os.path.join(self.site, "log", "cacti.log")
        # No modules: Cacti asks by number.
        self.environment = {**snmp_environment(self.folder), "MIBS": ""}
        self._start_database(case)
        config = os.path.join(self.site, "include", "config.php")
        os.unlink(config)
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(socket=self.socket))

    def _start_database(self, case):
        data = os.path.join(self.folder, "database")
        os.makedirs(data)
        user = []
        if os.geteuid() == 0:
            user = ["--user=nobody"]
            shutil.chown(data, "nobody")
        self.socket = os.path.join(data, "socket")
        small = ["--innodb-log-file-size=16M", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"]
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", *user, *small]
        subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True, timeout=60)
        server = [tool("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={self.socket}", "--skip-networking"]
        server += [f"--pid-file={os.path.join(data, 'pid')}", "--innodb-buffer-pool-size=32M", *user, *small]
        case.spawn(server, os.path.join(case.folder, "mariadb.log"))
        wait_until(lambda: self._mariadb("-e", "SELECT 1").code == 0, 20, "MariaDB answers")
        self._mariadb("-e", "CREATE DATABASE cacti CHARACTER SET utf8mb4")
        with open(os.path.join(self.base, "conf_templates", "cacti.sql"), encoding="utf-8") as file:
            schema = file.read()
        with open(os.path.join(self.site, "include", "cacti_version"), encoding="utf-8") as file:
            settings = SETTINGS.format(version=file.read().strip(), log=self.log)
        made = self._mariadb("cacti", feed=schema + settings)
        if made.code != 0:
            raise AssertionError(made.text)

    def _mariadb(self, *arguments, feed=""):
        command = ["mariadb", "--no-defaults", "-u", "root", "-S", self.socket, "-N", "-B", *arguments]
        return Answer(subprocess.run(command, input=feed.encode(), capture_output=True, timeout=60))

    def query(self, sql):
        """The rows, as texts; a cell without a value is NULL."""
        answer = self._mariadb("cacti", "-e", sql)
        if answer.code != 0:
            raise AssertionError(answer.text)
        return [tuple(line.split("\t")) for line in answer.lines()]

    def php(self, script, *arguments, feed=""):
        """A program of Cacti, `cli/...` or `site/...`; `feed`: its standard input."""
        command = ["php", "-q", os.path.join(self.base, script), *arguments]
        done = subprocess.run(command, input=feed.encode(), capture_output=True, timeout=80, env=self.environment)
        answer = Answer(done)
        if answer.code != 0:
            raise AssertionError(f"{script} {arguments}: {answer.code}\n{answer.text}\n{self.trouble()}")
        return answer

    def poll(self, device):
        """One round of the poller for that device alone, with its system group."""
        self.php("site/cmd.php", f"--first={device}", f"--last={device}", "--mibs")

    def trouble(self):
        """What Cacti has logged as an error, but devices that went down, and what PHP says of Cacti's own code."""
        passed_over = (" PHP ", "HOST EVENT")
        try:
            with open(self.log, encoding="utf-8") as file:
                lines = [line for line in file if "ERROR" in line or "FATAL" in line]
            return [line for line in lines if not any(word in line for word in passed_over)]
        except FileNotFoundError:
            return []
