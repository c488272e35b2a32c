#include "openflow/error.h"

#include <gtest/gtest.h>

#include "flow_mod_bytes.h"

namespace lifeline::openflow {
namespace {

using Id = ErrorId;

constexpr std::string_view kIpv4 = "80000a020800";

TEST(ErrorNumbersTest, AreThoseOfTheSpecifications) {
  EXPECT_EQ(error_numbers(Id::kBacBadOutPort, Version::k13), (ErrorNumbers{2, 4}));
  EXPECT_EQ(error_numbers(Id::kBacBadOutPort, Version::k10), (ErrorNumbers{2, 4}));
  EXPECT_EQ(error_numbers(Id::kBrcBadExperimenter, Version::k10), (ErrorNumbers{1, 3}));
  EXPECT_EQ(error_numbers(Id::kBrcBadMultipart, Version::k13), (ErrorNumbers{1, 2}));
  EXPECT_EQ(error_numbers(Id::kBmcDupField, Version::k13), (ErrorNumbers{4, 10}));
  EXPECT_EQ(error_numbers(Id::kFmfcOverlap, Version::k10), (ErrorNumbers{3, 1}));
  EXPECT_EQ(error_numbers(Id::kFmfcOverlap, Version::k13), (ErrorNumbers{5, 3}));
  EXPECT_EQ(error_numbers(Id::kFmfcTableFull, Version::k10), (ErrorNumbers{3, 0}));
  EXPECT_EQ(error_numbers(Id::kTffcEperm, Version::k13), (ErrorNumbers{13, 5}));
  EXPECT_EQ(error_name(ErrorNumbers{3, 1}, Version::k10), "OFPFMFC_OVERLAP");
  EXPECT_EQ(error_name(ErrorNumbers{99, 1}, Version::k13), "unknown");
}

TEST(ErrorMsgTest, CarriesTheFirst64BytesOfTheOffender) {
  const Bytes offender(100, std::byte{7});
  EXPECT_EQ(make_error_msg(Id::kBrcBadType, Version::k13, offender).data.size(), 64u);
  EXPECT_EQ(make_error_msg(Id::kBrcBadType, Version::k13, BytesView(offender).first(9)).data.size(),
            9u);
  Bytes unknown = message13(99, std::string(200, '0'));
  const auto decoded = decode(unknown, Version::k13);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().xid, 7u);
  EXPECT_EQ(decoded.error().data, Bytes(unknown.begin(), unknown.begin() + 64));
}

struct Case {
  std::string_view what;
  Bytes message;
  std::optional<Id> expected;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto got = verdict(c.message);
    EXPECT_EQ(got, c.expected) << c.what << ": " << (got ? error_name(*got) : "accepted");
  }
}

std::string with(std::string_view a, std::string_view b) { return std::string(a) + std::string(b); }

TEST(MatchErrorsTest, EachFaultHasItsOwnCode) {
  check({
      {"sound", flow_mod(with(kIpv4, "800017080a000000ff000000")), std::nullopt},
      {"prerequisite missing", flow_mod("800016040a000001"), Id::kBmcBadPrereq},
      {"prerequisite later", flow_mod(with("800016040a000001", kIpv4)), Id::kBmcBadPrereq},
      {"duplicate", flow_mod(with(kIpv4, kIpv4)), Id::kBmcDupField},
      {"bits outside the mask", flow_mod(with(kIpv4, "800017080a000001ff000000")),
       Id::kBmcBadWildcards},
      {"partial mask of eth_type", flow_mod("80000b040800ff00"), Id::kBmcBadMask},
      {"full mask of eth_type", flow_mod("80000b040800ffff"), std::nullopt},
      {"unknown class", flow_mod("00010a020800"), Id::kBmcBadField},
      {"unknown field", flow_mod("80007e020800"), Id::kBmcBadField},
      {"wrong length", flow_mod("80000a0400000800"), Id::kBmcBadLen},
      {"length past the end", flow_mod("80000a080800"), Id::kBmcBadLen},
      {"value out of range", flow_mod(with(kIpv4, "80001001ff")), Id::kBmcBadValue},
      {"in_port above the ports", flow_mod("800000040000ff00"), Id::kBmcBadValue},
      {"in_port LOCAL", flow_mod("80000004fffffffe"), std::nullopt},
      {"VID without PRESENT", flow_mod("80000c020005"), Id::kBmcBadValue},
      {"VID", flow_mod("80000c021005"), std::nullopt},
      {"no tag", flow_mod("80000c020000"), std::nullopt},
      {"any tag", flow_mod("80000d0410001000"), std::nullopt},
      {"PCP without a tag", flow_mod(with("80000c020000", "80000e0101")), Id::kBmcBadPrereq},
      {"PCP of any tag", flow_mod(with("80000d0410001000", "80000e0101")), std::nullopt},
  });
}

