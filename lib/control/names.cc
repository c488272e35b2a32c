#include "control/names.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "base/log.h"

namespace lifeline::control {
namespace {

constexpr std::string_view kLibrary = "control";

}  // namespace

Names::Names(asio::io_context& io, const Clock& clock, std::function<void()> changed,
             resolve::Resolver::Options options)
    : io_(io),
      clock_(clock),
      changed_(std::move(changed)),
      options_(std::move(options)),
      timer_(io) {}

Expected<void> Names::configure(const std::vector<std::string>& hosts,
                                const std::vector<IpAddress>& resolvers) {
  book_.set_hosts(hosts, clock_.now());
  if (hosts.empty()) {
    alive_.reset();
    thread_.reset();
    resolvers_.clear();
    resolvers_known_ = false;
    timer_.cancel();
    return {};
  }
  if (!thread_) {
    const auto alive = std::make_shared<const bool>(true);
    const std::weak_ptr<const bool> watch = alive;
    auto thread = ResolverThread::start(
        options_,
        [this, watch](std::uint64_t question, Expected<resolve::Answer> answer) {
          asio::post(io_, [this, watch, question, answer = std::move(answer)] {
            if (!watch.expired()) on_answer(question, answer);
          });
        },
        [this, watch](const std::vector<IpAddress>& servers) {
          asio::post(io_, [this, watch, servers] {
            if (!watch.expired()) on_servers(servers);
          });
        });
    if (!thread) return tl::make_unexpected(thread.error());
    thread_ = std::move(*thread);
    alive_ = alive;
    given_.clear();
  }
  if (given_ != resolvers) thread_->resolver().use(resolvers);
  given_ = resolvers;
  arm();
  return {};
}

std::vector<IpAddress> Names::addresses(std::string_view host) const {
  const resolve::NameStatus* const name = book_.find(host);
  return name != nullptr ? name->addresses : std::vector<IpAddress>{};
}

void Names::on_servers(std::vector<IpAddress> servers) {
  resolvers_ = std::move(servers);
  resolvers_known_ = true;
  log::info(kLibrary, "resolvers: {}", resolvers_.empty() ? "none" : resolve::list_of(resolvers_));
  for (const IpAddress& ip : resolvers_) {
    if (!ip.is_loopback() || !given_.empty()) continue;
    log::warn(kLibrary,
              "resolver {} is on this host: there is no hidden rule for whom it asks in turn. Name "
              "those in `resolvers`",
              ip.to_string());
  }
  changed_();
  ask_all();
}

void Names::on_answer(std::uint64_t question, const Expected<resolve::Answer>& answer) {
  const auto news = book_.on_answer(question, answer, clock_.now());
  if (news.name == nullptr) return;
  if (!answer && news.error)
    log::info(kLibrary, "{}; asked again until there is an answer", answer.error().message);
  if (answer && (news.addresses || news.error))
    log::info(kLibrary, "{} is {}, for {} s", news.name->host, resolve::list_of(answer->addresses),
              std::chrono::duration_cast<std::chrono::seconds>(answer->ttl).count());
  if (news.addresses) changed_();
  arm();
}

void Names::ask_all() {
  book_.ask_all_soon(clock_.now());
  arm();
}

void Names::network_changed() {
  if (book_.empty()) return;
  book_.ask_failing_soon(clock_.now());
  arm();
}

void Names::doubt(std::string_view host) {
  book_.doubt(host, clock_.now());
  arm();
}

void Names::run() {
  for (resolve::Question& question : book_.take_due(clock_.now()))
    thread_->resolver().ask(std::move(question));
  arm();
}

void Names::arm() {
  const TimePoint due = book_.next_due();
  if (!thread_ || !resolvers_known_ || due == TimePoint::max()) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::max(due - clock_.now(), Duration::zero()));
  timer_.async_wait([this](std::error_code aborted) {
    if (!aborted) run();
  });
}

}  // namespace lifeline::control
