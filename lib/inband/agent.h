// The in-band agent: gathers the facts, works out the rules, keeps the hidden table equal to them.
//
// What. Facts come from the configuration (remotes, VLAN, on or off) and from the kernel (the local
// port's MAC, the route to each remote, the MAC of each next hop). Kernel notifications say *that*
// something changed; what is true now is always asked for (KernelView), so a notification that is
// late, doubled or lost does no harm, and a poll behind them repairs what they missed. Of each
// remote whose facts are others than before, and of no other, the rules are worked out anew
// (inband_rules.h) and the difference to what stands is written: additions first, then removals,
// one publish, so no packet finds neither the old rule nor the new (rule_book.h).
//
// Rejected: rules that follow events one by one (every lost or reordered event is then a wrong rule
// for good); trusting the contents of notifications (a queue of them tells history, not state).
//
// Invariants. (f) to (i) of a remote stand from the moment it is configured until it is removed: no
// answer of the kernel and no state of its connection takes part in that. An error in asking keeps
// what was known. A next hop whose MAC the kernel lost keeps it for `failed_hold`, because switches
// behind us live by (d) and (e). Reading status changes nothing.
//
// Failure modes. Hidden table full: what fits stands, the rest is tried again every second, and a
// warning says so. Kernel not answering: known facts stay, asked again every second. A storm of
// notifications: at most one round per `coalesce`, and remotes_per_run remotes per round, those
// that have waited longest first.
//
// Cost. A run looks at every remote's deadline (1 000: some us), asks about remotes_per_run, and
// works out the rules of rules_per_run. What concerns all remotes at once (another VLAN) takes as
// many runs as that needs: each remote's own rules change in one publish. So does another list of
// those that serve switches behind us, which may hold thousands: changes_per_run of them in a run.
//
// Files. agent.cc: events, time, rules; agent_remotes.cc: what is configured; agent_kernel.cc: what
// the kernel is asked; status.cc: what can be asked of us.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "flow/guards.h"
#include "flow/rule_writer.h"
#include "inband/facts.h"
#include "inband/guard_book.h"
#include "inband/kernel_view.h"
#include "inband/remote_digest.h"
#include "inband/rule_book.h"
#include "inband/status.h"
#include "netlink/event.h"

namespace lifeline::inband {

// Keeps the hidden rules and the guards true to the facts. Does no I/O and has no thread: the
// control lcore feeds it and calls run() when next_deadline() has come.
//
//   agent.set_local_device("lifeline0");
//   agent.set_remotes({{"tcp:10.0.0.1:6653", ip, 6653}});
//   agent.start();                       // the rules stand when this returns
//   … for every netlink event:           agent.on_kernel_event(event);
//   … whenever now >= next_deadline():   agent.run(now);
//
// Every call may move next_deadline(). Not thread-safe: control lcore only. The four references
// must outlive the agent.
class InbandAgent {
 public:
  struct Options {
    Duration local_mac_poll = std::chrono::seconds{1};
    Duration next_hop_poll_known = std::chrono::seconds{10};
    Duration next_hop_poll_unknown = std::chrono::seconds{1};
    // How long a next hop's MAC is kept after the kernel lost it (FAILED).
    Duration failed_hold = std::chrono::seconds{5};
    // Notifications are acted on at once, but no more often than this.
    Duration coalesce = std::chrono::milliseconds{5};
    // Remotes asked about in one run(); the others follow in the next, so that a run stays within
    // a slice of the control lcore.
    std::size_t remotes_per_run = 4;
    // Remotes whose rules are worked out in one run().
    std::size_t rules_per_run = 8;
    // Remotes of a new list that are added, changed or removed in one run(); those that stay as
    // they are cost a sixteenth of that.
    std::size_t changes_per_run = 4;
    std::size_t log_entries = 256;
    // With more remotes than this, those that are not ours share lines of log.
    std::size_t remotes_told = 16;
  };

  InbandAgent(KernelView& kernel, flow::RuleWriter& hidden, flow::GuardWriter& guards,
              const Clock& clock, Options options);
  InbandAgent(KernelView& kernel, flow::RuleWriter& hidden, flow::GuardWriter& guards,
              const Clock& clock);
  InbandAgent(const InbandAgent&) = delete;
  InbandAgent& operator=(const InbandAgent&) = delete;

