// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fettle {

/// A line of text in memory of its own. What does not fit is cut off.
template <std::size_t Capacity>
class Text {
 public:
  Text& operator<<(std::string_view text) {
    const std::size_t room = Capacity - size_;
    const std::size_t taken = text.size() < room ? text.size() : room;
    for (std::size_t i = 0; i < taken; ++i) bytes_[size_ + i] = text[i];
    size_ += taken;
    return *this;
  }
  Text& operator<<(const char* text) { return *this << std::string_view(text); }
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) Text& operator<<(T value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    return *this << std::string_view(digits.data(),
                                     static_cast<std::size_t>(end.ptr - digits.data()));
  }
  /// With so many digits behind the point (0 to 9), rounded to nearest. The standard's conversion of
  /// floating-point numbers would bring tables of tens of kilobytes.
  Text& number(double value, int decimals) {
    if (value != value) return *this << "nan";
    if (value < 0) {
      *this << "-";
      value = -value;
    }
    std::uint64_t scale = 1;
    for (int i = 0; i < decimals; ++i) scale *= 10;
    if (value >= 9e18 / static_cast<double>(scale)) return *this << "huge";
    const auto scaled = static_cast<std::uint64_t>(value * static_cast<double>(scale) + 0.5);
    *this << scaled / scale;
    if (decimals == 0) return *this;
    *this << ".";
    for (std::uint64_t digit = scale / 10; digit > 0; digit /= 10) {
      *this << static_cast<unsigned>(scaled / digit % 10);
    }
    return *this;
  }
  /// Two hexadecimal digits a byte.
  Text& hex(std::uint64_t value, int digits) {
    for (int i = digits - 1; i >= 0; --i) {
      const auto digit = static_cast<unsigned>(value >> (4 * i) & 15U);
      *this << std::string_view(&"0123456789abcdef"[digit], 1);
    }
    return *this;
  }

  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  void clear() { size_ = 0; }

 private:
  std::array<char, Capacity> bytes_;
  std::size_t size_ = 0;
};

}  // namespace fettle
