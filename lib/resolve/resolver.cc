#include "resolve/resolver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/log.h"
#include "resolve/lookup.h"

namespace lifeline::resolve {
namespace {

constexpr std::string_view kLibrary = "resolve";

}  // namespace

Resolver::Resolver(Options options, OnAnswer on_answer, OnServers on_servers)
    : options_(std::move(options)),
      on_answer_(std::move(on_answer)),
      on_servers_(std::move(on_servers)),
      wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      file_(options_.resolv_conf) {}

Resolver::~Resolver() {
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

// Without a descriptor (there are none left in the process) the next look at resolv.conf sees it.
void Resolver::wake() const {
  const std::uint64_t one = 1;
  if (wake_fd_ >= 0 && ::write(wake_fd_, &one, sizeof one) < 0) return;
}

void Resolver::ask(Question question) {
  {
    const std::lock_guard lock(mutex_);
    work_.questions.push_back(std::move(question));
  }
  wake();
}

void Resolver::use(std::vector<IpAddress> servers) {
  {
    const std::lock_guard lock(mutex_);
    work_.servers_given = true;
    work_.servers = std::move(servers);
  }
  wake();
}

void Resolver::stop() {
  {
    const std::lock_guard lock(mutex_);
    work_.stop = true;
  }
  wake();
}

Resolver::Work Resolver::take_work() {
  const std::lock_guard lock(mutex_);
  return std::exchange(work_, {});
}

void Resolver::run() {
  // TCP to a server that is gone must not end the process.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  while (true) {
    Work work = take_work();
    if (work.stop) break;
    if (work.servers_given) {
      given_ = std::move(work.servers);
      look_at_ = {};
      if (given_.empty()) file_ = WatchedFile(options_.resolv_conf);
    }
    look_at_servers(clock_.now());
    for (const Question& question : work.questions) begin(question);
    wait_and_serve();
  }
  lookups_.clear();
}

void Resolver::look_at_servers(TimePoint now) {
  if (now < look_at_) return;
  look_at_ = now + options_.look;
  if (!given_.empty()) return set_servers(given_);
  if (!file_.changed()) return;
  const auto text = file_.read(kMaxResolvConfBytes);
  if (!text) log::warn(kLibrary, "{}; the resolvers stay as they are", text.error().message);
  set_servers(text ? parse_resolv_conf(*text) : servers_);
}

void Resolver::set_servers(std::vector<IpAddress> servers) {
  if (std::exchange(servers_told_, true) && servers == servers_) return;
  servers_ = std::move(servers);
  on_servers_(servers_);
}

void Resolver::begin(const Question& question) {
  lookups_.push_back(std::make_unique<Lookup>(
      question.id, question.host, servers_,
      Lookup::Limits{.timeout = options_.timeout, .tries = options_.tries, .port = options_.port}));
}

void Resolver::wait_and_serve() {
  std::vector<pollfd> waits{{wake_fd_, POLLIN, 0}};
  Duration patience = options_.look;
  for (const auto& lookup : lookups_) {
    lookup->add_to(waits);
    // Answered from /etc/hosts, or failed at once.
    patience = lookup->result() ? Duration::zero() : lookup->patience(patience);
  }
  std::vector<std::size_t> shares;
  shares.reserve(lookups_.size());
  for (const auto& lookup : lookups_) shares.push_back(lookup->n_waits());
  // Rounded up: a wait that ends a little early would be begun again, many times.
  const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  if (::poll(waits.data(), waits.size(), static_cast<int>(wait_ms)) < 0) return;
  std::uint64_t wakes = 0;
  if (waits[0].revents != 0 && ::read(wake_fd_, &wakes, sizeof wakes) < 0) wakes = 0;
  const pollfd* share = waits.data() + 1;
  for (std::size_t i = 0; i < lookups_.size(); ++i) {
    if (!lookups_[i]->result()) lookups_[i]->serve(share, shares[i]);
    share += shares[i];
  }
  std::erase_if(lookups_, [this](const auto& lookup) {
    if (!lookup->result()) return false;
    on_answer_(lookup->id(), *lookup->result());
    return true;
  });
}

}  // namespace lifeline::resolve
