#include "datapath/capture.h"

#include <rte_cycles.h>

#include <algorithm>
#include <ctime>
#include <utility>

namespace lifeline::datapath {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace

std::optional<DropReason> drop_reason_of(std::string_view name) {
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    if (describe(reason).name == name) return reason;
  }
  return std::nullopt;
}

bool has_packet(DropReason reason) {
  return reason != DropReason::kLearnRingFull && reason != DropReason::kFdbMoveRefused;
}

Capture::Capture(CaptureSpec spec, std::uint32_t n_slots, std::uint64_t tsc_hz)
    : spec_(std::move(spec)), tsc_hz_(tsc_hz), tsc_start_(rte_rdtsc()) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  realtime_start_ns_ = static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
                       static_cast<std::uint64_t>(now.tv_nsec);
  for (std::uint32_t i = 0; i < n_slots; ++i) slots_.push_back(std::make_unique<Slot>());
}

bool Capture::ok() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const auto& s) { return s->ring.ok(); });
}

void Capture::see(sync::SlotId slot, bool out, flow::PortNo port, rte_mbuf* const* packets,
                  std::uint32_t n) {
  if (out ? !spec_.out : !spec_.in) return;
  if (std::find(spec_.ports.begin(), spec_.ports.end(), port) == spec_.ports.end()) return;
  copy(slot, packets, n);
}

void Capture::copy(sync::SlotId slot, const rte_mbuf* const* packets, std::uint32_t n) {
  Slot& s = *slots_[slot];
  const std::uint64_t tsc = rte_rdtsc();
  std::uint64_t lost = 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (!s.ring.push(packets[i], spec_.snap_bytes, tsc)) ++lost;
  }
  if (lost != 0)
    s.lost.store(s.lost.load(std::memory_order_relaxed) + lost, std::memory_order_relaxed);
}

std::optional<CapturedPacket> Capture::front() {
  std::optional<CapturedPacket> oldest;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto packet = slots_[i]->ring.front();
    if (!packet || (oldest && packet->tsc >= oldest->tsc)) continue;
    oldest = packet;
    oldest_ = i;
  }
  return oldest;
}

void Capture::pop() { slots_[oldest_]->ring.pop(); }

std::uint64_t Capture::lost() const {
  std::uint64_t lost = 0;
  for (const auto& s : slots_) lost += s->lost.load(std::memory_order_relaxed);
  return lost;
}

std::uint64_t Capture::realtime_ns(std::uint64_t tsc) const {
  const std::uint64_t passed = tsc - std::min(tsc, tsc_start_);
  return realtime_start_ns_ + passed / tsc_hz_ * kNsPerSecond +
         passed % tsc_hz_ * kNsPerSecond / tsc_hz_;
}

}  // namespace lifeline::datapath
