# Builds libFuzzer's programs, one for each parser.
add_executable(write_seeds fuzz/write_seeds.cc)
target_link_libraries(write_seeds PRIVATE fuzz_targets kitsink_warnings)
add_custom_target(fuzzers DEPENDS write_seeds)
foreach(target Mask Maps Weights Pose Zip Selectors Header Archive Tensors Table Renderer Carrier Strict Foreign Hnerv Video
    Manifest Ledger)
  string(TOLOWER ${target}_fuzz program)
  add_executable(${program} fuzz/fuzz_main.cc)
  target_compile_definitions(${program} PRIVATE KITSINK_FUZZ_TARGET=${target})
  target_link_libraries(${program} PRIVATE fuzz_targets kitsink_warnings)
  target_link_options(${program} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers ${program})
endforeach()
# Without AVX2, whose arithmetic UBSan cannot look into, and without counting the edges of its loops, which costs most of
# a mask's time and tells nothing.
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/mask/mixing.cc TARGET_DIRECTORY kitsink_format PROPERTIES
  COMPILE_DEFINITIONS KITSINK_SCALAR COMPILE_OPTIONS -fno-sanitize=fuzzer-no-link)
