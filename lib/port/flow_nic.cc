#include "port/flow_nic.h"

#include <rte_errno.h>
#include <rte_flow.h>

#include <array>
#include <cstring>

namespace lifeline::port {
namespace {

using offload::Form;

// One form as rte_flow wants it. Points into itself: neither copied nor moved.
//
// Drivers are particular about what a pattern may hold beside what it must. An item is left without
// spec where it only says that the header is there: ixgbe's n-tuple filters refuse an Ethernet
// item with one, i40e an IP item that repeats the protocol of the item behind it.
class Pattern {
 public:
  explicit Pattern(const Form& f) {
    ethernet(f);
    if (f.vlan_vid) vlan(f);
    if (f.eth_type == packet::kEthTypeArp) {
      if (f.arp_op || f.arp_spa || f.arp_tpa) arp(f);
    } else if (f.eth_type == packet::kEthTypeIpv4 && has_ip(f)) {
      ipv4(f);
      transport(f);
    } else if (f.eth_type == packet::kEthTypeIpv6 && has_ip(f)) {
      ipv6(f);
      transport(f);
    }
    add(RTE_FLOW_ITEM_TYPE_END);
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  const rte_flow_item* items() const { return items_.data(); }

 private:
  static bool has_ip(const Form& f) { return f.ip_proto || f.ip_src || f.ip_dst; }
  static bool has_tcp_or_udp(const Form& f) {
    const std::uint8_t proto = f.ip_proto.value_or(0);
    return proto == packet::kProtoTcp || proto == packet::kProtoUdp;
  }
  static bool has_item_behind_ip(const Form& f) { return has_tcp_or_udp(f) || f.icmpv6_type; }

  void add(rte_flow_item_type type, const void* spec = nullptr, const void* mask = nullptr) {
    items_[n_++] = {.type = type, .spec = spec, .last = nullptr, .mask = mask};
  }

  void ethernet(const Form& f) {
    const bool type_here =
        !f.vlan_vid &&
        !(f.eth_type == packet::kEthTypeArp ? f.arp_op || f.arp_spa || f.arp_tpa : has_ip(f));
    const auto mac = [](rte_ether_addr& spec, rte_ether_addr& mask, const MacAddress& value) {
      std::memcpy(spec.addr_bytes, value.bytes.data(), value.bytes.size());
      std::memset(mask.addr_bytes, 0xff, sizeof mask.addr_bytes);
    };
    if (f.eth_dst) mac(eth_.hdr.dst_addr, eth_mask_.hdr.dst_addr, *f.eth_dst);
    if (f.eth_src) mac(eth_.hdr.src_addr, eth_mask_.hdr.src_addr, *f.eth_src);
    if (type_here) {
      eth_.hdr.ether_type = be16{f.eth_type}.raw();
      eth_mask_.hdr.ether_type = 0xffff;
    }
    const bool plain = !f.eth_dst && !f.eth_src && !type_here;
    add(RTE_FLOW_ITEM_TYPE_ETH, plain ? nullptr : &eth_, plain ? nullptr : &eth_mask_);
  }

  void vlan(const Form& f) {
    vlan_.hdr.vlan_tci = be16{*f.vlan_vid}.raw();
    vlan_mask_.hdr.vlan_tci = be16{packet::kVlanVidMask}.raw();
    if (!has_ip(f)) {
      vlan_.hdr.eth_proto = be16{f.eth_type}.raw();
      vlan_mask_.hdr.eth_proto = 0xffff;
    }
    add(RTE_FLOW_ITEM_TYPE_VLAN, &vlan_, &vlan_mask_);
  }

  void arp(const Form& f) {
    if (f.arp_op) {
      arp_.op = be16{*f.arp_op}.raw();
      arp_mask_.op = 0xffff;
    }
    if (f.arp_spa) {
      arp_.spa = f.arp_spa->value.raw();
      arp_mask_.spa = 0xffffffff;
    }
    if (f.arp_tpa) {
      arp_.tpa = f.arp_tpa->value.raw();
      arp_mask_.tpa = 0xffffffff;
    }
    add(RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, &arp_, &arp_mask_);
  }

  void ipv4(const Form& f) {
    const bool proto_here = f.ip_proto && !has_item_behind_ip(f);
    if (f.ip_src) {
      ipv4_.hdr.src_addr = f.ip_src->v4().value.raw();
      ipv4_mask_.hdr.src_addr = 0xffffffff;
    }
    if (f.ip_dst) {
      ipv4_.hdr.dst_addr = f.ip_dst->v4().value.raw();
      ipv4_mask_.hdr.dst_addr = 0xffffffff;
    }
    if (proto_here) {
      ipv4_.hdr.next_proto_id = *f.ip_proto;
      ipv4_mask_.hdr.next_proto_id = 0xff;
    }
    const bool plain = !f.ip_src && !f.ip_dst && !proto_here;
    add(RTE_FLOW_ITEM_TYPE_IPV4, plain ? nullptr : &ipv4_, plain ? nullptr : &ipv4_mask_);
  }

  void ipv6(const Form& f) {
    const bool proto_here = f.ip_proto && !has_item_behind_ip(f);
    if (f.ip_src) {
      std::memcpy(ipv6_.hdr.src_addr, f.ip_src->v6().bytes.data(), sizeof ipv6_.hdr.src_addr);
      std::memset(ipv6_mask_.hdr.src_addr, 0xff, sizeof ipv6_mask_.hdr.src_addr);
    }
    if (f.ip_dst) {
      std::memcpy(ipv6_.hdr.dst_addr, f.ip_dst->v6().bytes.data(), sizeof ipv6_.hdr.dst_addr);
      std::memset(ipv6_mask_.hdr.dst_addr, 0xff, sizeof ipv6_mask_.hdr.dst_addr);
    }
    if (proto_here) {
      ipv6_.hdr.proto = *f.ip_proto;
      ipv6_mask_.hdr.proto = 0xff;
    }
    const bool plain = !f.ip_src && !f.ip_dst && !proto_here;
    add(RTE_FLOW_ITEM_TYPE_IPV6, plain ? nullptr : &ipv6_, plain ? nullptr : &ipv6_mask_);
  }

  void transport(const Form& f) {
    if (f.icmpv6_type) {
      icmp6_.type = *f.icmpv6_type;
      icmp6_mask_.type = 0xff;
      add(RTE_FLOW_ITEM_TYPE_ICMP6, &icmp6_, &icmp6_mask_);
      return;
    }
    if (!has_tcp_or_udp(f)) return;
    const bool tcp = f.ip_proto == packet::kProtoTcp;
    const bool plain = !f.tp_src && !f.tp_dst;
    if (f.tp_src) {
      (tcp ? tcp_.hdr.src_port : udp_.hdr.src_port) = be16{*f.tp_src}.raw();
      (tcp ? tcp_mask_.hdr.src_port : udp_mask_.hdr.src_port) = 0xffff;
    }
    if (f.tp_dst) {
      (tcp ? tcp_.hdr.dst_port : udp_.hdr.dst_port) = be16{*f.tp_dst}.raw();
      (tcp ? tcp_mask_.hdr.dst_port : udp_mask_.hdr.dst_port) = 0xffff;
    }
    const void* spec = tcp ? static_cast<const void*>(&tcp_) : &udp_;
    const void* mask = tcp ? static_cast<const void*>(&tcp_mask_) : &udp_mask_;
    add(tcp ? RTE_FLOW_ITEM_TYPE_TCP : RTE_FLOW_ITEM_TYPE_UDP, plain ? nullptr : spec,
        plain ? nullptr : mask);
  }

  std::array<rte_flow_item, 6> items_{};
  std::size_t n_ = 0;
  rte_flow_item_eth eth_{}, eth_mask_{};
  rte_flow_item_vlan vlan_{}, vlan_mask_{};
  rte_flow_item_arp_eth_ipv4 arp_{}, arp_mask_{};
  rte_flow_item_ipv4 ipv4_{}, ipv4_mask_{};
  rte_flow_item_ipv6 ipv6_{}, ipv6_mask_{};
  rte_flow_item_tcp tcp_{}, tcp_mask_{};
  rte_flow_item_udp udp_{}, udp_mask_{};
  rte_flow_item_icmp6 icmp6_{}, icmp6_mask_{};
};

struct ToQueue {
  explicit ToQueue(std::uint16_t index) : queue{.index = index} {
    actions[0].type = RTE_FLOW_ACTION_TYPE_QUEUE;
    actions[0].conf = &queue;
    actions[1].type = RTE_FLOW_ACTION_TYPE_END;
  }
  ToQueue(const ToQueue&) = delete;
  ToQueue& operator=(const ToQueue&) = delete;
  rte_flow_action_queue queue;
  std::array<rte_flow_action, 2> actions{};
};

rte_flow_attr ingress(std::uint32_t priority) {
  rte_flow_attr attr{};
  attr.priority = priority;
  attr.ingress = 1;
  return attr;
}

// The driver's words, where it has any.
std::string why(const rte_flow_error& error, int rc) {
  const char* number = std::strerror(rc < 0 ? -rc : rc);
  if (error.message == nullptr) return number;
  return fmt::format("{} ({})", error.message, number);
}

}  // namespace

Expected<void> FlowNic::validate(const Form& form) {
  const Pattern pattern(form);
  const ToQueue to(control_queue_);
  const rte_flow_attr attr = ingress(0);
  rte_flow_error error{};
  const int rc = rte_flow_validate(ethdev_id_, &attr, pattern.items(), to.actions.data(), &error);
  if (rc != 0) return make_error("{}", why(error, rc));
  return {};
}

Expected<FlowNic::Handle> FlowNic::create(const Form& form) {
  const Pattern pattern(form);
  const ToQueue to(control_queue_);
  const rte_flow_attr attr = ingress(0);
  rte_flow_error error{};
  rte_errno = 0;
  rte_flow* made = rte_flow_create(ethdev_id_, &attr, pattern.items(), to.actions.data(), &error);
  if (made == nullptr) return make_error("{}", why(error, rte_errno));
  rules_[++next_] = made;
  return next_;
}

Expected<FlowNic::Handle> FlowNic::create_catch_all(std::uint16_t queue) {
  std::array<rte_flow_item, 2> items{};
  items[0].type = RTE_FLOW_ITEM_TYPE_ETH;
  items[1].type = RTE_FLOW_ITEM_TYPE_END;
  const ToQueue to(queue);
  const rte_flow_attr attr = ingress(1);
  rte_flow_error error{};
  rte_errno = 0;
  rte_flow* made = rte_flow_create(ethdev_id_, &attr, items.data(), to.actions.data(), &error);
  if (made == nullptr) return make_error("{}", why(error, rte_errno));
  rules_[++next_] = made;
  return next_;
}

Expected<void> FlowNic::destroy(Handle handle) {
  const auto it = rules_.find(handle);
  if (it == rules_.end()) return make_error("there is no such rule");
  rte_flow_error error{};
  const int rc = rte_flow_destroy(ethdev_id_, it->second, &error);
  rules_.erase(it);
  if (rc != 0) return make_error("{}", why(error, rc));
  return {};
}

}  // namespace lifeline::port
