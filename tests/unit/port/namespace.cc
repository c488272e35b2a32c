#include "namespace.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "support/eal_environment.h"

namespace lifeline::port {
namespace {

bool own_namespace = false;

}  // namespace

bool in_own_namespace() { return own_namespace; }

bool ip(const std::string& arguments) {
  return std::system(("ip " + arguments + " >/dev/null 2>&1").c_str()) == 0;
}

Frame contents(const rte_mbuf* m) {
  Frame out;
  for (; m != nullptr; m = m->next) {
    const auto* data = rte_pktmbuf_mtod(m, const std::uint8_t*);
    out.insert(out.end(), data, data + m->data_len);
  }
  return out;
}

Frame test_frame(std::uint8_t tag) {
  Frame f(60, 0);
  const std::uint8_t header[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, tag};
  std::copy(std::begin(header), std::end(header), f.begin());
  return f;
}

rte_mbuf* to_mbuf(rte_mempool* pool, const Frame& frame) {
  rte_mbuf* m = rte_pktmbuf_alloc(pool);
  std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size())), frame.data(),
              frame.size());
  return m;
}

}  // namespace lifeline::port

// Runs before rte_eal_init.
std::vector<std::string> lifeline::support::eal_arguments() {
  lifeline::port::own_namespace = unshare(CLONE_NEWNET) == 0;
  return {"--log-level", "lib:critical", "--log-level", "pmd:critical", "--vdev", "net_null7"};
}
