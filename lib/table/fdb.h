// The FDB: which port is a MAC address behind, per VLAN? For NORMAL.
//
// Protected addresses (of the next hops: whoever moves them cuts the switch off its controllers).
// A frame with such a source that comes in elsewhere does not move the entry while the station was
// seen behind its port within kHold_s; then, or when the port was flushed because its link went
// down, it does. Earlier if whoever asks the station where it was (doubt) gets no answer in time
// (confirm_move). As stations are silent for longer than that every now and then, a liar gets in
// some time; therefore the entry remembers its *home*, where it was before the station fell silent,
// and the first frame from there moves it back at once. Home moves after kHome_s without one. They
// are never evicted to make room and take none of anybody else's.
//
// Thread-safety: lookup() and needs_learning() from any online QSBR reader, lock-free; the rest by
// the control lcore. Workers do not learn: they report (needs_learning), the control lcore writes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/mac_address.h"
#include "flow/port_no.h"
#include "sync/retire_list.h"

namespace lifeline::table {

struct FdbConfig {
  std::uint32_t max_entries = 8192;           // learned ones; static and protected ones come on top
  std::uint32_t max_entries_per_port = 4096;  // so that one port cannot fill the table
  std::uint32_t ageing_s = 300;               // unused for so long: expire() forgets it
};

struct FdbEntry {
  std::uint16_t vlan = 0;  // 0 untagged, Fdb::kAnyVlan for a static entry of every VLAN
  MacAddress mac;
  flow::PortNo port = 0;
  std::uint32_t age_s = 0;
  bool is_static = false;
};

class Fdb {
 public:
  static constexpr std::uint16_t kAnyVlan = 0xffff;
  static constexpr std::uint32_t kHold_s = 3;
  static constexpr std::uint32_t kHome_s = 60;
  // Entries, not addresses: with kAnyVlan somebody may make 4096 of each address.
  static constexpr std::uint32_t kMaxProtected = 256;

  enum class Learned : std::uint8_t {
    kNew,
    kMoved,      // was behind another port
    kRefreshed,  // known, still there
    kStatic,     // static: never moved
    kHeld,       // protected, and seen behind its port just now: not moved
    kNoRoom,     // a limit is zero
    kInvalid,    // a group address, all zeros, or VLAN above 4095
  };

  Fdb(sync::RetireList& retired, const FdbConfig& config);
  ~Fdb();
  Fdb(const Fdb&) = delete;
  Fdb& operator=(const Fdb&) = delete;

  // -- readers. `vlan`: 0 untagged, else the VID.

  // The port a unicast address is behind; nullopt: unknown, flood.
  std::optional<flow::PortNo> lookup(std::uint16_t vlan, const MacAddress& mac) const {
    const std::uint64_t mac48 = mac.to_u64();
    const std::uint64_t local = local_.load(std::memory_order_relaxed);
    if (local >> 16 == mac48 && local != 0) return static_cast<flow::PortNo>(local & 0xffff);
    const Node* n = find(key_of(vlan, mac48));
    if (n == nullptr) return std::nullopt;
    return port_of(n->place.load(std::memory_order_relaxed));
  }

  // True if the control lcore should learn() this source: unknown, or seen behind another port.
  // Refreshes the age of a known one (the only store of a reader; at most one a second each).
  // `now_s`: seconds of a monotonic clock, the same one for every caller and for learn().
  bool needs_learning(std::uint16_t vlan, const MacAddress& mac, flow::PortNo port,
                      std::uint32_t now_s) const {
    const std::uint64_t mac48 = mac.to_u64();
    if (local_.load(std::memory_order_relaxed) >> 16 == mac48 || mac.is_multicast()) return false;
    const Node* n = find(key_of(vlan, mac48));
    if (n == nullptr) return true;
    const std::uint32_t place = n->place.load(std::memory_order_relaxed);
    if (is_static(place)) return false;
    if (port_of(place) != port) return true;
    if (n->stamp_s.load(std::memory_order_relaxed) != now_s)
      n->stamp_s.store(now_s, std::memory_order_relaxed);
    return false;
  }

  // Grows with every change of what lookup() may answer. What was looked up after reading it holds
  // as long as it stays.
  std::uint32_t generation() const { return generation_.load(std::memory_order_acquire); }

  // -- the control lcore

  // When a limit is reached, an old entry makes room: of the same port at its own limit, of the
  // port that has the most at the table's.
  Learned learn(std::uint16_t vlan, const MacAddress& mac, flow::PortNo port, std::uint32_t now_s);
  // Of a protected entry that learn() held: from here on it is noticed whether the station is heard
  // behind its port. False: there is no such entry.
  bool doubt(std::uint16_t vlan, const MacAddress& mac, std::uint32_t now_s);
  // Moves a doubted entry to `port`, unless it was heard behind its own since. True: moved.
  bool confirm_move(std::uint16_t vlan, const MacAddress& mac, flow::PortNo port,
                    std::uint32_t now_s);
  // An entry that is never moved, aged or flushed; kAnyVlan: in every VLAN (one such address;
  // setting another replaces it). Null `mac` of set_local() takes it away.
  void set_static(std::uint16_t vlan, const MacAddress& mac, flow::PortNo port);
  void set_local(std::optional<MacAddress> mac);           // = static on LOCAL in every VLAN
  bool forget(std::uint16_t vlan, const MacAddress& mac);  // static ones too; false: not there
  // From now on these, in this VLAN (kAnyVlan: in each), and no others. What was learned of them
  // stays, at home where it is.
  void set_protected(const std::vector<MacAddress>& macs, std::uint16_t vlan);

