// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "host/platform/files.hpp"

namespace fettle::host {

/// Longest line that is read. A longer one is no table of sensor values, and a file without any
/// newline must not be drawn into memory.
inline constexpr std::size_t kMaxLineBytes = 4096;

// Decimal numbers: [+-] digits [. digits] [e [+-] digits], a digit on at least one side of the
// point. No hexadecimal, no "inf" and "nan", no spaces. Each function returns the first byte after
// the number, or nullptr when there is none at `text` or it does not fit the type.
// @pre behind the number stands a byte that cannot continue it (newline, comma, NUL), and
//      kNumberPadding bytes from there on can be read: digits are read eight at a time.
inline constexpr std::size_t kNumberPadding = 8;

/// The float32 nearest to the decimal, ties to even: the same bits as std::from_chars.
const char* parse_float(const char* text, float& value);
/// The float64 nearest to the decimal.
const char* parse_double(const char* text, double& value);
/// A whole number: no point, no exponent.
const char* parse_int64(const char* text, std::int64_t& value);

/// Text from a file as it may be shown: in quotes, control and non-ASCII bytes escaped, cut to
/// about 40 characters.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// A file in blocks of whole lines. Memory does not grow with the file or with its lines.
class LineBlocks {
 public:
  /// Throws Error(io).
  explicit LineBlocks(const std::filesystem::path& file);

  /// The next whole lines, each ending in '\n'; empty at the end. A last line without newline comes
  /// alone, as it is, and `torn()` is true from then on. kNumberPadding bytes behind the block
  /// can be read, the first behind a torn line is '\n'. A UTF-8 byte order mark at the start of the
  /// file is left out. Valid until the next call. Throws Error(io).
  [[nodiscard]] std::string_view next();
  /// Whether the file ends without a newline.
  [[nodiscard]] bool torn() const { return torn_; }
  /// Whether reading stopped at a line of more than kMaxLineBytes (the one after the last
  /// returned).
  [[nodiscard]] bool too_long() const { return too_long_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  platform::InputFile file_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;  ///< bytes in the buffer
  std::size_t done_ = 0;  ///< of those, returned before
  std::uint64_t bytes_read_ = 0;
  bool at_start_ = true;
  bool at_end_ = false;
  bool torn_ = false;
  bool too_long_ = false;
};

/// One line after the other, without its newline and carriage return.
class Lines {
 public:
  explicit Lines(const std::filesystem::path& file) : file_(file), blocks_(file) {}

  /// @return false at the end. Throws Error(bad_input) at a line that is too long, Error(io).
  [[nodiscard]] bool next(std::string_view& line);
  /// Of the line returned last, from 1.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  /// Whether the line returned last is the last of the file and lacks a newline.
  [[nodiscard]] bool torn() const { return blocks_.torn(); }
  [[nodiscard]] std::uint64_t bytes_read() const { return blocks_.bytes_read(); }

 private:
  std::filesystem::path file_;
  LineBlocks blocks_;
  std::string_view rest_;
  std::uint64_t number_ = 0;
};

/// The error for a line of more than kMaxLineBytes.
[[noreturn]] void throw_too_long(const std::filesystem::path& file, std::uint64_t line);

}  // namespace fettle::host
