// SPDX-License-Identifier: Apache-2.0
// Wiring: which port is which piece of hardware, and the tasks. What the board does is board/board.hpp.
#include <array>
#include <cstdlib>

#include "adapters/alert_output.hpp"
#include "adapters/clock.hpp"
#include "adapters/data_ready_pin.hpp"
#include "adapters/esp_log_sink.hpp"
#include "adapters/event_partition.hpp"
#include "adapters/i2c_bus.hpp"
#include "adapters/model_partitions.hpp"
#include "adapters/nvs_record.hpp"
#include "adapters/sd_card.hpp"
#include "adapters/uart_line.hpp"
#include "adapters/usb_line.hpp"
#include "board/board.hpp"
#include "board/record_queue.hpp"
#include "board/sample_queue.hpp"
#include "drivers/mpu6050/registers.hpp"
#include "esp_app_desc.h"
#include "esp_mac.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "settings.hpp"
#ifdef CONFIG_FETTLE_ENGINE_TFLITE_MICRO
#include "adapters/tflite_micro_engine.hpp"
#endif
// Made by `fettle export MODEL --c-array main/model_data.h`; without it the board begins without a model.
#ifdef FETTLE_WITH_MODEL
#include "model_data.h"
#define FETTLE_BUILT_IN_MODEL std::span<const std::uint8_t>(anomaly_detector_int8_tflite)
#else
#define FETTLE_BUILT_IN_MODEL std::span<const std::uint8_t>()
#endif

