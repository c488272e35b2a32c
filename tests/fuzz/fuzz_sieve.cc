// A frame as an overrun worker sees it first: no hidden rule, guard or relay is about one that the
// sieve holds back.
#include <algorithm>

#include "datapath/guard_state.h"
#include "datapath/nd_guard.h"
#include "datapath/relay.h"
#include "fuzz/check.h"
#include "inband/inband_rules.h"
#include "packet/parse.h"

namespace lifeline::datapath {
namespace {

inband::Facts facts() {
  inband::Facts f;
  f.enabled = true;
  f.relay_arp = true;
  f.local_mac = MacAddress::parse("02:00:00:00:00:01");
  f.relay_dhcp = {*MacPrefix::parse("02:00")};
  // Addresses of the seeds in corpus/sieve.
  for (const char* ip : {"10.0.0.1", "2001:db8::1"}) {
    inband::RemoteFacts& remote = f.remotes.emplace_back();
    remote.remote.id = ip;
    remote.remote.ip = *IpAddress::parse(ip);
    remote.remote.port = 6653;
    remote.reach = inband::Reach::kRouted;
    inband::NextHop& hop = remote.next_hops.emplace_back();
    hop.ip = remote.remote.ip;
    hop.mac = MacAddress::parse("02:00:00:00:00:02");
  }
  return f;
}

}  // namespace
}  // namespace lifeline::datapath

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline;
  static const datapath::GuardState guards(inband::guards(datapath::facts()));
  static const auto rules = inband::hidden_rules(datapath::facts());
  const bool maybe = guards.sieve().may_be_control({data, size});
  if (size < 14) {
    FUZZ_CHECK(!maybe);
    return 0;
  }
  const packet::FlowKey key = packet::parse(fuzz::as_bytes(data, size), 1);
  if (key.eth_src == *guards.local_mac()) return 0;  // from a wire: dropped
  const bool is_control = std::any_of(rules.begin(), rules.end(),
                                      [&](const auto& r) { return r.match.matches(key); }) ||
                          datapath::is_guards_affair(guards, key) ||
                          datapath::wants_relay(guards, key).has_value();
  FUZZ_CHECK(maybe || !is_control);
  return 0;
}
