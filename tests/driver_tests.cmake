# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/mpu6050_decode_test.cpp fettle_mpu6050)
fettle_test(unit/sample_clock_test.cpp fettle_mpu6050)
fettle_test(unit/mpu6050_driver_test.cpp fettle_mpu6050 fettle_mpu6050_chip)
fettle_test(property/mpu6050_stream_test.cpp fettle_mpu6050 fettle_mpu6050_chip)
