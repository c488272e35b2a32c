"""How long from the moment the controller's side is ready to the OpenFlow handshake done, static address.

The network is set-up 1 of the end-to-end tests. The switch runs, and what is missing comes last:

  listener  the controller's process starts to listen
  link      the wire of the listening controller comes up
  address   the local port gets its address
"""

import time

import sides
from lab import net, openflow, topology


class LifelineSwitch:
    name = "lifeline"

    def start(self, network):
        self.switch = network.make_switch(allow=(r"WARN ",)).start()
        self.switch.local_up()

    def address(self, network):
        network.sw.ip("addr", "add", topology.LOCAL_PREFIX, "dev", "br0")

    def stop(self):
        self.switch.stop()


class OpenVswitchSwitch:
    """The userspace datapath on the same veths, in-band control to the same controller."""

    name = "openvswitch"

    def start(self, network):
        self.network = network
        self.ovs = sides.OpenVswitch(sides.InSpace(network.lab, network.sw))
        self.ovs.boot(dpdk=False)
        self.ovs.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                       "fail_mode=secure", "protocols=OpenFlow10,OpenFlow13",
                       "other-config:hwaddr=02:00:00:00:00:01")
        for name in network.ports:
            self.ovs.vsctl("add-port", "br0", name)
        network.sw.ip("link", "set", "dev", "br0", "up")
        self.ovs.vsctl("set-controller", "br0", network.target())
        self.ovs.vsctl("set", "controller", "br0", "connection-mode=in-band")

    def address(self, network):
        network.sw.ip("addr", "add", topology.LOCAL_PREFIX, "dev", "br0")

    def stop(self):
        self.ovs.stop()


SWITCHES = {each.name: each for each in (LifelineSwitch, OpenVswitchSwitch)}


def once(side, event, number):
    """One bring-up in a lab of its own; milliseconds."""
    lab = net.Lab()
    chosen = SWITCHES[side]()
    try:
        network = topology.Network(lab, 1)
        controller = openflow.Controller(network.ctl)
        if event == "link":
            network.uplink.ip("link", "set", "dev", "eth0", "down")
        if event != "listener":
            controller.start()
        chosen.start(network)
        if event != "address":
            chosen.address(network)
        # Long enough for the switch to have tried and failed; different each time, so that the event does
        # not always meet the same phase of its retries.
        ready_at = time.monotonic() + 2.0 + 4.0 * ((number * 0.37) % 1.0)
        lab.until(lambda: time.monotonic() >= ready_at, "the switch has tried for a while", 10)
        began = time.monotonic()
        if event == "link":
            network.uplink.ip("link", "set", "dev", "eth0", "up")
        elif event == "address":
            chosen.address(network)
        else:
            controller.start()
        session = controller.session(60)
        took = (session.ready_at - began) * 1000
        controller.stop()
        chosen.stop()
        return took
    finally:
        lab.close()
