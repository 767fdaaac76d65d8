# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/math_test.cpp fettle_learn)
fettle_test(unit/window_cutter_test.cpp fettle_window)
fettle_test(property/window_cutter_model_test.cpp fettle_window fettle_learn)
fettle_test(property/features_test.cpp fettle_pipeline fettle_learn)
