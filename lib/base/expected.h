// Results that may be errors. Control-plane code returns these; nothing throws across a library.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace lifeline {

// An error for a person: what is wrong, where, and what would be right.
struct Error {
  std::string message;
};

template <class T>
using Expected = tl::expected<T, Error>;

template <class... Args>
tl::unexpected<Error> make_error(fmt::format_string<Args...> format, Args&&... args) {
  return tl::make_unexpected(Error{fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace lifeline
