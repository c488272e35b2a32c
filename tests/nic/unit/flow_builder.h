// Writes an rte_flow rule in one line: Flow().eth_type(0x0806).to_queue(1).
#pragma once

#include <rte_byteorder.h>
#include <rte_flow.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace testnic {

class Flow {
 public:
  Flow() { attr_.ingress = 1; }
  Flow& priority(std::uint32_t p) {
    attr_.priority = p;
    return *this;
  }
  Flow& eth() { return add(RTE_FLOW_ITEM_TYPE_ETH, nullptr, nullptr); }
  Flow& eth_type(std::uint16_t type, std::uint16_t mask = 0xffff) {
    return eth_is(nullptr, type, mask);
  }
  Flow& eth_dst(const rte_ether_addr& dst, std::uint16_t type = 0) {
    return eth_is(&dst, type, type != 0 ? 0xffff : 0);
  }
  Flow& vlan(std::uint16_t id) {
    auto& s = memory_->vlans.emplace_back();
    auto& m = memory_->vlans.emplace_back();
    s.tci = rte_cpu_to_be_16(id);
    m.tci = rte_cpu_to_be_16(0x0fff);
    return add(RTE_FLOW_ITEM_TYPE_VLAN, &s, &m);
  }
  Flow& ipv4(std::uint32_t src = 0, std::uint32_t dst = 0, std::uint8_t proto = 0,
             std::uint32_t address_mask = 0xffffffff) {
    auto& s = memory_->ip4.emplace_back();
    auto& m = memory_->ip4.emplace_back();
    s.hdr.src_addr = rte_cpu_to_be_32(src);
    s.hdr.dst_addr = rte_cpu_to_be_32(dst);
    s.hdr.next_proto_id = proto;
    m.hdr.src_addr = src != 0 ? rte_cpu_to_be_32(address_mask) : 0;
    m.hdr.dst_addr = dst != 0 ? rte_cpu_to_be_32(address_mask) : 0;
    m.hdr.next_proto_id = proto != 0 ? 0xff : 0;
    return add(RTE_FLOW_ITEM_TYPE_IPV4, &s, &m);
  }
  Flow& tcp(std::uint16_t src = 0, std::uint16_t dst = 0, std::uint16_t mask = 0xffff) {
    auto& s = memory_->tcp.emplace_back();
    auto& m = memory_->tcp.emplace_back();
    s.hdr.src_port = rte_cpu_to_be_16(src);
    s.hdr.dst_port = rte_cpu_to_be_16(dst);
    m.hdr.src_port = src != 0 ? rte_cpu_to_be_16(mask) : std::uint16_t{0};
    m.hdr.dst_port = dst != 0 ? rte_cpu_to_be_16(mask) : std::uint16_t{0};
    return add(RTE_FLOW_ITEM_TYPE_TCP, &s, &m);
  }
  Flow& udp(std::uint16_t src = 0, std::uint16_t dst = 0) {
    auto& s = memory_->udp.emplace_back();
    auto& m = memory_->udp.emplace_back();
    s.hdr.src_port = rte_cpu_to_be_16(src);
    s.hdr.dst_port = rte_cpu_to_be_16(dst);
    m.hdr.src_port = src != 0 ? 0xffff : 0;
    m.hdr.dst_port = dst != 0 ? 0xffff : 0;
    return add(RTE_FLOW_ITEM_TYPE_UDP, &s, &m);
  }
  Flow& arp(std::uint16_t op, std::uint32_t target_ip = 0) {
    auto& s = memory_->arp.emplace_back();
    auto& m = memory_->arp.emplace_back();
    s.op = rte_cpu_to_be_16(op);
    m.op = 0xffff;
    s.tpa = rte_cpu_to_be_32(target_ip);
    m.tpa = target_ip != 0 ? 0xffffffff : 0;
    return add(RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, &s, &m);
  }
  Flow& to_queue(std::uint16_t queue) {
    memory_->queue.index = queue;
    return act(RTE_FLOW_ACTION_TYPE_QUEUE, &memory_->queue);
  }
  Flow& drop() { return act(RTE_FLOW_ACTION_TYPE_DROP, nullptr); }
  Flow& count() { return act(RTE_FLOW_ACTION_TYPE_COUNT, &memory_->count); }

  // 0, or the positive errno of the refusal; error() then says why.
  int validate(std::uint16_t port) {
    finish();
    error_ = {};
    return -rte_flow_validate(port, &attr_, items_.data(), actions_.data(), &error_);
  }
  rte_flow* create(std::uint16_t port) {
    finish();
    error_ = {};
    return rte_flow_create(port, &attr_, items_.data(), actions_.data(), &error_);
  }
  const char* message() const { return error_.message != nullptr ? error_.message : ""; }

 private:
  Flow& eth_is(const rte_ether_addr* dst, std::uint16_t type, std::uint16_t type_mask) {
    auto& s = memory_->eth.emplace_back();
    auto& m = memory_->eth.emplace_back();
    if (dst != nullptr) {
      s.hdr.dst_addr = *dst;
      for (auto& byte : m.hdr.dst_addr.addr_bytes) byte = 0xff;
    }
    s.hdr.ether_type = rte_cpu_to_be_16(type);
    m.hdr.ether_type = rte_cpu_to_be_16(type_mask);
    return add(RTE_FLOW_ITEM_TYPE_ETH, &s, &m);
  }
  Flow& add(rte_flow_item_type type, const void* spec, const void* mask) {
    items_.push_back({type, spec, nullptr, mask});
    return *this;
  }
  Flow& act(rte_flow_action_type type, const void* conf) {
    actions_.push_back({type, conf});
    return *this;
  }
  void finish() {
    if (finished_) return;
    finished_ = true;
    add(RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr);
    act(RTE_FLOW_ACTION_TYPE_END, nullptr);
  }

  // What items and actions point into: shared by copies, so that they stay good.
  struct Memory {
    std::deque<rte_flow_item_eth> eth;  // a deque: addresses stay
    std::deque<rte_flow_item_vlan> vlans;
    std::deque<rte_flow_item_ipv4> ip4;
    std::deque<rte_flow_item_tcp> tcp;
    std::deque<rte_flow_item_udp> udp;
    std::deque<rte_flow_item_arp_eth_ipv4> arp;
    rte_flow_action_queue queue{};
    rte_flow_action_count count{};
  };

  rte_flow_attr attr_{};
  std::vector<rte_flow_item> items_;
  std::vector<rte_flow_action> actions_;
  std::shared_ptr<Memory> memory_ = std::make_shared<Memory>();
  rte_flow_error error_{};
  bool finished_ = false;
};

}  // namespace testnic
