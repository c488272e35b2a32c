"""The steps of scripts/demo."""

import signal
import sys
import time

from lab import net, peers, sandbox, switch, topology

PICTURE = """
     ctl                                  sw
  +----------------------+        +--------------------------------+
  | ovs-testcontroller   |        |  br0 (local port, DHCP client) |
  |   10.0.0.1:6653      +--------+ p1                             |
  | dnsmasq (DHCP)       |        |       lifeline                 |
  +----------------------+        |                                |
  h1 10.7.0.1 --------------------+ p2                             |
  h2 10.7.0.2 --------------------+ p3                             |
                                  +--------------------------------+
"""


class Story:
    def __init__(self):
        self.began = time.monotonic()

    def step(self, text):
        print(f"[{time.monotonic() - self.began:5.1f} s] {text}", flush=True)

    def detail(self, text):
        print("\n".join("          " + line for line in text.rstrip().splitlines()), flush=True)


def same_session(lifeline, network, before):
    """The controller still has the very same TCP connection, and the switch says so, too."""
    return network.ctl.established(6653) == before and lifeline.connected()


def throughput(network):
    """Seconds that 16 MiB take by TCP from h1 to h2."""
    import socket
    import threading
    size = 16 << 20
    listener = network.h2.socket()
    listener.bind(("10.7.0.2", 5001))
    listener.listen(1)
    got = []

    def receive():
        connection, _ = listener.accept()
        total = 0
        with connection:
            while data := connection.recv(1 << 16):
                total += len(data)
        got.append(total)
    thread = threading.Thread(target=receive)
    thread.start()
    began = time.monotonic()
    with network.h1.socket() as sender:
        sender.settimeout(30)
        sender.connect(("10.7.0.2", 5001))
        sender.sendall(bytes(size))
        sender.shutdown(socket.SHUT_WR)
        thread.join(60)
    if got != [size]:
        raise AssertionError(f"TCP from h1 to h2: {got} of {size} bytes arrived")
    return time.monotonic() - began


def tell(story, lab):
    story.step("a network in namespaces of its own; nothing of this machine is touched")
    print(PICTURE)
    network = topology.Network(lab, 1)
    peers.testcontroller(network.ctl, "OpenFlow13")
    network.serve_dhcp()
    story.step("ovs-testcontroller (tcp 6653) and dnsmasq run behind p1")

    lifeline = network.make_switch()
    story.step("starting lifeline with af_packet ports, fail_mode secure and an empty table:")
    story.detail(" ".join(lifeline.argv()))
    lifeline.start()
    device = lifeline.local_up()
    story.step(f"a DHCP client asks on the local port {device}, through the switch")
    peers.udhcpc(network.sw, device)
    address = lab.until(lambda: network.sw.address(device),
                        "the DHCP client gets an address through the switch", 20)
    story.step(f"the local port got {address}")
    lab.until(lifeline.connected, "the OpenFlow session comes up through the switch", 20)
    session = network.ctl.established(6653)
    story.step(f"the OpenFlow session is up through the switch: {session[0]} -> 10.0.0.1:6653")

    lab.until(lambda: network.h1.ping("10.7.0.2"), "the hosts reach each other", 15)
    story.step("h1 pings h2 under the controller's flows")
    seconds = throughput(network)
    story.step(f"h1 sends 16 MiB to h2 by TCP in {seconds:.2f} s")

    story.step("the worst of a controller: ovs-ofctl add-flow priority=65535,actions=drop")
    lifeline.ofctl("add-flow", "priority=65535,actions=drop", version="OpenFlow13")
    if network.h1.ping("10.7.0.2"):
        raise AssertionError("the drop-all does not drop: h1 still reaches h2")
    story.step("h1 no longer reaches h2: the drop-all is at work")
    # Neighbours are forgotten: the session needs ARP below the drop-all as well.
    network.sw.ip("neigh", "flush", "dev", device)
    network.ctl.ip("neigh", "flush", "dev", "eth0")
    story.step("waiting for the next OpenFlow echoes, one every 5 s ...")
    check_echo(lab, lifeline, network, session)
    story.step("the session stays: same connection")
    story.step("and once more: all flows deleted; waiting for the next echoes ...")
    lifeline.ofctl("del-flows", version="OpenFlow13")
    check_echo(lab, lifeline, network, session)
    story.step("the session stays: same connection")

    story.step("lifelinectl status:")
    story.detail(lifeline.ctl("status").stdout)
    story.step("lifelinectl flows --hidden:")
    story.detail(lifeline.ctl("flows", "--hidden").stdout)
    return lifeline


def hidden_packets(lifeline, letter):
    return sum(r["packets"] for r in lifeline.hidden_rules() if r["letter"] == letter)


def check_echo(lab, lifeline, network, session):
    """Control traffic passes both ways (the counters of (h) and (i) go on), on the same connection."""
    sent, received = hidden_packets(lifeline, "h"), hidden_packets(lifeline, "i")
    lab.until(lambda: hidden_packets(lifeline, "h") > sent and hidden_packets(lifeline, "i") > received,
              "control traffic goes on in both directions", 20)
    if not same_session(lifeline, network, session):
        raise AssertionError(f"the session did not stay: it was {session}, now there is "
                             f"{network.ctl.established(6653)}")


def main():
    once = "--once" in sys.argv[1:]
    sandbox.enter()
    story, lab = Story(), net.Lab()
    try:
        lifeline = tell(story, lab)
        story.step("IT WORKS: the switch reached its controller through its own ports, and nothing the "
                   "controller did cut it off.")
        if not once:
            pid = sandbox.outer_pid()
            ctl = switch.binary("lifelinectl")
            print("\nStays until Ctrl-C. Look around from another terminal, for example:")
            print(f"  sudo nsenter -t {pid} -a {ctl} --run-dir {lifeline.run_dir} status")
            print(f"  sudo nsenter -t {pid} -a ip netns exec h1 ping 10.7.0.2", flush=True)
            while True:
                lab.check_alive()
                signal.sigtimedwait([signal.SIGCHLD], 1.0)
        lifeline.stop()
        story.step("lifeline ended in order on SIGTERM; everything is removed")
        return 0
    except KeyboardInterrupt:
        print("\nstopping; everything is removed", flush=True)
        return 0 if not once else 130
    except AssertionError as reason:
        print(f"\nIT DID NOT WORK: {reason}\n\n{lab.logs()}", file=sys.stderr, flush=True)
        return 1
    finally:
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