  // Removes what was unused for ageing_s. Looks at up to `budget` hash buckets and goes on from
  // there next time: call it every loop with a small one. Returns how many went.
  std::size_t expire(std::uint32_t now_s, std::size_t budget = 64);
  // Learned ones. To be called when the port's link goes down: its addresses may be elsewhere, and
  // the protected ones would be held there.
  std::size_t flush_port(flow::PortNo port);
  std::size_t flush();  // all learned ones
  void set_ageing(std::uint32_t ageing_s) { config_.ageing_s = ageing_s; }

  std::size_t size() const { return learned_ + static_; }
  std::size_t learned_on(flow::PortNo port) const;
  std::vector<flow::PortNo> learned_ports() const;    // those with learned entries, in no order
  std::uint64_t evicted() const { return evicted_; }  // made room for others, in total
  std::uint64_t moved() const { return moved_; }
  std::vector<FdbEntry> entries(std::uint32_t now_s) const;  // sorted by VLAN, then MAC
  // The same in no order and in pieces: appends entries of at most `max_buckets` buckets, and stops
  // after the bucket that brought them to `enough`. False: that were the last. What changes between
  // two pieces may be missing or be there as it was.
  struct Cursor {
    std::size_t bucket = 0;
    bool begun = false;
  };
  bool walk(Cursor& cursor, std::uint32_t now_s, std::size_t enough, std::size_t max_buckets,
            std::vector<FdbEntry>& out) const;

 private:
  struct Node {
    std::atomic<Node*> next{nullptr};
    std::uint64_t key = 0;                // vlan << 48 | mac
    std::atomic<std::uint32_t> place{0};  // port, and kStaticBit or kProtectedBit
    mutable std::atomic<std::uint32_t> stamp_s{0};
    // The writer's, of a protected entry.
    flow::PortNo home = 0;
    std::uint32_t left_home_s = 0;
    std::uint32_t doubt_stamp_s = 0;  // stamp_s since doubt(), as long as nobody is heard
    bool doubted = false;
    // The writer's: neighbours in the port's list, oldest first by learn().
    Node* older = nullptr;
    Node* newer = nullptr;
  };
  struct PortList {
    Node* oldest = nullptr;
    Node* newest = nullptr;
    std::uint32_t count = 0;
  };
  static constexpr std::uint32_t kStaticBit = 1U << 16;
  static constexpr std::uint32_t kProtectedBit = 1U << 17;
  static flow::PortNo port_of(std::uint32_t place) {
    return static_cast<flow::PortNo>(place & 0xffff);
  }
  static bool is_static(std::uint32_t place) { return (place & kStaticBit) != 0; }
  static bool is_protected(std::uint32_t place) { return (place & kProtectedBit) != 0; }
  static std::uint64_t key_of(std::uint16_t vlan, std::uint64_t mac48) {
    return std::uint64_t{vlan} << 48 | mac48;
  }
  std::size_t bucket_of(std::uint64_t key) const {
    // The seed keeps a station from choosing addresses that all fall into one bucket.
    std::uint64_t h = (key ^ seed_) * 0x9e3779b97f4a7c15ULL;
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93ULL;
    return static_cast<std::size_t>(h >> 32) & bucket_mask_;
  }
  const Node* find(std::uint64_t key) const {
    const Node* n = buckets_[bucket_of(key)].load(std::memory_order_acquire);
    while (n != nullptr && n->key != key) n = n->next.load(std::memory_order_acquire);
    return n;
  }
  Node* find_for_writer(std::uint64_t key) { return const_cast<Node*>(find(key)); }
  void forget_learned(std::uint64_t mac48);
  bool shall_protect(std::uint64_t key) const;
  bool may_move(Node& node, flow::PortNo port, std::uint32_t now_s) const;
  Learned place_at(Node* node, flow::PortNo port, std::uint32_t now_s);
  PortList* list_of(std::uint32_t place);
  template <class Which>
  std::size_t remove_if(Which which);
  template <class Which>
  std::size_t remove_in_bucket(std::size_t bucket, Which which);
  Node* insert(std::uint64_t key, std::uint32_t place, std::uint32_t now_s);
  void remove(Node* node);
  void list_add(Node* node);
  void list_remove(Node* node);
  bool make_room(flow::PortNo port);
  bool make_room_on(flow::PortNo port);
  void evict_from(PortList& list);
  static std::uint32_t age_of(const Node& node, std::uint32_t now_s);

  // After the change, so that a reader who saw the new number sees the change too.
  void changed() { generation_.fetch_add(1, std::memory_order_release); }

  sync::RetireList& retired_;
  FdbConfig config_;
  std::atomic<std::uint32_t> generation_{1};
  std::uint64_t seed_;
  std::atomic<std::uint64_t> local_{
      0};  // mac << 16 | port of the static entry of every VLAN; 0 none
  std::size_t bucket_mask_ = 0;
  std::unique_ptr<std::atomic<Node*>[]> buckets_;
  // By port, or port and kProtectedBit: protected entries are in lists of their own, where no
  // eviction looks.
  std::unordered_map<std::uint32_t, PortList> ports_;
  std::vector<std::uint64_t> protected_macs_;  // sorted
  std::uint16_t protected_vlan_ = kAnyVlan;
  std::size_t n_protected_ = 0;
  std::size_t learned_ = 0;
  std::size_t static_ = 0;
  std::size_t cursor_ = 0;
  std::uint64_t evicted_ = 0;
  std::uint64_t moved_ = 0;
};

}  // namespace lifeline::table
