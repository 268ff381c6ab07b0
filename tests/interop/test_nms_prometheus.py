"""snmp_exporter and Prometheus with the kit: from nothing to devices with inventory and values, one that dies and returns."""

import json
import os
import subprocess

from support import Bridge, Broker, Case, Demo, wait_until
from support.broker import tool
from support.fleet import adapter
from support.prometheus import Exporter, Prometheus
from support.users import passwords, user

POOL = '[snmp.devices]\npools = ["127.64.0.0/24"]\n'
PASS_PHRASES = {"SNMP_AUTH_PASSPHRASE": "authpassword", "SNMP_PRIV_PASSPHRASE": "privpassword"}
DEVICE = 'job="fleetbridge-device"'

# Of promtool: a lost gateway with a child, then the bridge itself is silent; a restart, and an uptime that begins anew. Each
# state of an enumeration that is a problem, and each that is none.
RULES = """\
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - { series: 'up{job="fleetbridge",bridge="b",instance="b"}', values: '1x9 0x30' }
      - { series: 'up{job="fleetbridge-device",bridge="b",name="gw",site="s"}', values: '0x40' }
      - { series: 'up{job="fleetbridge-device",bridge="b",name="child",parent="gw"}', values: '0x40' }
      - { series: 'up{job="fleetbridge-device",bridge="b",name="other"}', values: '1x40' }
      - { series: 'sysUpTime{job="fleetbridge-device",name="gw"}', values: '900000 906000 0 6000+6000x20' }
      - { series: 'sysUpTime{job="fleetbridge-device",name="old"}', values: '4294955000 4294961000 4294967000 5704+6000x20' }
    promql_expr_test:
      - expr: count by (alertname, name, instance) (ALERTS{alertstate="firing"})
        eval_time: 5m
        exp_samples:
          - { labels: '{alertname="FleetbridgeDeviceLost",name="gw"}', value: 1 }
          - { labels: '{alertname="FleetbridgeDeviceRestarted",name="gw"}', value: 1 }
      - expr: count by (alertname, name, instance) (ALERTS{alertstate="firing"})
        eval_time: 20m
        exp_samples:
          - { labels: '{alertname="FleetbridgeDown",instance="b"}', value: 1 }
    alert_rule_test:
      - eval_time: 5m
        alertname: FleetbridgeDeviceLost
        exp_alerts:
          - exp_labels: { severity: warning, job: fleetbridge-device, bridge: b, name: gw, site: s }
            exp_annotations: { summary: gw at s is lost }
  - interval: 1m
    input_series:
      - { series: 'up{job="fleetbridge",bridge="b",instance="b"}', values: '1x40' }
      - { series: 'fbFleetPresenceFrozen{bridge="b",instance="b"}', values: '2x40' }
      - { series: 'fbFleetPresenceFrozen{bridge="deaf",instance="deaf"}', values: '1x40' }
      - { series: 'fbAdapterState{fbAdapterName="connecting"}', values: '1x40' }
      - { series: 'fbAdapterState{fbAdapterName="up"}', values: '2x40' }
      - { series: 'fbAdapterState{fbAdapterName="down"}', values: '3x40' }
      - { series: 'fbSelfPresence{bridge="b",name="online"}', values: '2x40' }
      - { series: 'fbSelfPresence{bridge="b",name="late"}', values: '3x40' }
      - { series: 'fbSelfPresence{bridge="b",name="answers-though-lost"}', values: '4x40' }
      - { series: 'fbSelfHealth{name="ok"}', values: '1x40' }
      - { series: 'fbSelfHealth{name="warning"}', values: '2x40' }
      - { series: 'fbSelfHealth{name="failing"}', values: '3x40' }
      - { series: 'fbSelfHealth{name="unknown"}', values: '4x40' }
      - { series: 'fbSelfCompliance{name="compliant"}', values: '1x40' }
      - { series: 'fbSelfCompliance{name="pending"}', values: '2x40' }
      - { series: 'fbSelfCompliance{name="drifted"}', values: '3x40' }
      - { series: 'fbSelfCompliance{name="failed"}', values: '4x40' }
      - { series: 'fbPointQuality{bridge="b",name="p",fbPointIndex="1",fbPointName="good"}', values: '1x40' }
      - { series: 'fbPointQuality{bridge="b",name="p",fbPointIndex="2",fbPointName="stale"}', values: '2x40' }
      - { series: 'fbPointQuality{bridge="b",name="p",fbPointIndex="3",fbPointName="bad"}', values: '3x40' }
      - { series: 'fbPointQuality{bridge="b",name="p",fbPointIndex="4",fbPointName="missing"}', values: '4x40' }
      - { series: 'fbPointQuality{bridge="deaf",name="q",fbPointIndex="2",fbPointName="stale"}', values: '2x40' }
      - { series: 'fbPointValue{bridge="b",name="p",fbPointIndex="1",fbPointName="good"}', values: '21x40' }
      - { series: 'fbPointValue{bridge="b",name="p",fbPointIndex="2",fbPointName="stale"}', values: '22x40' }
    promql_expr_test:
      - expr: count by (alertname, name, instance, fbAdapterName, fbPointName) (ALERTS{alertstate="firing"})
        eval_time: 20m
        exp_samples:
          - { labels: '{alertname="FleetbridgeBlind",instance="deaf"}', value: 1 }
          - { labels: '{alertname="FleetbridgeAdapterDown",fbAdapterName="connecting"}', value: 1 }
          - { labels: '{alertname="FleetbridgeAdapterDown",fbAdapterName="down"}', value: 1 }
          - { labels: '{alertname="FleetbridgeDeviceLost",name="answers-though-lost"}', value: 1 }
          - { labels: '{alertname="FleetbridgeDeviceFailing",name="failing"}', value: 1 }
          - { labels: '{alertname="FleetbridgeDeviceSettings",name="drifted"}', value: 1 }
          - { labels: '{alertname="FleetbridgeDeviceSettings",name="failed"}', value: 1 }
          - { labels: '{alertname="FleetbridgeValueNotFresh",name="p",fbPointName="stale"}', value: 1 }
          - { labels: '{alertname="FleetbridgeValueNotFresh",name="p",fbPointName="bad"}', value: 1 }
      - expr: fleetbridge:point:value
        eval_time: 20m
        exp_samples:
          - { labels: 'fleetbridge:point:value{bridge="b",name="p",fbPointIndex="1",fbPointName="good"}', value: 21 }
    alert_rule_test:
      - eval_time: 20m
        alertname: FleetbridgeValueNotFresh
        exp_alerts:
          - exp_labels: { severity: warning, bridge: b, name: p, fbPointIndex: "2", fbPointName: stale }
            exp_annotations: { summary: stale of p is too old }
          - exp_labels: { severity: warning, bridge: b, name: p, fbPointIndex: "3", fbPointName: bad }
            exp_annotations: { summary: bad of p is not to be trusted }
"""


