#include "table/fdb.h"

#include <algorithm>
#include <bit>
#include <random>
#include <tuple>
#include <utility>

namespace lifeline::table {

namespace {

// How many of a port's oldest entries are looked at for the least recently used one: workers
// refresh stamps without moving the entry in the list.
constexpr int kCandidates = 16;

constexpr std::uint64_t kMac48 = 0xffffffffffffULL;

}  // namespace

Fdb::Fdb(sync::RetireList& retired, const FdbConfig& config)
    : retired_(retired), config_(config), seed_(std::random_device{}() * 0x9e3779b97f4a7c15ULL) {
  const std::size_t n =
      std::bit_ceil(std::max<std::size_t>(64, std::size_t{config.max_entries} * 2));
  bucket_mask_ = n - 1;
  buckets_ = std::make_unique<std::atomic<Node*>[]>(n);
}

Fdb::~Fdb() {
  for (std::size_t b = 0; b <= bucket_mask_; ++b) {
    Node* n = buckets_[b].load(std::memory_order_relaxed);
    while (n != nullptr) {
      Node* next = n->next.load(std::memory_order_relaxed);
      delete n;
      n = next;
    }
  }
}

void Fdb::list_add(Node* node) {
  const std::uint32_t place = node->place.load(std::memory_order_relaxed);
  if (is_protected(place)) ++n_protected_;
  PortList& list = ports_[place];
  node->older = list.newest;
  node->newer = nullptr;
  (list.newest != nullptr ? list.newest->newer : list.oldest) = node;
  list.newest = node;
  ++list.count;
}

void Fdb::list_remove(Node* node) {
  const std::uint32_t place = node->place.load(std::memory_order_relaxed);
  if (is_protected(place)) --n_protected_;
  const auto it = ports_.find(place);
  PortList& list = it->second;
  (node->older != nullptr ? node->older->newer : list.oldest) = node->newer;
  (node->newer != nullptr ? node->newer->older : list.newest) = node->older;
  if (--list.count == 0) ports_.erase(it);
}

Fdb::Node* Fdb::insert(std::uint64_t key, std::uint32_t place, std::uint32_t now_s) {
  auto* node = new Node;
  node->key = key;
  node->place.store(place, std::memory_order_relaxed);
  node->stamp_s.store(now_s, std::memory_order_relaxed);
  std::atomic<Node*>& head = buckets_[bucket_of(key)];
  node->next.store(head.load(std::memory_order_relaxed), std::memory_order_relaxed);
  head.store(node, std::memory_order_release);
  changed();
  if (is_static(place)) {
    ++static_;
  } else {
    ++learned_;
    list_add(node);
  }
  return node;
}

void Fdb::remove(Node* node) {
  if (is_static(node->place.load(std::memory_order_relaxed))) {
    --static_;
  } else {
    --learned_;
    list_remove(node);
  }
  std::atomic<Node*>* link = &buckets_[bucket_of(node->key)];
  while (link->load(std::memory_order_relaxed) != node)
    link = &link->load(std::memory_order_relaxed)->next;
  link->store(node->next.load(std::memory_order_relaxed), std::memory_order_release);
  changed();
  retired_.retire(std::unique_ptr<Node>{node});
}

void Fdb::evict_from(PortList& list) {
  Node* victim = list.oldest;
  int seen = 0;
  for (Node* n = list.oldest; n != nullptr && seen < kCandidates; n = n->newer, ++seen)
    if (n->stamp_s.load(std::memory_order_relaxed) <
        victim->stamp_s.load(std::memory_order_relaxed))
      victim = n;
  remove(victim);
  ++evicted_;
}

Fdb::PortList* Fdb::list_of(std::uint32_t place) {
  const auto it = ports_.find(place);
  return it == ports_.end() ? nullptr : &it->second;
}

// Within the port's own limit.
bool Fdb::make_room_on(flow::PortNo port) {
  PortList* own = list_of(port);
  if (own == nullptr || own->count < config_.max_entries_per_port) return false;
  evict_from(*own);
  return true;
}

bool Fdb::make_room(flow::PortNo port) {
  if (config_.max_entries == 0 || config_.max_entries_per_port == 0) return false;
  if (make_room_on(port) || learned_ - n_protected_ < config_.max_entries) return true;
  PortList* most = nullptr;
  for (auto& [place, list] : ports_) {
    if (is_protected(place)) continue;
    if (most == nullptr || list.count > most->count) most = &list;
  }
  if (most == nullptr) return false;
  evict_from(*most);
  return true;
}

bool Fdb::shall_protect(std::uint64_t key) const {
  return n_protected_ < kMaxProtected &&
         (protected_vlan_ == kAnyVlan || key >> 48 == protected_vlan_) &&
         std::binary_search(protected_macs_.begin(), protected_macs_.end(), key & kMac48);
}

// Of a protected entry.
bool Fdb::may_move(Node& node, flow::PortNo port, std::uint32_t now_s) const {
  const flow::PortNo from = port_of(node.place.load(std::memory_order_relaxed));
  if (from != node.home && now_s - node.left_home_s >= kHome_s) node.home = from;
  if (port == node.home) return true;
  if (age_of(node, now_s) < kHold_s) return false;
  if (from == node.home) node.left_home_s = now_s;
  return true;
}

Fdb::Learned Fdb::learn(std::uint16_t vlan, const MacAddress& mac, flow::PortNo port,
                        std::uint32_t now_s) {
  const std::uint64_t mac48 = mac.to_u64();
  if (mac.is_multicast() || mac48 == 0 || vlan > 4095) return Learned::kInvalid;
  const std::uint64_t local = local_.load(std::memory_order_relaxed);
  if (local != 0 && local >> 16 == mac48) return Learned::kStatic;
  const std::uint64_t key = key_of(vlan, mac48);
  Node* node = find_for_writer(key);
  if (node == nullptr) {
    const bool protect = shall_protect(key);
    if (!protect && !make_room(port)) return Learned::kNoRoom;
    insert(key, port | (protect ? kProtectedBit : 0), now_s)->home = port;
    return Learned::kNew;
  }
  const std::uint32_t place = node->place.load(std::memory_order_relaxed);
  if (is_static(place)) return Learned::kStatic;
  if (port_of(place) != port && is_protected(place) && !may_move(*node, port, now_s))
    return Learned::kHeld;
  return place_at(node, port, now_s);
}

Fdb::Learned Fdb::place_at(Node* node, flow::PortNo port, std::uint32_t now_s) {
  const std::uint32_t place = node->place.load(std::memory_order_relaxed);
  const bool moves = port_of(place) != port;
  node->stamp_s.store(now_s, std::memory_order_relaxed);
  node->doubted = false;
  list_remove(node);
  if (moves) {
    if (!is_protected(place)) make_room_on(port);
    node->place.store(port | (place & kProtectedBit), std::memory_order_relaxed);
    changed();
    ++moved_;
  }
  list_add(node);
  return moves ? Learned::kMoved : Learned::kRefreshed;
}

// Stamps count seconds; one that no reader would write shows each that one writes. Readers keep
// where a flow went for up to a second without a look at the entry: the new generation ends that.
bool Fdb::doubt(std::uint16_t vlan, const MacAddress& mac, std::uint32_t now_s) {
  Node* node = find_for_writer(key_of(vlan, mac.to_u64()));
  if (node == nullptr || !is_protected(node->place.load(std::memory_order_relaxed))) return false;
  node->doubt_stamp_s = now_s - 1;
  node->doubted = true;
  node->stamp_s.store(node->doubt_stamp_s, std::memory_order_relaxed);
  changed();
  return true;
}

bool Fdb::confirm_move(std::uint16_t vlan, const MacAddress& mac, flow::PortNo port,
                       std::uint32_t now_s) {
  Node* node = find_for_writer(key_of(vlan, mac.to_u64()));
  if (node == nullptr || !std::exchange(node->doubted, false)) return false;
  const std::uint32_t place = node->place.load(std::memory_order_relaxed);
  if (!is_protected(place) || port_of(place) == port) return false;
  if (node->stamp_s.load(std::memory_order_relaxed) != node->doubt_stamp_s) return false;
  if (port_of(place) == node->home) node->left_home_s = now_s;
  place_at(node, port, now_s);
  return true;
}

void Fdb::set_protected(const std::vector<MacAddress>& macs, std::uint16_t vlan) {
  std::vector<std::uint64_t> sorted;
  for (const MacAddress& mac : macs) sorted.push_back(mac.to_u64());
  std::sort(sorted.begin(), sorted.end());
  if (sorted == protected_macs_ && vlan == protected_vlan_) return;
  protected_macs_ = std::move(sorted);
  protected_vlan_ = vlan;
  for (std::size_t b = 0; b <= bucket_mask_; ++b) {
    for (Node* n = buckets_[b].load(std::memory_order_relaxed); n != nullptr;
         n = n->next.load(std::memory_order_relaxed)) {
      const std::uint32_t place = n->place.load(std::memory_order_relaxed);
      if (is_static(place)) continue;
      const bool was = is_protected(place);
      if (was) --n_protected_;  // itself is no reason to have no room
      const bool protect = shall_protect(n->key);
      if (was) ++n_protected_;
      if (protect == was) continue;
      list_remove(n);
      n->home = port_of(place);
      n->place.store(n->home | (protect ? kProtectedBit : 0), std::memory_order_relaxed);
      changed();
      list_add(n);
    }
  }
}

void Fdb::set_static(std::uint16_t vlan, const MacAddress& mac, flow::PortNo port) {
  const std::uint64_t mac48 = mac.to_u64();
  if (vlan == kAnyVlan) {
    local_.store(mac48 << 16 | port, std::memory_order_relaxed);
    changed();
    forget_learned(mac48);
    return;
  }
  if (Node* node = find_for_writer(key_of(vlan, mac48))) remove(node);
  insert(key_of(vlan, mac48), port | kStaticBit, 0);
}

void Fdb::set_local(std::optional<MacAddress> mac) {
  if (mac)
    set_static(kAnyVlan, *mac, flow::kPortLocal);
  else
    local_.store(0, std::memory_order_relaxed);
  changed();
}

// What was learned before the address became static would come back when it stops being so.
void Fdb::forget_learned(std::uint64_t mac48) {
  remove_if([mac48](const Node& n) { return (n.key & kMac48) == mac48; });
}

bool Fdb::forget(std::uint16_t vlan, const MacAddress& mac) {
  if (vlan == kAnyVlan) {
    const bool was = local_.load(std::memory_order_relaxed) >> 16 == mac.to_u64();
    if (was) local_.store(0, std::memory_order_relaxed);
    changed();
    return was;
  }
  Node* node = find_for_writer(key_of(vlan, mac.to_u64()));
  if (node != nullptr) remove(node);
  return node != nullptr;
}

template <class Which>
std::size_t Fdb::remove_if(Which which) {
  std::size_t n_removed = 0;
  for (std::size_t b = 0; b <= bucket_mask_; ++b) n_removed += remove_in_bucket(b, which);
  return n_removed;
}

// Learned entries only.
template <class Which>
std::size_t Fdb::remove_in_bucket(std::size_t bucket, Which which) {
  std::size_t n_removed = 0;
  Node* next = nullptr;
  for (Node* n = buckets_[bucket].load(std::memory_order_relaxed); n != nullptr; n = next) {
    next = n->next.load(std::memory_order_relaxed);
    if (is_static(n->place.load(std::memory_order_relaxed)) || !which(*n)) continue;
    remove(n);
    ++n_removed;
  }
  return n_removed;
}

std::uint32_t Fdb::age_of(const Node& node, std::uint32_t now_s) {
  // A worker's clock may be a little ahead of the caller's.
  const auto age = static_cast<std::int32_t>(now_s - node.stamp_s.load(std::memory_order_relaxed));
  return age < 0 ? 0 : static_cast<std::uint32_t>(age);
}

std::size_t Fdb::expire(std::uint32_t now_s, std::size_t budget) {
  std::size_t n_removed = 0;
  budget = std::min(budget, bucket_mask_ + 1);
  for (; budget > 0; --budget) {
    n_removed += remove_in_bucket(
        cursor_, [&](const Node& n) { return age_of(n, now_s) >= config_.ageing_s; });
    cursor_ = (cursor_ + 1) & bucket_mask_;
  }
  return n_removed;
}

std::size_t Fdb::flush_port(flow::PortNo port) {
  std::size_t n_removed = 0;
  for (const std::uint32_t place : {std::uint32_t{port}, port | kProtectedBit}) {
    for (PortList* list = list_of(place); list != nullptr; list = list_of(place), ++n_removed)
      remove(list->oldest);
  }
  // Nor is it anybody's home any more.
  for (auto& [place, list] : ports_) {
    if (!is_protected(place)) continue;
    for (Node* n = list.oldest; n != nullptr; n = n->newer)
      if (n->home == port) n->home = port_of(place);
  }
  return n_removed;
}

std::size_t Fdb::flush() {
  return remove_if([](const Node&) { return true; });
}

std::size_t Fdb::learned_on(flow::PortNo port) const {
  std::size_t n = 0;
  for (const std::uint32_t place : {std::uint32_t{port}, port | kProtectedBit}) {
    const auto it = ports_.find(place);
    if (it != ports_.end()) n += it->second.count;
  }
  return n;
}

std::vector<flow::PortNo> Fdb::learned_ports() const {
  std::vector<flow::PortNo> out;
  for (const auto& [place, list] : ports_) out.push_back(port_of(place));
  return out;
}

std::vector<FdbEntry> Fdb::entries(std::uint32_t now_s) const {
  std::vector<FdbEntry> all;
  Cursor cursor;
  walk(cursor, now_s, ~std::size_t{0}, ~std::size_t{0}, all);
  std::sort(all.begin(), all.end(), [](const FdbEntry& a, const FdbEntry& b) {
    return std::tie(a.vlan, a.mac) < std::tie(b.vlan, b.mac);
  });
  return all;
}

bool Fdb::walk(Cursor& cursor, std::uint32_t now_s, std::size_t enough, std::size_t max_buckets,
               std::vector<FdbEntry>& out) const {
  if (!std::exchange(cursor.begun, true)) {
    if (const std::uint64_t local = local_.load(std::memory_order_relaxed); local != 0)
      out.push_back({kAnyVlan, MacAddress::from_u64(local >> 16),
                     static_cast<flow::PortNo>(local & 0xffff), 0, true});
  }
  for (; cursor.bucket <= bucket_mask_ && out.size() < enough && max_buckets != 0;
       ++cursor.bucket, --max_buckets) {
    const Node* n = buckets_[cursor.bucket].load(std::memory_order_relaxed);
    for (; n != nullptr; n = n->next.load(std::memory_order_relaxed)) {
      const std::uint32_t place = n->place.load(std::memory_order_relaxed);
      const bool fixed = is_static(place);
      out.push_back({static_cast<std::uint16_t>(n->key >> 48),
                     MacAddress::from_u64(n->key & kMac48), port_of(place),
                     fixed ? 0 : age_of(*n, now_s), fixed});
    }
  }
  return cursor.bucket <= bucket_mask_;
}

}  // namespace lifeline::table
