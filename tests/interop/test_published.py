"""What a device serves of published modules, held against their definitions: instance by instance.

The definitions are those that the package pysnmp-mibs carries; what it does not have, or has in an older version, is
recorded here with the section of its RFC."""

import asyncio
import json
import os

import pysnmp_mibs
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    UsmUserData,
    bulk_walk_cmd,
    usmAesBlumenthalCfb256Protocol,
    usmHMAC384SHA512AuthProtocol,
)
from pysnmp.proto.rfc1902 import Gauge32, Integer32, ObjectIdentifier, OctetString
from pysnmp.smi import builder

from support import Bridge, Broker, Case, Manager, fleet, wait_until
from support.users import ADMIN, AS_ADMIN, passwords, user

MODULES = [
    "IF-MIB",
    "ENTITY-MIB",
    "ENTITY-SENSOR-MIB",
    "ENTITY-STATE-MIB",
    "HOST-RESOURCES-MIB",
    "HOST-RESOURCES-TYPES",
    "NOTIFICATION-LOG-MIB",
    "UPS-MIB",
    "SNMPv2-MIB",
]
# Of the engine and of who may ask it.
GUARDS = [
    "SNMP-FRAMEWORK-MIB",
    "SNMP-MPD-MIB",
    "SNMP-TARGET-MIB",
    "SNMP-NOTIFICATION-MIB",
    "SNMP-USER-BASED-SM-MIB",
    "SNMP-VIEW-BASED-ACM-MIB",
    "SNMP-COMMUNITY-MIB",
    "SNMPv2-MIB",
]
# Whatever an agent shows below these is of a module here.
STANDARD = [(1, 3, 6, 1, 2, 1), (1, 3, 6, 1, 4, 1, 22695)]

READER = (1, 3, 6, 1, 4, 1, 22695, 1, 1, 1)
BATTERY = (1, 3, 6, 1, 2, 1, 233, 1, 1, 1)
MILLI = range(0, 2**32)
TEXT = range(0, 256)
DATE = (8, 11)
# RFC 7577, section 4: column: (type, allowed values or None; of texts, how many octets)
RECORDED = {
    BATTERY + (1,): (OctetString, TEXT),
    BATTERY + (2,): (OctetString, TEXT),
    BATTERY + (3,): (Integer32, range(1, 6)),
    BATTERY + (4,): (Gauge32, MILLI),
    BATTERY + (5,): (Gauge32, MILLI),
    BATTERY + (6,): (Gauge32, MILLI),
    BATTERY + (7,): (Gauge32, MILLI),
    BATTERY + (8,): (Gauge32, MILLI),
    BATTERY + (9,): (Gauge32, MILLI),
    BATTERY + (10,): (Gauge32, MILLI),
    BATTERY + (11,): (Gauge32, MILLI),
    BATTERY + (12,): (OctetString, DATE),
    BATTERY + (13,): (Integer32, range(1, 6)),
    BATTERY + (14,): (Integer32, range(1, 5)),
    BATTERY + (15,): (Gauge32, MILLI),
    BATTERY + (16,): (Gauge32, MILLI),
    BATTERY + (17,): (Integer32, None),
    BATTERY + (18,): (Integer32, None),
    # EPCglobal Reader Management 1.0.1, section 10.4: reader device, its operation, read points.
    READER + (1, 1, 1): (OctetString, TEXT),
    READER + (1, 1, 2): (OctetString, TEXT),
    READER + (1, 1, 3): (OctetString, None),
    READER + (1, 1, 4): (OctetString, TEXT),
    READER + (1, 1, 5): (OctetString, DATE),
    READER + (1, 1, 6): (ObjectIdentifier, None),
    READER + (1, 1, 7): (Integer32, range(1, 3)),
    READER + (1, 1, 8): (Integer32, range(1, 3)),
    READER + (1, 1, 9): (OctetString, DATE),
    READER + (1, 3, 1): (Integer32, range(1, 5)),
    READER + (2, 1, 1, 2): (OctetString, TEXT),
    READER + (2, 1, 1, 3): (OctetString, TEXT),
    READER + (2, 1, 1, 4): (Integer32, range(1, 3)),
    READER + (2, 1, 1, 5): (Integer32, range(1, 5)),
    # RFC 6933, section 3: IANAPhysicalClass with energyObject, battery, storageDrive; entPhysicalUUID, of 0 or 16 octets.
    (1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 5): (Integer32, range(1, 16)),
    (1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 19): (OctetString, (0, 16)),
    # IANAifType has grown since: ieee80211(71) and on.
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 3): (Integer32, range(1, 300)),
}

