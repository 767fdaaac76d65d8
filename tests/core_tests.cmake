# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/math_test.cpp fettle_learn)
fettle_test(unit/window_cutter_test.cpp fettle_window)
fettle_test(property/window_cutter_model_test.cpp fettle_window fettle_learn)
fettle_test(property/features_test.cpp fettle_pipeline fettle_learn)
fettle_test(unit/requantise_test.cpp fettle_learn)
fettle_test(unit/int8_network_test.cpp fettle_learn)
fettle_test(unit/trainer_test.cpp fettle_learn fettle_pipeline fettle_machine)
fettle_test(unit/quantiser_test.cpp fettle_learn fettle_pipeline fettle_machine)
