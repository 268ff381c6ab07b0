"""Zabbix 6.0 of Debian: its server, a PostgreSQL cluster of its own on a Unix socket, and the front end with the API on loopback.

Nothing outside the folder is written, and nothing is scanned: neither the stock discovery rule nor the stock host is taken over, and no
discoverer and no pinger is started."""

import glob
import gzip
import itertools
import json
import os
import pwd
import shutil
import signal
import subprocess
import urllib.request

from .process import free_port, wait_until

SCHEMA = "/usr/share/zabbix-server-pgsql"
FRONT_END = "/usr/share/zabbix"
SERVER = "/usr/sbin/zabbix_server"
# PostgreSQL refuses root; the package's own user owns nothing that matters.
USER = "zabbix"

# Tables that are filled from the stock data.
STOCK = {"config", "config_autoreg_tls", "dbversion", "globalmacro", "hstgrp", "role", "role_rule", "users", "users_groups", "usrgrp"}

POSTGRESQL = """\
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = 256MB
max_connections = 200
autovacuum_naptime = 5s
jit = off
"""

ZABBIX = """\
DBHost={folder}
DBName=zabbix
DBUser=zabbix
ListenIP=127.0.0.1
ListenPort={port}
LogType=console
PidFile={folder}/zabbix.pid
SocketDir={folder}
StartPollers={pollers}
StartPollersUnreachable={pollers}
StartPreprocessors=1
StartLLDProcessors=1
StartHistoryPollers=1
StartDBSyncers=2
StartTrappers=1
StartTimers=1
StartEscalators=1
StartAlerters=1
StartDiscoverers=0
StartPingers=0
StartHTTPPollers=0
CacheSize=256M
ValueCacheSize=64M
CacheUpdateFrequency={reload}
"""

FRONT_END_CONFIG = """\
<?php
$DB['TYPE'] = 'POSTGRESQL';
$DB['SERVER'] = '{folder}';
$DB['PORT'] = '0';
$DB['DATABASE'] = 'zabbix';
$DB['USER'] = 'zabbix';
$DB['PASSWORD'] = '';
$DB['SCHEMA'] = '';
$DB['ENCRYPTION'] = false;
$DB['DOUBLE_IEEE754'] = true;
$ZBX_SERVER = '127.0.0.1';
$ZBX_SERVER_PORT = '{port}';
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
"""


