#include "ofagent/bundles.h"

#include <deque>
#include <utility>

#include "ofagent/flow_change.h"
#include "ofagent/handlers.h"
#include "openflow/codec.h"

namespace lifeline::ofagent {

using openflow::BundleControl;
using openflow::BundleControlType;
using openflow::BytesView;
using openflow::ErrorId;

void Bundle::add(BytesView message) {
  if (chunks_.empty() || chunks_.back().size() + message.size() > kChunkBytes) {
    chunks_.emplace_back();
  }
  chunks_.back().insert(chunks_.back().end(), message.begin(), message.end());
  size_bytes_ += message.size();
}

BytesView Bundle::front() const {
  const BytesView rest = BytesView(chunks_.front()).subspan(front_begin_);
  return rest.first(openflow::peek_header(rest)->length);
}

void Bundle::pop() {
  front_begin_ += front().size();
  if (front_begin_ < chunks_.front().size()) return;
  chunks_.pop_front();
  front_begin_ = 0;
}

namespace {

// What would be said of this message if it stood alone and nothing else had changed.
std::optional<ErrorId> find_bundled_error(const AgentCore& core, const openflow::Message& message) {
  if (const auto* m = std::get_if<openflow::FlowMod>(&message)) return find_error(core, *m, true);
  if (const auto* m = std::get_if<openflow::PortMod>(&message)) return find_error(core, *m);
  if (const auto* m = std::get_if<openflow::PacketOut>(&message)) return find_error(core, *m);
  return ErrorId::kBfcMsgUnsup;
}

// Runs the messages in order in one transaction of the tables: always both atomic and ordered, the
// stricter of what may be asked for. Port configuration and packet-outs, which the tables know
// nothing of, are judged in their place and done once nothing can fail any more: a packet that goes
// through the pipeline meets the rules of the whole bundle.
class CommitTask final : public Task {
 public:
  CommitTask(const Request& request, std::uint32_t bundle_id, Bundle bundle)
      : request_(request), bundle_id_(bundle_id), bundle_(std::move(bundle)) {}

  Progress step(AgentCore& core, Connection& c, Budget& budget) override {
    if (!core.begin_change(c.id)) return Progress::kBlocked;
    core.changed_by = {.connection = c.id, .xid = request_.xid};
    if (phase_ == Phase::kStart) {
      core.tables.begin_transaction();
      phase_ = Phase::kRun;
    }
    if (phase_ == Phase::kRun && !run(core, budget)) return Progress::kMore;
    if (phase_ == Phase::kCommit) {
      if (!core.tables.commit(core.now(), budget)) return Progress::kMore;
      phase_ = Phase::kAfterwards;
    }
    if (phase_ == Phase::kAfterwards) {
      if (!run_afterwards(core, budget)) return Progress::kMore;
      core.end_change();
      c.reply(BundleControl{.bundle_id = bundle_id_,
                            .type = BundleControlType::kCommitReply,
                            .flags = bundle_.flags},
              request_);
      return Progress::kDone;
    }
    if (!core.tables.roll_back(budget)) return Progress::kMore;
    core.end_change();
    c.error(error_, failed_);
    c.error(ErrorId::kBfcMsgFailed, request_);
    return Progress::kDone;
  }
  bool outlives_connection() const override { return true; }

 private:
  enum class Phase : std::uint8_t { kStart, kRun, kCommit, kAfterwards, kRollBack };

  // True when all messages have run, or one has failed.
  bool run(AgentCore& core, Budget& budget) {
    while (change_ || !bundle_.empty()) {
      if (budget.spent()) return false;
      if (!change_ && !begin_message(core, budget)) return true;
      if (change_) {
        if (!change_->step(core, budget)) return false;
        const std::optional<ErrorId> error = change_->error();
        change_.reset();
        if (error) return fail(*error);
      }
      bundle_.pop();
    }
    phase_ = Phase::kCommit;
    return true;
  }

  // False if it cannot be done.
  bool begin_message(AgentCore& core, Budget& budget) {
    budget.charge(kCostMessage);
    auto decoded = openflow::decode(bundle_.front(), openflow::Version::k13);
    // It was sound when it was added, and is judged again: ports may have gone since.
    const auto error =
        decoded ? find_bundled_error(core, decoded->message) : std::optional{decoded.error().id};
    if (error) return !fail(*error);
    if (auto* m = std::get_if<openflow::FlowMod>(&decoded->message)) {
      change_.emplace(std::move(*m), true);
    } else {
      afterwards_.push_back(std::move(decoded->message));
    }
    return true;
  }

  // True when all is done. A packet that the switch has no room for is counted: the bundle stands.
  bool run_afterwards(AgentCore& core, Budget& budget) {
    for (; !afterwards_.empty(); afterwards_.pop_front()) {
      if (budget.spent()) return false;
      budget.charge(kCostChange);
      if (const auto* m = std::get_if<openflow::PortMod>(&afterwards_.front())) {
        apply(core, *m);
      } else {
        apply(core, std::get<openflow::PacketOut>(afterwards_.front()));
      }
    }
    return true;
  }