POINTS = """
[[point]]
name = "charge"
from = "/charge"
type = "decimal"
unit = "percent"
role = "battery-charge"
[[point]]
name = "cell"
from = "/cell"
type = "decimal"
unit = "volts"
role = "battery-voltage"
[[point]]
name = "drain"
from = "/drain"
type = "integer"
unit = "milliamperes"
role = "battery-current"
[[point]]
name = "cell-temperature"
from = "/celltemp"
type = "decimal"
unit = "celsius"
role = "battery-temperature"
[[point]]
name = "rx"
from = "/rx"
type = "counter"
role = "octets-received"
[[point]]
name = "tx"
from = "/tx"
type = "counter"
role = "octets-sent"
[[point]]
name = "size"
from = "/size"
type = "integer"
unit = "KiB"
role = "memory-size"
[[point]]
name = "free"
from = "/free"
type = "integer"
unit = "KiB"
role = "memory-free"
[[point]]
name = "load"
from = "/load"
type = "decimal"
unit = "percent"
role = "processor-load"
[[point]]
name = "open"
from = "/open"
type = "boolean"
[[point]]
name = "power"
from = "/power"
type = "decimal"
unit = "kilowatts"
digits = 1
[[point]]
name = "word"
from = "/word"
type = "text"
"""
# A number beyond each end, and one of each sign of digits.
POINTS += """
[[point]]
name = "far"
from = "/far"
type = "decimal"
unit = "volts"
digits = 3
[[point]]
name = "tens"
from = "/tens"
type = "decimal"
unit = "watts"
digits = -2
[[point]]
name = "fine"
from = "/fine"
type = "decimal"
unit = "nA"
digits = 9
"""
IDENTITY = """
[identity]
serial = "/sn"
firmware = "/fw"
mac = "/mac"
""" + "".join(
    f'{name} = "/{name}"\n'
    for name in ("software", "hardware-revision", "manufacturer", "model", "site", "location")
)
TEXTS = ("sn", "fw", "software", "hardware-revision", "manufacturer", "model", "site", "location", "word")
BEYOND = {
    "charge": 250, "cell": 1e12, "drain": 99999999999, "celltemp": -1e12, "rx": 2**64 - 1, "tx": 0,
    "size": 2**60, "free": -5, "load": -3, "far": 12345678901.5, "tens": 1e13, "fine": -1e6,
}  # fmt: skip
# A character of each length that UTF-8 has.
LONG = {"wide1": "x", "wide2": "Ö", "wide3": "中", "wide4": "🔋"}
MANAGED = (
    "<device><name>{name}</name><alias>{text}</alias>"
    "<asset><tag>{text}</tag><owner>{text}</owner></asset></device>"
)
SAID = {
    "charge": 17.5,
    "cell": 3.712,
    "drain": -21,
    "celltemp": 19.25,
    "rx": 5_000_000_000,
    "tx": 77,
    "size": 320,
    "free": 80,
    "load": 12.6,
    "open": True,
    "power": 1.5,
    "word": "süß",
    "sn": "A1",
    "fw": "1.4.0",
    "mac": "A4:CF:12:00:01:FF",
}


