// SPDX-License-Identifier: Apache-2.0
// Runs what the firmware runs, in real time: a task that samples, a task that steps the board, NVS and
// partitions of ESP-IDF, with the simulated chip behind the register bus. Ends with 0 if all was as it
// should be, and says what was not.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "adapters/event_partition.hpp"
#include "adapters/model_partitions.hpp"
#include "adapters/nvs_record.hpp"
#include "board/board.hpp"
#include "board/event_log.hpp"
#include "board/model_store.hpp"
#include "board/record_queue.hpp"
#include "board/sample_queue.hpp"
#include "core/checksum.hpp"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "nvs_flash.h"
#include "protocol/card_record.hpp"
#include "simulator/mpu6050_chip/chip.hpp"

// ESP-IDF's `linux` target has the header and, up to 6.0, nothing behind it.
extern "C" [[gnu::weak]] std::int64_t esp_timer_get_time() {
  using namespace std::chrono;
  static const steady_clock::time_point begin = steady_clock::now();
  return duration_cast<microseconds>(steady_clock::now() - begin).count();
}

namespace {

using namespace fettle;
using board::StoreStatus;

int failures = 0;
void expect(bool right, const char* what) {
  std::printf("%s %s\n", right ? "ok  " : "FAIL", what);
  if (!right) ++failures;
}

class Still final : public simulator::MotionSource {
 public:
  simulator::Motion next(double) override {
    simulator::Motion motion;
    motion.axis[2] = 1;
    return motion;
  }
};

/// The chip on its bus, as fast as this computer, in the time of esp_timer. For the task that samples.
class Bus final : public RegisterBus, public DataReady {
 public:
  BusStatus read(std::uint8_t device, std::uint8_t reg, std::span<std::uint8_t> bytes) override {
    chip_.advance_to(esp_timer_get_time());
    return status_of(chip_.read(device, reg, bytes));
  }
  BusStatus write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) override {
    chip_.advance_to(esp_timer_get_time());
    return status_of(chip_.write(device, reg, value));
  }
  BusStatus recover() override { return status_of(chip_.clock_nine()); }
  [[nodiscard]] DataReadyState state() const override {
    const simulator::Mpu6050Chip::Interrupt interrupt = chip_.interrupt();
    return {interrupt.count, interrupt.last_us};
  }

 private:
  static BusStatus status_of(simulator::BusAnswer answer) {
    switch (answer) {
      case simulator::BusAnswer::ok: return BusStatus::ok;
      case simulator::BusAnswer::nack: return BusStatus::nack;
      case simulator::BusAnswer::timeout: return BusStatus::timeout;
      case simulator::BusAnswer::stuck: return BusStatus::stuck;
    }
    return BusStatus::timeout;
  }
  Still still_;
  simulator::Mpu6050Chip chip_{{}, still_};
};

class Line final : public board::ByteStream {
 public:
  std::string typed, shown;
  std::size_t read(std::span<std::uint8_t> bytes) override {
    const std::size_t size = typed.size() < bytes.size() ? typed.size() : bytes.size();
    std::memcpy(bytes.data(), typed.data(), size);
    typed.erase(0, size);
    return size;
  }
  std::size_t write(std::span<const std::uint8_t> bytes) override {
    shown.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return bytes.size();
  }
  [[nodiscard]] std::uint32_t baud() const override { return 921'600; }
};

/// In memory, and slow: a record takes 5 ms, and one of them 1.5 s. For the task that writes to it.
class SlowCard final : public board::Card {
 public:
  static constexpr std::size_t kSlowRecord = 12;
  std::vector<std::uint8_t> bytes;
  StoreStatus open(std::uint64_t& size) override {
    size = bytes.size();
    return StoreStatus::ok;
  }
  StoreStatus read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset + out.size() > bytes.size()) return StoreStatus::failed;
    std::memcpy(out.data(), bytes.data() + offset, out.size());
    return StoreStatus::ok;
  }
  StoreStatus append(std::span<const std::uint8_t> more) override {
    const bool tidies_up = bytes.size() == kSlowRecord * protocol::kCardRecordBytes;
    vTaskDelay(pdMS_TO_TICKS(tidies_up ? 1500 : 5));
    bytes.insert(bytes.end(), more.begin(), more.end());
    return StoreStatus::ok;
  }
};
class Pin final : public board::AlertPin {
 public:
  void set(bool) override {}
};
class Log final : public board::Log {
 public:
  void write(board::LogLevel, std::string_view tag, std::string_view text) override {
    std::printf("     %.*s: %.*s\n", static_cast<int>(tag.size()), tag.data(),
                static_cast<int>(text.size()), text.data());
  }
};

