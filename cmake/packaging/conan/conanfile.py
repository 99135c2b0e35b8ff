# SPDX-License-Identifier: MIT
"""Conan 2 recipe: conan create cmake/packaging/conan

It lies in the repository that it packages, and exports what it needs of it. For Conan Center, `source()` gets the
release's archive instead.

What is tested: tests/builds/packaging runs `conan create` with its test_package, on the OpenSSL and nlohmann/json of
the system (as [platform_requires]); against Conan Center's packages of the two it was not run.
"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.layout import basic_layout
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class PivotalWebhook(ConanFile):
    name = "pivotal-webhook"
    description = "Receive Pivotal's webhooks in C++: verify the signature, get the event"
    license = "MIT"
    topics = ("webhooks", "svix", "standard-webhooks", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    @property
    def _repository(self):
        return os.path.join(self.recipe_folder, "..", "..", "..")

    def set_version(self):
        header = load(self, os.path.join(self._repository, "include", "pivotal", "version.hpp"))
        self.version = ".".join(re.findall(r"VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header))

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*"):
            copy(self, pattern, self._repository, self.export_sources_folder)

    def layout(self):
        basic_layout(self)

    def requirements(self):
        self.requires("openssl/[>=1.1.1 <4]", transitive_headers=True, transitive_libs=True)
        self.requires("nlohmann_json/[>=3.10 <4]", transitive_headers=True)

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 17)

    def build(self):
        pass  # headers only

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.requires = ["openssl::crypto", "nlohmann_json::nlohmann_json"]
        self.cpp_info.set_property("cmake_file_name", "pivotal-webhook")
        self.cpp_info.set_property("cmake_target_name", "pivotal::webhook")
        self.cpp_info.set_property("pkg_config_name", "pivotal-webhook")
