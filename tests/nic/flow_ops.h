// rte_flow of the test NIC.
#pragma once

#include <rte_flow_driver.h>

namespace testnic {

extern const rte_flow_ops kFlowOps;

}  // namespace testnic
