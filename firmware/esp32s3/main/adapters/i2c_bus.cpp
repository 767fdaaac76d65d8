// SPDX-License-Identifier: Apache-2.0
#include "adapters/i2c_bus.hpp"

#include "adapters/clock.hpp"
#include "esp_log.h"
#include "esp_rom_sys.h"

namespace fettle::esp32 {
namespace {

constexpr std::uint8_t kFirstAddress = 0x68;
// The longest transfer, 192 bytes, takes 4.4 ms at 400 kHz and 18 ms at 100 kHz. The driver may wait
// this long twice, and up to 50 ms more once, when a line falls in the middle of a transfer.
constexpr int kTransfer_ms = 20;
// A refused address is known after 25 us at 400 kHz; the rest is room for the scheduler.
constexpr std::int64_t kRefusal_us = 3000;
// While a sector of flash is erased nothing gives the controller its next piece, and it holds SCL: 45 ms, which must
// not count as a sensor that hangs. The first ESP32 counts to 13 ms at most.
#ifdef CONFIG_IDF_TARGET_ESP32
constexpr std::uint32_t kClockStretch_us = 12'000;
#else
constexpr std::uint32_t kClockStretch_us = 100'000;
#endif
constexpr int kProbe_ms = 10;

/// Whether something stronger than the chip's own pull-down (45 kOhm) holds a pin high.
/// @param afterwards  the pin's own pull
bool pulled_up(gpio_num_t pin, gpio_pull_mode_t afterwards) {
  gpio_set_pull_mode(pin, GPIO_PULLDOWN_ONLY);
  esp_rom_delay_us(200);  // long wires are slow
  const bool high = gpio_get_level(pin) != 0;
  gpio_set_pull_mode(pin, afterwards);
  return high;
}

}  // namespace

const char* describe(Wiring wiring) {
  switch (wiring) {
    case Wiring::ok: return "a sensor answers";
    case Wiring::no_pull_up:
      return "a sensor answers, but SDA or SCL has no pull-up: put 4.7 kOhm from each to 3V3, or "
             "it "
             "will fail now and then";
    case Wiring::nobody:
      return "no sensor answers at 0x68 or 0x69: check 3V3, GND and that SDA and SCL go where they "
             "should";
    case Wiring::sda_low:
      return "SDA is low: the sensor has no power, the wire is off, or SDA touches GND";
    case Wiring::scl_low:
      return "SCL is low: the sensor has no power, the wire is off, or SCL touches GND";
    case Wiring::swapped: return "SDA and SCL are swapped: change the two wires";
    case Wiring::unavailable: return "the I2C controller cannot be set up: see the lines before";
  }
  return "unknown";
}

bool I2cBus::open(gpio_num_t sda, gpio_num_t scl) {
  i2c_master_bus_config_t bus{};
  bus.i2c_port = -1;  // whichever is free
  bus.sda_io_num = sda;
  bus.scl_io_num = scl;
  bus.clk_source = I2C_CLK_SRC_DEFAULT;
  bus.glitch_ignore_cnt = 7;
  bus.flags.enable_internal_pullup = true;  // beside those of the sensor's board, which do the work
  if (i2c_new_master_bus(&bus, &bus_) != ESP_OK) {
    bus_ = nullptr;
    return false;
  }
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    i2c_device_config_t device{};
    device.dev_addr_length = I2C_ADDR_BIT_LEN_7;
    device.device_address = static_cast<std::uint16_t>(kFirstAddress + i);
    device.scl_speed_hz = hz_;
    device.scl_wait_us = kClockStretch_us;
    if (i2c_master_bus_add_device(bus_, &device, &devices_[i]) != ESP_OK) {
      devices_[i] = nullptr;
      close();
      return false;
    }
  }
  return true;
}

void I2cBus::close() {
  if (bus_ == nullptr) return;
  for (i2c_master_dev_handle_t& device : devices_) {
    if (device != nullptr) i2c_master_bus_rm_device(device);
    device = nullptr;
  }
  i2c_del_master_bus(bus_);
  bus_ = nullptr;
}

bool I2cBus::anybody() {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const auto address = static_cast<std::uint16_t>(kFirstAddress + i);
    if (i2c_master_probe(bus_, address, kProbe_ms) != ESP_OK) continue;
    found_ = static_cast<std::uint8_t>(address);
    return true;
  }
  return false;
}

