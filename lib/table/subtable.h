// All rules of one mask: a split-ordered hash table and its change marks. Internal to the
// classifier, whose essay explains both.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "flow/match.h"
#include "sync/retire_list.h"
#include "table/change_hint.h"
#include "table/change_marks.h"
#include "table/published_rule.h"

namespace lifeline::table {

class Subtable {
 public:
  // `number`: no other subtable has it, has had it or will have it, of any classifier.
  Subtable(const flow::FlowMask& mask, std::uint64_t seed, std::uint32_t number,
           sync::RetireList& retired);
  ~Subtable();
  Subtable(const Subtable&) = delete;
  Subtable& operator=(const Subtable&) = delete;

  // -- readers
  // False only if no rule that is visible in the reader's version matches. Reads this object alone.
  bool may_match(const flow::FlowKey& key) const {
    std::uint64_t diff = 0;
    for (std::uint32_t i = 0; i < n_words_; ++i) {
      const Common& c = common_[i];
      diff |= (key.words()[words_[i]] ^ c.value) & c.bits.load(std::memory_order_relaxed);
    }
    return diff == 0;
  }
  const PublishedRule* lookup(const flow::FlowKey& key, std::uint64_t version) const;
  // True if any rule changed after version `since`.
  bool touched(std::uint64_t since) const { return last_change() > since; }
  // True if a rule that matches the hint's key may have changed after version `since`.
  bool changed(std::uint64_t since, ChangeHint hint) const {
    return marks()->changed(hint.hash, since);
  }
  const ChangeMarks* marks() const { return marks_.load(std::memory_order_acquire); }
  ChangeHint hint(const flow::FlowKey& key) const { return {number_, upper_half(hash(key))}; }

  // -- the writer
  bool insert(PublishedRule* rule);  // false: a standing rule of equal match and priority
  void unlink(PublishedRule* rule);
  void mark_changed(const PublishedRule& rule, std::uint64_t version);

  std::size_t rule_count() const { return rule_count_; }
  std::uint32_t max_priority() const {
    return priorities_.empty() ? 0 : priorities_.rbegin()->first;
  }
  std::uint64_t last_change() const { return last_change_.load(std::memory_order_relaxed); }
  std::uint32_t number() const { return number_; }
  const flow::FlowMask& mask() const { return mask_; }

 private:
  // The bits of a word that all rules have alike, and what they are. `value` is the first rule's
  // and stays; of `bits` those go in which a later rule differs, before any version shows it.
  struct Common {
    std::atomic<std::uint64_t> bits{0};
    std::uint64_t value = 0;
  };

  static constexpr std::uint32_t kFirstBuckets = 8;
  static constexpr std::uint32_t kSegments = 28;  // up to 2^30 buckets
  static constexpr std::uint32_t kMinMarks = 256;
  static constexpr std::uint32_t kMarksPerBucket = 4;

  static std::uint32_t upper_half(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32);
  }
  std::uint64_t hash(const flow::FlowKey& key) const {
    std::uint64_t h = seed_;
    for (std::uint32_t i = 0; i < n_words_; ++i) {
      h = (h ^ (key.words()[words_[i]] & masks_[i])) * 0x9e3779b97f4a7c15ULL;
      h ^= h >> 32;
    }
    h *= 0xd6e8feb86659fd93ULL;
    return h ^ (h >> 32);
  }
  bool matches(const PublishedRule& rule, const flow::FlowKey& key) const {
    std::uint64_t diff = 0;
    for (std::uint32_t i = 0; i < n_words_; ++i)
      diff |= rule.rule.match.key.words()[words_[i]] ^ (key.words()[words_[i]] & masks_[i]);
    return diff == 0;
  }
  ChainLink& bucket(std::uint64_t number) const;
  const ChainLink* start(std::uint64_t hash_value) const;
  ChainLink* start_for_writer(std::uint64_t hash_value);
  void narrow_common(const flow::FlowKey& rule);
  void begin_bucket(std::uint64_t number);
  void grow();

  // Read together by every lookup; kept in front.
  std::uint32_t n_words_ = 0;
  std::array<std::uint8_t, flow::FlowKey::kWords> words_{};
  std::uint32_t number_;
  std::uint64_t seed_;
  std::array<Common, flow::FlowKey::kWords> common_{};
  std::array<std::uint64_t, flow::FlowKey::kWords> masks_{};
  std::atomic<std::uint64_t> n_buckets_{kFirstBuckets};
  // Segment 0 has buckets 0..7, segment s the 8 << (s-1) that follow.
  std::array<std::atomic<ChainLink*>, kSegments> segments_{};
  std::atomic<std::uint64_t> last_change_{0};
  std::atomic<ChangeMarks*> marks_;
  mutable ChainLink tail_;  // the end of the list: a link that is "begun" never has a null next

  // The writer's.
  flow::FlowMask mask_;
  sync::RetireList& retired_;
  bool has_common_ = false;
  std::size_t rule_count_ = 0;
  std::map<std::uint32_t, std::uint32_t> priorities_;  // priority -> number of rules
};

}  // namespace lifeline::table
