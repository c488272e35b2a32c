// igb, ixgbe, i40e and ice, from drivers/net/{e1000/igb,ixgbe/ixgbe,i40e/i40e,ice/ice}_*.c.
//
// In create() the first two try one filter after the other; a request that reaches a filter with
// no room is answered ENOSYS, whatever the next could do.
#include "profile.h"

namespace testnic {
namespace {

constexpr const char* kFailed = "Failed to create flow.";

Verdict intel_attr(const rte_flow_attr& attr) {
  if (!attr.ingress)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_INGRESS, "Only support ingress.");
  if (attr.egress) return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_EGRESS, "Not support egress.");
  if (attr.transfer)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER, "Not support transfer.");
  if (attr.group != 0) return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_GROUP, "Not support group.");
  return std::nullopt;
}

Verdict no_priority(const rte_flow_attr& attr) {
  if (attr.priority == 0) return std::nullopt;
  return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY, "Not support priority.");
}

bool has_range(const Pattern& pattern) {
  for (const Item& item : pattern)
    if (item.range) return true;
  return false;
}

bool only_queue(const Actions& a) {
  return a.unknown == nullptr && a.n_actions == 1 && a.fate == Fate::kQueue;
}

// cons_parse_ethertype_filter() of igb and ixgbe: the type alone, and not IP.
Verdict accept_ether_type(const Request& request, RuleShape& shape) {
  constexpr const char* kNo = "Not supported by ethertype filter";
  if (!is_pattern(request.pattern, {Layer::kEth}))
    return refuse_item(EINVAL, kNo, request.pattern.empty() ? nullptr : &request.pattern.back());
  const Item& eth = request.pattern[0];
  if (!eth.has_spec || !eth.has_mask) return refuse_item(EINVAL, kNo, &eth);
  const Cover dst = eth.cover(field::kEthDst);
  if (eth.cover(field::kEthSrc) != Cover::kNone || dst == Cover::kPart)
    return refuse_item(EINVAL, "Invalid ether address mask", &eth);
  if (eth.cover(field::kEthType) != Cover::kFull)
    return refuse_item(EINVAL, "Invalid ethertype mask", &eth);
  if (!only_queue(request.actions))
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "Not supported action.");
  if (auto no = no_priority(*request.attr)) return no;
  if (request.actions.queue >= request.n_rxq)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, "queue index much too big");
  const std::uint16_t type = eth.be16(field::kEthType);
  if (type == 0x0800 || type == 0x86dd)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, "IPv4/IPv6 not supported by ethertype filter");
  if (dst == Cover::kFull)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, "mac compare is unsupported");
  shape.table = Table::kEtherType;
  shape.match = {request.pattern};
  shape.rank = 0;
  return std::nullopt;
}

// cons_parse_ntuple_filter(): [eth without fields] / ipv4 / tcp, udp or sctp.
Verdict accept_five_tuple(const Request& request, bool tcp_flags, std::uint32_t least_priority,
                          RuleShape& shape) {
  constexpr const char* kNo = "Not supported by ntuple filter";
  const Pattern& p = request.pattern;
  const std::size_t at = !p.empty() && p[0].layer == Layer::kEth ? 1 : 0;
  if (p.size() != at + 2 || p[at].layer != Layer::kIpv4 ||
      (p[at + 1].layer != Layer::kTcp && p[at + 1].layer != Layer::kUdp &&
       p[at + 1].layer != Layer::kSctp))
    return refuse_item(EINVAL, kNo, p.empty() ? nullptr : &p.back());
  if (at == 1 && (p[0].has_spec || p[0].has_mask)) return refuse_item(EINVAL, kNo, &p[0]);
  const Item &ip = p[at], &l4 = p[at + 1];
  if (!ip.has_spec || !ip.has_mask) return refuse_item(EINVAL, "Invalid ntuple mask", &ip);
  if (!ip.only({field::kIpv4Src, field::kIpv4Dst, field::kIpv4Proto}))
    return refuse_item(EINVAL, kNo, &ip);
  if (l4.layer == Layer::kTcp && tcp_flags
          ? !l4.only({field::kSrcPort, field::kDstPort, field::kTcpFlags}) ||
                l4.cover(field::kTcpFlags) == Cover::kPart
          : !l4.only({field::kSrcPort, field::kDstPort}))
    return refuse_item(EINVAL, kNo, &l4);
  if (!only_queue(request.actions))
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "Not supported action.");
  if (request.attr->priority > 7 || request.attr->priority < least_priority)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, "Priority not supported by ntuple filter");
  if (request.actions.queue >= request.n_rxq)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, "queue number not supported by ntuple filter");
  shape.table = Table::kFiveTuple;
  shape.match = {p};
  // Their registers run the other way: 7 is looked at first.
  shape.rank = 8 - request.attr->priority;
  return std::nullopt;
}

