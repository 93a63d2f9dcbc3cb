# Finds LibTorch by its files: Debian's libtorch-dev, the pip wheel, the pytorch.org zip. Honours Torch_DIR and
# CMAKE_PREFIX_PATH as TorchConfig.cmake does, but needs no CUDA toolkit (kitsink includes no CUDA header), protobuf,
# gflags or glog. Defines the target TorchPlain::torch and TorchPlain_VERSION.

set(torch_hints)
set(torch_version)
foreach(folder IN ITEMS ${Torch_DIR} $ENV{Torch_DIR})
  list(APPEND torch_hints "${folder}/../../..")  # <torch>/share/cmake/Torch
endforeach()
string(REPLACE ":" ";" torch_environment "$ENV{CMAKE_PREFIX_PATH}")
foreach(folder IN LISTS CMAKE_PREFIX_PATH torch_environment)
  list(APPEND torch_hints "${folder}" "${folder}/../..")  # <torch>, or the wheel's <torch>/share/cmake
endforeach()

find_path(TorchPlain_INCLUDE_DIR torch/version.h HINTS ${torch_hints}
  PATH_SUFFIXES include/torch/csrc/api/include torch/csrc/api/include)
if(TorchPlain_INCLUDE_DIR)
  get_filename_component(torch_root "${TorchPlain_INCLUDE_DIR}/../../../../.." ABSOLUTE)  # holds include/
  set(torch_lib_hints "${torch_root}/lib" "${torch_root}/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
  foreach(header IN ITEMS
      "${TorchPlain_INCLUDE_DIR}/torch/version.h" "${torch_root}/include/torch/headeronly/version.h")
    if(EXISTS "${header}" AND NOT torch_version)  # 2.9 moved the numbers to the second
      file(STRINGS "${header}" torch_version REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    endif()
  endforeach()
  string(REGEX REPLACE "[^;]*_(MAJOR|MINOR|PATCH) ([0-9]+)[^;]*" "\\2" torch_version "${torch_version}")
  string(REPLACE ";" "." TorchPlain_VERSION "${torch_version}")
  foreach(name IN ITEMS torch_cpu c10 torch_cuda c10_cuda)
    find_library(TorchPlain_${name}_LIBRARY ${name} HINTS ${torch_lib_hints} NO_DEFAULT_PATH)
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TorchPlain
  REQUIRED_VARS TorchPlain_torch_cpu_LIBRARY TorchPlain_c10_LIBRARY TorchPlain_INCLUDE_DIR
  VERSION_VAR TorchPlain_VERSION)

if(TorchPlain_FOUND AND NOT TARGET TorchPlain::torch)
  # Wheels before 2.7 were built with the old C++ ABI and cannot be linked with a distribution's C++ libraries.
  set(torch_config "${torch_root}/share/cmake/Torch/TorchConfig.cmake")
  if(EXISTS "${torch_config}")
    file(STRINGS "${torch_config}" torch_old_abi REGEX "_GLIBCXX_USE_CXX11_ABI=0")
    if(torch_old_abi)
      message(FATAL_ERROR "LibTorch in ${torch_root} has the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0); "
        "use a wheel of 2.7 or later, the cxx11-abi zip of pytorch.org, or Debian's libtorch-dev")
    endif()
  endif()
  add_library(TorchPlain::torch INTERFACE IMPORTED)
  target_include_directories(TorchPlain::torch SYSTEM INTERFACE
    "${TorchPlain_INCLUDE_DIR}" "${torch_root}/include")
  # Wheels export their own std::filesystem, which crashes in other programs (2.10: a null call inside remove_all).
  # libstdc++ is named first, so that it is searched first. libtorch.so itself only links the others.
  set(torch_libraries -lstdc++ "${TorchPlain_torch_cpu_LIBRARY}" "${TorchPlain_c10_LIBRARY}")
  if(TorchPlain_torch_cuda_LIBRARY AND TorchPlain_c10_cuda_LIBRARY)
    # No code refers to these two by name; they register themselves when they are loaded.
    list(APPEND torch_libraries -Wl,--no-as-needed "${TorchPlain_torch_cuda_LIBRARY}"
      "${TorchPlain_c10_cuda_LIBRARY}" -Wl,--as-needed)
  endif()
  target_link_libraries(TorchPlain::torch INTERFACE ${torch_libraries})
endif()
mark_as_advanced(TorchPlain_INCLUDE_DIR TorchPlain_torch_cpu_LIBRARY TorchPlain_c10_LIBRARY
  TorchPlain_torch_cuda_LIBRARY TorchPlain_c10_cuda_LIBRARY)
