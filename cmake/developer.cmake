# Flags for our own tests and examples; no consumer ever sees them.

add_library(pivotal_developer INTERFACE)
target_link_libraries(pivotal_developer INTERFACE pivotal::webhook)
if(MSVC)
    target_compile_options(pivotal_developer INTERFACE /W4 /utf-8 /bigobj $<$<BOOL:${PIVOTAL_BUILD_TESTS}>:/WX>)
else()
    # An error for us; whoever runs the examples with a compiler that we have not seen still has them.
    target_compile_options(pivotal_developer INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
        $<$<BOOL:${PIVOTAL_BUILD_TESTS}>:-Werror>)
endif()

set(PIVOTAL_SANITIZE "" CACHE STRING "Sanitizers for the tests and examples, such as address,undefined or thread")
if(PIVOTAL_SANITIZE)
    target_compile_options(pivotal_developer INTERFACE
        -fsanitize=${PIVOTAL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(pivotal_developer INTERFACE -fsanitize=${PIVOTAL_SANITIZE})
endif()

find_package(Threads REQUIRED)

# cpp-httplib, as httplib::httplib: its own CMake package, or what Debian has, whose flags are part of its ABI.
find_package(httplib CONFIG QUIET)
if(NOT TARGET httplib::httplib)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(httplib QUIET IMPORTED_TARGET GLOBAL cpp-httplib)
    endif()
    if(TARGET PkgConfig::httplib)
        add_library(httplib::httplib ALIAS PkgConfig::httplib)
    endif()
endif()
