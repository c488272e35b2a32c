"""Controllers and routes that differ along a chain of switches.

    ctl  10.0.0.1 ------------------p1--+
    ctl2 10.9.0.2 --- gw2 10.0.0.9 --p4--+ sw (br0 10.0.0.2) --p5--- sw2 (br0 10.0.0.3)

sw's controller is ctl, on its own subnet; sw2's is ctl2, by a gateway that sw does not use itself. Both switches are
secure, and each controller installs a rule that drops everything.
"""

from lab import case, openflow, peers, switch, topology


class DifferingRemotes(case.LabTest):
    def build(self):
        net = self.net = topology.Network(self.lab, 3)
        gw2 = peers.router(self.lab, "gw2")
        ctl2 = self.lab.host("ctl2", "10.9.0.2/24")
        self.lab.wire(net.sw, "p4", gw2, "eth0")
        self.lab.wire(gw2, "eth1", ctl2, "eth0")
        net.ports.append("p4")
        gw2.ip("addr", "add", "10.0.0.9/24", "dev", "eth0")
        gw2.ip("addr", "add", "10.9.0.1/24", "dev", "eth1")
        ctl2.configure()
        ctl2.ip("route", "add", "default", "via", "10.9.0.1")
        self.gw2 = gw2
        self.first = openflow.Controller(net.ctl).start()
        self.second = openflow.Controller(ctl2).start()

    def test_controllers_and_routes_that_differ_along_a_chain(self):
        self.build()
        net = self.net
        sw = self.watch(net.make_switch(config={"in_band": {"relay_arp": True, "also_reach": ["10.9.0.2:6653"]}}))
        sw.start()
        net.address_local(sw, "static")
        session = self.first.session()
        session.drop_everything()
        sw2 = self.watch(switch.Switch(self.lab, net.sw2, ["p1"], ["tcp:10.9.0.2:6653"], name="2", config={
            "local": {"mac": "02:00:00:00:00:02"}, "inactivity_probe_s": 1}))
        sw2.start()
        sw2.local_static("10.0.0.3/24", "10.0.0.9")
        # sw lets the session through, but not the question for a gateway that it does not know.
        roles = {r["target"]: r["role"] for r in sw.ctl_json("remotes")["remotes"]}
        self.assertEqual(roles, {"tcp:10.0.0.1:6653": "controller", "also_reach:10.9.0.2:6653": "also reach"})
        self.assertIn("nw_dst=10.9.0.2", str([r["match"] for r in sw.hidden_rules() if r["letter"] == "h"]))
        self.assertFalse(self.second.sessions)

        done = sw.ctl("remote", "add", "--next-hop", "10.0.0.9").stdout
        self.assertIn("until the switch stops", done)
        behind = self.second.session()
        behind.drop_everything()
        behind.echo()
        self.assertTrue(behind.peer.startswith("10.0.0.3:"), behind.peer)
        self.assertIn("next hop", sw.ctl("remotes").stdout)

        # The gateway of the other is followed as our own is.
        self.gw2.set_mac("02:aa:bb:cc:dd:09", announce=True)
        self.lab.until(lambda: "02:aa:bb:cc:dd:09" in str(sw.hidden_rules()), "(d) and (e) follow the gateway's MAC")
        behind.echo(12)
        session.echo()

        self.operator(sw)
        session.echo(12)

    def operator(self, sw):
        """What comes by hand goes by hand, and nothing else does."""
        def refused(*words):
            result = sw.ctl(*words, check=False)
            self.assertEqual(result.returncode, 1, result.stdout)
            return result.stderr
        self.assertIn("there already", refused("remote", "add", "--next-hop", "10.0.0.9"))
        self.assertIn("comes from the configuration", refused("remote", "del", "10.9.0.2"))
        self.assertIn("there is no also_reach:10.9.0.3:6653", refused("remote", "del", "10.9.0.3"))
        self.assertIn("without protocol", refused("remote", "add", "tcp:10.9.0.3"))
        sw.ctl("remote", "add", "[2001:db8::7]:6633")
        self.lab.until(lambda: set("tuvw") <= set(sw.hidden_letters()), "the rules of an IPv6 remote stand")
        sw.ctl("remote", "del", "[2001:db8::7]:6633")
        sw.ctl("remote", "del", "--next-hop", "10.0.0.9")
        self.lab.until(lambda: sw.hidden_letters() == "abcddeeffgghhii", "only the configured ones are left")

        sw.ctl("in-band", "off")
        self.lab.until(lambda: not sw.hidden_rules(), "no hidden rule stands")
        self.assertEqual(sw.status()["in_band"], "off")
        sw.ctl("in-band", "on")
        self.lab.until(lambda: sw.hidden_letters() == "abcddeeffgghhii", "all stand again")
