// What a TLS connection is made with: our files, read again when they change, and the checks that
// every peer passes.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/expected.h"
#include "base/ip_address.h"
#include "config/config.h"

namespace lifeline::control {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;
using SslContextPtr = std::unique_ptr<SSL_CTX, SslFree>;

// Whom we expect at the other end. The chain up to tls.ca is checked always; beyond it:
struct TlsPeer {
  // What the certificate must be for, a DNS name or an address; "": see `ip`.
  std::string name;
  // Where we have connected to. A certificate that names addresses must name this one; one that
  // names none (ovs-pki makes such) is good for any. Unset: a client, which may come from anywhere.
  std::optional<IpAddress> ip;
  // Written by the check: why the certificate is refused, for a person.
  std::string refusal;
};

// Reads files and may take milliseconds: not for the control lcore. One thread at a time.
class TlsContexts {
 public:
  explicit TlsContexts(config::Tls files) : files_(std::move(files)) {}

  // A connection's SSL object with the files as they are now. When changed files cannot be used
  // (half written, say), the ones that were read before stay in force, with a warning. The error
  // names the file. `peer` outlives the handshake.
  Expected<SslPtr> make(TlsPeer& peer);
  // Ends the tie between an SSL object whose handshake is done and its peer.
  static void forget_peer(SSL* ssl);

 private:
  // Tells whether a file is another than before.
  struct Stamp {
    std::int64_t modified_ns = 0;
    std::int64_t size = -1;  // -1: it cannot be looked at
    std::uint64_t inode = 0;

    bool operator==(const Stamp&) const = default;
  };
  using Stamps = std::array<Stamp, 4>;

  Stamps stamps() const;
  Expected<SslContextPtr> load() const;

  const config::Tls files_;
  SslContextPtr context_;
  Stamps seen_;
};

// What OpenSSL has to say about the last failure of this thread, for a person; empties its queue.
std::string tls_error_text();

}  // namespace lifeline::control
