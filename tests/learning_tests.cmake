# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/statistics_test.cpp fettle_learning)
