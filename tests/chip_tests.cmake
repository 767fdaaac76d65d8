# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/mpu6050_chip_test.cpp fettle_mpu6050_chip)
