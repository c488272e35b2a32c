#include "control/telemetry.h"

#include <rte_telemetry.h>

#include <asio/post.hpp>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace lifeline::control {

using nlohmann::json;

struct Telemetry::Source {
  Source(asio::io_context& io_context, Figures f, Take t)
      : io(&io_context), figures(std::move(f)), take(t) {}
  std::mutex mutex;
  asio::io_context* io;  // null once the telemetry is gone; under the mutex
  Figures figures;       // of the control lcore
  Take take;
};

// A question on its way to the control lcore. Shared: whoever asked may have given up.
struct Telemetry::Question {
  std::string name;
  std::unique_ptr<AdminReply> reply;  // the control lcore's, as is `text` until it is done
  std::string text;
  std::mutex mutex;
  std::condition_variable answered;
  bool done = false;       // under the mutex
  bool abandoned = false;  // under the mutex
};

namespace {

std::mutex g_mutex;
std::weak_ptr<void> g_source;

constexpr int kMaxDepth = 6;
// Of an answer as a whole, which DPDK 22.11 writes into 16 KiB and cuts in silence.
constexpr std::size_t kPageBytes = 14 * 1024;
constexpr std::size_t kPageEntries = RTE_TEL_MAX_DICT_ENTRIES - 2;

std::string cut(const json& value) {
  std::string text = value.get<std::string>();
  if (text.size() >= RTE_TEL_MAX_STRING_LEN) text.resize(RTE_TEL_MAX_STRING_LEN - 1);
  return text;
}

rte_tel_data* fill(const json& document, int depth);

// What DPDK's format has no word for (null, fractions) is left out; so is what it has no room for.
void add(rte_tel_data* dict, const char* name, const json& value, int depth) {
  if (value.is_boolean()) {
    rte_tel_data_add_dict_int(dict, name, value.get<bool>() ? 1 : 0);
  } else if (value.is_number_unsigned()) {
    rte_tel_data_add_dict_u64(dict, name, value.get<std::uint64_t>());
  } else if (value.is_number_integer()) {
    rte_tel_data_add_dict_int(dict, name, static_cast<int>(value.get<std::int64_t>()));
  } else if (value.is_string()) {
    rte_tel_data_add_dict_string(dict, name, cut(value).c_str());
  } else if (value.is_structured() && depth < kMaxDepth) {
    rte_tel_data* inner = fill(value, depth + 1);
    if (inner != nullptr && rte_tel_data_add_dict_container(dict, name, inner, 0) != 0)
      rte_tel_data_free(inner);
  }
}

void fill_into(rte_tel_data* out, const json& document, int depth) {
  if (document.is_object()) {
    rte_tel_data_start_dict(out);
    for (const auto& [name, value] : document.items()) add(out, name.c_str(), value, depth);
    return;
  }
  // DPDK 22.11 nests dictionaries in each other, but no dictionary in an array: by position.
  rte_tel_data_start_dict(out);
  int position = 0;
  for (const auto& element : document) add(out, std::to_string(position++).c_str(), element, depth);
}

// As much of a list as one answer holds, by position; "next" is where the next answer goes on.
void fill_page(rte_tel_data* out, const json& list, std::size_t start) {
  rte_tel_data_start_dict(out);
  std::size_t bytes = 0;
  for (std::size_t i = start; i < list.size(); ++i) {
    const std::string position = std::to_string(i);
    bytes += list[i].dump().size() + position.size() + 4;
    if (i != start && (bytes > kPageBytes || i - start == kPageEntries)) {
      rte_tel_data_add_dict_u64(out, "next", i);
      return;
    }
    add(out, position.c_str(), list[i], 0);
  }
}

// nullopt: it is none. "" and nothing: 0.
std::optional<std::size_t> start_in(const char* parameters) {
  const std::string_view text(parameters != nullptr ? parameters : "");
  std::size_t start = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), start);
  if (text.empty()) return 0;
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return start;
}

rte_tel_data* fill(const json& document, int depth) {
  if (!document.is_structured()) return nullptr;
  rte_tel_data* out = rte_tel_data_alloc();
  if (out != nullptr) fill_into(out, document, depth);
  return out;
}

