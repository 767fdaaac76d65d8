// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "driver/gpio.h"
#include "driver/i2c_master.h"
#include "drivers/ports.hpp"

namespace fettle::esp32 {

/// What is wrong with the sensor's wires, as far as that can be seen without the sensor's help.
enum class Wiring : std::uint8_t {
  ok,           ///< somebody answers at 0x68 or 0x69
  no_pull_up,   ///< likewise, but only the processor's own weak resistors pull a line up
  nobody,       ///< both lines are pulled up, and nobody answers
  sda_low,      ///< nothing pulls SDA up, or something holds it low
  scl_low,      ///< likewise SCL
  swapped,      ///< the sensor answers once SDA and SCL have changed places
  unavailable,  ///< the I2C controller could not be set up
};

/// One sentence about it for people.
[[nodiscard]] const char* describe(Wiring wiring);

/// Registers on an I2C bus by ESP-IDF's i2c_master driver. For one task.
///
/// The driver reports one error for everything that goes wrong (ESP_ERR_INVALID_STATE in 5.x,
/// ESP_ERR_INVALID_RESPONSE in 6.x), so causes are told apart by what can be seen: a line that is low
/// is `stuck`; a transfer that took longer than a refused one can is a `timeout`; the rest is `nack`.
class I2cBus final : public RegisterBus {
 public:
  I2cBus(gpio_num_t sda, gpio_num_t scl, std::uint32_t hz) : sda_(sda), scl_(scl), hz_(hz) {}
  I2cBus(const I2cBus&) = delete;
  I2cBus& operator=(const I2cBus&) = delete;

  /// Looks at the wires, then takes the bus. Once, before the first transfer; at most 0.3 s.
  Wiring begin();
  /// Where a sensor answered begin(), 7-bit; 0: nowhere.
  [[nodiscard]] std::uint8_t found() const { return found_; }

  [[nodiscard]] BusStatus read(std::uint8_t device, std::uint8_t reg,
                               std::span<std::uint8_t> bytes) override;
  [[nodiscard]] BusStatus write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) override;
  [[nodiscard]] BusStatus recover() override;
  /// From the task that transfers, as all the rest; 2 to 10 ms.
  [[nodiscard]] BusWires measure(std::uint8_t device, std::uint8_t reg) override;

 private:
  [[nodiscard]] bool open(gpio_num_t sda, gpio_num_t scl);
  void close();
  [[nodiscard]] bool anybody();
  [[nodiscard]] bool lines_high() const;
  [[nodiscard]] i2c_master_dev_handle_t handle_of(std::uint8_t device) const;
  template <typename Transfer>
  BusStatus transfer(std::uint8_t device, Transfer&& run);

  gpio_num_t sda_;
  gpio_num_t scl_;
  std::uint32_t hz_;
  std::uint8_t found_ = 0;
  i2c_master_bus_handle_t bus_ = nullptr;
  std::array<i2c_master_dev_handle_t, 2> devices_{};  // at 0x68 and 0x69
};

}  // namespace fettle::esp32