  // In-band control is on until it is switched off. Off removes every hidden rule and guard.
  void set_enabled(bool enabled);
  bool enabled() const { return enabled_; }
  // The name of the local port's device. Once seen it is followed by its index, through renames,
  // until it is deleted; then the name is looked for again.
  void set_local_device(std::string name);
  void set_vlan(const flow::ManagementVlan& vlan);
  // Second matches of (d) and (e), see inband_rules.h. Off until it is switched on.
  void set_relay_arp(bool relay);
  // Rules (h) and (i) only to and from the next hops: see inband_rules.h.
  void set_strict(bool strict);
  // Where routers may be (flow/guards.h).
  void set_trusted_ports(std::vector<flow::PortNo> ports);
  // Whose DHCP passes besides our own (flow/guards.h). Nobody's until it is set.
  void set_relay_dhcp(std::vector<MacPrefix> stations);

  // Remotes by id: controllers and resolvers. Replaces those of the configuration; what is known of
  // a remote that stays is kept. An error (and no change) if an id is empty or appears twice, a
  // port is 0, an address is not a host's, or the remote is one for set_others(). A remote of
  // another origin stays, unless the list has its id.
  Expected<void> set_remotes(std::vector<Remote> remotes);
  // The same for those that serve switches behind us. From start() on the list is taken over by
  // run(), in slices: the new ones in their order, then those that are gone.
  Expected<void> set_others(std::vector<Remote> remotes);
  Expected<void> add_remote(Remote remote);  // also changes the one with this id
  bool remove_remote(std::string_view id);   // false: no such remote

  // There are controllers whose names have no answer yet: what they need before they have addresses
  // stands as if they had (inband_rules.h).
  void await_names(bool awaits);

  // Of the OpenFlow connection; for status and probes only: rules stand in every state.
  void set_remote_state(std::string_view id, ConnectionState state, std::string_view why = "");
  // An echo request was not answered in time: have the kernel ask the next hops at once.
  void on_missed_echo(std::string_view id);
  // When a next hop of the remote last took another MAC, or another hop its place; TimePoint{}:
  // never, or no such remote.
  TimePoint way_changed_at(std::string_view id) const;
  // Has the kernel ask the next hops that have this MAC whether they are still there (ARP, to that
  // MAC). False: none has it, or the kernel would not.
  bool probe_next_hop(const MacAddress& mac);

  // Asks the kernel everything and puts the rules in place. From then on run() works.
  void start();
  void on_kernel_event(const netlink::Event& event);
  void run(TimePoint now);
  // When run() is due; now or earlier if at once. Before start(): TimePoint::max().
  TimePoint next_deadline() const;

  // Of the local port's device; 0: it is not there.
  std::uint32_t local_ifindex() const { return local_ ? local_->index : 0; }
  Facts facts() const;
  // Readers change nothing, timers least of all. All at once, which takes a while with thousands:
  Status status() const;
  // … or piece by piece: the summary has neither remotes nor rules, but counts both.
  Status summary() const;
  std::vector<std::string> remote_ids() const;                           // as configured
  std::optional<RemoteStatus> remote_status(std::string_view id) const;  // nullopt: no such remote
  std::vector<flow::RuleId> rule_ids() const { return book_.ids(); }     // by letter
  std::optional<HiddenRuleStatus> rule_status(flow::RuleId id) const;    // nullopt: gone
  const AgentCounters& counters() const { return counters_; }

 private:
  static constexpr RuleBook::Owner kLocalOwner = 0;

  struct Hop {
    NextHop fact;
    std::optional<netlink::NudState> nud;  // of the kernel's entry, if it has one
    std::optional<TimePoint> lost_at;      // since when `fact.mac` is only held
    std::optional<TimePoint> resolved_at;  // when the kernel was last made to resolve it
    Changed changed;
  };
  struct RemoteState {
    Remote remote;
    RuleBook::Owner owner = 0;
    Reach reach = Reach::kUnknown;
    std::string reach_reason;
    Changed reach_changed;
    std::vector<Hop> hops;
    ConnectionState connection = ConnectionState::kIdle;
    Changed connection_changed;
    TimePoint refresh_at{};                       // TimePoint::max(): there is nothing to ask
    std::string_view refresh_why = "configured";  // of the next refresh
    bool query_failed = false;                    // the kernel could not be asked; that was said
    bool rules_due = false;                       // its rules must be worked out again
    std::uint64_t listed = 0;                     // the last list that had it
    std::uint64_t place = 0;                      // among all, for readers
  };
  // A list, and how far it has been taken over.
  struct Takeover {
    bool serves_us = false;
    std::uint64_t list = 0;
    std::vector<Remote> wanted;
    std::size_t next = 0;  // of `wanted`
  };
  using RemoteList = std::vector<std::unique_ptr<RemoteState>>;

