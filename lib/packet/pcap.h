// The pcap file format with nanoseconds (draft-ietf-opsawg-pcap), in this machine's byte order, as
// tcpdump and Wireshark read it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace lifeline::packet {

// Link type Ethernet; `snap_bytes` is the most of a packet that is kept.
void append_pcap_header(std::string& out, std::uint32_t snap_bytes);

// `realtime_ns` since 1970; `captured` is the first part of a packet of `original_bytes`.
void append_pcap_packet(std::string& out, std::uint64_t realtime_ns,
                        std::span<const std::byte> captured, std::uint32_t original_bytes);

}  // namespace lifeline::packet
