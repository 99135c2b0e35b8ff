#!/bin/bash -eu
# OSS-Fuzz runs this with its own CXX, CXXFLAGS, LIB_FUZZING_ENGINE and OUT.

cmake -S . -B "$WORK/build" -G Ninja -DPIVOTAL_FUZZ=ON -DPIVOTAL_BUILD_EXAMPLES=OFF -DCMAKE_BUILD_TYPE= \
    -DOPENSSL_USE_STATIC_LIBS=ON
cmake --build "$WORK/build" --target fuzzers

for program in "$WORK"/build/tests/fuzz/fuzz_*; do
    target=${program##*/fuzz_}
    cp "$program" "$OUT/$target"
    zip -q -j "$OUT/${target}_seed_corpus.zip" tests/fuzz/corpus/"$target"/*
    dictionary=tests/fuzz/dictionaries/$target.dict
    case $target in verify | headers | diagnose) dictionary=tests/fuzz/dictionaries/delivery.dict ;; esac
    if [ -e "$dictionary" ]; then cp "$dictionary" "$OUT/$target.dict"; fi
done
