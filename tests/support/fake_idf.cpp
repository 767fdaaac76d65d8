// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_idf.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include "driver/i2c_master.h"
#include "driver/sdspi_host.h"
#include "driver/uart.h"
#include "driver/usb_serial_jtag.h"
#include "esp_log.h"
#include "esp_partition.h"
#include "esp_rom_sys.h"
#include "esp_timer.h"
#include "esp_vfs_fat.h"
#include "freertos/queue.h"
#include "freertos/stream_buffer.h"
#include "freertos/task.h"
#include "nvs.h"
#include "nvs_flash.h"

struct i2c_master_bus_t {
  int sda, scl;
};
struct i2c_master_dev_t {
  i2c_master_bus_t* bus;
  int address;
};
struct FettleTask {};
struct FettleQueue {
  std::size_t most, bytes;
  std::deque<std::vector<std::uint8_t>> items;
};
struct FettleStream {
  std::size_t most;
  std::deque<std::uint8_t> bytes;
};
struct sdmmc_card_t {};

namespace fettle::test {
namespace {

struct World {
  FakeIdf idf;
  std::vector<std::unique_ptr<i2c_master_dev_t>> devices;
  std::vector<std::unique_ptr<i2c_master_bus_t>> buses;
  std::vector<std::unique_ptr<FettleQueue>> queues;
  std::vector<std::unique_ptr<FettleStream>> streams;
  std::map<std::string, esp_partition_t> found;
  FettleTask task;
  sdmmc_card_t card;
};

std::unique_ptr<World>& world() {
  static auto one = std::make_unique<World>();
  return one;
}

/// @return whether the chip acknowledged
bool reach(const i2c_master_bus_t& bus, int address) {
  FakeIdf& fake = idf();
  ++fake.transfers;
  switch (fake.trouble) {
    case FakeIdf::Trouble::none: break;
    case FakeIdf::Trouble::hangs: fake.now_us += 20'000; return false;
    case FakeIdf::Trouble::falls_low:
      fake.now_us += 5'000;
      fake.level[bus.sda] = false;
      return false;
  }
  fake.now_us += 200;
  return bus.sda == fake.chip_sda && bus.scl == fake.chip_scl && fake.chip_address == address;
}

std::vector<std::uint8_t>& flash_of(const esp_partition_t* partition) {
  return idf().partitions.at(partition->label);
}

}  // namespace

FakeIdf& idf() { return world()->idf; }
void reset_idf() { world() = std::make_unique<World>(); }

}  // namespace fettle::test

using fettle::test::FakeIdf;
using fettle::test::idf;
using fettle::test::reach;
using fettle::test::world;

