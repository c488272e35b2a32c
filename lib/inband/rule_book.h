// The hidden rules that are wanted, by who wants them, and which of them stand.
//
// What. Owners (the local port, each remote) say which rules they want; what stands is the union.
// set() and drop() compare one owner's rules with what it wanted before, so the work follows what
// changed and not how many remotes there are. commit() carries the difference out: additions first,
// then removals, one publish, so no packet finds neither the old rule nor the new. A rule that one
// owner lets go of and another takes up before the commit is not touched at all.
//
// Failure modes. Hidden table full: what fits stands, the rest is tried again by commit() with
// `retry`, and when a removal made room.
//
// Not thread-safe: control lcore only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "flow/rule_writer.h"
#include "inband/inband_rules.h"

namespace lifeline::inband {

class RuleBook {
 public:
  using Owner = std::uint64_t;  // never used again by another
  // Told of each rule that is added to the table or removed.
  using Note = std::function<void(const HiddenRule& rule, bool added)>;

  // The writer outlives the book.
  RuleBook(flow::RuleWriter& writer, Note note) : writer_(writer), note_(std::move(note)) {}

  // What the owner wants from now on, in place of what it wanted. Staged until commit().
  void set(Owner owner, const std::vector<HiddenRule>& rules);
  void drop(Owner owner) { set(owner, {}); }

  struct Result {
    bool published = false;
    std::size_t refused = 0;  // rules for which there was no room this time
    std::string error;        // why
  };
  Result commit(TimePoint now, bool retry = false);
  // Rules that are wanted but found no room at the last commit.
  std::size_t missing() const { return missing_; }

  struct Standing {
    HiddenRule rule;
    flow::RuleId id = 0;
    TimePoint since{};
  };
  // In the order of the letters, then as they came. Linear in the rules, about 100 ns each.
  std::vector<flow::RuleId> ids() const;
  std::size_t size() const { return by_id_.size(); }  // rules that stand
  // By an id from ids(); nullopt if it has been removed since. Of its reasons the first few, and
  // how many more there are: a gateway may be the next hop of a thousand remotes.
  std::optional<Standing> find(flow::RuleId id) const;

 private:
  struct Rule {
    HiddenRule rule;  // `why` stays empty, see reasons
    std::map<Owner, std::vector<std::string>> reasons;
    flow::RuleId id = 0;  // 0: does not stand
    TimePoint since{};
    bool touched = false;  // in touched_
  };
  struct Name {
    Kind kind;
    flow::Match match;
    bool operator==(const Name&) const = default;
  };
  struct NameHash {
    std::size_t operator()(const Name& n) const { return name_hash(n.kind, n.match); }
  };

  void touch(Rule& rule);
  bool place(Rule& rule, TimePoint now, Result& result);
  HiddenRule with_reasons(const Rule& rule) const;

  flow::RuleWriter& writer_;
  const Note note_;
  // Pointers into its nodes stay valid.
  std::unordered_map<Name, Rule, NameHash> rules_;
  std::unordered_map<Owner, std::vector<Rule*>> wants_;
  std::unordered_map<flow::RuleId, Rule*> by_id_;
  std::vector<Rule*> touched_;
  std::size_t missing_ = 0;
};

}  // namespace lifeline::inband
