// Slots: dense numbers for the lcores that take part in packet processing.
#pragma once

#include <cstdint>

namespace lifeline::sync {

// Index of an lcore in every per-lcore array: 0 is the control lcore, 1..N are the workers. Never
// an EAL lcore id: those are sparse.
using SlotId = std::uint32_t;

inline constexpr SlotId kControlSlot = 0;
inline constexpr SlotId kMaxSlots = 64;

}  // namespace lifeline::sync
