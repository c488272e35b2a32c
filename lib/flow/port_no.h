// The switch's own port numbers: 16 bits, with the reserved values of OpenFlow 1.0. The codec
// translates to and from OpenFlow 1.3's 32-bit numbers; nothing else may.
#pragma once

#include <cstdint>

namespace lifeline::flow {

using PortNo = std::uint16_t;

inline constexpr PortNo kPortZero = 0;      // never a port: OpenFlow numbers them from 1
inline constexpr PortNo kPortMax = 0xfeff;  // the highest number of an ordinary port
inline constexpr PortNo kPortInPort = 0xfff8;
inline constexpr PortNo kPortTable = 0xfff9;
inline constexpr PortNo kPortNormal = 0xfffa;
inline constexpr PortNo kPortFlood = 0xfffb;
inline constexpr PortNo kPortAll = 0xfffc;
inline constexpr PortNo kPortController = 0xfffd;
inline constexpr PortNo kPortLocal = 0xfffe;
inline constexpr PortNo kPortNone = 0xffff;  // 1.0 NONE, 1.3 ANY

}  // namespace lifeline::flow