def instances(port, community, root="1.3.6.1", asks=None):
    """{object identifier: value as it came over the wire}; `asks`: in place of the community."""

    async def walk():
        engine, found = SnmpEngine(), {}
        target = await UdpTransportTarget.create(("127.0.0.1", port), timeout=2)
        name = ObjectType(ObjectIdentity(root))
        walked = bulk_walk_cmd(
            engine, asks or CommunityData(community), target, ContextData(), 0, 25, name, lookupMib=False, lexicographicMode=False
        )
        async for error, status, _, bindings in walked:
            if error or status:
                raise AssertionError(f"{error} {status}")
            found.update((tuple(name), value) for name, value in bindings)
        engine.close_dispatcher()
        return found

    return asyncio.run(walk())


def published(modules=MODULES):
    """{object identifier of a column or scalar: its definition}"""
    mibs = builder.MibBuilder()
    mibs.add_mib_sources(builder.DirMibSource(os.path.dirname(pysnmp_mibs.__file__)))
    mibs.load_modules(*modules)
    objects = {}
    for module in modules:
        for symbol in mibs.mibSymbols[module].values():
            if type(symbol).__name__ in ("MibTableColumn", "MibScalar"):
                objects[tuple(symbol.name)] = symbol
    return objects


class CheckedTest(Case):
    """Holds an instance against its definition."""

    def check(self, definitions, name, value):
        for length in range(len(name) - 1, 6, -1):
            column = name[:length]
            if column in RECORDED:
                kind, allowed = RECORDED[column]
                self.assertEqual(value.tagSet, kind.tagSet)
                measured = len(bytes(value)) if kind is OctetString else value
                self.assertTrue(allowed is None or int(measured) in allowed)
                return column
            if column in definitions:
                definition = definitions[column]
                self.assertIn(definition.maxAccess.replace("-", ""), ("readonly", "readwrite", "readcreate"))
                self.assertEqual(value.tagSet, definition.syntax.tagSet)
                # Raises if a range, a size or an enumeration does not allow it.
                definition.syntax.clone(value.asOctets() if isinstance(value, OctetString) else value)
                hint = getattr(definition.syntax, "displayHint", None)
                if hint in ("255a", "255t"):
                    bytes(value).decode("ascii" if hint == "255a" else "utf-8")
                return column
        raise AssertionError("no module defines it")

