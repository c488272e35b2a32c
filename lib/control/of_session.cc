#include "control/of_session.h"

#include <utility>

namespace lifeline::control {

OfSession::OfSession(ofagent::SwitchAgent& agent, ofagent::ConnectionKind kind, const Clock& clock,
                     Stream::AnySocket socket, OnEnd on_end, std::optional<Duration> probe_interval)
    : agent_(agent),
      clock_(clock),
      id_(agent.add_connection(kind, probe_interval)),
      stream_(std::make_shared<Stream>(std::move(socket), *this)),
      on_end_(std::move(on_end)),
      last_input_(clock.now()) {
  stream_->start();
}

OfSession::~OfSession() {
  if (ended_) return;
  stream_->close();
  agent_.on_closed(id_);
}

void OfSession::poll() {
  if (ended_) return;
  if (const auto reason = agent_.close_reason(id_)) {
    stream_->close();
    return end(*reason);
  }
  stream_->kick();
}

bool OfSession::established() const { return version() != 0; }

std::uint8_t OfSession::version() const {
  if (ended_) return 0;
  for (const auto& info : agent_.connections()) {
    if (info.id == id_) return info.established ? info.version : std::uint8_t{0};
  }
  return 0;
}

void OfSession::on_bytes(std::span<const std::byte> bytes) {
  last_input_ = clock_.now();
  agent_.on_bytes(id_, bytes);
}

// A part of it, so that what is bounded in the channel does not pile up here a second time.
void OfSession::take_output(std::vector<std::byte>& out) {
  constexpr std::size_t kEnoughBytes = 64 * 1024;
  while (out.size() < kEnoughBytes) {
    const auto piece = agent_.output(id_);
    if (piece.empty()) return;
    out.insert(out.end(), piece.begin(), piece.end());
    agent_.consume_output(id_, piece.size());
  }
}

bool OfSession::wants_input() const { return agent_.wants_input(id_); }

void OfSession::on_closed(std::string_view reason) { end(reason); }

void OfSession::end(std::string_view reason) {
  ended_ = true;
  agent_.on_closed(id_);
  on_end_(reason);
}

}  // namespace lifeline::control
