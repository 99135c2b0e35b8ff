# Installation: headers, the CMake package and the pkg-config module.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

get_target_property(fetched nlohmann_json::nlohmann_json ALIASED_TARGET)
if(fetched AND NOT JSON_Install)
    message(FATAL_ERROR "PIVOTAL_INSTALL=ON installs a package that needs nlohmann/json, and the one that is built here is "
        "not installed: set JSON_Install=ON before it is added, or take an installed one.")
endif()

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/pivotal-webhook)

target_include_directories(pivotal_webhook INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
install(DIRECTORY include/pivotal DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS pivotal_webhook EXPORT pivotal-webhook-targets)
install(EXPORT pivotal-webhook-targets NAMESPACE pivotal:: DESTINATION ${package_dir})

configure_package_config_file(cmake/pivotal-webhook-config.cmake.in pivotal-webhook-config.cmake
    INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(pivotal-webhook-config-version.cmake
    COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(FILES
    ${CMAKE_CURRENT_BINARY_DIR}/pivotal-webhook-config.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/pivotal-webhook-config-version.cmake
    DESTINATION ${package_dir})
install(FILES cmake/dependencies.cmake DESTINATION ${package_dir} RENAME pivotal-webhook-dependencies.cmake)
install(FILES cmake/components.cmake DESTINATION ${package_dir} RENAME pivotal-webhook-components.cmake)

# Relocatable: the prefix is found from where the .pc file lies.
file(RELATIVE_PATH PIVOTAL_PC_TO_PREFIX "${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
set(PIVOTAL_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(PIVOTAL_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(cmake/pivotal-webhook.pc.in pivotal-webhook.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pivotal-webhook.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
