#include "table/subtable.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>
#include <utility>

namespace lifeline::table {

namespace {

std::uint64_t reverse_bits(std::uint64_t v) {
  v = __builtin_bswap64(v);
  v = (v >> 4 & 0x0f0f0f0f0f0f0f0fULL) | (v & 0x0f0f0f0f0f0f0f0fULL) << 4;
  v = (v >> 2 & 0x3333333333333333ULL) | (v & 0x3333333333333333ULL) << 2;
  return (v >> 1 & 0x5555555555555555ULL) | (v & 0x5555555555555555ULL) << 1;
}

// Rules are odd, starting points even, so a bucket's starting point comes before its rules.
std::uint64_t rule_order(std::uint64_t hash) { return reverse_bits(hash) | 1; }

std::uint64_t parent_of(std::uint64_t bucket) { return bucket & ~std::bit_floor(bucket); }

PublishedRule* as_rule(ChainLink* link) { return static_cast<PublishedRule*>(link); }
const PublishedRule* as_rule(const ChainLink* link) {
  return static_cast<const PublishedRule*>(link);
}

// calloc, so that the kernel hands out the zero pages of a large segment one by one: constructing
// the links of a million buckets would hold up the control lcore for milliseconds.
ChainLink* make_links(std::size_t n) {
  void* p = std::calloc(n, sizeof(ChainLink));
  if (p == nullptr) throw std::bad_alloc{};
  return static_cast<ChainLink*>(p);
}

}  // namespace

Subtable::Subtable(const flow::FlowMask& mask, std::uint64_t seed, std::uint32_t number,
                   sync::RetireList& retired)
    : number_(number),
      seed_(seed),
      marks_(new ChangeMarks{kMinMarks}),
      mask_(mask),
      retired_(retired) {
  for (std::size_t i = 0; i < flow::FlowKey::kWords; ++i) {
    if (mask.words()[i] == 0) continue;
    words_[n_words_] = static_cast<std::uint8_t>(i);
    masks_[n_words_++] = mask.words()[i];
  }
  tail_.order = ~std::uint64_t{0};
  ChainLink* first = make_links(kFirstBuckets);
  first[0].next.store(&tail_, std::memory_order_relaxed);
  segments_[0].store(first, std::memory_order_relaxed);
}

Subtable::~Subtable() {
  for (auto& s : segments_) std::free(s.load(std::memory_order_relaxed));
  delete marks_.load(std::memory_order_relaxed);
}

ChainLink& Subtable::bucket(std::uint64_t number) const {
  const auto s = static_cast<std::size_t>(std::bit_width(number / kFirstBuckets));
  const std::uint64_t first = s == 0 ? 0 : std::uint64_t{kFirstBuckets} << (s - 1);
  return segments_[s].load(std::memory_order_acquire)[number - first];
}

// The nearest starting point at or before the hash's place. A bucket that no rule was put into
// since the last doubling has not begun; the one it was split from has.
const ChainLink* Subtable::start(std::uint64_t hash_value) const {
  std::uint64_t b = hash_value & (n_buckets_.load(std::memory_order_acquire) - 1);
  for (;;) {
    const ChainLink& link = bucket(b);
    if (link.next.load(std::memory_order_acquire) != nullptr) return &link;
    b = parent_of(b);
  }
}

const PublishedRule* Subtable::lookup(const flow::FlowKey& key, std::uint64_t version) const {
  if (!may_match(key)) return nullptr;
  const std::uint64_t h = hash(key);
  const std::uint64_t order = rule_order(h);
  const ChainLink* link = start(h);
  while (link->order < order) link = link->next.load(std::memory_order_acquire);
  for (; link->order == order && link != &tail_; link = link->next.load(std::memory_order_acquire))
    if (as_rule(link)->visible(version) && matches(*as_rule(link), key)) return as_rule(link);
  return nullptr;
}

void Subtable::narrow_common(const flow::FlowKey& rule) {
  const bool first = !std::exchange(has_common_, true);
  for (std::uint32_t i = 0; i < n_words_; ++i) {
    Common& c = common_[i];
    const std::uint64_t word = rule.words()[words_[i]];
    if (first) c.value = word;  // nobody has been told of this subtable yet
    const std::uint64_t alike = first ? masks_[i] : c.bits.load(std::memory_order_relaxed);
    c.bits.store(alike & ~(c.value ^ word), std::memory_order_relaxed);
  }
}

void Subtable::begin_bucket(std::uint64_t number) {
  ChainLink& link = bucket(number);
  if (link.next.load(std::memory_order_relaxed) != nullptr) return;
  begin_bucket(parent_of(number));  // at most 30 deep; bucket 0 has begun
  link.order = reverse_bits(number);
  ChainLink* prev = &bucket(parent_of(number));
  ChainLink* next = prev->next.load(std::memory_order_relaxed);
  while (next->order < link.order) {
    prev = next;
    next = next->next.load(std::memory_order_relaxed);
  }
  link.next.store(next, std::memory_order_release);
  prev->next.store(&link, std::memory_order_release);
}

ChainLink* Subtable::start_for_writer(std::uint64_t hash_value) {
  const std::uint64_t b = hash_value & (n_buckets_.load(std::memory_order_relaxed) - 1);
  begin_bucket(b);
  return &bucket(b);
}

bool Subtable::insert(PublishedRule* rule) {
  const std::uint64_t h = hash(rule->rule.match.key);
  rule->order = rule_order(h);
  ChainLink* prev = start_for_writer(h);
  ChainLink* next = prev->next.load(std::memory_order_relaxed);
  for (; next->order <= rule->order && next != &tail_;
       prev = next, next = next->next.load(std::memory_order_relaxed)) {
    if (next->order != rule->order) continue;
    const PublishedRule& other = *as_rule(next);
    if (other.rule.priority < rule->rule.priority) break;
    if (other.rule.priority == rule->rule.priority && !other.leaving &&
        matches(other, rule->rule.match.key))
      return false;
  }
  rule->subtable = this;
  narrow_common(rule->rule.match.key);
  rule->next.store(next, std::memory_order_relaxed);
  prev->next.store(rule, std::memory_order_release);
  ++priorities_[rule->rule.priority];
  if (++rule_count_ > n_buckets_.load(std::memory_order_relaxed)) grow();
  return true;
}

void Subtable::grow() {
  const std::uint64_t n = n_buckets_.load(std::memory_order_relaxed);
  const auto s = static_cast<std::size_t>(std::bit_width(n / kFirstBuckets));
  if (s >= kSegments) return;
  segments_[s].store(make_links(n), std::memory_order_release);
  n_buckets_.store(n * 2, std::memory_order_release);
  ChangeMarks* old = marks_.load(std::memory_order_relaxed);
  const auto marks = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(n * 2 * kMarksPerBucket, ChangeMarks::kMost));
  if (marks <= old->size()) return;
  marks_.store(new ChangeMarks{marks, old}, std::memory_order_release);
  retired_.retire(std::unique_ptr<ChangeMarks>{old});
}

void Subtable::unlink(PublishedRule* rule) {
  ChainLink* prev = start_for_writer(hash(rule->rule.match.key));
  for (ChainLink* next = prev->next.load(std::memory_order_relaxed); next != rule;
       next = next->next.load(std::memory_order_relaxed))
    prev = next;
  // The rule keeps its own next: a reader that stands on it walks on.
  prev->next.store(rule->next.load(std::memory_order_relaxed), std::memory_order_release);
  --rule_count_;
  const auto p = priorities_.find(rule->rule.priority);
  if (--p->second == 0) priorities_.erase(p);
}

void Subtable::mark_changed(const PublishedRule& rule, std::uint64_t version) {
  marks_.load(std::memory_order_relaxed)->set(upper_half(hash(rule.rule.match.key)), version);
  last_change_.store(version, std::memory_order_relaxed);
}

}  // namespace lifeline::table
