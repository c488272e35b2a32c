"""A controller that has a name, and a resolver behind the switch that changes its mind, dies and comes back. The
table is empty, or drops everything: what gets through takes hidden rules.

    ctl  10.0.0.1  ---p1--+
    dns  10.0.0.53 ---p4--+ sw (br0 10.0.0.2)
    ctl2 10.0.0.8  ---p5--+
"""

from lab import case, openflow, peers, pki, topology6

NAME = "controller.example"


class Names(case.LabTest):
    def box(self, network, name, address, port):
        space = self.lab.host(name, address)
        self.lab.wire(network.sw, port, space, "eth0")
        network.ports.append(port)
        space.configure()
        return space

    def means(self, lifeline, *addresses):
        self.lab.until(lambda: sorted(lifeline.remote()["name"]["addresses"]) == sorted(addresses),
                       f"the name is {', '.join(addresses)}")
        return lifeline.remote()["name"]

    @staticmethod
    def remotes_with_rules(lifeline):
        """Addresses that (h) stands for."""
        return sorted({rule["match"].split("nw_dst=")[1].split(",")[0]
                       for rule in lifeline.hidden_rules() if rule["letter"] == "h"})

    def test_rules_follow_the_name_and_a_session_outlives_the_answer(self):
        self.require("dnsmasq")
        network = self.network(1)
        resolver = peers.Resolver(self.box(network, "dns", "10.0.0.53/24", "p4"))
        ctl2 = self.box(network, "ctl2", "10.0.0.8/24", "p5")
        first, second = openflow.Controller(network.ctl).start(), openflow.Controller(ctl2).start()
        resolver.set(NAME, "10.0.0.66", "10.0.0.1")  # of two addresses nobody has one
        resolver.start()
        lifeline = self.watch(network.make_switch(controllers=[f"tcp:{NAME}:6653"],
                                                  config={"resolvers": ["10.0.0.53"]})).start()
        self.lab.until(lambda: lifeline.hidden_letters() == "abcjjkklmnnopq", "the way to the resolver is open")
        self.assertEqual(lifeline.remote()["state"], "idle")
        network.address_local(lifeline, "static")
        session = first.session()
        session.drop_everything()
        self.means(lifeline, "10.0.0.1", "10.0.0.66")
        self.assertEqual(lifeline.remote()["address"], "10.0.0.1")
        self.lab.until(lambda: self.remotes_with_rules(lifeline) == ["10.0.0.1", "10.0.0.66"], "both have rules")
        self.assertIn("asked for", lifeline.ctl("status").stdout)

        # At the end of its time to live, through a drop-all, the name is another: nothing is torn down for that.
        resolver.set(NAME, "10.0.0.8")
        known = self.means(lifeline, "10.0.0.8")
        self.assertIn("10.0.0.1", known["old_addresses"])
        session.echo()
        self.lab.until(lambda: {"10.0.0.1", "10.0.0.8"} <= set(self.remotes_with_rules(lifeline)),
                       "the old address and the new have rules")
        # The next connection goes where the name says, and when it stands the old rules go.
        first.stop()
        behind = second.session()
        behind.drop_everything()
        self.lab.until(lambda: self.remotes_with_rules(lifeline) == ["10.0.0.8"], "the old addresses' rules are gone")
        self.assertEqual(lifeline.remote()["name"]["old_addresses"], [])

        # A resolver that is silent costs nothing that stands, and is asked until it answers.
        resolver.stop()
        lifeline.ctl("reload")
        self.lab.until(lambda: "no answer from 10.0.0.53" in lifeline.remote()["name"]["last_error"],
                       "the failure is told")
        behind.echo()
        first.start()
        resolver.set(NAME, "10.0.0.1")
        resolver.start()
        self.assertEqual(self.means(lifeline, "10.0.0.1")["last_error"], "")
        behind.echo()
        self.assertFalse(behind.closed.is_set())

        # Without names nobody is asked, and DNS is the controller's affair again.
        lifeline.config["controllers"] = ["tcp:10.0.0.8:6653"]
        lifeline.write_config()
        lifeline.ctl("reload")
        behind = second.session(after=1)
        behind.echo()
        self.lab.until(lambda: lifeline.hidden_letters() == "abcdefghi", "only one controller's rules stand")

        # So is a controller of switches behind this one asked for; where it was keeps its rules until a reload.
        behind.drop_everything()
        lifeline.config["in_band"] = {"also_reach": [f"{NAME}:6633"]}
        lifeline.write_config()
        lifeline.ctl("reload")
        both = ["10.0.0.1", "10.0.0.8"]
        self.lab.until(lambda: self.remotes_with_rules(lifeline) == both, "the other switches' controller has rules")
        self.assertEqual(lifeline.hidden_letters().count("j"), 2)
        resolver.set(NAME, "10.0.0.77")
        three = ["10.0.0.1", "10.0.0.77", "10.0.0.8"]
        self.lab.until(lambda: self.remotes_with_rules(lifeline) == three, "and where it is now, too")
        lifeline.ctl("reload")
        self.lab.until(lambda: self.remotes_with_rules(lifeline) == ["10.0.0.77", "10.0.0.8"], "the old one has gone")
        refused = lifeline.ctl("remote", "add", NAME, check=False)
        self.assertIn("only the configuration may give", refused.stderr)
        lifeline.config["in_band"] = {}
        lifeline.write_config()
        lifeline.ctl("reload")
        behind.echo()
        self.lab.until(lambda: lifeline.hidden_letters() == "abcdefghi", "only one controller's rules stand")

    def test_dhcp_brings_the_resolver_and_the_certificate_must_have_the_name(self):
        self.require("dnsmasq", "udhcpc")
        network = self.network(1)
        peers.write_resolv_conf("")
        authority = pki.Authority(self.lab)
        certificate, key = authority.issue("switch")
        resolver = peers.Resolver(network.ctl)
        resolver.set(NAME, network.controller_ip)
        resolver.start()
        peers.dnsmasq(network.ctl, "10.0.0.100", "10.0.0.150", resolver=network.controller_ip)
        lifeline = self.watch(network.make_switch(controllers=[f"ssl:{NAME}"], config={
            "tls": {"ca": authority.certificate, "certificate": certificate, "private_key": key}})).start()
        self.assertEqual(lifeline.hidden_letters(), "abclmnnopq")
        self.lab.until(lambda: "no resolver is known" in lifeline.remote()["name"]["last_error"],
                       "status says what is missing")

        def serve(name):
            shown, secret = authority.issue(name, san=f"DNS:{name}")
            return peers.testcontroller(network.ctl, "OpenFlow13", scheme="pssl",
                                        options=("-p", secret, "-c", shown, "-C", authority.certificate))
        wrong = serve("other.example")
        network.address_local(lifeline, "udhcpc")
        self.lab.until(lambda: f"is not for {NAME}" in lifeline.remote()["last_error"], "the wrong one is refused")
        self.assertEqual(lifeline.remote()["name"]["resolvers"], [network.controller_ip])
        wrong.stop()
        right = serve(NAME)
        self.lab.until(lifeline.connected, "the right one is let in")
        lifeline.ofctl("add-flow", "priority=65535,actions=drop")
        right.stop()
        serve(NAME)
        self.lab.until(lambda: lifeline.connected() and lifeline.remote()["connections"] == 2, "it is found again")

    def packets_by(self, lifeline, letter, protocol):
        return sum(rule["packets"] for rule in lifeline.hidden_rules()
                   if rule["letter"] == letter and protocol in rule["match"])

    def asked_again(self, lifeline):
        known = lifeline.remote()["name"]["questions"]
        self.lab.until(lambda: lifeline.remote()["name"]["questions"] > known + 1, "the name is asked for again")
        self.assertEqual(lifeline.remote()["name"]["last_error"], "")

    def test_an_answer_too_long_for_udp_comes_by_tcp_from_a_resolver_behind_the_gateway(self):
        self.require("dnsmasq")
        network = self.network(2)
        many = [f"10.9.0.{n}" for n in range(100, 150)]
        for address in many:
            network.ctl.ip("addr", "add", f"{address}/24", "dev", "eth0")
        resolver = peers.Resolver(network.ctl)
        resolver.set(NAME, *many)
        resolver.start()
        controller = openflow.Controller(network.ctl).start()
        lifeline = self.watch(network.make_switch(controllers=[f"tcp:{NAME}"],
                                                  config={"resolvers": [network.controller_ip]})).start()
        network.address_local(lifeline, "static")
        session = controller.session()
        session.drop_everything()
        known = lifeline.remote()["name"]["addresses"]
        self.assertEqual(len(known), 8)
        self.assertLessEqual(set(known), set(many))
        for letter in "jk":
            self.assertGreater(self.packets_by(lifeline, letter, "tcp"), 0, letter)
        self.asked_again(lifeline)
        session.echo()
        self.assertEqual(len(controller.sessions), 1)

    def test_a_resolver_over_ipv6(self):
        self.require("dnsmasq")
        network = topology6.Network6(self.lab, 1)
        resolver = peers.Resolver(network.ctl)
        resolver.set(NAME, network.controller_ip)
        resolver.start()
        controller = openflow.Controller(network.ctl, family=openflow.IPV6).start()
        lifeline = self.watch(network.make_switch(controllers=[f"tcp:{NAME}"],
                                                  config={"resolvers": [network.controller_ip]})).start()
        address = network.address_local(lifeline)
        session = controller.session()
        self.assertTrue(session.peer.startswith(address + ":"), session.peer)
        session.drop_everything()
        self.assertEqual(lifeline.remote()["name"]["addresses"], [network.controller_ip])
        before = {letter: self.packets_by(lifeline, letter, "udp6") for letter in "jk"}
        for space, device in ((network.sw, "br0"), (network.ctl, "eth0")):
            space.ip("-6", "neigh", "flush", "dev", device)
        self.asked_again(lifeline)
        for letter, count in before.items():
            self.assertGreater(self.packets_by(lifeline, letter, "udp6"), count, letter)
        session.echo()
        self.assertEqual(len(controller.sessions), 1)
