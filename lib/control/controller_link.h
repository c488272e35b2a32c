// The active connection to one configured controller: connect, keep, try again.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/back_off.h"
#include "control/link_target.h"
#include "control/of_session.h"
#include "control/tls_handshakes.h"
#include "inband/agent.h"
#include "inband/facts.h"
#include "resolve/address_list.h"

namespace lifeline::control {

// How to speak TLS with a controller; without handshakes: plain TCP.
struct LinkTls {
  TlsHandshakes* handshakes = nullptr;  // outlives the link
  std::string peer_name;                // see TlsPeer
};

// What a link tells of itself, from within its own calls: the link must outlive them. For links
// whose controllers have names.
struct LinkEvents {
  // remotes() are others now: old addresses are not needed any more.
  std::function<void()> remotes_changed = [] {};
  // No address of the last answer leads to a controller.
  std::function<void()> unreachable = [] {};
};

// Addresses are tried in order, again and again; a session that was a good one is tried again where
// it was. A session stays where it is for as long as it lives, whatever the name means meanwhile.
//
// Control lcore only.
class ControllerLink {
 public:
  // The link tells `inband` the connection's state, for status and probes. The references outlive
  // it.
  ControllerLink(asio::io_context& io, ofagent::SwitchAgent& agent, inband::InbandAgent& inband,
                 const Clock& clock, LinkTarget target, Duration probe_interval, LinkTls tls = {},
                 LinkEvents events = {});
  ~ControllerLink();
  ControllerLink(const ControllerLink&) = delete;
  ControllerLink& operator=(const ControllerLink&) = delete;

  // No-op unless the link has nothing to do: begins, or goes on when a name has got its first
  // addresses.
  void start();
  // What the name means now. No try begins within this call: the hidden rules come first.
  void set_addresses(std::vector<IpAddress> addresses);
  // After each run of the agent.
  void poll(TimePoint now);
  // When poll() has something to do that nothing else announces; TimePoint::max(): never.
  TimePoint next_deadline() const;
  // Something changed that may have made the remote reachable (address, route, neighbour): a SYN
  // that has been unanswered for long is sent again. Ignored when connected.
  void try_now();
  // Ends the session if the address it speaks from is no longer this host's, and another one would
  // reach the remote: TCP would notice only by silence. Costs a few system calls; nothing without a
  // session.
  void check_local_address();

  struct Status {
    std::string target;
    inband::ConnectionState state;
    Duration in_state;
    std::uint8_t version;    // OpenFlow wire version, 0 before the handshake
    std::uint64_t sessions;  // handshakes done since the start
    std::uint64_t attempts;  // connects tried since the start
    std::string last_error;  // why the last session or try ended; "" = none has
  };
  Status status() const;
  const std::string& target() const { return target_.text; }
  const std::string& host() const { return target_.host; }  // "": the address is configured
  std::uint16_t port() const { return target_.port; }
  // Of the session, of the try under way, or of the last one; nullopt: there was none.
  const std::optional<inband::Remote>& remote() const { return remote_; }
  // All that hidden rules must stand for: of the last answer, and old ones (address_list.h).
  std::vector<inband::Remote> remotes() const;
  const resolve::AddressList& addresses() const { return addresses_; }
  // Also of a session that stands.
  void set_probe_interval(Duration interval);

 private:
  void connect();
  bool choose_remote();
  void go_on_from(const IpAddress& ip);
  void next_address();
  void on_connected();
  void shake_hands(Stream::Socket socket);
  void begin_session(Stream::AnySocket socket);
  void on_connect_failed(std::string_view why, Duration delay);
  void on_session_end(std::string_view reason);
  void retry_after(Duration delay);
  void enter(inband::ConnectionState state, std::string_view why);

  asio::io_context& io_;
  ofagent::SwitchAgent& agent_;
  inband::InbandAgent& inband_;
  const Clock& clock_;
  const LinkTarget target_;
  Duration probe_interval_;
  const LinkTls tls_;
  const LinkEvents events_;

  resolve::AddressList addresses_;
  std::size_t next_ = 0;  // of addresses_.current(), to be tried
  std::optional<inband::Remote> remote_;

  BackOff back_off_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  std::unique_ptr<OfSession> session_;
  asio::ip::address local_address_;  // of the session
  // Grows with every try, so that a late answer of an abandoned one is recognised.
  std::uint64_t attempt_ = 0;
  inband::ConnectionState state_ = inband::ConnectionState::kIdle;
  std::uint64_t tries_ = 0;
  bool connecting_ = false;  // a SYN is out
  bool waiting_ = false;     // for the next try
  bool shaking_hands_ = false;
  bool resent_ = false;  // … for the second time, because of an event
  TimePoint attempt_since_;
  TimePoint state_since_;
  TimePoint session_since_;
  bool missed_echo_told_ = false;
  std::uint64_t sessions_ = 0;
  std::string last_error_;
  std::vector<std::string> told_;  // why sessions failed since the last good one, in the log
  // Gone with the link: a handshake's answer may come later.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace lifeline::control
