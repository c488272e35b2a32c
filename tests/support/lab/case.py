"""Base class of tests that need a network. Each test runs in a process and a sandbox of its own (the runner
sees to that)."""

import sys
import unittest

from . import net, peers, switch, topology


class LabTest(unittest.TestCase):
    setup = 1

    def setUp(self):
        self.lab = net.Lab()
        self.addCleanup(self.lab.close)
        self.switches = []

    def network(self, setup=None):
        return topology.Network(self.lab, self.setup if setup is None else setup)

    def watch(self, lifeline):
        """The test's end will stop it in order and look at its status and log."""
        self.switches.append(lifeline)
        return lifeline

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result is not None else 0
        super().run(result)
        if result is not None and len(result.failures) + len(result.errors) > before:
            sys.stdout.write(self.lab.logs() + "\n")

    def tearDown(self):
        for lifeline in self.switches:
            if lifeline.running():
                lifeline.stop()

    def require(self, *programs):
        missing = [p for p in programs if not peers.have(p)]
        if missing:
            self.skipTest(f"not installed: {', '.join(missing)}")


__all__ = ["LabTest", "switch"]
