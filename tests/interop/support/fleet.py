"""The device type that most tests use, and its messages."""

import json

# One point of each type.
POINTS = """\
[[point]]
name = "temperature"
from = "/t"
type = "decimal"
unit = "celsius"
digits = 1
kind = "gauge"

[[point]]
name = "door"
from = "/door"
type = "boolean"
kind = "state"

[[point]]
name = "rssi"
from = "/rssi"
type = "integer"
unit = "dBm"
kind = "gauge"

[[point]]
name = "passes"
from = "/n"
type = "counter"
kind = "counter"

[[point]]
name = "mode"
from = "/mode"
type = "text"
kind = "state"

[[point]]
name = "humidity"
from = "/h"
type = "decimal"
unit = "percent"
digits = 2
kind = "gauge"
"""

FULL = {"t": 21.5, "door": True, "rssi": -67, "n": 7, "mode": "heating", "h": 48.25}


def adapter(broker, name="plant", more=""):
    """The body of a [[mqtt]]."""
    return f'name = "{name}"\nurl = "{broker.url}"\n{more}'


def telemetry(**values):
    return json.dumps({**FULL, **values})