TEST(ActionErrorsTest, EachFaultHasItsOwnCode) {
  check({
      {"output", with_action("", "0000001000000001ffff000000000000"), std::nullopt},
      {"output to no port", with_action("", "0000001000010000ffff000000000000"),
       Id::kBacBadOutPort},
      {"output to ANY", with_action("", "00000010ffffffffffff000000000000"), Id::kBacBadOutPort},
      {"unknown action", with_action("", "0063000800000000"), Id::kBacBadType},
      {"length of 4", with_action("", "0012000400000000"), Id::kBacBadLen},
      {"length past the end", with_action("", "0012001000000000"), Id::kBacBadLen},
      {"experimenter", with_action("", "ffff001000002320000e000000000000"),
       Id::kBacBadExperimenter},
      {"push of no tag", with_action("", "0011000808000000"), Id::kBacBadArgument},
      {"pop without a tag", with_action("", "0012000800000000"), Id::kBacMatchInconsistent},
      {"pop of a tag", with_action("80000d0410001000", "0012000800000000"), std::nullopt},
      {"set-field without prerequisite", with_action("", "00190010800016040a00000100000000"),
       Id::kBacMatchInconsistent},
      {"set-field", with_action(kIpv4, "00190010800016040a00000100000000"), std::nullopt},
      {"set-field of in_port", with_action("", "00190010800000040000000100000000"),
       Id::kBacBadSetType},
      {"set-field of a wrong length", with_action(kIpv4, "00190010800016030a00000100000000"),
       Id::kBacBadSetLen},
      {"set-field out of range", with_action(kIpv4, "00190010800010014000000000000000"),
       Id::kBacBadSetArgument},
      {"set VID without PRESENT",
       with_action("80000d0410001000", "0019001080000c020005000000000000"), Id::kBacBadSetArgument},
      {"dec TTL of what", with_action("", "0018000800000000"), Id::kBacMatchInconsistent},
      {"no such group", with_action("", "00160008ffffff01"), Id::kBacBadOutGroup},
  });
}

TEST(InstructionErrorsTest, EachFaultHasItsOwnCode) {
  check({
      {"goto later", flow_mod("", "0001000802000000"), std::nullopt},
      {"goto itself", flow_mod("", "0001000801000000"), Id::kBicBadTableId},
      {"unknown", flow_mod("", "0063000800000000"), Id::kBicUnknownInst},
      {"experimenter", flow_mod("", "ffff000800002320"), Id::kBicBadExperimenter},
      {"bad length", flow_mod("", "0001000400000000"), Id::kBicBadLen},
      {"twice", flow_mod("", "00010008020000000001000802000000"), Id::kBicDupInst},
  });
}

TEST(RequestErrorsTest, EachFaultHasItsOwnCode) {
  check({
      {"unknown type", message13(30, ""), Id::kBrcBadType},
      {"barrier with a body", message13(20, "00000000"), Id::kBrcBadLen},
      {"unknown multipart", message13(18, "0063000000000000"), Id::kBrcBadMultipart},
      {"short multipart", message13(18, "0001"), Id::kBrcBadLen},
      {"bad role", message13(24, "00000009000000000000000000000000"), Id::kRrfcBadRole},
      {"group command", message13(15, "0009000000000001"), Id::kGmfcBadCommand},
      {"group type", message13(15, "0000090000000001"), Id::kGmfcBadType},
      {"bucket length", message13(15, "000000000000000100080000ffffffff"), Id::kGmfcBadBucket},
      {"meter band", message13(29, "000000010000000100090010000000010000000100000000"),
       Id::kMmfcBadBand},
      {"meter flags", message13(29, "0000001000000001"), Id::kMmfcBadFlags},
  });
  EXPECT_EQ(decode(encode(BarrierRequest{}, 1, Version::k10), Version::k13).error().id,
            Id::kBrcBadVersion);
}

}  // namespace
}  // namespace lifeline::openflow
