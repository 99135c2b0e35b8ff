# cmake -DSINGLE=pivotal.hpp -P forward.cmake: writes, beside the single file, a header that includes it in the place of
# each header that it holds.

get_filename_component(dir ${SINGLE} DIRECTORY)
file(STRINGS ${SINGLE} lines REGEX "^// ---- pivotal/.*[.]hpp ----$")
foreach(line IN LISTS lines)
    string(REGEX REPLACE "// ---- (.*) ----" "\\1" header ${line})
    file(WRITE ${dir}/${header} "#include \"${SINGLE}\"\n")
endforeach()
