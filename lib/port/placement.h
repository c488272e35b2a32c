// Which worker polls which RX queue. Pure.
//
// A worker that the operator gave ports polls these, and no others while some worker was given
// none. What nobody was given goes to workers on the NUMA node of the port's device, where there
// is one, and of several to the one that polls fewest queues: a packet that a core of another node
// takes from a NIC crosses the link between the nodes at least twice.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/expected.h"
#include "sync/slot.h"

namespace lifeline::port {

inline constexpr int kAnySocket = -1;  // unknown, or of no matter; SOCKET_ID_ANY

// The lcore of slot i + 1 of a list.
struct WorkerPlace {
  unsigned lcore = 0;
  int socket = kAnySocket;         // NUMA node
  std::vector<std::string> ports;  // that it was given, by name; empty: any

  bool operator==(const WorkerPlace&) const = default;
};

// The lcores that forward, in the order of their slots. `eal`: EAL's worker lcores with their NUMA
// nodes. `wanted`: lcores and their ports, empty: the first `number` (unset: all) of EAL's. Errors
// name the lcore that EAL has not got.
Expected<std::vector<WorkerPlace>> choose_lcores(std::optional<std::uint32_t> number,
                                                 std::vector<WorkerPlace> wanted,
                                                 std::span<const WorkerPlace> eal);

struct Pollers {
  std::vector<sync::SlotId> slots;  // ascending, at least one where there is a worker
  bool is_remote = false;           // all are on another NUMA node than the device
  bool is_told = false;             // the operator said so
};

// Who may poll the queues of a port.
Pollers choose_pollers(const std::string& port, int socket, std::span<const WorkerPlace> workers);

// A poller for each of n_rxq queues: each to the one that has fewest. `load`: queues that each slot
// polls already.
std::vector<sync::SlotId> deal_queues(std::uint32_t n_rxq, std::span<const sync::SlotId> pollers,
                                      std::vector<std::uint32_t> load);

}  // namespace lifeline::port
