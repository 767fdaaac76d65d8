// SPDX-License-Identifier: Apache-2.0
#include "host/csv.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "host/error.hpp"

namespace fettle::host {
namespace {

constexpr std::size_t kBlockBytes = 256 * 1024;

/// A decimal as written: mantissa * 10^exponent.
struct Decimal {
  const char* number = nullptr;  ///< behind a '+', which std::from_chars does not know
  const char* end = nullptr;
  std::uint64_t mantissa = 0;
  int exponent = 0;
  bool negative = false;
  bool exact =
      false;  ///< mantissa and exponent hold all of it, within what double arithmetic does exactly
};

constexpr bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

/// Reads digits into the mantissa. It wraps after 19 of them; the caller counts.
inline const char* read_digits(const char* text, std::uint64_t& mantissa) {
  while (is_digit(*text)) mantissa = mantissa * 10 + static_cast<unsigned char>(*text++ - '0');
  return text;
}

/// Reads up to eight digits at once, without a branch that depends on how many there are;
/// mispredicted ends of digit loops are what makes the plain loop slow. @pre 8 readable bytes.
inline const char* read_eight_digits(const char* text, std::uint64_t& mantissa) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  std::uint64_t bytes;
  std::memcpy(&bytes, text, sizeof bytes);
  const std::uint64_t values = bytes ^ (kOnes * '0');  // a digit becomes 0 to 9
  // The high bit of each byte that is above 9, found without a carry into the next byte.
  const std::uint64_t others =
      (((values & (kOnes * 0x7F)) + kOnes * (0x7F - 9)) | values) & (kOnes * 0x80);
  const int count = std::countr_zero(others) / 8;  // 8 when all are digits
  constexpr std::array<std::uint64_t, 9> kScale = {1,      10,      100,      1000,     10000,
                                                   100000, 1000000, 10000000, 100000000};
  // Leading zeros in front of the digits make it always eight. Shifting by 64 is undefined.
  std::uint64_t digits = count == 0 ? 0 : values << (64 - 8 * count);
  digits = digits * 10 + (digits >> 8);  // pairs in every other byte
  digits = (((digits & 0x000000FF000000FFU) * (100 + (std::uint64_t{1000000} << 32))) +
            (((digits >> 16) & 0x000000FF000000FFU) * (1 + (std::uint64_t{10000} << 32)))) >>
           32;
  mantissa =
      mantissa * kScale[static_cast<std::size_t>(count)] + static_cast<std::uint32_t>(digits);
  return text + count;
}

/// Powers of ten that a double holds exactly.
constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kMaxPower = static_cast<int>(kPowersOfTen.size()) - 1;

inline bool read_decimal(const char* text, Decimal& decimal) {
  decimal.number = text + (*text == '+');
  decimal.negative = *decimal.number == '-';
  if (decimal.negative && decimal.number != text) return false;  // "+-1"
  const char* const digits = decimal.number + decimal.negative;
  const char* at = read_digits(digits, decimal.mantissa);
  std::ptrdiff_t count = at - digits;
  if (*at == '.') {
    const char* const fraction = ++at;
    at = read_eight_digits(at, decimal.mantissa);
    if (at - fraction == 8) at = read_digits(at, decimal.mantissa);
    count += at - fraction;
    decimal.exponent = -static_cast<int>(at - fraction);
  }
  if (count == 0) return false;
  bool small_exponent = true;
  if ((*at | 0x20) == 'e') {
    const char* exponent = at + 1;
    const bool negative = *exponent == '-';
    exponent += *exponent == '-' || *exponent == '+';
    if (is_digit(*exponent)) {
      std::uint64_t power = 0;
      at = read_digits(exponent, power);
      small_exponent = at - exponent <= 4;
      if (small_exponent) decimal.exponent += static_cast<int>(negative ? -power : power);
    }
  }
  decimal.end = at;
  decimal.exact = count <= 19 && small_exponent && decimal.mantissa < (std::uint64_t{1} << 53) &&
                  decimal.exponent >= -kMaxPower && decimal.exponent <= kMaxPower;
  return true;
}

/// One rounding of two exact operands is the correct rounding (Clinger 1990, "How to read floating
/// point numbers accurately", the fast path).
inline double to_double(const Decimal& decimal) {
  const auto mantissa = static_cast<double>(static_cast<std::int64_t>(decimal.mantissa));
  const double value = decimal.exponent < 0
                           ? mantissa / kPowersOfTen[static_cast<std::size_t>(-decimal.exponent)]
                           : mantissa * kPowersOfTen[static_cast<std::size_t>(decimal.exponent)];
  return decimal.negative ? -value : value;
}

/// Whether rounding this double to float32 may differ from rounding the decimal itself. Both round
/// the same way unless the double is the midpoint of two floats: rounding to double is monotone and
/// every midpoint is a double, so no midpoint can lie between the decimal and its double. Below the
/// normal floats the midpoints are elsewhere, so everything there is called uncertain.
inline bool float_is_uncertain(double value) {
  constexpr std::uint64_t kDropped = (std::uint64_t{1} << 29) - 1;  // 52 - 23 bits of the mantissa
  constexpr std::uint64_t kHalf = std::uint64_t{1} << 28;
  constexpr std::uint64_t kSmallestNormalFloat = std::uint64_t{1023 - 126} << 52;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(value) & ~(std::uint64_t{1} << 63);
  return (bits & kDropped) == kHalf || (bits < kSmallestNormalFloat && bits != 0);
}

template <typename Number>
const char* parse_slowly(const Decimal& decimal, Number& value) {
  const auto [end, error] = std::from_chars(decimal.number, decimal.end, value);
  return error == std::errc() && end == decimal.end ? end : nullptr;
}

}  // namespace

