// Walks YAML nodes and collects what is wrong with them. yaml-cpp's own conversions are not used:
// they take the second of two equal keys without a word and read 010 as 8.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace lifeline::config {

// The candidate that `word` was probably meant to be; empty when none is near.
std::string_view near_miss(std::string_view word, const std::vector<std::string_view>& candidates);

// Where a second document begins, if there is one. Throws what yaml-cpp throws.
std::optional<YAML::Mark> second_document(const std::string& text);

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  // `where` is the path of the value for a person: "ports[0].mtu"; empty for the document.
  void error(const YAML::Mark& mark, std::string_view where, std::string message);
  void error(const YAML::Node& node, std::string_view where, std::string message) {
    error(node.Mark(), where, std::move(message));
  }
  // Sorted by place.
  std::vector<Diagnostic> take();
  bool clean() const { return diagnostics_.empty(); }

  // Each gives nullopt after having reported why.
  std::optional<std::string> text(const YAML::Node& node, std::string_view where);
  std::optional<std::uint32_t> number(const YAML::Node& node, std::string_view where,
                                      std::uint32_t min, std::uint32_t max);
  std::optional<bool> boolean(const YAML::Node& node, std::string_view where);
  // The index of the value in `choices`.
  std::optional<std::size_t> choice(const YAML::Node& node, std::string_view where,
                                    const std::vector<std::string_view>& choices);
  // The elements of a list; an empty value is an empty list.
  std::vector<YAML::Node> list(const YAML::Node& node, std::string_view where,
                               std::string_view of_what);

 private:
  std::string file_;
  std::vector<Diagnostic> diagnostics_;
};

// A mapping whose keys are known. Reports duplicate and unknown keys when it is made.
class Mapping {
 public:
  Mapping(Reader& reader, const YAML::Node& node, std::string where,
          const std::vector<std::string_view>& known);

  // nullopt: the key is not there.
  std::optional<YAML::Node> get(std::string_view key) const;
  // "ports[0].mtu"
  std::string where(std::string_view key) const;
  const YAML::Node& node() const { return node_; }
  bool is_map() const { return is_map_; }

 private:
  struct Entry {
    std::string key;
    YAML::Node value;
  };
  void read_entry(Reader& reader, const YAML::Node& key, const YAML::Node& value,
                  const std::vector<std::string_view>& known);

  YAML::Node node_;
  std::string where_;
  bool is_map_ = false;
  std::vector<Entry> entries_;
};

}  // namespace lifeline::config