class Zabbix:
    """`reload`: seconds until the server knows a changed configuration; `pollers`: how many ask at a time; `more` is of its configuration."""

    def __init__(self, case, reload=2, pollers=4, more=""):
        self._case = case
        self._config = {"reload": reload, "pollers": pollers}
        self._more = more
        self.folder = os.path.join(case.folder, "zabbix")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{free_port()}"
        self._ids = itertools.count(1)
        self._auth = None
        self._as = []
        os.mkdir(self.folder, 0o700)
        if os.geteuid() == 0:
            os.chmod(case.folder, 0o711)
            shutil.chown(self.folder, USER, USER)
            user = pwd.getpwnam(USER)
            self._as = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

    def start(self):
        """Returns once the API has let us in and the server runs."""
        self._database()
        self._server()
        self._front_end()
        self._auth = wait_until(self._log_in, 30, "the API answers", every=0.2)
        wait_until(lambda: "main process] started" in self.server.output() or "server #0 started" in self.server.output(), 30, "the server runs")
        return self

    def api(self, method, **params):
        """The result of a call; AssertionError with Zabbix's words if it fails."""
        return self.call(method, params)

    def call(self, method, params):
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": next(self._ids), "auth": self._auth}
        answer = json.loads(self.post(json.dumps(request)))
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']['message']} {answer['error']['data']}")
        return answer["result"]

    def post(self, body, seconds=600):
        headers = {"Content-Type": "application/json-rpc"}
        request = urllib.request.Request(f"{self.url}/api_jsonrpc.php", body.encode(), headers)
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return answer.read().decode()

    def token(self):
        """An API token, as a kit's script takes it."""
        made = self.api("token.create", name="kit")
        return self.call("token.generate", made["tokenids"])[0]["token"]

    def query(self, sql):
        """Rows of the database, as lists of texts."""
        done = self._run(["psql", "-h", self.folder, "-d", "zabbix", "-AtF\t", "-c", sql])
        return [line.split("\t") for line in done.splitlines()]

    def reload(self):
        """Has the server read the configuration now."""
        self._run([SERVER, "-c", os.path.join(self.folder, "zabbix_server.conf"), "-R", "config_cache_reload"])

    def _database(self):
        programs = max(glob.glob("/usr/lib/postgresql/*/bin"))
        data = os.path.join(self.folder, "data")
        self._run([f"{programs}/initdb", "-D", data, "-A", "trust", "-N", "-U", "zabbix", "-E", "UTF8", "--locale=C.UTF-8"])
        with open(os.path.join(data, "postgresql.conf"), "a", encoding="ascii") as file:
            file.write(POSTGRESQL.format(folder=self.folder))
        # SIGTERM would wait for those who are connected.
        process = self._spawn([f"{programs}/postgres", "-D", data], "postgresql.log")
        self._case.addCleanup(process.stop, signal.SIGINT)
        ready = lambda: self._run(["psql", "-h", self.folder, "-d", "postgres", "-c", ""], check=False) is not None
        wait_until(ready, 20, "PostgreSQL answers", every=0.1)
        self._run(["createdb", "-h", self.folder, "zabbix"])
        for name in ("schema", "data"):
            with gzip.open(f"{SCHEMA}/{name}.sql.gz", "rt", encoding="utf-8") as text:
                sql = "".join(_wanted(text))
            self._run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-d", "zabbix"], feed=sql.encode())
        # No network is scanned, and there is no host but those that a test makes.
        for table in ("drules", "hosts", "actions"):
            assert self.query(f"select count(*) from {table}") == [["0"]], f"{table} of the stock database"
        # Else an import takes several times as long, until the cluster has counted by itself.
        self.query("analyze")

    def _server(self):
        file = os.path.join(self.folder, "zabbix_server.conf")
        self._write(file, ZABBIX.format(folder=self.folder, port=self.port, **self._config) + self._more)
        self.server = self._spawn([SERVER, "-f", "-c", file], "zabbix_server.log")

    def _front_end(self):
        root = os.path.join(self.folder, "ui")
        shutil.copytree(FRONT_END, root)
        config = os.path.join(self.folder, "zabbix.conf.php")
        self._write(config, FRONT_END_CONFIG.format(folder=self.folder, port=self.port))
        # Debian's looks for it in /etc.
        place = os.path.join(root, "include/classes/core/CConfigFile.php")
        with open(place, encoding="utf-8") as file:
            text = file.read()
        self._write(place, text.replace("/etc/zabbix/zabbix.conf.php", config))
        settings = {"memory_limit": "128M", "post_max_size": "16M", "max_execution_time": "300", "max_input_time": "300"}
        options = [word for name, value in settings.items() for word in ("-d", f"{name}={value}")]
        listen = self.url.removeprefix("http://")
        environment = {**os.environ, "PHP_CLI_SERVER_WORKERS": "3"}
        self._spawn(["php", *options, "-d", "date.timezone=UTC", "-S", listen, "-t", root], "php.log", environment=environment)

    def _log_in(self):
        try:
            answer = json.loads(self.post(json.dumps(
                {"jsonrpc": "2.0", "method": "user.login", "params": {"user": "Admin", "password": "zabbix"}, "id": 0}
            )))
        except OSError:
            return None
        return answer.get("result")

    def _spawn(self, command, log, environment=None):
        environment = {**(environment or os.environ), "HOME": self.folder, "LC_ALL": "C.UTF-8"}
        return self._case.spawn([*self._as, *command], os.path.join(self._case.folder, log), environment=environment, folder=self.folder)

    def _run(self, command, feed=None, check=True):
        environment = {**os.environ, "HOME": self.folder, "LC_ALL": "C.UTF-8", "PGUSER": "zabbix"}
        done = subprocess.run([*self._as, *command], input=feed, capture_output=True, env=environment, cwd=self.folder, check=False)
        if done.returncode:
            assert not check, f"{command}: {done.stderr.decode('utf-8', 'replace')[-2000:]}"
            return None
        return done.stdout.decode()

    def _write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        if self._as:
            shutil.chown(path, USER, USER)


def _wanted(lines):
    """The schema, and of the stock data what the server cannot do without: no template, host, action or discovery rule."""
    wanted = True
    for line in lines:
        if line.startswith("INSERT INTO "):
            wanted = line.split()[2] in STOCK
        if wanted or line.rstrip() in ("START TRANSACTION;", "COMMIT;"):
            yield line
