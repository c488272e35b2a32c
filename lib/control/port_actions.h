// What PortKeeper does to the switch, and asks of it. Tests have one of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "base/expected.h"
#include "datapath/datapath.h"
#include "flow/port_no.h"
#include "flow/port_vlan.h"
#include "ofagent/backend.h"
#include "ofagent/switch_agent.h"
#include "port/port_set.h"

namespace lifeline::control {

// Control lcore only; nothing blocks.
class PortActions {
 public:
  using Done = port::PortSet::Done;
  using Change = ofagent::SwitchAgent::PortChange;
  virtual ~PortActions() = default;

  // As PortSet's requests of these names: each `done` is called once, perhaps at once.
  virtual void add(const port::PortSpec& spec, Done done) = 0;
  virtual void remove(flow::PortNo number, Done done) = 0;
  virtual void restart(flow::PortNo number, Done done) = 0;
  virtual void on_device_event(port::PortSet::OnDeviceEvent call) = 0;
  virtual void on_arrival(port::PortSet::OnArrival call) = 0;
  // As controllers know it; nullopt: there is no such port.
  virtual std::optional<ofagent::PortInfo> info(flow::PortNo number) const = 0;
  virtual std::uint32_t mtu(flow::PortNo number) const = 0;  // IP, in bytes; 0: no such port
  virtual void set_vlan(flow::PortNo number, flow::PortVlan vlan) = 0;
  // Tells controllers, and whoever else works with ports, of one that came, goes or has changed.
  virtual void announce(Change change, const ofagent::PortInfo& info) = 0;
};

class SwitchPorts final : public PortActions {
 public:
  // All outlive it.
  struct Parts {
    port::PortSet& ports;
    datapath::Datapath& datapath;
    ofagent::Backend& backend;
    ofagent::SwitchAgent& agent;
  };
  explicit SwitchPorts(Parts parts) : p_(parts) {}

  void add(const port::PortSpec& spec, Done done) override {
    p_.ports.request_add(spec, std::move(done));
  }
  void remove(flow::PortNo number, Done done) override {
    p_.ports.request_remove(number, std::move(done));
  }
  void restart(flow::PortNo number, Done done) override {
    p_.ports.request_restart(number, std::move(done));
  }
  void on_device_event(port::PortSet::OnDeviceEvent call) override {
    p_.ports.on_device_event(std::move(call));
  }
  void on_arrival(port::PortSet::OnArrival call) override { p_.ports.on_arrival(std::move(call)); }
  std::optional<ofagent::PortInfo> info(flow::PortNo number) const override {
    return p_.backend.port(number);
  }
  std::uint32_t mtu(flow::PortNo number) const override {
    const auto status = p_.ports.status(number);
    return status ? status->mtu : 0;
  }
  void set_vlan(flow::PortNo number, flow::PortVlan vlan) override {
    p_.datapath.set_port_vlans({{number, std::move(vlan)}});
  }
  void announce(Change change, const ofagent::PortInfo& info) override {
    p_.datapath.ports_changed();  // also forgets who was behind a port that cannot be used
    p_.agent.port_changed(change, info);
  }

 private:
  Parts p_;
};

}  // namespace lifeline::control
