// NICs as their drivers are: what each accepts and refuses, and what it steers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "offload/nic_port.h"
#include "packet/flow_key.h"

namespace lifeline::offload::test {

class FakeNic : public NicPort {
 public:
  // nullopt: accepted; else the driver's message.
  using Check = std::function<std::optional<std::string>(const FakeNic&, const Form&)>;

  std::string name;
  Check validate_check = [](const FakeNic&, const Form&) -> std::optional<std::string> {
    return std::nullopt;
  };
  Check create_check = validate_check;  // beyond the one above
  bool loses = false;                   // accepts, and steers nothing

  Expected<void> validate(const Form& form) override {
    ++validates;
    if (const auto no = validate_check(*this, form)) return make_error("{}: {}", name, *no);
    return {};
  }
  Expected<Handle> create(const Form& form) override {
    ++creates;
    log.push_back("+" + form.to_string());
    for (const Check& check : {validate_check, create_check})
      if (const auto no = check(*this, form)) {
        log.pop_back();
        return make_error("{}: {}", name, *no);
      }
    if (std::any_of(rules.begin(), rules.end(), [&](const auto& r) { return r.second == form; })) {
      log.pop_back();
      return make_error("{}: File exists", name);
    }
    rules[++next_] = form;
    return next_;
  }
  Expected<void> destroy(Handle handle) override {
    const auto it = rules.find(handle);
    if (it == rules.end()) return make_error("{}: no such rule", name);
    log.push_back("-" + it->second.to_string());
    rules.erase(it);
    return {};
  }

  bool steers(const packet::FlowKey& key) const {
    if (loses) return false;
    return std::any_of(rules.begin(), rules.end(),
                       [&](const auto& r) { return r.second.matches(key); });
  }
  std::set<std::string> texts() const {
    std::set<std::string> out;
    for (const auto& [handle, form] : rules) out.insert(form.to_string());
    return out;
  }
  std::size_t count(const std::function<bool(const Form&)>& is) const {
    return static_cast<std::size_t>(
        std::count_if(rules.begin(), rules.end(), [&](const auto& r) { return is(r.second); }));
  }

  std::map<Handle, Form> rules;
  std::vector<std::string> log;  // "+form", "-form" in order
  std::size_t validates = 0;
  std::size_t creates = 0;

 private:
  Handle next_ = 0;
};

inline bool has_arp_fields(const Form& f) { return f.arp_op || f.arp_spa || f.arp_tpa; }
inline bool is_ip(const Form& f) {
  return f.eth_type == packet::kEthTypeIpv4 || f.eth_type == packet::kEthTypeIpv6;
}
inline bool is_tuple(const Form& f) { return f.ip_proto || f.ip_src || f.ip_dst; }

// All of rte_flow that is asked for here.
inline FakeNic ice() {
  FakeNic nic;
  nic.name = "ice";
  return nic;
}

inline FakeNic mlx5() {
  FakeNic nic;
  nic.name = "mlx5";
  nic.validate_check = [](const FakeNic&, const Form& f) -> std::optional<std::string> {
    if (has_arp_fields(f)) return "item ARP is not supported";
    return std::nullopt;
  };
  return nic;
}

// Flow director: one input set for each packet type, decided by the first rule, and no MACs.
// Ether type filters: a destination MAC at most, no IP.
inline FakeNic i40e() {
  FakeNic nic;
  nic.name = "i40e";
  nic.validate_check = [](const FakeNic& self, const Form& f) -> std::optional<std::string> {
    if (has_arp_fields(f)) return "Unsupported pattern";
    if (!is_tuple(f)) {
      if (is_ip(f)) return "Unsupported ether_type in control packet filter";
      if (f.eth_src) return "Invalid ether_type mask";
      return std::nullopt;
    }
    if (f.eth_dst || f.eth_src || f.icmpv6_type) return "Unsupported pattern";
    for (const auto& [handle, other] : self.rules) {
      if (!is_tuple(other) || other.eth_type != f.eth_type || other.ip_proto != f.ip_proto)
        continue;
      if (other.shape() != f.shape()) return "Conflict with the first rule's input set";
    }
    return std::nullopt;
  };
  return nic;
}

// N-tuple filters of IPv4, ether type filters without MACs.
inline std::optional<std::string> intel_filters(const FakeNic&, const Form& f) {
  if (f.vlan_vid) return "Not supported by filter: VLAN";
  if (is_tuple(f)) {
    if (f.eth_type != packet::kEthTypeIpv4 || f.eth_dst || f.eth_src)
      return "Not supported by ntuple filter";
    return std::nullopt;
  }
  if (has_arp_fields(f) || f.eth_dst || f.eth_src || is_ip(f))
    return "Not supported by ethertype filter";
  return std::nullopt;
}

inline FakeNic ixgbe() {
  FakeNic nic;
  nic.name = "ixgbe";
  nic.validate_check = intel_filters;
  return nic;
}

// Eight of each, and ENOSYS to the ninth, which validate does not know.
inline FakeNic igb() {
  FakeNic nic;
  nic.name = "igb";
  nic.validate_check = intel_filters;
  nic.create_check = [](const FakeNic& self, const Form& f) -> std::optional<std::string> {
    const auto same_table = [&](const Form& o) { return is_tuple(o) == is_tuple(f); };
    if (self.count(same_table) >= 8) return "Function not implemented";
    return std::nullopt;
  };
  return nic;
}

inline FakeNic tap() {
  FakeNic nic;
  nic.name = "net_tap";
  nic.validate_check = [](const FakeNic&, const Form& f) -> std::optional<std::string> {
    if (has_arp_fields(f) || f.icmpv6_type || f.vlan_vid) return "item not supported";
    return std::nullopt;
  };
  return nic;
}

// net_tap on a kernel without its classifier.
inline FakeNic refuses_to_create() {
  FakeNic nic = tap();
  nic.create_check = [](const FakeNic&, const Form&) -> std::optional<std::string> {
    return "Kernel refused TC filter rule creation (2)";
  };
  return nic;
}

inline FakeNic accepts_and_loses() {
  FakeNic nic = ice();
  nic.name = "liar";
  nic.loses = true;
  return nic;
}

inline std::vector<FakeNic> all_nics() {
  std::vector<FakeNic> all;
  all.push_back(ice());
  all.push_back(mlx5());
  all.push_back(i40e());
  all.push_back(ixgbe());
  all.push_back(igb());
  all.push_back(tap());
  all.push_back(refuses_to_create());
  all.push_back(accepts_and_loses());
  return all;
}

}  // namespace lifeline::offload::test
