// A packet as an operator writes it: no crash, and what is understood is a frame that parses.
#include <string_view>

#include "flow/packet_text.h"
#include "fuzz/check.h"
#include "packet/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline;
  const auto made = flow::parse_packet_text({reinterpret_cast<const char*>(data), size});
  if (!made) {
    FUZZ_CHECK(!made.error().message.empty());
    return 0;
  }
  FUZZ_CHECK(made->frame.size() >= 14 && made->frame.size() <= 9216);
  packet::parse(made->frame, made->in_port.value_or(flow::PortNo{1}));
  return 0;
}
