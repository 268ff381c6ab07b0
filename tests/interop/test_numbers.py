"""Point numbers belong to (profile, name) for ever, whatever is done to the profile file."""

from support import Bridge, Broker, Case, wait_until
from support.fleet import adapter


def point(name, source):
    return f'[[point]]\nname = "{name}"\nfrom = "/{source}"\ntype = "integer"\nkind = "gauge"\n'


class PointNumbersTest(Case):
    def test_an_edited_profile_renumbers_nothing(self):
        self.broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker, more='profiles = ["own"]')])
        first = self._numbers("abcd", {"a": 1, "b": 2, "c": 3, "d": 4})
        self.assertEqual(sorted(first.values()), [1, 2, 3, 4])

        reordered = self._numbers("dbca", {"a": 5, "b": 6, "c": 7, "d": 8})
        self.assertEqual(reordered, first, "reordered")

        shortened = self._numbers("da", {"a": 9, "d": 10})
        self.assertEqual(shortened, {name: first[name] for name in "da"}, "shortened")

        longer = self._numbers("xda", {"x": 11, "a": 12, "d": 13})
        self.assertEqual({name: longer[name] for name in "da"}, shortened)
        self.assertNotIn(longer["x"], first.values(), "a number of a point that is gone is not given again")

        back = self._numbers("xabcd", {"x": 1, "a": 2, "b": 3, "c": 4, "d": 5})
        self.assertEqual(back, {**first, "x": longer["x"]}, "a point that returns has its old number")

    def _numbers(self, names, values):
        """The numbers of the points with a profile of these, in this order; their values must be right."""
        if self.bridge.process:
            self.assertEqual(self.bridge.stop(), 0)
        self.bridge.profile("own", "".join(point(name, name) for name in names))
        self.bridge.start()
        text = ", ".join(f'"{name}": {value}' for name, value in values.items())
        self.broker.publish("own/one/telemetry", "{" + text + "}")
        points = {}

        def arrived():
            device = self.bridge.manager.devices().get("one")
            points.clear()
            points.update(self.bridge.manager.points(device["number"]) if device else {})
            return {name: row.get("fbPointValue") for name, row in points.items()} == {
                name: str(value) for name, value in values.items()
            }

        wait_until(arrived, 5, f"points {names} with values {values}, seen {points}")
        return {name: row["number"] for name, row in points.items()}
