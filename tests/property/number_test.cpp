// SPDX-License-Identifier: Apache-2.0
// The decimal parser against std::from_chars, bit for bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>

#include "host/csv.hpp"

namespace fettle::host {
namespace {

constexpr std::uint64_t kSeed = 20261123;

template <typename Number>
const char* parse(const char* text, Number& value) {
  if constexpr (std::is_same_v<Number, float>) {
    return parse_float(text, value);
  } else {
    return parse_double(text, value);
  }
}

/// Both readers over the same text: the same end and the same bits, or both refuse.
template <typename Number>
void compare(const std::string& text) {
  using Bits = std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t>;
  const std::string padded = text + std::string(kNumberPadding, '\0');
  Number expected = 0;
  const auto [end, error] = std::from_chars(padded.data(), padded.data() + text.size(), expected);
  Number value = 0;
  const char* const found = parse<Number>(padded.data(), value);
  if (error != std::errc()) {
    ASSERT_EQ(found, nullptr) << text;
    return;
  }
  ASSERT_NE(found, nullptr) << text;
  ASSERT_EQ(found - padded.data(), end - padded.data()) << text;
  ASSERT_EQ(std::bit_cast<Bits>(value), std::bit_cast<Bits>(expected)) << text;
}

void compare_both(const std::string& text) {
  compare<float>(text);
  compare<double>(text);
}

TEST(Number, EveryShortestFloatReadsBack) {
  std::mt19937_64 random(kSeed);
  char text[64 + kNumberPadding] = {};
  for (int i = 0; i < 3'000'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    const auto value = std::bit_cast<float>(bits);
    if (!std::isfinite(value)) continue;
    char* const end = std::to_chars(text, text + 64, value).ptr;
    *end = ',';
    float read = 0;
    ASSERT_EQ(parse_float(text, read), end) << std::string(text, end);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(read), bits) << std::string(text, end);
  }
}

TEST(Number, RandomDecimalsAgree) {
  std::mt19937_64 random(kSeed + 1);
  const auto digits = [&](std::size_t most) {
    std::string text;
    for (std::size_t count = random() % (most + 1); count > 0; --count) {
      text += static_cast<char>('0' + random() % 10);
    }
    return text;
  };
  for (int i = 0; i < 1'000'000; ++i) {
    std::string text = random() % 2 == 0 ? "-" : "";
    text += digits(random() % 8 == 0 ? 25 : 6) + "." + digits(random() % 8 == 0 ? 30 : 9);
    if (random() % 4 == 0) text += fmt::format("e{}", static_cast<int>(random() % 120) - 60);
    // std::from_chars takes no number from "." or "-.", and neither do we.
    compare_both(text);
    if (HasFatalFailure()) return;
  }
}

TEST(Number, DecimalsAtTheMidpointOfTwoFloatsAgree) {
  // Where rounding first to double and then to float goes wrong: at the midpoint and a hair beside
  // it.
  std::mt19937_64 random(kSeed + 2);
  for (int i = 0; i < 300'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random() % 0x7F000000U);
    const auto low = static_cast<double>(std::bit_cast<float>(bits));
    const auto high = static_cast<double>(std::bit_cast<float>(bits + 1));
    const double middle = low + (high - low) / 2;
    for (const double value : {middle, std::nextafter(middle, low), std::nextafter(middle, high)}) {
      compare<float>(fmt::format("{:.17g}", value));
      compare<float>(fmt::format("{:.25f}", value));
    }
    if (HasFatalFailure()) return;
  }
  // Few digits, so that the quick way is taken: 2^24 + 1 is the midpoint of two floats.
  for (int i = 1; i < 200'000; i += 2) {
    const std::uint64_t middle = (std::uint64_t{1} << 24) + static_cast<std::uint64_t>(i);
    compare<float>(fmt::format("{}", middle));
    compare<float>(fmt::format("{}.{}", middle, "0000001"));
    compare<float>(fmt::format("{}.{}", middle - 1, "9999999"));
    if (HasFatalFailure()) return;
  }
}

TEST(Number, EdgesAgree) {
  for (const char* text : {"0",
                           "-0",
                           "0.0",
                           "00000000000000000000000001",
                           "1e22",
                           "1e23",
                           "1e-22",
                           "1e-23",
                           "1e38",
                           "3.4028235e38",
                           "3.4028236e38",
                           "3.5e38",
                           "1e39",
                           "1e-38",
                           "1.1754943e-38",
                           "1.1754944e-38",
                           "1e-45",
                           "1.4e-45",
                           "7e-46",
                           "1e-50",
                           "1e308",
                           "1e309",
                           "1e-400",
                           "9007199254740991",
                           "9007199254740992",
                           "9007199254740993",
                           "18446744073709551616",
                           "0.000000000000000000000000000001",
                           "123456789012345678901234567890",
                           ".5",
                           "5.",
                           "-.5",
                           "-5.",
                           "1e",
                           "1e+",
                           "1e-",
                           "1e5x",
                           "1.e5",
                           ".e5",
                           ".",
                           "-",
                           "",
                           "e5",
                           "1.2.3",
                           "1-2",
                           "0e99999",
                           "0e-99999",
                           "1e00000000005",
                           "12345678",
                           "123456789",
                           "0.12345678",
                           "0.123456789",
                           "1/2",
                           "1:2",
                           "4294967296",
                           "0.00000000000000000001e20",
                           "abc",
                           " 1"}) {
    compare_both(text);
  }
}

TEST(Number, WhatIsNoDecimalIsRefused) {
  for (const std::string text : {"nan", "NaN", "inf", "-inf", "infinity", "+-1", "++1", "--1", "+",
                                 "", "x", ",", "\n", "e1", "-e1"}) {
    float value = 0;
    EXPECT_EQ(parse_float((text + std::string(kNumberPadding, '\0')).c_str(), value), nullptr)
        << text;
  }
  // Read as 0, with the rest left over for the caller to stumble on.
  const std::string hexadecimal = "0x10" + std::string(kNumberPadding, '\0');
  float value = 0;
  EXPECT_EQ(parse_float(hexadecimal.c_str(), value), hexadecimal.c_str() + 1);
}

TEST(Number, APlusIsAccepted) {
  const std::string text = "+1.5" + std::string(kNumberPadding, '\0');
  float value = 0;
  EXPECT_EQ(parse_float(text.c_str(), value), text.c_str() + 4);
  EXPECT_EQ(value, 1.5F);
}

TEST(Number, WholeNumbersAgree) {
  std::mt19937_64 random(kSeed + 3);
  std::vector<std::string> texts = {"9223372036854775807",
                                    "-9223372036854775808",
                                    "9223372036854775808",
                                    "-9223372036854775809",
                                    "999999999999999999",
                                    "1000000000000000000",
                                    "00000000000000000000001",
                                    "-",
                                    "",
                                    "+1",
                                    "1.5",
                                    "-x"};
  for (int i = 0; i < 500'000; ++i) {
    const auto value = static_cast<std::int64_t>(random()) >> (random() % 64);
    texts.push_back(std::to_string(value));
  }
  for (const std::string& text : texts) {
    const std::string padded = text + std::string(kNumberPadding, '\0');
    std::int64_t expected = 0;
    const auto [end, error] = std::from_chars(padded.data(), padded.data() + text.size(), expected);
    std::int64_t value = 0;
    const char* const found = parse_int64(padded.data(), value);
    if (error != std::errc()) {
      ASSERT_EQ(found, nullptr) << text;
    } else {
      ASSERT_EQ(found, padded.data() + (end - padded.data())) << text;
      ASSERT_EQ(value, expected) << text;
    }
  }
}

}  // namespace
}  // namespace fettle::host
