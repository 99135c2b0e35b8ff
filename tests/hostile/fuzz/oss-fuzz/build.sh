#!/bin/bash -eu
# Licensed under the Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0
#
# OSS-Fuzz runs this in the sources, with its own CC, CXX, CFLAGS, CXXFLAGS, LIB_FUZZING_ENGINE, WORK and OUT.

export CXXFLAGS="$CXXFLAGS -w" # a newer compiler's new warning is no reason to stop fuzzing
cmake -S . -B "$WORK/build" -G Ninja -DPIVOTAL_FUZZ=ON -DPIVOTAL_BUILD_EXAMPLES=OFF -DCMAKE_BUILD_TYPE= \
    -DOPENSSL_USE_STATIC_LIBS=ON
cmake --build "$WORK/build" --target fuzzers

folder=tests/hostile/fuzz
for program in "$WORK/build/$folder"/fuzz_*; do
    target=${program##*/fuzz_}
    cp "$program" "$OUT/$target"
    zip -q -j "$OUT/${target}_seed_corpus.zip" $folder/corpus/"$target"/*
    dictionary=$folder/dictionaries/$target.dict length=4096 # as in run.sh
    case $target in verify | headers | diagnose) dictionary=$folder/dictionaries/delivery.dict length=12000 ;; esac
    printf '[libfuzzer]\nmax_len = %d\n' $length >"$OUT/$target.options"
    if [ -e "$dictionary" ]; then cp "$dictionary" "$OUT/$target.dict"; fi
done
