# To be sourced: how tests/compilers and its machines build the unit tests, the vectors and the model with another
# compiler or another library than CMake found.

# write_ninja BUILD COMPILER FLAGS LIBRARIES [WITHOUT...]: writes BUILD/build.ninja, which makes BUILD/unit, vectors and
# model (.exe for Windows); the files tests/unit/WITHOUT.cpp are left out.
write_ninja() {
    local build=$1 compiler=$2 flags=$3 libraries=$4 root=$PWD exe= source sources=()
    case $compiler in *mingw*) exe=.exe ;; esac
    # main.cpp is compiled for itself; version.cpp compares the header with the version that CMake read.
    local without=" main version ${*:5} "
    while read -r source; do
        [[ $without = *" $source "* ]] || sources+=("$root/tests/unit/$source.cpp")
    done < <(find tests/unit -name '*.cpp' -printf '%P\n' | sed 's/\.cpp$//' | LC_ALL=C sort)
    mkdir -p "$build"
    # All at once: most of the time of each goes into the same templates of nlohmann/json.
    printf '#include "%s"\n' "${sources[@]}" >"$build/all.cpp"
    {
        printf 'flags = -pthread -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror'
        printf ' -I%s -I%s -I%s %s\n' "$root/include" "$root/tests/unit" "$root/tests/conformance/model" "$flags"
        printf 'rule cxx\n command = %s -MMD -MF $out.d $flags $more -c $in -o $out\n depfile = $out.d\n' "$compiler"
        printf 'rule link\n command = %s -pthread $in %s -o $out\n' "$compiler" "$libraries"
        printf 'build all.o: cxx all.cpp\nbuild main.o: cxx %s/tests/unit/main.cpp\n more = -w\n' "$root"
        for source in vectors/vectors vectors/deliveries model/model; do
            printf 'build %s.o: cxx %s/tests/conformance/%s.cpp\n' "${source#*/}" "$root" $source
        done
        printf 'build unit%s: link all.o main.o\nbuild vectors%s: link vectors.o deliveries.o main.o\n' $exe $exe
        printf 'build model%s: link model.o\n' $exe
    } >"$build/build.ninja"
}

# two_at_a_time FUNCTION ARGUMENT...: calls FUNCTION for each argument in a process of its own, and fails if one does.
two_at_a_time() {
    local function=$1 failed=0 running=0 argument
    for argument in "${@:2}"; do
        if [ $running = 2 ]; then
            wait -n || failed=1
            running=$((running - 1))
        fi
        "$function" "$argument" &
        running=$((running + 1))
    done
    while [ $running -gt 0 ]; do
        wait -n || failed=1
        running=$((running - 1))
    done
    return $failed
}
