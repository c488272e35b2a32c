// The resolver against a name server of ours on loopback.
#include "resolve/resolver.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <thread>

namespace lifeline::resolve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint16_t kTypeA = 1;
constexpr std::uint8_t kNoSuchName = 3;

// Knows A records; of other types it says that there are none, of other names that they do not
// exist. Silent when told so.
class NameServer {
 public:
  NameServer() {
    fd_ = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&in), sizeof in), 0);
    socklen_t size = sizeof in;
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&in), &size), 0);
    port_ = ntohs(in.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~NameServer() {
    stop_ = true;
    thread_.join();
    ::close(fd_);
  }
  std::uint16_t port() const { return port_; }
  void set(const std::string& name, std::vector<Ipv4Address> addresses, std::uint32_t ttl_s) {
    const std::lock_guard lock(mutex_);
    records_[name] = {std::move(addresses), ttl_s};
  }
  void be_silent(bool silent) { silent_ = silent; }
  std::set<std::uint16_t> client_ports() {
    const std::lock_guard lock(mutex_);
    return client_ports_;
  }
  std::size_t questions() const { return questions_; }

 private:
  struct Records {
    std::vector<Ipv4Address> addresses;
    std::uint32_t ttl_s = 0;
  };

  void serve() {
    while (!stop_) {
      pollfd wait{fd_, POLLIN, 0};
      if (::poll(&wait, 1, 5) <= 0) continue;
      std::array<std::uint8_t, 512> buffer{};
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(fd_, buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
      if (n < 17) continue;
      ++questions_;
      if (silent_) continue;
      const auto reply = answer({buffer.data(), static_cast<std::size_t>(n)});
      const std::lock_guard lock(mutex_);
      client_ports_.insert(ntohs(from.sin_port));
      (void)::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  std::vector<std::uint8_t> answer(std::span<const std::uint8_t> question) {
    std::string name;
    std::size_t at = 12;
    while (at < question.size() && question[at] != 0) {
      if (!name.empty()) name += '.';
      name.append(reinterpret_cast<const char*>(&question[at + 1]), question[at]);
      at += question[at] + 1U;
    }
    const std::uint16_t type = static_cast<std::uint16_t>(question[at + 1] << 8 | question[at + 2]);
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(name);
    const Records records = found != records_.end() && type == kTypeA ? found->second : Records{};
    std::vector<std::uint8_t> out(question.begin(),
                                  question.begin() + static_cast<std::ptrdiff_t>(at + 5));
    out[2] = 0x81;  // a response, recursion was desired
    out[3] = found != records_.end() ? 0x80 : 0x80 | kNoSuchName;
    out[7] = static_cast<std::uint8_t>(records.addresses.size());
    std::fill(out.begin() + 8, out.begin() + 12, std::uint8_t{0});
    for (const Ipv4Address& ip : records.addresses) {
      const std::uint32_t ttl = htonl(records.ttl_s);
      out.insert(out.end(), {0xc0, 12, 0, 1, 0, 1});
      const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&ttl);
      out.insert(out.end(), bytes, bytes + 4);
      out.insert(out.end(), {0, 4});
      const auto* const address = reinterpret_cast<const std::uint8_t*>(&ip);
      out.insert(out.end(), address, address + 4);
    }
    return out;
  }

  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<bool> silent_{false};
  std::atomic<std::size_t> questions_{0};
  std::mutex mutex_;
  std::map<std::string, Records> records_;
  std::set<std::uint16_t> client_ports_;
  std::thread thread_;
};

class ResolverTest : public testing::Test {
 protected:
  void TearDown() override {
    if (thread_.joinable()) {
      resolver_->stop();
      thread_.join();
    }
    std::filesystem::remove(path_);
  }
  void start() {
    Resolver::Options options;
    options.resolv_conf = path_;
    options.look = milliseconds{10};
    options.timeout = milliseconds{50};
    options.port = server_.port();
    resolver_ = std::make_unique<Resolver>(
        options,
        [this](std::uint64_t id, Expected<Answer> answer) {
          const std::lock_guard lock(mutex_);
          answers_.emplace(id, std::move(answer));
          news_.notify_all();
        },
        [this](const std::vector<IpAddress>& servers) {
          const std::lock_guard lock(mutex_);
          servers_ = servers;
          news_.notify_all();
        });
    thread_ = std::thread([this] { resolver_->run(); });
  }
  // Waits for the answer of a question asked now.
  Expected<Answer> ask(const std::string& host) {
    const std::uint64_t id = ++last_;
    resolver_->ask({id, host});
    std::unique_lock lock(mutex_);
    if (!news_.wait_for(lock, seconds{20}, [&] { return answers_.contains(id); }))
      return make_error("the resolver says nothing");
    return answers_.at(id);
  }
  bool asks(const std::vector<IpAddress>& servers) {
    std::unique_lock lock(mutex_);
    return news_.wait_for(lock, seconds{20}, [&] { return servers_ == servers; });
  }
  void write(const std::string& text) const { std::ofstream(path_) << text; }

  const std::string path_ = testing::TempDir() + "/resolver." + std::to_string(getpid());
  const IpAddress loopback_ = Ipv4Address::of(127, 0, 0, 1);
  NameServer server_;
  std::unique_ptr<Resolver> resolver_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::map<std::uint64_t, Expected<Answer>> answers_;
  std::optional<std::vector<IpAddress>> servers_;
  std::uint64_t last_ = 0;
};

TEST_F(ResolverTest, TellsAddressesInOrderWithTheirTimeToLive) {
  server_.set("two.example", {Ipv4Address::of(192, 0, 2, 2), Ipv4Address::of(192, 0, 2, 1)}, 77);
  start();
  resolver_->use({loopback_});
  const auto answer = ask("two.example");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(answer->addresses, testing::SizeIs(2));
  EXPECT_THAT(answer->addresses,
              testing::UnorderedElementsAre(IpAddress{Ipv4Address::of(192, 0, 2, 1)},
                                            IpAddress{Ipv4Address::of(192, 0, 2, 2)}));
  EXPECT_EQ(answer->ttl, seconds{77});
}

TEST_F(ResolverTest, ANameThatDoesNotExistOrHasNoUsableAddressIsAnErrorThatSaysSo) {
  server_.set("nobody.example", {Ipv4Address::of(0, 0, 0, 0), Ipv4Address::of(224, 0, 0, 1)}, 1);
  server_.set("empty.example", {}, 1);
  start();
  resolver_->use({loopback_});
  EXPECT_THAT(ask("lost.example").error().message, HasSubstr("there is no such name"));
  EXPECT_THAT(ask("nobody.example").error().message, HasSubstr("can be connected to"));
  EXPECT_THAT(ask("empty.example").error().message, HasSubstr("the name has no address"));
}

TEST_F(ResolverTest, ASilentServerIsAnErrorInBoundedTimeAndHoldsUpNothing) {
  server_.set("a.example", {Ipv4Address::of(192, 0, 2, 1)}, 1);
  server_.be_silent(true);
  start();
  resolver_->use({loopback_});
  EXPECT_THAT(ask("a.example").error().message, HasSubstr("no answer from 127.0.0.1"));
  EXPECT_GE(server_.questions(), 2u) << "tried again";
  server_.be_silent(false);
  EXPECT_TRUE(ask("a.example"));
}

TEST_F(ResolverTest, AServerThatCannotBeReachedIsPassedOver) {
  server_.set("a.example", {Ipv4Address::of(192, 0, 2, 1)}, 1);
  start();
  resolver_->use({Ipv4Address::of(127, 0, 0, 2), loopback_});
  const auto answer = ask("a.example");
  ASSERT_TRUE(answer) << answer.error().message;
}

TEST_F(ResolverTest, FollowsResolvConfAsItIsWrittenAndRemoved) {
  server_.set("a.example", {Ipv4Address::of(192, 0, 2, 1)}, 1);
  start();
  ASSERT_TRUE(asks({})) << "there is no file";
  EXPECT_THAT(ask("a.example").error().message, HasSubstr("no resolver is known"));
  write("nameserver 127.0.0.1\n");
  ASSERT_TRUE(asks({loopback_}));
  EXPECT_TRUE(ask("a.example"));
  resolver_->use({Ipv4Address::of(127, 0, 0, 9)});
  ASSERT_TRUE(asks({Ipv4Address::of(127, 0, 0, 9)})) << "given ones come before the file's";
  resolver_->use({});
  ASSERT_TRUE(asks({loopback_})) << "the file's again";
  std::filesystem::remove(path_);
  ASSERT_TRUE(asks({}));
}

TEST_F(ResolverTest, EachQuestionComesFromAnotherPort) {
  server_.set("a.example", {Ipv4Address::of(192, 0, 2, 1)}, 1);
  start();
  resolver_->use({loopback_});
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(ask("a.example"));
  EXPECT_GE(server_.client_ports().size(), 4u) << "the kernel may use one twice, but not always";
}

TEST_F(ResolverTest, EndsWhileAQuestionIsOpen) {
  server_.be_silent(true);
  start();
  resolver_->use({loopback_});
  resolver_->ask({1, "a.example"});
  while (server_.questions() == 0) std::this_thread::yield();
  resolver_->stop();
  thread_.join();
  EXPECT_TRUE(answers_.empty());
}

}  // namespace
}  // namespace lifeline::resolve
