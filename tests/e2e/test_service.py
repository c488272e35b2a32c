"""The switch as a service: what it tells systemd, and who may run beside it."""

import os
import signal
import socket

from lab import case, openflow, process, switch


class Service(case.LabTest):
    def notify_socket(self):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(self.lab.path("notify"))
        listener.settimeout(20)
        self.addCleanup(listener.close)
        return listener

    def await_state(self, listener, wanted):
        """Reads notifications up to the one with the line `wanted`; returns all that came."""
        seen = []
        while not seen or wanted not in seen[-1].splitlines():
            seen.append(listener.recv(4096).decode())
        return seen

    def test_systemd_is_told_when_it_is_ready_alive_reloads_and_stops(self):
        self.net = self.network(1)
        listener = self.notify_socket()
        lifeline = self.watch(self.net.make_switch())
        lifeline.environment.update(NOTIFY_SOCKET=self.lab.path("notify"), WATCHDOG_USEC="2000000")
        lifeline.start()
        first = self.await_state(listener, "READY=1")
        self.assertEqual(len(first), 1, first)
        self.assertIn("STATUS=", first[0])
        self.await_state(listener, "WATCHDOG=1")
        self.await_state(listener, "WATCHDOG=1")
        lifeline.process.send_signal(signal.SIGHUP)
        self.await_state(listener, "RELOADING=1")
        self.await_state(listener, "READY=1")
        lifeline.stop()
        self.await_state(listener, "STOPPING=1")

    def test_under_the_journal_lines_carry_their_priority(self):
        self.net = self.network(1)
        lifeline = self.watch(self.net.make_switch())
        log = self.lab.path("journal.log")
        with open(log, "wb") as file:
            where = os.fstat(file.fileno())
            lifeline.write_config()
            argv = ["ip", "netns", "exec", "sw", *lifeline.argv()]
            environment = {"JOURNAL_STREAM": f"{where.st_dev}:{where.st_ino}"}
            started = process.Process("journal", argv, log, env=environment)
        self.lab.processes.append(started)
        started.wait_log(r"^<6>app: bridge br0: ")
        self.assertEqual(started.stop(), 0)
        self.assertNotRegex(started.log(), r"(?m)^\d{4}-\d\d-\d\dT")

    def test_no_second_switch_takes_the_bridge_or_the_local_port(self):
        self.net = self.network(1)
        controller = openflow.Controller(self.net.ctl).start()
        lifeline = self.watch(self.net.make_switch()).start()
        self.net.address_local(lifeline, "static")
        session = controller.session()
        # The same run_dir, and another one with the same local port.
        for name in ("", "2"):
            other = switch.Switch(self.lab, self.net.sw, [], [], name=name)
            if name:
                other.write_config()
            argv = ["--file-prefix=lab2" if a.startswith("--file-prefix") else a for a in other.argv()]
            refused = process.run(["ip", "netns", "exec", "sw", *argv], check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertRegex(refused.stderr, rf"pid {lifeline.process.pid}\b.*bridge br0")
        session.echo()
