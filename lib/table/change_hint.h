// What is kept with a decision so that most proofs need neither the packet's key nor its hash.
#pragma once

#include <cstdint>
#include <limits>

namespace lifeline::table {

// Where the change marks of one key lie in one subtable, the one that the last proof asked. While
// changes concern only that one (a controller that adds flows of one kind), the next proof is one
// load. Default: of no subtable. Only for the key, and the state of VLANs, that it was made with.
struct ChangeHint {
  static constexpr std::uint32_t kNoSubtable = 0xffffffff;
  std::uint32_t subtable = kNoSubtable;
  std::uint32_t hash = 0;  // the upper half
};

class ChangeMarks;

// After version `since`, and up to the version it was taken with, only rules of this subtable have
// changed. Default: nothing is known. Valid until the reader's next quiescent state.
struct Recent {
  std::uint64_t since = std::numeric_limits<std::uint64_t>::max();
  std::uint32_t subtable = ChangeHint::kNoSubtable;
  const ChangeMarks* marks = nullptr;

  // Whether `marks` tell about a decision that was right at version `then`.
  bool tells(ChangeHint hint, std::uint64_t then) const {
    return then >= since && hint.subtable == subtable;
  }
};

enum class Proof : std::uint8_t {
  kUnchanged,
  kChanged,  // or perhaps: look it up again
  kUnknown,  // the hint does not tell
};

}  // namespace lifeline::table
