#include "resolve/resolv_conf.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "resolve/answer.h"

namespace lifeline::resolve {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";
constexpr std::string_view kKeyword = "nameserver";

std::string_view next_word(std::string_view& line) {
  const std::size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  const std::size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

std::optional<IpAddress> resolver_in(std::string_view line) {
  if (next_word(line) != kKeyword) return std::nullopt;
  const auto ip = IpAddress::parse(next_word(line));
  if (!ip || !is_usable(*ip)) return std::nullopt;
  return ip;
}

}  // namespace

std::vector<IpAddress> parse_resolv_conf(std::string_view text) {
  std::vector<IpAddress> out;
  while (!text.empty() && out.size() < kMaxResolvers) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const auto ip = resolver_in(text.substr(0, end));
    if (ip && std::find(out.begin(), out.end(), *ip) == out.end()) out.push_back(*ip);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool WatchedFile::changed() {
  Seen now;
  struct stat s {};
  if (::stat(path_.c_str(), &s) == 0) {
    constexpr long long kNsPerS = 1'000'000'000;
    now = {true, s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec * kNsPerS + s.st_mtim.tv_nsec};
  }
  const bool news = !looked_ || now != seen_;
  looked_ = true;
  seen_ = now;
  return news;
}

Expected<std::string> WatchedFile::read(std::size_t max_bytes) const {
  std::ifstream file(path_, std::ios::binary);
  if (!file) {
    if (errno == ENOENT) return std::string{};
    return make_error("{}: {}", path_, std::strerror(errno));
  }
  std::string text(max_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return make_error("{}: cannot be read", path_);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > max_bytes)
    return make_error("{}: longer than {} bytes, that is no such file", path_, max_bytes);
  return text;
}

}  // namespace lifeline::resolve
