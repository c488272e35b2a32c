#include "inband/remote_digest.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace lifeline::inband {

void RemoteDigest::add(RemoteNews news, const std::string& what, log::Level level, TimePoint now) {
  ++counts_[static_cast<std::size_t>(news)];
  ++total_;
  last_ = what;
  if (level == log::Level::kWarn) level_ = level;
  if (due_ == TimePoint::max()) due_ = now + kCollected;
}

std::optional<RemoteDigest::Line> RemoteDigest::take(TimePoint now) {
  static constexpr std::array<std::string_view, kKinds> kTexts = {"added",
                                                                  "changed",
                                                                  "removed",
                                                                  "with another way",
                                                                  "without a route",
                                                                  "with other next hops",
                                                                  "whose next hop has another MAC",
                                                                  "whose next hop does not answer"};
  if (now < due_) return std::nullopt;
  Line line{"remotes: ", level_};
  const char* between = "";
  for (std::size_t i = 0; i < kKinds; ++i)
    if (counts_[i] != 0)
      line.what += fmt::format("{}{} {}", std::exchange(between, ", "), counts_[i], kTexts[i]);
  if (total_ == 1) line.what = std::move(last_);
  *this = RemoteDigest{};
  return line;
}

}  // namespace lifeline::inband
