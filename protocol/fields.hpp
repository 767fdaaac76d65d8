// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/math.hpp"
#include "protocol/bytes.hpp"

namespace fettle::protocol {

// Each message lists its fields once, in a function fields(archive, message); the archive Put writes
// them and Get reads them. Both check, so nothing is sent that would be refused.

/// `text` without the character that reaches beyond `most` bytes, and what follows.
[[nodiscard]] constexpr std::string_view cut_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80) --most;
  return text.substr(0, most);
}

class Put {
 public:
  explicit Put(std::span<std::uint8_t> out) : writer_(out) {}

  template <typename T>
  void number(const T& value) {
    writer_.number(value);
  }
  /// A number from `low` to `high`, both included.
  template <typename T>
  void within(const T& value, T low, T high) {
    require(value >= low && value <= high);
    writer_.number(value);
  }
  void finite(const float& value) {
    require(is_finite(value));
    writer_.number(value);
  }
  /// One byte, 0 or 1.
  void flag(const bool& value) { writer_.number(static_cast<std::uint8_t>(value)); }
  /// One byte, from `low` to `high`.
  template <typename Enum>
  void choice(const Enum& value, Enum low, Enum high) {
    require(value >= low && value <= high);
    writer_.number(static_cast<std::uint8_t>(value));
  }
  /// One byte with no bits but these.
  void bits(const std::uint8_t& value, unsigned mask) {
    require((value & ~mask) == 0);
    writer_.number(value);
  }
  /// Its length as one number of type Length, then its bytes.
  template <typename Length>
  void text(const std::string_view& value, std::size_t most) {
    const std::string_view cut = cut_text(value, most);
    writer_.number(static_cast<Length>(cut.size()));
    writer_.characters(cut);
  }
  template <typename Length>
  void bytes(const std::span<const std::uint8_t>& value, std::size_t most) {
    require(value.size() <= most);
    writer_.number(static_cast<Length>(value.size()));
    writer_.bytes(value);
  }
  template <std::size_t size>
  void fixed(const std::array<std::uint8_t, size>& value) {
    writer_.bytes(value);
  }
  void require(bool condition) {
    if (!condition) writer_.fail();
  }
  [[nodiscard]] std::size_t size() const { return writer_.size(); }

 private:
  Writer writer_;
};

class Get {
 public:
  explicit Get(std::span<const std::uint8_t> in) : reader_(in) {}

  template <typename T>
  void number(T& value) {
    reader_.number(value);
  }
  template <typename T>
  void within(T& value, T low, T high) {
    reader_.number(value);
    require(value >= low && value <= high);
  }
  void finite(float& value) {
    reader_.number(value);
    require(is_finite(value));
  }
  void flag(bool& value) {
    std::uint8_t byte = 0;
    reader_.number(byte);
    require(byte <= 1);
    value = byte != 0;
  }
  template <typename Enum>
  void choice(Enum& value, Enum low, Enum high) {
    std::uint8_t byte = 0;
    reader_.number(byte);
    if (byte < static_cast<std::uint8_t>(low) || byte > static_cast<std::uint8_t>(high)) {
      reader_.fail();
      return;
    }
    value = static_cast<Enum>(byte);
  }
  void bits(std::uint8_t& value, unsigned mask) {
    reader_.number(value);
    require((value & ~mask) == 0);
  }
  template <typename Length>
  void text(std::string_view& value, std::size_t most) {
    Length length = 0;
    reader_.number(length);
    require(length <= most);
    if (reader_.ok()) value = reader_.characters(length);
  }
  template <typename Length>
  void bytes(std::span<const std::uint8_t>& value, std::size_t most) {
    Length length = 0;
    reader_.number(length);
    require(length <= most);
    if (reader_.ok()) value = reader_.bytes(length);
  }
  template <std::size_t size>
  void fixed(std::array<std::uint8_t, size>& value) {
    const auto from = reader_.bytes(size);
    for (std::size_t i = 0; i < from.size(); ++i) value[i] = from[i];
  }
  void require(bool condition) {
    if (!condition) reader_.fail();
  }
  [[nodiscard]] bool ok() const { return reader_.ok(); }
  [[nodiscard]] bool complete() const { return reader_.complete(); }

 private:
  Reader reader_;
};

}  // namespace fettle::protocol
