#include "control/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <utility>

#include "base/log.h"

namespace lifeline::control {
namespace {

struct X509Deleter {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};

// Where an SSL object keeps its TlsPeer.
int peer_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::string name_text(const X509_NAME* name) {
  std::array<char, 256> text{};
  X509_NAME_oneline(name, text.data(), static_cast<int>(text.size()));
  return text.data();
}

std::string subject_of(X509* certificate) { return name_text(X509_get_subject_name(certificate)); }

std::string time_text(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, X509Deleter> out(BIO_new(BIO_s_mem()));
  if (!out || ASN1_TIME_print(out.get(), time) != 1) return "?";
  std::array<char, 64> text{};
  const int n = BIO_read(out.get(), text.data(), static_cast<int>(text.size()) - 1);
  return {text.data(), static_cast<std::size_t>(n > 0 ? n : 0)};
}

bool names_an_address(X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, X509Deleter> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    if (sk_GENERAL_NAME_value(names.get(), i)->type == GEN_IPADD) return true;
  }
  return false;
}

bool is_for(X509* certificate, const std::string& name) {
  if (IpAddress::parse(name)) return X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
  return X509_check_host(certificate, name.data(), name.size(), 0, nullptr) == 1;
}

// True if a certificate with a good chain belongs to whom we want; otherwise says why not.
bool check_name(X509* certificate, TlsPeer& peer, X509_STORE_CTX* store) {
  if (!peer.name.empty()) {
    if (is_for(certificate, peer.name)) return true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    peer.refusal = fmt::format("the certificate {} is not for {}, the name configured",
                               subject_of(certificate), peer.name);
    return false;
  }
  if (!peer.ip || !names_an_address(certificate) || is_for(certificate, peer.ip->to_string()))
    return true;
  X509_STORE_CTX_set_error(store, X509_V_ERR_IP_ADDRESS_MISMATCH);
  peer.refusal = fmt::format("the certificate {} is for other addresses than {}",
                             subject_of(certificate), peer.ip->to_string());
  return false;
}

int verify(int chain_is_good, X509_STORE_CTX* store) {
  auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const peer = static_cast<TlsPeer*>(SSL_get_ex_data(ssl, peer_index()));
  X509* const certificate = X509_STORE_CTX_get_current_cert(store);
  if (peer == nullptr) return 0;  // a handshake after the first one: nobody asks for it
  if (chain_is_good != 0) {
    if (X509_STORE_CTX_get_error_depth(store) > 0) return 1;
    return check_name(certificate, *peer, store) ? 1 : 0;
  }
  const int error = X509_STORE_CTX_get_error(store);
  std::string why = X509_verify_cert_error_string(error);
  if (error == X509_V_ERR_CERT_HAS_EXPIRED) {
    why += " on " + time_text(X509_get0_notAfter(certificate));
  } else if (error == X509_V_ERR_CERT_NOT_YET_VALID) {
    why += " before " + time_text(X509_get0_notBefore(certificate)) + "; is our clock right?";
  } else if (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
             error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
             error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
             error == X509_V_ERR_CERT_SIGNATURE_FAILURE) {
    why += ": it does not come from an authority in tls.ca";
  } else if (error == X509_V_ERR_UNABLE_TO_GET_CRL) {
    why = fmt::format("tls.crl has no revocation list of its authority, {}",
                      name_text(X509_get_issuer_name(certificate)));
  } else if (error == X509_V_ERR_CRL_HAS_EXPIRED || error == X509_V_ERR_CRL_NOT_YET_VALID) {
    X509_CRL* const crl = X509_STORE_CTX_get0_current_crl(store);
    const bool expired = error == X509_V_ERR_CRL_HAS_EXPIRED;
    why =
        fmt::format("the revocation list of {} in tls.crl {}", name_text(X509_CRL_get_issuer(crl)),
                    expired ? "was to be renewed by " + time_text(X509_CRL_get0_nextUpdate(crl))
                            : "is not valid before " + time_text(X509_CRL_get0_lastUpdate(crl)));
  }
  peer->refusal = fmt::format("the certificate {} is refused: {}",
                              certificate != nullptr ? subject_of(certificate) : "", why);
  return 0;
}

// Of the whole chain: an authority in between may have been revoked by the one above it.
bool use_revocation_lists(SSL_CTX* context, const std::string& path) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, path.c_str(), X509_FILETYPE_PEM) < 1)
    return false;
  return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

// A key with a password would make OpenSSL ask for it on the terminal.
int no_password(char*, int, int, void*) { return -1; }

}  // namespace

std::string tls_error_text() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    // The first is the cause, the others say where it was noticed.
    if (text.empty() && reason != nullptr) text = reason;
  }
  return text.empty() ? "no reason given" : text;
}

Expected<SslContextPtr> TlsContexts::load() const {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_method()));
  if (!context) return make_error("TLS: {}", tls_error_text());
  SSL_CTX* const c = context.get();
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  // Sessions last for months; there is nothing to resume, and a cache would be shared by threads.
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_passwd_cb(c, no_password);
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verify);
  const auto failed = [](const char* key, const std::string& path) {
    return make_error("tls.{}: {} cannot be used: {}", key, path, tls_error_text());
  };
  if (SSL_CTX_load_verify_file(c, files_.ca.c_str()) != 1) return failed("ca", files_.ca);
  if (!files_.crl.empty() && !use_revocation_lists(c, files_.crl)) return failed("crl", files_.crl);
  if (files_.certificate.empty()) return context;
  if (SSL_CTX_use_certificate_chain_file(c, files_.certificate.c_str()) != 1)
    return failed("certificate", files_.certificate);
  if (SSL_CTX_use_PrivateKey_file(c, files_.private_key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(c) != 1)
    return failed("private_key", files_.private_key);
  return context;
}

TlsContexts::Stamps TlsContexts::stamps() const {
  Stamps all;
  std::size_t i = 0;
  for (const std::string* path :
       {&files_.ca, &files_.certificate, &files_.private_key, &files_.crl}) {
    Stamp& stamp = all[i++];
    struct stat status {};
    if (path->empty() || ::stat(path->c_str(), &status) != 0) continue;
    stamp.modified_ns =
        std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    stamp.size = status.st_size;
    stamp.inode = status.st_ino;
  }
  return all;
}

void TlsContexts::forget_peer(SSL* ssl) { SSL_set_ex_data(ssl, peer_index(), nullptr); }

Expected<SslPtr> TlsContexts::make(TlsPeer& peer) {
  const Stamps now = stamps();
  if (!context_ || now != seen_) {
    auto loaded = load();
    if (loaded) {
      if (context_) log::info("control", "tls: the files have changed and are in force");
      context_ = std::move(*loaded);
    } else if (!context_) {
      return tl::make_unexpected(loaded.error());
    } else {
      log::warn("control", "{}; the files read before stay in force", loaded.error().message);
    }
    seen_ = now;
  }
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl || SSL_set_ex_data(ssl.get(), peer_index(), &peer) != 1)
    return make_error("TLS: {}", tls_error_text());
  return ssl;
}

}  // namespace lifeline::control
