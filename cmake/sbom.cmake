# The bill of materials: what this build found, and the least that will do. What optional components link is in it where
# it was found.

if(NOT hiredis_VERSION AND PIVOTAL_HEADERS_hiredis) # before 1.0 it tells its version in its header alone
    file(STRINGS "${PIVOTAL_HEADERS_hiredis}/hiredis/hiredis.h" hiredis_VERSION
        REGEX "^#define HIREDIS_(MAJOR|MINOR|PATCH) ")
    string(REGEX REPLACE "[^0-9;]+" "" hiredis_VERSION "${hiredis_VERSION}")
    string(REPLACE ";" "." hiredis_VERSION "${hiredis_VERSION}")
endif()
foreach(variable OPENSSL_VERSION nlohmann_json_VERSION ZLIB_VERSION_STRING simdjson_VERSION SQLite3_VERSION
        hiredis_VERSION PostgreSQL_VERSION_STRING)
    if(NOT ${variable}) # a parent project's own target may not tell
        set(${variable} unknown)
    endif()
endforeach()

set(PIVOTAL_SBOM_COMPONENTS "")
set(PIVOTAL_SBOM_REFS "")
set(PIVOTAL_SBOM_DEPENDENCIES "")
foreach(row "diagnose;zlib;${ZLIB_VERSION_STRING}" "simdjson;simdjson;${simdjson_VERSION}"
        "sqlite;sqlite3;${SQLite3_VERSION}" "redis;hiredis;${hiredis_VERSION}"
        "postgres;libpq;${PostgreSQL_VERSION_STRING}")
    list(GET row 0 component)
    if(TARGET pivotal::${component})
        list(GET row 1 PIVOTAL_SBOM_NAME)
        list(GET row 2 PIVOTAL_SBOM_VERSION)
        string(CONFIGURE [[,
    {
      "bom-ref": "@PIVOTAL_SBOM_NAME@",
      "type": "library",
      "name": "@PIVOTAL_SBOM_NAME@",
      "version": "@PIVOTAL_SBOM_VERSION@",
      "scope": "optional",
      "purl": "pkg:generic/@PIVOTAL_SBOM_NAME@@@PIVOTAL_SBOM_VERSION@"
    }]] text @ONLY)
        string(APPEND PIVOTAL_SBOM_COMPONENTS "${text}")
        string(APPEND PIVOTAL_SBOM_REFS ", \"${PIVOTAL_SBOM_NAME}\"")
        string(APPEND PIVOTAL_SBOM_DEPENDENCIES ",\n    {\"ref\": \"${PIVOTAL_SBOM_NAME}\", \"dependsOn\": []}")
    endif()
endforeach()

configure_file(cmake/sbom.cdx.json.in pivotal-webhook.cdx.json @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pivotal-webhook.cdx.json DESTINATION ${CMAKE_INSTALL_DATADIR}/sbom)
