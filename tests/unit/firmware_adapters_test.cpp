// SPDX-License-Identifier: Apache-2.0
// The firmware's adapters, run on this computer over a stand-in for ESP-IDF: what they make of its answers.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "firmware/esp32s3/main/adapters/alert_output.hpp"
#include "firmware/esp32s3/main/adapters/data_ready_pin.hpp"
#include "firmware/esp32s3/main/adapters/esp_log_sink.hpp"
#include "firmware/esp32s3/main/adapters/event_partition.hpp"
#include "firmware/esp32s3/main/adapters/i2c_bus.hpp"
#include "firmware/esp32s3/main/adapters/model_partitions.hpp"
#include "firmware/esp32s3/main/adapters/nvs_record.hpp"
#include "firmware/esp32s3/main/adapters/sd_card.hpp"
#include "firmware/esp32s3/main/adapters/uart_line.hpp"
#include "firmware/esp32s3/main/adapters/usb_line.hpp"
#include "nvs.h"
#include "tests/support/fake_idf.hpp"

namespace fettle::test {
namespace {

using board::StoreStatus;
using esp32::Wiring;

constexpr gpio_num_t pin(int number) { return static_cast<gpio_num_t>(number); }

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

class Adapters : public testing::Test {
 protected:
  Adapters() { reset_idf(); }
};

// --- The bus of the sensor ------------------------------------------------------------------------

class Bus : public Adapters {
 protected:
  Bus() {
    idf().level[8] = idf().level[9] = true;
    idf().registers[0x75] = 0x68;
  }
  esp32::I2cBus bus{pin(8), pin(9), 400'000};
  std::array<std::uint8_t, 1> byte{};
};

TEST_F(Bus, ReadsAndWritesRegisters) {
  EXPECT_EQ(bus.begin(), Wiring::ok);
  EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::ok);
  EXPECT_EQ(byte[0], 0x68);
  EXPECT_EQ(bus.write(0x68, 0x6b, 0x01), BusStatus::ok);
  EXPECT_EQ(idf().registers[0x6b], 0x01);
}

TEST_F(Bus, MeasuresItsClockByWhatBytesTake) {
  EXPECT_EQ(bus.begin(), Wiring::ok);
  EXPECT_EQ(bus.found(), 0x68);
  idf().i2c_byte_ns = 22'500;
  const BusWires wires = bus.measure(0x68, 0x3b);
  EXPECT_EQ(wires.set_hz, 400'000U);
  EXPECT_EQ(wires.measured_hz, 400'000U);
  EXPECT_TRUE(wires.sda_pulled_up && wires.scl_pulled_up);
  EXPECT_EQ(idf().pull[8], GPIO_PULLUP_ONLY) << "as the bus' driver wants it";
  EXPECT_EQ(idf().resets, 0);
  idf().i2c_byte_ns = 90'000;
  EXPECT_EQ(bus.measure(0x68, 0x3b).measured_hz, 100'000U);
  idf().chip_address = 0;
  EXPECT_EQ(bus.measure(0x68, 0x3b).measured_hz, 0U);
}

TEST_F(Bus, FindsAMissingPullUpWhileItRunsAndLeavesTheBusUsable) {
  ASSERT_EQ(bus.begin(), Wiring::ok);
  idf().weak[9] = true;  // it came loose
  const BusWires wires = bus.measure(0x68, 0x3b);
  EXPECT_TRUE(wires.sda_pulled_up);
  EXPECT_FALSE(wires.scl_pulled_up);
  EXPECT_EQ(idf().resets, 1);
  EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::ok);
}

TEST_F(Bus, TheOtherAddressIsFoundToo) {
  idf().chip_address = 0x69;
  EXPECT_EQ(bus.begin(), Wiring::ok);
  EXPECT_EQ(bus.read(0x69, 0x75, byte), BusStatus::ok);
  EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::nack);
  EXPECT_EQ(bus.read(0x20, 0x75, byte), BusStatus::nack) << "an address that it has no device for";
}

TEST_F(Bus, TellsRefusalTimeoutAndStuckLinesApartInEveryVersion) {
  ASSERT_EQ(bus.begin(), Wiring::ok);
  for (const esp_err_t error : {ESP_ERR_INVALID_STATE, ESP_ERR_INVALID_RESPONSE, ESP_ERR_TIMEOUT}) {
    idf().i2c_error = error;
    idf().chip_address = 0;
    EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::nack);
    EXPECT_EQ(bus.write(0x68, 0x6b, 0), BusStatus::nack);
    idf().chip_address = 0x68;
    idf().trouble = FakeIdf::Trouble::hangs;
    EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::timeout);
    idf().trouble = FakeIdf::Trouble::falls_low;
    EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::stuck);
    const int before = idf().transfers;
    EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::stuck);
    EXPECT_EQ(idf().transfers, before) << "a bus that is low is not asked: that would take 50 ms";
    idf().trouble = FakeIdf::Trouble::none;
    idf().level[8] = true;
  }
}

