// Addresses that a switch without configured ones keeps over restarts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/mac_address.h"
#include "config/config.h"

namespace lifeline::config {

// What tells this machine from others: /etc/machine-id, else D-Bus's copy, else the host name.
// Reads files; empty only if all three are missing.
std::string machine_identity();

// A locally administered unicast MAC (x2, x6, xa or xe in the first byte), a function of its
// arguments only. Two bridges of one machine get different ones; two network namespaces that use
// one bridge name on one machine get the same: set local.mac there.
MacAddress derive_mac(std::string_view machine, std::string_view bridge);

// The MAC the local port is to have: configured, else derived.
MacAddress local_mac(const Config& config, std::string_view machine);

// The datapath id: configured, else the local MAC in the low 48 bits as Open vSwitch does.
std::uint64_t datapath_id(const Config& config, MacAddress local);

}  // namespace lifeline::config