// ntuple_filter_to_5tuple(): whole fields only. Not seen by validate().
bool whole_five_tuple(const RuleShape& shape) {
  const auto whole = [](const Item& item, Field f) { return item.cover(f) != Cover::kPart; };
  for (const Item& item : shape.match.items) {
    if (item.layer == Layer::kEth) continue;
    const bool good = item.layer == Layer::kIpv4
                          ? whole(item, field::kIpv4Src) && whole(item, field::kIpv4Dst) &&
                                whole(item, field::kIpv4Proto)
                          : whole(item, field::kSrcPort) && whole(item, field::kDstPort);
    if (!good) return false;
  }
  return true;
}

bool exists(const RuleShape& shape, const Rules& installed) {
  for (const Rule* rule : installed)
    if (rule->shape.table == shape.table && rule->shape.match.same(shape.match)) return true;
  return false;
}

Verdict failed(int error) { return refuse(error, RTE_FLOW_ERROR_TYPE_HANDLE, kFailed); }

Verdict install_filter(const RuleShape& shape, const Rules& installed, std::uint32_t room) {
  if (shape.table == Table::kFiveTuple && !whole_five_tuple(shape)) return failed(EINVAL);
  if (exists(shape, installed)) return failed(EEXIST);
  if (count_of(installed, shape.table) >= room) return failed(ENOSYS);
  return std::nullopt;
}

// ixgbe's flow director: ipv4 addresses, and ports of tcp, udp or sctp, nothing of Ethernet.
Verdict accept_director(const Request& request, RuleShape& shape) {
  constexpr const char* kNo = "Not supported by fdir filter";
  const Pattern& p = request.pattern;
  const std::size_t at = !p.empty() && p[0].layer == Layer::kEth ? 1 : 0;
  if (p.size() <= at || p.size() > at + 2 || p[at].layer != Layer::kIpv4)
    return refuse_item(EINVAL, kNo, p.empty() ? nullptr : &p.back());
  if (at == 1 && (p[0].has_spec || p[0].has_mask)) return refuse_item(EINVAL, kNo, &p[0]);
  if (!p[at].has_mask || !p[at].only({field::kIpv4Src, field::kIpv4Dst}))
    return refuse_item(EINVAL, kNo, &p[at]);
  if (p.size() == at + 2) {
    const Item& l4 = p[at + 1];
    if (l4.layer != Layer::kTcp && l4.layer != Layer::kUdp && l4.layer != Layer::kSctp)
      return refuse_item(EINVAL, kNo, &l4);
    if (!l4.has_mask || !l4.only({field::kSrcPort, field::kDstPort}))
      return refuse_item(EINVAL, kNo, &l4);
  }
  if (auto no = no_priority(*request.attr)) return no;
  const Actions& a = request.actions;
  if (a.unknown != nullptr || a.count || a.n_fates != 1 ||
      (a.fate != Fate::kQueue && a.fate != Fate::kDrop))
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "Not supported action.");
  if (a.fate == Fate::kQueue && a.queue >= request.n_rxq) return failed(ENOTSUP);
  shape.table = Table::kFlowDirector;
  shape.match = {p};
  shape.rank = 16;
  return std::nullopt;
}

// The bits of all fields but the values: two rules of one mask have one sum.
std::uint64_t mask_sum(const Pattern& pattern) {
  std::uint64_t sum = 14695981039346656037u;
  for (const Item& item : pattern) {
    const auto take = [&sum](std::uint8_t byte) { sum = (sum ^ byte) * 1099511628211u; };
    // One global mask, whatever the protocol above IP: TCP's and UDP's ports are the same two.
    take(item.layer == Layer::kUdp || item.layer == Layer::kSctp
             ? static_cast<std::uint8_t>(Layer::kTcp)
             : static_cast<std::uint8_t>(item.layer));
    for (std::uint8_t byte : item.bits) take(byte);
  }
  return sum;
}

}  // namespace

