// SPDX-License-Identifier: MIT
#include <algorithm>
#include <iostream>
#include <numeric>
#include <sstream>

#include "cli.hpp"

// What CLI11 knows of the commands and options: for the completion of the shells, and for those who mistype one.

namespace {

struct Option {
    std::string name, description;
    bool takes_value;
    std::vector<std::string> choices;
};

struct Command {
    std::string path;  // "" or "/send" or "/inbox/stats"
    std::vector<const CLI::App*> commands;
    std::vector<Option> options;
};

std::vector<std::string> choices_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();  // TEXT:{a,b} where one is to be chosen
    const std::size_t open = type.find('{'), close = type.find('}');
    if (open == type.npos || close == type.npos) return {};
    return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

void add_options(const CLI::App& app, std::vector<Option>& options) {
    const auto add = [&](const std::string& name, const CLI::Option& option) {
        const auto same = [&](const Option& one) { return one.name == name; };
        if (std::none_of(options.begin(), options.end(), same))  // each has --help
            options.push_back(
                {name, option.get_description(), option.get_items_expected_max() > 0, choices_of(option)});
    };
    for (const CLI::Option* const option : app.get_options({})) {
        for (const std::string& name : option->get_lnames()) add("--" + name, *option);
        if (option->get_lnames().empty())  // it stands without a name, as a word
            for (const std::string& word : choices_of(*option)) options.push_back({word, "", false, {}});
    }
    for (const CLI::App* const group : app.get_subcommands([](const CLI::App* one) { return one->get_name().empty(); }))
        add_options(*group, options);
}

Command described(const CLI::App& app, const std::string& path) {
    Command command{path, app.get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); }), {}};
    for (const CLI::App* one = &app; one; one = one->get_parent()) add_options(*one, command.options);
    return command;
}

std::vector<std::string> names_of(const std::vector<const CLI::App*>& commands) {
    std::vector<std::string> names;
    for (const auto* const one : commands) names.push_back(one->get_name());
    return names;
}

void add_commands(const CLI::App& app, const std::string& path, std::vector<Command>& all) {
    all.push_back(described(app, path));
    for (const CLI::App* const one : described(app, path).commands)
        add_commands(*one, path + "/" + one->get_name(), all);
}

// Within single quotes, of which it has none itself: the description in short.
std::string quoted(std::string text) {
    text.erase(std::remove(text.begin(), text.end(), '\''), text.end());
    std::replace(text.begin(), text.end(), '\n', ' ');
    return "'" + text + "'";
}

std::string joined(const std::vector<std::string>& words, const std::string& with) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : with) + word;
    return text;
}

// The paths of all commands, and `/command:--option` of all options that take a value without choices, as patterns.
std::string paths(const std::vector<Command>& all) {
    std::vector<std::string> paths;
    for (const auto& command : all)
        if (!command.path.empty()) paths.push_back(command.path);
    return joined(paths, " | ");
}

std::string with_values(const std::vector<Command>& all) {
    std::vector<std::string> names;
    for (const auto& command : all)
        for (const auto& option : command.options)
            if (option.takes_value && option.choices.empty())
                names.push_back(command.path.empty() ? "*:" + option.name : command.path + ":" + option.name);
    return joined(names, " | ");
}

// Words are completed; where none fits, files.
void print_bash(const std::vector<Command>& all) {
    std::cout << "_pivotal_webhook() {\n"
                 "    local word command= words=\n"
                 "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                 "        case $command/$word in "
              << paths(all)
              << ") command+=/$word ;; esac\n"
                 "    done\n"
                 "    case $command:${COMP_WORDS[COMP_CWORD-1]} in\n";
    for (const auto& command : all)
        for (const auto& option : command.options)
            if (!option.choices.empty())
                std::cout << "        " << command.path << ":" << option.name
                          << ") words=" << quoted(joined(option.choices, " ")) << " ;;\n";
    std::cout << "        " << with_values(all)
              << ") return ;;\n"
                 "        *) case $command in\n";
    for (const auto& command : all) {
        std::vector<std::string> words = names_of(command.commands);
        for (const auto& option : command.options) words.push_back(option.name);
        std::cout << "            " << (command.path.empty() ? "''" : command.path)
                  << ") words=" << quoted(joined(words, " ")) << " ;;\n";
    }
    std::cout << "        esac ;;\n"
                 "    esac\n"
                 "    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
                 "}\n"
                 "complete -o default -F _pivotal_webhook pivotal-webhook\n";
}

