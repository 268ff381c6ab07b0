"""What running holds is kept when what knows of it is gone: the file of a profile, a setting of it, or state.db."""

import glob
import os
import re

from support import wait_until
from support.netconf import find, setting, subtree
from test_netconf import NetconfCase

SETTINGS = """
[[setting]]
name = "interval"
type = "uint16"
{range}
write = {{ topic = "own/{{device}}/set", payload = '{{{{"interval":{{value}}}}}}' }}
"""


class KeptTest(NetconfCase):
    def own(self, revision="2026-11-01", allowed="range = '10..3600'"):
        self.bridge.profile("own", SETTINGS.format(range=allowed))
        path = os.path.join(self.bridge.folder, "profiles", "own.toml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r'revision = "[^"]*"', f'revision = "{revision}"', text))
        return path

    def interval(self, session):
        reply = session.get_config("running", filter=subtree("a", "<settings/>"))
        return [leaf.text for leaf in find(reply, "fleet/device/settings/{*}*/{*}*")]

    def test_a_lost_state_writes_nothing_again(self):
        plug = self.plug("plug-1")
        session = self.netconf.connect("operate")
        self.commit(session, setting("plug-1", "tele-period", 60))
        done = lambda: self.standing(self.netconf.connect("operate"), "plug-1", "tele-period").get("standing")
        wait_until(lambda: done() == "effective", 5, "it has it")
        self.bridge.kill()
        for path in glob.glob(os.path.join(self.bridge.folder, "state.db*")):
            os.remove(path)
        self.bridge.start()
        plug.online()
        wait_until(lambda: done() in ("effective", "in-sync"), 10, "it was asked", every=0.5)
        self.assertEqual(plug.commands("TelePeriod"), ["60"], "written once")

    def test_settings_of_a_profile_that_is_gone_for_a_while(self):
        path = self.own()
        self.bridge.stop()
        self.bridge.start()
        session = self.netconf.connect("operate")
        self.commit(session, setting("a", "interval", 3000, "own"))
        self.bridge.stop()
        os.rename(path, path + ".away")
        self.bridge.start()
        self.assertRegex(self.bridge.output(), r"WARN running holds what .*fleetbridge-profile-own:own")
        session = self.netconf.connect("operate")
        self.commit(session, "<device><name>a</name><alias>x</alias></device>")
        self.assertEqual(self.interval(session), [])
        self.bridge.stop()
        os.rename(path + ".away", path)
        self.bridge.start()
        self.assertEqual(self.interval(self.netconf.connect("operate")), ["3000"])

    def test_a_value_that_the_profile_allows_no_more_is_not_sent(self):
        self.own()
        self.bridge.stop()
        self.bridge.start()
        session = self.netconf.connect("operate")
        self.commit(session, setting("a", "interval", 3000, "own"))
        self.bridge.stop()
        self.own("2026-11-02", "range = '10..100'")
        self.bridge.start()
        self.assertRegex(self.bridge.output(), r'WARN running holds what .*device="a" leaf="settings/own/interval"')
        session = self.netconf.connect("operate")
        self.assertNotIn("desired", self.standing(session, "a", "interval"))
        self.commit(session, setting("a", "interval", 50, "own"))
        self.assertEqual(self.standing(session, "a", "interval")["desired"], "50")


del NetconfCase
