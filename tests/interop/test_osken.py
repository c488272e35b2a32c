"""os-ken runs the switch through its own ports: a learning switch of ours in both versions, and os-ken's own
simple_switch_13 where the package has it (Debian's has not)."""

import importlib.util
import os

from lab import case, peers

OURS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "os_ken_apps", "learning_switch.py")


class OsKen(case.LabTest):
    def learn(self, application, version="4"):
        self.require("osken-manager")
        network = self.network(1)
        os.environ["LEARNING_SWITCH_VERSION"] = version
        peers.osken(network.ctl, application)
        lifeline = self.watch(network.make_switch()).start()
        network.address_local(lifeline, "static")
        self.lab.until(lifeline.connected, "the session comes up", 20)
        self.assertEqual(lifeline.remote()["version"], {"1": "1.0", "4": "1.3"}[version])
        self.lab.until(lambda: network.h1.ping("10.7.0.2"), "the hosts reach each other", 20)

        def learned():
            network.h1.ping("10.7.0.2")
            return network.h2.mac() in lifeline.ofctl("dump-flows").stdout
        self.lab.until(learned, "the application installs a flow for the hosts", 20)
        self.assertTrue(network.h1.ping("10.7.0.2", count=20))

    def test_a_learning_switch_1_3(self):
        self.learn(OURS)

    def test_a_learning_switch_1_0(self):
        self.learn(OURS, "1")

    def test_simple_switch_13_of_os_ken(self):
        name = "os_ken.app.simple_switch_13"
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            self.skipTest(f"this os-ken has no {name}")
        self.learn(name)
