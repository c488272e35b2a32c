-- The highest rate that a switch forwards without loss, for each frame size, as RFC 2544, 26.1 has it; or, with
-- RATE, what arrives of one rate. For pktgen 23.06 (pktgen-dpdk, not in Debian): port 0 sends, port 1 receives, the
-- switch has one rule, in_port=1,actions=output:2.
--
--   FLOWS=100000 SIZES=64,512,1518 pktgen -l 0-2 -a 0000:05:00.0 -a 0000:06:00.0 -- -P -m 1.0,2.1 -f throughput.lua
--
-- FLOWS      flows that are sent in turn, told apart by their source address; 1 to 16 777 214 (default 1000)
-- SIZES      bytes of a frame with its checksum, 64 to 1518, separated by commas (default 64)
-- SECONDS    of a trial (default 10; RFC 2544, 24 wants 60 of the last one)
-- RATE       per cent of the line's rate: one trial, no search
-- PRECISION  per cent of the line's rate where the search ends (default 0.1)
-- DMAC       destination MAC address (default 02:00:00:00:00:02)

local function number(name, default, least, most)
  local text = os.getenv(name)
  local value = text == nil and default or tonumber(text)
  if value == nil or value < least or value > most then
    error(string.format("%s is '%s': a number from %s to %s is wanted", name, text, least, most), 0)
  end
  return value
end

local sender, receiver = 0, 1
local flows = number("FLOWS", 1000, 1, 16777214)
local seconds = number("SECONDS", 10, 1, 86400)
local precision = number("PRECISION", 0.1, 0.001, 50)
local rate = os.getenv("RATE") and number("RATE", nil, 0.001, 100)
local sizes = {}
for text in string.gmatch(os.getenv("SIZES") or "64", "[^,]+") do
  local size = tonumber(text)
  if size == nil or size < 64 or size > 1518 then error("SIZES: '" .. text .. "' is not 64 to 1518", 0) end
  table.insert(sizes, size)
end

local function address(n)
  return string.format("10.%d.%d.%d", n // 65536 % 256, n // 256 % 256, n % 256)
end

-- A field of the range page: it starts at `first` and, where `step` is not 0, goes to `last` and begins again.
local function field(set, first, last, step)
  set(tostring(sender), "start", first)
  set(tostring(sender), "min", first)
  set(tostring(sender), "max", last)
  set(tostring(sender), "inc", step)
end

local function prepare(size)
  local port = tostring(sender)
  pktgen.range.dst_mac(port, "start", os.getenv("DMAC") or "02:00:00:00:00:02")
  field(pktgen.range.src_ip, address(1), address(flows), flows > 1 and "0.0.0.1" or "0.0.0.0")
  field(pktgen.range.dst_ip, "11.0.0.1", "11.0.0.1", "0.0.0.0")
  field(pktgen.range.src_port, 1024, 1024, 0)
  field(pktgen.range.dst_port, 2000, 2000, 0)
  field(pktgen.range.pkt_size, size, size, 0)
  pktgen.range.ip_proto(port, "udp")
  pktgen.set(port, "count", 0)
  pktgen.set_range(port, "on")
end

-- Sends for `seconds` at `per_cent` of the line's rate; returns how many frames were sent and how many arrived.
local function trial(per_cent)
  pktgen.clr()
  pktgen.delay(500)
  pktgen.set(tostring(sender), "rate", per_cent)
  pktgen.start(tostring(sender))
  pktgen.delay(seconds * 1000)
  pktgen.stop(tostring(sender))
  pktgen.delay(2000) -- RFC 2544, 23: what is still on its way
  local sent = pktgen.portStats(tostring(sender), "port")[sender].opackets
  local received = pktgen.portStats(tostring(receiver), "port")[receiver].ipackets
  print(string.format("  %6.2f %% of the line: %d sent, %d received, %d lost, %.3f Mpps", per_cent, sent, received,
                      sent - received, received / seconds / 1e6))
  if sent == 0 then error("nothing was sent: does the link stand?", 0) end
  return sent, received
end

-- The highest rate without loss, to `precision`; nil: frames are lost at any rate.
local function search()
  local good, bad, received_at_good = 0, nil, 0
  local try = 100
  while bad == nil or bad - good > precision do
    local sent, received = trial(try)
    if received >= sent then
      good, received_at_good = try, received
      if try == 100 then break end
    else
      bad = try
    end
    try = (good + bad) / 2
  end
  if good == 0 then return nil end
  return good, received_at_good / seconds / 1e6
end

for _, size in ipairs(sizes) do
  print(string.format("frames of %d bytes, %d flows", size, flows))
  prepare(size)
  if rate then
    trial(rate)
  else
    local best, mpps = search()
    if best then
      print(string.format("%d bytes: %.2f %% of the line without loss, %.3f Mpps", size, best, mpps))
    else
      print(string.format("%d bytes: frames are lost at every rate", size))
    end
  end
end
