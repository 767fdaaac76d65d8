# SPDX-License-Identifier: Apache-2.0
foreach(test cobs frame codec card_record)
  fettle_test(unit/${test}_test.cpp fettle_protocol)
endforeach()
