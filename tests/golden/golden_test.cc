// Each folder of scenarios/ through a real worker on net_pcap ports: pcap in, pcap out. The
// expected frames were made by make_scenarios.py, not by the switch.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "datapath/datapath.h"
#include "port/port_set.h"
#include "scenario.h"
#include "support/frames.h"
#include "sync/qsbr.h"
#include "sync/retire_list.h"
#include "table/fdb.h"
#include "table/tables.h"

namespace lifeline::golden {
namespace {

namespace fs = std::filesystem;
using test::Bytes;
constexpr std::uint16_t kPorts = 3;

std::vector<std::string> frames_of(const fs::path& pcap) {
  std::vector<std::string> out;
  if (!fs::exists(pcap)) return out;
  const auto records = test::read_pcap(pcap.string());
  EXPECT_TRUE(records) << records.error().message;
  for (const auto& r : *records) out.push_back(test::to_hex(r.frame));
  return out;
}

class Golden : public testing::TestWithParam<std::string>, public datapath::ControlHandler {
 public:
  void to_local(std::span<rte_mbuf*> frames) override {
    for (rte_mbuf* m : frames) {
      local_.push_back(test::to_hex({rte_pktmbuf_mtod(m, const std::byte*), m->data_len}));
      rte_pktmbuf_free(m);
    }
  }
  void packet_in(const datapath::PacketIn&) override { ADD_FAILURE() << "a packet-in"; }
  bool probe(const MacAddress&) override { return false; }

 protected:
  void SetUp() override {
    folder_ = fs::path(LIFELINE_SCENARIOS) / GetParam();
    work_ = fs::temp_directory_path() / fmt::format("lifeline-golden-{}", getpid());
    fs::create_directories(work_);
  }
  void TearDown() override { fs::remove_all(work_); }

  std::vector<port::PortSpec> port_specs() {
    std::vector<port::PortSpec> specs;
    const fs::path empty = work_ / "empty.pcap";
    EXPECT_TRUE(test::write_pcap(empty.string(), {}));
    for (std::uint16_t p = 1; p <= kPorts; ++p) {
      fs::path in = folder_ / fmt::format("in{}.pcap", p);
      if (!fs::exists(in)) in = empty;
      specs.push_back({.name = fmt::format("p{}", p),
                       .device = fmt::format("net_pcap_{}{},rx_pcap={},tx_pcap={}", GetParam(), p,
                                             in.string(), out_pcap(p).string()),
                       .port_no = p,
                       .descriptors = 64});
    }
    return specs;
  }
  fs::path out_pcap(std::uint16_t p) const { return work_ / fmt::format("out{}.pcap", p); }

  void program(const Scenario& scenario, datapath::Datapath& dp, table::Tables& tables,
               table::Fdb& fdb) {
    dp.set_guards(scenario.guards);
    for (const flow::Rule& r : scenario.hidden) EXPECT_TRUE(tables.hidden().add(r));
    tables.hidden().publish();
    for (const flow::Rule& r : scenario.rules) EXPECT_TRUE(tables.pipeline().add(r));
    tables.pipeline().publish();
    for (const auto& f : scenario.flags) EXPECT_TRUE(dp.set_port_flags(f.port, f.flags, 0x7f));
    for (const auto& f : scenario.fdb) fdb.learn(f.vlan, f.mac, f.port, 0);
  }

  void from_local(datapath::Datapath& dp, rte_mempool* pool) {
    const fs::path in = folder_ / "local_in.pcap";
    if (!fs::exists(in)) return;
    const auto records = test::read_pcap(in.string());
    ASSERT_TRUE(records) << records.error().message;
    for (const auto& r : *records) {
      rte_mbuf* m = rte_pktmbuf_alloc(pool);
      std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(r.frame.size())), r.frame.data(),
                  r.frame.size());
      dp.process_local({&m, 1});
    }
  }

  fs::path folder_;
  fs::path work_;
  std::vector<std::string> local_;
};

TEST_P(Golden, FramesComeOutAsExpected) {
  const auto scenario = load_scenario((folder_ / "scenario.txt").string());
  ASSERT_TRUE(scenario) << scenario.error().message;
  std::vector<datapath::DropCounter> drops;
  {
    sync::Qsbr qsbr;
    sync::RetireList retired{qsbr};
    table::Tables tables{qsbr, retired, {.n_tables = 4, .n_slots = 2}};
    table::Fdb fdb{retired, {}};
    auto ports = port::PortSet::create(
        {.n_slots = 2, .extra_mbufs = 2048, .control_mbufs = 1024},
        [&retired](std::function<void()> f) { retired.retire_call(std::move(f)); });
    ASSERT_TRUE(ports) << ports.error().message;
    const auto opened = (*ports)->open(port_specs());
    ASSERT_TRUE(opened) << opened.error().message;
    (*ports)->set_local(*MacAddress::parse("02:00:00:00:00:01"), 1500, true);
    auto dp =
        datapath::Datapath::create({.exact_entries = 1024}, tables, fdb, **ports, qsbr, retired);
    ASSERT_TRUE(dp) << dp.error().message;
    program(*scenario, **dp, tables, fdb);
    from_local(**dp, (*ports)->control_pool());
    for (int empty = 0; empty < 3;) {
      const bool moved = (*dp)->turn(1) != 0;
      empty = (*dp)->poll_control(*this, 1000) != 0 || moved ? 0 : empty + 1;
    }
    drops = (*dp)->drop_counters();
    dp->reset();
    ports->reset();
  }
  for (std::uint16_t p = 1; p <= kPorts; ++p) {
    EXPECT_EQ(frames_of(out_pcap(p)), frames_of(folder_ / fmt::format("out{}.pcap", p)))
        << "port " << p;
  }
  EXPECT_EQ(local_, frames_of(folder_ / "local_out.pcap")) << "LOCAL";
  for (const auto& counter : drops) {
    const auto expected = scenario->drops.find(std::string(counter.name));
    EXPECT_EQ(counter.packets, expected == scenario->drops.end() ? 0 : expected->second)
        << "drop counter " << counter.name;
  }
}

std::vector<std::string> scenarios() {
  std::vector<std::string> out;
  for (const auto& e : fs::directory_iterator(LIFELINE_SCENARIOS)) {
    out.push_back(e.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Golden, testing::ValuesIn(scenarios()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace lifeline::golden
