# SPDX-License-Identifier: Apache-2.0
foreach(test
    property/number_test unit/recording_test unit/dataset_test unit/import_test unit/relabel_test
    unit/inspect_test unit/npz_test fault/dataset_fault_test unit/real_recordings_test)
  fettle_test(${test}.cpp fettle_data)
  get_filename_component(name ${test} NAME)
  target_compile_definitions(${name} PRIVATE FETTLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endforeach()
target_link_libraries(npz_test PRIVATE ${MINIZIP_LIBRARY})
# The test stands between the program and the system, to let the n-th call fail or be the last.
target_link_options(dataset_fault_test PRIVATE
  -Wl,--wrap=rename -Wl,--wrap=renameat2 -Wl,--wrap=write -Wl,--wrap=fsync)
