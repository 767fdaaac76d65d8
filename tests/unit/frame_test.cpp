// SPDX-License-Identifier: Apache-2.0
#include "protocol/frame.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/sequence.hpp"
#include "tests/support/messages.hpp"

namespace fettle::protocol {
namespace {

using test::Bytes;
using Kind = LineEvent::Kind;

constexpr std::uint64_t kSeed = 7;

Bytes frame(MessageType type, std::uint16_t sequence, const Bytes& payload) {
  Bytes bytes(encoded_frame_bytes(payload.size()));
  bytes.resize(encode_frame(type, sequence, payload, bytes));
  return bytes;
}

Bytes as_bytes(std::string_view text) { return {text.begin(), text.end()}; }

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes random_payload(Random& random, std::size_t size) {
  Bytes payload(size);
  for (auto& byte : payload) {
    byte = random.below(8) == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(random.next());
  }
  return payload;
}

/// Everything that a reader says about some bytes, copied.
struct Seen {
  std::vector<std::uint16_t> sequences;
  std::vector<Bytes> payloads;
  std::vector<FrameDamage> damage;
  std::vector<std::string> text;

  [[nodiscard]] bool has(std::uint16_t sequence, const Bytes& payload) const {
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      if (sequences[i] == sequence && payloads[i] == payload) return true;
    }
    return false;
  }
};

Seen read(const Bytes& bytes, FrameReader&& reader = {}) {
  Seen seen;
  for (const std::uint8_t byte : bytes) {
    const LineEvent event = reader.push(byte);
    if (event.kind == Kind::frame) {
      seen.sequences.push_back(event.sequence);
      seen.payloads.emplace_back(event.payload.begin(), event.payload.end());
    } else if (event.kind == Kind::damaged) {
      seen.damage.push_back(event.damage);
    } else if (event.kind == Kind::text) {
      seen.text.emplace_back(event.text);
    }
  }
  EXPECT_EQ(reader.frames(), seen.sequences.size());
  EXPECT_EQ(reader.damaged(), seen.damage.size());
  return seen;
}

TEST(Frame, IsTheseBytes) {
  const Bytes bytes = frame(MessageType::status, 0x1234, {});
  ASSERT_EQ(bytes.size(), 8U);
  EXPECT_EQ(bytes.front(), 0);
  EXPECT_EQ(Bytes(bytes.begin() + 1, bytes.begin() + 5), (Bytes{6, 4, 0x34, 0x12}));
  EXPECT_EQ(bytes.back(), 0);
}

TEST(Frame, ComesBackInEverySize) {
  Random random(kSeed);
  Bytes line;
  for (std::size_t size = 0; size <= kMostPayload; ++size) {
    const Bytes payload = random_payload(random, size);
    const Bytes bytes = frame(MessageType::samples, static_cast<std::uint16_t>(size), payload);
    ASSERT_FALSE(bytes.empty());
    ASSERT_LE(bytes.size(), kMostEncodedFrame);
    line = line + bytes;
    ASSERT_TRUE(read(bytes).has(static_cast<std::uint16_t>(size), payload)) << size;
  }
  const Seen seen = read(line);
  EXPECT_EQ(seen.sequences.size(), kMostPayload + 1);
  EXPECT_TRUE(seen.damage.empty());
  EXPECT_TRUE(seen.text.empty());
}

TEST(Frame, IsNotMadeWhenItDoesNotFit) {
  EXPECT_TRUE(frame(MessageType::log, 0, Bytes(kMostPayload + 1)).empty());
  Bytes out(encoded_frame_bytes(10) - 1);
  EXPECT_EQ(encode_frame(MessageType::log, 0, Bytes(10), out), 0U);
}

TEST(FrameReader, TellsTextFromFrames) {
  const Bytes one = frame(MessageType::reply, 1, {1, 2, 0, 3});
  const Seen seen = read(as_bytes("hello\r\nthere\n\rgr\xC3\xBC\xC3\x9F\n") + one +
                         as_bytes("gr\xC3\xBC\xC3\x9F dich\r\n\x1b[0;32mI (27) boot\n") + one +
                         one + as_bytes("\nmistay\x7Fke\b\bken\n"));
  EXPECT_EQ(seen.sequences.size(), 3U);
  EXPECT_TRUE(seen.damage.empty());
  EXPECT_EQ(seen.text, (std::vector<std::string>{"hello", "there", "", "gr\xC3\xBC\xC3\x9F",
                                                 "gr\xC3\xBC\xC3\x9F dich", "\x1b[0;32mI (27) boot",
                                                 "", "mistaken"}));
}

/// A glitch while a board starts, and then a person at a terminal: text must not wait for a zero.
TEST(FrameReader, FindsTextAfterALoneZero) {
  Seen seen = read(Bytes{0, 0, 'h', 'e', 'l', '\b', 'l', 'p', '\r'});
  EXPECT_EQ(seen.text, std::vector<std::string>{"help"});
  EXPECT_TRUE(seen.damage.empty());
  // Not so after bytes that may be a frame: a frame may hold a line feed.
  const Bytes payload = as_bytes("\n\n help\n\n");
  for (std::uint16_t sequence = 0; sequence < 0x3000; ++sequence) {
    seen = read(Bytes{0} + frame(MessageType::reply, sequence, payload));
    ASSERT_TRUE(seen.has(sequence, payload));
    ASSERT_TRUE(seen.text.empty());
  }
}

TEST(FrameReader, SkipsWhatIsTooLongAndGoesOn) {
  const Bytes good = frame(MessageType::log, 9, {5});
  Seen seen = read(Bytes(kMostTextLine, 'a') + as_bytes("\n") + Bytes(kMostTextLine + 1, 'b') +
                   as_bytes("\nnext\n") + Bytes(100000, 'c') + good);
  EXPECT_EQ(seen.text, (std::vector<std::string>{std::string(kMostTextLine, 'a'), "next"}));
  EXPECT_EQ(seen.damage,
            (std::vector<FrameDamage>{FrameDamage::text_too_long, FrameDamage::text_cut}));
  EXPECT_TRUE(seen.has(9, {5}));

  seen = read(Bytes{0} + Bytes(100000, 0xAA) + good);
  EXPECT_EQ(seen.damage, std::vector<FrameDamage>{FrameDamage::too_long});
  EXPECT_TRUE(seen.has(9, {5}));
  seen = read(Bytes{0, 2, 1, 0});
  EXPECT_EQ(seen.damage, std::vector<FrameDamage>{FrameDamage::too_short});
  seen = read(Bytes{0, 5, 1, 0});
  EXPECT_EQ(seen.damage, std::vector<FrameDamage>{FrameDamage::bad_stuffing});
}

/// Frame 2 of 3 suffers; 1 and 3 must arrive, and 2 never arrives as something else.
class Damage : public testing::Test {
 protected:
  void expect_only_two_suffers(const Bytes& two_damaged, const char* what, std::size_t where) {
    const Seen seen = read(one + two_damaged + three);
    ASSERT_TRUE(seen.has(1, payloads[0])) << what << " at " << where;
    ASSERT_TRUE(seen.has(3, payloads[2])) << what << " at " << where;
    for (std::size_t i = 0; i < seen.sequences.size(); ++i) {
      const auto sequence = seen.sequences[i];
      ASSERT_TRUE(sequence >= 1 && sequence <= 3) << what << " at " << where;
      ASSERT_EQ(seen.payloads[i], payloads[sequence - 1U]) << what << " at " << where;
    }
    ASSERT_LE(seen.sequences.size(), 3U);
  }

