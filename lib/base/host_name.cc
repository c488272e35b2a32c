#include "base/host_name.h"

#include <algorithm>

namespace lifeline {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Expected<void> check_label(std::string_view label) {
  if (label.empty()) return make_error("two dots, or one at the start, with nothing between");
  if (label.size() > kMaxHostNameLabelBytes)
    return make_error("'{}…' has {} characters, between two dots there are at most {}",
                      label.substr(0, 20), label.size(), kMaxHostNameLabelBytes);
  for (const char c : label)
    if (!is_digit(c) && !is_letter(c) && c != '-')
      return make_error("a host name has letters, digits, hyphens and dots only");
  if (label.front() == '-' || label.back() == '-')
    return make_error("'{}' begins or ends with a hyphen", label);
  return {};
}

}  // namespace

Expected<std::string> parse_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return make_error("the name is empty");
  if (text.size() > kMaxHostNameBytes)
    return make_error("the name has {} characters, at most {} are allowed", text.size(),
                      kMaxHostNameBytes);
  std::string_view rest = text;
  std::string_view label;
  for (bool more = true; more;) {
    const std::size_t dot = rest.find('.');
    more = dot != std::string_view::npos;
    label = rest.substr(0, dot);
    if (auto ok = check_label(label); !ok) return tl::make_unexpected(ok.error());
    if (more) rest.remove_prefix(dot + 1);
  }
  if (std::all_of(label.begin(), label.end(), is_digit))
    return make_error("a name whose last part is a number would be an address");
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

}  // namespace lifeline
