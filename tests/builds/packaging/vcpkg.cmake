# cmake -DWORK=... -DPORT_DIR=... -P vcpkg.cmake: runs a port's portfile.cmake with functions that do what vcpkg's of the
# same names do, as far as a header-only port needs them. Checks the port's manifest, too.
cmake_minimum_required(VERSION 3.19)

file(READ ${PORT_DIR}/vcpkg.json manifest)
string(JSON PORT GET "${manifest}" name)
string(JSON version GET "${manifest}" version)
get_filename_component(repository ${PORT_DIR}/../../../.. ABSOLUTE)
file(STRINGS ${repository}/include/pivotal/version.hpp lines REGEX "^#define PIVOTAL_WEBHOOK_VERSION_")
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3" expected "${lines}")
if(NOT version STREQUAL expected)
    message(FATAL_ERROR "vcpkg.json says ${version}, version.hpp ${expected}")
endif()

set(CURRENT_PACKAGES_DIR ${WORK}/packages)
set(build ${WORK}/port-build)

function(run)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
    if(result)
        message(FATAL_ERROR "failed: ${ARGN}")
    endif()
endfunction()

function(vcpkg_cmake_configure)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
    run(${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${build} -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} ${arg_OPTIONS})
endfunction()

function(vcpkg_cmake_install)
    run(${CMAKE_COMMAND} --build ${build})
    run(${CMAKE_COMMAND} --install ${build})
endfunction()

function(vcpkg_cmake_config_fixup)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
    file(RENAME ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH} ${CURRENT_PACKAGES_DIR}/share/${PORT})
    file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/share/cmake)
    # The prefix is now two folders up.
    set(up "get_filename_component\\(_IMPORT_PREFIX \"[^\"]*\" PATH\\)")
    file(GLOB files ${CURRENT_PACKAGES_DIR}/share/${PORT}/*-targets.cmake)
    foreach(file IN LISTS files)
        file(READ ${file} text)
        string(REGEX REPLACE "(${up}[\n ]*)+"
            "get_filename_component(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_DIR}/../..\" ABSOLUTE)\n" text "${text}")
        file(WRITE ${file} "${text}")
    endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
endfunction()

function(vcpkg_install_copyright)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
    file(INSTALL ${arg_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT} RENAME copyright)
endfunction()

include(${PORT_DIR}/portfile.cmake)

foreach(file IN ITEMS include/pivotal/webhook.hpp share/${PORT}/copyright share/${PORT}/usage
        share/${PORT}/pivotal-webhook-config.cmake share/pkgconfig/pivotal-webhook.pc)
    if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/${file})
        message(FATAL_ERROR "the port did not install ${file}")
    endif()
endforeach()
