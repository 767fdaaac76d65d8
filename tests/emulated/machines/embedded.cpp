// SPDX-License-Identifier: Apache-2.0
#include "tests/emulated/journey_data.hpp"

extern "C" {
// data.S
extern const std::uint8_t tutorial_model_begin[], tutorial_model_end[];
extern const std::uint8_t tutorial_recording_begin[], tutorial_recording_end[];
extern const std::uint8_t vibration_model_begin[], vibration_model_end[];
extern const std::uint8_t vibration_recording_begin[], vibration_recording_end[];
}

namespace fettle::test {

std::span<const std::uint8_t> tutorial_model() {
  return {tutorial_model_begin, tutorial_model_end};
}
std::span<const std::uint8_t> tutorial_recording() {
  return {tutorial_recording_begin, tutorial_recording_end};
}
std::span<const std::uint8_t> vibration_model() {
  return {vibration_model_begin, vibration_model_end};
}
std::span<const std::uint8_t> vibration_recording() {
  return {vibration_recording_begin, vibration_recording_end};
}

}  // namespace fettle::test
