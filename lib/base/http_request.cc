#include "base/http_request.h"

#include <fmt/format.h>

#include <algorithm>

namespace lifeline {
namespace {

// tchar, RFC 9110 5.6.2.
bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_visible(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && static_cast<unsigned char>(c) < 127;
  });
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// "name: value". Whitespace before the colon, and folded lines, must be refused (RFC
// 9112, 5.1, 5.2).
bool is_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
  return std::none_of(line.begin(), line.end(), [](char c) { return c == '\0' || c == '\r'; });
}

const char* reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
  }
}

}  // namespace

HttpRequest parse_http_request(std::string_view head) {
  const HttpRequest bad{.status = 400, .is_head = false, .path = {}};
  if (head.size() > kMaxHttpHeadBytes) return bad;
  const std::string_view line = take_line(head);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return bad;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || !is_visible(target) || !version.starts_with("HTTP/")) return bad;
  while (!head.empty()) {
    const std::string_view field = take_line(head);
    if (field.empty()) break;
    if (!is_field(field)) return bad;
  }
  HttpRequest request;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    request.status = 505;
  } else if (method != "GET" && method != "HEAD") {
    request.status = 501;
  } else {
    request.is_head = method == "HEAD";
    request.path = target.substr(0, target.find('?'));
  }
  return request;
}

std::string http_response_head(int status, std::string_view content_type) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
      status, reason(status), content_type);
}

}  // namespace lifeline
