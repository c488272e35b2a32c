#include "datapath/lane.h"

#include <rte_cycles.h>
#include <rte_prefetch.h>
#include <unistd.h>

#include <bit>

#include "datapath/exact_key.h"
#include "datapath/exact_parse.h"
#include "datapath/rewrite.h"
#include "packet/parse.h"

namespace lifeline::datapath {

Lane::Lane(Shared& shared, sync::SlotId slot, std::uint32_t exact_entries)
    : shared_(shared),
      slot_(slot),
      exact_({.max_entries = exact_entries}),
      slab_(exact_entries / 2),
      decision_(std::make_unique<Decision>()),
      scratch_(std::make_unique<std::byte[]>(kMaxFrameBytes + 1)) {
  const DatapathConfig& c = shared.config;
  const TokenBucket packet_in{c.packet_ins_per_s, c.packet_ins_per_s / 10, shared.tsc_hz};
  meters_.fill({
      .inband = {c.inband_per_s, c.inband_per_s / 10, shared.tsc_hz},
      .dhcp = {c.dhcp_replies_per_s, c.dhcp_replies_per_s / 10, shared.tsc_hz},
      .relay = {c.relays_per_s, c.relays_per_s / 10, shared.tsc_hz},
      .next_hop = {c.next_hop_arps_per_s, c.next_hop_arps_per_s, shared.tsc_hz},
      .path_mtu = {c.path_mtu_per_s, c.path_mtu_per_s, shared.tsc_hz},
      .packet_in = {packet_in, packet_in, packet_in},
      .overload = {c.inband_per_s, c.inband_per_s / 10, shared.tsc_hz},
  });
}

Lane::~Lane() {
  for (const Urgent& u : urgent_) {
    for (std::uint32_t i = 0; i < u.n; ++i) rte_pktmbuf_free(u.m[i]);
  }
}

void Lane::begin(std::uint64_t tsc) {
  world_ = shared_.world();
  capture_ = shared_.capture.load(std::memory_order_acquire);
  now_tsc_ = tsc;
  // A division only when a second has gone by.
  if (tsc - second_start_ >= shared_.tsc_hz) {
    now_s_ = shared_.now_s(tsc);
    second_start_ = shared_.tsc_start + now_s_ * shared_.tsc_hz;
  }
  misses_left_ = shared_.config.misses_per_loop;
  control_misses_left_ = kControlMisses;
}

// Fills keys_ and packets_ with what has an exact key and wide_ with the rest; returns how
// many of the former.
std::uint32_t Lane::parse_burst(rte_mbuf** packets, std::uint32_t n, PortNo in_port) {
  constexpr std::uint32_t kAhead = 4;
  std::uint32_t n_exact = 0;
  n_wide_ = 0;
  for (std::uint32_t i = 0; i < std::min(n, kAhead); ++i) {
    rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
  }
  for (std::uint32_t i = 0; i < n; ++i) {
    if (i + kAhead < n) rte_prefetch0(rte_pktmbuf_mtod(packets[i + kAhead], void*));
    rte_mbuf* m = packets[i];
    ExactKey& key = keys_[n_exact];
    if (!parse_fast(rte_pktmbuf_mtod(m, const std::uint8_t*), rte_pktmbuf_data_len(m), in_port,
                    &key)) [[unlikely]] {
      const std::span<const std::byte> frame = linear(m, scratch_.get());
      if (frame.empty()) {
        drop(m, DropReason::kFrameTooLong);
        continue;
      }
      if (frame.size() < 14) {
        drop(m, DropReason::kFrameTooShort);
        continue;
      }
      if (!to_exact(packet::parse(frame, in_port), &key)) {
        wide_[n_wide_++] = m;
        continue;
      }
    }
    packets_[n_exact++] = m;
  }
  return n_exact;
}

void Lane::process(rte_mbuf** packets, std::uint32_t n, PortNo in_port) {
  if (capture_ != nullptr) [[unlikely]]
    capture_->see(slot_, false, in_port, packets, n);
  const std::uint32_t n_exact = parse_burst(packets, n, in_port);
  exact_.lookup_burst(keys_.data(), n_exact, entries_.data(), hashes_.data());

  if (wants_cold_) prefetch_cold(n_exact);

  // First the hits, so that no insertion for a miss can evict what is still to be used.
  std::array<std::uint8_t, kBurst> out;
  std::array<std::uint32_t, kBurst> counter;  // of packets that count for one rule
  std::uint32_t missed = 0;
  std::uint32_t differs = 0;
  std::uint32_t last_counter = kNoCounter;
  std::uint32_t n_counters = 0;
  std::uint32_t n_lookups = 0;
  const std::uint64_t version = world_.version;
  const std::uint32_t now_s = now_s_;
  normal_stamp_ = std::uint64_t{shared_.fdb.generation()} << 32 | now_s;
  const std::uint64_t normal_stamp = normal_stamp_;
  table::CounterBlocks& counters = shared_.tables.counters();
  if (n_exact != 0 && entries_[0] != nullptr && entries_[0]->hot.version != version) {
    prefetch_marks(n_exact);
  }
  for (std::uint32_t i = 0; i < n_exact; ++i) {
    Entry* e = entries_[i];
    out[i] = port::kNoIndex;
    counter[i] = kNoCounter;
    if (e == nullptr || (e->hot.version != version && !prove(*e, keys_[i]))) [[unlikely]] {
      entries_[i] = nullptr;
      differs = 1;
      ++missed;
      continue;
    }
    HotDecision& d = e->hot;
    // Stored only when it changes: a dirty line per packet costs memory bandwidth.
    if (d.last_used != now_s) d.last_used = now_s;
    out[i] = d.out_index;
    if (d.kind != CachedKind::kOutput) [[unlikely]]
      wants_cold_ = true;
    if (d.kind == CachedKind::kNormal && e->cold.words[kNormalStamp] == normal_stamp) {
      out[i] = static_cast<std::uint8_t>(e->cold.words[kNormalPort]);
    }
    differs |= static_cast<std::uint32_t>(out[i] ^ out[0]);
    if (d.kind == CachedKind::kGeneral) [[unlikely]]
      continue;
    counter[i] = d.counter;
    n_lookups += d.n_visits;
    if (d.counter != last_counter) {
      last_counter = d.counter;
      ++n_counters;
      counters.prefetch(slot_, d.counter);
    }
  }
  if (n_counters != 0) count_runs(counter.data(), n_exact);
  if (n_lookups != 0) shared_.tables.count_lookups(slot_, 0, n_lookups, n_lookups);
  stats_.rx_packets.add(n);
  stats_.hits.add(n_exact - missed);

  if (n_exact != 0 && differs == 0 && out[0] != port::kNoIndex) [[likely]] {
    transmit_burst(out[0], packets_.data(), n_exact);
  } else {
    for (std::uint32_t i = 0; i < n_exact; ++i) {
      if (out[i] != port::kNoIndex) {
        transmit(out[i], packets_[i]);
      } else if (entries_[i] != nullptr) {
        run_hit(*entries_[i], packets_[i], in_port);
      }
    }
    if (missed != 0) {
      for (std::uint32_t i = 0; i < n_exact; ++i) {
        if (entries_[i] == nullptr) decide_miss(packets_[i], keys_[i], hashes_[i], in_port);
      }
      stats_.entries.set(exact_.size());
    }
  }
  for (std::uint32_t i = 0; i < n_wide_; ++i) process_wide(wide_[i], in_port);
}

// Adds packets to the counters of their rules, neighbours of one rule at once.
void Lane::count_runs(const std::uint32_t* counter, std::uint32_t n) {
  table::CounterBlocks& counters = shared_.tables.counters();
  std::uint32_t current = kNoCounter;
  std::uint64_t run_packets = 0;
  std::uint64_t run_bytes = 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (counter[i] == kNoCounter) continue;
    if (counter[i] != current) {
      if (run_packets != 0) counters.add(slot_, current, run_packets, run_bytes);
      current = counter[i];
      run_packets = 0;
      run_bytes = 0;
    }
    ++run_packets;
    run_bytes += rte_pktmbuf_pkt_len(packets_[i]);
  }
  if (run_packets != 0) counters.add(slot_, current, run_packets, run_bytes);
}

