// SPDX-License-Identifier: Apache-2.0
#include "adapters/sd_card.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "driver/spi_master.h"
#include "esp_log.h"
#include "esp_vfs_fat.h"

namespace fettle::esp32 {
namespace {

/// A file's size is an off_t of 32 bits here; FAT itself goes on to 4 GiB.
constexpr off_t kLargestFile = 0x7FFF'FFFF;

using board::StoreStatus;

constexpr int kWait_ms = 500;

}  // namespace

bool SdCard::begin() {
  spi_bus_config_t bus{};
  bus.mosi_io_num = pins_.mosi;
  bus.miso_io_num = pins_.miso;
  bus.sclk_io_num = pins_.clk;
  bus.quadwp_io_num = -1;
  bus.quadhd_io_num = -1;
  bus.max_transfer_sz = 4096;
  // A module without its own pull-up answers with noise when no card is in it.
  gpio_set_pull_mode(pins_.miso, GPIO_PULLUP_ONLY);
  bus_ = spi_bus_initialize(SPI2_HOST, &bus, SPI_DMA_CH_AUTO) == ESP_OK;
  // Their errors every two seconds without a card say nothing that the board does not say.
  for (const char* tag : {"sdmmc_common", "sdmmc_sd", "sdmmc_init", "sdspi_transaction",
                          "vfs_fat_sdmmc", "sdspi_host", "diskio_sdmmc"}) {
    esp_log_level_set(tag, ESP_LOG_NONE);
  }
  return bus_;
}

StoreStatus SdCard::mount() {
  if (card_ != nullptr) return StoreStatus::ok;
  if (!bus_) return StoreStatus::absent;
  sdmmc_host_t host = SDSPI_HOST_DEFAULT();
  host.slot = SPI2_HOST;
  host.max_freq_khz = SDMMC_FREQ_DEFAULT;
  host.command_timeout_ms = kWait_ms;
  sdspi_device_config_t slot = SDSPI_DEVICE_CONFIG_DEFAULT();
  slot.host_id = SPI2_HOST;
  slot.gpio_cs = pins_.cs;
  esp_vfs_fat_mount_config_t config{};
  config.format_if_mount_failed = false;  // never: it may be somebody's photographs
  config.max_files = 1;
  const esp_err_t mounted = esp_vfs_fat_sdspi_mount(folder_, &host, &slot, &config, &card_);
  if (mounted == ESP_OK) return StoreStatus::ok;
  card_ = nullptr;
  // ESP_FAIL: a card is there, but no FAT on it.
  return mounted == ESP_FAIL ? StoreStatus::failed : StoreStatus::absent;
}

void SdCard::unmount() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  if (card_ != nullptr) esp_vfs_fat_sdcard_unmount(folder_, card_);
  card_ = nullptr;
}

/// After an error: whether the card still is there. The next open() begins from the beginning.
StoreStatus SdCard::failure() {
  const bool there = card_ != nullptr && sdmmc_get_status(card_) == ESP_OK;
  unmount();
  return there ? StoreStatus::failed : StoreStatus::absent;
}

StoreStatus SdCard::open(std::uint64_t& size) {
  // Asked for when something was wrong, or when it may be another card by now.
  if (card_ != nullptr && sdmmc_get_status(card_) != ESP_OK) unmount();
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  if (const StoreStatus mounted = mount(); mounted != StoreStatus::ok) return mounted;
  file_ = ::open(path_, O_RDWR | O_CREAT | O_APPEND, 0666);
  struct stat about {};
  if (file_ < 0 || ::fstat(file_, &about) != 0) {
    // No room for a file's name is a full card.
    const bool full = errno == ENOSPC;
    const StoreStatus status = failure();
    return full ? StoreStatus::full : status;
  }
  if (about.st_size < 0) return StoreStatus::full;
  size = static_cast<std::uint64_t>(about.st_size);
  return StoreStatus::ok;
}

StoreStatus SdCard::read(std::uint64_t offset, std::span<std::uint8_t> bytes) {
  if (file_ < 0) return StoreStatus::absent;
  if (::lseek(file_, static_cast<off_t>(offset), SEEK_SET) < 0) return failure();
  const ssize_t size = ::read(file_, bytes.data(), bytes.size());
  return size == static_cast<ssize_t>(bytes.size()) ? StoreStatus::ok : failure();
}

StoreStatus SdCard::append(std::span<const std::uint8_t> bytes) {
  if (file_ < 0) return StoreStatus::absent;
  struct stat before {};
  if (::fstat(file_, &before) != 0) return failure();
  if (before.st_size < 0 || before.st_size > kLargestFile - static_cast<off_t>(bytes.size())) {
    return StoreStatus::full;
  }
  errno = 0;
  const ssize_t size = ::write(file_, bytes.data(), bytes.size());
  if (size == static_cast<ssize_t>(bytes.size())) {
    return ::fsync(file_) == 0 ? StoreStatus::ok : failure();
  }
  // A card without room takes less, and reports no error of its own.
  const bool full = errno == ENOSPC || (size >= 0 && errno == 0);
  if (!full) return failure();
  if (::ftruncate(file_, before.st_size) != 0 || ::fsync(file_) != 0) return failure();
  return StoreStatus::full;
}

}  // namespace fettle::esp32
