#include "flow/field.h"
#include "ofagent/backend.h"

namespace lifeline::ofagent {

Abilities all_abilities() {
  Abilities all;
  // output, copy_ttl_out/in, set/dec_mpls_ttl, push/pop_vlan, push/pop_mpls, set_queue, (22 is
  // group), set/dec_nw_ttl, set_field, push/pop_pbb: OpenFlow 1.3.5, 7.2.5.
  for (unsigned type : {0u, 11u, 12u, 15u, 16u, 17u, 18u, 19u, 20u, 21u, 23u, 24u, 25u, 26u, 27u}) {
    all.actions |= 1u << type;
  }
  for (std::size_t i = 0; i < flow::kFieldCount; ++i) {
    const auto id = static_cast<flow::FieldId>(i);
    if (id != flow::FieldId::kInPhyPort) all.match_fields |= std::uint64_t{1} << i;
    if (flow::field_info(id).settable) all.set_fields |= std::uint64_t{1} << i;
  }
  return all;
}

}  // namespace lifeline::ofagent
