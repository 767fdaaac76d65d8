// SPDX-License-Identifier: Apache-2.0
#include "protocol/card_record.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/messages.hpp"

namespace fettle::protocol {
namespace {

using test::AnyMessage;
using test::Bytes;

using Record = std::array<std::uint8_t, kCardRecordBytes>;

CardHeader header(std::uint32_t sequence) {
  return {CardRecordType::samples, sequence, 5, {1, 2, 3, 4, 5, 6, 7, 8}};
}

Record record(std::uint32_t sequence, const Bytes& payload = Bytes(100, 9)) {
  Record bytes;
  EXPECT_TRUE(write_card_record(header(sequence), payload, bytes));
  return bytes;
}

TEST(CardRecord, ComesBack) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kMostCardPayload}) {
    const Bytes payload(size, 0x5A);
    const Record bytes = record(77, payload);
    const CardRecord read = read_card_record(bytes);
    ASSERT_EQ(read.damage, CardDamage::none);
    EXPECT_EQ(read.header.type, CardRecordType::samples);
    EXPECT_EQ(read.header.sequence, 77U);
    EXPECT_EQ(read.header.boot, 5U);
    EXPECT_EQ(read.header.id, header(0).id);
    EXPECT_EQ(Bytes(read.payload.begin(), read.payload.end()), payload);
  }
  Record bytes;
  EXPECT_FALSE(write_card_record(header(0), Bytes(kMostCardPayload + 1), bytes));
}

TEST(CardRecord, EveryFlippedBitIsFound) {
  const Record good = record(3);
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Record bytes = good;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << bit % 8));
    ASSERT_NE(read_card_record(bytes).damage, CardDamage::none) << bit;
  }
}

TEST(CardRecord, EveryTornRecordIsFound) {
  const Record good = record(3);
  for (const std::uint8_t old : {std::uint8_t{0}, std::uint8_t{0xFF}, std::uint8_t{0x37}}) {
    for (std::size_t size = 0; size < good.size(); ++size) {
      Record bytes;
      bytes.fill(old);
      std::copy_n(good.begin(), size, bytes.begin());
      if (bytes == good) continue;  // the last bytes happen to be those
      const CardDamage damage = read_card_record(bytes).damage;
      ASSERT_NE(damage, CardDamage::none) << size;
      if (size == 0) {
        ASSERT_EQ(damage, CardDamage::blank);
      }
    }
  }
}

TEST(CardRecord, SaysWhatItIsInstead) {
  Record bytes = record(1);
  bytes[0] = 'X';
  EXPECT_EQ(read_card_record(bytes).damage, CardDamage::no_magic);
  bytes = record(1);
  bytes[100] ^= 1;
  EXPECT_EQ(read_card_record(bytes).damage, CardDamage::bad_checksum);
  CardHeader unknown = header(1);
  unknown.type = static_cast<CardRecordType>(9);
  ASSERT_TRUE(write_card_record(unknown, Bytes(10), bytes));
  EXPECT_EQ(read_card_record(bytes).damage, CardDamage::bad_header);
}

TEST(CardRecord, SessionAndEndComeBack) {
  CardSession session{
      "normal", "pump 3", "0.1.0", 200, {AccelerometerRange::g4, GyroscopeRange::dps500},
      0x70,     0xDEAD,   128,     64,  12345,
      67890};
  Bytes bytes(512);
  bytes.resize(encode(session, bytes));
  CardSession read;
  ASSERT_TRUE(decode(bytes, read));
  EXPECT_EQ(read.label, "normal");
  EXPECT_EQ(read.name, "pump 3");
  EXPECT_EQ(read.ranges, session.ranges);
  EXPECT_EQ(read.hop, 64);
  EXPECT_EQ(read.utc_us, 67890);
  bytes.pop_back();
  EXPECT_FALSE(decode(bytes, read));

  const CardEnd end{CardEndReason::full, 1000, 3, 1, 5, 6};
  bytes.assign(512, 0);
  bytes.resize(encode(end, bytes));
  CardEnd end_read;
  ASSERT_TRUE(decode(bytes, end_read));
  EXPECT_EQ(end_read.reason, CardEndReason::full);
  EXPECT_EQ(end_read.samples, 1000U);
  bytes[0] = 5;
  EXPECT_FALSE(decode(bytes, end_read));
}

TEST(CardSamples, HoldsAsManyAsFit) {
  AnyMessage any(3);
  CardSamples samples;
  std::vector<Bytes> added;
  SamplesMessage message;
  for (any.fill(message); samples.add(message); any.fill(message)) {
    added.push_back(test::encoded(message));
  }
  EXPECT_GE(added.size(), 2U);  // two full blocks always fit
  CardSamplesReader reader(samples.payload());
  for (const Bytes& expected : added) {
    ASSERT_TRUE(reader.next(message));
    EXPECT_EQ(test::encoded(message), expected);
  }
  EXPECT_FALSE(reader.next(message));
  EXPECT_TRUE(reader.ok());

  CardSamplesReader cut(samples.payload().first(samples.payload().size() - 1));
  while (cut.next(message)) {
  }
  EXPECT_FALSE(cut.ok());
}

class Tail : public testing::Test {
 protected:
  CardTail find(std::uint32_t most = 1000) {
    return find_card_tail(
        log.size(), buffer, most, [&](std::uint64_t at, std::span<std::uint8_t> to) {
          if (fail) return false;
          std::copy_n(log.begin() + static_cast<std::ptrdiff_t>(at), to.size(), to.begin());
          return true;
        });
  }
  void append(const Record& bytes, std::size_t size = kCardRecordBytes) {
    log.insert(log.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  }

  Bytes log;
  Record buffer{};
  bool fail = false;
};

TEST_F(Tail, OfAnEmptyLog) {
  const CardTail tail = find();
  EXPECT_TRUE(tail.readable);
  EXPECT_FALSE(tail.found);
  EXPECT_EQ(tail.padding, 0U);
}

TEST_F(Tail, AfterALossOfPowerAtEveryByte) {
  append(record(0));
  append(record(1));
  const Bytes whole = log;
  for (std::size_t size = 0; size < kCardRecordBytes; ++size) {
    log = whole;
    append(record(2), size);
    CardTail tail = find();
    ASSERT_TRUE(tail.found);
    ASSERT_EQ(tail.last.sequence, 1U);
    ASSERT_EQ((log.size() + tail.padding) % kCardRecordBytes, 0U);
    ASSERT_EQ(tail.damaged, size == 0 ? 0U : 1U);
    // Filled up and gone on, the log is found whole.
    log.resize(log.size() + tail.padding);
    append(record(2));
    tail = find();
    ASSERT_TRUE(tail.found);
    ASSERT_EQ(tail.last.sequence, 2U);
    ASSERT_EQ(tail.last_at, log.size() - kCardRecordBytes);
    ASSERT_EQ(tail.damaged, 0U);
  }
}

TEST_F(Tail, StopsLooking) {
  log.assign(100 * kCardRecordBytes, 0xEE);
  const CardTail tail = find(10);
  EXPECT_FALSE(tail.found);
  EXPECT_EQ(tail.damaged, 10U);
  fail = true;
  EXPECT_FALSE(find().readable);
}

}  // namespace
}  // namespace fettle::protocol