void print_zsh(const std::vector<Command>& all) {
    std::cout << "#compdef pivotal-webhook\n"
                 "_pivotal_webhook() {\n"
                 "    local word command=\n"
                 "    local -a offered\n"
                 "    for word in ${words[2,CURRENT-1]}; do\n"
                 "        case $command/$word in "
              << paths(all)
              << ") command+=/$word ;; esac\n"
                 "    done\n"
                 "    case $command:${words[CURRENT-1]} in\n";
    for (const auto& command : all)
        for (const auto& option : command.options)
            if (!option.choices.empty())
                std::cout << "        " << command.path << ":" << option.name << ") compadd -- "
                          << joined(option.choices, " ") << "; return ;;\n";
    std::cout << "        " << with_values(all)
              << ") _files; return ;;\n"
                 "    esac\n"
                 "    case $command in\n";
    for (const auto& command : all) {
        std::cout << "        " << (command.path.empty() ? "''" : command.path) << ") offered=(\n";
        for (const auto* const one : command.commands)
            std::cout << "            " << quoted(one->get_name() + ":" + one->get_description()) << "\n";
        for (const auto& option : command.options)
            std::cout << "            " << quoted(option.name + ":" + option.description) << "\n";
        std::cout << "        ) ;;\n";
    }
    std::cout << "    esac\n"
                 "    _describe pivotal-webhook offered\n"
                 "    [[ $PREFIX == -* ]] || _files\n"
                 "}\n"
                 "compdef _pivotal_webhook pivotal-webhook\n";
}

void print_fish(const std::vector<Command>& all) {
    for (const auto& command : all) {
        std::string condition = "true";
        std::istringstream path(command.path);
        for (std::string word; std::getline(path, word, '/');)
            if (!word.empty()) condition += "; and __fish_seen_subcommand_from " + word;
        const std::string start = "complete -c pivotal-webhook -n " + quoted(condition);
        for (const auto* const one : command.commands)
            std::cout << "complete -c pivotal-webhook -f -n "
                      << quoted(condition + "; and not __fish_seen_subcommand_from " +
                                joined(names_of(command.commands), " "))
                      << " -a " << one->get_name() << " -d " << quoted(one->get_description()) << "\n";
        for (const auto& option : command.options) {
            const bool word = option.name.front() != '-';
            std::cout << start << (word ? " -f -a " + option.name : " -l " + option.name.substr(2)) << " -d "
                      << quoted(option.description);
            if (!option.choices.empty())
                std::cout << " -x -a " << quoted(joined(option.choices, " "));
            else if (option.takes_value)
                std::cout << " -r";
            std::cout << "\n";
        }
    }
}

// How many characters must be put in, taken out or replaced.
std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j)
            diagonal = std::exchange(
                row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)}));
    }
    return row.back();
}

// The name that is most like the word, or nothing.
std::string guess(const std::string& word, const std::vector<std::string>& names) {
    std::string best;
    std::size_t least = std::min<std::size_t>(3, word.size());
    for (const auto& name : names)
        if (const std::size_t far = distance(word, name); far < least) best = name, least = far;
    return best;
}

}  // namespace

void refuse_unknown(const CLI::App& app) {
    const std::vector<std::string> rest = app.remaining(true);
    if (rest.empty()) return;
    const std::string& word = rest.front();
    const CLI::App* parsed = &app;
    std::string path = "pivotal-webhook";
    for (; !parsed->get_subcommands().empty(); path += " " + parsed->get_name())
        parsed = parsed->get_subcommands().front();
    const Command command = described(*parsed, "");
    const bool option = word.substr(0, 2) == "--";
    if (!option && command.commands.empty()) return;
    std::vector<std::string> names;
    for (const auto& one : command.options) names.push_back(one.name);
    if (!option) names = names_of(command.commands);
    const std::string like = guess(word.substr(0, word.find('=')), names);
    throw UsageError("there is no " + std::string(option ? "option '" : "command '") + printable(word) + "'" +
                     (like.empty() ? "; " + path + " --help names them" : "; did you mean '" + like + "'?"));
}

void add_completion(CLI::App& app, int& status) {
    auto shell = std::make_shared<std::string>();
    CLI::App* const command =
        app.add_subcommand("completion", "Prints the completion of commands and options for a shell.");
    command->add_option("SHELL", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->footer(
        "bash: source <(pivotal-webhook completion bash), in ~/.bashrc\n"
        "zsh:  source <(pivotal-webhook completion zsh), in ~/.zshrc behind compinit\n"
        "fish: pivotal-webhook completion fish | source, in ~/.config/fish/config.fish\n\n"
        "Examples:\n"
        "  pivotal-webhook completion bash");
    command->callback([&app, &status, shell] {
        std::vector<Command> all;
        add_commands(app, "", all);
        (*shell == "bash" ? print_bash : *shell == "zsh" ? print_zsh : print_fish)(all);
        status = status_valid;
    });
}
