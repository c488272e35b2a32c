#include "inband/kernel_view.h"

namespace lifeline::inband {

Expected<std::optional<netlink::Link>> NetlinkKernelView::link_by_name(std::string_view name) {
  return socket_.link_by_name(name);
}
Expected<std::optional<netlink::Link>> NetlinkKernelView::link_by_index(std::uint32_t ifindex) {
  return socket_.link_by_index(ifindex);
}
Expected<netlink::Route> NetlinkKernelView::route_to(const IpAddress& destination,
                                                     std::uint32_t ifindex) {
  return socket_.route_to(destination, ifindex);
}
Expected<std::optional<netlink::Neighbour>> NetlinkKernelView::neighbour(const IpAddress& ip,
                                                                         std::uint32_t ifindex) {
  return socket_.neighbour(ip, ifindex);
}
Expected<void> NetlinkKernelView::resolve(const IpAddress& ip, std::uint32_t ifindex) {
  return socket_.resolve(ip, ifindex);
}
Expected<void> NetlinkKernelView::probe(const IpAddress& ip, std::uint32_t ifindex) {
  return socket_.probe(ip, ifindex);
}

}  // namespace lifeline::inband