// 82576: eight ether-type and eight 5-tuple filters.
Verdict accept_igb(const Request& request, RuleShape& shape) {
  if (auto no = intel_attr(*request.attr)) return no;
  if (has_range(request.pattern))
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "Not supported last point for range");
  if (!accept_five_tuple(request, true, 0, shape)) return std::nullopt;
  return accept_ether_type(request, shape);
}

Verdict install_igb(const RuleShape& shape, const Rules& installed, std::uint32_t capacity) {
  return install_filter(shape, installed, capacity);
}

// 82599: 128 5-tuple filters of priority 1 to 7, eight ether types, and a flow director with one
// mask for all its rules.
Verdict accept_ixgbe(const Request& request, RuleShape& shape) {
  if (auto no = intel_attr(*request.attr)) return no;
  if (has_range(request.pattern))
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "Not supported last point for range");
  if (!accept_five_tuple(request, false, 1, shape)) return std::nullopt;
  if (!accept_ether_type(request, shape)) return std::nullopt;
  return accept_director(request, shape);
}

Verdict install_ixgbe(const RuleShape& shape, const Rules& installed, std::uint32_t capacity) {
  if (shape.table != Table::kFlowDirector)
    return install_filter(shape, installed, shape.table == Table::kEtherType ? 8 : capacity);
  for (const Rule* rule : installed)
    if (rule->shape.table == Table::kFlowDirector &&
        mask_sum(rule->shape.match.items) != mask_sum(shape.match.items))
      return failed(EINVAL);  // "Only support one global mask"
  if (exists(shape, installed)) return failed(EEXIST);
  if (count_of(installed, Table::kFlowDirector) >= 2046) return failed(ENOSYS);
  return std::nullopt;
}

