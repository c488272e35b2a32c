// Asks name servers, on a thread of its own.
//
// A question takes as long as it takes: seconds when a server is silent. The control lcore hands
// questions over and gets answers back by callbacks from this thread; nothing here is ever waited
// for. The asking is c-ares's. Each question has a channel to itself: its own sockets, and so a
// source port that nobody can have guessed from the last one, and the servers as they are at that
// moment.
//
// Which servers: those that use() gives, else those of resolv.conf, which is looked at again four
// times a second (stat(2); read only when it is another): a DHCP client writes it when it gets a
// lease, and the switch must not wait for anything else then. /etc/hosts is asked first.
//
// Names are complete: `search` in resolv.conf adds nothing to them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/expected.h"
#include "base/ip_address.h"
#include "resolve/answer.h"
#include "resolve/name_book.h"
#include "resolve/resolv_conf.h"

namespace lifeline::resolve {

class Lookup;

class Resolver {
 public:
  struct Options {
    std::string resolv_conf = "/etc/resolv.conf";
    Duration look = std::chrono::milliseconds{250};  // at resolv.conf
    // For the first answer of each server; the second try waits twice as long.
    Duration timeout = std::chrono::milliseconds{500};
    int tries = 2;  // of each server
    std::uint16_t port = 53;
  };
  // Both are called on the thread of run(), not from within ask() or use(). `on_servers` comes
  // before the first answer, and whenever they are others than before.
  using OnAnswer = std::function<void(std::uint64_t question, Expected<Answer>)>;
  using OnServers = std::function<void(const std::vector<IpAddress>&)>;

  Resolver(Options options, OnAnswer on_answer, OnServers on_servers);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Any thread, at once. The answer comes once, an error after about tries * timeout * servers;
  // none after stop().
  void ask(Question question);
  // The servers from now on; none: those of resolv.conf.
  void use(std::vector<IpAddress> servers);

  // The thread's body, until stop(). Questions that are open then are dropped.
  void run();
  void stop();

 private:
  struct Work {
    std::vector<Question> questions;
    bool servers_given = false;
    std::vector<IpAddress> servers;
    bool stop = false;
  };

  void wake() const;
  Work take_work();
  void look_at_servers(TimePoint now);
  void set_servers(std::vector<IpAddress> servers);
  void begin(const Question& question);
  void wait_and_serve();

  const Options options_;
  const OnAnswer on_answer_;
  const OnServers on_servers_;
  int wake_fd_ = -1;

  std::mutex mutex_;  // of work_
  Work work_;

  // The thread's own:
  const SteadyClock clock_;
  std::vector<IpAddress> given_;    // by use()
  std::vector<IpAddress> servers_;  // that are asked
  bool servers_told_ = false;
  WatchedFile file_;
  TimePoint look_at_{};
  std::vector<std::unique_ptr<Lookup>> lookups_;
};

}  // namespace lifeline::resolve
