#include "base/http_request.h"

#include <gtest/gtest.h>

namespace lifeline {
namespace {

TEST(HttpRequest, AScraperIsUnderstood) {
  const auto request = parse_http_request(
      "GET /metrics HTTP/1.1\r\nHost: localhost:9464\r\nAccept: text/plain;q=0.5,*/*\r\n\r\n");
  EXPECT_EQ(request.status, 200);
  EXPECT_EQ(request.path, "/metrics");
  EXPECT_FALSE(request.is_head);
  EXPECT_EQ(parse_http_request("GET /metrics?x=y HTTP/1.0\n\n").path, "/metrics");
  EXPECT_TRUE(parse_http_request("HEAD / HTTP/1.1\r\n\r\n").is_head);
}

TEST(HttpRequest, WhatIsNoHttpIsABadRequest) {
  for (const char* head :
       {"", "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n", "GET / FTP/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nA : b\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        "\x16\x03\x01\x02 \x01 \xfc"}) {
    EXPECT_EQ(parse_http_request(head).status, 400) << head;
  }
  EXPECT_EQ(parse_http_request("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n").status, 400);
}

TEST(HttpRequest, OtherMethodsAndVersionsAreToldApart) {
  EXPECT_EQ(parse_http_request("DELETE / HTTP/1.1\r\n\r\n").status, 501);
  EXPECT_EQ(parse_http_request("PRI * HTTP/2.0\r\n\r\n").status, 505);
}

TEST(HttpResponse, SaysThatTheConnectionEndsTheBody) {
  const std::string head = http_response_head(404, "text/plain");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_NE(head.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace lifeline