namespace {

// i40e_flow_parse_fdir_pattern(): a field is in the input set when its mask is full. A partial
// mask of an address is not an error there: the field is ignored, and the rule matches more.
void keep_full_fields(Item& item, std::initializer_list<Field> fields) {
  for (Field f : fields)
    if (item.cover(f) != Cover::kFull) item.clear(f);
}

Verdict i40e_eth(const Item& eth, bool last) {
  const Cover dst = eth.cover(field::kEthDst), src = eth.cover(field::kEthSrc);
  if (dst == Cover::kPart || src == Cover::kPart)
    return refuse_item(EINVAL, "Invalid MAC_addr mask.", &eth);
  if (!last) return std::nullopt;
  if (!eth.has_spec || !eth.has_mask) return refuse_item(EINVAL, "NULL eth spec/mask.", &eth);
  if (eth.cover(field::kEthType) != Cover::kFull)
    return refuse_item(EINVAL, "Invalid type mask.", &eth);
  const std::uint16_t type = eth.be16(field::kEthType);
  if (type == 0x0800 || type == 0x86dd || type == 0x8100)
    return refuse_item(EINVAL, "Unsupported ether_type.", &eth);
  return std::nullopt;
}

// I40E_FILTER_PCTYPE_*, as far as needed: L2 payload, and each protocol over each IP.
std::uint32_t i40e_packet_type(const Pattern& pattern) {
  std::uint32_t type = 1;
  for (const Item& item : pattern) {
    if (item.layer == Layer::kIpv4) type = 10;
    if (item.layer == Layer::kIpv6) type = 20;
    if (item.layer == Layer::kTcp) type += 1;
    if (item.layer == Layer::kUdp) type += 2;
    if (item.layer == Layer::kSctp) type += 3;
  }
  return type;
}

Verdict i40e_director(const Request& request, RuleShape& shape) {
  Pattern p = request.pattern;
  if (p.empty() || p[0].layer != Layer::kEth)
    return refuse_item(EINVAL, "Unsupported pattern", nullptr);
  bool l2 = false;
  for (std::size_t i = 0; i < p.size(); ++i) {
    Item& item = p[i];
    const bool last = i + 1 == p.size();
    if (item.range) return refuse_item(EINVAL, "Not support range", &item);
    bool any = false;
    switch (item.layer) {
      case Layer::kEth:
        if (auto no = i40e_eth(item, last)) return no;
        if (!last) item.clear(field::kEthType);
        l2 = !item.only({field::kEthType});
        break;
      case Layer::kVlan:
        if (i != 1) return refuse_item(EINVAL, "Unsupported pattern", &item);
        break;
      case Layer::kIpv4:
        if (!item.only({field::kIpv4Tos, field::kIpv4Ttl, field::kIpv4Fragment, field::kIpv4Proto,
                        field::kIpv4Src, field::kIpv4Dst}))
          return refuse_item(EINVAL, "Invalid IPv4 mask.", &item);
        keep_full_fields(item, {field::kIpv4Tos, field::kIpv4Ttl, field::kIpv4Proto,
                                field::kIpv4Src, field::kIpv4Dst});
        any = !item.empty();
        if (l2 && any) return refuse_item(EINVAL, "L2 and L3 input set are exclusive.", &item);
        break;
      case Layer::kIpv6:
        if (!item.only({field::kIpv6Flow, field::kIpv6Proto, field::kIpv6Hop, field::kIpv6Src,
                        field::kIpv6Dst}))
          return refuse_item(EINVAL, "Invalid IPv6 mask", &item);
        keep_full_fields(item,
                         {field::kIpv6Proto, field::kIpv6Hop, field::kIpv6Src, field::kIpv6Dst});
        break;
      case Layer::kTcp:
      case Layer::kUdp:
      case Layer::kSctp:
        if (!item.only({field::kSrcPort, field::kDstPort}))
          return refuse_item(EINVAL, "Invalid TCP/UDP mask", &item);
        keep_full_fields(item, {field::kSrcPort, field::kDstPort});
        if (l2 && !item.empty())
          return refuse_item(EINVAL, "L2 and L4 input set are exclusive.", &item);
        break;
      default: return refuse_item(EINVAL, "Unsupported pattern", &item);
    }
  }
  const Actions& a = request.actions;
  if (a.unknown != nullptr || a.count || a.n_fates != 1 || a.fate == Fate::kRss)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "Invalid action.", a.unknown);
  if (a.fate == Fate::kQueue && a.queue >= request.n_rxq)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "Invalid queue ID for FDIR.");
  shape.packet_type = i40e_packet_type(p);
  shape.input_set = mask_sum(p);
  shape.match = {std::move(p)};
  shape.table = Table::kFlowDirector;
  shape.rank = 1;
  return std::nullopt;
}

}  // namespace

Verdict accept_i40e(const Request& request, RuleShape& shape) {
  if (auto no = intel_attr(*request.attr)) return no;
  if (auto no = no_priority(*request.attr)) return no;
  const Pattern& p = request.pattern;
  const Actions& a = request.actions;
  // The ether-type filter takes what it can; the flow director the rest.
  if (is_pattern(p, {Layer::kEth}) && p[0].has_spec && p[0].has_mask && !p[0].range &&
      p[0].cover(field::kEthSrc) == Cover::kNone && p[0].cover(field::kEthDst) != Cover::kPart &&
      p[0].cover(field::kEthType) == Cover::kFull && a.n_actions == 1 &&
      (a.fate == Fate::kDrop || (a.fate == Fate::kQueue && a.queue < request.n_rxq))) {
    const std::uint16_t type = p[0].be16(field::kEthType);
    if (type == 0x0800 || type == 0x86dd || type == 0x88cc || type == 0x8100)
      return refuse_item(EINVAL, "Unsupported ether_type in control packet filter.", &p[0]);
    shape.table = Table::kEtherType;
    shape.match = {p};
    shape.rank = 0;
    return std::nullopt;
  }
  return i40e_director(request, shape);
}

