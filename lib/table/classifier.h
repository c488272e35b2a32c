// The classifier: which rule of one table does a packet match?
//
// What. Tuple space search (Srinivasan, Suri, Varghese 1999), as in Open vSwitch: all rules with
// the same mask form a subtable, a hash table over the bits of that mask. A lookup hashes the flow
// key once per subtable. Subtables are sorted by the highest priority inside, so the search ends as
// soon as the best rule so far cannot be beaten.
//
// Why this way. Controllers use few masks and many rules, and change rules all the time: insert and
// remove are O(1) here. Decision trees (HyperCuts, EffiCuts) look up faster but rebuild; tries fit
// only addresses. The classifier is not the fast path: the exact-match table is, and this runs once
// per new flow and worker.
//
// The hash table of a subtable is a split-ordered list (Shalev, Shavit 2006): one linked list of
// all rules sorted by bit-reversed hash, and an array of starting points into it. Growing adds
// starting points and moves nothing. Rejected: a table that is rebuilt when it doubles (500 k rules
// would hold up the control lcore for tens of milliseconds), and rte_hash (its
// size is fixed, and rules of one match and several priorities are one key to it).
//
// Before it hashes, a subtable compares the key with the bits that all of its rules have alike
// (their Ethernet type, protocol, mostly a port). With 1 000 remotes the hidden table has subtables
// of 1 000 rules each, whose buckets and rules are in no cache when a new flow asks; what is not
// ARP, or no TCP by the controllers' port, does not get there. The bits that are alike become fewer
// as rules come and stay so until the subtable is empty: widened, they would have to be published
// with a version. Rejected: a filter of hashes, which costs the hash and a line more, and must be
// rebuilt when rules go.
//
// Versions. A rule is linked where readers can reach it while it is still invisible, and is made
// visible or invisible by stamping it with a table version that readers do not use yet; Tables then
// moves the version, and all stamps take effect at once. A removed rule stays linked until no
// reader can use an older version (one grace period), then is unlinked, and freed after another.
//
// Change marks (change_marks.h). Each subtable remembers in an array, by the hash of a rule's
// match, at which version one last changed. prove() hashes a key once per subtable that changed at
// all and compares, or, with the hint of an earlier proof, only compares: no log of changes that
// could overflow, and the cost does not grow with the number of changes. Two keys of one hash give
// a false alarm, never a false proof.
//
// Invariants.
//  - The list of a subtable is sorted by order, equal orders by priority (descending): the first
//    visible rule that matches is the subtable's best.
//  - The published list of subtables holds every subtable that has a linked rule; its priorities
//  are
//    never lower than those of the visible rules.
//  - Of a rule that a version shows, no bit that it has unlike its subtable's first counts as
//  common.
//  - A mark is stored before the version that it names is published.
//
// Thread-safety. Readers: lookup(), prove(), untouched(), any thread that is an online QSBR
// reader; lock-free, no stores. The rest: the one writer, which is the control lcore.
//
// Failure modes. Two rules of equal priority that both match: OpenFlow leaves open which one wins;
// here the one whose subtable comes first. Many masks cost time linearly, in lookup as in
// prove(). Rules with one match and very many different priorities share one chain.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "flow/match.h"
#include "sync/published.h"
#include "table/change_hint.h"
#include "table/published_rule.h"
#include "table/recent_change.h"

namespace lifeline::table {

class Classifier {
 public:
  // `recent`: of all classifiers of one set of tables.
  Classifier(sync::RetireList& retired, RecentChange& recent);
  ~Classifier();
  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;

  // -- readers

  // The visible rule of highest priority, or null. `version` as read from Tables::version() since
  // the reader's last quiescent state.
  const PublishedRule* lookup(const flow::FlowKey& key, std::uint64_t version) const;

  // kUnchanged only if no rule that matches `key` was added, replaced or removed after version
  // `since`; else kChanged. Leaves a hint for this key.
  Proof prove(std::uint64_t since, const flow::FlowKey& key, ChangeHint* hint) const;
  // The same of the hint's key; kUnknown if others than the hint's subtable changed.
  Proof prove(std::uint64_t since, ChangeHint hint) const;

  // True only if no rule at all changed after version `since`.
  bool untouched(std::uint64_t since) const {
    return last_change_.load(std::memory_order_relaxed) <= since;
  }

  // -- the writer

  // Links a rule, invisible until stamped. False, and nothing done, if a rule of equal match and
  // priority stands that is not staged for removal. `rule` stays the caller's, at a fixed address.
  bool insert(PublishedRule* rule);
  // Marks the rule's match as changed at `version`; called for every rule that is stamped.
  void mark_changed(const PublishedRule& rule, std::uint64_t version);
  // Publishes the list of subtables if it changed. Before the version moves.
  void flush();
  // Takes out a rule that no reader's version shows any more; the caller retires it.
  void unlink(PublishedRule* rule);

  std::size_t rule_count() const { return rule_count_; }  // linked ones
  std::size_t subtable_count() const { return subtables_.size(); }

 private:
  struct Entry {
    const Subtable* subtable;
    std::uint32_t max_priority;
  };
  using Entries = std::vector<Entry>;

  Subtable* subtable_for(const flow::FlowMask& mask);

  sync::RetireList& retired_;
  sync::Published<Entries> published_;
  std::atomic<std::uint64_t> last_change_{0};
  // Entries older than this cannot be proven: a subtable, and its marks with it, is gone.
  std::atomic<std::uint64_t> floor_{0};

  struct MaskHash {
    std::size_t operator()(const flow::FlowMask& mask) const;
  };
  std::unordered_map<flow::FlowMask, std::unique_ptr<Subtable>, MaskHash> subtables_;
  RecentChange& recent_;
  std::uint64_t seed_;
  std::size_t rule_count_ = 0;
  bool dirty_ = false;
};

}  // namespace lifeline::table
