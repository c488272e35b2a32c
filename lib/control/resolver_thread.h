// The thread that names are asked for on.
#pragma once

#include <pthread.h>

#include <memory>

#include "base/expected.h"
#include "resolve/resolver.h"

namespace lifeline::control {

// Needs EAL: its control threads keep off the lcores' CPUs.
class ResolverThread {
 public:
  static Expected<std::unique_ptr<ResolverThread>> start(resolve::Resolver::Options options,
                                                         resolve::Resolver::OnAnswer on_answer,
                                                         resolve::Resolver::OnServers on_servers);
  // Open questions get no answer.
  ~ResolverThread();
  ResolverThread(const ResolverThread&) = delete;
  ResolverThread& operator=(const ResolverThread&) = delete;

  resolve::Resolver& resolver() { return resolver_; }

 private:
  ResolverThread(resolve::Resolver::Options options, resolve::Resolver::OnAnswer on_answer,
                 resolve::Resolver::OnServers on_servers);

  resolve::Resolver resolver_;
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace lifeline::control
