// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Of TensorFlow Lite Micro, as much as the second engine uses (esp-tflite-micro 1.4.0).
enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
enum TfLiteType { kTfLiteFloat32 = 1, kTfLiteInt8 = 9 };
union TfLitePtrUnion {
  float* f;
  std::int8_t* int8;
};
struct TfLiteTensor {
  TfLiteType type;
  TfLitePtrUnion data;
};
