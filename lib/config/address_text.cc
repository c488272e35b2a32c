#include "config/address_text.h"

#include <charconv>
#include <optional>

#include "base/host_name.h"

namespace lifeline::config {
namespace {

constexpr std::size_t kMaxUnixPath = 107;  // sockaddr_un, terminating zero not counted

std::string bracketed(const IpAddress& a) {
  return a.is_v4() ? a.to_string() : fmt::format("[{}]", a.to_string());
}

// 1..65535, decimal, no sign and no leading zero.
std::optional<std::uint16_t> parse_tcp_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '0')
    return std::nullopt;
  return port;
}

bool is_link_local(const IpAddress& ip) { return ip.is_v6() && ip.v6().is_link_local(); }

bool is_a_hosts(const IpAddress& ip) {
  if (ip.is_zero()) return false;
  return ip.is_v4() ? ip.v4().value.host() < 0xe0000000 : !ip.v6().is_multicast();
}

Expected<Controller> checked(std::string_view text, std::string_view address,
                             std::optional<std::string_view> port) {
  Controller c;
  if (const std::size_t percent = address.find('%'); percent != std::string_view::npos) {
    c.zone = address.substr(percent + 1);
    address = address.substr(0, percent);
    const auto zoned = IpAddress::parse(address);
    if (!zoned || !is_link_local(*zoned) || c.zone.empty())
      return make_error("'{}': only a link-local address has a zone: tcp:[fe80::1%br0]:6653", text);
  }
  const auto ip = IpAddress::parse(address);
  if (!ip) {
    if (address.find(':') != std::string_view::npos)
      return make_error("'{}': an IPv6 address is written in brackets: tcp:[2001:db8::1]:6653",
                        text);
    auto host = parse_host_name(address);
    if (!host)
      return make_error("'{}': '{}' is neither an IP address nor a host's name: {}", text, address,
                        host.error().message);
    c.host = std::move(*host);
  } else if (!is_a_hosts(*ip)) {
    return make_error("'{}': {} is not the address of a host", text, address);
  } else {
    c.address = *ip;
  }
  if (port) {
    const auto number = parse_tcp_port(*port);
    if (!number) return make_error("'{}': '{}' is no TCP port, 1..65535", text, *port);
    c.port = *number;
  }
  return c;
}

Expected<Controller> parse_target(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  if (scheme == "tls")
    return make_error("'{}': TLS is written ssl:{}, as Open vSwitch does", text,
                      text.substr(colon + 1));
  if ((scheme != "tcp" && scheme != "ssl") || colon == std::string_view::npos) {
    if (IpAddress::parse(text)) {
      const bool v6 = text.find(':') != std::string_view::npos;
      return make_error("'{}' has no protocol; did you mean 'tcp:{}{}{}'?", text, v6 ? "[" : "",
                        text, v6 ? "]" : "");
    }
    return make_error(
        "'{}' is no controller; it is written tcp:HOST, tcp:HOST:port or ssl:HOST:port", text);
  }
  std::string_view rest = text.substr(colon + 1);
  if (rest.starts_with('[')) {
    const std::size_t close = rest.find(']');
    const std::string_view tail =
        close == std::string_view::npos ? std::string_view{} : rest.substr(close + 1);
    if (close == std::string_view::npos || (!tail.empty() && tail.front() != ':'))
      return make_error("'{}': expected tcp:[IPv6] or tcp:[IPv6]:port", text);
    const auto port = tail.empty() ? std::nullopt : std::optional(tail.substr(1));
    auto parsed = checked(text, rest.substr(1, close - 1), port);
    if (parsed && !parsed->host.empty())
      return make_error("'{}': a name is written without brackets", text);
    return parsed;
  }
  const std::size_t last = rest.rfind(':');
  if (last == std::string_view::npos) return checked(text, rest, std::nullopt);
  // More than one colon: IPv6 without brackets, in which a port cannot be told from the address.
  if (rest.find(':') != last)
    return make_error("'{}': an IPv6 address is written in brackets: tcp:[2001:db8::1]:6653", text);
  return checked(text, rest.substr(0, last), rest.substr(last + 1));
}

}  // namespace

Expected<Controller> parse_controller(std::string_view text) {
  auto parsed = parse_target(text);
  if (parsed && parsed->zone.empty() && is_link_local(parsed->address))
    return make_error(
        "'{}': a link-local address needs its zone, the local port's name: tcp:[{}%br0]:{}", text,
        parsed->address.to_string(), parsed->port);
  if (parsed && text.starts_with("ssl:")) parsed->transport = Transport::kTls;
  return parsed;
}

