#include "table/exact_index.h"

#include <cstring>

namespace lifeline::table {

namespace {

void move_lane(ExactBucket& from, unsigned lane, ExactBucket& to, unsigned to_lane) {
  to.sig[to_lane] = from.sig[lane];
  to.low[to_lane] = from.low[lane];
  to.entry[to_lane] = from.entry[lane];
  from.sig[lane] = 0;
}

unsigned first_lane(unsigned lanes) { return static_cast<unsigned>(std::countr_zero(lanes)); }

}  // namespace

ExactIndex::ExactIndex(std::uint32_t max_buckets, bool prefault)
    : memory_(std::size_t{max_buckets} * sizeof(ExactBucket), prefault),
      buckets_(static_cast<ExactBucket*>(memory_.data())),
      max_(max_buckets) {}

bool ExactIndex::put(ExactBucket& b, std::uint32_t hash, std::uint32_t entry) {
  const unsigned empty = b.empty_lanes();
  if (empty == 0) return false;
  const unsigned lane = first_lane(empty);
  b.sig[lane] = static_cast<std::uint16_t>(hash >> 16);
  b.low[lane] = static_cast<std::uint16_t>(hash);
  b.entry[lane] = entry;
  return true;
}

// Makes room in a full bucket by moving one of its lanes to that lane's other bucket.
bool ExactIndex::displace(std::uint32_t number, std::uint32_t hash, std::uint32_t entry) {
  ExactBucket& b = buckets_[number];
  for (unsigned lane = 0; lane < 8; ++lane) {
    const std::uint32_t h = b.hash(lane);
    const std::uint32_t other = home(h) == number ? alternate(h) : home(h);
    if (other == number) continue;
    const unsigned empty = buckets_[other].empty_lanes();
    if (empty == 0) continue;
    move_lane(b, lane, buckets_[other], first_lane(empty));
    return put(b, hash, entry);
  }
  return false;
}

bool ExactIndex::insert(std::uint32_t hash, std::uint32_t entry) {
  const std::uint32_t first = home(hash);
  if (put(buckets_[first], hash, entry)) return true;
  const std::uint32_t second = alternate(hash);
  if (put(buckets_[second], hash, entry)) return true;
  return displace(first, hash, entry) || (second != first && displace(second, hash, entry));
}

bool ExactIndex::erase_in(ExactBucket& b, std::uint32_t hash, std::uint32_t entry) {
  for (unsigned lanes = b.lanes_like(hash); lanes != 0; lanes &= lanes - 1) {
    const unsigned lane = first_lane(lanes);
    if (b.entry[lane] != entry) continue;
    b.sig[lane] = 0;
    return true;
  }
  return false;
}

void ExactIndex::erase(std::uint32_t hash, std::uint32_t entry) {
  if (!erase_in(buckets_[home(hash)], hash, entry))
    erase_in(buckets_[alternate(hash)], hash, entry);
}

bool ExactIndex::split() {
  if (active_ == max_) return false;
  if (active_ > mask_) mask_ = mask_ * 2 + 1;
  const std::uint32_t to = active_;
  const std::uint32_t from = to & (mask_ >> 1);
  ++active_;
  ExactBucket& b = buckets_[from];
  for (unsigned lane = 0; lane < 8; ++lane) {
    if (b.sig[lane] == 0) continue;
    const std::uint32_t h = b.hash(lane);
    const std::uint32_t first = home(h);
    // Home wins where both would do; one of the two is `from` or `to`.
    const bool moves = first == to || (first != from && alternate(h) == to);
    if (moves) move_lane(b, lane, buckets_[to], lane);
  }
  return true;
}

bool ExactIndex::merge() {
  if (active_ == kMinBuckets) return false;
  const std::uint32_t from = active_ - 1;
  const std::uint32_t to = from & (mask_ >> 1);
  ExactBucket& b = buckets_[from];
  ExactBucket& target = buckets_[to];
  const unsigned used = ~b.empty_lanes() & 0xffU;
  unsigned empty = target.empty_lanes();
  if (std::popcount(used) > std::popcount(empty)) return false;
  for (unsigned lanes = used; lanes != 0; lanes &= lanes - 1, empty &= empty - 1)
    move_lane(b, first_lane(lanes), target, first_lane(empty));
  --active_;
  if (active_ == (mask_ + 1) / 2) mask_ >>= 1;
  return true;
}

void ExactIndex::clear() {
  std::memset(static_cast<void*>(buckets_), 0, std::size_t{active_} * sizeof(ExactBucket));
  active_ = kMinBuckets;
  mask_ = kMinBuckets - 1;
}

}  // namespace lifeline::table
