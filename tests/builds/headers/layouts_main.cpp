// SPDX-License-Identifier: MIT
#include <cstdio>

bool plain();
bool with_diagnostics();

int main() {
    for (int i = 0; i < 100; ++i)
        if (!plain() || !with_diagnostics()) return 1;
    std::puts("passed");
}