namespace {

using namespace fettle;
using namespace fettle::esp32;

// The task table of README.md. Sampling has a core nearly for itself, and above everything there.
constexpr UBaseType_t kSampling = 20;
constexpr UBaseType_t kJudging = 8;
constexpr UBaseType_t kSending = 9;
constexpr UBaseType_t kRecording = 4;
constexpr UBaseType_t kLogging = 2;
constexpr std::uint32_t kSamplingStack = 4096;
constexpr std::uint32_t kRecordingStack = 8192;  // 1 KB, and what ESP-IDF's FAT and SD need
constexpr std::uint32_t kJudgingStack = 16'384;  // PORTING.md: 12 KB and the ports' own
constexpr BaseType_t kFirstCore = 0;
constexpr BaseType_t kLastCore = portNUM_PROCESSORS - 1;

// Everything lives as long as the chip runs: static memory, no stack, no heap.
I2cBus bus(kSda, kScl, CONFIG_FETTLE_I2C_HZ);
DataReadyPin data_ready(kInterrupt);
#ifdef CONFIG_FETTLE_LINE_USB
UsbLine line;
#else
UartLine line(static_cast<uart_port_t>(CONFIG_FETTLE_UART_PORT), CONFIG_FETTLE_UART_BAUD);
#endif
#ifdef CONFIG_FETTLE_SD
SdCard card({output_pin<CONFIG_FETTLE_PIN_SD_CS>(), output_pin<CONFIG_FETTLE_PIN_SD_MOSI>(),
             output_pin<CONFIG_FETTLE_PIN_SD_CLK>(), pin<CONFIG_FETTLE_PIN_SD_MISO>()});
#else
/// A board without a slot for cards.
class NoCard final : public board::Card {
 public:
  board::StoreStatus open(std::uint64_t&) override { return board::StoreStatus::absent; }
  board::StoreStatus read(std::uint64_t, std::span<std::uint8_t>) override {
    return board::StoreStatus::absent;
  }
  board::StoreStatus append(std::span<const std::uint8_t>) override {
    return board::StoreStatus::absent;
  }
} card;
#endif
ModelPartitions models;
EventPartition events;
NvsRecord settings("settings");
NvsRecord learned("learned");
AlertOutput alert(kAlert, kAlertActiveHigh);
EspLogSink log_sink;
CpuCycles cycles;
board::SampleQueue samples(bus, data_ready);
board::RecordQueue records(card);
Refinement::Memory calibration;
#ifdef CONFIG_FETTLE_ENGINE_TFLITE_MICRO
TfliteMicroEngine engine;
NetworkEngine* const other_engine = &engine;
#else
NetworkEngine* const other_engine = nullptr;
#endif

TaskHandle_t judging = nullptr;
TaskHandle_t recording = nullptr;

/// A line for whoever listens before the board speaks for itself: on its line and in the log.
void say(board::LogLevel level, std::string_view tag, std::string_view text) {
  log_sink.write(level, tag, text);
  Text<200> out;
  out << (level == board::LogLevel::info ? "I " : "E ") << tag << ": " << text << "\r\n";
  const std::string_view bytes = out.view();
  static_cast<void>(
      line.write({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
}

/// Of this very chip, the same for ever: its MAC address.
std::array<std::uint8_t, 8> chip_id() {
  std::array<std::uint8_t, 8> id{};
  static_cast<void>(esp_efuse_mac_get_default(id.data()));  // six bytes
  return id;
}

board::Restart why_restarted() {
  switch (esp_reset_reason()) {
    case ESP_RST_BROWNOUT: return board::Restart::brown_out;
    case ESP_RST_TASK_WDT:
    case ESP_RST_INT_WDT:
    case ESP_RST_WDT: return board::Restart::watchdog;
    case ESP_RST_PANIC: return board::Restart::defect;
    default: return board::Restart::usual;
  }
}

void sample(void*) {
  esp_task_wdt_add(nullptr);
  for (;;) {
    if (samples.run(now_us())) xTaskNotifyGive(judging);
    esp_task_wdt_reset();
    data_ready.wait_until(samples.run_again_us());
  }
}

/// Not under the task watchdog: a card that was pulled out takes seconds to be missed. The idle task below
/// it is; SDSPI's waits let it run between sectors.
void record(void*) {
  for (;;) {
    while (records.run(now_us())) {
    }
    // A card that could not be used is looked for without being asked, too.
    ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(500));
  }
}

/// Without one of its tasks the board is none: it restarts, and the start says why.
void start_task(TaskFunction_t run, const char* name, std::uint32_t stack, void* argument,
                UBaseType_t priority, TaskHandle_t* handle, BaseType_t core) {
  if (xTaskCreatePinnedToCore(run, name, stack, argument, priority, handle, core) == pdPASS) return;
  Text<80> text;
  text << "no memory for the task '" << name << "': please report it";
  say(board::LogLevel::error, "start", text.view());
  vTaskDelay(pdMS_TO_TICKS(200));  // until it is sent
  std::abort();
}

void judge(void* board_memory) {
  auto& board = *static_cast<board::Board*>(board_memory);
  board.begin(now_us());
  start_task(&record, "recorder", kRecordingStack, nullptr, kRecording, &recording, kFirstCore);
  start_task(&sample, "sampling", kSamplingStack, nullptr, kSampling, nullptr, kLastCore);
  esp_task_wdt_add(nullptr);
  for (;;) {
    board.step(now_us());
    if (records.pending()) xTaskNotifyGive(recording);
    esp_task_wdt_reset();
    // A tick at least, so that the core's idle task comes to its turn while commands flood in.
    constexpr std::int64_t kTick_us = 1'000'000 / configTICK_RATE_HZ;
    const std::int64_t ticks = (board.next_wake_us() - now_us()) / kTick_us;
    if (ticks > 0) {
      ulTaskNotifyTake(pdTRUE, static_cast<TickType_t>(ticks));
    } else if (board.next_wake_us() != 0) {
      vTaskDelay(1);
    }
  }
}

void begin_hardware() {
  alert.begin();
  log_sink.begin(kLogging, kFirstCore);
#ifdef CONFIG_FETTLE_LINE_USB
  const bool line_there = line.begin();
#else
  const bool line_there =
      line.begin(CONFIG_FETTLE_UART_TX, CONFIG_FETTLE_UART_RX, kSending, kFirstCore);
#endif
  if (!line_there) {
    log_sink.write(board::LogLevel::error, "line", "cannot be had: nobody can talk to the board");
  }
  bool erased = false;
  const bool stored = NvsRecord::begin(erased);
  if (erased) say(board::LogLevel::error, "settings", "were of another version and are erased");
  if (!stored || !settings.open() || !learned.open()) {
    say(board::LogLevel::error, "settings", "cannot be kept: the nvs partition cannot be used");
  }
  if (!models.begin()) {
    say(board::LogLevel::error, "model", "a partition is missing: flash partitions.csv as well");
  }
  if (!events.begin()) {
    say(board::LogLevel::error, "events", "their partition is missing: flash partitions.csv too");
  }
#ifdef CONFIG_FETTLE_SD
  if (!card.begin()) say(board::LogLevel::error, "card", "the SPI bus cannot be had");
#endif
  const Wiring wiring = bus.begin();
  say(wiring == Wiring::ok ? board::LogLevel::info : board::LogLevel::error, "wiring",
      describe(wiring));
  if (wiring == Wiring::ok || wiring == Wiring::no_pull_up) {
    constexpr auto kMeasurements = static_cast<std::uint8_t>(mpu6050::Register::accel_x_high);
    const std::uint32_t measured_hz = bus.measure(bus.found(), kMeasurements).measured_hz;
    Text<100> speed;
    speed << "I2C at " << CONFIG_FETTLE_I2C_HZ / 1000 << " kHz: measured " << measured_hz / 1000
          << " kHz";
    say(board::LogLevel::info, "wiring", speed.view());
  }
  if (!data_ready.begin()) say(board::LogLevel::error, "wiring", "the interrupt pin cannot be had");
#ifdef CONFIG_FETTLE_ENGINE_TFLITE_MICRO
  if (!engine.begin()) say(board::LogLevel::error, "engine", "its operators cannot be registered");
#endif
}

}  // namespace

extern "C" void app_main() {
  begin_hardware();
  static const board::Settings defaults = default_settings();
  static board::Board board(
      {bus, data_ready, line, card, models, settings, learned, alert, log_sink, &calibration,
       &samples, &records, other_engine, &cycles, &events},
      {chip_id(), esp_app_get_description()->version, FETTLE_BUILT_IN_MODEL, &defaults, true,
       why_restarted()});
  start_task(&judge, "board", kJudgingStack, &board, kJudging, &judging, kFirstCore);
}
