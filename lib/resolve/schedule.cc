#include "resolve/schedule.h"

#include <algorithm>
#include <utility>

namespace lifeline::resolve {

Schedule::Schedule(TimePoint now, Limits limits)
    : limits_(limits), due_(now), asked_at_(now), retry_(limits.first_retry) {}

void Schedule::asked(TimePoint now) {
  asked_at_ = now;
  ever_asked_ = true;
  again_ = false;
  due_ = TimePoint::max();
}

void Schedule::answered(Duration ttl, TimePoint now) {
  retry_ = limits_.first_retry;
  due_ = now + std::clamp(ttl, limits_.min_ttl, limits_.max_ttl);
  if (std::exchange(again_, false)) bring_forward(now, limits_.soon_gap);
}

void Schedule::failed(TimePoint now) {
  due_ = now + retry_;
  retry_ = std::min(2 * retry_, limits_.max_retry);
  if (std::exchange(again_, false)) bring_forward(now, limits_.soon_gap);
}

void Schedule::soon(TimePoint now) {
  if (under_way())
    again_ = true;
  else
    bring_forward(now, limits_.soon_gap);
}

void Schedule::doubt(TimePoint now) {
  if (!under_way()) bring_forward(now, limits_.doubt_gap);
}

void Schedule::bring_forward(TimePoint now, Duration gap) {
  due_ = std::min(due_, ever_asked_ ? std::max(now, asked_at_ + gap) : now);
}

}  // namespace lifeline::resolve