extern "C" {

std::int64_t esp_timer_get_time() { return idf().now_us; }
void esp_rom_delay_us(std::uint32_t us) { idf().now_us += us; }

esp_err_t gpio_config(const gpio_config_t* /*config*/) { return ESP_OK; }
esp_err_t gpio_reset_pin(gpio_num_t /*pin*/) { return ESP_OK; }
esp_err_t gpio_set_level(gpio_num_t pin, std::uint32_t level) {
  idf().level[pin] = level != 0;
  return ESP_OK;
}
int gpio_get_level(gpio_num_t pin) {
  FakeIdf& fake = idf();
  const bool pulled_down = fake.weak[pin] && fake.pull[pin] == GPIO_PULLDOWN_ONLY;
  return fake.level[pin] && !pulled_down ? 1 : 0;
}
esp_err_t gpio_set_direction(gpio_num_t pin, gpio_mode_t mode) {
  idf().direction[pin] = mode;
  return ESP_OK;
}
esp_err_t gpio_set_pull_mode(gpio_num_t pin, gpio_pull_mode_t pull) {
  idf().pull[pin] = pull;
  return ESP_OK;
}
esp_err_t gpio_install_isr_service(int /*flags*/) { return ESP_OK; }
esp_err_t gpio_isr_handler_add(gpio_num_t pin, gpio_isr_t handler, void* argument) {
  idf().handlers[pin] = {handler, argument};
  return ESP_OK;
}

esp_err_t i2c_new_master_bus(const i2c_master_bus_config_t* config, i2c_master_bus_handle_t* bus) {
  ++idf().open_buses;
  for (const int pin : {config->sda_io_num, config->scl_io_num}) {
    if (idf().weak[pin] && config->flags.enable_internal_pullup) idf().level[pin] = true;
  }
  world()->buses.push_back(
      std::make_unique<i2c_master_bus_t>(i2c_master_bus_t{config->sda_io_num, config->scl_io_num}));
  *bus = world()->buses.back().get();
  return ESP_OK;
}
esp_err_t i2c_del_master_bus(i2c_master_bus_handle_t /*bus*/) {
  --idf().open_buses;
  return ESP_OK;
}
esp_err_t i2c_master_bus_add_device(i2c_master_bus_handle_t bus, const i2c_device_config_t* config,
                                    i2c_master_dev_handle_t* device) {
  world()->devices.push_back(
      std::make_unique<i2c_master_dev_t>(i2c_master_dev_t{bus, config->device_address}));
  *device = world()->devices.back().get();
  return ESP_OK;
}
esp_err_t i2c_master_bus_rm_device(i2c_master_dev_handle_t /*device*/) { return ESP_OK; }
esp_err_t i2c_master_transmit(i2c_master_dev_handle_t device, const std::uint8_t* bytes,
                              std::size_t size, int /*timeout_ms*/) {
  if (!reach(*device->bus, device->address)) return idf().i2c_error;
  for (std::size_t i = 1; i < size; ++i) idf().registers[bytes[0] + i - 1] = bytes[i];
  return ESP_OK;
}
esp_err_t i2c_master_transmit_receive(i2c_master_dev_handle_t device, const std::uint8_t* out,
                                      std::size_t /*out_size*/, std::uint8_t* in,
                                      std::size_t in_size, int /*timeout_ms*/) {
  if (!reach(*device->bus, device->address)) return idf().i2c_error;
  idf().now_us += static_cast<std::int64_t>(in_size) * idf().i2c_byte_ns / 1000;
  for (std::size_t i = 0; i < in_size; ++i) in[i] = idf().registers[(out[0] + i) % 256];
  return ESP_OK;
}
esp_err_t i2c_master_probe(i2c_master_bus_handle_t bus, std::uint16_t address, int /*timeout_ms*/) {
  return reach(*bus, address) ? ESP_OK : ESP_ERR_NOT_FOUND;
}
esp_err_t i2c_master_bus_reset(i2c_master_bus_handle_t bus) {
  FakeIdf& fake = idf();
  ++fake.resets;
  if (fake.reset_frees_lines) fake.level[bus->sda] = true;
  return ESP_OK;
}

BaseType_t xTaskCreatePinnedToCore(TaskFunction_t run, const char* name,
                                   std::uint32_t /*stack_bytes*/, void* argument,
                                   UBaseType_t priority, TaskHandle_t* task, BaseType_t core) {
  idf().tasks.push_back({run, argument, name, priority, core});
  if (task != nullptr) *task = &world()->task;
  return pdPASS;
}
TaskHandle_t xTaskGetCurrentTaskHandle() { return &world()->task; }
std::uint32_t ulTaskNotifyTake(BaseType_t /*clear*/, TickType_t ticks) {
  idf().waited_ticks = ticks;
  return 0;
}
void vTaskDelay(TickType_t ticks) { idf().delayed_ticks += ticks; }
void vTaskNotifyGiveFromISR(TaskHandle_t /*task*/, BaseType_t* woken) {
  ++idf().notified;
  *woken = pdTRUE;
}

QueueHandle_t xQueueCreate(UBaseType_t items, UBaseType_t item_bytes) {
  world()->queues.push_back(std::make_unique<FettleQueue>(FettleQueue{items, item_bytes, {}}));
  return world()->queues.back().get();
}
BaseType_t xQueueSend(QueueHandle_t queue, const void* item, TickType_t /*ticks*/) {
  if (queue->items.size() == queue->most) return pdFALSE;
  const auto* bytes = static_cast<const std::uint8_t*>(item);
  queue->items.emplace_back(bytes, bytes + queue->bytes);
  return pdTRUE;
}
BaseType_t xQueueReceive(QueueHandle_t queue, void* item, TickType_t /*ticks*/) {
  if (queue->items.empty()) throw FakeIdf::EndOfTask();
  std::memcpy(item, queue->items.front().data(), queue->bytes);
  queue->items.pop_front();
  return pdTRUE;
}

StreamBufferHandle_t xStreamBufferCreate(std::size_t bytes, std::size_t /*trigger*/) {
  world()->streams.push_back(std::make_unique<FettleStream>(FettleStream{bytes, {}}));
  return world()->streams.back().get();
}
std::size_t xStreamBufferSend(StreamBufferHandle_t stream, const void* bytes, std::size_t size,
                              TickType_t /*ticks*/) {
  const auto* from = static_cast<const std::uint8_t*>(bytes);
  const std::size_t taken = std::min(size, stream->most - stream->bytes.size());
  stream->bytes.insert(stream->bytes.end(), from, from + taken);
  return taken;
}
std::size_t xStreamBufferReceive(StreamBufferHandle_t stream, void* bytes, std::size_t size,
                                 TickType_t /*ticks*/) {
  if (stream->bytes.empty()) throw FakeIdf::EndOfTask();
  const std::size_t given = std::min(size, stream->bytes.size());
  std::copy_n(stream->bytes.begin(), given, static_cast<std::uint8_t*>(bytes));
  stream->bytes.erase(stream->bytes.begin(),
                      stream->bytes.begin() + static_cast<std::ptrdiff_t>(given));
  return given;
}

esp_err_t uart_driver_install(uart_port_t, int, int, int, QueueHandle_t*, int) { return ESP_OK; }
esp_err_t uart_param_config(uart_port_t, const uart_config_t*) { return ESP_OK; }
esp_err_t uart_set_pin(uart_port_t, int, int, int, int) { return ESP_OK; }
int uart_read_bytes(uart_port_t, void* bytes, std::uint32_t size, std::uint32_t /*ticks*/) {
  std::string& in = idf().uart_in;
  const std::size_t given = std::min<std::size_t>(size, in.size());
  std::copy_n(in.begin(), given, static_cast<char*>(bytes));
  in.erase(0, given);
  return static_cast<int>(given);
}
int uart_write_bytes(uart_port_t, const void* bytes, std::size_t size) {
  idf().uart_out.append(static_cast<const char*>(bytes), size);
  return static_cast<int>(size);
}

esp_err_t usb_serial_jtag_driver_install(usb_serial_jtag_driver_config_t* config) {
  idf().usb_room = config->tx_buffer_size;
  return ESP_OK;
}
int usb_serial_jtag_read_bytes(void*, std::uint32_t, std::uint32_t) { return 0; }
int usb_serial_jtag_write_bytes(const void* bytes, std::size_t size, std::uint32_t /*ticks*/) {
  if (size > idf().usb_room) return 0;
  idf().usb_room -= size;
  idf().usb_out.append(static_cast<const char*>(bytes), size);
  return static_cast<int>(size);
}

esp_err_t spi_bus_initialize(spi_host_device_t, const spi_bus_config_t*, int) { return ESP_OK; }
esp_err_t sdmmc_get_status(sdmmc_card_t* /*card*/) { return idf().card_status; }
esp_err_t esp_vfs_fat_sdspi_mount(const char*, const sdmmc_host_t*, const sdspi_device_config_t*,
                                  const esp_vfs_fat_mount_config_t*, sdmmc_card_t** card) {
  if (idf().mount != ESP_OK) return idf().mount;
  ++idf().mounted;
  *card = &world()->card;
  return ESP_OK;
}
esp_err_t esp_vfs_fat_sdcard_unmount(const char*, sdmmc_card_t*) {
  --idf().mounted;
  return ESP_OK;
}

const esp_partition_t* esp_partition_find_first(esp_partition_type_t, esp_partition_subtype_t,
                                                const char* label) {
  const auto found = idf().partitions.find(label);
  if (found == idf().partitions.end()) return nullptr;
  esp_partition_t& partition = world()->found[label];
  partition.size = static_cast<std::uint32_t>(found->second.size());
  std::snprintf(partition.label, sizeof partition.label, "%s", label);
  return &partition;
}
esp_err_t esp_partition_read(const esp_partition_t* partition, std::size_t offset, void* bytes,
                             std::size_t size) {
  const auto& flash = fettle::test::flash_of(partition);
  if (offset > flash.size() || size > flash.size() - offset) return ESP_ERR_INVALID_SIZE;
  std::copy_n(flash.begin() + static_cast<std::ptrdiff_t>(offset), size,
              static_cast<std::uint8_t*>(bytes));
  return ESP_OK;
}
esp_err_t esp_partition_write(const esp_partition_t* partition, std::size_t offset,
                              const void* bytes, std::size_t size) {
  auto& flash = fettle::test::flash_of(partition);
  if (offset > flash.size() || size > flash.size() - offset) return ESP_ERR_INVALID_ARG;
  for (std::size_t i = 0; i < size; ++i)
    flash[offset + i] &= static_cast<const std::uint8_t*>(bytes)[i];
  return ESP_OK;
}
esp_err_t esp_partition_erase_range(const esp_partition_t* partition, std::size_t offset,
                                    std::size_t size) {
  auto& flash = fettle::test::flash_of(partition);
  if (offset % 4096 != 0 || size % 4096 != 0) return ESP_ERR_INVALID_ARG;
  if (offset > flash.size() || size > flash.size() - offset) return ESP_ERR_INVALID_SIZE;
  std::fill_n(flash.begin() + static_cast<std::ptrdiff_t>(offset), size, std::uint8_t{0xFF});
  return ESP_OK;
}
esp_err_t esp_partition_mmap(const esp_partition_t* partition, std::size_t offset,
                             std::size_t /*size*/, esp_partition_mmap_memory_t, const void** bytes,
                             esp_partition_mmap_handle_t*) {
  *bytes = fettle::test::flash_of(partition).data() + offset;
  return ESP_OK;
}

esp_err_t nvs_flash_init() { return idf().nvs_init; }
esp_err_t nvs_flash_erase() {
  ++idf().nvs_erased;
  idf().blobs.clear();
  idf().nvs_init = ESP_OK;
  return ESP_OK;
}
esp_err_t nvs_open(const char*, nvs_open_mode_t, nvs_handle_t* handle) {
  *handle = 1;
  return ESP_OK;
}
esp_err_t nvs_get_blob(nvs_handle_t, const char* key, void* bytes, std::size_t* size) {
  const auto found = idf().blobs.find(key);
  if (found == idf().blobs.end()) return ESP_ERR_NVS_NOT_FOUND;
  const bool fits = found->second.size() <= *size;
  *size = found->second.size();
  if (!fits) return ESP_ERR_NVS_INVALID_LENGTH;
  std::memcpy(bytes, found->second.data(), *size);
  return ESP_OK;
}
esp_err_t nvs_set_blob(nvs_handle_t, const char* key, const void* bytes, std::size_t size) {
  if (idf().nvs_set != ESP_OK) return idf().nvs_set;
  const auto* from = static_cast<const std::uint8_t*>(bytes);
  idf().blobs[key].assign(from, from + size);
  return ESP_OK;
}
esp_err_t nvs_commit(nvs_handle_t) { return ESP_OK; }

void esp_log_level_set(const char*, esp_log_level_t) {}
void fettle_esp_log(esp_log_level_t level, const char* tag, const char* format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  constexpr std::array<const char*, 4> kLetters = {"-", "E", "W", "I"};
  idf().log.push_back(std::string(kLetters[static_cast<std::size_t>(level)]) + " " + tag + ": " +
                      text);
}

}  // extern "C"
