"""The script for pktgen, which is not in Debian: run by Lua itself against a pktgen and a switch that are simulated."""

import os
import tempfile
import unittest

from lab import process

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "bench", "pktgen", "throughput.lua")

# A switch that forwards LIMIT per cent of the line's 14 880 952 frames of 64 bytes, and no call that pktgen lacks.
SIMULATION = """
local limit, line = tonumber(os.getenv("LIMIT")), 14880952
local rate, milliseconds, sending, sent, received, range = 0, 0, false, 0, 0, {}
pktgen = { range = {} }
for _, name in ipairs({"dst_mac", "src_ip", "dst_ip", "src_port", "dst_port", "pkt_size", "ip_proto"}) do
  pktgen.range[name] = function(port, what, value)
    assert(port == "0")
    range[name .. " " .. what] = value or what
  end
end
function pktgen.set(port, what, value)
  assert(port == "0")
  if what == "rate" then rate = value else assert(what == "count" and value == 0) end
end
function pktgen.set_range(port, on) assert(port == "0" and on == "on") end
function pktgen.clr() sent, received = 0, 0 end
function pktgen.start(port) assert(port == "0"); sending = true end
function pktgen.stop(port) assert(port == "0"); sending = false end
function pktgen.delay(ms)
  if not sending then return end
  sent = sent + line * rate / 100 * ms // 1000
  received = received + line * math.min(rate, limit) / 100 * ms // 1000
end
function pktgen.portStats(port, what)
  assert(what == "port")
  return {[tonumber(port)] = {opackets = math.floor(sent), ipackets = port == "1" and math.floor(received) or 0}}
end
dofile(os.getenv("SCRIPT"))
print("src_ip " .. range["src_ip start"] .. " to " .. range["src_ip max"] .. " by " .. range["src_ip inc"])
"""


class Pktgen(unittest.TestCase):
    def run_script(self, limit, **settings):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
            file.write(SIMULATION)
            file.flush()
            return process.run(["lua5.4", file.name], check=False,
                               env={"SCRIPT": SCRIPT, "LIMIT": str(limit), **settings})

    def test_the_search_finds_the_highest_rate_without_loss(self):
        for limit, found in ((37.5, "37.50 %"), (0.4, "0.3"), (100, "100.00 %")):
            with self.subTest(limit=limit):
                done = self.run_script(limit, FLOWS="100000")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stdout, rf"64 bytes: {found}\d* ?%? of the line without loss")
                self.assertIn("src_ip 10.0.0.1 to 10.1.134.160 by 0.0.0.1", done.stdout)
        self.assertIn("lost at every rate", self.run_script(0).stdout)

    def test_one_rate_is_one_trial(self):
        done = self.run_script(20, RATE="50", SIZES="64,1518", FLOWS="1")
        self.assertEqual(done.stdout.count("50.00 % of the line: "), 2)
        self.assertIn("src_ip 10.0.0.1 to 10.0.0.1 by 0.0.0.0", done.stdout)

    def test_a_wrong_setting_is_named(self):
        for settings, text in (({"FLOWS": "many"}, "FLOWS is 'many'"), ({"SIZES": "64,9000"}, "'9000' is not 64 to 1518")):
            done = self.run_script(50, **settings)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stderr)
