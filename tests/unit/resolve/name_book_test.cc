#include "resolve/name_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lifeline::resolve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

IpAddress ip(std::uint8_t last) { return Ipv4Address::of(10, 0, 0, last); }

struct NameBookTest : testing::Test {
  ManualClock clock;
  NameBook book;

  std::vector<std::string> due() {
    std::vector<std::string> hosts;
    for (const Question& q : book.take_due(clock.now())) {
      hosts.push_back(q.host);
      last = q.id;
    }
    return hosts;
  }
  NameBook::News answer(std::vector<IpAddress> addresses, Duration ttl = seconds{60}) {
    return book.on_answer(last, Answer{std::move(addresses), ttl}, clock.now());
  }
  NameBook::News fail(const std::string& why = "no answer") {
    return book.on_answer(last, make_error("{}", why), clock.now());
  }
  std::uint64_t last = 0;
};

TEST_F(NameBookTest, EachNameIsAskedOnceUntilItsAnswerIsOld) {
  book.set_hosts({"a.example", "b.example", "a.example"}, clock.now());
  EXPECT_THAT(due(), ElementsAre("a.example", "b.example"));
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_TRUE(answer({ip(1)}).addresses);
  EXPECT_EQ(book.next_due(), clock.now() + seconds{60}) << "the other's answer is still out";
  clock.advance(seconds{60});
  EXPECT_THAT(due(), ElementsAre("b.example"));
}

TEST_F(NameBookTest, AnAnswerOnlyCountsAsNewsWhenItIsAnother) {
  book.set_hosts({"a.example"}, clock.now());
  due();
  EXPECT_TRUE(answer({ip(1), ip(2)}).addresses);
  for (const bool turned : {false, true}) {
    clock.advance(seconds{60});
    due();
    EXPECT_EQ(answer(turned ? std::vector{ip(2), ip(1)} : std::vector{ip(1), ip(2)}).addresses,
              turned);
  }
}

TEST_F(NameBookTest, AFailureKeepsWhatWasKnownAndSaysSoOnce) {
  book.set_hosts({"a.example"}, clock.now());
  due();
  answer({ip(1)});
  clock.advance(seconds{60});
  due();
  NameBook::News news = fail();
  EXPECT_TRUE(news.error);
  EXPECT_FALSE(news.addresses);
  EXPECT_THAT(book.find("a.example")->addresses, ElementsAre(ip(1)));
  EXPECT_EQ(book.find("a.example")->last_error, "no answer");
  clock.advance(milliseconds{250});
  due();
  EXPECT_FALSE(fail().error) << "the same again";
  clock.advance(seconds{1});
  due();
  news = answer({ip(1)});
  EXPECT_TRUE(news.error) << "it is over";
  EXPECT_FALSE(news.addresses);
  EXPECT_EQ(book.find("a.example")->last_error, "");
  EXPECT_EQ(book.find("a.example")->failures, 2u);
}

TEST_F(NameBookTest, AnAnswerThatNobodyWaitsForIsForgotten) {
  book.set_hosts({"a.example"}, clock.now());
  due();
  const std::uint64_t old = last;
  book.set_hosts({"b.example"}, clock.now());
  EXPECT_EQ(book.on_answer(old, Answer{{ip(1)}, {}}, clock.now()).name, nullptr);
  EXPECT_EQ(book.on_answer(0, Answer{{ip(1)}, {}}, clock.now()).name, nullptr);
  EXPECT_EQ(book.find("a.example"), nullptr);
  due();
  answer({ip(2)});
  EXPECT_EQ(answer({ip(3)}).name, nullptr) << "twice";
  EXPECT_THAT(book.find("b.example")->addresses, ElementsAre(ip(2)));
}

TEST_F(NameBookTest, AReloadKeepsWhatIsKnownOfANameThatStays) {
  book.set_hosts({"a.example"}, clock.now());
  due();
  answer({ip(1)});
  book.set_hosts({"b.example", "a.example"}, clock.now());
  EXPECT_THAT(book.find("a.example")->addresses, ElementsAre(ip(1)));
  EXPECT_THAT(due(), ElementsAre("b.example"));
}

TEST_F(NameBookTest, ANetworkChangeAsksOnlyForNamesThatHaveNoGoodAnswer) {
  book.set_hosts({"a.example"}, clock.now());
  due();
  answer({ip(1)});
  clock.advance(seconds{1});
  book.ask_failing_soon(clock.now());
  EXPECT_THAT(due(), IsEmpty());
  book.ask_all_soon(clock.now());
  EXPECT_THAT(due(), ElementsAre("a.example"));
  for (int i = 0; i < 6; ++i) {
    fail();
    clock.advance(seconds{10});
    due();
  }
  fail();
  clock.advance(seconds{1});
  EXPECT_THAT(due(), IsEmpty());
  book.ask_failing_soon(clock.now());
  EXPECT_THAT(due(), ElementsAre("a.example"));
}

}  // namespace
}  // namespace lifeline::resolve
