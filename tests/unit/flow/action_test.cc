#include "flow/action.h"

#include <gtest/gtest.h>

namespace lifeline::flow {
namespace {

TEST(ActionText, IsThatOfOvsOfctl) {
  EXPECT_EQ(to_string(ActionList{}), "drop");
  EXPECT_EQ(to_string(ActionList{Output{2}}), "output:2");
  EXPECT_EQ(to_string(ActionList{Output{kPortNormal}}), "NORMAL");
  EXPECT_EQ(to_string(ActionList{Output{kPortLocal}, Output{kPortInPort}}), "LOCAL,IN_PORT");
  EXPECT_EQ(to_string(ActionList{Output{kPortController, 128}}), "CONTROLLER:128");
  EXPECT_EQ(to_string(ActionList{Output{kPortMax}}), "output:65279");
  EXPECT_EQ(to_string(ActionList{PushVlan{}, SetVlanVid10{5}, SetVlanPcp10{3}, PopVlan{}}),
            "push_vlan:0x8100,mod_vlan_vid:5,mod_vlan_pcp:3,pop_vlan");
  EXPECT_EQ(to_string(ActionList{PushMpls{}, SetMplsTtl{9}, DecMplsTtl{}, PopMpls{0x0800}}),
            "push_mpls:0x8847,set_mpls_ttl(9),dec_mpls_ttl,pop_mpls:0x0800");
  EXPECT_EQ(to_string(ActionList{SetIpTtl{64}, DecIpTtl{}, CopyTtlOut{}, CopyTtlIn{}}),
            "mod_nw_ttl:64,dec_ttl,copy_ttl_out,copy_ttl_in");
  EXPECT_EQ(to_string(ActionList{SetQueue{1}, Group{7}, PushPbb{}, PopPbb{}}),
            "set_queue:1,group:7,push_pbb:0x88e7,pop_pbb");
}

TEST(ActionText, SetFieldNamesAsOvsDoes) {
  const auto set = [](FieldId id, std::uint64_t v) {
    return to_string(ActionList{SetField{id, FieldValue::from_u64(id, v)}});
  };
  EXPECT_EQ(set(FieldId::kIpv4Src, 0x0a000001), "set_field:10.0.0.1->ip_src");
  EXPECT_EQ(set(FieldId::kEthDst, 0x020000000001), "set_field:02:00:00:00:00:01->eth_dst");
  EXPECT_EQ(set(FieldId::kTcpDst, 80), "set_field:80->tcp_dst");
  EXPECT_EQ(set(FieldId::kTunnelId, 16), "set_field:0x10->tun_id");
}

TEST(InstructionText, IsThatOfOvsOfctl) {
  EXPECT_EQ(to_string(Instructions{}), "drop");
  EXPECT_EQ(to_string(Instructions::apply_only({})), "drop");
  EXPECT_EQ(to_string(Instructions::apply_only({Output{1}})), "output:1");
  Instructions all;
  all.meter = 1;
  all.apply = ActionList{Output{1}, Output{2}};
  all.clear = true;
  all.write = ActionList{};
  all.metadata = WriteMetadata{be64{0x1}, be64{0xf}};
  all.goto_table = 3;
  EXPECT_EQ(to_string(all),
            "meter:1,output:1,output:2,clear_actions,write_actions(drop),write_metadata:0x1/0xf,"
            "goto_table:3");
  all = {};
  all.metadata = WriteMetadata{be64{0x1}, be64::all_ones()};
  EXPECT_EQ(to_string(all), "write_metadata:0x1");
}

}  // namespace
}  // namespace lifeline::flow
