// The control lcore's loop.
//
// What. One thread does everything that is not forwarding at speed: it moves control packets
// between workers and the TAP, speaks OpenFlow and netlink, keeps the in-band agent and the tables,
// and frees what workers no longer look at.
//
// Why this way. The controller's connection runs through this switch, so the lcore that serves it
// must never be the reason that its packets wait. Hence one rule: between any two pieces of other
// work the loop looks at the control packets. Pieces are small (a slice, about 100 us): the
// OpenFlow agent is given a budget, netlink and sockets a number of messages, reclaiming a number
// of objects. Rejected: a thread per connection (locks on the tables), a thread for the TAP (its
// own TX queues, and hidden rules seen by two writers), letting the workers write to the TAP (a
// system call per packet in the forwarding path).
//
// Sleeping. With nothing to do the loop sleeps in epoll until the TAP, a socket, netlink, the
// device thread or a worker's ring has something, or a deadline comes. A worker writes its wake-up
// only while the loop sleeps, so under load it makes no system call. While asleep the lcore is
// offline for QSBR: no grace period waits for it.
//
// Where a port has a control queue, the loop polls it in every turn, before all else, and does not
// sleep in epoll: a NIC's queue announces nothing. It sleeps as long as an idle worker may (0: not
// at all).
//
// Invariants. Nothing here blocks but that sleep. Control packets go first in every turn. Every
// queue that is read here is bounded by its producer and counts what it drops.
//
// Failure modes. The TAP deleted: made again at once, under its configured name and MAC. Netlink
// overrun: the agent asks everything again (netlink/event_socket.h). A worker that hangs: grace
// periods stop, retired objects pile up, barriers wait; forwarding by the others and the control
// connection go on.
//
// Thread-safety: run() on the control lcore; stop() from any thread or signal handler of asio.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "control/controller_link.h"
#include "control/fd_watch.h"
#include "control/listener.h"
#include "control/names.h"
#include "control/offload_keeper.h"
#include "control/port_keeper.h"
#include "datapath/datapath.h"
#include "inband/agent.h"
#include "netlink/event_socket.h"
#include "ofagent/backend.h"
#include "ofagent/switch_agent.h"
#include "port/device_thread.h"
#include "port/local_port.h"
#include "port/port_set.h"
#include "sync/qsbr.h"
#include "sync/retire_list.h"
#include "table/fdb.h"

namespace lifeline::control {

// Everything the loop serves. All outlive it.
struct LoopParts {
  asio::io_context& io;
  const Clock& clock;
  sync::Qsbr& qsbr;
  sync::RetireList& retired;
  port::PortSet& ports;
  port::DeviceThread& device_thread;
  OffloadKeeper& offload;
  PortKeeper& port_keeper;
  port::LocalPort& local;
  datapath::Datapath& datapath;
  table::Fdb& fdb;
  netlink::EventSocket& kernel_events;
  inband::InbandAgent& inband;
  ofagent::Backend& backend;
  ofagent::SwitchAgent& agent;
  Names& names;
  std::vector<std::unique_ptr<ControllerLink>>& links;
  std::vector<std::unique_ptr<Listener>>& listeners;
  // Whether its MTU follows the smallest of the ports' (none is configured).
  bool local_mtu_follows = false;
  // Longest sleep while there are control queues, which announce nothing; 0: none.
  std::uint32_t control_queue_sleep_us = 0;
};

class ControlLoop final : public datapath::ControlHandler {
 public:
  explicit ControlLoop(LoopParts parts);

  // Until stop().
  void run();
  void stop();
  // After run(), when connections have been closed: carries what the host still sends, its FINs,
  // until the local port is quiet (at most a tenth of a second). Without it controllers would see
  // a silence, not a close. Blocks.
  void carry_farewell();

  struct Stats {
    std::uint64_t turns = 0;
    std::uint64_t sleeps = 0;
    Duration longest_turn{};  // between two looks at the control packets
    std::uint64_t local_recreated = 0;
  };
  const Stats& stats() const { return stats_; }

 private:
  bool turn();
  bool move_packets();
  bool serve_sockets();
  bool read_kernel_events();
  bool run_agents(TimePoint now);
  void keep_house(TimePoint now);
  void keep_local_port();
  void follow_port_mtus();
  void tell_local_port();
  void check_local_addresses();
  void refresh_links();
  void links_changed(const std::vector<flow::PortNo>& changed);
  void sleep(TimePoint now);
  void nap();

  void to_local(std::span<rte_mbuf*> frames) override;
  void packet_in(const datapath::PacketIn& packet) override;
  bool probe(const MacAddress& mac) override;

  LoopParts p_;
  FdWatch tap_watch_;
  FdWatch netlink_watch_;
  FdWatch device_watch_;
  FdWatch worker_watch_;
  asio::steady_timer wake_timer_;
  std::vector<netlink::Event> events_;
  std::atomic<bool> stop_{false};
  TimePoint next_housekeeping_{};
  TimePoint last_look_{};
  std::optional<std::uint32_t> smallest_mtu_;  // as last followed
  int short_waits_ = 0;                        // turns in a row that spun in place of a sleep
  bool links_asked_ = false;                   // the device thread has not answered yet
  bool ask_links_again_ = false;               // something happened meanwhile
  log::RateLimit netlink_log_;
  log::RateLimit local_log_{1, std::chrono::seconds{10}};
  log::RateLimit link_log_{20};
  Stats stats_;
};

}  // namespace lifeline::control
