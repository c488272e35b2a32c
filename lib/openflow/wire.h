// Reading and writing big-endian bytes. Internal to openflow/.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "base/mac_address.h"
#include "openflow/protocol.h"

namespace lifeline::openflow {

constexpr std::size_t round_up8(std::size_t n) { return (n + 7) & ~std::size_t{7}; }

// A cursor over bytes. Reading past the end gives zeros and makes ok() false from then on, so that
// a fixed structure is read whole and checked once.
class Reader {
 public:
  explicit Reader(BytesView data) : data_(data) {}

  bool ok() const { return ok_; }
  std::size_t remaining() const { return data_.size() - pos_; }
  bool empty() const { return remaining() == 0; }
  // ok() and nothing left: a message of fixed size was read exactly.
  bool finished() const { return ok_ && empty(); }

  std::uint8_t u8() { return static_cast<std::uint8_t>(big(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(big(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(big(4)); }
  std::uint64_t u64() { return big(8); }
  void skip(std::size_t n) { take(n); }

  BytesView take(std::size_t n) {
    if (n > remaining()) {
      ok_ = false;
      pos_ = data_.size();
      return {};
    }
    const BytesView out = data_.subspan(pos_, n);
    pos_ += n;
    return out;
  }
  BytesView rest() { return take(remaining()); }
  Bytes copy_rest() {
    const BytesView r = rest();
    return Bytes(r.begin(), r.end());
  }
  MacAddress mac() {
    const BytesView b = take(6);
    return b.empty() ? MacAddress{} : MacAddress::from_bytes(b.data());
  }
  // A fixed field of text, up to its first NUL.
  std::string text(std::size_t n) {
    const BytesView b = take(n);
    if (b.empty()) return {};
    const auto* p = reinterpret_cast<const char*>(b.data());
    return std::string(p,
                       strnlen(p, n - 1));  // the last byte is the terminator's, whatever it holds
  }
  // The next bytes without moving; zero past the end.
  std::uint16_t peek_u16(std::size_t at = 0) const {
    if (at + 2 > remaining()) return 0;
    const auto* p = data_.data() + pos_ + at;
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(p[0]) << 8 |
                                      std::to_integer<unsigned>(p[1]));
  }

 private:
  std::uint64_t big(std::size_t n) {
    std::uint64_t v = 0;
    for (std::byte b : take(n)) v = v << 8 | std::to_integer<std::uint64_t>(b);
    return v;
  }

  BytesView data_;
  std::size_t pos_ = 0;
  bool ok_ = true;
};

// Appends to a buffer.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}

  std::size_t size() const { return out_.size(); }
  Bytes& buffer() { return out_; }

  void u8(std::uint8_t v) { out_.push_back(static_cast<std::byte>(v)); }
  void u16(std::uint16_t v) { big(v, 2); }
  void u32(std::uint32_t v) { big(v, 4); }
  void u64(std::uint64_t v) { big(v, 8); }
  void zeros(std::size_t n) { out_.resize(out_.size() + n); }
  void bytes(BytesView b) { out_.insert(out_.end(), b.begin(), b.end()); }
  void mac(MacAddress m) {
    for (std::uint8_t b : m.bytes) u8(b);
  }
  // A fixed field of text: at most n - 1 bytes, filled with NUL.
  void text(std::string_view s, std::size_t n) {
    const std::size_t used = std::min(s.size(), n - 1);
    bytes({reinterpret_cast<const std::byte*>(s.data()), used});
    zeros(n - used);
  }
  // Zeros until size() - start is a multiple of 8.
  void pad8(std::size_t start) { zeros(round_up8(size() - start) - (size() - start)); }
  void patch_u16(std::size_t at, std::size_t v) {
    out_[at] = static_cast<std::byte>(v >> 8);
    out_[at + 1] = static_cast<std::byte>(v);
  }

 private:
  void big(std::uint64_t v, std::size_t n) {
    for (std::size_t i = n; i-- > 0;) out_.push_back(static_cast<std::byte>(v >> (8 * i)));
  }

  Bytes& out_;
};

}  // namespace lifeline::openflow
