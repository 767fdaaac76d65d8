// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace fettle {

/// Why something in the core did not happen. The core throws nothing; whoever talks to a person adds
/// the file, the line or the offset.
enum class Status : std::uint8_t {
  ok,
  not_a_flatbuffer,      ///< the bytes do not verify as a TensorFlow Lite model
  unsupported_version,   ///< schema version other than 3, or metadata newer than this program
  unsupported_graph,     ///< not one chain of operators from one input to one output
  unsupported_operator,  ///< an operator other than FULLY_CONNECTED, RELU, RELU6, (DE)QUANTIZE
  unsupported_type,      ///< a tensor type other than int8 (int32 for biases, float32 at the ends)
  unsupported_activation,  ///< a fused activation other than none, ReLU, ReLU6
  bad_shape,            ///< shapes of neighbouring tensors, weights or buffers do not fit together
  bad_quantisation,     ///< a scale that is not positive and finite, a zero point out of range
  too_large,            ///< more layers or wider layers than this build accepts
  misaligned,           ///< the file does not begin at a multiple of 16 bytes in memory, or
                        ///< the workspace not at a multiple of 4
  workspace_too_small,  ///< the memory handed in is smaller than asked for
  bad_checksum,         ///< a Fettle model whose bytes were changed
  damaged_marks,        ///< a Fettle mark without readable Fettle metadata
  no_metadata,          ///< a plain .tflite: runs, but is not a detector
  bad_metadata,         ///< metadata that contradicts itself or the network
  golden_mismatch,      ///< the engine does not reproduce the output stored in the model
  too_few_windows,      ///< not enough data for what was asked
  not_finite,           ///< a NaN or an infinity where a number was expected
  bad_configuration,    ///< a setting outside its stated range
};

/// One English sentence for a status, without a full stop.
[[nodiscard]] constexpr const char* describe(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::not_a_flatbuffer: return "the bytes are not a TensorFlow Lite flatbuffer";
    case Status::unsupported_version: return "the format version is newer than this program";
    case Status::unsupported_graph:
      return "the graph is not one chain of operators from one input to one output";
    case Status::unsupported_operator:
      return "only FULLY_CONNECTED, RELU, RELU6, and QUANTIZE or DEQUANTIZE at the ends are "
             "supported";
    case Status::unsupported_type:
      return "only int8 tensors with int32 biases (float32 at the ends) are supported";
    case Status::unsupported_activation: return "only no activation, ReLU and ReLU6 are supported";
    case Status::bad_shape: return "shapes of neighbouring tensors or buffers do not fit together";
    case Status::bad_quantisation: return "a scale or zero point is missing or out of range";
    case Status::too_large: return "more or wider layers than this build accepts";
    case Status::misaligned: return "the bytes or the memory handed in are not aligned";
    case Status::workspace_too_small: return "the memory handed in is too small";
    case Status::bad_checksum: return "the checksum does not match: bytes of the file were changed";
    case Status::damaged_marks:
      return "this was a Fettle detector, but its metadata cannot be found: bytes were changed";
    case Status::no_metadata: return "a plain .tflite model without Fettle's metadata";
    case Status::bad_metadata: return "the metadata contradicts itself or the network";
    case Status::golden_mismatch:
      return "this engine does not reproduce the output stored in the model";
    case Status::too_few_windows: return "too few windows for what was asked";
    case Status::not_finite: return "a value is not a finite number";
    case Status::bad_configuration: return "a setting is outside its range";
  }
  return "unknown status";
}

}  // namespace fettle
