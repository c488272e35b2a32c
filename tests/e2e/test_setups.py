"""The six set-ups of lab/topology.py. Each test brings one up, once, and lets one disturbance after the other loose
on it (`disturb`: the same list in each), on top of a rule that drops everything: the OpenFlow session has to stay (the
same TCP connection, which answers an echo), or to be back within a stated time where its cause ended it."""

import time

from lab import case, openflow, peers, topology, wait

GATEWAY_MAC = "02:aa:bb:cc:dd:%02x"
FLOWS = 40  # the most that the table holds in these tests

# What a controller may try against the control connection: each is installed at priority 65535.
TRICKS = ("in_port=LOCAL,actions=mod_dl_src:02:00:00:00:66:66,NORMAL",
          "in_port=LOCAL,actions=mod_vlan_vid:7,NORMAL",
          "tcp,tp_dst=6653,actions=mod_tp_dst:1,NORMAL",
          "tcp,tp_src=6653,actions=mod_nw_dst:10.0.0.99,LOCAL",
          "arp,actions=mod_dl_dst:02:00:00:00:66:66,output:2",
          "dl_vlan=0xffff,actions=mod_vlan_vid:9,in_port")


class SetUp(case.LabTest):
    def bring_up(self, setup, how="static", network=None, **kwargs):
        """Secure, with an empty table."""
        self.net = network or topology.Network(self.lab, setup, spare=True)
        self.client, self.behind = None, []
        self.controller = openflow.Controller(self.net.ctl).start()
        config = {"sizes": {"flows": FLOWS}, "inactivity_probe_s": 1, **kwargs.pop("config", {})}
        if how != "static":
            self.require(how, "dnsmasq")
            self.dhcp_server = self.net.serve_dhcp()
        self.lifeline = self.watch(self.net.make_switch(config=config, **kwargs)).start()
        self.lifeline.allow(r"WARN inband: local port: device (br0|mgmt0) went away; ")
        self.net.address_local(self.lifeline, how)
        if how != "static":
            self.client = self.lab.processes[-1]
        self.session = self.controller.session()
        self.known, self.mark = 1, 0
        self.stays("bring-up")
        self.all_rules()

    def from_lease_to_static(self):
        self.client.stop()
        self.net.sw.ip("addr", "flush", "dev", "br0")
        self.net.address_local(self.lifeline, "static")
        self.back("from a lease to a static address", 6)

    def letters(self, lifeline=None):
        return "".join(sorted(set((lifeline or self.lifeline).hidden_letters())))

    def all_rules(self):
        self.lab.until(lambda: self.letters() == "abcdefghi", "rules (a) to (i) stand")

    def stays(self, what, timeout=5.0):
        """The same session, alive."""
        print(f"{time.monotonic() - self.lab.started:5.1f} s  {what}")  # shown when the test fails
        self.session.echo(timeout)
        remote = self.lifeline.remote()
        self.assertEqual(remote["state"], "connected", what)
        self.assertEqual(remote["connections"], self.known, f"{what}: the switch connected again")
        self.mark = len(self.controller.sessions)

    def back(self, what, within_s):
        """Another session, alive, within so many seconds of now."""
        print(f"{time.monotonic() - self.lab.started:5.1f} s  {what}")

        def newest():
            ready = [s for s in self.controller.sessions[self.mark:] if s.ready.is_set() and not s.closed.is_set()
                     and s is not self.session and s.datapath_id == self.session.datapath_id]
            return ready[-1] if ready else None
        self.session = self.lab.until(newest, f"{what}: the session is back", within_s, 0.005)
        self.session.echo()
        self.lab.until(self.lifeline.connected, f"{what}: the status says connected")
        self.known = self.lifeline.remote()["connections"]
        self.mark = len(self.controller.sessions)

    # Disturbances ---------------------------------------------------------------------------------

    def disturb(self):
        """The whole list. Sessions of switches behind this one do not notice what happens to its own."""
        steps = [self.by_the_controller, self.next_hop_mac_changes, self.those_behind_forget]
        steps += [self.from_lease_to_static] if self.client else []
        steps += [self.local_interface_down_and_up, self.local_interface_renamed, self.local_interface_deleted,
                  self.moves, self.nothing_lost, self.local_address_changes]
        known = [1] * len(self.behind)
        for step in steps:
            step()
            if step == self.next_hop_mac_changes:
                self.behind = [(lifeline, self.heard_again(session)) for lifeline, session in self.behind]
                known = [lifeline.remote()["connections"] for lifeline, _ in self.behind]
                self.assertLessEqual(max(known, default=1), 2)
                continue
            for (lifeline, session), connections in zip(self.behind, known):
                session.echo(12)
                self.assertEqual(lifeline.remote()["connections"], connections, step.__name__)
        self.restarts()

    def heard_again(self, session):
        """Their next hop's MAC has changed, too, and of the silent change only silence tells. TCP may then wait as long
        again before it repeats, and that is when the inactivity probe ends the session: it may be another."""
        def answers():
            alive = [s for s in self.controller.sessions
                     if s.ready.is_set() and not s.closed.is_set() and s.datapath_id == session.datapath_id]
            try:
                alive[-1].echo(12)
                return alive[-1]
            except (IndexError, openflow.Closed):
                return None
        return self.lab.until(answers, "an echo through the next hop's new MAC", 12)

    def by_the_controller(self):
        """All that OpenFlow can do. Ends with a rule of priority 65535 that drops everything."""
        net, lifeline = self.net, self.lifeline
        for number, trick in enumerate(TRICKS):
            lifeline.ofctl("add-flow", f"priority=65535,cookie={number},{trick}")
            self.stays(trick)
        self.session.delete_flows()
        self.stays("del-flows")
        rules = "".join(f"priority={n + 1},ip,nw_dst=10.66.0.{n + 1},actions=drop\n" for n in range(FLOWS))
        path = self.lab.path("full.flows")
        with open(path, "w", encoding="utf-8") as file:
            file.write(rules)
        lifeline.ofctl("add-flows", path)
        refused = lifeline.ofctl("add-flow", "priority=9,ip,nw_dst=10.66.1.1,actions=drop", check=False)
        self.assertIn("FULL", refused.stdout + refused.stderr)
        for space, device in ((net.sw, "br0"), (net.uplink, "eth0")):
            space.ip("neigh", "flush", "dev", device)
        self.stays("a full table")
        self.assertEqual(self.letters(lifeline), "abcdefghi")
        self.session.send(9, b"\x00\x01\xff\xff")  # SET_CONFIG, fragments: drop
        self.session.barrier()
        self.stays("fragments dropped")
        ports = self.session.ports()
        everything = sum(openflow.PORT_FLAGS[openflow.V13])
        for number in ports:
            self.session.port_mod(number, everything, everything)
        self.stays("every flag on every port")
        for number in ports:
            self.session.port_mod(number, 0, everything)
        self.session.bundle([(openflow.FLOW_MOD, self.session.flow_mod_delete_all()),
                             (openflow.FLOW_MOD, self.session.flow_mod_drop_all())])
        self.stays("a bundle that replaces everything by a drop-all of priority 65535")
        flows = lifeline.ofctl("dump-flows").stdout
        self.assertEqual(flows.count("priority="), 1, flows)
        self.assertIn("priority=65535 actions=drop", flows)

    def next_hop_mac_changes(self):
        for announce in (True, False):
            mac = GATEWAY_MAC % (1 + announce)
            self.net.uplink.set_mac(mac, "eth0", announce)
            if self.net.setup == 6 and not announce:
                # The guest has the same gateway; how soon it misses it is not ours to mend.
                self.net.ctl.ip("neigh", "flush", "dev", "eth0")
            # Silent: one probe interval until an echo is missed, then the kernel asks (three times, 1 s apart).
            self.stays(f"the next hop's MAC changes, announced: {announce}", 5 if announce else 12)
            self.lab.until(lambda: self.lifeline.remote()["next_hop"]["mac"] == mac, "its new MAC is known", 12)
            rules = [r for r in self.lifeline.hidden_rules() if r["letter"] in "de"]
            stale = [r["match"] for r in rules if mac not in r["match"] and "arp_tpa" not in r["match"]]
            self.assertEqual(stale, [])
            self.assertEqual({r["letter"] for r in rules if mac in r["match"]}, {"d", "e"})

    def those_behind_forget(self):
        """They resolve their way anew: (d) to (g) of the switch in between let them."""
        for lifeline, _ in self.behind:
            lifeline.space.ip("neigh", "flush", "dev", "br0")
        if self.net.setup == 6:
            # So do the guest and its gateway.
            for space in (self.net.ctl, self.net.uplink):
                space.ip("neigh", "flush", "dev", "eth0")
            self.stays("the guest forgets its gateway")

    def local_down(self, device="br0"):
        sw = self.net.sw
        sw.ip("link", "set", "dev", device, "down")
        self.lab.until(lambda: "LOWER_UP" not in sw.ip("-o", "link", "show", "dev", device).stdout, "it is down")
        self.assertEqual(set("fghi") - set(self.lifeline.hidden_letters()), set(), "(f) to (i) need no route")

    def local_up(self, device="br0"):
        """Its address has stayed; the routes went."""
        self.net.sw.ip("link", "set", "dev", device, "up")
        if self.net.gateway:
            self.net.sw.ip("route", "replace", "default", "via", self.net.gateway)

    def local_interface_down_and_up(self):
        self.local_down()
        self.local_up()
        # TCP's own retry: 200 ms, doubled each time.
        self.stays("the local interface down and up", 10)
        self.all_rules()

    def local_interface_renamed(self):
        for old, new in (("br0", "mgmt0"), ("mgmt0", "br0")):
            self.local_down(old)
            self.net.sw.ip("link", "set", "dev", old, "name", new)
            self.local_up(new)
            self.stays(f"{old} renamed to {new}", 10)
            self.lab.until(lambda name=new: self.lifeline.status()["local"]["name"] == name, "the new name is known")
            self.assertEqual(self.lifeline.remote()["next_hop"]["device"], new)
            self.all_rules()

    def local_interface_deleted(self):
        sw = self.net.sw
        index = sw.ifindex("br0")
        sw.ip("link", "del", "br0")
        self.lab.until(lambda: sw.ifindex("br0") not in (None, index), "the switch makes br0 again")
        self.net.address_local(self.lifeline, "static")
        # The address is the same again before TCP gives up.
        self.stays("the local interface deleted, and made again", 15)
        self.all_rules()

    def moves(self):
        """The box behind p1 is plugged in at p4."""
        if self.net.setup == 6:
            self.net.move(self.net.ctl, ["10.5.0.2/24"], "10.5.0.1")
        else:
            self.net.move(self.net.ctl if self.net.setup == 5 else self.net.uplink, ["10.0.0.1/24"])
        self.stays("the remote, or its gateway, moves to another port", 10)

    def local_address_changes(self):
        sw = self.net.sw
        sw.ip("addr", "flush", "dev", "br0")
        sw.ip("addr", "add", "10.0.0.77/24", "dev", "br0")
        # The routes went with the old address.
        if self.net.gateway:
            sw.ip("route", "replace", "default", "via", self.net.gateway)
        # Not by silence, which takes two probe intervals: the session's address is gone, and that is known.
        self.back("the local address changed", 1.5)
        self.assertRegex(self.lifeline.process.log(), r"connection lost: the local address 10\.0\.0\.\d+ is gone")
        self.assertTrue(self.session.peer.startswith("10.0.0.77:"), self.session.peer)

    def restarts(self):
        self.controller.stop()
        self.lab.until(lambda: not self.lifeline.connected(), "the switch sees the session end")
        self.assertEqual(self.letters(), "abcdefghi")
        self.controller.start()
        self.back("the controller restarts", 2)
        flows = self.lifeline.ofctl("dump-flows").stdout
        self.assertIn("priority=65535", flows, "secure: the flows stay")
        self.lifeline.stop()
        self.lifeline.start()
        # br0 has kept its addresses and routes.
        self.back("the switch restarts", 3)
        self.all_rules()

    def nothing_lost(self):
        """No control packet was dropped where none may be."""
        drops = {d["name"]: d["count"] for d in self.lifeline.ctl_json("stats")["drops"]}
        for name in ("inband_ring_full", "inband_metered", "tx_full", "no_buffer", "handoff_full"):
            self.assertEqual(drops[name], 0, name)

    def switch_behind(self, number, prefix):
        """Another lifeline that reaches the controller through this one; its session."""
        known = len(self.controller.sessions)
        behind = self.watch(self.net.make_switch_behind(number)).start()
        if prefix == "dhclient":
            device = behind.local_up()
            peers.DHCP_CLIENTS[prefix](behind.space, device)
            address = self.lab.until(lambda: behind.space.address(device), "a lease through the switch before it", 20)
        else:
            address = behind.local_static(prefix, self.net.gateway)
        session = self.controller.session(after=known)
        self.assertTrue(session.peer.startswith(address + ":"), session.peer)
        session.echo()
        return behind, session

    def chain(self, setup, numbers, how, addresses=(topology.SECOND_PREFIX, topology.THIRD_PREFIX)):
        """The switch, and one or two behind it."""
        in_band = {"relay_arp": True}
        if "dhclient" in addresses:
            self.require("dhclient")
            in_band["relay_dhcp"] = [f"02:00:00:00:00:0{n}" for n in numbers]
        self.bring_up(setup, how, config={"in_band": in_band})
        self.behind = [self.switch_behind(n, p) for n, p in zip(numbers, addresses)]
        for lifeline, session in self.behind:
            # Each drops everything that it may: what passes, passes by hidden rules.
            session.drop_everything()
            self.assertEqual(self.letters(lifeline), "abcdefghi")
        self.disturb()
        for lifeline, session in self.behind:
            if session.closed.is_set():
                self.lab.until(lifeline.connected, "the session behind is back", 6)
        if len(self.behind) == 2:
            # The one in the middle goes and comes back; the last is its guest.
            self.behind[0][0].kill()
            self.behind[0][0].start()
            for lifeline, _ in self.behind:
                self.lab.until(lifeline.connected, "the chain is whole again", 8)
            wait.until(lambda: len([s for s in self.controller.sessions if not s.closed.is_set()]) >= 3,
                       "three sessions", 8)


