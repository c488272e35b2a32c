#include "control/capture_command.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "control/request.h"
#include "control/trace_command.h"
#include "datapath/capture.h"
#include "packet/pcap.h"

namespace lifeline::control {
namespace {

using nlohmann::json;

constexpr std::uint32_t kMaxSnapBytes = 65535;
// Of one piece: copied in about 20 us.
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::size_t kPiecePackets = 256;
// Between two looks while nothing comes.
constexpr std::chrono::milliseconds kPause{5};

void append_length(std::string& out, std::size_t bytes) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(static_cast<std::uint8_t>(bytes >> shift));
}

class CaptureReply final : public AdminReply {
 public:
  CaptureReply(std::shared_ptr<datapath::Capture> capture, const Clock& clock, std::uint64_t count,
               Duration seconds)
      : capture_(std::move(capture)),
        clock_(clock),
        left_(count),
        deadline_(seconds == Duration{} ? TimePoint::max() : clock.now() + seconds) {}
  ~CaptureReply() override { capture_->end(); }
  CaptureReply(const CaptureReply&) = delete;
  CaptureReply& operator=(const CaptureReply&) = delete;

  bool next(std::string& out) override {
    std::string block;
    if (!std::exchange(header_sent_, true))
      packet::append_pcap_header(block, capture_->spec().snap_bytes);
    if (clock_.now() >= deadline_) finish();
    std::size_t taken = 0;
    while (left_ != 0 && taken < kPiecePackets && block.size() < kPieceBytes) {
      const auto packet = capture_->front();
      if (!packet) break;
      packet::append_pcap_packet(block, capture_->realtime_ns(packet->tsc), packet->data,
                                 packet->original_bytes);
      capture_->pop();
      ++taken;
      --left_;
    }
    packets_ += taken;
    idle_ = taken == 0;
    if (!block.empty()) {
      append_length(out, block.size());
      out += block;
    }
    if (left_ != 0 && !(idle_ && capture_->ended())) return true;
    append_length(out, 0);
    out += json{{"packets", packets_}, {"lost", capture_->lost()}}.dump();
    return false;
  }
  std::optional<std::chrono::milliseconds> pause() const override {
    return idle_ ? kPause : std::chrono::milliseconds{0};
  }
  void finish() override { capture_->end(); }

 private:
  std::shared_ptr<datapath::Capture> capture_;
  const Clock& clock_;
  std::uint64_t left_;
  TimePoint deadline_;
  std::uint64_t packets_ = 0;
  bool header_sent_ = false;
  bool idle_ = false;
};

Expected<void> add_ports(const CommandParts& parts, const json& request,
                         datapath::CaptureSpec* spec) {
  const json ports = request.value("ports", json::array());
  for (const auto& port : ports) {
    const std::string name = port.is_string() ? port.get<std::string>() : port.dump();
    const auto number = find_port(parts, name);
    if (!number) {
      return make_error("there is no port '{}'; lifelinectl ports shows what there is",
                        name.substr(0, 60));
    }
    spec->ports.push_back(*number);
    if (spec->ports.size() > port::kMaxPorts + 1) return make_error("too many ports");
  }
  return {};
}

Expected<void> add_drops(const json& request, datapath::CaptureSpec* spec) {
  const json drops = request.value("drops", json::array());
  for (const auto& drop : drops) {
    const std::string name = drop.is_string() ? drop.get<std::string>() : drop.dump();
    if (name == "any") {
      spec->dropped.set();
      continue;
    }
    const auto reason = datapath::drop_reason_of(name);
    if (!reason) {
      return make_error(
          "the datapath drops nothing for a reason '{}'; lifelinectl capture --drop any, or one of "
          "those that lifelinectl stats shows",
          name.substr(0, 60));
    }
    if (!datapath::has_packet(*reason)) return make_error("{} counts no packets", name);
    spec->dropped.set(static_cast<std::size_t>(*reason));
  }
  return {};
}

// `fallback` where there is none, or where it is no number from 0 to `max`.
std::uint64_t number(const json& request, const char* key, std::uint64_t fallback,
                     std::uint64_t max) {
  const auto it = request.find(key);
  if (it == request.end() || !it->is_number_unsigned()) return fallback;
  const auto value = it->get<std::uint64_t>();
  return value <= max ? value : fallback;
}

}  // namespace

std::unique_ptr<AdminReply> capture_command(const CommandParts& parts, const json& request) {
  datapath::CaptureSpec spec;
  for (const char* key : {"ports", "drops"}) {
    if (request.contains(key) && !request[key].is_array())
      return admin_error(fmt::format("{} must be a list", key));
  }
  if (const auto done = add_ports(parts, request, &spec); !done)
    return admin_error(done.error().message);
  if (const auto done = add_drops(request, &spec); !done) return admin_error(done.error().message);
  if (spec.ports.empty() == spec.dropped.none())
    return admin_error("capture either of ports or of reasons for a drop");
  // Neither is said: both.
  spec.in = flag(request, "in") || !flag(request, "out");
  spec.out = flag(request, "out") || !flag(request, "in");
  spec.snap_bytes =
      static_cast<std::uint32_t>(number(request, "snap", kMaxSnapBytes, kMaxSnapBytes));
  if (spec.snap_bytes == 0) spec.snap_bytes = kMaxSnapBytes;
  const std::uint64_t count =
      number(request, "count", 0, std::numeric_limits<std::uint64_t>::max());
  const std::uint64_t seconds = number(request, "seconds", 0, 1'000'000);
  auto capture = parts.datapath.start_capture(std::move(spec));
  if (!capture) return admin_error(capture.error().message);
  return std::make_unique<CaptureReply>(
      std::move(*capture), parts.clock,
      count == 0 ? std::numeric_limits<std::uint64_t>::max() : count,
      std::chrono::seconds{seconds});
}

}  // namespace lifeline::control
