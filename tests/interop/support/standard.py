"""Objects of standard modules that kits name, as their RFCs number them; net-snmp of Debian has none of these modules."""

import functools
import subprocess

from .manager import MIBS, SUPPORT_MIBS, snmp_environment

ENTITY = "1.3.6.1.2.1.47.1.1.1.1"  # RFC 6933
SENSOR = "1.3.6.1.2.1.99.1.1.1"  # RFC 3433

STANDARD = {
    "entPhysicalName": f"{ENTITY}.7",
    "entPhysicalSerialNum": f"{ENTITY}.11",
    "entPhysicalModelName": f"{ENTITY}.13",
    "entPhySensorScale": f"{SENSOR}.2",
    "entPhySensorPrecision": f"{SENSOR}.3",
    "entPhySensorValue": f"{SENSOR}.4",
    "entPhySensorOperStatus": f"{SENSOR}.5",
    "entPhySensorUnitsDisplay": f"{SENSOR}.6",
}


def numbered(manager, name, folder=MIBS):
    """The identifier of an object, with the leading dot; AssertionError if no module has it. `folder`: of FLEETBRIDGE-MIB."""
    return "." + STANDARD[name] if name in STANDARD else _translated(name, folder, manager.folder)


@functools.cache
def _translated(name, folder, home):
    command = ["snmptranslate", "-On", "-M", f"{folder}:{SUPPORT_MIBS}", "-m", "FLEETBRIDGE-MIB", f"FLEETBRIDGE-MIB::{name}"]
    done = subprocess.run(command, env=snmp_environment(home), capture_output=True, timeout=20, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{name}: {done.stderr.decode()}")
    return done.stdout.decode().strip()
