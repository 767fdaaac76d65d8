// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "driver/gpio.h"
#include "driver/sdspi_host.h"
#include "sdmmc_cmd.h"

namespace fettle::esp32 {

struct SpiPins {
  gpio_num_t cs, mosi, clk, miso;
};

/// The log's file on an SD card, on SPI, in a FAT file system. For a task of its own: a call waits for the
/// card, usually 5 to 20 ms, up to half a second when the card tidies up (SD specification, physical layer
/// 4.6.2: 250 ms a write, 500 ms for SDXC), longer if it was pulled out. Records wait in the queue.
class SdCard final : public board::Card {
 public:
  /// @param folder  where the card is mounted, and its file in it
  explicit SdCard(const SpiPins& pins, const char* folder = "/sd",
                  const char* file = "/sd/fettle.log")
      : pins_(pins), folder_(folder), path_(file) {}
  SdCard(const SdCard&) = delete;
  SdCard& operator=(const SdCard&) = delete;

  /// @return false if the SPI bus cannot be had: then there is no card
  bool begin();

  [[nodiscard]] board::StoreStatus open(std::uint64_t& size) override;
  [[nodiscard]] board::StoreStatus read(std::uint64_t offset,
                                        std::span<std::uint8_t> bytes) override;
  [[nodiscard]] board::StoreStatus append(std::span<const std::uint8_t> bytes) override;

 private:
  [[nodiscard]] board::StoreStatus mount();
  void unmount();
  [[nodiscard]] board::StoreStatus failure();

  SpiPins pins_;
  const char* folder_;
  const char* path_;  // eight letters and three: needs no long names
  bool bus_ = false;
  sdmmc_card_t* card_ = nullptr;  // mounted
  int file_ = -1;
};

}  // namespace fettle::esp32
