// When a name is asked for again.
#pragma once

#include <chrono>

#include "base/clock.h"

namespace lifeline::resolve {

// One name's. Pure: time is what the caller says it is. One question at a time: between asked() and
// answered() or failed() nothing is due.
class Schedule {
 public:
  struct Limits {
    // A time to live is taken as at least and at most this: one of 0 must not become a stream of
    // questions, nor one of a week a switch that misses a move of its controller.
    Duration min_ttl = std::chrono::seconds{2};
    Duration max_ttl = std::chrono::hours{1};
    // After a failure; each further one in a row doubles the wait.
    Duration first_retry = std::chrono::milliseconds{250};
    Duration max_retry = std::chrono::seconds{10};
    // Between two questions, whatever happens in between.
    Duration soon_gap = std::chrono::milliseconds{250};
    Duration doubt_gap = std::chrono::seconds{5};
  };

  // Due at once.
  explicit Schedule(TimePoint now) : Schedule(now, Limits{}) {}
  Schedule(TimePoint now, Limits limits);

  TimePoint due() const { return due_; }  // TimePoint::max() while a question is under way
  bool under_way() const { return due_ == TimePoint::max(); }

  void asked(TimePoint now);
  void answered(Duration ttl, TimePoint now);
  void failed(TimePoint now);
  // Something has changed that the answer may hang on. Of a question that is under way it counts
  // for the next.
  void soon(TimePoint now);
  // The addresses do not lead anywhere: they may be old, whatever their time to live says.
  void doubt(TimePoint now);

 private:
  void bring_forward(TimePoint now, Duration gap);

  Limits limits_;
  TimePoint due_;
  TimePoint asked_at_;
  bool ever_asked_ = false;
  bool again_ = false;
  Duration retry_;
};

}  // namespace lifeline::resolve