Verdict install_i40e(const RuleShape& shape, const Rules& installed, std::uint32_t capacity) {
  if (exists(shape, installed)) return failed(shape.table == Table::kEtherType ? EINVAL : EEXIST);
  if (shape.table == Table::kEtherType) {
    // The firmware has 512 of them.
    if (count_of(installed, shape.table) >= (capacity < 512 ? capacity : 512))
      return failed(ENOSYS);
    return std::nullopt;
  }
  for (const Rule* rule : installed)
    if (rule->shape.table == Table::kFlowDirector && rule->shape.packet_type == shape.packet_type &&
        rule->shape.input_set != shape.input_set)
      // The driver logs this sentence and answers kFailed; here both in one.
      return refuse(EPERM, RTE_FLOW_ERROR_TYPE_HANDLE, "Conflict with the first rule's input set.");
  if (count_of(installed, shape.table) >= capacity) return failed(ENOSPC);
  return std::nullopt;
}

// Its switch filter, which takes what the flow director takes and more, as seen by an application.
// The list of patterns names ARP, but the parser of items has no case for it: refused.
Verdict accept_ice(const Request& request, RuleShape& shape) {
  if (auto no = intel_attr(*request.attr)) return no;
  if (request.attr->priority > 1)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY, "Only support priority 0 and 1.");
  const Pattern& p = request.pattern;
  const bool listed = is_pattern(p, {Layer::kEth}) || is_pattern(p, {Layer::kEth, Layer::kVlan}) ||
                      is_pattern(p, {Layer::kEth, Layer::kIpv4}) ||
                      is_pattern(p, {Layer::kEth, Layer::kIpv6}) ||
                      is_pattern(p, {Layer::kEth, Layer::kIpv4, Layer::kTcp}) ||
                      is_pattern(p, {Layer::kEth, Layer::kIpv4, Layer::kUdp}) ||
                      is_pattern(p, {Layer::kEth, Layer::kIpv6, Layer::kTcp}) ||
                      is_pattern(p, {Layer::kEth, Layer::kIpv6, Layer::kUdp});
  if (!listed) return refuse_item(EINVAL, "Unsupported pattern", p.empty() ? nullptr : &p.front());
  bool any = false;
  for (const Item& item : p) {
    if (item.range) return refuse_item(EINVAL, "Not support range", &item);
    // With IP behind it, the ether type and the source address are not in the input set.
    const bool with_ip = p.size() > 1 && p[1].layer != Layer::kVlan;
    bool good = true;
    switch (item.layer) {
      case Layer::kEth: good = with_ip ? item.only({field::kEthDst}) : true; break;
      case Layer::kVlan: good = item.only({field::kVlanTci}); break;
      case Layer::kIpv4:
        good = item.only({field::kIpv4Tos, field::kIpv4Ttl, field::kIpv4Proto, field::kIpv4Src,
                          field::kIpv4Dst}) &&
               (p.size() == 2 || item.cover(field::kIpv4Proto) == Cover::kNone);
        break;
      case Layer::kIpv6:
        good = item.only({field::kIpv6Flow, field::kIpv6Proto, field::kIpv6Hop, field::kIpv6Src,
                          field::kIpv6Dst}) &&
               (p.size() == 2 || item.cover(field::kIpv6Proto) == Cover::kNone);
        break;
      default: good = item.only({field::kSrcPort, field::kDstPort}); break;
    }
    if (!good) return refuse_item(EINVAL, "Invalid input set", &item);
    any = any || !item.empty();
  }
  if (!any) return refuse_item(EINVAL, "Invalid input set", nullptr);
  const Actions& a = request.actions;
  if (a.unknown != nullptr || a.n_fates != 1 || a.fate == Fate::kPassthru || a.mark)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "Invalid action type", a.unknown);
  if (a.fate == Fate::kQueue && a.queue >= request.n_rxq)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "Invalid queue ID for switch filter.");
  shape.match = {p};
  // Of two recipes of one priority the hardware prefers the longer; 0 is the higher priority.
  shape.rank = request.attr->priority * 16 + 8 - static_cast<std::uint32_t>(p.size());
  return std::nullopt;
}

Verdict install_ice(const RuleShape& shape, const Rules& installed, std::uint32_t capacity) {
  if (exists(shape, installed))
    return refuse(EEXIST, RTE_FLOW_ERROR_TYPE_HANDLE, "switch filter create flow fail");
  if (installed.size() >= capacity)
    return refuse(ENOSPC, RTE_FLOW_ERROR_TYPE_HANDLE, "switch filter create flow fail");
  return std::nullopt;
}

}  // namespace testnic
