// SPDX-License-Identifier: Apache-2.0
#include "drivers/mpu6050/driver.hpp"
