// For the cross-check against other codecs (tests/interop/test_openflow_codec.py).
//   openflow_recode --random SEED ROUNDS   prints "VERSION KIND HEX" of random messages
//   openflow_recode                        reads "VERSION HEX" lines; prints what decode and encode
//                                          make of each: HEX, or "error NAME"
#include <fmt/core.h>

#include <charconv>
#include <iostream>
#include <string>

#include "openflow/codec.h"
#include "random_message.h"

namespace {

using namespace lifeline::openflow;  // NOLINT(google-build-using-namespace): a test program

std::string hex(const Bytes& bytes) {
  std::string text;
  for (const std::byte b : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return text;
}

Bytes from_hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned v = 0;
    std::from_chars(text.data() + i, text.data() + i + 2, v, 16);
    bytes.push_back(static_cast<std::byte>(v));
  }
  return bytes;
}

void print_random(unsigned long seed, int rounds) {
  testing::Rng rng(seed);
  for (const Version version : {Version::k10, Version::k13}) {
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t kind = 0; kind < testing::message_kinds(version); ++kind) {
        const Message message = testing::random_message(rng, kind, version);
        fmt::print("{} {} {}\n", static_cast<int>(version), kind,
                   hex(encode(message, 0x12345678, version)));
      }
    }
  }
}

void recode() {
  int version = 0;
  std::string text;
  while (std::cin >> version >> text) {
    const auto v = static_cast<Version>(version);
    const auto decoded = decode(from_hex(text), v);
    if (decoded) {
      fmt::print("{}\n", hex(encode(decoded->message, decoded->header.xid, v)));
    } else {
      fmt::print("error {}\n", error_name(decoded.error().id));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--random") {
    print_random(std::stoul(argv[2]), std::stoi(argv[3]));
  } else {
    recode();
  }
}
