// SPDX-License-Identifier: Apache-2.0
#include "protocol/cobs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "core/learn/random.hpp"
#include "protocol/crc16.hpp"

namespace fettle::protocol {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes encoded(const Bytes& in) {
  Bytes out(in.size() + cobs_overhead(in.size()));
  out.resize(cobs_encode(in, out));
  return out;
}

Bytes decoded(const Bytes& in) {
  Bytes out(in.size());
  out.resize(cobs_decode(in, out));
  return out;
}

Bytes counting(std::uint8_t from, std::uint8_t to) {
  Bytes bytes(static_cast<std::size_t>(to - from + 1));
  std::iota(bytes.begin(), bytes.end(), from);
  return bytes;
}

/// Cheshire and Baker 1999, and the table in Wikipedia's article that cites them.
TEST(Cobs, EncodesThePublishedExamples) {
  EXPECT_EQ(encoded({}), (Bytes{1}));
  EXPECT_EQ(encoded({0}), (Bytes{1, 1}));
  EXPECT_EQ(encoded({0, 0}), (Bytes{1, 1, 1}));
  EXPECT_EQ(encoded({0, 0x11, 0}), (Bytes{1, 2, 0x11, 1}));
  EXPECT_EQ(encoded({0x11, 0x22, 0, 0x33}), (Bytes{3, 0x11, 0x22, 2, 0x33}));
  EXPECT_EQ(encoded({0x11, 0x22, 0x33, 0x44}), (Bytes{5, 0x11, 0x22, 0x33, 0x44}));
  EXPECT_EQ(encoded({0x11, 0, 0, 0}), (Bytes{2, 0x11, 1, 1, 1}));

  Bytes expected = counting(1, 254);
  expected.insert(expected.begin(), 0xFF);
  EXPECT_EQ(encoded(counting(1, 254)), expected);  // a full group, and nothing behind it

  Bytes in = counting(1, 255);
  expected.insert(expected.end(), {2, 0xFF});
  EXPECT_EQ(encoded(in), expected);

  in = counting(2, 255);
  in.push_back(0);
  expected = counting(2, 255);
  expected.insert(expected.begin(), 0xFF);
  expected.insert(expected.end(), {1, 1});
  EXPECT_EQ(encoded(in), expected);
}

TEST(Cobs, ComesBackWhateverTheBytes) {
  Random random(20261123);
  for (std::size_t size = 1; size < 800; ++size) {
    for (const std::uint32_t zero_in : {2U, 50U, 1000000U}) {
      Bytes in(size);
      for (auto& byte : in) {
        byte = random.below(zero_in) == 0 ? std::uint8_t{0}
                                          : static_cast<std::uint8_t>(1 + random.below(255));
      }
      const Bytes out = encoded(in);
      ASSERT_EQ(std::count(out.begin(), out.end(), 0), 0);
      ASSERT_LE(out.size(), size + cobs_overhead(size));
      ASSERT_EQ(decoded(out), in);

      // In place, both ways, as frames are made and read.
      Bytes place(size + cobs_overhead(size));
      std::copy(in.begin(), in.end(),
                place.begin() + static_cast<std::ptrdiff_t>(cobs_overhead(size)));
      place.resize(cobs_encode(std::span(place).subspan(cobs_overhead(size)), place));
      ASSERT_EQ(place, out);
      place.resize(cobs_decode(place, place));
      ASSERT_EQ(place, in);
    }
  }
}

TEST(Cobs, RefusesWhatNobodyEncoded) {
  EXPECT_TRUE(decoded({}).empty());
  EXPECT_TRUE(decoded({0}).empty());
  EXPECT_TRUE(decoded({3, 1}).empty());        // ends inside a group
  EXPECT_TRUE(decoded({3, 1, 0}).empty());     // a zero
  EXPECT_TRUE(decoded({2, 1, 0, 1}).empty());  // a zero as a code
}

TEST(Crc16, HasTheCatalogueCheckValue) {
  constexpr std::string_view kCheck = "123456789";
  Crc16 crc;
  EXPECT_EQ(crc.value(), 0xFFFF);
  crc.add({reinterpret_cast<const std::uint8_t*>(kCheck.data()), kCheck.size()});
  EXPECT_EQ(crc.value(), 0x29B1);
}

}  // namespace
}  // namespace fettle::protocol