  Random random{kSeed};
  std::array<Bytes, 3> payloads = {random_payload(random, 40), random_payload(random, 300),
                                   random_payload(random, 220)};
  Bytes one = frame(MessageType::samples, 1, payloads[0]);
  Bytes two = frame(MessageType::samples, 2, payloads[1]);
  Bytes three = frame(MessageType::samples, 3, payloads[2]);
};

TEST_F(Damage, EveryBitFlip) {
  for (std::size_t bit = 0; bit < 8 * two.size(); ++bit) {
    Bytes damaged = two;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << bit % 8));
    expect_only_two_suffers(damaged, "bit", bit);
  }
}

TEST_F(Damage, EveryByteLostOrDoubled) {
  for (std::size_t at = 0; at < two.size(); ++at) {
    Bytes damaged = two;
    damaged.erase(damaged.begin() + static_cast<std::ptrdiff_t>(at));
    expect_only_two_suffers(damaged, "lost byte", at);
    damaged = two;
    damaged.insert(damaged.begin() + static_cast<std::ptrdiff_t>(at), two[at]);
    expect_only_two_suffers(damaged, "doubled byte", at);
  }
}

TEST_F(Damage, EveryTruncation) {
  for (std::size_t size = 0; size < two.size(); ++size) {
    expect_only_two_suffers(Bytes(two.begin(), two.begin() + static_cast<std::ptrdiff_t>(size)),
                            "cut behind", size);
    expect_only_two_suffers(Bytes(two.begin() + static_cast<std::ptrdiff_t>(size), two.end()),
                            "cut before", size);
  }
}

/// Any garbage in front, zeros and line ends among it: the frame between its own zeros arrives.
TEST(FrameReader, GarbageLosesNoFrame) {
  Random random(kSeed);
  Bytes line;
  for (std::uint16_t sequence = 0; sequence < 20000; ++sequence) {
    Bytes garbage(random.below(40));
    for (auto& byte : garbage) {
      const auto kind = random.below(6);
      byte = kind == 0   ? std::uint8_t{0}
             : kind == 1 ? static_cast<std::uint8_t>('\n')
             : kind < 4  ? static_cast<std::uint8_t>('a' + random.below(26))
                         : static_cast<std::uint8_t>(random.next());
    }
    line = line.size() > 60000 ? Bytes() : line;
    const Bytes payload = random_payload(random, random.below(60));
    // A delimiter of its own before the frame, as every frame has.
    const Bytes bytes = garbage + frame(MessageType::samples, sequence, payload);
    ASSERT_TRUE(read(line + bytes).has(sequence, payload)) << "seed " << kSeed << ' ' << sequence;
    if (sequence % 200 == 0) line = line + bytes;
  }
}

TEST(Sequence, NamesWhatIsMissing) {
  SequenceWatcher watcher;
  EXPECT_EQ(watcher.step(65533).missing, 0);
  EXPECT_EQ(watcher.step(65534).missing, 0);
  SequenceStep step = watcher.step(2);
  EXPECT_EQ(step.first_missing, 65535);
  EXPECT_EQ(step.missing, 3);
  EXPECT_FALSE(step.repeated);
  step = watcher.step(2);
  EXPECT_TRUE(step.repeated);
  EXPECT_EQ(step.missing, 0);
  EXPECT_TRUE(watcher.step(65535).repeated);
  EXPECT_EQ(watcher.step(3).missing, 0);
  watcher.restart();
  EXPECT_EQ(watcher.step(1000).missing, 0);
}

}  // namespace
}  // namespace fettle::protocol
