"""What the interop tests share. Real tools on loopback; nothing of fleetbridge is imported, only its binary is run."""

from .bridge import Bridge, OWN_PROFILE
from .broker import Broker, Will
from .case import Case
from .demo import Demo
from .manager import Manager, MIBS, SUPPORT_MIBS, snmp_environment
from .process import free_port, memory_mb, wait_until
from .trap import TrapSink
from .wire import Publisher

__all__ = [
    "Bridge",
    "Broker",
    "Case",
    "Demo",
    "Manager",
    "MIBS",
    "OWN_PROFILE",
    "Publisher",
    "SUPPORT_MIBS",
    "TrapSink",
    "Will",
    "free_port",
    "memory_mb",
    "snmp_environment",
    "wait_until",
]
