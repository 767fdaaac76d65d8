// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "esp_err.h"

namespace fettle::test {

/// What the firmware's adapters see of ESP-IDF in a test: as much of it as they use, with faults to order.
/// It answers as ESP-IDF's sources say that it does; it is not ESP-IDF.
struct FakeIdf {
  std::int64_t now_us = 1'000'000;

  // Pins. A line without anything on it is low, for the adapters pull it down.
  std::map<int, bool> level;
  std::map<int, int> pull;
  std::map<int, bool> weak;  // lines with no pull-up but the bus driver's
  std::map<int, int> direction;
  std::map<int, std::pair<void (*)(void*), void*>> handlers;

  // I2C: one chip, on two pins of the processor.
  int chip_sda = 8;
  int chip_scl = 9;
  int chip_address = 0x68;  // 0: there is none
  std::array<std::uint8_t, 256> registers{};
  enum class Trouble : std::uint8_t { none, hangs, falls_low };
  Trouble trouble = Trouble::none;
  esp_err_t i2c_error = ESP_ERR_INVALID_STATE;  // of 5.x; 6.x has ESP_ERR_INVALID_RESPONSE
  std::int64_t i2c_byte_ns =
      0;  // a byte that is read takes so long, beside 200 us for the transfer
  bool reset_frees_lines = false;
  int transfers = 0;
  int resets = 0;
  int open_buses = 0;

  // FreeRTOS. What a task waits for in vain ends it, by an exception.
  struct EndOfTask {};
  struct Task {
    void (*run)(void*);
    void* argument;
    std::string name;
    unsigned priority;
    int core;
  };
  std::vector<Task> tasks;
  std::uint32_t notified = 0;
  std::uint32_t waited_ticks = 0;
  std::uint32_t delayed_ticks = 0;

  // SD card.
  esp_err_t mount = ESP_OK;
  esp_err_t card_status = ESP_OK;
  int mounted = 0;

  // Flash and NVS.
  std::map<std::string, std::vector<std::uint8_t>> partitions;
  std::map<std::string, std::vector<std::uint8_t>> blobs;
  esp_err_t nvs_init = ESP_OK;
  esp_err_t nvs_set = ESP_OK;
  int nvs_erased = 0;

  // Serial lines and the log.
  std::string uart_out;
  std::string uart_in;
  std::string usb_out;
  std::size_t usb_room = 0;
  std::vector<std::string> log;
};

/// The one that the functions of ESP-IDF look at; a test begins with a new one.
FakeIdf& idf();
void reset_idf();

}  // namespace fettle::test
