// Finds the rule with exactly a given table, priority and match.
//
// A hash table by linear hashing: it grows and shrinks by one bucket per insertion or removal. A
// std::unordered_map rehashes all at once, and every element of a rehash of 100 k rules is a cache
// miss: more than the 100 us of a slice.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "ofagent/stored_rule.h"

namespace lifeline::ofagent {

// Does not own the rules; threads its chains through them. Not thread-safe.
class RuleIndex {
 public:
  RuleIndex();

  // Of priority and match; the table is mixed in by the index, so that a search through all tables
  // hashes the match once.
  static std::uint64_t hash_of(std::uint32_t priority, const flow::Match& match);

  StoredRule* find(std::uint8_t table_id, std::uint32_t priority, const flow::Match& match,
                   std::uint64_t hash) const;
  void insert(StoredRule& stored, std::uint64_t hash);  // hash: of its priority and match
  void erase(StoredRule& stored);
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kChunk = 4096;  // buckets; 32 KiB, so that growing never copies
  static constexpr std::size_t kMinBuckets = 64;
  using Chunk = std::array<StoredRule*, kChunk>;

  StoredRule*& bucket(std::size_t i) { return (*chunks_[i / kChunk])[i % kChunk]; }
  StoredRule* bucket(std::size_t i) const { return (*chunks_[i / kChunk])[i % kChunk]; }
  std::size_t bucket_of(std::uint64_t hash) const;
  void grow();
  void shrink();

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::size_t n_buckets_ = kMinBuckets;
  std::size_t size_ = 0;
};

}  // namespace lifeline::ofagent
