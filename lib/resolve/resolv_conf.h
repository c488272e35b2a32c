// The name servers in a file like /etc/resolv.conf.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "base/ip_address.h"

namespace lifeline::resolve {

inline constexpr std::size_t kMaxResolvers = 3;  // as glibc's MAXNS
inline constexpr std::size_t kMaxResolvConfBytes = 64 * 1024;

// The addresses after "nameserver", in order, each once, kMaxResolvers at most. Everything else in
// the file is passed over, as are addresses that are nobody's or need a link ("fe80::1%eth0"):
// resolv.conf(5) knows no errors. Any bytes. `search` has no meaning here: names are complete.
std::vector<IpAddress> parse_resolv_conf(std::string_view text);

// Whether a file is another than before, by what stat(2) says, without reading it.
class WatchedFile {
 public:
  explicit WatchedFile(std::string path) : path_(std::move(path)) {}
  // True the first time, and when it was written, replaced, made or removed since the last call.
  bool changed();
  // The whole of it, "" where there is none; an error if it is longer than `max_bytes` or cannot be
  // read.
  Expected<std::string> read(std::size_t max_bytes) const;

 private:
  struct Seen {
    bool exists = false;
    unsigned long device = 0;
    unsigned long inode = 0;
    long long size = 0;
    long long modified_ns = 0;
    bool operator==(const Seen&) const = default;
  };
  std::string path_;
  bool looked_ = false;
  Seen seen_;
};

}  // namespace lifeline::resolve
