// Names, what they mean now, and when each is asked for again.
//
// Pure: who asks, and how, is the caller's affair (resolver.h). A name that was answered keeps its
// addresses whatever happens later: that the resolver is gone does not say that the controller is.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/expected.h"
#include "base/ip_address.h"
#include "resolve/answer.h"
#include "resolve/schedule.h"

namespace lifeline::resolve {

struct NameStatus {
  std::string host;
  std::vector<IpAddress> addresses;  // of the last answer; empty: there was none yet
  Duration ttl{};                    // as the answer said, without the limits
  TimePoint answered_at{};           // TimePoint{}: never
  std::string last_error;            // of the last question; "": it was answered
  std::uint64_t questions = 0;
  std::uint64_t failures = 0;
};

struct Question {
  std::uint64_t id = 0;  // never 0, never used again
  std::string host;
};

class NameBook {
 public:
  explicit NameBook(Schedule::Limits limits) : limits_(limits) {}
  NameBook() : NameBook(Schedule::Limits{}) {}

  // The names from now on. What is known of one that stays is kept; a new one is due at once.
  void set_hosts(const std::vector<std::string>& hosts, TimePoint now);
  bool empty() const { return names_.empty(); }

  // TimePoint::max(): nothing will be due.
  TimePoint next_due() const;
  // What is due; each counts as asked.
  std::vector<Question> take_due(TimePoint now);

  struct News {
    const NameStatus* name = nullptr;  // nullptr: nobody waits for this answer any more
    bool addresses = false;            // they are others than before, or in another order
    bool error = false;                // the error is another than before, or there is none now
  };
  News on_answer(std::uint64_t id, const Expected<Answer>& answer, TimePoint now);

  void ask_all_soon(TimePoint now);
  // Those without an answer, and those whose last question failed.
  void ask_failing_soon(TimePoint now);
  void doubt(std::string_view host, TimePoint now);

  // nullptr: no such name. Valid until the next call that is not const.
  const NameStatus* find(std::string_view host) const;
  // When it is asked for next; TimePoint::max(): it is asked for now, or there is no such name.
  TimePoint due(std::string_view host) const;

 private:
  struct Name {
    NameStatus status;
    Schedule schedule;
    std::uint64_t question = 0;  // that is under way
  };
  Name* name_of(std::string_view host);
  const Name* name_of(std::string_view host) const;

  const Schedule::Limits limits_;
  std::vector<Name> names_;  // few
  std::uint64_t last_question_ = 0;
};

}  // namespace lifeline::resolve
