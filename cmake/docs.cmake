# The API reference as HTML, in docs/html of the build folder: cmake --build build --target docs. A warning is an error,
# and a public name without documentation is a warning.

find_package(Doxygen QUIET)
if(NOT DOXYGEN_FOUND)
    add_custom_target(docs
        COMMAND ${CMAKE_COMMAND} -E echo "The API reference needs Doxygen (Debian: apt-get install doxygen)"
        COMMAND ${CMAKE_COMMAND} -E false VERBATIM)
    return()
endif()

set(DOXYGEN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/docs)
set(DOXYGEN_STRIP_FROM_PATH ${PROJECT_SOURCE_DIR}/include)
set(DOXYGEN_STRIP_FROM_INC_PATH ${PROJECT_SOURCE_DIR}/include)
set(DOXYGEN_USE_MDFILE_AS_MAINPAGE ${PROJECT_SOURCE_DIR}/README.md)
set(DOXYGEN_EXCLUDE_SYMBOLS pivotal::detail pivotal::detail::* pivotal::InboxWorker::Loop std)
set(DOXYGEN_JAVADOC_AUTOBRIEF YES) # the first sentence is the summary
set(DOXYGEN_DISTRIBUTE_GROUP_DOC YES) # one sentence for all between @{ and @}
set(DOXYGEN_SORT_MEMBER_DOCS NO)
set(DOXYGEN_HAVE_DOT NO)
set(DOXYGEN_QUIET YES)
set(DOXYGEN_WARN_AS_ERROR FAIL_ON_WARNINGS)

# What a reader need not know: attributes, the inline namespaces of the ABI, where in the repository a link leads.
set(DOXYGEN_MACRO_EXPANSION YES)
set(DOXYGEN_EXPAND_ONLY_PREDEF YES)
set(DOXYGEN_PREDEFINED __cpp_exceptions PIVOTAL_DETAIL_LIFETIMEBOUND= PIVOTAL_DETAIL_NEEDS_EXCEPTIONS= PIVOTAL_DETAIL_EXPORTED=)
string(CONCAT DOXYGEN_INPUT_FILTER "sed -E"
    " -e 's,inline namespace (v1|PIVOTAL_DETAIL_JSON_ABI) \\{,,g'"
    " -e 's,^\\}(\\}*  // namespace (pivotal::)?v1),\\1,; s,^\\}(\\}*  // namespace .*PIVOTAL_DETAIL_JSON_ABI),\\1,'"
    " -e 's,^template <> struct std::.*,,'"
    " -e 's,\\[([A-Za-z][^]]*)\\]\\((\\.github|include|examples|tests|LICENSE)[^)]*\\),\\1,g'")

doxygen_add_docs(docs ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/include/pivotal COMMENT "API reference")
