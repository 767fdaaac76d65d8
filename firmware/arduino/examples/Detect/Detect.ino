// SPDX-License-Identifier: Apache-2.0
// Judges a machine by a model that `fettle train` made, and switches a LED on at an alarm.
// model_data.h beside this sketch: fettle export model.tflite --c-array model_data.h
#include <Fettle.h>

#include "model_data.h"

constexpr std::uint8_t kSda = 8;  // ESP32-S3; the first ESP32: 21 and 22
constexpr std::uint8_t kScl = 9;
constexpr std::uint8_t kLed = 2;

fettle::arduino::WireBus bus(Wire, kSda, kScl);
fettle::arduino::NoInterrupt no_interrupt;
fettle::mpu6050::Driver driver(bus, no_interrupt, {});

alignas(16) std::array<std::byte, 4096> workspace;
fettle::DetectorModel model;
std::optional<fettle::Pipeline> pipeline;

void setup() {
  Serial.begin(115200);
  pinMode(kLed, OUTPUT);
  if (!bus.begin()) Serial.println("The I2C bus cannot be had: check its pins");
  const fettle::Fault fault = fettle::load_detector(anomaly_detector_int8_tflite, workspace, model);
  if (!fault.ok()) {
    Serial.print("The model cannot be used: ");
    Serial.println(fettle::describe(fault.status));
  } else if (model.window.rate_hz != static_cast<float>(driver.config().rate_hz)) {
    Serial.println("The model is for another rate: give the driver's Config its rate_hz");
  } else {
    pipeline.emplace(model);
  }
}

void loop() {
  driver.step(fettle::arduino::now_us());
  const fettle::SampleBlock* block = driver.take();
  if (block == nullptr || !pipeline) return;
  for (std::size_t i = 0; i < block->count; ++i) {
    const auto result = pipeline->push(block->timed(i));
    if (!result) continue;
    Serial.print("score ");
    Serial.print(static_cast<double>(result->score), 4);
    Serial.print(' ');
    Serial.println(fettle::name_of(result->verdict));
    if (result->alarm) {
      const fettle::Phrase phrase = pipeline->phrase();
      Serial.write(phrase.view().data(), phrase.view().size());
      Serial.println();
    }
    digitalWrite(kLed, fettle::raises(result->verdict) ? 1 : 0);
  }
}
