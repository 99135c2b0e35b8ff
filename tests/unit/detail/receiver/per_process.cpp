// SPDX-License-Identifier: MIT
#include <pivotal/detail/receiver/per_process.hpp>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "../../catch.hpp"

namespace unit_detail_per_process {

using pivotal::detail::PerProcess;

namespace {

int made = 0, gone = 0;

struct State {
    State() { ++made; }
    ~State() { ++gone; }
    int value = 0;
};

}  // namespace

TEST_CASE("the state of a process is one, and ends with what has it", "[per_process]") {
    made = gone = 0;
    {
        PerProcess<State> state;
        state.get().value = 1;
        CHECK(state.get().value == 1);
        CHECK(gone == 0);
    }
    CHECK(made == 1);
    CHECK(gone == 1);
}

#if defined(__unix__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a process that was forked has a state of its own, and leaves alone what it inherited", "[per_process]") {
    const auto in_child = [](int (*use)(PerProcess<State>&)) {
        made = gone = 0;
        auto* const state = new PerProcess<State>;
        state->get().value = 1;
        const pid_t child = fork();
        if (child == 0) {
            const int before = use(*state);
            delete state;
            _exit(before + 10 * made + 100 * gone);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(state->get().value == 1);
        delete state;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    };
    // The value that is seen, 10 for each State that was made, the parent's too, and 100 for each that ended.
    CHECK(in_child([](PerProcess<State>&) { return 0; }) == 10);
    CHECK(in_child([](PerProcess<State>& state) { return state.get().value; }) == 120);
}
#endif

}  // namespace unit_detail_per_process
