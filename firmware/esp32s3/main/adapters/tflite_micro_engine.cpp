// SPDX-License-Identifier: Apache-2.0
#include "adapters/tflite_micro_engine.hpp"

#include <cstring>

#include "tensorflow/lite/schema/schema_generated.h"

namespace fettle::esp32 {

bool TfliteMicroEngine::begin() {
  return operators_.AddFullyConnected() == kTfLiteOk && operators_.AddRelu() == kTfLiteOk &&
         operators_.AddRelu6() == kTfLiteOk && operators_.AddQuantize() == kTfLiteOk &&
         operators_.AddDequantize() == kTfLiteOk;
}

bool TfliteMicroEngine::prepare(std::span<const std::uint8_t> file) {
  interpreter_.reset();
  // load_detector() has verified the bytes.
  interpreter_.emplace(::tflite::GetModel(file.data()), operators_, arena_.data(), arena_.size());
  if (interpreter_->AllocateTensors() == kTfLiteOk && interpreter_->input(0)->type == kTfLiteInt8 &&
      interpreter_->output(0)->type == kTfLiteInt8) {
    return true;
  }
  interpreter_.reset();
  return false;
}

void TfliteMicroEngine::run(std::span<const std::int8_t> input, std::span<std::int8_t> output) {
  std::memcpy(interpreter_->input(0)->data.int8, input.data(), input.size());
  if (interpreter_->Invoke() != kTfLiteOk) {
    // It cannot, once it has run; were it to, a score at the end of the scale says so.
    std::memset(output.data(), -128, output.size());
    return;
  }
  std::memcpy(output.data(), interpreter_->output(0)->data.int8, output.size());
}

}  // namespace fettle::esp32
