"""The configuration changes while the switch runs: SIGHUP and lifelinectl reload."""

import os
import signal

from lab import case, openflow, process, switch


class Reload(case.LabTest):
    def test_what_can_change_changes_and_an_unchanged_session_stays(self):
        self.net = self.network(1)
        first = openflow.Controller(self.net.ctl).start()
        second = openflow.Controller(self.net.ctl, port=6654).start()
        self.lifeline = self.watch(self.net.make_switch()).start()
        self.net.address_local(self.lifeline, "static")
        session = first.session()
        config = self.lifeline.config
        printed = process.run([switch.binary("lifeline"), "--config", self.lifeline.config_path, "--print-config"]).stdout
        self.assertIn("inactivity_probe_s: ", printed)  # also what the file leaves out
        self.assertIn("effective configuration:\n" + printed, self.lifeline.process.log())

        # A wrong file: all its errors with their places, and nothing has changed.
        config["controllers"] = [self.net.target(6654)]
        config["log_level"] = "loud"
        config["nonsense"] = 1
        self.lifeline.allow(r"ERROR app: ")
        self.lifeline.write_config()
        refused = self.lifeline.ctl("reload", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, r"lifeline\.yaml:\d+:\d+: .*loud")
        self.assertRegex(refused.stderr, r"lifeline\.yaml:\d+:\d+: .*nonsense")
        self.assertEqual([r["target"] for r in self.lifeline.status()["remotes"]], [self.net.target()])

        # Nor has a file that was not written to its end, or a pipe in its place.
        open(self.lifeline.config_path, "w", encoding="utf-8").close()
        self.assertIn("is empty", self.lifeline.ctl("reload", check=False).stderr)
        os.unlink(self.lifeline.config_path)
        os.mkfifo(self.lifeline.config_path)
        self.assertIn("is empty", self.lifeline.ctl("reload", check=False).stderr)
        os.unlink(self.lifeline.config_path)
        session.echo()

        # One more controller, found by its hidden rules; what needs a restart is named.
        del config["nonsense"]
        config["log_level"] = "debug"
        # The first has another probe interval from now on: its session takes that over.
        config["controllers"] = [{"address": self.net.target(), "inactivity_probe_s": 30}, self.net.target(6654)]
        config["in_band"] = {"relay_arp": True}
        config["fail_mode"] = "standalone"
        config["sizes"] = {"fdb": 4096, "flows": 2}
        config["listen"] = [self.lifeline.mgmt, "ptcp:6655:127.0.0.1"]
        self.lifeline.allow(r"WARN app: reload: these need a restart: sizes\.fdb$", r"WARN ofagent: ")
        self.lifeline.write_config()
        answer = self.lifeline.ctl_json("reload")
        self.assertEqual(answer["changed"],
                         ["controllers", "in_band", "fail_mode", "listen", "sizes.flows", "log_level"])
        self.assertEqual(answer["restart"], ["sizes.fdb"])
        other = second.session()
        other.echo()
        session.echo()
        self.assertEqual(len(first.sessions), 1)
        self.assertEqual(self.lifeline.status()["fail_mode"], "standalone")
        self.assertEqual(self.lifeline.ctl_json("log")["level"], "DEBUG")
        self.assertIn("OFPST_DESC", self.net.sw.run("ovs-ofctl", "dump-desc", "tcp:127.0.0.1:6655").stdout)
        self.assertFalse(os.path.exists(f"{self.lifeline.run_dir}/br0.snoop"))
        for port in (1, 2):
            self.lifeline.ofctl("add-flow", f"in_port={port},actions=drop")
        third = self.lifeline.ofctl("add-flow", "in_port=3,actions=drop", check=False)
        self.assertIn("TABLE", third.stderr.upper())
        self.assertIn("FULL", third.stderr.upper())

        # The first goes, by signal. The second does not notice.
        config["controllers"] = [self.net.target(6654)]
        self.lifeline.write_config()
        self.lifeline.process.send_signal(signal.SIGHUP)
        self.lab.until(lambda: [r["target"] for r in self.lifeline.status()["remotes"]] == [self.net.target(6654)],
                       "only the second controller is left")
        other.echo()
        self.assertEqual(len(second.sessions), 1)
        self.assertFalse([r for r in self.lifeline.hidden_rules() if "tcp:10.0.0.1:6653" in r["why"]])
        self.assertIn("changed: nothing", self.lifeline.ctl("reload").stdout)

    def test_a_port_that_a_reload_adds_goes_to_the_lcore_that_it_is_given_and_others_stay(self):
        sw, left, right = (self.lab.namespace("sw"), self.lab.host("h1", "10.7.0.1/24"),
                           self.lab.host("h2", "10.7.0.2/24"))
        for device, host in (("p1", left), ("p2", right)):
            self.lab.wire(sw, device, host, "eth0")
            host.configure()
        lifeline = self.watch(TwoWorkers(self.lab, sw, [], []))
        ports = [{"name": f"p{n}", "device": f"net_af_packet{n},iface=p{n}", "number": n} for n in (1, 2)]
        lifeline.config.update({"ports": ports[:1], "workers": [{"lcore": 1, "ports": ["p1"]}, {"lcore": 2}]})
        lifeline.start()
        lifeline.ofctl("add-flow", "actions=NORMAL")
        lifeline.config.update({"ports": ports, "workers": [{"lcore": 1, "ports": ["p2"]},
                                                            {"lcore": 2, "ports": ["p1"]}]})
        lifeline.allow(r"WARN app: reload: these need a restart: workers\[\]\.ports \(p1 stays where it is\)$")
        lifeline.write_config()
        answer = lifeline.ctl_json("reload")
        self.assertEqual(answer["changed"], ["workers[].ports", "ports[p2]"])
        self.assertEqual(answer["restart"], ["workers[].ports (p1 stays where it is)"])
        self.lab.until(lambda: left.ping("10.7.0.2"), "the port that is new forwards")
        # p2 is given to lcore 1, where p1 stays: none is polled by lcore 2.
        pings = left.start("ping", "ping", "-n", "-q", "-i", "0.01", "10.7.0.2", must_live=False)
        seen = lambda: [worker["rx_packets_per_s"] for worker in
                        lifeline.ctl_json("perf", "--interval", "0.2")["workers"]]
        self.lab.until(lambda: seen()[1] > 20, "its lcore sees the packets")
        self.assertEqual(seen()[2], 0)
        pings.kill()


class TwoWorkers(switch.Switch):
    def eal_arguments(self):
        where = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        return [f"--lcores=0@({where}),1@({where}),2@({where})" if a.startswith("--lcores=") else a
                for a in super().eal_arguments()]
