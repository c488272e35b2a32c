"""ovs-testcontroller in its modes, both versions, over the switch's own ports."""

from lab import case, peers


class TestController(case.LabTest):
    def hosts_meet(self, version, *options):
        network = self.network(1)
        peers.testcontroller(network.ctl, version, options=options)
        lifeline = self.watch(network.make_switch()).start()
        network.address_local(lifeline, "static")
        self.lab.until(lifeline.connected, "the session comes up", 15)
        self.lab.until(lambda: network.h1.ping("10.7.0.2"), "the hosts reach each other")
        self.assertTrue(network.h1.ping("10.7.0.2", count=10))
        return network, lifeline

    def test_hub_1_0(self):
        self.hosts_meet("OpenFlow10", "--hub")

    def test_hub_1_3(self):
        self.hosts_meet("OpenFlow13", "--hub")

    def test_every_packet_through_the_controller_1_0(self):
        self.hosts_meet("OpenFlow10", "--noflow")

    def test_every_packet_through_the_controller_1_3(self):
        self.hosts_meet("OpenFlow13", "--noflow")

    def test_with_the_normal_action(self):
        self.hosts_meet("OpenFlow13", "--normal")

    def test_given_flows_are_loaded(self):
        network = self.network(1)
        path = self.lab.path("given.flows")
        with open(path, "w", encoding="utf-8") as file:
            file.write("priority=7,in_port=2,actions=output:3\npriority=7,in_port=3,actions=output:2\n")
        peers.testcontroller(network.ctl, "OpenFlow10", options=("--with-flows", path))
        lifeline = self.watch(network.make_switch()).start()
        network.address_local(lifeline, "static")
        self.lab.until(lambda: lifeline.ofctl("dump-flows").stdout.count("priority=7") == 2,
                       "both flows are loaded", 15)
        self.assertTrue(network.h1.ping("10.7.0.2", count=3))