const char* parse_float(const char* text, float& value) {
  Decimal decimal;
  if (!read_decimal(text, decimal)) return nullptr;
  if (!decimal.exact) return parse_slowly(decimal, value);
  const double nearest = to_double(decimal);
  if (float_is_uncertain(nearest)) return parse_slowly(decimal, value);
  value = static_cast<float>(nearest);
  return decimal.end;
}

const char* parse_double(const char* text, double& value) {
  Decimal decimal;
  if (!read_decimal(text, decimal)) return nullptr;
  if (!decimal.exact) return parse_slowly(decimal, value);
  value = to_double(decimal);
  return decimal.end;
}

const char* parse_int64(const char* text, std::int64_t& value) {
  const bool negative = *text == '-';
  const char* const digits = text + negative;
  std::uint64_t magnitude = 0;
  const char* end = read_eight_digits(digits, magnitude);
  if (end == digits) return nullptr;
  if (end - digits == 8) end = read_digits(end, magnitude);
  if (end - digits > 18) {  // it may not fit
    const auto [slow_end, error] = std::from_chars(text, end, value);
    return error == std::errc() ? slow_end : nullptr;
  }
  value = negative ? -static_cast<std::int64_t>(magnitude) : static_cast<std::int64_t>(magnitude);
  return end;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string shown = "\"";
  for (const char c : text) {
    if (shown.size() > kLongest) return shown + "\"...";
    if (c == '\t') {
      shown += "\\t";
    } else if (c == '\r') {
      shown += "\\r";
    } else if (c == '"' || c == '\\') {
      shown += '\\';
      shown += c;
    } else if (c < ' ' || c > '~') {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      shown += c;
    }
  }
  return shown + "\"";
}

LineBlocks::LineBlocks(const std::filesystem::path& file)
    : file_(file), buffer_(kBlockBytes + kNumberPadding) {}

std::string_view LineBlocks::next() {
  if (too_long_ || torn_) return {};
  // What is left over is the start of a line that the last block cut in two.
  std::memmove(buffer_.data(), buffer_.data() + done_, used_ - done_);
  used_ -= done_;
  done_ = 0;
  // One read is enough for a file; a pipe may need several for its first whole line.
  bool whole_line = false;
  while (!at_end_ && !whole_line && used_ <= kMaxLineBytes) {
    const std::size_t count = file_.read_some({buffer_.data() + used_, kBlockBytes - used_});
    whole_line =
        std::string_view(buffer_.data() + used_, count).find('\n') != std::string_view::npos;
    at_end_ = count == 0;
    bytes_read_ += count;
    used_ += count;
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (at_start_ && std::string_view(buffer_.data(), used_).starts_with(kByteOrderMark)) {
    used_ -= kByteOrderMark.size();
    std::memmove(buffer_.data(), buffer_.data() + kByteOrderMark.size(), used_);
  }
  at_start_ = false;
  if (used_ == 0) return {};
  const std::string_view all(buffer_.data(), used_);
  const std::size_t last_newline = all.rfind('\n');
  if (last_newline != std::string_view::npos) {
    done_ = last_newline + 1;
    return all.substr(0, done_);
  }
  if (used_ > kMaxLineBytes) {
    too_long_ = true;
    return {};
  }
  // No newline in a buffer that is far larger than a line: the file ends here.
  torn_ = true;
  buffer_[used_] = '\n';
  done_ = used_;
  return all;
}

bool Lines::next(std::string_view& line) {
  if (rest_.empty()) rest_ = blocks_.next();
  if (rest_.empty()) {
    if (blocks_.too_long()) throw_too_long(file_, number_ + 1);
    return false;
  }
  const std::size_t newline = rest_.find('\n');
  line = rest_.substr(0, newline);
  rest_.remove_prefix(newline == std::string_view::npos ? rest_.size() : newline + 1);
  ++number_;
  if (line.size() > kMaxLineBytes) throw_too_long(file_, number_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

void throw_too_long(const std::filesystem::path& file, std::uint64_t line) {
  throw Error(
      ExitCode::bad_input,
      fmt::format("{}:{}: this line has more than {} bytes; expected rows of sensor values. "
                  "Is it the right file?",
                  file.string(), line, kMaxLineBytes));
}

}  // namespace fettle::host
