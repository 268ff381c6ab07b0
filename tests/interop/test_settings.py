"""What devices say of their settings is a row of fbSettingTable, read by snmptable with our MIB texts."""

from support import Bridge, Broker, Case, wait_until
from support.fleet import adapter


class SettingsTest(Case):
    def test_a_plug_that_tells_what_it_has(self):
        broker = Broker(self)
        bridge = Bridge(self, mqtt=[adapter(broker, more='profiles = ["tasmota"]')])
        bridge.start()
        broker.publish("stat/plug-1/STATUS3", '{"StatusLOG":{"TelePeriod":300,"SSId":["plant",""]}}')
        broker.publish("stat/plug-1/RESULT", '{"PowerOnState":3}')
        broker.publish("stat/plug-1/RESULT", '{"WebPassword":"hunter2"}')
        wait_until(lambda: len(bridge.manager.table("fbSettingTable")) == 4, 5, "four settings are known")
        rows = {row["fbSettingName"]: row for row in bridge.manager.table("fbSettingTable").values()}
        expected = {
            "tele-period": ("integer", "seconds", "300"),
            "power-on-state": ("enumeration", "", "last"),
            "wifi-ssid": ("text", "", "plant"),
            "wifi-ssid-2": ("text", "", ""),
        }
        self.assertEqual(rows.keys(), expected.keys())
        for name, (kind, unit, reported) in expected.items():
            row = rows[name]
            found = (row["fbSettingType"], row["fbSettingUnit"], row["fbSettingReported"])
            self.assertEqual(found, (kind, unit, reported), name)
            self.assertEqual((row["fbSettingState"], row["fbSettingOverride"]), ("inSync", "false"))
            self.assertNotIn("fbSettingDesired", row)
        # What an old firmware answers to a new password is shown nowhere, and kept in no file.
        self.assertFalse(any("hunter2" in text for _, text in bridge.manager.walk("1.3.6.1.4.1.32473")))

        # Told again after a restart, also without the device.
        bridge.kill()
        bridge.start()
        again = {row["fbSettingName"]: row["fbSettingReported"] for row in bridge.manager.table("fbSettingTable").values()}
        self.assertLessEqual(again.items(), {name: reported for name, (_, _, reported) in expected.items()}.items())
        broker.publish("stat/plug-1/RESULT", '{"TelePeriod":60}')
        wait_until(
            lambda: any(row["fbSettingReported"] == "60" for row in bridge.manager.table("fbSettingTable").values()),
            5, "another value",
        )
        self.assertEqual(bridge.stop(), 0)
