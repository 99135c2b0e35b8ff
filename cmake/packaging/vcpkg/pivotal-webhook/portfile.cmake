# An overlay port: vcpkg install pivotal-webhook --overlay-ports=<this repository>/cmake/packaging/vcpkg
#
# It takes the sources that it lies in. For vcpkg's own registry, vcpkg_from_github with the release's REF and SHA512
# stands in the place of SOURCE_PATH.
#
# What is tested: tests/builds/packaging runs these very steps with functions of the same names in the place of vcpkg's
# own. vcpkg itself was not run.

get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

set(VCPKG_BUILD_TYPE release) # headers only
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DPIVOTAL_BUILD_TESTS=OFF
        -DPIVOTAL_BUILD_EXAMPLES=OFF
        -DPIVOTAL_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/pivotal-webhook)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc")
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
