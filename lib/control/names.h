// The names of controllers on the control lcore: what they mean, and when they are asked again.
//
// Questions go to the resolver's thread and answers come back by the event loop; nothing here
// waits. The first question is asked when the resolvers are known and were told to `changed`, so
// that their hidden rules (j) and (k) stand before its packet leaves.
//
// Failure modes. Resolver silent, or a name that does not exist: asked again after 250 ms, then
// after twice as long each time up to 10 s, and when the network changes; addresses that were
// known stay. resolv.conf without a resolver: as if it were silent.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/expected.h"
#include "base/ip_address.h"
#include "control/resolver_thread.h"
#include "resolve/name_book.h"
#include "resolve/resolver.h"

namespace lifeline::control {

// Control lcore only.
class Names {
 public:
  // `changed` is called from the event loop when the addresses of a name or the resolvers are
  // others than before. The references outlive this.
  Names(asio::io_context& io, const Clock& clock, std::function<void()> changed,
        resolve::Resolver::Options options = {});

  // The names to ask for from now on, and whom; no resolvers: those of resolv.conf. Without names
  // there is no thread. An error if the thread cannot be started.
  Expected<void> configure(const std::vector<std::string>& hosts,
                           const std::vector<IpAddress>& resolvers);
  // Of the last answer; empty: there was none yet, or no such name.
  std::vector<IpAddress> addresses(std::string_view host) const;
  // nullptr: no such name. Valid until something else is called.
  const resolve::NameStatus* status(std::string_view host) const { return book_.find(host); }
  // When it is asked for next: NameBook::due().
  TimePoint due(std::string_view host) const { return book_.due(host); }
  // Whom we ask; none without names, or as long as nobody is known.
  const std::vector<IpAddress>& resolvers() const { return resolvers_; }

  // Everything is asked again, at once.
  void ask_all();
  // What had no answer may have one now: an address, a route or a neighbour came.
  void network_changed();
  // The addresses of this name do not lead to a controller.
  void doubt(std::string_view host);

 private:
  void on_servers(std::vector<IpAddress> servers);
  void on_answer(std::uint64_t question, const Expected<resolve::Answer>& answer);
  void run();
  void arm();

  asio::io_context& io_;
  const Clock& clock_;
  const std::function<void()> changed_;
  const resolve::Resolver::Options options_;
  asio::steady_timer timer_;
  resolve::NameBook book_;
  std::vector<IpAddress> given_;      // by configure()
  std::vector<IpAddress> resolvers_;  // as the thread says
  bool resolvers_known_ = false;
  std::unique_ptr<ResolverThread> thread_;
  // Of the thread that runs: what one before it has posted falls into nothing.
  std::shared_ptr<const bool> alive_;
};

}  // namespace lifeline::control
