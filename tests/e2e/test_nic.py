"""The test NIC under testpmd: what each profile accepts, and where packets arrive."""

import socket

from lab import case, flow_rules, nic

# Per profile: the rules of the list that it accepts, each alone. From the drivers' sources (tests/nic).
_EVERYBODY = {"arp", "to_controller", "from_controller", "udp"}
ACCEPTED = {
    "full": set(flow_rules.RULES) - {"far_queue"},
    "mlx5": set(flow_rules.RULES) - {"far_queue", "arp_address", "priority"},
    "ice": _EVERYBODY | {"arp_to_mac", "mac", "with_mac", "subnet", "ipv6", "port_mask", "tos", "drop", "count"},
    "i40e": _EVERYBODY | {"arp_to_mac", "proto", "subnet", "ipv6", "port_mask", "tos", "mark"},
    "ixgbe": _EVERYBODY | {"subnet", "mark", "priority"},
    "igb": {"arp", "to_controller", "from_controller", "proto", "udp", "priority"},
    "tap": _EVERYBODY | {"arp_to_mac", "mac", "proto", "with_mac", "subnet", "ipv6", "vlan", "priority", "drop"},
    "validates": set(),
}


class TestNic(case.LabTest):
    def start(self, *vdevs, **kwargs):
        self.require("dpdk-testpmd")
        pmd = nic.Testpmd(vdevs, driver=nic.module(), **kwargs)
        self.addCleanup(pmd.quit)
        return pmd

    def test_each_profile_accepts_what_its_driver_does(self):
        names = list(ACCEPTED)
        pmd = self.start(*[f"net_testnic{i},profile={name}" for i, name in enumerate(names)])
        for port, name in enumerate(names):
            verdicts = {}
            for rule, text in flow_rules.RULES.items():
                verdicts[rule] = pmd.create(port, text)
                pmd.command(f"flow flush {port}")
            accepted = {rule for rule, verdict in verdicts.items() if verdict == "created"}
            self.assertEqual(accepted, ACCEPTED[name], f"{name}: {verdicts}")
        # validate says yes where create says no.
        liar = names.index("validates")
        self.assertEqual(pmd.validate(liar, flow_rules.RULES["arp"]), "created")

    def test_rules_are_listed_destroyed_and_full(self):
        pmd = self.start("net_testnic0,profile=igb")
        for i in range(8):
            self.assertEqual(pmd.create(0, f"ingress pattern eth type is {0x8800 + i} / end "
                                           "actions queue index 1 / end"), "created")
        ninth = pmd.create(0, flow_rules.RULES["arp"])
        self.assertEqual(ninth, ("flow rule (handle)", "Failed to create flow.", "Function not implemented"))
        self.assertEqual(pmd.command("flow list 0").count("QUEUE"), 8)
        self.assertIn("Flow rule #3 destroyed", pmd.command("flow destroy 0 rule 3"))
        self.assertEqual(pmd.create(0, flow_rules.RULES["arp"]), "created")

    def test_packets_of_a_live_interface_arrive_in_the_queue_of_their_rule(self):
        peer, host = self.lab.namespace("peer"), self.lab.namespace("host")
        self.lab.wire(peer, "wire", host, "nic")
        pmd = self.start("net_testnic0,profile=mlx5,iface=nic,gen=newflows,rate=1000",
                           wrap=("ip", "netns", "exec", "host"))
        for rule in ("arp", "from_controller"):
            self.assertEqual(pmd.create(0, flow_rules.RULES[rule]), "created")
        pmd.command("start")
        with peer.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("wire", 0))
            for _ in range(5):
                for packet in flow_rules.PACKETS.values():
                    wire.send(packet)
        # ARP broadcast, to the MAC and tagged (mlx5 looks past the tag), and TCP from the controller.
        self.lab.until(lambda: pmd.xstats(0)["rx_q1_steered"] == 20, "the packets of both rules arrive")
        stats = pmd.xstats(0)
        self.assertEqual((stats["rule0_packets"], stats["rule1_packets"]), (15, 5))
        self.lab.until(lambda: pmd.xstats(0)["rx_generated_packets"] > 100, "the generator runs beside")
        self.assertEqual(pmd.xstats(0)["rx_q1_steered"], 20)