class PublishedTest(CheckedTest):
    def setUp(self):
        self.broker = broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[fleet.adapter(broker)])
        self.bridge.profile("everything", POINTS + IDENTITY)
        with open(os.path.join(self.bridge.folder, "profiles", "everything.toml"), encoding="utf-8") as file:
            topic = next(line for line in file if line.startswith("topic")).split('"')[1]
        self.bridge.start()
        broker.publish(topic.replace("{device}", "one"), json.dumps(SAID))
        broker.publish("sensors/two/telemetry", fleet.telemetry(temperature=20, battery=3, rssi=-70))
        broker.publish("sensors/two/info", '{"serial":"Ö-7","location":"Halle 3, Lübeck","firmware":"2"}')
        broker.publish(
            "plant/MGMT/clients/event/RFD40",
            '{"deviceSerialNo":"R-1","payload":{"antennas":{"1":"connected","2":"disconnected"}}}',
        )
        for device, character in LONG.items():
            text = character * 255
            said = {**SAID, **BEYOND, **dict.fromkeys(TEXTS, text), "mac": "A4:CF:12:00:01:FF:00:01"}
            broker.publish(topic.replace("{device}", device), json.dumps(said))
        broker.publish(topic.replace("{device}", "n" * 64), json.dumps(SAID))
        broker.publish("plant/MGMT/clients/event/" + "R" * 64, json.dumps({"deviceSerialNo": "中" * 100}))
        wait_until(lambda: len(self.bridge.manager.devices()) == 9, 5, "the devices have numbers")
        edit = os.path.join(self.folder, "edit.xml")
        with open(edit, "w", encoding="utf-8") as file:
            devices = "".join(MANAGED.format(name=name, text=character * 255) for name, character in LONG.items())
            file.write(f'<fleet xmlns="urn:fleetbridge:yang:fleetbridge">{devices}</fleet>')
        self.assertIn("done", self.bridge.cli("netconf", "edit", edit).out)

    def test_every_instance_is_as_published(self):
        definitions = published()
        seen = set()
        views = ["", "@one", "@two", "@RFD40", "@+fleet", "@+8", "@+9", *(f"@{device}" for device in LONG)]
        for community in (f"public{view}" for view in views):
            for name, value in instances(self.bridge.port, community).items():
                if not any(name[: len(root)] == root for root in STANDARD):
                    continue
                with self.subTest(community=community, name=".".join(map(str, name)), value=value.prettyPrint()):
                    seen.add(self.check(definitions, name, value))
        tables = {name[:9] for name in seen}
        self.assertGreaterEqual(len(seen), 110, f"columns and scalars that were seen, of {len(tables)} groups")
        self.assertEqual(set(RECORDED) - seen, set())

    def test_values_of_a_device(self):
        found = instances(self.bridge.port, "public@one")

        def value(*name):
            return found[(1, 3, 6, 1, 2, 1) + name]

        names = {str(v): k[-1] for k, v in found.items() if k[:12] == (1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 7)}

        def sensor(column, name):
            return int(value(99, 1, 1, 1, column, names[name]))

        self.assertEqual([sensor(column, "power") for column in (1, 2, 3, 4, 5)], [6, 10, 1, 15, 1])
        self.assertEqual([sensor(column, "open") for column in (1, 2, 3, 4)], [12, 9, 0, 1])
        self.assertEqual(sensor(4, "drain"), -21)
        self.assertNotIn("word", names)
        battery = names["battery"]
        self.assertEqual(int(value(47, 1, 1, 1, 1, 5, battery)), 14)
        self.assertEqual([int(value(233, 1, 1, 1, column, battery)) for column in (16, 17, 18)], [3712, -21, 193])
        self.assertEqual(int(value(233, 1, 1, 1, 4, battery)), 1, "IANA's unknown")
        self.assertEqual([int(value(33, 1, 2, scalar, 0)) for scalar in (1, 4, 5, 7)], [3, 18, 37, 19])
        self.assertEqual(int(value(2, 2, 1, 10, 1)), 5_000_000_000 % 2**32)
        self.assertEqual(int(value(31, 1, 1, 1, 6, 1)), 5_000_000_000)
        self.assertEqual([int(value(25, 2, 3, 1, column, 1)) for column in (4, 5, 6)], [1024, 320, 240])
        self.assertEqual((int(value(25, 2, 2, 0)), int(value(25, 3, 3, 1, 2, 2))), (320, 13))
        self.assertEqual((int(value(2, 2, 1, 8, 1)), int(value(131, 1, 1, 1, 3, 1)), int(value(25, 3, 2, 1, 5, 1))), (1, 3, 2))

    def test_what_a_device_sends_is_counted(self):
        def counted():
            """ifHCOutUcastPkts, ifHCOutOctets, ifCounterDiscontinuityTime"""
            found = instances(self.bridge.port, "public@two")
            self.assertNotIn((1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6, 1), found, "nobody knows what it receives")
            return [int(found[(1, 3, 6, 1, 2, 1, 31, 1, 1, 1, column, 1)]) for column in (11, 10, 19)]

        before = wait_until(lambda: (found := counted())[0] == 2 and found, 5, "both of its messages are counted")
        self.broker.publish("sensors/two/info", '{"serial":"Ö-8"}')
        wait_until(lambda: counted()[0] == 3, 5, "the third is, too")
        after = counted()
        self.assertEqual(after[1] - before[1], len("sensors/two/info") + len('{"serial":"Ö-8"}'.encode()))
        self.bridge.kill()
        self.bridge.start()
        messages, octets, begun = counted()
        self.assertEqual((messages, octets), (0, 0))
        self.assertGreater(begun, after[2], "counted anew from here on")

    def test_a_reader_has_its_antennas(self):
        found = instances(self.bridge.port, "public@RFD40")
        self.assertEqual(int(found[READER + (1, 3, 1, 0)]), 3)
        antennas = {str(value): name[-1] for name, value in found.items() if name[:-1] == READER + (2, 1, 1, 2)}
        number = next(number for number, row in self.bridge.manager.table("fbDeviceTable").items() if row["fbDeviceName"] == "RFD40")
        numbers = {name: point["number"] for name, point in self.bridge.manager.points(number).items() if name in antennas}
        self.assertEqual(antennas, numbers, "by the numbers of their points, which never change")
        status = [int(found[READER + (2, 1, 1, 5, antennas[f"antenna-{number}"])]) for number in (1, 2, 3)]
        self.assertEqual(status, [3, 4, 1])
        self.assertNotIn(READER + (1, 3, 1, 0), instances(self.bridge.port, "public@one"))

    def test_text_that_is_no_ascii(self):
        found = instances(self.bridge.port, "public@two")
        self.assertEqual(bytes(found[(1, 3, 6, 1, 2, 1, 1, 6, 0)]), b"Halle 3, Lubeck", "sysLocation is a DisplayString")
        self.assertEqual(bytes(found[(1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 11, 1)]).decode(), "Ö-7", "this is not")

    def test_long_texts_are_cut_between_characters(self):
        name = (1, 3, 6, 1, 2, 1)
        for device, character in LONG.items():
            found = instances(self.bridge.port, f"public@{device}")
            width = len(character.encode())
            for column in (11, 14, 15):
                value = bytes(found[name + (47, 1, 1, 1, 1, column, 1)])
                self.assertEqual(value.decode(), character * (32 // width), "entPhysicalSerialNum, Alias, AssetID")
            for column, size in (((25, 3, 2, 1, 3, 1), 64), ((25, 6, 3, 1, 2, 1), 64), ((33, 1, 1, 2, 0), 63)):
                self.assertEqual(len(bytes(found[name + column])), size, "written in ASCII, then cut")

    def test_the_fleet_has_its_devices_beside_each_other(self):
        fleet_view = instances(self.bridge.port, "public@+fleet")
        entity = (1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1)
        for number, device in enumerate(("one", "two"), 1):
            own = instances(self.bridge.port, f"public@{device}")
            for column in (7, 5, 11, 16):
                mine = {name[-1]: value for name, value in own.items() if name[:12] == entity + (column,)}
                there = {
                    name[-1] & 1023: value
                    for name, value in fleet_view.items()
                    if name[:12] == entity + (column,) and name[-1] >> 10 == number
                }
                self.assertEqual(mine, there)


if __name__ == "__main__":
    import unittest

    unittest.main()


class GuardsTest(CheckedTest):
    def test_every_instance_is_as_published(self):
        passwords(self)
        traps = [
            'target = "192.0.2.9:162"',
            'target = "[2001:db8::9]:1162", inform = true, kinds = ["device-lost"]',
            'target = "192.0.2.8", version = "3", user = "anna", inform = true',
        ]
        bridge = Bridge(self, traps=traps, snmp=ADMIN + user("anna", "sha-256", "aes-128")).start()
        admin = Manager(self, bridge.port, user=AS_ADMIN)
        for tool, *words in (
            ("snmpusm", "create", "otto", "anna"),
            ("snmpusm", "create", "nobody"),
            ("snmpvacm", "createSec2Group", "3", "otto", "plant"),
            ("snmpvacm", "createView", "own", ".1.3.6.1.2.1", "f0"),
            ("snmpvacm", "createAccess", "plant", "3", "2", "2", "own", "none", "none"),
        ):
            self.assertIn("successfully", admin.run(tool, *words, mibs=False).text)
        asks = UsmUserData(
            "root",
            "authpassword",
            "privpassword",
            authProtocol=usmHMAC384SHA512AuthProtocol,
            privProtocol=usmAesBlumenthalCfb256Protocol,
        )
        definitions, seen = published(GUARDS), set()
        for name, value in instances(bridge.port, "", "1.3.6.1.6.3", asks).items():
            with self.subTest(name=".".join(map(str, name)), value=value.prettyPrint()):
                seen.add(self.check(definitions, name, value))
        tables = {definitions[name].label.removesuffix("RowStatus").removesuffix("Status") for name in seen}
        for table in (
            "snmpTargetAddr",
            "snmpTargetParams",
            "snmpNotify",
            "snmpNotifyFilterProfile",
            "snmpNotifyFilter",
            "usmUser",
            "vacmSecurityToGroup",
            "vacmAccess",
            "vacmViewTreeFamily",
            "snmpCommunity",
        ):
            self.assertIn(table, tables)
        found = lambda *name: instances(bridge.port, "", "1.3.6.1.6.3." + ".".join(map(str, name)), asks)
        addresses = [bytes(value) for value in found(12, 1, 2, 1, 3).values()]
        v6 = bytes.fromhex("20010db8000000000000000000000009")
        self.assertEqual(addresses, [bytes([192, 0, 2, 9, 0, 162]), v6 + (1162).to_bytes(2), bytes([192, 0, 2, 8, 0, 162])])
        self.assertEqual([bytes(value) for value in found(12, 1, 2, 1, 6).values()], [b"trap", b"inform", b"inform"])
        self.assertEqual([bytes(value) for value in found(12, 1, 3, 1, 4).values()], [b"target-1", b"target-2", b"anna"])
        self.assertEqual([int(value) for value in found(12, 1, 3, 1, 5).values()], [1, 1, 3])
        names = {bytes(value) for value in found(18, 1, 1, 1, 3).values()}
        self.assertTrue({b"target-1", b"target-2"} <= names, "their communities")
        of_second = [name for name in found(13, 1, 3, 1, 3) if bytes(name[12 : 12 + 8]) == b"target-2"]
        self.assertEqual(sorted(name[20:] for name in of_second), [(1, 3, 6, 1, 4, 1, 32473, 2, 0, number) for number in (1, 5, 100)], "lost; summaries and tests are told to all")
        # Those that are made by SET are of the same types.
        name, some = "110.109.115", "4.115.111.109.101.1.3.6"
        for words in (
            "12.1.2.1.2.NAME o 1.3.6.1.2.1.100.1.2 12.1.2.1.3.NAME x 20010db800000000000000000000000900a2 12.1.2.1.7.NAME s nms 12.1.2.1.9.NAME i 4",
            "12.1.3.1.2.NAME i 3 12.1.3.1.3.NAME i 3 12.1.3.1.4.NAME s otto 12.1.3.1.5.NAME i 3 12.1.3.1.7.NAME i 4",
            "13.1.1.1.2.NAME s own 13.1.1.1.5.NAME i 4 13.1.2.1.1.NAME s some 13.1.2.1.3.NAME i 4 13.1.3.1.2.SOME x e0 13.1.3.1.5.SOME i 4",
            "18.1.1.1.2.NAME s hidden 18.1.1.1.3.NAME s otto 18.1.1.1.8.NAME i 4",
        ):
            words = words.replace("NAME", name).replace("SOME", some).split()
            words[::3] = ["1.3.6.1.6.3." + word for word in words[::3]]
            answer = admin.run("snmpset", *words, mibs=False)
            self.assertEqual(answer.code, 0, answer.text)
        made = instances(bridge.port, "", "1.3.6.1.6.3", asks)
        for name, value in made.items():
            with self.subTest(name=".".join(map(str, name)), value=value.prettyPrint()):
                self.check(definitions, name, value)
        self.assertIn(0x80007ED9.to_bytes(4), [bytes(value)[:4] for name, value in made.items() if name[6:12] == (18, 1, 1, 1, 4, 110)])
