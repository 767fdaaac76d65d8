// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "host/model_file.hpp"

namespace fettle::host {

/// Default name of the array in model_data.h, as the field's tutorials use it.
inline constexpr const char* kDefaultSymbol = "anomaly_detector_int8_tflite";

/// A C and C++ header that holds a detector: the file as an aligned array with its length, as users of
/// `xxd -i` expect, and the constants for people who run the network by hand.
/// @param symbol  a C identifier; throws Error(usage) otherwise
[[nodiscard]] std::string c_array(const ModelFile& model, const std::string& symbol);

/// A C++ header that holds a detector with tutorial features as constants, for products that have no room to
/// read a file: the network's layers as Int8Network prepares them, and a function that makes a DetectorModel
/// of it. Tables take no RAM, and nothing is left to check.
/// @param name  of the namespace, a C identifier; throws Error(usage) otherwise. Throws Error(bad_input) for
///              a model with vibration features: that needs its file.
[[nodiscard]] std::string c_tables(const ModelFile& model, const std::string& name);

}  // namespace fettle::host
