// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/sensor/sample.hpp"
#include "host/dataset.hpp"

namespace fettle::host {

/// An array of NumPy's .npy format, in C order and little endian.
struct NpyArray {
  std::string type;  ///< NumPy's name: "|i1", "<f4", "<i8", "<U12" ...
  std::vector<std::uint64_t> shape;
  std::vector<char> bytes;

  /// Product of the shape.
  [[nodiscard]] std::uint64_t elements() const;
};

/// Reads a .npy file, versions 1 to 3. Throws Error(io), and Error(bad_input) with the offset for
/// anything that is not such a file, Fortran order, big endian numbers and Python objects.
[[nodiscard]] NpyArray read_npy(const std::filesystem::path& file);

/// Writes a .npy file (temporary file, then rename). Throws Error(io).
void write_npy(const std::filesystem::path& file, const NpyArray& array);

/// The header of a .npy file of version 1.0: magic, length, dictionary, padded to 64 bytes.
[[nodiscard]] std::string npy_header(std::string_view type, std::span<const std::uint64_t> shape);

/// Features of a window for export_npz(), so that this library need not know how they are made.
struct FeatureExport {
  std::size_t count = 0;  ///< 0: none are written
  /// @param window the samples of one window  @param features `count` values to fill
  std::function<void(std::span<const Sample> window, std::span<float> features)> compute;
};

/// Writes all windows of a data set, in order of DataSet::recordings(), into an uncompressed .npz:
/// `windows` <f4 [n, window, axes], `t_us` <i8 [n] (of the first sample), `label` and `recording`
/// <U [n], and `features` <f4 [n, count]. Reads the recordings twice or three times and keeps 16
/// bytes for each window. The same data give the same bytes.
/// @return the number of windows.  Throws Error(io), Error(too_little_data) if there is no window.
std::uint64_t export_npz(const DataSet& data, std::uint32_t window_samples,
                         const FeatureExport& features, const std::filesystem::path& file);

}  // namespace fettle::host
