# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/board_test.cpp fettle_virtual_board fettle_machine fettle_learn)
