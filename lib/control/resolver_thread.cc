#include "control/resolver_thread.h"

#include <rte_lcore.h>

#include <cstring>
#include <utility>

namespace lifeline::control {

ResolverThread::ResolverThread(resolve::Resolver::Options options,
                               resolve::Resolver::OnAnswer on_answer,
                               resolve::Resolver::OnServers on_servers)
    : resolver_(std::move(options), std::move(on_answer), std::move(on_servers)) {}

Expected<std::unique_ptr<ResolverThread>> ResolverThread::start(
    resolve::Resolver::Options options, resolve::Resolver::OnAnswer on_answer,
    resolve::Resolver::OnServers on_servers) {
  std::unique_ptr<ResolverThread> self(
      new ResolverThread(std::move(options), std::move(on_answer), std::move(on_servers)));
  const auto body = [](void* resolver) -> void* {
    static_cast<resolve::Resolver*>(resolver)->run();
    return nullptr;
  };
  const int rc =
      rte_ctrl_thread_create(&self->thread_, "lifeline-dns", nullptr, body, &self->resolver_);
  if (rc != 0) return make_error("cannot start the resolver's thread: {}", std::strerror(-rc));
  self->started_ = true;
  return self;
}

ResolverThread::~ResolverThread() {
  if (!started_) return;
  resolver_.stop();
  pthread_join(thread_, nullptr);
}

}  // namespace lifeline::control
