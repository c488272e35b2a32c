#include "control/control_loop.h"

#include <algorithm>
#include <array>
#include <thread>
#include <tuple>
#include <utility>

namespace lifeline::control {
namespace {

// Sizes of the pieces of work between two looks at the control packets.
constexpr std::size_t kPacketsPerLook = 256;
// Of the control queues: before anything else, and no more than about a slice.
constexpr std::size_t kControlQueueBudget = 256;
constexpr std::uint32_t kLocalBurst = 32;
constexpr int kSocketHandlersPerTurn = 8;
constexpr std::size_t kNetlinkDatagramsPerTurn = 8;
constexpr std::size_t kReclaimsPerTurn = 256;
constexpr Duration kHousekeepingInterval = std::chrono::milliseconds{500};
constexpr Duration kShortWait = std::chrono::milliseconds{1};
constexpr int kMostShortWaits = 100;
constexpr Duration kLongestSleep = std::chrono::milliseconds{500};

}  // namespace

ControlLoop::ControlLoop(LoopParts parts)
    : p_(parts),
      tap_watch_(p_.io),
      netlink_watch_(p_.io),
      device_watch_(p_.io),
      worker_watch_(p_.io),
      wake_timer_(p_.io) {
  netlink_watch_.watch(p_.kernel_events.fd());
  device_watch_.watch(p_.device_thread.fd());
  worker_watch_.watch(p_.datapath.wake_fd());
}

void ControlLoop::run() {
  p_.qsbr.online(sync::kControlSlot);
  last_look_ = p_.clock.now();
  while (!stop_.load(std::memory_order_relaxed)) {
    if (turn()) {
      short_waits_ = 0;
    } else {
      sleep(p_.clock.now());
    }
  }
  p_.qsbr.offline(sync::kControlSlot);
}

void ControlLoop::stop() {
  stop_.store(true, std::memory_order_relaxed);
  p_.io.stop();
}

void ControlLoop::carry_farewell() {
  constexpr Duration kQuiet = std::chrono::milliseconds{10};
  constexpr Duration kMost = std::chrono::milliseconds{100};
  p_.qsbr.online(sync::kControlSlot);
  const TimePoint begin = p_.clock.now();
  TimePoint last_busy = begin;
  for (TimePoint now = begin; now - begin < kMost && now - last_busy < kQuiet;
       now = p_.clock.now()) {
    if (move_packets()) last_busy = now;
    p_.qsbr.quiescent(sync::kControlSlot);
    std::this_thread::sleep_for(std::chrono::microseconds{100});
  }
  p_.qsbr.offline(sync::kControlSlot);
}

bool ControlLoop::turn() {
  ++stats_.turns;
  bool busy = move_packets();
  busy |= serve_sockets();
  busy |= move_packets();
  busy |= read_kernel_events();
  const TimePoint now = p_.clock.now();
  busy |= run_agents(now);
  if (now >= next_housekeeping_) {
    move_packets();
    keep_house(now);
    next_housekeeping_ = now + kHousekeepingInterval;
  }
  busy |= p_.retired.reclaim(kReclaimsPerTurn) == kReclaimsPerTurn;
  p_.qsbr.quiescent(sync::kControlSlot);
  return busy;
}

bool ControlLoop::move_packets() {
  const TimePoint now = p_.clock.now();
  stats_.longest_turn = std::max(stats_.longest_turn, now - last_look_);
  last_look_ = now;
  const std::size_t from_nics = p_.datapath.poll_control_queues(kControlQueueBudget);
  const std::size_t from_workers = p_.datapath.poll_control(*this, kPacketsPerLook);
  std::array<rte_mbuf*, kLocalBurst> frames;
  const std::uint32_t n = p_.local.read_burst(frames.data(), kLocalBurst);
  if (n > 0) p_.datapath.process_local(std::span(frames).first(n));
  return from_nics > 0 || from_workers > 0 || n > 0;
}

void ControlLoop::to_local(std::span<rte_mbuf*> frames) {
  for (rte_mbuf* frame : frames) p_.local.write(frame);  // counts its own drops
}

bool ControlLoop::probe(const MacAddress& mac) { return p_.inband.probe_next_hop(mac); }

void ControlLoop::packet_in(const datapath::PacketIn& packet) {
  // The datapath says NO_MATCH with a cookie only for a table-miss rule.
  const bool no_match = packet.reason == datapath::PacketInReason::kNoMatch;
  p_.agent.packet_in({.frame = packet.frame,
                      .reason = static_cast<ofagent::PacketInReason>(packet.reason),
                      .table_miss_rule = no_match && packet.cookie != ~std::uint64_t{0},
                      .table_id = packet.table_id,
                      .cookie = packet.cookie,
                      .in_port = packet.in_port,
                      .metadata = packet.metadata});
}

bool ControlLoop::serve_sockets() {
  int handled = 0;
  while (handled < kSocketHandlersPerTurn && p_.io.poll_one() > 0) ++handled;
  return (p_.device_thread.poll() > 0) | (handled > 0);
}

bool ControlLoop::read_kernel_events() {
  events_.clear();
  const auto more = p_.kernel_events.read(events_, kNetlinkDatagramsPerTurn);
  if (!more)
    log::limited(netlink_log_, p_.clock.now(), log::Level::kWarn, "control", "{}",
                 more.error().message);
  bool reachability = false;
  bool links = false;
  bool addresses = false;
  for (const auto& event : events_) {
    p_.inband.on_kernel_event(event);
    links |= std::holds_alternative<netlink::LinkEvent>(event) ||
             std::holds_alternative<netlink::OverrunEvent>(event);
    addresses |= std::holds_alternative<netlink::AddressEvent>(event) ||
                 std::holds_alternative<netlink::RouteEvent>(event);
    // A neighbour that changes may be the one we wait for; one that we ask for ourselves is not
    // news.
    if (const auto* neighbour = std::get_if<netlink::NeighbourEvent>(&event)) {
      reachability |= neighbour->neighbour.usable_mac().has_value();
    } else {
      reachability = true;
    }
  }
  if (links) {
    keep_local_port();
    refresh_links();
    p_.port_keeper.interfaces_changed();
  }
  if (addresses) check_local_addresses();
  if (reachability) {
    for (const auto& link : p_.links) link->try_now();
    p_.names.network_changed();
  }
  return more.value_or(false) || !events_.empty();
}

bool ControlLoop::run_agents(TimePoint now) {
  if (now >= p_.inband.next_deadline()) p_.inband.run(now);
  p_.port_keeper.run(now);
  follow_port_mtus();
  p_.offload.run(p_.inband, now);
  const bool more = p_.agent.run();
  for (const auto& link : p_.links) link->poll(now);
  for (const auto& listener : p_.listeners) listener->poll();
  return more;
}

void ControlLoop::check_local_addresses() {
  for (const auto& link : p_.links) link->check_local_address();
}

void ControlLoop::keep_house(TimePoint) {
  keep_local_port();
  check_local_addresses();
  refresh_links();
  p_.backend.ask_port_counters();  // what is shown while a driver is busy is no older than this
}

void ControlLoop::keep_local_port() {
  const auto seen = [&] {
    return std::tuple(p_.local.name(), p_.local.mac(), p_.local.mtu(),
                      p_.local.present() && p_.local.up());
  };
  const auto before = seen();
  p_.local.check();
  if (!p_.local.present()) {
    // Let go of the dead descriptor: the new one may get the same number.
    tap_watch_.watch(-1);
    const auto made = p_.local.recreate();
    if (made) {
      ++stats_.local_recreated;
      log::info("control", "local port {}: it was deleted; made again", p_.local.name());
    } else {
      log::limited(local_log_, p_.clock.now(), log::Level::kWarn, "control", "{}",
                   made.error().message);
    }
  }
  tap_watch_.watch(p_.local.fd());
  if (seen() != before) tell_local_port();
}

// Only when the ports' changes: an MTU that somebody else gave the interface stays until then.
void ControlLoop::follow_port_mtus() {
  const auto smallest = p_.port_keeper.smallest_mtu();
  if (!p_.local_mtu_follows || !smallest || smallest == smallest_mtu_) return;
  const bool is_start = !std::exchange(smallest_mtu_, smallest).has_value();
  if (p_.local.mtu() == *smallest) return;
  if (const auto set = p_.local.set_mtu(*smallest); !set) {
    log::warn("control", "the ports' smallest MTU is {} now: {}", *smallest, set.error().message);
    return;
  }
  if (!is_start)
    log::info("control", "local port {}: MTU {}, now the smallest of the ports'", p_.local.name(),
              *smallest);
  tell_local_port();
}

void ControlLoop::tell_local_port() {
  p_.ports.set_local(p_.local.mac(), p_.local.mtu(), p_.local.present() && p_.local.up());
  p_.datapath.ports_changed();
  if (const auto info = p_.backend.port(flow::kPortLocal)) {
    p_.agent.port_changed(ofagent::SwitchAgent::PortChange::kModified, *info);
  }
}

// Reading a link may take a driver milliseconds: the device thread does it, one request at a time.
void ControlLoop::refresh_links() {
  if (links_asked_) {
    ask_links_again_ = true;
    return;
  }
  links_asked_ = true;
  p_.ports.request_link_refresh([this](const std::vector<flow::PortNo>& changed) {
    links_asked_ = false;
    links_changed(changed);
    if (std::exchange(ask_links_again_, false)) refresh_links();
  });
}

void ControlLoop::links_changed(const std::vector<flow::PortNo>& changed) {
  if (changed.empty()) return;
  p_.datapath.ports_changed();
  for (const flow::PortNo number : changed) {
    const auto info = p_.backend.port(number);
    if (!info) continue;
    // Who was behind it may come back behind another port.
    if ((info->state & ofagent::kPortLinkDown) != 0) p_.fdb.flush_port(number);
    log::limited(link_log_, p_.clock.now(), log::Level::kInfo, "control", "port {} ({}): link {}",
                 number, info->name, (info->state & ofagent::kPortLinkDown) != 0 ? "down" : "up");
    p_.agent.port_changed(ofagent::SwitchAgent::PortChange::kModified, *info);
  }
}

// Sockets are looked at in every turn anyway.
void ControlLoop::nap() {
  if (p_.control_queue_sleep_us == 0) return;
  p_.qsbr.offline(sync::kControlSlot);
  std::this_thread::sleep_for(std::chrono::microseconds{p_.control_queue_sleep_us});
  p_.qsbr.online(sync::kControlSlot);
  last_look_ = p_.clock.now();
}

void ControlLoop::sleep(TimePoint now) {
  TimePoint deadline = std::min(now + kLongestSleep, next_housekeeping_);
  deadline = std::min({deadline, p_.inband.next_deadline(), p_.port_keeper.next_deadline()});
  if (const auto agent = p_.agent.next_deadline()) deadline = std::min(deadline, *agent);
  for (const auto& link : p_.links) deadline = std::min(deadline, link->next_deadline());
  // What was retired waits for the workers, who do not say when they are done.
  if (p_.retired.pending() > 0) deadline = std::min(deadline, now + std::chrono::milliseconds{1});
  if (deadline <= now) return;
  // Something is about to happen that announces itself to nobody: workers pass a barrier within
  // microseconds. A sleep would make each barrier cost a millisecond, and ovs-ofctl sends one per
  // rule. Bounded: a worker may share our CPU.
  if (deadline - now <= kShortWait && short_waits_ < kMostShortWaits) {
    ++short_waits_;
    return;
  }
  short_waits_ = 0;
  if (p_.datapath.has_control_queues()) {
    nap();
    return;
  }

  tap_watch_.watch(p_.local.fd());
  tap_watch_.arm();
  netlink_watch_.arm();
  device_watch_.arm();
  worker_watch_.arm();
  if (!p_.datapath.arm_wakeup()) return;
  ++stats_.sleeps;
  p_.qsbr.offline(sync::kControlSlot);
  p_.io.run_one_until(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
  p_.qsbr.online(sync::kControlSlot);
  p_.datapath.disarm_wakeup();
  last_look_ = p_.clock.now();
}

}  // namespace lifeline::control