class SetUps(SetUp):
    def test_1_on_the_local_subnet(self):
        self.bring_up(1)
        self.disturb()

    def test_2_behind_a_gateway(self):
        self.bring_up(2, "udhcpc")
        self.disturb()

    def test_2_two_gateways_and_then_another(self):
        network = topology.Network(self.lab, 2)
        second = network.add_gateway()
        self.bring_up(2, network=network)
        self.session.drop_everything()
        macs = (network.uplink.mac("eth0"), second.mac("eth0"))
        network.sw.ip("route", "replace", "default", "nexthop", "via", "10.0.0.1", "nexthop", "via", "10.0.0.9")
        self.stays("two gateways at once (ECMP)")

        def both():
            rules = self.lifeline.hidden_rules()
            return all(any(r["letter"] == letter and mac in r["match"] for r in rules) for letter in "de" for mac in macs)
        self.lab.until(both, "(d) and (e) stand for both gateways")
        network.sw.ip("route", "replace", "default", "via", "10.0.0.9")
        self.lab.until(lambda: self.lifeline.remote()["next_hop"]["ip"] == "10.0.0.9", "the other is the next hop")
        network.ctl.ip("route", "replace", "default", "via", "10.8.0.1")
        network.uplink.ip("link", "set", "dev", "eth0", "down")
        self.stays("another gateway, and the first is gone", 10)
        self.nothing_lost()
        network.gateway = "10.0.0.9"
        self.local_address_changes()

    def test_3_between_two_switches_and_the_controller(self):
        self.chain(3, (2, 3), "dhclient")

    def test_4_between_another_switch_and_the_gateway(self):
        self.chain(4, (2,), "udhcpc", ("dhclient",))

    def test_4_dhcp_of_the_switch_behind_passes_and_that_of_a_host_does_not(self):
        self.require("dhclient", "udhcpc")
        self.bring_up(4, "dhclient", config={"in_band": {"relay_arp": True, "relay_dhcp": ["02:00:00:00:00:02"]}})
        self.session.drop_everything()
        stranger = self.net.h1.mac("eth0")
        peers.udhcpc(self.net.h1, "eth0")
        known = len(self.controller.sessions)
        behind = self.watch(self.net.make_switch_behind(2)).start()
        device = behind.local_up()
        peers.udhcpc(self.net.sw2, device)
        address = self.lab.until(lambda: self.net.sw2.address(device), "the switch behind has its lease", 20)
        session = self.controller.session(after=known)
        self.assertEqual(session.peer.rsplit(":", 1)[0], address.split("/")[0])
        session.drop_everything()
        session.echo()
        counters = {c["name"]: c["count"] for c in self.lifeline.ctl_json("stats")["events"]}
        self.assertGreaterEqual(counters["relayed"], 4, "discover, offer, request, ack")
        served = self.dhcp_server.log()
        self.assertIn(behind.config["local"]["mac"], served)
        self.assertNotIn(stranger, served)
        self.stays("a switch behind with a lease")

    def test_5_controller_on_a_guest_of_this_host(self):
        self.chain(5, (2,), "dhclient")

    def test_6_controller_on_a_guest_network_without_an_address_of_ours(self):
        self.bring_up(6, "dhclient")
        self.disturb()
