// SPDX-License-Identifier: Apache-2.0
// The log of events in flash: the power fails at each byte, each operation fails once, the ring goes round.
#include "board/event_log.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "simulator/signal/random.hpp"
#include "simulator/virtual_board/ports.hpp"

namespace fettle::test {
namespace {

using board::EventLog;
using board::StoreStatus;
using protocol::EventKind;

constexpr std::size_t kSectors = 3;
constexpr std::uint32_t kPlaces = kSectors * EventLog::kInSector;

protocol::EventMessage event_of(std::uint32_t id) {
  protocol::EventMessage event;
  event.id = id;
  event.kind = EventKind::alarm_began;
  event.boot = 7;
  event.uptime_us = std::int64_t{id} * 100'000'000;  // far enough apart
  event.score = 4.5F;
  event.text = "1x running speed on Y grew 8 times: perhaps imbalance";
  return event;
}

/// Flash, and a log that has been started on it.
struct Rig {
  std::unique_ptr<simulator::Medium> medium = simulator::in_memory();
  simulator::Operations operations;
  std::unique_ptr<simulator::VirtualEventFlash> flash;
  std::unique_ptr<EventLog> log;
  bool leaves_some = true;

  explicit Rig(const std::vector<std::uint8_t>& contents = {}) {
    medium->replace(contents);
    restart();
  }
  void restart() {
    flash = std::make_unique<simulator::VirtualEventFlash>(*medium, operations, kSectors);
    flash->leaves_some = leaves_some;
    log = std::make_unique<EventLog>(flash.get());
    static_cast<void>(log->open());
  }
  [[nodiscard]] std::vector<std::uint8_t> contents() const {
    std::vector<std::uint8_t> bytes(medium->size());
    if (!medium->read(0, bytes)) __builtin_trap();
    return bytes;
  }
  /// IDs, the newest first; each event must be as it was.
  [[nodiscard]] std::vector<std::uint32_t> ids() const {
    std::vector<std::uint32_t> ids;
    EventLog::Record memory;
    protocol::EventMessage event;
    for (EventLog::Cursor cursor = log->newest(); log->older(cursor, memory, event);) {
      ids.push_back(event.id);
      EXPECT_EQ(event.text, event_of(event.id).text);
      EXPECT_EQ(event.uptime_us, event_of(event.id).uptime_us);
      EXPECT_EQ(event.boot, 7U);
    }
    return ids;
  }
};

/// From `newest` down, without a gap but one: `missing`, 0 for none.
void expect_run(const std::vector<std::uint32_t>& ids, std::uint32_t newest,
                std::uint32_t missing = 0) {
  std::uint32_t id = newest;
  for (const std::uint32_t found : ids) {
    if (id == missing) --id;
    ASSERT_EQ(found, id--);
  }
}

/// A ring that has gone round and is about to enter its first sector again.
std::vector<std::uint8_t> full_ring(std::uint32_t last) {
  Rig rig;
  for (std::uint32_t id = 1; id <= last; ++id) {
    EXPECT_EQ(rig.log->add(event_of(id)), StoreStatus::ok);
  }
  return rig.contents();
}

TEST(EventLog, AFullRingGivesUpItsOldestSector) {
  Rig rig;
  EXPECT_TRUE(rig.ids().empty());
  for (std::uint32_t id = 1; id <= 500; ++id) {
    ASSERT_EQ(rig.log->add(event_of(id)), StoreStatus::ok);
    if (id % 7 == 0) rig.restart();
    const auto ids = rig.ids();
    expect_run(ids, id);
    ASSERT_GE(ids.size(), std::min(id, kPlaces - EventLog::kInSector));
  }
}

TEST(EventLog, PowerLossAtAnyByteCostsAtMostTheRecordBeingWritten) {
  constexpr std::uint32_t kBefore = 2 * kPlaces - 4;
  constexpr std::uint32_t kMore = 8;  // through the erasure of a sector
  const auto seeded = full_ring(kBefore);
  Rig whole(seeded);
  for (std::uint32_t id = kBefore + 1; id <= kBefore + kMore; ++id) {
    ASSERT_EQ(whole.log->add(event_of(id)), StoreStatus::ok);
  }
  const std::uint64_t stored = whole.operations.stored_bytes();
  ASSERT_GT(stored, kMore * 80U);
  for (std::uint64_t byte = 0; byte < stored; ++byte) {
    SCOPED_TRACE(testing::Message() << "power lost at byte " << byte << " of " << stored);
    Rig rig(seeded);
    rig.operations.bytes_before_power_loss = byte;
    std::uint32_t kept = kBefore;
    while (rig.log->add(event_of(kept + 1)) == StoreStatus::ok) ++kept;
    ASSERT_TRUE(rig.operations.power_lost());

    rig.operations = {};
    rig.restart();
    const auto ids = rig.ids();
    expect_run(ids, kept);
    ASSERT_GE(ids.size(), kPlaces - EventLog::kInSector - 1);
    // It is written on, past what was torn, and found again.
    std::uint32_t last = kept + 1;  // the torn one is gone
    for (int i = 0; i < 20; ++i) {
      ASSERT_EQ(rig.log->add(event_of(++last)), StoreStatus::ok);
      if (i % 5 == 0) rig.restart();
      expect_run(rig.ids(), last, kept + 1);
    }
    ASSERT_FALSE(HasFailure());
  }
}

TEST(EventLog, EachOperationFailsOnceAndNoEventIsLost) {
  constexpr std::uint32_t kBefore = 2 * kPlaces - 4;
  constexpr std::uint32_t kMore = 24;
  const auto seeded = full_ring(kBefore);
  std::uint64_t operations = 1;
  for (std::uint64_t twice = 0; twice <= 2 * operations + 1; ++twice) {
    const std::uint64_t n = twice / 2;
    SCOPED_TRACE(testing::Message() << "operation " << n << " of " << operations);
    Rig rig(seeded);
    rig.operations = {};
    rig.leaves_some = twice % 2 == 0;
    rig.operations.fail_at = n;
    rig.restart();
    for (std::uint32_t id = kBefore + 1; id <= kBefore + kMore; ++id) {
      // If it is a read of the first one's look for the end, that is done again.
      ASSERT_EQ(rig.log->add(event_of(id)), StoreStatus::ok);
    }
    if (n == 0) operations = rig.operations.done();
    rig.operations = {};
    rig.restart();
    const auto ids = rig.ids();
    expect_run(ids, kBefore + kMore);
    ASSERT_GE(ids.size(), kPlaces - EventLog::kInSector - 1);
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(operations, kMore);
}

TEST(EventLog, ASectorThatCannotBeErasedIsPassedOver) {
  Rig rig(full_ring(kPlaces));
  rig.flash->worn_sector = 1;
  std::uint32_t kept = kPlaces;
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(rig.log->add(event_of(++kept)), StoreStatus::ok) << kept;
    ASSERT_EQ(rig.ids().front(), kept);
  }
  rig.restart();
  EXPECT_EQ(rig.ids().front(), kept);
}

TEST(EventLog, FlashThatTakesNothingKeepsWhatItHas) {
  Rig rig(full_ring(kPlaces));
  rig.flash->takes_nothing = true;
  for (std::uint32_t id = kPlaces + 1; id <= kPlaces + 300; ++id) {
    ASSERT_EQ(rig.log->add(event_of(id)), StoreStatus::failed);
  }
  EXPECT_GE(rig.ids().size(), kPlaces - EventLog::kInSector);
}

TEST(EventLog, WhateverIsInTheFlashItBegins) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<std::uint8_t> bytes = full_ring(70);
    simulator::Random random(seed, 0);
    const double damage = seed < 10 ? 0.001 : 0.9;
    for (std::uint8_t& byte : bytes) {
      if (random.uniform() < damage) byte = static_cast<std::uint8_t>(random.uniform() * 256);
    }
    Rig rig(bytes);
    for (std::uint32_t id = 101; id <= 200; ++id) {
      ASSERT_EQ(rig.log->add(event_of(id)), StoreStatus::ok);
    }
    rig.restart();
    const auto ids = rig.ids();
    ASSERT_GE(ids.size(), kPlaces - EventLog::kInSector);
    expect_run(ids, 200);
  }
}