// What a hit does that is no plain output. A rule that stands alone has been counted.
void Lane::run_hit(Entry& entry, rte_mbuf* packet, PortNo in_port) {
  if (entry.hot.kind != CachedKind::kNormal) {
    run_cached(entry, packet, in_port);
    return;
  }
  Packet p{packet, in_port, entry.hot.hidden, false};
  op_normal(p, Op::from_word(entry.cold.words[0]), &entry.cold);
  if (p.m != nullptr) rte_pktmbuf_free(p.m);
}

// What hits that are no plain outputs need.
void Lane::prefetch_cold(std::uint32_t n) {
  wants_cold_ = false;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (entries_[i] != nullptr) rte_prefetch0(&entries_[i]->cold);
  }
}

// Of entries that are to be proven, as those of a burst are one and all after a change.
void Lane::prefetch_marks(std::uint32_t n) {
  if (world_.recent.marks == nullptr) return;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (entries_[i] != nullptr) world_.recent.marks->prefetch(entries_[i]->hot.hint.hash);
  }
}

// A hit whose decision is older than the tables: right still? Else it is forgotten here.
bool Lane::prove(Entry& entry, const ExactKey& key) {
  HotDecision& d = entry.hot;
  if (world_.recent.tells(d.hint, d.version)) {
    if (world_.recent.marks->changed(d.hint.hash, d.version)) return false;
  } else if (!prove_by_tables(entry, key)) {
    return false;
  }
  d.version = world_.version;
  stats_.revalidated.add(1);
  return true;
}

bool Lane::prove_by_tables(Entry& entry, const ExactKey& key) {
  HotDecision& d = entry.hot;
  const table::VisitedTables& visited = entry.cold.visited;
  const table::Tables& tables = shared_.tables;
  const table::Proof by_hint = tables.prove(d.version, world_.version, visited, d.hint);
  if (by_hint != table::Proof::kUnknown) return by_hint == table::Proof::kUnchanged;
  const packet::FlowKey raw = expand(key);
  const auto seen = in_vlan(*world_.view, raw);
  return tables.prove(d.version, world_.version, raw, seen ? *seen : raw, visited, &d.hint) ==
         table::Proof::kUnchanged;
}

