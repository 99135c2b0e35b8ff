# cmake -DOUTPUT=pivotal.hpp -P amalgamate.cmake: writes the core as one self-contained header.

cmake_minimum_required(VERSION 3.16)
get_filename_component(include_dir "${CMAKE_CURRENT_LIST_DIR}/../include" ABSOLUTE)

set(text "")
set(done "")

# Appends a header to `text`: in the place of each include of ours stands that header, the first time.
function(append_header name)
    if(name IN_LIST done)
        return()
    endif()
    list(APPEND done ${name})
    file(READ ${include_dir}/${name} rest)
    string(REPLACE "// SPDX-License-Identifier: MIT\n" "" rest "${rest}")
    string(REPLACE "#pragma once\n" "" rest "${rest}")
    string(APPEND text "\n// ---- ${name} ----\n")
    while(rest MATCHES "#include <(pivotal/[^>]*)>\n")
        set(line "${CMAKE_MATCH_0}")
        set(included "${CMAKE_MATCH_1}")
        string(FIND "${rest}" "${line}" position)
        string(SUBSTRING "${rest}" 0 ${position} before)
        string(LENGTH "${line}" length)
        math(EXPR position "${position} + ${length}")
        string(SUBSTRING "${rest}" ${position} -1 rest)
        string(APPEND text "${before}")
        append_header(${included})
    endwhile()
    string(APPEND text "${rest}")
    set(text "${text}" PARENT_SCOPE)
    set(done "${done}" PARENT_SCOPE)
endfunction()

append_header(pivotal/webhook.hpp)
file(STRINGS ${include_dir}/pivotal/version.hpp version REGEX "^#define PIVOTAL_WEBHOOK_VERSION_")
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3" version "${version}")
file(WRITE "${OUTPUT}"
    "// SPDX-License-Identifier: MIT\n"
    "// pivotal-webhook ${version}, the core in one file: link libcrypto, and have nlohmann/json. It is generated; the\n"
    "// sources are in include/pivotal.\n"
    "#pragma once\n${text}")
message(STATUS "wrote ${OUTPUT}")
