// SPDX-License-Identifier: Apache-2.0
// Six axes as text, 200 rows a second: saved by a terminal program, then
// `fettle import recording.csv --label normal -o data`.
#include <Fettle.h>

constexpr std::uint8_t kSda = 8;  // ESP32-S3; the first ESP32: 21 and 22
constexpr std::uint8_t kScl = 9;

fettle::arduino::WireBus bus(Wire, kSda, kScl);
fettle::arduino::NoInterrupt no_interrupt;
fettle::mpu6050::Driver driver(bus, no_interrupt, {});

void setup() {
  Serial.begin(921600);
  if (!bus.begin()) Serial.println("The I2C bus cannot be had: check its pins");
  Serial.println("t_us,ax_g,ay_g,az_g,gx_dps,gy_dps,gz_dps");
}

void loop() {
  driver.step(fettle::arduino::now_us());
  const fettle::SampleBlock* block = driver.take();
  if (block == nullptr) return;
  for (std::size_t i = 0; i < block->count; ++i) {
    const fettle::TimedSample sample = block->timed(i);
    Serial.print(static_cast<long long>(sample.t_us));
    for (std::size_t axis = 0; axis < fettle::kMaxAxes; ++axis) {
      Serial.print(',');
      Serial.print(static_cast<double>(sample.sample.axis[axis]), 4);
    }
    Serial.println();
  }
}
