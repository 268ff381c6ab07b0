"""Each device at an address of its own, as a manager on another machine sees it."""

import os
import re
import socket
import subprocess
import time

from support import Bridge, Broker, Case, Manager, fleet, free_port, wait_until
from support.namespace import Machines, as_root

POOLS = ["10.99.0.0/24", "fd00:99::/64"]
DEVICES = '[snmp.devices]\npools = ["10.99.0.0/24", "fd00:99::/64"]\n'
NAME, UPTIME, DESCR = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.1.0"
NAMES = ["lobby", "roof", "yard"]


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return file.readlines()


class AddressTest(Case):
    def setUp(self):
        if not as_root(self):
            self.skip = True
            return
        self.skip = False
        self.machines = Machines(self)
        self.broker = Broker(self)
        self.bridge = Bridge(
            self,
            mqtt=[fleet.adapter(self.broker)],
            traps=[f'target = "{Machines.MANAGER}:162", inform = true', f'target = "[{Machines.MANAGER6}]:162", inform = true'],
            listen=f'127.0.0.1:161", "{Machines.BRIDGE}',
            port=161,
            more=DEVICES,
        )
        self.bridge.start()
        for name in NAMES:
            self.say(name)
        wait_until(lambda: len(self.bridge.manager.devices()) == len(NAMES), 5, "the devices have numbers")
        for network in POOLS:
            self.machines.route(network)

    def say(self, name, **values):
        self.broker.publish(f"sensors/{name}/telemetry", fleet.telemetry(temperature=21.5, battery=80, **values))

    def status(self, name, word):
        self.broker.publish(f"sensors/{name}/status", word)

    def address(self, name):
        """(IPv4, IPv6), as `fleetbridge addresses` lists them."""
        for line in self.bridge.cli("addresses").out.splitlines()[1:]:
            number, listed, _, *at = line.split()
            if listed == name:
                return tuple(endpoint.rpartition(":")[0].strip("[]") for endpoint in at)
        raise AssertionError(f"{name} has no address")

    def run_printed(self, what, *interpreter):
        """What `fleetbridge addresses WHAT` prints, given to the program that it is for."""
        text = self.bridge.cli("addresses", what)
        self.assertEqual(text.code, 0, text.text)
        subprocess.run(interpreter, input=text.out.encode(), check=True, capture_output=True)

    def ask(self, tool, address, *arguments, seconds=1, retries=1):
        address = f"udp6:[{address}]:161" if ":" in address else f"{address}:161"
        options = ["-v2c", "-c", "public", "-On", "-Oe", "-t", str(seconds), "-r", str(retries), "-m", ""]
        command = self.machines.manager(tool, *options, address, *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def get(self, address, name, **options):
        done = self.ask("snmpget", address, name, **options)
        return done.stdout.partition(" = ")[2].partition(": ")[2].strip().strip('"') if done.returncode == 0 else None

    def uptime(self, address):
        return int(re.match(r"\((\d+)\)", self.get(address, UPTIME))[1])

    def test_every_device_of_both_pools(self):
        if self.skip:
            return
        self.run_printed("routes", "sh", "-e")
        for name in NAMES:
            v4, v6 = self.address(name)
            self.assertTrue(v4.startswith("10.99.0.") and v6.startswith("fd00:99::"))
            for address in (v4, v6):
                self.assertEqual(self.get(address, NAME), name)
                walk = self.ask("snmpwalk", address, "1.3.6.1")
                self.assertEqual(walk.returncode, 0, walk.stderr)
                found = {line.split(" = ")[0] for line in walk.stdout.splitlines()}
                # A sensor of its own, its interface; nothing of another device, nothing of the bridge.
                for name_of_it in ("1.3.6.1.2.1.47.1.1.1.1.7.1", "1.3.6.1.2.1.99.1.1.1.4.2", "1.3.6.1.2.1.2.2.1.8.1"):
                    self.assertIn(f".{name_of_it}", found)
                self.assertFalse([name for name in found if name.startswith(".1.3.6.1.4.1.32473.2.1.1.")])
                rows = {name.split(".")[13] for name in found if name.startswith(".1.3.6.1.4.1.32473.2.1.2.1.")}
                self.assertEqual(rows, {v4.rpartition(".")[2]})
        self.assertIn("fleetbridge", self.get(Machines.BRIDGE, DESCR), "the bridge itself")
        for nobody in ("10.99.0.77", "10.99.0.0", "fd00:99::77", "fd00:99::1:0:0:1"):
            self.assertIsNone(self.get(nobody, NAME, seconds=0.3, retries=0), nobody)

    def test_nothing_else_answers_with_the_printed_rules(self):
        if self.skip:
            return
        self.run_printed("routes", "sh", "-e")
        port = free_port(socket.SOCK_STREAM)
        server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        self.addCleanup(server.close)
        v4, v6 = self.address("roof")
        answering = [(self.ping, v4), (self.ping, v6), (lambda at: self.connects(at, port), v4), (lambda at: self.connects(at, port), v6)]
        self.assertEqual([answers(at) for answers, at in answering], [True] * 4, "this is why rules are needed")
        self.run_printed("nftables", "nft", "-f", "-")
        self.assertEqual([answers(at) for answers, at in answering], [False] * 4)
        self.assertTrue(self.ping(Machines.BRIDGE) and self.connects(Machines.BRIDGE, port), "the machine's own address")
        self.assertEqual([self.get(at, NAME) for at in (v4, v6)], ["roof", "roof"])
        self.run_printed("nftables", "nft", "-f", "-")

    def test_the_printed_rules_keep_out_no_acknowledgement_and_no_manager_on_this_machine(self):
        if self.skip:
            return
        self.run_printed("routes", "sh", "-e")
        self.run_printed("nftables", "nft", "-f", "-")
        self.trapd()
        v4, v6 = self.address("yard")
        for at in (v4, f"udp6:[{v6}]"):
            own = Manager(self, 161, address=at)
            self.assertEqual(own.run("snmpget", NAME, options=["-OQv"]).out.strip().strip('"'), "yard", at)
        self.status("yard", "offline")

        def standings():
            return [(one["told"], one["failed"], one["silent"]) for one in self.bridge.json("status")["targets"]]

        wait_until(lambda: all(told >= 2 for told, _, _ in standings()), 20, "both managers acknowledge the start and the loss")
        self.assertEqual([rest for _, *rest in standings()], [[0, False]] * 2)

    def ping(self, address):
        return subprocess.run(self.machines.manager("ping", "-c1", "-W1", address), capture_output=True).returncode == 0

    def connects(self, address, port):
        code = f"import socket; socket.create_connection(({address!r}, {port}), 1)"
        return subprocess.run(self.machines.manager("python3", "-c", code), capture_output=True).returncode == 0

    def trapd(self):
        """The log of the manager's snmptrapd."""
        log = os.path.join(self.folder, "traps")
        config = self.write("trapd/snmptrapd.conf", "authCommunity log public\nformat2 FROM %b OF %v\\n\n")
        command = ["snmptrapd", "-f", "-Lf", log, "-On", "-C", "-c", config, "-m", "", "-p", os.path.join(self.folder, "trapd/pid")]
        endpoints = [f"udp:{Machines.MANAGER}:162", f"udp6:[{Machines.MANAGER6}]:162"]
        self.spawn(self.machines.manager(*command, *endpoints), os.path.join(self.folder, "trapd/out"))
        wait_until(lambda: any("NET-SNMP" in line for line in lines(log)), 10, "snmptrapd listens")
        return log

    def test_a_trap_is_told_before_there_are_routes(self):
        """From the bridge's own address then."""
        if self.skip:
            return
        log = self.trapd()
        self.status("yard", "offline")
        lost = lambda line: ".1.3.6.1.4.1.32473.2.0.1" in line and f"[{Machines.BRIDGE}]" in line.split(" OF ")[0]
        wait_until(lambda: any(lost(line) for line in lines(log)), 5, "the manager is told")

    def test_who_is_lost_is_silent_and_a_trap_says_so_from_its_address(self):
        if self.skip:
            return
        self.run_printed("routes", "sh", "-e")
        log = self.trapd()
        v4, v6 = self.address("yard")
        self.assertEqual(self.get(v4, NAME), "yard")
        self.status("yard", "offline")
        wait_until(lambda: self.get(v4, NAME, seconds=0.2, retries=0) is None, 5, "yard is silent")
        self.assertIsNone(self.get(v6, NAME, seconds=0.2, retries=0))
        self.assertEqual(self.get(self.address("roof")[0], NAME), "roof")
        # fbDeviceLost, from both of its addresses, and snmpTrapAddress.0 says the same.

        def told():
            return [line for line in lines(log) if ".1.3.6.1.4.1.32473.2.0.1" in line]

        wait_until(lambda: len(told()) == 2, 5, "the manager is told")
        sources = [line.split(" OF ")[0] for line in told()]
        self.assertTrue(any(f"[{v4}]" in source for source in sources), sources)
        self.assertTrue(any(f"[{v6}]" in source for source in sources), sources)
        for line in told():
            self.assertIn(f".1.3.6.1.6.3.18.1.3.0 = IpAddress: {v4}", line)
        self.status("yard", "online")
        wait_until(lambda: self.get(v4, NAME) == "yard", 5, "yard is back")

    def test_no_time_steps_back_when_the_bridge_is_killed(self):
        if self.skip:
            return
        self.run_printed("routes", "sh", "-e")
        v4 = {name: self.address(name)[0] for name in NAMES}
        before = {name: self.uptime(address) for name, address in v4.items()}
        for days in (10, 20, 30, 30):
            # What is seen is kept: the bridge dies as soon as a manager has seen it.
            self.say("roof", uptime=days * 86_400)
            wait_until(lambda: self.uptime(v4["roof"]) >= days * 8_640_000, 5, "roof has told its uptime")
            before["roof"] = self.uptime(v4["roof"])
            self.bridge.kill()
            begun = time.monotonic()
            self.bridge.start()
            after = {name: self.uptime(address) for name, address in v4.items()}
            for name in NAMES:
                self.assertGreaterEqual(after[name], before[name], name)
                self.assertLess(after[name] - before[name], (time.monotonic() - begun + 30) * 100, name)
            before = after

    def test_no_time_steps_back_by_what_the_broker_kept(self):
        if self.skip:
            return
        self.run_printed("routes", "sh", "-e")
        v4 = {name: self.address(name)[0] for name in NAMES}
        self.broker.retain("sensors/roof/info", '{"serial": "A1", "uptime": 600}')
        wait_until(lambda: "A1" in self.bridge.cli("report", "inventory").out, 5, "roof has told its serial")
        self.say("roof", uptime=7200)
        wait_until(lambda: self.uptime(v4["roof"]) >= 720_000, 5, "roof has told its uptime")
        before = self.uptime(v4["roof"])
        for _ in range(2):
            self.assertEqual(self.bridge.stop(), 0)
            self.bridge.start()
            wait_until(lambda: self.bridge.json("status")["adapters"][0]["state"] == "up", 5, "the bridge hears")
            self.say("roof")
            after = self.uptime(v4["roof"])
            self.assertGreaterEqual(after, before)
            before = after

    def test_addresses_are_given_once(self):
        if self.skip:
            return
        self.run_printed("routes", "sh", "-e")
        self.assertEqual(self.bridge.stop(), 0)
        with open(self.bridge.file, encoding="utf-8") as file:
            text = file.read()
        self.boot(text.replace("10.99.0.0/24", "10.98.0.0/24"))
        for command in ("check", "serve"):
            refused = self.bridge.cli(command)
            self.assertNotEqual(refused.code, 0)
            self.assertRegex(refused.text, r"device 1 would answer at 10\.98\.0\.1, and managers know it at 10\.99\.0\.1")
        self.boot(text.replace('"fd00:99::/64"', '"fd00:99::/64", "10.98.0.0/24"'))
        self.bridge.start()
        self.assertEqual(self.get(self.address("roof")[0], NAME), "roof")
        self.assertIn("is in use", self.bridge.cli("addresses", "forget").text)
        self.assertEqual(self.bridge.stop(), 0)
        self.boot(text.replace("10.99.0.0/24", "10.98.0.0/24"))
        self.assertIn("forgotten", self.bridge.cli("addresses", "forget").out)
        self.machines.route("10.98.0.0/24")
        self.bridge.start()
        self.run_printed("routes", "sh", "-e")
        self.assertEqual(self.get(self.address("roof")[0], NAME), "roof")
        self.assertTrue(self.address("roof")[0].startswith("10.98."))

    def test_pools_in_which_somebody_else_is(self):
        if self.skip:
            return
        self.assertEqual(self.bridge.stop(), 0)
        with open(self.bridge.file, encoding="utf-8") as file:
            text = file.read()
        for pool, whose in (
            (f"{Machines.MANAGER}/32", "a target of [snmp] traps"),
            (f"{Machines.BRIDGE6}/128", "this machine's interface fb0"),
            ("::1/128", "this machine itself"),
        ):
            self.boot(text.replace('"fd00:99::/64"', f'"fd00:99::/64", "{pool}"'))
            for command in ("check", "serve"):
                refused = self.bridge.cli(command)
                self.assertNotEqual(refused.code, 0)
                self.assertIn(f"{pool} holds {pool.partition('/')[0]}, which is that of {whose}", refused.text)

    def test_a_pool_that_fills_up(self):
        if self.skip:
            return
        self.assertEqual(self.bridge.stop(), 0)
        with open(self.bridge.file, encoding="utf-8") as file:
            text = file.read()
        self.boot(text.replace("10.99.0.0/24", "10.99.0.0/29"))
        self.bridge.start()
        self.assertEqual(self.bridge.json("status")["problems"], [])
        for number in range(len(NAMES), 6):
            self.say(f"new-{number}")
        shortage = "[snmp.devices]: all 6 IPv4 addresses are given"
        wait_until(lambda: any(shortage in problem for problem in self.bridge.json("status")["problems"]), 5, "the status says so")
        wait_until(lambda: shortage in self.bridge.output(), 5, "and the log")

    def boot(self, text):
        with open(self.bridge.file, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    import unittest

    unittest.main()
