#include "ofagent/rule_index.h"

#include <bit>

namespace lifeline::ofagent {
namespace {

constexpr std::uint64_t mix(std::uint64_t h, std::uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
  return h ^ (h >> 32);
}

std::uint64_t with_table(std::uint64_t hash, std::uint8_t table_id) {
  return mix(hash, std::uint64_t{table_id} + 1);
}

}  // namespace

RuleIndex::RuleIndex() { chunks_.push_back(std::make_unique<Chunk>()); }

std::uint64_t RuleIndex::hash_of(std::uint32_t priority, const flow::Match& match) {
  std::uint64_t h = mix(0x243f6a8885a308d3ULL, priority);
  for (std::size_t i = 0; i < flow::FlowKey::kWords; ++i) {
    const std::uint64_t mask = match.mask.words()[i];
    if (mask == 0) continue;
    h = mix(mix(h, mask + i), match.key.words()[i]);
  }
  return h;
}

std::size_t RuleIndex::bucket_of(std::uint64_t hash) const {
  const std::size_t wide = std::bit_ceil(n_buckets_);
  const std::size_t i = hash & (wide - 1);
  return i < n_buckets_ ? i : i & (wide / 2 - 1);
}

StoredRule* RuleIndex::find(std::uint8_t table_id, std::uint32_t priority, const flow::Match& match,
                            std::uint64_t hash) const {
  const std::uint64_t h = with_table(hash, table_id);
  for (StoredRule* r = bucket(bucket_of(h)); r != nullptr; r = r->next_in_bucket) {
    if (r->hash == h && r->rule.table_id == table_id && r->rule.priority == priority &&
        r->rule.match == match) {
      return r;
    }
  }
  return nullptr;
}

void RuleIndex::insert(StoredRule& stored, std::uint64_t hash) {
  if (++size_ > n_buckets_) grow();
  stored.hash = with_table(hash, stored.rule.table_id);
  StoredRule*& head = bucket(bucket_of(stored.hash));
  stored.next_in_bucket = head;
  head = &stored;
}

void RuleIndex::erase(StoredRule& stored) {
  StoredRule** link = &bucket(bucket_of(stored.hash));
  while (*link != &stored) link = &(*link)->next_in_bucket;
  *link = stored.next_in_bucket;
  stored.next_in_bucket = nullptr;
  --size_;
  // Twice as slow down as up, so that add and delete at the border do not split and merge for ever.
  if (n_buckets_ > kMinBuckets && size_ < n_buckets_ / 2) shrink();
}

// Splits one bucket into itself and the new last one.
void RuleIndex::grow() {
  const std::size_t added = n_buckets_;
  if (added / kChunk == chunks_.size()) chunks_.push_back(std::make_unique<Chunk>());
  const std::size_t old = added - std::bit_floor(added);
  ++n_buckets_;
  StoredRule* chain = bucket(old);
  bucket(old) = nullptr;
  bucket(added) = nullptr;
  while (chain != nullptr) {
    StoredRule* next = chain->next_in_bucket;
    StoredRule*& head = bucket(bucket_of(chain->hash));
    chain->next_in_bucket = head;
    head = chain;
    chain = next;
  }
}

// Merges the last bucket into the one it was split from.
void RuleIndex::shrink() {
  const std::size_t last = --n_buckets_;
  StoredRule* chain = bucket(last);
  bucket(last) = nullptr;
  while (chain != nullptr) {
    StoredRule* next = chain->next_in_bucket;
    StoredRule*& head = bucket(bucket_of(chain->hash));
    chain->next_in_bucket = head;
    head = chain;
    chain = next;
  }
  if (last % kChunk == 0 && last / kChunk + 1 < chunks_.size()) chunks_.pop_back();
}

}  // namespace lifeline::ofagent
