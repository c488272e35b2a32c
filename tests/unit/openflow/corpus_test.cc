// Messages that others encoded: the test data of os-ken (Apache-2.0), each with its meaning in
// JSON.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "openflow/codec.h"

namespace lifeline::openflow {
namespace {

namespace fs = std::filesystem;

Bytes read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> chars{std::istreambuf_iterator<char>(in), {}};
  Bytes bytes(chars.size());
  std::transform(chars.begin(), chars.end(), bytes.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

Version version_of(const fs::path& path) {
  return path.parent_path().filename() == "of10" ? Version::k10 : Version::k13;
}

std::vector<fs::path> corpus() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(TEST_DATA))
    if (entry.path().extension() == ".packet") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// Refused, and rightly so. (The files whose names begin with ovs-ofctl- or libofproto- and that are
// refused use Nicira's actions and fields, which this switch does not have.)
const std::map<std::string, ErrorId>& refused() {
  static const std::map<std::string, ErrorId> kRefused = {
      // Set VLAN_VID without OFPVID_PRESENT, which Open vSwitch refuses too.
      {"4-2-ofp_flow_mod.packet", ErrorId::kBacBadSetArgument},
      {"4-12-ofp_flow_stats_reply.packet", ErrorId::kBacBadSetArgument},
      // A VID of 999 without OFPVID_PRESENT: the same error from Open vSwitch.
      {"4-59-ofp_packet_in.packet", ErrorId::kBmcBadValue},
      {"4-60-ofp_flow_mod.packet", ErrorId::kBmcBadValue},
      // Its second monitor asks for no event.
      {"4-63-onf_flow_monitor_request.packet", ErrorId::kMofcBadFlags},
  };
  return kRefused;
}

// Decoded, but not in the form that we write.
bool is_canonical(const std::string& name) {
  static const std::vector<std::string> kOthers = {
      "1-2-ofp_flow_mod.packet",                 // 63 wildcard bits of an address where we write 32
      "1-6-ofp_switch_features.packet",          // a port state that 1.0 does not define
      "4-36-ofp_queue_get_config_reply.packet",  // experimenter properties, which we drop
      "4-4-ofp_packet_in.packet",                // OXM fields out of order
  };
  return std::find(kOthers.begin(), kOthers.end(), name) == kOthers.end();
}

bool uses_nicira(const std::string& name) {
  return name.starts_with("ovs-ofctl-") || name.starts_with("libofproto-");
}

TEST(Corpus, EveryMessageIsDecodedOrRefusedForItsReason) {
  std::size_t decoded_messages = 0;
  for (const fs::path& path : corpus()) {
    const std::string name = path.filename();
    const auto decoded = decode(read_file(path), version_of(path));
    const auto expected = refused().find(name);
    if (expected != refused().end()) {
      ASSERT_FALSE(decoded) << name;
      EXPECT_EQ(decoded.error().id, expected->second) << name;
    } else if (!decoded) {
      EXPECT_TRUE(uses_nicira(name)) << name << ": " << error_name(decoded.error().id);
      EXPECT_TRUE(decoded.error().id == ErrorId::kBmcBadField ||
                  decoded.error().id == ErrorId::kBacBadExperimenter)
          << name << ": " << error_name(decoded.error().id);
    } else {
      ++decoded_messages;
    }
  }
  EXPECT_GE(decoded_messages, 75u);
}

TEST(Corpus, WhatIsDecodedIsEncodedByteForByte) {
  for (const fs::path& path : corpus()) {
    const Bytes bytes = read_file(path);
    const auto decoded = decode(bytes, version_of(path));
    if (!decoded) continue;
    const Bytes again = encode(decoded->message, decoded->header.xid, version_of(path));
    EXPECT_EQ(again == bytes, is_canonical(path.filename())) << path.filename();
  }
}

template <class T>
T message(const std::string& file) {
  const fs::path path = fs::path(TEST_DATA) / file;
  const auto decoded = decode(read_file(path), version_of(path));
  EXPECT_TRUE(decoded) << file;
  return decoded ? std::get<T>(decoded->message) : T{};
}

template <class T>
T reply(const std::string& file) {
  return std::get<T>(message<MultipartReply>(file).body);
}

// The one member of the JSON object: {"OFPFlowMod": {…}}.
nlohmann::json json_of(const std::string& file) {
  std::ifstream in(fs::path(TEST_DATA) / (file + ".json"));
  const auto whole = nlohmann::json::parse(in);
  return whole.begin().value();
}

TEST(CorpusFields, Features10) {
  const std::string file = "of10/1-6-ofp_switch_features.packet";
  const auto m = message<FeaturesReply>(file);
  const auto j = json_of(file);
  EXPECT_EQ(m.datapath_id, j["datapath_id"].get<std::uint64_t>());
  EXPECT_EQ(m.n_tables, j["n_tables"].get<int>());
  EXPECT_EQ(m.capabilities, j["capabilities"].get<std::uint32_t>());
  EXPECT_EQ(m.actions, j["actions"].get<std::uint32_t>());
  ASSERT_EQ(m.ports.size(), j["ports"].size());
  for (const Port& port : m.ports) {
    const auto p = j["ports"][std::to_string(port.no)]["OFPPhyPort"];
    EXPECT_EQ(port.hw_addr.to_string(), p["hw_addr"].get<std::string>());
    EXPECT_EQ(port.name, p["name"].get<std::string>());
  }
}

TEST(CorpusFields, FlowMod10) {
  const auto m = message<FlowMod>("of10/1-2-ofp_flow_mod.packet");
  const auto j = json_of("of10/1-2-ofp_flow_mod.packet");
  EXPECT_EQ(m.match.to_string(), "dl_dst=f2:0b:a4:7d:f8:ea");
  EXPECT_EQ(m.priority, j["priority"].get<int>());
  EXPECT_EQ(m.buffer_id, j["buffer_id"].get<std::uint32_t>());
  EXPECT_EQ(m.instructions.apply, (flow::ActionList{flow::Output{.port = 6, .max_len = 0xffff}}));
}

TEST(CorpusFields, FlowMod13) {
  const auto m = message<FlowMod>("of13/4-3-ofp_flow_mod.packet");
  const auto j = json_of("of13/4-3-ofp_flow_mod.packet");
  EXPECT_EQ(m.table_id, j["table_id"].get<int>());
  EXPECT_EQ(m.priority, j["priority"].get<int>());
  EXPECT_EQ(m.buffer_id, j["buffer_id"].get<std::uint32_t>());
  EXPECT_EQ(m.match.to_string(), "in_port=6,dl_src=f2:0b:a4:7d:f8:ea");
  EXPECT_EQ(m.instructions.goto_table, 1);
}

TEST(CorpusFields, PacketIn13) {
  const auto m = message<PacketIn>("of13/4-4-ofp_packet_in.packet");
  const auto j = json_of("of13/4-4-ofp_packet_in.packet");
  EXPECT_EQ(m.total_len, j["total_len"].get<int>());
  EXPECT_EQ(m.cookie, j["cookie"].get<std::uint64_t>());
  EXPECT_EQ(m.table_id, j["table_id"].get<int>());
  EXPECT_EQ(static_cast<int>(m.reason), j["reason"].get<int>());
  EXPECT_EQ(m.match.key.in_port, 6u);
  EXPECT_EQ(m.data.size(), 42u);
}

TEST(CorpusFields, PortDescription13) {
  const auto ports = reply<PortDescReply>("of13/4-54-ofp_port_desc_reply.packet");
  const auto j = json_of("of13/4-54-ofp_port_desc_reply.packet")["body"];
  ASSERT_EQ(ports.size(), j.size());
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto p = j[i]["OFPPort"];
    EXPECT_EQ(port_to_13(ports[i].no), p["port_no"].get<std::uint32_t>());
    EXPECT_EQ(ports[i].hw_addr.to_string(), p["hw_addr"].get<std::string>());
    EXPECT_EQ(ports[i].name, p["name"].get<std::string>());
    EXPECT_EQ(ports[i].current, p["curr"].get<std::uint32_t>());
    EXPECT_EQ(ports[i].max_speed_kbps, p["max_speed"].get<std::uint32_t>());
  }
}

TEST(CorpusFields, PortStatistics13) {
  const auto stats = reply<PortStatsReply>("of13/4-30-ofp_port_stats_reply.packet");
  const auto j = json_of("of13/4-30-ofp_port_stats_reply.packet")["body"];
  ASSERT_EQ(stats.size(), j.size());
  for (std::size_t i = 0; i < stats.size(); ++i) {
    const auto s = j[i]["OFPPortStats"];
    EXPECT_EQ(stats[i].rx_packets, s["rx_packets"].get<std::uint64_t>());
    EXPECT_EQ(stats[i].tx_bytes, s["tx_bytes"].get<std::uint64_t>());
    EXPECT_EQ(stats[i].duration_sec, s["duration_sec"].get<std::uint32_t>());
  }
}

TEST(CorpusFields, Meters13) {
  const auto m = message<MeterMod>("of13/4-45-ofp_meter_mod.packet");
  const auto j = json_of("of13/4-45-ofp_meter_mod.packet");
  EXPECT_EQ(m.meter_id, j["meter_id"].get<std::uint32_t>());
  EXPECT_EQ(m.flags, j["flags"].get<int>());
  ASSERT_EQ(m.bands.size(), j["bands"].size());
  EXPECT_EQ(m.bands[0].rate, j["bands"][0]["OFPMeterBandDrop"]["rate"].get<std::uint32_t>());
}

}  // namespace
}  // namespace lifeline::openflow
