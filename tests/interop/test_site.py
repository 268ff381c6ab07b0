"""A site of simulated devices, each set through an edit of its own and read back. FLEETBRIDGE_SITE: how many devices."""

import os
import time
import xml.etree.ElementTree as ET

from support import Case, Manager, free_port, wait_until
from support.bridge import binary
from support.netconf import FB, HELLO, NC, RawSession, config, setting

DEVICES = int(os.environ.get("FLEETBRIDGE_SITE", "200"))

# By the beginning of a device's name: what is set, and to what.
WISHES = {"plug": ("tasmota", "tele-period", "30"), "sensor": ("json-sensor", "report-interval", "20")}


class SiteTest(Case):
    def test_every_device_is_set_and_read_back(self):
        folder = os.path.join(self.folder, "demo")
        ports = {"--snmp": free_port(), "--mqtt": free_port(), "--netconf": free_port()}
        command = [binary(), "demo", "--devices", str(DEVICES), "--dir", folder]
        for option, port in ports.items():
            command += [option, f"127.0.0.1:{port}"]
        self.spawn(command, os.path.join(self.folder, "demo.log"), folder=self.folder)
        manager = Manager(self, ports["--snmp"])
        wait_until(manager.answers, 60, "the demo answers")
        wait_until(lambda: int(manager.get("fbFleetDevices.0")) >= DEVICES, 300, "all devices are learned", every=1)
        session = RawSession(ports["--netconf"], "admin", os.path.join(folder, "admin_ed25519"), HELLO)
        self.addCleanup(session.close)
        names = self.names(session)
        wanted = {name: WISHES[kind] for name in names if (kind := name.split("-")[0]) in WISHES}
        self.assertGreater(len(wanted), DEVICES // 2)

        begun = time.monotonic()
        for name, (profile, leaf, value) in wanted.items():
            edit = config(setting(name, leaf, value, profile))
            reply = session.rpc(f"<edit-config><target><running/></target>{edit}</edit-config>")
            self.assertIn("<ok/>", reply)
        edited = time.monotonic() - begun

        def effective():
            standings = self.standings(session)
            return [name for name in wanted if standings.get(name) in ("effective", "in-sync")]

        # Some are away when they are told, and get it when they return.
        wait_until(lambda: len(effective()) == len(wanted), 180, "all devices have what is wanted", every=0.5)
        took = time.monotonic() - begun
        print(f"      {len(wanted)} of {DEVICES} devices set, an edit each, in {edited:.1f} s; all effective after {took:.1f} s")

    def names(self, session):
        reply = session.rpc(f'<get><filter><fleet xmlns="{FB}"><device><name/></device></fleet></filter></get>')
        return [leaf.text for leaf in ET.fromstring(reply).iter(f"{{{FB}}}name")]

    def standings(self, session):
        wanted = f'<fleet xmlns="{FB}"><device><name/><setting><standing/></setting></device></fleet>'
        reply = ET.fromstring(session.rpc(f"<get><filter>{wanted}</filter></get>"))
        found = {}
        for device in reply.findall(f"{{{NC}}}data/{{{FB}}}fleet/{{{FB}}}device"):
            standing = device.find(f"{{{FB}}}setting/{{{FB}}}standing")
            if standing is not None:
                found[device.findtext(f"{{{FB}}}name")] = standing.text
        return found
