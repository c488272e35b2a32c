// The head of an HTTP/1 request (RFC 9112), as far as a server needs it that has one page to give.
// Pure, any bytes.
#pragma once

#include <string>
#include <string_view>

namespace lifeline {

inline constexpr std::size_t kMaxHttpHeadBytes = 8192;

struct HttpRequest {
  int status = 200;  // else what to answer: 400 no HTTP, 501 no GET or HEAD, 505 no HTTP/1
  bool is_head = false;
  std::string path;  // "/metrics": without query, as sent
};

// `head`: everything up to the empty line, with or without it. Lines end with CRLF or LF.
HttpRequest parse_http_request(std::string_view head);

// "HTTP/1.1 404 Not Found\r\n…\r\n\r\n": a status line, a content type and "Connection: close": the
// body ends with the connection.
std::string http_response_head(int status, std::string_view content_type);

}  // namespace lifeline
