// The thread that TLS handshakes run on.
#pragma once

#include <pthread.h>

#include <memory>

#include "base/expected.h"
#include "control/tls_handshakes.h"

namespace lifeline::control {

// Needs EAL: its control threads keep off the lcores' CPUs. Start and destroy on the control lcore.
class TlsThread {
 public:
  static Expected<std::unique_ptr<TlsThread>> start(asio::io_context& control, config::Tls files);
  // Handshakes that are under way are dropped without an answer.
  ~TlsThread();
  TlsThread(const TlsThread&) = delete;
  TlsThread& operator=(const TlsThread&) = delete;

  TlsHandshakes& handshakes() { return handshakes_; }

 private:
  TlsThread(asio::io_context& control, config::Tls files)
      : handshakes_(control, std::move(files)) {}

  TlsHandshakes handshakes_;
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace lifeline::control
