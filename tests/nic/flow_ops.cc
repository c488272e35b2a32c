#include "flow_ops.h"

#include <rte_errno.h>

#include <cinttypes>

#include "ethdev_driver.h"
#include "nic.h"

namespace testnic {
namespace {

Nic& nic_of(rte_eth_dev* dev) { return *static_cast<Nic*>(dev->data->dev_private); }

int answer(rte_flow_error* error, const Refusal& refusal) {
  return rte_flow_error_set(error, refusal.error, refusal.type, refusal.cause, refusal.message);
}

// Nothing: `shape` is what the profile makes of it.
Verdict examine(Nic& nic, const rte_flow_attr* attr, const rte_flow_item* items,
                const rte_flow_action* actions, bool creating, RuleShape& shape) {
  if (!nic.present) return Refusal{EIO, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "the device is gone"};
  auto pattern = read_pattern(items);
  if (auto* no = std::get_if<Refusal>(&pattern)) return *no;
  const Request request{.attr = attr,
                        .pattern = std::move(std::get<Pattern>(pattern)),
                        .actions = read_actions(actions),
                        .n_rxq = nic.n_rxq(),
                        .started = nic.started(),
                        .creating = creating};
  shape.actions = request.actions;
  shape.priority = attr->priority;
  if (auto no = nic.profile().accept(request, shape)) return no;
  if (!creating) return std::nullopt;
  return nic.profile().install(shape, nic.rules(), nic.capacity());
}

int validate(rte_eth_dev* dev, const rte_flow_attr* attr, const rte_flow_item items[],
             const rte_flow_action actions[], rte_flow_error* error) {
  RuleShape shape;
  if (auto no = examine(nic_of(dev), attr, items, actions, false, shape)) return answer(error, *no);
  return 0;
}

rte_flow* create(rte_eth_dev* dev, const rte_flow_attr* attr, const rte_flow_item items[],
                 const rte_flow_action actions[], rte_flow_error* error) {
  RuleShape shape;
  if (auto no = examine(nic_of(dev), attr, items, actions, true, shape)) {
    answer(error, *no);
    return nullptr;
  }
  return nic_of(dev).create(std::move(shape));
}

int destroy(rte_eth_dev* dev, rte_flow* flow, rte_flow_error* error) {
  if (nic_of(dev).destroy(flow)) return 0;
  return answer(error, {EINVAL, RTE_FLOW_ERROR_TYPE_HANDLE, "no such rule"});
}

int flush(rte_eth_dev* dev, rte_flow_error*) {
  nic_of(dev).flush();
  return 0;
}

int query(rte_eth_dev* dev, rte_flow* flow, const rte_flow_action* actions, void* data,
          rte_flow_error* error) {
  const Nic& nic = nic_of(dev);
  if (!nic.has(flow)) return answer(error, {EINVAL, RTE_FLOW_ERROR_TYPE_HANDLE, "no such rule"});
  if (!nic.profile().can_count)
    return answer(error, {ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, "action not supported", actions});
  for (; actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions) {
    if (actions->type == RTE_FLOW_ACTION_TYPE_VOID) continue;
    if (actions->type != RTE_FLOW_ACTION_TYPE_COUNT)
      return answer(error, {ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, "action not supported", actions});
    if (!flow->rule.shape.actions.count)
      return answer(error, {EINVAL, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "flow does not have counter"});
    auto& count = *static_cast<rte_flow_query_count*>(data);
    Rule& rule = flow->rule;
    count.hits_set = count.bytes_set = 1;
    count.hits = count.reset != 0 ? rule.packets.exchange(0) : rule.packets.load();
    count.bytes = count.reset != 0 ? rule.bytes.exchange(0) : rule.bytes.load();
  }
  return 0;
}

int isolate(rte_eth_dev* dev, int set, rte_flow_error* error) {
  Nic& nic = nic_of(dev);
  if (!nic.profile().can_isolate)
    return answer(error, {ENOSYS, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "Function not implemented"});
  if (nic.started() && nic.profile().name == "mlx5")
    return answer(error, {EBUSY, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "port must be stopped first"});
  nic.isolate(set != 0);
  return 0;
}

int dump(rte_eth_dev* dev, rte_flow* only, FILE* file, rte_flow_error*) {
  for (const Rule* rule : nic_of(dev).rules()) {
    if (only != nullptr && rule != &only->rule) continue;
    std::fprintf(file, "rule %u priority %u rank %u queue %u fate %u packets %" PRIu64 "%s\n",
                 rule->id, rule->shape.priority, rule->shape.rank, rule->shape.actions.queue,
                 static_cast<unsigned>(rule->shape.actions.fate), rule->packets.load(),
                 rule->in_hardware ? "" : " not in hardware");
  }
  return 0;
}

rte_flow_ops make_ops() {
  rte_flow_ops ops{};
  ops.validate = validate;
  ops.create = create;
  ops.destroy = destroy;
  ops.flush = flush;
  ops.query = query;
  ops.isolate = isolate;
  ops.dev_dump = dump;
  return ops;
}

}  // namespace

const rte_flow_ops kFlowOps = make_ops();

}  // namespace testnic