Bus bus;
Line line;
SlowCard card;
Pin pin;
Log log_sink;
esp32::ModelPartitions models;
esp32::EventPartition events;
esp32::NvsRecord settings("settings");
esp32::NvsRecord learned("learned");
board::SampleQueue samples(bus, bus);
board::RecordQueue records(card);
TaskHandle_t judging = nullptr;
TaskHandle_t recording = nullptr;
std::atomic<bool> stop{false};
std::atomic<int> stopped{0};

void sample(void*) {
  while (!stop) {
    if (samples.run(esp_timer_get_time())) xTaskNotifyGive(judging);
    const std::int64_t left_us = samples.run_again_us() - esp_timer_get_time();
    vTaskDelay(static_cast<TickType_t>(left_us > 0 ? left_us / 1000 + 1 : 1));
  }
  ++stopped;
  vTaskDelete(nullptr);
}

void record(void*) {
  while (!stop) {
    while (records.run(esp_timer_get_time())) {
    }
    ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(500));
  }
  ++stopped;
  vTaskDelete(nullptr);
}

void run(board::Board& board, std::int64_t for_us) {
  const std::int64_t end_us = esp_timer_get_time() + for_us;
  while (esp_timer_get_time() < end_us) {
    board.step(esp_timer_get_time());
    if (records.pending()) xTaskNotifyGive(recording);
    ulTaskNotifyTake(pdTRUE, 10);
  }
}

