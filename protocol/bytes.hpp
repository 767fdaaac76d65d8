// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace fettle::protocol {

/// Writes little-endian numbers into bytes that the caller owns. What does not fit is not written,
/// nor is anything after it.
class Writer {
 public:
  constexpr explicit Writer(std::span<std::uint8_t> out) : out_(out) {}

  template <typename T>
  requires std::is_integral_v<T>
  constexpr void number(T value) {
    if (!take(sizeof(T))) return;
    auto bits = static_cast<std::make_unsigned_t<T>>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      out_[size_ - sizeof(T) + i] = static_cast<std::uint8_t>(bits & 0xFFU);
      if constexpr (sizeof(T) > 1) bits = static_cast<std::make_unsigned_t<T>>(bits >> 8);
    }
  }
  constexpr void number(float value) { number(std::bit_cast<std::uint32_t>(value)); }
  constexpr void bytes(std::span<const std::uint8_t> bytes) {
    if (!take(bytes.size())) return;
    for (std::size_t i = 0; i < bytes.size(); ++i) out_[size_ - bytes.size() + i] = bytes[i];
  }
  /// The characters, without their number.
  constexpr void characters(std::string_view text) {
    if (!take(text.size())) return;
    for (std::size_t i = 0; i < text.size(); ++i) {
      out_[size_ - text.size() + i] = static_cast<std::uint8_t>(text[i]);
    }
  }

  /// Whether everything fitted.
  [[nodiscard]] constexpr bool ok() const { return ok_; }
  constexpr void fail() { ok_ = false; }
  /// Bytes written; 0 if something did not fit.
  [[nodiscard]] constexpr std::size_t size() const { return ok_ ? size_ : 0; }

 private:
  constexpr bool take(std::size_t count) {
    ok_ = ok_ && out_.size() - size_ >= count;
    if (ok_) size_ += count;
    return ok_;
  }

  std::span<std::uint8_t> out_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

/// Reads what Writer writes. Beyond the end everything is zero, and ok() is false for good.
class Reader {
 public:
  constexpr explicit Reader(std::span<const std::uint8_t> in) : in_(in) {}

  template <typename T>
  requires std::is_integral_v<T>
  constexpr void number(T& value) {
    const auto from = bytes(sizeof(T));
    std::uint64_t bits = 0;
    for (std::size_t i = from.size(); i-- > 0;) bits = bits << 8 | from[i];
    value = static_cast<T>(bits);
  }
  constexpr void number(float& value) {
    std::uint32_t bits = 0;
    number(bits);
    value = std::bit_cast<float>(bits);
  }
  /// The next bytes, inside what was handed in; none if there are fewer.
  constexpr std::span<const std::uint8_t> bytes(std::size_t count) {
    ok_ = ok_ && in_.size() >= count;
    if (!ok_) return {};
    const auto taken = in_.first(count);
    in_ = in_.subspan(count);
    return taken;
  }
  std::string_view characters(std::size_t count) {
    const auto taken = bytes(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

  [[nodiscard]] constexpr bool ok() const { return ok_; }
  constexpr void fail() { ok_ = false; }
  /// Everything was there, and nothing is left.
  [[nodiscard]] constexpr bool complete() const { return ok_ && in_.empty(); }
  [[nodiscard]] constexpr std::size_t left() const { return in_.size(); }

 private:
  std::span<const std::uint8_t> in_;
  bool ok_ = true;
};

}  // namespace fettle::protocol
