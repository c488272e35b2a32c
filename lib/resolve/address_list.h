// The addresses of a named controller, and those it had before.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/ip_address.h"

namespace lifeline::resolve {

// DNS says where to connect from now on, not that what stands is wrong: an address that an answer
// no longer has keeps its hidden rules until a session stands to one that it has. Pure.
class AddressList {
 public:
  // Old ones beyond this are forgotten, the longest gone first, but for the one in use.
  static constexpr std::size_t kMaxOld = 8;

  AddressList() = default;
  explicit AddressList(std::vector<IpAddress> current) : current_(std::move(current)) {}

  // A new answer. `in_use`: the address of the session or of the try under way; nullptr: none.
  // False: nothing changed, the order included.
  bool set(std::vector<IpAddress> answer, const IpAddress* in_use);
  // A session stands to this address: if the last answer has it, the old ones go. False: there were
  // none to go.
  bool settle(const IpAddress& in_use);

  const std::vector<IpAddress>& current() const { return current_; }  // to be tried in order
  const std::vector<IpAddress>& old() const { return old_; }          // the last gone first
  std::vector<IpAddress> all() const;
  bool is_current(const IpAddress& ip) const;

 private:
  std::vector<IpAddress> current_;
  std::vector<IpAddress> old_;
};

}  // namespace lifeline::resolve