void Lane::decide_miss(rte_mbuf* packet, const ExactKey& key, std::uint32_t hash, PortNo in_port) {
  // An earlier packet of this burst may have brought the flow in.
  Entry* entry = exact_.lookup(key, hash);
  if (entry != nullptr && entry->hot.version == world_.version) {
    run_cached(*entry, packet, in_port);
    return;
  }
  if (!admit_miss(packet, in_port)) return;
  stats_.misses.add(1);
  translate(world_, expand(key), packet, scratch_.get(), decision_.get());
  if (entry != nullptr) slab_.release(entry->hot.block);
  HotDecision hot;
  ColdDecision cold;
  hot.last_used = now_s_;
  if (pack(*decision_, world_.version, slab_, &hot, &cold)) {
    if (entry == nullptr) {
      entry = exact_.insert(key, hash, now_s_, [this](HotDecision& d) {
        slab_.release(d.block);
        d.block = kNoBlock;
      });
    }
    entry->hot = hot;
    entry->cold = cold;
  } else if (entry != nullptr) {
    exact_.erase(entry);
  }
  run(*decision_, packet, in_port);
}

void Lane::process_wide(rte_mbuf* packet, PortNo in_port) {
  stats_.wide_packets.add(1);
  if (!admit_miss(packet, in_port)) return;
  const packet::FlowKey key = packet::parse(linear(packet, scratch_.get()), in_port);
  translate(world_, key, packet, scratch_.get(), decision_.get());
  run(*decision_, packet, in_port);
}

void Lane::run(const Decision& decision, rte_mbuf* packet, PortNo in_port) {
  if (relayed(decision.words.data(), {packet, in_port, true, false})) return;
  count_rules(decision, rte_pktmbuf_pkt_len(packet));
  execute(decision.words.data(), decision.n_words, {packet, in_port, decision.hidden, false});
}

void Lane::run_packet_out(const Decision& decision, rte_mbuf* packet, PortNo in_port) {
  learns_ = false;
  run(decision, packet, in_port);
  learns_ = true;
}

void Lane::run_cached(const Entry& entry, rte_mbuf* packet, PortNo in_port) {
  const HotDecision& d = entry.hot;
  const std::uint64_t* words = entry.cold.words.data();
  if (d.block != kNoBlock) {
    words = slab_.words(d.block) + (d.n_counters > 1 ? d.n_counters / 2 : 0);
  }
  if (relayed(words, {packet, in_port, true, false})) return;
  count_rules(entry, rte_pktmbuf_pkt_len(packet));
  execute(words, d.n_words, {packet, in_port, d.hidden, false});
}

void Lane::count_rules(const Decision& decision, std::uint32_t bytes) {
  for (std::uint32_t i = 0; i < decision.n_visits; ++i) {
    const Visit& v = decision.visits[i];
    if (v.rule != nullptr) shared_.tables.counters().add(slot_, v.rule->counter, 1, bytes);
    if (!v.hidden) shared_.tables.count_lookups(slot_, v.table_id, 1, v.rule != nullptr ? 1 : 0);
  }
}

void Lane::count_rules(const Entry& entry, std::uint32_t bytes) {
  const HotDecision& d = entry.hot;
  table::CounterBlocks& counters = shared_.tables.counters();
  if (d.counter != kNoCounter) counters.add(slot_, d.counter, 1, bytes);
  if (d.n_counters > 1) {
    const auto* more = reinterpret_cast<const std::uint32_t*>(slab_.words(d.block));
    for (std::uint32_t i = 0; i + 1 < d.n_counters; ++i) counters.add(slot_, more[i], 1, bytes);
  }
  for (std::uint8_t i = 0; i < d.n_visits; ++i) {
    const bool matched = i + 1 < d.n_visits || !d.last_missed;
    shared_.tables.count_lookups(slot_, entry.cold.visited.table_id(i), 1, matched ? 1 : 0);
  }
}

std::uint32_t Lane::end() {
  for (std::uint64_t pending = tx_pending_ | urgent_pending_; pending != 0;
       pending &= pending - 1) {
    flush(static_cast<std::uint8_t>(std::countr_zero(pending)));
  }
  const std::uint32_t handed = send_handed_over();
  exact_.sweep(1, [this](HotDecision& d) {
    if (now_s_ - d.last_used <= kIdleFlow_s) return false;
    slab_.release(d.block);
    return true;
  });
  if (raised_) {
    raised_ = false;
    // Pairs with arm_wakeup(): either this load sees the flag or that one sees the ring's entry.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (shared_.control_asleep.load(std::memory_order_relaxed) &&
        shared_.control_asleep.exchange(false)) {
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = write(shared_.wake_fd, &one, sizeof one);
    }
  }
  return handed + (holds_frames() ? 1 : 0);
}

}  // namespace lifeline::datapath
