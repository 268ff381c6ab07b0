"""A manager: net-snmp's command line tools."""

import os
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
MIBS = os.path.join(ROOT, "mibs")
MODULES = "FLEETBRIDGE-MIB:SNMPv2-MIB"
SUPPORT_MIBS = os.path.join(ROOT, "tests", "support", "mibs")


def snmp_environment(folder):
    """Neither the system's nor the user's settings and modules count."""
    # Else the tools say that they have made it.
    os.makedirs(os.path.join(folder, "cert_indexes"), exist_ok=True)
    environment = dict(os.environ)
    for name in ("MIBS", "MIBDIRS", "MIBFILES"):
        environment.pop(name, None)
    environment.update(HOME=folder, SNMPCONFPATH=folder, SNMP_PERSISTENT_DIR=folder, LC_ALL="C.UTF-8", TZ="UTC")
    return environment


class Answer:
    """What a tool printed and its exit code."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.error = done.stderr.decode("utf-8", "replace")
        self.text = self.out + self.error

    def lines(self):
        return self.out.splitlines()


class Manager:
    """Asks one agent. Object names are those of FLEETBRIDGE-MIB and SNMPv2-MIB."""

    def __init__(self, case, port, address="127.0.0.1", community="public", version="2c", timeout=2.0, retries=1, user=()):
        self.folder = os.path.join(case.folder, "manager")
        os.makedirs(self.folder, exist_ok=True)
        self.environment = snmp_environment(self.folder)
        self.target = f"{address}:{port}"
        # `user`: the options of a user of SNMPv3, who then asks in place of the community.
        self.credentials = list(user) or ["-c", community]
        self.version = "3" if user else version
        self.timeout = timeout
        self.retries = retries

    def run(self, tool, *arguments, options=(), seconds=60, mibs=True):
        command = [tool, "-v", self.version, *self.credentials, "-t", str(self.timeout), "-r", str(self.retries)]
        command += ["-M", f"{MIBS}:{SUPPORT_MIBS}", "-m", MODULES] if mibs else ["-m", ""]
        command += list(options) + [self.target] + list(arguments)
        return Answer(subprocess.run(command, env=self.environment, capture_output=True, timeout=seconds))

    def get(self, *names):
        """Values as text, one for each name; enumerations by name, no types."""
        answer = self.run("snmpget", *names, options=["-OQUv"])
        if answer.code != 0:
            raise AssertionError(f"snmpget {' '.join(names)}: {answer.text}")
        values = [line.strip('"') for line in answer.lines()]
        return values[0] if len(names) == 1 else values

    def answers(self):
        """Whether the agent is there."""
        quick = Manager.__new__(Manager)
        quick.__dict__.update(self.__dict__, timeout=0.1, retries=0)
        return quick.run("snmpget", "1.3.6.1.2.1.1.3.0", mibs=False).code == 0

    def table(self, name):
        """snmptable's rows, by index: {index: {column: text}}; cells without an instance are left out."""
        answer = self.run("snmptable", name, options=["-Ci", "-OU", "-Cf", "|"])
        if answer.code != 0:
            raise AssertionError(f"snmptable {name}: {answer.text}")
        lines = [line for line in answer.lines() if line and not line.startswith("SNMP table: ")]
        if not lines or "No entries" in lines[0]:
            return {}
        header = lines[0].split("|")
        rows = {}
        for line in lines[1:]:
            cells = dict(zip(header, (cell.strip('"') for cell in line.split("|"))))
            rows[cells.pop(header[0])] = {column: cell for column, cell in cells.items() if cell != "?"}
        return rows

    def walk(self, root, tool="snmpbulkwalk", options=(), seconds=60):
        """[(numeric OID, type and value)], in the order of the answers."""
        answer = self.run(tool, root, options=["-On", *options], seconds=seconds, mibs=False)
        if answer.code != 0:
            raise AssertionError(f"{tool} {root}: {answer.text}")
        lines = [line for line in answer.lines() if line.startswith(".") and "No more variables left" not in line]
        return [tuple(line.split(" = ", 1)) for line in lines if " = " in line]

    def devices(self):
        """fbDeviceTable by name, with the number under `number`; not those that came in while it was read."""
        rows = self.table("fbDeviceTable")
        return {row["fbDeviceName"]: {"number": int(index), **row} for index, row in rows.items() if "fbDeviceName" in row}

    def points(self, device):
        """fbPointTable's rows of a device number, by name, with the point's number under `number`."""
        points = {}
        for index, row in self.table("fbPointTable").items():
            number, _, point = index.partition(".")
            if int(number) == int(device):
                points[row["fbPointName"]] = {"number": int(point), **row}
        return points

    def walk_column(self, oid, options=("-Cr50",), seconds=60):
        """{index: text} of one column, by snmpbulkwalk; quick enough for big tables."""
        answer = self.run("snmpbulkwalk", oid, options=["-OnQ", "-Oe", *options], seconds=seconds, mibs=False)
        if answer.code != 0:
            raise AssertionError(f"snmpbulkwalk {oid}: {answer.text}")
        prefix = "." + oid.lstrip(".") + "."
        column = {}
        for line in answer.lines():
            name, equals, value = line.partition(" = ")
            if equals and name.startswith(prefix):
                column[name[len(prefix):]] = value.strip('"')
        return column