Expected<AlsoReach> parse_also_reach(std::string_view text) {
  if (text.starts_with("tcp:") || text.starts_with("ssl:"))
    return make_error("'{}': an address without protocol is meant: {}", text, text.substr(4));
  // The rest is a controller's.
  const std::string whole = fmt::format("tcp:{}", text);
  const bool bare_v6 = !text.starts_with('[') && text.find(':') != text.rfind(':');
  if (bare_v6)
    return make_error("'{}': an IPv6 address is written in brackets: [2001:db8::1]:6653", text);
  const auto parsed = parse_target(whole);
  if (parsed && !parsed->zone.empty())
    return make_error("'{}': without a zone; the local port's is meant: [{}]:{}", text,
                      parsed->address.to_string(), parsed->port);
  if (parsed) return AlsoReach{parsed->address, parsed->host, parsed->port};
  std::string_view host = text.substr(0, text.rfind(':'));
  if (host.starts_with('[')) host = host.substr(1, host.find(']') - 1);
  if (const auto ip = IpAddress::parse(host); ip && !is_a_hosts(*ip))
    return make_error("'{}': {} is not the address of a host", text, host);
  return make_error(
      "'{}' is no address; it is written HOST, HOST:port or [IPv6]:port, port 1..65535", text);
}

Expected<AlsoNextHop> parse_also_next_hop(std::string_view text) {
  if (const auto mac = MacAddress::parse(text)) {
    if (mac->is_zero() || mac->is_multicast())
      return make_error("'{}' is not the MAC address of one station", text);
    return AlsoNextHop{{}, *mac};
  }
  const bool bracketed_text = text.starts_with('[') && text.ends_with(']');
  const auto ip = IpAddress::parse(bracketed_text ? text.substr(1, text.size() - 2) : text);
  if (!ip) {
    return make_error("'{}' is no next hop; it is an IP address or a MAC address, without a port",
                      text);
  }
  if (!is_a_hosts(*ip)) return make_error("'{}' is not the address of a host", text);
  return AlsoNextHop{*ip, std::nullopt};
}

Expected<IpAddress> parse_resolver(std::string_view text) {
  const auto ip = IpAddress::parse(text);
  if (!ip) return make_error("'{}' is no resolver; it is an IP address without a port", text);
  if (!is_a_hosts(*ip) || is_link_local(*ip))
    return make_error("'{}' is not the address of a host that can be asked", text);
  return *ip;
}

Expected<Listener> parse_listener(std::string_view text) {
  Listener l;
  if (text.starts_with("unix:")) {
    l.kind = Listener::Kind::kUnix;
    l.path = text.substr(5);
    if (!l.path.starts_with('/'))
      return make_error("'{}': the path of a socket is absolute: unix:/run/lifeline/br0.mgmt",
                        text);
    if (l.path.size() > kMaxUnixPath)
      return make_error("'{}': the path has {} bytes, the kernel takes {}", text, l.path.size(),
                        kMaxUnixPath);
    return l;
  }
  const bool is_tls = text.starts_with("pssl:");
  if (!is_tls && !text.starts_with("ptcp:"))
    return make_error(
        "'{}' is no listener; it is written unix:/path, ptcp:port[:ip] or pssl:port[:ip]", text);
  l.kind = is_tls ? Listener::Kind::kTls : Listener::Kind::kTcp;
  const std::string_view rest = text.substr(5);
  const std::size_t colon = rest.find(':');
  const auto port = parse_tcp_port(rest.substr(0, colon));
  if (!port) return make_error("'{}': '{}' is no TCP port, 1..65535", text, rest.substr(0, colon));
  l.port = *port;
  if (colon != std::string_view::npos) {
    std::string_view address = rest.substr(colon + 1);
    if (address.starts_with('[') && address.ends_with(']'))
      address = address.substr(1, address.size() - 2);
    const auto ip = IpAddress::parse(address);
    if (!ip) return make_error("'{}': '{}' is no IP address", text, address);
    l.address = *ip;
  }
  return l;
}

std::string Controller::to_string() const {
  const std::string where = !host.empty()  ? host
                            : zone.empty() ? bracketed(address)
                                           : fmt::format("[{}%{}]", address.to_string(), zone);
  return fmt::format("{}:{}:{}", transport == Transport::kTls ? "ssl" : "tcp", where, port);
}

std::string AlsoReach::to_string() const {
  return fmt::format("{}:{}", host.empty() ? bracketed(address) : host, port);
}

std::string AlsoNextHop::to_string() const { return mac ? mac->to_string() : address.to_string(); }

std::string Listener::to_string() const {
  if (kind == Kind::kUnix) return "unix:" + path;
  return fmt::format("{}:{}:{}", kind == Kind::kTls ? "pssl" : "ptcp", port, bracketed(address));
}

}  // namespace lifeline::config
