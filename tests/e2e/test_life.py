"""Starting, stopping, dying and coming back."""

import os
import signal

from lab import case, openflow, process, switch


class Life(case.LabTest):
    def bring_up(self, **kwargs):
        self.net = self.network(1)
        self.controller = openflow.Controller(self.net.ctl).start()
        self.lifeline = self.watch(self.net.make_switch(**kwargs)).start()
        self.net.address_local(self.lifeline, "static")
        return self.controller.session()

    def come_back(self, first):
        """Starts the switch again; it has to be the same switch to its controller."""
        known = len(self.controller.sessions)
        self.lifeline.start()
        self.net.address_local(self.lifeline, "static")
        session = self.controller.session(after=known)
        self.assertEqual(session.datapath_id, first.datapath_id)
        session.echo()
        return session

    def test_sigterm_ends_in_order_and_the_next_start_works(self):
        first = self.bring_up()
        mac = self.net.sw.mac("br0")
        self.lifeline.stop()
        self.lab.until(first.closed.is_set, "the controller sees the session end")
        # The local port stays, with its address: a restart must not take the host's network away.
        self.assertTrue(self.net.sw.has_device("br0"))
        self.assertFalse(os.path.exists(self.lifeline.mgmt.removeprefix("unix:")))
        self.come_back(first)
        self.assertEqual(self.net.sw.mac("br0"), mac)

    def test_sigint_ends_in_order(self):
        self.bring_up()
        self.assertEqual(self.lifeline.process.stop(signal.SIGINT), 0)
        self.assertEqual(self.lifeline.unexpected_log(), [])

    def test_kill_9_leaves_nothing_that_stops_the_next_start(self):
        """LAB_ROUNDS: how often, for a long run by hand."""
        first = self.bring_up()
        for _ in range(int(os.environ.get("LAB_ROUNDS", "3"))):
            self.lifeline.kill()
            first = self.come_back(first)

    def test_the_local_port_renamed_is_followed(self):
        self.bring_up().echo()
        self.net.sw.ip("link", "set", "dev", "br0", "down")
        self.net.sw.ip("link", "set", "dev", "br0", "name", "mgmt0")
        self.net.sw.ip("link", "set", "dev", "mgmt0", "up")
        self.lab.until(lambda: self.lifeline.status()["local"]["name"] == "mgmt0", "the new name is known")
        self.lab.until(self.lifeline.connected, "the session is up", 15)
        self.assertEqual(self.lifeline.hidden_letters(), "abcdefghi")

    def test_the_local_port_deleted_is_made_again_and_costs_no_busy_loop(self):
        first = self.bring_up(allow=(r"WARN inband: ",))
        mac = self.net.sw.mac("br0")
        self.net.sw.ip("link", "del", "br0")
        self.lab.until(lambda: self.net.sw.has_device("br0"), "the local port is there again")
        self.net.address_local(self.lifeline, "static")
        self.assertEqual(self.net.sw.mac("br0"), mac)
        # The address is the same again before TCP gives up: it is the same session.
        first.echo(timeout=15)
        self.lab.until(lambda: self.lifeline.hidden_letters() == "abcdefghi", "all hidden rules stand")
        # A loop that spins makes some 100 000 turns a second, one that sleeps a few hundred.
        turns = self.lifeline.ctl_json("stats")["control"]["turns"]
        self.assertTrue(self.net.h1.run("ping", "-n", "-q", "-c", "1", "-W", "1", "10.7.0.200", check=False))
        self.assertLess(self.lifeline.ctl_json("stats")["control"]["turns"] - turns, 20000)

    def test_a_controller_restart_keeps_the_hidden_rules_and_brings_a_new_session(self):
        self.bring_up(allow=(r"WARN control: ",))
        for _ in range(3):
            known = len(self.controller.sessions)
            self.controller.stop()
            self.lab.until(lambda: not self.lifeline.connected(), "the switch sees the session end")
            self.assertEqual(self.lifeline.hidden_letters(), "abcdefghi")
            self.controller.start()
            session = self.controller.session(after=known)
            session.echo()
            # Back-off is capped at one second.
            self.assertLess(session.ready_at - self.controller.listening_at, 2.5)

    def test_a_second_instance_says_who_holds_the_bridge_and_the_first_lives(self):
        session = self.bring_up()
        argv = [a if not a.startswith("--file-prefix") else "--file-prefix=lab2"
                for a in self.lifeline.argv() if not a.startswith("--vdev")]
        second = process.run(["ip", "netns", "exec", "sw", *argv], check=False)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn(str(self.lifeline.process.pid), second.stdout + second.stderr)
        session.echo()

    def test_a_wrong_configuration_is_refused_with_its_place(self):
        self.net = self.network(1)
        lifeline = self.net.make_switch()
        lifeline.write_config()
        with open(lifeline.config_path, "a", encoding="utf-8") as file:
            file.write("fail_mod: secure\n")
        result = process.run(["ip", "netns", "exec", "sw", *lifeline.argv()], check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stdout + result.stderr, r"lifeline\.yaml:\d+:\d+: .*fail_mod")
        self.assertIn("fail_mode", result.stdout + result.stderr)

    def test_a_missing_device_is_named(self):
        self.net = self.network(1)
        lifeline = switch.Switch(self.lab, self.net.sw, ["p1", "nonsuch"], [])
        lifeline.write_config()
        result = process.run(["ip", "netns", "exec", "sw", *lifeline.argv()], check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("nonsuch", result.stdout + result.stderr)
