"""What snmptrapd is told by SNMPv3: traps of the bridge's engine, informs to an engine that is another each time."""

from support import TrapSink, wait_until
from support.users import passwords, receiver, user
from test_notify import NotifyTest

# At authPriv, and one who has privacy and is told without.
USERS = [("anna", "sha-256", "aes-128"), ("bert", "sha-512", "aes-256"), ("carl", "sha-1", "aes-256-c")]
PLAIN = ("dora", "sha-256", None)
ENGINES = [f"80001f8804aabbcc{n:02}" for n in range(3)]


class NotifyUsersTest(NotifyTest):
    def told(self, sinks, more="", devices=2):
        """A bridge that tells each sink by a user of its own, the last one without privacy."""
        passwords(self)
        names = [name for name, _, _ in USERS] + ["dora"]
        traps = [f'target = "{sink.target}", version = "3", user = "{name}"{more}' for name, sink in zip(names, sinks)]
        traps[-1] += ', level = "auth-no-priv"'
        users = [user(*each) for each in USERS] + [user("dora", "sha-256", "aes-128")]
        return self.fleet(traps, devices, snmp="".join(users))

    def sinks(self, **engine):
        """All users are known there, each without the keys that it does not need."""
        return [TrapSink(self, each[0], more=receiver(*each), **engine) for each in (*USERS, PLAIN)]

    def test_traps(self):
        sinks = self.sinks()
        bridge = self.told(sinks)
        status = bridge.json("status")
        engine = status["snmp"]["engine"]
        self.assertIn(f"engine {engine}\n", bridge.cli("status").out)
        wait_until(lambda: all(target["told"] == 1 for target in bridge.json("status")["targets"]), 5, "coldStart is sent")
        self.assertEqual([sink.all() for sink in sinks], [[]] * len(sinks), "they do not know the engine")
        for each, sink in zip((*USERS, PLAIN), sinks):
            sink.restart(receiver(*each, engine=engine))
        self.say("down", 1)
        for sink in sinks:
            lost = sink.wait("fbDeviceLost", device="dev-1")
            self.assertGreater(lost.number(), 1)
        self.assertIn("v3 traps): 2 told", bridge.cli("status").out)
        # The engine goes on with more boots, which receivers take over by themselves.
        self.assertEqual(bridge.stop(), 0)
        bridge.start()
        for sink in sinks:
            sink.wait("warmStart")

    def test_informs(self):
        sinks = self.sinks(engine=ENGINES[0], boots=3)
        bridge = self.told(sinks, ', inform = true, timeout = "300ms", retries = 6')
        standing = lambda key: [target[key] for target in bridge.json("status")["targets"]]
        counts = [1] * len(sinks)
        wait_until(lambda: standing("told") == counts, 5, "coldStart is acknowledged")
        self.assertEqual([len(sink.all()) for sink in sinks], counts, "each once")

        # An outage, after which there are more boots; then one after which there is another engine.
        for round, engine in enumerate([(ENGINES[0], 9), (ENGINES[1], 0)]):
            for sink in sinks:
                sink.stop()
            self.say("up" if round else "down", 0, 1)
            wait_until(lambda: min(standing("behind")) > 0, 5, "they are not acknowledged")
            for each, sink in zip((*USERS, PLAIN), sinks):
                sink.configure(receiver(*each), *engine)
                sink.start()
            wait_until(lambda: standing("told") == [3 + 2 * round] * len(sinks), 20, "all are acknowledged")
        expected = {f"dev-{n}": "fbDeviceReturned" for n in (0, 1)}
        self.assertEqual([sink.last_words() for sink in sinks], [expected] * len(sinks))
        self.assertEqual((standing("failed"), standing("behind")), ([0] * len(sinks), [0] * len(sinks)))

        # More boots, and another engine, with nothing lost on the way: the very first try arrives.
        for engine in ((ENGINES[1], 7), (ENGINES[2], 0)):
            for each, sink in zip((*USERS, PLAIN), sinks):
                sink.restart(receiver(*each), *engine)
            answer = bridge.cli("notify", "test")
            self.assertEqual((answer.code, answer.out.count("acknowledged")), (0, len(sinks)), answer.text)

    def test_a_receiver_that_does_not_take_it(self):
        passwords(self)
        sink = TrapSink(self, engine=ENGINES[0])
        target = f'target = "{sink.target}", version = "3", user = "anna", inform = true, timeout = "150ms", retries = 1'
        bridge = self.fleet([target], 0, snmp=user(*USERS[0]))
        told = [
            ("", "it has no such user"),
            (receiver("anna", "sha-256", "aes-128", auth_password="otherpassword"), "password or authentication protocol is another"),
            (receiver("anna", "sha-512", "aes-128"), "password or authentication protocol is another"),
            (receiver("anna", "sha-256", None), "the user has no privacy there"),
            (receiver("anna", "sha-256", "aes-128", priv_password="otherpassword"), "is a receiver of this community, or user"),
        ]
        for boots, (lines, expected) in enumerate(told):
            with self.subTest(expected=expected):
                sink.restart(lines, ENGINES[0], boots + 1)
                answer = bridge.cli("notify", "test")
                self.assertEqual(answer.code, 1)
                self.assertRegex(answer.out, f"NOT acknowledged: .*{expected}")
                trouble = self.target(bridge)["trouble"]
                # net-snmp drops what it cannot decrypt by AES without a word.
                self.assertEqual(trouble is None, "community" in expected, trouble)
                self.assertIn(trouble or "it does not answer", bridge.cli("status").out)
        self.assertEqual(bridge.output().count("does not take what it is told"), 1, "once a minute")
        sink.restart(receiver(*USERS[0]), ENGINES[0], 20)
        self.assertEqual(bridge.cli("notify", "test").code, 0)
        sink.wait("fbTest")
        self.assertIsNone(self.target(bridge)["trouble"])

    def test_without_saved_boots(self):
        """A file that is damaged is not replaced; by it the engine would be another, or go back in time."""
        passwords(self)
        sinks = [TrapSink(self, "traps"), TrapSink(self, "informs", more=receiver(*USERS[0]))]
        more = ', version = "3", user = "anna", timeout = "100ms", retries = 1'
        traps = [f'target = "{sinks[0].target}"{more}', f'target = "{sinks[1].target}"{more}, inform = true']
        self.write("bridge/snmp-engine", "engine-id = none\n")
        bridge = self.fleet(traps, 0, snmp=user(*USERS[0]))
        sinks[1].wait("coldStart")
        answer = bridge.cli("notify", "test", sinks[0].target)
        self.assertEqual(answer.code, 1)
        self.assertIn("NOT sent", answer.out)
        self.assertIn("the engine's boots cannot be kept, so SNMPv3 is off", bridge.output())
        self.assertIn("SNMPv3 is off", bridge.cli("status").out)


if __name__ == "__main__":
    import unittest

    unittest.main()