  Expected<Takeover> takeover(std::vector<Remote> remotes, bool serve_us);
  bool take_over(Takeover& list, std::size_t changes);
  RemoteState* find(std::string_view id) const;
  std::vector<const RemoteState*> in_order() const;
  RemoteState& insert(std::unique_ptr<RemoteState> state);
  void configure(RemoteState& state, Remote remote);
  void forget(const RemoteState& state);
  // When the remote is next asked about.
  static bool is_asked_about(const RemoteState& remote);
  void refresh_at(RemoteState& remote, TimePoint at, std::string_view why);
  // Brings refreshes forward to the next coalesced round.
  TimePoint next_round() const;
  void refresh_soon(RemoteState& remote, std::string_view why);
  void refresh_all_soon(std::string_view why);
  void refresh_local_soon();
  void on_neighbour(const netlink::NeighbourEvent& event);
  bool probe(const Hop& hop);

  void refresh_local(TimePoint now);
  Expected<std::optional<netlink::Link>> find_local();
  void local_is(const std::optional<netlink::Link>& link, TimePoint now);
  void refresh_due_remotes(TimePoint now);
  Expected<netlink::Route> route_to(const IpAddress& ip);
  void refresh_remote(RemoteState& remote, TimePoint now);
  void route_is(RemoteState& remote, const netlink::Route& route, TimePoint now);
  void reach_is(RemoteState& remote, Reach reach, std::string_view reason, TimePoint now);
  void hops_are(RemoteState& remote, const netlink::Route& route, TimePoint now);
  void refresh_hop(RemoteState& remote, Hop& hop, TimePoint now);
  void hop_lost(RemoteState& remote, Hop& hop, TimePoint now);
  void schedule(RemoteState& remote, TimePoint now);

  static RemoteFacts facts_of(const RemoteState& remote);
  Scope scope() const;
  static void count(const RemoteState& remote, RemoteCounts& counts);
  RemoteStatus status_of(const RemoteState& remote) const;
  // The facts of this remote are others, or what the rules of all hang on.
  void facts_changed(RemoteState& remote);
  void scope_changed();
  void apply(TimePoint now, std::size_t remotes);
  void look_for_use();
  void work_out_rules(std::size_t remotes);
  void commit_rules(TimePoint now, bool retry);
  // A line in the log of changes, and in the switch's log.
  void note(TimePoint now, std::string what, log::Level level = log::Level::kInfo);
  // … about one of the remotes: at debug level, and counted, where they are many.
  void note(const Remote& remote, RemoteNews news, const std::string& what,
            log::Level level = log::Level::kInfo);

  KernelView& kernel_;
  flow::RuleWriter& hidden_;
  flow::GuardWriter& guard_writer_;
  const Clock& clock_;
  const Options options_;

  bool started_ = false;
  bool enabled_ = true;
  bool rules_due_ = false;  // of some owner the rules must be worked out again, at once
  bool local_rules_due_ = false;
  bool guards_due_ = false;
  std::string local_name_;  // as configured
  std::optional<netlink::Link> local_;
  bool local_query_failed_ = false;
  Changed local_changed_;
  TimePoint local_refresh_at_{};
  TimePoint last_round_{};  // when notifications were last acted on
  bool round_pending_ = false;
  std::optional<TimePoint> writer_retry_at_;
  flow::ManagementVlan vlan_;
  bool relay_arp_ = false;
  bool strict_ = false;
  std::vector<flow::PortNo> trusted_ports_;
  std::vector<MacPrefix> relay_dhcp_;
  bool awaits_names_ = false;
  std::uint64_t last_list_ = 0;
  std::optional<Takeover> others_;                            // under way
  RemoteList remotes_;                                        // as they came
  std::unordered_map<std::string_view, RemoteState*> by_id_;  // views of the remotes' own ids
  RuleBook::Owner last_owner_ = kLocalOwner;
  TimePoint first_refresh_ = TimePoint::max();  // no remote is due before
  RuleBook book_;
  GuardBook guard_book_;
  bool in_use_ = false;    // hidden rules stand: in-band is on and there is somebody to reach
  bool ipv6_use_ = false;  // (l) to (q) do
  RemoteDigest digest_;
  std::deque<LogEntry> log_;
  AgentCounters counters_;
};

}  // namespace lifeline::inband