constexpr std::pair<const char*, const char*> kCommands[] = {
    {"status", "The switch, its local port, how many remotes and hidden rules. No parameters"},
    {"remotes", "The remotes: role, connection, next hops. Parameter: the first one, 0 by default"},
    {"ports", "Ports, links and counters. Parameter: the first one, 0 by default"},
    {"stats", "Counters of what was dropped, by name. No parameters"},
    {"perf", "Counters of each lcore: packets, hits, misses, cycles. No parameters"},
    {"hidden_rules", "The hidden rules of in-band control. Parameter: the first one, 0 by default"},
    {"offload", "What NICs bring to the control queues, by port. No parameters"},
    {"fdb", "How many addresses are learned, in all and by port. No parameters"},
};

}  // namespace

std::shared_ptr<Telemetry::Source> Telemetry::current() {
  const std::lock_guard lock(g_mutex);
  return std::static_pointer_cast<Source>(g_source.lock());
}

int answer_telemetry(const char* command, const char* parameters, void* data) {
  auto* out = static_cast<rte_tel_data*>(data);
  const auto fail = [out](const char* why) {
    rte_tel_data_start_dict(out);
    rte_tel_data_add_dict_string(out, "error", why);
    return 0;
  };
  const auto start = start_in(parameters);
  if (!start) return fail("the parameter is the number of the first entry");
  const auto source = Telemetry::current();
  if (!source) return fail("the switch stops");
  std::string name(command);
  name.erase(0, name.rfind('/') + 1);
  const auto question = std::make_shared<Telemetry::Question>();
  question->name = name;
  {
    const std::lock_guard lock(source->mutex);
    if (source->io == nullptr) return fail("the switch stops");
    asio::post(*source->io,
               [question, weak = std::weak_ptr(source)] { Telemetry::step(weak, question); });
  }
  std::unique_lock lock(question->mutex);
  if (!question->answered.wait_for(lock, kTelemetryWait, [&] { return question->done; })) {
    question->abandoned = true;
    return fail("no answer from the control lcore in time");
  }
  json reply = json::parse(question->text, nullptr, /*allow_exceptions=*/false);
  const json taken = source->take(name, std::move(reply));
  if (taken.is_array())
    fill_page(out, taken, *start);
  else
    fill_into(out, taken, 0);
  return 0;
}

// On the control lcore: a piece of the answer, and another turn for the next.
void Telemetry::step(const std::weak_ptr<Source>& source,
                     const std::shared_ptr<Question>& question) {
  const auto asked = source.lock();
  if (!asked || asked->io == nullptr) return;
  if (!question->reply) question->reply = asked->figures(question->name);
  question->reply->when_ready([source, question] {
    const auto ready = source.lock();
    if (ready && ready->io != nullptr)
      asio::post(*ready->io, [source, question] { piece(source, question); });
  });
}

void Telemetry::piece(const std::weak_ptr<Source>& source,
                      const std::shared_ptr<Question>& question) {
  const auto asked = source.lock();
  if (!asked || asked->io == nullptr) return;
  const bool more = question->reply->next(question->text);
  const std::lock_guard lock(question->mutex);
  if (more && !question->abandoned) {
    asio::post(*asked->io, [source, question] { step(source, question); });
    return;
  }
  question->reply.reset();
  question->done = !more;
  question->answered.notify_one();
}

Telemetry::Telemetry(asio::io_context& io, Figures figures, Take take)
    : source_(std::make_shared<Source>(io, std::move(figures), take)) {
  {
    const std::lock_guard lock(g_mutex);
    g_source = source_;
  }
  static std::once_flag registered;
  std::call_once(registered, [] {
    for (const auto& [name, help] : kCommands) {
      const std::string path = std::string("/lifeline/") + name;
      const auto call = [](const char* command, const char* parameters, rte_tel_data* data) {
        return answer_telemetry(command, parameters, data);
      };
      if (rte_telemetry_register_cmd(path.c_str(), call, help) != 0)
        log::warn("control", "DPDK's telemetry does not take the command {}", path);
    }
  });
}

Telemetry::~Telemetry() {
  const std::lock_guard lock(source_->mutex);
  source_->io = nullptr;
}

}  // namespace lifeline::control
