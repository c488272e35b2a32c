// What OpenFlow 1.3.5 says of each field (7.2.3.7, table 12), written down once more and compared
// with what the decoder takes and refuses: every field in every context, in a match and in a
// set-field action.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "flow_mod_bytes.h"

namespace lifeline::openflow {
namespace {

// What a match may say before the field.
enum Context : unsigned {
  kNothing,
  kInPort,
  kVlan,    // some tag
  kNoVlan,  // OFPVID_NONE
  kIp4,
  kIp6,
  kArp,
  kMpls,
  kMplsMulticast,
  kPbb,
  kTcp4,
  kTcp6,
  kUdp4,
  kUdp6,
  kSctp4,
  kSctp6,
  kIcmp4,
  kIcmp6,
  kIcmpOn6,  // the protocol of ICMPv4 in IPv6, and the other way round: neither is
  kIcmp6On4,
  kSolicitation,
  kAdvertisement,
  kContexts
};
constexpr std::array<std::string_view, kContexts> kOxm = {
    "",
    "8000000400000001",
    "80000d0410001000",
    "80000c020000",
    "80000a020800",
    "80000a0286dd",
    "80000a020806",
    "80000a028847",
    "80000a028848",
    "80000a0288e7",
    "80000a02080080001401"
    "06",
    "80000a0286dd80001401"
    "06",
    "80000a02080080001401"
    "11",
    "80000a0286dd80001401"
    "11",
    "80000a02080080001401"
    "84",
    "80000a0286dd80001401"
    "84",
    "80000a02080080001401"
    "01",
    "80000a0286dd80001401"
    "3a",
    "80000a0286dd80001401"
    "01",
    "80000a02080080001401"
    "3a",
    "80000a0286dd80001401"
    "3a80003a01"
    "87",
    "80000a0286dd80001401"
    "3a80003a01"
    "88",
};
using Contexts = std::vector<unsigned>;

Contexts all() {
  Contexts c;
  for (unsigned i = 0; i < kContexts; ++i) c.push_back(i);
  return c;
}
const Contexts kAny4 = {kIp4, kTcp4, kUdp4, kSctp4, kIcmp4, kIcmp6On4};
const Contexts kAny6 = {kIp6,   kTcp6,    kUdp6,         kSctp6,
                        kIcmp6, kIcmpOn6, kSolicitation, kAdvertisement};
Contexts both(Contexts a, const Contexts& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Field {
  unsigned number;
  std::string_view name;
  unsigned bytes;
  unsigned bits;
  bool maskable;
  bool settable;
  Contexts allowed;
};

const std::vector<Field>& fields() {
  static const std::vector<Field> kFields = {
      {0, "in_port", 4, 32, false, false, all()},
      {1, "in_phy_port", 4, 32, false, false, {kInPort}},
      {2, "metadata", 8, 64, true, false, all()},
      {3, "eth_dst", 6, 48, true, true, all()},
      {4, "eth_src", 6, 48, true, true, all()},
      {5, "eth_type", 2, 16, false, true, all()},
      {6, "vlan_vid", 2, 13, true, true, all()},
      {7, "vlan_pcp", 1, 3, false, true, {kVlan}},
      {8, "ip_dscp", 1, 6, false, true, both(kAny4, kAny6)},
      {9, "ip_ecn", 1, 2, false, true, both(kAny4, kAny6)},
      {10, "ip_proto", 1, 8, false, true, both(kAny4, kAny6)},
      {11, "ipv4_src", 4, 32, true, true, kAny4},
      {12, "ipv4_dst", 4, 32, true, true, kAny4},
      {13, "tcp_src", 2, 16, false, true, {kTcp4, kTcp6}},
      {14, "tcp_dst", 2, 16, false, true, {kTcp4, kTcp6}},
      {15, "udp_src", 2, 16, false, true, {kUdp4, kUdp6}},
      {16, "udp_dst", 2, 16, false, true, {kUdp4, kUdp6}},
      {17, "sctp_src", 2, 16, false, true, {kSctp4, kSctp6}},
      {18, "sctp_dst", 2, 16, false, true, {kSctp4, kSctp6}},
      {19, "icmpv4_type", 1, 8, false, true, {kIcmp4}},
      {20, "icmpv4_code", 1, 8, false, true, {kIcmp4}},
      {21, "arp_op", 2, 16, false, true, {kArp}},
      {22, "arp_spa", 4, 32, true, true, {kArp}},
      {23, "arp_tpa", 4, 32, true, true, {kArp}},
      {24, "arp_sha", 6, 48, true, true, {kArp}},
      {25, "arp_tha", 6, 48, true, true, {kArp}},
      {26, "ipv6_src", 16, 128, true, true, kAny6},
      {27, "ipv6_dst", 16, 128, true, true, kAny6},
      {28, "ipv6_flabel", 4, 20, true, true, kAny6},
      {29, "icmpv6_type", 1, 8, false, true, {kIcmp6, kSolicitation, kAdvertisement}},
      {30, "icmpv6_code", 1, 8, false, true, {kIcmp6, kSolicitation, kAdvertisement}},
      {31, "ipv6_nd_target", 16, 128, false, true, {kSolicitation, kAdvertisement}},
      {32, "ipv6_nd_sll", 6, 48, false, true, {kSolicitation}},
      {33, "ipv6_nd_tll", 6, 48, false, true, {kAdvertisement}},
      {34, "mpls_label", 4, 20, false, true, {kMpls, kMplsMulticast}},
      {35, "mpls_tc", 1, 3, false, true, {kMpls, kMplsMulticast}},
      {36, "mpls_bos", 1, 1, false, true, {kMpls, kMplsMulticast}},
      {37, "pbb_isid", 3, 24, true, true, {kPbb}},
      {38, "tunnel_id", 8, 64, true, true, all()},
      {39, "ipv6_exthdr", 2, 9, true, false, kAny6},
  };
  return kFields;
}

// `value` in the field's width.
std::string hex(const Field& f, std::uint64_t value) {
  return fmt::format("{:0{}x}", value, f.bytes * 2);
}
std::string oxm(const Field& f, std::uint64_t value) {
  return fmt::format("8000{:02x}{:02x}{}", f.number << 1, f.bytes, hex(f, value));
}
std::string masked(const Field& f, std::uint64_t value, std::uint64_t mask) {
  return fmt::format("8000{:02x}{:02x}{}{}", f.number << 1 | 1, f.bytes * 2, hex(f, value),
                     hex(f, mask));
}
// 1 is a sound value of every field but this.
std::uint64_t sound_value(const Field& f) { return f.name == "vlan_vid" ? 0x1001 : 1; }

bool has(const Contexts& contexts, unsigned c) {
  return std::find(contexts.begin(), contexts.end(), c) != contexts.end();
}
// Whether the context itself has the field, which may be in a match once.
bool says(unsigned context, const Field& f) {
  const std::string_view text = kOxm.at(context);
  for (std::size_t at = 0; at < text.size();) {
    const auto number = std::stoul(std::string(text.substr(at + 4, 2)), nullptr, 16) >> 1;
    if (number == f.number) return true;
    at += 8 + 2 * std::stoul(std::string(text.substr(at + 6, 2)), nullptr, 16);
  }
  return false;
}
std::string in(unsigned context, const std::string& more) {
  return std::string(kOxm.at(context)) + more;
}
std::string_view name(std::optional<ErrorId> error) {
  return error ? error_name(*error) : "accepted";
}
std::string set_field(const Field& f, std::uint64_t value) {
  std::string tlv = oxm(f, value);
  const std::size_t bytes = (4 + tlv.size() / 2 + 7) / 8 * 8;
  tlv.append((bytes - 4) * 2 - tlv.size(), '0');
  return fmt::format("0019{:04x}{}", bytes, tlv);
}

TEST(FieldRules, AFieldNeedsItsPrerequisitesAndNoMore) {
  for (const Field& f : fields()) {
    for (unsigned c = 0; c < kContexts; ++c) {
      const auto got = verdict(flow_mod(in(c, oxm(f, sound_value(f)))));
      const auto want = says(c, f)          ? std::optional{ErrorId::kBmcDupField}
                        : has(f.allowed, c) ? std::nullopt
                                            : std::optional{ErrorId::kBmcBadPrereq};
      EXPECT_EQ(got, want) << f.name << " after " << kOxm.at(c) << ": " << name(got);
    }
  }
}

TEST(FieldRules, APrerequisiteThatComesLaterOrIsMaskedAwayIsNone) {
  for (const Field& f : fields()) {
    if (has(f.allowed, kNothing)) continue;
    const unsigned c = f.allowed.front();
    EXPECT_EQ(verdict(flow_mod(oxm(f, sound_value(f)) + std::string(kOxm.at(c)))),
              ErrorId::kBmcBadPrereq)
        << f.name;
    EXPECT_EQ(verdict(flow_mod("80000b0400000000" + oxm(f, sound_value(f)))),
              ErrorId::kBmcBadPrereq)
        << f.name << " after a wildcarded eth_type";
  }
}

TEST(FieldRules, OnlySomeMayBeMasked) {
  for (const Field& f : fields()) {
    if (f.bits == 1) continue;  // has no part
    for (const unsigned c : f.allowed) {
      if (says(c, f)) continue;
      const auto got = verdict(flow_mod(in(c, masked(f, 0, 1))));
      EXPECT_EQ(got, f.maskable ? std::nullopt : std::optional{ErrorId::kBmcBadMask})
          << f.name << " after " << kOxm.at(c) << ": " << name(got);
      EXPECT_EQ(verdict(flow_mod(in(c, masked(f, 2, 1)))), ErrorId::kBmcBadWildcards)
          << f.name << ": a value outside its mask";
    }
  }
}

TEST(FieldRules, EachMayBeThereOnceAndHasOneLengthAndRange) {
  for (const Field& f : fields()) {
    unsigned c = f.allowed.front();
    const std::string once = in(c, oxm(f, sound_value(f)));
    EXPECT_EQ(verdict(flow_mod(once + oxm(f, sound_value(f)))), ErrorId::kBmcDupField) << f.name;
    EXPECT_EQ(verdict(flow_mod(once + masked(f, 0, 0))), ErrorId::kBmcDupField) << f.name;
    Field longer = f;
    ++longer.bytes;
    Field shorter = f;
    --shorter.bytes;
    EXPECT_EQ(verdict(flow_mod(in(c, oxm(longer, 1)))), ErrorId::kBmcBadLen) << f.name;
    if (f.bytes > 1) {
      EXPECT_EQ(verdict(flow_mod(in(c, oxm(shorter, 1)))), ErrorId::kBmcBadLen) << f.name;
    }
    if (f.bits < f.bytes * 8) {
      EXPECT_EQ(verdict(flow_mod(in(c, oxm(f, std::uint64_t{1} << f.bits)))), ErrorId::kBmcBadValue)
          << f.name << " of one bit more";
    }
  }
}

TEST(FieldRules, ASetFieldNeedsWhatTheMatchOfThatFieldNeeds) {
  for (const Field& f : fields()) {
    for (unsigned c = 0; c < kContexts; ++c) {
      const auto got = verdict(with_action(kOxm.at(c), set_field(f, sound_value(f))));
      // A tag that is not there has no VID to set.
      const bool fits = f.name == "vlan_vid" ? c == kVlan : has(f.allowed, c);
      const auto want = !f.settable ? std::optional{ErrorId::kBacBadSetType}
                        : fits      ? std::nullopt
                                    : std::optional{ErrorId::kBacMatchInconsistent};
      EXPECT_EQ(got, want) << f.name << " with " << kOxm.at(c) << ": " << name(got);
    }
  }
}

TEST(FieldRules, ASetFieldHasNoMaskAndOneLengthAndRange) {
  for (const Field& f : fields()) {
    if (!f.settable) continue;
    const unsigned c = f.name == "vlan_vid" ? unsigned{kVlan} : f.allowed.front();
    std::string with_mask = set_field(f, sound_value(f));
    with_mask.replace(12, 2, fmt::format("{:02x}", f.number << 1 | 1));
    EXPECT_EQ(verdict(with_action(kOxm.at(c), with_mask)), ErrorId::kBacBadSetType) << f.name;
    std::string longer = set_field(f, sound_value(f));
    longer.replace(14, 2, fmt::format("{:02x}", f.bytes + 1));
    const auto got = verdict(with_action(kOxm.at(c), longer));
    EXPECT_EQ(got, ErrorId::kBacBadSetLen) << f.name << ": " << name(got);
    if (f.bits < f.bytes * 8) {
      EXPECT_EQ(verdict(with_action(kOxm.at(c), set_field(f, std::uint64_t{1} << f.bits))),
                ErrorId::kBacBadSetArgument)
          << f.name << " of one bit more";
    }
  }
}

}  // namespace
}  // namespace lifeline::openflow
