// What the agent asks of the kernel: an interface, so that tests can be the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/expected.h"
#include "netlink/event.h"
#include "netlink/query_socket.h"

namespace lifeline::inband {

// Every call answers at once. An error means "could not ask": what was known before still holds.
class KernelView {
 public:
  virtual ~KernelView() = default;
  virtual Expected<std::optional<netlink::Link>> link_by_name(std::string_view name) = 0;
  virtual Expected<std::optional<netlink::Link>> link_by_index(std::uint32_t ifindex) = 0;
  // By this device alone, unless it is 0.
  virtual Expected<netlink::Route> route_to(const IpAddress& destination,
                                            std::uint32_t ifindex) = 0;
  virtual Expected<std::optional<netlink::Neighbour>> neighbour(const IpAddress& ip,
                                                                std::uint32_t ifindex) = 0;
  virtual Expected<void> resolve(const IpAddress& ip, std::uint32_t ifindex) = 0;
  virtual Expected<void> probe(const IpAddress& ip, std::uint32_t ifindex) = 0;
};

// The real one. Not thread-safe; belongs to the namespace of the thread that opened the socket.
class NetlinkKernelView final : public KernelView {
 public:
  explicit NetlinkKernelView(netlink::QuerySocket socket) : socket_(std::move(socket)) {}

  Expected<std::optional<netlink::Link>> link_by_name(std::string_view name) override;
  Expected<std::optional<netlink::Link>> link_by_index(std::uint32_t ifindex) override;
  Expected<netlink::Route> route_to(const IpAddress& destination, std::uint32_t ifindex) override;
  Expected<std::optional<netlink::Neighbour>> neighbour(const IpAddress& ip,
                                                        std::uint32_t ifindex) override;
  Expected<void> resolve(const IpAddress& ip, std::uint32_t ifindex) override;
  Expected<void> probe(const IpAddress& ip, std::uint32_t ifindex) override;

 private:
  netlink::QuerySocket socket_;
};

}  // namespace lifeline::inband