  bool fail(ErrorId error) {
    const BytesView message = bundle_.front();
    failed_ = Request::of(openflow::peek_header(message)->xid, message);
    error_ = error;
    phase_ = Phase::kRollBack;
    return true;
  }

  Request request_;
  std::uint32_t bundle_id_;
  Bundle bundle_;
  Phase phase_ = Phase::kStart;
  std::optional<FlowChange> change_;
  std::deque<openflow::Message> afterwards_;  // PortMod and PacketOut, in their order
  Request failed_;
  ErrorId error_ = ErrorId::kBfcUnknown;
};

constexpr std::uint16_t kKnownFlags =
    openflow::bundle_flags::kAtomic | openflow::bundle_flags::kOrdered;

void reply(Connection& c, const Request& request, const BundleControl& to, BundleControlType type) {
  c.reply(BundleControl{.bundle_id = to.bundle_id, .type = type, .flags = to.flags}, request);
}

void open(Connection& c, const Request& request, const BundleControl& control) {
  if (c.bundles.contains(control.bundle_id)) {
    c.error(ErrorId::kBfcBundleExist, request);
  } else if (c.bundles.size() >= kMaxBundles) {
    c.error(ErrorId::kBfcOutOfBundles, request);
  } else {
    c.bundles.emplace(control.bundle_id, Bundle(control.flags));
    reply(c, request, control, BundleControlType::kOpenReply);
  }
}

std::size_t kept_bytes(const Bundles& bundles) {
  std::size_t sum = 0;
  for (const auto& [id, bundle] : bundles) sum += bundle.size_bytes();
  return sum;
}

}  // namespace

void handle_bundle_control(AgentCore& core, Connection& c, const Request& request,
                           const BundleControl& control, Budget& budget) {
  if ((control.flags & ~kKnownFlags) != 0) {
    c.error(ErrorId::kBfcBadFlags, request);
    return;
  }
  if (control.type == BundleControlType::kOpenRequest) return open(c, request, control);
  const auto it = c.bundles.find(control.bundle_id);
  const bool is_reply = (static_cast<unsigned>(control.type) & 1) != 0;
  if (is_reply) {
    c.error(ErrorId::kBfcBadType, request);
  } else if (it == c.bundles.end()) {
    c.error(ErrorId::kBfcBadId, request);
  } else if (control.type == BundleControlType::kDiscardRequest) {
    c.bundles.erase(it);  // whatever its flags: the way out is always open
    reply(c, request, control, BundleControlType::kDiscardReply);
  } else if (it->second.flags != control.flags) {
    c.error(ErrorId::kBfcBadFlags, request);
  } else if (control.type == BundleControlType::kCommitRequest) {
    auto task = std::make_unique<CommitTask>(request, control.bundle_id, std::move(it->second));
    c.bundles.erase(it);
    core.start(c, std::move(task), budget);
  } else if (it->second.is_closed) {
    c.error(ErrorId::kBfcBundleClosed, request);
  } else {
    it->second.is_closed = true;
    reply(c, request, control, BundleControlType::kCloseReply);
  }
}

void handle_bundle_add(AgentCore& core, Connection& c, const Request& request,
                       const openflow::BundleAdd& add) {
  auto it = c.bundles.find(add.bundle_id);
  if ((add.flags & ~kKnownFlags) != 0 || (it != c.bundles.end() && it->second.flags != add.flags)) {
    c.error(ErrorId::kBfcBadFlags, request);
    return;
  }
  if (it != c.bundles.end() && it->second.is_closed) {
    c.error(ErrorId::kBfcBundleClosed, request);
    return;
  }
  // The first message opens a bundle that nobody has opened.
  if (it == c.bundles.end() && c.bundles.size() >= kMaxBundles) {
    c.error(ErrorId::kBfcOutOfBundles, request);
    return;
  }
  if (openflow::peek_header(add.message)->xid != request.xid) {
    c.error(ErrorId::kBfcMsgBadXid, request);
    return;
  }
  if (kept_bytes(c.bundles) + add.message.size() > kMaxBundleBytes) {
    c.error(ErrorId::kBfcMsgTooMany, request);
    return;
  }
  const auto decoded = openflow::decode(add.message, openflow::Version::k13);
  const auto error =
      decoded ? find_bundled_error(core, decoded->message) : std::optional{decoded.error().id};
  if (error) {
    c.error(*error, request);
    return;
  }
  if (it == c.bundles.end()) it = c.bundles.emplace(add.bundle_id, Bundle(add.flags)).first;
  it->second.add(add.message);
}

}  // namespace lifeline::ofagent
