// The Ryu certification suite: its messages in real bytes through the OpenFlow agent into a real
// datapath, its frames through the worker. certification/convert.py made the files with os-ken, so
// nothing of what is expected comes from our own code.
//
// Not here, as the suite's tester needs two switches for it: the statistics it reads back (they are
// tested with ofagent and with ovs-ofctl). Groups and meters do not exist: what asks for them must
// be refused with the specification's error.
#include <fstream>
#include <sstream>

#include "../ofagent/agent_fixture.h"
#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

struct Case {
  int line = 0;
  std::string name;
  std::vector<std::pair<int, std::vector<std::string>>> steps;  // line, words
};

std::vector<Case> read_cases(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<Case> cases;
  int line_no = 0;
  for (std::string line; std::getline(file, line);) {
    ++line_no;
    if (line.starts_with('#') || line.empty()) continue;
    if (line.starts_with("case ")) {
      cases.push_back({line_no, line.substr(5), {}});
      continue;
    }
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string w; in >> w;) words.push_back(w);
    if (cases.empty()) {
      ADD_FAILURE() << path << ":" << line_no << ": before the first case";
      return {};
    }
    cases.back().steps.emplace_back(line_no, std::move(words));
  }
  return cases;
}

Frame from_hex(const std::string& text) {
  Frame out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<std::byte>(std::stoul(text.substr(i, 2), nullptr, 16)));
  }
  return out;
}

std::string to_hex(const Frame& frame) {
  std::string out;
  for (const std::byte b : frame) out += fmt::format("{:02x}", static_cast<unsigned>(b));
  return out;
}

class Certification : public testing::TestWithParam<const char*> {
 protected:
  Certification()
      : agent_(switch_.tables.pipeline(), backend_, clock_, config()),
        controller_(agent_, ofagent::ConnectionKind::kPrimary,
                    std::string_view(GetParam()) == "of10" ? openflow::Version::k10
                                                           : openflow::Version::k13) {
    backend_.add_port(3, "p3");
  }
  static ofagent::AgentConfig config() {
    ofagent::AgentConfig c;
    c.tables.n_tables = 8;
    return c;
  }

  // The error that came back, as "type code"; empty: none.
  std::string tell(const std::string& hex) {
    agent_.on_bytes(controller_.id(), from_hex(hex));
    controller_.run();
    if (controller_.inbox.empty()) return {};
    const auto error = controller_.next<openflow::ErrorMsg>();
    return error ? fmt::format("{} {}", error->type, error->code) : "another message";
  }
  void clear_tables() {
    openflow::FlowMod all;
    all.command = openflow::FlowModCommand::kDelete;
    all.table_id = ofagent::kAllTables;
    controller_.tell(all);
  }
  void expect_fate(const std::vector<std::string>& words, const Frame& sent) {
    const std::string hex = to_hex(sent);
    std::vector<std::string> out;
    std::vector<std::string> up;
    for (const Frame& f : switch_.received(2)) out.push_back(to_hex(f));
    for (const auto& p : switch_.take_packet_ins()) up.push_back(to_hex(p.frame));
    std::vector<std::string> want_out;
    std::vector<std::string> want_up;
    if (words.at(0) == "out") want_out.push_back(words.at(1) == "=" ? hex : words.at(1));
    if (words.at(0) == "packet_in") want_up.push_back(words.at(1) == "=" ? hex : words.at(1));
    EXPECT_EQ(out, want_out) << "from port 2";
    EXPECT_EQ(up, want_up) << "to the controller";
    EXPECT_EQ(switch_.count(1) + switch_.count(3), 0u) << "from ports that nothing names";
  }
  void run(const Case& c) {
    Frame sent;
    for (const auto& [line, words] : c.steps) {
      SCOPED_TRACE(fmt::format("{}.txt:{}: {}", GetParam(), line, c.name));
      if (words[0] == "send") {
        EXPECT_EQ(tell(words.at(1)), "");
      } else if (words[0] == "refuse") {
        EXPECT_EQ(tell(words.at(3)), words.at(1) + " " + words.at(2));
      } else if (words[0] == "in") {
        sent = from_hex(words.at(1));
        switch_.send(1, sent);
      } else {
        ASSERT_TRUE(words[0] == "out" || words[0] == "packet_in" || words[0] == "miss");
        expect_fate(words, sent);
      }
    }
    clear_tables();
  }

  TestSwitch switch_;
  ManualClock clock_;
  ofagent::FakeBackend backend_;
  ofagent::SwitchAgent agent_;
  ofagent::Peer controller_;
};

TEST_P(Certification, EveryCaseEndsAsTheSuiteSays) {
  const auto cases =
      read_cases(std::string(LIFELINE_CERTIFICATION) + "/" + std::string(GetParam()) + ".txt");
  EXPECT_GE(cases.size(), 100u);
  for (const Case& c : cases) run(c);
}

INSTANTIATE_TEST_SUITE_P(Versions, Certification, testing::Values("of10", "of13"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace lifeline::datapath::test
