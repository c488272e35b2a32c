"""Hosts behind the switch, under flows of a real controller or of the operator."""

import hashlib
import os
import socket
import threading

from lab import case, peers


def transfer(server, client, address, size=4 << 20, port=5001):
    """Sends `size` random bytes by TCP from client to server; True when what arrives is what was sent."""
    listener = server.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(1)
    listener.settimeout(30)
    got = hashlib.sha256()

    def receive():
        connection, _ = listener.accept()
        connection.settimeout(30)
        with connection:
            while data := connection.recv(65536):
                got.update(data)
    thread = threading.Thread(target=receive)
    thread.start()
    data = os.urandom(size)
    with client.socket() as sender:
        sender.settimeout(30)
        sender.connect((address, port))
        sender.sendall(data)
    thread.join()
    listener.close()
    return got.digest() == hashlib.sha256(data).digest()


class Hosts(case.LabTest):
    def bring_up(self, version=None, **kwargs):
        self.net = self.network(1)
        if version:
            peers.testcontroller(self.net.ctl, version)
        self.lifeline = self.watch(self.net.make_switch(**kwargs)).start()
        if version:
            self.net.address_local(self.lifeline, "static")
            self.lab.until(self.lifeline.connected, "the session comes up", 15)

    def exchange(self):
        self.lab.until(lambda: self.net.h1.ping("10.7.0.2"), "the hosts reach each other")
        self.assertTrue(self.net.h1.ping("10.7.0.2", count=20))
        self.assertTrue(transfer(self.net.h2, self.net.h1, "10.7.0.2"))

    def test_ping_and_tcp_under_a_learning_controller_1_0(self):
        self.bring_up("OpenFlow10")
        self.exchange()

    def test_ping_and_tcp_under_a_learning_controller_1_3(self):
        self.bring_up("OpenFlow13")
        self.exchange()

    def test_ping_and_tcp_under_normal(self):
        self.bring_up()
        self.lifeline.ofctl("add-flow", "actions=NORMAL")
        self.exchange()

    def test_ping_and_tcp_under_port_rules(self):
        self.bring_up()
        self.lifeline.ofctl("add-flow", "in_port=2,actions=output:3")
        self.lifeline.ofctl("add-flow", "in_port=3,actions=output:2")
        self.exchange()

    def test_a_switch_without_controllers_forwards_when_standalone(self):
        """fail_mode: standalone, nobody to ask: a learning switch."""
        self.net = self.network(1)
        self.lifeline = self.watch(
            self.net.make_switch(controllers=[], config={"fail_mode": "standalone"})).start()
        self.exchange()

    def test_hosts_talk_on_when_the_controller_has_gone_silent_for_long(self):
        """fail_mode: standalone: after three probe intervals (of 1 s here) the switch forwards on its own; a controller
        that comes back takes over again."""
        self.net = self.network(1)
        controller = peers.testcontroller(self.net.ctl, "OpenFlow13")
        self.lifeline = self.watch(self.net.make_switch(config={"fail_mode": "standalone", "inactivity_probe_s": 1})).start()
        self.net.address_local(self.lifeline, "static")
        self.lab.until(self.lifeline.connected, "the session comes up", 15)
        self.exchange()
        controller.stop()
        self.lab.until(lambda: self.lifeline.status()["standalone"], "the switch is on its own", 10)
        self.assertTrue(self.net.h1.ping("10.7.0.2", count=5))
        self.assertEqual(self.lifeline.status()["in_band"], "on")
        peers.testcontroller(self.net.ctl, "OpenFlow13")
        self.lab.until(lambda: self.lifeline.connected() and not self.lifeline.status()["standalone"],
                       "the controller has taken over again", 15)
        self.exchange()

    def test_a_flow_removed_acts_on_the_next_packet(self):
        """The truth of a barrier: ovs-ofctl ends with one, so the very next ping is decided by the new table,
        whatever a cache held."""
        self.bring_up()
        for _ in range(10):
            self.lifeline.ofctl("add-flow", "actions=NORMAL")
            self.assertTrue(self.net.h1.ping("10.7.0.2"))
            self.lifeline.ofctl("del-flows")
            self.assertFalse(self.net.h1.run("ping", "-n", "-q", "-c", "1", "-W", "0.2", "10.7.0.2",
                                             check=False).returncode == 0)

    def test_the_local_port_is_a_host_like_any_other_under_normal(self):
        self.bring_up()
        self.lifeline.ofctl("add-flow", "actions=NORMAL")
        self.lifeline.local_static("10.7.0.9/24")
        self.lab.until(lambda: self.net.h1.ping("10.7.0.9"), "the local port answers")
        self.assertTrue(transfer(self.net.sw, self.net.h1, "10.7.0.9"))
        # Its number is 0xfffe in 1.0 and 0xfffffffe in 1.3, in matches, actions and messages.
        for version, other in (("OpenFlow10", "OpenFlow13"), ("OpenFlow13", "OpenFlow10")):
            self.lifeline.ofctl("del-flows")
            self.lifeline.ofctl("add-flow", "in_port=LOCAL,actions=output:2", version=version)
            self.lifeline.ofctl("add-flow", "in_port=2,actions=LOCAL,CONTROLLER", version=version)
            self.assertTrue(self.net.h1.ping("10.7.0.9"))
            self.lifeline.ofctl("add-flow", "in_port=LOCAL,actions=output:2,CONTROLLER:65535", version=version)
            for dump in (version, other):
                flows = self.lifeline.ofctl("dump-flows", version=dump).stdout
                self.assertIn("in_port=LOCAL actions=", flows)
                self.assertIn("actions=LOCAL,", flows)
            monitor = self.lab.start(f"monitor-{version}", ["ovs-ofctl", "-O", version, "monitor", self.lifeline.mgmt,
                                                            "65534"])
            self.lab.until(lambda m=monitor: self.net.h1.ping("10.7.0.9") and "in_port=LOCAL (via action)" in m.log(),
                           "a packet-in of the local port")
            self.assertIn("in_port=2 (via action)", monitor.log())
            monitor.stop()
