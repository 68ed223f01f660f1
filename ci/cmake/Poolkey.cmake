# The one place for compiler flags, foreign libraries and the shape of a layer's library.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(SQLite3 REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(CURL REQUIRED)
pkg_check_modules(P11KIT REQUIRED IMPORTED_TARGET p11-kit-1)
pkg_check_modules(LIBP11 REQUIRED IMPORTED_TARGET libp11)
find_package(SOCI REQUIRED)
find_path(TOMLPP_INCLUDE_DIR toml++/toml.h REQUIRED)

add_library(poolkey_flags INTERFACE)
target_compile_options(poolkey_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wformat=2 -Wnull-dereference
  -fstack-protector-strong -ffunction-sections -fdata-sections $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
target_compile_definitions(poolkey_flags INTERFACE SPDLOG_FMT_EXTERNAL OPENSSL_API_COMPAT=30000)
target_link_options(poolkey_flags INTERFACE -Wl,-z,relro,-z,now,-z,defs)
target_include_directories(poolkey_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(poolkey_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
if(POOLKEY_WERROR)
  target_compile_options(poolkey_flags INTERFACE -Werror)
endif()
if(POOLKEY_SANITIZE)
  # -O1: twice as fast as -O0, and stacks that can still be read.
  target_compile_options(poolkey_flags INTERFACE -fsanitize=${POOLKEY_SANITIZE}
    -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1)
  target_compile_definitions(poolkey_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(poolkey_flags INTERFACE -fsanitize=${POOLKEY_SANITIZE})
endif()

# poolkey_layer(name SOURCES ... LINKS ... FOREIGN ...): one static library per folder.
# LINKS are our own lower layers and are public; FOREIGN libraries stay private to the folder.
function(poolkey_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;FOREIGN" ${ARGN})
  add_library(poolkey_${name} STATIC ${ARG_SOURCES})
  add_library(poolkey::${name} ALIAS poolkey_${name})
  target_link_libraries(poolkey_${name} PUBLIC poolkey_flags ${ARG_LINKS} PRIVATE ${ARG_FOREIGN})
  if(NOT name STREQUAL "base")
    target_precompile_headers(poolkey_${name} REUSE_FROM poolkey_base)
  endif()
endfunction()

# Only the header of p11-kit is used: pkcs11.h, as libp11 ships none.
add_library(poolkey_pkcs11_header INTERFACE)
target_include_directories(poolkey_pkcs11_header SYSTEM INTERFACE ${P11KIT_INCLUDE_DIRS})
