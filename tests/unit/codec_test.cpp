// SPDX-License-Identifier: Apache-2.0
#include "protocol/codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "tests/support/messages.hpp"

namespace fettle::protocol {
namespace {

using test::AnyMessage;
using test::Bytes;
using test::encoded;

constexpr std::uint64_t kSeed = 41;

template <typename Message>
class EveryMessage : public testing::Test {};
using Messages = testing::Types<HelloRequest, HelloReply, StreamRequest, Reply, SamplesMessage,
                                ScoreMessage, EventMessage, LogMessage, StatusMessage, ModelBegin,
                                ModelBytes, ModelRead, Learned>;
TYPED_TEST_SUITE(EveryMessage, Messages);

/// Same bytes again means same values: encode has no other input.
TYPED_TEST(EveryMessage, ComesBack) {
  AnyMessage any(kSeed);
  for (int i = 0; i < 500; ++i) {
    TypeParam message;
    any.fill(message);
    const Bytes bytes = encoded(message);
    ASSERT_FALSE(bytes.empty()) << "seed " << kSeed << ", message " << i;
    ASSERT_LE(bytes.size(), 496U);
    TypeParam read;
    ASSERT_TRUE(decode(bytes, read)) << "seed " << kSeed << ", message " << i;
    ASSERT_EQ(encoded(read), bytes);
  }
}

TYPED_TEST(EveryMessage, IsExactlyItsLength) {
  AnyMessage any(kSeed);
  for (int i = 0; i < 50; ++i) {
    TypeParam message;
    any.fill(message);
    Bytes bytes = encoded(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_FALSE(decode(std::span(bytes).first(size), message)) << size;
      ASSERT_EQ(encode(message, std::span(bytes).first(size)), 0U) << size;
    }
    bytes = encoded(message);
    bytes.push_back(0);
    ASSERT_FALSE(decode(bytes, message));
  }
}

/// What is accepted is what would be sent: nothing has two forms.
TYPED_TEST(EveryMessage, HasOneForm) {
  AnyMessage any(kSeed);
  for (int i = 0; i < 2000; ++i) {
    TypeParam message;
    any.fill(message);
    Bytes bytes = encoded(message);
    for (int flips = 0; flips < 3; ++flips) {
      bytes[any.random().below(static_cast<std::uint32_t>(bytes.size()))] =
          static_cast<std::uint8_t>(any.random().next());
    }
    if (decode(bytes, message)) {
      ASSERT_EQ(encoded(message), bytes);
    }
  }
}

TEST(Codec, SamplesAreTheseBytes) {
  SamplesMessage message;
  message.block.index = 0x0102030405060708;
  message.block.t_us = 5000;
  message.block.period_ns = 5'000'000;
  message.block.lost_before = 3;
  message.block.restarted = true;
  message.block.count = 1;
  message.block.ranges = {AccelerometerRange::g8, GyroscopeRange::dps2000};
  message.block.samples[0] = {1, -1, 256, INT16_MIN, INT16_MAX, 0};
  message.phase = 64;
  EXPECT_EQ(encoded(message), (Bytes{8,    7,    6,    5,    4, 3, 2, 1,  //
                                     0x88, 0x13, 0,    0,    0, 0, 0, 0,  //
                                     0x40, 0x4B, 0x4C, 0,                 //
                                     3,    0,    0,    0,                 //
                                     64,   0,    0x1D, 1,                 //
                                     1,    0,    0xFF, 0xFF, 0, 1, 0, 0x80, 0xFF, 0x7F, 0, 0}));
}

TEST(Codec, EveryBitOfSamplesArrives) {
  AnyMessage any(kSeed);
  SamplesMessage message;
  any.fill(message);
  SamplesMessage read;
  ASSERT_TRUE(decode(encoded(message), read));
  EXPECT_EQ(read.block.index, message.block.index);
  EXPECT_EQ(read.block.restarted, message.block.restarted);
  EXPECT_EQ(read.block.ranges, message.block.ranges);
  EXPECT_EQ(read.phase, message.phase);
  for (std::size_t i = 0; i < message.block.count; ++i) {
    EXPECT_EQ(read.block.timed(i), message.block.timed(i));
  }
}

/// One value out of its range: neither sent nor accepted, and what was there before stays.
TEST(Codec, RefusesValuesOutOfRange) {
  SamplesMessage samples;
  samples.block.period_ns = 1;
  samples.block.count = 1;
  Bytes bytes = encoded(samples);
  ASSERT_EQ(bytes.size(), samples_bytes(1));
  const auto refused = [&](std::size_t at, std::uint8_t value) {
    Bytes changed = bytes;
    changed[at] = value;
    samples.phase = 77;
    const bool is_refused = !decode(changed, samples);
    EXPECT_EQ(samples.phase, 77);
    return is_refused;
  };
  EXPECT_TRUE(refused(16, 0));     // period
  EXPECT_TRUE(refused(15, 0x7F));  // time
  EXPECT_TRUE(refused(25, 0x80));  // phase
  EXPECT_TRUE(refused(26, 0x20));  // flags
  EXPECT_TRUE(refused(27, 0));     // count
  EXPECT_TRUE(refused(27, 17));
  samples.block.count = 17;
  EXPECT_TRUE(encoded(samples).empty());
  samples.block.count = 0;
  EXPECT_TRUE(encoded(samples).empty());

  ScoreMessage score;
  score.score = std::numeric_limits<float>::quiet_NaN();  // is an anomaly, and is said
  EXPECT_FALSE(encoded(score).empty());
  score.threshold = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(encoded(score).empty());

  StreamRequest stream{16};
  EXPECT_TRUE(encoded(stream).empty());
  Bytes kind = encoded(EventMessage{});
  kind[4] = 0;
  EventMessage event;
  EXPECT_FALSE(decode(kind, event));
  kind[4] = static_cast<std::uint8_t>(EventKind::condition) + 1;
  EXPECT_FALSE(decode(kind, event));
}

TEST(Codec, CutsTextsAtTheEndOfACharacter) {
  const std::string name(31, 'a');
  HelloReply hello;
  const std::string with_umlaut = name + "\xC3\xBC";
  hello.name = with_umlaut;
  HelloReply read;
  const Bytes bytes = encoded(hello);
  ASSERT_TRUE(decode(bytes, read));
  EXPECT_EQ(read.name, name);
}

TEST(Codec, TheVersionComesFirst) {
  HelloReply hello;
  hello.version = 0x0203;
  Bytes bytes = encoded(hello);
  bytes.resize(2);  // whatever follows in a later version
  std::uint16_t version = 0;
  EXPECT_TRUE(decode_version(bytes, version));
  EXPECT_EQ(version, 0x0203);
  bytes.resize(1);
  EXPECT_FALSE(decode_version(bytes, version));
}

}  // namespace
}  // namespace fettle::protocol
