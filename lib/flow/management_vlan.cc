#include "flow/management_vlan.h"

namespace lifeline::flow {

void ManagementVlan::narrow(Match& match) const {
  if (kind == Kind::kAny) return;
  if (kind == Kind::kVid)
    match.vlan_vid(vid);
  else
    match.vlan_none_or_priority();
  match.inner_vlan(false);
}

}  // namespace lifeline::flow
