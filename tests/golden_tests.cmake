# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/goldens_test.cpp fettle_learn)
target_compile_definitions(goldens_test PRIVATE
  FETTLE_GOLDEN_FOLDER="${CMAKE_CURRENT_SOURCE_DIR}/golden")
