"""Exit statuses as the man pages have them: service managers and scripts act on them."""

import os
import re

from lab import case, process, switch

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def documented(page):
    """The numbers under EXIT STATUS."""
    with open(os.path.join(ROOT, "app", "man", page), encoding="utf-8") as file:
        section = file.read().partition("# EXIT STATUS")[2].partition("\n# ")[0]
    return [int(n) for n in re.findall(r"^\*(\d+)\*$", section, re.MULTILINE)]


class ExitStatus(case.LabTest):
    def expect(self, status, *argv, says=""):
        result = process.run([*map(str, argv)], check=False)
        self.assertEqual(result.returncode, status, f"{argv}\n{result.stdout}{result.stderr}")
        self.assertIn(says, result.stdout + result.stderr, argv)

    def test_of_lifeline(self):
        self.assertEqual(documented("lifeline.8.scd"), [0, 1, 2])
        program = switch.binary("lifeline")
        good, wrong = self.lab.path("good.yaml"), self.lab.path("wrong.yaml")
        for path, text in ((good, "bridge: x\nrun_dir: " + self.lab.path("run")), (wrong, "brige: x\n")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        eal = ["--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "64", "--file-prefix=exit"]
        for arguments in (["--version"], ["--help"], ["--config", good, "--check-config"],
                          ["--config", good, "--print-config"]):
            self.expect(0, program, *arguments)
        # Could not start: the configuration, EAL, too few lcores.
        self.expect(1, program, "--config", wrong, "--check-config", says="wrong.yaml:1:1: ")
        self.expect(1, program, *eal, "--", "--config", wrong, says="wrong.yaml:1:1: ")
        self.expect(1, program, *eal, "--", "--config", self.lab.path("none"), says="cannot be opened")
        self.expect(1, program, *eal, "--nonsense", "--", "--config", good, says="EAL does not start")
        self.expect(1, program, *eal, "--lcores", "0@0", "--", "--config", good, says="one lcore is too few")
        with open(good, "a", encoding="utf-8") as file:
            file.write("\nworkers: [{lcore: 7}]\n")
        self.expect(1, program, *eal, "--lcores", "0@0,1@0", "--", "--config", good,
                    says="lcore 7 is none of EAL's worker lcores (1)")
        # The command line.
        for arguments in (["--nonsense"], ["--config"], ["word"]):
            self.expect(2, program, *eal, "--", *arguments)

    def test_of_lifeline_that_a_signal_stops_and_of_lifelinectl(self):
        self.assertEqual(documented("lifelinectl.1.scd"), [0, 1, 2])
        control, folder = switch.binary("lifelinectl"), ["--run-dir", self.lab.path("run")]
        self.expect(1, control, *folder, "status", says="run")
        self.net = self.network(1)
        lifeline = self.net.make_switch().start()
        self.expect(0, control, *folder, "status")
        self.expect(1, control, *folder, "trace", "nosuchport", "tcp", says="nosuchport")
        self.expect(2, control, *folder, "nonsense")
        self.assertEqual(lifeline.process.stop(), 0)

    def test_of_setup_host(self):
        self.assertEqual(documented("lifeline-setup-host.8.scd"), [0, 1, 2])
        program, root = os.path.join(ROOT, "scripts", "setup-host"), ["--root", self.lab.path("empty"), "--dry-run"]
        self.expect(0, program, *root, "--undo", says="nothing to undo")
        self.expect(1, program, *root, "0000:03:00.0", says="no such PCI device")
        self.expect(2, program, *root, "--undo", "0000:03:00.0", says="gives all back")