TEST_F(Bus, RecoversOnlyIfBothLinesAreHighAfterwards) {
  ASSERT_EQ(bus.begin(), Wiring::ok);
  idf().level[8] = false;
  EXPECT_EQ(bus.recover(), BusStatus::stuck);
  idf().reset_frees_lines = true;
  EXPECT_EQ(bus.recover(), BusStatus::ok);
  EXPECT_EQ(idf().resets, 2);
  EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::ok);
}

TEST_F(Bus, SaysThatNobodyAnswers) {
  idf().chip_address = 0;
  EXPECT_EQ(bus.begin(), Wiring::nobody);
  EXPECT_EQ(idf().open_buses, 1);
}

TEST_F(Bus, SaysThatTheWiresAreSwappedAndStaysOnThePinsOfTheMenu) {
  std::swap(idf().chip_sda, idf().chip_scl);
  EXPECT_EQ(bus.begin(), Wiring::swapped);
  EXPECT_EQ(idf().open_buses, 1);
  EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::nack);
  std::swap(idf().chip_sda, idf().chip_scl);  // somebody changes the wires
  EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::ok);
}

TEST_F(Bus, SaysWhichLineIsLow) {
  idf().level[8] = false;
  EXPECT_EQ(bus.begin(), Wiring::sda_low);
  EXPECT_EQ(idf().resets, 1) << "perhaps a chip holds it";
  reset_idf();
  idf().level[8] = true;
  esp32::I2cBus other(pin(8), pin(9), 400'000);
  EXPECT_EQ(other.begin(), Wiring::scl_low);
}

TEST_F(Bus, SaysThatPullUpsAreMissing) {
  idf().level[9] = false;
  idf().weak[9] = true;
  EXPECT_EQ(bus.begin(), Wiring::no_pull_up);
  reset_idf();
  idf().weak[8] = idf().weak[9] = true;
  idf().chip_address = 0;
  esp32::I2cBus other(pin(8), pin(9), 400'000);
  EXPECT_EQ(other.begin(), Wiring::scl_low) << "and nobody answers: it has no power";
}

TEST_F(Bus, AChipThatHoldsTheLineAfterARestartIsFreed) {
  idf().level[8] = false;
  idf().reset_frees_lines = true;
  EXPECT_EQ(bus.begin(), Wiring::no_pull_up) << "as far as could be seen";
  EXPECT_EQ(bus.read(0x68, 0x75, byte), BusStatus::ok);
}

TEST_F(Bus, EveryWiringHasASentence) {
  for (const Wiring wiring : {Wiring::ok, Wiring::no_pull_up, Wiring::nobody, Wiring::sda_low,
                              Wiring::scl_low, Wiring::swapped, Wiring::unavailable}) {
    EXPECT_GT(std::string(esp32::describe(wiring)).size(), 10U);
  }
}

// --- The interrupt --------------------------------------------------------------------------------

TEST_F(Adapters, PulsesAreCountedTimedAndWakeWhenThereIsWork) {
  esp32::DataReadyPin ready(pin(4));
  ASSERT_TRUE(ready.begin());
  EXPECT_EQ(ready.state().count, 0U);
  const auto [handler, self] = idf().handlers.at(4);
  handler(self);
  EXPECT_EQ(idf().notified, 0U) << "nobody waits yet";
  ready.wait_until(idf().now_us + 50'000);
  EXPECT_EQ(idf().waited_ticks, 51U);
  for (int i = 0; i < 9; ++i) {
    idf().now_us += 5000;
    handler(self);
  }
  EXPECT_EQ(idf().notified, 0U) << "too early";
  idf().now_us += 5000;
  handler(self);
  EXPECT_EQ(idf().notified, 1U);
  EXPECT_EQ(ready.state().count, 11U);
  EXPECT_EQ(ready.state().last_us, idf().now_us);
  ready.wait_until(idf().now_us - 10);
  EXPECT_EQ(idf().waited_ticks, 1U) << "late, but others get their turn";
}

TEST_F(Adapters, WakingSurvivesTheWrapOfItsClock) {
  idf().now_us = 0xFFFF'F000LL;
  esp32::DataReadyPin ready(pin(4));
  ASSERT_TRUE(ready.begin());
  const auto [handler, self] = idf().handlers.at(4);
  ready.wait_until(0x1'0000'1000LL);
  handler(self);
  EXPECT_EQ(idf().notified, 0U);
  idf().now_us = 0x1'0000'1001LL;
  handler(self);
  EXPECT_EQ(idf().notified, 1U);
}

// --- The card ---------------------------------------------------------------------------------------

class Card : public Adapters {
 protected:
  Card() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    EXPECT_TRUE(card.begin());
  }
  // Its own: tests run side by side.
  const std::string folder = testing::TempDir() + "firmware_card_" +
                             testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::string file = folder + "/fettle.log";
  esp32::SdCard card{{pin(10), pin(11), pin(12), pin(13)}, folder.c_str(), file.c_str()};
  std::uint64_t size = 99;
  std::vector<std::uint8_t> record = std::vector<std::uint8_t>(512, 7);
  std::vector<std::uint8_t> back = std::vector<std::uint8_t>(512);
};

TEST_F(Card, KeepsWhatIsAppended) {
  ASSERT_EQ(card.open(size), StoreStatus::ok);
  EXPECT_EQ(size, 0U);
  EXPECT_EQ(card.append(record), StoreStatus::ok);
  record[0] = 8;
  EXPECT_EQ(card.append(record), StoreStatus::ok);
  EXPECT_EQ(card.read(512, back), StoreStatus::ok);
  EXPECT_EQ(back, record);
  ASSERT_EQ(card.open(size), StoreStatus::ok) << "again";
  EXPECT_EQ(size, 1024U);
  EXPECT_EQ(idf().mounted, 1);
}

TEST_F(Card, AnEmptySlotIsAbsentAndACardWithoutFatHasFailed) {
  idf().mount = ESP_ERR_TIMEOUT;
  EXPECT_EQ(card.open(size), StoreStatus::absent);
  EXPECT_EQ(card.append(record), StoreStatus::absent);
  EXPECT_EQ(card.read(0, back), StoreStatus::absent);
  idf().mount = ESP_FAIL;
  EXPECT_EQ(card.open(size), StoreStatus::failed);
  idf().mount = ESP_OK;
  EXPECT_EQ(card.open(size), StoreStatus::ok) << "somebody put one in";
}

TEST_F(Card, OneThatIsPulledOutIsAbsentAndFoundAgain) {
  ASSERT_EQ(card.open(size), StoreStatus::ok);
  ASSERT_EQ(card.append(record), StoreStatus::ok);
  idf().card_status = ESP_ERR_TIMEOUT;
  EXPECT_EQ(card.read(512, back), StoreStatus::absent) << "a read that fails";
  EXPECT_EQ(idf().mounted, 0);
  idf().mount = ESP_ERR_TIMEOUT;
  EXPECT_EQ(card.open(size), StoreStatus::absent);
  idf().mount = idf().card_status = ESP_OK;
  EXPECT_EQ(card.open(size), StoreStatus::ok);
  EXPECT_EQ(size, 512U);
}

TEST_F(Card, AFullOneKeepsNoPartOfWhatDidNotFit) {
  ASSERT_EQ(card.open(size), StoreStatus::ok);
  ASSERT_EQ(card.append(record), StoreStatus::ok);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 700;  // room for a part of the next record
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const StoreStatus status = card.append(record);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(status, StoreStatus::full);
  EXPECT_EQ(std::filesystem::file_size(file), 512U);
}

TEST_F(Card, ALogOfTwoGigabytesIsFullAndStaysReadable) {
  ASSERT_EQ(card.open(size), StoreStatus::ok);
  ASSERT_EQ(card.append(record), StoreStatus::ok);
  constexpr std::uintmax_t kLargest = 0x7FFF'FFFF;
  std::filesystem::resize_file(file, kLargest - record.size());  // a hole takes no room
  EXPECT_EQ(card.append(record), StoreStatus::ok);
  EXPECT_EQ(card.append(record), StoreStatus::full);
  EXPECT_EQ(std::filesystem::file_size(file), kLargest);
  ASSERT_EQ(card.open(size), StoreStatus::ok);
  EXPECT_EQ(size, kLargest);
  std::array<std::uint8_t, 16> bytes{};
  EXPECT_EQ(card.read(kLargest - bytes.size(), bytes), StoreStatus::ok);
  EXPECT_EQ(card.append(record), StoreStatus::full);
}

// --- Flash ------------------------------------------------------------------------------------------

TEST_F(Adapters, SlotsAreTwoPartitionsThatFollowWrites) {
  idf().partitions["model0"] = std::vector<std::uint8_t>(65'536, 0);
  idf().partitions["model1"] = std::vector<std::uint8_t>(65'536, 0);
  esp32::ModelPartitions models;
  ASSERT_TRUE(models.begin());
  EXPECT_EQ(models.slot_bytes(), 65'536U);
  EXPECT_EQ(models.erase(1), StoreStatus::ok);
  EXPECT_EQ(idf().delayed_ticks, 16U * 20U) << "others get their turn after each sector";
  EXPECT_EQ(models.view(1)[100], 0xFF);
  EXPECT_EQ(models.view(0)[100], 0) << "the other one is left alone";
  EXPECT_EQ(models.write(1, 101, bytes_of("abc")), StoreStatus::ok);
  EXPECT_EQ(models.view(1)[101], 'a');
  EXPECT_EQ(models.write(1, 65'535, bytes_of("abc")), StoreStatus::full);
  EXPECT_EQ(models.view(1).size(), 65'536U);
}

TEST_F(Adapters, AMissingPartitionIsAnEmptySlot) {
  idf().partitions["model0"] = std::vector<std::uint8_t>(65'536, 0);
  esp32::ModelPartitions models;
  EXPECT_FALSE(models.begin());
  EXPECT_TRUE(models.view(1).empty());
  EXPECT_EQ(models.erase(1), StoreStatus::absent);
  EXPECT_EQ(models.write(1, 0, bytes_of("a")), StoreStatus::absent);
  EXPECT_EQ(models.view(0).size(), 65'536U);
}

TEST_F(Adapters, EventsArePartOfTheFlash) {
  esp32::EventPartition missing;
  std::array<std::uint8_t, 3> bytes{};
  EXPECT_FALSE(missing.begin());
  EXPECT_EQ(missing.sectors(), 0U);
  EXPECT_EQ(missing.erase(0), StoreStatus::absent);
  EXPECT_EQ(missing.read(0, bytes), StoreStatus::absent);
  idf().partitions["events"] = std::vector<std::uint8_t>(131'072, 0);
  esp32::EventPartition events;
  ASSERT_TRUE(events.begin());
  EXPECT_EQ(events.sectors(), 32U);
  EXPECT_EQ(events.erase(31), StoreStatus::ok);
  EXPECT_EQ(events.write(126'976, bytes_of("abc")), StoreStatus::ok);
  EXPECT_EQ(events.read(126'976, bytes), StoreStatus::ok);
  EXPECT_EQ(bytes[2], 'c');
  EXPECT_EQ(events.erase(32), StoreStatus::failed);
  EXPECT_EQ(events.write(131'070, bytes_of("abc")), StoreStatus::failed);
  EXPECT_EQ(events.read(131'070, bytes), StoreStatus::failed);
}

TEST_F(Adapters, TwoRecordsKnowNothingOfEachOther) {
  bool erased = true;
  ASSERT_TRUE(esp32::NvsRecord::begin(erased));
  EXPECT_FALSE(erased);
  esp32::NvsRecord settings("settings");
  esp32::NvsRecord learned("learned");
  std::array<std::uint8_t, 8> bytes{};
  std::size_t size = 0;
  EXPECT_EQ(settings.load(bytes, size), StoreStatus::failed) << "not opened";
  ASSERT_TRUE(settings.open() && learned.open());
  EXPECT_EQ(settings.load(bytes, size), StoreStatus::absent);
  EXPECT_EQ(settings.save(bytes_of("one")), StoreStatus::ok);
  EXPECT_EQ(learned.save(bytes_of("others")), StoreStatus::ok);
  EXPECT_EQ(settings.load(bytes, size), StoreStatus::ok);
  EXPECT_EQ(size, 3U);
  EXPECT_EQ(bytes[0], 'o');
  EXPECT_EQ(settings.save(bytes_of("much too long")), StoreStatus::ok);
  EXPECT_EQ(settings.load(bytes, size), StoreStatus::ok);
  EXPECT_GT(size, bytes.size()) << "longer than it can be: not ours, and no fault of the flash";
  idf().nvs_set = ESP_ERR_NVS_NOT_ENOUGH_SPACE;
  EXPECT_EQ(settings.save(bytes_of("x")), StoreStatus::full);
  idf().nvs_set = ESP_FAIL;
  EXPECT_EQ(settings.save(bytes_of("x")), StoreStatus::failed);
}

TEST_F(Adapters, AStorageOfAnotherVersionIsErasedAndThatIsSaid) {
  idf().nvs_init = ESP_ERR_NVS_NEW_VERSION_FOUND;
  bool erased = false;
  EXPECT_TRUE(esp32::NvsRecord::begin(erased));
  EXPECT_TRUE(erased);
  reset_idf();
  idf().nvs_init = ESP_FAIL;
  EXPECT_FALSE(esp32::NvsRecord::begin(erased));
  EXPECT_FALSE(erased) << "one that may be whole is left alone";
  EXPECT_EQ(idf().nvs_erased, 0);
}

// --- What people see -----------------------------------------------------------------------------------

TEST_F(Adapters, ThePinIsAtRestBeforeItIsAnOutput) {
  idf().level[2] = true;
  esp32::AlertOutput high(pin(2), true);
  ASSERT_TRUE(high.begin());
  EXPECT_FALSE(idf().level[2]);
  high.set(true);
  EXPECT_TRUE(idf().level[2]);
  esp32::AlertOutput low(pin(3), false);
  ASSERT_TRUE(low.begin());
  EXPECT_TRUE(idf().level[3]);
  low.set(true);
  EXPECT_FALSE(idf().level[3]);
}

TEST_F(Adapters, AlarmsAreLoggedUnderATagOfTheirOwnAndDroppedLinesAreCounted) {
  esp32::EspLogSink sink;
  sink.write(board::LogLevel::info, "early", "before it began: dropped");
  ASSERT_TRUE(sink.begin(2, 0));
  sink.write(board::LogLevel::warning, "ANOMALY", "score 4.2, threshold 0.6: 100 % sure");
  sink.write(board::LogLevel::error, "card", "failed");
  for (int i = 0; i < 30; ++i) sink.write(board::LogLevel::info, "boot", "again");
  ASSERT_EQ(idf().tasks.size(), 1U);
  const auto print = [] {
    const FakeIdf::Task task = idf().tasks[0];
    EXPECT_THROW(task.run(task.argument), FakeIdf::EndOfTask);
  };
  print();
  ASSERT_EQ(idf().log.size(), 16U);
  EXPECT_EQ(idf().log[0], "W ANOMALY: score 4.2, threshold 0.6: 100 % sure");
  EXPECT_EQ(idf().log[1], "E fettle: card: failed");
  EXPECT_EQ(idf().log[2], "I fettle: boot: again");
  sink.write(board::LogLevel::info, "boot", "last");
  print();
  ASSERT_EQ(idf().log.size(), 18U);
  EXPECT_EQ(idf().log[16], "W fettle: 16 lines of the log were dropped");
}

TEST_F(Adapters, TheSerialLineTakesWhatFitsAndATaskSendsIt) {
  esp32::UartLine line(UART_NUM_0, 921'600);
  const std::vector<std::uint8_t> much(5000, 'x');
  EXPECT_EQ(line.write(much), 5000U) << "without a line nothing piles up";
  ASSERT_TRUE(line.begin(-1, -1, 9, 0));
  EXPECT_EQ(line.write(much), 4096U);
  EXPECT_EQ(line.write(much), 0U);
  const FakeIdf::Task task = idf().tasks[0];
  EXPECT_THROW(task.run(task.argument), FakeIdf::EndOfTask);
  EXPECT_EQ(idf().uart_out.size(), 4096U);
  EXPECT_EQ(line.write(much), 4096U);
  idf().uart_in = "status\n";
  std::array<std::uint8_t, 4> bytes{};
  EXPECT_EQ(line.read(bytes), 4U);
  EXPECT_EQ(bytes[0], 's');
  EXPECT_EQ(line.baud(), 921'600U);
}

TEST_F(Adapters, TheUsbLineTakesWholePiecesAndStopsWhenNobodyListens) {
  esp32::UsbLine line;
  ASSERT_TRUE(line.begin());
  const std::vector<std::uint8_t> much(200, 'x');
  EXPECT_EQ(line.write(much), 200U);
  idf().usb_room = 130;
  EXPECT_EQ(line.write(much), 128U);
  EXPECT_EQ(line.write(much), 0U);
  EXPECT_EQ(idf().usb_out.size(), 328U);
}

}  // namespace
}  // namespace fettle::test