Wiring I2cBus::begin() {
  // It speaks of every refused transfer; the board counts them and says what they mean.
  esp_log_level_set("i2c.master", ESP_LOG_NONE);
  for (const gpio_num_t line : {sda_, scl_}) {
    gpio_reset_pin(line);
    gpio_set_direction(line, GPIO_MODE_INPUT);
  }
  const bool sda_up = pulled_up(sda_, GPIO_FLOATING);
  const bool scl_up = pulled_up(scl_, GPIO_FLOATING);
  if (!open(sda_, scl_)) return Wiring::unavailable;
  // A chip that was read when the processor restarted holds SDA until it is clocked out.
  if (!lines_high()) static_cast<void>(recover());
  if (gpio_get_level(scl_) == 0) return Wiring::scl_low;
  if (gpio_get_level(sda_) == 0) return Wiring::sda_low;
  if (anybody()) return sda_up && scl_up ? Wiring::ok : Wiring::no_pull_up;
  if (!scl_up) return Wiring::scl_low;
  if (!sda_up) return Wiring::sda_low;
  close();
  const bool swapped = open(scl_, sda_) && anybody();
  found_ = 0;
  close();
  if (!open(sda_, scl_)) return Wiring::unavailable;
  return swapped ? Wiring::swapped : Wiring::nobody;
}

/// Between transfers the controller leaves both lines to whatever pulls them up, so only the processor's
/// own resistor has to be turned round. The clock comes from what twelve bytes more take: what the driver
/// needs around them, and a switch of tasks in one of the runs, is not in it.
BusWires I2cBus::measure(std::uint8_t device, std::uint8_t reg) {
  BusWires wires;
  wires.set_hz = hz_;
  if (bus_ == nullptr) return wires;
  wires.sda_pulled_up = pulled_up(sda_, GPIO_PULLUP_ONLY);
  wires.scl_pulled_up = pulled_up(scl_, GPIO_PULLUP_ONLY);
  // A line that fell was a start condition to the controller.
  if (!wires.sda_pulled_up || !wires.scl_pulled_up) static_cast<void>(recover());
  constexpr int kRuns = 3;
  constexpr std::size_t kFew = 2;  // the last byte of a read is a step of its own of the controller
  constexpr std::size_t kMany = 14;
  std::array<std::uint8_t, kMany> bytes{};
  const auto least_us = [&](std::size_t size) {
    std::int64_t least = 0;
    for (int run = 0; run < kRuns; ++run) {
      const std::int64_t before_us = now_us();
      if (read(device, reg, std::span(bytes).first(size)) != BusStatus::ok) continue;
      const std::int64_t taken_us = now_us() - before_us;
      least = least == 0 || taken_us < least ? taken_us : least;
    }
    return least;
  };
  const std::int64_t few_us = least_us(kFew);
  const std::int64_t many_us = least_us(kMany);
  constexpr std::int64_t kBits_us = static_cast<std::int64_t>(kMany - kFew) * 9 * 1'000'000;
  if (few_us > 0 && many_us > few_us) {
    wires.measured_hz = static_cast<std::uint32_t>(kBits_us / (many_us - few_us));
  }
  return wires;
}

/// At rest. ESP-IDF 5 comes back from a refused transfer while its stop condition still is on the wire.
bool I2cBus::lines_high() const {
  constexpr int kLooks = 10;
  for (int i = 0; i < kLooks; ++i) {
    if (gpio_get_level(sda_) != 0 && gpio_get_level(scl_) != 0) return true;
    esp_rom_delay_us(10);
  }
  return false;
}

i2c_master_dev_handle_t I2cBus::handle_of(std::uint8_t device) const {
  const unsigned at = device - kFirstAddress;
  return at < devices_.size() ? devices_[at] : nullptr;
}

template <typename Transfer>
BusStatus I2cBus::transfer(std::uint8_t device, Transfer&& run) {
  auto* handle = handle_of(device);
  if (handle == nullptr) return BusStatus::nack;
  // The driver would try to free the bus for 50 ms first; recover() is asked when that is wanted.
  if (!lines_high()) return BusStatus::stuck;
  const std::int64_t before_us = now_us();
  if (run(handle) == ESP_OK) return BusStatus::ok;
  if (!lines_high()) return BusStatus::stuck;
  return now_us() - before_us >= kRefusal_us ? BusStatus::timeout : BusStatus::nack;
}

BusStatus I2cBus::read(std::uint8_t device, std::uint8_t reg, std::span<std::uint8_t> bytes) {
  return transfer(device, [&](i2c_master_dev_handle_t handle) {
    return i2c_master_transmit_receive(handle, &reg, 1, bytes.data(), bytes.size(), kTransfer_ms);
  });
}

BusStatus I2cBus::write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) {
  const std::array<std::uint8_t, 2> bytes = {reg, value};
  return transfer(device, [&](i2c_master_dev_handle_t handle) {
    return i2c_master_transmit(handle, bytes.data(), bytes.size(), kTransfer_ms);
  });
}

/// i2c_master_bus_reset() does all three: nine clocks, a stop condition, and the controller's reset.
BusStatus I2cBus::recover() {
  if (bus_ == nullptr) return BusStatus::stuck;
  const bool reset = i2c_master_bus_reset(bus_) == ESP_OK;
  return reset && lines_high() ? BusStatus::ok : BusStatus::stuck;
}

}  // namespace fettle::esp32
