#include "resolve/address_list.h"

#include <algorithm>
#include <utility>

namespace lifeline::resolve {
namespace {

bool has(const std::vector<IpAddress>& list, const IpAddress& ip) {
  return std::find(list.begin(), list.end(), ip) != list.end();
}

}  // namespace

bool AddressList::is_current(const IpAddress& ip) const { return has(current_, ip); }

bool AddressList::set(std::vector<IpAddress> answer, const IpAddress* in_use) {
  if (answer == current_) return false;
  std::vector<IpAddress> before = std::exchange(current_, std::move(answer));
  before.insert(before.end(), old_.begin(), old_.end());
  old_.clear();
  // First, so that it is not among those that are too many.
  if (in_use != nullptr && has(before, *in_use) && !is_current(*in_use)) old_.push_back(*in_use);
  for (const IpAddress& ip : before)
    if (old_.size() < kMaxOld && !is_current(ip) && !has(old_, ip)) old_.push_back(ip);
  return true;
}

bool AddressList::settle(const IpAddress& in_use) {
  if (old_.empty() || !is_current(in_use)) return false;
  old_.clear();
  return true;
}

std::vector<IpAddress> AddressList::all() const {
  std::vector<IpAddress> out = current_;
  out.insert(out.end(), old_.begin(), old_.end());
  return out;
}

}  // namespace lifeline::resolve