void storage() {
  bool erased = true;
  expect(esp32::NvsRecord::begin(erased), "NVS can be used");
  expect(settings.open() && learned.open(), "both records open");
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;
  expect(settings.load(bytes, size) == StoreStatus::absent, "nothing is there at first");
  constexpr std::array<std::uint8_t, 3> kOne = {1, 2, 3};
  constexpr std::array<std::uint8_t, 4> kTwo = {4, 5, 6, 7};
  expect(settings.save(kOne) == StoreStatus::ok && learned.save(kTwo) == StoreStatus::ok,
         "both are saved");
  expect(nvs_flash_deinit() == ESP_OK && esp32::NvsRecord::begin(erased) && !erased &&
             settings.open() && learned.open(),
         "NVS comes up again");
  expect(settings.load(bytes, size) == StoreStatus::ok && size == 3 && bytes[2] == 3,
         "the first record is there after a restart");
  expect(learned.load(bytes, size) == StoreStatus::ok && size == 4 && bytes[3] == 7,
         "and the second");

  expect(models.begin(), "both model partitions are found and mapped");
  expect(models.slot_bytes() == 65'536, "slots have 64 KB");
  expect(models.erase(0) == StoreStatus::ok && models.view(0)[100] == 0xFF,
         "erased flash reads ones");
  expect(reinterpret_cast<std::uintptr_t>(models.view(0).data()) % 16 == 0, "views are aligned");
  constexpr std::array<std::uint8_t, 4> kMark = {0xFE, 0xFF, 0xFF, 0xFF};
  constexpr std::array<std::uint8_t, 4> kFewer = {0xFC, 0x0F, 0xFF, 0xFF};
  expect(models.write(0, 33, kMark) == StoreStatus::ok &&
             models.write(0, 33, kFewer) == StoreStatus::ok && models.view(0)[33] == 0xFC &&
             models.view(0)[34] == 0x0F,
         "writes clear bits, at any offset, and the view follows");
  expect(models.erase(0) == StoreStatus::ok && models.erase(1) == StoreStatus::ok,
         "slots are erased again");
}

/// The texts of the log, newest first.
std::string texts(board::EventLog& log) {
  std::string all;
  board::EventLog::Cursor cursor = log.newest();
  board::EventLog::Record memory;
  protocol::EventMessage event;
  while (log.older(cursor, memory, event)) {
    all.append(event.text.empty() ? "-" : event.text);
    all.append("|");
  }
  return all;
}

bool erase_events() {
  bool erased = true;
  for (std::size_t sector = 0; sector < events.sectors(); ++sector) {
    erased = events.erase(sector) == StoreStatus::ok && erased;
  }
  return erased;
}

/// The log of events in its real partition, as it is over many starts of the board.
void keep_events() {
  expect(events.begin() && events.sectors() == 32, "the partition of events is found, 32 sectors");
  std::array<std::uint8_t, 256> bytes{};
  constexpr std::size_t kEnd = 32 * board::EventFlash::kSectorBytes;
  expect(erase_events() && events.read(kEnd - 256, bytes) == StoreStatus::ok && bytes[255] == 0xFF,
         "all of it is erased, to its end");
  expect(events.erase(32) != StoreStatus::ok && events.write(kEnd, bytes) != StoreStatus::ok &&
             events.read(kEnd - 128, bytes) != StoreStatus::ok,
         "what lies outside is refused");
  // More than the ring has room for, so that it goes round and erases what is oldest.
  bool kept = true;
  const int places = static_cast<int>(events.sectors() * board::EventLog::kInSector);
  std::string text;
  for (int i = 0; i < places + 20; ++i) {
    board::EventLog each_start(&events);
    text = "event " + std::to_string(i);
    protocol::EventMessage event;
    event.kind = protocol::EventKind::alarm_began;
    event.text = text;
    kept = kept && each_start.add(event) == StoreStatus::ok;
  }
  expect(kept, "an event is kept in each of more starts than there are places");
  board::EventLog after(&events);
  const bool open = after.open() == StoreStatus::ok;
  const std::string all = texts(after);
  const std::string newest = text + "|";
  const auto count = std::count(all.begin(), all.end(), '|');
  expect(open && all.starts_with(newest), "the newest is read first");
  std::printf("     %d events of %d places\n", static_cast<int>(count), places);
  expect(count > places - 16 && count <= places && all.find("event 10|") == std::string::npos,
         "the oldest made room, one sector of them");
  expect(erase_events(), "the log is erased for what follows");
}

/// An update as the board makes it, into the real partitions; then the marks that are written later.
void update() {
  std::array<std::uint8_t, 3000> file;
  for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::uint8_t>(i * 7);
  Crc32 crc;
  crc.add(file);
  board::ModelStore store(models);
  expect(store.begin(0, {file.size(), crc.value()}) == board::StoreResult::ok, "an update begins");
  bool sent = true;
  for (std::size_t at = 0; at < file.size(); at += 200) {
    const auto chunk = std::span<const std::uint8_t>(file).subspan(at, 200);
    sent = sent && store.data({static_cast<std::uint32_t>(at), chunk}) == board::StoreResult::ok;
  }
  std::span<const std::uint8_t> stored;
  expect(sent && store.check(stored) == board::StoreResult::ok,
         "its bytes read back as they were sent");
  board::ModelStore::Entry entry;
  expect(store.commit(entry) == board::StoreResult::ok && !entry.proven && entry.trials == 1,
         "it is on trial");
  expect(store.mark_trial(entry) == StoreStatus::ok, "a second start is marked");
  board::ModelStore after(models);
  std::array<board::ModelStore::Entry, board::ModelFlash::kSlots> entries;
  expect(after.candidates(entries) == 1 && entries[0].trials == 2, "and found after a restart");
  expect(after.prove(entries[0]) == StoreStatus::ok, "it proves itself");
  board::ModelStore last(models);
  expect(
      last.candidates(entries) == 1 && entries[0].proven && entries[0].file.size() == file.size(),
      "and stays proven");
  expect(models.erase(0) == StoreStatus::ok, "the slot is erased for what follows");
}

/// What the recorder's task has written, five seconds of samples.
void check_card() {
  std::size_t damaged = 0;
  std::size_t samples_kept = 0;
  std::uint64_t missing = 0;
  protocol::CardRecordType last = protocol::CardRecordType::event;
  const std::span<const std::uint8_t> log(card.bytes);
  for (std::size_t at = 0; at < log.size(); at += protocol::kCardRecordBytes) {
    const auto record =
        protocol::read_card_record(log.subspan(at).first<protocol::kCardRecordBytes>());
    damaged += record.damage == protocol::CardDamage::none ? 0 : 1;
    last = record.header.type;
    if (record.header.type != protocol::CardRecordType::samples) continue;
    protocol::CardSamplesReader reader(record.payload);
    protocol::SamplesMessage message;
    while (reader.next(message)) {
      missing += samples_kept == 0 ? 0 : message.block.lost_before;
      samples_kept += message.block.count;
    }
  }
  std::printf("     %zu records, %zu samples\n", log.size() / protocol::kCardRecordBytes,
              samples_kept);
  expect(log.size() > SlowCard::kSlowRecord * protocol::kCardRecordBytes && damaged == 0,
         "every record on the card is whole");
  expect(samples_kept > 900 && missing == 0, "no sample is missing in them");
  expect(last == protocol::CardRecordType::end, "the recording ends as it should");
}

void journey() {
  nvs_flash_erase();
  bool erased = false;
  expect(esp32::NvsRecord::begin(erased) && settings.open() && learned.open(), "an empty board");
  static std::optional<board::Board> board;
  const board::Ports ports{bus,      bus,     line,     card,     models,  settings, learned, pin,
                           log_sink, nullptr, &samples, &records, nullptr, nullptr,  &events};
  const board::Identity identity{{'l', 'i', 'n', 'u', 'x'}, "check", {}};
  board.emplace(ports, identity);
  judging = xTaskGetCurrentTaskHandle();
  board->begin(esp_timer_get_time());
  xTaskCreate(&record, "recorder", 16'384, nullptr, 4, &recording);
  xTaskCreate(&sample, "sampling", 16'384, nullptr, 20, nullptr);
  run(*board, 2'000'000);
  const protocol::StatusMessage before = board->status();
  run(*board, 5'000'000);
  const protocol::StatusMessage after = board->status();
  std::printf("     %llu samples, %llu lost, %.2f Hz\n",
              static_cast<unsigned long long>(after.samples),
              static_cast<unsigned long long>(after.lost), static_cast<double>(after.rate_hz));
  expect(after.sensor == protocol::SensorState::streaming, "samples flow between two tasks");
  expect(after.samples - before.samples > 950 && after.samples - before.samples < 1050,
         "about 1000 in five seconds");
  expect(after.lost == before.lost, "none is lost");
  vTaskDelay(700);  // the board's task is held up
  run(*board, 500'000);
  expect(board->status().lost == before.lost,
         "none while the board is held up for 0.7 s, longer than the FIFO");
  line.typed = "record normal\n";
  run(*board, 5'000'000);
  line.typed = "stop\n";
  run(*board, 500'000);
  expect(board->status().lost == before.lost, "none while a card takes 1.5 s in a task of its own");
  check_card();
  line.typed = "name pump 3\n";
  run(*board, 300'000);
  stop = true;
  while (stopped < 2) vTaskDelay(10);
  board.reset();
  expect(nvs_flash_deinit() == ESP_OK && esp32::NvsRecord::begin(erased) && settings.open() &&
             learned.open(),
         "the board restarts");
  board.emplace(ports, identity);
  board->begin(esp_timer_get_time());
  expect(board->settings().boots == 2 && board->settings().name.view() == "pump 3",
         "settings were kept by NVS");
  board::EventLog log(&events);
  const bool open = log.open() == StoreStatus::ok;
  const std::string all = texts(log);
  std::printf("     events: %s\n", all.c_str());
  expect(
      open && all.find("1. time") != std::string::npos && all.find("2. time") != std::string::npos,
      "both starts are in the log of events");
}

}  // namespace

extern "C" void app_main() {
  storage();
  keep_events();
  update();
  journey();
  std::printf("%s\n", failures == 0 ? "all as it should be" : "SOMETHING IS WRONG");
  std::fflush(stdout);
  std::exit(failures == 0 ? 0 : 1);
}
