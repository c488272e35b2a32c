#include "control/tls_thread.h"

#include <rte_lcore.h>

#include <cstring>
#include <utility>

namespace lifeline::control {

Expected<std::unique_ptr<TlsThread>> TlsThread::start(asio::io_context& control,
                                                      config::Tls files) {
  std::unique_ptr<TlsThread> self(new TlsThread(control, std::move(files)));
  const auto body = [](void* handshakes) -> void* {
    static_cast<TlsHandshakes*>(handshakes)->run();
    return nullptr;
  };
  const int rc =
      rte_ctrl_thread_create(&self->thread_, "lifeline-tls", nullptr, body, &self->handshakes_);
  if (rc != 0) return make_error("cannot start the TLS thread: {}", std::strerror(-rc));
  self->started_ = true;
  return self;
}

TlsThread::~TlsThread() {
  if (!started_) return;
  handshakes_.stop();
  pthread_join(thread_, nullptr);
}

}  // namespace lifeline::control