class PrometheusTest(Case):
    def setUp(self):
        self.kit = os.path.join(self.folder, "kit")

    def serve(self, devices):
        self.broker = Broker(self)
        self.bridge = Bridge(self, mqtt=[adapter(self.broker)], more=devices)
        self.bridge.start()
        for name, serial in (("oven", "A1"), ("fridge", "B2")):
            self.broker.retain(f"sensors/{name}/status", "online")
            self.broker.retain(f"sensors/{name}/info", json.dumps({"serial": serial, "model": "TH-2", "site": "Lübeck"}))
            self.broker.publish(f"sensors/{name}/telemetry", '{"temperature":21.5,"rssi":-61}')
        wait_until(lambda: len(self.bridge.json("report", "inventory")) == 2, 5, "two devices")

    def make_kit(self, *runs):
        for what in runs or ([], ["--hosts"]):
            answer = self.bridge.cli("nms-kit", "snmp-exporter", *what, "--out", self.kit)
            self.assertEqual(answer.code, 0, answer.text)

    def read(self, name):
        with open(os.path.join(self.kit, name), encoding="utf-8") as text:
            return text.read()

    def targets(self):
        return {target["labels"]["name"]: target for target in json.loads(self.read("targets.json"))}

    def fill_in(self):
        """As README says."""
        names = " ".join(f"${name}" for name in PASS_PHRASES)
        filled = subprocess.run(["envsubst", names], input=self.read("snmp-0.21.yml").encode(), env={**os.environ, **PASS_PHRASES}, capture_output=True, check=True)
        with open(os.path.join(self.kit, "filled.yml"), "wb") as file:
            file.write(filled.stdout)
        return "filled.yml"

    def watch(self, file="snmp-0.21.yml"):
        """With Debian's snmp_exporter, which is older than 0.23; every second instead of every minute."""
        exporter = Exporter(self, os.path.join(self.kit, file))
        config = os.path.join(self.kit, "prometheus-0.21.yml")
        hurried = self.read("prometheus-0.21.yml").replace("60s", "1s").replace("30s", "1s")
        hurried = hurried.replace("127.0.0.1:9116", f"127.0.0.1:{exporter.port}")
        with open(config, "w", encoding="utf-8") as text:
            text.write(hurried)
        return Prometheus(self, config)

    def test_a_device_is_seen_dies_and_returns(self):
        self.serve(POOL)
        self.make_kit()
        targets = self.targets()
        self.assertEqual(sorted(targets), ["fridge", "oven"])
        labels = targets["oven"]["labels"]
        self.assertEqual((labels["site"], labels["profile"], labels["class"]), ("Lübeck", "json-sensor", "sensor"))
        self.assertTrue(targets["oven"]["targets"][0].startswith("127.64.0."), targets)

        prometheus = self.watch()
        prometheus.wait('up{job="fleetbridge"} == 1')
        prometheus.wait("fbFleetOnline == 2")
        prometheus.wait('fbAdapterState{fbAdapterName="plant"} == 2')
        prometheus.wait(f"count(up{{{DEVICE}}} == 1) == 2")
        inventory = prometheus.wait('entPhysicalClass_info{name="oven",entPhysicalIndex="1"}')[0][0]
        self.assertEqual((inventory["entPhysicalSerialNum"], inventory["entPhysicalModelName"]), ("A1", "TH-2"))
        point = prometheus.wait('fbPointValue{name="oven",fbPointName="temperature"} == 21.5')[0][0]
        self.assertEqual((point["fbPointUnit"], point["site"]), ("celsius", "Lübeck"))
        sensor = prometheus.wait('fleetbridge:sensor:value{name="oven",entPhysicalName=~".*temperature"}')
        self.assertEqual([value for _, value in sensor], [21.5])
        self.assertEqual(prometheus.query('fleetbridge:sensor:value{entPhysicalName=~".*humidity"}'), [], "none was sent")

        self.broker.retain("sensors/oven/status", "offline")
        prometheus.wait('up{name="oven"} == 0')
        prometheus.wait('ALERTS{alertname="FleetbridgeDeviceLost",name="oven",site="Lübeck"}')
        self.assertEqual(len(prometheus.query('ALERTS{alertname="FleetbridgeDeviceLost"}')), 1, "the other is there")
        prometheus.wait('fbMissingSilentSeconds{fbMissingName="oven",fbMissingSite="Lübeck"}')
        self.broker.retain("sensors/oven/status", "online")
        prometheus.wait('up{name="oven"} == 1')
        prometheus.wait_none('ALERTS{alertname="FleetbridgeDeviceLost"}')

        self.broker.retain("sensors/fridge/status", "")
        self.assertEqual(self.bridge.cli("device", "retire", "fridge").code, 0)
        self.make_kit(["--hosts"])
        prometheus.wait_none('up{name="fridge"}')

        self.bridge.stop()
        prometheus.wait('ALERTS{alertname="FleetbridgeDown"}')
        prometheus.wait('up{name="oven"} == 0')
        prometheus.wait_none('ALERTS{alertname="FleetbridgeDeviceLost"}')

    def test_alerts(self):
        self.serve("")
        self.make_kit([])
        with open(os.path.join(self.kit, "test.yml"), "w", encoding="utf-8") as text:
            text.write(RULES)
        done = subprocess.run([tool("promtool"), "test", "rules", "test.yml"], cwd=self.kit, capture_output=True)
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr).decode())

    def test_the_demo(self):
        demo = Demo(self)
        demo.kit("snmp-exporter", self.kit)
        self.assertEqual(set(self.targets()), demo.names())
        prometheus = self.watch()
        prometheus.wait("fbFleetDevices == 12")
        for name in demo.online("json-sensor")[:2]:
            prometheus.wait(f'fleetbridge:point:value{{name="{name}",fbPointName="temperature"}}')

    def test_devices_that_only_a_community_names(self):
        self.serve("")
        self.make_kit()
        targets = self.targets()
        self.assertEqual({target["targets"][0] for target in targets.values()}, {f"127.0.0.1:{self.bridge.port}"})
        prometheus = self.watch()
        for name, serial in (("oven", "A1"), ("fridge", "B2")):
            prometheus.wait(f'entPhysicalClass_info{{name="{name}",entPhysicalSerialNum="{serial}"}}')
        prometheus.wait("fbFleetOnline == 2")

    def test_devices_are_asked_by_snmpv3(self):
        passwords(self)
        self.serve(POOL + user("anna", "sha-256", "aes-128"))
        self.make_kit(["--user", "anna"], ["--hosts", "--user", "anna"])
        self.assertNotRegex(self.read("snmp.yml") + self.read("snmp-0.21.yml"), "authpassword|privpassword|public")
        prometheus = self.watch(self.fill_in())
        prometheus.wait("fbFleetOnline == 2")
        for name, serial in (("oven", "A1"), ("fridge", "B2")):
            prometheus.wait(f'entPhysicalClass_info{{name="{name}",entPhysicalSerialNum="{serial}"}}')
            prometheus.wait(f'fbPointValue{{name="{name}",fbPointName="temperature"}} == 21.5')
        self.broker.retain("sensors/oven/status", "offline")
        prometheus.wait('up{name="oven"} == 0')
        self.broker.retain("sensors/oven/status", "online")
        prometheus.wait('up{name="oven"} == 1')

    def test_devices_that_only_a_context_names(self):
        passwords(self)
        self.serve(user("anna", "sha-512", "aes-256"))
        self.make_kit(["--user", "anna"], ["--hosts", "--user", "anna"])
        self.assertEqual({target["targets"][0] for target in self.targets().values()}, {f"127.0.0.1:{self.bridge.port}"})
        prometheus = self.watch(self.fill_in())
        for name, serial in (("oven", "A1"), ("fridge", "B2")):
            prometheus.wait(f'entPhysicalClass_info{{name="{name}",entPhysicalSerialNum="{serial}"}}')
        prometheus.wait("fbFleetOnline == 2")
        new, old = self.both()
        for name in ("oven", "fridge"):
            auth = new["auths"][f"device-{name}"]
            self.assertEqual((auth.pop("version"), auth["context_name"], auth["security_level"]), (3, name, "authPriv"))
            self.assertEqual(old[f"device-{name}"]["auth"], auth)
            self.assertEqual(old[f"device-{name}"]["version"], 3)

    def both(self):
        """The files of later and earlier exporters."""
        import yaml

        return [yaml.safe_load(self.read(name)) for name in ("snmp.yml", "snmp-0.21.yml")]

    def test_the_file_of_later_exporters_says_the_same(self):
        """Debian has no such exporter."""
        self.serve("")
        self.make_kit()
        targets = self.targets()
        new, old = self.both()
        self.assertEqual(sorted(new["modules"]), ["fleetbridge", "fleetbridge_device"])
        bare = lambda module: {key: value for key, value in module.items() if key not in ("auth", "version")}
        for name, module in new["modules"].items():
            self.assertEqual(module, bare(old[name]))
        for name, target in targets.items():
            context = target["labels"]["__context"]
            self.assertEqual(new["auths"][context], {"community": f"public@{name}", "version": 2})
            self.assertEqual(old[context]["auth"], {"community": f"public@{name}"})
            self.assertEqual(bare(old[context]), new["modules"]["fleetbridge_device"])
        for config in ("prometheus.yml", "prometheus-0.21.yml"):
            subprocess.run([tool("promtool"), "check", "config", os.path.join(self.kit, config)], check=True, capture_output=True)
