#include "config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <numeric>
#include <sstream>
#include <utility>

namespace lifeline::config {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// Values come from anybody's editor: a message shows at most a line's worth of printable text.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string out;
  for (const char c : text.substr(0, kMost)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (text.size() > kMost) out += "...";
  return out;
}

std::string_view kind_name(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (node.IsScalar()) return "a single value";
  return "nothing";
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string out;
  for (const std::string_view word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

std::string with_suggestion(std::string message, std::string_view word,
                            const std::vector<std::string_view>& candidates) {
  const std::string_view near = near_miss(word, candidates);
  if (!near.empty()) message += fmt::format("; did you mean '{}'?", near);
  return message;
}

// Sees where documents start, and nothing else.
class DocumentStarts final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { last_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
  const YAML::Mark& last() const { return last_; }

 private:
  YAML::Mark last_;
};

}  // namespace

// Not YAML::LoadAll(): yaml-cpp 0.7 never comes back from some inputs there, as its parser can
// give documents for ever without consuming anything (found by fuzzing).
std::optional<YAML::Mark> second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  if (!parser.HandleNextDocument(starts) || !parser.HandleNextDocument(starts)) return std::nullopt;
  return starts.last();
}

std::string_view near_miss(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  std::size_t best_distance = word.size() <= 3 ? 2 : 3;  // less than this is near
  if (word.size() > 64) return best;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

void Reader::error(const YAML::Mark& mark, std::string_view where, std::string message) {
  // A document of 4 MiB can hold a million mistakes; nobody reads more than some.
  constexpr std::size_t kMost = 200;
  if (diagnostics_.size() >= kMost) return;
  Diagnostic d;
  d.file = file_;
  if (!mark.is_null()) {
    d.line = mark.line + 1;
    d.column = mark.column + 1;
  }
  d.message = where.empty() ? std::move(message) : fmt::format("{}: {}", where, message);
  diagnostics_.push_back(std::move(d));
}

std::vector<Diagnostic> Reader::take() {
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return std::move(diagnostics_);
}

std::optional<std::string> Reader::text(const YAML::Node& node, std::string_view where) {
  if (node.IsNull()) {
    error(node, where, "has no value: give one, or leave the key out");
    return std::nullopt;
  }
  if (!node.IsScalar()) {
    error(node, where, fmt::format("expected a single value, not {}", kind_name(node)));
    return std::nullopt;
  }
  const std::string& value = node.Scalar();
  const auto bad = [](char c) { return c < 0x20 || c >= 0x7f; };
  if (std::any_of(value.begin(), value.end(), bad)) {
    error(node, where,
          fmt::format("'{}' has characters that are not printable ASCII", shown(value)));
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint32_t> Reader::number(const YAML::Node& node, std::string_view where,
                                            std::uint32_t min, std::uint32_t max) {
  const auto value = text(node, where);
  if (!value) return std::nullopt;
  const bool digits =
      !value->empty() && value->find_first_not_of("0123456789") == std::string::npos;
  if (!digits) {
    error(node, where, fmt::format("'{}' is not a whole number, {}..{}", shown(*value), min, max));
    return std::nullopt;
  }
  const std::size_t first = std::min(value->find_first_not_of('0'), value->size() - 1);
  if (first != 0) {
    error(node, where,
          fmt::format("'{}' starts with a zero; numbers are decimal: write {}", shown(*value),
                      shown(value->substr(first))));
    return std::nullopt;
  }
  std::uint64_t n = 0;
  for (const char c : value->substr(0, 12)) n = n * 10 + static_cast<unsigned>(c - '0');
  if (value->size() > 12 || n < min || n > max) {
    error(node, where, fmt::format("{} is not in {}..{}", shown(*value), min, max));
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(n);
}

std::optional<bool> Reader::boolean(const YAML::Node& node, std::string_view where) {
  const auto value = text(node, where);
  if (!value) return std::nullopt;
  if (*value == "true") return true;
  if (*value == "false") return false;
  error(node, where,
        with_suggestion(fmt::format("'{}' is not true or false", shown(*value)), *value,
                        {"true", "false"}));
  return std::nullopt;
}

std::optional<std::size_t> Reader::choice(const YAML::Node& node, std::string_view where,
                                          const std::vector<std::string_view>& choices) {
  const auto value = text(node, where);
  if (!value) return std::nullopt;
  const auto it = std::find(choices.begin(), choices.end(), *value);
  if (it != choices.end()) return static_cast<std::size_t>(it - choices.begin());
  error(node, where,
        with_suggestion(fmt::format("'{}' is not one of {}", shown(*value), joined(choices)),
                        *value, choices));
  return std::nullopt;
}

std::vector<YAML::Node> Reader::list(const YAML::Node& node, std::string_view where,
                                     std::string_view of_what) {
  std::vector<YAML::Node> out;
  if (node.IsNull()) return out;
  if (!node.IsSequence()) {
    error(
        node, where,
        fmt::format("expected a list of {} ('- ...' on lines of their own, or [..., ...]), not {}",
                    of_what, kind_name(node)));
    return out;
  }
  for (const auto& element : node) out.push_back(element);
  return out;
}

Mapping::Mapping(Reader& reader, const YAML::Node& node, std::string where,
                 const std::vector<std::string_view>& known)
    : node_(node), where_(std::move(where)) {
  if (node.IsNull()) {
    is_map_ = true;
    return;
  }
  if (!node.IsMap()) {
    reader.error(
        node, where_,
        fmt::format("expected a mapping with keys {}; not {}", joined(known), kind_name(node)));
    return;
  }
  is_map_ = true;
  for (const auto& pair : node) read_entry(reader, pair.first, pair.second, known);
}

void Mapping::read_entry(Reader& reader, const YAML::Node& key, const YAML::Node& value,
                         const std::vector<std::string_view>& known) {
  if (!key.IsScalar()) {
    reader.error(key, where_, fmt::format("a key is a word, not {}", kind_name(key)));
    return;
  }
  const std::string& word = key.Scalar();
  if (std::find(known.begin(), known.end(), word) == known.end()) {
    const std::string_view near = near_miss(word, known);
    reader.error(key, where_,
                 near.empty()
                     ? fmt::format("unknown key '{}'; known are {}", shown(word), joined(known))
                     : fmt::format("unknown key '{}'; did you mean '{}'?", shown(word), near));
    return;
  }
  const auto earlier =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == word; });
  if (earlier != entries_.end()) {
    reader.error(key, where_, fmt::format("the key '{}' is there twice: keep one", word));
    return;
  }
  entries_.push_back({word, value});
}

std::optional<YAML::Node> Mapping::get(std::string_view key) const {
  for (const Entry& e : entries_)
    if (e.key == key) return e.value;
  return std::nullopt;
}

std::string Mapping::where(std::string_view key) const {
  return where_.empty() ? std::string(key) : fmt::format("{}.{}", where_, key);
}

}  // namespace lifeline::config
