// Bytes of a peer: through a channel of each version, and each message through the codec twice.
#include <vector>

#include "fuzz/check.h"
#include "openflow/channel.h"
#include "openflow/codec.h"
#include "openflow/multipart.h"

namespace lifeline::openflow {
namespace {

// What was understood can be written, and means the same when read again.
void check_stable(const Decoded& first, Version version) {
  const Bytes bytes = encode(first.message, first.header.xid, version);
  if (bytes.empty()) return;  // longer than the original, by padding or repeated headers
  const auto again = decode(bytes, version);
  FUZZ_CHECK(again.has_value());
  FUZZ_CHECK(again->message == first.message);
  FUZZ_CHECK(encode(again->message, first.header.xid, version) == bytes);
}

void run_codec(BytesView data, Version version) {
  // The length is made right, so that most inputs get past the frame.
  if (data.size() < kHeaderBytes || data.size() > kMaxMessageBytes) return;
  Bytes message(data.begin(), data.end());
  message[0] = static_cast<std::byte>(version);
  message[2] = static_cast<std::byte>(data.size() >> 8);
  message[3] = static_cast<std::byte>(data.size());
  const auto decoded = decode(message, version);
  if (decoded) {
    check_stable(*decoded, version);
    // The other version leaves out what it cannot say, but does not fall over.
    encode(decoded->message, 1, version == Version::k10 ? Version::k13 : Version::k10);
  } else {
    constexpr std::size_t kNiciraNumbers = 8;  // 1.0 has them before the data
    FUZZ_CHECK(decoded.error().data.size() <= kErrorDataBytes + kNiciraNumbers);
  }
}

void run_channel(BytesView data, Version version) {
  TimePoint now{std::chrono::seconds{1}};
  Channel channel(ChannelConfig{}, now);
  channel.receive(encode(Hello{}, 1, version), now);
  MultipartRequests requests;
  for (std::size_t at = 0; at < data.size(); at += 100) {
    channel.receive(data.subspan(at, std::min<std::size_t>(100, data.size() - at)), now);
    while (const auto m = channel.next()) {
      if (const auto* request = std::get_if<MultipartRequest>(&m->message))
        (void)requests.add(m->header.xid, *request);
      channel.send(BarrierReply{}, m->header.xid);
    }
    channel.consume_output(channel.output().size());
    now += std::chrono::seconds{1};
    channel.tick(now);
  }
  FUZZ_CHECK(!channel.is_closed() || !channel.close_reason().empty());
}

}  // namespace
}  // namespace lifeline::openflow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline::openflow;
  const BytesView bytes(reinterpret_cast<const std::byte*>(data), size);
  for (const Version version : {Version::k10, Version::k13}) {
    run_codec(bytes, version);
    run_channel(bytes, version);
  }
  return 0;
}