TEST(EventLog, FlashThatIsWornOutIsSaidToFailAndHoldsNothingUp) {
  Rig rig;
  for (std::uint32_t id = 1; id <= 100; ++id) {
    simulator::Operations worn;
    worn.bytes_before_power_loss = 0;
    rig.operations = worn;
    EXPECT_EQ(rig.log->add(event_of(id)), StoreStatus::failed);
    EXPECT_LE(rig.operations.done(), 4U);
  }
  EventLog none(nullptr);
  EXPECT_EQ(none.open(), StoreStatus::absent);
  EXPECT_EQ(none.add(event_of(1)), StoreStatus::absent);
}

// The last that is kept tells how things stand.
TEST(EventLog, AnAlarmSoonAfterAnotherIsKeptAndFlutterIsNot) {
  Rig rig;
  std::int64_t second = 0;
  const auto kept = [&](EventKind kind, std::int64_t after_s) {
    second += after_s;
    protocol::EventMessage event = event_of(1);
    event.kind = kind;
    event.id = static_cast<std::uint32_t>(second);
    event.uptime_us = second * 1'000'000;
    const StoreStatus status = rig.log->add(event);
    EventLog::Record memory;
    protocol::EventMessage newest;
    EventLog::Cursor cursor = rig.log->newest();
    EXPECT_TRUE(rig.log->older(cursor, memory, newest));
    const bool there = newest.kind == kind && newest.uptime_us == event.uptime_us;
    EXPECT_EQ(status, there ? StoreStatus::ok : StoreStatus::busy);
    return there;
  };
  EXPECT_TRUE(kept(EventKind::alarm_began, 100));
  EXPECT_TRUE(kept(EventKind::alarm_ended, 20));
  EXPECT_TRUE(kept(EventKind::alarm_began, 20));
  // A wire is another matter: once an hour.
  EXPECT_TRUE(kept(EventKind::sensor_lost, 1));
  EXPECT_FALSE(kept(EventKind::sensor_lost, 3598));
  EXPECT_TRUE(kept(EventKind::sensor_lost, 2));
  int alarms = 0;
  constexpr int kMinutes = 60;
  for (int i = 0; i < kMinutes * 30; ++i) {
    alarms += kept(EventKind::alarm_began, 1) ? 1 : 0;
    alarms += kept(EventKind::alarm_ended, 1) ? 1 : 0;
  }
  EXPECT_GE(alarms, 2 * kMinutes);
  EXPECT_LE(alarms, 2 * (kMinutes + 8));
  // And after a pause it is as before.
  EXPECT_TRUE(kept(EventKind::alarm_ended, 3600));
  EXPECT_TRUE(kept(EventKind::alarm_began, 1));
  EXPECT_TRUE(kept(EventKind::alarm_ended, 1));
}

TEST(EventLog, ARestartWithoutNewsIsNotKept) {
  Rig rig;
  protocol::EventMessage start = event_of(1);
  start.kind = EventKind::boot;
  for (start.boot = 7; start.boot < 50; ++start.boot) {
    rig.restart();
    ASSERT_EQ(rig.log->add(start), StoreStatus::ok);
  }
  EXPECT_EQ(rig.ids().size(), 1U);
}

}  // namespace
}  // namespace fettle::test
